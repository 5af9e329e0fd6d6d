"""Royalty at the simulated Alipay: receivers, shares, the maximum, finishing, taking back."""

from __future__ import annotations

from typing import Any

import pytest

from channels.simulators.alipay import AlipaySimulator
from tests.channels.simulators.alipay_client import Shop
from tests.channels.simulators.wire_client import wait_until

ONE, TWO, THREE = "2088000000000001", "2088000000000002", "2088000000000003"
FAILS = "2088fail00000004"


@pytest.fixture
def trade_no(alipay: AlipaySimulator, shop: Shop) -> str:
    """ORDER1 of 100 yuan, paid and frozen, with four bound receivers."""
    shop.bind(ONE, TWO, THREE, FAILS)
    shop.precreate("ORDER1", "100.00", extend_params={"royalty_freeze": "true"})
    return alipay.pay("ORDER1")["trade_no"]


def balances(alipay: AlipaySimulator) -> dict[str, int]:
    """Available money by account; the merchant's frozen money under ``frozen``."""
    told = alipay.book()["balances"]
    own = told[alipay.merchant]
    return {name: one["available"] for name, one in told.items()} | {"frozen": own["frozen"]}


def shares(alipay: AlipaySimulator) -> list[tuple[str, str, int]]:
    """What the book says of royalty, with the receiver of each."""
    moves = alipay.book()["movements"]
    owners = {row["detail_id"]: row["account"] for row in alipay.store.all("SELECT * FROM shares")}
    kept = [move for move in moves if move["kind"] in ("share", "return")]
    return [(move["kind"], owners[move["out_no"]], move["amount"]) for move in kept]


def states(reply: Any) -> list[tuple[str, str]]:
    return [(line["trans_in"], line["state"]) for line in reply.node["royalty_detail_list"]]


def unsettled(shop: Shop, trade_no: str) -> str:
    reply = shop.call("alipay.trade.order.onsettle.query", {"trade_no": trade_no})
    return reply.node["unsettled_amount"]


# --- sharing out -----------------------------------------------------------------------------


def test_shares_move_frozen_money_to_the_receivers(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    made = shop.settle(trade_no, "S1", (ONE, "10.00"), (TWO, "5.50")).node
    told = shop.query_settle(trade_no, "S1")
    assert states(told) == [(ONE, "SUCCESS"), (TWO, "SUCCESS")]
    by_number = shop.call("alipay.trade.order.settle.query", {"settle_no": made["settle_no"]})
    assert by_number.node == told.node
    assert balances(alipay) == {alipay.merchant: 0, ONE: 1000, TWO: 550, "frozen": 8450}
    assert shares(alipay) == [("share", ONE, 1000), ("share", TWO, 550)]
    assert unsettled(shop, trade_no) == "84.50"
    info = shop.query("ORDER1", query_options=["trade_settle_info"]).node["trade_settle_info"]
    assert info["trade_unsettled_amount"] == "84.50"
    assert [line["trans_in"] for line in info["trade_settle_detail_list"]] == [ONE, TWO]


def test_the_same_settlement_again_shares_nothing_more(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    first = shop.settle(trade_no, "S1", (ONE, "10.00"))
    assert shop.settle(trade_no, "S1", (ONE, "10.00")).node == first.node
    other = shop.settle(trade_no, "S1", (ONE, "10.01"))
    assert other.code == "40004 ACQ.DISCORDANT_REPEAT_REQUEST"
    assert shares(alipay) == [("share", ONE, 1000)]


def test_a_receiver_must_be_bound(alipay: AlipaySimulator, shop: Shop, trade_no: str) -> None:
    stranger = shop.settle(trade_no, "S1", (ONE, "1.00"), ("2088000000000009", "1.00"))
    assert stranger.code == "40004 ACQ.ROYALTY_RECEIVER_INVALID"
    unbind = {"out_request_no": "U1", "receiver_list": [{"type": "userId", "account": ONE}]}
    assert shop.call("alipay.trade.royalty.relation.unbind", unbind).code == "10000"
    gone = shop.settle(trade_no, "S2", (ONE, "1.00"))
    assert gone.code == "40004 ACQ.ROYALTY_RECEIVER_INVALID"
    assert shares(alipay) == []


def test_the_maximum_shrinks_with_shares_and_with_refunds(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    """30 % of what the customer has not got back."""
    rate = shop.call("alipay.trade.royalty.rate.query", {"out_request_no": "Q1"}).node
    assert (rate["user_id"], rate["max_ratio"]) == (alipay.merchant, 30)
    too_much = "40004 ACQ.ALLOC_AMOUNT_VALIDATE_ERROR"
    assert shop.settle(trade_no, "S1", (ONE, "20.00"), (TWO, "10.01")).code == too_much
    assert shop.settle(trade_no, "S2", (ONE, "10.00")).code == "10000"
    assert shop.settle(trade_no, "S3", (ONE, "20.01")).code == too_much
    shop.refund("ORDER1", "R1", "50.00")
    assert shop.settle(trade_no, "S4", (ONE, "5.01")).code == too_much
    assert shop.settle(trade_no, "S5", (ONE, "5.00")).code == "10000"
    assert shares(alipay) == [("share", ONE, 1000), ("share", ONE, 500)]


def test_a_percentage_is_rounded_down(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.bind(ONE)
    shop.precreate("ORDER2", "0.99")
    trade_no = alipay.pay("ORDER2")["trade_no"]
    share = {"trans_in": ONE, "trans_in_type": "userId", "amount_percentage": "10"}
    reply = shop.settle(trade_no, "S1", royalty_parameters=[share])
    assert reply.code == "10000"
    assert shares(alipay) == [("share", ONE, 9)]
    assert balances(alipay)[alipay.merchant] == 90


@pytest.mark.parametrize("fault", [None, "partial"])
def test_one_of_several_receivers_fails(
    alipay: AlipaySimulator, shop: Shop, trade_no: str, fault: str | None
) -> None:
    alipay.set_faults({"allocate": fault} if fault else {})
    loser = TWO if fault else FAILS
    assert shop.settle(trade_no, "S1", (ONE, "1.00"), (loser, "2.00")).code == "10000"
    told = shop.query_settle(trade_no, "S1")
    assert states(told) == [(ONE, "SUCCESS"), (loser, "FAIL")]
    line = told.node["royalty_detail_list"][1]
    assert line["error_code"] == "TXN_RESULT_ACCOUNT_STATUS_ERROR"
    assert shares(alipay) == [("share", ONE, 100)]
    assert unsettled(shop, trade_no) == "99.00"
    alipay.set_faults({})
    assert shop.settle(trade_no, "S2", (THREE, "2.00")).code == "10000"
    assert balances(alipay)["frozen"] == 9700


def test_every_receiver_fails(alipay: AlipaySimulator, shop: Shop, trade_no: str) -> None:
    alipay.set_faults({"allocate": "all_fail"})
    shop.settle(trade_no, "S1", (ONE, "1.00"), (TWO, "2.00"))
    assert states(shop.query_settle(trade_no, "S1")) == [(ONE, "FAIL"), (TWO, "FAIL")]
    assert shares(alipay) == []


def test_without_freezing_a_share_needs_available_money(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    shop.bind(ONE, TWO)
    shop.precreate("ORDER2", "10.00")
    trade_no = alipay.pay("ORDER2")["trade_no"]
    alipay.set_balance(150)
    shop.settle(trade_no, "S1", (ONE, "1.00"), (TWO, "1.00"))
    told = shop.query_settle(trade_no, "S1")
    assert states(told) == [(ONE, "SUCCESS"), (TWO, "FAIL")]
    error = told.node["royalty_detail_list"][1]["error_code"]
    assert error == "TXN_RESULT_ACCOUNT_BALANCE_NOT_ENOUGH"
    assert balances(alipay)[alipay.merchant] == 50


def test_more_than_five_receivers_need_the_asynchronous_mode(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    accounts = [f"20880000000000{n}" for n in range(10, 16)]
    shop.bind(*accounts)
    wanted = [(account, "1.00") for account in accounts]
    assert shop.settle(trade_no, "S1", *wanted).code == "40004 ACQ.INVALID_PARAMETER"
    assert shares(alipay) == []
    assert shop.settle(trade_no, "S1", *wanted, royalty_mode="async").code == "10000"
    done = [(account, "SUCCESS") for account in accounts]
    wait_until(lambda: states(shop.query_settle(trade_no, "S1")) == done)
    mixed = shop.settle(trade_no, "S2", (ONE, "1.00"))
    assert mixed.code == "40004 ACQ.INVALID_PARAMETER"
    assert len(shares(alipay)) == 6


def test_a_share_in_work_is_processing_and_counts(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    alipay.set_faults({"allocate": {"fault": "processing", "seconds": 3600}})
    shop.settle(trade_no, "S1", (ONE, "30.00"))
    assert states(shop.query_settle(trade_no, "S1")) == [(ONE, "PROCESSING")]
    more = shop.settle(trade_no, "S2", (TWO, "0.01"))
    assert more.code == "40004 ACQ.ALLOC_AMOUNT_VALIDATE_ERROR"
    assert shares(alipay) == []


# --- finishing -------------------------------------------------------------------------------


def test_finishing_frees_the_rest_and_ends_the_sharing(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    finish = {"extend_params": {"royalty_finish": "true"}}
    assert shop.settle(trade_no, "S1").code == "40004 ACQ.INVALID_PARAMETER"
    assert shop.settle(trade_no, "S1", (ONE, "10.00"), **finish).code == "10000"
    assert balances(alipay) == {alipay.merchant: 9000, ONE: 1000, "frozen": 0}
    last = alipay.book()["movements"][-1]
    assert (last["kind"], last["our_no"], last["amount"]) == ("unfreeze", "S1", 9000)
    assert unsettled(shop, trade_no) == "0.00"
    assert shop.settle(trade_no, "S2", (ONE, "1.00")).code == "40004 ACQ.TRADE_STATUS_ERROR"
    assert shop.settle(trade_no, "S1", (ONE, "10.00"), **finish).code == "10000"
    assert balances(alipay)[alipay.merchant] == 9000


def test_finishing_alone_shares_nothing(alipay: AlipaySimulator, shop: Shop, trade_no: str) -> None:
    reply = shop.settle(trade_no, "S1", extend_params={"royalty_finish": "true"})
    assert reply.code == "10000"
    assert shop.query_settle(trade_no, "S1").node["royalty_detail_list"] == []
    assert balances(alipay) == {alipay.merchant: 10000, "frozen": 0}


def test_an_asynchronous_finish_waits_for_its_shares(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    more = {"royalty_mode": "async", "extend_params": {"royalty_finish": "true"}}
    shop.settle(trade_no, "S1", (ONE, "10.00"), **more)
    wait_until(lambda: balances(alipay)["frozen"] == 0)
    assert balances(alipay) == {alipay.merchant: 9000, ONE: 1000, "frozen": 0}


# --- taking back -----------------------------------------------------------------------------


def test_a_refund_takes_shares_back_from_their_receivers(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    finish = {"extend_params": {"royalty_finish": "true"}}
    shop.settle(trade_no, "S1", (ONE, "10.00"), (TWO, "5.00"), **finish)
    alipay.set_balance(8500)
    assert shop.refund("ORDER1", "R1", "100.00").code == "40004 ACQ.SELLER_BALANCE_NOT_ENOUGH"
    back = [{"trans_out": ONE, "amount": "10.00"}, {"trans_out": TWO, "amount": "5.00"}]
    refunded = shop.refund("ORDER1", "R2", "100.00", refund_royalty_parameters=back)
    assert refunded.code == "10000"
    assert balances(alipay) == {alipay.merchant: 0, ONE: 0, TWO: 0, "frozen": 0}
    assert shares(alipay)[2:] == [("return", ONE, 1000), ("return", TWO, 500)]
    (listed,) = alipay.orders()
    assert [(one["payee"], one["status"]) for one in listed["shares"]] == [
        (ONE, "SUCCESS"),
        (TWO, "SUCCESS"),
    ]
    assert [(one["our_no"], one["amount"]) for one in listed["returns"]] == [
        ("R2", 1000),
        ("R2", 500),
    ]
    told = shop.query_refund("ORDER1", "R2").node["refund_royaltys"]
    assert [(line["trans_out"], line["refund_amount"]) for line in told] == [
        (ONE, "10.00"),
        (TWO, "5.00"),
    ]
    assert {line["result_code"] for line in told} == {"SUCCESS"}


def test_a_receiver_gives_back_at_most_what_it_has_of_this_trade(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    shop.settle(trade_no, "S1", (ONE, "10.00"))
    shop.settle(trade_no, "S2", (ONE, "2.00"))

    def refund(number: str, back: str) -> str:
        parameters = [{"trans_out": ONE, "amount": back}]
        reply = shop.refund("ORDER1", number, "20.00", refund_royalty_parameters=parameters)
        return reply.code

    assert refund("R1", "12.01") == "40004 ACQ.REFUND_FEE_ERROR"
    assert shares(alipay)[2:] == []
    assert refund("R2", "11.00") == "10000"
    assert refund("R3", "1.01") == "40004 ACQ.REFUND_FEE_ERROR"
    assert refund("R4", "1.00") == "10000"
    assert balances(alipay)[ONE] == 0


def test_a_trade_that_is_shared_out_cannot_be_cancelled(
    alipay: AlipaySimulator, shop: Shop, trade_no: str
) -> None:
    shop.settle(trade_no, "S1", (ONE, "10.00"))
    assert shop.cancel("ORDER1").code == "40004 ACQ.CANCEL_NOT_ALLOWED"
    assert balances(alipay)[ONE] == 1000


# --- receivers and refusals ------------------------------------------------------------------


def test_receivers_are_bound_once_listed_by_page_and_unbound(shop: Shop) -> None:
    accounts = [f"20880000000000{n}" for n in range(10, 15)]
    shop.bind(*accounts)
    assert shop.bind(*accounts).node["result_code"] == "SUCCESS"
    page = shop.call(
        "alipay.trade.royalty.relation.batchquery",
        {"out_request_no": "Q1", "page_num": 2, "page_size": 2},
    ).node
    assert [one["account"] for one in page["receiver_list"]] == accounts[2:4]
    assert (page["total_page_num"], page["total_record_num"]) == (3, 5)
    assert (page["current_page_num"], page["current_page_size"]) == (2, 2)
    gone = [{"type": "userId", "account": one} for one in [*accounts, "2088000000000099"]]
    unbind = {"out_request_no": "U1", "receiver_list": gone}
    assert shop.call("alipay.trade.royalty.relation.unbind", unbind).code == "10000"
    left = shop.call("alipay.trade.royalty.relation.batchquery", {"out_request_no": "Q2"}).node
    assert (left["receiver_list"], left["total_record_num"]) == ([], 0)


@pytest.mark.parametrize(
    ("receivers", "code"),
    [
        ([], "ACQ.RECEIVER_LIST_EMPTY"),
        ([{"type": "wallet", "account": ONE}], "ACQ.INVALID_RECEIVER_TYPE"),
        ([{"type": "userId", "account": "nobody"}], "ACQ.USER_NOT_EXIST"),
        ([{"type": "loginName", "account": "a@b.example"}], "ACQ.INVALID_PARAMETER"),
        ([{"type": "userId", "account": str(n)} for n in range(21)], "ACQ.INVALID_PARAMETER"),
    ],
)
def test_receivers_that_cannot_be_bound(shop: Shop, receivers: list[Any], code: str) -> None:
    biz = {"out_request_no": "B1", "receiver_list": receivers}
    assert shop.call("alipay.trade.royalty.relation.bind", biz).code == f"40004 {code}"
    left = shop.call("alipay.trade.royalty.relation.batchquery", {"out_request_no": "Q1"}).node
    assert left["total_record_num"] == 0


def test_only_a_paid_trade_is_shared(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.bind(ONE)
    assert shop.settle("2026112022001", "S1", (ONE, "1.00")).code == "40004 ACQ.TRADE_NOT_EXIST"
    shop.precreate("ORDER2")
    trade_no = alipay.scan("ORDER2")["trade_no"]
    assert shop.settle(trade_no, "S1", (ONE, "0.10")).code == "40004 ACQ.TRADE_STATUS_ERROR"
    assert shop.query_settle(trade_no, "S1").code == "40004 ACQ.TRADE_NOT_EXIST"
    assert unsettled(shop, trade_no) == "0.00"
    assert shares(alipay) == []
