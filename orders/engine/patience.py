"""Which merchants take a notice in at once, as this process has seen it; forgotten with it.

Called by ``orders.engine.sources`` only. Who lets us wait holds a thread for up to 13 s; a few
dozen of them would hold every thread, in step, and everybody else would wait as long. So the last
threads are kept for those who were quick last time, and all others get few at once.
"""

from __future__ import annotations

import threading

SLOW_MS = 1000
"""A receiver takes a notice in, in less; what it does with it, it can do later."""
KEPT = 4
"""One thread in so many is for the quick ones alone."""
UNPROVEN_CAP = 2
"""Deliveries in flight for an application that was slow, or that nobody knows yet."""

_lock = threading.Lock()
_quick: set[int] = set()
"""Applications."""


def note(application_id: int, latency_ms: int) -> None:
    """How long a delivery took, whatever came of it."""
    with _lock:
        if latency_ms < SLOW_MS:
            _quick.add(application_id)
        else:
            _quick.discard(application_id)


def quick() -> list[int]:
    """Who took in the last one at once."""
    with _lock:
        return sorted(_quick)


def forget() -> None:
    """Know nobody, as a new process does."""
    with _lock:
        _quick.clear()
