"""Waiting for a worker's answer while a merchant waits for ours. Used by the doors'
create and sync views.

Only so many threads of a process may wait at once (settings.PREPAY_WAITERS): the others must stay
free for everybody else. Who finds no place is answered with what is known, and asks again.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.conf import settings
from django.db import connection

from orders.engine import reply

T = TypeVar("T")


class Place:
    """``key`` is what the call's ``reply_to`` gets; empty where nobody will wait."""

    def __init__(self, key: str, seconds: float) -> None:
        self.key = key
        self._seconds = seconds

    def watch(
        self,
        known: T,
        read: Callable[[], T],
        *,
        until: Callable[[T], bool] = lambda _found: False,
        look_every_s: float | None = None,
    ) -> T:
        """``known``, read again once the call has ended or the time is over.

        ``look_every_s`` also looks in between, for a call that tells somebody else of its end.
        """
        if not self.key:
            return known
        deadline = time.monotonic() + self._seconds
        while True:
            started = time.monotonic()
            slice_s = max(0.0, min(deadline - started, look_every_s or self._seconds))
            hand_back_connection()
            is_told = reply.wait(self.key, slice_s)
            found = read()
            is_over = time.monotonic() >= deadline
            # A wait that came back early without a word means that Redis is away.
            is_deaf = time.monotonic() - started < slice_s
            if is_told or is_over or is_deaf or until(found):
                return found


def hand_back_connection() -> None:
    """To the pool, where there is one: nobody holds the database while he waits (DESIGN law 2)."""
    if "pool" in connection.settings_dict["OPTIONS"] and not connection.in_atomic_block:
        connection.close()


@contextmanager
def place(seconds: float) -> Iterator[Place]:
    """A place to wait, or one without a key when all are taken or there is nothing to wait for."""
    places = _places(settings.PREPAY_WAITERS)
    if seconds <= 0 or not places.acquire(blocking=False):
        yield Place("", 0)
        return
    try:
        yield Place(reply.new_key(), seconds)
    finally:
        places.release()


@functools.lru_cache(maxsize=8)
def _places(number: int) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(number)
