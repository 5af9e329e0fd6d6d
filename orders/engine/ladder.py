"""When to ask again and when to tell again. Pure: no clock, no database.

``next_check`` never gives up (SPEC 5); ``next_notice`` does, and the notice is then dead (SPEC 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

_MINUTE, _HOUR, _DAY = 60, 3600, 86400

CHECKS = (
    5,
    10,
    10,
    30,
    _MINUTE,
    5 * _MINUTE,
    10 * _MINUTE,
    30 * _MINUTE,
    _HOUR,
    2 * _HOUR,
    6 * _HOUR,
    12 * _HOUR,
    _DAY,
)
"""Seconds before each check of an executing order; the last one repeats for ever."""
TILL_CHECKS = (*(3,) * 4, *(5,) * 6, *(10,) * 8, *CHECKS[3:])
"""As CHECKS, for an order whose customer stands at the till: closely for two minutes."""

NOTICES = (
    15,
    15,
    30,
    3 * _MINUTE,
    10 * _MINUTE,
    20 * _MINUTE,
    30 * _MINUTE,
    30 * _MINUTE,
    30 * _MINUTE,
    60 * _MINUTE,
    3 * _HOUR,
    3 * _HOUR,
    3 * _HOUR,
    6 * _HOUR,
    6 * _HOUR,
    6 * _HOUR,
)
"""Seconds between deliveries of a notice (DaxPay's ladder, SPEC 2)."""


def next_check(count: int, now: datetime, *, steps: Sequence[int] = CHECKS) -> datetime:
    """When to ask after ``count`` checks were made; 0 gives the first. ``steps`` in seconds."""
    if count < 0:
        raise ValueError("count is negative")
    return now + timedelta(seconds=steps[min(count, len(steps) - 1)])


def next_notice(tries: int, now: datetime) -> datetime | None:
    """When to deliver again after ``tries`` finished deliveries; None: the notice is dead."""
    if tries < 1:
        raise ValueError("the first delivery is due at once")
    if tries > len(NOTICES):
        return None
    return now + timedelta(seconds=NOTICES[tries - 1])
