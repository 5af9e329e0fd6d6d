"""The callback inbox: every believed notification of a provider, stored before it is answered.

Stored is not handled: a row stays due until a drain has settled it, and a redelivery of a stored
one only wakes the drain again.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.models.account import ChannelAccount
from orders.models.call import WorkState


class ChannelCallback(models.Model):
    class Result(models.TextChoices):
        APPLIED = "applied", _("moved the order")
        NOTHING_NEW = "nothing_new", _("already known")
        ANOMALY = "anomaly", _("became an anomaly")
        UNKNOWN_ORDER = "unknown_order", _("not our order")
        REJECTED = "rejected", _("rejected")

    account = models.ForeignKey(ChannelAccount, models.PROTECT, related_name="+")
    channel = models.CharField(_("channel"), max_length=16)
    notification_id = models.CharField(_("notification"), max_length=128)
    body = models.TextField(editable=False)
    """As received, and encrypted (WeChat) or signed, until it is settled; from then on without what
    names the customer."""
    body_digest = models.CharField(_("digest of the body"), max_length=64, blank=True, default="")
    """SHA-256 of the bytes that were received, in hex: what a copy can still be compared with."""
    request_id = models.CharField(max_length=64, blank=True, default="")
    deliveries = models.PositiveIntegerField(_("deliveries"), default=1)
    state = models.CharField(
        _("state"), max_length=8, choices=WorkState.choices, default=WorkState.DUE
    )
    attempt = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(_("due"), default=timezone.now)
    result = models.CharField(
        _("result"), max_length=16, blank=True, default="", choices=Result.choices
    )
    order_no = models.CharField(_("order number"), max_length=32, blank=True, default="")
    pay_order = models.ForeignKey(
        "orders.PayOrder", models.PROTECT, related_name="callbacks", null=True, blank=True
    )
    transfer = models.ForeignKey(
        "orders.TransferOrder", models.PROTECT, related_name="callbacks", null=True, blank=True
    )
    code = models.CharField(_("code"), max_length=64, blank=True, default="")
    message = models.CharField(_("message"), max_length=256, blank=True, default="")
    acknowledgement = models.JSONField(null=True, blank=True, editable=False)
    """[HTTP status, content type, body], where only a worker can sign it; kept for redeliveries."""
    created_at = models.DateTimeField(_("received"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("callback")
        verbose_name_plural = _("callbacks")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["account", "notification_id"], name="callback_notification_once"
            )
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=~Q(state="ended"), name="callback_due"),
            models.Index(fields=["created_at", "id"], name="callback_created"),
            models.Index(fields=["order_no"], name="callback_order_no"),
        ]

    def __str__(self) -> str:
        return self.notification_id
