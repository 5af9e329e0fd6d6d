"""A partner's program for 开个店, written from its documents. Shares no code with the door.

It signs what it sends, checks the signature of what comes back, and reads ``responseBody`` as the
documents show it: as text with JSON in it, or as the JSON itself. It also is the partner's side of
the pushes.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

Send = Callable[[str, dict[str, str], bytes], tuple[int, bytes]]
"""(path, headers, body) → (HTTP status, body)."""


class Refused(Exception):
    """The platform answered with another statusCode than 100."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


def sign_text(fields: dict[str, Any]) -> bytes:
    """a=1&b=2 of everything but the signature and the empty, by name."""
    parts = []
    for name in sorted(fields):
        value = fields[name]
        if name == "sign" or value is None or value == "":
            continue
        if isinstance(value, dict | list):
            value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        parts.append(f"{name}={value}")
    return "&".join(parts).encode("utf-8")


@dataclass
class Partner:
    """One application of a partner with its keys, as the platform issued them."""

    partner_id: str
    app_id: str
    access_token: str
    private_key_pem: str
    platform_public_key_pem: str
    send: Send
    ver: Any = "1"
    headers: dict[str, str] = field(default_factory=dict)

    # --- envelope -----------------------------------------------------------------------

    def sign(self, fields: dict[str, Any]) -> str:
        key = serialization.load_pem_private_key(self.private_key_pem.encode(), None)
        made = key.sign(sign_text(fields), padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(made).decode()

    def verify(self, fields: dict[str, Any]) -> None:
        """Raises InvalidSignature."""
        key = serialization.load_pem_public_key(self.platform_public_key_pem.encode())
        signature = base64.b64decode(fields["sign"])
        key.verify(signature, sign_text(fields), padding.PKCS1v15(), hashes.SHA256())

    def envelope(self, request_body: str, **changes: Any) -> dict[str, Any]:
        fields = {
            "ver": self.ver,
            "partnerId": self.partner_id,
            "appId": self.app_id,
            "requestBody": request_body,
            **changes,
        }
        fields.setdefault("sign", self.sign(fields))
        return fields

    def post(
        self,
        call: str,
        envelope: dict[str, Any] | bytes,
        *,
        transaction: str | None = None,
        **headers: str,
    ) -> dict[str, Any]:
        """The answer's envelope, its signature checked where it has one."""
        body = (
            envelope
            if isinstance(envelope, bytes)
            else json.dumps(envelope, ensure_ascii=False).encode()
        )
        said = {
            "Content-Type": "application/json;charset=utf-8",
            "Accept": "application/json;charset=utf-8",
            "x-transaction-id": str(uuid.uuid4()) if transaction is None else transaction,
            "access_token": self.access_token,
            **self.headers,
            **{
                name.replace("-", "_") if name == "access-token" else name: value
                for name, value in headers.items()
            },
        }
        said = {name: value for name, value in said.items() if value != ""}
        _status, content = self.send(f"/order/{call}", said, body)
        answer: dict[str, Any] = json.loads(content.decode("utf-8"))
        if answer["sign"]:
            self.verify(answer)
        return answer

    def text(self, call: str, request_body: str, *, transaction: str | None = None) -> Any:
        """What is in the answer's responseBody. Raises Refused."""
        answer = self.post(call, self.envelope(request_body), transaction=transaction)
        if str(answer["statusCode"]) != "100":
            raise Refused(answer["statusCode"], answer["message"])
        assert answer["code"] == answer["statusCode"]
        assert answer["message"] == "success"
        assert answer["sign"], "an answer to a known partner is signed"
        body = answer["responseBody"]
        return json.loads(body) if isinstance(body, str) and body else body

    def call(self, call: str, business: Any, *, transaction: str | None = None) -> Any:
        return self.text(call, json.dumps(business, ensure_ascii=False), transaction=transaction)

    # --- calls --------------------------------------------------------------------------

    def submit(self, order: dict[str, Any], *, transaction: str | None = None) -> str:
        return self.call("submit", order, transaction=transaction)["orderCode"]

    def detail(self, number: str) -> dict[str, Any]:
        (found,) = self.call("queryDetail", {"orderCode": [number]})
        return found

    def status(self, number: str) -> str:
        (found,) = self.call("batchOrderStatus", {"orderCodes": [number]})["itemList"]
        assert found["orderCode"] == number
        return found["orderStatus"]

    def step(self, number: str, status: int, **more: Any) -> None:
        body = {"orderCode": number, "orderStatus": str(status), "operator": "MRX", **more}
        assert self.call("statusOperation", body) == ""

    def decide(self, number: str, action: int, reason: str = "") -> None:
        body = {"orderCode": number, "action": action, "reason": reason, "operator": "MRX"}
        assert self.call("refundOperation", body) == ""

    def cancel(self, number: str, reason: str) -> None:
        body = {"orderCode": number, "reason": reason, "operator": "MRX"}
        assert self.call("cancel", body) == ""

    def pages_by_time(self, store: str, start: int, end: int, count: int) -> Iterator[list[str]]:
        """As 业务说明 says: the next start is the last answer's nextStartTimestamp."""
        while True:
            page = self.call(
                "batchQuery",
                {"storeId": store, "startTimestamp": start, "endTimestamp": end, "count": count},
            )
            if not page["itemList"]:
                return
            yield [each["orderCode"] for each in page["itemList"]]
            start = page["nextStartTimestamp"]

    def pages_by_code(
        self, store: str, start: int, end: int, count: int, *, with_time: bool
    ) -> Iterator[list[str]]:
        """As the older form: nextOrderCode, with the same times or with the next ones."""
        code = ""
        while True:
            asked = {"storeId": store, "startTimestamp": start, "endTimestamp": end}
            page = self.call("batchQuery", {**asked, "count": count, "nextOrderCode": code})
            if not page["itemList"]:
                return
            yield [each["orderCode"] for each in page["itemList"]]
            code = page["nextOrderCode"]
            if with_time:
                start = page["nextStartTimestamp"]

    # --- pushes -------------------------------------------------------------------------

    def open_push(self, body: bytes) -> dict[str, str]:
        """The business part of a push. Raises InvalidSignature."""
        envelope = json.loads(body.decode("utf-8"))
        assert (envelope["partnerId"], envelope["appId"]) == (self.partner_id, self.app_id)
        assert str(envelope["ver"]) == "1"
        self.verify(envelope)
        said = json.loads(envelope["requestBody"])
        assert all(isinstance(value, str) for value in said.values())
        return said


ACK = {"ver": "1", "code": "100", "message": "success", "responseBody": ""}
"""As the documents print it."""
