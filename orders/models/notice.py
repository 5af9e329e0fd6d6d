"""Notices to merchants: an outbox row per state change, and every attempt to deliver it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.models.call import WorkState
from orders.models.merchant import Application
from orders.models.pay import PayOrder
from orders.models.store import StoreOrder
from orders.models.transfer import TransferOrder


class MerchantNotice(models.Model):
    class Status(models.TextChoices):
        PENDING = "pending", _("being delivered")
        DELIVERED = "delivered", _("delivered")
        DEAD = "dead", _("dead")

    application = models.ForeignKey(Application, models.PROTECT, related_name="+")
    pay_order = models.ForeignKey(PayOrder, models.PROTECT, related_name="notices", null=True)
    transfer = models.ForeignKey(TransferOrder, models.PROTECT, related_name="notices", null=True)
    store_order = models.ForeignKey(StoreOrder, models.PROTECT, related_name="notices", null=True)
    order_no = models.CharField(_("order number"), max_length=32)
    kind = models.CharField(_("notice"), max_length=32)
    """``pay_order.success``, ``refund.success``, …: the ``type`` member of the body."""
    notice_id = models.CharField(max_length=40, unique=True)
    """``webhook-id``: the same in every attempt, so that a receiver can tell repeats."""
    dialect = models.CharField(_("dialect"), max_length=16, default="standard")
    """Whose words the body is in (``orders.dialects``): those of the door that made the order."""
    url = models.CharField(_("address"), max_length=256)
    body = models.TextField(_("content"))
    """The snapshot that every attempt tells; the dialect signs it."""
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.PENDING
    )
    state = models.CharField(max_length=8, choices=WorkState.choices, default=WorkState.DUE)
    attempt = models.PositiveIntegerField(default=0)
    """Counts claims (fence)."""
    tries = models.PositiveIntegerField(_("tries"), default=0)
    """Finished deliveries attempts; the index into the retry ladder."""
    due_at = models.DateTimeField(_("next try"), default=timezone.now)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    is_new = False
    """Made by the request at hand."""

    class Meta:
        verbose_name = _("merchant notice")
        verbose_name_plural = _("merchant notices")
        default_permissions = ("view",)
        permissions = [("replay_merchantnotice", _("Can replay notices"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="pending", state__in=["due", "out"])
                | Q(status__in=["delivered", "dead"], state="ended"),
                name="notice_pending_iff_not_ended",
            ),
        ]
        indexes = [
            models.Index(
                fields=["application", "due_at"],
                condition=~Q(state="ended"),
                name="notice_claim",
            ),
            models.Index(fields=["due_at"], condition=~Q(state="ended"), name="notice_due"),
            models.Index(fields=["pay_order", "id"], name="notice_pay_order"),
            models.Index(fields=["transfer", "id"], name="notice_transfer"),
            models.Index(fields=["store_order", "id"], name="notice_store_order"),
            models.Index(fields=["created_at", "id"], name="notice_created"),
            models.Index(fields=["status", "created_at", "id"], name="notice_status_created"),
            models.Index(fields=["kind", "created_at", "id"], name="notice_kind_created"),
            models.Index(
                fields=["dialect", "created_at", "id"],
                condition=~Q(dialect="standard"),
                name="notice_dialect_created",
            ),
            models.Index(fields=["order_no"], name="notice_order_no"),
            models.Index(
                fields=["application", "created_at", "id"], name="notice_application_created"
            ),
            models.Index(
                fields=["application", "created_at", "id"],
                condition=Q(status="dead"),
                name="notice_application_dead",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.order_no}"


class NoticeAttempt(models.Model):
    """One delivery and what came back. Append-only."""

    notice = models.ForeignKey(MerchantNotice, models.PROTECT, related_name="attempts")
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField(_("time"))
    latency_ms = models.PositiveIntegerField(_("ms"))
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(_("error"), max_length=256, blank=True, default="")
    response = models.CharField(_("answer"), max_length=512, blank=True, default="")

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["notice", "number"], name="notice_attempt_once")
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} #{self.number}"
