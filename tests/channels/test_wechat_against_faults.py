"""The adapter against a WeChat Pay that misbehaves: lost, late, forged and false words never become
a failure or a second movement in the provider's book."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from channels.base import (
    Account,
    CallbackRejected,
    Method,
    Outcome,
    PayState,
    RefundState,
)
from channels.simulators.wechat import WechatSimulator, new_identity
from tests.channels.shop import AMOUNT, Shop, movements, until_ended
from tests.channels.simulators.wire_client import Notification, Receiver

DONE, PENDING, REFUSED, NOT_SENT, UNKNOWN = (
    Outcome.DONE,
    Outcome.PENDING,
    Outcome.REFUSED,
    Outcome.NOT_SENT,
    Outcome.UNKNOWN,
)

# --- misbehaviour -------------------------------------------------------------------------

DONE_BUT_UNKNOWN = (
    "drop_after",
    "error_after",
    "rate_limited_after",
    "accepted_after",
    "truncated",
    "not_json",
    "bad_signature",
    "signtest",
    "unsigned",
    "stale",
    "wrong_serial",
)
NOT_DONE = ("drop_before", "error_before", "rate_limited", "accepted")


@pytest.mark.parametrize("fault", DONE_BUT_UNKNOWN)
def test_refund_that_was_done_without_a_true_answer_is_unknown_and_found(
    shop: Shop, simulator: WechatSimulator, fault: str
) -> None:
    shop.paid(simulator)
    simulator.set_faults({"refund": {"fault": fault, "times": 1}})
    result = shop.ask(shop.refund())
    assert (result.outcome, result.state) == (UNKNOWN, None)
    assert until_ended(shop).state is RefundState.SUCCESS
    assert shop.ask(shop.refund()).outcome is DONE
    assert movements(simulator) == [
        ("pay", shop.order_no, AMOUNT),
        ("refund", shop.refund_no, 2640),
    ]


@pytest.mark.parametrize("fault", NOT_DONE)
def test_refund_that_was_not_done_is_unknown_and_can_be_repeated(
    shop: Shop, simulator: WechatSimulator, fault: str
) -> None:
    shop.paid(simulator)
    simulator.set_faults({"refund": {"fault": fault, "times": 1}})
    assert shop.ask(shop.refund()).outcome is UNKNOWN
    assert shop.ask(shop.query_refund()).state is RefundState.NOT_FOUND
    assert shop.ask(shop.refund()).outcome is PENDING
    assert until_ended(shop).state is RefundState.SUCCESS


@pytest.mark.parametrize("fault", [name for name in DONE_BUT_UNKNOWN if "rate" not in name])
def test_prepay_without_a_true_answer_is_unknown_and_repeated_as_one_order(
    shop: Shop, simulator: WechatSimulator, fault: str
) -> None:
    simulator.set_faults({"pay": {"fault": fault, "times": 1}})
    result = shop.ask(shop.pay())
    assert (result.outcome, dict(result.pay_params)) == (UNKNOWN, {})
    assert shop.ask(shop.query()).state is PayState.WAITING
    assert shop.ask(shop.pay()).outcome is DONE
    simulator.pay(shop.order_no)
    assert movements(simulator) == [("pay", shop.order_no, AMOUNT)]


@pytest.mark.parametrize("fault", DONE_BUT_UNKNOWN + NOT_DONE)
def test_question_without_a_true_answer_is_never_an_answer(
    shop: Shop, simulator: WechatSimulator, fault: str
) -> None:
    shop.paid(simulator)
    simulator.set_faults({"query": {"fault": fault, "times": 1}})
    result = shop.ask(shop.query())
    assert (result.outcome, result.state) in ((UNKNOWN, None), (NOT_SENT, None))
    assert shop.ask(shop.query()).state is PayState.PAID


@pytest.mark.parametrize("fault", [name for name in DONE_BUT_UNKNOWN if "rate" not in name])
def test_close_without_a_true_answer_is_unknown_and_found(
    shop: Shop, simulator: WechatSimulator, fault: str
) -> None:
    shop.ask(shop.pay())
    simulator.set_faults({"close": {"fault": fault, "times": 1}})
    result = shop.ask(shop.close())
    # A 204 has no body that could be cut or replaced, so that one fault may change nothing.
    if result.outcome is not UNKNOWN:
        assert fault in ("truncated", "not_json")
        assert result.state is PayState.CLOSED
    assert shop.ask(shop.query()).state is PayState.CLOSED


def test_wrong_amount_is_reported_as_the_channel_says_it(
    shop: Shop, simulator: WechatSimulator
) -> None:
    shop.paid(simulator)
    simulator.set_faults({"query": {"fault": "wrong_amount", "delta": 7}})
    assert shop.ask(shop.query()).amount == AMOUNT + 7


@pytest.mark.parametrize("offset", [-600, 600])
def test_clock_that_is_ten_minutes_off_changes_nothing(
    shop: Shop, simulator: WechatSimulator, offset: int
) -> None:
    simulator.set_clock(offset)
    for command in (shop.pay(), shop.query(), shop.close(), shop.refund()):
        result = shop.ask(command)
        assert (result.outcome, result.code) == (NOT_SENT, "SIGN_ERROR")
    simulator.set_clock(0)
    assert shop.ask(shop.query()).state is PayState.NOT_FOUND


def test_wrong_merchant_key_is_turned_away_at_the_door(shop: Shop) -> None:
    stranger = new_identity(mchid=shop.identity["mchid"], appid=shop.identity["appid"])
    account = Account(
        id=2,
        version=1,
        channel="wechat",
        config=shop.account.config,
        secrets={"merchant_private_key_pem": stranger["merchant_private_key_pem"]},
    )
    result = shop.ask(shop.pay(), account)
    assert (result.outcome, result.code) == (NOT_SENT, "SIGN_ERROR")
    assert shop.ask(shop.query()).state is PayState.NOT_FOUND


# --- callbacks ----------------------------------------------------------------------------


def verified(shop: Shop, notification: Notification) -> str:
    web = Account(id=1, version=1, channel="wechat", config=shop.account.config)
    return shop.channel.verify_callback(
        dict(notification.headers), notification.body, web, now=datetime.now(UTC)
    )


def test_payment_and_refund_callbacks_verify_and_open(
    shop: Shop, simulator: WechatSimulator, receiver: Receiver
) -> None:
    shop.paid(simulator)
    told = receiver.wait_for(1)[0]
    assert verified(shop, told) == told.json["id"]
    fact = shop.channel.open_callback(told.body, shop.account)
    asked = shop.ask(shop.query())
    assert (fact.kind, fact.our_no) == ("pay", shop.order_no)
    assert (fact.result.state, fact.result.amount, fact.result.out_no) == (
        PayState.PAID,
        AMOUNT,
        asked.out_no,
    )
    assert fact.result.finished_at == asked.finished_at
    shop.ask(shop.refund())
    told = receiver.wait_for(2)[1]
    assert verified(shop, told) == told.json["id"]
    fact = shop.channel.open_callback(told.body, shop.account)
    assert (fact.kind, fact.our_no, fact.pay_order_no) == (
        "refund",
        shop.refund_no,
        shop.order_no,
    )
    assert (fact.result.state, fact.result.amount) == (RefundState.SUCCESS, 2640)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("bad_signature", "BAD_SIGNATURE"),
        ("signtest", "SIGNTEST"),
        ("unsigned", "MISSING_HEADERS"),
        ("stale", "STALE"),
        ("wrong_serial", "UNKNOWN_SERIAL"),
    ],
)
def test_false_callback_is_rejected_and_its_repeat_believed(
    shop: Shop, simulator: WechatSimulator, receiver: Receiver, fault: str, code: str
) -> None:
    receiver.answer = lambda count: 400 if count == 1 else 204
    simulator.set_faults({"callback": {"fault": fault, "times": 1}})
    shop.paid(simulator)
    false, true = receiver.wait_for(2)[:2]
    with pytest.raises(CallbackRejected) as caught:
        verified(shop, false)
    assert (caught.value.code, caught.value.alarm) == (code, code != "SIGNTEST")
    assert verified(shop, true) == true.json["id"]


def test_callback_signed_with_the_old_certificate_is_believed_too(
    shop: Shop, simulator: WechatSimulator, receiver: Receiver
) -> None:
    simulator.set_faults({"callback": {"fault": "certificate", "times": 1}})
    shop.paid(simulator)
    told = receiver.wait_for(1)[0]
    assert not told.headers["Wechatpay-Serial"].startswith("PUB_KEY_ID_")
    assert verified(shop, told) == told.json["id"]


# --- what is kept -------------------------------------------------------------------------


def test_nothing_that_is_kept_of_a_whole_life_holds_a_secret(
    shop: Shop, simulator: WechatSimulator
) -> None:
    assert shop.ask(shop.pay(Method.JSAPI)).outcome is DONE
    simulator.pay(shop.order_no)
    shop.ask(shop.query())
    shop.ask(shop.refund())
    until_ended(shop)
    kept = "\n".join(exchange.request + exchange.response for exchange in shop.exchanges)
    assert "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" not in kept
    assert shop.identity["apiv3_key"] not in kept
    assert 'signature="***"' in kept
    assert '"user_received_account":"***"' in kept.replace(": ", ":")
