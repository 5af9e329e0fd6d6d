"""The thread that does what is due: refunds that end, callbacks that are tried again.

A source is asked ``run_due(now)``, does what is due and says when it is next needed. What is due
is always a row in the store, so that a restart forgets nothing.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable

from channels.simulators.core.clock import Clock

Source = Callable[[float], float | None]
LONGEST_SLEEP = 60.0


class Agenda:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sources: list[Source] = []
        self._condition = threading.Condition()
        self._woken = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="sim-agenda", daemon=True)
        self.crashes = 0

    def add(self, source: Source) -> None:
        self._sources.append(source)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._condition:
            self._stopping = True
            self._condition.notify()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def wake(self) -> None:
        """Something was written that may be due now."""
        with self._condition:
            self._woken = True
            self._condition.notify()

    def _run(self) -> None:
        while not self._stopping:
            next_due = self._run_sources()
            with self._condition:
                if not self._woken and not self._stopping:
                    pause = min(next_due - self._clock.wall(), LONGEST_SLEEP)
                    self._condition.wait(max(0.0, pause))
                self._woken = False

    def _run_sources(self) -> float:
        soonest = self._clock.wall() + LONGEST_SLEEP
        for source in self._sources:
            try:
                due = source(self._clock.wall())
            # A bug of one source must be seen and must not stop the others.
            except Exception:  # noqa: BLE001
                self.crashes += 1
                traceback.print_exc(file=sys.stderr)
                due = self._clock.wall() + 1.0
            if due is not None:
                soonest = min(soonest, due)
        return soonest
