"""Building signed requests: what may stand in a field, and how JSON is put on this wire.

Pure; used by the encoders of this package. The content is posted as ``application/json``
[inferred: one public page says "标准http包头+JSON包体", others use a form field ``context``].
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from channels.base import Account, EncodeError, Request
from channels.ulid import created_at
from channels.umf import signing
from channels.umf.account import Merchant, signing_key

CHINA = timezone(timedelta(hours=8))
READ_TIMEOUT = 70
"""Seconds. "同步接口建议商户的超时时间>1分钟"."""
USER_AGENT = "zhangfang/1"
_NUMBER = re.compile(r"[0-9A-Za-z]{1,32}")
_NOTIFY_URL = re.compile(r"https?://[0-9A-Za-z/&%?=.:_-]+")


def signed_request(
    path: str, fields: Mapping[str, str], account: Account, *, base: str = ""
) -> Request:
    """``fields`` in the order of the interface; what is empty is sent as an empty text ("没有值的
    参数也需要传递，值指定为空串") and does not count for the signature."""
    key = signing_key(account)
    body = {**fields, "sign": signing.sign(key, signing.asking(fields))}
    return Request(
        method="POST",
        url=f"{base or Merchant.of(account).base_url}/{path}",
        headers={
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
        },
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
        read_timeout=float(READ_TIMEOUT),
    )


def number(name: str, value: str) -> str:
    if not _NUMBER.fullmatch(value):
        raise EncodeError(name, f"{value!r} is not in the form that UMF takes")
    return value


def text(name: str, value: str, *, most: int) -> str:
    """What is shown to the customer; cut to what the field holds, alike in every repeat."""
    if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise EncodeError(name, "has half a character")
    return value[:most]


def needed(name: str, value: str) -> str:
    if not value:
        raise EncodeError(name, "is needed and empty")
    return value


def fen(name: str, value: int) -> str:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise EncodeError(name, "must be at least 1 fen")
    return str(value)


def notify_url(value: str) -> str:
    """ "支持大小写字母,数字,'/','&','%','?','='": and surely the dots and the colon that every
    address has. ``-`` and ``_`` are taken too [inferred: neither is ever escaped]."""
    if len(value) > 256 or not _NOTIFY_URL.fullmatch(value):
        raise EncodeError("notify_url", "is not in the form that UMF takes")
    return value


def currency(value: str) -> None:
    if value != "CNY":
        raise EncodeError("currency", "UMF takes CNY only")


def moment(our_number: str, now: datetime) -> dict[str, str]:
    """reqDate and reqTime: when our number was made, so that a repeat says the same."""
    made = (made_at(our_number) or now).astimezone(CHINA)
    return {"reqDate": made.strftime("%Y%m%d"), "reqTime": made.strftime("%H%M%S")}


def order_date(order_no: str) -> str:
    """orderDate, "原订单日期": the reqDate under which the payment was asked for; "" where the
    number does not tell."""
    made = made_at(order_no)
    return made.astimezone(CHINA).strftime("%Y%m%d") if made else ""


def made_at(our_number: str) -> datetime | None:
    try:
        return created_at(our_number)
    except ValueError:
        return None
