"""Building signed requests: what may stand in a field, and how it is put on this wire.

Pure; used by the encoders of this package. Limits of length are the caller's business
(``Capabilities``); here a field is refused only when Alipay could not read it at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

from channels.alipay import signing
from channels.alipay.account import Application, signing_key
from channels.base import Account, EncodeError, Request

CHINA = timezone(timedelta(hours=8))
"""The gateway's clock, whatever this machine's is."""
CONTENT_TYPE = "application/x-www-form-urlencoded;charset=utf-8"
_NUMBER = re.compile(r"[0-9A-Za-z_]{1,64}")
_URL = re.compile(r"https?://\S+")
_BROKEN = re.compile("[\x00\ud800-\udfff]")


def signed_params(
    method: str,
    biz_content: Mapping[str, Any],
    account: Account,
    *,
    now: datetime,
    notify_url: str = "",
    return_url: str = "",
) -> dict[str, str]:
    """The public parameters ("公共请求参数") with their signature, in the order of the names,
    ``sign`` last; none of them is empty."""
    application = Application.of(account)
    params = {
        "app_id": application.app_id,
        "method": method,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": signing.SIGN_TYPE,
        "timestamp": china_time("now", now),
        "version": "1.0",
        "notify_url": notify_url,
        "return_url": return_url,
        "app_cert_sn": application.app_cert_sn,
        "alipay_root_cert_sn": application.root_cert_sn,
        "biz_content": to_json(biz_content),
    }
    kept = {name: params[name] for name in sorted(params) if params[name]}
    signature = signing.sign(signing_key(account), signing.sign_string(kept).encode())
    return {**kept, "sign": signature}


def signed_request(
    method: str,
    biz_content: Mapping[str, Any],
    account: Account,
    *,
    now: datetime,
    notify_url: str = "",
) -> Request:
    """A form by POST, everything in the body: no log of addresses ever sees a parameter."""
    params = signed_params(method, biz_content, account, now=now, notify_url=notify_url)
    return Request(
        method="POST",
        url=Application.of(account).gateway_url,
        headers={"Accept": "application/json", "Content-Type": CONTENT_TYPE},
        body=urlencode(params).encode(),
    )


def to_json(payload: Mapping[str, Any]) -> str:
    return json.dumps(without_empty(payload), ensure_ascii=False, separators=(",", ":"))


def without_empty(payload: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if value not in ("", None)}


def yuan(name: str, fen: int) -> str:
    """Fen as yuan with two decimals, by whole numbers."""
    if not isinstance(fen, int) or isinstance(fen, bool) or fen < 1:
        raise EncodeError(name, "must be at least 1 fen")
    return f"{fen // 100}.{fen % 100:02}"


def number(name: str, value: str) -> str:
    """Our own number: "64个字符以内、可包含字母、数字、下划线"."""
    if not _NUMBER.fullmatch(value):
        raise EncodeError(name, f"{value!r} is not in the form that Alipay takes")
    return value


def plain(name: str, value: str) -> str:
    if _BROKEN.search(value):
        raise EncodeError(name, "holds a character that is none")
    return value


def needed(name: str, value: str) -> str:
    if not value:
        raise EncodeError(name, "is needed and empty")
    return plain(name, value)


def url(name: str, value: str) -> str:
    if not _URL.fullmatch(value):
        raise EncodeError(name, f"{value!r} is no address")
    return plain(name, value)


def currency(value: str) -> str:
    if value != "CNY":
        raise EncodeError("currency", "Alipay takes CNY only")
    return value


def china_time(name: str, value: datetime) -> str:
    """``yyyy-MM-dd HH:mm:ss`` in Chinese time."""
    if value.tzinfo is None:
        raise EncodeError(name, "has no time zone")
    return value.astimezone(CHINA).replace(tzinfo=None).isoformat(" ", "seconds")


def trade(order_no: str, out_order_no: str) -> dict[str, str]:
    """The trade by our number, which exists from the first attempt on; by Alipay's only where we
    have none. Never both: "trade_no和out_trade_no同时存在优先取trade_no"."""
    if order_no:
        return {"out_trade_no": number("order_no", order_no)}
    return {"trade_no": needed("out_order_no", out_order_no)}
