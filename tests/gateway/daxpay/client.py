"""A merchant's DaxPay client, written from the public description of the wire and nothing else.

It shares no code with the door: what both get wrong alike would otherwise pass. ``post`` and
``get`` are how its bytes travel; a test gives it Django's client, a script could give it urllib.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

BEIJING = timezone(timedelta(hours=8))


class DaxPayError(Exception):
    """``code`` other than 0, or an answer that cannot be believed."""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(f"[{code}] {msg}")
        self.code = code
        self.msg = msg


def flatten(value: Any, path: str, into: dict[str, str]) -> None:
    """``a.b``, ``a[0].b``; null is skipped, an empty string stays."""
    if value is None:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            flatten(inner, f"{path}.{name}" if path else name, into)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            flatten(inner, f"{path}[{index}]", into)
    elif value is True or value is False:
        into[path] = "true" if value else "false"
    elif isinstance(value, float):
        into[path] = str(int(value)) if value == int(value) else repr(value)
    else:
        into[path] = str(value)


def sign_string(message: dict[str, Any]) -> str:
    flat: dict[str, str] = {}
    flatten(message, "", flat)
    return "&".join(f"{k}={flat[k]}" for k in sorted(flat) if k.lower() != "sign")


def rsa2_sign(message: dict[str, Any], private_pem: str) -> str:
    key = serialization.load_pem_private_key(private_pem.encode(), password=None)
    made = key.sign(sign_string(message).encode("utf-8"), padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(made).decode("ascii")


def rsa2_verify(message: dict[str, Any], signature: str, public_pem: str) -> bool:
    key = serialization.load_pem_public_key(public_pem.encode())
    try:
        key.verify(
            base64.b64decode(signature),
            sign_string(message).encode("utf-8"),
            padding.PKCS1v15(),
            hashes.SHA256(),
        )
    except InvalidSignature:
        return False
    return True


class DaxPayClient:
    """``app_id`` may be "": the platform's default. Own private key, the platform's public one."""

    def __init__(
        self,
        *,
        mch_no: str,
        app_id: str,
        private_key: str,
        platform_public_key: str,
        post: Callable[[str, bytes], tuple[int, bytes]],
    ) -> None:
        self.mch_no = mch_no
        self.app_id = app_id
        self.private_key = private_key
        self.platform_public_key = platform_public_key
        self._post = post

    # --- the wire ---------------------------------------------------------------------------

    def prepare(self, param: dict[str, Any]) -> dict[str, Any]:
        """The parameters with what every request carries, signed."""
        message = dict(param)
        message.setdefault("mchNo", self.mch_no)
        if self.app_id:
            message.setdefault("appId", self.app_id)
        message.setdefault("reqId", str(uuid.uuid4()))
        message.setdefault("reqTime", datetime.now(BEIJING).strftime("%Y-%m-%d %H:%M:%S"))
        message.setdefault("nonceStr", uuid.uuid4().hex)
        message["sign"] = rsa2_sign(message, self.private_key)
        return message

    def execute(self, path: str, param: dict[str, Any]) -> Any:
        """``data`` of a good answer. Raises DaxPayError."""
        message = self.prepare(param)
        answer = self.send(path, json.dumps(message, ensure_ascii=False).encode("utf-8"))
        if answer.get("code") != 0:
            raise DaxPayError(answer["code"], answer.get("msg") or answer.get("message") or "")
        assert answer["reqId"] == message["reqId"]
        datetime.strptime(answer["resTime"], "%Y-%m-%d %H:%M:%S")
        return answer["data"]

    def send(self, path: str, body: bytes) -> dict[str, Any]:
        """Any body as it is; the answer is checked as the SDKs check it."""
        status, content = self._post(path, body)
        if status != 200:
            raise DaxPayError(-1, f"请求失败: HTTP {status}: {content[:200]!r}")
        answer = json.loads(content.decode("utf-8"))
        if not isinstance(answer, dict):
            raise DaxPayError(-1, "the answer is no JSON object")
        signature = answer.get("sign")
        if signature:
            if not rsa2_verify(answer, signature, self.platform_public_key):
                raise DaxPayError(20052, "响应验签失败")
        elif answer.get("code") == 0:
            raise DaxPayError(20052, "响应缺少签名，无法验证来源")
        return answer

    def verify_notice(self, raw: bytes) -> bool:
        message = json.loads(raw.decode("utf-8"))
        signature = message.get("sign") if isinstance(message, dict) else None
        return bool(signature) and rsa2_verify(message, signature, self.platform_public_key)

    # --- the calls --------------------------------------------------------------------------

    def signed_ping(self, **param: Any) -> Any:
        return self.execute("/unipay/ping", param)

    def pay(self, **param: Any) -> Any:
        return self.execute("/unipay/pay", param)

    def close(self, **param: Any) -> Any:
        return self.execute("/unipay/close", param)

    def query_pay_order(self, **param: Any) -> Any:
        return self.execute("/unipay/query/pay-order", param)

    def sync_pay_order(self, **param: Any) -> Any:
        return self.execute("/unipay/sync/order/pay", param)

    def refund(self, **param: Any) -> Any:
        return self.execute("/unipay/refund", param)

    def query_refund_order(self, **param: Any) -> Any:
        return self.execute("/unipay/query/refund-order", param)

    def sync_refund_order(self, **param: Any) -> Any:
        return self.execute("/unipay/sync/order/refund", param)

    def transfer(self, **param: Any) -> Any:
        return self.execute("/unipay/transfer", param)

    def query_transfer_order(self, **param: Any) -> Any:
        return self.execute("/unipay/query/transfer-order", param)

    def sync_transfer_order(self, **param: Any) -> Any:
        return self.execute("/unipay/sync/order/transfer", param)

    def alloc(self, **param: Any) -> Any:
        return self.execute("/unipay/alloc", param)

    def query_alloc_order(self, **param: Any) -> Any:
        return self.execute("/unipay/query/alloc-order", param)

    def sync_alloc_order(self, **param: Any) -> Any:
        return self.execute("/unipay/sync/order/alloc", param)
