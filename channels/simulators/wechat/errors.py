"""WeChat Pay's refusals: HTTP status, code, message, detail. Raised inside the simulator only.

Messages are those of the official documents and probes; merchants must not depend on them
("message … 可能变化").
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from channels.simulators.core.fields import FieldError
from channels.simulators.core.web import Answer

INTERNAL_NUMBERS = {
    "ORDER_NOT_EXIST": 268512771,
    "ORDERPAID": 268498689,
    "ORDER_PAID": 268449538,
    "OUT_TRADE_NO_USED": 268498688,
}
"""The number after the last "-" of Request-ID, where the trouble-shooting list names one."""


class ApiError(Exception):
    def __init__(
        self, status: int, code: str, message: str, *, detail: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail

    def answer(self) -> Answer:
        document: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.detail is not None:
            document["detail"] = self.detail
        return json_answer(self.status, document)


def json_answer(status: int, document: dict[str, Any]) -> Answer:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    internal = INTERNAL_NUMBERS.get(str(document.get("code")), 0)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Request-ID": request_id(internal),
    }
    return Answer(status=status, headers=headers, body=body)


def request_id(internal: int = 0) -> str:
    return f"08{secrets.token_hex(14).upper()}-{internal}"


def bad_field(error: FieldError, *, location: str = "body") -> ApiError:
    """ "输入源…映射到值字段…": the pointer goes through ``properties`` as in a JSON schema."""
    pointer = "#" + "".join(f"/properties/{name}" for name in error.path)
    detail: dict[str, Any] = {"field": pointer, "issue": error.issue, "location": location}
    if isinstance(error.value, str | int | float | bool):
        detail["value"] = str(error.value)[:64]
    where = "/".join(error.path) or "body"
    return ApiError(400, "PARAM_ERROR", f"参数错误：{where} {error.issue}", detail=detail)


def bad_parameter(name: str, issue: str, *, location: str) -> ApiError:
    return bad_field(FieldError((name,), issue), location=location)


def sign_error(message: str) -> ApiError:
    return ApiError(401, "SIGN_ERROR", message)


def invalid(message: str) -> ApiError:
    """A business rule says no, finally."""
    return ApiError(400, "INVALID_REQUEST", message)


def require(query: Mapping[str, Sequence[str]], name: str) -> str:
    """A parameter of the query string that must be there, once and not empty."""
    values = query.get(name, [])
    if len(values) != 1:
        raise bad_parameter(name, "is required", location="query")
    return values[0]
