"""The clock's part: share what is to be shared by itself, ask about what is under way."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction

from channels.base import Outcome
from orders import actor as actors
from orders import locks
from orders.engine import ladder
from orders.errors import OrderError
from orders.models import (
    AllocationOrder,
    AllocationReceiver,
    ChannelCall,
    PayOrder,
    ShareReturn,
    WorkState,
)
from orders.services import outgoing
from orders.services.allocation.returns import STORY
from orders.services.allocation.start import request_allocation
from orders.services.journal import Journal
from orders.services.pay.check import open_calls

log = logging.getLogger(__name__)

Kind = ChannelCall.Kind


def check_due(now: datetime, limit: int) -> int:
    """Work what is due of everything about sharing; returns how many rows were taken at most."""
    return max(
        _check_allocations(now, limit),
        _check_returns(now, limit),
        _check_receivers(now, limit),
        _share_by_itself(now, limit),
    )


@transaction.atomic(durable=True)
def _check_allocations(now: datetime, limit: int) -> int:
    rows = locks.due_children(AllocationOrder, now, limit)
    journal = Journal(now)
    for row in rows:
        if row.is_executing:
            _ask(row, journal)
            row.next_check_at = ladder.next_check(row.check_count, now)
        else:
            row.next_check_at = None
        journal.changed(row)
    journal.save()
    return len(rows)


def _ask(row: AllocationOrder, journal: Journal) -> None:
    under_way = open_calls([row.allocation_no])[row.allocation_no]
    if not under_way.may_ask:
        return
    row.check_count += 1
    if row.is_finishing:
        asks = bool(under_way.sends) or _finish_may_be_there(row)
        kind = Kind.QUERY_FINISH if asks else Kind.FINISH_ALLOCATION
    else:
        asks = bool(under_way.sends) or row.is_at_channel
        row.is_sending = bool(under_way.sends) or not asks
        kind = Kind.QUERY_ALLOCATION if asks else Kind.ALLOCATE
    journal.call(row, kind, actors.clock())


def _finish_may_be_there(row: AllocationOrder) -> bool:
    sent = ChannelCall.objects.filter(order_no=row.allocation_no, kind=Kind.FINISH_ALLOCATION)
    return sent.filter(state=WorkState.ENDED).exclude(outcome=Outcome.NOT_SENT).exists()


@transaction.atomic(durable=True)
def _check_returns(now: datetime, limit: int) -> int:
    return outgoing.check(STORY, locks.due_children(ShareReturn, now, limit), now)


@transaction.atomic(durable=True)
def _check_receivers(now: datetime, limit: int) -> int:
    """A binding that is not known to have ended is sent again: repeating it is harmless."""
    rows = locks.due_heads(AllocationReceiver, now, limit)
    journal = Journal(now)
    for row in rows:
        if row.is_executing and not journal.has_open_call(row, queries=False):
            is_binding = row.status == AllocationReceiver.Status.BINDING
            kind = Kind.BIND_RECEIVER if is_binding else Kind.UNBIND_RECEIVER
            journal.call(row, kind, actors.clock())
            row.check_count += 1
        row.next_check_at = ladder.next_check(row.check_count, now) if row.is_executing else None
        journal.changed(row)
    journal.save()
    return len(rows)


def _share_by_itself(now: datetime, limit: int) -> int:
    """Start the allocations that applications want made by the clock."""
    due = PayOrder.objects.filter(allocate_at__lte=now).order_by("allocate_at")
    numbers = list(due.values_list("order_no", flat=True)[:limit])
    for order_no in numbers:
        try:
            request_allocation(order_no, actors.clock())
        except OrderError as refusal:
            log.warning("%s is not shared by itself: %s", order_no, refusal)
            _give_up(order_no, str(refusal), now)
    return len(numbers)


@transaction.atomic(durable=True)
def _give_up(order_no: str, why: str, now: datetime) -> None:
    order = locks.pay_order(order_no)
    order.allocate_at = None
    journal = Journal(now)
    journal.event(order, "auto_allocation_refused", actors.clock(), reason=why)
    journal.save()
