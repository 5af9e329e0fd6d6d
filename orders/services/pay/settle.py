"""Settle a pay order: the only place where a channel's word changes one, and only forward.

Callers hold the order's lock and save the journal. A doubt changes nothing but the next question.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypedDict

from channels import registry
from channels.base import Outcome, PayState, Result
from orders import actor as actors
from orders.actor import Actor
from orders.models import (
    Anomaly,
    ChannelCall,
    ChannelCallback,
    LedgerEntry,
    PayOrder,
    RefundOrder,
)
from orders.rules import can_cancel, capabilities
from orders.services import reserving
from orders.services.journal import Journal
from orders.services.pay import till


class Source(TypedDict):
    """What brought the channel's word: the call that asked, or the callback that told."""

    call: ChannelCall | None
    callback: ChannelCallback | None


ABSENCE_PROVED = timedelta(minutes=2)
"""A channel may not find for a minute what it has accepted; after this its "no such order" counts
even where the order cannot simply be placed again."""


class Effect(StrEnum):
    """What a channel's word did to an order."""

    MOVED = "moved"
    NOTHING = "nothing"
    ANOMALY = "anomaly"


def settle(order: PayOrder, call: ChannelCall, result: Result, journal: Journal) -> None:
    """Apply the end of one call about ``order``, then decide what happens next."""
    actor = actors.channel(order.channel)
    is_certain = {
        ChannelCall.Kind.PAY: _settle_placed,
        ChannelCall.Kind.QUERY_PAY: _settle_answer,
        ChannelCall.Kind.CLOSE_PAY: _settle_ending,
        ChannelCall.Kind.CANCEL_PAY: _settle_ending,
    }[ChannelCall.Kind(call.kind)](order, call, result, journal, actor)
    if order.is_executing:
        plan(order, journal, actor, is_certain=is_certain, is_unpaid=is_certain)
    journal.changed(order)


def settle_state(
    order: PayOrder,
    result: Result,
    journal: Journal,
    actor: Actor,
    *,
    call: ChannelCall | None = None,
    callback: ChannelCallback | None = None,
) -> Effect:
    """Apply what the channel says the order is, whether it was asked or told us by itself."""
    source: Source = {"call": call, "callback": callback}
    order.is_at_channel = order.is_at_channel or result.state is not None
    journal.changed(order)
    match result.state:
        case PayState.PAID:
            return _settle_paid(order, result, journal, actor, source)
        case PayState.REFUNDED:
            return _settle_refunded(order, result, journal, actor, source)
        case PayState.WAITING if order.status == PayOrder.Status.WAIT:
            order.hold()
            journal.event(order, "held", actor, before=PayOrder.Status.WAIT, **source)
            return Effect.MOVED
        case PayState.CLOSED | PayState.CANCELLED | PayState.FAILED if order.is_executing:
            _settle_ended(order, result, journal, actor, source)
            return Effect.MOVED
        case _:
            return Effect.NOTHING


def plan(
    order: PayOrder,
    journal: Journal,
    actor: Actor,
    *,
    is_certain: bool,
    is_unpaid: bool = False,
    asks: bool = False,
) -> None:
    """Decide the next step of an executing order: end it, ask about it, or wait.

    ``is_certain``: the channel is known to hold it, so that it can be ended there without asking.
    ``is_unpaid``: the channel has just said that nobody has paid it.
    ``asks``: a question is already under way.
    """
    is_expired = journal.now >= order.expires_at
    if order.intent or is_expired:
        if is_certain and not journal.has_open_call(order, queries=False):
            if not order.intent:
                order.intent, order.intent_by = till.intent_at_expiry(order), actors.Door.CLOCK
                journal.event(order, "expired", actors.clock())
            journal.call(order, _ending(order, is_unpaid=is_unpaid), actor)
        elif actor.door != actors.Door.CHANNEL and not asks:
            journal.call(order, ChannelCall.Kind.QUERY_PAY, actor)
    order.next_check_at = till.next_check(order, journal.now)
    if not is_expired:
        order.next_check_at = min(order.next_check_at, order.expires_at)


def _ending(order: PayOrder, *, is_unpaid: bool) -> ChannelCall.Kind:
    """By which call an order is ended at its channel: as it was asked for, where that is possible.

    Where only paid orders can be cancelled, one that waits for its customer is closed, unless the
    channel has accepted a cancel and is at work on it.
    """
    if order.intent != PayOrder.Intent.CANCEL or not can_cancel(order):
        return ChannelCall.Kind.CLOSE_PAY
    cancels = ChannelCall.objects.filter(
        order_no=order.order_no, kind=ChannelCall.Kind.CANCEL_PAY, outcome=Outcome.PENDING
    )
    if is_unpaid and not capabilities(order).cancel_unpaid and not cancels.exists():
        return ChannelCall.Kind.CLOSE_PAY
    return ChannelCall.Kind.CANCEL_PAY


def end_unpaid(order: PayOrder, journal: Journal, actor: Actor, now: datetime) -> None:
    """End an order that the channel was never told of, or provably does not know."""
    before = order.status
    is_cancel = order.intent == PayOrder.Intent.CANCEL and can_cancel(order)
    if is_cancel:
        order.end_cancelled(now)
    else:
        order.end_closed(now)
    kind = "cancelled" if is_cancel else "closed"
    journal.event(order, kind, actor, before=before, data={"at_channel": False})
    journal.notice(order, f"pay_order.{kind}")


# --- ends of calls: each returns whether the channel is now known to hold the order ----------


def _settle_placed(
    order: PayOrder, call: ChannelCall, result: Result, journal: Journal, actor: Actor
) -> bool:
    was_told, before = order.is_at_channel, order.status
    order.is_at_channel = was_told or result.outcome is not Outcome.NOT_SENT
    if not order.is_executing:
        settle_state(order, result, journal, actor, call=call)
        return False
    if result.outcome in (Outcome.DONE, Outcome.PENDING):
        if result.state not in (None, PayState.WAITING):
            settle_state(order, result, journal, actor, call=call)
            return False
        order.hold(dict(result.pay_params))
        journal.event(order, "held", actor, before=before, call=call)
        return True
    if (result.outcome is Outcome.REFUSED or _is_lost(order, result)) and not was_told:
        order.fail(journal.now, result.code, result.message)
        journal.event(
            order, "failed", actor, before=before, reason=result.message, call=call,
            data={"code": result.code},
        )  # fmt: skip
        journal.notice(order, "pay_order.failed")
        return False
    # Refused after a doubt proves nothing: the earlier request may have been done.
    order.error_code, order.error_message = result.code[:64], result.message[:256]
    journal.event(order, f"place_{result.outcome}", actor, call=call, data={"code": result.code})
    return False


def _is_lost(order: PayOrder, result: Result) -> bool:
    """It was not sent, and what was to be sent is gone: the customer's code."""
    return result.outcome is Outcome.NOT_SENT and till.is_scanned(order)


def _settle_answer(
    order: PayOrder, call: ChannelCall, result: Result, journal: Journal, actor: Actor
) -> bool:
    if result.outcome is not Outcome.DONE:
        return False
    if result.state is PayState.NOT_FOUND:
        _settle_not_found(order, call, journal, actor)
        return False
    effect = settle_state(order, result, journal, actor, call=call)
    call.has_adjusted = effect is Effect.MOVED
    if result.state is PayState.WAITING and _lacks_pay_params(order, journal):
        journal.event(order, "placed_again", actor, call=call)
        journal.call(order, ChannelCall.Kind.PAY, actor)
    return result.state is PayState.WAITING


def _lacks_pay_params(order: PayOrder, journal: Journal) -> bool:
    """The channel holds it, but the answer with what the customer needs was lost: ask again."""
    return (
        order.is_executing
        and not order.pay_params
        and not order.intent
        and journal.now < order.expires_at
        and not till.is_scanned(order)
        and registry.get(order.channel).capabilities.pay_idempotent
        and not journal.has_open_call(order, queries=False)
    )


def _settle_ending(
    order: PayOrder, call: ChannelCall, result: Result, journal: Journal, actor: Actor
) -> bool:
    if result.outcome is Outcome.DONE:
        settle_state(order, result, journal, actor, call=call)
    elif result.outcome is Outcome.REFUSED and order.is_executing:
        # "Already paid" and every other no: give the intent up and find out what is true.
        asked = order.intent or PayOrder.Intent.CLOSE
        order.intent = PayOrder.Intent.NONE
        journal.event(
            order, f"{asked}_refused", actor, reason=result.message, call=call,
            data={"code": result.code},
        )  # fmt: skip
        if result.state is PayState.PAID and not journal.has_open_call(order, queries=True):
            journal.call(order, ChannelCall.Kind.QUERY_PAY, actor)
    return False


def _settle_not_found(order: PayOrder, call: ChannelCall, journal: Journal, actor: Actor) -> None:
    """The channel does not know it: no proof while a request is, or just was, under way."""
    if not order.is_executing or journal.has_open_call(order, queries=False):
        return
    last = (
        ChannelCall.objects.filter(order_no=order.order_no, kind=ChannelCall.Kind.PAY)
        .exclude(outcome=Outcome.NOT_SENT)
        .order_by("-id")
        .first()
    )
    asked_at = call.sent_at or call.created_at
    if last is not None and (last.ended_at is None or last.ended_at >= asked_at):
        return
    is_scanned = till.is_scanned(order)
    wants_end = bool(order.intent) or journal.now >= order.expires_at or is_scanned
    is_proved = last is None or (
        last.ended_at is not None and asked_at - last.ended_at >= ABSENCE_PROVED
    )
    if wants_end and is_proved:
        end_unpaid(order, journal, actor, journal.now)
    elif (
        order.status == PayOrder.Status.WAIT
        and not is_scanned
        and journal.now < order.expires_at
        and registry.get(order.channel).capabilities.pay_idempotent
    ):
        journal.event(order, "placed_again", actor, call=call)
        journal.call(order, ChannelCall.Kind.PAY, actor)


# --- states -------------------------------------------------------------------------------

LATE = {
    PayOrder.Status.CLOSE: Anomaly.Kind.CLOSE_PAID,
    PayOrder.Status.CANCEL: Anomaly.Kind.CANCEL_PAID,
    PayOrder.Status.FAIL: Anomaly.Kind.FAIL_PAID,
}


def _settle_paid(
    order: PayOrder, result: Result, journal: Journal, actor: Actor, source: Source
) -> Effect:
    kind: Anomaly.Kind | None = None
    if order.status == PayOrder.Status.SUCCESS:
        if not result.out_no or result.out_no == order.out_order_no:
            return Effect.NOTHING
        kind = Anomaly.Kind.DUPLICATE_PAYMENT
    elif result.amount is not None and result.amount != order.amount:
        kind = Anomaly.Kind.AMOUNT_MISMATCH
    elif order.status in LATE:
        kind = LATE[PayOrder.Status(order.status)]
    if kind is not None:
        is_new = journal.anomaly(order, kind, result, actor, **source)
        return Effect.ANOMALY if is_new else Effect.NOTHING
    before = order.status
    paid_at = result.finished_at or journal.now
    order.out_order_no = result.out_no
    order.is_at_channel = True
    order.succeed(amount=order.amount, paid_at=paid_at)
    order.allocate_at = _allocate_at(order, paid_at)
    journal.event(order, "paid", actor, before=before, amount=order.amount, **source)
    journal.money(order, LedgerEntry.Kind.PAY, order.amount, paid_at)
    journal.notice(order, "pay_order.success")
    return Effect.MOVED


def _allocate_at(order: PayOrder, paid_at: datetime) -> datetime | None:
    """When the clock shares it by itself, if its application wants that."""
    application = order.application
    wants = (
        application.auto_allocation
        and order.allocation_status == PayOrder.AllocationStatus.WAITING
        and order.amount >= application.allocation_min_amount
    )
    return paid_at + timedelta(seconds=application.allocation_delay) if wants else None


def _settle_ended(
    order: PayOrder, result: Result, journal: Journal, actor: Actor, source: Source
) -> None:
    before = order.status
    ended_at = result.finished_at or journal.now
    if result.state is PayState.CLOSED:
        order.end_closed(ended_at)
        kind = "closed"
    elif result.state is PayState.CANCELLED:
        order.end_cancelled(ended_at)
        kind = "cancelled"
    else:
        order.fail(ended_at, result.code or result.channel_status, result.message)
        kind = "failed"
    journal.event(order, kind, actor, before=before, reason=result.message, **source)
    journal.notice(order, f"pay_order.{kind}")


def _settle_refunded(
    order: PayOrder, result: Result, journal: Journal, actor: Actor, source: Source
) -> Effect:
    """The money came and went back, by a cancel: a success and a full refund. Of an order that
    we ended otherwise it is late money like any other."""
    if order.status == PayOrder.Status.SUCCESS:
        return Effect.NOTHING
    effect = _settle_paid(order, result, journal, actor, source)
    if effect is not Effect.MOVED:
        return effect
    now = journal.now
    refund = reserving.new(
        order,
        actor,
        now,
        amount=order.amount,
        biz_refund_no=order.order_no,
        status=RefundOrder.Status.SUCCESS,
        notify_url=order.notify_url,
        is_sending=False,
        ended_at=now,
    )
    refund.save(force_insert=True)
    order.refunded, order.refund_count, order.last_refund_at = order.amount, 1, now
    order.derive_refund_status()
    journal.event(refund, "refunded", actor, amount=refund.amount, **source)
    journal.money(refund, LedgerEntry.Kind.REFUND, refund.amount, now)
    journal.notice(refund, "refund.success")
    return Effect.MOVED
