"""From an HTTP answer to a verified node, or to the Result that says why there is none.

Pure; used by the decoders of this package. The signature covers the node's own characters in the
body ("待验签内容"), so that the node is found by its place in the source and never serialised
again. Nothing that is not signed proves anything: not a success and not a failure either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from channels.alipay import errors, signing
from channels.alipay.account import Application, verification_keys
from channels.alipay.fields import CHINA
from channels.base import Account, Outcome, Response, Result

SUCCESS = "10000"
ERROR_NODE = "error_response"
Read = Callable[[Mapping[str, Any]], Result]

_SPACE = re.compile(r"[ \t\n\r]*")
_YUAN = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,2}))?")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class BadAnswer(Exception):
    """An answer that cannot be used. The call took place: always UNKNOWN."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """The members of an answer. ``signed`` is the node as it stands in the body."""

    node: Any
    signed: str
    signature: str
    cert_sn: str


def read_answer(
    kind: str,
    method: str,
    response: Response,
    account: Account,
    *,
    read: Read,
    codes: tuple[str, ...] = (SUCCESS,),
) -> Result:
    """``read`` turns the members of a verified node whose code is in ``codes`` into a Result.

    It may raise BadAnswer. ``kind`` is the command's, for the table of errors.
    """
    try:
        if response.status != 200:
            # "HTTP 200 always for business results": anything else is some machine on the way.
            raise BadAnswer(f"HTTP_{response.status}", "")
        envelope = open_envelope(response.body, method)
        data = _object(envelope.node)
        code = needed_text(data, "code")
        if not envelope.signature and code not in codes:
            return _error(data, errors.UNKNOWN, prefix="unsigned: ")
        check_signature(envelope, account)
        _expect_application(data, account)
        if code in codes:
            return read(data)
        return _error(data, errors.verdict_on(kind, code, text(data, "sub_code")))
    except BadAnswer as error:
        return Result(outcome=Outcome.UNKNOWN, code=error.code, message=error.message)


def _error(data: Mapping[str, Any], verdict: errors.Verdict, *, prefix: str = "") -> Result:
    code = text(data, "sub_code") or text(data, "code")
    message = text(data, "sub_msg") or text(data, "msg")
    return Result(
        outcome=verdict.outcome,
        state=verdict.state,
        code=code[:64],
        message=(prefix + message)[:500],
    )


def check_signature(envelope: Envelope, account: Account) -> None:
    """Raises BadAnswer."""
    try:
        if not envelope.signature:
            raise signing.Unverified("NO_SIGNATURE", "a success without a signature")
        key = signing.key_for(verification_keys(account), envelope.cert_sn)
        if not signing.fits(key, envelope.signature, envelope.signed.encode()):
            raise signing.Unverified("BAD_SIGNATURE", "the signature does not fit the node")
    except signing.Unverified as error:
        raise BadAnswer("BAD_SIGNATURE", f"{error.code}: {error.message}") from None
    except ValueError as error:
        raise BadAnswer("BAD_SIGNATURE", f"our verification keys: {error}") from None


def _expect_application(data: Mapping[str, Any], account: Account) -> None:
    """Most answers name neither; the ones that do must name ours."""
    application = Application.of(account)
    expect_if_named(data, "app_id", application.app_id)
    expect_if_named(data, "seller_id", application.seller_id)


# --- the envelope -------------------------------------------------------------------------


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_constant)
"""Numbers stay the text that they are in the source: an amount never becomes a float."""


def open_envelope(body: bytes, method: str) -> Envelope:
    """Find the node of ``method`` (or ``error_response``) and its signature. Raises BadAnswer."""
    try:
        source = body.decode()
        members = top_level(source)
    except (ValueError, RecursionError):
        raise BadAnswer("BAD_BODY", "the answer is no JSON object") from None
    names = [name for name in (node_name(method), ERROR_NODE) if name in members]
    if len(names) != 1:
        raise BadAnswer("BAD_BODY", f"the answer has no {node_name(method)}")
    node, start, end = members[names[0]]
    return Envelope(
        node=node,
        signed=source[start:end],
        signature=_member(members, "sign"),
        cert_sn=_member(members, "alipay_cert_sn"),
    )


def node_name(method: str) -> str:
    return method.replace(".", "_") + "_response"


def top_level(source: str) -> dict[str, tuple[Any, int, int]]:
    """Name to (value, start, end) of each member of the JSON object ``source``; ``start`` and
    ``end`` are the value's place in it. Raises ValueError (also for a name that stands twice)."""
    members: dict[str, tuple[Any, int, int]] = {}
    at = _after(source, _space(source, 0), "{")
    at = _space(source, at)
    while not source.startswith("}", at):
        if members:
            at = _space(source, _after(source, at, ","))
        if not source.startswith('"', at):
            raise ValueError("no name where one must stand")
        name, at = _DECODER.raw_decode(source, at)
        start = _space(source, _after(source, _space(source, at), ":"))
        value, end = _DECODER.raw_decode(source, start)
        if name in members:
            raise ValueError(f"{name} stands twice")
        members[name] = (value, start, end)
        at = _space(source, end)
    if _space(source, at + 1) != len(source):
        raise ValueError("something follows the object")
    return members


def _space(source: str, at: int) -> int:
    match = _SPACE.match(source, at)
    return match.end() if match else at


def _after(source: str, at: int, sign: str) -> int:
    if not source.startswith(sign, at):
        raise ValueError(f"no {sign} where one must stand")
    return at + 1


def _member(members: Mapping[str, tuple[Any, int, int]], name: str) -> str:
    value = members[name][0] if name in members else ""
    return value if isinstance(value, str) else ""


def _object(node: Any) -> Mapping[str, Any]:
    if not isinstance(node, dict):
        raise BadAnswer("BAD_BODY", "the answer's node is no JSON object")
    return node


# --- reading members ----------------------------------------------------------------------


def text(data: Mapping[str, Any], name: str) -> str:
    """A text (or number, as it was written); "" where it is absent. Raises BadAnswer when it is
    something else. What no database can keep is replaced."""
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadAnswer("BAD_BODY", f"{name} is no text")
    return _UNSTORABLE.sub("\ufffd", value)


def needed_text(data: Mapping[str, Any], name: str) -> str:
    value = text(data, name)
    if not value:
        raise BadAnswer("BAD_BODY", f"{name} is missing")
    return value


def fen(data: Mapping[str, Any], name: str) -> int | None:
    """An amount in yuan (``"88.88"``, ``"88"``) as fen; None where it is absent."""
    value = text(data, name)
    if not value:
        return None
    match = _YUAN.fullmatch(value)
    if match is None:
        raise BadAnswer("BAD_BODY", f"{name} is no amount in yuan")
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def moment(data: Mapping[str, Any], name: str) -> datetime | None:
    """``yyyy-MM-dd HH:mm:ss``, with or without ``.SSS``, is Chinese time; None where absent."""
    value = text(data, name)
    if not value:
        return None
    try:
        if not _TIME.fullmatch(value):
            raise ValueError
        return datetime.fromisoformat(value).replace(tzinfo=CHINA).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadAnswer("BAD_BODY", f"{name} is no time") from None


def entries(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """A list of objects; [] where it is absent."""
    value = data.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise BadAnswer("BAD_BODY", f"{name} is no list of objects")
    return value


def expect(data: Mapping[str, Any], name: str, ours: str) -> None:
    """The answer must speak of our number."""
    if ours and needed_text(data, name) != ours:
        raise BadAnswer("ANSWER_MISMATCH", f"the answer's {name} is not {ours}")


def expect_if_named(data: Mapping[str, Any], name: str, ours: str) -> None:
    """As ``expect``, for a member that the provider may leave out."""
    if text(data, name):
        expect(data, name, ours)
