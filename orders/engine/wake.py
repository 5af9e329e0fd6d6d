"""Wake-ups: "there is work in this queue". A wake-up is never the work (DESIGN law 5).

Services call ``wake``; drains call ``start`` and ``number``; the sweep calls ``publish``. The
protocol, in this order, loses no wake-up and leaves at most one message waiting (docs/adr/0004):

- ``wake``: after commit, MULTI; SET flag 0 NX PX 5000; INCR flag; EXEC. A result of 1 publishes.
- a drain: DEL flag first, then claim until a claim comes back short.
- a running drain: GET flag at each tick, claim again when the number changed; it never DELs again.
- the sweep: publishes whenever a due row exists, whatever the flag says.

A Redis that is away is logged and never raised: the row is committed and the sweep finds it.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

import redis
from celery import current_app
from django.db import transaction
from kombu.exceptions import KombuError

from orders.engine import store

log = logging.getLogger(__name__)

PAY, CALLBACK, CALL, SYNC, NOTICE, BULK = "pay", "callback", "call", "sync", "notice", "bulk"
CALL_QUEUES = (PAY, CALL, SYNC, BULK)
"""Queues of ``ChannelCall`` rows; the other two drain callbacks and notices."""
QUEUES = (PAY, CALLBACK, CALL, SYNC, NOTICE, BULK)

FLAG_MS = 5000
"""Covers a process that died between INCR and publish, and a message that Redis lost."""
PAUSE_S = 2.0
"""After a failure wake-ups are not tried for this long; the sweep finds the rows."""

_resume_at = 0.0


def wake(queue: str) -> None:
    """Ring for ``queue`` once the current transaction (if any) has committed. Never raises."""
    ring_queue = _ringer(queue)
    waiting = transaction.get_connection().run_on_commit
    # Once is enough: a rollback that drops the earlier one (to a savepoint that was open then and
    # still is) drops this one too.
    if not any(hook is ring_queue for _savepoints, hook, _robust in waiting):
        transaction.on_commit(ring_queue, robust=True)


@functools.cache
def _ringer(queue: str) -> Callable[[], None]:
    if queue not in QUEUES:
        raise ValueError(f"there is no queue {queue!r}")

    def ring_queue() -> None:  # no partial: Django logs a failing hook by its __qualname__
        ring(queue)

    return ring_queue


def ring(queue: str) -> None:
    """The enqueuer's half of the protocol; the row must be committed already."""
    global _resume_at
    if time.monotonic() < _resume_at:
        return
    try:
        if count(queue) == 1:
            publish(queue)
    except (redis.RedisError, KombuError, OSError) as error:
        _resume_at = time.monotonic() + PAUSE_S
        log.warning("no wake-up for %s, the sweep will find the work: %s", queue, error)


def count(queue: str) -> int:
    """Raise the flag by one and say its number."""
    flag = _flag(queue)
    pipe = store.client().pipeline(transaction=True)
    pipe.set(flag, 0, nx=True, px=FLAG_MS)
    pipe.incr(flag)
    return int(pipe.execute()[1])


def publish(queue: str) -> None:
    """Send one drain message. Raises what the broker raises."""
    current_app.send_task("orders.tasks.drain", kwargs={"queue": queue}, queue=queue, retry=False)


def publish_quietly(queue: str) -> None:
    """A drain that was cut short wakes its successor; without a broker the sweep does."""
    try:
        publish(queue)
    except (redis.RedisError, KombuError, OSError) as error:
        log.warning("no successor for the drain of %s: %s", queue, error)


def start(queue: str) -> None:
    """A drain lowers the flag once, before its first claim."""
    _try(lambda: store.client().delete(_flag(queue)))


def number(queue: str) -> int:
    """The flag as a running drain sees it; 0 when it is down or Redis is away."""
    return int(_try(lambda: store.client().get(_flag(queue))) or 0)


def _flag(queue: str) -> str:
    return store.key(f"wake:{queue}")


def _try(command: Callable[[], Any]) -> Any:
    """A drain works without Redis; it only learns of new rows by the sweep then."""
    global _resume_at
    if time.monotonic() < _resume_at:
        return None
    try:
        return command()
    except redis.RedisError as error:
        _resume_at = time.monotonic() + PAUSE_S
        log.warning("wake-ups are out of order: %s", error)
        return None
