"""Rules and notes of sharing money: allocations, their finishing, their returns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from orders.errors import Refusal
from orders.money import format_yuan
from orders.rules.core import Note, Rule, capabilities, why_not

channel_shares = Rule(
    "channel_cannot_share",
    lambda order: capabilities(order).allocation,
    N_("This channel cannot share money."),
)
sharing_allowed = Rule(
    "sharing_not_allowed",
    lambda order: order.allocation_status != order.AllocationStatus.NONE,
    N_("The order was made without sharing, so its money was never set aside for it."),
)
sharing_not_finished = Rule(
    "sharing_finished",
    lambda order: not order.allocation_is_finished,
    N_("Sharing of this order is finished; the rest of its money was set free."),
)
no_sharing_in_flight = Rule(
    "sharing_in_flight",
    lambda order: order.allocation_status != order.AllocationStatus.PROCESSING,
    N_("A sharing of this order is not finished yet; there can be one at a time."),
)
something_to_share = Rule(
    "nothing_to_share",
    lambda order: order.shareable > 0,
    N_(
        "Nothing is left to share: of %(paid)s paid, %(shared)s was shared and %(refunded)s "
        "refunded, and the channel shares at most %(ratio)s %% of what was not refunded."
    ),
    lambda order: {
        "paid": format_yuan(order.paid_amount or 0),
        "shared": format_yuan(order.shared),
        "refunded": format_yuan(order.refunded + order.refunding),
        "ratio": percent(capabilities(order).allocation_max_ratio or 10_000),
    },
)


def percent(ten_thousandths: int) -> str:
    """``3000`` → ``30``, ``1250`` → ``12.5``."""
    whole, part = divmod(ten_thousandths, 100)
    return f"{whole}.{part:02d}".rstrip("0").rstrip(".")


def sharing_wait(order: Any) -> timedelta:
    """How long after payment the channel wants us to wait before it shares."""
    if order.paid_at is None:
        return timedelta(0)
    earliest: datetime = order.paid_at + timedelta(seconds=capabilities(order).allocation_after)
    return max(timedelta(0), earliest - timezone.now())


def _within_allocation_days(order: Any) -> bool:
    days = capabilities(order).allocation_days
    return days is None or (
        order.paid_at is not None and timezone.now() <= order.paid_at + timedelta(days=days)
    )


within_allocation_days = Rule(
    "sharing_too_late",
    _within_allocation_days,
    N_("The channel shares within %(days)s days of payment; this order was paid on %(paid_on)s."),
    lambda order: {
        "days": capabilities(order).allocation_days,
        "paid_on": timezone.localtime(order.paid_at).date() if order.paid_at else "-",
    },
)


def _below_allocation_count(order: Any) -> bool:
    most = capabilities(order).allocation_max_count
    return most is None or order.allocation_count < most


below_allocation_count = Rule(
    "too_many_sharings",
    _below_allocation_count,
    N_("The channel shares one order at most %(most)s times and %(count)s were made."),
    lambda order: {
        "most": capabilities(order).allocation_max_count,
        "count": order.allocation_count,
    },
)
waits_for_sharing = Note(
    "sharing_waits",
    lambda order: sharing_wait(order) > timedelta(0),
    N_(
        "The channel wants time between payment and sharing; "
        "this will be sent in %(seconds)s seconds."
    ),
    lambda order: {"seconds": int(sharing_wait(order).total_seconds()) + 1},
)


def _allocation_resend_is_safe(order: Any) -> bool:
    never_left = not order.is_at_channel
    ended = order.status in ("alloc_end", "alloc_failed")
    return (
        ended or capabilities(order).allocation_idempotent or order.is_proved_absent or never_left
    )


allocation_resend_is_safe = Rule(
    "resend_unsafe",
    _allocation_resend_is_safe,
    N_(
        "This channel may share twice when asked twice. Sync first: "
        "a retry is possible once the channel says that it does not know the request."
    ),
)
not_finishing = Rule(
    "already_ending",
    lambda allocation: not allocation.is_finishing,
    N_("Finishing was already asked for and is under way; its result is being awaited."),
)
some_share_failed = Rule(
    "no_share_failed",
    lambda allocation: allocation.status == "processing" or allocation.result != "all_success",
    N_("Every share of this allocation succeeded; there is nothing to repeat."),
)


@dataclass(frozen=True)
class _AsSharing(Rule):
    """What failed is shared anew, so the pay order must allow it, with its own sentence."""

    def refusal(self, order: Any) -> Refusal:
        return why_not(order.pay_order, "allocate") or super().refusal(order)


failed_may_be_shared = _AsSharing(
    "sharing_not_possible",
    lambda allocation: (
        allocation.status == "processing" or why_not(allocation.pay_order, "allocate") is None
    ),
    N_("The order can be shared no more."),
)
channel_finishes = Rule(
    "channel_cannot_finish",
    lambda allocation: capabilities(allocation).allocation_finish,
    N_("This channel has no finishing."),
)
