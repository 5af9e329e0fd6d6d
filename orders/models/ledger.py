"""The ledger: append-only, double entry, one row per movement of money.

A row moves ``amount`` fen from ``credit`` to ``debit``, so the sum over all accounts is zero by
construction, and one order can move its money once by constraint.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.models.merchant import Merchant
from orders.models.pay import PayOrder
from orders.models.transfer import TransferOrder


class LedgerEntry(models.Model):
    class Kind(models.TextChoices):
        PAY = "pay", _("payment")
        REFUND = "refund", _("refund")
        TRANSFER = "transfer", _("transfer")
        TRANSFER_BACK = "transfer_back", _("transfer came back")
        SHARE = "share", _("share")
        SHARE_BACK = "share_back", _("share came back")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    order_no = models.CharField(_("order number"), max_length=40)
    pay_order = models.ForeignKey(PayOrder, models.PROTECT, related_name="ledger", null=True)
    transfer = models.ForeignKey(TransferOrder, models.PROTECT, related_name="ledger", null=True)
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+")
    debit = models.CharField(_("debit"), max_length=64)
    credit = models.CharField(_("credit"), max_length=64)
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    moved_at = models.DateTimeField(_("moved"))
    """When the channel says that the money moved."""
    created_at = models.DateTimeField(_("written"), default=timezone.now)

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["kind", "order_no"], name="ledger_moves_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="ledger_amount_positive"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="ledger_two_sides"),
        ]
        indexes = [
            models.Index(fields=["created_at", "id"], name="ledger_created"),
            models.Index(fields=["merchant", "created_at", "id"], name="ledger_merchant_created"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.order_no}"
