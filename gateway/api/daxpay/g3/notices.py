"""G3's merchant notices (DaxNoticeResult). Used through ``orders.dialects``.

``data`` is what the query answers at that moment; signed with the application's secret at each
attempt. The merchant has it when he answers the one word SUCCESS, whatever his HTTP status.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway.api.daxpay.g3 import render, signing
from gateway.api.daxpay.g3.frame import style_of
from gateway.api.daxpay.render import beijing
from orders.dialects import Envelope, Letter
from orders.models import (
    AllocationOrder,
    Application,
    DoorKey,
    PayOrder,
    RefundOrder,
    TransferOrder,
)

DOOR_KEY = DoorKey.Dialect.DAXPAY.value
ACKNOWLEDGED = "SUCCESS"
NOT_TOLD = frozenset({"transfer.waiting"})
"""DaxPay has no such notice."""

TYPES: Mapping[type, tuple[str, Callable[[Any], render.Data]]] = {
    PayOrder: ("pay", render.pay_order),
    RefundOrder: ("refund", render.refund),
    TransferOrder: ("transfer", render.transfer),
    AllocationOrder: ("allocation", render.allocation),
}
"""``NotifyContentTypeEnum``; what happened is told by the status in ``data``."""


def body(order: Any, kind: str, now: datetime) -> str | None:
    """``{"noticeType", "data"}``, or None where DaxPay has no such notice."""
    known = TYPES.get(type(order))
    if known is None or kind in NOT_TOLD:
        return None
    name, data = known
    return render.dump({"noticeType": name, "data": data(order)})


def sample(application: Application, now: datetime) -> str:
    """A ``pay`` of no order, to try a receiver with."""
    data = {"bizOrderNo": "TEST", "title": "test", "amount": Decimal("0.01"), "status": "success"}
    return render.dump({"noticeType": "pay", "data": data})


def envelope(letter: Letter, now: datetime) -> Envelope:
    """Raises ValueError where the application has no secret."""
    secret = letter.keys.get("g3_secret", "")
    if not secret:
        raise ValueError("the application has no G3 secret")
    told = json.loads(letter.body, parse_float=Decimal)
    message: dict[str, Any] = {
        "code": 0,
        "msg": "success",
        "data": told["data"],
        "sign": None,
        "resTime": beijing(now),
        "traceId": letter.notice_id,
        "noticeType": told["noticeType"],
        "mchNo": letter.mch_no,
        "appId": letter.app_id,
    }
    message["sign"] = signing.sign(message, secret, style_of(letter.keys))
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return Envelope(headers=headers, body=render.dump(message).encode())


def accepts(status: int, answer: str) -> bool:
    """The one word, whatever its letters' size; the status does not count (``MerchantNotice``)."""
    return answer.strip().upper() == ACKNOWLEDGED
