"""The fixed cast of the WeChat Pay tests: one merchant, and the provider's side of the wire.

The provider's side is written here with ``cryptography`` alone, so that it cannot share a
mistake with the codec.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from requests.structures import CaseInsensitiveDict

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
STAMP = int(NOW.timestamp())
NONCE = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"
MCHID, APPID = "1900007291", "wxd678efh567hg6787"
MERCHANT_SERIAL = "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB"
KEY_ID = "PUB_KEY_ID_0114232134912410000000000000"
APIV3_KEY = "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb"
BASE_URL = "https://api.mch.weixin.qq.com"
AUTH_CODE = "130061098828009406"
ORDER_NO = "P01KAF7R1ZGH7V9X2M4N6P8Q0RS"
REFUND_NO = "R01KAF7R1ZGH7V9X2M4N6P8Q0RT"
OUT_NO, OUT_REFUND_NO = "4200001234202611201234567890", "50000000382019052709732678859"

merchant_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
provider_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
platform_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PLATFORM_SERIAL = 0x5157F09EFDC096DE15EBE81A47057A7232F1B8E1


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


def certificate_pem(key: rsa.RSAPrivateKey, serial: int = PLATFORM_SERIAL) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Tenpay.com")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1825))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
        .decode()
    )


MERCHANT_PEM = private_pem(merchant_key)
PROVIDER_PEM = public_pem(provider_key)
CERTIFICATE_PEM = certificate_pem(platform_key)
CONFIG = {
    "base_url": BASE_URL,
    "mchid": MCHID,
    "appid": APPID,
    "merchant_serial": MERCHANT_SERIAL,
    "public_key_id": KEY_ID,
    "public_key_pem": PROVIDER_PEM,
}
SECRETS = {"merchant_private_key_pem": MERCHANT_PEM, "apiv3_key": APIV3_KEY}


def account(*, secrets: dict[str, str] | None = None, **config: str) -> Account:
    return Account(
        id=7,
        version=1,
        channel="wechat",
        config={**CONFIG, **config},
        secrets=SECRETS if secrets is None else secrets,
    )


# --- commands -----------------------------------------------------------------------------


def pay(method: Method = Method.NATIVE, **changes: Any) -> Pay:
    values: dict[str, Any] = {
        "order_no": ORDER_NO,
        "amount": 8801,
        "title": "测试商品 一",
        "method": method,
        "notify_url": "https://pay.example.com/callback/wechat/7/",
        "expires_at": NOW + timedelta(minutes=30),
        "attach": "店铺=3",
    }
    if method is Method.JSAPI:
        values["openid"] = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
    if method is Method.H5:
        values["client_ip"] = "14.23.150.211"
    if method is Method.BARCODE:
        values["auth_code"] = AUTH_CODE
    return Pay(**{**values, **changes})


def query(**changes: Any) -> QueryPay:
    return QueryPay(**{"order_no": ORDER_NO, "amount": 8801, **changes})


def close(**changes: Any) -> ClosePay:
    return ClosePay(**{"order_no": ORDER_NO, "amount": 8801, **changes})


def cancel(**changes: Any) -> CancelPay:
    return CancelPay(**{"order_no": ORDER_NO, "amount": 8801, **changes})


def refund(**changes: Any) -> Refund:
    values: dict[str, Any] = {
        "refund_no": REFUND_NO,
        "order_no": ORDER_NO,
        "amount": 2640,
        "total": 8801,
        "reason": "少发一件",
        "notify_url": "https://pay.example.com/callback/wechat/7/",
    }
    return Refund(**{**values, **changes})


def query_refund(**changes: Any) -> QueryRefund:
    return QueryRefund(**{"refund_no": REFUND_NO, "order_no": ORDER_NO, "amount": 2640, **changes})


COMMANDS = {
    "pay": pay(),
    "query_pay": query(),
    "close_pay": close(),
    "refund": refund(),
    "query_refund": query_refund(),
}


# --- what the provider says ---------------------------------------------------------------


def transaction(state: str = "SUCCESS", **changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "appid": APPID,
        "mchid": MCHID,
        "out_trade_no": ORDER_NO,
        "trade_state": state,
        "trade_state_desc": "支付成功" if state == "SUCCESS" else "说明",
    }
    if state in ("SUCCESS", "REFUND"):
        data |= {
            "transaction_id": OUT_NO,
            "trade_type": "NATIVE",
            "bank_type": "OTHERS",
            "success_time": "2026-11-20T12:00:05+08:00",
            "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
            "amount": {
                "total": 8801,
                "payer_total": 8800,
                "currency": "CNY",
                "payer_currency": "CNY",
            },
        }
    return {**data, **changes}


def refund_answer(status: str = "PROCESSING", **changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "refund_id": OUT_REFUND_NO,
        "out_refund_no": REFUND_NO,
        "transaction_id": OUT_NO,
        "out_trade_no": ORDER_NO,
        "channel": "ORIGINAL",
        "user_received_account": "招商银行信用卡0403",
        "create_time": "2026-11-20T12:00:01+08:00",
        "status": status,
        "amount": {
            "total": 8801,
            "refund": 2640,
            "payer_total": 8801,
            "payer_refund": 2640,
            "settlement_refund": 2640,
            "settlement_total": 8801,
            "discount_refund": 0,
            "currency": "CNY",
        },
    }
    if status == "SUCCESS":
        data["success_time"] = "2026-11-20T12:00:09+08:00"
    return {**data, **changes}


def refund_notice(status: str = "SUCCESS", **changes: Any) -> dict[str, Any]:
    return {
        "mchid": MCHID,
        "transaction_id": OUT_NO,
        "out_trade_no": ORDER_NO,
        "refund_id": OUT_REFUND_NO,
        "out_refund_no": REFUND_NO,
        "refund_status": status,
        "success_time": "2026-11-20T12:00:09+08:00",
        "user_received_account": "招商银行信用卡0403",
        "amount": {"total": 8801, "refund": 2640, "payer_total": 8801, "payer_refund": 2640},
        **changes,
    }


def signed_headers(
    body: bytes,
    *,
    key: rsa.RSAPrivateKey = provider_key,
    serial: str = KEY_ID,
    stamp: int = STAMP,
) -> dict[str, str]:
    nonce = "c5ac7061fccab6bf3e254dcf98995b8c"
    message = f"{stamp}\n{nonce}\n".encode() + body + b"\n"
    signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return {
        "Wechatpay-Timestamp": str(stamp),
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": base64.b64encode(signature).decode(),
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        "Request-ID": "08F78BB5AF0610D302189F8C0E2055-268578704",
    }


def dumped(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode()


def response(data: Any = None, *, status: int = 200, **signing: Any) -> Response:
    """A signed answer; ``data`` is dumped, bytes are taken as they are."""
    body = b"" if data is None else data if isinstance(data, bytes) else dumped(data)
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict(signed_headers(body, **signing))
    return Response(status=status, headers=headers, body=body)


def error(status: int, code: str, message: str = "说明", **members: Any) -> Response:
    """An error answer, unsigned as the provider's are."""
    body = dumped({"code": code, "message": message, **members})
    return Response(
        status=status,
        headers=CaseInsensitiveDict({"Request-ID": "08E6-268512771"}),
        body=body,
    )


def sealed(plain: bytes, *, key: str = APIV3_KEY, aad: str = "transaction") -> dict[str, str]:
    nonce = "fdasflkja484"
    cipher = AESGCM(key.encode()).encrypt(nonce.encode(), plain, aad.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(cipher).decode(),
        "nonce": nonce,
        "associated_data": aad,
    }


def notification(
    data: dict[str, Any], *, event: str = "TRANSACTION.SUCCESS", key: str = APIV3_KEY
) -> bytes:
    kind = "refund" if event.startswith("REFUND.") else "transaction"
    return dumped(
        {
            "id": "EV-2018022511223320873",
            "create_time": "2026-11-20T12:00:06+08:00",
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": "支付成功",
            "resource": {"original_type": kind, **sealed(dumped(data), key=key, aad=kind)},
        }
    )
