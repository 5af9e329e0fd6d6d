"""The members of a request: typed, bounded, and refused with a sentence that names the member.

Used by ``shapes`` and ``frame``. A sentence never repeats what was sent: a refusal is signed before
anybody knows who asked, and the wire's signature cannot tell where a repeated text ends (two
messages may have one signed text).

Members that are not named in a shape are signed like all others and not read: the SDKs grow. null
and a member that is not there are the same, and so is an empty text, which the Go SDK sends for
whatever was left out.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from gateway.api.daxpay.errors import Code, Failure, about
from gateway.api.daxpay.parsing import Fraction

BEIJING = ZoneInfo("Asia/Shanghai")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
MAX_FEN = 10**12
"""Far above every channel's own limit, which is checked later; far below bigint's."""
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
CONTROL_IN_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
VISIBLE = re.compile(r"[!-~]+")


class Field(Protocol):
    @property
    def required(self) -> bool: ...

    def read(self, value: Any, path: str) -> Any:
        """The checked value; ``value`` is there. Raises Failure."""


def broken(path: str, sentence: str, code: Code = Code.INVALID) -> Failure:
    return Failure(code, about(path, sentence))


@dataclass(frozen=True, kw_only=True)
class Text:
    """Characters; one line unless ``lines``."""

    most: int
    required: bool = False
    lines: bool = False

    def read(self, value: Any, path: str) -> str:
        if type(value) is not str:
            raise broken(path, _("Must be a string."))
        if len(value) > self.most:
            raise broken(path, _("May have at most %(most)s characters.") % {"most": self.most})
        if (CONTROL_IN_LINES if self.lines else CONTROL).search(value):
            raise broken(path, _("Must be one line of printable characters."))
        return value


@dataclass(frozen=True, kw_only=True)
class Number(Text):
    """A number of an order, a code or a word: visible ASCII."""

    def read(self, value: Any, path: str) -> str:
        text = super().read(value, path)
        if not VISIBLE.fullmatch(text):
            sentence = _("May have letters, digits and signs of ASCII, without spaces.")
            raise broken(path, sentence)
        return text


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A JSON integer of at least one."""

    required: bool = False
    most: int = MAX_FEN
    code: Code = Code.INVALID
    """Of the refusal of what is not above zero."""

    def read(self, value: Any, path: str) -> int:
        if type(value) is not int:
            raise broken(path, self._kind())
        if value <= 0:
            raise broken(path, _("Must be more than 0."), self.code)
        if value > self.most:
            raise broken(path, _("Must be at most %(most)s.") % {"most": self.most})
        return value

    def _kind(self) -> str:
        return _("Must be a whole number, written as a JSON integer.")


@dataclass(frozen=True, kw_only=True)
class Fen(Whole):
    """The smallest unit; never yuan."""

    def _kind(self) -> str:
        return _("Must be a whole number of fen, written as a JSON integer.")


@dataclass(frozen=True, kw_only=True)
class Flag:
    required: bool = False

    def read(self, value: Any, path: str) -> bool:
        if type(value) is not bool:
            raise broken(path, _("Must be true or false."))
        return value


@dataclass(frozen=True, kw_only=True)
class Moment:
    """``2026-11-20 18:30:00``, Beijing time; kept in UTC."""

    required: bool = False

    def read(self, value: Any, path: str) -> datetime:
        sentence = _("Must be Beijing time such as 2026-11-20 18:30:00.")
        if type(value) is not str or not TIME.fullmatch(value):
            raise broken(path, sentence)
        try:
            moment = datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING)
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise broken(path, sentence) from None


@dataclass(frozen=True, kw_only=True)
class Address:
    """An IPv4 or IPv6 address."""

    required: bool = False

    def read(self, value: Any, path: str) -> str:
        sentence = _("Must be an IPv4 or IPv6 address.")
        if type(value) is not str or len(value) > 64:
            raise broken(path, sentence)
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            raise broken(path, sentence) from None
        if getattr(address, "scope_id", None):  # means something on one machine only
            raise broken(path, sentence)
        return str(address)


@dataclass(frozen=True, kw_only=True)
class Url(Number):
    """An http or https address. Whether it may be called is decided when it is called."""

    most: int = 200

    def read(self, value: Any, path: str) -> str:
        text = super().read(value, path)
        if not _is_web_address(text):
            raise broken(path, _("Must be an http or https URL without a password."))
        return text


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_port = parts.port != 0
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and has_port
        and "@" not in parts.netloc
        and "\\" not in text
    )


@dataclass(frozen=True, kw_only=True)
class Degrees:
    """A longitude or latitude: the only member that may have a fraction. Not kept."""

    required: bool = False

    def read(self, value: Any, path: str) -> None:
        if type(value) is not int and not isinstance(value, Fraction | str):
            raise broken(path, _("Must be a number of degrees."))


@dataclass(frozen=True, kw_only=True)
class Several:
    """A list."""

    of: Field
    most: int
    required: bool = False

    def read(self, value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise broken(path, _("Must be a list."))
        if len(value) > self.most or (self.required and not value):
            sentence = _("Must have from 1 to %(most)s entries.") % {"most": self.most}
            raise broken(path, sentence)
        return [_read(self.of, inner, f"{path}[{index}]") for index, inner in enumerate(value)]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """An object with named members; ``read`` gives those that are there."""

    members: Mapping[str, Field] = field(default_factory=dict)
    required: bool = False

    def read(self, value: Any, path: str = "") -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise broken(path, _("Must be an object, in braces."))
        found = {}
        for name, one in self.members.items():
            where = f"{path}.{name}" if path else name
            checked = _read(one, value.get(name), where)
            if checked is not None:
                found[name] = checked
        return found


def _read(one: Field, value: Any, path: str) -> Any:
    is_blank = value is None or (isinstance(value, str) and not value.strip())
    if is_blank and one.required:
        code = one.code if isinstance(one, Whole) else Code.INVALID
        raise Failure(code, _("%(field)s is required.") % {"field": path})
    return None if is_blank else one.read(value, path)
