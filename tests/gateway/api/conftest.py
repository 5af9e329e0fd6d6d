"""A client that speaks JSON to the API as one merchant's system does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from orders.models import (
    AllocationGroup,
    AllocationOrder,
    AllocationReceiver,
    ChannelCall,
    Event,
    GroupMember,
    IdempotencyKey,
    PayOrder,
    RefundOrder,
    ShareReturn,
    TransferOrder,
)
from tests import cast

ORDER = {
    "biz_order_no": "SO-1",
    "title": "Tea",
    "amount": 10000,
    "channel": "sandbox",
    "method": "native",
}
REFUND = {"biz_order_no": "SO-1", "biz_refund_no": "SR-1", "amount": 3000, "reason": "sent back"}
TRANSFER = {
    "biz_transfer_no": "ST-1",
    "title": "Bonus",
    "amount": 5000,
    "channel": "sandbox",
    "payee_type": "openid",
    "payee_account": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
    "payee_name": "张三丰",
}
RECEIVER = {
    "channel": "sandbox",
    "receiver_type": "merchant_no",
    "account": "1900000109",
    "name": "Partner Ltd",
    "relation": "SUPPLIER",
}


class Api:
    """``api_key`` goes with every request; bodies are JSON unless they are bytes already."""

    def __init__(self, api_key: str) -> None:
        self.client = Client(headers={"accept-language": "en"})
        self.api_key = api_key

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> HttpResponse:
        return self.client.get(f"/api/v1/{path}", query or {}, headers=self._headers(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        content = body if isinstance(body, bytes) else b"" if body is None else _dump(body)
        content_type = headers.pop("content_type", "application/json")
        return self.client.post(
            f"/api/v1/{path}", content, content_type, headers=self._headers(headers)
        )

    def put(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.client.put(
            f"/api/v1/{path}", _dump(body), "application/json", headers=self._headers(headers)
        )

    def _headers(self, given: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in given.items()}
        return {"authorization": f"Bearer {self.api_key}", **named}


def _dump(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def written() -> dict[str, int]:
    """How many rows there are of everything that a request could write."""
    return {model.__name__: model.objects.count() for model in WRITABLE}


WRITABLE = (
    PayOrder, RefundOrder, TransferOrder, AllocationOrder, ShareReturn, AllocationReceiver,
    AllocationGroup, GroupMember, ChannelCall, Event, IdempotencyKey,
)  # fmt: skip
NOTHING = {model.__name__: 0 for model in WRITABLE}


def problem(response: HttpResponse, status: int, code: str) -> dict[str, Any]:
    """The problem details, after checking everything that each of them must have."""
    assert response.status_code == status, response.content.decode()
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(response.content)
    assert body["code"] == code
    assert body["status"] == status
    assert body["type"] == f"http://127.0.0.1:8000/api/docs/problems#{code}"
    assert body["request_id"] == response["X-Request-ID"]
    assert body["instance"] == response.wsgi_request.get_full_path_info().partition("?")[0]
    assert list(body) == [
        name for name in
        ("type", "title", "status", "detail", "instance", "code", "errors", "reasons", "request_id")
        if name in body
    ]  # fmt: skip
    assert body["title"] and body["detail"]
    return body


@pytest.fixture(autouse=True)
def nobody_waits(settings: Any) -> None:
    """No worker runs here, so there is no answer to wait for; ``test_waiting`` has its own."""
    settings.PREPAY_DEADLINE_S = 0
    settings.BASE_URL = "http://127.0.0.1:8000"


@pytest.fixture
def house(db: None) -> cast.House:
    return cast.merchant("A")


@pytest.fixture
def other_house(db: None) -> cast.House:
    return cast.merchant("B")


@pytest.fixture
def api(house: cast.House) -> Api:
    return Api(house.api_key)


@pytest.fixture
def other_api(other_house: cast.House) -> Api:
    return Api(other_house.api_key)
