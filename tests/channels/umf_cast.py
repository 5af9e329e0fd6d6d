"""The fixed cast of the UMF tests: one merchant, and the platform's side of the wire.

The platform's side is written here with ``cryptography`` alone, so that it cannot share a mistake
with the codec.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from channels.base import (
    Account,
    CancelPay,
    ClosePay,
    Method,
    Pay,
    QueryPay,
    QueryRefund,
    Refund,
    Response,
)

NOW = datetime(2026, 11, 20, 4, 0, 0, tzinfo=UTC)
MER_ID = "30000102"
BASE_URL = "https://mofunapi.umfintech.com/in-pay-client"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NOTIFY_URL = "https://pay.example.com/callback/umf/umf-main/"
AUTH_CODE = "134919586213926735"
OPENID = "oUMnsvyNYu6pjDvpJzcXe3PvGXPY"


def number(prefix: str, born: datetime = NOW) -> str:
    left, text = int(born.timestamp() * 1000), ""
    for _ in range(10):
        left, digit = divmod(left, 32)
        text = CROCKFORD[digit] + text
    return f"{prefix}{text}H7V9X2M4N6P8Q0RS"


ORDER_NO, REFUND_NO = number("P"), number("R")
OUT_NO = "2026112012000000000001"

merchant_key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
platform_key = rsa.generate_private_key(public_exponent=65537, key_size=1024)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


CONFIG = {
    "base_url": BASE_URL,
    "mer_id": MER_ID,
    "pay_type": "WX",
    "appid": "",
    "platform_public_key_pem": public_pem(platform_key),
}
SECRETS = {"merchant_private_key_pem": private_pem(merchant_key)}


def account(*, secrets: dict[str, str] | None = None, **config: str) -> Account:
    return Account(
        id=9,
        version=1,
        channel="umf",
        config={**CONFIG, **config},
        secrets=SECRETS if secrets is None else secrets,
    )


# --- commands -----------------------------------------------------------------------------


def pay(method: Method = Method.NATIVE, **changes: Any) -> Pay:
    values: dict[str, Any] = {
        "order_no": ORDER_NO,
        "amount": 8888,
        "title": "龙井茶",
        "method": method,
        "notify_url": NOTIFY_URL,
        "expires_at": NOW + timedelta(minutes=10),
    }
    if method is Method.JSAPI:
        values["openid"] = OPENID
    if method is Method.BARCODE:
        values["auth_code"] = AUTH_CODE
    return Pay(**{**values, **changes})


def query(**changes: Any) -> QueryPay:
    return QueryPay(**{"order_no": ORDER_NO, "amount": 8888, **changes})


def close(**changes: Any) -> ClosePay:
    return ClosePay(**{"order_no": ORDER_NO, "amount": 8888, **changes})


def cancel(**changes: Any) -> CancelPay:
    return CancelPay(**{"order_no": ORDER_NO, "amount": 8888, **changes})


def refund(**changes: Any) -> Refund:
    values: dict[str, Any] = {
        "refund_no": REFUND_NO,
        "order_no": ORDER_NO,
        "amount": 2640,
        "total": 8888,
        "reason": "少发一件",
        "notify_url": NOTIFY_URL,
    }
    return Refund(**{**values, **changes})


def query_refund(**changes: Any) -> QueryRefund:
    return QueryRefund(**{"refund_no": REFUND_NO, "order_no": ORDER_NO, "amount": 2640, **changes})


COMMANDS: dict[str, Any] = {
    "pay": pay(),
    "query_pay": query(),
    "close_pay": close(),
    "cancel_pay": cancel(),
    "refund": refund(),
    "query_refund": query_refund(),
}


# --- what the platform says ---------------------------------------------------------------


def signature(plain: str, key: rsa.RSAPrivateKey = platform_key) -> str:
    signed = key.sign(plain.encode(), padding.PKCS1v15(), hashes.SHA1())
    return base64.b64encode(signed).decode()


def dumped(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()


def response(data: dict[str, Any], *, key: rsa.RSAPrivateKey = platform_key) -> Response:
    """A signed answer; flat members only."""
    values = [str(data[name]) for name in sorted(data) if data[name] not in ("", None)]
    body = {**data, "sign": signature("|".join(values), key)}
    return Response(status=200, headers={"Content-Type": "application/json"}, body=dumped(body))


def answered(code: str = "0000", **members: Any) -> Response:
    return response({"retCode": code, "retMsg": "说明", **members})


def trade(code: str = "0000", **changes: Any) -> Response:
    data = {
        "platDate": "20261120",
        "platTime": "120005",
        "paySeq": "418813867389091730800013",
        "transactionId": OUT_NO,
        "transState": "SUCCESS",
        "amount": "8888",
        "payType": "WX",
    }
    return answered(code, **{**data, **changes})


def notice(
    state: str = "TRADE_SUCCESS", *, key: rsa.RSAPrivateKey = platform_key, **changes: Any
) -> bytes:
    """A signed notification. A change to None leaves the member out."""
    data: dict[str, Any] = {
        "funCode": "PayResultNotify",
        "reqDate": "20261120",
        "reqTime": "120006",
        "merId": MER_ID,
        "payType": "WX",
        "shopNo": "",
        "deviceType": "Other",
        "orderDate": "20261120",
        "orderId": ORDER_NO,
        "amount": "8888",
        "tradeState": state,
        "paySeq": "4200000112223805095997813703",
        "transactionId": OUT_NO,
    }
    data = {name: value for name, value in {**data, **changes}.items() if value is not None}
    plain = "&".join(f"{name}={data[name]}" for name in sorted(data) if data[name] != "")
    return dumped({**data, "sign": signature(plain, key)})
