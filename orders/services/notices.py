"""What a merchant is told, written in the transaction of the change that it tells of.

Delivering is the engine's work (``orders.engine.notices``).
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from orders import dialects
from orders.models import MerchantNotice, PayOrder, TransferOrder


def write(order: Any, kind: str, now: datetime) -> MerchantNotice | None:
    """The outbox row of one change; None where nobody gave an address to tell, or where the
    dialect has no such notice.

    ``kind`` is the house's own event type, e.g. ``pay_order.success``.
    """
    url, code = dialects.address(order)
    if not url:
        return None
    body = dialects.get(code).body(order, kind, now)
    if body is None:
        return None
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
        dialect=code,
        url=url,
        body=body,
        due_at=now,
        created_at=now,
    )
