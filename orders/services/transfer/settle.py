"""Settle a transfer: the only place where a channel's word changes one, and only forward."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from channels.base import Outcome, Result, TransferState
from orders import actor as actors
from orders.actor import Actor
from orders.models import Anomaly, ChannelCall, LedgerEntry, TransferOrder
from orders.rules import capabilities
from orders.services import outgoing
from orders.services.journal import Journal
from orders.services.pay.settle import Effect, Source

CONFIRM_WITHIN = timedelta(hours=24)
"""WeChat: "WAIT_USER_CONFIRM … within 24 h, then closed" (商家转账, states)."""


class TransferStory(outgoing.Story):
    noun = "transfer"
    done = "transferred"
    send = ChannelCall.Kind.TRANSFER
    query = ChannelCall.Kind.QUERY_TRANSFER
    money = LedgerEntry.Kind.TRANSFER
    out_no = "out_transfer_no"
    late = Anomaly.Kind.TRANSFER_AFTER_CLOSE

    def is_idempotent(self, order: TransferOrder) -> bool:
        return capabilities(order).transfer_idempotent

    def on_other(
        self, order: TransferOrder, result: Result, journal: Journal, source: Source
    ) -> Effect:
        actor = actors.channel(order.channel)
        if result.state is TransferState.WAIT_PAYEE and order.is_executing:
            return _wait(order, result, journal, actor, source)
        if result.state is TransferState.RETURNED:
            kind = Anomaly.Kind.TRANSFER_RETURNED
            is_new = journal.anomaly(order, kind, result, actor, **source)
            return Effect.ANOMALY if is_new else Effect.NOTHING
        return Effect.NOTHING


STORY = TransferStory()


def settle(order: TransferOrder, call: ChannelCall, result: Result, journal: Journal) -> None:
    """Apply the end of one call about ``order``, then decide what happens next."""
    if call.kind == ChannelCall.Kind.CANCEL_TRANSFER:
        _settle_cancel(order, call, result, journal)
    outgoing.settle(STORY, order, call, result, journal)
    still_waits = order.is_executing and order.is_cancelling and order.is_waiting_payee
    was_asked = call.kind == STORY.query and result.outcome is Outcome.DONE
    if still_waits and was_asked and not journal.has_open_call(order, queries=False):
        journal.call(order, ChannelCall.Kind.CANCEL_TRANSFER, actors.channel(order.channel))


def settle_state(
    order: TransferOrder, result: Result, journal: Journal, actor: Actor, **source: Any
) -> Effect:
    """Apply what the channel says the transfer is, whether it was asked or told us by itself."""
    return outgoing.settle_state(STORY, order, result, journal, actor, **source)


def _wait(
    order: TransferOrder, result: Result, journal: Journal, actor: Actor, source: Source
) -> Effect:
    """The payee has to confirm; what they need may come once only, so it is kept."""
    if order.is_waiting_payee and not result.pay_params:
        return Effect.NOTHING
    is_first = not order.is_waiting_payee
    params = dict(result.pay_params) or order.confirm_params
    order.wait_for_payee(params, order.confirm_until or order.created_at + CONFIRM_WITHIN)
    if is_first:
        journal.event(order, "waits_for_payee", actor, **source)
        journal.notice(order, "transfer.waiting")
    return Effect.MOVED


def _settle_cancel(
    order: TransferOrder, call: ChannelCall, result: Result, journal: Journal
) -> None:
    """A withdrawal is a question about the transfer as much as a request: its word is applied."""
    actor = actors.channel(order.channel)
    if result.outcome is Outcome.DONE and result.state is not None:
        outgoing.settle_state(STORY, order, result, journal, actor, call=call)
    elif result.outcome is Outcome.REFUSED and order.is_executing:
        order.is_cancelling = False
        data = {"code": result.code}
        journal.event(order, "cancel_refused", actor, reason=result.message, call=call, data=data)
