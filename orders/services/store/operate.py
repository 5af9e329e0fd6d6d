"""The steps of a shop and the decisions about a store order, asked for by people and merchants.

One road for all: lock (its payment first), ask the rules, change, write, tell. What gives money
back starts a refund in the same transaction and returns; the order ends when the refund is done
(``orders.services.following``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from orders import locks
from orders.actor import Actor, Door
from orders.errors import InvalidInput, NotFound, OperationRefused
from orders.models import (
    Application,
    PayOrder,
    RefundOrder,
    StoreCancellation,
    StoreDelivery,
    StoreOrder,
)
from orders.models.store_words import (
    TIMEOUTS,
    CancelKind,
    CancelStatus,
    StorePayStatus,
    StoreStatus,
)
from orders.rules import why_not
from orders.services import fields, following, outgoing, pay, refund
from orders.services.journal import Journal
from orders.services.refund.settle import STORY
from orders.services.store import new as wanted
from orders.services.store.create import find
from orders.services.store.new import Courier

REASON_MAX = 256
REASONED = ("reject", "cancel_after_sale")
"""These are not done without saying why (订单状态处理, 商家售后)."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What comes with an operation."""

    reason: str = ""
    operator: str = ""
    courier: Courier | None = None
    timeout: int | None = None


def operate(
    order_no: str,
    name: str,
    actor: Actor,
    *,
    application: Application | None = None,
    reason: str = "",
    operator: str = "",
    courier: Courier | None = None,
    timeout: int | None = None,
) -> StoreOrder:
    """Do the operation ``name`` of the order's machine (but ``sync``: ``request_sync``).

    ``operator``: who of the shop; ``timeout``: minutes of TIMEOUTS after which the merchant is
    reminded if nothing else has happened. Raises NotFound, InvalidInput, OperationRefused, and
    KeyError for an operation that does not exist.
    """
    asked = Asked(reason=reason, operator=operator, courier=courier, timeout=timeout)
    _check(name, asked)
    order = _operate(order_no, name, actor, asked, application)
    if order.status == StoreStatus.CANCELLED and name == "cancel":
        close_payment(order, actor, reason=reason)
    return order


def change_status(
    order_no: str,
    status: str,
    actor: Actor,
    *,
    application: Application | None = None,
    reason: str = "",
    operator: str = "",
    courier: Courier | None = None,
    timeout: int | None = None,
) -> StoreOrder:
    """订单状态处理: the step that leads to ``status``; nothing where it is that already.

    Raises as ``operate``, and InvalidInput for a status that no step leads to.
    """
    if status not in STEPS:
        raise InvalidInput("status", "no_such_step", N_("No step of a shop leads to this status."))

    def step(number: str) -> StoreOrder:
        return operate(
            number, STEPS[status], actor, application=application, reason=reason,
            operator=operator, courier=courier, timeout=timeout,
        )  # fmt: skip

    return _unless(lambda order: order.status == status, step, order_no, application)


def decide_refund(
    order_no: str,
    agrees: bool,
    actor: Actor,
    *,
    application: Application | None = None,
    reason: str = "",
    operator: str = "",
) -> StoreOrder:
    """商家退款处理: agree to or refuse what was asked for; nothing where just that was decided.

    Raises as ``operate``; the opposite of what was decided is refused.
    """
    agreed = (CancelStatus.REFUNDING, CancelStatus.DONE)
    decided = agreed if agrees else (CancelStatus.REFUSED,)
    name = "agree_refund" if agrees else "refuse_refund"

    def decide(number: str) -> StoreOrder:
        return operate(
            number, name, actor, application=application, reason=reason, operator=operator
        )

    return _unless(lambda order: order.cancel_status in decided, decide, order_no, application)


def cancel_after_sale(
    order_no: str,
    actor: Actor,
    *,
    application: Application | None = None,
    reason: str = "",
    operator: str = "",
) -> StoreOrder:
    """商家售后: give the money back and void the order; nothing where that is under way.

    Raises as ``operate``.
    """

    def is_under_way(order: StoreOrder) -> bool:
        is_mine = order.cancel_kind in (CancelKind.MERCHANT, CancelKind.AFTER_SALE)
        return is_mine and order.cancel_status == CancelStatus.REFUNDING

    def cancel(number: str) -> StoreOrder:
        return operate(
            number, "cancel_after_sale", actor, application=application, reason=reason,
            operator=operator,
        )  # fmt: skip

    return _unless(is_under_way, cancel, order_no, application)


def _unless(
    is_done: Callable[[StoreOrder], bool],
    do: Callable[[str], StoreOrder],
    order_no: str,
    application: Application | None,
) -> StoreOrder:
    """``do``, unless that is done already, or somebody does just the same at this moment."""
    order = find(order_no, application=application)
    if is_done(order):
        return order
    try:
        return do(order.order_no)
    except OperationRefused:
        order = find(order.order_no, application=application)
        if is_done(order):
            return order
        raise


def request_sync(
    order_no: str, actor: Actor, *, application: Application | None = None, reply_to: str = ""
) -> StoreOrder:
    """同步: ask the channel about the refund under way, or else about the payment.

    Raises NotFound, OperationRefused.
    """
    order = find(order_no, application=application)
    refusal = why_not(order, "sync", actor.user)
    if refusal is not None:
        raise OperationRefused("sync", refusal)
    assert order.pay_order is not None  # rules.has_payment
    asks = dataclasses.replace(actor, user=None)  # its own permission was asked
    under_way = order.cancellations.filter(status=CancelStatus.REFUNDING).first()
    if under_way is not None and under_way.refund is not None:
        refund.request_sync(under_way.refund.refund_no, asks, reply_to=reply_to)
    else:
        pay.request_sync(order.pay_order.order_no, asks, reply_to=reply_to)
    return order


def close_payment(order: StoreOrder, actor: Actor, *, reason: str = "") -> None:
    """The order is gone: nobody shall pay it any more. What is paid all the same goes back."""
    if order.pay_order is None or not order.pay_order.is_executing:
        return
    closes = dataclasses.replace(actor, user=None)
    try:
        pay.request_close(order.pay_order.order_no, closes, reason=reason)
    except (OperationRefused, NotFound):
        return  # it is ending already, was paid, or ends by itself when its time is over


# --- one operation --------------------------------------------------------------------------------


def _check(name: str, asked: Asked) -> None:
    if name not in DO:
        raise KeyError(f"store orders have no operation {name!r}")
    required = name in REASONED
    fields.text("reason", asked.reason, longest=REASON_MAX, plain=False, required=required)
    fields.text("operator", asked.operator, longest=64, plain=False)
    if asked.timeout is not None and asked.timeout not in TIMEOUTS:
        raise InvalidInput(
            "timeout",
            "invalid_choice",
            N_("%(field)s must be one of %(known)s."),
            {"field": "timeout", "known": ", ".join(map(str, TIMEOUTS))},
        )


@transaction.atomic(durable=True)
def _operate(
    order_no: str, name: str, actor: Actor, asked: Asked, application: Application | None
) -> StoreOrder:
    order = locks.store_order(order_no, application)
    refusal = why_not(order, name, actor.user)
    if refusal is not None:
        raise OperationRefused(name, refusal)
    journal = Journal(timezone.now())
    order.operator = asked.operator or order.operator
    DO[name](order, journal, actor, asked)
    if asked.timeout is not None and order.is_executing:
        order.remind_at = journal.now + timedelta(minutes=asked.timeout)
        order.watch()
    order.touch(journal.now)
    journal.changed(order)
    journal.save()
    return order


def _step(name: str) -> Callable[[StoreOrder, Journal, Actor, Asked], None]:
    def do(order: StoreOrder, journal: Journal, actor: Actor, asked: Asked) -> None:
        before = order.status
        getattr(order, name)(journal.now)
        kind = f"store_{order.status}"
        journal.event(order, kind, actor, before=before, reason=asked.reason)
        journal.notice(order, f"store_order.{order.status}")

    return do


def _deliver(order: StoreOrder, journal: Journal, actor: Actor, asked: Asked) -> None:
    courier = wanted.check_courier(asked.courier)
    facts = dataclasses.asdict(courier)
    StoreDelivery.objects.create(order=order, created_at=journal.now, **facts)
    _step("deliver")(order, journal, actor, asked)


def _reject(order: StoreOrder, journal: Journal, actor: Actor, asked: Asked) -> None:
    before = order.status
    order.reject(journal.now)
    order.cancel_kind, order.cancel_reason = CancelKind.REJECTED, asked.reason
    journal.event(order, "store_rejected", actor, before=before, reason=asked.reason)
    journal.notice(order, "store_order.rejected")
    _void(order, CancelKind.REJECTED, asked.reason, journal, actor)


def _cancel(order: StoreOrder, journal: Journal, actor: Actor, asked: Asked) -> None:
    order.cancel()
    kind = CancelKind.SERVICE if actor.door == Door.ADMIN else CancelKind.CUSTOMER
    _void(order, kind, asked.reason, journal, actor)


def _cancel_after_sale(order: StoreOrder, journal: Journal, actor: Actor, asked: Asked) -> None:
    is_done = order.status == StoreStatus.COMPLETED
    order.cancel_after_sale()
    kind = CancelKind.AFTER_SALE if is_done else CancelKind.MERCHANT
    _void(order, kind, asked.reason, journal, actor)


def _void(
    order: StoreOrder,
    kind: str,
    reason: str,
    journal: Journal,
    actor: Actor,
    *,
    known: StoreCancellation | None = None,
) -> None:
    """End the order: when its money has gone back, or at once where none of it is here.

    Money that was paid elsewhere is given back elsewhere; here it is written down.
    """
    if order.pay_order is not None and order.holds_money:
        following.give_back(order, kind, reason, journal, actor, known=known)
        return
    amount = order.amount if order.holds_money else 0
    row = known or following.new_cancellation(order, kind, reason, journal, actor, amount=amount)
    row.status = CancelStatus.DONE if order.holds_money else CancelStatus.NONE
    row.decided_at = journal.now
    if order.holds_money:
        order.pay_status = StorePayStatus.REFUNDED
    following.tell(order, row, journal, actor)
    if order.status not in StoreOrder.ENDED:
        following.end(order, journal, actor)


# --- what customers ask for -----------------------------------------------------------------------


def _request_refund(order: StoreOrder, journal: Journal, actor: Actor, asked: Asked) -> None:
    order.request_refund()
    kind = {
        StoreStatus.COMPLETED: CancelKind.AFTER_SALE,
        StoreStatus.DELIVERING: CancelKind.REFUSED_AT_DOOR,
    }.get(StoreStatus(order.status), CancelKind.CUSTOMER)
    held = order.amount if order.pay_order is None else order.pay_order.free_balance
    row = following.new_cancellation(order, kind, asked.reason, journal, actor, amount=held)
    row.status = CancelStatus.ASKED
    following.tell(order, row, journal, actor)


def _withdraw_refund(order: StoreOrder, journal: Journal, actor: Actor, asked: Asked) -> None:
    order.withdraw_refund()
    row = _asked_for(order)
    row.status, row.answer = CancelStatus.WITHDRAWN, asked.reason
    following.tell(order, row, journal, actor)


def _refuse_refund(order: StoreOrder, journal: Journal, actor: Actor, asked: Asked) -> None:
    order.refuse_refund()
    row = _asked_for(order)
    row.status, row.answer, row.decided_at = CancelStatus.REFUSED, asked.reason, journal.now
    following.tell(order, row, journal, actor)


def _agree_refund(order: StoreOrder, journal: Journal, actor: Actor, asked: Asked) -> None:
    order.agree_refund()
    row = _asked_for(order)
    failed = row.refund
    if failed is None or failed.status != RefundOrder.Status.FAIL or order.pay_order is None:
        _void(order, row.kind, row.reason, journal, actor, known=row)
        return
    # It was tried before: the same refund again, with its own number, so it cannot be paid twice.
    pays: dict[int, PayOrder] = {order.pay_order.pk: order.pay_order}
    again = locks.children(RefundOrder, [failed.pk], pays)[failed.pk]
    outgoing.send_again(STORY, again, journal, dataclasses.replace(actor, user=None))
    row.refund, row.status, row.answer = again, CancelStatus.REFUNDING, ""
    row.decided_at = journal.now
    following.tell(order, row, journal, actor)


def _asked_for(order: StoreOrder) -> StoreCancellation:
    return order.cancellations.select_related("refund").get(status=CancelStatus.ASKED)


DO: dict[str, Callable[[StoreOrder, Journal, Actor, Asked], None]] = {
    "mark_paid": _step("mark_paid"),
    "accept": _step("accept"),
    "reject": _reject,
    "made": _step("made"),
    "deliver": _deliver,
    "complete": _step("complete"),
    "cancel": _cancel,
    "request_refund": _request_refund,
    "withdraw_refund": _withdraw_refund,
    "agree_refund": _agree_refund,
    "refuse_refund": _refuse_refund,
    "cancel_after_sale": _cancel_after_sale,
}
STEPS = {
    StoreStatus.ACCEPTED.value: "accept",
    StoreStatus.REJECTED.value: "reject",
    StoreStatus.MADE.value: "made",
    StoreStatus.DELIVERING.value: "deliver",
    StoreStatus.COMPLETED.value: "complete",
}
"""Status → the operation that leads to it (订单状态处理, orderStatus)."""
