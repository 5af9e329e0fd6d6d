"""Sync, retry and finish an allocation, asked for by an operator or a merchant."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from orders import locks
from orders.actor import Actor
from orders.engine import ladder
from orders.errors import OperationRefused, Refusal
from orders.models import AllocationDetail, AllocationOrder, Application, ChannelCall
from orders.money import format_yuan
from orders.numbers import PREFIX_ALLOCATION, new_number
from orders.rules import why_not
from orders.services import finding
from orders.services.allocation.settle import begin_finish
from orders.services.journal import Journal


def find(number: str, *, application: Application | None = None) -> AllocationOrder:
    """By our number, or ``biz:`` + the merchant's within ``application``. Raises NotFound."""
    rows = AllocationOrder.objects.select_related("pay_order", "account", "application")
    return finding.by_number(rows, number, application, column="allocation_no")


@transaction.atomic(durable=True)
def request_sync(
    allocation_no: str, actor: Actor, *, application: Application | None = None, reply_to: str = ""
) -> AllocationOrder:
    """同步: ask the channel once, ahead of the clock. Raises NotFound, OperationRefused."""
    row, journal = _begin(allocation_no, "sync", actor, application)
    row.sync()
    if not journal.has_open_call(row, queries=True):
        kinds = ChannelCall.Kind
        kind = kinds.QUERY_FINISH if row.is_finishing else kinds.QUERY_ALLOCATION
        journal.event(row, "sync_requested", actor)
        journal.call(row, kind, actor, reply_to=reply_to)
    journal.changed(row)
    journal.save()
    return row


@transaction.atomic(durable=True)
def request_retry(
    allocation_no: str, actor: Actor, *, application: Application | None = None
) -> AllocationOrder:
    """重试: only the shares that failed, as a new request; while its result is unknown, the same
    request again where the channel dedupes it.

    Raises NotFound, OperationRefused.
    """
    row, journal = _begin(allocation_no, "retry", actor, application)
    before = row.status
    if before == AllocationOrder.Status.PROCESSING:
        row.retry(row.send_no)
        row.is_at_channel = True
    else:
        _reserve_failed(row, journal)
    row.next_check_at = ladder.next_check(0, journal.now)
    journal.event(row, "retry_requested", actor, before=before)
    journal.call(row, ChannelCall.Kind.ALLOCATE, actor)
    journal.changed(row)
    journal.save()
    return row


def _reserve_failed(row: AllocationOrder, journal: Journal) -> None:
    """Set the failed shares aside again under a new number at the channel."""
    failed = list(row.details.filter(status=AllocationDetail.Status.FAIL).order_by("id"))
    amount = sum(detail.amount for detail in failed)
    order = row.pay_order
    if amount > order.shareable:
        refusal = Refusal(
            code="exceeds_shareable",
            msgid=N_("%(total)s is more than the %(shareable)s that can still be shared."),
            params={"total": format_yuan(amount), "shareable": format_yuan(order.shareable)},
        )
        raise OperationRefused("retry", refusal)
    row.retry(new_number(PREFIX_ALLOCATION, journal.now))
    order.allocate(amount)
    for detail in failed:
        detail.status, detail.ended_at = AllocationDetail.Status.PENDING, None
        detail.send_no = row.send_no
        detail.error_code = detail.error_message = ""
        journal.changed(detail)
    journal.changed(order)


@transaction.atomic(durable=True)
def request_finish(
    allocation_no: str, actor: Actor, *, application: Application | None = None
) -> AllocationOrder:
    """完结: nothing more is shared and the rest is set free. Raises NotFound, OperationRefused."""
    row, journal = _begin(allocation_no, "finish", actor, application)
    begin_finish(row, journal, actor)
    journal.save()
    return row


def _begin(
    allocation_no: str, operation: str, actor: Actor, application: Application | None
) -> tuple[AllocationOrder, Journal]:
    """Lock the family and demand that the operation is possible."""
    row = locks.child(AllocationOrder, allocation_no, application)
    refusal = why_not(row, operation, actor.user)
    if refusal is not None:
        raise OperationRefused(operation, refusal)
    return row, Journal(timezone.now())
