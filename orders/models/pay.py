"""Pay orders: the fields and the state machine, nothing else.

A method decorated with ``operation`` may be asked for by an operator or a merchant; the other
transitions are what the channel's word does to the order in ``services`` (``settle_*``).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_fsm import transition

from channels.base import Method
from orders import rules
from orders.models import pay_law
from orders.models.account import ChannelAccount
from orders.models.chain import Chained
from orders.models.merchant import Application, Merchant
from orders.models.state import StateField, Stateful


class PayOrder(Stateful, Chained):
    class Status(models.TextChoices):
        WAIT = "wait", _("waiting for payment")
        PROGRESS = "progress", _("paying")
        SUCCESS = "success", _("paid")
        CLOSE = "close", _("closed")
        CANCEL = "cancel", _("cancelled")
        FAIL = "fail", _("failed")

    class RefundStatus(models.TextChoices):
        NO_REFUND = "no_refund", _("no refund")
        REFUNDING = "refunding", _("refunding")
        PARTIAL = "partial_refund", _("partly refunded")
        REFUNDED = "refunded", _("refunded")

    class AllocationStatus(models.TextChoices):
        NONE = "none", _("not shared")
        WAITING = "waiting", _("waiting to be shared")
        PROCESSING = "processing", _("being shared")
        DONE = "done", _("shared")
        PARTIAL = "partial", _("partly shared")
        FAILED = "failed", _("sharing failed")

    class Intent(models.TextChoices):
        NONE = "", "-"
        CLOSE = "close", _("Closing")
        CANCEL = "cancel", _("Cancelling")

    EXECUTING = (Status.WAIT, Status.PROGRESS)
    ENDED_UNPAID = (Status.CLOSE, Status.CANCEL, Status.FAIL)

    order_no = models.CharField(_("order number"), max_length=32, unique=True)
    biz_order_no = models.CharField(_("merchant's number"), max_length=64)
    out_order_no = models.CharField(_("channel's number"), max_length=64, blank=True, default="")
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+")
    application = models.ForeignKey(Application, models.PROTECT, related_name="+")
    account = models.ForeignKey(ChannelAccount, models.PROTECT, related_name="+")
    channel = models.CharField(_("channel"), max_length=16)
    method = models.CharField(
        _("method"), max_length=16, choices=[(m.value, m.value) for m in Method]
    )
    title = models.CharField(_("title"), max_length=127)
    attach = models.CharField(_("attached text"), max_length=128, blank=True, default="")
    client_ip = models.GenericIPAddressField(_("customer's address"), null=True, blank=True)
    openid = models.CharField(max_length=128, blank=True, default="")
    notify_url = models.CharField(_("notify URL"), max_length=256, blank=True, default="")
    return_url = models.CharField(_("return URL"), max_length=256, blank=True, default="")
    """Where the provider's page sends the customer back to."""
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    paid_amount = models.BigIntegerField(_("paid"), null=True, blank=True)
    refunded = models.BigIntegerField(_("refunded"), default=0)
    refunding = models.BigIntegerField(_("refunding"), default=0)
    shared = models.BigIntegerField(_("shared"), default=0)
    """Fen that are shared out or being shared, less what has come back."""
    allocation_count = models.PositiveSmallIntegerField(default=0)
    allocation_is_finished = models.BooleanField(default=False)
    """Nothing more can be shared: the rest was set free."""
    allocate_at = models.DateTimeField(null=True, blank=True)
    """When the clock shares it by itself, if its application wants that."""
    refund_count = models.PositiveSmallIntegerField(default=0)
    last_refund_at = models.DateTimeField(null=True, blank=True)
    """When the channel last took, or may have taken, a refund request of this order."""
    status = StateField(
        _("status"), max_length=16, default=Status.WAIT, choices=Status.choices, protected=True
    )
    refund_status = models.CharField(
        _("refund status"),
        max_length=16,
        choices=RefundStatus.choices,
        default=RefundStatus.NO_REFUND,
    )
    allocation_status = models.CharField(
        _("allocation status"),
        max_length=16,
        choices=AllocationStatus.choices,
        default=AllocationStatus.NONE,
    )
    intent = models.CharField(max_length=8, choices=Intent.choices, default=Intent.NONE, blank=True)
    """What was asked for and is not finished: it survives until the channel's word ends it."""
    intent_by = models.CharField(max_length=150, default="", blank=True)
    pay_params = models.JSONField(default=dict, blank=True)
    error_code = models.CharField(_("error code"), max_length=64, blank=True, default="")
    error_message = models.CharField(_("error"), max_length=256, blank=True, default="")
    door = models.CharField(_("door"), max_length=16)
    door_data = models.JSONField(default=dict, blank=True, editable=False)
    """What the merchant said in its dialect\'s own words and is told again in them; no rule
    reads it."""
    is_at_channel = models.BooleanField(default=False, editable=False)
    """The channel has, or may have, been told about this order."""
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    next_check_at = models.DateTimeField(_("next check"), null=True, blank=True)
    check_count = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("pay order")
        verbose_name_plural = _("pay orders")
        default_permissions = ("view",)
        permissions = [
            ("close_payorder", _("Can close pay orders")),
            ("cancel_payorder", _("Can cancel pay orders")),
            ("sync_payorder", _("Can sync pay orders")),
            ("refund_payorder", _("Can refund pay orders")),
            ("allocate_payorder", _("Can share pay orders")),
        ]
        constraints = pay_law.CONSTRAINTS
        indexes = pay_law.INDEXES

    def __str__(self) -> str:
        return self.order_no

    # --- facts -----------------------------------------------------------------------------

    @property
    def number(self) -> str:
        return self.order_no

    @property
    def is_executing(self) -> bool:
        return self.status in self.EXECUTING

    @property
    def refundable_balance(self) -> int:
        """Fen that may still be given back: paid − refunded − being refunded."""
        return (self.paid_amount or 0) - self.refunded - self.refunding

    @property
    def free_balance(self) -> int:
        """Fen that may be given back without fetching a share back first."""
        return self.refundable_balance - self.shared

    @property
    def shareable(self) -> int:
        """Fen that may still be shared: what is free, and within the channel's ratio."""
        if self.paid_amount is None or self.allocation_is_finished:
            return 0
        ratio = rules.capabilities(self).allocation_max_ratio
        kept = self.refundable_balance
        cap = kept if ratio is None else kept * ratio // 10_000
        return max(0, min(cap - self.shared, self.free_balance))

    @property
    def age(self) -> timedelta:
        return timezone.now() - self.created_at

    @property
    def refund_in_flight_no(self) -> str:
        """The number of the refund that blocks another; one query, asked for only on a refusal."""
        from orders.models.refund import RefundOrder

        return (
            RefundOrder.objects.filter(pay_order_id=self.pk, status__in=RefundOrder.RESERVING)
            .values_list("refund_no", flat=True)
            .first()
            or ""
        )

    def derive_refund_status(self) -> None:
        """Recompute from the sums; the database holds the same function as a constraint."""
        if self.refunding:
            self.refund_status = self.RefundStatus.REFUNDING
        elif not self.refunded:
            self.refund_status = self.RefundStatus.NO_REFUND
        elif self.refunded == self.paid_amount:
            self.refund_status = self.RefundStatus.REFUNDED
        else:
            self.refund_status = self.RefundStatus.PARTIAL

    # --- operations: what people and merchants may ask for -----------------------------------

    @transition(
        field=status,
        source=[Status.WAIT, Status.PROGRESS],
        target=None,
        conditions=[rules.not_frozen, rules.not_ending, rules.channel_closes],
        custom={
            "operation": rules.Operation(
                label=_("close"),
                hint=_("No payment is taken any more; a payment already made is found first."),
                permission="close_payorder",
                needs_reason=True,
                is_dangerous=True,
                notes=(rules.is_young,),
            )
        },
    )
    def close(self, by: str) -> None:
        self.intent, self.intent_by = self.Intent.CLOSE, by

    @transition(
        field=status,
        source=[Status.WAIT, Status.PROGRESS],
        target=None,
        conditions=[rules.not_frozen, rules.not_ending, rules.channel_cancels_or_closes],
        custom={
            "operation": rules.Operation(
                label=_("cancel"),
                hint=_("Withdraws the order at the channel."),
                permission="cancel_payorder",
                needs_reason=True,
                is_dangerous=True,
                notes=(rules.falls_back_to_close, rules.cancel_may_refund),
            )
        },
    )
    def cancel(self, by: str) -> None:
        self.intent, self.intent_by = self.Intent.CANCEL, by

    @transition(
        field=status,
        source=list(Status),
        target=None,
        conditions=[rules.was_asked],
        custom={
            "operation": rules.Operation(
                label=_("sync"),
                hint=_("Asks the channel once; the order only ever moves forward."),
                permission="sync_payorder",
            )
        },
    )
    def sync(self) -> None:
        self.check_count = 0

    @transition(
        field=status,
        source=Status.SUCCESS,
        target=None,
        conditions=[
            rules.not_frozen,
            rules.channel_refunds,
            rules.no_refund_in_flight,
            rules.has_balance,
            rules.within_refund_days,
            rules.below_refund_count,
            rules.money_not_shared_out,  # the last: returning shares first lifts this one alone
        ],
        custom={
            "operation": rules.Operation(
                label=_("refund"),
                hint=_("Gives all or part of the money back to the customer."),
                permission="refund_payorder",
                takes_amount=True,
                needs_reason=True,
                is_dangerous=True,
                notes=(rules.waits_for_spacing,),
            )
        },
    )
    def refund(self, amount: int) -> None:
        """Reserve ``amount`` fen of the balance for a refund order."""
        self.refunding += amount
        self.refund_count += 1
        self.derive_refund_status()

    @transition(
        field=status,
        source=Status.SUCCESS,
        target=None,
        conditions=[
            rules.not_frozen,
            rules.channel_shares,
            rules.sharing_allowed,
            rules.sharing_not_finished,
            rules.no_sharing_in_flight,
            rules.within_allocation_days,
            rules.below_allocation_count,
            rules.something_to_share,
        ],
        custom={
            "operation": rules.Operation(
                label=_("share"),
                hint=_("Shares the money by the default group of the application."),
                permission="allocate_payorder",
                is_dangerous=True,
                notes=(rules.waits_for_sharing,),
            )
        },
    )
    def allocate(self, amount: int) -> None:
        """Set ``amount`` fen aside for an allocation order."""
        self.shared += amount
        self.allocation_count += 1
        self.allocation_status = self.AllocationStatus.PROCESSING
        self.allocate_at = None

    # --- what the channel's word does --------------------------------------------------------

    @transition(field=status, source=[Status.WAIT, Status.PROGRESS], target=Status.PROGRESS)
    def hold(self, pay_params: dict | None = None) -> None:
        """The channel holds the order and waits for the customer."""
        if pay_params:
            self.pay_params = pay_params
        self.error_code = self.error_message = ""

    @transition(field=status, source=[Status.WAIT, Status.PROGRESS], target=Status.SUCCESS)
    def succeed(self, *, amount: int, paid_at: datetime) -> None:
        self._pay(amount, paid_at)

    @transition(field=status, source=[Status.WAIT, Status.PROGRESS], target=Status.CLOSE)
    def end_closed(self, ended_at: datetime) -> None:
        self._end(ended_at)

    @transition(field=status, source=[Status.WAIT, Status.PROGRESS], target=Status.CANCEL)
    def end_cancelled(self, ended_at: datetime) -> None:
        self._end(ended_at)

    @transition(field=status, source=[Status.WAIT, Status.PROGRESS], target=Status.FAIL)
    def fail(self, ended_at: datetime, code: str, message: str) -> None:
        self._end(ended_at)
        self.error_code, self.error_message = code[:64], message[:256]

    @transition(
        field=status, source=[Status.CLOSE, Status.CANCEL, Status.FAIL], target=Status.SUCCESS
    )
    def confirm_late(self, *, amount: int, paid_at: datetime) -> None:
        """An operator's audited decision that a late payment counts (SPEC 1.1)."""
        self._pay(amount, paid_at)

    @transition(field=status, source=Status.SUCCESS, target=None)
    def count_refunded(self, amount: int) -> None:
        """A reserved refund was done."""
        self.refunding -= amount
        self.refunded += amount
        self.derive_refund_status()

    @transition(field=status, source=Status.SUCCESS, target=None)
    def release_refund(self, amount: int) -> None:
        """A reserved refund was closed without paying: the balance returns."""
        self.refunding -= amount
        self.derive_refund_status()

    @transition(field=status, source=Status.SUCCESS, target=None)
    def count_shares(self, *, released: int, status: str, is_finished: bool) -> None:
        """A sharing ended: ``released`` fen of it failed, and this is how the order stands."""
        self.shared -= released
        self.allocation_status = status
        self.allocation_is_finished = self.allocation_is_finished or is_finished

    @transition(field=status, source=Status.SUCCESS, target=None)
    def count_returned(self, amount: int) -> None:
        """A share came back."""
        self.shared -= amount

    def _pay(self, amount: int, paid_at: datetime) -> None:
        self.paid_amount, self.paid_at, self.ended_at = amount, paid_at, paid_at
        self.error_code = self.error_message = ""
        self._unwatch()

    def _end(self, ended_at: datetime) -> None:
        self.ended_at = ended_at
        self._unwatch()

    def _unwatch(self) -> None:
        self.intent = self.Intent.NONE
        self.next_check_at = None
        self.check_count = 0
