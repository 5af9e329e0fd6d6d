"""The drain: claim what is due, let the wire threads work, settle what came back.

``orders.tasks.drain`` calls ``run``, once per wake-up. The thread that calls it is the only one
of its drain that uses the database; no transaction and no lock is held while anything is on the
wire. A drain ends when nothing is due and nothing flies, after ``MAX_RUN_S`` (then it wakes its
successor), or when its worker shuts down. While a slow channel's answer flies it goes on claiming:
two drains that only waited for such answers would stop their queue for minutes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Hashable, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from django.db import connection

from orders.engine import database, sources, stop, wake
from orders.engine.sources import BATCH, Source
from orders.engine.wire import Job

log = logging.getLogger(__name__)

TICK_S = 0.010
"""How long answers are collected for one settle, and how often a drain looks for wake-ups."""
MAX_RUN_S = 30.0
PER_QUEUE = 2
"""Drains of one queue in one process. The second goes on when the first waits for a row's lock;
more would only share the same interpreter."""
RECONNECT_S = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Pauses while PostgreSQL is away and answers are waiting in memory."""


def run(queue: str, *, max_run_s: float = MAX_RUN_S) -> int:
    """Work until nothing is due; the number of rows settled."""
    database.renew()
    wake.start(queue)
    if not _running.enter(queue):
        return 0
    drain = _Drain(queue, sources.of(queue), max_run_s)
    try:
        while True:
            drain.work()
            if drain.is_cut_short:
                break
            if _running.leave(queue):
                return drain.settled
            drain.is_hungry = True
    except BaseException:
        _running.leave(queue, by_force=True)
        raise
    _running.leave(queue, by_force=True)
    wake.publish_quietly(queue)
    return drain.settled


class _Running:
    """Which queues are being drained in this process. A wake-up that finds enough drains at work
    asks them to claim once more before they end, so that it is never lost and never waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count: dict[str, int] = {}
        self._again: set[str] = set()

    def enter(self, queue: str) -> bool:
        with self._lock:
            if self._count.get(queue, 0) >= PER_QUEUE:
                self._again.add(queue)
                return False
            self._count[queue] = self._count.get(queue, 0) + 1
            return True

    def leave(self, queue: str, *, by_force: bool = False) -> bool:
        """False: somebody was sent away meanwhile, so claim once more."""
        with self._lock:
            if queue in self._again:
                self._again.discard(queue)
                if not by_force:
                    return False
            self._count[queue] -= 1
            return True


_running = _Running()


class _Drain:
    def __init__(self, queue: str, source: Source, max_run_s: float) -> None:
        self.settled = 0
        self.is_hungry = True
        """Something may be due that was not claimed yet."""
        self.is_cut_short = False
        self._queue = queue
        self._source = source
        self._is_held_back = False
        self._until = time.monotonic() + max_run_s
        self._seen = 0
        self._flying = 0
        self._slow_flying = 0
        self._done: SimpleQueue[tuple[Job, Any]] = SimpleQueue()
        self._ready: list[tuple[Hashable, Any]] = []
        """(apart, answer) that wait to be settled."""

    def work(self) -> None:
        """Until nothing is due and nothing flies, or the drain is cut short."""
        try:
            while self._goes_on():
                self._claim()
                self._collect()
                self._settle()
                self._listen()
        except BaseException:
            # Whatever broke, answers that are still on their way are worth waiting for.
            self._finish()
            raise

    def _goes_on(self) -> bool:
        is_over = time.monotonic() > self._until and not self._slow_flying
        if stop.asked() or is_over:
            self.is_cut_short = True
        may_claim = self.is_hungry and not self.is_cut_short
        return bool(may_claim or self._flying or self._ready)

    def _claim(self) -> None:
        if self.is_cut_short or not self.is_hungry or self._ready:
            return
        wire = self._source.wire
        if wire is None:
            self._take(BATCH)
            return
        with wire.claiming:
            # Not a row at a time while all but one thread is busy.
            free = wire.free()
            has_room = free >= max(1, wire.threads // 8)
            if has_room:
                self._take(free)
        if not has_room and not self._flying:
            time.sleep(TICK_S)  # the threads are busy for other drains

    def _take(self, room: int) -> None:
        claimed = self._source.claim(room)
        self.is_hungry = claimed.count >= room
        self._is_held_back = claimed.is_held_back
        self._ready += claimed.answers
        for job in claimed.jobs:
            self._submit(job)

    def _submit(self, job: Job) -> None:
        assert self._source.wire is not None
        self._source.wire.submit(job, self._done)
        self._flying += 1
        self._slow_flying += job.is_slow

    def _collect(self) -> None:
        """Wait at most a tick, for at most a batch, and not at all when nothing flies."""
        until = time.monotonic() + TICK_S
        while self._flying and len(self._ready) < BATCH:
            try:
                job, answer = self._done.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                return
            self._flying -= 1
            self._slow_flying -= job.is_slow
            self._ready.append((job.apart, answer))

    def _settle(self) -> None:
        if not self._ready:
            return
        batch, self._ready = _apart(self._ready)
        self._bring_home(batch)
        # Each answer made room under the cap that ended the last claim.
        self.is_hungry = self.is_hungry or self._is_held_back

    def _bring_home(self, batch: Sequence[Any]) -> None:
        try:
            self._settle_surely(batch)
        except Exception as error:
            if isinstance(error, database.AWAY) and not database.is_connected():
                raise
            log.exception("%s: a batch of %s could not be settled", self._queue, len(batch))
            self._one_by_one(batch)
        else:
            self.settled += len(batch)

    def _one_by_one(self, batch: Sequence[Any]) -> None:
        """One poisoned row stops nobody. It stays out until its lease ends, and is then asked."""
        for answer in batch:
            try:
                self._settle_surely([answer])
            except Exception:
                log.exception("%s could not be settled", self._source.name(answer))
            else:
                self.settled += 1

    def _settle_surely(self, batch: Sequence[Any]) -> None:
        """Settle, and while PostgreSQL is away wait for it a little: these answers are only in
        memory. Repeating is harmless even if the lost commit was done: the fence stops it."""
        for pause_s in (*RECONNECT_S, None):
            try:
                self._source.settle(batch)
                return
            except database.AWAY:
                if pause_s is None or database.is_connected():
                    raise
                log.warning("%s: the database is away; trying again", self._queue)
                connection.close()
                time.sleep(pause_s)

    def _listen(self) -> None:
        """A wake-up since the last look: there may be more."""
        if self.is_cut_short:
            return
        number = wake.number(self._queue)
        if number != self._seen:
            self._seen = number
            self.is_hungry = True

    def _finish(self) -> None:
        self.is_cut_short = True
        while self._flying or self._ready:
            self._collect()
            if self._ready:
                batch, self._ready = _apart(self._ready)
                try:
                    self._bring_home(batch)
                except Exception:
                    log.exception("%s: %s answers were lost", self._queue, len(batch))


def _apart(ready: list[tuple[Hashable, Any]]) -> tuple[list[Any], list[tuple[Hashable, Any]]]:
    """The next batch, and the rest: two answers about one order never share a batch."""
    taken: set[Hashable] = set()
    batch: list[Any] = []
    rest: list[tuple[Hashable, Any]] = []
    for apart, answer in ready:
        if apart in taken or len(batch) >= BATCH:
            rest.append((apart, answer))
        else:
            taken.add(apart)
            batch.append(answer)
    return batch, rest
