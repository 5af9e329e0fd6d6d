"""Settle an allocation: share by share, the only place where a channel's word changes one.

Callers hold the locks of the pay order and the allocation and save the journal. A doubt
(SYSTEMERROR, FREQUENCY_LIMITED …) is asked about and never sent again blindly (seed 004).
"""

from __future__ import annotations

from django.db.models import prefetch_related_objects

from channels import registry
from channels.base import (
    AllocationState,
    Outcome,
    ReceiverType,
    Result,
    ShareResult,
    ShareState,
)
from orders import actor as actors
from orders.actor import Actor
from orders.engine import ladder
from orders.models import (
    AllocationDetail,
    AllocationOrder,
    ChannelCall,
    LedgerEntry,
    PayOrder,
)
from orders.numbers import PREFIX_FINISH, new_number
from orders.services.journal import Journal

Kind = ChannelCall.Kind
PENDING, SUCCESS, FAIL = (
    AllocationDetail.Status.PENDING,
    AllocationDetail.Status.SUCCESS,
    AllocationDetail.Status.FAIL,
)


def settle(row: AllocationOrder, call: ChannelCall, result: Result, journal: Journal) -> None:
    """Apply the end of one call about ``row``, then plan the next question."""
    actor = actors.channel(row.channel)
    match call.kind:
        case Kind.ALLOCATE:
            _settle_sent(row, call, result, journal, actor)
        case Kind.QUERY_ALLOCATION if result.outcome is Outcome.DONE:
            _settle_answer(row, call, result, journal, actor)
        case Kind.FINISH_ALLOCATION | Kind.QUERY_FINISH:
            _settle_finish(row, call, result, journal, actor)
    if row.is_executing:
        row.next_check_at = ladder.next_check(row.check_count, journal.now)
    journal.changed(row)


def begin_finish(row: AllocationOrder, journal: Journal, actor: Actor) -> None:
    """Ask for 完结 under a number of its own: an allocation's number would free nothing."""
    row.finish(new_number(PREFIX_FINISH, journal.now))
    row.next_check_at = ladder.next_check(0, journal.now)
    journal.event(row, "finish_requested", actor)
    journal.call(row, Kind.FINISH_ALLOCATION, actor)
    journal.changed(row)


# --- sharing ------------------------------------------------------------------------------


def _settle_sent(
    row: AllocationOrder, call: ChannelCall, result: Result, journal: Journal, actor: Actor
) -> None:
    was_told = row.is_at_channel
    row.is_sending = False
    row.is_at_channel = was_told or result.outcome is not Outcome.NOT_SENT
    if result.outcome is Outcome.REFUSED and not was_told:
        _refuse(row, call, result, journal, actor)
    elif result.outcome in (Outcome.DONE, Outcome.PENDING):
        row.out_allocation_no = result.out_no or row.out_allocation_no
        journal.event(row, "allocation_accepted", actor, call=call)
        _apply(row, call, result, journal, actor)
    elif row.is_executing:
        row.error_code, row.error_message = result.code[:64], result.message[:256]
        data = {"code": result.code}
        journal.event(row, f"allocation_{result.outcome}", actor, call=call, data=data)


def _settle_answer(
    row: AllocationOrder, call: ChannelCall, result: Result, journal: Journal, actor: Actor
) -> None:
    if result.state is not AllocationState.NOT_FOUND:
        row.out_allocation_no = row.out_allocation_no or result.out_no
        call.has_adjusted = _apply(row, call, result, journal, actor)
        return
    is_open = row.status == AllocationOrder.Status.PROCESSING
    if not is_open or journal.has_open_call(row, queries=False):
        return
    last = (
        ChannelCall.objects.filter(order_no=row.allocation_no, kind=Kind.ALLOCATE)
        .exclude(outcome=Outcome.NOT_SENT)
        .order_by("-id")
        .first()
    )
    asked_at = call.sent_at or call.created_at
    if last is not None and (last.ended_at is None or last.ended_at >= asked_at):
        return  # asked before our own request had ended: proves nothing
    row.is_proved_absent = True
    if registry.get(row.channel).capabilities.allocation_idempotent:
        row.is_sending = True
        journal.event(row, "allocation_sent_again", actor, call=call)
        journal.call(row, Kind.ALLOCATE, actor)


def _apply(
    row: AllocationOrder, call: ChannelCall, result: Result, journal: Journal, actor: Actor
) -> bool:
    """Take over what is said of each share; True when something moved."""
    details = loaded(row)
    said = {(share.receiver_type, share.account): share for share in result.shares}
    moved = False
    for detail in details:
        kind = ReceiverType(detail.receiver.receiver_type)
        share = said.get((kind, detail.receiver.account_no))
        if share is not None and detail.status in (PENDING, FAIL):
            moved = _apply_share(row, detail, share, journal) or moved
    if not any(detail.status == PENDING for detail in details):
        moved = _conclude(row, details, call, journal, actor) or moved
    return moved


def loaded(row: AllocationOrder) -> list[AllocationDetail]:
    """The shares as ``row`` itself holds them, so that a notice of this very settle tells them."""
    prefetch_related_objects([row], "details__receiver")
    return sorted(row.details.all(), key=lambda detail: detail.pk)


def _apply_share(
    row: AllocationOrder, detail: AllocationDetail, share: ShareResult, journal: Journal
) -> bool:
    if share.state is ShareState.SUCCESS:
        if detail.status == FAIL:  # in truth done: what was given back is taken again
            row.pay_order.count_shares(
                released=-detail.amount,
                status=row.pay_order.allocation_status,
                is_finished=False,
            )
        detail.status, detail.ended_at = SUCCESS, share.finished_at or journal.now
        detail.out_detail_no = share.out_detail_no
        detail.error_code = detail.error_message = ""
        journal.money(
            row, LedgerEntry.Kind.SHARE, detail.amount, detail.ended_at, order_no=detail.detail_no
        )
    elif share.state is ShareState.FAILED and detail.status == PENDING:
        detail.status, detail.ended_at = FAIL, share.finished_at or journal.now
        detail.error_code, detail.error_message = share.code[:64], share.message[:256]
    else:
        return False
    journal.changed(detail)
    return True


def _refuse(
    row: AllocationOrder, call: ChannelCall, result: Result, journal: Journal, actor: Actor
) -> None:
    """The whole request was refused: every share that it carried failed."""
    details = loaded(row)
    for detail in details:
        if detail.status == PENDING:
            detail.status, detail.ended_at = FAIL, journal.now
            detail.error_code, detail.error_message = result.code[:64], result.message[:256]
            journal.changed(detail)
    row.error_code, row.error_message = result.code[:64], result.message[:256]
    _conclude(row, details, call, journal, actor)


def _conclude(
    row: AllocationOrder,
    details: list[AllocationDetail],
    call: ChannelCall,
    journal: Journal,
    actor: Actor,
) -> bool:
    """No share is pending any more: name the result and settle the pay order's sums."""
    if row.status not in (AllocationOrder.Status.PROCESSING, AllocationOrder.Status.ALLOC_FAILED):
        return False
    done = [detail for detail in details if detail.status == SUCCESS]
    failed = [detail for detail in details if detail.status == FAIL]
    before = row.status
    row.result = _result(done, failed)
    code, message = row.error_code, row.error_message
    if not done:
        if before != AllocationOrder.Status.PROCESSING:
            return False
        first = failed[0]
        row.fail(journal.now, code or first.error_code, message or first.error_message)
    elif row.finishes:
        row.end_finished(journal.now)
    else:
        row.end(journal.now)
    released = sum(d.amount for d in failed if d.send_no == row.send_no)
    if before == AllocationOrder.Status.ALLOC_FAILED:
        released = 0  # was given back when it failed
    row.pay_order.count_shares(
        released=released,
        status=pay_status(row.pay_order, row, details),
        is_finished=row.finishes and bool(done),
    )
    kind = "shared" if done else "allocation_failed"
    amount = sum(detail.amount for detail in done)
    journal.event(row, kind, actor, before=before, amount=amount, call=call)
    journal.notice(row, f"allocation.{row.result}")
    journal.changed(row.pay_order)
    if done and not row.finishes and row.application.auto_finish and _can_finish(row):
        begin_finish(row, journal, actors.clock())
    return True


def _result(done: list[AllocationDetail], failed: list[AllocationDetail]) -> str:
    if not failed:
        return AllocationOrder.Result.ALL_SUCCESS
    return AllocationOrder.Result.PART_SUCCESS if done else AllocationOrder.Result.ALL_FAILED


def _can_finish(row: AllocationOrder) -> bool:
    return registry.get(row.channel).capabilities.allocation_finish


def pay_status(order: PayOrder, row: AllocationOrder, details: list[AllocationDetail]) -> str:
    """How the pay order stands after ``row`` concluded with ``details``."""
    others = AllocationDetail.objects.filter(allocation__pay_order=order).exclude(allocation=row)
    statuses = set(others.values_list("status", flat=True).distinct())
    statuses |= {detail.status for detail in details}
    status = PayOrder.AllocationStatus
    if PENDING in statuses:
        return status.PROCESSING
    if SUCCESS not in statuses:
        return status.FAILED
    return status.PARTIAL if FAIL in statuses else status.DONE


# --- finishing ----------------------------------------------------------------------------


def _settle_finish(
    row: AllocationOrder, call: ChannelCall, result: Result, journal: Journal, actor: Actor
) -> None:
    if not row.is_finishing:
        return
    before = row.status
    is_over = result.outcome is Outcome.DONE and result.state is AllocationState.FINISHED
    if is_over:
        row.end_finish(journal.now)
        row.pay_order.count_shares(
            released=0, status=row.pay_order.allocation_status, is_finished=True
        )
        journal.event(row, "finished", actor, before=before, call=call)
        journal.notice(row, "allocation.finished")
        journal.changed(row.pay_order)
    elif result.outcome is Outcome.REFUSED and not _was_doubted(row, call):
        row.fail_finish(journal.now, result.code, result.message)
        data = {"code": result.code}
        journal.event(
            row, "finish_failed", actor, before=before, reason=result.message, call=call, data=data
        )
    elif _finish_is_absent(call, result) and not journal.has_open_call(row, queries=False):
        journal.call(row, Kind.FINISH_ALLOCATION, actor)  # its number makes it happen once


def _finish_is_absent(call: ChannelCall, result: Result) -> bool:
    return call.kind == Kind.QUERY_FINISH and result.state is AllocationState.NOT_FOUND


def _was_doubted(row: AllocationOrder, call: ChannelCall) -> bool:
    """Whether an earlier request under this finish number may have been done."""
    earlier = ChannelCall.objects.filter(
        order_no=row.allocation_no, kind=Kind.FINISH_ALLOCATION, pk__lt=call.pk
    )
    return earlier.exclude(outcome__in=[Outcome.NOT_SENT, Outcome.REFUSED]).exists()
