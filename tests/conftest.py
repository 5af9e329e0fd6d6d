"""What every test gets: fast settings, a clean Redis, and an honest summary of what ran.

The services themselves are started by `tests/services.py`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings

from tests.peers import setup as peers

_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The browser of this machine: CHROMIUM, or one of the usual names."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named if Path(named).exists() else None
    return next((found for name in _CHROMIUM_NAMES if (found := shutil.which(name))), None)


QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""The browser speaks to the pages under test and to nobody else."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One chromium for a whole test process: a second playwright in it would refuse to start."""
    from playwright.sync_api import sync_playwright

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # playwright leaves its loop running
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), args=list(QUIET))
        yield found
        found.close()


def pytest_configure(config: pytest.Config) -> None:
    """Settings that only make tests faster; nothing that changes what is tested."""
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    django_settings.STORAGES = {
        **django_settings.STORAGES,
        # The manifest exists only after collectstatic.
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    config.stash[_BROWSERLESS] = 0
    config.stash[_PEERLESS] = 0


_BROWSERLESS = pytest.StashKey[int]()
_PEERLESS = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without a chromium or a peer its tests are left out, and the summary says so in red."""
    if chromium() is None:
        browser = [item for item in items if item.get_closest_marker("browser")]
        config.stash[_BROWSERLESS] = _leave_out(config, items, browser)
    peerless = [item for item in items if _missing_peers(item)]
    config.stash[_PEERLESS] = _leave_out(config, items, peerless)


def _missing_peers(item: pytest.Item) -> list[str]:
    """The independent clients that a test names and that nobody has installed."""
    marks = item.iter_markers("peers")
    return [name for mark in marks for name in mark.args if not peers.is_ready(name)]


def _leave_out(config: pytest.Config, items: list[pytest.Item], some: list[pytest.Item]) -> int:
    if some:
        config.hook.pytest_deselected(items=some)
        items[:] = [item for item in items if item not in set(some)]
    return len(some)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the controlling process how many tests touched PostgreSQL in this worker."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["on_postgres"] = len(_on_postgres)
        output["server"] = _server_version
        output["browserless"] = session.config.stash[_BROWSERLESS]
        output["peerless"] = session.config.stash[_PEERLESS]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Collect what the workers of pytest-xdist report."""
    output = getattr(node, "workeroutput", {})
    _from_workers["on_postgres"] += output.get("on_postgres", 0)
    for lack in ("browserless", "peerless"):
        _from_workers[lack] = max(_from_workers[lack], output.get(lack, 0))
    _versions.add(output.get("server", ""))


_on_postgres: set[str] = set()
_server_version = ""
_versions: set[str] = set()
_from_workers = {"on_postgres": 0, "browserless": 0, "peerless": 0}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Count the tests that may use the database, and ask the server once what it is."""
    global _server_version
    fixtures = {"db", "transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
    if not fixtures and item.get_closest_marker("django_db") is None:
        return
    _on_postgres.add(item.nodeid)
    if not _server_version:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("show server_version")
            _server_version = cursor.fetchone()[0]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """How many tests ran on PostgreSQL, and which did not run at all."""
    total = len(_on_postgres) + _from_workers["on_postgres"]
    versions = ", ".join(sorted(filter(None, _versions | {_server_version})))
    if total:
        terminalreporter.write_line(f"{total} tests ran on PostgreSQL {versions}", green=True)
    left_out = max(config.stash[_BROWSERLESS], _from_workers["browserless"])
    if left_out:
        terminalreporter.write_line(
            f"browser tests did not run: no chromium ({left_out} left out)", red=True, bold=True
        )
    peerless = max(config.stash[_PEERLESS], _from_workers["peerless"])
    if peerless:
        line = f"peers tests did not run: install them by make peers ({peerless} left out)"
        terminalreporter.write_line(line, red=True, bold=True)


@pytest.fixture
def redis_client() -> Iterator[redis.Redis]:
    """The Redis of this test process, with the keys of its own prefix removed before and after."""
    client = redis.Redis.from_url(django_settings.REDIS_URL)
    _forget(client)
    yield client
    _forget(client)
    client.close()


def _forget(client: redis.Redis) -> None:
    keys = list(client.scan_iter(match=f"{django_settings.REDIS_PREFIX}*", count=1000))
    if keys:
        client.delete(*keys)
