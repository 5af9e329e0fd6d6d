"""Reading JSON as 开个店's partners write it. Used by ``envelope`` and ``inputs``; no rule about
orders stands here.

The documents write a number as ``2000`` or ``"2000"``, a time as ``2019-07-08 20:42:47`` or as
seconds since 1970, one field under two names, and one name twice in one object. All of that is
read; what would have to be guessed is refused, with the field's name (``errors.Failure``, 21).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from gateway.api.kaigedian.errors import Failure, missing, wrong

CHINA = ZoneInfo("Asia/Shanghai")
TIME_FORM = "%Y-%m-%d %H:%M:%S"
MAX_DIGITS = 30
"""Converting a longer number costs time with the square of its length."""
MS_MAX = 253_402_214_400_000
"""The last midnight of the year 9999: any later, and China would be in the next."""
TEXT_MAX = 1024
"""Of any text; the services know the limit of each."""
_DIGITS = re.compile(r"[0-9]{1,19}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = re.compile(r"[0-9]{1,10}")
_MILLISECONDS = re.compile(r"[0-9]{11,15}")


@dataclass(frozen=True)
class Fraction:
    """A JSON number with a point or an exponent. No field takes one."""

    text: str


class Pairs(list[tuple[str, Any]]):
    """A JSON object with every name that stands in it, also those that stand in it twice."""


def load(text: str) -> Pairs:
    """One JSON object. Raises Failure."""
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise wrong(
            _("The body is not JSON (line %(line)s, column %(column)s).")
            % {"line": error.lineno, "column": error.colno}
        ) from None
    except RecursionError:
        raise wrong(_("The body is nested too deeply.")) from None
    if not isinstance(value, Pairs):
        raise wrong(_("The body must be one JSON object, in braces."))
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise wrong(_("The body has a number of more than 30 digits."))
    return int(text)


def _constant(name: str) -> NoReturn:
    raise wrong(_("%(name)s is not a JSON value.") % {"name": name})


_decoder = json.JSONDecoder(
    object_pairs_hook=Pairs, parse_int=_integer, parse_float=Fraction, parse_constant=_constant
)


def printable(text: str) -> str:
    """A stranger's words, fit to be repeated: short, and without half characters."""
    return text[:64].encode("utf-8", "replace").decode()


def is_digits(value: object) -> bool:
    """A whole number, as number or as text."""
    if isinstance(value, str):
        return _DIGITS.fullmatch(value) is not None
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


class Reader:
    """Typed access to one object. ``where`` stands before the names in messages; ``repeated`` are
    the names that may stand in it more than once. An absent name, null and ``""`` are the same."""

    def __init__(self, pairs: Pairs, *, where: str = "", repeated: Collection[str] = ()) -> None:
        self.where = where
        self._values: dict[str, list[Any]] = {}
        for name, value in pairs:
            said = self._values.setdefault(name, [])
            if said and name not in repeated and value != said[0]:
                raise wrong(
                    _("The name “%(name)s” stands in the body twice.")
                    % {"name": where + printable(name)}
                )
            said.append(value)

    def all(self, name: str) -> list[Any]:
        """Everything that stands under ``name``, but not the nothings."""
        return [value for value in self._values.get(name, []) if value not in (None, "")]

    def is_there(self, *names: str) -> bool:
        """Some value stands there, even an empty one."""
        return any(value is not None for name in names for value in self._values.get(name, []))

    def one(self, *names: str) -> Any:
        """The value under any of the names, or None. Two that differ are refused."""
        found = [(name, value) for name in names for value in self.all(name)[:1]]
        if any(value != found[0][1] for _name, value in found):
            raise wrong(
                _("%(field)s and %(other)s say different things.")
                % {"field": self.where + found[0][0], "other": self.where + found[1][0]}
            )
        return found[0][1] if found else None

    def text(self, *names: str, longest: int = TEXT_MAX, required: bool = False) -> str:
        """``""`` where there is none. A whole number is taken as its digits."""
        value = self.one(*names)
        text = "" if value is None else as_text(value, self.where + names[0], longest=longest)
        if not text:
            self._need(required, names)
        return text

    def whole(
        self, *names: str, least: int = 0, most: int = 10**12, required: bool = False
    ) -> int | None:
        """A whole number from ``least`` to ``most``, as number or as digits."""
        value = self.one(*names)
        if value is None:
            self._need(required, names)
            return None
        return as_whole(value, self.where + names[0], least=least, most=most)

    def flag(self, *names: str, required: bool = False) -> bool | None:
        value = self.one(*names)
        if value is None:
            self._need(required, names)
            return None
        known = {True: True, False: False, "true": True, "false": False}
        # 1 and 0 equal True and False for Python, but are no booleans.
        if not isinstance(value, bool | str) or value not in known:
            raise wrong(_("%(field)s must be true or false.") % {"field": self.where + names[0]})
        return known[value]

    def code(self, known: Sequence[int], *names: str, required: bool = False) -> int | None:
        """One of the numbers of an enumeration."""
        value = self.one(*names)
        if value is None:
            self._need(required, names)
            return None
        return as_code(value, self.where + names[0], known)

    def codes(self, known: Sequence[int] | None, *names: str) -> tuple[int, ...]:
        """A list of such numbers, without repetitions; one alone counts as a list of one."""
        value = self.one(*names)
        name = self.where + names[0]
        read: Callable[[Any], int] = (
            (lambda each: as_whole(each, name, least=0, most=32767))
            if known is None
            else (lambda each: as_code(each, name, known))
        )
        listed = value if isinstance(value, list) and not isinstance(value, Pairs) else [value]
        if value is None:
            return ()
        if len(listed) > 100:
            raise too_many(name, 100)
        return tuple(dict.fromkeys(read(each) for each in listed))

    def time(self, *names: str) -> datetime | None:
        """``yyyy-MM-dd HH:mm:ss`` in China, or seconds or milliseconds since 1970."""
        value = self.one(*names)
        return None if value is None else as_time(value, self.where + names[0])

    def milliseconds(self, *names: str, required: bool = False) -> datetime | None:
        """Milliseconds since 1970, as number or as digits."""
        value = self.whole(*names, most=MS_MAX, required=required)
        return None if value is None else from_ms(value)

    def inner(self, name: str) -> Reader | None:
        """The object under ``name``."""
        value = self.one(name)
        if value is None:
            return None
        if not isinstance(value, Pairs):
            raise wrong(_("%(field)s must be an object.") % {"field": self.where + name})
        return Reader(value, where=f"{self.where}{name}.")

    def objects(self, name: str, *, most: int) -> list[Reader]:
        """The list of objects under ``name``; none where it is absent."""
        value = self.one(name)
        if value is None:
            return []
        if isinstance(value, Pairs) or not isinstance(value, list):
            raise wrong(_("%(field)s must be a list.") % {"field": self.where + name})
        if len(value) > most:
            raise too_many(self.where + name, most)
        readers = []
        for number, each in enumerate(value):
            where = f"{self.where}{name}[{number}]"
            if not isinstance(each, Pairs):
                raise wrong(_("%(field)s must be an object.") % {"field": where})
            readers.append(Reader(each, where=f"{where}."))
        return readers

    def texts(self, *names: str, most: int) -> list[str]:
        """One text or a list of them; at least one."""
        value = self.one(*names)
        if value is None or value == []:
            raise missing(self.where + names[0])
        listed = value if isinstance(value, list) and not isinstance(value, Pairs) else [value]
        if len(listed) > most:
            raise too_many(self.where + names[0], most)
        found = [as_text(each, self.where + names[0], longest=128) for each in listed]
        if not all(found):
            raise missing(self.where + names[0])
        return found

    def _need(self, required: bool, names: Sequence[str]) -> None:
        if required:
            raise missing(self.where + names[0])


def too_many(name: str, most: int) -> Failure:
    return wrong(_("%(field)s may have at most %(most)s.") % {"field": name, "most": most})


def as_text(value: Any, name: str, *, longest: int) -> str:
    """``value`` as text; a whole number as its digits. Raises Failure."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise wrong(_("%(field)s must be text.") % {"field": name})
    if len(value) > longest:
        raise wrong(
            _("%(field)s has %(length)s characters; at most %(longest)s are allowed.")
            % {"field": name, "length": len(value), "longest": longest}
        )
    if any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF for char in value):
        raise wrong(_("%(field)s has a control character.") % {"field": name})
    return value.strip()


def as_whole(value: Any, name: str, *, least: int, most: int) -> int:
    """``value`` as a whole number. Raises Failure."""
    if not is_digits(value) or not least <= int(value) <= most:
        raise wrong(
            _("%(field)s must be a whole number from %(least)s to %(most)s.")
            % {"field": name, "least": least, "most": most}
        )
    return int(value)


def as_code(value: Any, name: str, known: Sequence[int]) -> int:
    """``value`` as one of ``known``. Raises Failure."""
    if not is_digits(value) or int(value) not in known:
        raise wrong(
            _("%(field)s must be one of %(known)s.")
            % {"field": name, "known": ", ".join(str(each) for each in sorted(known))}
        )
    return int(value)


def as_time(value: Any, name: str) -> datetime:
    """``value`` as aware UTC. Raises Failure."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str):
        if _SECONDS.fullmatch(text):
            return from_ms(int(text) * 1000)
        if _MILLISECONDS.fullmatch(text) and int(text) <= MS_MAX:
            return from_ms(int(text))
        if _TIME.fullmatch(text):
            found = _read_time(text)
            if found is not None:
                return found
    raise wrong(
        _("%(field)s must be a time: yyyy-MM-dd HH:mm:ss, or seconds since 1970.") % {"field": name}
    )


def _read_time(text: str) -> datetime | None:
    """China had summer time until 1991: what it skipped or repeated is read as PEP 495 says."""
    try:
        found = datetime.strptime(text, TIME_FORM).replace(tzinfo=CHINA).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found >= _EPOCH else None


def from_ms(value: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=value)


def to_ms(at: datetime) -> int:
    """Whole milliseconds since 1970, rounded down."""
    return (at - _EPOCH) // timedelta(milliseconds=1)
