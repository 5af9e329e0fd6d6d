"""The body of a DaxPay request, read strictly. Called by ``frame`` before all else looks at it.

The SDKs of different languages read equal names, NaN and large numbers differently, and what is
signed is what was read: all of these are refused. A refused body still says, as far as it can be
read, who sent it, so that the refusal can be signed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError
from django.utils.translation import gettext as _

MAX_DEPTH = 16
MAX_DIGITS = 30
"""No number of ours is longer; converting a longer one costs time with the square of its length."""
NAME = re.compile(r"[A-Za-z_][0-9A-Za-z_]{0,63}")
"""Names as every SDK writes them. Others would make two messages with one signed text."""


@dataclass(frozen=True)
class Fraction:
    """A JSON number with a point or an exponent; ``text`` is how it is signed. Never a float."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Body:
    """What was sent; ``fault`` says in one sentence what of it cannot be taken, or is empty."""

    members: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""


def read_request(request: HttpRequest) -> Body:
    """The body of ``request``. Raises nothing for anything that a stranger can send."""
    if request.headers.get("Transfer-Encoding"):
        # WSGI knows a body by its Content-Length; this one would be taken for an empty one.
        return Body(fault=_("Send a Content-Length, not a Transfer-Encoding."))
    try:
        return read(request.body)
    except RequestDataTooBig:
        most = settings.MAX_BODY_BYTES
        return Body(fault=_("The body may have at most %(most)s bytes.") % {"most": most})
    except UnreadablePostError:
        return Body(fault=_("The request cannot be read."))


def read(raw: bytes) -> Body:
    """A JSON object in UTF-8, or as much of it as can be read and the first fault."""
    return _Reader().read(raw)


class _Reader:
    """Goes on after a fault, to find out who is to be told of it."""

    def __init__(self) -> None:
        self.fault = ""

    def read(self, raw: bytes) -> Body:
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            self._note(_("The body is not UTF-8 (byte %(position)s).") % {"position": error.start})
            text = raw.decode(errors="replace")
        value = self._load(text)
        if not isinstance(value, dict):
            self._note(_("The body must be one JSON object, in braces."))
            return Body(fault=self.fault)
        for _path in self._walk(value):
            pass
        return Body(members=value, fault=self.fault)

    def _load(self, text: str) -> Any:
        decoder = json.JSONDecoder(
            object_pairs_hook=self._pairs,
            parse_int=self._integer,
            parse_float=self._fraction,
            parse_constant=self._constant,
        )
        try:
            return decoder.decode(text)
        except json.JSONDecodeError as error:
            place = {"line": error.lineno, "column": error.colno}
            self._note(_("The body is not JSON (line %(line)s, column %(column)s).") % place)
        except RecursionError:
            self._note(_("The body is nested too deeply."))
        return {}

    def _note(self, fault: str) -> None:
        self.fault = self.fault or fault

    def _pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            self._note(_("A name stands in the body twice."))
        return value

    def _integer(self, text: str) -> int:
        if len(text) > MAX_DIGITS:
            self._note(_("The body has a number of more than 30 digits."))
            return 0
        return int(text)

    def _fraction(self, text: str) -> Fraction:
        value = _decimal(text)
        if value is None:
            self._note(_("The body has a number of more than 30 digits."))
            return Fraction("0")
        whole = value.to_integral_value()
        return Fraction(str(int(whole)) if whole == value else format(value.normalize(), "f"))

    def _constant(self, name: str) -> None:
        self._note(_("%(name)s is not a JSON value.") % {"name": name})

    def _walk(self, top: dict[str, Any]) -> Iterator[None]:
        """Every name and text once, without recursion."""
        waiting: list[tuple[Any, int]] = [(top, 1)]
        while waiting:
            value, depth = waiting.pop()
            if depth > MAX_DEPTH:
                self._note(_("The body is nested too deeply."))
                return
            if isinstance(value, dict):
                if not all(NAME.fullmatch(name) for name in value):
                    self._note(_("A name in the body has other signs than letters and digits."))
                waiting.extend((inner, depth + 1) for inner in value.values())
            elif isinstance(value, list):
                waiting.extend((inner, depth + 1) for inner in value)
            elif isinstance(value, str) and not _is_whole(value):
                self._note(_("A text in the body has half a character."))
            yield


def _decimal(text: str) -> Decimal | None:
    """None where it is too long to be written out."""
    try:
        value = Decimal(text) if len(text) <= MAX_DIGITS else None
    except InvalidOperation:  # an exponent beyond all bounds
        return None
    return value if value is not None and abs(value.adjusted()) <= MAX_DIGITS else None


def _is_whole(text: str) -> bool:
    """Without half of a surrogate pair, which no UTF-8 can say."""
    return text.isascii() or not re.search("[\ud800-\udfff]", text)
