"""Rules and notes of pay orders: ending them, asking about them, refunding them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from orders.money import format_yuan
from orders.rules.core import Note, Rule, can_cancel, can_close, capabilities

not_ending = Rule(
    "already_ending",
    lambda order: order.intent == "",
    N_("%(intent)s was already asked for and is under way; its result is being awaited."),
    lambda order: {"intent": order.get_intent_display()},
)
not_frozen = Rule(
    "frozen",
    lambda order: order.frozen_reason == "",
    N_("The order is frozen until it has been looked at: %(reason)s."),
    lambda order: {"reason": order.frozen_reason},
)
channel_closes = Rule(
    "channel_cannot_close",
    can_close,
    N_("The channel cannot close this order; cancel it instead."),
)
channel_cancels_or_closes = Rule(
    "channel_cannot_cancel",
    lambda order: can_cancel(order) or can_close(order),
    N_("This channel can neither cancel nor close orders."),
)
was_asked = Rule(
    "nothing_to_ask",
    lambda order: order.is_at_channel or order.out_order_no != "",
    N_("The channel has not been told of this order yet, so there is nothing to ask."),
)
channel_refunds = Rule(
    "channel_cannot_refund",
    lambda order: capabilities(order).refund,
    N_("This channel cannot refund."),
)
no_refund_in_flight = Rule(
    "refund_in_flight",
    lambda order: order.refunding == 0,
    N_("A refund of %(amount)s is not finished yet; there can be one at a time."),
    lambda order: {"amount": format_yuan(order.refunding)},
    see=lambda order: order.refund_in_flight_no,
)
has_balance = Rule(
    "no_balance",
    lambda order: order.refundable_balance > 0,
    N_("Nothing is left to refund: %(paid)s was paid and %(refunded)s was refunded."),
    lambda order: {
        "paid": format_yuan(order.paid_amount or 0),
        "refunded": format_yuan(order.refunded),
    },
)


def _shared_out(order: Any) -> dict[str, object]:
    """What is shared out, and which returns would bring it back; asked for only on a refusal."""
    from orders.models.allocation import AllocationDetail

    details = AllocationDetail.objects.filter(
        allocation__pay_order_id=order.pk, status=AllocationDetail.Status.SUCCESS
    )
    back = [
        f"{detail.detail_no} ({format_yuan(detail.returnable)})"
        for detail in details.order_by("-id")[:5]
        if detail.returnable
    ]
    return {"shared": format_yuan(order.shared), "returns": ", ".join(back) or "-"}


money_not_shared_out = Rule(
    "money_shared_out",
    lambda order: order.free_balance > 0,
    N_(
        "%(shared)s of the money is shared out, so nothing can be refunded before some of it is "
        "returned: %(returns)s."
    ),
    _shared_out,
)


def _within_refund_days(order: Any) -> bool:
    days = capabilities(order).refund_days
    return days is None or (
        order.paid_at is not None and timezone.now() <= order.paid_at + timedelta(days=days)
    )


within_refund_days = Rule(
    "refund_too_late",
    _within_refund_days,
    N_("The channel refunds within %(days)s days of payment; this order was paid on %(paid_on)s."),
    lambda order: {
        "days": capabilities(order).refund_days,
        "paid_on": timezone.localtime(order.paid_at).date() if order.paid_at else "-",
    },
)


def _below_refund_count(order: Any) -> bool:
    most = capabilities(order).refund_max_count
    return most is None or order.refund_count < most


below_refund_count = Rule(
    "too_many_refunds",
    _below_refund_count,
    N_("The channel takes at most %(most)s refunds per order and %(count)s were made."),
    lambda order: {"most": capabilities(order).refund_max_count, "count": order.refund_count},
)

is_young = Note(
    "close_advised_later",
    lambda order: order.age < timedelta(seconds=capabilities(order).close_advised_after or 0),
    N_(
        "The channel advises to wait %(minutes)s minutes after creation before closing; "
        "if it refuses, the order is asked about and nothing is lost."
    ),
    lambda order: {"minutes": (capabilities(order).close_advised_after or 0) // 60},
)
falls_back_to_close = Note(
    "cancel_falls_back",
    lambda order: not can_cancel(order),
    N_("This channel has no cancel; the order will be closed instead."),
)
cancel_may_refund = Note(
    "cancel_may_refund",
    can_cancel,
    N_("If the customer has paid meanwhile, the channel gives the money back."),
)


def refund_wait(order: Any) -> timedelta:
    """How long the channel wants us to wait before it takes another refund of this order."""
    spacing = capabilities(order).refund_spacing
    if spacing is None or order.last_refund_at is None:
        return timedelta(0)
    spacing = int(order.account.config.get("refund_spacing") or spacing)
    allowed_at: datetime = order.last_refund_at + timedelta(seconds=spacing)
    return max(timedelta(0), allowed_at - timezone.now())


waits_for_spacing = Note(
    "refund_waits",
    lambda order: refund_wait(order) > timedelta(0),
    N_(
        "The channel wants time between two refunds of one order; "
        "this one will be sent in %(seconds)s seconds."
    ),
    lambda order: {"seconds": int(refund_wait(order).total_seconds()) + 1},
)
