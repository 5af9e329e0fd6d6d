"""The real adapter over real sockets against the simulated WeChat Pay, which shares no code with
it and keeps its own book of money: each movement must stand there exactly once."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from channels.base import (
    Method,
    Outcome,
    PayState,
    QueryPay,
    RefundState,
)
from channels.simulators.wechat import WechatSimulator
from channels.wechat.channel import WechatChannel
from tests.channels.shop import AMOUNT, Shop, movements, until_ended

DONE, PENDING, REFUSED, NOT_SENT, UNKNOWN = (
    Outcome.DONE,
    Outcome.PENDING,
    Outcome.REFUSED,
    Outcome.NOT_SENT,
    Outcome.UNKNOWN,
)

# --- the ordinary life of an order --------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "names"),
    [
        (Method.NATIVE, {"code_url"}),
        (Method.H5, {"h5_url"}),
        (Method.JSAPI, {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}),
        (
            Method.APP,
            {
                "appId",
                "partnerId",
                "prepayId",
                "packageValue",
                "nonceStr",
                "timeStamp",
                "sign",
            },
        ),
    ],
)
def test_each_method_is_accepted_and_gives_its_parameters(
    shop: Shop, method: Method, names: set[str]
) -> None:
    result = shop.ask(shop.pay(method))
    assert (result.outcome, result.state, result.code) == (DONE, PayState.WAITING, "")
    assert set(result.pay_params) == names
    assert result.request_id


def test_order_lives_from_prepay_to_full_refund(shop: Shop, simulator: WechatSimulator) -> None:
    assert shop.ask(shop.query()).state is PayState.NOT_FOUND
    assert shop.ask(shop.pay(attach="店铺=3")).outcome is DONE
    assert shop.ask(shop.query()).state is PayState.WAITING
    number = simulator.pay(shop.order_no)["transaction_id"]
    paid = shop.ask(shop.query())
    assert (paid.state, paid.amount, paid.out_no) == (PayState.PAID, AMOUNT, number)
    assert paid.finished_at is not None
    by_id = QueryPay(order_no="", out_order_no=number, amount=AMOUNT)
    same = shop.ask(by_id)
    assert same == replace(paid, request_id=same.request_id)
    assert shop.ask(shop.query_refund()).state is RefundState.NOT_FOUND
    asked = shop.ask(shop.refund(AMOUNT))
    assert (asked.outcome, asked.state) == (PENDING, RefundState.PROCESSING)
    ended = until_ended(shop)
    assert (ended.state, ended.amount, ended.out_no) == (
        RefundState.SUCCESS,
        AMOUNT,
        asked.out_no,
    )
    assert shop.ask(shop.query()).state is PayState.PAID
    assert movements(simulator) == [
        ("pay", shop.order_no, AMOUNT),
        ("refund", shop.refund_no, AMOUNT),
    ]


def test_certificate_mode_works_from_the_first_download_on(
    shop: Shop, identity: dict[str, Any]
) -> None:
    bare = shop.with_config(public_key_id="", public_key_pem="", platform_certificates="")
    channel = shop.channel
    assert isinstance(channel, WechatChannel)
    found, result, _ = channel.download_certificates(
        bare,
        transport=shop.transport,
        now=lambda: datetime.now(UTC),
        nonce=lambda: secrets.token_hex(16),
    )
    assert result.outcome is DONE
    assert [entry.pem for entry in found] == [identity["platform_certificate_pem"]]
    account = shop.with_config(
        public_key_id="", public_key_pem="", platform_certificates=found[0].pem
    )
    assert channel.check_account(account.config, account.secrets) == []
    assert shop.ask(shop.pay(), account).outcome is DONE
    assert shop.ask(shop.pay(), bare).code == "BAD_SIGNATURE"


def test_closed_order_stays_closed(shop: Shop, simulator: WechatSimulator) -> None:
    shop.ask(shop.pay())
    for _ in range(2):
        closed = shop.ask(shop.close())
        assert (closed.outcome, closed.state) == (DONE, PayState.CLOSED)
    assert shop.ask(shop.query()).state is PayState.CLOSED
    assert shop.ask(shop.pay()).outcome is UNKNOWN
    assert movements(simulator) == []


def test_close_of_a_paid_order_says_that_it_is_paid(shop: Shop, simulator: WechatSimulator) -> None:
    shop.paid(simulator)
    refused = shop.ask(shop.close())
    assert (refused.outcome, refused.state) == (REFUSED, PayState.PAID)


def test_close_of_an_unknown_order_says_so(shop: Shop) -> None:
    refused = shop.ask(shop.close())
    assert (refused.outcome, refused.state) == (REFUSED, PayState.NOT_FOUND)


# --- the same number again ----------------------------------------------------------------


def test_repeated_prepay_is_one_order(shop: Shop, simulator: WechatSimulator) -> None:
    for _ in range(3):
        assert shop.ask(shop.pay()).outcome is DONE
    simulator.pay(shop.order_no)
    assert shop.ask(shop.pay()).outcome is UNKNOWN
    assert movements(simulator) == [("pay", shop.order_no, AMOUNT)]


def test_repeated_prepay_with_another_amount_is_to_be_asked_about(shop: Shop) -> None:
    shop.ask(shop.pay())
    assert shop.ask(shop.pay(amount=AMOUNT + 1)).outcome is UNKNOWN


def test_repeated_refund_pays_once(shop: Shop, simulator: WechatSimulator) -> None:
    shop.paid(simulator)
    for _ in range(3):
        assert shop.ask(shop.refund()).outcome in (PENDING, DONE)
    assert until_ended(shop).state is RefundState.SUCCESS
    assert shop.ask(shop.refund()).state is RefundState.SUCCESS
    assert movements(simulator) == [
        ("pay", shop.order_no, AMOUNT),
        ("refund", shop.refund_no, 2640),
    ]


def test_refund_of_an_unpaid_order_is_not_a_failure(shop: Shop, simulator: WechatSimulator) -> None:
    shop.ask(shop.pay())
    result = shop.ask(shop.refund())
    assert (result.outcome, result.code) == (UNKNOWN, "RESOURCE_NOT_EXISTS")
    assert shop.ask(shop.query_refund()).state is RefundState.NOT_FOUND
    assert movements(simulator) == []


def test_refund_above_the_payment_is_refused(shop: Shop, simulator: WechatSimulator) -> None:
    shop.paid(simulator)
    assert shop.ask(shop.refund(AMOUNT + 1)).outcome is REFUSED
    assert movements(simulator) == [("pay", shop.order_no, AMOUNT)]


def test_refund_without_the_merchant_s_money_is_refused_and_works_after_topping_up(
    shop: Shop, simulator: WechatSimulator
) -> None:
    shop.paid(simulator)
    simulator.set_balance(0)
    refused = shop.ask(shop.refund())
    assert (refused.outcome, refused.code) == (REFUSED, "NOT_ENOUGH")
    simulator.set_balance(AMOUNT)
    assert shop.ask(shop.refund()).outcome is PENDING


@pytest.mark.parametrize(
    ("fault", "state", "word"),
    [("abnormal", RefundState.FAILED, "ABNORMAL"), ("closed", RefundState.CLOSED, "CLOSED")],
)
def test_refund_that_ends_badly_is_told_apart(
    shop: Shop, simulator: WechatSimulator, fault: str, state: RefundState, word: str
) -> None:
    shop.paid(simulator)
    simulator.set_faults({"refund": {"fault": fault}})
    shop.ask(shop.refund())
    ended = until_ended(shop)
    assert (ended.outcome, ended.state, ended.channel_status) == (DONE, state, word)
    assert movements(simulator) == [("pay", shop.order_no, AMOUNT)]
