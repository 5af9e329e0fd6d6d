"""The clock: Celery beat on the database, and its sign of life.

Loaded by the beat process only (CELERY_BEAT_SCHEDULER). Decides nothing about orders: the sweep
finds what is due, so a second beat, or a beat that was away, does no harm.
"""

from __future__ import annotations

import time
from typing import Any

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from gateway import health


class SeededScheduler(DatabaseScheduler):
    """Writes the schedule of settings into the database once, and then leaves it to operators.

    The stock scheduler overwrites the rows at every start, which would undo an operator's edit.
    """

    _said_alive = 0.0

    def update_from_dict(self, mapping: dict[str, Any]) -> None:
        """Add the entries that the database does not have."""
        known = set(PeriodicTask.objects.filter(name__in=mapping).values_list("name", flat=True))
        super().update_from_dict({n: entry for n, entry in mapping.items() if n not in known})

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """One turn of the clock, at least every two seconds while beat is well."""
        delay = min(float(super().tick(*args, **kwargs)), 2.0)
        if time.monotonic() - self._said_alive >= 1:
            self._said_alive = time.monotonic()
            health.say_alive(["beat"])
        return delay
