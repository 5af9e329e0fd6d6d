"""Refunds of the simulated WeChat Pay: once per number, within the rules, true in the book."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from channels.simulators.core.errors import ControlError
from channels.simulators.wechat import Settings, WechatSimulator
from tests.channels.simulators.contract import checked
from tests.channels.simulators.wire_client import Merchant, wait_until

REFUNDS = "/v3/refund/domestic/refunds"
DAY = 86400
NO_WAIT = Settings(time_scale=10_000_000, durable=False)
"""Refunds end at once and may follow each other at once."""
SLOW = Settings(time_scale=1, durable=False)
"""Documented waits: nothing that takes a minute ends within a test."""


@pytest.fixture
def settings() -> Settings:
    return NO_WAIT


@pytest.fixture
def simulator(make_simulator: Callable[..., WechatSimulator], settings: Settings) -> Any:
    return make_simulator(settings=settings)


@pytest.fixture
def paid(simulator: WechatSimulator, merchant: Merchant) -> str:
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1")
    return "ORDER-1"


def refunded(simulator: WechatSimulator) -> list[tuple[str, int]]:
    moves = simulator.book()["movements"]
    return [(move["our_no"], move["amount"]) for move in moves if move["kind"] == "refund"]


def balance(simulator: WechatSimulator) -> tuple[int, int]:
    (account,) = simulator.book()["balances"].values()
    return account["available"], account["refunding"]


def ended(merchant: Merchant, number: str) -> dict[str, Any]:
    """The refund once it is no longer in work."""

    def answer() -> dict[str, Any] | None:
        document: dict[str, Any] = merchant.query_refund(number).json
        return None if document["status"] == "PROCESSING" else document

    return wait_until(answer)


@pytest.mark.parametrize("settings", [SLOW])
def test_an_accepted_refund_is_in_work_and_its_money_is_set_aside(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    body = {
        "out_trade_no": paid,
        "out_refund_no": "R-1",
        "reason": "退一件",
        "amount": {"refund": 30, "total": 100, "currency": "CNY"},
    }
    answer = checked(merchant, "POST", REFUNDS, body).json
    assert (answer["status"], answer["amount"]["refund"]) == ("PROCESSING", 30)
    assert "success_time" not in answer
    assert checked(merchant, "GET", f"{REFUNDS}/R-1").json == answer
    assert merchant.query(paid).json["trade_state"] == "REFUND"
    assert balance(simulator) == (70, 30)
    assert refunded(simulator) == []


def test_a_refund_ends_and_is_one_movement(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    merchant.refund(paid, "R-1", 30)
    assert "success_time" in ended(merchant, "R-1")
    assert checked(merchant, "GET", f"{REFUNDS}/R-1").json["status"] == "SUCCESS"
    assert refunded(simulator) == [("R-1", 30)]
    assert balance(simulator) == (70, 0)


def test_a_refund_that_two_threads_end_at_once_moves_money_once(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    merchant.refund(paid, "R-1", 30)
    ended(merchant, "R-1")
    # A query and the agenda may both have seen it due; the second finds it ended.
    assert simulator._refunds.end("R-1") == ""
    assert refunded(simulator) == [("R-1", 30)]


def test_a_part_and_then_the_rest(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    merchant.refund(paid, "R-1", 30)
    ended(merchant, "R-1")
    assert merchant.refund(paid, "R-2", 70).status == 200
    ended(merchant, "R-2")
    assert refunded(simulator) == [("R-1", 30), ("R-2", 70)]
    assert balance(simulator) == (0, 0)


def test_the_same_number_again_is_the_same_refund(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    first = merchant.refund(paid, "R-1", 30).json
    assert merchant.refund(paid, "R-1", 30).json["refund_id"] == first["refund_id"]
    ended(merchant, "R-1")
    again = merchant.refund(paid, "R-1", 30).json
    assert (again["refund_id"], again["status"]) == (first["refund_id"], "SUCCESS")
    assert refunded(simulator) == [("R-1", 30)]


def test_another_number_pays_again_and_the_book_shows_it(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    for number in ("R-1", "R-2"):
        merchant.refund(paid, number, 30)
        ended(merchant, number)
    assert refunded(simulator) == [("R-1", 30), ("R-2", 30)]


def test_the_same_number_with_another_amount_is_refused(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    merchant.refund(paid, "R-1", 30)
    reply = merchant.refund(paid, "R-1", 31)
    assert (reply.status, reply.code) == (400, "REFUND_FEE_MISMATCH")
    ended(merchant, "R-1")
    assert refunded(simulator) == [("R-1", 30)]


def test_the_same_number_for_another_order_is_refused(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    merchant.prepay("ORDER-2")
    simulator.pay("ORDER-2")
    merchant.refund(paid, "R-1", 30)
    reply = merchant.refund("ORDER-2", "R-1", 30)
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")


def test_the_order_may_be_named_by_its_transaction(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    transaction_id = merchant.query(paid).json["transaction_id"]
    amount = {"refund": 30, "total": 100, "currency": "CNY"}
    body = {"transaction_id": transaction_id, "out_refund_no": "R-1", "amount": amount}
    assert merchant.call("POST", REFUNDS, body).json["out_trade_no"] == paid
    crossed = body | {"out_trade_no": "ORDER-9", "out_refund_no": "R-2"}
    reply = merchant.call("POST", REFUNDS, crossed)
    assert (reply.status, reply.code) == (404, "RESOURCE_NOT_EXISTS")


def test_a_refund_must_name_an_order(merchant: Merchant) -> None:
    amount = {"refund": 30, "total": 100, "currency": "CNY"}
    reply = merchant.call("POST", REFUNDS, {"out_refund_no": "R-1", "amount": amount})
    assert (reply.status, reply.code) == (400, "PARAM_ERROR")


def test_an_unpaid_or_unknown_order_has_nothing_to_refund(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-1")
    for number in ("ORDER-1", "ORDER-2"):
        reply = merchant.refund(number, "R-1", 30)
        assert (reply.status, reply.code) == (404, "RESOURCE_NOT_EXISTS")
    reply = merchant.query_refund("R-1")
    assert (reply.status, reply.code) == (404, "RESOURCE_NOT_EXISTS")


def test_the_original_amount_must_be_right(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    reply = merchant.refund(paid, "R-1", 30, total=101)
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")
    assert balance(simulator) == (100, 0)


def test_more_than_the_order_is_never_given_back(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    simulator.set_balance(100_000)
    merchant.refund(paid, "R-1", 60)
    reply = merchant.refund(paid, "R-2", 41)
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")
    ended(merchant, "R-1")
    assert refunded(simulator) == [("R-1", 60)]


def test_without_balance_nothing_is_refunded_and_the_same_number_works_after_a_top_up(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    simulator.set_balance(29)
    reply = merchant.refund(paid, "R-1", 30)
    assert (reply.status, reply.code) == (403, "NOT_ENOUGH")
    assert merchant.query_refund("R-1").status == 404
    simulator.set_balance(30)
    assert merchant.refund(paid, "R-1", 30).status == 200
    ended(merchant, "R-1")
    kinds = [(move["kind"], move["amount"]) for move in simulator.book()["movements"]]
    assert kinds == [("pay", 100), ("withdraw", 71), ("top_up", 1), ("refund", 30)]


def test_a_merchant_can_start_with_money(
    identity: dict[str, Any], make_simulator: Callable[..., WechatSimulator]
) -> None:
    rich = make_simulator(settings=Settings(initial_balance=500, durable=False))
    assert balance(rich) == (500, 0)


@pytest.mark.parametrize("settings", [SLOW])
def test_two_refunds_of_one_order_need_a_minute_between_them(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    merchant.refund(paid, "R-1", 30)
    reply = merchant.refund(paid, "R-2", 30)
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")
    assert merchant.refund(paid, "R-1", 30).status == 200
    assert balance(simulator) == (70, 30)


def test_a_fifty_first_refund_is_refused(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    for count in range(50):
        assert merchant.refund(paid, f"R-{count}", 1).status == 200
    reply = merchant.refund(paid, "R-50", 1)
    assert (reply.status, reply.code) == (400, "INVALID_REQUEST")
    ended(merchant, "R-49")
    assert len(refunded(simulator)) == 50


def test_after_a_year_nothing_is_refunded(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    simulator.set_clock(365 * DAY + 1)
    amount = {"refund": 30, "total": 100, "currency": "CNY"}
    data = {"out_trade_no": paid, "out_refund_no": "R-1", "amount": amount}
    body = json.dumps(data).encode()
    stamp = int(time.time()) + 365 * DAY + 1
    signed = merchant.authorization("POST", REFUNDS, body, stamp=stamp)
    reply = merchant.call("POST", REFUNDS, body, authorization=signed)
    assert (reply.status, reply.code) == (400, "TRADE_OVERDUE")


@pytest.mark.parametrize(
    ("changed", "member"),
    [
        ({"out_refund_no": "R 1"}, "out_refund_no"),
        ({"out_refund_no": "R" * 65}, "out_refund_no"),
        ({"amount": {"refund": 0, "total": 100, "currency": "CNY"}}, "amount/refund"),
        ({"amount": {"refund": 1.5, "total": 100, "currency": "CNY"}}, "amount/refund"),
        ({"amount": {"refund": 1, "total": 100}}, "amount/currency"),
        ({"reason": "退" * 81}, "reason"),
        ({"reason": "退🍵"}, "reason"),
        ({"reason": ""}, "reason"),
        ({"notify_url": "http://127.0.0.1/x?y=1"}, "notify_url"),
        ({"notify_url": None}, "notify_url"),
        ({"attach": "x"}, "attach"),
    ],
)
def test_a_wrong_member_is_named_and_no_money_is_set_aside(
    simulator: WechatSimulator,
    merchant: Merchant,
    paid: str,
    changed: dict[str, Any],
    member: str,
) -> None:
    reply = merchant.refund(paid, "R-1", 30, changed=changed)
    assert (reply.status, reply.code) == (400, "PARAM_ERROR")
    assert member in reply.json["message"]
    assert balance(simulator) == (100, 0)


def test_a_refund_number_may_hold_every_documented_sign(merchant: Merchant, paid: str) -> None:
    assert merchant.refund(paid, "R_-|*@1", 30).status == 200
    assert merchant.query_refund("R_-%7C*@1").json["out_refund_no"] == "R_-|*@1"


@pytest.mark.parametrize(
    ("fault", "status", "left"),
    [("abnormal", "ABNORMAL", (70, 30)), ("closed", "CLOSED", (100, 0))],
)
def test_a_refund_can_end_badly(
    simulator: WechatSimulator,
    merchant: Merchant,
    paid: str,
    fault: str,
    status: str,
    left: tuple[int, int],
) -> None:
    simulator.set_faults({"refund": fault})
    merchant.refund(paid, "R-1", 30)
    assert ended(merchant, "R-1")["status"] == status
    assert checked(merchant, "GET", f"{REFUNDS}/R-1").json["status"] == status
    assert balance(simulator) == left
    assert refunded(simulator) == []


def test_an_abnormal_refund_can_be_finished_by_hand(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    simulator.set_faults({"refund": "abnormal"})
    merchant.refund(paid, "R-1", 30)
    ended(merchant, "R-1")
    simulator.finish_refund("R-1", "SUCCESS")
    assert merchant.query_refund("R-1").json["status"] == "SUCCESS"
    assert refunded(simulator) == [("R-1", 30)]
    with pytest.raises(ControlError) as refused:
        simulator.finish_refund("R-1", "CLOSED")
    assert (refused.value.status, refused.value.code) == (409, "ended")
    assert balance(simulator) == (70, 0)


def test_a_closed_refund_gives_its_part_of_the_order_free(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    simulator.set_faults({"refund": {"fault": "closed", "times": 1}})
    merchant.refund(paid, "R-1", 100)
    ended(merchant, "R-1")
    assert merchant.refund(paid, "R-2", 100).status == 200
    ended(merchant, "R-2")
    assert refunded(simulator) == [("R-2", 100)]


def test_a_refund_can_be_held_in_work(
    simulator: WechatSimulator, merchant: Merchant, paid: str
) -> None:
    simulator.set_faults({"refund": {"fault": "processing", "seconds": 3600}})
    merchant.refund(paid, "R-1", 30)
    assert merchant.query_refund("R-1").json["status"] == "PROCESSING"
    simulator.finish_refund("R-1", "SUCCESS")
    assert refunded(simulator) == [("R-1", 30)]
