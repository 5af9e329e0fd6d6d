"""Each fault switch does what it says to the wire, and leaves the money where it says."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from channels.simulators.core.faults import FaultError
from channels.simulators.wechat import Settings, WechatSimulator
from tests.channels.simulators.wire_client import Merchant, Reply, verify, wait_until

NATIVE = "/v3/pay/transactions/native"


def held(simulator: WechatSimulator) -> list[str]:
    return [order["our_no"] for order in simulator.orders()]


@pytest.mark.parametrize(("fault", "done"), [("drop_before", []), ("drop_after", ["ORDER-1"])])
def test_a_lost_connection_before_and_after_doing(
    simulator: WechatSimulator, merchant: Merchant, fault: str, done: list[str]
) -> None:
    simulator.set_faults({"pay": fault})
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        merchant.prepay("ORDER-1")
    assert held(simulator) == done


@pytest.mark.parametrize(
    ("fault", "status", "code", "done"),
    [
        ("error_before", 500, "SYSTEM_ERROR", []),
        ("error_after", 500, "SYSTEM_ERROR", ["ORDER-1"]),
        ("rate_limited", 429, "FREQUENCY_LIMITED", []),
        ("rate_limited_after", 429, "FREQUENCY_LIMITED", ["ORDER-1"]),
        ("accepted", 202, "ACCEPTED", []),
        ("accepted_after", 202, "ACCEPTED", ["ORDER-1"]),
    ],
)
def test_another_answer_instead_of_doing_or_of_saying(
    simulator: WechatSimulator,
    merchant: Merchant,
    fault: str,
    status: int,
    code: str,
    done: list[str],
) -> None:
    simulator.set_faults({"pay": fault})
    reply = merchant.prepay("ORDER-1")
    assert (reply.status, reply.code) == (status, code)
    assert ("Wechatpay-Signature" in reply.headers) == (status == 202)
    assert held(simulator) == done


def test_a_refund_can_be_done_though_the_answer_says_500(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1")
    simulator.set_faults({"refund": {"fault": "error_after", "times": 1}})
    assert merchant.refund("ORDER-1", "R-1", 30).status == 500
    assert merchant.refund("ORDER-1", "R-1", 30).status == 200

    def kinds() -> list[str]:
        return [move["kind"] for move in simulator.book()["movements"]]

    wait_until(lambda: "refund" in kinds())
    assert kinds() == ["pay", "refund"]


def test_a_truncated_answer_announces_more_than_it_brings(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    simulator.set_faults({"pay": "truncated"})
    with pytest.raises(http.client.IncompleteRead) as cut:
        merchant.prepay("ORDER-1")
    assert cut.value.partial.startswith(b'{"code_url"')
    assert cut.value.expected > 0
    assert held(simulator) == ["ORDER-1"]


def spoilt(simulator: WechatSimulator, merchant: Merchant, fault: str) -> Reply:
    simulator.set_faults({"pay": fault})
    reply = merchant.prepay("ORDER-1")
    assert reply.status == 200
    assert held(simulator) == ["ORDER-1"]
    return reply


def test_a_bad_signature(simulator: WechatSimulator, merchant: Merchant) -> None:
    reply = spoilt(simulator, merchant, "bad_signature")
    with pytest.raises(InvalidSignature):
        verify(merchant.identity, reply.headers, reply.body)


def test_a_probe_signature(simulator: WechatSimulator, merchant: Merchant) -> None:
    reply = spoilt(simulator, merchant, "signtest")
    assert reply.headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/")


def test_no_signature(simulator: WechatSimulator, merchant: Merchant) -> None:
    reply = spoilt(simulator, merchant, "unsigned")
    assert [name for name in reply.headers if name.startswith("Wechatpay-")] == []


def test_a_stale_answer_is_rightly_signed_but_old(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    reply = spoilt(simulator, merchant, "stale")
    verify(merchant.identity, reply.headers, reply.body)
    assert time.time() - int(reply.headers["Wechatpay-Timestamp"]) > 300


def test_an_unknown_serial(simulator: WechatSimulator, merchant: Merchant) -> None:
    reply = spoilt(simulator, merchant, "wrong_serial")
    assert len(reply.headers["Wechatpay-Serial"]) == 40
    with pytest.raises(KeyError):
        verify(merchant.identity, reply.headers, reply.body)


def test_a_web_page_instead_of_json(simulator: WechatSimulator, merchant: Merchant) -> None:
    reply = spoilt(simulator, merchant, "not_json")
    assert reply.body.startswith(b"<html>")
    verify(merchant.identity, reply.headers, reply.body)


def test_a_slow_answer_is_done_before_it_is_said(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    simulator.set_faults({"pay": {"fault": "slow", "ms": 60_000}})
    thread = threading.Thread(target=lambda: _ignore_loss(merchant), daemon=True)
    thread.start()
    wait_until(lambda: held(simulator) == ["ORDER-1"])
    assert thread.is_alive()


def test_a_stalled_request_is_not_looked_at_yet(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    simulator.set_faults({"pay": {"fault": "stall", "ms": 60_000, "times": 1}})
    thread = threading.Thread(target=lambda: _ignore_loss(merchant), daemon=True)
    thread.start()
    wait_until(lambda: simulator.faults.describe() == {})
    assert held(simulator) == []
    assert merchant.prepay("ORDER-2").status == 200
    assert held(simulator) == ["ORDER-2"]


def _ignore_loss(merchant: Merchant) -> None:
    try:
        merchant.prepay("ORDER-1")
    except (OSError, http.client.HTTPException):
        return  # the simulator stopped while it made us wait


def test_a_stalled_request_is_done_after_its_sender_has_given_up(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    """The slowest way in which a timeout is not a failure."""
    simulator.set_faults({"pay": {"fault": "stall", "ms": 200, "times": 1}})
    body = json.dumps(merchant.body("ORDER-1")).encode()
    head = (
        f"POST {NATIVE} HTTP/1.1\r\nHost: {merchant.netloc}\r\nAccept: application/json\r\n"
        f"User-Agent: tests\r\nContent-Type: application/json\r\n"
        f"Authorization: {merchant.authorization('POST', NATIVE, body)}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    host, _, port = merchant.netloc.partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body)
    wait_until(lambda: held(simulator) == ["ORDER-1"])


def test_accepted_but_not_found_for_a_while(simulator: WechatSimulator, merchant: Merchant) -> None:
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1")
    merchant.refund("ORDER-1", "R-1", 30)
    hidden = {"fault": "not_found", "seconds": 3600}
    simulator.set_faults({"query": hidden, "query_refund": hidden})
    assert merchant.query("ORDER-1").code == "ORDER_NOT_EXIST"
    assert merchant.query_refund("R-1").code == "RESOURCE_NOT_EXISTS"
    over = {"fault": "not_found", "seconds": 0}
    simulator.set_faults({"query": over, "query_refund": over})
    assert merchant.query("ORDER-1").status == 200
    assert merchant.query_refund("R-1").status == 200


def test_paid_but_told_unpaid_for_a_while(simulator: WechatSimulator, merchant: Merchant) -> None:
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1")
    simulator.set_faults({"query": {"fault": "lag", "seconds": 3600}})
    assert merchant.query("ORDER-1").json["trade_state"] == "NOTPAY"
    simulator.set_faults({})
    assert merchant.query("ORDER-1").json["trade_state"] == "SUCCESS"


def test_a_query_can_report_another_amount_than_was_paid(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1")
    merchant.refund("ORDER-1", "R-1", 30)
    simulator.set_faults(
        {"query": {"fault": "wrong_amount", "delta": -40}, "query_refund": "wrong_amount"}
    )
    assert merchant.query("ORDER-1").json["amount"]["total"] == 60
    assert merchant.query_refund("R-1").json["amount"]["refund"] == 31
    simulator.set_faults({})
    assert merchant.query("ORDER-1").json["amount"]["total"] == 100


def test_a_fault_ends_after_its_count(simulator: WechatSimulator, merchant: Merchant) -> None:
    simulator.set_faults({"pay": {"fault": "error_before", "times": 2}})
    statuses = [merchant.prepay("ORDER-1").status for _ in range(3)]
    assert statuses == [500, 500, 200]
    assert simulator.faults.describe() == {}


def test_a_fault_hits_only_the_number_that_it_names(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-1")
    merchant.prepay("ORDER-2")
    fault = {"fault": "error_before", "match": "ER-2"}
    simulator.set_faults({"query": fault, "close": fault, "pay": fault})
    assert merchant.query("ORDER-1").status == 200
    assert merchant.query("ORDER-2").status == 500
    assert merchant.close("ORDER-2").status == 500
    assert merchant.prepay("ORDER-2").status == 500
    assert merchant.close("ORDER-1").status == 204


def test_a_refund_is_matched_by_its_own_and_by_its_orders_number(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1")
    for match in ("R-1", "ORDER-1"):
        simulator.set_faults({"refund": {"fault": "error_before", "match": match}})
        assert merchant.refund("ORDER-1", "R-1", 30).status == 500
    simulator.set_faults({"refund": {"fault": "error_before", "match": "ORDER-2"}})
    assert merchant.refund("ORDER-1", "R-1", 30).status == 200


def test_the_star_hits_every_operation(simulator: WechatSimulator, merchant: Merchant) -> None:
    simulator.set_faults({"*": "error_before"})
    replies = [
        merchant.prepay("ORDER-1"),
        merchant.query("ORDER-1"),
        merchant.close("ORDER-1"),
        merchant.refund("ORDER-1", "R-1", 30),
        merchant.query_refund("R-1"),
        merchant.call("GET", "/v3/certificates"),
    ]
    assert [reply.status for reply in replies] == [500] * 6
    assert simulator.orders() == []


def test_a_new_set_replaces_the_old_one(simulator: WechatSimulator, merchant: Merchant) -> None:
    simulator.set_faults({"pay": "error_before"})
    simulator.set_faults({"query": "error_before"})
    assert merchant.prepay("ORDER-1").status == 200
    simulator.set_faults({})
    assert merchant.query("ORDER-1").status == 200


def test_several_faults_of_one_operation(simulator: WechatSimulator, merchant: Merchant) -> None:
    simulator.set_faults(
        {"pay": [{"fault": "error_before", "times": 1}, {"fault": "signtest", "times": 2}]}
    )
    assert merchant.prepay("ORDER-1").status == 500
    assert merchant.prepay("ORDER-1").headers["Wechatpay-Signature"].startswith("WECHATPAY/")
    assert not merchant.prepay("ORDER-1").headers["Wechatpay-Signature"].startswith("WECHATPAY/")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "JSON object"),
        ({"nonsense": "drop_after"}, "unknown operation 'nonsense'"),
        ({"pay": "explode"}, "unknown fault 'explode'"),
        ({"pay": "lag"}, "unknown fault 'lag'"),
        ({"pay": {}}, "unknown fault None"),
        ({"pay": 5}, "a fault is a name"),
        ({"pay": {"fault": ["slow"]}}, "unknown fault"),
        ({"pay": {"fault": "slow", "msec": 5}}, "unknown member 'msec'"),
        ({"pay": {"fault": "slow", "ms": "5"}}, "ms must be an integer"),
        ({"pay": {"fault": "slow", "ms": True}}, "ms must be an integer"),
        ({"pay": {"fault": "slow", "ms": -1}}, "ms must be"),
        ({"pay": {"fault": "slow", "times": 0}}, "times must be"),
        ({"pay": {"fault": "slow", "match": 5}}, "match must be a string"),
        ({"callback": {"fault": "duplicate", "n": 1}}, "n must be"),
    ],
)
def test_an_unreadable_set_is_refused_and_changes_nothing(
    simulator: WechatSimulator, document: Any, words: str
) -> None:
    simulator.set_faults({"pay": "error_before"})
    with pytest.raises(FaultError, match=words):
        simulator.set_faults(document)
    assert simulator.faults.describe() == {"pay": [{"fault": "error_before"}]}


def test_latency_is_added_to_every_answer(make_simulator: Any, identity: dict[str, Any]) -> None:
    slow = make_simulator(settings=Settings(latency_ms=50, durable=False))
    merchant = Merchant(identity, slow.base_url)
    before = time.monotonic()
    merchant.prepay("ORDER-1")
    merchant.query("ORDER-1")
    assert time.monotonic() - before >= 0.1
