"""Pay orders of the simulated WeChat Pay: held once, paid once, told truly, closed for good."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from channels.simulators.core.errors import ControlError
from channels.simulators.wechat import WechatSimulator
from tests.channels.simulators.contract import checked
from tests.channels.simulators.wire_client import Merchant

SCENES: dict[str, dict[str, Any]] = {
    "native": {},
    "app": {},
    "jsapi": {"payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}},
    "h5": {"scene_info": {"payer_client_ip": "10.0.0.7", "h5_info": {"type": "Wap"}}},
}
DAY = 86400


def in_seconds(seconds: float) -> str:
    moment = datetime.now().astimezone() + timedelta(seconds=seconds)
    return moment.isoformat(timespec="seconds")


def refusal_to_pay(simulator: WechatSimulator, number: str, **options: Any) -> tuple[int, str]:
    with pytest.raises(ControlError) as refused:
        simulator.pay(number, **options)
    return refused.value.status, refused.value.code


def movements(simulator: WechatSimulator) -> list[tuple[str, str, int]]:
    return [
        (move["kind"], move["our_no"], move["amount"]) for move in simulator.book()["movements"]
    ]


@pytest.mark.parametrize(
    ("kind", "member", "trade_type"),
    [
        ("native", "code_url", "NATIVE"),
        ("h5", "h5_url", "MWEB"),
        ("jsapi", "prepay_id", "JSAPI"),
        ("app", "prepay_id", "APP"),
    ],
)
def test_each_way_to_pay_from_prepay_to_paid(
    simulator: WechatSimulator, merchant: Merchant, kind: str, member: str, trade_type: str
) -> None:
    target = f"/v3/pay/transactions/{kind}"
    prepaid = checked(merchant, "POST", target, merchant.body("ORDER-1", **SCENES[kind]))
    assert list(prepaid.json) == [member]
    query = f"/v3/pay/transactions/out-trade-no/ORDER-1?mchid={merchant.identity['mchid']}"
    unpaid = checked(merchant, "GET", query).json
    assert (unpaid["trade_state"], unpaid.get("transaction_id")) == ("NOTPAY", None)

    paid = simulator.pay("ORDER-1")
    told = checked(merchant, "GET", query).json
    assert (told["trade_state"], told["trade_type"]) == ("SUCCESS", trade_type)
    assert told["amount"] == {
        "total": 100,
        "payer_total": 100,
        "currency": "CNY",
        "payer_currency": "CNY",
    }
    assert told["transaction_id"] == paid["transaction_id"]
    by_id = f"/v3/pay/transactions/id/{paid['transaction_id']}?mchid={merchant.identity['mchid']}"
    assert checked(merchant, "GET", by_id).json == told
    assert movements(simulator) == [("pay", "ORDER-1", 100)]


def test_the_payer_and_the_attachment_come_back(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    openid = SCENES["jsapi"]["payer"]["openid"]
    merchant.prepay("ORDER-1", kind="jsapi", attach="店=7", **SCENES["jsapi"])
    simulator.pay("ORDER-1")
    told = merchant.query("ORDER-1").json
    assert (told["payer"], told["attach"]) == ({"openid": openid}, "店=7")


def test_the_same_parameters_again_give_a_fresh_code_for_the_same_order(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    first, second = merchant.prepay("ORDER-1"), merchant.prepay("ORDER-1")
    assert (first.status, second.status) == (200, 200)
    assert first.json["code_url"] != second.json["code_url"]
    assert [order["our_no"] for order in simulator.orders()] == ["ORDER-1"]
    assert simulator.code_of("ORDER-1") == second.json["code_url"]


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": {"total": 101, "currency": "CNY"}},
        {"description": "红茶一盒"},
        {"notify_url": "http://127.0.0.1:9/other/"},
        {"attach": "x"},
    ],
)
def test_the_same_number_with_other_parameters_is_refused(
    simulator: WechatSimulator, merchant: Merchant, changed: dict[str, Any]
) -> None:
    merchant.prepay("ORDER-1")
    reply = merchant.prepay("ORDER-1", **changed)
    assert (reply.status, reply.code) == (403, "OUT_TRADE_NO_USED")
    assert [order["amount"] for order in simulator.orders()] == [100]


def test_the_same_number_for_another_way_to_pay_is_refused(merchant: Merchant) -> None:
    merchant.prepay("ORDER-1")
    reply = merchant.prepay("ORDER-1", kind="app")
    assert (reply.status, reply.code) == (403, "OUT_TRADE_NO_USED")


def test_a_paid_order_is_not_held_again(simulator: WechatSimulator, merchant: Merchant) -> None:
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1")
    reply = merchant.prepay("ORDER-1")
    assert (reply.status, reply.code) == (400, "ORDERPAID")
    assert movements(simulator) == [("pay", "ORDER-1", 100)]


def test_an_order_cannot_be_paid_twice_not_even_by_force(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1")
    assert refusal_to_pay(simulator, "ORDER-1") == (409, "already_paid")
    assert refusal_to_pay(simulator, "ORDER-1", force=True) == (409, "already_paid")
    assert movements(simulator) == [("pay", "ORDER-1", 100)]


def test_two_numbers_paid_are_two_movements(simulator: WechatSimulator, merchant: Merchant) -> None:
    for number in ("ORDER-1", "ORDER-2"):
        merchant.prepay(number)
        simulator.pay(number)
    assert movements(simulator) == [("pay", "ORDER-1", 100), ("pay", "ORDER-2", 100)]
    balances = simulator.book()["balances"]
    assert balances == {merchant.identity["mchid"]: {"available": 200, "frozen": 0, "refunding": 0}}


def test_an_unknown_order_cannot_be_paid_queried_or_closed(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    assert refusal_to_pay(simulator, "ORDER-1") == (404, "order_not_found")
    for reply in (merchant.query("ORDER-1"), merchant.close("ORDER-1")):
        assert (reply.status, reply.code) == (404, "ORDER_NOT_EXIST")


def test_a_closed_order_stays_closed(simulator: WechatSimulator, merchant: Merchant) -> None:
    merchant.prepay("ORDER-1")
    assert merchant.close("ORDER-1").status == 204
    assert merchant.close("ORDER-1").status == 204
    assert merchant.query("ORDER-1").json["trade_state"] == "CLOSED"
    assert refusal_to_pay(simulator, "ORDER-1") == (409, "closed")
    reply = merchant.prepay("ORDER-1")
    assert (reply.status, reply.code) == (400, "ORDER_CLOSED")
    assert movements(simulator) == []


def test_late_money_can_be_forced_on_a_closed_order(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-1")
    merchant.close("ORDER-1")
    simulator.pay("ORDER-1", force=True)
    assert merchant.query("ORDER-1").json["trade_state"] == "SUCCESS"
    assert movements(simulator) == [("pay", "ORDER-1", 100)]


def test_a_paid_order_refuses_to_close(simulator: WechatSimulator, merchant: Merchant) -> None:
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1")
    reply = merchant.close("ORDER-1")
    assert (reply.status, reply.code) == (400, "ORDER_PAID")
    assert merchant.query("ORDER-1").json["trade_state"] == "SUCCESS"


def test_an_expired_order_is_unpaid_but_not_closed(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-1", time_expire=in_seconds(100))
    simulator.set_clock(101)
    assert refusal_to_pay(simulator, "ORDER-1") == (409, "expired")
    assert merchant.query("ORDER-1").json["trade_state"] == "NOTPAY"
    assert merchant.close("ORDER-1").status == 204


def test_an_expired_order_gives_no_fresh_code(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    expiry = in_seconds(100)
    merchant.prepay("ORDER-1", time_expire=expiry)
    simulator.set_clock(101)
    reply = merchant.prepay("ORDER-1", time_expire=expiry)
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("given", "kind", "kept"),
    [(5, "native", 60), (30 * DAY, "native", 7 * DAY), (30 * DAY, "app", 15 * DAY)],
)
def test_time_expire_is_clamped(
    simulator: WechatSimulator, merchant: Merchant, given: int, kind: str, kept: int
) -> None:
    merchant.prepay("ORDER-1", kind=kind, time_expire=in_seconds(given))
    (order,) = simulator.orders()
    lasts = datetime.fromisoformat(order["expires_at"]) - datetime.fromisoformat(
        order["created_at"]
    )
    assert lasts == timedelta(seconds=kept)


@pytest.mark.parametrize(("kind", "life"), [("native", 7200), ("h5", 300)])
def test_an_old_code_cannot_be_paid_and_a_fresh_one_can(
    simulator: WechatSimulator, merchant: Merchant, kind: str, life: int
) -> None:
    merchant.prepay("ORDER-1", kind=kind, **SCENES[kind])
    simulator.set_clock(life + 1)
    assert refusal_to_pay(simulator, "ORDER-1") == (409, "code_expired")
    target = f"/v3/pay/transactions/{kind}"
    body = json.dumps(merchant.body("ORDER-1", **SCENES[kind])).encode()
    stamp = int(time.time()) + life + 1
    signed = merchant.authorization("POST", target, body, stamp=stamp)
    assert merchant.call("POST", target, body, authorization=signed).status == 200
    simulator.pay("ORDER-1")
    assert movements(simulator) == [("pay", "ORDER-1", 100)]


def test_an_unpaid_order_closes_itself_after_seven_days(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-1")
    simulator.set_clock(7 * DAY + 1)
    target = f"/v3/pay/transactions/out-trade-no/ORDER-1?mchid={merchant.identity['mchid']}"
    signed = merchant.authorization("GET", target, b"", stamp=int(time.time()) + 7 * DAY + 1)
    assert merchant.call("GET", target, authorization=signed).json["trade_state"] == "CLOSED"
    simulator.set_clock(0)
    assert merchant.query("ORDER-1").json["trade_state"] == "CLOSED"


def test_an_order_is_not_found_by_an_id_it_does_not_have(merchant: Merchant) -> None:
    merchant.prepay("ORDER-1")
    mchid = merchant.identity["mchid"]
    reply = merchant.call("GET", f"/v3/pay/transactions/id/42000000?mchid={mchid}")
    assert (reply.status, reply.code) == (404, "ORDER_NOT_EXIST")


@pytest.mark.parametrize("query", ["", "?mchid=", "?mchid=1900000000"])
def test_a_query_must_name_its_own_merchant(merchant: Merchant, query: str) -> None:
    merchant.prepay("ORDER-1")
    reply = merchant.call("GET", f"/v3/pay/transactions/out-trade-no/ORDER-1{query}")
    assert (reply.status, reply.code) == (400, "PARAM_ERROR")


def without(body: dict[str, Any], *path: str) -> dict[str, Any]:
    inner = body
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return body


def changed(body: dict[str, Any], value: Any, *path: str) -> dict[str, Any]:
    inner = body
    for name in path[:-1]:
        inner = inner.setdefault(name, {})
    inner[path[-1]] = value
    return body


BAD_BODIES: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "no appid": (lambda b: without(b, "appid"), "appid"),
    "no notify_url": (lambda b: without(b, "notify_url"), "notify_url"),
    "no amount": (lambda b: without(b, "amount"), "amount"),
    "no total": (lambda b: without(b, "amount", "total"), "amount/total"),
    "amount as text": (lambda b: changed(b, "100", "amount", "total"), "amount/total"),
    "amount as float": (lambda b: changed(b, 100.0, "amount", "total"), "amount/total"),
    "amount true": (lambda b: changed(b, True, "amount", "total"), "amount/total"),
    "amount zero": (lambda b: changed(b, 0, "amount", "total"), "amount/total"),
    "amount negative": (lambda b: changed(b, -1, "amount", "total"), "amount/total"),
    "amount absurd": (lambda b: changed(b, 10**30, "amount", "total"), "amount/total"),
    "foreign money": (lambda b: changed(b, "USD", "amount", "currency"), "amount/currency"),
    "null": (lambda b: changed(b, None, "attach"), "attach"),
    "null inside": (lambda b: changed(b, None, "settle_info", "profit_sharing"), "profit_sharing"),
    "unknown member": (lambda b: changed(b, 1, "extra"), "extra"),
    "unknown member inside": (lambda b: changed(b, 1, "amount", "fee"), "amount/fee"),
    "short number": (lambda b: changed(b, "A1234", "out_trade_no"), "out_trade_no"),
    "long number": (lambda b: changed(b, "A" * 33, "out_trade_no"), "out_trade_no"),
    "number with space": (lambda b: changed(b, "ORDER 1", "out_trade_no"), "out_trade_no"),
    "number in Chinese": (lambda b: changed(b, "订单号码一二三", "out_trade_no"), "out_trade_no"),
    "empty description": (lambda b: changed(b, "", "description"), "description"),
    "long description": (lambda b: changed(b, "茶" * 128, "description"), "description"),
    "emoji": (lambda b: changed(b, "茶🍵", "description"), "description"),
    "long attach": (lambda b: changed(b, "x" * 129, "attach"), "attach"),
    "url with query": (lambda b: changed(b, "http://a/b?c=1", "notify_url"), "notify_url"),
    "url of another kind": (lambda b: changed(b, "ftp://a/b", "notify_url"), "notify_url"),
    "time without offset": (
        lambda b: changed(b, "2026-11-20T10:00:00", "time_expire"),
        "time_expire",
    ),
    "no such day": (
        lambda b: changed(b, "2026-13-40T10:00:00+08:00", "time_expire"),
        "time_expire",
    ),
    "flag as text": (lambda b: changed(b, "yes", "support_fapiao"), "support_fapiao"),
    "object as text": (lambda b: changed(b, "x", "settle_info"), "settle_info"),
    "array as object": (lambda b: changed(b, {}, "limit_pay"), "limit_pay"),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_wrong_member_is_named_and_nothing_is_held(
    simulator: WechatSimulator, merchant: Merchant, name: str
) -> None:
    spoil, member = BAD_BODIES[name]
    body = spoil(merchant.body("ORDER-1"))
    reply = merchant.call("POST", "/v3/pay/transactions/native", body)
    assert (reply.status, reply.code) == (400, "PARAM_ERROR")
    assert member in reply.json["message"]
    assert reply.json["detail"]["location"] == "body"
    assert reply.json["detail"]["field"].endswith(member.rpartition("/")[2])
    assert simulator.orders() == []


def test_a_null_is_refused_as_a_null(merchant: Merchant) -> None:
    reply = merchant.prepay("ORDER-1", settle_info={"profit_sharing": None})
    assert reply.json["detail"]["issue"] == "null is not allowed"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"appid": NaN}',
        b'{"appid": "a", "appid": "b"}',
        b"\xff\xfe{}",
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_json_object_is_refused(merchant: Merchant, body: bytes) -> None:
    reply = merchant.call("POST", "/v3/pay/transactions/native", body)
    assert (reply.status, reply.code) == (400, "PARAM_ERROR")


def test_escaped_emoji_and_lone_surrogates_are_refused_as_well(merchant: Merchant) -> None:
    for text in ("\\ud83c\\udf75", "\\ud83c"):
        plain = json.dumps(merchant.body("ORDER-1", description="TEA"))
        body = plain.replace("TEA", text).encode()
        reply = merchant.call("POST", "/v3/pay/transactions/native", body)
        assert (reply.status, reply.code) == (400, "PARAM_ERROR")
        assert "description" in reply.json["message"]


@pytest.mark.parametrize(
    ("kind", "more", "member"),
    [
        ("jsapi", {}, "payer"),
        ("jsapi", {"payer": {}}, "payer/openid"),
        ("h5", {}, "scene_info"),
        ("h5", {"scene_info": {"payer_client_ip": "10.0.0.7"}}, "h5_info"),
        ("h5", {"scene_info": {"h5_info": {"type": "Wap"}}}, "payer_client_ip"),
        (
            "h5",
            {"scene_info": {"payer_client_ip": "10.0.0.7", "h5_info": {"type": "web"}}},
            "type",
        ),
    ],
)
def test_each_way_to_pay_has_its_own_required_members(
    merchant: Merchant, kind: str, more: dict[str, Any], member: str
) -> None:
    reply = merchant.prepay("ORDER-1", kind=kind, **more)
    assert (reply.status, reply.code) == (400, "PARAM_ERROR")
    assert member in reply.json["message"]


def test_the_merchant_inside_must_be_the_one_that_signed(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-2")
    message = "http header中的mchid与post payload中的mchid不匹配"
    prepay = merchant.prepay("ORDER-1", mchid="1900000000")
    close = merchant.call(
        "POST", "/v3/pay/transactions/out-trade-no/ORDER-2/close", {"mchid": "1900000000"}
    )
    for reply in (prepay, close):
        assert (reply.status, reply.code) == (400, "PARAM_ERROR")
        assert reply.json["message"] == message
    assert [order["state"] for order in simulator.orders()] == ["NOTPAY"]


def test_another_merchants_appid_is_refused(merchant: Merchant) -> None:
    reply = merchant.prepay("ORDER-1", appid="wx0000000000000000")
    assert (reply.status, reply.code) == (400, "APPID_MCHID_NOT_MATCH")


def test_the_paid_amount_can_be_made_wrong(simulator: WechatSimulator, merchant: Merchant) -> None:
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1", amount=1)
    assert merchant.query("ORDER-1").json["amount"]["total"] == 1
    assert movements(simulator) == [("pay", "ORDER-1", 1)]
