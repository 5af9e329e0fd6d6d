"""开个店's pushes: 订单状态变更推送, and 用户申请订单取消/退款 状态变更推送. Used through
``orders.dialects``.

They are posted in the envelope of a request, signed with the platform's key; every value is text.
A reminder (字段描述, timeout: 超时则通知) has no form in the documents: here it is the state of the
order with ``eventType``. ``access_token`` is not sent: it opens this door, and addresses are typed
in by people.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from gateway.api.kaigedian import signing
from gateway.api.kaigedian.fields import to_ms
from orders.dialects import Envelope, Letter
from orders.models import Application, StoreOrder
from orders.models import store_words as words

DOOR_KEY = "kaigedian"
TELLS_OF = (StoreOrder,)
VERSION = "1"
ACCEPTED = "100"
REMINDER = "1"
"""eventType of the reminder, as in 开个店's own later event push."""
REFUND, PREFIX = "store_order.refund_", "store_order."
ENDS = (f"{PREFIX}cancelled", f"{PREFIX}rejected")


def body(order: Any, kind: str, now: datetime) -> str | None:
    """The requestBody; None for anything but a store order: this dialect has no other pushes."""
    if not isinstance(order, StoreOrder):
        return None
    said = {"timeStamp": str(to_ms(now)), "orderCode": order.order_no}
    if kind.startswith(REFUND):
        return _dumps(said | _cancellation(order, "refund"))
    said["orderStatus"] = str(words.code(StoreOrder.Status, order.status))
    if kind == f"{PREFIX}reminder":
        said["eventType"] = REMINDER
    elif kind in ENDS:
        said |= _cancellation(order, "cancel")
    return _dumps(said)


def _cancellation(order: StoreOrder, prefix: str) -> dict[str, str]:
    """``cancelType`` and its like; what there is not is left out (否 in the tables)."""
    facts = {
        "Type": words.code(words.CancelKind, order.cancel_kind),
        "Status": words.code(words.CancelStatus, order.cancel_status),
        "Reason": order.cancel_reason,
    }
    return {f"{prefix}{name}": str(value) for name, value in facts.items() if value}


def sample(application: Application, now: datetime) -> str:
    """A new order that there is not: its number has one digit."""
    said = {"timeStamp": str(to_ms(now)), "orderCode": "0", "orderStatus": "1"}
    return _dumps(said)


def envelope(letter: Letter, now: datetime) -> Envelope:
    """Raises ValueError where the keys are missing or wrong."""
    said = {
        "ver": VERSION,
        "partnerId": letter.keys.get("partner_id", ""),
        "appId": letter.keys.get("app_id", ""),
        "requestBody": letter.body,
    }
    key = letter.keys.get("platform_private_key_pem", "")
    if not key:
        raise ValueError("the application has no keys at this door")
    said[signing.SIGN] = signing.sign(said, key)
    return Envelope(
        headers={
            "Content-Type": "application/json;charset=utf-8",
            "Accept": "application/json;charset=utf-8",
            "x-transaction-id": letter.notice_id,
        },
        body=_dumps(said).encode(),
    )


def accepts(status: int, answer: str) -> bool:
    """HTTP 200 and ``statusCode`` 100, or ``code``: the documents' examples write either."""
    if status != 200:
        return False
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        return False
    if not isinstance(said, dict):
        return False
    code = said.get("statusCode", said.get("code"))
    return isinstance(code, int | str) and str(code).strip() == ACCEPTED


def _dumps(value: dict[str, str]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
