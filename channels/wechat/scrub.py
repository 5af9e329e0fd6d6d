"""What of an exchange may be kept: no secret, no personal data. Pure.

Works on text, not on parsed JSON, so that the rest stays as it was on the wire and a cut or
broken body is scrubbed too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from channels.base import Request, Response

MASK = "***"
_PERSONAL = (
    "openid",
    "sub_openid",
    "auth_code",
    "payer_client_ip",
    "user_received_account",
    "user_name",
    "real_name",
    "name",
    "number",
    "bank_account",
    "account",
    "package_info",  # Opens the payee's page of confirmation.
    "value",  # detail.value of a PARAM_ERROR repeats what was sent, an openid for instance.
)
_MEMBER = re.compile(rf'("(?:{"|".join(_PERSONAL)})"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\\?$)')
_CIPHERTEXT = re.compile(r'("ciphertext"\s*:\s*"[^"]{0,16})[^"]*')
_SIGNATURE = re.compile(r'(signature=")[^"]*')
_TOLD = frozenset(
    (
        "id", "create_time", "event_type", "resource_type", "summary", "algorithm", "original_type",
        "associated_data",
    )
)  # fmt: skip
"""Of a notification's envelope. All that it says of a payer is in the ciphertext, which the APIv3
key opens for ever."""
_KEPT_HEADERS = (
    "Date",
    "Content-Type",
    "Request-ID",
    "Retry-After",
    "Wechatpay-Serial",
    "Wechatpay-Timestamp",
    "Wechatpay-Nonce",
    "Wechatpay-Signature",
    "Wechatpay-Signature-Type",
)


def request_text(request: Request) -> str:
    lines = [f"{request.method} {request.url}"]
    for name, value in request.headers.items():
        shown = _SIGNATURE.sub(rf"\1{MASK}", value) if name == "Authorization" else value
        lines.append(f"{name}: {shown}")
    return _message(lines, request.body)


def response_text(response: Response) -> str:
    lines = [f"HTTP {response.status}", *_headers(response.headers)]
    return _message(lines, response.body)


def _headers(headers: Mapping[str, str]) -> list[str]:
    return [f"{name}: {headers[name]}" for name in _KEPT_HEADERS if headers.get(name)]


def _message(lines: list[str], body: bytes) -> str:
    if not body:
        return "\n".join(lines)
    return "\n".join([*lines, "", body_text(body)])


def callback_text(body: bytes) -> str:
    """A notification's envelope without what is sealed in it."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        return MASK
    return json.dumps(_told(envelope)) if isinstance(envelope, dict) else MASK


def _told(members: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in members.items():
        if name == "resource" and isinstance(value, dict):
            told[name] = {inner: _shown(inner, text) for inner, text in value.items()}
        else:
            told[name] = _shown(name, value)
    return told


def _shown(name: str, value: Any) -> str:
    return value if name in _TOLD and isinstance(value, str) else MASK


def body_text(body: bytes) -> str:
    text = body.decode("utf-8", errors="replace").replace("\x00", "\ufffd")
    text = _MEMBER.sub(rf'\1"{MASK}"', text)
    return _CIPHERTEXT.sub(r"\1…", text)
