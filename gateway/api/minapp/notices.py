"""What a merchant of this door is told: the body of 知晓云's payment trigger (trigger.md).

Called through ``orders.dialects``. 知晓云 ran the merchant's own function and signed nothing; here
the body goes over the network, so it carries the house's Standard Webhooks headers too, and a
merchant who checks no signature may ignore them. ``id`` is the integer that its table says.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from gateway.api.minapp import render, words
from orders import standard
from orders.dialects import Envelope, Letter
from orders.models import Application, PayOrder, RefundOrder
from orders.money import yuan

DOOR_KEY = ""


def body(order: Any, kind: str, now: datetime) -> str | None:
    """About a payment that ended, and about a refund that was done; the trigger knows no other.
    Reads loaded fields (of a refund also ``pay_order``)."""
    if isinstance(order, PayOrder):
        return _write(order, now)
    if isinstance(order, RefundOrder) and kind == "refund.success":
        return _write(order.pay_order, now)
    return None


def sample(application: Application, now: datetime) -> str:
    """A body that tells of no order."""
    return _dump({"event": standard.TEST, "miniapp": application.pk, "created_at": _at(now)})


def envelope(letter: Letter, now: datetime) -> Envelope:
    """Raises ValueError when the application has no readable webhook secret."""
    return standard.envelope(letter, now)


def accepts(status: int, answer: str) -> bool:
    """Any 2xx."""
    return 200 <= status < 300


def _write(order: PayOrder, now: datetime) -> str:
    told = words.told(order)
    rest = _dump(
        {
            "id": order.pk,
            "trade_no": order.order_no,
            "transaction_no": order.biz_order_no,
            "status": words.STATUS[order.status],
            "refund_status": words.refund_status(order),
            "refund_amount": str(yuan(order.refunded)),
            "gateway_type": words.gateway_type(order),
            "currency_type": order.currency,
            "merchandise_description": order.title,
            "merchandise_record_id": told.get("merchandise_record_id"),
            "merchandise_schema_id": told.get("merchandise_schema_id"),
            "merchandise_snapshot": render.snapshot(order),
            "ip_address": order.client_ip,
            "created_by": told.get("created_by_id"),
            "miniapp": order.application_id,
            "created_at": _at(order.created_at),
            "updated_at": _at(now),
            "paid_at": render.seconds(order.paid_at),
        }
    )
    # A JSON number of yuan (``0.01``), exactly: Python writes those from floats only.
    return f'{{"total_cost":{yuan(order.amount)},{rest[1:]}'


def _at(at: datetime) -> int:
    return int(at.timestamp())


def _dump(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
