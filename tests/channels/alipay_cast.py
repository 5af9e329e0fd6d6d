"""The fixed cast of the Alipay tests: one application, and the provider's side of the wire.

The provider's side is written here with ``cryptography`` alone, so that it cannot share a
mistake with the codec.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from channels.base import (
    Account,
    Allocate,
    BillKind,
    BindReceiver,
    CancelPay,
    ClosePay,
    FetchBill,
    FinishAllocation,
    Method,
    Pay,
    PayeeType,
    QueryAllocation,
    QueryPay,
    QueryRefund,
    QueryTransfer,
    QueryUnshared,
    ReceiverType,
    Refund,
    Request,
    Response,
    Share,
    Transfer,
    UnbindReceiver,
)

NOW = datetime(2026, 11, 20, 4, 0, 0, tzinfo=UTC)
CHINA_NOW = "2026-11-20 12:00:00"
NONCE = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"
APP_ID, SELLER_ID = "2014072300007148", "2088102169227503"
GATEWAY = "https://openapi.alipay.com/gateway.do"
ORDER_NO = "P01KAF7R1ZGH7V9X2M4N6P8Q0RS"
REFUND_NO = "R01KAF7R1ZGH7V9X2M4N6P8Q0RT"
TRANSFER_NO = "T01KAF7R1ZGH7V9X2M4N6P8Q0RV"
ALLOCATION_NO, FINISH_NO = "A01KAF7R1ZGH7V9X2M4N6P8Q0RW", "F01KAF7R1ZGH7V9X2M4N6P8Q0RX"
TRADE_NO, SETTLE_NO = "2026112022001400000000000001", "20261120002530020036530021395831"
NOTIFY_URL = "https://pay.example.com/callback/alipay/7/"
RETURN_URL = "https://shop.example.com/done?order=1"
AUTH_CODE = "281234567890123456"
BUYER, OPENID = "2088102169481075", "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5"
RECEIVER, LOGIN = "2088101126765726", "receiver@example.com"

app_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
alipay_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
new_alipay_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
root_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

DOCUMENT = json.loads(
    (Path(__file__).parents[1] / "vectors/alipay/vectors.json").read_text("utf-8")
)
VECTORS: dict[str, dict[str, Any]] = {vector["id"]: vector for vector in DOCUMENT["vectors"]}


def private_pem(key: rsa.RSAPrivateKey, kind: str = "PKCS8") -> str:
    formats = serialization.PrivateFormat
    form = formats.PKCS8 if kind == "PKCS8" else formats.TraditionalOpenSSL
    return key.private_bytes(
        serialization.Encoding.PEM, form, serialization.NoEncryption()
    ).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def body_of(pem: str) -> str:
    """The bare base64 body that Alipay's own tool hands out."""
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


# --- certificates -------------------------------------------------------------------------


def name(common: str) -> x509.Name:
    oids = x509.NameOID
    return x509.Name(
        [
            x509.NameAttribute(oids.COUNTRY_NAME, "CN"),
            x509.NameAttribute(oids.ORGANIZATION_NAME, "Ant Financial Test"),
            x509.NameAttribute(oids.COMMON_NAME, common),
        ]
    )


def certificate(
    key: rsa.RSAPrivateKey, common: str, serial: int, *, issuer: str = "Root", ca: bool = False
) -> str:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1825))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    signed = builder.sign(root_key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


ROOT_CERT = certificate(root_key, "Root", 1, ca=True)
APP_CERT = certificate(app_key, "app", 2)
ALIPAY_CERT = certificate(alipay_key, "alipay", 3)
NEW_ALIPAY_CERT = certificate(new_alipay_key, "alipay", 4)

APP_PEM, ALIPAY_PEM = private_pem(app_key), public_pem(alipay_key)
KEY_MODE = {
    "gateway_url": GATEWAY,
    "app_id": APP_ID,
    "seller_id": SELLER_ID,
    "alipay_public_key_pem": ALIPAY_PEM,
}
CERT_MODE = {
    "gateway_url": GATEWAY,
    "app_id": APP_ID,
    "app_cert_pem": APP_CERT,
    "alipay_cert_pem": ALIPAY_CERT,
    "alipay_root_cert_pem": ROOT_CERT,
}
SECRETS = {"app_private_key_pem": APP_PEM}


def account(
    mode: dict[str, str] | None = None, *, secrets: dict[str, str] | None = None, **config: str
) -> Account:
    return Account(
        id=7,
        version=1,
        channel="alipay",
        config={**(KEY_MODE if mode is None else mode), **config},
        secrets=SECRETS if secrets is None else secrets,
    )


# --- commands -----------------------------------------------------------------------------


def pay(method: Method = Method.NATIVE, **changes: Any) -> Pay:
    values: dict[str, Any] = {
        "order_no": ORDER_NO,
        "amount": 8801,
        "title": "测试商品 A&B=C+100%",
        "method": method,
        "notify_url": NOTIFY_URL,
        "expires_at": NOW + timedelta(minutes=30),
        "openid": BUYER if method is Method.JSAPI else "",
        "auth_code": AUTH_CODE if method is Method.BARCODE else "",
    }
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
        "notify_url": NOTIFY_URL,
    }
    return Refund(**{**values, **changes})


def query_refund(**changes: Any) -> QueryRefund:
    return QueryRefund(**{"refund_no": REFUND_NO, "order_no": ORDER_NO, "amount": 2640, **changes})


def transfer(**changes: Any) -> Transfer:
    values: dict[str, Any] = {
        "transfer_no": TRANSFER_NO,
        "amount": 5005,
        "title": "工资",
        "remark": "十一月",
        "payee_type": PayeeType.LOGIN_NAME,
        "payee_account": "zhang@example.com",
        "payee_name": "张三",
        "notify_url": NOTIFY_URL,
    }
    return Transfer(**{**values, **changes})


def query_transfer(**changes: Any) -> QueryTransfer:
    return QueryTransfer(**{"transfer_no": TRANSFER_NO, "amount": 5005, **changes})


def share(**changes: Any) -> Share:
    values: dict[str, Any] = {
        "detail_no": "D1",
        "receiver_type": ReceiverType.USER_ID,
        "account": RECEIVER,
        "amount": 300,
        "description": "分给一号店",
    }
    return Share(**{**values, **changes})


SHARES = (
    share(),
    share(detail_no="D2", receiver_type=ReceiverType.LOGIN_NAME, account=LOGIN, name="李四"),
)
NUMBERS = {"order_no": ORDER_NO, "out_order_no": TRADE_NO}


def allocate(**changes: Any) -> Allocate:
    values = {"allocation_no": ALLOCATION_NO, **NUMBERS, "shares": SHARES}
    return Allocate(**{**values, **changes})


def query_allocation(**changes: Any) -> QueryAllocation:
    values = {"allocation_no": ALLOCATION_NO, **NUMBERS, "shares": SHARES}
    return QueryAllocation(**{**values, **changes})


def finish(**changes: Any) -> FinishAllocation:
    values = {"finish_no": FINISH_NO, **NUMBERS, "description": "完结"}
    return FinishAllocation(**{**values, **changes})


def query_unshared(**changes: Any) -> QueryUnshared:
    return QueryUnshared(**{**NUMBERS, "amount": 8801, **changes})


def bind(**changes: Any) -> BindReceiver:
    values = {
        "request_no": "B01KAF7R1ZGH7V9X2M4N6P8Q0RY",
        "receiver_type": ReceiverType.LOGIN_NAME,
        "account": LOGIN,
        "name": "李四",
        "custom_relation": "一号店",
    }
    return BindReceiver(**{**values, **changes})


def unbind(**changes: Any) -> UnbindReceiver:
    values = {
        "request_no": "B01KAF7R1ZGH7V9X2M4N6P8Q0RZ",
        "receiver_type": ReceiverType.USER_ID,
        "account": RECEIVER,
    }
    return UnbindReceiver(**{**values, **changes})


def fetch_bill(**changes: Any) -> FetchBill:
    return FetchBill(**{"day": date(2026, 11, 18), "bill": BillKind.TRADE, **changes})


COMMANDS = {
    "pay": pay(),
    "query_pay": query(),
    "close_pay": close(),
    "cancel_pay": cancel(),
    "refund": refund(),
    "query_refund": query_refund(),
    "transfer": transfer(),
    "query_transfer": query_transfer(),
    "allocate": allocate(),
    "finish_allocation": finish(),
    "query_allocation": query_allocation(),
    "query_unshared": query_unshared(),
    "bind_receiver": bind(),
    "unbind_receiver": unbind(),
}
METHODS = {
    "pay": "alipay.trade.precreate",
    "query_pay": "alipay.trade.query",
    "close_pay": "alipay.trade.close",
    "cancel_pay": "alipay.trade.cancel",
    "refund": "alipay.trade.refund",
    "query_refund": "alipay.trade.fastpay.refund.query",
    "transfer": "alipay.fund.trans.uni.transfer",
    "query_transfer": "alipay.fund.trans.common.query",
    "allocate": "alipay.trade.order.settle",
    "finish_allocation": "alipay.trade.order.settle",
    "query_allocation": "alipay.trade.order.settle.query",
    "query_unshared": "alipay.trade.order.onsettle.query",
    "bind_receiver": "alipay.trade.royalty.relation.bind",
    "unbind_receiver": "alipay.trade.royalty.relation.unbind",
}


# --- what is on the wire ------------------------------------------------------------------


def params_of(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.url.partition("?")[2] + request.body.decode()))


def biz_of(request: Request) -> dict[str, Any]:
    biz: dict[str, Any] = json.loads(params_of(request)["biz_content"])
    return biz


def verify_params(params: dict[str, str]) -> None:
    """As the gateway does it. Raises InvalidSignature."""
    given = dict(params)
    signature = base64.b64decode(given.pop("sign"))
    message = "&".join(f"{name}={given[name]}" for name in sorted(given))
    app_key.public_key().verify(signature, message.encode(), padding.PKCS1v15(), hashes.SHA256())


# --- what the provider says ---------------------------------------------------------------


def signed(message: str, key: rsa.RSAPrivateKey = alipay_key) -> str:
    return base64.b64encode(
        key.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    ).decode()


def node_of(method: str) -> str:
    return method.replace(".", "_") + "_response"


def answer(
    method: str,
    node: str | dict[str, Any],
    *,
    key: rsa.RSAPrivateKey = alipay_key,
    cert_sn: str = "",
    sign: str | None = None,
    name: str = "",
    status: int = 200,
) -> Response:
    """A signed answer; a text is taken as the node as it stands; ``sign=""`` leaves it out."""
    text = node if isinstance(node, str) else json.dumps(node, ensure_ascii=False)
    signature = signed(text, key) if sign is None else sign
    parts = [f'"{name or node_of(method)}":{text}']
    parts += [f'"alipay_cert_sn":"{cert_sn}"'] if cert_sn else []
    parts += [f'"sign":"{signature}"'] if signature else []
    body = "{" + ",".join(parts) + "}"
    return Response(status=status, headers={}, body=body.encode())


def ok(kind: str, **members: Any) -> Response:
    """A signed success of a command's kind (see METHODS) or of a method."""
    method = METHODS.get(kind, kind)
    return answer(method, {"code": "10000", "msg": "Success", **members})


def failure(kind: str, sub_code: str, *, code: str = "40004", **signing: Any) -> Response:
    node = {"code": code, "msg": "Business Failed", "sub_code": sub_code, "sub_msg": "说明"}
    return answer(METHODS.get(kind, kind), node, **signing)


def trade(status: str = "TRADE_SUCCESS", **changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "out_trade_no": ORDER_NO,
        "trade_no": TRADE_NO,
        "trade_status": status,
        "total_amount": "88.01",
        "buyer_logon_id": "159****5620",
        "buyer_user_id": BUYER,
    }
    if status in ("TRADE_SUCCESS", "TRADE_FINISHED"):
        data["send_pay_date"] = "2026-11-20 12:00:05"
    return {**data, **changes}


def notice(
    status: str = "TRADE_SUCCESS", *, key: rsa.RSAPrivateKey = alipay_key, **changes: str
) -> bytes:
    fields = {
        "notify_type": "trade_status_sync",
        "notify_id": "2026112000222093103081075000000001",
        "notify_time": "2026-11-20 12:00:06",
        "app_id": APP_ID,
        "auth_app_id": APP_ID,
        "charset": "utf-8",
        "version": "1.0",
        "trade_no": TRADE_NO,
        "out_trade_no": ORDER_NO,
        "seller_id": SELLER_ID,
        "buyer_id": BUYER,
        "buyer_logon_id": "159****5620",
        "trade_status": status,
        "total_amount": "88.01",
        "subject": "测试商品 A&B=C+100%",
        "gmt_create": "2026-11-20 12:00:01",
    }
    if status in ("TRADE_SUCCESS", "TRADE_FINISHED"):
        fields["gmt_payment"] = "2026-11-20 12:00:05"
    return form({**fields, **changes}, key=key)


def form(fields: dict[str, str], *, key: rsa.RSAPrivateKey = alipay_key) -> bytes:
    """A notification's body. ``None`` leaves a field out; ``alipay_cert_sn`` is not signed."""
    kept = {name: value for name, value in fields.items() if value is not None}
    covered = "&".join(f"{one}={kept[one]}" for one in sorted(kept) if one != "alipay_cert_sn")
    return urlencode({**kept, "sign": signed(covered, key), "sign_type": "RSA2"}).encode()
