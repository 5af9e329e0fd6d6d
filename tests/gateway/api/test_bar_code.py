"""A payment code at the API: who must send one, and that nothing about it is kept or repeated."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from gateway.api.v1 import idempotency
from orders.engine import drain, handover, wake
from orders.models import ChannelCall, IdempotencyKey, PayOrder
from tests.gateway.api.conftest import NOTHING, ORDER, Api, problem, written

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
CODE = "134567890123456789"
SCANNED = {**ORDER, "method": "barcode", "auth_code": CODE}


@pytest.fixture(autouse=True)
def _nobody_waits(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PREPAY_DEADLINE_S = 0
    monkeypatch.setattr(wake, "publish", lambda queue: None)


def create(api: Api, key: str = "", **changes: Any) -> Any:
    headers = {"idempotency_key": key} if key else {}
    return api.post("pay-orders", {**SCANNED, **changes}, **headers)


def test_a_scanned_order_is_made_and_its_code_is_in_no_answer(api: Api):
    answer = create(api)
    assert answer.status_code == 201
    assert (answer.json()["method"], answer.json()["status"]) == ("barcode", "wait")
    assert CODE not in answer.content.decode()
    drain.run("pay")
    assert PayOrder.objects.get().status == "success"


@pytest.mark.parametrize(
    "changes",
    [
        {"auth_code": None},
        {"auth_code": ""},
        {"auth_code": "1345678901234567"},
        {"auth_code": "9" * 33},
        {"auth_code": 134567890123456789},
        {"auth_code": "134567890123\\n456789"},
        {"method": "native"},
    ],
)
def test_a_code_that_is_missing_wrong_or_not_wanted_is_422_and_is_not_repeated(
    api: Api, changes: dict[str, Any]
):
    answer = create(api, **changes)
    found = problem(answer, 422, "invalid_input")
    assert found["errors"][0]["field"] == "auth_code"
    given = str({**SCANNED, **changes}["auth_code"] or "-")
    assert given not in answer.content.decode() or given == "-"
    assert written() == NOTHING


@pytest.mark.parametrize("address", ["ftp://shop.example/", "javascript:alert(1)", "shop.example"])
def test_the_browser_goes_back_to_web_addresses_only(api: Api, address: str):
    answer = api.post("pay-orders", {**ORDER, "return_url": address})
    assert problem(answer, 422, "invalid_input")["errors"][0]["field"] == "return_url"
    assert written() == NOTHING


def test_the_address_to_go_back_to_is_kept_and_belongs_to_the_order(api: Api):
    body = {**ORDER, "return_url": "https://shop.example/thanks"}
    assert api.post("pay-orders", body).status_code == 201
    assert PayOrder.objects.get().return_url == "https://shop.example/thanks"
    assert api.post("pay-orders", body).status_code == 200
    other = {**body, "return_url": "https://shop.example/other"}
    problem(api.post("pay-orders", other), 409, "duplicate_number")


def test_the_same_key_with_the_same_code_is_answered_again_and_sends_nothing(api: Api):
    first = create(api, key="till-1")
    second = create(api, key="till-1")
    assert second["Idempotent-Replayed"] == "true"
    assert second.json()["order_no"] == first.json()["order_no"]
    assert ChannelCall.objects.count() == 1


def test_the_same_key_with_another_code_is_422_and_sends_nothing(api: Api):
    create(api, key="till-1")
    problem(create(api, key="till-1", auth_code="134567890123456780"), 422, "idempotency_mismatch")
    assert ChannelCall.objects.count() == 1


def test_what_is_kept_of_a_keyed_request_does_not_tell_the_code(api: Api):
    """18 digits of known beginning are soon tried out: a plain digest would be the code itself."""
    create(api, key="till-1")
    row = IdempotencyKey.objects.get()
    assert CODE not in f"{row.fingerprint}{row.response_body}"
    text = json.dumps(["POST", "/api/v1/pay-orders", SCANNED], sort_keys=True)
    assert row.fingerprint != hashlib.sha256(text.encode()).hexdigest()
    assert row.fingerprint == idempotency.fingerprint("POST", "/api/v1/pay-orders", SCANNED)


def test_without_redis_a_scanned_order_is_503_and_may_be_tried_again_at_once(
    api: Api, monkeypatch: pytest.MonkeyPatch
):
    def away(*_: Any) -> None:
        raise handover.NotHandedOver

    with monkeypatch.context() as patched:
        patched.setattr(handover, "put", away)
        answer = create(api, key="till-1")
        problem(answer, 503, "unavailable")
        assert answer["Retry-After"] == "1"
        assert written() == NOTHING
    assert create(api, key="till-1").status_code == 201
