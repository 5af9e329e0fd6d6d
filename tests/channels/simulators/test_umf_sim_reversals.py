"""Refunds, repeals and notifications of the simulated UMF."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from channels.simulators.core.errors import ControlError
from channels.simulators.umf import Settings, UmfSimulator
from channels.simulators.umf.callbacks import LADDER
from tests.channels.simulators.umf_client import CHINA, Inbox, Till, request_plain
from tests.channels.simulators.wire_client import Notification, wait_until

DAY = 86400
ROOT = Path(__file__).parents[3]


@pytest.fixture
def umf(make_umf: Callable[..., UmfSimulator]) -> UmfSimulator:
    """Waits take no time; the ladder's 30 s take 0.1 s."""
    return make_umf(settings=Settings(time_scale=10_000_000, ladder_scale=300, durable=False))


def out(simulator: UmfSimulator) -> list[tuple[str, str, int]]:
    found = simulator.book()["movements"]
    return [(m["kind"], m["our_no"], m["amount"]) for m in found if m["kind"] != "pay"]


def pockets(simulator: UmfSimulator) -> tuple[int, int]:
    (balance,) = simulator.book()["balances"].values()
    return balance["available"], balance["refunding"]


def paid(till: Till, umf: UmfSimulator, *, method: str = "unactivescan", **changed: Any) -> None:
    till.ask(method, **changed)
    if method != "unactivescan":
        umf.pay("ORDER-1")


def ended(till: Till, number: str = "R-1") -> str:
    """The refund's status once it is decided."""

    def status() -> str:
        told = till.ask("refundquery", refundOrderId=number)["status"]
        return told if told in ("1", "2") else ""

    return str(wait_until(status))


def test_a_refund_is_accepted_and_then_done(umf: UmfSimulator, till: Till) -> None:
    paid(till, umf, method="activescan")
    umf.set_faults({"refund": {"fault": "processing", "seconds": 600}})
    answer = till.ask("refund")
    assert answer["retCode"] == "0000"
    assert (answer["refundOrderId"], answer["amount"]) == ("R-1", "30")
    assert (pockets(umf), out(umf)) == ((70, 30), [])
    assert till.ask("refundquery")["status"] == "0"
    assert till.code("orderquery") == "88881220"
    umf._reversals.run_due(umf.clock.wall() + 601)
    told = till.ask("refundquery")
    assert (told["status"], told["amount"], told["refundOrderId"]) == ("1", "100", "R-1")
    assert (pockets(umf), out(umf)) == ((70, 0), [("refund", "R-1", 30)])
    assert till.code("orderquery") == "88881220"


def test_the_same_refund_again_succeeds_and_moves_money_once(umf: UmfSimulator, till: Till) -> None:
    paid(till, umf)
    assert [till.code("refund") for _ in range(3)] == ["0000"] * 3
    assert ended(till) == "1"
    assert till.code("refund") == "0000"
    assert out(umf) == [("refund", "R-1", 30)]


def test_the_same_number_for_another_refund_is_refused(umf: UmfSimulator, till: Till) -> None:
    paid(till, umf)
    till.ask("refund")
    assert till.code("refund", amount="31") == "88889003"
    till.ask("unactivescan", orderId="ORDER-2")
    assert till.code("refund", orderId="ORDER-2") == "88889003"
    ended(till)
    assert out(umf) == [("refund", "R-1", 30)]


def test_a_refund_that_fails_is_told_as_paid_again(umf: UmfSimulator, till: Till) -> None:
    paid(till, umf)
    umf.set_faults({"refund": {"fault": "fails", "times": 1}})
    assert till.code("refund") == "0000"
    assert ended(till) == "2"
    answer = till.ask("orderquery")
    assert (answer["retCode"], answer["transState"]) == ("0000", "SUCCESS")
    assert (pockets(umf), out(umf)) == ((100, 0), [])
    assert till.code("refund", refundOrderId="R-2", amount="100") == "0000"


@pytest.mark.parametrize("status", ["SUCCESS", "FAILED"])
def test_a_refund_may_be_ended_by_hand(umf: UmfSimulator, till: Till, status: str) -> None:
    paid(till, umf)
    umf.set_faults({"refund": {"fault": "processing", "seconds": 600}})
    till.ask("refund")
    assert umf.finish_refund("R-1", status)["status"] == status
    with pytest.raises(ControlError) as refusal:
        umf.finish_refund("R-1", "SUCCESS")
    assert refusal.value.code == "ended"
    assert len(out(umf)) == (1 if status == "SUCCESS" else 0)
    for number, word, code in (("R-9", "SUCCESS", 404), ("R-1", "CLOSED", 400)):
        with pytest.raises(ControlError) as refusal:
            umf.finish_refund(number, word)
        assert refusal.value.status == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": "101"}, "88889006"),
        ({"orderId": "ORDER-9"}, "88889002"),
        ({"payType": "AL"}, "88889001"),
        ({"orderDate": "20200101"}, "88889001"),
    ],
)
def test_a_refund_that_breaks_a_rule_is_refused(
    umf: UmfSimulator, till: Till, change: dict[str, Any], code: str
) -> None:
    paid(till, umf)
    assert till.code("refund", **change) == code
    assert till.code("refundquery") == "88889002"
    assert (pockets(umf), out(umf)) == ((100, 0), [])


def test_parts_add_up_to_no_more_than_the_payment(umf: UmfSimulator, till: Till) -> None:
    paid(till, umf)
    assert till.code("refund", amount="70") == "0000"
    assert till.code("refund", refundOrderId="R-2", amount="31") == "88889006"
    assert till.code("refund", refundOrderId="R-2", amount="30") == "0000"
    assert {ended(till), ended(till, "R-2")} == {"1"}
    assert pockets(umf) == (0, 0)


def test_an_unpaid_order_is_not_refunded(umf: UmfSimulator, till: Till) -> None:
    till.ask("activescan")
    assert till.code("refund") == "88889004"


def test_money_that_is_not_there_is_not_refunded(umf: UmfSimulator, till: Till) -> None:
    paid(till, umf)
    umf.set_balance(29)
    assert till.code("refund") == "88889007"
    umf.set_balance(30)
    assert till.code("refund") == "0000"


def test_after_ninety_days_nothing_is_refunded(umf: UmfSimulator, till: Till) -> None:
    paid(till, umf)
    umf.set_clock(91 * DAY)
    assert till.code("refund") == "88889008"
    umf.set_clock(89 * DAY)
    assert till.code("refund") == "0000"


def test_a_refund_hides_for_a_while(umf: UmfSimulator, till: Till) -> None:
    paid(till, umf)
    till.ask("refund")
    umf.set_faults({"query_refund": {"fault": "not_found", "seconds": 600, "times": 1}})
    assert till.code("refundquery") == "88889002"
    assert till.code("refundquery") == "0000"
    assert till.code("refundquery", orderId="ORDER-2") == "88889002"


@pytest.mark.parametrize(("fault", "moved"), [("error_before", 0), ("error_after", 1)])
def test_a_refund_whose_answer_says_nothing_is_safe_to_repeat(
    umf: UmfSimulator, till: Till, fault: str, moved: int
) -> None:
    paid(till, umf)
    umf.set_faults({"refund": {"fault": fault, "times": 1}})
    assert till.code("refund") == "9999"
    assert till.code("refundquery") == ("0000" if moved else "88889002")
    assert till.code("refund") == "0000"
    ended(till)
    assert out(umf) == [("refund", "R-1", 30)]


# --- repeals ---------------------------------------------------------------------------


def test_a_payment_of_today_is_repealed_whole_and_once(umf: UmfSimulator, till: Till) -> None:
    paid(till, umf)
    assert [till.code("repeal") for _ in range(2)] == ["0000", "0000"]
    assert till.code("orderquery") == "88881137"
    assert (pockets(umf), out(umf)) == ((0, 0), [("cancel", "ORDER-1", 100)])
    assert till.code("refund") == "88889004"
    umf.set_faults({"bill": "open_day"})
    assert till.ask("getCollateFile")["fileContent"] == "0|0|"


def test_only_bar_codes_of_the_same_day_in_china_are_repealed(
    umf: UmfSimulator, till: Till
) -> None:
    paid(till, umf, method="activescan")
    assert till.code("repeal") == "88889004"
    till.ask("unactivescan", orderId="ORDER-2")
    now = datetime.now(CHINA)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    umf.set_clock((midnight - now).total_seconds() + 60)
    assert till.code("repeal", orderId="ORDER-2") == "88889008"
    umf.set_clock(0)
    assert till.code("repeal", orderId="ORDER-2") == "0000"
    assert out(umf) == [("cancel", "ORDER-2", 100)]


def test_a_part_or_a_refunded_payment_is_not_repealed(umf: UmfSimulator, till: Till) -> None:
    paid(till, umf)
    assert till.code("repeal", amount="50") == "88889001"
    till.ask("refund")
    assert till.code("repeal") == "88889004"
    umf.set_faults({"pay": "password"})
    till.ask("unactivescan", orderId="ORDER-2")
    assert till.code("repeal", orderId="ORDER-2") == "88889004"
    ended(till)
    assert out(umf) == [("refund", "R-1", 30)]


def test_money_that_is_gone_is_not_repealed(umf: UmfSimulator, till: Till) -> None:
    paid(till, umf)
    umf.set_balance(99)
    assert till.code("repeal") == "88889007"


def test_a_repeal_may_take_its_time(umf: UmfSimulator, till: Till) -> None:
    paid(till, umf)
    umf.set_faults({"cancel": {"fault": "processing", "seconds": 600}})
    assert till.code("repeal") == "0000"
    assert (till.code("orderquery"), pockets(umf)) == ("01000000", (0, 100))
    assert till.code("refund") == "88889004"
    umf._reversals.run_due(umf.clock.wall() + 601)
    assert till.code("orderquery") == "88881137"
    assert out(umf) == [("cancel", "ORDER-1", 100)]


def test_a_repeal_may_fail_and_be_tried_again(umf: UmfSimulator, till: Till) -> None:
    paid(till, umf)
    umf.set_faults({"cancel": {"fault": "fails", "times": 1}})
    assert till.code("repeal") == "0000"
    assert till.ask("orderquery")["transState"] == "SUCCESS"
    assert (pockets(umf), out(umf)) == ((100, 0), [])
    assert till.code("repeal") == "0000"
    assert out(umf) == [("cancel", "ORDER-1", 100)]


# --- notifications ---------------------------------------------------------------------


def told(till: Till, notification: Notification) -> Mapping[str, str]:
    """The members of a notification that the platform signed."""
    members: Mapping[str, str] = notification.json
    assert notification.headers["Content-Type"] == "application/json"
    till.verify(request_plain(members), members["sign"])
    return members


def states(umf: UmfSimulator) -> list[str]:
    wait_until(
        lambda: (
            not [
                one
                for order in umf.orders()
                for one in order["notices"]
                if one["state"] in ("pending", "held")
            ]
        )
    )
    return [one["state"] for order in umf.orders() for one in order["notices"]]


def test_a_payment_is_told_and_the_signed_word_ends_it(
    umf: UmfSimulator, till: Till, inbox: Inbox
) -> None:
    paid(till, umf, method="activescan", notifyUrl=inbox.url)
    members = told(till, inbox.wait_for(1)[0])
    assert (members["funCode"], members["tradeState"]) == ("PayResultNotify", "TRADE_SUCCESS")
    assert (members["orderId"], members["amount"], members["merId"]) == (
        "ORDER-1",
        "100",
        till.identity["mer_id"],
    )
    query = till.ask("orderquery")
    assert (members["paySeq"], members["transactionId"]) == (
        query["paySeq"],
        query["transactionId"],
    )
    assert states(umf) == ["done"]
    assert len(inbox.arrived) == 1


def test_every_end_is_told_in_its_own_word(umf: UmfSimulator, till: Till, inbox: Inbox) -> None:
    paid(till, umf, notifyUrl=inbox.url)
    inbox.wait_for(1)
    till.ask("refund")
    members = told(till, inbox.wait_for(2)[1])
    assert (members["tradeState"], members["refundOrderId"]) == ("REFUND_SUCCESS", "R-1")
    umf.set_faults({"refund": "fails"})
    till.ask("refund", refundOrderId="R-2")
    members = told(till, inbox.wait_for(3)[2])
    assert (members["tradeState"], members["refundOrderId"]) == ("REFUND_FAIL", "R-2")
    till.ask("unactivescan", orderId="ORDER-2", notifyUrl=inbox.url)
    inbox.wait_for(4)
    till.ask("repeal", orderId="ORDER-2")
    members = told(till, inbox.wait_for(5)[4])
    assert (members["tradeState"], members["orderId"]) == ("TRADE_CANCEL", "ORDER-2")
    assert states(umf) == ["done"] * 5


def test_an_order_without_an_address_is_not_told(umf: UmfSimulator, till: Till) -> None:
    paid(till, umf, method="activescan")
    assert umf.orders()[0]["notices"] == []


def unsigned(till: Till, members: Mapping[str, str]) -> bytes:
    given = json.loads(till.acknowledgement(members))
    del given["sign"]
    return json.dumps(given).encode()


@pytest.mark.parametrize(
    "answer",
    [
        lambda till, members: b"",
        lambda till, members: b"success",
        lambda till, members: b'["0000"]',
        lambda till, members: b'{"retCode":"0000"}',
        unsigned,
        lambda till, members: till.acknowledgement(members, retCode="9999"),
        lambda till, members: till.acknowledgement(members, orderId="ORDER-2"),
        lambda till, members: till.acknowledgement(members, reqTime="000000"),
        lambda till, members: till.acknowledgement(members, funCode="Other"),
        lambda till, members: till.acknowledgement(members).replace(b'"0000"', b'"00"'),
        lambda till, members: json.dumps(
            json.loads(till.acknowledgement(members))
            | {"sign": till.sign(request_plain(json.loads(till.acknowledgement(members))))}
        ).encode(),
    ],
    ids=[
        "empty", "a word", "a list", "no signature", "unsigned", "9999", "another order",
        "another time", "another function", "changed after signing", "signed as a request",
    ],
)  # fmt: skip
def test_anything_but_the_signed_word_is_told_again(
    umf: UmfSimulator,
    till: Till,
    inbox: Inbox,
    answer: Callable[[Till, Mapping[str, str]], bytes],
) -> None:
    inbox.answer = lambda count, members: (
        answer(till, members) if count == 1 else till.acknowledgement(members)
    )
    paid(till, umf, method="activescan", notifyUrl=inbox.url)
    first, second = inbox.wait_for(2)
    assert first.json == second.json
    assert states(umf) == ["done"]


def test_the_older_spelling_of_the_order_number_is_taken(
    umf: UmfSimulator, till: Till, inbox: Inbox
) -> None:
    def older(count: int, members: Mapping[str, str]) -> bytes:
        return till.acknowledgement(members, orderId="", partnerOrderId=members["orderId"])

    inbox.answer = older
    paid(till, umf, method="activescan", notifyUrl=inbox.url)
    inbox.wait_for(1)
    assert states(umf) == ["done"]
    assert len(inbox.arrived) == 1


def test_four_tries_and_then_it_is_given_up(
    make_umf: Callable[..., UmfSimulator], umf_identity: dict[str, Any], inbox: Inbox
) -> None:
    assert LADDER == (30, 300, 1800)
    umf = make_umf(settings=Settings(ladder_scale=30_000, durable=False))
    till = Till(umf_identity, umf.base_url)
    inbox.answer = lambda count, members: b""
    paid(till, umf, method="activescan", notifyUrl=inbox.url)
    inbox.wait_for(4)
    assert states(umf) == ["dead"]
    assert len(inbox.arrived) == 4


def test_a_forgery_comes_first_and_is_not_signed_by_the_platform(
    umf: UmfSimulator, till: Till, inbox: Inbox
) -> None:
    umf.set_faults({"callback": "forged"})
    paid(till, umf, method="activescan", notifyUrl=inbox.url)
    forgery, right = inbox.wait_for(2)
    assert forgery.json["amount"] == "1"
    with pytest.raises(InvalidSignature):
        told(till, forgery)
    assert told(till, right)["amount"] == "100"


@pytest.mark.parametrize("fault", ["bad_signature", "unsigned"])
def test_the_first_try_may_be_badly_signed(
    umf: UmfSimulator, till: Till, inbox: Inbox, fault: str
) -> None:
    umf.set_faults({"callback_pay": fault})
    inbox.answer = lambda count, members: b"" if count == 1 else till.acknowledgement(members)
    paid(till, umf, method="activescan", notifyUrl=inbox.url)
    first, second = inbox.wait_for(2)
    if fault == "unsigned":
        assert "sign" not in first.json
    else:
        with pytest.raises(InvalidSignature):
            told(till, first)
    told(till, second)


def test_notifications_are_doubled_early_wrong_or_off(
    umf: UmfSimulator, till: Till, inbox: Inbox
) -> None:
    umf.set_faults({"callback_pay": [{"fault": "duplicate", "n": 3}, "early"]})
    till.ask("activescan", notifyUrl=inbox.url)
    assert len(inbox.arrived) == 3  # before the order's own answer
    umf.set_faults({"callback_pay": {"fault": "wrong_amount", "delta": 7}})
    till.ask("unactivescan", orderId="ORDER-2", notifyUrl=inbox.url)
    assert told(till, inbox.wait_for(4)[3])["amount"] == "107"
    umf.set_faults({"callback": "off"})
    till.ask("unactivescan", orderId="ORDER-3", notifyUrl=inbox.url)
    assert states(umf)[0] == "off"
    umf.set_faults({"callback_refund": "early"})
    till.ask("refund", orderId="ORDER-2", notifyUrl=inbox.url)
    assert inbox.arrived[-1].json["tradeState"] == "REFUND_SUCCESS"


# --- restarts --------------------------------------------------------------------------


def test_a_restart_forgets_no_money(
    make_umf: Callable[..., UmfSimulator], umf_identity: dict[str, Any], tmp_path: Path
) -> None:
    options = {"state": str(tmp_path / "umf.sqlite"), "settings": Settings(durable=False)}
    first = make_umf(**options)
    till = Till(umf_identity, first.base_url)
    paid(till, first)
    first.set_faults({"refund": {"fault": "processing", "seconds": 600}})
    till.ask("refund")
    first.stop()
    second = make_umf(**options)
    till = Till(umf_identity, second.base_url)
    assert till.ask("refundquery")["status"] == "0"
    second._reversals.run_due(second.clock.wall() + 601)
    assert till.ask("refundquery")["status"] == "1"
    assert out(second) == [("refund", "R-1", 30)]


def test_it_runs_as_a_command(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "channels.simulators", "umf",
        "--identity", str(tmp_path / "umf.json"), "--new-identity",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        word, code, url = process.stdout.readline().split()
        assert (word, code) == ("ready", "umf")
        identity = json.loads((tmp_path / "umf.json").read_text("utf-8"))
        assert Till(identity, url).code("activescan") == "0000"
    finally:
        process.terminate()
        assert process.wait(timeout=10) == 0
        process.stdout.close()
