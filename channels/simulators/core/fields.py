"""Strict checks of a request's JSON, for the simulators only; never used by a codec.

A provider lists its members once as data (``Shape``); ``check`` refuses what is missing, unknown,
of another type, too long, or out of its alphabet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

WHOLE_MAX = 100_000_000_000


@dataclass(frozen=True, kw_only=True)
class Text:
    max: int
    min: int = 1
    pattern: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Whole:
    min: int = 0
    max: int = WHOLE_MAX
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Flag:
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Moment:
    """RFC 3339 with an offset."""

    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Shape:
    members: Mapping[str, Field]
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Many:
    of: Field
    max: int
    required: bool = False


Field = Text | Whole | Flag | Moment | Shape | Many

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


class FieldError(Exception):
    """One member is wrong. ``path`` leads to it from the top."""

    def __init__(self, path: tuple[str, ...], issue: str, value: object = None) -> None:
        super().__init__(f"{'/'.join(path)}: {issue}")
        self.path = path
        self.issue = issue
        self.value = value


def parse_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object. Refuses doubled members, NaN and what is not UTF-8."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise ValueError("a member is given twice")
        return members

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is not JSON")

    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise FieldError((), f"not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise FieldError((), "not a JSON object")
    return value


def parse_moment(text: str) -> datetime:
    if not RFC3339.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text)


def check(value: Any, field: Field, path: tuple[str, ...] = ()) -> None:
    """Raise FieldError where ``value`` is not what ``field`` describes."""
    if value is None:
        raise FieldError(path, "null is not allowed")
    match field:
        case Text():
            _check_text(value, field, path)
        case Whole():
            _check_whole(value, field, path)
        case Flag():
            if not isinstance(value, bool):
                raise FieldError(path, "must be true or false", value)
        case Moment():
            _check_moment(value, path)
        case Shape():
            _check_shape(value, field, path)
        case Many():
            _check_many(value, field, path)


def _check_text(value: Any, field: Text, path: tuple[str, ...]) -> None:
    if not isinstance(value, str):
        raise FieldError(path, "must be a string", value)
    if any(ord(sign) > 0xFFFF or 0xD800 <= ord(sign) <= 0xDFFF for sign in value):
        raise FieldError(path, "only characters of up to three UTF-8 bytes are allowed")
    if not field.min <= len(value) <= field.max:
        raise FieldError(path, f"length must be {field.min} to {field.max}", value)
    if field.pattern and not re.fullmatch(field.pattern, value):
        raise FieldError(path, f"must match {field.pattern}", value)
    if field.choices and value not in field.choices:
        raise FieldError(path, f"must be one of {', '.join(field.choices)}", value)


def _check_whole(value: Any, field: Whole, path: tuple[str, ...]) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise FieldError(path, "must be an integer", value)
    if not field.min <= value <= field.max:
        raise FieldError(path, f"must be {field.min} to {field.max}", str(value)[:40])


def _check_moment(value: Any, path: tuple[str, ...]) -> None:
    try:
        parse_moment(value if isinstance(value, str) else "")
    except ValueError:
        raise FieldError(path, "must be an RFC 3339 time with an offset", value) from None


def _check_shape(value: Any, field: Shape, path: tuple[str, ...]) -> None:
    if not isinstance(value, dict):
        raise FieldError(path, "must be an object", value)
    for name, member in field.members.items():
        if member.required and name not in value:
            raise FieldError((*path, name), "is required")
    for name, inner in value.items():
        known = field.members.get(name)
        if known is None:
            raise FieldError((*path, name), "is not a known member")
        check(inner, known, (*path, name))


def _check_many(value: Any, field: Many, path: tuple[str, ...]) -> None:
    if not isinstance(value, list):
        raise FieldError(path, "must be an array", value)
    if not 1 <= len(value) <= field.max:
        raise FieldError(path, f"must have 1 to {field.max} items", len(value))
    for index, item in enumerate(value):
        check(item, field.of, (*path, str(index)))
