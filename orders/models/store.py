"""Store orders (门店订单): the fields and the state machine, nothing else.

A store order is what a shop makes and hands over; its money is a pay order's, which it names where
the customer paid online here, or the till's, which is only written down for matching.

It is the head of an event chain of its own and not a part of its pay order's (ADR 0007 has one
chain per family): most store orders have no pay order, one may have several in turn, and the shop's
steps must not wait for, or grow, the payment's history.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_fsm import transition

from orders import rules, secrets
from orders.models import store_law
from orders.models.chain import Chained
from orders.models.merchant import Application, Merchant
from orders.models.pay import PayOrder
from orders.models.state import StateField, Stateful
from orders.models.store_words import (
    CancelKind,
    CancelStatus,
    StoreKind,
    StorePayStatus,
    StorePayType,
    StoreStatus,
)


class StoreOrder(Stateful, Chained):
    Status = StoreStatus
    Kind = StoreKind
    PayType = StorePayType
    PayStatus = StorePayStatus

    BROUGHT = (Kind.DELIVERY, Kind.DELIVERY_LATER)
    ENDED = (Status.CANCELLED, Status.REJECTED)
    WORKING = (Status.PAID, Status.ACCEPTED, Status.MADE, Status.DELIVERING)
    PENDING = (CancelStatus.ASKED, CancelStatus.REFUNDING)
    """A refund is being decided or is under way: the shop waits."""

    order_no = models.CharField(_("order number"), max_length=32, unique=True)
    biz_order_no = models.CharField(_("merchant's number"), max_length=64)
    """Our own number stands in for it where the merchant gave none."""
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+")
    application = models.ForeignKey(Application, models.PROTECT, related_name="+")
    pay_order = models.OneToOneField(
        PayOrder,
        models.PROTECT,
        related_name="store_order",
        verbose_name=_("pay order"),
        null=True,
        blank=True,
    )
    payment_count = models.PositiveSmallIntegerField(default=0, editable=False)
    store_id = models.CharField(_("store"), max_length=64)
    store_name = models.CharField(_("store's name"), max_length=128, blank=True, default="")
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    client = models.PositiveSmallIntegerField(_("ordered through"), default=2)
    """开个店's number (下单渠道)."""
    amount = models.BigIntegerField(_("amount"))
    original_amount = models.BigIntegerField(_("amount before discounts"), default=0)
    deliver_fee = models.BigIntegerField(_("delivery fee"), default=0)
    package_fee = models.BigIntegerField(_("packing fee"), default=0)
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    pay_type = models.CharField(
        _("paid"), max_length=8, choices=PayType.choices, default=PayType.TILL
    )
    pay_status = models.CharField(
        _("payment"), max_length=16, choices=PayStatus.choices, default=PayStatus.UNPAID
    )
    pay_channel = models.CharField(_("paid by"), max_length=64, blank=True, default="")
    pay_channel_name = models.CharField(max_length=64, blank=True, default="")
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    can_refund = models.BooleanField(_("may be returned"), default=True)
    needs_invoice = models.BooleanField(_("wants an invoice"), default=False)
    gives_bonus = models.BooleanField(_("earns points"), default=True)
    table = models.CharField(_("table"), max_length=32, blank=True, default="")
    note = models.CharField(_("note"), max_length=256, blank=True, default="")
    pos_code = models.CharField(_("till number"), max_length=64, blank=True, default="")
    operator = models.CharField(_("shop assistant"), max_length=64, blank=True, default="")
    user_id = models.CharField(_("customer"), max_length=64, blank=True, default="")
    user_name = models.CharField(_("customer's name"), max_length=64, blank=True, default="")
    mobile_stored = models.TextField(editable=False, blank=True, default="")
    mobile_mask = models.CharField(_("customer's phone"), max_length=32, blank=True, default="")
    longitude = models.CharField(max_length=24, blank=True, default="")
    latitude = models.CharField(max_length=24, blank=True, default="")
    pick_up_no = models.CharField(_("pick-up number"), max_length=16, blank=True, default="")
    status = StateField(
        _("status"), max_length=16, default=Status.UNPAID, choices=Status.choices, protected=True
    )
    cancel_kind = models.CharField(
        _("cancellation"), max_length=16, choices=CancelKind.choices, blank=True, default=""
    )
    cancel_status = models.CharField(
        _("refund"), max_length=16, choices=CancelStatus.choices, blank=True, default=""
    )
    cancel_reason = models.CharField(_("reason"), max_length=256, blank=True, default="")
    """These three repeat the newest ``StoreCancellation``, so that asking the rules is free."""
    notify_url = models.CharField(_("notify URL"), max_length=256, blank=True, default="")
    door = models.CharField(_("door"), max_length=16)
    door_data = models.JSONField(default=dict, blank=True, editable=False)
    """What the merchant said in its dialect's own words and is told again in them; no rule
    reads it."""
    asked_by = models.CharField(_("asked by"), max_length=150, default="")
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    updated_at = models.DateTimeField(_("changed"), default=timezone.now)
    """To the millisecond, as the lists of 开个店 page by it."""
    accepted_at = models.DateTimeField(_("accepted at"), null=True, blank=True)
    made_at = models.DateTimeField(_("made at"), null=True, blank=True)
    delivering_at = models.DateTimeField(_("handed to the courier at"), null=True, blank=True)
    expected_at = models.DateTimeField(_("wanted at"), null=True, blank=True)
    arrival_at = models.DateTimeField(_("expected to arrive at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    deadline_at = models.DateTimeField(_("ends by itself at"), null=True, blank=True)
    """When it is cancelled if it has not been paid, or accepted, until then."""
    remind_at = models.DateTimeField(_("reminder at"), null=True, blank=True)
    next_check_at = models.DateTimeField(_("next check"), null=True, blank=True)
    """The earlier of the two, or when the clock looks again."""
    check_count = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("store order")
        verbose_name_plural = _("store orders")
        default_permissions = ("view",)
        permissions = [
            ("handle_storeorder", _("Can accept, make, deliver and complete store orders")),
            ("cancel_storeorder", _("Can reject and cancel store orders")),
            ("refund_storeorder", _("Can decide refunds of store orders")),
            ("sync_storeorder", _("Can sync store orders")),
        ]
        constraints = store_law.CONSTRAINTS
        indexes = store_law.INDEXES

    def __str__(self) -> str:
        return self.order_no

    # --- facts -------------------------------------------------------------------------------

    @property
    def number(self) -> str:
        return self.order_no

    @property
    def is_executing(self) -> bool:
        """Something is still to happen to it: a step of the shop, or the end of a refund."""
        steps = self.status == self.Status.UNPAID or self.status in self.WORKING
        return steps or self.cancel_status in self.PENDING

    @property
    def is_completed(self) -> bool:
        """The customer has it."""
        return bool(self.status == self.Status.COMPLETED)

    @property
    def holds_money(self) -> bool:
        """Money that was paid for it, here or elsewhere, has not gone back whole."""
        return self.pay_status in (self.PayStatus.PAID, self.PayStatus.PARTIAL)

    @property
    def mobile(self) -> str:
        """The customer's phone in plain, for the merchant's own system."""
        return secrets.decrypt(self.mobile_stored, f"store:{self.order_no}:mobile")

    @mobile.setter
    def mobile(self, value: str) -> None:
        self.mobile_stored = secrets.encrypt(value, f"store:{self.order_no}:mobile")
        self.mobile_mask = secrets.mask(value)[:32]

    def touch(self, now: datetime) -> None:
        """Something that merchants see has changed."""
        self.updated_at = now.replace(microsecond=now.microsecond // 1000 * 1000)

    def watch(self) -> None:
        """When the clock has to look at it next."""
        times = [at for at in (self.deadline_at, self.remind_at) if at is not None]
        self.next_check_at = min(times, default=None)

    # --- operations: what people and merchants may ask for -----------------------------------

    @transition(
        field=status,
        source=Status.UNPAID,
        target=Status.PAID,
        conditions=[rules.not_frozen, rules.pays_at_till],
        custom={
            "operation": rules.Operation(
                label=_("paid at the till"),
                hint=_("The customer has paid in the shop; the order is new and to be accepted."),
                permission="handle_storeorder",
            )
        },
    )
    def mark_paid(self, now: datetime) -> None:
        self.pay_status, self.paid_at = self.PayStatus.PAID, now
        self._step(now)

    @transition(
        field=status,
        source=Status.PAID,
        target=Status.ACCEPTED,
        conditions=[rules.not_frozen, rules.no_refund_pending],
        custom={
            "operation": rules.Operation(
                label=_("accept"),
                hint=_("The shop takes the order and begins to make it."),
                permission="handle_storeorder",
            )
        },
    )
    def accept(self, now: datetime) -> None:
        self.accepted_at = now
        self._step(now)

    @transition(
        field=status,
        source=Status.PAID,
        target=Status.REJECTED,
        conditions=[rules.not_frozen, rules.no_refund_pending, rules.money_can_go_back],
        custom={
            "operation": rules.Operation(
                label=_("reject"),
                hint=_("The shop does not take the order; what was paid online goes back."),
                permission="cancel_storeorder",
                needs_reason=True,
                is_dangerous=True,
            )
        },
    )
    def reject(self, now: datetime) -> None:
        self._end(now)

    @transition(
        field=status,
        source=Status.ACCEPTED,
        target=Status.MADE,
        conditions=[rules.not_frozen, rules.no_refund_pending],
        custom={
            "operation": rules.Operation(
                label=_("made"),
                hint=_("The order is ready: the customer or the courier may come."),
                permission="handle_storeorder",
            )
        },
    )
    def made(self, now: datetime) -> None:
        self.made_at = now
        self._step(now)

    @transition(
        field=status,
        source=[Status.ACCEPTED, Status.MADE],
        target=Status.DELIVERING,
        conditions=[rules.not_frozen, rules.no_refund_pending, rules.is_brought],
        custom={
            "operation": rules.Operation(
                label=_("deliver"),
                hint=_("A courier takes it to the customer."),
                permission="handle_storeorder",
            )
        },
    )
    def deliver(self, now: datetime) -> None:
        self.delivering_at = now
        self._step(now)

    @transition(
        field=status,
        source=[Status.ACCEPTED, Status.MADE, Status.DELIVERING],
        target=Status.COMPLETED,
        conditions=[rules.not_frozen, rules.no_refund_pending],
        custom={
            "operation": rules.Operation(
                label=_("complete"),
                hint=_("The customer has it; the order is done."),
                permission="handle_storeorder",
            )
        },
    )
    def complete(self, now: datetime) -> None:
        self._end(now)

    @transition(
        field=status,
        source=[Status.UNPAID, Status.PAID],
        target=None,
        conditions=[rules.not_frozen, rules.no_refund_pending, rules.money_can_go_back],
        custom={
            "operation": rules.Operation(
                label=_("cancel the order"),
                hint=_(
                    "For the customer, before the shop has accepted it; what was paid online "
                    "goes back."
                ),
                permission="cancel_storeorder",
                needs_reason=True,
                is_dangerous=True,
            )
        },
    )
    def cancel(self) -> None:
        """The service ends it, at once or when the money has gone back."""

    @transition(
        field=status,
        source=[Status.ACCEPTED, Status.MADE, Status.DELIVERING, Status.COMPLETED],
        target=None,
        conditions=[rules.not_frozen, rules.no_refund_pending, rules.may_be_returned],
        custom={
            "operation": rules.Operation(
                label=_("ask for a refund"),
                hint=_("The customer wants the money back; the shop then agrees or refuses."),
                permission="refund_storeorder",
                needs_reason=True,
            )
        },
    )
    def request_refund(self) -> None:
        """The service writes the request."""

    @transition(
        field=status,
        source=list(Status),
        target=None,
        conditions=[rules.refund_was_asked],
        custom={
            "operation": rules.Operation(
                label=_("withdraw the refund request"),
                hint=_("The customer keeps the order after all."),
                permission="refund_storeorder",
            )
        },
    )
    def withdraw_refund(self) -> None:
        """The service ends the request."""

    @transition(
        field=status,
        source=list(Status),
        target=None,
        conditions=[rules.not_frozen, rules.refund_was_asked, rules.money_can_go_back],
        custom={
            "operation": rules.Operation(
                label=_("agree to the refund"),
                hint=_("The money goes back; the order is cancelled once it has."),
                permission="refund_storeorder",
                is_dangerous=True,
            )
        },
    )
    def agree_refund(self) -> None:
        """The service starts the refund."""

    @transition(
        field=status,
        source=list(Status),
        target=None,
        conditions=[rules.refund_was_asked],
        custom={
            "operation": rules.Operation(
                label=_("refuse the refund"),
                hint=_("The money stays; the order goes on as it was."),
                permission="refund_storeorder",
                needs_reason=True,
            )
        },
    )
    def refuse_refund(self) -> None:
        """The service ends the request."""

    @transition(
        field=status,
        source=[Status.PAID, Status.ACCEPTED, Status.MADE, Status.COMPLETED],
        target=None,
        conditions=[rules.not_frozen, rules.no_refund_pending, rules.money_can_go_back],
        custom={
            "operation": rules.Operation(
                label=_("after-sale cancel"),
                hint=_(
                    "The merchant gives the money back and voids the order; it is cancelled once "
                    "the refund is done."
                ),
                permission="cancel_storeorder",
                needs_reason=True,
                is_dangerous=True,
            )
        },
    )
    def cancel_after_sale(self) -> None:
        """The service ends it, at once or when the money has gone back."""

    @transition(
        field=status,
        source=list(Status),
        target=None,
        conditions=[rules.has_payment, rules.payment_can_be_asked],
        custom={
            "operation": rules.Operation(
                label=_("sync"),
                hint=_("Asks the channel about its payment, or about the refund under way."),
                permission="sync_storeorder",
            )
        },
    )
    def sync(self) -> None:
        """The payment's own service asks."""

    # --- what the payment's word and the clock do --------------------------------------------

    @transition(field=status, source=Status.UNPAID, target=Status.PAID)
    def be_paid(self, paid_at: datetime, now: datetime) -> None:
        self.paid_at = paid_at
        self._step(now)

    @transition(
        field=status,
        source=[
            Status.UNPAID,
            Status.PAID,
            Status.ACCEPTED,
            Status.MADE,
            Status.DELIVERING,
            Status.COMPLETED,
        ],
        target=Status.CANCELLED,
    )
    def end_cancelled(self, now: datetime) -> None:
        self._end(now)

    def _step(self, now: datetime) -> None:
        self.deadline_at = self.remind_at = None
        self.check_count = 0
        self.watch()
        self.touch(now)

    def _end(self, now: datetime) -> None:
        self.ended_at = now
        self._step(now)
