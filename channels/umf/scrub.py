"""What of an exchange may be kept: no secret, no personal data. Pure."""

from __future__ import annotations

import json
import re

from channels.base import Request, Response

MASK = "***"
_PERSONAL = (
    "sign",
    "signature",
    "paySign",
    "mediaNo",
    "openId",
    "subOpenId",
    "accountNo",
    "buyerLogonId",
    "buyerIdForPromotion",
)
_TOLD = frozenset(
    (
        "funCode", "reqDate", "reqTime", "merId", "shopNo", "deviceType", "payType", "orderDate",
        "orderId", "partnerOrderId", "refundOrderId", "refundPartnerOrderId", "transactionId",
        "paySeq", "amount", "tradeState",
    )
)  # fmt: skip
"""Of a notification, the members that name no buyer. UMF may add others at any time."""
_MEMBER = re.compile(rf'("(?:{"|".join(_PERSONAL)})"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\\?$)')


def request_text(request: Request) -> str:
    lines = [f"{request.method} {request.url}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\n".join([*lines, "", body_text(request.body)])


def response_text(response: Response) -> str:
    lines = [f"HTTP {response.status}"]
    lines += [
        f"{name}: {response.headers[name]}"
        for name in ("Date", "Content-Type")
        if response.headers.get(name)
    ]
    return "\n".join([*lines, "", body_text(response.body)])


def callback_text(body: bytes) -> str:
    """A notification; what is not known to be harmless is masked, whatever its name."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return MASK
    if not isinstance(data, dict):
        return MASK
    return json.dumps(
        {
            name: value if name in _TOLD and isinstance(value, str) else MASK
            for name, value in data.items()
        }
    )


def body_text(body: bytes) -> str:
    text = body.decode("utf-8", errors="replace").replace("\x00", "\ufffd")
    return _MEMBER.sub(rf'\1"{MASK}"', text)
