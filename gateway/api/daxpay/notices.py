"""DaxPay's merchant notices: ``pay.success`` and its like. Used through ``orders.dialects``.

The body is what the query answers at that moment, members sorted (``SystemPayloadBuilder``); it is
signed anew at each attempt with the platform's key, by the rule of the answers. The merchant has it
when he answers 2xx with the one word SUCCESS.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from gateway.api.daxpay import render, signing
from orders.actor import Door
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

EVENTS: Mapping[str, str] = {
    "pay_order.success": "pay.success",
    "pay_order.failed": "pay.fail",
    "pay_order.closed": "pay.close",
    "pay_order.cancelled": "pay.cancel",
    "refund.success": "refund.success",
    "refund.failed": "refund.fail",
    "refund.closed": "refund.close",
    "transfer.success": "transfer.success",
    "transfer.failed": "transfer.fail",
    "transfer.closed": "transfer.close",
    "allocation.all_success": "alloc.success",
    "allocation.part_success": "alloc.partial",
    "allocation.all_failed": "alloc.fail",
}
"""Our kinds → ``NoticeEventEnum``; its published version has pay.* and refund.* only, the others
are named alike. DaxPay has none of the rest (a payee that is waited for, a finished allocation)."""
TIMEOUT = "pay.timeout"

DATA: Mapping[type, Callable[[Any], render.Data]] = {
    PayOrder: render.pay_order,
    RefundOrder: render.refund,
    TransferOrder: render.transfer,
    AllocationOrder: render.allocation,
}


def body(order: Any, kind: str, now: datetime) -> str | None:
    """``{"data", "event"}``, or None where DaxPay has no such notice."""
    event, data = EVENTS.get(kind), DATA.get(type(order))
    if event is None or data is None:
        return None
    if event == "pay.close" and _ran_out(order):
        event = TIMEOUT
    return _dump({"event": event, "data": data(order)})


def _ran_out(order: PayOrder) -> bool:
    """Nobody closed it but its time (``CloseType`` timeout)."""
    ended = order.ended_at is not None and order.ended_at >= order.expires_at
    return ended or order.intent_by == Door.CLOCK


def sample(application: Application, now: datetime) -> str:
    """A ``pay.success`` of no order, to try a receiver with."""
    data = {"bizOrderNo": "TEST", "amount": 1, "status": "success", "title": "test"}
    return _dump({"event": "pay.success", "data": data})


def envelope(letter: Letter, now: datetime) -> Envelope:
    """Raises ValueError where the platform's key is missing or cannot be read."""
    told: dict[str, Any] = {
        "code": 0,
        "msg": "success",
        **json.loads(letter.body),
        "protocol": "system",
        "mchNo": letter.mch_no,
        "appId": letter.app_id,
        "resTime": render.beijing(now),
        "reqId": letter.notice_id,
    }
    told["sign"] = signing.sign(told, letter.keys.get("platform_private_key_pem", ""))
    content = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return Envelope(headers={"Content-Type": "application/json; charset=utf-8"}, body=content)


def accepts(status: int, answer: str) -> bool:
    """2xx and the one word, whatever its letters' size (``HttpTransportSender``)."""
    return 200 <= status < 300 and answer.strip().upper() == ACKNOWLEDGED


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
