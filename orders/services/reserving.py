"""Write a refund of a locked pay order: reserve its amount and have it sent.

Called by every service whose work gives money back: refunds, returns of shares, anomalies, store
orders, and the settling of a payment that went back by itself; never by a door. Decides nothing:
the caller has asked the rules under the pay order's lock.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from orders.actor import Actor
from orders.engine import ladder
from orders.models import ChannelCall, PayOrder, RefundOrder
from orders.numbers import PREFIX_REFUND, new_number
from orders.rules import refund_wait

if TYPE_CHECKING:
    from orders.services.journal import Journal


def refund(
    order: PayOrder,
    journal: Journal,
    actor: Actor,
    *,
    amount: int,
    reason: str,
    biz_refund_no: str = "",
    notify_url: str = "",
    door_data: dict[str, Any] | None = None,
    waits_for_returns: bool = False,
) -> RefundOrder:
    """Insert the refund of ``amount`` fen; the caller saves the journal.

    ``waits_for_returns``: nothing is sent until the shares that it needs have come back. Raises
    IntegrityError where ``biz_refund_no`` is taken.
    """
    # The channel's pause between two refunds is waited out by the call, not by people.
    send_at = journal.now + refund_wait(order)
    row = new(
        order,
        actor,
        journal.now,
        amount=amount,
        biz_refund_no=biz_refund_no,
        reason=reason,
        notify_url=notify_url,
        door_data=door_data or {},
        is_sending=not waits_for_returns,
        waits_for_returns=waits_for_returns,
        next_check_at=ladder.next_check(0, send_at),
    )
    order.refund(amount)
    row.save(force_insert=True)
    journal.event(row, "refund_requested", actor, amount=amount, reason=reason)
    if not waits_for_returns:
        journal.call(row, ChannelCall.Kind.REFUND, actor, due_at=send_at)
    journal.changed(order)
    return row


def new(
    order: PayOrder,
    actor: Actor,
    now: datetime,
    *,
    amount: int,
    biz_refund_no: str = "",
    **columns: Any,
) -> RefundOrder:
    """A refund of ``order``, not yet written and nothing reserved.

    Our own number stands in for a merchant's that was not given.
    """
    refund_no = new_number(PREFIX_REFUND, now)
    return RefundOrder(
        refund_no=refund_no,
        biz_refund_no=biz_refund_no or refund_no,
        pay_order=order,
        merchant_id=order.merchant_id,
        application=order.application,
        account=order.account,
        channel=order.channel,
        amount=amount,
        currency=order.currency,
        door=actor.door,
        asked_by=actor.name,
        created_at=now,
        **columns,
    )
