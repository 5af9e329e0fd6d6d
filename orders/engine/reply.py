"""Answering somebody who waits for the end of one call.

The web process makes a key, stores it on the call (``reply_to``), commits, and waits; the worker
that settles the call publishes on the same key. A wait that ends False means only that nobody
said "ended" in time: the caller reads the row and answers with what is known.
"""

from __future__ import annotations

import logging
import secrets
import time

import redis
from django.db import transaction

from orders.engine import store

log = logging.getLogger(__name__)

KEEP_S = 60
"""Longer than any deadline; a reply that nobody fetches vanishes by itself."""


def new_key() -> str:
    """A key that nobody can guess, at most 64 characters."""
    return f"reply:{secrets.token_hex(16)}"


def publish(key: str) -> None:
    """Say "ended" on ``key`` once the current transaction has committed. Never raises."""

    def push() -> None:
        _push(key)

    if key:
        transaction.on_commit(push, robust=True)


def _push(key: str) -> None:
    try:
        pipe = store.client().pipeline(transaction=True)
        pipe.rpush(store.key(key), "1")
        pipe.expire(store.key(key), KEEP_S)
        pipe.execute()
    except redis.RedisError as error:
        log.warning("a waiting request is not told: %s", error)


def wait(key: str, timeout_s: float) -> bool:
    """Block until somebody says "ended" on ``key``. Must not be called in a transaction."""
    if transaction.get_connection().in_atomic_block:
        raise RuntimeError("waiting inside a transaction would hold its locks (DESIGN law 2)")
    deadline = time.monotonic() + timeout_s
    failures = 0
    while (left := deadline - time.monotonic()) > 0:
        try:
            slice_s = max(0.01, min(left, store.WAIT_SLICE_S))  # BLPOP 0 would wait for ever
            if store.waiting_client().blpop([store.key(key)], timeout=slice_s) is not None:
                return True
        except redis.RedisError as error:
            failures += 1
            if failures > 1:  # the first may be a pooled connection to a Redis that restarted
                log.warning("cannot wait for a reply: %s", error)
                return False
    return False
