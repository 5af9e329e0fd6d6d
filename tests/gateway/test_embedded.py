"""The embedded PostgreSQL and Redis: they come back on the same data, whatever happened before."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from gateway import embedded, processes


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A data directory that ends with the test, sockets included."""
    yield tmp_path / "home"
    embedded.remove(tmp_path / "home")


def _write_a_row(home: Path) -> None:
    with psycopg.connect(embedded.database_url(home), autocommit=True) as connection:
        connection.execute("create table kept (n int)")
        connection.execute("insert into kept values (7)")


def _rows(home: Path) -> list[tuple[int]]:
    with psycopg.connect(embedded.database_url(home)) as connection:
        return connection.execute("select n from kept").fetchall()


def test_rows_are_still_there_after_an_orderly_stop(home):
    services = embedded.start(home, redis=False)
    _write_a_row(home)
    services.stop()
    services = embedded.start(home, redis=False)
    try:
        assert _rows(home) == [(7,)]
    finally:
        services.stop()


def test_rows_are_still_there_after_kill_9(home):
    services = embedded.start(home, redis=False)
    _write_a_row(home)
    services.postgres.send_signal(signal.SIGKILL)
    services.postgres.wait()
    assert (home / "postgres" / "postmaster.pid").exists()
    services = embedded.start(home, redis=False)
    try:
        assert _rows(home) == [(7,)]
    finally:
        services.stop()


def test_a_pid_file_whose_number_now_belongs_to_another_process_is_no_obstacle(home):
    embedded.start(home, redis=False).stop()
    pid_file = home / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{home / 'postgres'}\n")
    services = embedded.start(home, redis=False)
    try:
        assert services.postgres.poll() is None
        assert int(pid_file.read_text().split("\n", 1)[0]) == services.postgres.pid
    finally:
        services.stop()


def test_an_orphaned_postmaster_is_ended_before_a_new_one_starts(home):
    orphan = embedded.start(home, redis=False)
    _write_a_row(home)
    services = embedded.start(home, redis=False)
    try:
        assert orphan.postgres.wait(10) == 0
        assert _rows(home) == [(7,)]
    finally:
        services.stop()


def test_an_initdb_that_was_cut_off_is_begun_again(home):
    half = home / "postgres"
    half.mkdir(parents=True)
    (half / "base").write_text("half")
    services = embedded.start(home, redis=False)
    try:
        with psycopg.connect(embedded.database_url(home)) as connection:
            assert connection.execute("show fsync").fetchone() == ("on",)
    finally:
        services.stop()


def test_redis_answers_on_its_socket_and_opens_no_port(home):
    services = embedded.start(home, postgres=False)
    try:
        client = redis.Redis.from_url(embedded.redis_url(home))
        assert client.ping() is True
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("appendonly") == {"appendonly": "no"}
        assert client.config_get("save") == {"save": ""}
    finally:
        services.stop()


def test_redis_starts_over_the_socket_of_a_killed_one(home):
    services = embedded.start(home, postgres=False)
    services.redis.kill()
    services.redis.wait()
    services = embedded.start(home, postgres=False)
    try:
        assert redis.Redis.from_url(embedded.redis_url(home)).ping() is True
    finally:
        services.stop()


def test_two_data_directories_never_share_a_socket(tmp_path):
    assert embedded.socket_dir(tmp_path / "a") != embedded.socket_dir(tmp_path / "b")


def test_a_deep_checkout_still_has_a_socket_path_that_fits(tmp_path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    path = embedded.socket_dir(deep) / "pg" / ".s.PGSQL.5432"
    assert len(os.fsencode(path)) <= 107
    with socket.socket(socket.AF_UNIX) as probe, pytest.raises(FileNotFoundError):
        probe.connect(str(path))


def test_a_socket_directory_of_somebody_else_is_refused(home, tmp_path):
    trap = embedded.socket_dir(home)
    trap.symlink_to(tmp_path)
    try:
        with pytest.raises(embedded.EmbeddedError, match="belongs to somebody else"):
            embedded.start(home)
    finally:
        trap.unlink()


def test_children_do_not_outlive_a_parent_that_is_killed(tmp_path):
    """The parent is a process of its own that starts a sleeper and is then killed with -9."""
    script = (
        "import subprocess, time\n"
        "from gateway import processes\n"
        "child = subprocess.Popen(['sleep', '60'], preexec_fn=processes.die_with_parent(9))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    import subprocess
    import sys

    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    with parent:
        child = int(parent.stdout.readline())
        assert "sleep" in processes.command_line(child)
        parent.kill()
    assert processes.wait_until(lambda: not processes.command_line(child), patience_s=10)
