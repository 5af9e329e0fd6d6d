"""Every request that the codec makes is one that the provider's contract allows, and every
answer in the contract's shape is understood."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from openapi_core import OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

from channels.base import (
    Command,
    EncodeError,
    Method,
    Outcome,
    PayState,
    RefundState,
    Request,
)
from channels.wechat import certificates
from channels.wechat.channel import WechatChannel
from tests.channels import wechat_cast as cast

CONTRACT = OpenAPI.from_dict(
    json.loads((Path(__file__).parents[1] / "vectors/wechat/openapi3.json").read_text("utf-8"))
)
COMMANDS: dict[str, Command] = {
    "native": cast.pay(),
    "jsapi": cast.pay(Method.JSAPI),
    "h5": cast.pay(Method.H5),
    "app": cast.pay(Method.APP),
    "native with client ip": cast.pay(client_ip="14.23.150.211"),
    "native for sharing": cast.pay(allocation=True),
    "native without attach": cast.pay(attach=""),
    "code pay": cast.pay(Method.BARCODE),
    "code pay for sharing": cast.pay(Method.BARCODE, allocation=True, client_ip="14.23.150.211"),
    "reverse": cast.cancel(),
    "query": cast.query(),
    "query by WeChat's number": cast.query(order_no="", out_order_no=cast.OUT_NO),
    "close": cast.close(),
    "refund": cast.refund(),
    "refund without reason": cast.refund(reason=""),
    "refund by WeChat's number": cast.refund(order_no="", out_order_no=cast.OUT_NO),
    "refund query": cast.query_refund(),
}


def encode(command: Command, **config: str) -> Request:
    account = cast.account(**config)
    return WechatChannel().encode(command, account, now=cast.NOW, nonce=cast.NONCE)


def as_openapi(request: Request) -> MockRequest:
    parts = urlsplit(request.url)
    return MockRequest(
        host_url=f"{parts.scheme}://{parts.netloc}",
        method=request.method.lower(),
        path=parts.path,
        args=dict(parse_qsl(parts.query)),
        headers=dict(request.headers),
        data=request.body or None,
        content_type=request.headers.get("Content-Type", ""),
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_request_satisfies_the_contract(name: str) -> None:
    CONTRACT.validate_request(as_openapi(encode(COMMANDS[name])))


def test_certificates_request_satisfies_the_contract() -> None:
    request = certificates.encode(cast.account(), now=cast.NOW, nonce=cast.NONCE)
    CONTRACT.validate_request(as_openapi(request))


def test_contract_would_refuse_a_refund_without_currency() -> None:
    """The contract test can fail."""
    request = encode(cast.refund())
    payload = json.loads(request.body)
    del payload["amount"]["currency"]
    broken = Request(
        method="POST", url=request.url, headers=request.headers, body=cast.dumped(payload)
    )
    with pytest.raises(OpenAPIError):
        CONTRACT.validate_request(as_openapi(broken))


@pytest.mark.parametrize("name", COMMANDS)
def test_signature_covers_exactly_what_is_sent(name: str) -> None:
    request = encode(COMMANDS[name])
    scheme, _, rest = request.headers["Authorization"].partition(" ")
    fields = dict(part.split("=", 1) for part in rest.split(","))
    values = {key: value.strip('"') for key, value in fields.items()}
    assert scheme == "WECHATPAY2-SHA256-RSA2048"
    assert (values["mchid"], values["serial_no"]) == (cast.MCHID, cast.MERCHANT_SERIAL)
    assert values["nonce_str"] == cast.NONCE
    assert values["timestamp"] == str(cast.STAMP)
    target = request.url.removeprefix(cast.BASE_URL)
    message = f"{request.method}\n{target}\n{cast.STAMP}\n{cast.NONCE}\n".encode()
    cast.merchant_key.public_key().verify(
        base64.b64decode(values["signature"]),
        message + request.body + b"\n",
        padding.PKCS1v15(),
        hashes.SHA256(),
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_request_asks_for_answers_signed_with_the_public_key(name: str) -> None:
    headers = encode(COMMANDS[name]).headers
    assert headers["Wechatpay-Serial"] == cast.KEY_ID
    assert headers["Accept"] == "application/json"
    assert headers["User-Agent"]


def test_certificate_mode_names_no_key() -> None:
    request = encode(
        cast.query(),
        public_key_id="",
        public_key_pem="",
        platform_certificates=cast.CERTIFICATE_PEM,
    )
    assert "Wechatpay-Serial" not in request.headers


# --- exact bodies -------------------------------------------------------------------------


def test_native_request_is_exactly_this() -> None:
    request = encode(cast.pay())
    assert request.method == "POST"
    assert request.url == "https://api.mch.weixin.qq.com/v3/pay/transactions/native"
    assert request.headers["Content-Type"] == "application/json"
    assert request.body.decode() == (
        '{"appid":"wxd678efh567hg6787","mchid":"1900007291","description":"测试商品 一",'
        '"out_trade_no":"P01KAF7R1ZGH7V9X2M4N6P8Q0RS",'
        '"time_expire":"2026-11-20T12:30:00+08:00","attach":"店铺=3",'
        '"notify_url":"https://pay.example.com/callback/wechat/7/",'
        '"amount":{"total":8801,"currency":"CNY"}}'
    )


def test_refund_request_is_exactly_this() -> None:
    request = encode(cast.refund(out_order_no=cast.OUT_NO))
    assert request.url == "https://api.mch.weixin.qq.com/v3/refund/domestic/refunds"
    assert request.body.decode() == (
        '{"out_trade_no":"P01KAF7R1ZGH7V9X2M4N6P8Q0RS",'
        '"out_refund_no":"R01KAF7R1ZGH7V9X2M4N6P8Q0RT","reason":"少发一件",'
        '"notify_url":"https://pay.example.com/callback/wechat/7/",'
        '"amount":{"refund":2640,"total":8801,"currency":"CNY"}}'
    )


def test_queries_name_the_merchant_in_the_signed_address() -> None:
    assert encode(cast.query()).url == (
        "https://api.mch.weixin.qq.com/v3/pay/transactions/out-trade-no/"
        "P01KAF7R1ZGH7V9X2M4N6P8Q0RS?mchid=1900007291"
    )
    assert encode(cast.query(order_no="", out_order_no=cast.OUT_NO)).url == (
        "https://api.mch.weixin.qq.com/v3/pay/transactions/id/"
        "4200001234202611201234567890?mchid=1900007291"
    )
    assert encode(cast.query_refund()).url == (
        "https://api.mch.weixin.qq.com/v3/refund/domestic/refunds/R01KAF7R1ZGH7V9X2M4N6P8Q0RT"
    )


def test_a_repeat_at_another_time_has_the_same_parameters() -> None:
    """The provider refuses a repeat with other parameters (OUT_TRADE_NO_USED)."""
    later = WechatChannel().encode(
        cast.pay(), cast.account(), now=cast.NOW.replace(hour=5), nonce="B" * 32
    )
    first = encode(cast.pay())
    assert later.body == first.body
    assert later.headers["Authorization"] != first.headers["Authorization"]


def test_number_with_a_bar_is_sent_and_signed_percent_encoded() -> None:
    request = encode(cast.query_refund(refund_no="R|1@2*3"))
    assert request.url.endswith("/R%7C1%402%2A3")


# --- what cannot be encoded ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (cast.pay(title="生日快乐🎂"), "title"),
        (cast.pay(title=""), "title"),
        (cast.pay(title="\ud800"), "title"),
        (cast.pay(attach="👍"), "attach"),
        (cast.pay(order_no="P 1 2 3 4"), "order_no"),
        (cast.pay(order_no="P" * 33), "order_no"),
        (cast.pay(amount=0), "amount"),
        (cast.pay(amount=-5), "amount"),
        (cast.pay(currency="USD"), "currency"),
        (cast.pay(notify_url="https://pay.example.com/cb?x=1"), "notify_url"),
        (cast.pay(notify_url=""), "notify_url"),
        (cast.pay(Method.JSAPI, openid=""), "openid"),
        (cast.pay(Method.H5, client_ip=""), "client_ip"),
        (cast.pay(expires_at=cast.NOW.replace(tzinfo=None)), "expires_at"),
        (cast.refund(reason="🤔"), "reason"),
        (cast.refund(notify_url=""), "notify_url"),
        (cast.refund(amount=0), "amount"),
        (cast.refund(total=0), "total"),
        (cast.refund(refund_no="R" * 65), "refund_no"),
        (cast.refund(order_no=""), "order_no"),
        (cast.query(order_no=""), "order_no"),
        (cast.cancel(order_no=""), "order_no"),
        (cast.pay(Method.BARCODE, auth_code=""), "auth_code"),
        (cast.pay(Method.BARCODE, auth_code="281234567890123456"), "auth_code"),
    ],
)
def test_what_cannot_be_encoded_names_the_field(command: Command, field: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode(command)
    assert caught.value.field_name == field


@pytest.mark.parametrize("name", ["mchid", "appid", "merchant_serial"])
def test_missing_setting_is_named(name: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode(cast.pay(), **{name: " "})
    assert caught.value.field_name == name


def test_without_the_private_key_nothing_is_encoded() -> None:
    for pem in ("", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
        account = cast.account(secrets={"merchant_private_key_pem": pem})
        with pytest.raises(EncodeError) as caught:
            WechatChannel().encode(cast.pay(), account, now=cast.NOW, nonce=cast.NONCE)
        assert caught.value.field_name == "merchant_private_key_pem"


# --- answers in the contract's shape ------------------------------------------------------


def contract_allows(command: Command, body: Any) -> None:
    response = MockResponse(
        data=cast.dumped(body), status_code=200, content_type="application/json"
    )
    CONTRACT.validate_response(as_openapi(encode(command)), response)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("SUCCESS", PayState.PAID),
        ("REFUND", PayState.PAID),
        ("NOTPAY", PayState.WAITING),
        ("USERPAYING", PayState.WAITING),
        ("PAYERROR", PayState.WAITING),
        ("CLOSED", PayState.CLOSED),
        ("REVOKED", PayState.CANCELLED),
    ],
)
def test_each_trade_state_of_the_contract_is_understood(word: str, state: PayState) -> None:
    body = cast.transaction(word)
    contract_allows(cast.query(), body)
    result = WechatChannel().decode(
        cast.query(), cast.response(body), cast.account(), now=cast.NOW, nonce=cast.NONCE
    )
    assert (result.outcome, result.state, result.channel_status) == (Outcome.DONE, state, word)


@pytest.mark.parametrize(
    ("word", "asked", "told", "state"),
    [
        ("SUCCESS", Outcome.DONE, Outcome.DONE, RefundState.SUCCESS),
        ("PROCESSING", Outcome.PENDING, Outcome.DONE, RefundState.PROCESSING),
        ("ABNORMAL", Outcome.DONE, Outcome.DONE, RefundState.FAILED),
        ("CLOSED", Outcome.DONE, Outcome.DONE, RefundState.CLOSED),
    ],
)
def test_each_refund_status_of_the_contract_is_understood(
    word: str, asked: Outcome, told: Outcome, state: RefundState
) -> None:
    body = cast.refund_answer(word)
    for command, outcome in ((cast.refund(), asked), (cast.query_refund(), told)):
        contract_allows(command, body)
        result = WechatChannel().decode(
            command, cast.response(body), cast.account(), now=cast.NOW, nonce=cast.NONCE
        )
        assert (result.outcome, result.state) == (outcome, state)
        assert (result.amount, result.out_no) == (2640, cast.OUT_REFUND_NO)
        assert result.channel_status == word
