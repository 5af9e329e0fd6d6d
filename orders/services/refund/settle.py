"""Settle a refund: the only place where a channel's word changes one, and only forward.

Callers hold the locks of the pay order and the refund and save the journal.
"""

from __future__ import annotations

from typing import Any

from channels.base import RefundState, Result
from orders.actor import Actor
from orders.models import (
    Anomaly,
    ChannelCall,
    ChannelCallback,
    LedgerEntry,
    PayOrder,
    RefundOrder,
)
from orders.rules import capabilities
from orders.services import outgoing
from orders.services.journal import Journal
from orders.services.pay.settle import Effect


class RefundStory(outgoing.Story):
    noun = "refund"
    done = "refunded"
    send = ChannelCall.Kind.REFUND
    query = ChannelCall.Kind.QUERY_REFUND
    money = LedgerEntry.Kind.REFUND
    out_no = "out_refund_no"
    late = Anomaly.Kind.REFUND_AFTER_CLOSE

    def is_idempotent(self, order: RefundOrder) -> bool:
        return capabilities(order).refund_idempotent

    def may_send(self, order: RefundOrder) -> bool:
        return not order.waits_for_returns

    def on_sent(self, order: RefundOrder, journal: Journal) -> None:
        order.pay_order.last_refund_at = journal.now
        journal.changed(order.pay_order)

    def on_success(self, order: RefundOrder, journal: Journal) -> None:
        order.pay_order.count_refunded(order.amount)

    def on_release(self, order: RefundOrder, journal: Journal) -> None:
        order.pay_order.release_refund(order.amount)


STORY = RefundStory()


def settle(refund: RefundOrder, call: ChannelCall, result: Result, journal: Journal) -> None:
    """Apply the end of one call about ``refund``, then decide what happens next."""
    outgoing.settle(STORY, refund, call, result, journal)


def settle_state(
    refund: RefundOrder, result: Result, journal: Journal, actor: Actor, **source: Any
) -> Effect:
    """Apply what the channel says the refund is, whether it was asked or told us by itself."""
    return outgoing.settle_state(STORY, refund, result, journal, actor, **source)


def settle_foreign(
    pay_order: PayOrder, result: Result, journal: Journal, actor: Actor, callback: ChannelCallback
) -> Effect:
    """A refund that was not made here, e.g. in the provider's own console: kept as an anomaly.

    An order that we know to be refunded in full tells nothing new, whatever number it comes with.
    Neither does one that is being cancelled: a cancel gives back what was paid meanwhile, and its
    own end, or the question after it, says so with the payment.
    """
    is_known = pay_order.refund_status == PayOrder.RefundStatus.REFUNDED
    is_cancelling = pay_order.is_executing and pay_order.intent == PayOrder.Intent.CANCEL
    if result.state is not RefundState.SUCCESS or is_known or is_cancelling:
        return Effect.NOTHING
    kind = Anomaly.Kind.FOREIGN_REFUND
    is_new = journal.anomaly(pay_order, kind, result, actor, callback=callback)
    return Effect.ANOMALY if is_new else Effect.NOTHING
