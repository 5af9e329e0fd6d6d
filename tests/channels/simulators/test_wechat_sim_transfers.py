"""Transfers of the simulated WeChat Pay: held, confirmed by the payee, lapsed, cancelled."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from channels.simulators.core.errors import ControlError
from channels.simulators.wechat import Settings, WechatSimulator
from tests.channels.simulators.contract import checked
from tests.channels.simulators.sharer import refused
from tests.channels.simulators.wire_client import (
    Merchant,
    Receiver,
    Reply,
    open_resource,
    send,
    verify,
    wait_until,
)

BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
HOUR = 3600
DAY = 24 * HOUR
START = 100_000


@pytest.fixture
def simulator(make_simulator: Callable[..., WechatSimulator]) -> Any:
    """Quick steps, and 1000 yuan to give away."""
    return make_simulator(
        settings=Settings(time_scale=10_000_000, initial_balance=START, durable=False)
    )


def body(merchant: Merchant, number: str = "T1", **more: Any) -> dict[str, Any]:
    members = {
        "appid": merchant.identity["appid"],
        "out_bill_no": number,
        "transfer_scene_id": "1000",
        "openid": "o-payee",
        "transfer_amount": 5000,
        "transfer_remark": "活动奖励",
        "transfer_scene_report_infos": [
            {"info_type": "活动名称", "info_content": "新茶上市"},
            {"info_type": "奖励说明", "info_content": "分享奖励"},
        ],
    } | more
    return {name: value for name, value in members.items() if value is not None}


def create(merchant: Merchant, number: str = "T1", **more: Any) -> Reply:
    return checked(merchant, "POST", BILLS, body(merchant, number, **more))


def query(merchant: Merchant, number: str = "T1") -> Reply:
    return checked(merchant, "GET", f"{BILLS}/out-bill-no/{number}")


def cancel(merchant: Merchant, number: str = "T1") -> Reply:
    return checked(merchant, "POST", f"{BILLS}/out-bill-no/{number}/cancel")


def reaches(merchant: Merchant, state: str, number: str = "T1") -> dict[str, Any]:
    def answer() -> dict[str, Any] | None:
        document: dict[str, Any] = query(merchant, number).json
        return document if document["state"] == state else None

    return wait_until(answer)


def moves(simulator: WechatSimulator) -> list[tuple[str, int]]:
    return [
        (move["our_no"], move["amount"])
        for move in simulator.book()["movements"]
        if move["kind"] == "transfer"
    ]


def pockets(simulator: WechatSimulator) -> tuple[int, int]:
    balance = simulator.book()["balances"][simulator.merchant]
    return balance["available"], balance["frozen"]


def test_a_bill_waits_for_its_payee_with_the_money_held(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    answer = create(merchant).json
    assert (answer["state"], answer["out_bill_no"]) == ("WAIT_USER_CONFIRM", "T1")
    assert answer["package_info"]
    told = query(merchant).json
    assert (told["state"], told["transfer_amount"], told["openid"]) == (
        "WAIT_USER_CONFIRM",
        5000,
        "o-payee",
    )
    assert (told["mch_id"], told["appid"]) == (
        merchant.identity["mchid"],
        merchant.identity["appid"],
    )
    assert "package_info" not in told
    by_their_number = checked(
        merchant, "GET", f"{BILLS}/transfer-bill-no/{answer['transfer_bill_no']}"
    )
    assert by_their_number.json == told
    assert (pockets(simulator), moves(simulator)) == ((95_000, 5000), [])


def test_the_payee_confirms_and_the_money_moves_once(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    create(merchant)
    assert simulator.confirm("T1")["state"] == "SUCCESS"
    with pytest.raises(ControlError) as refusal:
        simulator.confirm("T1")
    assert (refusal.value.status, refusal.value.code) == (409, "not_waiting")
    assert query(merchant).json["state"] == "SUCCESS"
    assert (pockets(simulator), moves(simulator)) == ((95_000, 0), [("T1", 5000)])


def script(simulator: WechatSimulator, document: Any) -> Reply:
    netloc = simulator.base_url.removeprefix("http://")
    headers = {"Host": netloc, "Content-Type": "application/json"}
    return send(netloc, "POST", "/_sim/confirm", json.dumps(document).encode(), headers)


def test_a_script_plays_the_payee(simulator: WechatSimulator, merchant: Merchant) -> None:
    create(merchant)
    create(merchant, "T2")
    assert script(simulator, {"out_bill_no": "T1", "accept": True}).json["state"] == "SUCCESS"
    declined = script(
        simulator, {"out_bill_no": "T2", "accept": False, "reason": "REAL_NAME_CHECK_FAIL"}
    )
    assert (declined.status, declined.json["state"]) == (200, "FAIL")
    assert query(merchant, "T2").json["fail_reason"] == "REAL_NAME_CHECK_FAIL"
    assert script(simulator, {"out_bill_no": "T3"}).json["code"] == "transfer_not_found"
    for wrong in ({}, {"out_bill_no": 1}, {"out_bill_no": "T1", "reason": "bored"}):
        assert script(simulator, wrong).status == 400
    assert (pockets(simulator), moves(simulator)) == ((95_000, 0), [("T1", 5000)])


def test_the_list_of_transfers_is_what_the_page_shows(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    create(merchant)
    create(merchant, "T2", openid="o-ACCOUNT_FROZEN")
    reaches(merchant, "FAIL", "T2")
    netloc = simulator.base_url.removeprefix("http://")
    listed = send(netloc, "GET", "/_sim/transfers", b"", {"Host": netloc}).json["transfers"]
    assert [(one["our_no"], one["state"], one["waiting"]) for one in listed] == [
        ("T2", "FAIL", False),
        ("T1", "WAIT_USER_CONFIRM", True),
    ]


def test_the_same_bill_again_is_one_bill(simulator: WechatSimulator, merchant: Merchant) -> None:
    first = create(merchant, user_name=merchant.sealed("王小明")).json
    again = create(merchant, user_name=merchant.sealed("王小明")).json
    assert again == first
    simulator.confirm("T1")
    assert create(merchant, user_name=merchant.sealed("王小明")).json["state"] == "SUCCESS"
    assert moves(simulator) == [("T1", 5000)]


@pytest.mark.parametrize(
    "change",
    [{"transfer_amount": 5001}, {"openid": "o-other"}, {"transfer_remark": "别的"}],
)
def test_the_same_number_with_another_content_is_refused(
    simulator: WechatSimulator, merchant: Merchant, change: dict[str, Any]
) -> None:
    create(merchant)
    refused(create(merchant, **change), 400, "ALREADY_EXISTS")
    assert pockets(simulator) == (95_000, 5000)


def test_another_name_is_another_content_and_only_the_merchant_reads_it(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    create(merchant, user_name=merchant.sealed("王小明"))
    refused(create(merchant, user_name=merchant.sealed("李小明")), 400, "ALREADY_EXISTS")
    told = query(merchant).json["user_name"]
    assert "王小明" not in told
    assert merchant.opened(told) == "王小明"


def test_too_little_money_is_refused_and_nothing_is_kept(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    simulator.set_balance(4999)
    refused(create(merchant), 403, "NOT_ENOUGH")
    refused(query(merchant), 404, "NOT_FOUND")
    simulator.set_balance(5000)
    assert create(merchant).json["state"] == "WAIT_USER_CONFIRM"


def test_held_money_is_gone_for_other_bills(simulator: WechatSimulator, merchant: Merchant) -> None:
    simulator.set_balance(9999)
    create(merchant)
    refused(create(merchant, "T2"), 403, "NOT_ENOUGH")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"transfer_amount": 9}, "transfer_amount"),
        ({"transfer_amount": 0}, "transfer_amount"),
        ({"transfer_amount": 50.5}, "transfer_amount"),
        ({"transfer_amount": 200_000}, "user_name"),
        ({"out_bill_no": "T-1"}, "out_bill_no"),
        ({"transfer_remark": "谢" * 33}, "transfer_remark"),
        ({"transfer_scene_report_infos": []}, "transfer_scene_report_infos"),
        (
            {"transfer_scene_report_infos": [{"info_type": "活动名称", "info_content": "茶"}]},
            "transfer_scene_report_infos",
        ),
        ({"openid": None}, "openid"),
        ({"notify_url": "http://127.0.0.1/?a=1"}, "notify_url"),
        ({"user_name": "in the clear"}, "user_name"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_its_field(
    simulator: WechatSimulator, merchant: Merchant, change: dict[str, Any], field: str
) -> None:
    simulator.set_balance(1_000_000)
    reply = merchant.call("POST", BILLS, body(merchant, **change))
    refused(reply, 400, "PARAM_ERROR")
    assert reply.json["detail"]["field"] == f"#/properties/{field}"
    assert pockets(simulator) == (1_000_000, 0)


def test_names_are_forbidden_for_small_sums_and_required_for_large_ones(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    simulator.set_balance(1_000_000)
    name = merchant.sealed("王小明")
    refused(create(merchant, transfer_amount=29, user_name=name), 400, "PARAM_ERROR")
    assert create(merchant, "T2", transfer_amount=30, user_name=name).status == 200
    assert create(merchant, "T3", transfer_amount=200_000, user_name=name).status == 200


def test_a_red_packet_holds_two_hundred_yuan(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    style = {"type": "RED_PACKET"}
    reply = create(merchant, transfer_amount=20_001, user_recv_style=style)
    refused(reply, 400, "INVALID_REQUEST", "200元")
    assert create(merchant, transfer_amount=20_000, user_recv_style=style).status == 200


def test_another_application_is_refused(merchant: Merchant) -> None:
    refused(create(merchant, appid="wx0000000000000000"), 400, "APPID_MCHID_NOT_MATCH")


@pytest.mark.parametrize("reason", ["ACCOUNT_FROZEN", "OPENID_INVALID", "TRANSFER_RISK"])
def test_a_payee_may_carry_its_fate_in_its_name(
    simulator: WechatSimulator, merchant: Merchant, reason: str
) -> None:
    assert create(merchant, openid=f"o-{reason}").json["state"] in ("ACCEPTED", "FAIL")
    assert reaches(merchant, "FAIL")["fail_reason"] == reason
    assert (pockets(simulator), moves(simulator)) == ((START, 0), [])


def test_a_bill_fails_on_demand(simulator: WechatSimulator, merchant: Merchant) -> None:
    simulator.set_faults({"transfer": {"fault": "fails", "times": 1}})
    create(merchant)
    assert reaches(merchant, "FAIL")["fail_reason"] == "PAYEE_ACCOUNT_ABNORMAL"
    assert create(merchant, "T2").json["state"] == "WAIT_USER_CONFIRM"


def test_a_slow_bill_is_accepted_then_processing_and_waits_for_a_top_up(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    simulator.set_balance(10)
    simulator.set_faults({"transfer": {"fault": "slow_lock", "seconds": 600}})
    answer = create(merchant).json
    assert (answer["state"], "package_info" in answer) == ("ACCEPTED", False)
    wall = simulator.clock.wall()
    simulator._transfers.run_due(wall + 301)
    assert query(merchant).json["state"] == "PROCESSING"
    simulator._transfers.run_due(wall + 601)
    assert (query(merchant).json["state"], pockets(simulator)) == ("PROCESSING", (10, 0))
    simulator.set_balance(5000)
    reaches(merchant, "WAIT_USER_CONFIRM")
    assert create(merchant).json["package_info"]
    assert pockets(simulator) == (0, 5000)


def test_between_confirmation_and_success_money_is_on_its_way(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    simulator.set_faults({"transfer": {"fault": "transfering", "seconds": 600}})
    create(merchant)
    assert simulator.confirm("T1")["state"] == "TRANSFERING"
    assert (query(merchant).json["state"], moves(simulator)) == ("TRANSFERING", [])
    refused(cancel(merchant), 400, "INVALID_REQUEST")
    simulator._transfers.run_due(simulator.clock.wall() + 601)
    assert query(merchant).json["state"] == "SUCCESS"
    assert (pockets(simulator), moves(simulator)) == ((95_000, 0), [("T1", 5000)])


def test_after_a_day_without_confirmation_the_bill_lapses(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    create(merchant)
    simulator.set_clock(DAY - 60)
    simulator._transfers.run_due(simulator.clock.wall())
    assert pockets(simulator) == (95_000, 5000)
    simulator.set_clock(DAY + 60)
    wait_until(lambda: pockets(simulator) == (START, 0))
    with pytest.raises(ControlError):
        simulator.confirm("T1")
    simulator.set_clock(0)
    told = query(merchant).json
    assert (told["state"], told["fail_reason"]) == ("FAIL", "OVERDUE_CLOSE")
    assert moves(simulator) == []


def test_a_cancel_is_accepted_first_and_done_later(
    simulator: WechatSimulator, merchant: Merchant, make_simulator: Any
) -> None:
    slow = make_simulator(settings=Settings(time_scale=1, initial_balance=START, durable=False))
    there = Merchant(merchant.identity, slow.base_url)
    create(there)
    first = cancel(there).json
    assert first["state"] == "CANCELING"
    assert cancel(there).json == first
    assert (query(there).json["state"], pockets(slow)) == ("CANCELING", (95_000, 5000))
    with pytest.raises(ControlError):
        slow.confirm("T1")
    slow._transfers.run_due(slow.clock.wall() + 61)
    assert cancel(there).json["state"] == "CANCELLED"
    assert (query(there).json["state"], pockets(slow)) == ("CANCELLED", (START, 0))
    assert moves(slow) == []


def test_a_cancel_that_comes_too_late_ends_in_success(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    simulator.set_faults({"cancel_transfer": "too_late"})
    create(merchant)
    assert cancel(merchant).json["state"] == "CANCELING"
    reaches(merchant, "SUCCESS")
    assert (pockets(simulator), moves(simulator)) == ((95_000, 0), [("T1", 5000)])


def test_what_has_ended_is_not_cancelled(simulator: WechatSimulator, merchant: Merchant) -> None:
    create(merchant)
    simulator.confirm("T1")
    refused(cancel(merchant), 400, "INVALID_REQUEST")
    refused(cancel(merchant, "T9"), 404, "NOT_FOUND")
    assert moves(simulator) == [("T1", 5000)]


def test_a_bill_is_found_for_thirty_days(simulator: WechatSimulator, merchant: Merchant) -> None:
    create(merchant)
    simulator.confirm("T1")

    def seen_after(days: int) -> int:
        simulator.set_clock(days * DAY + 60)
        target = f"{BILLS}/out-bill-no/T1"
        stamp = int(simulator.clock.timestamp())
        value = merchant.authorization("GET", target, b"", stamp=stamp)
        return merchant.call("GET", target, authorization=value).status

    assert (seen_after(29), seen_after(30)) == (200, 404)


@pytest.mark.parametrize(
    ("fault", "status", "done"),
    [("error_before", 500, False), ("error_after", 500, True), ("rate_limited_after", 429, True)],
)
def test_a_bill_whose_answer_is_lost_is_found_or_never_was(
    simulator: WechatSimulator, merchant: Merchant, fault: str, status: int, done: bool
) -> None:
    simulator.set_faults({"transfer": {"fault": fault, "times": 1}})
    assert create(merchant).status == status
    assert query(merchant).status == (200 if done else 404)
    assert create(merchant).json["state"] == "WAIT_USER_CONFIRM"
    assert pockets(simulator) == (95_000, 5000)


def test_a_query_may_find_nothing_yet_or_another_amount(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    create(merchant)
    simulator.set_faults({"query_transfer": {"fault": "not_found", "seconds": 600, "times": 1}})
    refused(query(merchant), 404, "NOT_FOUND")
    simulator.set_faults({"query_transfer": {"fault": "wrong_amount", "delta": -1}})
    assert query(merchant).json["transfer_amount"] == 4999


def told(merchant: Merchant, receiver: Receiver, count: int = 1) -> dict[str, Any]:
    notification = receiver.wait_for(count)[-1]
    verify(merchant.identity, notification.headers, notification.body)
    assert notification.json["event_type"] == "MCHTRANSFER.BILL.FINISHED"
    assert notification.json["resource"]["original_type"] == "mch_payment"
    content: dict[str, Any] = open_resource(merchant.identity, notification.json["resource"])
    return content


def test_the_end_of_a_bill_is_told(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    create(merchant, notify_url=None)
    merchant.call("POST", BILLS, body(merchant, "T2", notify_url=receiver.url))
    simulator.confirm("T1")
    simulator.confirm("T2")
    content = told(merchant, receiver)
    answer = query(merchant, "T2").json
    names = ("mch_id", "transfer_bill_no", "state", "transfer_amount", "openid", "update_time")
    assert {name: content[name] for name in names} == {name: answer[name] for name in names}
    assert content["out_bill_no"] == "T2"
    assert len(receiver.arrived) == 1


@pytest.mark.parametrize("end", ["FAIL", "CANCELLED"])
def test_bad_ends_are_told_too(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver, end: str
) -> None:
    merchant.call("POST", BILLS, body(merchant, notify_url=receiver.url))
    if end == "FAIL":
        simulator.confirm("T1", accept=False, reason="NAME_NOT_CORRECT")
    else:
        cancel(merchant)
    content = told(merchant, receiver)
    assert content["state"] == end
    assert content.get("fail_reason", "") == ("NAME_NOT_CORRECT" if end == "FAIL" else "")


def test_a_forged_notice_of_a_bill_is_not_signed_by_the_platform(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"callback_transfer": "forged"})
    merchant.call("POST", BILLS, body(merchant, notify_url=receiver.url))
    simulator.confirm("T1")
    forgery = receiver.wait_for(2)[0]
    content = open_resource(merchant.identity, forgery.json["resource"])
    assert (content["transfer_amount"], content["state"]) == (1, "SUCCESS")
    with pytest.raises(InvalidSignature):
        verify(merchant.identity, forgery.headers, forgery.body)
    assert told(merchant, receiver, 2)["transfer_amount"] == 5000


def test_a_transfer_is_not_lost_by_a_restart(
    make_simulator: Callable[..., WechatSimulator], identity: dict[str, Any], tmp_path: Any
) -> None:
    options = {
        "state": str(tmp_path / "wechat.sqlite"),
        "settings": Settings(initial_balance=START, durable=False),
    }
    first = make_simulator(**options)
    create(Merchant(identity, first.base_url))
    first.stop()
    second = make_simulator(**options)
    assert second.confirm("T1")["state"] == "SUCCESS"
    assert (pockets(second), moves(second)) == ((95_000, 0), [("T1", 5000)])
