"""A simulator's time. Used by every part of a simulator; never used outside of them.

Two times on purpose. *Calendar* rules (signature age, order expiry, 365 days) read ``now()``, which
a fault may shift. *Waits* (a refund in work, the next try of a callback) are counted on the real
clock and divided by a scale, so that shifting the calendar neither freezes nor floods them.
"""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))
OFFSET_MAX = 10 * 366 * 86400


class Clock:
    """``now()`` is real time plus an offset; ``wall()`` is real time."""

    def __init__(self) -> None:
        self._offset = 0.0

    @property
    def offset(self) -> float:
        return self._offset

    def shift(self, seconds: float) -> None:
        """Set (not add to) the distance from real time."""
        if not math.isfinite(seconds) or abs(seconds) > OFFSET_MAX:
            raise ValueError(f"offset_s must be between -{OFFSET_MAX} and {OFFSET_MAX}")
        self._offset = float(seconds)

    def wall(self) -> float:
        return time.time()

    def timestamp(self) -> float:
        return self.wall() + self._offset

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp(), UTC)


def rfc3339_china(timestamp: float) -> str:
    """``2026-11-20T10:34:56+08:00``, the form in which the Chinese providers write a time."""
    return datetime.fromtimestamp(int(timestamp), CHINA).isoformat(timespec="seconds")


def iso_utc(timestamp: float) -> str:
    """With milliseconds, for the simulator's own book."""
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="milliseconds")
