"""Orders that send money out: how one request is sent, doubted, asked about and sent again.

Refunds, transfers and returned shares differ in what their end means, not in how a doubt is
handled. A ``Story`` says the former; everything here holds for all of them. Callers hold the locks
of the order's family and save the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

from channels.base import Outcome, Result
from orders import actor as actors
from orders.actor import Actor
from orders.engine import ladder
from orders.models import Anomaly, ChannelCall, ChannelCallback, LedgerEntry
from orders.services.journal import Journal
from orders.services.pay.check import OpenCalls, open_calls
from orders.services.pay.settle import Effect, Source


class Story:
    """What is particular to one kind of outgoing order."""

    noun: ClassVar[str]
    """Prefix of its events and notices: ``refund_failed``, ``refund.failed``."""
    done: ClassVar[str]
    """The event of its success: ``refunded``."""
    send: ClassVar[ChannelCall.Kind]
    query: ClassVar[ChannelCall.Kind]
    money: ClassVar[LedgerEntry.Kind]
    out_no: ClassVar[str]
    """The field that holds the channel's number."""
    late: ClassVar[Anomaly.Kind]
    """What a success after the order was closed becomes."""

    def is_idempotent(self, order: Any) -> bool:
        """Whether repeating our number can never move money twice."""
        return False

    def on_sent(self, order: Any, journal: Journal) -> None:
        """A request may have reached the channel."""

    def on_success(self, order: Any, journal: Journal) -> None:
        """Money moved: settle the sums that depend on it."""

    def on_release(self, order: Any, journal: Journal) -> None:
        """It ended without moving money: give back what was reserved."""

    def on_fail(self, order: Any, journal: Journal) -> None:
        """An explicit no."""

    def on_other(self, order: Any, result: Result, journal: Journal, source: Source) -> Effect:
        """A state that only this kind of order knows."""
        return Effect.NOTHING

    def may_send(self, order: Any) -> bool:
        """Whether the clock may send what provably never left."""
        return True


def settle(story: Story, order: Any, call: ChannelCall, result: Result, journal: Journal) -> None:
    """Apply the end of one send or query about ``order``, then plan the next question."""
    actor = actors.channel(order.channel)
    if call.kind == story.send:
        _settle_sent(story, order, call, result, journal, actor)
    elif result.outcome is Outcome.DONE:
        _settle_answer(story, order, call, result, journal, actor)
    if order.is_executing:
        order.next_check_at = ladder.next_check(order.check_count, journal.now)
    journal.changed(order)


def settle_state(
    story: Story,
    order: Any,
    result: Result,
    journal: Journal,
    actor: Actor,
    *,
    call: ChannelCall | None = None,
    callback: ChannelCallback | None = None,
) -> Effect:
    """Apply what the channel says the order is, whether it was asked or told us by itself."""
    source: Source = {"call": call, "callback": callback}
    if result.out_no and not getattr(order, story.out_no):
        setattr(order, story.out_no, result.out_no)  # adopted from whoever brings it first
    journal.changed(order)
    match str(result.state or ""):
        case "success" | "finished":
            return _settle_success(story, order, result, journal, actor, source)
        case "failed" if order.is_executing:
            fail(story, order, result, journal, actor, source)
            return Effect.MOVED
        case "closed" if order.status in ("progress", "fail"):
            before = order.status
            order.end_closed(result.finished_at or journal.now)
            story.on_release(order, journal)
            journal.event(
                order, f"{story.noun}_closed", actor, before=before, amount=order.amount,
                reason=result.message, **source,
            )  # fmt: skip
            journal.notice(order, f"{story.noun}.closed")
            return Effect.MOVED
        case _:
            return story.on_other(order, result, journal, source)


def fail(
    story: Story, order: Any, result: Result, journal: Journal, actor: Actor, source: Source
) -> None:
    """An explicit no. What was reserved stays so until somebody closes or retries it."""
    before = order.status
    order.fail(journal.now, result.code or result.channel_status, result.message)
    story.on_fail(order, journal)
    journal.event(
        order, f"{story.noun}_failed", actor, before=before, reason=result.message,
        data={"code": result.code}, **source,
    )  # fmt: skip
    journal.notice(order, f"{story.noun}.failed")


def ask_sync(story: Story, order: Any, journal: Journal, actor: Actor, reply_to: str = "") -> None:
    """Ask the channel once, ahead of the clock. A question under way is joined, not doubled."""
    order.sync()
    if not journal.has_open_call(order, queries=True):
        journal.event(order, "sync_requested", actor)
        journal.call(order, story.query, actor, reply_to=reply_to)
    journal.changed(order)
    journal.save()


def ask_retry(story: Story, order: Any, journal: Journal, actor: Actor) -> None:
    """The same number and parameters again; the rules have said that it cannot move money twice."""
    send_again(story, order, journal, actor)
    journal.save()


def send_again(story: Story, order: Any, journal: Journal, actor: Actor) -> None:
    """As ``ask_retry``, for a caller with more to write."""
    before = order.status
    order.retry()
    order.next_check_at = ladder.next_check(0, journal.now)
    journal.event(order, "retry_requested", actor, before=before)
    journal.call(order, story.send, actor)
    journal.changed(order)


def ask_close(story: Story, order: Any, journal: Journal, actor: Actor, reason: str) -> None:
    """Give a failed order up; what it reserved is free again."""
    before = order.status
    order.close(journal.now)
    story.on_release(order, journal)
    journal.event(
        order, f"{story.noun}_closed", actor, before=before, amount=order.amount, reason=reason
    )
    journal.notice(order, f"{story.noun}.closed")
    journal.changed(order)
    journal.save()


def check(story: Story, orders: Sequence[Any], now: datetime) -> int:
    """The clock's part for locked, due orders: ask, or send what provably never left."""
    under_way = open_calls([order.number for order in orders])
    journal = Journal(now)
    for order in orders:
        if order.is_executing:
            _check(story, order, under_way[order.number], journal)
        else:
            order.next_check_at = None
        journal.changed(order)
    journal.save()
    return len(orders)


def _check(story: Story, order: Any, under_way: OpenCalls, journal: Journal) -> None:
    asks = order.is_at_channel or bool(under_way.sends)
    if under_way.may_ask and (asks or story.may_send(order)):
        order.is_sending = bool(under_way.sends) or not asks
        journal.call(order, story.query if asks else story.send, actors.clock())
        order.check_count += 1
    order.next_check_at = ladder.next_check(order.check_count, journal.now)


def _settle_sent(
    story: Story, order: Any, call: ChannelCall, result: Result, journal: Journal, actor: Actor
) -> None:
    was_told = order.is_at_channel
    order.is_sending = False
    if result.outcome is not Outcome.NOT_SENT:
        order.is_at_channel = True
        story.on_sent(order, journal)
    if result.outcome is Outcome.REFUSED and not was_told:
        if order.is_executing:
            fail(story, order, result, journal, actor, {"call": call, "callback": None})
        return
    if result.outcome in (Outcome.DONE, Outcome.PENDING):
        effect = settle_state(story, order, result, journal, actor, call=call)
        if effect is Effect.NOTHING and order.is_executing:
            journal.event(order, f"{story.noun}_accepted", actor, call=call)
        return
    if not order.is_executing:
        return  # known by now, by a question or a callback
    order.error_code, order.error_message = result.code[:64], result.message[:256]
    # Unknown, or refused after a doubt: an earlier request may have been done. Ask.
    data = {"code": result.code}
    journal.event(order, f"{story.noun}_{result.outcome}", actor, call=call, data=data)


def _settle_answer(
    story: Story, order: Any, call: ChannelCall, result: Result, journal: Journal, actor: Actor
) -> None:
    if str(result.state or "") != "not_found":
        effect = settle_state(story, order, result, journal, actor, call=call)
        call.has_adjusted = effect is Effect.MOVED
        return
    reserves = order.status in ("progress", "fail")
    if not reserves or journal.has_open_call(order, queries=False):
        return
    sends = list(
        ChannelCall.objects.filter(order_no=order.number, kind=story.send)
        .exclude(outcome=Outcome.NOT_SENT)
        .order_by("-id")[:2]
    )
    asked_at = call.sent_at or call.created_at
    if sends and (sends[0].ended_at is None or sends[0].ended_at >= asked_at):
        return  # asked before our own request had ended: proves nothing
    order.is_proved_absent = True
    if order.is_executing and _is_refused_in_effect(sends):
        refusal = Result(outcome=Outcome.REFUSED, code=sends[0].code, message=sends[0].message)
        fail(story, order, refusal, journal, actor, {"call": call, "callback": None})
    elif order.is_executing and story.is_idempotent(order):
        order.is_sending = True
        journal.event(order, f"{story.noun}_sent_again", actor, call=call)
        journal.call(order, story.send, actor)


def _is_refused_in_effect(sends: Sequence[ChannelCall]) -> bool:
    """The channel answered the same error to two requests and knows of neither: a third would be
    answered alike. The failed order keeps its number and its reservation, so that a retry, or a
    sync that finds it done after all, is still safe."""
    if len(sends) < 2:
        return False
    was_answered = all(call.http_status is not None and call.code for call in sends)
    return was_answered and sends[0].code == sends[1].code


def _settle_success(
    story: Story, order: Any, result: Result, journal: Journal, actor: Actor, source: Source
) -> Effect:
    if order.status == "success":
        return Effect.NOTHING
    kind: Anomaly.Kind | None = None
    if order.status == "close":
        kind = story.late
    elif result.amount is not None and result.amount != order.amount:
        kind = Anomaly.Kind.AMOUNT_MISMATCH
    if kind is not None:
        is_new = journal.anomaly(order, kind, result, actor, **source)
        return Effect.ANOMALY if is_new else Effect.NOTHING
    before = order.status
    ended_at = result.finished_at or journal.now
    order.succeed(ended_at)
    story.on_success(order, journal)
    journal.event(order, story.done, actor, before=before, amount=order.amount, **source)
    journal.money(order, story.money, order.amount, ended_at)
    journal.notice(order, f"{story.noun}.success")
    return Effect.MOVED
