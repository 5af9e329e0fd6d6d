"""How the simulated Alipay misbehaves when it is told to, and what it has done by then."""

from __future__ import annotations

import base64
import http.client
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from channels.simulators.alipay import AlipaySimulator
from channels.simulators.alipay.methods import OPERATIONS
from channels.simulators.core.faults import FaultError
from tests.channels.simulators import alipay_client
from tests.channels.simulators.alipay_client import Shop

HIDDEN = {"fault": "not_found", "seconds": 3600}


def held(alipay: AlipaySimulator) -> list[str]:
    return [order["our_no"] for order in alipay.orders()]


def refunds(alipay: AlipaySimulator) -> list[int]:
    moves = alipay.book()["movements"]
    return [move["amount"] for move in moves if move["kind"] == "refund"]


@pytest.mark.parametrize(("fault", "done"), [("drop_before", []), ("drop_after", ["ORDER1"])])
def test_a_lost_connection_before_and_after_doing(
    alipay: AlipaySimulator, shop: Shop, fault: str, done: list[str]
) -> None:
    alipay.set_faults({"pay": fault})
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        shop.precreate("ORDER1")
    assert held(alipay) == done


@pytest.mark.parametrize(
    ("fault", "code", "done"),
    [
        ("error_before", "20000 isp.unknow-error", []),
        ("error_after", "20000 isp.unknow-error", ["ORDER1"]),
        ("system_error", "40004 ACQ.SYSTEM_ERROR", []),
        ("system_error_after", "40004 ACQ.SYSTEM_ERROR", ["ORDER1"]),
        ("rate_limited", "40005 isv.app-call-limited", []),
        ("no_permission", "40006 isv.insufficient-isv-permissions", []),
    ],
)
def test_another_answer_instead_of_doing_or_of_saying(
    alipay: AlipaySimulator, shop: Shop, fault: str, code: str, done: list[str]
) -> None:
    alipay.set_faults({"pay": fault})
    reply = shop.precreate("ORDER1")
    assert (reply.status, reply.code) == (200, code)
    shop.verify(reply)
    assert held(alipay) == done


@pytest.mark.parametrize(
    ("fault", "done"), [("bad_gateway", []), ("bad_gateway_after", ["ORDER1"])]
)
def test_a_bad_gateway_before_and_after_doing(
    alipay: AlipaySimulator, shop: Shop, fault: str, done: list[str]
) -> None:
    alipay.set_faults({"pay": fault})
    reply = shop.precreate("ORDER1")
    assert (reply.status, reply.raw.startswith(b"<html>")) == (502, True)
    assert held(alipay) == done


def test_each_family_has_its_own_word_for_a_system_error(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    alipay.set_faults({"*": "system_error"})
    told = [
        shop.query("ORDER1"),
        shop.cancel("ORDER1"),
        shop.settle("2026112022001", "S1", ("2088000000000001", "1.00")),
        shop.transfer("T1"),
        shop.query_transfer("T1"),
    ]
    assert [reply.code.removeprefix("40004 ") for reply in told] == [
        "ACQ.SYSTEM_ERROR",
        "AQC.SYSTEM_ERROR",
        "ACQ.TRADE_SETTLE_ERROR",
        "SYSTEM_ERROR",
        "SYSTEM_ERROR",
    ]


@pytest.mark.parametrize("fault", ["drop_after", "error_after", "system_error_after", "truncated"])
def test_a_refund_whose_answer_is_lost_is_done_once(
    alipay: AlipaySimulator, shop: Shop, fault: str
) -> None:
    shop.precreate("ORDER1")
    alipay.pay("ORDER1")
    alipay.set_faults({"refund": {"fault": fault, "times": 1}})
    try:
        assert shop.refund("ORDER1", "R1", "0.30").code != "10000"
    except (http.client.HTTPException, ConnectionError):
        assert fault in ("drop_after", "truncated")
    assert refunds(alipay) == [30]
    assert shop.refund("ORDER1", "R1", "0.30").node["fund_change"] == "N"
    assert refunds(alipay) == [30]


def spoilt(alipay: AlipaySimulator, shop: Shop, fault: str) -> alipay_client.Reply:
    alipay.set_faults({"pay": fault})
    reply = shop.precreate("ORDER1")
    assert (reply.status, held(alipay)) == (200, ["ORDER1"])
    return reply


def test_a_bad_signature_and_none_at_all(alipay: AlipaySimulator, shop: Shop) -> None:
    with pytest.raises(InvalidSignature):
        shop.verify(spoilt(alipay, shop, "bad_signature"))
    assert set(spoilt(alipay, shop, "unsigned").json) == {"alipay_trade_precreate_response"}


def test_a_web_page_instead_of_json(alipay: AlipaySimulator, shop: Shop) -> None:
    assert spoilt(alipay, shop, "not_json").raw.startswith(b"<html>")


def test_an_odd_answer_is_rightly_signed_over_its_very_bytes(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    """Braces, quotes and a false signature inside a string; escapes; line feeds."""
    reply = spoilt(alipay, shop, "odd")
    assert b'},\\"sign\\":\\"x\\"' in reply.raw
    shop.verify(reply)
    assert reply.node["out_trade_no"] == "ORDER1"


def test_a_new_certificate_can_be_fetched_and_believed(
    alipay: AlipaySimulator, alipay_identity: dict[str, Any]
) -> None:
    shop = Shop(alipay_identity, alipay.base_url, certificates=True)
    reply = spoilt(alipay, shop, "rotated")
    with pytest.raises(InvalidSignature):
        shop.verify(reply)
    alipay.set_faults({})
    number = reply.json["alipay_cert_sn"]
    download = "alipay.open.app.alipaycert.download"
    fetched = shop.call(download, {"alipay_cert_sn": number})
    shop.verify(fetched)
    pem = base64.b64decode(fetched.node["alipay_cert_content"])
    certificate = x509.load_pem_x509_certificate(pem)
    root = x509.load_pem_x509_certificates(alipay_identity["alipay_root_cert_pem"].encode())[0]
    certificate.verify_directly_issued_by(root)
    assert alipay_client.cert_sn(certificate) == number
    shop.verify(reply, key=certificate.public_key())
    assert shop.call(download, {"alipay_cert_sn": "0" * 32}).code == "40004 INVALID_PARAMETER"


def test_an_unknown_certificate_is_named(
    alipay: AlipaySimulator, alipay_identity: dict[str, Any]
) -> None:
    shop = Shop(alipay_identity, alipay.base_url, certificates=True)
    reply = spoilt(alipay, shop, "wrong_serial")
    their = x509.load_pem_x509_certificate(alipay_identity["alipay_cert_pem"].encode())
    assert reply.json["alipay_cert_sn"] != alipay_client.cert_sn(their)


def test_accepted_but_not_found_for_a_while(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.precreate("ORDER1")
    alipay.pay("ORDER1")
    shop.refund("ORDER1", "R1", "0.30")
    alipay.set_balance(1000)
    shop.transfer("T1")
    alipay.set_faults({"query": HIDDEN, "query_refund": HIDDEN, "query_transfer": HIDDEN})
    assert shop.query("ORDER1").code == "40004 ACQ.TRADE_NOT_EXIST"
    assert "refund_status" not in shop.query_refund("ORDER1", "R1").node
    assert shop.query_transfer("T1").code == "40004 ORDER_NOT_EXIST"
    over = HIDDEN | {"seconds": 0}
    alipay.set_faults({"query": over, "query_refund": over, "query_transfer": over})
    assert shop.query("ORDER1").code == "10000"
    assert shop.query_refund("ORDER1", "R1").node["refund_status"] == "REFUND_SUCCESS"
    assert shop.query_transfer("T1").node["status"] == "SUCCESS"


def test_paid_but_told_unpaid_for_a_while(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.precreate("ORDER1")
    alipay.pay("ORDER1")
    alipay.set_faults({"query": {"fault": "lag", "seconds": 3600}})
    told = shop.query("ORDER1").node
    assert (told["trade_status"], "send_pay_date" in told) == ("WAIT_BUYER_PAY", False)
    alipay.set_faults({})
    assert shop.query("ORDER1").node["trade_status"] == "TRADE_SUCCESS"


def test_a_query_can_report_another_amount(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.precreate("ORDER1")
    alipay.pay("ORDER1")
    shop.refund("ORDER1", "R1", "0.30")
    alipay.set_balance(1000)
    shop.transfer("T1", "2.00")
    wrong = {"fault": "wrong_amount", "delta": -10}
    alipay.set_faults({"query": wrong, "query_refund": wrong, "query_transfer": wrong})
    assert shop.query("ORDER1").node["total_amount"] == "0.90"
    assert shop.query_refund("ORDER1", "R1").node["refund_amount"] == "0.20"
    assert shop.query_transfer("T1").node["trans_amount"] == "1.90"


def test_a_cancel_may_ask_to_be_repeated(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.precreate("ORDER1")
    alipay.pay("ORDER1")
    alipay.set_faults({"cancel": {"fault": "retry", "times": 1}})
    first = shop.cancel("ORDER1").node
    assert (first["code"], first["retry_flag"], "action" in first) == ("10000", "Y", False)
    assert refunds(alipay) == []
    assert shop.cancel("ORDER1").node["action"] == "refund"
    assert refunds(alipay) == [100]


def test_a_bar_code_can_be_made_to_wait(alipay: AlipaySimulator, shop: Shop) -> None:
    alipay.set_faults({"pay": "waiting"})
    assert shop.bar_pay("ORDER1").code == "10003"
    assert alipay.book()["movements"] == []


def test_a_fault_hits_the_number_that_it_names_and_ends_after_its_count(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    shop.precreate("ORDER1")
    alipay.pay("ORDER1")
    fault = {"fault": "system_error", "match": "R2"}
    alipay.set_faults({"refund": fault, "pay": {"fault": "error_before", "times": 1}})
    assert shop.refund("ORDER1", "R1", "0.10").code == "10000"
    assert shop.refund("ORDER1", "R2", "0.10").code == "40004 ACQ.SYSTEM_ERROR"
    codes = [shop.precreate(number).code for number in ("ORDER2", "ORDER2")]
    assert codes == ["20000 isp.unknow-error", "10000"]
    assert refunds(alipay) == [10]


def test_every_operation_can_be_hit(alipay: AlipaySimulator, shop: Shop) -> None:
    alipay.set_faults(dict.fromkeys(OPERATIONS.values(), "no_permission"))
    browser = ("alipay.trade.page.pay", "alipay.trade.wap.pay", "alipay.trade.app.pay")
    for method in OPERATIONS:
        if method not in browser:
            reply = shop.call(method, {})
            assert reply.code == "40006 isv.insufficient-isv-permissions", method


@pytest.mark.parametrize("fault", ["signtest", "accepted", "stale", "rate_limited_after"])
def test_what_this_wire_cannot_have_is_no_fault_of_it(alipay: AlipaySimulator, fault: str) -> None:
    with pytest.raises(FaultError, match="unknown fault"):
        alipay.set_faults({"pay": fault})


def test_every_fault_has_words_in_both_languages(alipay: AlipaySimulator) -> None:
    assert set(OPERATIONS.values()) < set(alipay.faults.catalogue)
    for faults in alipay.faults.catalogue.values():
        for english, chinese in faults.values():
            assert english.isascii()
            assert not chinese.isascii()
