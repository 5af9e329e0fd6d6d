"""Payments of the simulated UMF: held, paid once, told in the words of its FAQ."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from channels.simulators.core.errors import ControlError
from channels.simulators.umf import Settings, UmfSimulator
from tests.channels.simulators.umf_client import CHINA, Till, today
from tests.channels.simulators.wire_client import wait_until

DAY = 86400
NO_WAIT = Settings(time_scale=10_000_000, durable=False)


def moves(simulator: UmfSimulator) -> list[tuple[str, str, int]]:
    found = simulator.book()["movements"]
    return [(move["kind"], move["our_no"], move["amount"]) for move in found]


def test_an_order_to_be_scanned_is_held_with_its_code(umf: UmfSimulator, till: Till) -> None:
    answer = till.ask("activescan", amount="8888")
    assert answer["retCode"] == "0000"
    assert (answer["orderId"], answer["amount"], answer["payType"]) == ("ORDER-1", "8888", "WX")
    assert answer["feeUrl"] == umf.code_of("ORDER-1")
    assert answer["platDate"] == today()
    assert len(answer["transactionId"]) == 22
    assert moves(umf) == []


def test_an_order_for_a_page_brings_what_the_wallet_asks_for(umf: UmfSimulator, till: Till) -> None:
    answer = till.ask("unifiedcode", appId="wx102e43f81031d8d6")
    assert (answer["openId"], answer["appId"]) == ("o-customer", "wx102e43f81031d8d6")
    assert answer["prepayId"].startswith("prepay_id=wx")
    assert {"hostLsNo", "timestamp", "nonceStr", "signType", "paySign"} <= set(answer)
    assert umf.code_of("ORDER-1") == ""


def test_a_bar_code_is_paid_at_once(umf: UmfSimulator, till: Till) -> None:
    answer = till.ask("unactivescan", amount="0100")
    assert (answer["retCode"], answer["amount"]) == ("0000", "100")
    assert moves(umf) == [("pay", "ORDER-1", 100)]
    assert till.ask("orderquery")["transState"] == "SUCCESS"


def test_a_bar_code_may_wait_for_a_password(umf: UmfSimulator, till: Till) -> None:
    umf.set_faults({"pay": "password"})
    assert till.code("unactivescan") == "01000000"
    assert till.code("orderquery") == "01000000"
    assert moves(umf) == []
    umf.pay("ORDER-1")
    assert till.code("orderquery") == "0000"
    assert till.code("unactivescan") == "0000"
    assert moves(umf) == [("pay", "ORDER-1", 100)]


@pytest.mark.parametrize("op", ["unactivescan", "activescan"])
def test_a_payment_that_fails_is_told_as_payerror(umf: UmfSimulator, till: Till, op: str) -> None:
    umf.set_faults({"pay": "declined"})
    assert till.code(op) == "88889009"
    answer = till.ask("orderquery")
    assert (answer["retCode"], answer["transState"]) == ("0000", "PAYERROR")
    with pytest.raises(ControlError) as refusal:
        umf.pay("ORDER-1")
    assert refusal.value.code == "closed"
    assert moves(umf) == []


def test_the_end_of_a_bar_code_says_what_its_customer_does(umf: UmfSimulator, till: Till) -> None:
    assert till.code("unactivescan", orderId="WAITS", mediaNo="134919586213926701") == "01000000"
    assert till.code("unactivescan", orderId="FAILS", mediaNo="134919586213926702") == "88889009"
    assert moves(umf) == []
    umf.pay("WAITS")
    assert moves(umf) == [("pay", "WAITS", 100)]


@pytest.mark.parametrize("op", ["activescan", "unifiedcode"])
def test_an_unpaid_order_is_in_payment(umf: UmfSimulator, till: Till, op: str) -> None:
    till.ask(op)
    answer = till.ask("orderquery")
    assert (answer["retCode"], answer["transState"]) == ("03000000", "NOTPAY")
    assert "paySeq" not in {name for name, value in answer.items() if value}
    umf.set_faults({"query": "as_0000"})
    answer = till.ask("orderquery")
    assert (answer["retCode"], answer["transState"]) == ("0000", "NOTPAY")


def test_a_paid_order_is_told_with_all_of_the_tables_members(umf: UmfSimulator, till: Till) -> None:
    asked = till.ask("activescan", amount="8888")
    umf.pay("ORDER-1")
    answer = till.ask("orderquery")
    assert set(answer) == {
        "retCode", "retMsg", "platDate", "platTime", "paySeq", "transactionId", "transState",
        "amount", "payType", "sign",
    }  # fmt: skip
    assert answer["transactionId"] == asked["transactionId"]
    assert (answer["transState"], answer["amount"], answer["payType"]) == ("SUCCESS", "8888", "WX")
    assert len(answer["paySeq"]) == 24
    assert moves(umf) == [("pay", "ORDER-1", 8888)]
    assert umf.book()["balances"] == {
        till.identity["mer_id"]: {"available": 8888, "frozen": 0, "refunding": 0}
    }


def test_both_numbers_and_the_day_must_mean_one_order(umf: UmfSimulator, till: Till) -> None:
    first = till.ask("activescan")["transactionId"]
    till.ask("activescan", orderId="ORDER-2")
    assert till.code("orderquery", orderId=None, transactionId=first) == "03000000"
    assert till.code("orderquery", transactionId=first, orderDate=today()) == "03000000"
    assert till.code("orderquery", orderId="ORDER-2", transactionId=first) == "88889002"
    assert till.code("orderquery", orderDate="20200101") == "88889002"
    assert till.code("orderquery", orderId="ORDER-3") == "88889002"


def test_nobody_pays_twice(umf: UmfSimulator, till: Till) -> None:
    till.ask("activescan")
    umf.pay("ORDER-1")
    for force in (False, True):
        with pytest.raises(ControlError) as refusal:
            umf.pay("ORDER-1", force=force)
        assert (refusal.value.status, refusal.value.code) == (409, "already_paid")
    assert moves(umf) == [("pay", "ORDER-1", 100)]


def test_a_customer_may_pay_another_amount(umf: UmfSimulator, till: Till) -> None:
    till.ask("activescan")
    umf.pay("ORDER-1", amount=99)
    assert till.ask("orderquery")["amount"] == "99"
    assert moves(umf) == [("pay", "ORDER-1", 99)]


@pytest.mark.parametrize("op", ["activescan", "unifiedcode", "unactivescan"])
def test_the_same_request_again_is_the_same_order(umf: UmfSimulator, till: Till, op: str) -> None:
    first = till.ask(op)
    again = till.ask(op, reqTime="000000")
    assert again["transactionId"] == first["transactionId"]
    assert len(umf.orders()) == 1
    assert len(moves(umf)) == (1 if op == "unactivescan" else 0)


@pytest.mark.parametrize(
    "change", [{"amount": "101"}, {"payType": "AL"}, {"goodsInfo": "红茶一盒"}]
)
def test_the_same_number_with_another_content_is_refused(
    umf: UmfSimulator, till: Till, change: dict[str, Any]
) -> None:
    till.ask("activescan")
    assert till.code("activescan", **change) == "88889003"
    assert till.code("unifiedcode") == "88889003"
    assert umf.orders()[0]["amount"] == 100


def test_a_paid_order_is_not_ordered_again(umf: UmfSimulator, till: Till) -> None:
    till.ask("activescan")
    umf.pay("ORDER-1")
    assert till.code("activescan") == "88889003"
    assert moves(umf) == [("pay", "ORDER-1", 100)]


def test_a_closed_order_takes_no_money_unless_it_is_forced(umf: UmfSimulator, till: Till) -> None:
    till.ask("activescan")
    assert [till.code("close") for _ in range(2)] == ["0000", "0000"]
    assert till.code("orderquery") == "88889005"
    assert till.code("activescan") == "88889005"
    with pytest.raises(ControlError) as refusal:
        umf.pay("ORDER-1")
    assert refusal.value.code == "closed"
    assert moves(umf) == []
    umf.pay("ORDER-1", force=True)
    assert till.ask("orderquery")["transState"] == "SUCCESS"


def test_what_is_paid_or_unknown_is_not_closed(umf: UmfSimulator, till: Till) -> None:
    till.ask("activescan")
    umf.pay("ORDER-1")
    assert till.code("close") == "88889004"
    assert till.code("close", orderId="ORDER-9") == "88889002"
    assert till.ask("orderquery")["transState"] == "SUCCESS"


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(None, 300), ("600", 600), ("1800", 1800), ("299", 300), ("1801", 300)],
)
def test_the_time_to_pay_is_bounded(
    umf: UmfSimulator, till: Till, given: str | None, seconds: int
) -> None:
    till.ask("activescan", expairTime=given)
    umf.set_clock(seconds - 30)
    assert till.code("orderquery") == "03000000"
    umf.set_clock(seconds + 30)
    assert till.code("orderquery") == "88889005"
    with pytest.raises(ControlError):
        umf.pay("ORDER-1")


def test_an_order_list_is_searched_and_paged(umf: UmfSimulator, till: Till) -> None:
    for number in range(3):
        till.ask("activescan", orderId=f"ORDER-{number}")
    umf.pay("ORDER-1")
    assert [order["our_no"] for order in umf.orders()] == ["ORDER-2", "ORDER-1", "ORDER-0"]
    assert [order["our_no"] for order in umf.orders(state="SUCCESS")] == ["ORDER-1"]
    assert [order["our_no"] for order in umf.orders(state="NOTPAY")] == ["ORDER-2", "ORDER-0"]
    (first,) = umf.orders(limit=1)
    assert [one["our_no"] for one in umf.orders(limit=1, before=first["seq"])] == ["ORDER-1"]
    paid = umf.orders(search="ORDER-1")[0]
    assert (paid["paid"], paid["payable"], paid["why_not"]) == (100, False, "already_paid")


# --- faults of the wire ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code", "held"),
    [
        ("error_before", "9999", False),
        ("error_after", "9999", True),
        ("our_signature", "3333", False),
    ],
)
def test_another_answer_instead_of_doing_or_of_saying(
    umf: UmfSimulator, till: Till, fault: str, code: str, held: bool
) -> None:
    umf.set_faults({"pay": {"fault": fault, "times": 1}})
    assert till.code("unactivescan") == code
    assert moves(umf) == ([("pay", "ORDER-1", 100)] if held else [])
    assert till.code("unactivescan") == "0000"
    assert moves(umf) == [("pay", "ORDER-1", 100)]


@pytest.mark.parametrize(("fault", "held"), [("bad_gateway", 0), ("bad_gateway_after", 1)])
def test_a_gateway_may_break(umf: UmfSimulator, till: Till, fault: str, held: int) -> None:
    umf.set_faults({"pay": fault})
    reply = till.post("unactivescan", till.signed(till.members("unactivescan")))
    assert (reply.status, reply.body[:6]) == (502, b"<html>")
    assert len(moves(umf)) == held


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "truncated"])
def test_an_answer_may_be_lost(umf: UmfSimulator, till: Till, fault: str) -> None:
    umf.set_faults({"pay": fault})
    with pytest.raises(Exception, match="Remote end closed|IncompleteRead|reset"):
        till.ask("unactivescan")
    assert len(moves(umf)) == (0 if fault == "drop_before" else 1)


def test_an_answer_may_be_badly_signed_unsigned_or_no_json(umf: UmfSimulator, till: Till) -> None:
    members = till.signed(till.members("activescan"))
    umf.set_faults({"pay": "unsigned"})
    assert "sign" not in till.post("activescan", members).json
    umf.set_faults({"pay": "bad_signature"})
    with pytest.raises(InvalidSignature):
        till.ask("activescan")
    umf.set_faults({"pay": "not_json"})
    assert till.post("activescan", members).body.startswith(b"<html>")
    assert len(umf.orders()) == 1


def test_a_query_may_be_behind_wrong_padded_or_silent(umf: UmfSimulator, till: Till) -> None:
    till.ask("activescan")
    umf.pay("ORDER-1")
    umf.set_faults({"query": {"fault": "not_found", "seconds": 600}})
    assert till.code("orderquery") == "88889002"
    umf.set_faults({"query": {"fault": "lag", "seconds": 600}})
    assert till.code("orderquery") == "03000000"
    umf.set_faults({"query": {"fault": "wrong_amount", "delta": -1}})
    assert till.ask("orderquery")["amount"] == "99"
    umf.set_faults({"query": "padded"})
    assert till.ask("orderquery")["amount"] == "000000000100"
    umf.set_faults({"query": "no_state"})
    answer = till.ask("orderquery")
    assert (answer["retCode"], answer["transState"]) == ("0000", "")


def test_faults_that_this_wire_cannot_have_are_not_offered(umf: UmfSimulator) -> None:
    offered = {name for faults in umf.faults.catalogue.values() for name in faults}
    assert not {"accepted", "rate_limited", "signtest", "stale", "wrong_serial"} & offered
    for op, faults in umf.faults.catalogue.items():
        umf.set_faults({op: list(faults)})
        assert all(english and chinese for english, chinese in faults.values())


# --- the settlement file ---------------------------------------------------------------


def test_the_settlement_file_is_the_published_form(
    make_umf: Callable[..., UmfSimulator], umf_identity: dict[str, Any]
) -> None:
    umf = make_umf(settings=NO_WAIT)
    till = Till(umf_identity, umf.base_url)
    umf.set_faults({"bill": "open_day"})
    assert till.ask("getCollateFile")["fileContent"] == "0|0|"
    till.ask("unactivescan", amount="500")
    till.ask("activescan", orderId="ORDER-2")
    till.ask("refund")
    wait_until(lambda: till.ask("refundquery")["status"] == "1")
    answer = till.ask("getCollateFile")
    assert (answer["merId"], answer["stlDate"]) == (till.identity["mer_id"], today())
    first, paid, refunded = answer["fileContent"].split("\n")
    mer_id = till.identity["mer_id"]
    pay_seq = till.ask("orderquery", orderId="ORDER-1")["paySeq"]
    assert first == "2|470|"
    assert paid == (
        f"{today()}|ORDER-1|01|WX|{mer_id}|{mer_id}|联动优势模拟商户||500||0|500|||{pay_seq}"
    )
    assert refunded.startswith(f"{today()}|R-1|20|WX|{mer_id}|")
    assert refunded.split("|")[8:12] == ["30", "", "0", "30"]


def test_the_file_has_the_integrators_address_too(umf: UmfSimulator, till: Till) -> None:
    umf.set_faults({"bill": "open_day"})
    members = till.signed(till.members("getCollateFile"))
    reply = till.post("", members, path="/comp-pospre-server/getCollateFile")
    assert reply.json["fileContent"] == "0|0|"


def test_a_day_that_is_not_over_has_no_file(umf: UmfSimulator, till: Till) -> None:
    tomorrow = (datetime.now(CHINA) + timedelta(days=1)).strftime("%Y%m%d")
    assert till.code("getCollateFile") == "88889010"
    assert till.code("getCollateFile", stlDate=tomorrow) == "88889010"
    assert till.code("getCollateFile", stlDate="20200101") == "0000"
    till.ask("unactivescan")
    umf.set_clock(DAY)
    assert till.ask("getCollateFile")["fileContent"].startswith("1|100|\n")


def test_a_file_can_be_spoilt(umf: UmfSimulator, till: Till) -> None:
    till.ask("unactivescan")
    umf.set_faults({"bill": ["open_day", {"fault": "wrong_amount", "delta": 5}]})
    assert till.ask("getCollateFile")["fileContent"].startswith("1|105|\n")
    umf.set_faults({"bill": ["open_day", "missing_line"]})
    assert till.ask("getCollateFile")["fileContent"] == "0|0|"
