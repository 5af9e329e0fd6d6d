"""Rules of store orders: the shop's steps, refund decisions, and whose money it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop as N_

from orders.errors import Refusal
from orders.rules.core import Rule, why_not

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
    return why_not(order.pay_order, "refund")


@dataclass(frozen=True)
class _AsRefund(Rule):
    """The payment's own sentence. Reads the pay order: load it with the store order."""

    def refusal(self, order: Any) -> Refusal:
        return _way_back(order) or super().refusal(order)


money_can_go_back = _AsRefund(
    "refund_not_possible",
    lambda order: _way_back(order) is None,
    N_("The money of this order cannot be given back now."),
)
