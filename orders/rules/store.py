"""Rules of store orders: the shop's steps, refund decisions, and whose money it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop as N_

from orders.errors import Refusal
from orders.rules.core import Rule, why_not
from orders.rules.pay import money_not_shared_out

no_refund_pending = Rule(
    "refund_pending",
    lambda order: order.cancel_status not in order.PENDING,
    N_("A refund of this order is not finished (%(status)s); until then nothing else happens."),
    lambda order: {"status": order.get_cancel_status_display()},
)
refund_was_asked = Rule(
    "no_refund_asked",
    lambda order: order.cancel_status == "asked",
    N_("No refund of this order is waiting for a decision."),
)
may_be_returned = Rule(
    "not_returnable",
    lambda order: order.can_refund,
    N_("This order was made as one that is not taken back."),
)
pays_at_till = Rule(
    "paid_online",
    lambda order: order.pay_type == "till",
    N_("This order is paid online: it becomes paid when its payment does."),
)
is_brought = Rule(
    "not_for_delivery",
    lambda order: order.kind in order.BROUGHT,
    N_("Only an order for delivery is brought by a courier; this one is “%(kind)s”."),
    lambda order: {"kind": order.get_kind_display()},
)
has_payment = Rule(
    "nothing_to_ask",
    lambda order: order.pay_order_id is not None,
    N_("This order has no payment here, so there is nothing to ask."),
)


def _way_back(order: Any) -> Refusal | None:
    """What forbids giving back the money that this house holds for the order, if anything does.

    A refund of it that failed is repeated with its own number, so then that one's rules count.
    """
    if order.pay_order_id is None or not order.holds_money:
        return None
    if order.pay_order.refunding:
        cancellation = order.cancellations.order_by("-id").first()
        failed = cancellation.refund if cancellation is not None else None
        if failed is not None and failed.status == "fail":
            return why_not(failed, "retry")
    if order.pay_order.shared:  # all of it goes back or nothing
        return money_not_shared_out.refusal(order.pay_order)
    return why_not(order.pay_order, "refund")


def _asking(order: Any) -> Refusal | None:
    """What forbids asking the channel about the payment; a refund under way can be asked about."""
    return None if order.cancel_status == "refunding" else why_not(order.pay_order, "sync")


@dataclass(frozen=True, kw_only=True)
class _AsPayment(Rule):
    """The payment's own sentence. Reads the pay order: load it with the store order."""

    ask: Callable[[Any], Refusal | None]

    def refusal(self, order: Any) -> Refusal:
        return self.ask(order) or super().refusal(order)


def _as_payment(code: str, ask: Callable[[Any], Refusal | None], msgid: str) -> Rule:
    return _AsPayment(code=code, allows=lambda order: ask(order) is None, msgid=msgid, ask=ask)


money_can_go_back = _as_payment(
    "refund_not_possible", _way_back, N_("The money of this order cannot be given back now.")
)
payment_can_be_asked = _as_payment(
    "payment_not_asked", _asking, N_("The channel cannot be asked about the payment now.")
)
