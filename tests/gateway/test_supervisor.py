"""The supervisor: what dies comes back after a growing pause, and stop leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import processes, supervisor
from gateway.supervisor import Child, Supervisor, command


@pytest.fixture
def house() -> Iterator[Supervisor]:
    """A supervisor whose children end with the test."""
    made = Supervisor()
    yield made
    made.stop()


def _command(tmp_path: Path, *argv: str) -> Child:
    return Child("child", command(list(argv), log=tmp_path / "log", env=os.environ), patience_s=5)


def test_a_child_that_cannot_live_is_started_after_growing_pauses(house, tmp_path, capsys):
    child = _command(tmp_path, "false")
    house.add(child)
    pauses = []
    for _ in range(4):
        child.process.wait()
        house.revive()
        pauses.append(child.pause_s)
        child.restart_at = 1e-9  # the pause is over
        house.revive()
    assert pauses == [0.5, 1.0, 2.0, 4.0]
    assert "child ended (exit code 1); starting it again in 0.5 s" in capsys.readouterr().err


def test_the_pause_is_never_longer_than_its_limit(house, tmp_path):
    child = _command(tmp_path, "false")
    house.add(child)
    child.pause_s = supervisor.LONGEST_PAUSE_S
    child.process.wait()
    house.revive()
    assert child.pause_s == supervisor.LONGEST_PAUSE_S


def test_a_child_that_lived_well_begins_its_pauses_anew(house, tmp_path):
    child = _command(tmp_path, "false")
    house.add(child)
    child.process.wait()
    child.pause_s = 16.0
    child.started_at -= supervisor.WELL_AFTER_S + 1
    house.revive()
    assert child.pause_s == 0.5


def test_a_restart_that_fails_is_tried_again(house, tmp_path, capsys):
    child = _command(tmp_path, "true")
    house.add(child)
    child.process.wait()
    house.revive()
    child.spawn = _cannot
    child.restart_at = 1e-9
    house.revive()
    assert "child did not start: no such thing; again in 1 s" in capsys.readouterr().err
    assert child.restart_at > 1


def _cannot() -> subprocess.Popen[bytes]:
    raise OSError("no such thing")


def test_stop_takes_grandchildren_and_the_deaf_along(house, tmp_path):
    script = (
        "import signal, subprocess, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    child = _command(tmp_path, sys.executable, "-c", script)
    child.patience_s = 0.2
    house.add(child)
    log = tmp_path / "log"
    assert processes.wait_until(lambda: log.read_text().endswith("\n"), patience_s=10)
    grandchild = int(log.read_text())
    house.stop()
    assert child.process.poll() == -9
    assert processes.wait_until(lambda: not processes.command_line(grandchild), patience_s=5)


def test_a_log_that_grew_too_large_is_set_aside_at_the_next_start(house, tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "LOG_LIMIT", 10)
    (tmp_path / "x.log").write_text("eleven chars")
    spawn = command(["echo", "new"], log=tmp_path / "x.log", env=os.environ)
    spawn().wait()
    assert (tmp_path / "x.log").read_text() == "new\n"
    assert (tmp_path / "x.log.1").read_text() == "eleven chars"
