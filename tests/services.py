"""PostgreSQL and Redis for one test session, started before Django reads its settings.

A pytest plugin (`-p tests.services` in pyproject.toml): conftest.py would come after pytest-django
has loaded the settings. The session that the person started owns the services; the workers of
pytest-xdist inherit the addresses. Each session has its own directory, so several can run at once.
With DATABASE_URL and REDIS_URL in the environment those are used instead.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from gateway import embedded

_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
_services: embedded.Services | None = None
_home: Path | None = None


def _set_environment(home: Path) -> None:
    os.environ["ZHANGFANG_HOME"] = str(home)
    os.environ.setdefault("ZHANGFANG_LOG_LEVEL", "WARNING")
    os.environ["ZHANGFANG_DEMO"] = "0"
    os.environ["ZHANGFANG_SECRET_KEY"] = "a key for tests, which no other house knows"
    key = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    os.environ["ZHANGFANG_ENCRYPTION_KEYS"] = f"test:{key}"


def _start() -> None:
    global _services, _home
    _home = Path(tempfile.mkdtemp(prefix="zhangfang-tests-"))
    (_home / "static").mkdir()  # whitenoise warns about a missing one
    _set_environment(_home)
    wants_postgres, wants_redis = "DATABASE_URL" not in os.environ, "REDIS_URL" not in os.environ
    _services = embedded.start(_home, postgres=wants_postgres, redis=wants_redis, durable=False)
    if wants_postgres:
        os.environ["DATABASE_URL"] = embedded.database_url(_home)
    if wants_redis:
        os.environ["REDIS_URL"] = embedded.redis_url(_home)


def _stop() -> None:
    if _services is not None and _home is not None:
        _services.stop()
        embedded.remove(_home)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """A wrapper runs before pytest-django's own `tryfirst`, which loads the settings."""
    if not _worker:
        _start()
        early_config.add_cleanup(_stop)
    # Each worker process has its own corner of Redis, as it has its own test database.
    os.environ["ZHANGFANG_REDIS_PREFIX"] = f"test-{_worker or 'main'}:"
    yield
