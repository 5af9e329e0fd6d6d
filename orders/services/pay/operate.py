"""Close, cancel and sync a pay order, asked for by an operator or a merchant.

Close and cancel are intents: they are written on the order and stay until the channel's word ends
it, whatever is lost on the way. Nothing is ever sent twice: with a request under way the intent
waits for its answer, with a doubt the channel is asked first.
"""

from __future__ import annotations

import functools

from django.db import transaction
from django.utils import timezone

from channels.base import Outcome, Result
from orders import locks
from orders.actor import Actor
from orders.engine import handover
from orders.errors import OperationRefused
from orders.models import Application, ChannelCall, PayOrder, WorkState
from orders.rules import why_not
from orders.services import finding
from orders.services.journal import Journal
from orders.services.pay import till
from orders.services.pay.settle import end_unpaid, plan


def find(number: str, *, application: Application | None = None) -> PayOrder:
    """By our number, or ``biz:`` + the merchant's within ``application``. Raises NotFound."""
    rows = PayOrder.objects.select_related("account", "application")
    return finding.by_number(rows, number, application, column="order_no")


def request_close(
    order_no: str, actor: Actor, *, reason: str = "", application: Application | None = None
) -> PayOrder:
    """关闭: closed at once if the channel was never told, else at the channel first.

    Raises NotFound, OperationRefused.
    """
    return _end(order_no, "close", actor, reason, application)


def request_cancel(
    order_no: str, actor: Actor, *, reason: str = "", application: Application | None = None
) -> PayOrder:
    """撤销: as ``request_close``; where the channel has no cancel it is closed instead.

    Raises NotFound, OperationRefused.
    """
    return _end(order_no, "cancel", actor, reason, application)


@transaction.atomic(durable=True)
def request_sync(
    order_no: str, actor: Actor, *, application: Application | None = None, reply_to: str = ""
) -> PayOrder:
    """同步: ask the channel once, ahead of the clock. A question under way is joined, not doubled.

    Raises NotFound, OperationRefused.
    """
    now = timezone.now()
    order = locks.pay_order(order_no, application)
    _demand(order, "sync", actor)
    order.sync()
    journal = Journal(now)
    if not any(call.is_query for call in locks.open_calls(order_no)):
        journal.event(order, "sync_requested", actor)
        journal.call(order, ChannelCall.Kind.QUERY_PAY, actor, reply_to=reply_to)
    journal.changed(order)
    journal.save()
    return order


def _demand(order: PayOrder, operation: str, actor: Actor) -> None:
    refusal = why_not(order, operation, actor.user)
    if refusal is not None:
        raise OperationRefused(operation, refusal)


@transaction.atomic(durable=True)
def _end(
    order_no: str, operation: str, actor: Actor, reason: str, application: Application | None
) -> PayOrder:
    now = timezone.now()
    order = locks.pay_order(order_no, application)
    _demand(order, operation, actor)
    getattr(order, operation)(by=actor.name)
    journal = Journal(now)
    journal.event(order, f"{operation}_requested", actor, reason=reason)
    under_way = [call for call in locks.open_calls(order_no) if not _withdrawn(call, journal)]
    if not order.is_at_channel and not under_way:
        end_unpaid(order, journal, actor, now)
    elif not any(not call.is_query for call in under_way):
        asks = any(call.is_query for call in under_way)
        plan(order, journal, actor, is_certain=order.status == PayOrder.Status.PROGRESS, asks=asks)
    journal.changed(order)
    journal.save()
    if till.is_scanned(order):
        transaction.on_commit(functools.partial(handover.forget, order_no), robust=True)
    return order


def _withdrawn(call: ChannelCall, journal: Journal) -> bool:
    """End a placing that no worker has taken yet: it never left and now never will."""
    if call.kind != ChannelCall.Kind.PAY or call.state != WorkState.DUE or call.attempt:
        return False
    journal.end(call, Result(outcome=Outcome.NOT_SENT, code="WITHDRAWN"))
    return True
