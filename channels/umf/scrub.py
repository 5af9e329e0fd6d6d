"""What of an exchange may be kept: no secret, no personal data. Pure."""

from __future__ import annotations

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


def body_text(body: bytes) -> str:
    text = body.decode("utf-8", errors="replace").replace("\x00", "\ufffd")
    return _MEMBER.sub(rf'\1"{MASK}"', text)
