"""The engine's own Redis client: short timeouts, made lazily, one per process.

Called by ``wake``, ``reply`` and ``handover`` only. Redis holds nothing that cannot be lost, so
every caller goes on without it; a Redis that is away costs a request one timeout, not one per
wake-up.
"""

from __future__ import annotations

import functools
import os

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

WAIT_SLICE_S = 1.0
"""A waiter blocks in slices, so that a dead connection is noticed within three seconds."""


def key(name: str) -> str:
    return f"{settings.REDIS_PREFIX}{name}"


def client() -> redis.Redis:
    """For commands that answer at once. One retry: a pooled connection may be of an old Redis."""
    return _client(settings.REDIS_URL, os.getpid())


def waiting_client() -> redis.Redis:
    """For BLPOP. redis-py 8.1 otherwise stops reading after 5 s and tries ten times: a wait of
    7 s came back after 59 s."""
    return _waiting_client(settings.REDIS_URL, os.getpid())


@functools.lru_cache(maxsize=4)
def _client(url: str, _pid: int) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=1.0, socket_connect_timeout=1.0, retry=Retry(NoBackoff(), 1)
    )


@functools.lru_cache(maxsize=4)
def _waiting_client(url: str, _pid: int) -> redis.Redis:
    return redis.Redis.from_url(
        url, socket_timeout=WAIT_SLICE_S + 2, socket_connect_timeout=1.0, retry=None
    )
