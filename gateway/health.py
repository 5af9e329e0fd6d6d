"""Is the house open? /healthz says that this process runs, /readyz that all of it does.

Workers and the clock say "alive" in Redis every two seconds (`gateway.celery`, `gateway.beat`);
reading that is one MGET, never a broadcast to the workers.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from redis.backoff import NoBackoff
from redis.retry import Retry

from orders.engine.health import oldest_due_seconds

log = logging.getLogger(__name__)

ALIVE_S = 10
"""After this many seconds without a sign, a worker or the clock counts as gone."""


@functools.cache
def client() -> redis.Redis:
    """Redis for signs of life: short timeouts, no retries; a check must not hang."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=2,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 1),  # once: a pooled connection may be of a Redis that is gone
    )


def say_alive(names: Iterable[str]) -> None:
    """Leave a sign for each name. Never raises: whoever reads will see that it is missing."""
    try:
        pipe = client().pipeline(transaction=False)
        for name in names:
            pipe.set(_key(name), "1", ex=ALIVE_S)
        pipe.execute()
    except redis.RedisError as error:
        log.warning("no sign of life could be left in Redis: %s", error)


def _key(name: str) -> str:
    return f"{settings.REDIS_PREFIX}alive:{name}"


def _alive() -> tuple[bool, dict[str, bool]]:
    names = [*settings.QUEUES, "beat"]
    try:
        values = client().mget([_key(name) for name in names])
    except redis.RedisError:
        return False, dict.fromkeys(names, False)
    return True, {name: bool(value) for name, value in zip(names, values, strict=True)}


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError as error:
        log.warning("the database does not answer: %s", error)
        return False
    return True


def snapshot() -> dict[str, Any]:
    """Everything /readyz shows; `ready` is true only when all of it is live."""
    database = _database()
    redis_up, alive = _alive()
    beat = alive.pop("beat")
    return {
        "ready": database and redis_up and beat and all(alive.values()),
        "database": database,
        "redis": redis_up,
        "queues": {name: {"worker": worker} for name, worker in alive.items()},
        "beat": beat,
        "oldest_due_s": round(oldest_due_seconds(), 1) if database else None,
    }


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process runs. Asks nobody."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 only when the database, Redis, a worker for each queue and the clock are live."""
    state = snapshot()
    response = JsonResponse(state, status=200 if state["ready"] else 503)
    response["Cache-Control"] = "no-store"
    return response
