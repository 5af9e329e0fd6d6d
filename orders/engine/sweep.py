"""The sweep: finds by the clock whatever a lost wake-up, worker or Redis left behind.

``orders.tasks.sweep`` calls ``run`` every two seconds; twice at once does the same as once. It
works nothing itself: it wakes queues that have due rows, and lets the services decide about
orders whose check is due. One failing part does not stop the others.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import timezone

from orders.engine import claim, database, wake
from orders.models import DoorRequest, IdempotencyKey
from orders.services import allocation, pay, refund, store, transfer

log = logging.getLogger(__name__)

LIMIT = 100
"""Orders per transaction."""
ROUNDS = 20
"""Transactions of one sweep; the next sweep takes the rest."""
NOT_AGAIN_S = 0.5
"""A worker that was away finds a pile of sweeps waiting; one of them is enough."""
KEEP_KEYS = timedelta(hours=24)
PRUNED = 5_000

_last = 0.0
_lasting = threading.Lock()


def run() -> None:
    """One sweep, unless this process has just made one."""
    global _last
    with _lasting:
        if time.monotonic() - _last < NOT_AGAIN_S:
            return
        _last = time.monotonic()
    sweep()


def sweep(*, now: datetime | None = None) -> None:
    """Everything that is due at ``now``."""
    database.renew()
    now = now or timezone.now()
    checks = (
        pay.check_due,
        refund.check_due,
        transfer.check_due,
        allocation.check_due,
        store.check_due,
    )
    for part in (*(_check(check, now) for check in checks), wake_due_queues):
        try:
            part()
        except Exception:
            log.exception("a part of the sweep failed; the others go on")


def _check(check_due: Callable[[datetime, int], int], now: datetime) -> Callable[[], None]:
    def part() -> None:
        for _round in range(ROUNDS):
            if check_due(now, LIMIT) < LIMIT:
                return

    return part


def wake_due_queues() -> None:
    """Publish for each queue that has due rows, whatever its flag says: the message that the
    flag promises may be the very thing that was lost."""
    for queue, due_at in claim.oldest_due(wake.CALL_QUEUES).items():
        if due_at is not None:
            wake.publish(queue)


def prune() -> int:
    """Forget idempotency keys and requests at doors after 24 hours; the number of them."""
    database.renew()
    oldest = timezone.now() - KEEP_KEYS
    return _forget(IdempotencyKey, oldest) + _forget(DoorRequest, oldest)


def _forget(model: type[IdempotencyKey] | type[DoorRequest], oldest: datetime) -> int:
    total = 0
    while True:
        ids = list(
            model._default_manager.filter(created_at__lt=oldest)
            .order_by("created_at")
            .values_list("id", flat=True)[:PRUNED]
        )
        if not ids:
            return total
        total += model._default_manager.filter(id__in=ids).delete()[0]
