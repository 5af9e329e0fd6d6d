"""From an HTTP answer to verified members, or to the Result that says why there are none.

Pure; used by the decoders of this package. "交易的结果无论成功还是失败，响应的http报文头status均为
200OK": another status is no answer of UMF's system. What does not verify is UNKNOWN.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from channels.base import Account, Outcome, Response, Result
from channels.umf import signing
from channels.umf.account import platform_key
from channels.umf.fields import CHINA

Read = Callable[[Mapping[str, Any]], Result]


class BadAnswer(Exception):
    """An answer that cannot be used. The call took place: always UNKNOWN."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def read_answer(response: Response, account: Account, *, read: Read) -> Result:
    """``read`` turns the members of a verified answer into a Result; it may raise BadAnswer."""
    try:
        return read(verified(response, account))
    except BadAnswer as error:
        return Result(outcome=Outcome.UNKNOWN, code=error.code, message=error.message)


def verified(response: Response, account: Account) -> dict[str, Any]:
    """Raises BadAnswer."""
    if response.status != 200:
        raise BadAnswer(f"HTTP_{response.status}", "no answer of UMF's own")
    data = json_object(response.body)
    try:
        key = platform_key(account)
    except ValueError as error:
        raise BadAnswer("BAD_SIGNATURE", f"our verification key: {error}") from None
    signature = data.get("sign")
    if not isinstance(signature, str) or not signature:
        raise BadAnswer("BAD_SIGNATURE", "the answer is not signed")
    if not signing.is_signed(key, signing.answering(data), signature):
        raise BadAnswer("BAD_SIGNATURE", "the signature does not fit the answer")
    return data


def json_object(body: bytes) -> dict[str, Any]:
    """Numbers stay the text that they were: it is text that was signed."""
    try:
        data = json.loads(
            body, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_once
        )
    except (ValueError, RecursionError):
        raise BadAnswer("BAD_BODY", "no JSON, or a name twice") from None
    if not isinstance(data, dict):
        raise BadAnswer("BAD_BODY", "no JSON object")
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found


def text(data: Mapping[str, Any], name: str) -> str:
    """A member as text; "" where it is absent. Raises BadAnswer where it is no text or number."""
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadAnswer("BAD_BODY", f"{name} is no text")
    return value


def first_text(data: Mapping[str, Any], *names: str) -> str:
    """The first of several spellings that is there."""
    return next((value for name in names if (value := text(data, name))), "")


def needed_text(data: Mapping[str, Any], name: str) -> str:
    value = text(data, name)
    if not value:
        raise BadAnswer("BAD_BODY", f"{name} is missing")
    return value


def ret_code(data: Mapping[str, Any]) -> str:
    code = needed_text(data, "retCode")
    if not re.fullmatch(r"[0-9A-Za-z]{1,8}", code):
        raise BadAnswer("BAD_BODY", "retCode is no code")
    return code


def fen(data: Mapping[str, Any], name: str) -> int | None:
    """Fen in decimal digits, which may be padded with zeros ("000000008888")."""
    value = text(data, name)
    if not value:
        return None
    if not re.fullmatch(r"[0-9]{1,13}", value):
        raise BadAnswer("BAD_BODY", f"{name} is no number of fen")
    return int(value)


def expect(data: Mapping[str, Any], name: str, ours: str) -> None:
    """Where the answer names an order, it must be the one that was asked about."""
    given = text(data, name)
    if ours and given and given != ours:
        raise BadAnswer("ANSWER_MISMATCH", f"the answer's {name} is not {ours}")


def platform_time(data: Mapping[str, Any]) -> datetime | None:
    """platDate and platTime (China time) as aware UTC; None where they are no time."""
    value = text(data, "platDate") + text(data, "platTime")
    if not re.fullmatch(r"[0-9]{14}", value):
        return None
    try:
        local = datetime.strptime(value, "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
    except ValueError:
        return None
    return local.astimezone(UTC)
