"""From an HTTP answer to verified JSON, or to the Result that says why there is none.

Pure; used by the decoders of this package. Order of checks as in the provider's own SDKs: the
status first, then the signature (over raw bytes), then the words. Answers of 4xx and 5xx are
not signed by WeChat Pay: they are classified by the tables, never believed as proof.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from channels.base import Account, Outcome, Response, Result
from channels.wechat import errors, signing
from channels.wechat.account import verification_keys

REQUEST_ID = "Request-ID"
Read = Callable[[Mapping[str, Any]], Result]


class BadAnswer(Exception):
    """A verified answer that cannot be used. The call took place: always UNKNOWN."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def request_id(response: Response) -> str:
    return response.headers.get(REQUEST_ID, "")[:128]


def read_answer(
    kind: str, response: Response, account: Account, *, now: datetime, read: Read
) -> Result:
    """``read`` turns the members of a verified 200 (or none for 204) into a Result.

    It may raise BadAnswer. The provider's Request-ID is added to whatever comes out.
    """
    try:
        if response.status not in (200, 204):
            result = _error_result(kind, response)
        else:
            check_signature(response, account, now=now)
            result = read({} if response.status == 204 else json_object(response.body))
    except BadAnswer as error:
        result = Result(outcome=Outcome.UNKNOWN, code=error.code, message=error.message)
    return replace(result, request_id=request_id(response))


def check_signature(response: Response, account: Account, *, now: datetime) -> None:
    """ "没有携带签名的成功应答，应认为是伪造或被篡改的应答". Raises BadAnswer."""
    try:
        known = verification_keys(account)
    except ValueError as error:
        raise BadAnswer("BAD_SIGNATURE", f"our verification keys: {error}") from None
    try:
        signing.verify(response.headers, response.body, known, now=now)
    except signing.Unverified as error:
        # The POST very likely took effect (WeChat probes clients with false signatures): ask.
        raise BadAnswer("BAD_SIGNATURE", f"{error.code}: {error.message}") from None


def _error_result(kind: str, response: Response) -> Result:
    code, message = error_words(response)
    verdict = errors.verdict_on(kind, response.status, code)
    return Result(outcome=verdict.outcome, state=verdict.state, code=code, message=message)


def error_words(response: Response) -> tuple[str, str]:
    """Code and message of an error answer. 404, 405 and gateways may answer with empty bodies
    or pages: then the code is ``HTTP_<status>``, which no table knows."""
    try:
        error = json_object(response.body)
        code, message = needed_text(error, "code"), text(error, "message")
    except BadAnswer:
        return f"HTTP_{response.status}", ""
    return code[:64], (message + _detail(error))[:500]


def _detail(error: Mapping[str, Any]) -> str:
    """Field and issue of a PARAM_ERROR; never ``value``, which may be an openid."""
    detail = error.get("detail")
    if not isinstance(detail, dict):
        return ""
    words = [part for name in ("field", "issue") if (part := detail.get(name))]
    return f" ({' '.join(str(word) for word in words)})" if words else ""


# --- reading members ----------------------------------------------------------------------


def json_object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise BadAnswer("BAD_BODY", "the answer is no JSON") from None
    if not isinstance(data, dict):
        raise BadAnswer("BAD_BODY", "the answer is no JSON object")
    return data


def text(data: Mapping[str, Any], name: str) -> str:
    """A text member; "" where it is absent. Raises BadAnswer when it is something else."""
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadAnswer("BAD_BODY", f"{name} is no text")
    return value


def needed_text(data: Mapping[str, Any], name: str) -> str:
    value = text(data, name)
    if not value:
        raise BadAnswer("BAD_BODY", f"{name} is missing")
    return value


def fen(data: Mapping[str, Any], name: str) -> int | None:
    """``amount.<name>`` in fen; None where it is absent."""
    amount = data.get("amount")
    if amount is None:
        return None
    if not isinstance(amount, dict):
        raise BadAnswer("BAD_BODY", "amount is no object")
    return whole(amount, name, shown=f"amount.{name}")


def whole(data: Mapping[str, Any], name: str, *, shown: str = "") -> int | None:
    """A member in fen; None where it is absent."""
    value = data.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadAnswer("BAD_BODY", f"{shown or name} is no number of fen")
    return value


def objects(data: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of objects; [] where it is absent."""
    value = data.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise BadAnswer("BAD_BODY", f"{name} is no list of objects")
    return value


def moment(data: Mapping[str, Any], name: str) -> datetime | None:
    """An RFC 3339 time as aware UTC; None where it is absent."""
    value = text(data, name)
    if not value:
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise BadAnswer("BAD_BODY", f"{name} is no time") from None
    if parsed.tzinfo is None:
        raise BadAnswer("BAD_BODY", f"{name} has no time zone")
    return parsed.astimezone(UTC)


def expect(data: Mapping[str, Any], name: str, ours: str) -> None:
    """The answer must speak of our merchant and our number."""
    if ours and needed_text(data, name) != ours:
        raise BadAnswer("ANSWER_MISMATCH", f"the answer's {name} is not {ours}")
