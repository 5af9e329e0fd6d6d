"""Callbacks of the simulated WeChat Pay: signed, repeated on the ladder, and spoilt on demand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from channels.simulators.core.notices import post, refusal
from channels.simulators.wechat import Settings, WechatSimulator
from channels.simulators.wechat.callbacks import LADDER
from tests.channels.simulators.wire_client import (
    Merchant,
    Notification,
    Receiver,
    open_resource,
    verify,
    wait_until,
)

# The documented ladder in which 15 s take 15 ms.
RUSHED = Settings(time_scale=6000, ladder_scale=1000, durable=False)


def notices(simulator: WechatSimulator) -> list[dict[str, Any]]:
    return [notice for order in simulator.orders() for notice in order["notices"]]


def states(simulator: WechatSimulator) -> list[str]:
    return [notice["state"] for notice in notices(simulator)]


def settled(simulator: WechatSimulator) -> list[str]:
    """The notices' states once none of them is to be sent any more."""
    wait_until(lambda: not {"pending", "held"} & set(states(simulator)))
    return states(simulator)


def pay(simulator: WechatSimulator, merchant: Merchant, receiver: Receiver) -> None:
    merchant.prepay("ORDER-1", notify_url=receiver.url)
    simulator.pay("ORDER-1")


def refund(merchant: Merchant, receiver: Receiver, number: str = "R-1", amount: int = 30) -> None:
    reply = merchant.refund("ORDER-1", number, amount, changed={"notify_url": receiver.url})
    assert reply.status == 200


def content(merchant: Merchant, notification: Notification) -> Any:
    return open_resource(merchant.identity, notification.json["resource"])


def test_a_payment_is_told_once_signed_and_encrypted(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    pay(simulator, merchant, receiver)
    (notification,) = receiver.wait_for(1)
    serial = verify(merchant.identity, notification.headers, notification.body)
    assert serial == merchant.identity["public_key_id"]
    assert notification.headers["Content-Type"] == "application/json"
    assert notification.json["event_type"] == "TRANSACTION.SUCCESS"
    assert notification.json["resource_type"] == "encrypt-resource"
    assert notification.json["resource"]["original_type"] == "transaction"
    assert content(merchant, notification) == merchant.query("ORDER-1").json
    assert settled(simulator) == ["done"]
    assert len(receiver.arrived) == 1


def test_a_refund_is_told_in_its_own_words(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    pay(simulator, merchant, receiver)
    receiver.wait_for(1)
    refund(merchant, receiver)
    notification = receiver.wait_for(2)[1]
    verify(merchant.identity, notification.headers, notification.body)
    assert notification.json["event_type"] == "REFUND.SUCCESS"
    told = content(merchant, notification)
    answer = merchant.query_refund("R-1").json
    assert (told["refund_status"], told["mchid"]) == ("SUCCESS", merchant.identity["mchid"])
    assert told["amount"] == {"total": 100, "refund": 30, "payer_total": 100, "payer_refund": 30}
    for name in ("refund_id", "out_refund_no", "out_trade_no", "success_time"):
        assert told[name] == answer[name]
    assert {"status", "channel", "funds_account"}.isdisjoint(told)


@pytest.mark.parametrize(("fault", "word"), [("abnormal", "ABNORMAL"), ("closed", "CLOSED")])
def test_a_refund_that_ends_badly_is_told_as_such(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver, fault: str, word: str
) -> None:
    pay(simulator, merchant, receiver)
    receiver.wait_for(1)
    simulator.set_faults({"refund": fault})
    refund(merchant, receiver)
    notification = receiver.wait_for(2)[1]
    assert notification.json["event_type"] == f"REFUND.{word}"
    told = content(merchant, notification)
    assert (told["refund_status"], "success_time" in told) == (word, False)


def test_a_refused_callback_comes_again_with_the_same_body_and_a_fresh_signature(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    receiver.answer = lambda count: 500 if count < 3 else 200
    pay(simulator, merchant, receiver)
    arrived = receiver.wait_for(3)
    assert settled(simulator) == ["done"]
    assert len({notification.body for notification in arrived}) == 1
    assert len({notification.headers["Wechatpay-Nonce"] for notification in arrived}) == 3
    for notification in arrived:
        verify(merchant.identity, notification.headers, notification.body)
    assert len(receiver.arrived) == 3


@pytest.mark.parametrize("status", [201, 301, 302, 400, 404, 500, 503])
def test_only_200_and_204_acknowledge_and_no_redirect_is_followed(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver, status: int
) -> None:
    receiver.answer = lambda count: status if count == 1 else 204
    pay(simulator, merchant, receiver)
    receiver.wait_for(2)
    assert settled(simulator) == ["done"]
    assert len(receiver.arrived) == 2


def test_the_ladder_is_the_documented_one() -> None:
    assert len(LADDER) == 15
    assert sum(LADDER) == 24 * 3600 + 4 * 60


def test_the_ladder_ends_and_the_notice_is_given_up(
    make_simulator: Callable[..., WechatSimulator], identity: dict[str, Any], receiver: Receiver
) -> None:
    quick = make_simulator(settings=Settings(ladder_scale=1_000_000, durable=False))
    receiver.answer = lambda count: 500
    pay(quick, Merchant(identity, quick.base_url), receiver)
    wait_until(lambda: states(quick) == ["dead"])
    assert len(receiver.arrived) == 16
    (notice,) = notices(quick)
    assert (notice["tries"], notice["last"]) == (16, "500")


def test_the_tries_keep_the_documented_distance_in_scaled_time(
    make_simulator: Callable[..., WechatSimulator], identity: dict[str, Any], receiver: Receiver
) -> None:
    rushed = make_simulator(settings=RUSHED)
    receiver.answer = lambda count: 500 if count < 4 else 204
    pay(rushed, Merchant(identity, rushed.base_url), receiver)
    times = [notification.arrived for notification in receiver.wait_for(4)]
    waits = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert [wait >= least for wait, least in zip(waits, (0.015, 0.015, 0.030), strict=True)] == [
        True
    ] * 3


def test_nobody_listening_is_tried_again(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    merchant.prepay("ORDER-1", notify_url="http://127.0.0.1:9/callback/")
    simulator.pay("ORDER-1")
    wait_until(lambda: notices(simulator)[0]["tries"] >= 2)
    assert "ConnectionRefusedError" in notices(simulator)[0]["last"]


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1/callback/",
        "http://example.com/callback/",
        "https://127.0.0.1/callback/",
        "http://127.0.0.1.example.com/",
        "http://127.0.0.1@example.com/",
        "http://127.0.0.2/",
    ],
)
def test_a_simulator_never_calls_out(
    simulator: WechatSimulator, merchant: Merchant, url: str
) -> None:
    assert refusal(url) != ""
    with pytest.raises(OSError, match="loopback"):
        post(url, {}, b"")
    assert merchant.prepay("ORDER-1", notify_url=url).status == 200
    simulator.pay("ORDER-1")
    assert states(simulator) == ["refused"]
    assert notices(simulator)[0]["tries"] == 0


def test_loopback_names_are_called() -> None:
    for url in ("http://127.0.0.1:80/", "http://localhost:8000/x", "http://[::1]:8000/"):
        assert refusal(url) == ""


def test_callbacks_can_be_switched_off_and_stay_lost(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"callback": "off"})
    pay(simulator, merchant, receiver)
    assert states(simulator) == ["off"]
    simulator.set_faults({})
    refund(merchant, receiver)
    (only,) = receiver.wait_for(1)
    assert only.json["event_type"] == "REFUND.SUCCESS"
    assert settled(simulator) == ["off", "done"]
    assert len(receiver.arrived) == 1


def test_switching_off_also_ends_what_is_waiting(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    receiver.answer = lambda count: 500
    pay(simulator, merchant, receiver)
    receiver.wait_for(1)
    simulator.set_faults({"callback_pay": "off"})
    wait_until(lambda: states(simulator) == ["off"])
    assert merchant.query("ORDER-1").json["trade_state"] == "SUCCESS"


def test_one_kind_of_callback_can_be_switched_off(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"callback_refund": "off"})
    pay(simulator, merchant, receiver)
    refund(merchant, receiver)
    wait_until(lambda: states(simulator) == ["done", "off"])
    assert len(receiver.arrived) == 1


def test_duplicates_arrive_at_the_same_time(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    together = threading.Barrier(3, timeout=10)

    def answer(count: int) -> int:
        together.wait()  # broken unless three are inside at once
        return 204

    receiver.answer = answer
    simulator.set_faults({"callback": {"fault": "duplicate", "n": 3}})
    pay(simulator, merchant, receiver)
    arrived = receiver.wait_for(3)
    assert settled(simulator) == ["done"]
    assert not together.broken
    assert len({notification.body for notification in arrived}) == 1
    assert len(receiver.arrived) == 3


def test_a_delayed_callback_waits(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"callback": {"fault": "delay", "ms": 100}})
    before = time.monotonic()
    pay(simulator, merchant, receiver)
    (notification,) = receiver.wait_for(1)
    assert notification.arrived - before >= 0.1


def test_an_early_payment_callback_comes_before_the_prepays_answer(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    answered: list[str] = []
    receiver.answer = lambda count: (answered.append("callback"), 204)[1]
    simulator.set_faults({"callback_pay": {"fault": "early", "times": 1}})
    assert merchant.prepay("ORDER-1", notify_url=receiver.url).status == 200
    answered.append("answer")
    assert answered == ["callback", "answer"]
    assert states(simulator) == ["done"]
    moves = simulator.book()["movements"]
    assert [(move["kind"], move["our_no"]) for move in moves] == [("pay", "ORDER-1")]


def test_an_early_refund_callback_comes_before_the_refunds_answer(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    pay(simulator, merchant, receiver)
    receiver.wait_for(1)
    simulator.set_faults({"callback_refund": "early"})
    reply = merchant.refund("ORDER-1", "R-1", 30, changed={"notify_url": receiver.url})
    assert len(receiver.arrived) == 2
    assert reply.json["status"] == "PROCESSING"
    assert content(merchant, receiver.arrived[1])["refund_status"] == "SUCCESS"


def test_a_payments_callback_can_be_overtaken_by_the_refunds(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"callback_pay": {"fault": "out_of_order", "ms": 60_000}})
    pay(simulator, merchant, receiver)
    assert states(simulator) == ["held"]
    refund(merchant, receiver)
    events = [notification.json["event_type"] for notification in receiver.wait_for(2)]
    assert events == ["REFUND.SUCCESS", "TRANSACTION.SUCCESS"]


def test_what_nothing_overtakes_is_sent_in_the_end(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"callback_pay": {"fault": "out_of_order", "ms": 50}})
    pay(simulator, merchant, receiver)
    receiver.wait_for(1)
    assert settled(simulator) == ["done"]


def test_a_forgery_comes_first_and_only_its_signature_gives_it_away(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"callback": "forged"})
    pay(simulator, merchant, receiver)
    forged, genuine = receiver.wait_for(2)
    assert forged.json["id"] != genuine.json["id"]
    assert content(merchant, forged)["amount"]["total"] == 1
    assert forged.headers["Wechatpay-Serial"] == merchant.identity["public_key_id"]
    with pytest.raises(InvalidSignature):
        verify(merchant.identity, forged.headers, forged.body)
    verify(merchant.identity, genuine.headers, genuine.body)
    assert content(merchant, genuine)["amount"]["total"] == 100


@pytest.mark.parametrize("fault", ["bad_signature", "signtest", "unsigned", "wrong_serial"])
def test_a_spoilt_first_try_is_followed_by_a_right_one(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver, fault: str
) -> None:
    receiver.answer = lambda count: 401 if count == 1 else 204
    simulator.set_faults({"callback": fault})
    pay(simulator, merchant, receiver)
    spoilt, right = receiver.wait_for(2)
    with pytest.raises((InvalidSignature, KeyError, ValueError, TypeError)):
        verify(merchant.identity, spoilt.headers, spoilt.body)
    verify(merchant.identity, right.headers, right.body)
    assert settled(simulator) == ["done"]


def test_a_probed_first_try_carries_the_documented_prefix(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"callback": "signtest"})
    pay(simulator, merchant, receiver)
    (probe,) = receiver.wait_for(1)
    assert probe.headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/")


def test_a_stale_first_try_is_rightly_signed_but_old(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"callback": "stale"})
    pay(simulator, merchant, receiver)
    (stale,) = receiver.wait_for(1)
    verify(merchant.identity, stale.headers, stale.body)
    assert time.time() - int(stale.headers["Wechatpay-Timestamp"]) > 300


def test_a_callback_can_be_signed_with_the_certificate(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"callback": "certificate"})
    pay(simulator, merchant, receiver)
    (notification,) = receiver.wait_for(1)
    serial = verify(merchant.identity, notification.headers, notification.body)
    assert serial == simulator.keys.certificate_serial


def test_a_callback_can_report_another_amount(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"callback_pay": {"fault": "wrong_amount", "delta": -1}})
    pay(simulator, merchant, receiver)
    (notification,) = receiver.wait_for(1)
    assert content(merchant, notification)["amount"]["total"] == 99
    assert simulator.book()["movements"][0]["amount"] == 100


def test_a_refund_without_an_address_is_not_told(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    pay(simulator, merchant, receiver)
    receiver.wait_for(1)
    amount = {"refund": 30, "total": 100, "currency": "CNY"}
    body = {"out_trade_no": "ORDER-1", "out_refund_no": "R-1", "amount": amount}
    merchant.call("POST", "/v3/refund/domestic/refunds", body)
    wait_until(lambda: merchant.query_refund("R-1").json["status"] == "SUCCESS")
    assert [notice["kind"] for notice in notices(simulator)] == ["pay"]


def test_a_shifted_clock_neither_stops_nor_floods_callbacks(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    merchant.prepay("ORDER-1", notify_url=receiver.url)
    simulator.set_clock(-600)
    receiver.answer = lambda count: 401 if count == 1 else 204
    simulator.pay("ORDER-1")
    arrived = receiver.wait_for(2)
    assert settled(simulator) == ["done"]
    assert all(time.time() - int(one.headers["Wechatpay-Timestamp"]) > 590 for one in arrived)
    assert len(receiver.arrived) == 2
