"""Returns of shares 回退: the fields and the state machine, nothing else."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import transition

from orders import rules
from orders.models.allocation import AllocationDetail, AllocationOrder
from orders.models.outgoing import Outgoing
from orders.models.pay import PayOrder
from orders.models.refund import RefundOrder


class ShareReturn(Outgoing):
    """回退: a successful share on its way back, usually because a refund needs the money."""

    class Status(models.TextChoices):
        PROGRESS = "progress", _("returning")
        SUCCESS = "success", _("returned")
        FAIL = "fail", _("return failed")
        CLOSE = "close", _("return closed")

    return_no = models.CharField(_("return number"), max_length=32, unique=True)
    biz_return_no = models.CharField(_("merchant's return number"), max_length=64)
    out_return_no = models.CharField(max_length=64, blank=True, default="")
    detail = models.ForeignKey(AllocationDetail, models.PROTECT, related_name="returns")
    allocation = models.ForeignKey(AllocationOrder, models.PROTECT, related_name="returns")
    pay_order = models.ForeignKey(PayOrder, models.PROTECT, related_name="share_returns")
    refund = models.ForeignKey(RefundOrder, models.PROTECT, related_name="share_returns", null=True)
    """The refund that was reserved together with this return."""
    reason = models.CharField(_("reason"), max_length=80, blank=True, default="")

    class Meta:
        verbose_name = _("share return")
        verbose_name_plural = _("share returns")
        default_permissions = ("view",)
        permissions = [
            ("sync_sharereturn", _("Can sync returns")),
            ("retry_sharereturn", _("Can retry returns")),
            ("close_sharereturn", _("Can close returns")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "biz_return_no"], name="return_biz_no_once"
            ),
            models.UniqueConstraint(
                fields=["detail"],
                condition=Q(status__in=["progress", "fail"]),
                name="return_one_in_flight",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["progress", "success", "fail", "close"]),
                name="return_status_known",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="return_amount_positive"),
            models.CheckConstraint(
                condition=~Q(status="progress") | Q(next_check_at__isnull=False),
                name="return_executing_is_watched",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at", "id"], name="return_created"),
            models.Index(fields=["pay_order", "id"], name="return_pay_order"),
            models.Index(
                fields=["next_check_at"],
                condition=Q(next_check_at__isnull=False),
                name="return_next_check",
            ),
        ]

    def __str__(self) -> str:
        return self.return_no

    @property
    def number(self) -> str:
        return self.return_no

    @transition(
        field="status",
        source=[Status.PROGRESS, Status.FAIL],
        target=None,
        custom={
            "operation": rules.Operation(
                label=_("sync"),
                hint=_("Asks the channel once; the order only ever moves forward."),
                permission="sync_sharereturn",
            )
        },
    )
    def sync(self) -> None:
        self.check_count = 0

    @transition(
        field="status",
        source=[Status.PROGRESS, Status.FAIL],
        target=Status.PROGRESS,
        conditions=[rules.nothing_in_flight, rules.allocation_resend_is_safe],
        custom={
            "operation": rules.Operation(
                label=_("retry"),
                hint=_("Sends the same return again, with the same number."),
                permission="retry_sharereturn",
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
                label=_("close return"),
                hint=_("Gives this return up; the share can be returned again."),
                permission="close_sharereturn",
                needs_reason=True,
                is_dangerous=True,
            )
        },
    )
    def close(self, ended_at: datetime) -> None:
        self._end(ended_at)
