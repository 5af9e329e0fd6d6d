"""What goes over the wire for each command, and what is refused before anything does."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from channels.alipay.channel import AlipayChannel
from channels.base import (
    Command,
    EncodeError,
    Exchange,
    Method,
    Outcome,
    PayeeType,
    PayState,
    QueryReturn,
    ReceiverType,
    Request,
    Response,
    Result,
    ReturnShare,
)
from tests.channels import alipay_cast as cast


def encode(command: Command, **config: str) -> Request:
    return AlipayChannel().encode(command, cast.account(**config), now=cast.NOW, nonce=cast.NONCE)


class NoWire:
    """Fails the test when anything is sent."""

    def send(self, request: Request) -> Response:
        raise AssertionError(f"sent {request}")


def perform(command: Command, **config: str) -> tuple[Result, Exchange]:
    return AlipayChannel().perform(
        command,
        cast.account(**config),
        transport=NoWire(),  # type: ignore[arg-type]
        now=lambda: cast.NOW,
        nonce=lambda: cast.NONCE,
    )


PLACED = {
    "out_trade_no": cast.ORDER_NO,
    "total_amount": "88.01",
    "subject": "测试商品 A&B=C+100%",
    "seller_id": cast.SELLER_ID,
    "time_expire": "2026-11-20 12:30:00",
}
ONE = {"out_trade_no": cast.ORDER_NO}
FACE, WAP = {"product_code": "FACE_TO_FACE_PAYMENT"}, {"product_code": "QUICK_WAP_WAY"}
TRANSFER = {"product_code": "TRANS_ACCOUNT_NO_PWD", "biz_scene": "DIRECT_TRANSFER"}
SHARED = [
    {
        "royalty_type": "transfer",
        "trans_in_type": "userId",
        "trans_in": cast.RECEIVER,
        "amount": "3.00",
        "desc": "分给一号店",
    },
    {
        "royalty_type": "transfer",
        "trans_in_type": "loginName",
        "trans_in": cast.LOGIN,
        "trans_in_name": "李四",
        "amount": "3.00",
        "desc": "分给一号店",
    },
]
ALLOCATED = {
    "out_request_no": cast.ALLOCATION_NO,
    "trade_no": cast.TRADE_NO,
    "royalty_parameters": SHARED,
    "royalty_mode": "sync",
}

WIRE: list[tuple[str, Command, str, dict[str, Any]]] = [
    ("native", cast.pay(), "alipay.trade.precreate", {**PLACED, **FACE}),
    (
        "jsapi by user id",
        cast.pay(Method.JSAPI),
        "alipay.trade.create",
        {**PLACED, "product_code": "JSAPI_PAY", "buyer_id": cast.BUYER},
    ),
    (
        "jsapi by openid",
        cast.pay(Method.JSAPI, openid=cast.OPENID),
        "alipay.trade.create",
        {
            **PLACED,
            "product_code": "JSAPI_PAY",
            "buyer_open_id": cast.OPENID,
            "op_app_id": cast.APP_ID,
        },
    ),
    (
        "barcode",
        cast.pay(Method.BARCODE),
        "alipay.trade.pay",
        {**PLACED, **FACE, "scene": "bar_code", "auth_code": cast.AUTH_CODE},
    ),
    (
        "page",
        cast.pay(Method.PAGE),
        "alipay.trade.page.pay",
        {**PLACED, "product_code": "FAST_INSTANT_TRADE_PAY"},
    ),
    ("wap", cast.pay(Method.WAP), "alipay.trade.wap.pay", {**PLACED, **WAP}),
    (
        "h5 with a way back",
        cast.pay(Method.H5, return_url=cast.RETURN_URL),
        "alipay.trade.wap.pay",
        {**PLACED, **WAP, "quit_url": cast.RETURN_URL},
    ),
    (
        "app",
        cast.pay(Method.APP),
        "alipay.trade.app.pay",
        {**PLACED, "product_code": "QUICK_MSECURITY_PAY"},
    ),
    (
        "to be shared, with words for the way back",
        cast.pay(allocation=True, attach="店铺=3&a"),
        "alipay.trade.precreate",
        {
            **PLACED,
            **FACE,
            "passback_params": "%E5%BA%97%E9%93%BA%3D3%26a",
            "extend_params": {"royalty_freeze": "true"},
        },
    ),
    ("query", cast.query(out_order_no=cast.TRADE_NO), "alipay.trade.query", ONE),
    (
        "query by Alipay's number",
        cast.query(order_no="", out_order_no=cast.TRADE_NO),
        "alipay.trade.query",
        {"trade_no": cast.TRADE_NO},
    ),
    ("close", cast.close(), "alipay.trade.close", ONE),
    ("cancel", cast.cancel(), "alipay.trade.cancel", ONE),
    (
        "refund",
        cast.refund(),
        "alipay.trade.refund",
        {
            **ONE,
            "refund_amount": "26.40",
            "out_request_no": cast.REFUND_NO,
            "refund_reason": "少发一件",
        },
    ),
    (
        "refund of everything without a reason",
        cast.refund(amount=8801, reason=""),
        "alipay.trade.refund",
        {**ONE, "refund_amount": "88.01", "out_request_no": cast.REFUND_NO},
    ),
    (
        "refund query",
        cast.query_refund(),
        "alipay.trade.fastpay.refund.query",
        {**ONE, "out_request_no": cast.REFUND_NO, "query_options": ["gmt_refund_pay"]},
    ),
    (
        "transfer to a login name",
        cast.transfer(),
        "alipay.fund.trans.uni.transfer",
        {
            "out_biz_no": cast.TRANSFER_NO,
            "trans_amount": "50.05",
            **TRANSFER,
            "order_title": "工资",
            "payee_info": {
                "identity": "zhang@example.com",
                "identity_type": "ALIPAY_LOGON_ID",
                "name": "张三",
            },
            "remark": "十一月",
        },
    ),
    (
        "transfer to a user id",
        cast.transfer(
            payee_type=PayeeType.USER_ID,
            payee_account=cast.BUYER,
            payee_name="",
            remark="",
            scene="佣金报酬",
            amount=10,
        ),
        "alipay.fund.trans.uni.transfer",
        {
            "out_biz_no": cast.TRANSFER_NO,
            "trans_amount": "0.10",
            **TRANSFER,
            "order_title": "工资",
            "payee_info": {"identity": cast.BUYER, "identity_type": "ALIPAY_USER_ID"},
            "transfer_scene_name": "佣金报酬",
        },
    ),
    (
        "transfer query",
        cast.query_transfer(),
        "alipay.fund.trans.common.query",
        {**TRANSFER, "out_biz_no": cast.TRANSFER_NO},
    ),
    ("allocate", cast.allocate(), "alipay.trade.order.settle", ALLOCATED),
    (
        "allocate and finish",
        cast.allocate(finishes=True),
        "alipay.trade.order.settle",
        {**ALLOCATED, "extend_params": {"royalty_finish": "true"}},
    ),
    (
        "finish",
        cast.finish(),
        "alipay.trade.order.settle",
        {
            "out_request_no": cast.FINISH_NO,
            "trade_no": cast.TRADE_NO,
            "extend_params": {"royalty_finish": "true"},
        },
    ),
    (
        "allocation query",
        cast.query_allocation(out_allocation_no=cast.SETTLE_NO),
        "alipay.trade.order.settle.query",
        {"out_request_no": cast.ALLOCATION_NO, "trade_no": cast.TRADE_NO},
    ),
    (
        "allocation query without a trade number",
        cast.query_allocation(out_order_no="", out_allocation_no=cast.SETTLE_NO),
        "alipay.trade.order.settle.query",
        {"settle_no": cast.SETTLE_NO},
    ),
    (
        "what may still be shared",
        cast.query_unshared(),
        "alipay.trade.order.onsettle.query",
        {"trade_no": cast.TRADE_NO},
    ),
    (
        "bind",
        cast.bind(),
        "alipay.trade.royalty.relation.bind",
        {
            "out_request_no": "B01KAF7R1ZGH7V9X2M4N6P8Q0RY",
            "receiver_list": [
                {"type": "loginName", "account": cast.LOGIN, "name": "李四", "memo": "一号店"}
            ],
        },
    ),
    (
        "unbind",
        cast.unbind(),
        "alipay.trade.royalty.relation.unbind",
        {
            "out_request_no": "B01KAF7R1ZGH7V9X2M4N6P8Q0RZ",
            "receiver_list": [{"type": "userId", "account": cast.RECEIVER}],
        },
    ),
]


@pytest.mark.parametrize(
    ("command", "method", "biz"), [case[1:] for case in WIRE], ids=[case[0] for case in WIRE]
)
def test_command_on_the_wire(command: Command, method: str, biz: dict[str, Any]) -> None:
    params = cast.params_of(encode(command))
    assert params["method"] == method
    assert cast.biz_of(encode(command)) == biz
    cast.verify_params(params)


def test_request_is_a_form_by_post_with_nothing_in_its_address() -> None:
    request = encode(cast.query())
    assert (request.method, request.url) == ("POST", cast.GATEWAY)
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded;charset=utf-8"
    params = dict(parse_qsl(request.body.decode()))
    assert {name: params[name] for name in params if name not in ("sign", "biz_content")} == {
        "app_id": cast.APP_ID,
        "charset": "utf-8",
        "format": "JSON",
        "method": "alipay.trade.query",
        "sign_type": "RSA2",
        "timestamp": cast.CHINA_NOW,
        "version": "1.0",
    }


def test_notify_url_goes_with_payments_and_with_nothing_else() -> None:
    assert cast.params_of(encode(cast.pay()))["notify_url"] == cast.NOTIFY_URL
    for kind, command in cast.COMMANDS.items():
        if kind != "pay":
            assert "notify_url" not in cast.params_of(encode(command)), kind


def test_times_are_chinese_whatever_the_clock_s_zone() -> None:
    other = datetime(2026, 12, 31, 16, 0, 1, 999_999, tzinfo=UTC)
    command = cast.pay(expires_at=other + timedelta(minutes=5))
    request = AlipayChannel().encode(command, cast.account(), now=other, nonce="")
    assert cast.params_of(request)["timestamp"] == "2027-01-01 00:00:01"
    assert cast.biz_of(request)["time_expire"] == "2027-01-01 00:05:01"


@pytest.mark.parametrize(
    ("fen", "yuan"),
    [(1, "0.01"), (10, "0.10"), (100, "1.00"), (8801, "88.01"), (99_999_999_99, "99999999.99")],
)
def test_fen_become_yuan_exactly(fen: int, yuan: str) -> None:
    assert cast.biz_of(encode(cast.pay(amount=fen)))["total_amount"] == yuan


def test_repeated_command_differs_only_in_its_time() -> None:
    later = AlipayChannel().encode(
        cast.pay(), cast.account(), now=cast.NOW + timedelta(hours=1), nonce="x"
    )
    first, second = cast.params_of(encode(cast.pay())), cast.params_of(later)
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"timestamp", "sign"}


def test_biz_content_is_compact_utf8_that_no_one_need_escape() -> None:
    text = cast.params_of(encode(cast.refund()))["biz_content"]
    assert text == (
        f'{{"out_trade_no":"{cast.ORDER_NO}","refund_amount":"26.40",'
        f'"out_request_no":"{cast.REFUND_NO}","refund_reason":"少发一件"}}'
    )


# --- modes --------------------------------------------------------------------------------


def published_sn(*, issuer: str, serial: int) -> str:
    return hashlib.md5(f"{issuer}{serial}".encode()).hexdigest()


def test_certificate_mode_names_both_certificates_and_key_mode_none() -> None:
    params = cast.params_of(
        AlipayChannel().encode(cast.query(), cast.account(cast.CERT_MODE), now=cast.NOW, nonce="")
    )
    issuer = "CN=Root,O=Ant Financial Test,C=CN"
    assert params["app_cert_sn"] == published_sn(issuer=issuer, serial=2)
    assert params["alipay_root_cert_sn"] == published_sn(issuer=issuer, serial=1)
    cast.verify_params(params)
    assert not {"app_cert_sn", "alipay_root_cert_sn"} & set(cast.params_of(encode(cast.query())))


BODY = cast.body_of(cast.APP_PEM)
SLOPPY = {
    "PKCS#8 PEM": cast.APP_PEM,
    "PKCS#1 PEM": cast.private_pem(cast.app_key, "PKCS1"),
    "bare PKCS#8": BODY,
    "bare PKCS#1": cast.body_of(cast.private_pem(cast.app_key, "PKCS1")),
    "bare with line breaks": "\r\n".join(BODY[at : at + 64] for at in range(0, len(BODY), 64)),
    "PEM on one line": cast.APP_PEM.replace("\n", ""),
    "PEM with written line breaks": cast.APP_PEM.replace("\n", "\\n"),
    "PKCS#8 under the other name": cast.APP_PEM.replace(" PRIVATE", " RSA PRIVATE"),
    "with spaces around": f"\n  {BODY}  \n",
}


@pytest.mark.parametrize("name", SLOPPY)
def test_private_key_is_read_as_people_paste_it(name: str) -> None:
    account = cast.account(secrets={"app_private_key_pem": SLOPPY[name]})
    request = AlipayChannel().encode(cast.query(), account, now=cast.NOW, nonce="")
    cast.verify_params(cast.params_of(request))


# --- what the customer carries ------------------------------------------------------------


@pytest.mark.parametrize("method", [Method.PAGE, Method.WAP, Method.H5])
def test_cashier_page_is_signed_and_nothing_is_sent(method: Method) -> None:
    result, exchange = perform(cast.pay(method, return_url=cast.RETURN_URL))
    assert (result.outcome, result.state, result.out_no) == (Outcome.DONE, PayState.WAITING, "")
    assert set(result.pay_params) == {"url", "form"}
    url, form = str(result.pay_params["url"]), result.pay_params["form"]
    assert isinstance(form, dict)
    address, _, text = url.partition("?")
    assert address == cast.GATEWAY
    params = dict(parse_qsl(text, strict_parsing=True))
    assert params["return_url"] == cast.RETURN_URL
    assert params["notify_url"] == cast.NOTIFY_URL
    cast.verify_params(params)
    assert exchange.http_status is None and exchange.response == ""
    assert "sign=***" in exchange.request and params["sign"] not in exchange.request
    # The form says the same: biz_content as its field, the rest in its address, no name twice.
    address, _, text = form["action"].partition("?")
    assert (address, list(form["fields"])) == (cast.GATEWAY, ["biz_content"])
    assert {**dict(parse_qsl(text, strict_parsing=True)), **form["fields"]} == params
    assert "biz_content" not in text


def test_app_gets_a_signed_order_string_and_nothing_is_sent() -> None:
    result, _ = perform(cast.pay(Method.APP, return_url=cast.RETURN_URL))
    assert (result.outcome, result.state) == (Outcome.DONE, PayState.WAITING)
    assert set(result.pay_params) == {"order_string"}
    params = dict(parse_qsl(str(result.pay_params["order_string"]), strict_parsing=True))
    assert params["method"] == "alipay.trade.app.pay"
    assert "return_url" not in params
    cast.verify_params(params)


def test_address_of_the_cashier_page_survives_a_browser() -> None:
    """No character that a browser, a proxy or a client library would escape by itself."""
    result, _ = perform(cast.pay(Method.PAGE, return_url=cast.RETURN_URL))
    url = str(result.pay_params["url"])
    assert url.isascii() and not set(url) & set(" \"'<>|^`{}\\")
    assert urlsplit(url).fragment == ""


@pytest.mark.parametrize("secrets", [{}, {"app_private_key_pem": "broken"}])
def test_cashier_page_without_a_key_is_not_sent(secrets: dict[str, str]) -> None:
    result, exchange = AlipayChannel().perform(
        cast.pay(Method.PAGE),
        cast.account(secrets=secrets),
        transport=NoWire(),  # type: ignore[arg-type]
        now=lambda: cast.NOW,
        nonce=lambda: cast.NONCE,
    )
    assert (result.outcome, result.code) == (Outcome.NOT_SENT, "ENCODE_ERROR")
    assert result.pay_params == {} and exchange == Exchange()
    assert result.message.startswith("app_private_key_pem: ")


def test_cashier_page_that_cannot_be_made_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> str:
        raise RuntimeError("a bug with secret-in-its-message")

    monkeypatch.setattr("channels.alipay.signing.sign", broken)
    result, exchange = perform(cast.pay(Method.PAGE))
    assert (result.outcome, result.code) == (Outcome.NOT_SENT, "ENCODE_BUG")
    assert result.message == "RuntimeError" and exchange == Exchange()


# --- refused before sending ---------------------------------------------------------------

RETURN = ReturnShare(
    return_no="B1",
    allocation_no=cast.ALLOCATION_NO,
    order_no=cast.ORDER_NO,
    out_order_no=cast.TRADE_NO,
    receiver_type=ReceiverType.USER_ID,
    account=cast.RECEIVER,
    amount=100,
    description="退",
)
QUERY_RETURN = QueryReturn(
    return_no="B1",
    allocation_no=cast.ALLOCATION_NO,
    order_no=cast.ORDER_NO,
    out_order_no=cast.TRADE_NO,
    amount=100,
)
BAD: list[tuple[Command, str]] = [
    (cast.pay(amount=0), "amount"),
    (cast.pay(amount=-1), "amount"),
    (cast.pay(amount=True), "amount"),
    (cast.pay(amount=88.01), "amount"),
    (cast.pay(currency="USD"), "currency"),
    (cast.pay(title=""), "title"),
    (cast.pay(title="\ud83d"), "title"),
    (cast.pay(title="a\x00b"), "title"),
    (cast.pay(order_no="P-1"), "order_no"),
    (cast.pay(order_no=""), "order_no"),
    (cast.pay(order_no="P" * 65), "order_no"),
    (cast.pay(notify_url="ftp://x"), "notify_url"),
    (cast.pay(notify_url=""), "notify_url"),
    (cast.pay(expires_at=datetime(2026, 11, 20, 12, 30)), "expires_at"),
    (cast.pay(attach="账" * 57), "attach"),
    (cast.pay(Method.JSAPI, openid=""), "openid"),
    (cast.pay(Method.BARCODE, auth_code=""), "auth_code"),
    (cast.pay(Method.PAGE, return_url="javascript:alert(1)"), "return_url"),
    (cast.query(order_no="", out_order_no=""), "out_order_no"),
    (cast.refund(amount=0), "amount"),
    (cast.refund(refund_no=""), "refund_no"),
    (cast.refund(currency="USD"), "currency"),
    (cast.query_refund(refund_no=""), "refund_no"),
    (cast.transfer(amount=0), "amount"),
    (cast.transfer(payee_name=""), "payee_name"),
    (cast.transfer(payee_account=""), "payee_account"),
    (cast.transfer(currency="USD"), "currency"),
    (cast.transfer(transfer_no=""), "transfer_no"),
    (cast.allocate(shares=()), "shares"),
    (cast.allocate(shares=cast.SHARES * 3), "shares"),
    (cast.allocate(out_order_no=""), "out_order_no"),
    (cast.allocate(shares=(cast.share(amount=0),)), "amount"),
    (cast.allocate(shares=(cast.share(account=""),)), "account"),
    (
        cast.allocate(shares=(cast.share(receiver_type=ReceiverType.MERCHANT_NO),)),
        "receiver_type",
    ),
    (cast.finish(out_order_no=""), "out_order_no"),
    (cast.query_allocation(out_order_no=""), "out_order_no"),
    (cast.query_unshared(out_order_no=""), "out_order_no"),
    (cast.bind(name=""), "name"),
    (cast.bind(receiver_type=ReceiverType.MERCHANT_NO), "receiver_type"),
    (cast.unbind(account=""), "account"),
    (RETURN, "command"),
    (QUERY_RETURN, "command"),
]


@pytest.mark.parametrize(("command", "field"), BAD)
def test_command_that_alipay_could_not_read_is_not_sent(command: Command, field: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode(command)
    assert caught.value.field_name == field
    result, exchange = perform(command)
    assert (result.outcome, result.code) == (Outcome.NOT_SENT, "ENCODE_ERROR")
    assert exchange == Exchange()


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"app_id": ""}, "app_id"),
        ({"app_cert_pem": cast.APP_CERT}, "alipay_root_cert_pem"),
        ({"alipay_root_cert_pem": cast.ROOT_CERT}, "app_cert_pem"),
        ({"app_cert_pem": "x", "alipay_root_cert_pem": cast.ROOT_CERT}, "app_cert_pem"),
    ],
)
def test_account_that_is_not_ready_sends_nothing(config: dict[str, str], field: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode(cast.query(), **config)
    assert caught.value.field_name == field


def test_what_the_customer_s_code_was_is_in_no_message() -> None:
    command = replace(cast.pay(Method.BARCODE), auth_code=f"{cast.AUTH_CODE}\x00")
    result, _ = perform(command)
    assert result.outcome is Outcome.NOT_SENT
    assert cast.AUTH_CODE not in result.message


def test_signature_has_the_length_of_the_key() -> None:
    assert len(base64.b64decode(cast.params_of(encode(cast.query()))["sign"])) == 256
