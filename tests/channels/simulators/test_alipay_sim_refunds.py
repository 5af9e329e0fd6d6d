"""Refunds at the simulated Alipay: once per number, never more than was paid."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from channels.simulators.alipay import AlipaySettings, AlipaySimulator
from channels.simulators.core.errors import ControlError
from tests.channels.simulators.alipay_client import Shop
from tests.channels.simulators.wire_client import wait_until


def movements(alipay: AlipaySimulator) -> list[tuple[str, str, int]]:
    return [(m["kind"], m["our_no"], m["amount"]) for m in alipay.book()["movements"]]


def available(alipay: AlipaySimulator) -> int:
    return alipay.book()["balances"][alipay.merchant]["available"]


@pytest.fixture
def trade_no(alipay: AlipaySimulator, shop: Shop) -> str:
    """ORDER1 of one yuan, paid."""
    shop.precreate("ORDER1")
    return alipay.pay("ORDER1")["trade_no"]


def test_the_fee_told_is_the_sum_of_all_refunds(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    first = shop.refund("ORDER1", "R1", "0.30").node
    assert (first["fund_change"], first["refund_fee"]) == ("Y", "0.30")
    second = shop.refund("ORDER1", "R2", "0.50").node
    assert (second["fund_change"], second["refund_fee"]) == ("Y", "0.80")
    assert second["send_back_fee"] == "0.50"
    told = shop.query("ORDER1").node
    assert (told["trade_status"], told["total_amount"]) == ("TRADE_SUCCESS", "1.00")
    assert movements(alipay)[1:] == [("refund", "R1", 30), ("refund", "R2", 50)]
    assert available(alipay) == 20


def test_a_full_refund_closes_the_trade_which_was_paid_all_the_same(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    assert shop.refund("ORDER1", "R1", "1.00").code == "10000"
    told = shop.query("ORDER1").node
    assert told["trade_status"] == "TRADE_CLOSED"
    assert "send_pay_date" in told
    assert shop.refund("ORDER1", "R2", "0.01").code == "40004 ACQ.REASON_TRADE_REFUND_FEE_ERR"
    assert shop.refund("ORDER1", "R1", "1.00").node["fund_change"] == "N"
    assert available(alipay) == 0


def test_the_same_number_again_moves_nothing(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    shop.refund("ORDER1", "R1", "0.30")
    again = shop.refund("ORDER1", "R1", "0.30")
    assert (again.code, again.node["fund_change"]) == ("10000", "N")
    other = shop.refund("ORDER1", "R1", "0.31")
    assert other.code == "40004 ACQ.DISCORDANT_REPEAT_REQUEST"
    assert movements(alipay)[1:] == [("refund", "R1", 30)]


def test_one_number_asked_for_at_once_is_one_refund(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    told: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: told.append(shop.refund("ORDER1", "R1", "0.60").node["fund_change"])
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["N"] * 5 + ["Y"]
    assert movements(alipay)[1:] == [("refund", "R1", 60)]


def test_the_number_is_the_orders_own_where_none_is_given(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    partial = {"out_trade_no": "ORDER1", "refund_amount": "0.40"}
    reply = shop.call("alipay.trade.refund", partial)
    assert reply.code == "40004 ACQ.INVALID_PARAMETER"
    full = {"trade_no": trade_no, "refund_amount": "1.00"}
    assert shop.call("alipay.trade.refund", full).node["fund_change"] == "Y"
    assert shop.query_refund("ORDER1", "ORDER1").node["refund_status"] == "REFUND_SUCCESS"
    assert movements(alipay)[1:] == [("refund", "ORDER1", 100)]


def test_more_than_what_is_left_is_refused(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    shop.refund("ORDER1", "R1", "0.60")
    reply = shop.refund("ORDER1", "R2", "0.41")
    assert reply.code == "40004 ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    assert movements(alipay)[1:] == [("refund", "R1", 60)]
    assert shop.refund("ORDER1", "R2", "0.40").code == "10000"


def test_an_unpaid_or_closed_trade_cannot_be_refunded(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.precreate("ORDER1")
    alipay.scan("ORDER1")
    assert shop.refund("ORDER1", "R1", "1.00").code == "40004 ACQ.TRADE_STATUS_ERROR"
    shop.close("ORDER1")
    assert shop.refund("ORDER1", "R1", "1.00").code == "40004 ACQ.TRADE_HAS_CLOSE"
    assert movements(alipay) == []


def test_a_seller_without_money_cannot_refund_until_it_has_some(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    alipay.set_balance(29)
    assert shop.refund("ORDER1", "R1", "0.30").code == "40004 ACQ.SELLER_BALANCE_NOT_ENOUGH"
    assert shop.query_refund("ORDER1", "R1").node == {"code": "10000", "msg": "Success"}
    alipay.set_balance(30)
    assert shop.refund("ORDER1", "R1", "0.30").node["fund_change"] == "Y"
    assert available(alipay) == 0


# --- the query -------------------------------------------------------------------------------


def test_an_unknown_refund_is_a_success_without_a_status(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    """«未返回该字段表示退款请求未收到或者退款失败»."""
    reply = shop.query_refund("ORDER1", "R1")
    assert reply.node == {"code": "10000", "msg": "Success"}
    shop.refund("ORDER1", "R1", "0.30")
    node = shop.query_refund("ORDER1", "R1").node
    assert (node["refund_status"], node["refund_amount"]) == ("REFUND_SUCCESS", "0.30")
    assert (node["total_amount"], node["trade_no"]) == ("1.00", trade_no)
    assert "gmt_refund_pay" not in node
    options = ["gmt_refund_pay", "refund_detail_item_list"]
    more = shop.query_refund("ORDER1", "R1", query_options=options).node
    assert len(more["gmt_refund_pay"]) == 19
    assert more["refund_detail_item_list"] == [{"amount": "0.30", "fund_channel": "ALIPAYACCOUNT"}]


def test_a_refund_can_be_hidden_for_the_documented_ten_seconds(
    make_alipay: Callable[..., AlipaySimulator], alipay_identity: dict[str, Any]
) -> None:
    settings = AlipaySettings(time_scale=20, refund_query_after=10, durable=False)
    alipay = make_alipay(settings=settings)
    shop = Shop(alipay_identity, alipay.base_url)
    shop.precreate("ORDER1")
    alipay.pay("ORDER1")
    shop.refund("ORDER1", "R1", "0.30")
    assert "refund_status" not in shop.query_refund("ORDER1", "R1").node
    wait_until(lambda: "refund_status" in shop.query_refund("ORDER1", "R1").node)


# --- refunds that do not end at once ---------------------------------------------------------


def test_a_refund_in_work_moves_nothing_until_it_ends(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    alipay.set_faults({"refund": {"fault": "processing", "seconds": 3600}})
    assert shop.refund("ORDER1", "R1", "0.30").node["fund_change"] == "N"
    assert shop.refund("ORDER1", "R1", "0.30").node["fund_change"] == "N"
    node = shop.query_refund("ORDER1", "R1").node
    assert (node["refund_amount"], "refund_status" in node) == ("0.30", False)
    over = shop.refund("ORDER1", "R2", "0.71")
    assert over.code == "40004 ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"
    assert movements(alipay)[1:] == []
    alipay.finish_refund("R1", "SUCCESS")
    assert shop.query_refund("ORDER1", "R1").node["refund_status"] == "REFUND_SUCCESS"
    assert movements(alipay)[1:] == [("refund", "R1", 30)]


def test_a_refund_in_work_ends_by_itself(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    alipay.set_faults({"refund": {"fault": "processing", "seconds": 0}})
    shop.refund("ORDER1", "R1", "0.30")
    wait_until(lambda: movements(alipay)[1:] == [("refund", "R1", 30)])


def test_a_failed_refund_is_done_by_asking_for_it_again(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    """No status is no failure: the same request, sent again, is the way out."""
    alipay.set_faults({"refund": {"fault": "failed", "times": 1}})
    assert shop.refund("ORDER1", "R1", "0.30").node["fund_change"] == "N"
    assert "refund_status" not in shop.query_refund("ORDER1", "R1").node
    assert movements(alipay)[1:] == []
    again = shop.refund("ORDER1", "R1", "0.30").node
    assert (again["fund_change"], again["refund_fee"]) == ("Y", "0.30")
    assert movements(alipay)[1:] == [("refund", "R1", 30)]


def test_a_refund_fails_when_the_money_is_gone_before_its_end(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    alipay.set_faults({"refund": {"fault": "processing", "seconds": 3600}})
    shop.refund("ORDER1", "R1", "0.30")
    alipay.set_balance(0)
    assert alipay.finish_refund("R1", "SUCCESS")["status"] == "ABNORMAL"
    assert "refund" not in [kind for kind, _, _ in movements(alipay)]


def test_a_refund_is_ended_by_hand_once(alipay: AlipaySimulator, shop: Shop, trade_no: str) -> None:
    alipay.set_faults({"refund": {"fault": "processing", "seconds": 3600}})
    shop.refund("ORDER1", "R1", "0.30")
    with pytest.raises(ControlError, match="status must be"):
        alipay.finish_refund("R1", "DONE")
    with pytest.raises(ControlError, match="no refund"):
        alipay.finish_refund("R2", "SUCCESS")
    assert alipay.finish_refund("R1", "CLOSED")["status"] == "CLOSED"
    with pytest.raises(ControlError, match="is CLOSED"):
        alipay.finish_refund("R1", "SUCCESS")
    assert movements(alipay)[1:] == []
