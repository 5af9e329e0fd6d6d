"""回退: fetch a successful share back, alone or because a refund needs the money."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from channels.base import Result
from orders import actor as actors
from orders import locks
from orders.actor import Actor
from orders.engine import ladder
from orders.errors import Conflict, InvalidInput, NotFound, OperationRefused, Refusal
from orders.models import (
    AllocationDetail,
    AllocationOrder,
    Anomaly,
    Application,
    ChannelCall,
    LedgerEntry,
    PayOrder,
    RefundOrder,
    ShareReturn,
)
from orders.money import format_yuan
from orders.numbers import PREFIX_RETURN, new_number
from orders.rules import Rule, capabilities, forbidden, why_not
from orders.services import fields, outgoing, reserving
from orders.services.journal import Journal

Kind = ChannelCall.Kind


class ReturnStory(outgoing.Story):
    noun = "return"
    done = "returned"
    send = Kind.RETURN_SHARE
    query = Kind.QUERY_RETURN
    money = LedgerEntry.Kind.SHARE_BACK
    out_no = "out_return_no"
    late = Anomaly.Kind.RETURN_AFTER_CLOSE

    def is_idempotent(self, order: ShareReturn) -> bool:
        return capabilities(order).allocation_idempotent

    def on_success(self, order: ShareReturn, journal: Journal) -> None:
        detail = order.detail
        detail.returned += order.amount
        detail.returning -= order.amount
        journal.changed(detail)
        refund = _waiting_refund(order)
        if refund is None:
            order.pay_order.count_returned(order.amount)
            journal.changed(order.pay_order)
        elif not _others_under_way(order, refund):
            refund.waits_for_returns, refund.is_sending = False, True
            journal.call(refund, Kind.REFUND, _clock(order))
            journal.changed(refund)

    def on_fail(self, order: ShareReturn, journal: Journal) -> None:
        """The refund that needed this money cannot be made: it ends before anything was sent."""
        refund = _waiting_refund(order)
        if refund is None:
            return
        before = refund.status
        refund.end_closed(journal.now)
        refund.waits_for_returns = False
        order.pay_order.release_refund(refund.amount)
        order.pay_order.count_returned(-_still_out(refund))
        journal.event(refund, "refund_closed", _clock(order), before=before, amount=refund.amount)
        journal.notice(refund, "refund.closed")
        journal.changed(refund)
        journal.changed(order.pay_order)

    def on_release(self, order: ShareReturn, journal: Journal) -> None:
        order.detail.returning -= order.amount
        journal.changed(order.detail)


STORY = ReturnStory()


def settle_return_call(
    row: ShareReturn, call: ChannelCall, result: Result, journal: Journal
) -> None:
    """Apply the end of one call about ``row``, then decide what happens next."""
    outgoing.settle(STORY, row, call, result, journal)


def _within_return_days(detail: AllocationDetail) -> bool:
    days = capabilities(detail.allocation).return_days
    return (
        days is None
        or detail.ended_at is None
        or timezone.now() <= detail.ended_at + timedelta(days=days)
    )


RETURN_RULES = (
    Rule(
        "channel_cannot_return",
        lambda detail: capabilities(detail.allocation).allocation_return,
        N_("This channel returns no shares."),
    ),
    Rule(
        "receiver_cannot_return",
        lambda detail: (
            detail.receiver.receiver_type
            in {kind.value for kind in capabilities(detail.allocation).return_types}
        ),
        N_("The channel fetches nothing back from a receiver named by %(type)s."),
        lambda detail: {"type": detail.receiver.get_receiver_type_display()},
    ),
    Rule(
        "nothing_to_return",
        lambda detail: detail.returnable > 0 or detail.returning > 0,
        N_("Of this share %(amount)s succeeded and %(returned)s came back or is on its way."),
        lambda detail: {
            "amount": format_yuan(detail.amount if detail.status == "success" else 0),
            "returned": format_yuan(detail.returned + detail.returning),
        },
    ),
    Rule(
        "return_in_flight",
        lambda detail: detail.returning == 0,
        N_("A return of %(amount)s of this share is not finished yet."),
        lambda detail: {"amount": format_yuan(detail.returning)},
    ),
    Rule(
        "return_too_late",
        _within_return_days,
        N_("The channel returns shares within %(days)s days."),
        lambda detail: {"days": capabilities(detail.allocation).return_days},
    ),
)


def return_operation(detail: AllocationDetail, user: Any = None) -> Refusal | None:
    """Why a share cannot be fetched back now, or None. The panel and the guard both ask here."""
    for rule in RETURN_RULES:
        if not rule(detail):
            return rule.refusal(detail)
    if user is None or user.has_perm("orders.return_allocationdetail"):
        return None
    return Refusal(code="permission", msgid=N_("Your role may not return shares."))


def request_return(
    detail_no: str,
    actor: Actor,
    *,
    amount: int | None = None,
    reason: str = "",
    biz_return_no: str = "",
    application: Application | None = None,
) -> ShareReturn:
    """Fetch ``amount`` fen of a share back, or all that is left of it.

    Repeating ``biz_return_no`` with the same share and amount returns the return that it made.
    Raises NotFound, InvalidInput, Conflict, OperationRefused.
    """
    try:
        return _write(detail_no, actor, amount, reason, biz_return_no, application)
    except IntegrityError:  # somebody was faster
        return _write(detail_no, actor, amount, reason, biz_return_no, application)


@transaction.atomic(durable=True)
def _write(
    detail_no: str,
    actor: Actor,
    amount: int | None,
    reason: str,
    biz_return_no: str,
    application: Application | None,
) -> ShareReturn:
    detail = _detail(detail_no, application)
    existing = _existing(detail, amount, biz_return_no, application)
    if existing is not None:
        return existing
    refusal = return_operation(detail, actor.user)
    if refusal is not None:
        raise OperationRefused("return", refusal)
    fields.text("reason", reason, longest=80, plain=True)
    if biz_return_no:
        fields.biz_number("biz_return_no", biz_return_no)
    amount = detail.returnable if amount is None else amount
    fields.amount(amount, detail.amount)
    if amount > detail.returnable:
        raise InvalidInput(
            "amount",
            "exceeds_share",
            N_("%(amount)s is more than the %(left)s of this share that is left."),
            {"amount": format_yuan(amount), "left": format_yuan(detail.returnable)},
        )
    journal = Journal(timezone.now())
    row = _return(detail, amount, actor, reason, biz_return_no, None, journal)
    journal.save()
    row.is_new = True
    return row


@transaction.atomic(durable=True)
def request_return_and_refund(
    order_no: str, actor: Actor, *, amount: int, reason: str = ""
) -> RefundOrder:
    """One click: fetch back as much as a refund of ``amount`` fen needs, then refund.

    The refund is reserved now and sent when the last share is back; a share that cannot be fetched
    back closes it before anything was sent. Raises NotFound, InvalidInput, OperationRefused.
    """
    order = locks.pay_order(order_no)
    refusal = why_not(order, "refund", actor.user)
    if refusal is not None and refusal.code == "money_shared_out":
        refusal = forbidden(order, "refund", actor.user)
    if refusal is not None:
        raise OperationRefused("refund", refusal)
    fields.text("reason", reason, longest=80, plain=True)
    fields.amount(amount, order.refundable_balance or 1)
    journal = Journal(timezone.now())
    plan = returns_for(order, amount)
    if plan is None:
        msgid = N_("Not enough of the shared money can be fetched back for %(amount)s.")
        raise OperationRefused(
            "refund",
            Refusal(
                code="cannot_return_enough", msgid=msgid, params={"amount": format_yuan(amount)}
            ),
        )
    for detail, _part in plan:
        refusal = return_operation(detail, actor.user)
        if refusal is not None:
            raise OperationRefused("return", refusal)
    order.count_returned(sum(part for _detail, part in plan))
    refund = reserving.refund(
        order, journal, actor, amount=amount, reason=reason, waits_for_returns=bool(plan)
    )
    for detail, part in plan:
        _return(detail, part, actor, reason, "", refund, journal)
    journal.save()
    return refund


def returns_for(order: PayOrder, amount: int) -> list[tuple[AllocationDetail, int]] | None:
    """Which shares, and how much of each, would free ``amount`` fen; None if they cannot."""
    need = amount - order.free_balance
    plan: list[tuple[AllocationDetail, int]] = []
    details = (
        AllocationDetail.objects.select_related("allocation", "receiver")
        .filter(allocation__pay_order=order, status=AllocationDetail.Status.SUCCESS)
        .order_by("-id")
    )
    for detail in details:
        if need <= 0:
            break
        detail.allocation.pay_order = order
        if return_operation(detail) is None:
            part = min(need, detail.returnable)
            plan.append((detail, part))
            need -= part
    return plan if need <= 0 else None


@transaction.atomic(durable=True)
def request_return_sync(
    return_no: str, actor: Actor, *, application: Application | None = None, reply_to: str = ""
) -> ShareReturn:
    """同步. Raises NotFound, OperationRefused."""
    row, journal = _begin(return_no, "sync", actor, application)
    outgoing.ask_sync(STORY, row, journal, actor, reply_to)
    return row


@transaction.atomic(durable=True)
def request_return_retry(
    return_no: str, actor: Actor, *, application: Application | None = None
) -> ShareReturn:
    """重试. Raises NotFound, OperationRefused."""
    row, journal = _begin(return_no, "retry", actor, application)
    outgoing.ask_retry(STORY, row, journal, actor)
    return row


@transaction.atomic(durable=True)
def request_return_close(
    return_no: str, actor: Actor, *, reason: str = "", application: Application | None = None
) -> ShareReturn:
    """关闭. Raises NotFound, OperationRefused."""
    row, journal = _begin(return_no, "close", actor, application)
    outgoing.ask_close(STORY, row, journal, actor, reason)
    return row


def _begin(
    return_no: str, operation: str, actor: Actor, application: Application | None
) -> tuple[ShareReturn, Journal]:
    """Lock the family and demand that the operation is possible."""
    row = locks.child(ShareReturn, return_no, application)
    refusal = why_not(row, operation, actor.user)
    if refusal is not None:
        raise OperationRefused(operation, refusal)
    return row, Journal(timezone.now())


# --- parts --------------------------------------------------------------------------------


def _return(
    detail: AllocationDetail,
    amount: int,
    actor: Actor,
    reason: str,
    biz_return_no: str,
    refund: RefundOrder | None,
    journal: Journal,
) -> ShareReturn:
    allocation = detail.allocation
    number = new_number(PREFIX_RETURN, journal.now)
    row = ShareReturn(
        return_no=number,
        biz_return_no=biz_return_no or number,
        detail=detail,
        allocation=allocation,
        refund=refund,
        pay_order=allocation.pay_order,
        merchant_id=allocation.merchant_id,
        application=allocation.application,
        account=allocation.account,
        channel=allocation.channel,
        amount=amount,
        currency=allocation.currency,
        reason=reason,
        door=actor.door,
        asked_by=actor.name,
        created_at=journal.now,
        next_check_at=ladder.next_check(0, journal.now),
    )
    row.save(force_insert=True)
    detail.returning += amount
    journal.changed(detail)
    journal.event(row, "return_requested", actor, amount=amount, reason=reason)
    journal.call(row, Kind.RETURN_SHARE, actor)
    return row


def _detail(detail_no: str, application: Application | None) -> AllocationDetail:
    """The share under its family's lock. Raises NotFound."""
    allocation_no = (
        AllocationDetail.objects.filter(detail_no=detail_no)
        .values_list("allocation__allocation_no", flat=True)
        .first()
    )
    if allocation_no is None:
        raise NotFound(detail_no)
    allocation = locks.child(AllocationOrder, allocation_no, application)
    detail = AllocationDetail.objects.select_related("receiver").get(detail_no=detail_no)
    detail.allocation = allocation
    return detail


def _existing(
    detail: AllocationDetail,
    amount: int | None,
    biz_return_no: str,
    application: Application | None,
) -> ShareReturn | None:
    """The return that already has the merchant's number. Raises Conflict where it differs."""
    if not biz_return_no or application is None:
        return None
    row = ShareReturn.objects.filter(application=application, biz_return_no=biz_return_no).first()
    if row is not None:
        if row.detail_id != detail.pk:
            raise Conflict("biz_return_no", biz_return_no, "detail_no")
        if amount is not None and row.amount != amount:
            raise Conflict("biz_return_no", biz_return_no, "amount")
    return row


def _waiting_refund(order: ShareReturn) -> RefundOrder | None:
    """The refund that was reserved together with this return and still waits for it."""
    if order.refund_id is None:
        return None
    refund = locks.children(RefundOrder, [order.refund_id], {order.pay_order_id: order.pay_order})[
        order.refund_id
    ]
    return refund if refund.waits_for_returns else None


def _others_under_way(order: ShareReturn, refund: RefundOrder) -> bool:
    waiting = ShareReturn.objects.filter(refund=refund).exclude(pk=order.pk)
    return waiting.exclude(status=ShareReturn.Status.SUCCESS).exists()


def _still_out(refund: RefundOrder) -> int:
    """Fen of the refund's returns that did not come back and are shared out again."""
    out = ShareReturn.objects.filter(refund=refund).exclude(status=ShareReturn.Status.SUCCESS)
    return sum(out.values_list("amount", flat=True))


def _clock(order: ShareReturn) -> Actor:
    return actors.clock(order.return_no)
