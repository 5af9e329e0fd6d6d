"""Refund orders: the fields and the state machine, nothing else."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import transition

from orders import rules
from orders.models.outgoing import Outgoing
from orders.models.pay import PayOrder


class RefundOrder(Outgoing):
    class Status(models.TextChoices):
        PROGRESS = "progress", _("refunding")
        SUCCESS = "success", _("refunded")
        FAIL = "fail", _("refund failed")
        CLOSE = "close", _("refund closed")

    RESERVING = (Status.PROGRESS, Status.FAIL)
    """States in which the amount counts against the pay order's balance."""

    refund_no = models.CharField(_("refund number"), max_length=32, unique=True)
    biz_refund_no = models.CharField(_("merchant's refund number"), max_length=64)
    out_refund_no = models.CharField(
        _("channel's refund number"), max_length=64, blank=True, default=""
    )
    pay_order = models.ForeignKey(
        PayOrder, models.PROTECT, related_name="refunds", verbose_name=_("pay order")
    )
    reason = models.CharField(_("reason"), max_length=256, blank=True, default="")
    door_data = models.JSONField(default=dict, blank=True, editable=False)
    """What the merchant said in its dialect\'s own words and is told again in them; no rule
    reads it."""
    waits_for_returns = models.BooleanField(default=False, editable=False)
    """Nothing is sent until the shares that it needs have come back."""

    class Meta:
        verbose_name = _("refund order")
        verbose_name_plural = _("refund orders")
        default_permissions = ("view",)
        permissions = [
            ("sync_refundorder", _("Can sync refunds")),
            ("retry_refundorder", _("Can retry refunds")),
            ("close_refundorder", _("Can close refunds")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "biz_refund_no"], name="refund_biz_refund_no_once"
            ),
            models.UniqueConstraint(
                fields=["pay_order"],
                condition=Q(status__in=["progress", "fail"]),
                name="refund_one_in_flight",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["progress", "success", "fail", "close"]),
                name="refund_status_known",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_amount_positive"),
            models.CheckConstraint(
                condition=~Q(status="progress") | Q(next_check_at__isnull=False),
                name="refund_executing_is_watched",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at", "id"], name="refund_created"),
            models.Index(fields=["status", "created_at", "id"], name="refund_status_created"),
            models.Index(fields=["merchant", "created_at", "id"], name="refund_merchant_created"),
            models.Index(
                fields=["application", "created_at", "id"], name="refund_application_created"
            ),
            models.Index(fields=["channel", "created_at", "id"], name="refund_channel_created"),
            models.Index(fields=["amount", "id"], name="refund_amount"),
            models.Index(fields=["biz_refund_no"], name="refund_biz_refund_no"),
            models.Index(
                fields=["out_refund_no"], condition=~Q(out_refund_no=""), name="refund_out_no"
            ),
            models.Index(
                fields=["next_check_at"],
                condition=Q(next_check_at__isnull=False),
                name="refund_next_check",
            ),
        ]

    def __str__(self) -> str:
        return self.refund_no

    @property
    def number(self) -> str:
        return self.refund_no

    # --- operations --------------------------------------------------------------------------

    @transition(
        field="status",
        source=[Status.PROGRESS, Status.FAIL],
        target=None,
        custom={
            "operation": rules.Operation(
                label=_("sync"),
                hint=_("Asks the channel once; the order only ever moves forward."),
                permission="sync_refundorder",
            )
        },
    )
    def sync(self) -> None:
        self.check_count = 0

    @transition(
        field="status",
        source=[Status.PROGRESS, Status.FAIL],
        target=Status.PROGRESS,
        conditions=[rules.nothing_in_flight, rules.resend_is_safe],
        custom={
            "operation": rules.Operation(
                label=_("retry"),
                hint=_("Sends the same refund again, with the same number."),
                permission="retry_refundorder",
                is_dangerous=True,
            )
        },
    )
    def retry(self) -> None:
        self._start_again()

    @transition(
        field="status",
        source=Status.FAIL,
        target=Status.CLOSE,
        conditions=[rules.nothing_in_flight],
        custom={
            "operation": rules.Operation(
                label=_("close refund"),
                hint=_("Gives this refund up; its amount can be refunded again."),
                permission="close_refundorder",
                needs_reason=True,
                is_dangerous=True,
            )
        },
    )
    def close(self, ended_at: datetime) -> None:
        self._end(ended_at)
