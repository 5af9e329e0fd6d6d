"""What is sent to UMF, member by member, and what cannot be."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from channels.base import (
    BillKind,
    Command,
    EncodeError,
    Exchange,
    FetchBill,
    Method,
    Outcome,
    QueryTransfer,
    Request,
    Response,
)
from channels.umf import keys
from channels.umf.channel import UmfChannel
from tests.channels import umf_cast as cast

CHANNEL = UmfChannel()


def encode(command: Command, *, now: datetime = cast.NOW, **config: str) -> Request:
    return CHANNEL.encode(command, cast.account(**config), now=now, nonce="")


def members(command: Command, *, now: datetime = cast.NOW, **config: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode(command, now=now, **config).body)
    return found


ALL: dict[str, Command] = {
    **cast.COMMANDS,
    "pay by JSAPI": cast.pay(Method.JSAPI),
    "pay by bar code": cast.pay(Method.BARCODE),
}


@pytest.mark.parametrize("name", ALL)
def test_signature_covers_what_is_sent_and_not_empty(name: str) -> None:
    request = encode(ALL[name])
    body = json.loads(request.body)
    given = body.pop("sign")
    plain = "&".join(f"{key}={body[key]}" for key in sorted(body) if body[key] != "")
    cast.merchant_key.public_key().verify(
        base64.b64decode(given), plain.encode(), padding.PKCS1v15(), hashes.SHA1()
    )
    assert len(given) == 172
    assert all(isinstance(value, str) for value in body.values())


@pytest.mark.parametrize("name", ALL)
def test_every_request_waits_longer_than_a_minute(name: str) -> None:
    """ "同步接口建议商户的超时时间>1分钟"."""
    assert encode(ALL[name]).read_timeout == 70
    assert CHANNEL.capabilities.slow_answer == 70


@pytest.mark.parametrize("name", ALL)
def test_every_request_is_a_post_of_json(name: str) -> None:
    request = encode(ALL[name])
    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/json"
    assert request.url.startswith(f"{cast.BASE_URL}/pay/")


# --- exact bodies -------------------------------------------------------------------------


def unsigned(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "sign"}


def test_order_query_is_exactly_the_seed_s() -> None:
    request = encode(cast.query(out_order_no=cast.OUT_NO))
    assert request.url == "https://mofunapi.umfintech.com/in-pay-client/pay/orderquery"
    assert unsigned(json.loads(request.body)) == {
        "merId": "30000102",
        "orderId": cast.ORDER_NO,
        "transactionId": cast.OUT_NO,
        "orderDate": "20261120",
        "payType": "WX",
    }


def test_native_payment_is_exactly_this() -> None:
    request = encode(cast.pay())
    assert request.url == f"{cast.BASE_URL}/pay/activescan"
    assert unsigned(json.loads(request.body)) == {
        "reqDate": "20261120",
        "reqTime": "120000",
        "merId": "30000102",
        "orderId": cast.ORDER_NO,
        "amount": "8888",
        "payType": "WX",
        "goodsInfo": "龙井茶",
        "expairTime": "600",
        "notifyUrl": cast.NOTIFY_URL,
    }


def test_payment_inside_an_app_names_the_customer() -> None:
    request = encode(cast.pay(Method.JSAPI), appid="wx102e43f81031d8d6")
    body = json.loads(request.body)
    assert request.url == f"{cast.BASE_URL}/pay/unifiedcode"
    assert (body["openId"], body["appId"]) == (cast.OPENID, "wx102e43f81031d8d6")


def test_payment_by_bar_code_carries_the_code() -> None:
    request = encode(cast.pay(Method.BARCODE))
    body = json.loads(request.body)
    assert request.url == f"{cast.BASE_URL}/pay/unactivescan"
    assert (body["mediaNo"], body["goodsId"]) == (cast.AUTH_CODE, "1")
    assert "expairTime" not in body


def test_cancel_names_the_order_s_day() -> None:
    request = encode(cast.cancel(), now=cast.NOW + timedelta(hours=2))
    assert request.url == f"{cast.BASE_URL}/pay/repeal"
    assert unsigned(json.loads(request.body)) == {
        "reqDate": "20261120",
        "reqTime": "140000",
        "merId": "30000102",
        "orderId": cast.ORDER_NO,
        "amount": "8888",
        "payType": "WX",
        "orderDate": "20261120",
    }


def test_close_is_exactly_this() -> None:
    request = encode(cast.close(out_order_no=cast.OUT_NO))
    assert request.url == f"{cast.BASE_URL}/pay/close"
    body = json.loads(request.body)
    assert (body["orderId"], body["transactionId"]) == (cast.ORDER_NO, cast.OUT_NO)


def test_refund_is_exactly_this() -> None:
    request = encode(cast.refund())
    assert request.url == f"{cast.BASE_URL}/pay/refund"
    assert unsigned(json.loads(request.body)) == {
        "reqDate": "20261120",
        "reqTime": "120000",
        "merId": "30000102",
        "orderId": cast.ORDER_NO,
        "refundOrderId": cast.REFUND_NO,
        "amount": "2640",
        "payType": "WX",
        "orderDate": "20261120",
        "notifyUrl": cast.NOTIFY_URL,
    }


def test_refund_query_names_both_numbers() -> None:
    request = encode(cast.query_refund())
    assert request.url == f"{cast.BASE_URL}/pay/refundquery"
    body = json.loads(request.body)
    assert (body["orderId"], body["refundOrderId"]) == (cast.ORDER_NO, cast.REFUND_NO)


@pytest.mark.parametrize("command", [cast.pay(), cast.refund()])
def test_a_repeat_on_another_day_says_the_same(command: Command) -> None:
    first, later = members(command), members(command, now=cast.NOW + timedelta(days=3))
    assert first == later


def test_day_of_an_order_is_the_chinese_one() -> None:
    late = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
    command = cast.query(order_no=cast.number("P", late))
    assert members(command)["orderDate"] == "20261121"


def test_number_that_does_not_tell_its_day_leaves_it_out() -> None:
    assert members(cast.query(order_no="1509518653211"))["orderDate"] == ""
    assert members(cast.cancel(order_no="1509518653211"))["orderDate"] == "20261120"


@pytest.mark.parametrize(
    ("minutes", "seconds"), [(1, "300"), (5, "300"), (10, "600"), (30, "1800"), (600, "1800")]
)
def test_expiry_stays_within_what_the_channel_takes(minutes: int, seconds: str) -> None:
    command = cast.pay(expires_at=cast.NOW + timedelta(minutes=minutes))
    assert members(command)["expairTime"] == seconds


def test_title_is_cut_to_the_field() -> None:
    assert members(cast.pay(title="茶" * 200))["goodsInfo"] == "茶" * 128
    assert members(cast.pay(Method.JSAPI, title="茶" * 200))["goodsInfo"] == "茶" * 80


# --- what cannot be encoded ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (cast.pay(Method.H5), "method"),
        (cast.pay(order_no="P 1"), "order_no"),
        (cast.pay(order_no="P" * 33), "order_no"),
        (cast.pay(amount=0), "amount"),
        (cast.pay(amount=-1), "amount"),
        (cast.pay(currency="USD"), "currency"),
        (cast.pay(title=""), "title"),
        (cast.pay(title="\ud800"), "title"),
        (cast.pay(notify_url="https://pay.example.com/%E4 x"), "notify_url"),
        (cast.pay(notify_url=""), "notify_url"),
        (cast.pay(notify_url="https://a.cn/" + "a" * 256), "notify_url"),
        (cast.pay(Method.JSAPI, openid=""), "openid"),
        (cast.pay(Method.BARCODE, auth_code=""), "auth_code"),
        (cast.pay(Method.BARCODE, auth_code="280000000000000000"), "auth_code"),
        (cast.refund(amount=0), "amount"),
        (cast.refund(refund_no=""), "refund_no"),
        (cast.query(order_no=""), "order_no"),
        (QueryTransfer(transfer_no="T1", amount=1), "command"),
    ],
)
def test_what_cannot_be_encoded_names_the_field(command: Command, field: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode(command)
    assert caught.value.field_name == field


def test_refused_auth_code_is_not_repeated() -> None:
    with pytest.raises(EncodeError) as caught:
        encode(cast.pay(Method.BARCODE, auth_code="280000000000000000"))
    assert "28000" not in caught.value.message


@pytest.mark.parametrize(
    ("wallet", "code"),
    [
        ("WX", "100000000000000000"),
        ("WX", "159999999999999999"),
        ("AL", "2500000000000000"),
        ("AL", "309999999999999999999999"),
        ("YL", "6200000000000000000"),
    ],
)
def test_each_wallet_s_codes_are_taken(wallet: str, code: str) -> None:
    command = cast.pay(Method.BARCODE, auth_code=code)
    assert members(command, pay_type=wallet)["mediaNo"] == code


def test_unionpay_has_no_payment_inside_an_app() -> None:
    with pytest.raises(EncodeError) as caught:
        encode(cast.pay(Method.JSAPI), pay_type="YL")
    assert caught.value.field_name == "pay_type"


@pytest.mark.parametrize("pem", ["", "nonsense"])
def test_without_the_private_key_nothing_is_encoded(pem: str) -> None:
    account = cast.account(secrets={"merchant_private_key_pem": pem})
    with pytest.raises(EncodeError) as caught:
        CHANNEL.encode(cast.pay(), account, now=cast.NOW, nonce="")
    assert caught.value.field_name == "merchant_private_key_pem"


# --- account ------------------------------------------------------------------------------


def wrong(secrets: dict[str, str] | None = None, **config: str) -> list[str]:
    found = CHANNEL.check_account(
        {**cast.CONFIG, **config}, cast.SECRETS if secrets is None else secrets
    )
    return [problem.field for problem in found]


def bare(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if "-----" not in line)


def certificate() -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "umf")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(cast.platform_key.public_key())
        .serial_number(5)
        .not_valid_before(cast.NOW - timedelta(days=1))
        .not_valid_after(cast.NOW + timedelta(days=1))
        .sign(cast.merchant_key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def test_complete_account_has_no_problems() -> None:
    assert wrong() == []
    assert wrong(base_url="http://127.0.0.1:9001/in-pay-client") == []


def test_keys_are_taken_as_umf_hands_them_out() -> None:
    numbers = cast.platform_key.public_key().public_numbers()
    for text in (cast.CONFIG["platform_public_key_pem"], certificate()):
        assert keys.public_key(text).public_numbers() == numbers
    assert keys.public_key(bare(cast.CONFIG["platform_public_key_pem"])).public_numbers() == numbers
    private = keys.private_key(bare(cast.SECRETS["merchant_private_key_pem"]))
    assert private.private_numbers() == cast.merchant_key.private_numbers()
    assert wrong({"merchant_private_key_pem": bare(cast.SECRETS["merchant_private_key_pem"])}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base_url", "http://mofunapi.umfintech.com/"),
        ("mer_id", ""),
        ("mer_id", "300001"),
        ("pay_type", "BK"),
        ("appid", "wx 1"),
        ("platform_public_key_pem", ""),
        ("platform_public_key_pem", "nonsense"),
    ],
)
def test_wrong_setting_is_named(name: str, value: str) -> None:
    assert wrong(**{name: value}) == [name]


@pytest.mark.parametrize("value", ["", "nonsense!", cast.CONFIG["platform_public_key_pem"]])
def test_wrong_secret_is_named(value: str) -> None:
    assert wrong({"merchant_private_key_pem": value}) == ["merchant_private_key_pem"]


# --- scrubbing ----------------------------------------------------------------------------


class Wire:
    """A transport that gives one prepared answer."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer
        self.sent: list[Request] = []

    def send(self, request: Request) -> Response:
        self.sent.append(request)
        return self.answer


def kept(command: Command, answer: Response) -> tuple[Exchange, Request]:
    wire = Wire(answer)
    result, exchange = CHANNEL.perform(
        command,
        cast.account(),
        transport=wire,  # type: ignore[arg-type]
        now=lambda: cast.NOW,
        nonce=lambda: "",
    )
    assert result.outcome is Outcome.DONE
    return exchange, wire.sent[0]


def test_no_exchange_of_a_payment_holds_a_secret() -> None:
    for method, answer in (
        (Method.JSAPI, cast.trade(prepayId="prepay_id=wx1", paySign="73DBF7459A", openId="oUMn")),
        (Method.BARCODE, cast.trade()),
    ):
        exchange, request = kept(cast.pay(method), answer)
        signatures = (json.loads(request.body)["sign"], json.loads(answer.body)["sign"])
        for secret in (*signatures, cast.OPENID, cast.AUTH_CODE, "73DBF7459A", "oUMn"):
            assert secret not in exchange.request + exchange.response
        assert cast.ORDER_NO in exchange.request


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ('{"openId":"oUMn","amount":"1"}', '{"openId":"***","amount":"1"}'),
        ('{"mediaNo" : "1349195"}', '{"mediaNo" : "***"}'),
        ('{"accountNo":"621700*0034","sign":"AA=="}', '{"accountNo":"***","sign":"***"}'),
        ('{"sign":"fgJpXQ', '{"sign":"***"'),
        ("<html>\x00</html>", "<html>\ufffd</html>"),
    ],
)
def test_bodies_before_and_after_scrubbing(body: str, left: str) -> None:
    response = Response(status=200, headers={}, body=body.encode())
    assert CHANNEL.scrub_response(response) == f"HTTP 200\n\n{left}"


# --- the settlement file ------------------------------------------------------------------


def test_settlement_file_is_asked_for_beside_the_api() -> None:
    from channels.umf import bills

    command = FetchBill(day=datetime(2026, 11, 19, tzinfo=UTC).date(), bill=BillKind.SETTLEMENT)
    request = bills.encode(command, cast.account())
    assert request.url == "https://mofunapi.umfintech.com/comp-pospre-server/getCollateFile"
    assert unsigned(json.loads(request.body)) == {"merId": "30000102", "stlDate": "20261119"}
