"""The append-only history of an order family, hash-chained under its head.

A pay order shares one chain with its refunds, allocations and returns; a transfer, a receiver and
a store order have their own. Whoever appends holds the head's lock, so the chain needs no lock of
its own, and its length is the version of everything that the family's page shows.
"""

from __future__ import annotations

import hashlib
import json
from functools import reduce
from operator import or_

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.models.call import ChannelCall
from orders.models.callback import ChannelCallback
from orders.models.pay import PayOrder
from orders.models.receiver import AllocationReceiver
from orders.models.store import StoreOrder
from orders.models.transfer import TransferOrder

HEADS = ("pay_order", "transfer", "receiver", "store_order")


def one_of(names: tuple[str, ...]) -> Q:
    """Exactly one of the foreign keys is set."""
    cases = [Q(**{f"{name}__isnull": name != mine for name in names}) for mine in names]
    return reduce(or_, cases)


class Event(models.Model):
    pay_order = models.ForeignKey(PayOrder, models.PROTECT, related_name="events", null=True)
    transfer = models.ForeignKey(TransferOrder, models.PROTECT, related_name="events", null=True)
    receiver = models.ForeignKey(
        AllocationReceiver, models.PROTECT, related_name="events", null=True
    )
    store_order = models.ForeignKey(StoreOrder, models.PROTECT, related_name="events", null=True)
    seq = models.PositiveIntegerField()
    order_no = models.CharField(_("order number"), max_length=32)
    kind = models.CharField(_("event"), max_length=32)
    door = models.CharField(_("door"), max_length=16)
    actor = models.CharField(_("by"), max_length=150)
    before = models.CharField(max_length=16, blank=True, default="")
    after = models.CharField(max_length=16, blank=True, default="")
    amount = models.BigIntegerField(_("amount"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=256, blank=True, default="")
    data = models.JSONField(default=dict)
    call = models.ForeignKey(ChannelCall, models.PROTECT, null=True, related_name="+")
    callback = models.ForeignKey(ChannelCallback, models.PROTECT, null=True, related_name="+")
    request_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(_("time"), default=timezone.now)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["pay_order", "seq"], name="event_seq_once"),
            models.UniqueConstraint(fields=["transfer", "seq"], name="event_transfer_seq_once"),
            models.UniqueConstraint(fields=["receiver", "seq"], name="event_receiver_seq_once"),
            models.UniqueConstraint(fields=["store_order", "seq"], name="event_store_seq_once"),
            models.CheckConstraint(condition=one_of(HEADS), name="event_has_one_head"),
        ]
        indexes = [models.Index(fields=["order_no"], name="event_order_no")]

    def __str__(self) -> str:
        return f"{self.order_no} {self.seq} {self.kind}"

    def digest(self) -> str:
        """SHA-256 over the previous hash and every fact of this event, in a fixed JSON form.

        Reads the number of the chain's head: load it with the event.
        """
        head = self.pay_order or self.transfer or self.receiver or self.store_order
        facts = {
            "previous": self.previous,
            "chain": head.number if head else "",
            "seq": self.seq,
            "order_no": self.order_no,
            "kind": self.kind,
            "door": str(self.door),
            "actor": self.actor,
            "before": str(self.before),
            "after": str(self.after),
            "amount": self.amount,
            "reason": self.reason,
            "data": self.data,
            "call": self.call_id,
            "callback": self.callback_id,
            "request_id": self.request_id,
            "created_at": self.created_at.isoformat(),
        }
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
