"""付款码 at WeChat Pay: what is asked, what the answers mean, and all of it over real sockets."""

from __future__ import annotations

import json

import pytest

from channels.base import CancelPay, Command, Method, Outcome, PayState, Response, Result
from channels.simulators.wechat import WechatSimulator
from channels.wechat.channel import WechatChannel
from tests.channels import wechat_cast as cast
from tests.channels.shop import AMOUNT, Shop, movements

DONE, PENDING, REFUSED, UNKNOWN = (
    Outcome.DONE,
    Outcome.PENDING,
    Outcome.REFUSED,
    Outcome.UNKNOWN,
)
PAYS, IS_ASKED, HAS_NO_MONEY, IS_OLD = (
    f"1300610988280094{end}" for end in ("55", "01", "02", "03")
)


def decode(command: Command, response: Response) -> Result:
    return WechatChannel().decode(command, response, cast.account(), now=cast.NOW, nonce=cast.NONCE)


def scanned() -> Command:
    return cast.pay(Method.BARCODE)


# --- requests -----------------------------------------------------------------------------


def test_the_code_is_sent_with_a_name_of_the_store_and_without_a_notify_url() -> None:
    request = WechatChannel().encode(scanned(), cast.account(), now=cast.NOW, nonce=cast.NONCE)
    assert request.url == f"{cast.BASE_URL}/v3/pay/transactions/codepay"
    assert json.loads(request.body) == {
        "appid": cast.APPID,
        "mchid": cast.MCHID,
        "description": "测试商品 一",
        "out_trade_no": cast.ORDER_NO,
        "attach": "店铺=3",
        "payer": {"auth_code": cast.AUTH_CODE},
        "amount": {"total": 8801, "currency": "CNY"},
        "scene_info": {"store_info": {"out_id": cast.MCHID}},
    }


def test_a_reverse_names_the_order_in_its_path() -> None:
    request = WechatChannel().encode(cast.cancel(), cast.account(), now=cast.NOW, nonce=cast.NONCE)
    path = f"/v3/pay/transactions/out-trade-no/{cast.ORDER_NO}/reverse"
    assert (request.method, request.url) == ("POST", cast.BASE_URL + path)
    assert json.loads(request.body) == {"appid": cast.APPID, "mchid": cast.MCHID}


# --- answers ------------------------------------------------------------------------------


def test_a_code_that_is_paid_at_once_is_paid() -> None:
    result = decode(scanned(), cast.response(cast.transaction(trade_type="MICROPAY")))
    assert (result.outcome, result.state) == (DONE, PayState.PAID)
    assert (result.amount, result.out_no) == (8801, cast.OUT_NO)
    assert result.pay_params == {}


@pytest.mark.parametrize(
    "answer",
    [
        cast.response(cast.transaction("USERPAYING")),
        cast.error(202, "USERPAYING"),
        cast.error(202, "USER_PAYING"),
        cast.error(400, "USERPAYING"),
    ],
)
def test_a_customer_who_is_asked_for_his_password_is_pending(answer: Response) -> None:
    result = decode(scanned(), answer)
    assert (result.outcome, result.state) == (PENDING, PayState.WAITING)


def test_of_other_ways_to_pay_the_same_word_proves_nothing() -> None:
    assert decode(cast.pay(), cast.error(202, "USERPAYING")).outcome is UNKNOWN


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, "AUTH_CODE_INVALID", REFUSED),
        (400, "AUTHCODEEXPIRE", REFUSED),
        (400, "AUTH_CODE_ERROR", REFUSED),
        (400, "NOTSUPORTCARD", REFUSED),
        (403, "NOT_ENOUGH", REFUSED),
        (403, "NO_AUTH", REFUSED),
        (500, "SYSTEMERROR", UNKNOWN),
        (500, "AUTHCODEEXPIRE", UNKNOWN),
        (400, "BANKERROR", UNKNOWN),
        (400, "ORDERPAID", UNKNOWN),
        (400, "TRADE_ERROR", UNKNOWN),
        (202, "ACCEPTED", UNKNOWN),
    ],
)
def test_only_a_listed_no_is_a_refusal(status: int, code: str, outcome: Outcome) -> None:
    assert decode(scanned(), cast.error(status, code)).outcome is outcome


def test_an_answer_about_another_order_is_unknown() -> None:
    other = cast.transaction(out_trade_no="P01OTHER00000")
    assert decode(scanned(), cast.response(other)).code == "ANSWER_MISMATCH"


def test_an_unsigned_success_is_not_believed() -> None:
    unsigned = Response(status=200, headers={}, body=cast.dumped(cast.transaction()))
    assert decode(scanned(), unsigned).outcome is UNKNOWN


def test_a_reverse_is_done_when_the_signed_answer_names_the_order() -> None:
    known = {"appid": cast.APPID, "mchid": cast.MCHID, "out_trade_no": cast.ORDER_NO}
    done = decode(cast.cancel(), cast.response(known))
    assert (done.outcome, done.state) == (DONE, PayState.CANCELLED)
    other = decode(cast.cancel(), cast.response({**known, "out_trade_no": "P01OTHER00000"}))
    assert other.outcome is UNKNOWN


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (400, "INVALID_REQUEST", UNKNOWN),
        (202, "USERPAYING", UNKNOWN),
        (429, "FREQUENCY_LIMITED", UNKNOWN),
        (500, "SYSTEM_ERROR", UNKNOWN),
        (404, "ORDER_NOT_EXIST", REFUSED),
        (401, "SIGN_ERROR", Outcome.NOT_SENT),
    ],
)
def test_a_reverse_that_is_not_done_yet_is_asked_about(
    status: int, code: str, outcome: Outcome
) -> None:
    assert decode(cast.cancel(), cast.error(status, code)).outcome is outcome


def test_the_customer_of_an_h5_page_comes_back_where_the_merchant_says() -> None:
    url = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx2016&package=14"
    back = "https://shop.example/thanks?no=1&from=微信"
    command = cast.pay(Method.H5, return_url=back)
    assert decode(command, cast.response({"h5_url": url})).pay_params == {
        "h5_url": f"{url}&redirect_url=https%3A%2F%2Fshop.example%2Fthanks%3Fno%3D1%26from%3D"
        "%E5%BE%AE%E4%BF%A1"
    }


# --- over real sockets --------------------------------------------------------------------


def scan(shop: Shop, code: str = PAYS) -> Result:
    return shop.ask(shop.pay(Method.BARCODE, auth_code=code))


def reverse(shop: Shop) -> Result:
    return shop.ask(CancelPay(order_no=shop.order_no, amount=AMOUNT))


def test_a_scanned_code_pays_once_and_its_reverse_gives_all_of_it_back(
    shop: Shop, simulator: WechatSimulator
) -> None:
    assert (scan(shop).outcome, scan(shop).outcome) == (DONE, UNKNOWN)  # a repeat: ORDERPAID
    assert movements(simulator) == [("pay", shop.order_no, AMOUNT)]
    assert reverse(shop).state is PayState.CANCELLED
    assert reverse(shop).state is PayState.CANCELLED
    assert shop.ask(shop.query()).state is PayState.CANCELLED
    assert movements(simulator) == [
        ("pay", shop.order_no, AMOUNT),
        ("cancel", shop.order_no, AMOUNT),
    ]


def test_a_customer_who_is_asked_is_found_paid(shop: Shop, simulator: WechatSimulator) -> None:
    assert scan(shop, IS_ASKED).outcome is PENDING
    assert shop.ask(shop.query()).channel_status == "USERPAYING"
    simulator.pay(shop.order_no)
    assert shop.ask(shop.query()).state is PayState.PAID


def test_an_order_that_waits_is_reversed_and_cannot_be_closed(
    shop: Shop, simulator: WechatSimulator
) -> None:
    scan(shop, IS_ASKED)
    assert shop.ask(shop.close()).outcome is REFUSED
    simulator.set_faults({"reverse": {"fault": "paying", "times": 1}})
    assert reverse(shop).outcome is UNKNOWN
    assert reverse(shop).state is PayState.CANCELLED
    assert movements(simulator) == []


@pytest.mark.parametrize("code", [HAS_NO_MONEY, IS_OLD])
def test_a_declined_code_leaves_no_order(shop: Shop, simulator: WechatSimulator, code: str) -> None:
    assert scan(shop, code).outcome is REFUSED
    assert shop.ask(shop.query()).state is PayState.NOT_FOUND
    assert movements(simulator) == []


def test_nothing_that_is_kept_of_an_exchange_has_the_code(shop: Shop) -> None:
    scan(shop)
    scan(shop, "99" + PAYS[2:])
    assert all("13006109882800" not in f"{kept.request}{kept.response}" for kept in shop.exchanges)
    assert shop.exchanges[0].request
