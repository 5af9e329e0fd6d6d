"""Start an allocation: who gets what, checked under the pay order's lock, written, sent.

Named receivers come before a named group, and that before the default group. A share by rate is
rounded down and a share of nothing is ignored; named amounts are exact (SPEC 1.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from orders import locks
from orders.actor import Actor
from orders.engine import ladder
from orders.errors import Conflict, InvalidInput, NotFound, OperationRefused
from orders.models import (
    AllocationDetail,
    AllocationGroup,
    AllocationOrder,
    AllocationReceiver,
    Application,
    ChannelCall,
    PayOrder,
)
from orders.money import format_yuan
from orders.numbers import PREFIX_ALLOCATION, new_number
from orders.rules import capabilities, sharing_wait, why_not
from orders.services import fields
from orders.services.journal import Journal

DEFAULT_TITLE = "分账"


@dataclass(frozen=True, kw_only=True)
class AskedShare:
    """A receiver by its number, and exactly what it gets in fen."""

    receiver_no: str
    amount: int


@dataclass(frozen=True, kw_only=True)
class _Part:
    receiver: AllocationReceiver
    amount: int
    rate: int | None = None


def request_allocation(
    order_no: str,
    actor: Actor,
    *,
    shares: Sequence[AskedShare] = (),
    group_no: str = "",
    biz_allocation_no: str = "",
    title: str = "",
    finishes: bool = False,
    notify_url: str = "",
    application: Application | None = None,
    door_data: dict[str, Any] | None = None,
) -> AllocationOrder:
    """分账: set the shares aside and have them sent.

    Repeating ``biz_allocation_no`` with the same order, shares and finish returns the allocation
    that it made. Raises NotFound, InvalidInput, Conflict, OperationRefused.
    """
    same = (order_no, shares, group_no, finishes, biz_allocation_no, application)
    existing = _existing(*same)
    if existing is not None:
        return existing
    try:
        return _write(
            order_no, actor, shares, group_no, biz_allocation_no, title, finishes, notify_url,
            application, door_data,
        )  # fmt: skip
    except (IntegrityError, OperationRefused):
        existing = _existing(*same)  # somebody was faster
        if existing is None:
            raise
        return existing


def _existing(
    order_no: str,
    shares: Sequence[AskedShare],
    group_no: str,
    finishes: bool,
    biz_allocation_no: str,
    application: Application | None,
) -> AllocationOrder | None:
    """The allocation that already has the merchant's number. Raises Conflict where it differs."""
    if not biz_allocation_no or application is None:
        return None
    row = (
        AllocationOrder.objects.select_related("pay_order", "group")
        .filter(application=application, biz_allocation_no=biz_allocation_no)
        .first()
    )
    if row is None:
        return None
    named = {}
    if row.group is None:
        named = dict(row.details.values_list("receiver__receiver_no", "amount"))
    for field, is_same in (
        ("order_no", row.pay_order.order_no == order_no),
        ("shares", {share.receiver_no: share.amount for share in shares} == named),
        ("group_no", group_no in ("", row.group.group_no if row.group else "")),
        ("finish", row.finishes == finishes),
    ):
        if not is_same:
            raise Conflict("biz_allocation_no", biz_allocation_no, field)
    return row


def preview(order: PayOrder) -> tuple[AllocationGroup | None, list[tuple[AllocationReceiver, int]]]:
    """Whom ``request_allocation`` would give how much by the default group. Raises InvalidInput."""
    group, parts = _parts(order, (), "")
    return group, [(part.receiver, part.amount) for part in parts]


@transaction.atomic(durable=True)
def _write(
    order_no: str,
    actor: Actor,
    shares: Sequence[AskedShare],
    group_no: str,
    biz_allocation_no: str,
    title: str,
    finishes: bool,
    notify_url: str,
    application: Application | None,
    door_data: dict[str, Any] | None,
) -> AllocationOrder:
    order = locks.pay_order(order_no, application)
    refusal = why_not(order, "allocate", actor.user)
    if refusal is not None:
        raise OperationRefused("allocate", refusal)
    _check_fields(biz_allocation_no, title, notify_url)
    group, parts = _parts(order, shares, group_no)
    now = timezone.now()
    send_at = now + sharing_wait(order)
    row = _order(order, group, parts, actor, biz_allocation_no, title, finishes, notify_url)
    row.created_at, row.door_data = now, door_data or {}
    journal = Journal(now)
    if row.amount == 0:
        row.result, row.is_sending = AllocationOrder.Result.ALL_SUCCESS, False
        row.save(force_insert=True)
        order.allocate_at = None
    else:
        order.allocate(row.amount)
        row.next_check_at = ladder.next_check(0, send_at)
        row.save(force_insert=True)
        journal.call(row, ChannelCall.Kind.ALLOCATE, actor, due_at=send_at)
    AllocationDetail.objects.bulk_create(_details(row, parts))
    journal.event(row, "allocation_requested", actor, amount=row.amount)
    journal.changed(order)
    journal.save()
    row.is_new = True
    return row


def _order(
    order: PayOrder,
    group: AllocationGroup | None,
    parts: list[_Part],
    actor: Actor,
    biz_allocation_no: str,
    title: str,
    finishes: bool,
    notify_url: str,
) -> AllocationOrder:
    number = new_number(PREFIX_ALLOCATION, timezone.now())
    amount = sum(part.amount for part in parts)
    status = AllocationOrder.Status
    return AllocationOrder(
        allocation_no=number,
        send_no=number,
        biz_allocation_no=biz_allocation_no or number,
        pay_order=order,
        merchant_id=order.merchant_id,
        application=order.application,
        account=order.account,
        channel=order.channel,
        group=group,
        amount=amount,
        currency=order.currency,
        title=title or DEFAULT_TITLE,
        finishes=finishes,
        status=status.PROCESSING if amount else status.IGNORE,
        notify_url=notify_url,
        door=actor.door,
        asked_by=actor.name,
    )


def _details(row: AllocationOrder, parts: list[_Part]) -> list[AllocationDetail]:
    status = AllocationDetail.Status
    return [
        AllocationDetail(
            allocation=row,
            receiver=part.receiver,
            detail_no=f"{row.allocation_no}-{index}",
            send_no=row.send_no,
            rate=part.rate,
            amount=part.amount,
            status=status.PENDING if part.amount else status.IGNORE,
        )
        for index, part in enumerate(parts, start=1)
    ]


def _parts(
    order: PayOrder, shares: Sequence[AskedShare], group_no: str
) -> tuple[AllocationGroup | None, list[_Part]]:
    """Who gets what. Raises InvalidInput, NotFound."""
    if shares:
        group, parts = None, _named(order, shares)
    else:
        group = _group(order, group_no)
        members = group.members.select_related("receiver").order_by("id")
        paid = order.paid_amount or 0
        parts = [
            _Part(receiver=m.receiver, amount=paid * m.rate // 10_000, rate=m.rate) for m in members
        ]
    _check_parts(order, parts)
    return group, parts


def _named(order: PayOrder, shares: Sequence[AskedShare]) -> list[_Part]:
    receivers = {
        row.receiver_no: row
        for row in AllocationReceiver.objects.filter(
            account=order.account, receiver_no__in=[share.receiver_no for share in shares]
        )
    }
    parts = []
    for share in shares:
        if share.receiver_no not in receivers:
            raise NotFound(share.receiver_no)
        fields.amount(share.amount, order.amount)
        parts.append(_Part(receiver=receivers[share.receiver_no], amount=share.amount))
    return parts


def _group(order: PayOrder, group_no: str) -> AllocationGroup:
    groups = AllocationGroup.objects.filter(application=order.application, channel=order.channel)
    which = {"group_no": group_no} if group_no else {"is_default": True}
    group = groups.filter(**which).first()
    if group is None and group_no:
        raise NotFound(group_no)
    if group is None:
        raise InvalidInput(
            "group_no",
            "no_default_group",
            N_("The application has no default group for channel %(channel)s."),
            {"channel": order.channel},
        )
    return group


def _check_parts(order: PayOrder, parts: list[_Part]) -> None:
    most = capabilities(order).allocation_max_receivers
    if most is not None and len(parts) > most:
        raise InvalidInput(
            "shares",
            "too_many_receivers",
            N_("The channel shares with at most %(most)s receivers at a time, not %(count)s."),
            {"most": most, "count": len(parts)},
        )
    if len({part.receiver.pk for part in parts}) != len(parts):
        raise InvalidInput(
            "shares", "receiver_twice", N_("A receiver may stand in one allocation once.")
        )
    for part in parts:
        if part.receiver.status != AllocationReceiver.Status.BOUND:
            raise InvalidInput(
                "shares",
                "receiver_not_bound",
                N_("Receiver %(receiver)s is not bound at the channel."),
                {"receiver": part.receiver.receiver_no},
            )
    check_total(order, sum(part.amount for part in parts))


def check_total(order: PayOrder, total: int) -> None:
    """Whether ``total`` fen of the order may still be shared, also asked before receivers are made
    known to the channel. Raises InvalidInput."""
    if total > order.shareable:
        raise InvalidInput(
            "shares",
            "exceeds_shareable",
            N_("%(total)s is more than the %(shareable)s that can still be shared."),
            {"total": format_yuan(total), "shareable": format_yuan(order.shareable)},
        )


def _check_fields(biz_allocation_no: str, title: str, notify_url: str) -> None:
    if biz_allocation_no:
        fields.biz_number("biz_allocation_no", biz_allocation_no)
    fields.text("title", title, longest=80, plain=True)
    fields.url("notify_url", notify_url)
