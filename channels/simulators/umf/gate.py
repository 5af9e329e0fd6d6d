"""What a simulated UMF checks before it does anything: JSON, merchant, signature, members.

Called by ``simulator`` for every request. The body is JSON ("标准http包头+JSON包体") or a form
whose ``context`` is JSON ("报文具体内容包含在context内"): the pages show both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qs

from channels.simulators.core.web import Request
from channels.simulators.umf import codes
from channels.simulators.umf.codes import Refused, bad_parameter
from channels.simulators.umf.keys import Keys, asked

WALLETS = ("WX", "AL", "YL")
MEDIA = {"WX": r"1[0-5]\d{16}", "AL": r"(2[5-9]|30)\d{14,22}", "YL": r"62\d{17}"}
"""Payment codes: «10~15开头的长度18位», «25~30开头的长度为16~24位», «62开头长度19位»."""
_NUMBER = r"[0-9A-Za-z_-]{1,64}"
PATTERNS = {
    "merId": r"\d{8}",
    "orderId": _NUMBER,
    "refundOrderId": _NUMBER,
    "transactionId": r"[0-9A-Za-z]{1,32}",
    "amount": r"0*[1-9]\d{0,9}",
    "payType": "|".join(WALLETS),
    "mediaNo": r"\d{16,32}",
    "goodsId": r".{1,16}",
    "goodsInfo": r"(?s:.{1,128})",
    "openId": r".{1,28}",
    "appId": r".{1,18}",
    "expairTime": r"\d{1,4}",
    "notifyUrl": r"https?://[0-9A-Za-z/&%?=.:_-]{1,248}",
}
DATES = ("reqDate", "orderDate", "refundDate", "stlDate")
_MOMENT = ("reqDate", "reqTime")
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "activescan": (*_MOMENT, "orderId", "amount", "payType"),
    "unifiedcode": (*_MOMENT, "orderId", "amount", "payType", "openId"),
    "unactivescan": (
        *_MOMENT, "orderId", "amount", "payType", "mediaNo", "goodsId", "goodsInfo",
    ),
    "orderquery": (),
    "close": ("orderId",),
    "repeal": (*_MOMENT, "orderId", "amount", "payType", "orderDate"),
    "refund": (*_MOMENT, "orderId", "refundOrderId", "amount", "payType"),
    "refundquery": (*_MOMENT, "orderId", "refundOrderId"),
    "getCollateFile": ("stlDate",),
}  # fmt: skip


def content(request: Request) -> bytes:
    """The JSON of a request, wherever it stands."""
    body = request.body.strip()
    head = b"context="
    if not body.startswith(head):
        return body
    rest = body[len(head) :].strip()
    if rest.startswith((b"{", b'"')):  # not escaped: as the pages print it
        return rest
    return parse_qs(body.decode("latin-1"), encoding="utf-8").get("context", [""])[0].encode()


def read(request: Request) -> dict[str, str]:
    """The members as texts; raises Refused where there is no flat JSON object.

    Numbers stay the text that they were: it is text that was signed.
    """
    try:
        data = json.loads(content(request), parse_int=str, parse_float=str, parse_constant=str)
        if isinstance(data, str):  # context="{…}", quoted once more
            data = json.loads(data, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise Refused(codes.SYSTEM_ERROR, "报文不是JSON") from None
    if not isinstance(data, dict):
        raise Refused(codes.SYSTEM_ERROR, "报文不是JSON对象")
    for name, value in data.items():
        if value is not None and not isinstance(value, str):
            raise bad_parameter(name, "must be a text")
    return {name: value or "" for name, value in data.items()}


def check(op: str, members: Mapping[str, str], *, keys: Keys, mer_id: str) -> dict[str, str]:
    """The members that are not empty, once all is in order. Raises Refused."""
    if not keys.merchant_signed(asked(members), members.get("sign", "")):
        raise Refused(codes.BAD_SIGNATURE)
    filled = {name: value for name, value in members.items() if value}
    if filled.get("merId") != mer_id:
        raise bad_parameter("merId", "is not the merchant that signed")
    for name in REQUIRED[op]:
        if name not in filled:
            raise bad_parameter(name, "is required")
    if op == "orderquery" and not {"orderId", "transactionId"} & filled.keys():
        raise bad_parameter("orderId", "or transactionId is required")
    for name, value in filled.items():
        _check_member(name, value)
    media = filled.get("mediaNo")
    if media is not None and not re.fullmatch(MEDIA[filled["payType"]], media):
        raise bad_parameter("mediaNo", "is no payment code of this payType")
    return filled


def _check_member(name: str, value: str) -> None:
    pattern = PATTERNS.get(name)
    if pattern is not None and not re.fullmatch(pattern, value):
        raise bad_parameter(name, "is out of form")
    if name in DATES and not _is_moment(value, "%Y%m%d", digits=8):
        raise bad_parameter(name, "must be yyyyMMdd")
    if name == "reqTime" and not _is_moment(value, "%H%M%S", digits=6):
        raise bad_parameter(name, "must be HHmmss")


def _is_moment(text: str, form: str, *, digits: int) -> bool:
    if not re.fullmatch(rf"[0-9]{{{digits}}}", text):
        return False
    try:
        datetime.strptime(text, form)  # noqa: DTZ007 - only whether there is such a day or time
    except ValueError:
        return False
    return True
