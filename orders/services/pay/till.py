"""What is different for an order that is paid by a code which the merchant scanned (付款码).

It can be placed once: the code is good for a minute and for one request, and nobody keeps it. So
whatever becomes of that request, another is never made; a doubt is asked about, closely at first,
because customer and cashier wait for it. Pure; used by the other files of this package.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from channels.base import Method
from orders.engine import ladder
from orders.models import PayOrder
from orders.rules import can_cancel, capabilities

TIME_TO_PAY = timedelta(minutes=2)
"""A customer who is asked for his password has this long; then the order is ended at the channel.
Providers advise 30 s to a minute (WeChat Pay 付款码支付: 30 to 45 s), and Alipay takes no expiry of
less than a minute."""


def is_scanned(order: PayOrder) -> bool:
    """Whether ``order`` is paid by a scanned code, and so can never be placed again."""
    return order.method == Method.BARCODE


def next_check(order: PayOrder, now: datetime) -> datetime:
    """When to ask about ``order`` after the checks that were made."""
    steps = ladder.TILL_CHECKS if is_scanned(order) else ladder.CHECKS
    return ladder.next_check(order.check_count, now, steps=steps)


def intent_at_expiry(order: PayOrder) -> PayOrder.Intent:
    """How the clock ends an order that its customer did not pay in time.

    Alipay (alipay.trade.pay) and WeChat Pay (付款码, whose orders cannot be closed) want a scanned
    order cancelled when its customer takes too long; where a cancel takes only paid orders it is
    closed.
    """
    cancels = is_scanned(order) and can_cancel(order) and capabilities(order).cancel_unpaid
    return PayOrder.Intent.CANCEL if cancels else PayOrder.Intent.CLOSE
