"""Reading the time out of the house's numbers: a letter, then a ULID. Pure; used by channels
whose answer depends on an order's age or whose wire wants its date. It never makes a number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def created_at(number: str) -> datetime:
    """When a number was made: a prefix letter and a ULID, whose first ten characters are the
    milliseconds since 1970 in Crockford's base 32. Raises ValueError."""
    ulid = number[1:]
    if len(ulid) != 26 or not set(ulid[:10]) <= set(_CROCKFORD):
        raise ValueError(f"{number!r} is no letter with a ULID; it does not tell its age")
    milliseconds = 0
    for character in ulid[:10]:
        milliseconds = milliseconds * 32 + _CROCKFORD.index(character)
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise ValueError(f"{number!r} lies too far in the future") from None
