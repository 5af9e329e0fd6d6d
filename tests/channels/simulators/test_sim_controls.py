"""The controls and the page of a simulator: for this machine's scripts and people only."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from channels.simulators.wechat import WechatSimulator
from tests.channels.simulators.wire_client import Merchant, Receiver, Reply, send, wait_until


class Script:
    """Something outside that drives the simulator by JSON."""

    def __init__(self, netloc: str) -> None:
        self.netloc = netloc

    def get(self, target: str, **headers: str) -> Reply:
        return send(self.netloc, "GET", target, b"", {"Host": self.netloc, **headers})

    def post(self, target: str, document: Any, **headers: str) -> Reply:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return send(self.netloc, "POST", target, body, {"Host": self.netloc, **headers})


@pytest.fixture
def script(merchant: Merchant) -> Script:
    return Script(merchant.netloc)


def test_the_customer_pays(script: Script, simulator: WechatSimulator, merchant: Merchant) -> None:
    merchant.prepay("ORDER-1")
    reply = script.post("/_sim/pay", {"out_trade_no": "ORDER-1"})
    assert reply.status == 200
    assert (reply.json["amount"], reply.json["trade_state"]) == (100, "SUCCESS")
    again = script.post("/_sim/pay", {"out_trade_no": "ORDER-1"})
    assert (again.status, again.code) == (409, "already_paid")
    assert len(simulator.book()["movements"]) == 1


def test_two_customers_at_once_pay_once(
    script: Script, simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-1")
    statuses: list[int] = []
    together = threading.Barrier(8)

    def click() -> None:
        together.wait()
        statuses.append(script.post("/_sim/pay", {"out_trade_no": "ORDER-1"}).status)

    clicks = [threading.Thread(target=click) for _ in range(8)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    assert sorted(statuses) == [200] + [409] * 7
    assert len(simulator.book()["movements"]) == 1


def test_two_equal_refunds_at_once_are_one(simulator: WechatSimulator, merchant: Merchant) -> None:
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1")
    together = threading.Barrier(6)
    ids: list[str] = []

    def click() -> None:
        together.wait()
        ids.append(merchant.refund("ORDER-1", "R-1", 60).json["refund_id"])

    clicks = [threading.Thread(target=click) for _ in range(6)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1
    wait_until(lambda: len(simulator.book()["movements"]) == 2)
    (account,) = simulator.book()["balances"].values()
    assert account == {"available": 40, "frozen": 0, "refunding": 0}


def test_unknown_closed_and_wrong_amount(
    script: Script, simulator: WechatSimulator, merchant: Merchant
) -> None:
    missing = script.post("/_sim/pay", {"out_trade_no": "ORDER-1"})
    assert (missing.status, missing.code) == (404, "order_not_found")
    merchant.prepay("ORDER-1")
    merchant.close("ORDER-1")
    closed = script.post("/_sim/pay", {"out_trade_no": "ORDER-1"})
    assert (closed.status, closed.code) == (409, "closed")
    late = script.post("/_sim/pay", {"out_trade_no": "ORDER-1", "force": True, "amount": 7})
    assert (late.status, late.json["amount"]) == (200, 7)


@pytest.mark.parametrize(
    ("target", "document"),
    [
        ("/_sim/pay", {}),
        ("/_sim/pay", {"out_trade_no": 5}),
        ("/_sim/pay", {"out_trade_no": "ORDER-1", "amount": 0}),
        ("/_sim/pay", {"out_trade_no": "ORDER-1", "amount": 1.5}),
        ("/_sim/pay", {"out_trade_no": "ORDER-1", "amount": True}),
        ("/_sim/pay", {"out_trade_no": "ORDER-1", "amount": 10**30}),
        ("/_sim/pay", {"out_trade_no": "ORDER-1", "force": 1}),
        ("/_sim/pay", b"out_trade_no=ORDER-1"),
        ("/_sim/pay", b"[]"),
        ("/_sim/faults", []),
        ("/_sim/faults", {"pay": "explode"}),
        ("/_sim/clock", {}),
        ("/_sim/clock", {"offset_s": "10"}),
        ("/_sim/clock", {"offset_s": True}),
        ("/_sim/clock", {"offset_s": 10**12}),
        ("/_sim/clock", b'{"offset_s": 1e999}'),
        ("/_sim/clock", {"offset_s": 10**400}),
        ("/_sim/balance", {"available": -1}),
        ("/_sim/balance", {"available": 1.5}),
        ("/_sim/refund", {"out_refund_no": "R-1"}),
        ("/_sim/refund", {"out_refund_no": "R-1", "status": "DONE"}),
    ],
)
def test_a_control_that_is_not_understood_changes_nothing(
    script: Script, simulator: WechatSimulator, merchant: Merchant, target: str, document: Any
) -> None:
    merchant.prepay("ORDER-1")
    reply = script.post(target, document)
    assert (reply.status, reply.code) == (400, "bad_request")
    assert reply.json["message"] != ""
    assert simulator.book()["movements"] == []
    assert simulator.faults.describe() == {}
    assert simulator.clock.offset == 0


@pytest.mark.parametrize(
    "target", ["/_sim/book?since=x", "/_sim/orders?limit=1001", "/_sim/orders?before=-1"]
)
def test_absurd_pagination_is_refused(script: Script, target: str) -> None:
    assert (script.get(target).status, script.get(target).code) == (400, "bad_request")


def test_an_unknown_control_names_those_that_exist(script: Script) -> None:
    reply = script.post("/_sim/explode", {})
    assert reply.status == 404
    assert "POST /_sim/pay" in reply.json["message"]
    assert script.get("/_sim/pay").status == 404


def test_faults_are_set_read_and_cleared(script: Script) -> None:
    rule = {"fault": "slow", "ms": 5, "match": "ORDER"}
    reply = script.post("/_sim/faults", {"pay": rule, "callback": "off"})
    assert reply.json["faults"] == {"pay": [rule], "callback": [{"fault": "off"}]}
    read = script.get("/_sim/faults").json
    assert read["faults"] == reply.json["faults"]
    # What is shown can be sent back as it stands.
    assert script.post("/_sim/faults", read["faults"]).json["faults"] == read["faults"]
    assert script.post("/_sim/faults", {}).json["faults"] == {}


def test_every_fault_of_the_catalogue_can_be_set_and_has_words_in_both_languages(
    script: Script, simulator: WechatSimulator
) -> None:
    catalogue = script.get("/_sim/faults").json["catalogue"]
    assert set(catalogue) == {
        "*",
        "pay",
        "query",
        "close",
        "reverse",
        "refund",
        "query_refund",
        "certificates",
        "abnormal_refund",
        "add_receiver",
        "delete_receiver",
        "share",
        "unfreeze",
        "query_share",
        "share_return",
        "query_share_return",
        "unsplit",
        "transfer",
        "query_transfer",
        "cancel_transfer",
        "trade_bill",
        "fund_flow_bill",
        "bill_file",
        "callback",
        "callback_pay",
        "callback_refund",
        "callback_transfer",
    }
    for op, faults in catalogue.items():
        assert script.post("/_sim/faults", {op: list(faults)}).status == 200
        assert all(words["en"] and words["zh"] for words in faults.values())
    script.post("/_sim/faults", {})


def test_the_page_gets_the_providers_own_words(script: Script) -> None:
    words = script.get("/_sim/about").json["words"]
    assert words["share"] == {"en": "share", "zh": "请求分账"}
    assert all(one["en"] and one["zh"] for one in words.values())


def test_another_account_of_the_book_may_be_given_money(
    script: Script, simulator: WechatSimulator
) -> None:
    assert script.post("/_sim/balance", {"available": 5, "merchant": "1900000109"}).status == 404
    assert script.post("/_sim/balance", {"available": 5, "merchant": 7}).status == 400
    with simulator.store.write() as db:
        simulator.ledger.ensure_account(db, "1900000109")
    answer = script.post("/_sim/balance", {"available": 5, "merchant": "1900000109"})
    balances = answer.json["balances"]
    assert balances["1900000109"]["available"] == 5
    assert balances[simulator.merchant]["available"] == 0


def test_there_are_no_transfers_in_the_beginning(script: Script) -> None:
    assert script.get("/_sim/transfers").json == {"transfers": []}


def test_the_clock_is_shifted_and_put_back(script: Script, simulator: WechatSimulator) -> None:
    assert script.post("/_sim/clock", {"offset_s": 600}).json["offset_s"] == 600
    assert simulator.clock.timestamp() - simulator.clock.wall() == pytest.approx(600, abs=1)
    assert script.get("/_sim/clock").json["offset_s"] == 600
    assert script.post("/_sim/clock", {"offset_s": 0}).json["offset_s"] == 0


def test_the_book_tells_kind_number_amount_and_time(
    script: Script, simulator: WechatSimulator, merchant: Merchant
) -> None:
    for number in ("ORDER-1", "ORDER-2"):
        merchant.prepay(number)
        simulator.pay(number)
    book = script.get("/_sim/book").json
    first, second = book["movements"]
    assert (first["kind"], first["our_no"], first["amount"]) == ("pay", "ORDER-1", 100)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", first["time"])
    assert script.get(f"/_sim/book?since={first['id']}").json["movements"] == [second]
    assert script.get("/_sim/book?our_no=ORDER-1").json["movements"] == [first]
    assert script.get("/_sim/book?last=1").json["movements"] == [second]
    assert book["balances"] == {
        merchant.identity["mchid"]: {"available": 200, "frozen": 0, "refunding": 0}
    }


def test_setting_the_balance_is_written_in_the_book(
    script: Script, simulator: WechatSimulator
) -> None:
    script.post("/_sim/balance", {"available": 500})
    script.post("/_sim/balance", {"available": 500})
    script.post("/_sim/balance", {"available": 200})
    moves = [(move["kind"], move["amount"]) for move in simulator.book()["movements"]]
    assert moves == [("top_up", 500), ("withdraw", 300)]


def test_orders_are_listed_newest_first_and_found_by_any_number(
    script: Script, simulator: WechatSimulator, merchant: Merchant
) -> None:
    for number in ("ORDER-1", "ORDER-2", "ORDER-3"):
        merchant.prepay(number)
    paid = simulator.pay("ORDER-2")
    merchant.refund("ORDER-2", "R-77", 30)

    def found(query: str) -> list[str]:
        return [order["our_no"] for order in script.get(f"/_sim/orders{query}").json["orders"]]

    assert found("") == ["ORDER-3", "ORDER-2", "ORDER-1"]
    assert found("?limit=1") == ["ORDER-3"]
    (newest,) = script.get("/_sim/orders?limit=1").json["orders"]
    assert found(f"?before={newest['seq']}") == ["ORDER-2", "ORDER-1"]
    assert found("?q=ER-1") == ["ORDER-1"]
    assert found(f"?q={paid['transaction_id']}") == ["ORDER-2"]
    assert found("?q=R-77") == ["ORDER-2"]
    assert found("?q=%25") == []
    assert found("?state=NOTPAY") == ["ORDER-3", "ORDER-1"]
    (order,) = script.get("/_sim/orders?state=SUCCESS").json["orders"]
    assert [refund["our_no"] for refund in order["refunds"]] == ["R-77"]
    assert (order["payable"], order["why_not"]) == (False, "already_paid")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "10.0.0.1:80"],
)
@pytest.mark.parametrize("target", ["/", "/_sim/book", "/v3/certificates"])
def test_a_foreign_host_name_is_refused(
    script: Script, merchant: Merchant, host: str, target: str
) -> None:
    assert script.get(target, Host=host).status == 421
    assert merchant.call("GET", target, headers={"Host": host}).status == 421


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8000", "LOCALHOST", "[::1]:8000"])
def test_loopback_host_names_are_served(script: Script, host: str) -> None:
    assert script.get("/_sim/clock", Host=host).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_foreign_page_cannot_reach_the_controls(
    script: Script, simulator: WechatSimulator, merchant: Merchant, headers: dict[str, str]
) -> None:
    merchant.prepay("ORDER-1")
    reply = script.post("/_sim/pay", {"out_trade_no": "ORDER-1"}, **headers)
    assert (reply.status, reply.code) == (403, "foreign_origin")
    assert script.get("/_sim/orders", **headers).status == 403
    assert simulator.book()["movements"] == []


def test_its_own_page_can_reach_the_controls(
    script: Script, simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-1")
    own = {"Origin": f"http://{script.netloc}", "Sec-Fetch-Site": "same-origin"}
    assert script.post("/_sim/pay", {"out_trade_no": "ORDER-1"}, **own).status == 200


def test_the_page_asks_no_other_host_for_anything(script: Script) -> None:
    page = script.get("/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    text = page.body.decode()
    assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+", text) == []
    assert "innerHTML" not in text
    assert script.get("/h5?prepay_id=wx1&package=2").body == page.body


def test_a_native_order_has_a_qr_code_and_others_have_none(
    script: Script, merchant: Merchant
) -> None:
    code = merchant.prepay("ORDER-1").json["code_url"]
    merchant.prepay("ORDER-2", kind="app")
    assert len(code) <= 64
    picture = script.get("/_sim/qr?out_trade_no=ORDER-1")
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert picture.body.startswith(b"<svg")
    assert script.get("/_sim/qr?out_trade_no=ORDER-2").status == 404
    assert script.get("/_sim/qr?out_trade_no=ORDER-3").status == 404


def test_the_h5_address_opens_the_customers_page(script: Script, merchant: Merchant) -> None:
    scene = {"payer_client_ip": "10.0.0.7", "h5_info": {"type": "Wap"}}
    url = merchant.prepay("ORDER-1", kind="h5", scene_info=scene).json["h5_url"]
    prefix = f"http://{script.netloc}"
    assert url.startswith(f"{prefix}/h5?prepay_id=wx")
    assert script.get(url.removeprefix(prefix)).status == 200


def raw(netloc: str, data: bytes) -> bytes:
    host, _, port = netloc.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nNo colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_broken_http_gets_a_status_and_the_server_lives_on(
    script: Script, data: bytes, status: int
) -> None:
    assert raw(script.netloc, data).startswith(f"HTTP/1.1 {status} ".encode())
    assert script.get("/_sim/clock").status == 200


def test_a_request_cut_in_the_middle_is_not_acted_upon(
    script: Script, simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-1")
    head = f"POST /_sim/pay HTTP/1.1\r\nHost: {script.netloc}\r\nContent-Length: 90\r\n\r\n"
    assert raw(script.netloc, head.encode() + b'{"out_trade_no": "ORDER-1"}') == b""
    assert simulator.book()["movements"] == []


def test_one_connection_carries_many_requests(script: Script) -> None:
    one = f"GET /_sim/clock HTTP/1.1\r\nHost: {script.netloc}\r\n\r\n".encode()
    assert raw(script.netloc, one * 5).count(b"HTTP/1.1 200 OK") == 5


def test_stopping_waits_for_the_answer_that_is_being_given(
    make_simulator: Callable[..., WechatSimulator],
    identity: dict[str, Any],
    receiver: Receiver,
) -> None:
    simulator = make_simulator()
    merchant = Merchant(identity, simulator.base_url)
    simulator.set_faults({"pay": {"fault": "slow", "ms": 60_000}})
    replies: list[Reply] = []
    asking = threading.Thread(target=lambda: replies.append(merchant.prepay("ORDER-1")))
    asking.start()
    wait_until(lambda: simulator.orders() != [])
    simulator.stop()
    asking.join(timeout=10)
    assert [reply.status for reply in replies] == [200]
