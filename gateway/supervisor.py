"""Keeps child processes alive in the foreground. Used by `manage.py up`; knows no order, no URL.

A child that dies is started again after a growing pause, so that a worker killed with -9 comes
back and one that cannot start does not burn a processor. Children die with this process, even
when it is killed with -9.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from gateway import processes

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 30.0
WELL_AFTER_S = 60.0
"""A child that lived this long begins its pauses anew; each further death doubles them."""
LOG_LIMIT = 20 * 1024 * 1024


def say(line: str) -> None:
    """A word to the person at the terminal; stdout is kept for the one line that scripts read."""
    print(line, file=sys.stderr, flush=True)


@dataclass
class Child:
    """One process that should always run."""

    name: str
    spawn: Callable[[], subprocess.Popen[bytes]]
    stop_signal: int = signal.SIGTERM
    patience_s: float = 15.0
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    restart_at: float = 0.0

    def start(self) -> None:
        """Start it now."""
        self.process = self.spawn()
        self.started_at = time.monotonic()
        self.restart_at = 0.0

    def died(self) -> int | None:
        """Its exit code when it is gone and nobody has taken note of that yet."""
        return None if self.process is None or self.restart_at else self.process.poll()


def command(
    argv: list[str], *, log: Path, env: Mapping[str, str], death_signal: int = signal.SIGKILL
) -> Callable[[], subprocess.Popen[bytes]]:
    """How to start a command in its own process group, with its words in a file."""

    def spawn() -> subprocess.Popen[bytes]:
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as out:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=dict(env),
                start_new_session=True,
                preexec_fn=processes.die_with_parent(death_signal),
            )

    return spawn


class Supervisor:
    """Starts children in order, watches them, and stops them in the reverse order."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self.stopping = False

    def catch_signals(self) -> None:
        """Ctrl-C and SIGTERM ask for an orderly stop; the second one does not wait."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)

    def _asked_to_stop(self, number: int, frame: FrameType | None) -> None:
        if self.stopping:
            self.kill()
            os._exit(128 + number)
        say(f"asked to stop by {signal.Signals(number).name}")
        self.stopping = True

    def add(self, child: Child) -> None:
        """Start a child and keep it alive from now on."""
        child.start()
        self.children.append(child)

    def watch(self, *, until: Callable[[], bool], every_s: float = 0.2) -> None:
        """Keep the children alive until the condition holds or somebody asks to stop."""
        while not self.stopping and not until():
            self.revive()
            time.sleep(every_s)

    def revive(self) -> None:
        """Take note of the dead, and start again those whose pause is over."""
        now = time.monotonic()
        for child in self.children:
            code = child.died()
            if code is not None and child.process is not None:
                processes.kill_group(child.process.pid)  # what it left behind
                lived = now - child.started_at
                if lived > WELL_AFTER_S:
                    child.pause_s = FIRST_PAUSE_S
                child.pause_s = min(child.pause_s * 2, LONGEST_PAUSE_S)
                child.restart_at = now + child.pause_s
                say(f"{child.name} ended ({_word(code)}); starting it again in {child.pause_s:g} s")
            elif child.restart_at and now >= child.restart_at:
                self._restart(child)

    def _restart(self, child: Child) -> None:
        try:
            child.start()
        except (OSError, RuntimeError) as error:
            child.pause_s = min(child.pause_s * 2, LONGEST_PAUSE_S)
            child.restart_at = time.monotonic() + child.pause_s
            say(f"{child.name} did not start: {error}; again in {child.pause_s:g} s")

    def stop(self) -> None:
        """End all children: those that came last first, services at the very end.

        The middle of the house is asked together, so that the slowest sets the time, not the sum.
        """
        self.stopping = True
        waiting: list[Child] = []
        for child in reversed(self.children):
            if isinstance(child, Service):
                continue
            if child.process is not None and child.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    child.process.send_signal(child.stop_signal)
                waiting.append(child)
        for child in waiting:
            self._wait(child)
        for child in reversed(self.children):
            if isinstance(child, Service) and child.process is not None:
                processes.stop(
                    child.process, with_signal=child.stop_signal, patience_s=child.patience_s
                )

    def _wait(self, child: Child) -> None:
        if child.process is None:
            return
        try:
            child.process.wait(child.patience_s)
        except subprocess.TimeoutExpired:
            say(f"{child.name} did not stop within {child.patience_s:g} s; killed")
        processes.kill_group(child.process.pid)
        child.process.wait()

    def kill(self) -> None:
        """Everything, now."""
        for child in self.children:
            if child.process is not None:
                processes.kill_group(child.process.pid)


class Service(Child):
    """A child that the others need until they are gone: PostgreSQL, Redis."""


def _word(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
