"""The body of a request, read strictly: one JSON object, every member of it known and typed.

Called by the views. Python's reader is lenient where money must not be: it takes the last of two
equal names, NaN, and turns ``0.1`` into a float. A fraction stays a word here (``Fraction``), and
yuan become fen in whole numbers only.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gateway.api.minapp.errors import Fault, wrong
from orders.money import parse_yuan

MAX_DIGITS = 30
INT_MAX = 2**63 - 1
# Control characters break lines in logs and statements; half a surrogate pair is no character.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
YUAN = re.compile(r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,20})?")
WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")


@dataclass(frozen=True)
class Fraction:
    """A JSON number with a point or an exponent. Never becomes a float."""

    text: str


class Unreadable(ValueError):
    """Not JSON as this door takes it. ``message`` is for people."""

    def __init__(self, message: str | Promise) -> None:
        super().__init__()
        self.message = message


def body(request: HttpRequest) -> Members:
    """The JSON object in the body; an empty body is an empty object. Raises Fault."""
    if request.headers.get("Transfer-Encoding"):
        # WSGI knows a body by its Content-Length; this one would be taken for an empty one.
        raise Fault(400, _("Send a Content-Length, not a Transfer-Encoding."))
    raw = request.body
    try:
        value = load(raw.decode("utf-8")) if raw else {}
    except UnicodeDecodeError as error:
        message = _("The body is not UTF-8 (byte %(position)s).") % {"position": error.start}
        raise Fault(400, message) from None
    except Unreadable as error:
        raise Fault(400, error.message) from None
    if not isinstance(value, dict):
        raise Fault(400, _("The body must be one JSON object, in braces."))
    return Members(value)


def load(text: str) -> Any:
    """JSON without its traps. Raises Unreadable."""
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise Unreadable(
            _("The body is not JSON (line %(line)s, column %(column)s).")
            % {"line": error.lineno, "column": error.colno}
        ) from None
    except RecursionError:
        raise Unreadable(_("The body is nested too deeply.")) from None


def printable(text: str) -> str:
    """A stranger's words, fit to be repeated: short, and without half characters."""
    return UNPRINTABLE.sub("�", text[:64])


class Members:
    """A JSON object whose members are taken one by one; null counts as not given.

    Every taker raises Fault with the member's name and the rule. ``end`` refuses what nobody took:
    a misspelt ``refund_amount`` must not become a refund of everything.
    """

    def __init__(self, members: Mapping[str, Any], prefix: str = "") -> None:
        self._left = {name: value for name, value in members.items() if value is not None}
        self._prefix = prefix

    def name(self, name: str) -> str:
        return f"{self._prefix}{name}"

    def wrong(self, name: str, message: str | Promise) -> Fault:
        return wrong(self.name(name), message)

    def take(self, name: str, *, required: bool = False) -> Any:
        if required and name not in self._left:
            raise self.wrong(name, _("Is required."))
        return self._left.pop(name, None)

    def text(self, name: str, *, longest: int, required: bool = False) -> str:
        """One printable line; "" where it is not given."""
        value = self.take(name, required=required)
        if value is None:
            return ""
        if type(value) is not str:
            raise self.wrong(name, _("Must be a string."))
        if UNPRINTABLE.search(value):
            raise self.wrong(name, _("Must be one line of printable characters."))
        if len(value) > longest:
            raise self.wrong(name, _("At most %(most)s characters.") % {"most": longest})
        if required and not value.strip():
            raise self.wrong(name, _("Is required."))
        return value

    def one_of(self, name: str, known: Mapping[str, Any]) -> str:
        """A word of the table."""
        value = self.text(name, longest=64, required=True)
        if value not in known:
            message = _("Must be one of %(values)s.") % {"values": ", ".join(known)}
            raise self.wrong(name, message)
        return value

    def flag(self, name: str) -> bool:
        value = self.take(name)
        if value is not None and type(value) is not bool:
            raise self.wrong(name, _("Must be true or false."))
        return bool(value)

    def fen(self, name: str) -> int:
        """A whole number of fen above zero, as a JSON integer."""
        value = self.take(name, required=True)
        if type(value) is not int:
            raise self.wrong(name, _("Must be a whole number of fen, written as a JSON integer."))
        if value <= 0:
            raise self.wrong(name, _("Must be more than 0."))
        return value

    def whole(self, name: str) -> int | None:
        """An integer, also as a string of digits (numbers of tables and people come as both)."""
        value = self.take(name)
        if value is None:
            return None
        number = whole(value)
        if number is None:
            raise self.wrong(name, _("Must be a whole number."))
        return number

    def yuan(self, name: str, *, required: bool = False) -> int | None:
        """An amount in yuan above zero, as a number or a string → fen."""
        value = self.take(name, required=required)
        if value is None:
            return None
        fen = yuan(value)
        if fen is None or fen <= 0:
            raise self.wrong(
                name, _("Must be an amount in yuan above 0, with at most two decimals.")
            )
        return fen

    def objects(self, name: str, *, most: int) -> list[Members]:
        """A list of one to ``most`` objects."""
        value = self.take(name, required=True)
        if type(value) is not list or not 1 <= len(value) <= most:
            message = _("Must be a list of 1 to %(most)s objects.") % {"most": most}
            raise self.wrong(name, message)
        if any(type(one) is not dict for one in value):
            raise self.wrong(name, _("Must be a list of objects."))
        return [Members(one, f"{self.name(name)}[{at}].") for at, one in enumerate(value)]

    def end(self) -> None:
        """Refuse what is left."""
        for name in self._left:
            raise self.wrong(printable(name), _("There is no such field here."))


def whole(value: Any) -> int | None:
    """An integer that fits the database, from JSON or from text; None for anything else."""
    if type(value) is str and WHOLE.fullmatch(value):
        value = int(value)
    if type(value) is not int or not -INT_MAX <= value <= INT_MAX:
        return None
    return value


def yuan(value: Any) -> int | None:
    """``398``, ``398.00`` or ``"398.00"`` → 39800 fen, exactly; None for anything else, also for
    parts of a fen."""
    text = value.text if isinstance(value, Fraction) else str(value)
    if type(value) not in (int, str, Fraction) or not YUAN.fullmatch(text):
        return None
    try:
        return parse_yuan(text)
    except ValueError:
        return None


def dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def storable(value: Any, *, longest: int) -> Any:
    """A decoded JSON value as it is kept: fractions become their text, so that nothing is lost.

    Raises Unreadable for what the database does not take inside JSON, or what is too much.
    """
    try:
        kept = _plain(value)
        size = len(dump(kept))
    except RecursionError:
        raise Unreadable(_("The body is nested too deeply.")) from None
    if size > longest:
        raise Unreadable(_("At most %(most)s characters.") % {"most": longest})
    return kept


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return value.text
    if isinstance(value, dict):
        return {_plain(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str) and UNSTORABLE.search(value):
        raise Unreadable(_("Has a character that cannot be kept."))
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        counts = Counter(name for name, _value in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        message = _("The name “%(name)s” stands in the body twice.")
        raise Unreadable(message % {"name": printable(twice)})
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise Unreadable(_("The body has a number of more than 30 digits."))
    return int(text)


def _constant(name: str) -> NoReturn:
    raise Unreadable(_("%(name)s is not a JSON value.") % {"name": name})


_decoder = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_integer, parse_float=Fraction, parse_constant=_constant
)
