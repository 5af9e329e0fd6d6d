"""The published signatures, answers, notifications and certificate SNs, byte for byte."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from channels.alipay import answers, callbacks, keys, signing
from channels.alipay.channel import AlipayChannel
from channels.base import Account, CallbackRejected, Outcome, PayState, QueryPay, Response
from tests.channels import alipay_cast as cast

KEYS = cast.DOCUMENT["keys"]
QUERY = QueryPay(order_no="PAY20251120000001", amount=8888)
NODES = ("response_node_rsa2", "response_node_cert_mode")


def published_account(**config: str) -> Account:
    known = {"app_id": "2014072300007148", "alipay_public_key_pem": KEYS["alipay_public_pem"]}
    return Account(id=1, version=1, channel="alipay", config={**known, **config})


def test_request_is_signed_over_the_published_string() -> None:
    vector = cast.VECTORS["request_sign_rsa2"]
    assert signing.sign_string(vector["params"]) == vector["sign_string"]


def test_published_request_signature_verifies_and_that_of_a_changed_request_does_not() -> None:
    vector = cast.VECTORS["request_sign_rsa2"]
    key, message = keys.public_key(KEYS["app_public_pem"]), vector["sign_string"].encode()
    assert signing.fits(key, vector["signature"], message)
    assert not signing.fits(key, vector["signature"], message + b"x")


def test_request_goes_over_the_wire_in_the_published_encoding() -> None:
    """Our own parameters of the same request, under the published signature."""
    vector = cast.VECTORS["request_sign_rsa2"]
    params = {name: vector["params"][name] for name in sorted(vector["params"])}
    assert urlencode({**params, "sign": vector["signature"]}) == vector["wire_query"]


def test_empty_parameters_are_not_signed() -> None:
    vector = cast.VECTORS["request_sign_rsa2"]
    assert signing.sign_string({**vector["params"], "return_url": ""}) == vector["sign_string"]


@pytest.mark.parametrize("name", NODES)
def test_published_answer_gives_the_published_substring(name: str) -> None:
    vector = cast.VECTORS[name]
    envelope = answers.open_envelope(vector["raw_response"].encode(), "alipay.trade.query")
    assert envelope.signed == vector["signed_substring"]
    assert envelope.signature == vector["signature"]
    assert envelope.cert_sn == vector.get("alipay_cert_sn", "")


@pytest.mark.parametrize("name", NODES)
def test_published_answer_is_believed(name: str) -> None:
    body = cast.VECTORS[name]["raw_response"].encode()
    result = AlipayChannel().decode(
        QUERY,
        Response(status=200, headers={}, body=body),
        published_account(),
        now=cast.NOW,
        nonce="",
    )
    assert (result.outcome, result.state, result.amount) == (Outcome.DONE, PayState.PAID, 8888)
    assert result.out_no == "2025112022001400000000000001"


def test_tampered_answer_is_refused() -> None:
    body = cast.VECTORS["response_node_rsa2"]["tampered_raw_response"].encode()
    result = AlipayChannel().decode(
        QUERY,
        Response(status=200, headers={}, body=body),
        published_account(),
        now=cast.NOW,
        nonce="",
    )
    assert (result.outcome, result.state) == (Outcome.UNKNOWN, None)
    assert (result.code, result.amount) == ("BAD_SIGNATURE", None)


def test_answer_that_was_serialised_again_is_refused() -> None:
    vector = cast.VECTORS["response_node_rsa2"]
    again = json.dumps(json.loads(vector["raw_response"]), separators=(",", ":"))
    assert json.loads(again) == json.loads(vector["raw_response"])
    response = Response(status=200, headers={}, body=again.encode())
    result = AlipayChannel().decode(QUERY, response, published_account(), now=cast.NOW, nonce="")
    assert (result.outcome, result.code) == (Outcome.UNKNOWN, "BAD_SIGNATURE")


def test_published_notification_verifies_over_the_published_string_and_opens() -> None:
    vector = cast.VECTORS["notify_rsa2"]
    body = vector["body"].encode()
    form = callbacks._form(body)
    assert signing.notify_string(form) == vector["sign_string"]
    assert form["sign"] == vector["signature"]
    account = published_account(seller_id="2088102169227503")
    found = AlipayChannel().verify_callback({}, body, account, now=cast.NOW)
    assert found.startswith("2025112000222093103081075000000001-")
    fact = AlipayChannel().open_callback(body, account)
    assert (fact.kind, fact.our_no) == ("pay", "PAY20251120000001")
    assert (fact.result.state, fact.result.amount) == (PayState.PAID, 8888)


def test_published_notification_with_another_amount_is_rejected() -> None:
    body = cast.VECTORS["notify_rsa2"]["body"].replace("total_amount=88.88", "total_amount=88.89")
    for believe in (
        lambda: AlipayChannel().verify_callback(
            {}, body.encode(), published_account(), now=cast.NOW
        ),
        lambda: AlipayChannel().open_callback(body.encode(), published_account()),
    ):
        with pytest.raises(CallbackRejected) as caught:
            believe()
        assert caught.value.code == "BAD_SIGNATURE"


def test_certificates_have_the_published_serial_numbers() -> None:
    vector = cast.VECTORS["cert_sn"]
    assert keys.certificate_sn(vector["app_cert_pem"]) == vector["app_cert_sn"]
    assert keys.certificate_sn(vector["alipay_cert_pem"]) == vector["alipay_cert_sn"]
    assert keys.root_sn(vector["root_bundle_pem"]) == vector["alipay_root_cert_sn"]


def test_account_with_the_published_certificates_names_them_in_its_requests() -> None:
    vector = cast.VECTORS["cert_sn"]
    account = cast.account(
        cast.CERT_MODE,
        app_cert_pem=vector["app_cert_pem"],
        alipay_cert_pem=vector["alipay_cert_pem"],
        alipay_root_cert_pem=vector["root_bundle_pem"],
    )
    request = AlipayChannel().encode(cast.query(), account, now=cast.NOW, nonce="")
    params = cast.params_of(request)
    assert params["app_cert_sn"] == vector["app_cert_sn"]
    assert params["alipay_root_cert_sn"] == vector["alipay_root_cert_sn"]
    cast.verify_params(params)


def test_published_alipay_certificate_holds_the_key_that_signed_the_answers() -> None:
    vector, answer = cast.VECTORS["cert_sn"], cast.VECTORS["response_node_rsa2"]
    known = keys.verification_keys("", vector["alipay_cert_pem"])
    assert list(known) == [vector["alipay_cert_sn"]]
    key = known[vector["alipay_cert_sn"]]
    assert signing.fits(key, answer["signature"], answer["signed_substring"].encode())
