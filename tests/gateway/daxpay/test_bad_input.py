"""What bad input gets at the DaxPay door: HTTP 200, the exact code, signed, and nothing written."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.api.daxpay.views import ENDPOINTS
from orders.engine import store
from orders.models import ChannelAccount, PayOrder
from tests import cast
from tests.gateway.daxpay.client import BEIJING, rsa2_sign, rsa2_verify
from tests.gateway.daxpay.shop import WRITABLE, Shop, dump, pair, post, written

pytestmark = pytest.mark.django_db

PAY: dict[str, Any] = {
    "bizOrderNo": "PAY-1",
    "title": "龙井茶",
    "amount": 100,
    "method": "wechat_qr",
}
REFUND: dict[str, Any] = {"bizOrderNo": "SO-1", "bizRefundNo": "R-1", "amount": 50}
TRANSFER: dict[str, Any] = {
    "channel": "wechat",
    "channelMchNo": "1900001",
    "bizTransferNo": "T-1",
    "amount": 100,
    "title": "奖金",
    "payeeType": "openid",
    "payeeAccount": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
}
RECEIVER = {"receiverType": "MERCHANT_ID", "receiverAccount": "1900000109", "amount": 10}
ALLOC: dict[str, Any] = {"bizOrderNo": "SO-1", "bizAllocNo": "A-1", "receivers": [RECEIVER]}
NOTHING = {model.__name__: 0 for model in WRITABLE}


def refused(answer: dict[str, Any], code: int, *, signed: bool = True) -> str:
    """The sentence, after checking everything that each refusal must have."""
    assert answer["code"] == code, answer
    assert answer["msg"]
    assert answer.get("data") is None
    datetime.strptime(answer["resTime"], "%Y-%m-%d %H:%M:%S")
    assert ("sign" in answer) == signed
    assert signed or answer["message"] == answer["msg"]
    return str(answer["msg"])


# --- who ------------------------------------------------------------------------------------


def test_a_stranger_is_told_so_and_nobody_can_sign_for_it(shop: Shop):
    answer = shop.call("pay", {**PAY, "mchNo": "M-NOBODY"})
    refused(answer, 20023, signed=False)
    assert written() == NOTHING


def test_an_unknown_application_of_a_known_merchant_is_refused_and_signed(shop: Shop):
    refused(shop.call("pay", {**PAY, "appId": "other"}), 20023)
    assert written() == NOTHING


@pytest.mark.parametrize("what", ["merchant", "application", "key"])
def test_who_is_switched_off_may_not_come_in(shop: Shop, what):
    rows = {
        "merchant": shop.house.merchant,
        "application": shop.house.application,
        "key": shop.key,
    }
    rows[what].is_active = False
    rows[what].save()
    refused(shop.call("pay", PAY), 20023)
    assert written() == NOTHING


@pytest.mark.parametrize(
    ("mch_no", "code"),
    [
        (None, 10506), ("", 10506), (5, 10506), ([], 10506), ({"a": 1}, 10506), ("M\x00A", 10506),
        ("M" * 33, 10506), ("中", 10506), ("%", 20023), ("_A", 20023), ("MA:app-a", 20023),
    ],
)  # fmt: skip
def test_a_merchant_number_that_is_none_is_refused_unsigned(shop: Shop, mch_no, code):
    message = {**shop.client.prepare(PAY), "mchNo": mch_no}
    refused(shop.send("pay", message), code, signed=False)
    assert written() == NOTHING


def test_without_an_application_it_is_the_merchants_first(shop: Shop):
    shop.client.app_id = ""
    answer = shop.call("ping", {})
    assert answer["data"]["appId"] == "app-a"
    assert answer["data"]["appFromDefault"] is True


# --- signature, nonce, time -------------------------------------------------------------------


def test_a_bad_signature_is_refused(shop: Shop):
    message = {**shop.client.prepare(PAY), "sign": "A" * 344}
    refused(shop.send("pay", message), 20052)
    stranger = {**message, "sign": rsa2_sign(message, pair("stranger")[0])}
    refused(shop.send("pay", stranger), 20052)
    refused(shop.send("pay", {**message, "sign": "中文"}), 20052)
    refused(shop.send("pay", {**message, "sign": None}), 10506)
    refused(shop.send("pay", {**message, "sign": "  "}), 10506)
    assert written() == NOTHING


@pytest.mark.parametrize(
    ("name", "value"), [("amount", 101), ("title", "another"), ("extra", "x"), ("bizOrderNo", "P2")]
)
def test_a_tampered_message_is_refused(shop: Shop, name, value):
    refused(shop.send("pay", {**shop.client.prepare(PAY), name: value}), 20052)
    assert written() == NOTHING


def test_another_merchants_signature_opens_nothing(shop: Shop, other_shop: Shop):
    message = {**other_shop.client.prepare(PAY), "mchNo": "MA", "appId": "app-a"}
    message["sign"] = rsa2_sign(message, other_shop.client.private_key)
    refused(shop.send("pay", message), 20052)
    assert written() == NOTHING


def test_a_merchant_whose_key_was_never_entered_is_told_so(shop: Shop):
    shop.key.config = {**shop.key.config, "merchant_public_key_pem": ""}
    shop.key.save()
    refused(shop.call("pay", PAY), 10506)
    shop.key.config = {**shop.key.config, "merchant_public_key_pem": "no key"}
    shop.key.save()
    refused(shop.call("pay", PAY), 10506)


def test_without_a_key_of_ours_nothing_is_done_that_could_not_be_signed_for(shop: Shop):
    shop.key.secrets = {}
    shop.key.save()
    refused(shop.call("pay", PAY), 20023, signed=False)
    assert written() == NOTHING


def test_a_nonce_is_needed_and_counts_once(shop: Shop):
    refused(shop.call("pay", {**PAY, "nonceStr": None}), 10408)
    refused(shop.call("pay", {**PAY, "nonceStr": ""}), 10408)
    refused(shop.call("pay", {**PAY, "nonceStr": "x" * 33}), 10506)
    assert written() == NOTHING
    message = shop.client.prepare({**PAY, "method": "wechat_nothing"})
    refused(shop.send("pay", message), 20012)
    refused(shop.send("pay", message), 10409)


def test_a_nonce_is_the_merchants_own(shop: Shop, other_shop: Shop):
    for one in (shop, other_shop):
        assert one.call("ping", {"nonceStr": "same"})["code"] == 0
    refused(shop.call("ping", {"nonceStr": "same"}), 10409)


def test_a_nonce_outlives_every_moment_at_which_its_message_is_in_time(
    shop: Shop, redis_client: Any
):
    """Upstream forgets it after 300 s; a message from 300 s ahead would come in twice."""
    shop.call("ping", {"nonceStr": "kept"})
    (name,) = redis_client.keys(store.key("nonce:pay:*kept*"))
    assert redis_client.ttl(name) > 600 - 30


@pytest.mark.parametrize("seconds", [-310, 310, -86_400])
def test_a_message_out_of_time_is_refused_and_uses_no_nonce(shop: Shop, seconds, redis_client: Any):
    at = datetime.now(BEIJING) + timedelta(seconds=seconds)
    stale = {**PAY, "reqTime": at.strftime("%Y-%m-%d %H:%M:%S")}
    refused(shop.call("pay", stale), 10410)
    assert redis_client.keys(store.key("nonce:pay:*")) == []
    assert written() == NOTHING


@pytest.mark.parametrize("seconds", [-250, 250])
def test_a_clock_may_be_some_minutes_off(shop: Shop, seconds):
    at = datetime.now(BEIJING) + timedelta(seconds=seconds)
    assert shop.call("ping", {"reqTime": at.strftime("%Y-%m-%d %H:%M:%S")})["code"] == 0


@pytest.mark.parametrize(
    "text",
    [None, "", 20261120, "2026-11-20", "2026-11-20T10:00:00Z", "2026-13-40 99:99:99",
     "0001-01-01 00:00:00", "9999-12-31 23:59:59", "２０２６-11-20 10:00:00"],
)  # fmt: skip
def test_a_time_that_is_none_is_refused(shop: Shop, text):
    message = shop.client.prepare(PAY)
    message["reqTime"] = text
    code = 10410 if text == "9999-12-31 23:59:59" else 10506
    message["sign"] = rsa2_sign(message, shop.client.private_key)
    refused(shop.send("pay", message), code)
    assert written() == NOTHING


def test_while_redis_is_away_the_door_is_shut_and_says_so(shop: Shop, monkeypatch):
    def away() -> Any:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(store, "client", away)
    refused(shop.call("refund", REFUND), 10500)
    assert written() == NOTHING


# --- nothing a stranger sent is signed ------------------------------------------------------


FORGED = "x&data.status=success&event=pay.success"


@pytest.mark.parametrize(
    "change",
    [
        {"reqId": FORGED},
        {"bizOrderNo": FORGED, "amount": FORGED},
        {"method": FORGED, "clientIp": FORGED},
        {FORGED: 1},
        {"reqTime": FORGED},
        {"appId": FORGED},
        {"goodsDetail": [{FORGED: 1}]},
    ],
)
@pytest.mark.parametrize("path", ["pay", "ping"])
def test_no_text_of_a_stranger_comes_back_under_our_signature(shop: Shop, path, change):
    """The signed text has no escapes: ``code=20052&msg=…`` with a stranger's ``&data.status=…`` in
    it is also the signed text of another message, which a careless merchant would believe."""
    message = {**shop.client.prepare(PAY), **change, "sign": "A" * 344}
    answer = shop.send(path, message)
    assert answer["code"] != 0 and answer["sign"]
    assert "&data" not in dump(answer).decode()
    assert "&event" not in dump(answer).decode()


def test_the_self_check_shows_what_should_have_been_signed_without_selling_signatures(shop: Shop):
    message = {**shop.client.prepare({"note": FORGED}), "sign": "A" * 344}
    sentence = refused(shop.send("ping", message), 20052)
    assert "\nmchNo=MA\nnonceStr=" in sentence
    assert "&data" not in sentence


# --- bodies ---------------------------------------------------------------------------------


def unreadable(shop: Shop, body: bytes, *, signed: bool) -> None:
    refused(shop.send("pay", body), 10505, signed=signed)
    assert written() == NOTHING


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"a=1&b=2", b"{" * 3000, b"[" * 60_000,
     b'{"mchNo":'],
)  # fmt: skip
def test_what_is_no_json_object_is_refused_unsigned(shop: Shop, body):
    unreadable(shop, body, signed=False)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"amount": 100', b'"amount": 100, "amount": 100'),
        (b'"title"', b'"x": NaN, "title"'),
        (b'"title"', b'"x": {"a": 1, "a": 2}, "title"'),
        (b'"title"', b'"x": ' + b"9" * 31 + b', "title"'),
        (b'"title"', b'"x": ' + b"[" * 40 + b"]" * 40 + b', "title"'),
        (b'"title"', b'"a.b": 1, "title"'),
        ("龙".encode(), b"\xe9\xbe"),
        ("龙".encode(), b"\\ud83d"),
    ],
)
def test_a_body_that_could_be_read_in_two_ways_is_refused_and_signed(shop: Shop, old, new):
    body = dump(shop.client.prepare(PAY))
    assert old in body
    unreadable(shop, body.replace(old, new), signed=True)


def test_a_body_that_is_too_large_is_refused(shop: Shop):
    body = dump(shop.client.prepare({**PAY, "x": "y" * 70_000}))
    unreadable(shop, body, signed=False)


def test_numbers_with_a_fraction_are_signed_as_the_sdks_sign_them(shop: Shop):
    terminal = {"longitude": 116.4, "latitude": 39.0, "storeNo": "S1"}
    refused(shop.call("pay", {**PAY, "terminal": terminal}), 20043)
    assert PayOrder.objects.get().door_data["storeNo"] == "S1"


# --- fields ---------------------------------------------------------------------------------

WRONG_AMOUNTS = ["100", 1.5, 100.0, True, [], {}, None, 0, -1, 10**12 + 1, 10**29]


@pytest.mark.parametrize("amount", WRONG_AMOUNTS)
@pytest.mark.parametrize(
    ("path", "good"), [("pay", PAY), ("refund", REFUND), ("transfer", TRANSFER)]
)
def test_an_amount_is_a_json_integer_above_zero(shop: Shop, path, good, amount):
    code = 20044 if path == "refund" and amount in (None, 0, -1) else 10506
    assert "amount" in refused(shop.call(path, {**good, "amount": amount}), code)
    assert written() == NOTHING


@pytest.mark.parametrize("text", ["1e2", "100.00", "-0", "1E5", "0.1e1"])
def test_an_amount_written_in_another_way_is_refused(shop: Shop, text):
    body = dump(shop.client.prepare(PAY)).replace(b'"amount": 100', f'"amount": {text}'.encode())
    refused(shop.send("pay", body), 10506)
    assert written() == NOTHING


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("bizOrderNo", None, 10506),
        ("bizOrderNo", "", 10506),
        ("bizOrderNo", 5, 10506),
        ("bizOrderNo", "a b", 10506),
        ("bizOrderNo", "订单", 10506),
        ("bizOrderNo", "x" * 101, 10506),
        ("bizOrderNo", "x" * 65, 10506),
        ("bizOrderNo", "a\x00", 10506),
        ("title", None, 10506),
        ("title", "   ", 10506),
        ("title", ["茶"], 10506),
        ("title", "x" * 101, 10506),
        ("title", "two\nlines", 10506),
        ("title", "茶🍵", 10506),
        ("description", "x" * 51, 10506),
        ("attach", "x" * 501, 10506),
        ("attach", "a\x00b", 10506),
        ("currency", "usd", 10506),
        ("method", None, 10506),
        ("method", "cash", 20012),
        ("method", "union_qr", 10415),
        ("method", "wechat_cashier", 10415),
        ("method", "aggregate_pay_qrcode", 10415),
        ("method", 7, 10506),
        ("authCode", "not a code", 10506),
        ("authCode", "999", 10506),
        ("channelMchNo", "1900002", 20023),
        ("notifyUrl", "javascript:alert(1)", 10506),
        ("notifyUrl", "http://user:secret@a.example/", 10506),
        ("notifyUrl", "http://a.example/" + "x" * 200, 10506),
        ("notifyUrl", "http://[::1", 10506),
        ("notifyUrl", 7, 10506),
        ("returnUrl", "ftp://a.example", 10506),
        ("clientIp", "300.1.1.1", 10506),
        ("clientIp", "fe80::1%eth0", 10506),
        ("expiredTime", "2020-01-01 00:00:00", 10506),
        ("expiredTime", "2099-01-01 00:00:00", 10506),
        ("expiredTime", "soon", 10506),
        ("limitPay", "no_credit", 10506),
        ("limitPay", [1], 10506),
        ("goodsDetail", {}, 10506),
        ("goodsDetail", [1], 10506),
        ("goodsDetail", [{"goodsId": "1"}], 10506),
        (
            "goodsDetail",
            [{"goodsId": "1", "goodsName": "茶", "quantity": 0, "unitPrice": 1}],
            10506,
        ),
        ("terminal", [], 10506),
        ("terminal", {"longitude": True}, 10506),
        ("allocation", "true", 10506),
        ("allocation", 1, 10506),
        ("reqId", "x" * 65, 10506),
        ("reqId", None, 10506),
    ],
)
def test_a_wrong_member_is_named_and_nothing_is_written(shop: Shop, name, value, code):
    answer = shop.call("pay", {**PAY, name: value})
    sentence = refused(answer, code)
    if name != "authCode" or value == "not a code":
        assert name in sentence
    assert written() == NOTHING


@pytest.mark.parametrize(
    ("path", "good", "name", "value", "code"),
    [
        ("refund", REFUND, "bizRefundNo", "x" * 101, 10506),
        ("refund", REFUND, "reason", "x" * 51, 10506),
        ("refund", {"amount": 1}, "bizOrderNo", None, 10506),
        ("close", {}, "orderNo", None, 10506),
        ("close", {"bizOrderNo": "x"}, "useCancel", "yes", 10506),
        ("query/pay-order", {}, "orderNo", None, 10506),
        ("query/pay-order", {}, "orderNo", 1, 10506),
        ("sync/order/pay", {}, "outOrderNo", "", 10506),
        ("query/refund-order", {}, "refundNo", None, 10506),
        ("sync/order/refund", {}, "refundNo", None, 10506),
        ("transfer", TRANSFER, "channel", "douyin", 20011),
        ("transfer", TRANSFER, "channel", None, 10506),
        ("transfer", TRANSFER, "channelMchNo", None, 10506),
        ("transfer", TRANSFER, "channelMchNo", "1900002", 20023),
        ("transfer", TRANSFER, "payeeType", "phone", 10506),
        ("transfer", TRANSFER, "payeeType", "login_name", 20030),
        ("transfer", TRANSFER, "payeeAccount", None, 10506),
        ("transfer", TRANSFER, "payeeAccount", "x" * 65, 10506),
        ("transfer", TRANSFER, "bizTransferNo", "x" * 65, 10506),
        ("transfer", TRANSFER, "amount", 5, 20060),
        ("transfer", TRANSFER, "reportInfos", ["x"], 10506),
        ("query/transfer-order", {"channel": "wechat"}, "transferNo", None, 10506),
        ("query/transfer-order", {"bizTransferNo": "x"}, "channel", None, 10506),
        ("alloc", ALLOC, "receivers", [], 10506),
        ("alloc", ALLOC, "receivers", None, 10506),
        ("alloc", ALLOC, "receivers", [{**RECEIVER, "amount": 0}], 10506),
        ("alloc", ALLOC, "receivers", [{**RECEIVER, "receiverAccount": ""}], 10506),
        ("alloc", ALLOC, "receivers", "x", 10506),
        ("alloc", ALLOC, "bizAllocNo", None, 10506),
        ("alloc", {"bizAllocNo": "A", "receivers": [RECEIVER]}, "bizOrderNo", None, 10506),
        ("query/alloc-order", {}, "allocNo", None, 10506),
        ("sync/order/alloc", {}, "allocNo", None, 10506),
    ],
)
def test_a_wrong_member_of_the_other_calls_too(shop: Shop, path, good, name, value, code):
    sentence = refused(shop.call(path, {**good, name: value}), code)
    assert name in sentence or value is None or value == ""
    assert written() == NOTHING


def test_a_channel_without_an_account_is_refused(shop: Shop):
    ChannelAccount.objects.filter(channel="alipay").update(is_active=False)
    refused(shop.call("pay", {**PAY, "method": "alipay_qr"}), 20021)
    assert written() == NOTHING


def test_more_than_the_channel_takes_is_over_the_limit(shop: Shop):
    refused(shop.call("pay", {**PAY, "amount": 10**9 + 1}), 20060)
    assert written() == NOTHING


# --- numbers that are taken, or somebody else's ----------------------------------------------


def test_a_number_with_other_content_is_refused(shop: Shop):
    refused(shop.call("pay", PAY), 20043)  # nobody places it here
    before = written()
    for change in (
        {"amount": 101},
        {"title": "红茶"},
        {"method": "wechat_h5", "clientIp": "1.1.1.1"},
    ):
        sentence = refused(shop.call("pay", {**PAY, **change}), 10507)
        assert "bizOrderNo PAY-1" in sentence
    assert written() == before


@pytest.mark.parametrize(
    ("path", "code"),
    [("query/pay-order", 20041), ("sync/order/pay", 10506), ("close", 10506), ("refund", 20044)],
)
def test_another_merchants_payment_is_not_there(shop: Shop, other_shop: Shop, path, code):
    order = cast.make_pay_order(other_shop.house, "success", biz_order_no="THEIRS")
    before = written()
    for number in (
        {"orderNo": order.order_no},
        {"tradeNo": order.order_no},
        {"bizOrderNo": "THEIRS"},
        {"outOrderNo": order.out_order_no},
        {"orderNo": "biz:THEIRS"},
    ):
        refused(shop.call(path, {**number, "amount": 1}), code)
        assert shop.call(path, {"orderNo": "P" + "0" * 26, "amount": 1})["code"] == code
    assert written() == before


def test_another_merchants_refund_transfer_and_allocation_are_not_there(
    shop: Shop, other_shop: Shop
):
    order = cast.make_pay_order(other_shop.house, "success", allocation=True)
    back = cast.make_refund(order, "success")
    sent = cast.make_transfer(other_shop.house)
    row = cast.make_allocation(other_shop.house)
    before = written()
    for path, param in (
        ("refund-order", {"refundNo": back.refund_no}),
        ("refund-order", {"bizRefundNo": back.biz_refund_no}),
        ("transfer-order", {"transferNo": sent.transfer_no}),
        ("transfer-order", {"bizTransferNo": sent.biz_transfer_no, "channel": "sandbox"}),
        ("alloc-order", {"allocNo": row.allocation_no}),
        ("alloc-order", {"bizAllocNo": row.biz_allocation_no}),
    ):
        refused(shop.call(f"query/{path}", param), 20041)
        refused(shop.call(f"sync/order/{path.removesuffix('-order')}", param), 20041)
    refused(shop.call("alloc", {**ALLOC, "bizOrderNo": None, "orderNo": order.order_no}), 20041)
    assert written() == before


# --- the wire's corners -----------------------------------------------------------------------


def test_other_methods_and_addresses_are_answered_in_the_envelope(client):
    for path in ("pay", "query/pay-order", "ping"):
        answer = client.get(f"/unipay/{path}")
        assert answer.status_code == 405
        assert json.loads(answer.content)["code"] == 10415
    answer = client.post("/unipay/nothing", b"{}", content_type="application/json")
    assert (answer.status_code, json.loads(answer.content)["code"]) == (404, 10404)


def test_the_plain_ping_says_what_the_sdks_look_for(client):
    answer = client.get("/unipay/callback/ping")
    assert (answer.status_code, answer.content) == (200, b"daxpay-ping:unipay-callback")


def test_what_nobody_foresaw_is_answered_signed_and_tells_nothing(shop: Shop, monkeypatch, caplog):
    def broken(_call: Any) -> Any:
        raise RuntimeError("a secret of ours")

    endpoint = ENDPOINTS["ping"]
    monkeypatch.setitem(endpoint.__dict__, "work", broken)
    sentence = refused(shop.call("ping", {}), 30000)
    assert "secret" not in sentence
    assert "a secret of ours" in caplog.text


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats()
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
NAMES = sorted({name for one in ENDPOINTS.values() for name in one.shape.members})


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    path=st.sampled_from(sorted(ENDPOINTS)),
    message=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=12),
    is_signed=st.booleans(),
)
def test_random_messages_are_answered_and_leave_nothing(shop: Shop, path, message, is_signed):
    body = {**message, "mchNo": "MA", "appId": "app-a"}
    if is_signed:
        whole = {**PAY, **REFUND, **TRANSFER, **ALLOC, "bizOrderNo": "NONE", **message}
        try:
            body = shop.client.prepare({**whole, "mchNo": "MA", "appId": "app-a"})
        except (UnicodeEncodeError, OverflowError, ValueError):
            return  # no client could sign it
    try:
        raw = json.dumps(body).encode()
    except ValueError:
        return
    before = written()
    status, content = post(f"/unipay/{path}", raw)
    answer = json.loads(content)
    assert status == 200
    assert answer["code"] not in (30000, 10500)
    assert "sign" not in answer or rsa2_verify(
        answer, answer["sign"], shop.client.platform_public_key
    )
    if answer["code"] != 0 and answer["code"] != 20043:
        assert written() == before


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    raw=st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_random_bytes_are_answered(shop: Shop, raw):
    status, content = post("/unipay/pay", raw)
    assert status == 200
    assert json.loads(content)["code"] == 10505
    assert written() == NOTHING
