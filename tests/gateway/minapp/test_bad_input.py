"""What bad input gets at 知晓云's door: its own envelope, exactly this sentence, and no effect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.http import UnreadablePostError
from django.test import Client

from orders.models import DoorKey
from orders.services import pay
from tests import cast
from tests.gateway.minapp.conftest import (
    ALIPAY,
    APPID,
    NOTHING,
    ORDER,
    ORDERS,
    REFUND,
    WECHAT,
    Baas,
    paid,
    refused,
    written,
)

pytestmark = pytest.mark.django_db
SHARE = f"{WECHAT}/profit-sharing/"
YUAN = "Must be an amount in yuan above 0, with at most two decimals."
FEN = "Must be a whole number of fen, written as a JSON integer."

# --- who calls ----------------------------------------------------------------------------------

ASK = "Send X-Hydrogen-Client-ID and Authorization: Hydrogen-r1 <access token>."
STRANGER = "The client id or the access token is not known."


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"authorization": ""}, ASK),
        ({"x_hydrogen_client_id": ""}, ASK),
        ({"authorization": "Hydrogen-r1"}, ASK),
        ({"authorization": "Basic YTpi"}, ASK),
        ({"authorization": "token-of-995140f59511a222c937"}, ASK),
        ({"authorization": "Hydrogen-r1 wrong"}, STRANGER),
        ({"authorization": "Hydrogen-r1 token-of-995140f59511a222c93"}, STRANGER),
        ({"authorization": "Hydrogen-r1 " + "x" * 5000}, STRANGER),
        ({"authorization": "Hydrogen-r1 \xff\xfe"}, STRANGER),
        ({"x_hydrogen_client_id": "nobody"}, STRANGER),
        ({"x_hydrogen_client_id": "x" * 5000}, STRANGER),
        ({"x_hydrogen_client_id": "a\x00b"}, STRANGER),
        ({"x_hydrogen_client_id": "b4e5b4a0f1d24f0c9a77"}, STRANGER),
    ],
)
def test_a_stranger_is_401_at_every_address(baas: Baas, other: Baas, headers, message):
    before = written()
    for answer in (
        baas.get(ORDERS, **headers),
        baas.post(ORDERS, ORDER, **headers),
        baas.post(REFUND, {"order_id": 1}, **headers),
        baas.post(SHARE, {}, **headers),
    ):
        refused(answer, 401, message)
    assert written() == before


@pytest.mark.parametrize("scheme", ["Hydrogen-r1", "hydrogen-r1", "Bearer"])
def test_either_scheme_opens_the_door(baas: Baas, scheme):
    token = "token-of-995140f59511a222c937"
    assert baas.get(ORDERS, authorization=f"{scheme}  {token} ").status_code == 200


def test_a_key_without_a_token_opens_nothing(baas: Baas):
    key = DoorKey.objects.get()
    key.secrets = {"token": ""}
    key.save()
    for token in ("", "x"):
        assert baas.get(ORDERS, authorization=f"Hydrogen-r1 {token}").status_code == 401


def test_who_is_switched_off_is_told_so(baas: Baas, house: cast.House):
    house.application.is_active = False
    house.application.save()
    refused(baas.get(ORDERS), 403, "This application is switched off.")
    house.merchant.is_active = False
    house.merchant.save()
    refused(baas.get(ORDERS), 403, "Your merchant account is switched off.")
    DoorKey.objects.update(is_active=False)
    refused(baas.get(ORDERS), 401, STRANGER)


def test_answers_are_chinese_unless_english_is_asked_for(baas: Baas):
    answer = Client().get("/hserve/v2.2/idp/pay/order/")
    assert answer.status_code == 401
    assert answer["Content-Language"] == "zh-hans"
    assert answer.json()["status"] == "error"


# --- addresses ----------------------------------------------------------------------------------


def test_an_address_that_is_not_there_is_404(baas: Baas):
    for path in ("", "v2.2/", "v2.2/idp/pay/", "v3.0/idp/pay/order/", "v2.2/table/1/record/"):
        refused(baas.get(path), 404, "There is nothing at this address.")


def test_a_method_that_is_not_there_is_405(baas: Baas):
    before = written()
    for path, method, known in (
        (ORDERS, "put", "GET, POST"),
        (ORDERS, "delete", "GET, POST"),
        (f"{ORDERS}1/", "post", "GET"),
        (REFUND, "get", "POST"),
        (SHARE, "get", "POST"),
        (f"{SHARE}order/", "post", "GET"),
    ):
        answer = getattr(baas.client, method)(f"/hserve/{path}", headers=baas.own)
        refused(answer, 405, f"This address takes {known} only.")
        assert answer["Allow"] == known
    assert written() == before


# --- bodies -------------------------------------------------------------------------------------

BODIES = [
    (b"{", "The body is not JSON (line 1, column 2)."),
    (b"total_cost=1", "The body is not JSON (line 1, column 1)."),
    (b"[]", "The body must be one JSON object, in braces."),
    (b"null", "The body must be one JSON object, in braces."),
    (b'"x"', "The body must be one JSON object, in braces."),
    (b'{"a":"\xff"}', "The body is not UTF-8 (byte 6)."),
    (b'{"total_cost":1,"total_cost":2}', "The name “total_cost” stands in the body twice."),
    (b'{"total_cost":NaN}', "NaN is not a JSON value."),
    (b'{"total_cost":-Infinity}', "-Infinity is not a JSON value."),
    (b'{"total_cost":' + b"9" * 31 + b"}", "The body has a number of more than 30 digits."),
    (b"[" * 100_000, "The body is nested too deeply."),
    (b'{"a":' * 100_000, "The body is nested too deeply."),
]


@pytest.mark.parametrize(("raw", "message"), BODIES)
@pytest.mark.parametrize("path", [ORDERS, REFUND, SHARE, f"{ALIPAY}/profit-sharing/receiver/"])
def test_a_body_that_cannot_be_read_is_400_everywhere(baas: Baas, path, raw, message):
    refused(baas.post(path, raw), 400, message)
    assert written() == NOTHING


def test_a_body_that_is_too_large_is_400(baas: Baas):
    refused(baas.post(ORDERS, b" " * (1024 * 1024 + 1)), 400,
            "The body may have at most 1048576 bytes.")  # fmt: skip
    assert written() == NOTHING


def test_a_body_of_unknown_length_is_400(baas: Baas):
    answer = baas.post(ORDERS, ORDER, transfer_encoding="chunked")
    refused(answer, 400, "Send a Content-Length, not a Transfer-Encoding.")
    assert written() == NOTHING


# --- creating -----------------------------------------------------------------------------------

TYPES = (
    "gateway_type: Must be one of weixin_tenpay, weixin_tenpay_js, weixin_tenpay_wap, "
    "weixin_tenpay_native, weixin_tenpay_app, alipay, alipay_wap, alipay_page, alipay_app."
)
LINE = "Must be one line of printable characters."
WRONG = [
    *[("total_cost", value, f"total_cost: {YUAN}") for value in (
        0, -1, 1.005, 0.001, 0.30000000000000004, 1e22, 1e400, "1,000", "¥1", "1e2", " 1", "01",
        "0x10", "1.", ".5", "-0.01", "", True, [], {}, [1], "九", 10**13, 10**29, "1" * 40,
    )],
    ("total_cost", None, "total_cost: Is required."),
    ("total_cost", 10**12 - 1, "total_cost: The amount must be from 1 to 1000000000 fen."),
    ("gateway_type", None, "gateway_type: Is required."),
    ("gateway_type", "qpay", TYPES),
    ("gateway_type", "WEIXIN_TENPAY", TYPES),
    ("gateway_type", 1, "gateway_type: Must be a string."),
    ("gateway_type", [], "gateway_type: Must be a string."),
    ("gateway_type", "weixin_tenpay", "Method jsapi needs openid."),
    ("merchandise_description", None, "merchandise_description: Is required."),
    ("merchandise_description", "  ", "merchandise_description: Is required."),
    ("merchandise_description", 5, "merchandise_description: Must be a string."),
    ("merchandise_description", "x" * 128, "merchandise_description: At most 127 characters."),
    ("merchandise_description", "a\nb", f"merchandise_description: {LINE}"),
    ("merchandise_description", "a\x00b", f"merchandise_description: {LINE}"),
    ("merchandise_description", "Tea 🍵",
     "merchandise_description has a character that this channel refuses: 🍵."),
    ("merchandise_schema_id", "x", "merchandise_schema_id: Must be a whole number."),
    ("merchandise_schema_id", 1.5, "merchandise_schema_id: Must be a whole number."),
    ("merchandise_schema_id", 2**63, "merchandise_schema_id: Must be a whole number."),
    ("merchandise_record_id", {}, "merchandise_record_id: Must be 1 to 256 printable characters."),
    ("merchandise_record_id", "x" * 257,
     "merchandise_record_id: Must be 1 to 256 printable characters."),
    ("merchandise_snapshot", [1], "merchandise_snapshot: Must be a JSON object."),
    ("merchandise_snapshot", {"a": "\x00"},
     "merchandise_snapshot: Has a character that cannot be kept."),
    ("merchandise_snapshot", {"\x00": 1},
     "merchandise_snapshot: Has a character that cannot be kept."),
    ("merchandise_snapshot", {"a": "x" * 20_000},
     "merchandise_snapshot: At most 20000 characters."),
    ("profit_sharing", "true", "profit_sharing: Must be true or false."),
    ("profit_sharing", 1, "profit_sharing: Must be true or false."),
    ("created_by_id", "me", "created_by_id: Must be a whole number."),
    ("created_by_name", "x" * 65, "created_by_name: At most 64 characters."),
    ("ip_address", "1.2.3", "ip_address: Must be an IP address."),
    ("notify_url", "javascript:alert(1)",
     "notify_url must be an http(s) address of at most 256 characters."),
    ("amount", 1, "amount: There is no such field here."),
    ("__proto__", {}, "__proto__: There is no such field here."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_a_wrong_field_of_an_order_is_named(baas: Baas, name, value, message):
    raw = json.dumps({**ORDER, name: value}).replace("Infinity", "1e400").encode()
    refused(baas.post(ORDERS, raw), 400, message)
    assert written() == NOTHING


def test_half_a_character_is_refused(baas: Baas):
    for name in ("merchandise_description", "created_by_name"):
        raw = json.dumps({**ORDER, name: "\ud800"}).encode()
        refused(baas.post(ORDERS, raw), 400, f"{name}: {LINE}")
    raw = json.dumps({**ORDER, "merchandise_snapshot": {"\udfff": 1}}).encode()
    message = "merchandise_snapshot: Has a character that cannot be kept."
    refused(baas.post(ORDERS, raw), 400, message)
    raw = json.dumps({**ORDER, "\ud800": 1}).encode()
    refused(baas.post(ORDERS, raw), 400, "�: There is no such field here.")
    assert written() == NOTHING


def test_a_snapshot_nested_too_deeply_is_refused(baas: Baas):
    for depth in range(300, 1000, 100):
        deep = b'{"a":' * depth + b"1" + b"}" * depth
        raw = (
            json.dumps({**ORDER, "merchandise_snapshot": 0})
            .encode()
            .replace(b": 0}", b":" + deep + b"}")
        )
        answer = baas.post(ORDERS, raw)
        assert answer.status_code in (201, 400), depth
        if answer.status_code == 201:
            assert baas.get(ORDERS).status_code == 200
        else:
            assert "nested too deeply" in answer.json()["error_msg"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "键"])
def test_a_key_is_visible_ascii(baas: Baas, key):
    headers = {**baas.own, "idempotency-key": key}
    answer = baas.client.post(
        f"/hserve/{ORDERS}", json.dumps(ORDER), "application/json", headers=headers
    )
    refused(answer, 400, "Use 1 to 255 visible ASCII characters, for example a UUID.")
    assert written() == NOTHING


# --- refunds and sharings -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        *[({"refund_amount": value}, f"refund_amount: {YUAN}") for value in (
            0, -1, 0.001, "1e2", True, [], {}, "", 10**29,
        )],
        ({"memo": 5}, "memo: Must be a string."),
        ({"memo": "x" * 257}, "memo: At most 256 characters."),
        ({"memo": "x" * 81}, "memo has 81 characters; at most 80 are allowed."),
        ({"memo": "a\nb"}, f"memo: {LINE}"),
        ({"amount": 1}, "amount: There is no such field here."),
        ({"refundAmount": 1}, "refundAmount: There is no such field here."),
        ({"order_id": "x"}, "order_id: Must be a whole number."),
        ({"order_id": 1.5}, "order_id: Must be a whole number."),
        ({"order_id": True}, "order_id: Must be a whole number."),
        ({"order_id": 2**63}, "order_id: Must be a whole number."),
        ({"trade_no": 7}, "trade_no: Must be a string."),
        ({"trade_no": "x" * 65}, "trade_no: At most 64 characters."),
        ({"trade_no": "a\x00b"}, f"trade_no: {LINE}"),
        ({"order_id": None}, "Name the order by order_id, trade_no or transaction_no."),
    ],
)  # fmt: skip
def test_a_wrong_field_of_a_refund_is_named(baas: Baas, house, changes, message):
    order = paid(house)
    before = written()
    refused(baas.post(REFUND, {"order_id": order.pk, **changes}), 400, message)
    assert written() == before
    assert cast.reload(order).refunding == 0


@pytest.mark.parametrize("number", ["' OR 1=1 --", "%", "_", "*", "0", "x"])
def test_a_number_that_names_no_order_is_404(baas: Baas, house, number):
    paid(house)
    before = written()
    for name in ("trade_no", "transaction_no"):
        refused(baas.post(REFUND, {name: number}), 404, f"There is no order {number}.")
    refused(baas.post(REFUND, {"order_id": 0}), 404, "There is no order 0.")
    refused(baas.post(REFUND, {"order_id": -5}), 404, "There is no order -5.")
    assert written() == before


PART = {"type": "MERCHANT_ID", "account": "1900000109", "amount": 10, "description": "x"}


@pytest.mark.parametrize(
    ("part", "message"),
    [
        *[({"amount": value}, f"receivers[0].amount: {FEN}") for value in (
            1.0, 0.5, 1e2, "10", True, [], {},
        )],
        ({"amount": 0}, "receivers[0].amount: Must be more than 0."),
        ({"amount": -1}, "receivers[0].amount: Must be more than 0."),
        ({"amount": None}, "receivers[0].amount: Is required."),
        ({"type": "PERSONAL_WECHATID"},
         "receivers[0].type: Must be one of MERCHANT_ID, PERSONAL_OPENID."),
        ({"type": "userId"}, "receivers[0].type: Must be one of MERCHANT_ID, PERSONAL_OPENID."),
        ({"account": ""}, "receivers[0].account: Is required."),
        ({"account": 1900000109}, "receivers[0].account: Must be a string."),
        ({"description": None}, "receivers[0].description: Is required."),
        ({"description": "x" * 81}, "receivers[0].description: At most 80 characters."),
        ({"name": "x"}, "receivers[0].name: There is no such field here."),
    ],
)  # fmt: skip
def test_a_wrong_receiver_of_a_sharing_is_named(baas: Baas, house, part, message):
    order = paid(house, sharing=True)
    before = written()
    body = {"trade_no": order.order_no, "appid": APPID, "receivers": [{**PART, **part}]}
    refused(baas.post(SHARE, body), 400, message)
    assert written() == before


@pytest.mark.parametrize(
    ("receivers", "message"),
    [
        (None, "receivers: Is required."),
        ([], "receivers: Must be a list of 1 to 50 objects."),
        ({}, "receivers: Must be a list of 1 to 50 objects."),
        ([PART] * 51, "receivers: Must be a list of 1 to 50 objects."),
        (["x"], "receivers: Must be a list of objects."),
    ],
)
def test_wrong_receivers_are_named(baas: Baas, house, receivers: Any, message):
    order = paid(house, sharing=True)
    before = written()
    body = {"trade_no": order.order_no, "appid": APPID, "receivers": receivers}
    refused(baas.post(SHARE, body), 400, message)
    refused(baas.post(SHARE, {**body, "appid": None, "receivers": [PART]}), 400,
            "appid: Is required.")  # fmt: skip
    assert written() == before


# --- our own troubles ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (OperationalError("the server is gone"), 500, "Please try again in a moment."),
        (SuspiciousOperation("x"), 400, "The request cannot be read."),
        (UnreadablePostError("x"), 400, "The request cannot be read."),
        (RuntimeError("secret"), 500,
         "It was recorded. Name the request id when you ask about it."),
    ],
)  # fmt: skip
def test_our_own_troubles_are_told_without_their_insides(
    baas: Baas, monkeypatch, caplog, error, status, message
):
    def fail(*_args: Any, **_named: Any) -> None:
        raise error

    monkeypatch.setattr(pay, "request_pay", fail)
    refused(baas.post(ORDERS, ORDER), status, message)
    assert ("nobody foresaw" in caplog.text) is (type(error) is RuntimeError)
