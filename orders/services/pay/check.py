"""The clock's part: take due pay orders, ask, place again, or end what has expired."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from orders import actor as actors
from orders import locks
from orders.models import ChannelCall, PayOrder, WorkState
from orders.services.journal import Journal
from orders.services.pay import till
from orders.services.pay.settle import end_unpaid


@transaction.atomic(durable=True)
def check_due(now: datetime, limit: int) -> int:
    """Work up to ``limit`` due orders in one transaction; returns how many were taken.

    Safe to run twice at once: busy orders are passed over, and each taken order's next check moves
    into the future.
    """
    orders = locks.due_heads(PayOrder, now, limit)
    under_way = open_calls([order.order_no for order in orders])
    journal = Journal(now)
    for order in orders:
        if order.is_executing:
            _check(order, under_way[order.order_no], journal)
        else:
            order.next_check_at = None
        journal.changed(order)
    journal.save()
    return len(orders)


def open_calls(numbers: Sequence[str]) -> dict[str, OpenCalls]:
    """What is due or under way about each order, by its number."""
    found: dict[str, OpenCalls] = defaultdict(OpenCalls)
    rows = ChannelCall.objects.filter(order_no__in=numbers).exclude(state=WorkState.ENDED)
    for order_no, kind, state in rows.values_list("order_no", "kind", "state"):
        if kind in ChannelCall.QUERIES:
            found[order_no].asks = True
        else:
            found[order_no].sends = state
    return found


@dataclass
class OpenCalls:
    """One request and one question may be open about an order at a time."""

    sends: str = ""
    """The state of the request: due, or out with a worker that may have died."""
    asks: bool = False

    @property
    def may_ask(self) -> bool:
        """A request that is out may have been done while its worker died: asking is always safe,
        and heals it before its lease ends."""
        return not self.asks and self.sends in ("", WorkState.OUT)


def _check(order: PayOrder, under_way: OpenCalls, journal: Journal) -> None:
    actor = actors.clock()
    now = journal.now
    wants_end = bool(order.intent) or now >= order.expires_at or till.is_scanned(order)
    if not order.is_at_channel and wants_end and not under_way.sends:
        end_unpaid(order, journal, actor, now)
        return
    if under_way.may_ask:
        asks = order.is_at_channel or bool(under_way.sends)
        kind = ChannelCall.Kind.QUERY_PAY if asks else ChannelCall.Kind.PAY
        # Somebody waits at the till: his question does not stand behind the others.
        journal.call(order, kind, actor, queue="pay" if till.is_scanned(order) else "")
        order.check_count += 1
    order.next_check_at = till.next_check(order, now)
    if now < order.expires_at:
        order.next_check_at = min(order.next_check_at, order.expires_at)
