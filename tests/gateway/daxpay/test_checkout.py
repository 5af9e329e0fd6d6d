"""DaxPay's gateway orders: the merchant's signed calls, the customer's page and its addresses."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
import segno
import time_machine
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from channels.base import Outcome, PayState
from gateway.api.daxpay import checkout as door
from gateway.cashier import environment
from gateway.cashier.environment import CashierType, ClientEnv
from orders.models import ChannelCall, Checkout, MerchantNotice, PayOrder
from orders.services import checkout as checkouts
from orders.services import pay
from orders.services.checkout import Environment
from tests import cast
from tests.gateway.daxpay.shop import Shop

pytestmark = pytest.mark.django_db

PRE_PAY: dict[str, Any] = {
    "bizOrderNo": "GW-1",
    "title": "龙井茶",
    "amount": 12800,
    "gatewayPayType": "cashier",
    "attach": "x" * 500,
    "notifyUrl": "http://127.0.0.1:9/notices",
    "returnUrl": "https://shop.example/thanks?n=1",
}
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
IN_WECHAT = f"{PHONE} MicroMessenger/8.0.50"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0 Safari/537.36"


def good(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer["code"] == 0, answer
    data: dict[str, Any] = answer["data"]
    return data


def pre_pay(shop: Shop, **changes: Any) -> str:
    """The number of a new gateway order."""
    return str(good(shop.call("gateway/pre-pay", {**PRE_PAY, **changes}))["orderNo"])


def ask(path: str, agent: str = DESKTOP, **query: Any) -> dict[str, Any]:
    answer = Client(headers={"user-agent": agent}).get(f"/unipay/gateway/{path}", query)
    return read(answer)


def tell(path: str, agent: str = DESKTOP, **body: Any) -> dict[str, Any]:
    # As the page sends it: without a cookie and without a token.
    client = Client(enforce_csrf_checks=True, headers={"user-agent": agent})
    answer = client.post(f"/unipay/gateway/{path}", json.dumps(body), "application/json")
    return read(answer)


def read(answer: HttpResponse) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "no-store"
    body: dict[str, Any] = json.loads(answer.content)
    assert list(body) == ["code", "message", "data"]
    return body


def open_page(number: str, agent: str = DESKTOP, kind: str = "cashier", **query: str) -> str:
    answer = Client(headers={"user-agent": agent}).get(f"/{kind}/{number}", query)
    assert answer.status_code == 200
    return answer.content.decode()


def place(order: PayOrder, **params: str) -> None:
    """The channel takes the order and says how it is paid."""
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING, pay_params=params)


def chosen(number: str, item: str = "wechat_native") -> PayOrder:
    tell("cashier/pay", orderNo=number, itemId=item)
    order = PayOrder.objects.get()
    place(order, code_url="weixin://wxpay/bizpayurl?pr=abc")
    return order


def paid(order: PayOrder) -> None:
    pay.request_sync(order.order_no, cast.CLOCK)
    said = {"state": PayState.PAID, "out_no": "4200001", "amount": order.amount}
    cast.channel_says(order, Outcome.DONE, **said)


# --- the merchant's calls -------------------------------------------------------------------


def test_pre_pay_answers_the_address_of_a_page_and_asks_no_channel(shop: Shop, settings):
    settings.BASE_URL = "https://pay.example"
    data = good(shop.call("gateway/pre-pay", PRE_PAY))
    number = data["orderNo"]
    assert data == {
        "orderNo": number,
        "bizOrderNo": "GW-1",
        "status": "wait_pay",
        "gatewayType": "cashier",
        "h5Url": f"https://pay.example/cashier/{number}",
        "url": f"https://pay.example/cashier/{number}",
        "miniUrl": None,
        "expiredTime": data["expiredTime"],
    }
    assert (PayOrder.objects.count(), ChannelCall.objects.count()) == (0, 0)


def test_the_same_number_again_is_the_same_page_unless_the_amount_differs(shop: Shop):
    number = pre_pay(shop)
    assert pre_pay(shop) == number
    answer = shop.call("gateway/pre-pay", {**PRE_PAY, "amount": 1})
    assert answer["code"] == 10507
    assert Checkout.objects.get().amount == 12800


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        ({"gatewayPayType": "till"}, 10506, "gatewayPayType"),
        ({"gatewayPayType": None}, 10506, "gatewayPayType"),
        ({"amount": 0}, 10506, "amount"),
        ({"amount": 1.5}, 10506, "amount"),
        ({"currency": "usd"}, 10506, "currency"),
        ({"title": ""}, 10506, "title"),
        ({"returnUrl": "javascript:alert(1)"}, 10506, "returnUrl"),
        ({"expiredTime": "2020-01-01 00:00:00"}, 10506, "expiredTime"),
        ({"bizOrderNo": "x" * 65}, 10506, "bizOrderNo"),
    ],
)
def test_bad_input_names_its_member_and_writes_nothing(shop: Shop, change, code, word):
    answer = shop.call("gateway/pre-pay", {**PRE_PAY, **change})
    assert (answer["code"], word in answer["msg"]) == (code, True), answer
    assert Checkout.objects.count() == 0


def test_a_paid_and_an_expired_number_are_told_apart(shop: Shop):
    number = pre_pay(shop)
    paid(chosen(number))
    first = shop.call("gateway/pre-pay", PRE_PAY)
    other = checkouts.find(pre_pay(shop, bizOrderNo="GW-2"))
    with time_machine.travel(other.expires_at + timedelta(seconds=1)):
        second = shop.call("gateway/pre-pay", {**PRE_PAY, "bizOrderNo": "GW-2"})
    assert (first["code"], second["code"]) == (10506, 10506)
    assert first["msg"] != second["msg"]


def test_query_tells_of_the_trade_once_there_is_one(shop: Shop):
    number = pre_pay(shop)
    before = good(shop.call("gateway/query", {"orderNo": number}))
    assert (before["status"], before["tradeNo"], before["fundStatus"]) == ("wait_pay", None, None)
    order = chosen(number)
    paid(order)
    after = good(shop.call("gateway/query", {"bizOrderNo": "GW-1"}))
    assert {name: after[name] for name in ("status", "fundStatus", "method", "product")} == {
        "status": "paid", "fundStatus": "success", "method": "wechat_qr", "product": "wechat_pay",
    }  # fmt: skip
    assert (after["orderNo"], after["tradeNo"]) == (number, order.order_no)
    assert (after["outOrderNo"], after["attach"]) == ("4200001", "x" * 500)
    assert after["payTime"]


def test_another_merchants_gateway_order_is_not_there(shop: Shop, other_shop: Shop):
    number = pre_pay(shop)
    for name, value in (("orderNo", number), ("bizOrderNo", "GW-1")):
        answer = other_shop.call("gateway/query", {name: value})
        assert (answer["code"], answer["data"]) == (20041, None)
    assert other_shop.call("gateway/query", {})["code"] == 10506


def test_a_gateway_order_is_closed_by_any_of_its_numbers(shop: Shop):
    number = pre_pay(shop)
    assert good_close(shop, orderNo=number)
    assert good(shop.call("gateway/query", {"orderNo": number}))["status"] == "closed"
    assert tell("cashier/pay", orderNo=number, itemId="wechat_native")["code"] == 10506
    pre_pay(shop, bizOrderNo="GW-2")
    assert good_close(shop, bizOrderNo="GW-2")
    assert shop.call("close", {"bizOrderNo": "GW-2"})["code"] == 20044
    assert PayOrder.objects.count() == 0


def good_close(shop: Shop, **param: str) -> bool:
    answer = shop.call("close", param)
    return bool((answer["code"], answer["data"]) == (0, None))


def test_another_merchant_closes_nothing(shop: Shop, other_shop: Shop):
    number = pre_pay(shop)
    assert other_shop.call("close", {"orderNo": number})["code"] == 10506
    assert good(shop.call("gateway/query", {"orderNo": number}))["status"] == "wait_pay"


def test_a_trade_is_found_by_the_number_of_its_gateway_order(shop: Shop):
    number = pre_pay(shop)
    assert shop.call("query/pay-order", {"orderNo": number})["code"] == 20041
    order = chosen(number)
    found = good(shop.call("query/pay-order", {"orderNo": number}))
    assert (found["tradeNo"], found["status"]) == (order.order_no, "processing")


def test_every_status_has_daxpays_word():
    assert {*door.STATUSES.values()} == {
        "wait_pay", "paying", "paid", "failed", "closed", "expired",
    }  # fmt: skip
    assert {*door.SOURCES} == {*Checkout.Kind.values}


def test_a_payment_of_the_page_is_told_in_the_words_of_this_door(shop: Shop):
    order = chosen(pre_pay(shop))
    paid(order)
    notice = MerchantNotice.objects.get()
    assert (order.door, notice.dialect, notice.url) == ("daxpay", "daxpay", PRE_PAY["notifyUrl"])
    assert json.loads(notice.body)["data"]["attach"] == "x" * 500


# --- the customer's addresses ---------------------------------------------------------------


def test_the_choice_is_placed_and_the_same_again_has_the_same_code(shop: Shop):
    number = pre_pay(shop)
    first = tell("cashier/pay", orderNo=number, itemId="wechat_native")
    assert first["code"] == 20043  # no worker runs here
    order = PayOrder.objects.get()
    place(order, code_url="weixin://wxpay/bizpayurl?pr=abc")
    again = tell("cashier/pay", orderNo=number, itemId="wechat_native")
    assert good(again) == {
        "bizOrderNo": "GW-1",
        "orderNo": number,
        "tradeNo": order.order_no,
        "status": "processing",
        "payBody": "weixin://wxpay/bizpayurl?pr=abc",
        "payBodyType": "qr_code",
    }
    assert (order.client_ip, order.return_url.rsplit("/", 1)[1]) == ("127.0.0.1", number)
    assert ChannelCall.objects.count() == 1


def test_another_choice_is_refused_with_the_lock(shop: Shop):
    number = pre_pay(shop)
    order = chosen(number)
    answer = tell("cashier/pay", orderNo=number, itemId="alipay_native")
    assert (answer["code"], answer["data"]) == (10506, None)
    assert "wechat_native" in answer["message"]
    assert PayOrder.objects.get().pk == order.pk
    items = good(ask("cashier/items", orderNo=number))
    assert [(item["id"], item["locked"]) for item in items] == [("wechat_native", True)]


def test_the_list_is_that_of_the_place(shop: Shop):
    number = pre_pay(shop)

    def ids(agent: str = DESKTOP, **query: str) -> list[str]:
        answer = ask("cashier/items", agent, orderNo=number, **query)
        return [str(item["id"]) for item in good(answer)]

    assert ids() == ["wechat_native", "alipay_native", "alipay_page", "sandbox_native"]
    assert ids(PHONE) == ["wechat_h5", "alipay_wap", "sandbox_native"]
    assert ids(clientEnv="browser", cashierType="h5") == ids(PHONE)
    assert ids(IN_WECHAT, openId="oUpF8") == ["wechat_jsapi", "sandbox_native"]
    first = good(ask("cashier/items", orderNo=number))[0]
    assert (first["recommend"], first["needOpenId"], first["icon"]) == (True, False, "wechat")


def test_what_a_channel_refused_is_not_shown_to_the_customer(shop: Shop):
    number = pre_pay(shop)
    tell("cashier/pay", orderNo=number, itemId="wechat_native")
    order = PayOrder.objects.get()
    cast.channel_says(order, Outcome.REFUSED, code="NO_AUTH", message="merchant owes fees")
    assert good(ask("order", orderNo=number))["status"] == "failed"
    answer = tell("cashier/pay", orderNo=number, itemId="wechat_native")
    assert answer["code"] == 10506
    assert "owes" not in json.dumps(answer)


def test_the_order_says_where_to_go_back_to_only_once_it_is_paid(shop: Shop):
    number = pre_pay(shop)
    before = good(ask("order", orderNo=number))
    assert (before["status"], before["amount"], before["returnUrl"]) == ("wait_pay", 12800, None)
    assert 0 < before["leftSeconds"] <= 1800
    paid(chosen(number))
    after = good(ask("order", orderNo=number))
    assert (after["status"], after["returnUrl"]) == ("paid", PRE_PAY["returnUrl"])


@pytest.mark.parametrize("number", ["", "C1", "C" + "0" * 26, "P01M7WPKXNS9XD6RTGPJ4C6RPC5"])
def test_a_number_that_is_none_is_not_found(shop: Shop, number):
    pre_pay(shop)
    for answer in (
        ask("order", orderNo=number),
        tell("cashier/pay", orderNo=number, itemId="wechat_native"),
    ):
        assert (answer["code"] in (10506, 20041), answer["data"]) == (True, None)
    assert Client().get(f"/cashier/{number or 'x'}").status_code == 404
    assert Client().get(f"/cashier/{number or 'x'}/qr.svg").status_code == 404


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"\xff", b'{"orderNo":1}', b'{"orderNo":"x","orderNo":"y"}']
)
def test_a_body_that_cannot_be_read_is_refused(shop: Shop, body):
    answer = Client().post("/unipay/gateway/cashier/pay", body, "application/json")
    assert (answer.status_code, json.loads(answer.content)["code"]) in ((200, 10505), (200, 10506))
    assert PayOrder.objects.count() == 0


def test_who_asks_too_often_waits(shop: Shop):
    number = pre_pay(shop)
    for _time in range(20):
        tell("cashier/pay", orderNo=number, itemId="wechat_native")
    body = json.dumps({"orderNo": number, "itemId": "wechat_native"})
    answer = Client().post("/unipay/gateway/cashier/pay", body, "application/json")
    assert (answer.status_code, json.loads(answer.content)["code"]) == (429, 1)
    assert ChannelCall.objects.count() == 1
    assert good(ask("order", orderNo=number))["status"] == "paying"


# --- aggregate ------------------------------------------------------------------------------


def test_the_wallet_that_opens_an_aggregate_page_is_the_one_that_pays(shop: Shop):
    number = pre_pay(shop, gatewayPayType="aggregate")
    meta = good(ask("aggregate/meta", orderNo=number, clientEnv="alipay"))
    assert meta == {"autoLaunch": True, "needOpenId": False}
    tell("aggregate/pay", orderNo=number, clientEnv="alipay")
    order = PayOrder.objects.get()
    assert (order.channel, order.method) == ("alipay", "wap")
    assert order.door_data["source"] == "aggress_pay"


def test_no_wallet_is_guessed_for_a_browser(shop: Shop):
    number = pre_pay(shop, gatewayPayType="aggregate")
    for env in ("browser", "", "douyin"):
        assert tell("aggregate/pay", orderNo=number, clientEnv=env)["code"] == 10506
    assert PayOrder.objects.count() == 0


def test_a_page_of_another_kind_is_refused_or_sent_to_its_own(shop: Shop):
    number = pre_pay(shop, gatewayPayType="aggregate")
    assert tell("cashier/pay", orderNo=number, itemId="wechat_native")["code"] == 10506
    answer = Client().get(f"/cashier/{number}")
    assert (answer.status_code, answer["Location"].rsplit("/", 2)[1:]) == (
        302, ["aggregate", number],
    )  # fmt: skip
    assert PayOrder.objects.count() == 0


# --- the page -------------------------------------------------------------------------------


def test_the_page_shows_what_is_paid_and_is_kept_by_nobody(shop: Shop):
    number = pre_pay(shop)
    answer = Client(headers={"user-agent": PHONE}).get(f"/cashier/{number}")
    text = answer.content.decode()
    assert "128.00" in text and "龙井茶" in text
    assert 'value="wechat_h5" checked' in text
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Robots-Tag"] == "noindex"
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert not answer.cookies
    for outside in ("http://", "https://", "<style", "onclick", "javascript:"):
        assert outside not in text


def test_the_page_never_speaks_the_merchants_words_as_html(shop: Shop):
    number = pre_pay(shop, title="<script>alert(1)</script>", bizOrderNo="<b>")
    text = open_page(number)
    assert "<script>alert" not in text and "<b>" not in text.replace("<b data", "")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    odd = open_page(number, openId='"><script>')
    assert 'data-openid=""' in odd


def test_the_code_is_drawn_here_and_only_while_it_can_be_paid(shop: Shop):
    number = pre_pay(shop)
    at = f"/cashier/{number}/qr.svg"
    assert Client().get(at).status_code == 404
    order = chosen(number)
    answer = Client().get(at)
    wanted = io.BytesIO()
    segno.make("weixin://wxpay/bizpayurl?pr=abc", error="m", micro=False).save(
        wanted, kind="svg", border=2, xmldecl=False, svgclass=None, lineclass=None
    )
    assert (answer["Content-Type"], answer.content) == ("image/svg+xml", wanted.getvalue())
    assert 'data-view="qr"' in open_page(number)
    paid(order)
    assert Client().get(at).status_code == 404
    assert 'data-view="paid"' in open_page(number)
    assert 'href="https://shop.example/thanks?n=1"' in open_page(number)


def test_an_expired_page_says_so_and_offers_nothing(shop: Shop):
    number = pre_pay(shop)
    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        text = open_page(number)
    assert 'data-view="expired"' in text and 'type="radio"' not in text


def test_the_order_page_of_the_console_links_the_customers_page(shop: Shop):
    number = pre_pay(shop)
    order = chosen(number)
    client = Client()
    client.force_login(cast.person("root", is_superuser=True))
    answer = client.get(f"/admin/orders/payorder/{order.pk}/change/")
    assert f'href="/cashier/{number}"' in answer.content.decode()


# --- where a page is open -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "env", "kind", "place_"),
    [
        (DESKTOP, "browser", "web", Environment.DESKTOP),
        (PHONE, "browser", "h5", Environment.PHONE),
        (IN_WECHAT, "wechat", "h5", Environment.WECHAT),
        (f"{PHONE} AlipayClient/10.5", "alipay", "h5", Environment.ALIPAY),
        (f"{PHONE} UnionPay/1.0", "union_pay", "h5", Environment.PHONE),
        (f"{PHONE} aweme_230400", "douyin", "h5", Environment.PHONE),
        ("", "browser", "web", Environment.DESKTOP),
    ],
)
def test_a_browser_is_told_by_its_name(agent, env, kind, place_):
    assert (environment.client_env(agent), environment.cashier_type(agent)) == (env, kind)
    assert environment.environment(ClientEnv(env), CashierType(kind)) == place_
