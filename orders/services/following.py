"""What a payment or a refund says to the store order that it belongs to.

``Journal.save`` calls ``follow`` before it writes, in the very transaction in which the channel's
word (or an operator's decision) changed the payment: whichever road it came by, the store order
hears of it, once. The payments are locked; their store orders are locked here (``orders.locks``).
Nothing here speaks to a channel or refuses anything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from orders import locks
from orders.actor import Actor, Door
from orders.models import PayOrder, RefundOrder, StoreCancellation, StoreOrder
from orders.models.store_words import CancelKind, CancelStatus
from orders.rules import capabilities, why_not
from orders.services import reserving

if TYPE_CHECKING:
    from orders.services.journal import Journal

Word = tuple[str, Any, Actor]
"""(kind of the event, the pay order or refund that it is about, who)."""
Status = StoreOrder.Status


def follow(heard: Sequence[Word], journal: Journal) -> None:
    """Tell the store orders of what was ``heard``; one query where there is none."""
    pays: dict[int, PayOrder] = {}
    for _kind, order, _actor in heard:
        head = order if isinstance(order, PayOrder) else order.pay_order
        pays[head.pk] = head
    stores = locks.store_orders_paid_by(pays)
    if not stores:
        return
    for kind, order, actor in heard:
        head = order if isinstance(order, PayOrder) else order.pay_order
        store = stores.get(head.pk)
        if store is not None:
            HEARD[kind](store, order, journal, actor)
            store.touch(journal.now)
            journal.changed(store)


# --- the payment ----------------------------------------------------------------------------------


def be_paid(store: StoreOrder, pay: PayOrder, journal: Journal, actor: Actor) -> None:
    """The payment came in: a new order for the shop, or money for one that is gone."""
    if pay.refundable_balance < (pay.paid_amount or 0):
        return  # it is on its way back already
    store.pay_status = StoreOrder.PayStatus.PAID
    if store.status == Status.UNPAID:
        store.be_paid(pay.paid_at or journal.now, journal.now)
        store.deadline_at = accept_by(store, journal)
        store.watch()
        journal.event(store, "store_paid", actor, before=Status.UNPAID, amount=pay.paid_amount)
        journal.notice(store, "store_order.paid")
    elif store.status == Status.CANCELLED:
        store.paid_at = pay.paid_at
        journal.event(store, "store_paid_late", actor, amount=pay.paid_amount)
        kind = store.cancel_kind or CancelKind.SYSTEM
        give_back(store, kind, store.cancel_reason, journal, actor)


def accept_by(store: StoreOrder, journal: Journal) -> Any:
    """Until when the shop has to accept it; None where it may take its time.

    Only what was paid here ends by itself: nobody could give other money back.
    """
    count = store.application.store_accept_minutes
    return journal.now + timedelta(minutes=count) if count and store.pay_order_id else None


# --- giving money back ----------------------------------------------------------------------------


def give_back(
    store: StoreOrder,
    kind: str,
    reason: str,
    journal: Journal,
    actor: Actor,
    *,
    known: StoreCancellation | None = None,
) -> StoreCancellation:
    """Start the refund of everything that was paid here for ``store``, under a cancellation.

    Where the payment's rules say no, the cancellation waits for a decision with their sentence.
    """
    pay = store.pay_order
    assert pay is not None
    refusal = why_not(pay, "refund")
    amount = pay.free_balance
    row = known or new_cancellation(store, kind, reason, journal, actor, amount=amount)
    row.decided_at = journal.now
    if refusal is None:
        asked_by = dataclasses.replace(actor, user=None)  # who may cancel may give back
        row.refund = reserving.refund(
            pay, journal, asked_by, amount=amount, reason=_short(reason, pay)
        )
        row.status, row.answer = CancelStatus.REFUNDING, ""
    else:
        row.status, row.answer = CancelStatus.ASKED, str(refusal)[:256]
    tell(store, row, journal, actor)
    return row


def _short(reason: str, pay: PayOrder) -> str:
    """As the channel takes it; the whole reason stands in the cancellation."""
    can = capabilities(pay)
    kept = "".join(char for char in reason if not can.plain_text_only or ord(char) <= 0xFFFF)
    return kept[: can.reason_max]


def new_cancellation(
    store: StoreOrder, kind: str, reason: str, journal: Journal, actor: Actor, *, amount: int
) -> StoreCancellation:
    """A cancellation of ``store``; the caller gives it its status and calls ``tell``."""
    return StoreCancellation(
        order=store,
        kind=kind,
        amount=amount,
        reason=reason,
        door=actor.door,
        asked_by=actor.name,
        created_at=journal.now,
    )


def tell(store: StoreOrder, row: StoreCancellation, journal: Journal, actor: Actor) -> None:
    """Write the cancellation as it is now, repeat it on the order, and tell of a refund's step."""
    if row.status in (CancelStatus.REFUSED, CancelStatus.DONE, CancelStatus.WITHDRAWN, ""):
        row.ended_at = journal.now
    if row._state.adding:
        row.save(force_insert=True)
    else:
        journal.changed(row)
    store.cancel_kind, store.cancel_status = row.kind, row.status
    store.cancel_reason = row.reason
    store.touch(journal.now)
    if row.status:
        data = {"kind": str(row.kind), "refund": row.refund.refund_no if row.refund else ""}
        why = row.answer or row.reason
        kind = f"store_refund_{row.status}"
        journal.event(store, kind, actor, amount=row.amount, reason=why, data=data)
        journal.notice(store, f"store_order.refund_{row.status}")


def end(store: StoreOrder, journal: Journal, actor: Actor) -> None:
    """Cancelled now; its cancellation is written already."""
    before = store.status
    store.end_cancelled(journal.now)
    journal.event(
        store, "store_cancelled", actor, before=before, reason=store.cancel_reason,
        data={"kind": str(store.cancel_kind)},
    )  # fmt: skip
    journal.notice(store, "store_order.cancelled")


# --- the refund -----------------------------------------------------------------------------------


def be_refunded(store: StoreOrder, refund: RefundOrder, journal: Journal, actor: Actor) -> None:
    """Money went back: by a cancellation of ours, or by hand on the payment's own page."""
    if store.status == Status.UNPAID:
        return  # paid and given back in one breath: for the shop it was never paid
    pay = refund.pay_order
    is_whole = pay.refund_status == PayOrder.RefundStatus.REFUNDED
    statuses = StoreOrder.PayStatus
    store.pay_status = statuses.REFUNDED if is_whole else statuses.PARTIAL
    row = StoreCancellation.objects.select_related("refund").filter(refund=refund).first()
    if row is None and not is_whole:
        journal.event(store, "store_partly_refunded", actor, amount=refund.amount)
        return
    if row is None:
        kind = _kind_by_hand(store, refund)
        row = _pending(store) or new_cancellation(
            store, kind, refund.reason, journal, actor, amount=refund.amount
        )
        row.refund = refund
    row.status, row.answer = CancelStatus.DONE, ""
    tell(store, row, journal, actor)
    if store.status not in StoreOrder.ENDED:
        end(store, journal, actor)


def _pending(store: StoreOrder) -> StoreCancellation | None:
    """What waits for a decision, when the money went back without it."""
    return store.cancellations.filter(status=CancelStatus.ASKED).first()


def _kind_by_hand(store: StoreOrder, refund: RefundOrder) -> CancelKind:
    if store.status == Status.COMPLETED:
        return CancelKind.AFTER_SALE
    if refund.door == Door.ADMIN:
        return CancelKind.SERVICE
    return CancelKind.OTHER if refund.door == Door.CHANNEL else CancelKind.MERCHANT


def not_be_refunded(store: StoreOrder, refund: RefundOrder, journal: Journal, actor: Actor) -> None:
    """The refund failed or was given up: the cancellation waits for a decision again."""
    row = (
        StoreCancellation.objects.select_related("refund")
        .filter(refund=refund, status=CancelStatus.REFUNDING)
        .first()
    )
    if row is None:
        return
    row.status = CancelStatus.ASKED
    row.answer = refund.error_message or refund.error_code or refund.get_status_display()
    tell(store, row, journal, actor)


HEARD: dict[str, Callable[[StoreOrder, Any, Journal, Actor], None]] = {
    "paid": be_paid,
    "paid_late": be_paid,
    "refunded": be_refunded,
    "refund_failed": not_be_refunded,
    "refund_closed": not_be_refunded,
}
"""The events that store orders hear of."""
