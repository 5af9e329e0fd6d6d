"""The wire threads of a worker process: where all waiting for the outside world happens.

Called by the engine's sources and drains. Made once per process, after forking, on first use.
Wire threads sign, send and read; they never touch the database, and a send from a thread that
holds a database connection, or from inside a transaction, is refused before its first byte
(DESIGN law 2).
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

from django.conf import settings
from django.db import connections

from channels.base import Request, Response
from channels.transport import NotSent, Transport

_thread = threading.local()


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One thing to do on the wire. ``perform`` never raises and needs no database."""

    group: int
    """Account or application: whose cap it counts against."""
    apart: Hashable
    """Two jobs with the same number are never settled in one batch."""
    perform: Callable[[], Any]
    is_slow: bool = False
    """Its answer may outlast a drain's usual time."""


class Wire:
    """A pool of threads that several drains share, and the count of what it flies."""

    def __init__(self, name: str, *, threads: int, transport: Transport) -> None:
        self.threads = threads
        self.transport = transport
        self.claiming = threading.Lock()
        """Held from reading ``free`` and ``flying`` until what was claimed is submitted: two
        drains that counted at the same time would together claim more than there is."""
        self._executor = ThreadPoolExecutor(
            threads, thread_name_prefix=f"wire-{name}", initializer=_mark
        )
        self._counting = threading.Lock()
        self._flying: Counter[int] = Counter()

    def free(self) -> int:
        with self._counting:
            return self.threads - self._flying.total()

    def flying(self) -> dict[int, int]:
        """How many jobs fly for each group."""
        with self._counting:
            return dict(self._flying)

    def submit(self, job: Job, done: SimpleQueue[tuple[Job, Any]]) -> None:
        """Perform on a wire thread; the job and its answer end up in ``done``."""
        with self._counting:
            self._flying[job.group] += 1
        self._executor.submit(self._perform, job, done)

    def _perform(self, job: Job, done: SimpleQueue[tuple[Job, Any]]) -> None:
        answer = job.perform()
        with self._counting:
            self._flying[job.group] -= 1
            if not self._flying[job.group]:
                del self._flying[job.group]
        done.put((job, answer))


class LeasedTransport(Transport):
    """Sends only what is sure to be over before the claim's lease is."""

    def send(self, request: Request) -> Response:
        refuse_database()
        fitted = fit(request, getattr(_thread, "lease_s", None) or settings.ENGINE_LEASE_S)
        until: float | None = getattr(_thread, "lease_until", None)
        longest = fitted.connect_timeout + 2 * fitted.read_timeout
        if until is not None and time.monotonic() + longest > until:
            # A paused process woke up, or a thread was starved: another worker may own the row.
            raise NotSent("LEASE_OVER", "the claim was too old to be sent")
        return super().send(fitted)


def fit(request: Request, lease_s: float) -> Request:
    """Shorten the timeouts so that the lease is at least three times their sum: they hold per
    read of the socket, so an exchange may take longer than the sum."""
    allowed = lease_s / 3
    connect = min(request.connect_timeout, allowed / 2)
    read = min(request.read_timeout, allowed - connect)
    if (connect, read) == (request.connect_timeout, request.read_timeout):
        return request
    return replace(request, connect_timeout=connect, read_timeout=read)


@contextlib.contextmanager
def lease(until: float, seconds: float | None = None) -> Iterator[None]:
    """While it is open, this thread sends nothing that could outlast ``until`` (monotonic).
    ``seconds``: how long the whole lease is, where it is not the usual one."""
    _thread.lease_until, _thread.lease_s = until, seconds
    try:
        yield
    finally:
        _thread.lease_until = _thread.lease_s = None


def refuse_database() -> None:
    """Raise when this thread is in a transaction, or is a wire thread that used the database."""
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            raise RuntimeError("a transaction is open while the wire is used")
        if getattr(_thread, "is_wire", False) and connection.connection is not None:
            raise RuntimeError("a wire thread has used the database")


def _mark() -> None:
    _thread.is_wire = True


_making = threading.Lock()


def channels() -> Wire:
    """The wire to payment channels."""
    with _making:
        return _channels()


@functools.cache
def _channels() -> Wire:
    threads = settings.ENGINE_WIRE_THREADS
    return Wire("channel", threads=threads, transport=LeasedTransport(pool_maxsize=threads))


def merchants() -> Wire:
    """The wire to merchants' systems: its own threads, so that they never hold up a payment."""
    with _making:
        return _merchants()


@functools.cache
def _merchants() -> Wire:
    from orders.engine import guard

    threads = settings.ENGINE_NOTICE_THREADS
    transport = LeasedTransport(
        pool_maxsize=threads,
        max_body=guard.ANSWER_BYTES,
        allow_address=guard.allows,
        exact_target=False,
        cut_answers=True,
    )
    return Wire("merchant", threads=threads, transport=transport)


def _forget() -> None:
    """Threads and connections do not survive a fork."""
    global _making
    _making = threading.Lock()
    _channels.cache_clear()
    _merchants.cache_clear()


os.register_at_fork(after_in_child=_forget)
