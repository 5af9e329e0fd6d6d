"""The house's own notices, as Standard Webhooks writes them. Used through ``orders.dialects``."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from orders import facts
from orders.dialects import Envelope, Letter
from orders.models import (
    AllocationOrder,
    Application,
    PayOrder,
    RefundOrder,
    ShareReturn,
    TransferOrder,
)
from orders.models.store import StoreOrder

DOOR_KEY = ""
TEST = "notice.test"
_PREFIX = "whsec_"

FACTS: dict[type, Callable[[Any], dict[str, Any]]] = {
    PayOrder: facts.pay_order,
    RefundOrder: facts.refund,
    TransferOrder: facts.transfer,
    AllocationOrder: facts.allocation,
    ShareReturn: facts.share_return,
    StoreOrder: facts.store_order,
}


def body(order: Any, kind: str, now: datetime) -> str:
    """``{"type", "timestamp", "data"}``; ``data`` is what the API answers."""
    told = {"type": kind, "timestamp": facts.iso(now), "data": FACTS[type(order)](order)}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def sample(application: Application, now: datetime) -> str:
    """``notice.test``; ``data`` names the application."""
    data = {"mch_no": application.merchant.mch_no, "app_id": application.app_id}
    told = {"type": TEST, "timestamp": facts.iso(now), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def envelope(letter: Letter, now: datetime) -> Envelope:
    """Raises ValueError when the application has no readable webhook secret."""
    timestamp = int(now.timestamp())
    content = letter.body.encode()
    signature = sign(
        letter.keys.get("webhook_secret", ""),
        notice_id=letter.notice_id,
        timestamp=timestamp,
        body=content,
    )
    return Envelope(
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "webhook-id": letter.notice_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature,
        },
        body=content,
    )


def accepts(status: int, answer: str) -> bool:
    """Any 2xx (Standard Webhooks, "Return status codes")."""
    return 200 <= status < 300


def sign(secret: str, *, notice_id: str, timestamp: int, body: bytes) -> str:
    """``v1,`` + base64 HMAC-SHA256 over "id.timestamp.body" (Standard Webhooks, "Signature
    scheme"). Raises ValueError when the secret is not ``whsec_`` + base64."""
    if not secret.startswith(_PREFIX):
        raise ValueError("the application has no webhook secret")
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("the application's webhook secret is not base64") from None
    signed = f"{notice_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
