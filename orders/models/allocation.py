"""Allocation orders 分账: an order's money shared among receivers, share by share.

Fields and state machines, nothing else. An allocation, its details and the returns of its shares
belong to their pay order's family: its lock, its event chain, its sums.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_fsm import transition

from orders import rules
from orders.models.account import ChannelAccount
from orders.models.merchant import Application, Merchant
from orders.models.pay import PayOrder
from orders.models.receiver import AllocationGroup, AllocationReceiver
from orders.models.state import StateField, Stateful


class AllocationOrder(Stateful):
    class Status(models.TextChoices):
        PROCESSING = "processing", _("sharing")
        ALLOC_END = "alloc_end", _("shared")
        FINISH = "finish", _("finished")
        ALLOC_FAILED = "alloc_failed", _("sharing failed")
        FINISH_FAILED = "finish_failed", _("finishing failed")
        IGNORE = "ignore", _("nothing to share")

    class Result(models.TextChoices):
        ALL_PENDING = "all_pending", _("all pending")
        ALL_SUCCESS = "all_success", _("all succeeded")
        PART_SUCCESS = "part_success", _("some succeeded")
        ALL_FAILED = "all_failed", _("all failed")

    EXECUTING = (Status.PROCESSING,)

    allocation_no = models.CharField(_("allocation number"), max_length=32, unique=True)
    biz_allocation_no = models.CharField(_("merchant's allocation number"), max_length=64)
    send_no = models.CharField(_("number at the channel"), max_length=32, unique=True)
    """The number of the last request: a retry of failed shares is a new request to the channel,
    because the receivers that succeeded are spent with the old number."""
    out_allocation_no = models.CharField(
        _("channel's allocation number"), max_length=64, blank=True, default=""
    )
    finish_no = models.CharField(_("finish number"), max_length=32, blank=True, default="")
    pay_order = models.ForeignKey(
        PayOrder, models.PROTECT, related_name="allocations", verbose_name=_("pay order")
    )
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+")
    application = models.ForeignKey(Application, models.PROTECT, related_name="+")
    account = models.ForeignKey(ChannelAccount, models.PROTECT, related_name="+")
    channel = models.CharField(_("channel"), max_length=16)
    group = models.ForeignKey(AllocationGroup, models.PROTECT, null=True, related_name="+")
    amount = models.BigIntegerField(_("amount"))
    """Fen asked to be shared: the sum of the details that are not ignored."""
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    title = models.CharField(_("description"), max_length=80)
    finishes = models.BooleanField(_("finishes"), default=False)
    """One-shot: the rest is set free with the sharing itself."""
    status = StateField(
        _("status"),
        max_length=16,
        default=Status.PROCESSING,
        choices=Status.choices,
        protected=True,
    )
    result = models.CharField(
        _("result"), max_length=16, choices=Result.choices, default=Result.ALL_PENDING
    )
    error_code = models.CharField(_("error code"), max_length=64, blank=True, default="")
    error_message = models.CharField(_("error"), max_length=256, blank=True, default="")
    notify_url = models.CharField(_("notify URL"), max_length=256, blank=True, default="")
    door = models.CharField(_("door"), max_length=16)
    door_data = models.JSONField(default=dict, blank=True, editable=False)
    """What the merchant said in its dialect\'s own words and is told again in them; no rule
    reads it."""
    asked_by = models.CharField(_("asked by"), max_length=150, default="")
    is_finishing = models.BooleanField(default=False)
    """A finish was asked for and its end is not known yet."""
    is_sending = models.BooleanField(default=True, editable=False)
    is_at_channel = models.BooleanField(default=False, editable=False)
    is_proved_absent = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    next_check_at = models.DateTimeField(_("next check"), null=True, blank=True)
    check_count = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("allocation order")
        verbose_name_plural = _("allocation orders")
        default_permissions = ("view",)
        permissions = [
            ("sync_allocationorder", _("Can sync allocations")),
            ("retry_allocationorder", _("Can retry allocations")),
            ("finish_allocationorder", _("Can finish allocations")),
            ("return_allocationdetail", _("Can return shares")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "biz_allocation_no"], name="allocation_biz_no_once"
            ),
            models.UniqueConstraint(
                fields=["pay_order"],
                condition=Q(status="processing"),
                name="allocation_one_in_flight",
            ),
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "processing",
                        "alloc_end",
                        "finish",
                        "alloc_failed",
                        "finish_failed",
                        "ignore",
                    ]
                ),
                name="allocation_status_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    result__in=["all_pending", "all_success", "part_success", "all_failed"]
                ),
                name="allocation_result_known",
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="allocation_amount_positive"),
            models.CheckConstraint(
                condition=(~Q(status="processing") & Q(is_finishing=False))
                | Q(next_check_at__isnull=False),
                name="allocation_executing_is_watched",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at", "id"], name="allocation_created"),
            models.Index(fields=["status", "created_at", "id"], name="allocation_status_created"),
            models.Index(fields=["merchant", "created_at", "id"], name="allocation_mch_created"),
            models.Index(fields=["application", "created_at", "id"], name="allocation_app_created"),
            models.Index(fields=["channel", "created_at", "id"], name="allocation_channel_created"),
            models.Index(fields=["amount", "id"], name="allocation_amount"),
            models.Index(fields=["biz_allocation_no"], name="allocation_biz_no"),
            models.Index(
                fields=["finish_no"], condition=~Q(finish_no=""), name="allocation_finish_no"
            ),
            models.Index(
                fields=["next_check_at"],
                condition=Q(next_check_at__isnull=False),
                name="allocation_next_check",
            ),
        ]

    def __str__(self) -> str:
        return self.allocation_no

    @property
    def number(self) -> str:
        return self.allocation_no

    @property
    def is_executing(self) -> bool:
        return self.status == self.Status.PROCESSING or self.is_finishing

    # --- operations --------------------------------------------------------------------------

    @transition(
        field=status,
        source=[Status.PROCESSING, Status.ALLOC_END, Status.ALLOC_FAILED, Status.FINISH_FAILED],
        target=None,
        custom={
            "operation": rules.Operation(
                label=_("sync"),
                hint=_("Asks the channel once; the order only ever moves forward."),
                permission="sync_allocationorder",
            )
        },
    )
    def sync(self) -> None:
        self.check_count = 0

    @transition(
        field=status,
        source=[Status.PROCESSING, Status.ALLOC_END, Status.ALLOC_FAILED],
        target=Status.PROCESSING,
        conditions=[
            rules.nothing_in_flight,
            rules.not_finishing,
            rules.some_share_failed,
            rules.allocation_resend_is_safe,
            rules.failed_may_be_shared,
        ],
        custom={
            "operation": rules.Operation(
                label=_("retry"),
                hint=_("Shares again with the receivers that failed, and only with them."),
                permission="retry_allocationorder",
                is_dangerous=True,
            )
        },
    )
    def retry(self, send_no: str) -> None:
        self.send_no = send_no
        self.is_sending = True
        self.is_proved_absent = self.is_at_channel = False
        self.check_count = 0
        self.ended_at = None

    @transition(
        field=status,
        source=[Status.ALLOC_END, Status.FINISH_FAILED],
        target=None,
        conditions=[rules.channel_finishes, rules.not_finishing],
        custom={
            "operation": rules.Operation(
                label=_("finish"),
                hint=_("Nothing more is shared; the rest of the money is set free."),
                permission="finish_allocationorder",
                is_dangerous=True,
            )
        },
    )
    def finish(self, finish_no: str) -> None:
        self.is_finishing = True
        self.finish_no = finish_no

    # --- what the channel's word does --------------------------------------------------------

    @transition(
        field=status, source=[Status.PROCESSING, Status.ALLOC_FAILED], target=Status.ALLOC_END
    )
    def end(self, ended_at: datetime) -> None:
        """Processing is over and at least one share succeeded."""
        self._end(ended_at)

    @transition(field=status, source=[Status.PROCESSING, Status.ALLOC_FAILED], target=Status.FINISH)
    def end_finished(self, ended_at: datetime) -> None:
        """One-shot: processing is over and the rest is free."""
        self._end(ended_at)

    @transition(field=status, source=Status.PROCESSING, target=Status.ALLOC_FAILED)
    def fail(self, ended_at: datetime, code: str, message: str) -> None:
        self._end(ended_at)
        self.error_code, self.error_message = code[:64], message[:256]

    @transition(field=status, source=[Status.ALLOC_END, Status.FINISH_FAILED], target=Status.FINISH)
    def end_finish(self, ended_at: datetime) -> None:
        self.is_finishing = False
        self._end(ended_at)

    @transition(
        field=status,
        source=[Status.ALLOC_END, Status.FINISH_FAILED],
        target=Status.FINISH_FAILED,
    )
    def fail_finish(self, ended_at: datetime, code: str, message: str) -> None:
        self.is_finishing = False
        self._end(ended_at)
        self.error_code, self.error_message = code[:64], message[:256]

    def _end(self, ended_at: datetime) -> None:
        self.ended_at = ended_at
        self.is_sending = False
        self.next_check_at = None
        self.check_count = 0


class AllocationDetail(models.Model):
    """One receiver's share. Written with its order; ends by the channel's word about it."""

    class Status(models.TextChoices):
        PENDING = "pending", _("pending")
        SUCCESS = "success", _("succeeded")
        FAIL = "fail", _("failed")
        IGNORE = "ignore", _("ignored")

    allocation = models.ForeignKey(AllocationOrder, models.PROTECT, related_name="details")
    receiver = models.ForeignKey(AllocationReceiver, models.PROTECT, related_name="+")
    detail_no = models.CharField(_("detail number"), max_length=40, unique=True)
    send_no = models.CharField(max_length=32)
    """The number at the channel of the request that last carried this share."""
    rate = models.PositiveIntegerField(_("rate"), null=True, blank=True)
    """Ten-thousandths, where the share came from a rate."""
    amount = models.BigIntegerField(_("amount"))
    returned = models.BigIntegerField(_("returned"), default=0)
    returning = models.BigIntegerField(_("returning"), default=0)
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.PENDING
    )
    out_detail_no = models.CharField(max_length=64, blank=True, default="")
    error_code = models.CharField(_("error code"), max_length=64, blank=True, default="")
    error_message = models.CharField(_("error"), max_length=256, blank=True, default="")
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        verbose_name = _("share")
        verbose_name_plural = _("shares")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["allocation", "receiver"], name="detail_receiver_once"),
            models.CheckConstraint(
                condition=Q(status="ignore", amount=0) | (~Q(status="ignore") & Q(amount__gt=0)),
                name="detail_ignored_iff_zero",
            ),
            models.CheckConstraint(
                condition=Q(returned__gte=0, returning__gte=0)
                & Q(amount__gte=F("returned") + F("returning")),
                name="detail_returns_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(status="success") | Q(returned=0, returning=0),
                name="detail_returns_only_of_successes",
            ),
        ]

    def __str__(self) -> str:
        return self.detail_no

    @property
    def returnable(self) -> int:
        """Fen that may still be fetched back."""
        if self.status != self.Status.SUCCESS:
            return 0
        return self.amount - self.returned - self.returning
