"""`manage.py up`: the whole house, started, hurt and stopped as a person would do it.

Real processes on a data directory and a port of their own; each test starts one house.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway import embedded, processes

ROOT = Path(__file__).parents[2]
PATIENCE_S = 90
pytestmark = [pytest.mark.xdist_group("up"), pytest.mark.timeout(240)]


def _environment(home: Path, port: int, **more: str) -> dict[str, str]:
    theirs = ("ZHANGFANG_", "DATABASE_URL", "REDIS_URL", "PYTEST_", "DJANGO_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    return {**clean, "ZHANGFANG_HOME": str(home), "PORT": str(port), **more}


def _manage(home: Path, port: int, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT, env=_environment(home, port, **more), text=True, capture_output=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip


@dataclass
class House:
    """A running `up`."""

    process: subprocess.Popen[str]
    home: Path
    port: int
    ready_line: str

    def readyz(self) -> int:
        with contextlib.suppress(urllib.error.HTTPError, OSError):
            address = f"http://127.0.0.1:{self.port}/readyz"
            with urllib.request.urlopen(address, timeout=5) as answer:
                return int(answer.status)
        return 0

    def words(self) -> str:
        return (self.home.parent / "stderr").read_text()

    def pid_of(self, name: str) -> int:
        """The worker whose node name begins so."""
        found = [pid for pid in _processes_of(self.home) if f"-n {name}@" in _line(pid)]
        assert len(found) == 1
        return found[0]

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def _line(pid: int) -> str:
    return processes.command_line(pid)


def _processes_of(home: Path) -> list[int]:
    """Every live process of the house: its directory is in its environment or its command."""
    marks = [str(home).encode(), str(embedded.socket_dir(home)).encode()]
    found = []
    for place in Path("/proc").iterdir():
        if not place.name.isdecimal() or int(place.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            known = (place / "environ").read_bytes() + (place / "cmdline").read_bytes()
            if any(mark in known for mark in marks):
                found.append(int(place.name))
    return found


def _start(home: Path, port: int) -> House:
    with (home.parent / "stderr").open("ab") as stderr:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up"],
            cwd=ROOT, env=_environment(home, port), stdout=subprocess.PIPE, stderr=stderr,
            text=True, start_new_session=True,
        )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    house = House(process, home, port, line)
    assert line, house.words()
    return house


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A data directory and a free port; nothing of the house is left when the test is over."""
    home = tmp_path / "home"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    yield home, port
    for pid in _processes_of(home):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    embedded.remove(home)


def test_up_says_ready_once_and_stops_everything_on_ctrl_c(place):
    house = _start(*place)
    match = re.fullmatch(
        rf"ready http://127\.0\.0\.1:{house.port}/admin/ admin / (\S+)\n", house.ready_line
    )
    assert match, house.ready_line
    assert house.readyz() == 200

    known = _demo_credentials(house)
    assert known["admins"][0] == {
        "role": "admin", "username": "admin", "password": match[1],
    }  # fmt: skip
    assert _movements(known) == {"wechat": [], "alipay": [], "umf": []}

    second = _manage(house.home, house.port, "up")
    assert second.returncode == 1
    assert "another `up` runs on" in second.stderr
    assert house.readyz() == 200

    assert house.process.stdout is not None
    house.process.send_signal(signal.SIGINT)
    assert house.process.stdout.read() == ""  # the one line was all
    house.process.stdout.close()
    assert house.process.wait(60) == 0
    assert _processes_of(house.home) == []

    again = _start(*place)
    assert again.ready_line == house.ready_line
    assert _demo_credentials(again) == known
    assert again.end(signal.SIGTERM) == 0
    assert _processes_of(house.home) == []


def test_up_heals_what_is_killed_and_takes_everything_along_when_it_is_killed_itself(place):
    house = _start(*place)
    worker = house.pid_of("worker-pay")
    os.kill(worker, signal.SIGKILL)
    postgres = int((house.home / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
    os.kill(postgres, signal.SIGKILL)

    def healed() -> bool:
        said = house.words()
        return "worker-pay ended" in said and "postgres ended" in said and house.readyz() == 200

    assert processes.wait_until(healed, patience_s=PATIENCE_S, every_s=0.3)
    assert processes.wait_until(
        lambda: any("-n worker-pay@" in _line(pid) for pid in _processes_of(house.home)),
        patience_s=PATIENCE_S,
    )
    assert house.pid_of("worker-pay") != worker

    assert house.end(signal.SIGKILL) == -signal.SIGKILL
    assert processes.wait_until(lambda: _processes_of(house.home) == [], patience_s=30)


def test_a_port_that_is_taken_is_one_sentence_and_not_a_loop(place):
    home, port = place
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        done = _manage(home, port, "up")
    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr
    assert done.stdout == ""


def test_demo_credentials_refuses_outside_demo_mode(place):
    home, port = place
    empty = _manage(home, port, "demo_credentials")
    assert (empty.returncode, empty.stdout) == (1, "")
    assert "start it with `make run`" in empty.stderr
    home.mkdir(exist_ok=True)
    (home / "demo.json").write_text("{}")
    refused = _manage(home, port, "demo_credentials", ZHANGFANG_DEMO="0")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "not a demo house" in refused.stderr


def _demo_credentials(house: House) -> dict:
    done = _manage(house.home, 8000, "demo_credentials")  # a second shell does not know the port
    assert done.returncode == 0, done.stderr
    known = json.loads(done.stdout)
    assert set(known) == {"base_url", "admins", "merchants", "simulators"}
    assert known["base_url"] == f"http://127.0.0.1:{house.port}"
    assert [admin["role"] for admin in known["admins"]] == [
        "admin", "finance", "support", "auditor", "approver",
    ]  # fmt: skip
    for merchant in known["merchants"]:
        assert set(merchant) == {"mch_no", "app_id", "api_key", "webhook_secret", "doors"}
    assert len({merchant["api_key"] for merchant in known["merchants"]}) == 2
    assert set(known["simulators"]) == {"wechat", "alipay", "umf"}
    return known


def _movements(known: dict) -> dict[str, list]:
    """What each simulator's own book says."""
    found = {}
    for name, facts in known["simulators"].items():
        url = (facts.get("base_url") or facts["gateway_url"]).removesuffix("/gateway.do")
        with urllib.request.urlopen(f"{url}/_sim/book") as book:
            found[name] = json.load(book)["movements"]
    return found
