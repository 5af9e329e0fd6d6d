"""Clients that others wrote drive the simulated Alipay: each accepts the other's signatures.

Our adapter is tested against this simulator; these tests say what that is worth.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from channels.simulators.alipay import AlipaySimulator, Settings, credentials, new_identity
from tests.channels.simulators.alipay_client import Ears
from tests.peers.peer import Peer, PeerError

Start = Callable[..., Peer]


@pytest.fixture(scope="module")
def identity() -> dict[str, Any]:
    return new_identity()


@pytest.fixture
def simulator(identity: dict[str, Any]) -> Iterator[AlipaySimulator]:
    simulator = AlipaySimulator(identity, settings=Settings(time_scale=6000, durable=False))
    simulator.start()
    yield simulator
    simulator.stop()
    assert simulator.crashes == 0


@pytest.fixture
def ears() -> Iterator[Ears]:
    ears = Ears()
    ears.start()
    yield ears
    ears.stop()


@pytest.fixture
def start(identity: dict[str, Any], simulator: AlipaySimulator) -> Iterator[Start]:
    """A client of the kind that is asked for."""
    running: list[Peer] = []

    def start_one(kind: str) -> Peer:
        given = credentials(identity, simulator.base_url, certificates="certificates" in kind)
        if kind == "official":
            # It reads PKCS#1 only.
            key = load_pem_private_key(given.pop("app_private_key_pem").encode(), None)
            form = (Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
            given["app_private_key_pkcs1"] = key.private_bytes(*form).decode()
            peer = Peer("alipay-sdk-python", "alipay_sdk_python.py", **given)
        else:
            peer = Peer("python-alipay-sdk", "python_alipay_sdk.py", **given)
        running.append(peer)
        return peer

    yield start_one
    for peer in running:
        peer.close()


def peers(*kinds: str) -> list[Any]:
    names = {"official": "alipay-sdk-python"}
    return [
        pytest.param(kind, marks=pytest.mark.peers(names.get(kind, "python-alipay-sdk")))
        for kind in kinds
    ]


EVERY = peers("community", "community with certificates", "official")
ORDER = {"out_trade_no": "PAY1", "total_amount": "88.88", "subject": "测试商品 A&B=C+100%"}


def movements(simulator: AlipaySimulator) -> list[tuple[str, str, int]]:
    moves = simulator.book()["movements"]
    return [(move["kind"], move["our_no"], move["amount"]) for move in moves]


@pytest.mark.parametrize("kind", EVERY)
def test_precreate_pay_query_refund_query(
    simulator: AlipaySimulator, start: Start, ears: Ears, kind: str
) -> None:
    peer = start(kind)
    made = peer.ask("call", method="alipay.trade.precreate", biz=ORDER, notify_url=ears.url)
    assert made["code"] == "10000"
    assert made["qr_code"].startswith(f"{simulator.base_url}/qr/")
    query = {"method": "alipay.trade.query", "biz": {"out_trade_no": "PAY1"}}
    assert peer.ask("call", **query)["sub_code"] == "ACQ.TRADE_NOT_EXIST"

    trade_no = simulator.pay("PAY1")["trade_no"]
    told = peer.ask("call", **query)
    assert (told["trade_status"], told["total_amount"]) == ("TRADE_SUCCESS", "88.88")
    assert (told["trade_no"], told["subject"]) == (trade_no, ORDER["subject"])

    biz = {"trade_no": trade_no, "refund_amount": "8.80", "out_request_no": "REFUND1"}
    refunded = peer.ask("call", method="alipay.trade.refund", biz=biz)
    assert (refunded["fund_change"], refunded["refund_fee"]) == ("Y", "8.80")
    biz = {"trade_no": trade_no, "out_request_no": "REFUND1"}
    asked = peer.ask("call", method="alipay.trade.fastpay.refund.query", biz=biz)
    assert (asked["refund_status"], asked["refund_amount"]) == ("REFUND_SUCCESS", "8.80")
    assert movements(simulator) == [("pay", "PAY1", 8888), ("refund", "REFUND1", 880)]

    paid, gave_back = (notice.fields for notice in ears.wait_for(2))
    assert peer.ask("verify", fields=paid) is True
    assert peer.ask("verify", fields=gave_back) is True
    assert (paid["subject"], gave_back["out_biz_no"]) == (ORDER["subject"], "REFUND1")


@pytest.mark.parametrize("kind", EVERY)
def test_a_changed_notification_is_refused_by_the_client(
    simulator: AlipaySimulator, start: Start, ears: Ears, kind: str
) -> None:
    peer = start(kind)
    peer.ask("call", method="alipay.trade.precreate", biz=ORDER, notify_url=ears.url)
    simulator.pay("PAY1")
    fields = ears.wait_for(1)[0].fields | {"total_amount": "0.01"}
    try:
        believed = peer.ask("verify", fields=fields)
    except PeerError as refused:
        believed = refused.kind != "VerificationError"
    assert believed is False


@pytest.mark.parametrize("kind", EVERY)
def test_an_answer_with_a_bad_signature_is_refused_by_the_client(
    simulator: AlipaySimulator, start: Start, kind: str
) -> None:
    peer = start(kind)
    simulator.set_faults({"pay": {"fault": "bad_signature", "times": 1}})
    with pytest.raises(PeerError) as refused:
        peer.ask("call", method="alipay.trade.precreate", biz=ORDER)
    assert refused.value.kind in ("AliPayValidationError", "ResponseException")
    assert peer.ask("call", method="alipay.trade.precreate", biz=ORDER)["code"] == "10000"


@pytest.mark.parametrize("kind", EVERY)
def test_a_page_address_leads_to_the_cashier_and_back_with_a_signed_return(
    simulator: AlipaySimulator, start: Start, kind: str
) -> None:
    peer = start(kind)
    biz = ORDER | {"product_code": "FAST_INSTANT_TRADE_PAY"}
    back = {"return_url": "http://127.0.0.1:9/back", "notify_url": "http://127.0.0.1:9/notify"}
    address = peer.ask("page", method="alipay.trade.page.pay", biz=biz, **back)
    target = address.removeprefix(simulator.base_url)
    target = target if target.startswith("/") else f"/gateway.do?{address}"

    status, headers, _ = browse(simulator, "GET", target)
    assert status == 303
    cashier = headers["Location"].removeprefix(simulator.base_url)
    _, _, page = browse(simulator, "GET", cashier)
    assert "¥88.88" in page
    token = dict(parse_qsl(urlsplit(cashier).query))["token"]
    status, headers, _ = browse(simulator, "POST", "/cashier/pay", f"token={token}")
    assert status == 303
    returned = urlsplit(headers["Location"])
    assert (returned.netloc, returned.path) == ("127.0.0.1:9", "/back")
    fields = dict(parse_qsl(returned.query))
    assert fields["out_trade_no"] == "PAY1"
    assert "trade_status" not in fields
    assert peer.ask("verify", fields=fields) is True
    assert movements(simulator) == [("pay", "PAY1", 8888)]


@pytest.mark.parametrize("kind", peers("official"))
def test_the_string_for_the_app_is_accepted(
    simulator: AlipaySimulator, start: Start, kind: str
) -> None:
    biz = ORDER | {"product_code": "QUICK_MSECURITY_PAY"}
    string = start(kind).ask("order_string", method="alipay.trade.app.pay", biz=biz)
    assert browse(simulator, "GET", f"/gateway.do?{string}")[0] == 303
    assert simulator.pay("PAY1")["amount"] == 8888


@pytest.mark.parametrize("kind", EVERY)
def test_bar_code_cancel_close_and_a_business_refusal(
    simulator: AlipaySimulator, start: Start, kind: str
) -> None:
    peer = start(kind)

    def call(method: str, **biz: str) -> Any:
        return peer.ask("call", method=f"alipay.trade.{method}", biz=biz)

    code = {"scene": "bar_code", "auth_code": "281234567890123499"}
    assert call("pay", **ORDER, **code)["code"] == "10000"
    assert call("cancel", out_trade_no="PAY1")["action"] == "refund"
    waiting = ORDER | {"out_trade_no": "PAY2"} | code | {"auth_code": "281234567890123401"}
    assert call("pay", **waiting)["code"] == "10003"
    assert call("close", out_trade_no="PAY2")["code"] == "10000"
    assert call("close", out_trade_no="PAY2")["sub_code"] == "ACQ.REASON_TRADE_STATUS_INVALID"
    assert movements(simulator) == [("pay", "PAY1", 8888), ("refund", "PAY1", 8888)]


@pytest.mark.parametrize("kind", EVERY)
def test_receivers_royalty_and_transfers(
    simulator: AlipaySimulator, start: Start, kind: str
) -> None:
    peer = start(kind)
    peer.ask("call", method="alipay.trade.precreate", biz=ORDER)
    trade_no = simulator.pay("PAY1")["trade_no"]
    receiver = {"type": "userId", "account": "2088000000000001", "name": "张三"}
    bind = {"out_request_no": "BIND1", "receiver_list": [receiver]}
    bound = peer.ask("call", method="alipay.trade.royalty.relation.bind", biz=bind)
    assert bound["result_code"] == "SUCCESS"
    share = {"trans_in": "2088000000000001", "trans_in_type": "userId", "amount": "10.00"}
    settle = {"out_request_no": "S1", "trade_no": trade_no, "royalty_parameters": [share]}
    assert peer.ask("call", method="alipay.trade.order.settle", biz=settle)["code"] == "10000"
    transfer = {
        "out_biz_no": "T1",
        "trans_amount": "3.00",
        "product_code": "TRANS_ACCOUNT_NO_PWD",
        "biz_scene": "DIRECT_TRANSFER",
        "payee_info": {"identity": "2088000000000002", "identity_type": "ALIPAY_USER_ID"},
    }
    paid = peer.ask("call", method="alipay.fund.trans.uni.transfer", biz=transfer)
    assert paid["status"] == "SUCCESS"
    kinds = [("pay", "PAY1", 8888), ("share", "S1", 1000), ("transfer", "T1", 300)]
    assert movements(simulator) == kinds


def browse(
    simulator: AlipaySimulator, verb: str, target: str, body: str = ""
) -> tuple[int, Any, str]:
    connection = http.client.HTTPConnection(urlsplit(simulator.base_url).netloc, timeout=10)
    try:
        connection.request(verb, target, body=body or None)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        connection.close()
