"""The body of a request, read strictly. Called by the views before anything else looks at it.

Python's reader is lenient where money must not be: it takes the last of two equal names, NaN, and
turns ``1.0`` into a float. Here all of these are errors, and a fraction stays a word of its own
that no field accepts.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, NoReturn

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gateway.api.v1.problems import Problem

MAX_DIGITS = 30
"""No number of ours is longer; converting a longer one costs time with the square of its length."""


@dataclass(frozen=True)
class Fraction:
    """A JSON number with a point or an exponent. Never becomes a float."""

    text: str


class _Unreadable(ValueError):
    def __init__(self, message: str | Promise) -> None:
        super().__init__()
        self.message = message


def read_object(request: HttpRequest) -> dict[str, Any]:
    """The JSON object in the body; an empty body is an empty object. Raises Problem."""
    if request.headers.get("Transfer-Encoding"):
        # WSGI knows a body by its Content-Length; this one would be taken for an empty one.
        raise Problem("length_required", _("Send a Content-Length, not a Transfer-Encoding."))
    body = request.body
    if not body:
        return {}
    charset = request.content_params.get("charset", "utf-8").lower()  # type: ignore[union-attr]
    if request.content_type != "application/json" or charset not in ("utf-8", "utf8"):
        raise Problem(
            "unsupported_media_type",
            _("Send Content-Type: application/json, in UTF-8; this was “%(type)s”.")
            % {"type": (request.headers.get("Content-Type") or "")[:100]},
        )
    try:
        value = _load(body)
    except _Unreadable as error:
        raise Problem("malformed", error.message) from None
    if not isinstance(value, dict):
        raise Problem("malformed", _("The body must be one JSON object, in braces."))
    return value


def _load(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Unreadable(
            _("The body is not UTF-8 (byte %(position)s).") % {"position": error.start}
        ) from None
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise _Unreadable(
            _("The body is not JSON (line %(line)s, column %(column)s).")
            % {"line": error.lineno, "column": error.colno}
        ) from None
    except RecursionError:
        raise _Unreadable(_("The body is nested too deeply.")) from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        counts = Counter(name for name, _value in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise _Unreadable(
            _("The name “%(name)s” stands in the body twice.") % {"name": printable(twice)}
        )
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _Unreadable(_("The body has a number of more than 30 digits."))
    return int(text)


def _constant(name: str) -> NoReturn:
    raise _Unreadable(_("%(name)s is not a JSON value.") % {"name": name})


def printable(text: str) -> str:
    """A stranger's words, fit to be repeated: short, and without half characters."""
    return text[:64].encode("utf-8", "replace").decode()


_decoder = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_integer, parse_float=Fraction, parse_constant=_constant
)
