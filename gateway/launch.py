"""Which processes the house consists of, and with which options. Used by `manage.py up`.

A house under systemd or containers starts the same commands; docs/operations.md repeats them.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

from django.conf import settings

from gateway import demo, embedded, keys
from gateway.simulated import PROVIDERS
from gateway.supervisor import Child, Service, command

WORKERS: dict[str, tuple[str, int]] = {
    # Threads: two drains may run per queue (orders.engine.drain), and one stays free for the sweep.
    # Somebody waits for the answer of a prepay: its own process, or it waits behind bulk work.
    "worker-pay": ("pay,callback", 5),
    "worker-call": ("call,sync,bulk", 8),
    # One slow merchant's receiver must not delay a call to a channel.
    "worker-notice": ("notice", 3),
}
WEB_WORKERS = 2
WEB_THREADS = 40
"""Per web process. A prepay holds a thread until its answer is there (PREPAY_WAITERS of them)."""
WEB_CONNECTIONS = 16
"""Per web process: a thread that waits for a channel holds no database connection."""


def services(home: Path, *, postgres: bool, redis: bool) -> list[Service]:
    """The embedded services, as children that are stopped last."""
    embedded.private_dir(embedded.socket_dir(home))
    wanted: list[Service] = []
    if postgres:
        wanted.append(
            Service(
                "postgres",
                lambda: embedded.start_postgres(home, durable=True),
                stop_signal=signal.SIGINT,
                patience_s=30,
            )
        )
    if redis:
        wanted.append(Service("redis", lambda: embedded.start_redis(home), patience_s=5))
    return wanted


def children(home: Path, facts: RunFacts) -> list[Child]:
    """Web, workers and the clock, and before them the world that they speak to."""
    shutil.rmtree(home / "metrics", ignore_errors=True)  # counters of processes that are gone
    (home / "metrics").mkdir()
    return [
        *(_simulator(home, name, url) for name, url in facts["simulators"].items()),
        _web(home),
        *(_worker(home, name) for name in WORKERS),
        _beat(home),
    ]


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "ZHANGFANG_HOME": str(settings.HOME),
        "ZHANGFANG_DEMO": "1" if settings.DEMO else "0",
        "PORT": str(settings.PORT),
        "PYTHONUNBUFFERED": "1",
        # Every process of this machine adds to the same counters, which /metrics reads.
        "PROMETHEUS_MULTIPROC_DIR": str(settings.HOME / "metrics"),
        # Threads of glibc's malloc each keep an arena; two are enough here and save memory.
        "MALLOC_ARENA_MAX": "2",
    }


def _log(home: Path, name: str) -> Path:
    return home / "logs" / f"{name}.log"


def _web(home: Path) -> Child:
    argv = [
        sys.executable,
        "-m",
        "gunicorn",
        "gateway.wsgi:application",
        "--bind",
        f"127.0.0.1:{settings.PORT}",
        "--worker-class",
        "gthread",
        "--workers",
        str(WEB_WORKERS),
        "--threads",
        str(WEB_THREADS),
        "--preload",
        "--keep-alive",
        "5",
        "--graceful-timeout",
        "12",
        "--timeout",
        "60",
        "--limit-request-line",
        "8190",
        # 开个店's header access_token; other names with an underscore are dropped.
        "--forwarder-headers",
        "SCRIPT_NAME,PATH_INFO,ACCESS_TOKEN",
        "--worker-tmp-dir",
        str(embedded.socket_dir(home)),
        "--no-control-socket",
        "--log-level",
        "warning",
    ]
    # gunicorn's own workers leave when their master is gone.
    env = {**_environment(), "ZHANGFANG_DB_POOL": str(WEB_CONNECTIONS)}
    spawn = command(argv, log=_log(home, "web"), env=env, death_signal=signal.SIGQUIT)
    return Child("web", spawn)


def _worker(home: Path, name: str) -> Child:
    queues, threads = WORKERS[name]
    argv = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "gateway",
        "worker",
        "-Q",
        queues,
        "-P",
        "threads",
        "-c",
        str(threads),
        "-n",
        f"{name}@%h-{settings.PORT}",
        "--without-gossip",
        "--without-mingle",
        "-l",
        "INFO",
    ]
    return Child(name, command(argv, log=_log(home, name), env=_environment()))


def _beat(home: Path) -> Child:
    argv = [sys.executable, "-m", "celery", "-A", "gateway", "beat", "--pidfile=", "-l", "INFO"]
    return Child("beat", command(argv, log=_log(home, "beat"), env=_environment()))


def web_host() -> str:
    """The Host that the web process accepts."""
    return urlsplit(settings.BASE_URL).netloc


class RunFacts(TypedDict):
    """What a second shell may want to know about the running house (`run.json`)."""

    pid: int
    port: int
    base_url: str
    demo: bool
    simulators: dict[str, str]


def run_facts(home: Path) -> RunFacts:
    """Decided before anything starts: channel accounts hold the simulators' addresses."""
    return {
        "pid": os.getpid(),
        "port": settings.PORT,
        "base_url": settings.BASE_URL,
        "demo": settings.DEMO,
        "simulators": _simulator_urls(home) if settings.DEMO else {},
    }


def _simulator_urls(home: Path) -> dict[str, str]:
    """The addresses of the last time where they are free: a customer's open page stays valid."""
    before = demo.run_facts(home).get("simulators", {})
    wanted = {name: urlsplit(before.get(name, "")).port or 0 for name in PROVIDERS}
    with contextlib.ExitStack() as held:  # until all are chosen, or two might get the same
        # Those with an address first, or another's free choice might fall on it.
        ports = {
            name: _free_port(held.enter_context(socket.socket()), wanted[name])
            for name in sorted(wanted, key=lambda name: not wanted[name])
        }
    return {name: f"http://127.0.0.1:{ports[name]}" for name in PROVIDERS}


def _free_port(probe: socket.socket, wanted: int) -> int:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", wanted))
    except OSError:
        probe.bind(("127.0.0.1", 0))
    return int(probe.getsockname()[1])


def furnish_demo(home: Path, facts: RunFacts) -> str:
    """Make the demo house on the first run; returns the login to show."""
    made = demo.ensure(home, simulators=facts["simulators"])
    for name, identity in made["simulators"].items():
        half = PROVIDERS[name].simulator_half(identity)
        keys.write_private(_simulator_file(home, name, "identity.json"), half, replace=True)
    admin = made["admins"][0]
    return f"{admin['username']} / {admin['password']}"


def _simulator_file(home: Path, name: str, what: str) -> Path:
    return home / "simulators" / f"{name}-{what}"


def _simulator(home: Path, name: str, url: str) -> Child:
    argv = [
        sys.executable, "-m", "channels.simulators", name,
        "--identity", str(_simulator_file(home, name, "identity.json")),
        "--state", str(_simulator_file(home, name, "state.sqlite3")),
        "--port", str(urlsplit(url).port),
    ]  # fmt: skip
    label = f"simulator-{name}"
    return Child(label, command(argv, log=_log(home, label), env=_environment()))


def static_fingerprint() -> str:
    """Changes when a package or one of our static files does."""
    digest = hashlib.sha256()
    for name in ("django", "django-unfold", "djangorestframework", "drf-spectacular-sidecar"):
        digest.update(f"{name}={importlib.metadata.version(name)};".encode())
    for root in settings.STATICFILES_DIRS:
        for file in sorted(Path(root).rglob("*")):
            if file.is_file():
                state = file.stat()
                digest.update(f"{file}:{state.st_size}:{state.st_mtime_ns};".encode())
    return digest.hexdigest()
