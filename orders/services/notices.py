"""What a merchant is told, written in the transaction of the change that it tells of.

Delivering is the engine's work (``orders.engine.notices``).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from orders import facts
from orders.models import (
    AllocationOrder,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    ShareReturn,
    TransferOrder,
)

FACTS: dict[type, Callable[[Any], dict[str, Any]]] = {
    PayOrder: lambda order: facts.pay_order(order, with_pay_params=False),
    RefundOrder: facts.refund,
    TransferOrder: facts.transfer,
    AllocationOrder: facts.allocation,
    ShareReturn: facts.share_return,
}


def write(order: Any, kind: str, now: datetime) -> MerchantNotice | None:
    """The outbox row of one change, or None where nobody gave an address to tell.

    ``kind`` is the Standard Webhooks event type, e.g. ``pay_order.success``.
    """
    pay_order = None if isinstance(order, TransferOrder | PayOrder) else order.pay_order
    of_payment = pay_order.notify_url if pay_order else ""
    # An operator's refund names no address: whoever was told of the payment is told of it.
    url = order.notify_url or of_payment or order.application.notify_url
    if not url:
        return None
    body = {"type": kind, "timestamp": facts.iso(now), "data": FACTS[type(order)](order)}
    head = (
        {"transfer": order}
        if isinstance(order, TransferOrder)
        else {"pay_order": order if isinstance(order, PayOrder) else order.pay_order}
    )
    return MerchantNotice(
        **head,
        application_id=order.application_id,
        order_no=order.number,
        kind=kind,
        notice_id=f"msg_{uuid.uuid4().hex}",
        url=url,
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        due_at=now,
        created_at=now,
    )
