"""The clock's part: end what nobody paid or accepted in time, and remind of what waits."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from orders import actor as actors
from orders import locks
from orders.engine import ladder
from orders.models import StoreOrder
from orders.models.store_words import CancelKind, StoreStatus
from orders.rules import why_not
from orders.services import following
from orders.services.journal import Journal
from orders.services.store.operate import close_payment


def check_due(now: datetime, limit: int) -> int:
    """Work up to ``limit`` due store orders in one transaction; returns how many were taken.

    Safe to run twice at once: busy orders are passed over, and each taken order's next check moves
    on or ends.
    """
    taken, to_close = _check(now, limit)
    for order in to_close:
        close_payment(order, actors.clock())
    return taken


@transaction.atomic(durable=True)
def _check(now: datetime, limit: int) -> tuple[int, list[StoreOrder]]:
    orders = locks.due_store_orders(now, limit)
    journal = Journal(now)
    to_close: list[StoreOrder] = []
    for order in orders:
        if order.remind_at is not None and now >= order.remind_at:
            _remind(order, journal)
        waits = False
        if order.deadline_at is not None and now >= order.deadline_at:
            waits = _is_over(order, journal, to_close)
        order.watch()
        if waits:
            order.check_count += 1
            order.next_check_at = ladder.next_check(order.check_count, now)
        journal.changed(order)
    journal.save()
    return len(orders), to_close


def _remind(order: StoreOrder, journal: Journal) -> None:
    """The time for the next step ran out (字段描述, timeout: 超时则通知)."""
    order.remind_at = None
    if order.is_executing:
        journal.event(order, "store_reminded", actors.clock())
        journal.notice(order, "store_order.reminder")


def _is_over(order: StoreOrder, journal: Journal, to_close: list[StoreOrder]) -> bool:
    """Its time to be paid or accepted is over. Returns whether to look at it again later."""
    actor = actors.clock()
    if order.status == StoreStatus.UNPAID:
        if order.pay_order is not None and order.pay_order.is_executing:
            # The channel has the last word on whether it was paid: close it there first.
            to_close.append(order)
            return True
        order.deadline_at = None
        row = following.new_cancellation(order, CancelKind.UNPAID, "", journal, actor, amount=0)
        following.tell(order, row, journal, actor)
        following.end(order, journal, actor)
        return False
    if order.status == StoreStatus.PAID and order.cancel_status not in StoreOrder.PENDING:
        if why_not(order, "cancel") is not None:
            return True  # its money cannot go back at this moment, so it is not taken away either
        following.give_back(order, CancelKind.NOT_ACCEPTED, "", journal, actor)
    order.deadline_at = None
    return False
