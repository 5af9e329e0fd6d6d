"""`manage.py up`: the whole house in the foreground, on one machine (`make run`).

For rehearsals, trials and small shops. A large house starts the same processes under its own
supervisor (docs/operations.md); nothing here is needed by them.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import socket
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connection

from gateway import embedded, keys, launch
from gateway.supervisor import Supervisor, say


class Command(BaseCommand):
    """Start everything, say `ready`, watch over it, stop everything."""

    help = "Run the whole house in the foreground: services, web, workers, clock, simulators."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The patience is for slow machines; everything else comes from the environment."""
        parser.add_argument("--patience", type=float, default=120.0, metavar="SECONDS")

    def handle(self, *args: Any, **options: Any) -> None:
        """Foreground; returns after Ctrl-C, SIGTERM or a start that failed."""
        home: Path = settings.HOME
        home.mkdir(parents=True, exist_ok=True)
        (home / "logs").mkdir(exist_ok=True)
        with only_one(home), contextlib.ExitStack() as at_end:
            check_port(settings.PORT)
            supervisor = Supervisor()
            supervisor.catch_signals()
            at_end.callback(supervisor.stop)
            started = time.monotonic()
            start_services(supervisor, home)
            facts = launch.run_facts(home)
            login = prepare(home, facts)
            keys.write_private(home / "run.json", facts, replace=True)
            for child in launch.children(home, facts):
                supervisor.add(child)
            deadline = time.monotonic() + options["patience"]
            live = functools.partial(is_live, facts)
            supervisor.watch(until=lambda: live() or time.monotonic() > deadline)
            if supervisor.stopping:
                return
            if not live():
                raise CommandError(f"not ready after {options['patience']:g} s; see {home}/logs")
            self.stdout.write(f"ready {settings.BASE_URL}/admin/ {login}")
            self.stdout.flush()
            say(f"up in {time.monotonic() - started:.1f} s; logs in {home}/logs; Ctrl-C stops")
            supervisor.watch(until=lambda: False)


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[None]:
    """One `up` per data directory. The kernel drops the lock of an `up` that was killed."""
    with (home / "up.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(
                f"another `up` runs on {home}. Stop it, or set ZHANGFANG_HOME and PORT."
            ) from None
        yield


def check_port(port: int) -> None:
    """Better one sentence now than a web server that restarts for ever."""
    deadline = time.monotonic() + 5  # a predecessor that was just killed may still be leaving
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                if time.monotonic() < deadline:
                    time.sleep(0.2)
                    continue
                raise CommandError(f"port {port} is taken; choose another: PORT=8100") from None
            return


def start_services(supervisor: Supervisor, home: Path) -> None:
    """PostgreSQL and Redis, unless their addresses were given."""
    for service in launch.services(
        home, postgres=settings.EMBEDDED_POSTGRES, redis=settings.EMBEDDED_REDIS
    ):
        try:
            supervisor.add(service)
        except embedded.EmbeddedError as error:
            raise CommandError(str(error)) from error


def prepare(home: Path, facts: launch.RunFacts) -> str:
    """Tables, static files, demo data; returns the login that is shown."""
    say("preparing the database")
    with contextlib.redirect_stdout(sys.stderr):
        call_command("migrate", interactive=False, verbosity=0)
        collect_static(home)
        login = launch.furnish_demo(home, facts) if settings.DEMO else "-"
    # Nothing may be open across the fork of a child.
    connection.close()
    return login


def collect_static(home: Path) -> None:
    """Collect the static files when any of them, or a package, changed since the last time."""
    stamp, wanted = home / "static.stamp", launch.static_fingerprint()
    if stamp.exists() and stamp.read_text() == wanted and Path(settings.STATIC_ROOT).is_dir():
        return
    say("collecting static files")
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(wanted)


def is_live(facts: launch.RunFacts) -> bool:
    """The house says so itself, and the simulators listen."""
    return is_ready() and all(map(_listens, facts["simulators"].values()))


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((parts.hostname, parts.port)) == 0


def is_ready() -> bool:
    """Ask /readyz the way a load balancer would."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    address = f"http://127.0.0.1:{settings.PORT}/readyz"
    request = urllib.request.Request(address, headers={"Host": launch.web_host()})
    try:
        with opener.open(request, timeout=3) as answer:
            return bool(json.load(answer)["ready"])
    except (urllib.error.URLError, OSError, ValueError, KeyError):
        return False
