"""How far behind the engine is. Read by /readyz, /metrics and the dashboard; changes nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from orders.engine import claim
from orders.engine.wake import CALL_QUEUES

COUNTED = 10_000
"""Counting stops here: beyond it the exact number helps nobody and costs a scan."""

_COUNTS = """
select queue, (
    select count(*) from (
        select 1 from orders_channelcall c
         where c.queue = q.queue and state <> 'ended' and due_at <= %(now)s limit %(limit)s) due)
  from unnest(%(queues)s::text[]) q(queue)
union all
select 'callback', (
    select count(*) from (
        select 1 from orders_channelcallback
         where state <> 'ended' and due_at <= %(now)s limit %(limit)s) due)
union all
select 'notice', (
    select count(*) from (
        select 1 from orders_merchantnotice
         where state <> 'ended' and due_at <= %(now)s limit %(limit)s) due)
"""


def oldest_due_seconds(*, now: datetime | None = None) -> float:
    """How long the oldest due row of all queues has been waiting; 0.0 when none is due."""
    now = now or timezone.now()
    due = [at for at in claim.oldest_due(CALL_QUEUES, now=now).values() if at is not None]
    return max([(now - at).total_seconds() for at in due] + [0.0])


def due_counts(*, now: datetime | None = None) -> dict[str, int]:
    """Queue → rows due now, counted up to COUNTED."""
    params: dict[str, Any] = {
        "queues": list(CALL_QUEUES),
        "now": now or timezone.now(),
        "limit": COUNTED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, params)
        return {str(queue): int(count) for queue, count in cursor.fetchall()}
