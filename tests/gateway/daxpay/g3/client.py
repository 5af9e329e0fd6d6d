"""A merchant's program on DaxPay 3, written from the description of its Java SDK and nothing else.

As the SDK does, it reads an answer into a class (``CLASSES``: the members in their order) and signs
that again: a member more, one less, or one in another place is a wrong signature here too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives import hashes

BEIJING = timezone(timedelta(hours=8))
RESULT = ("code", "msg", "data", "sign", "resTime", "traceId")
NOTICE = (*RESULT, "noticeType", "mchNo", "appId")
DETAIL = (
    "receiverNo", "amount", "receiverType", "receiverAccount", "receiverName", "result",
    "errorCode", "errorMsg", "finishTime",
)  # fmt: skip
CLASSES = {
    "pay": "bizOrderNo orderNo status payBody",
    "query/payOrder": (
        "bizOrderNo orderNo outOrderNo title description allocation autoAllocation channel method"
        " otherMethod limitPay amount refundableBalance status refundStatus allocStatus payTime"
        " closeTime expiredTime attach errorMsg"
    ),
    "refund": "refundNo bizRefundNo status errorMsg",
    "query/refundOrder": (
        "orderNo outOrderNo bizOrderNo title refundNo bizRefundNo outRefundNo channel orderAmount"
        " amount reason finishTime status attach errorMsg"
    ),
    "transfer": "bizTransferNo transferNo status errorMsg",
    "query/transferOrder": (
        "bizTransferNo transferNo outTransferNo channel amount title reason payeeType payeeAccount"
        " payeeName status finishTime attach errorMsg"
    ),
    "sync": "orderStatus adjust",
    "alloc": "allocNo bizAllocNo status",
    "alloc/query": (
        "allocNo bizAllocNo outAllocNo orderNo bizOrderNo outOrderNo title channel amount"
        " description status result errorCode errorMsg finishTime details"
    ),
    "none": "",
}


def number(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def as_json(value: Any) -> str:
    """The SDK's JSON, without the signs that signing removes."""
    if isinstance(value, dict):
        kept = [f"{name}:{as_json(inner)}" for name, inner in value.items() if inner is not None]
        return "{" + ",".join(kept) + "}"
    if isinstance(value, list):
        return "[" + ",".join(as_json(inner) for inner in value) + "]"
    return text(value)


def text(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    return number(value) if isinstance(value, Decimal) else str(value)


def sign_string(message: dict[str, Any], secret: str, *, upper: bool = True) -> str:
    parts = []
    for name in sorted(message):
        value = message[name]
        if name.lower() == "sign" or value is None:
            continue
        if isinstance(value, list):
            value = [dict(sorted(one.items(), key=lambda pair: pair[0].lower())) for one in value]
        shown = as_json(value) if isinstance(value, dict | list) else text(value)
        parts.append(f"{name}={shown}")
    joined = "&".join(parts).replace("\\", "").replace('"', "") + f"&key={secret}"
    return joined.upper() if upper else joined


def digest(kind: str, data: str, secret: str) -> str:
    if kind == "md5":
        return hashlib.md5(data.encode()).hexdigest()
    if kind == "hmac_sha256":
        return hmac.new(secret.encode(), data.encode(), hashlib.sha256).hexdigest()
    made = hashes.Hash(hashes.SM3())
    made.update(data.encode())
    return made.finalize().hex()


def in_class(members: Any, data: dict[str, Any] | None) -> dict[str, Any] | None:
    """What is left of ``data`` in the SDK's class, in its order."""
    if data is None:
        return None
    found = {name: data.get(name) for name in members}
    if isinstance(found.get("details"), list):
        found["details"] = [in_class(DETAIL, one) for one in found["details"]]
    return found


class Client:
    def __init__(
        self,
        *,
        mch_no: str,
        app_id: str,
        secret: str,
        post: Callable[[str, bytes], tuple[int, bytes]],
        kind: str = "hmac_sha256",
        upper: bool = True,
    ) -> None:
        self.mch_no, self.app_id, self.secret = mch_no, app_id, secret
        self.kind, self.upper, self._post = kind, upper, post

    def prepare(self, param: dict[str, Any]) -> dict[str, Any]:
        message = {
            **param,
            "mchNo": self.mch_no,
            "appId": self.app_id,
            "reqTime": datetime.now(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
        }
        return self.signed(message)

    def signed(self, message: dict[str, Any]) -> dict[str, Any]:
        message["sign"] = self.sign(message)
        return message

    def sign(self, message: dict[str, Any]) -> str:
        data = sign_string(message, self.secret, upper=self.upper)
        return digest(self.kind, data, self.secret)

    def call(self, path: str, shape: str, **param: Any) -> dict[str, Any]:
        """The whole answer, after checking its signature as the SDK does."""
        return self.send(path, dump(self.prepare(param)), shape)

    def send(self, path: str, body: bytes, shape: str = "none") -> dict[str, Any]:
        status, content = self._post(f"/unipay/{path}", body)
        assert status == 200, content
        answer = json.loads(content.decode(), parse_float=Decimal)
        assert tuple(answer) == RESULT, answer
        if answer["sign"] is not None:
            assert answer["sign"] == self.sign(self.read(RESULT, answer, shape)), answer
        return answer

    def read(self, members: Any, answer: dict[str, Any], shape: str) -> dict[str, Any]:
        found = {name: answer.get(name) for name in members}
        found["data"] = in_class(CLASSES[shape].split(), answer["data"])
        return found

    def reads_notice(self, body: bytes, shape: str) -> dict[str, Any]:
        notice = json.loads(body.decode(), parse_float=Decimal)
        assert set(notice) == set(NOTICE), notice
        assert notice["sign"] == self.sign(self.read(NOTICE, notice, shape)), notice
        return dict(notice)


def dump(message: Any) -> bytes:
    """Decimals as numbers, as they are."""
    marks: list[str] = []

    def mark(value: Any) -> Any:
        if isinstance(value, Decimal):
            marks.append(str(value))
            return f"\x01{len(marks) - 1}\x01"
        if isinstance(value, dict):
            return {name: mark(inner) for name, inner in value.items()}
        return [mark(inner) for inner in value] if isinstance(value, list) else value

    written = json.dumps(mark(message), ensure_ascii=False)
    for index, shown in enumerate(marks):
        written = written.replace(f'"\\u0001{index}\\u0001"', shown)
    return written.encode()
