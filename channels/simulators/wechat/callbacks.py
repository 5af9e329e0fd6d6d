"""Notifications of a simulated WeChat Pay: their bodies, headers and forgeries.

Called by ``simulator`` and, for the sending, by ``core.notices``.
"""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from channels.simulators.core.clock import Clock, rfc3339_china
from channels.simulators.wechat.errors import request_id
from channels.simulators.wechat.keys import Keys

LADDER = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
"""«15s/15s/30s/3m/10m/20m/30m/30m/30m/60m/3h/3h/3h/6h/6h - 总计 24h4m»."""

REFUND_AMOUNTS = ("total", "refund", "payer_total", "payer_refund")
SUMMARIES = {
    "TRANSACTION.SUCCESS": "支付成功",
    "REFUND.SUCCESS": "退款成功",
    "REFUND.ABNORMAL": "退款异常",
    "REFUND.CLOSED": "退款关闭",
    "MCHTRANSFER.BILL.FINISHED": "商家转账单据终态通知",
}
ORIGINAL_TYPES = {"TRANSACTION": "transaction", "REFUND": "refund", "MCHTRANSFER": "mch_payment"}
V2 = b"<xml>"
"""How a notice of the API before this one begins."""


class WechatMailer:
    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def body(self, event_type: str, content: Mapping[str, Any]) -> bytes:
        """One notification; ``id`` stays the same on every try."""
        kind = ORIGINAL_TYPES[event_type.partition(".")[0]]
        resource = self._keys.encrypt_json(content, associated_data=kind)
        document = {
            "id": str(uuid.uuid4()),
            "create_time": rfc3339_china(self._clock.timestamp()),
            "resource_type": "encrypt-resource",
            "event_type": event_type,
            "summary": SUMMARIES[event_type],
            "resource": resource | {"original_type": kind},
        }
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    def v2_body(self, *, appid: str, mchid: str) -> bytes:
        """A refund told in XML, as those are that somebody makes in the merchant console.

        ``req_info`` is enciphered with a v2 key, which no v3 merchant needs to have.
        """
        members = {
            "return_code": "SUCCESS",
            "appid": appid,
            "mch_id": mchid,
            "nonce_str": secrets.token_hex(16),
            "req_info": base64.b64encode(secrets.token_bytes(512)).decode(),
        }
        lines = "".join(f"<{name}><![CDATA[{text}]]></{name}>" for name, text in members.items())
        return V2 + lines.encode() + b"</xml>"

    def render(self, body: bytes, *, first_try: Mapping[str, Any]) -> bytes:
        return body  # signed in the headers, identical on every try

    def seal(self, body: bytes, *, first_try: Mapping[str, Any]) -> Mapping[str, str]:
        if body.startswith(V2):
            return {"Content-Type": "text/xml", "Accept": "*/*", "User-Agent": "Mozilla/4.0"}
        in_old_mode = "certificate" in first_try.get("options", ())
        serial = self._keys.certificate_serial if in_old_mode else self._keys.public_key_id
        tamper = first_try.get("tamper", "")
        return self._headers(body, serial=serial, tamper=tamper)

    def forge(self, body: bytes) -> tuple[Mapping[str, str], bytes]:
        """The worst case: an old APIv3 key has leaked, and only the signature is in the way.

        A notice of its own with another id and an amount of one fen, signed by a stranger.
        """
        if body.startswith(V2):
            return self.seal(body, first_try={}), body.replace(b"SUCCESS", b"FAIL", 1)
        document = json.loads(body)
        content = json.loads(self._keys.decrypt(document["resource"]))
        if "amount" in content:
            content["amount"] |= {"total": 1}
        else:
            content["transfer_amount"] = 1
        forgery = self.body(document["event_type"], content)
        headers = self._headers(forgery, serial=self._keys.public_key_id, tamper="forged")
        return headers, forgery

    def acknowledged(self, status: int, body: bytes) -> bool:
        """«HTTP应答状态码需返回200或204，无需返回应答报文»."""
        return status in (200, 204)

    def _headers(self, body: bytes, *, serial: str, tamper: str) -> dict[str, str]:
        signed = self._keys.headers(body, serial=serial, now=self._clock.timestamp(), tamper=tamper)
        return signed | {
            "Content-Type": "application/json",
            "Accept": "*/*",
            "User-Agent": "Mozilla/4.0",
            "Request-ID": request_id(),
        }


def refund_content(refund: Mapping[str, Any], *, mchid: str) -> dict[str, Any]:
    """What a refund notification carries: ``refund_status`` here, ``status`` in the API."""
    amount = refund["amount"]
    content = {
        "mchid": mchid,
        "transaction_id": refund["transaction_id"],
        "out_trade_no": refund["out_trade_no"],
        "refund_id": refund["refund_id"],
        "out_refund_no": refund["out_refund_no"],
        "refund_status": refund["status"],
        "user_received_account": refund["user_received_account"],
        "amount": {name: amount[name] for name in REFUND_AMOUNTS},
    }
    if "success_time" in refund:
        content["success_time"] = refund["success_time"]
    return content
