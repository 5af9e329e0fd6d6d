"""What bad input gets (SPEC 7) at the API: a clear problem that names the field, and no effect."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from orders.models import ChannelAccount, PayOrder, RefundOrder
from tests import cast
from tests.gateway.api.conftest import (
    NOTHING,
    ORDER,
    REFUND,
    Api,
    nobody_waits,
    problem,
    written,
)

pytestmark = pytest.mark.django_db
_ = nobody_waits  # a fixture of the API's tests that these use too


@pytest.fixture
def house(db: None) -> cast.House:
    return cast.merchant("A")


@pytest.fixture
def api(house: cast.House) -> Api:
    return Api(house.api_key)


def dump(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


# --- amounts ------------------------------------------------------------------------------------

WRONG_AMOUNTS = [
    ("100", "invalid"), (1.5, "invalid"), (1.0, "invalid"), (1e2, "invalid"), (True, "invalid"),
    ([], "invalid"), ({}, "invalid"), (None, "null"), (0, "min_value"), (-1, "min_value"),
    (10**12 + 1, "max_value"), (2**63, "max_value"), (10**29, "max_value"),
]  # fmt: skip


@pytest.mark.parametrize(("amount", "code"), WRONG_AMOUNTS)
@pytest.mark.parametrize("path", ["pay-orders", "refunds"])
def test_an_amount_is_a_json_integer_above_zero(api: Api, path, amount, code):
    """juspay/hyperswitch#11491: a negative refund amount was accepted."""
    good = ORDER if path == "pay-orders" else REFUND
    body = problem(api.post(path, {**good, "amount": amount}), 422, "invalid_input")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [("amount", code)]
    assert body["detail"].startswith("amount: ")
    assert written() == NOTHING


@pytest.mark.parametrize("text", ["1e400", "-0", "1E5", "100.00", "0.1e1"])
def test_an_amount_written_in_another_way_is_refused(api: Api, text):
    raw = dump(ORDER).replace(b"10000", text.encode())
    assert problem(api.post("pay-orders", raw), 422, "invalid_input")
    assert written() == NOTHING


def test_more_than_the_channel_takes_is_refused(api: Api):
    body = problem(api.post("pay-orders", {**ORDER, "amount": 10**9 + 1}), 422, "invalid_input")
    assert body["errors"] == [
        {
            "field": "amount",
            "code": "amount_out_of_range",
            "message": "The amount must be from 1 to 1000000000 fen.",
        }
    ]
    assert written() == NOTHING


# --- fields -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("biz_order_no", None, "null"),
        ("biz_order_no", "", "blank"),
        ("biz_order_no", 5, "invalid"),
        ("biz_order_no", "a b", "number"),
        ("biz_order_no", "订单", "number"),
        ("biz_order_no", "x" * 65, "max_length"),
        ("biz_order_no", "a\x00", "characters"),
        ("title", "", "blank"),
        ("title", "   ", "required"),
        ("title", ["Tea"], "invalid"),
        ("title", "x" * 128, "max_length"),
        ("title", "two\nlines", "characters"),
        ("title", "a\x00b", "characters"),
        ("channel", "paypal", "invalid_choice"),
        ("channel", 1, "invalid_choice"),
        ("channel", [], "invalid_choice"),
        ("channel", {}, "invalid_choice"),
        ("channel", "wechat", "no_account"),
        ("method", "cash", "invalid_choice"),
        ("method", None, "null"),
        ("notify_url", "javascript:alert(1)", "url"),
        ("notify_url", "ftp://a.example/", "url"),
        ("notify_url", "//a.example/", "url"),
        ("notify_url", "http://user:secret@a.example/", "url"),
        ("notify_url", "http://a.example/ x", "url"),
        ("notify_url", "http://[::1", "url"),
        ("notify_url", "http://a.example:99999/", "url"),
        ("notify_url", "http://" + "a" * 250 + ".example", "max_length"),
        ("notify_url", 7, "invalid"),
        ("client_ip", "300.1.1.1", "address"),
        ("client_ip", "fe80::1%eth0", "address"),
        ("client_ip", 16843009, "invalid"),
        ("openid", "x" * 129, "max_length"),
        ("attach", {"a": 1}, "invalid"),
        ("attach", "x" * 129, "max_length"),
        ("expires_at", "tomorrow", "invalid"),
        ("expires_at", 1893456000, "invalid"),
        ("expires_at", "2030-01-01T00:00:00", "invalid"),
        ("expires_at", "9999-12-31T23:59:59-14:00", "invalid"),
        ("expires_at", "2030-02-30T00:00:00Z", "invalid"),
        ("expires_at", "2001-01-01T00:00:00Z", "expiry_out_of_range"),
        ("allocation", "true", "invalid"),
        ("allocation", 1, "invalid"),
    ],
)
def test_a_wrong_field_is_422_and_named(api: Api, field, value, code):
    body = problem(api.post("pay-orders", {**ORDER, field: value}), 422, "invalid_input")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]
    assert all(error["message"] for error in body["errors"])
    assert written() == NOTHING


def test_every_wrong_field_is_named_at_once(api: Api):
    body = problem(api.post("pay-orders", {"amount": "1", "method": "cash"}), 422, "invalid_input")
    assert {error["field"]: error["code"] for error in body["errors"]} == {
        "biz_order_no": "required",
        "title": "required",
        "amount": "invalid",
        "channel": "required",
        "method": "invalid_choice",
    }


@pytest.mark.parametrize("name", ["currency", "notifyUrl", "Amount", "__proto__", "", "\ud800"])
def test_an_unknown_field_is_refused_and_not_ignored(api: Api, name):
    raw = json.dumps({**ORDER, name: 1}).encode()
    body = problem(api.post("pay-orders", raw), 422, "invalid_input")
    assert [error["code"] for error in body["errors"]] == ["unknown_field"]
    assert written() == NOTHING


def test_an_expiry_in_the_past_or_too_far_away_is_refused(api: Api):
    now = timezone.now()
    for moment in (now - timedelta(minutes=5), now + timedelta(days=400)):
        given = {**ORDER, "expires_at": moment.isoformat()}
        body = problem(api.post("pay-orders", given), 422, "invalid_input")
        assert body["errors"][0]["code"] == "expiry_out_of_range"
    assert written() == NOTHING


def test_an_expiry_with_any_offset_is_kept_in_utc(api: Api):
    wanted = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    local = wanted.astimezone(timezone.get_fixed_timezone(480)).isoformat()
    body = api.post("pay-orders", {**ORDER, "expires_at": local}).json()
    assert body["expires_at"] == wanted.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert PayOrder.objects.get().expires_at == wanted


def wechat_account(house: cast.House) -> None:
    ChannelAccount(merchant=house.merchant, channel="wechat", code="wx-a", name="WeChat").save()


def test_an_emoji_in_a_wechat_title_is_refused_and_shown(api: Api, house: cast.House):
    wechat_account(house)
    given = {**ORDER, "channel": "wechat", "title": "Tea 🍵"}
    body = problem(api.post("pay-orders", given), 422, "invalid_input")
    assert [(e["field"], e["code"]) for e in body["errors"]] == [("title", "unsupported_character")]
    assert "🍵" in body["detail"]
    assert written() == NOTHING


def test_chinese_in_a_wechat_title_is_kept(api: Api, house: cast.House):
    wechat_account(house)
    response = api.post("pay-orders", {**ORDER, "channel": "wechat", "title": "珍珠奶茶（大杯）"})
    assert response.status_code == 201
    assert response.json()["title"] == "珍珠奶茶（大杯）"
    assert "珍珠奶茶".encode() in response.content


@pytest.mark.parametrize(("method", "field"), [("jsapi", "openid"), ("h5", "client_ip")])
def test_what_a_method_needs_is_named(api: Api, method, field):
    body = problem(api.post("pay-orders", {**ORDER, "method": method}), 422, "invalid_input")
    assert [(e["field"], e["code"]) for e in body["errors"]] == [(field, "required_by_method")]
    assert written() == NOTHING


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("biz_refund_no", None, "null"),
        ("biz_refund_no", "x" * 65, "max_length"),
        ("reason", "x" * 257, "max_length"),
        ("reason", "a\x00b", "characters"),
        ("reason", "x" * 81, "too_long"),
        ("notify_url", "gopher://x", "url"),
        ("biz_order_no", 12, "invalid"),
    ],
)
def test_a_wrong_field_of_a_refund_is_422_and_named(
    api: Api, house: cast.House, field, value, code
):
    order = cast.make_pay_order(house, "success", biz_order_no="SO-1")
    before = written()
    body = problem(api.post("refunds", {**REFUND, field: value}), 422, "invalid_input")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]
    assert written() == before
    assert cast.reload(order).refunding == 0


def test_a_refund_without_the_merchants_number_is_refused(api: Api, house: cast.House):
    """Sent twice it would be two refunds."""
    cast.make_pay_order(house, "success", biz_order_no="SO-1")
    given = {name: value for name, value in REFUND.items() if name != "biz_refund_no"}
    body = problem(api.post("refunds", given), 422, "invalid_input")
    assert body["errors"][0]["field"] == "biz_refund_no"
    assert RefundOrder.objects.count() == 0


def many_names() -> bytes:
    """A hundred thousand different names, and then one of them again: told without a search that
    grows with the square."""
    names = [f'"{number}":1' for number in range(100_000)]
    return ("{" + ",".join([*names, '"99999":1']) + "}").encode()


# --- bodies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"{", "not JSON"),
        (b"amount=1", "not JSON"),
        (b"[]", "one JSON object"),
        (b'"text"', "one JSON object"),
        (b"null", "one JSON object"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"title": "\xc3\x28"}', "not UTF-8"),
        (b'\xef\xbb\xbf{"title": "x"}', "not JSON"),
        (b'{"amount": NaN}', "NaN"),
        (b'{"amount": Infinity}', "Infinity"),
        (b'{"amount": -Infinity}', "-Infinity"),
        (b'{"amount": 1, "amount": 2}', "twice"),
        (b'{"a": {"b": 1, "b": 1}}', "twice"),
        (many_names(), "twice"),
        (b'{"amount": ' + b"9" * 31 + b"}", "30 digits"),
        (b'{"amount": ' + b"9" * 100_000 + b"}", "30 digits"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested"),
        (b'{"amount": 01}', "not JSON"),
        (b'{"title": "a\nb"}', "not JSON"),
        (b"{'title': 'x'}", "not JSON"),
        (b'{"title": "x",}', "not JSON"),
    ],
)
def test_an_unreadable_body_is_400(api: Api, raw, words):
    body = problem(api.post("pay-orders", raw), 400, "malformed")
    assert words in body["detail"]
    assert written() == NOTHING


def test_an_empty_body_lacks_every_field(api: Api):
    body = problem(api.post("pay-orders", b""), 422, "invalid_input")
    assert {error["code"] for error in body["errors"]} == {"required"}


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/xml", "application/json; charset=gbk", "nonsense", ""],
)  # fmt: skip
def test_a_body_that_is_not_declared_as_json_is_415(api: Api, content_type):
    problem(
        api.post("pay-orders", dump(ORDER), content_type=content_type),
        415,
        "unsupported_media_type",
    )
    assert written() == NOTHING


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=UTF-8", "Application/JSON", "application/json"]
)
def test_json_may_be_declared_in_several_ways(api: Api, content_type):
    assert api.post("pay-orders", dump(ORDER), content_type=content_type).status_code == 201


def test_an_oversize_body_is_413(api: Api):
    response = api.post("pay-orders", {**ORDER, "attach": "x" * (1024 * 1024)})
    body = problem(response, 413, "body_too_large")
    assert "1048576" in body["detail"]
    assert written() == NOTHING


def test_a_body_of_undeclared_length_is_411_and_not_taken_for_an_empty_one(
    api: Api, house: cast.House
):
    order = cast.make_pay_order(house)
    response = api.post(f"pay-orders/{order.order_no}/close", transfer_encoding="chunked")
    problem(response, 411, "length_required")
    assert cast.reload(order).intent == ""


class CutOff:
    """A connection that ends inside the body."""

    def read(self, *_args: Any) -> bytes:
        raise OSError("connection reset by peer")

    readline = read


def test_a_body_that_is_cut_off_is_400(api: Api):
    response = api.client.generic(
        "POST", "/api/v1/pay-orders", b"x" * 100, content_type="application/json",
        headers={"authorization": f"Bearer {api.api_key}"}, **{"wsgi.input": CutOff()},
    )  # fmt: skip
    problem(response, 400, "malformed")
    assert written() == NOTHING


# --- addresses and methods ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["", "v1", "v1/", "v2/pay-orders", "v1/pay-order", "v1/pay-orders/", "v1/refunds/",
     "v1/shop-orders", "v1/%0A", "schema"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_address_is_404_in_the_same_envelope(api: Api, method, path):
    response = getattr(api.client, method)(
        f"/api/{path}", headers={"authorization": f"Bearer {api.api_key}"}
    )
    problem(response, 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("put", "pay-orders", "GET, POST, HEAD"),
        ("patch", "pay-orders/P1", "GET, HEAD"),
        ("delete", "pay-orders/P1", "GET, HEAD"),
        ("options", "pay-orders", "GET, POST, HEAD"),
        ("get", "pay-orders/P1/close", "POST"),
        ("post", "refunds/R1/operations", "GET, HEAD"),
    ],
)
def test_another_method_is_405_and_names_those_that_are_taken(api: Api, method, path, allowed):
    response = getattr(api.client, method)(
        f"/api/v1/{path}", headers={"authorization": f"Bearer {api.api_key}"}
    )
    problem(response, 405, "method_not_allowed")
    assert response["Allow"] == allowed


def test_whatever_is_accepted_json_is_answered(api: Api):
    for accept in ("application/xml", "text/html", "*/*", "nonsense"):
        response = api.get("pay-orders", accept=accept)
        assert (response.status_code, response["Content-Type"]) == (200, "application/json")


def test_a_host_that_is_not_ours_is_400_in_the_same_envelope(api: Api):
    api.client.defaults["HTTP_HOST"] = "evil.example"
    problem(api.get("pay-orders"), 400, "malformed")


def test_a_session_of_the_console_opens_nothing_here(house: cast.House):
    client = Client()
    client.force_login(cast.person("boss", is_superuser=True))
    problem(client.get("/api/v1/pay-orders"), 401, "not_authenticated")


# --- our own failures ---------------------------------------------------------------------------


def test_an_unforeseen_error_is_500_without_its_words(api: Api, monkeypatch, caplog):
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("password=hunter2 in table x")

    monkeypatch.setattr("gateway.api.v1.pay_orders.pay.request_pay", fail)
    response = api.post("pay-orders", ORDER)
    problem(response, 500, "internal")
    assert b"hunter2" not in response.content
    assert b"RuntimeError" not in response.content
    assert "RuntimeError" in caplog.text
    assert written() == NOTHING


def test_a_database_that_does_not_answer_is_503_and_worth_a_retry(api: Api, monkeypatch, caplog):
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise OperationalError("canceling statement due to lock timeout")

    monkeypatch.setattr("gateway.api.v1.pay_orders.pay.request_pay", fail)
    response = api.post("pay-orders", ORDER)
    problem(response, 503, "unavailable")
    assert response["Retry-After"] == "1"
    assert b"lock timeout" not in response.content
    assert "lock timeout" in caplog.text


# --- languages ----------------------------------------------------------------------------------


def test_a_refusal_speaks_the_language_that_is_asked_for(api: Api, house: cast.House):
    order = cast.make_pay_order(house, "success")
    path = f"pay-orders/{order.order_no}/close"
    english = problem(api.post(path, accept_language="en"), 409, "state")
    chinese = problem(api.post(path, accept_language="zh-CN"), 409, "state")
    assert english["reasons"][0]["code"] == chinese["reasons"][0]["code"] == "state"
    assert english["detail"].isascii() is False  # typographic quotes
    assert "The order is" in english["detail"]
