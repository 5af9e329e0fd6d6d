"""Abnormal refunds, rotated keys, notices of the old API: the rarer sides of the platform."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from channels.simulators.wechat import Settings, WechatSimulator
from tests.channels.simulators.contract import checked
from tests.channels.simulators.sharer import refused
from tests.channels.simulators.wire_client import (
    Merchant,
    Receiver,
    Reply,
    verify,
    wait_until,
)

REFUNDS = "/v3/refund/domestic/refunds"


@pytest.fixture
def simulator(make_simulator: Callable[..., WechatSimulator]) -> Any:
    return make_simulator(settings=Settings(time_scale=10_000_000, ladder_scale=150, durable=False))


@pytest.fixture
def abnormal(simulator: WechatSimulator, merchant: Merchant) -> str:
    """A refund that ended ABNORMAL; WeChat's number of it."""
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1")
    simulator.set_faults({"refund": {"fault": "abnormal", "times": 1}})
    number: str = merchant.refund("ORDER-1", "R-1", 30).json["refund_id"]
    wait_until(lambda: merchant.query_refund("R-1").json["status"] == "ABNORMAL")
    return number


def card(merchant: Merchant, **changed: Any) -> dict[str, Any]:
    members = {
        "out_refund_no": "R-1",
        "type": "USER_BANK_CARD",
        "bank_type": "CMB_DEBIT",
        "bank_account": merchant.sealed("6225880137060403"),
        "real_name": merchant.sealed("王小明"),
    } | changed
    return {name: value for name, value in members.items() if value is not None}


def apply(merchant: Merchant, refund_id: str, body: dict[str, Any]) -> Reply:
    return merchant.call("POST", f"{REFUNDS}/{refund_id}/apply-abnormal-refund", body)


def test_an_abnormal_refund_goes_to_a_bank_card(
    simulator: WechatSimulator, merchant: Merchant, abnormal: str
) -> None:
    target = f"{REFUNDS}/{abnormal}/apply-abnormal-refund"
    answer = checked(merchant, "POST", target, card(merchant)).json
    assert (answer["channel"], answer["user_received_account"]) == (
        "OTHER_BANKCARD",
        "CMB_DEBIT0403",
    )
    wait_until(lambda: merchant.query_refund("R-1").json["status"] == "SUCCESS")
    moves = [(move["kind"], move["our_no"]) for move in simulator.book()["movements"]]
    assert moves == [("pay", "ORDER-1"), ("refund", "R-1")]
    refused(apply(merchant, abnormal, card(merchant)), 400, "INVALID_REQUEST")


def test_to_the_merchants_card_no_names_are_needed(
    simulator: WechatSimulator, merchant: Merchant, abnormal: str
) -> None:
    body = {"out_refund_no": "R-1", "type": "MERCHANT_BANK_CARD"}
    assert apply(merchant, abnormal, body).status == 200
    wait_until(lambda: merchant.query_refund("R-1").json["status"] == "SUCCESS")


def test_it_may_end_abnormal_again(
    simulator: WechatSimulator, merchant: Merchant, abnormal: str
) -> None:
    simulator.set_faults({"abnormal_refund": "abnormal"})
    assert apply(merchant, abnormal, card(merchant)).status == 200
    wait_until(lambda: merchant.query_refund("R-1").json["status"] == "ABNORMAL")
    assert [move["kind"] for move in simulator.book()["movements"]] == ["pay"]


@pytest.mark.parametrize("missing", ["bank_type", "bank_account", "real_name"])
def test_a_users_card_needs_all_of_its_members(
    merchant: Merchant, abnormal: str, missing: str
) -> None:
    reply = apply(merchant, abnormal, card(merchant, **{missing: None}))
    refused(reply, 400, "PARAM_ERROR")
    assert reply.json["detail"]["field"] == f"#/properties/{missing}"
    assert merchant.query_refund("R-1").json["status"] == "ABNORMAL"


def test_both_numbers_must_be_of_one_refund(merchant: Merchant, abnormal: str) -> None:
    refused(apply(merchant, "5030000", card(merchant)), 404, "RESOURCE_NOT_EXISTS")
    other = card(merchant, out_refund_no="R-2")
    refused(apply(merchant, abnormal, other), 404, "RESOURCE_NOT_EXISTS")


def test_a_refund_that_is_well_needs_no_card(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1")
    number = merchant.refund("ORDER-1", "R-1", 30).json["refund_id"]
    wait_until(lambda: merchant.query_refund("R-1").json["status"] == "SUCCESS")
    refused(apply(merchant, number, card(merchant)), 400, "INVALID_REQUEST")
    assert merchant.query_refund("R-1").json["channel"] == "ORIGINAL"


def certificates(merchant: Merchant) -> dict[str, x509.Certificate]:
    """The platform's list as a merchant reads it."""
    cipher = AESGCM(merchant.identity["apiv3_key"].encode())
    found = {}
    for entry in merchant.call("GET", "/v3/certificates").json["data"]:
        sealed = entry["encrypt_certificate"]
        pem = cipher.decrypt(
            sealed["nonce"].encode(), base64.b64decode(sealed["ciphertext"]), b"certificate"
        )
        found[entry["serial_no"]] = x509.load_pem_x509_certificate(pem)
    return found


def verified_with(certificate: x509.Certificate, headers: Any, body: bytes) -> None:
    message = f"{headers['Wechatpay-Timestamp']}\n{headers['Wechatpay-Nonce']}\n".encode()
    certificate.public_key().verify(
        base64.b64decode(headers["Wechatpay-Signature"]),
        message + body + b"\n",
        PKCS1v15(),
        SHA256(),
    )


def test_a_rotated_key_signs_what_the_list_of_certificates_then_explains(
    simulator: WechatSimulator, merchant: Merchant
) -> None:
    before = certificates(merchant)
    assert len(before) == 1
    simulator.set_faults({"pay": {"fault": "rotated", "times": 1}})
    reply = merchant.prepay("ORDER-1")
    serial = reply.headers["Wechatpay-Serial"]
    assert reply.status == 200
    assert serial not in before
    after = certificates(merchant)
    assert set(after) == {*before, serial}
    verified_with(after[serial], reply.headers, reply.body)
    with pytest.raises(InvalidSignature):
        verified_with(next(iter(before.values())), reply.headers, reply.body)
    assert (
        verify(merchant.identity, *parts(merchant.query("ORDER-1"))) in merchant.identity.values()
    )


def parts(reply: Reply) -> tuple[Any, bytes]:
    return reply.headers, reply.body


def test_a_callback_may_be_signed_with_the_rotated_key(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"callback": "rotated"})
    receiver.answer = lambda count: 500 if count == 1 else 204
    merchant.prepay("ORDER-1", notify_url=receiver.url)
    simulator.pay("ORDER-1")
    first, second = receiver.wait_for(2)
    serial = first.headers["Wechatpay-Serial"]
    verified_with(certificates(merchant)[serial], first.headers, first.body)
    assert verify(merchant.identity, second.headers, second.body) != serial


def test_a_rotated_key_is_the_same_after_a_restart(
    make_simulator: Callable[..., WechatSimulator], identity: dict[str, Any], tmp_path: Any
) -> None:
    options = {"state": str(tmp_path / "wechat.sqlite")}
    first = make_simulator(**options)
    serial = first.keys.new_serial()
    first.stop()
    second = make_simulator(**options)
    merchant = Merchant(identity, second.base_url)
    assert serial in certificates(merchant)
    second.set_faults({"pay": "rotated"})
    assert merchant.prepay("ORDER-1").headers["Wechatpay-Serial"] == serial


def test_a_refund_may_be_told_in_the_xml_of_the_old_api(
    simulator: WechatSimulator, merchant: Merchant, receiver: Receiver
) -> None:
    simulator.set_faults({"callback_refund": "v2_xml"})
    receiver.answer = lambda count: 400 if count == 1 else 200
    merchant.prepay("ORDER-1")
    simulator.pay("ORDER-1")
    merchant.refund("ORDER-1", "R-1", 30, changed={"notify_url": receiver.url})
    first, second = receiver.wait_for(2)
    assert first.body.startswith(b"<xml><return_code><![CDATA[SUCCESS]]>")
    assert merchant.identity["mchid"].encode() in first.body
    assert first.headers["Content-Type"] == "text/xml"
    assert "Wechatpay-Signature" not in first.headers
    assert second.body == first.body


def test_only_refunds_are_told_in_the_old_way(simulator: WechatSimulator) -> None:
    told = [op for op, faults in simulator.faults.catalogue.items() if "v2_xml" in faults]
    assert told == ["callback_refund"]
