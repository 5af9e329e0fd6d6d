"""Celery's wrappers around the engine. A message is a wake-up, never the work (DESIGN law 5)."""

from __future__ import annotations

from celery import shared_task

from orders.engine import drain as drains
from orders.engine import sweep as sweeps


@shared_task(name="orders.tasks.drain")
def drain(queue: str) -> None:
    """Work a queue until nothing in it is due."""
    drains.run(queue)


@shared_task(name="orders.tasks.sweep")
def sweep() -> None:
    """Find what is due by the clock."""
    sweeps.run()


@shared_task(name="orders.tasks.prune")
def prune() -> None:
    """Forget what is kept for a while only."""
    sweeps.prune()
