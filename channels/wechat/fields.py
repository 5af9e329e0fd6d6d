"""Building signed requests: what may stand in a field, and how JSON is put on this wire.

Pure; used by the encoders of this package. Limits of length are the caller's business
(``Capabilities``); here a field is refused only when WeChat Pay could not read it at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from channels.base import Account, EncodeError, Request
from channels.wechat import signing
from channels.wechat.account import Merchant, signing_key

USER_AGENT = "zhangfang/1"
"""Needed: without it some endpoints answer 400 "Http头缺少Accept或User-Agent"."""
CHINA = timezone(timedelta(hours=8))
_ORDER_NO = re.compile(r"[0-9A-Za-z_\-|*]{6,32}")
_REFUND_NO = re.compile(r"[0-9A-Za-z_\-|*@]{1,64}")
_SHARE_NO = _REFUND_NO
_BILL_NO = re.compile(r"[0-9A-Za-z]{1,32}")
_NOTIFY_URL = re.compile(r"https?://[^?#\s]+")


def signed_request(
    method: str,
    target: str,
    payload: Mapping[str, Any] | None,
    *,
    account: Account,
    now: datetime,
    nonce: str,
    sealed_with: str = "",
    host: str = "",
) -> Request:
    """``target`` is the percent-encoded path with its query; it is signed and sent as it is.

    ``sealed_with`` is the serial of the key that encrypted a field of the payload; ``host``
    (scheme and all) stands in for the account's own address.
    """
    merchant = Merchant.of(account)
    url = (host or merchant.base_url) + target
    body = b"" if payload is None else to_json(payload)
    headers = {
        "Accept": "application/json",
        "User-Agent": USER_AGENT,
        "Authorization": signing.authorization(
            signing_key(account),
            mchid=merchant.mchid,
            serial=merchant.serial,
            method=method,
            target=path_of(url),
            timestamp=int(now.timestamp()),
            nonce=nonce,
            body=body,
        ),
    }
    if payload is not None:
        headers["Content-Type"] = "application/json"
    if sealed_with or merchant.public_key_id:
        # Asks for answers signed with the public key instead of a platform certificate; names
        # the key of what is encrypted, without which they cannot open it.
        headers["Wechatpay-Serial"] = sealed_with or merchant.public_key_id
    return Request(method=method, url=url, headers=headers, body=body)


def path_of(url: str) -> str:
    """Everything after the host, as it stands."""
    rest = url.split("://", 1)[1]
    return rest[rest.index("/") :]


def to_json(payload: Mapping[str, Any]) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def without_empty(payload: Mapping[str, Any]) -> dict[str, Any]:
    """ "不允许使用 null": what is not there is left out."""
    return {name: value for name, value in payload.items() if value not in ("", None)}


def plain(name: str, value: str) -> str:
    """WeChat Pay reads UTF-8 of one to three bytes a character: no emoji, no surrogates."""
    for character in value:
        if ord(character) > 0xFFFF or 0xD800 <= ord(character) <= 0xDFFF:
            raise EncodeError(name, f"WeChat Pay cannot read the character {character!r}")
    return value


def needed(name: str, value: str) -> str:
    if not value:
        raise EncodeError(name, "is needed and empty")
    return plain(name, value)


def order_no(value: str) -> str:
    return _matching("order_no", value, _ORDER_NO)


def refund_no(value: str) -> str:
    return _matching("refund_no", value, _REFUND_NO)


def share_no(name: str, value: str) -> str:
    """The number of an allocation, a finish or a return."""
    return _matching(name, value, _SHARE_NO)


def bill_no(value: str) -> str:
    """The number of a transfer: letters and digits only."""
    return _matching("transfer_no", value, _BILL_NO)


def in_path(value: str) -> str:
    return quote(value, safe="")


def at_most(name: str, value: str, characters: int) -> str:
    """For the few limits that no capability declares."""
    if len(value) > characters:
        raise EncodeError(name, f"has more than the {characters} characters that fit")
    return needed(name, value)


def notify_url(value: str) -> str:
    """ "通知URL必须为直接可访问的URL，不允许携带查询串"."""
    return plain("notify_url", _matching("notify_url", value, _NOTIFY_URL))


def _matching(name: str, value: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(value):
        raise EncodeError(name, f"{value!r} is not in the form that WeChat Pay takes")
    return value


def fen(name: str, value: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise EncodeError(name, "must be at least 1 fen")
    return value


def currency(value: str) -> str:
    if value != "CNY":
        raise EncodeError("currency", "WeChat Pay direct merchants take CNY only")
    return value


def china_time(name: str, value: datetime) -> str:
    """RFC 3339 in Chinese time, whole seconds."""
    if value.tzinfo is None:
        raise EncodeError(name, "has no time zone")
    return value.astimezone(CHINA).isoformat(timespec="seconds")
