"""One worker process of a measurement: a drain, from its first claim to its last settle."""

from __future__ import annotations

from typing import Any

import django


def drain(ready: Any, go: Any) -> None:
    """The target of a spawned process; nothing of Django is imported before it is set up."""
    django.setup()
    from django.db import connection

    from orders.engine import drain as drains
    from orders.engine import wake

    connection.ensure_connection()
    ready.wait(60)
    go.wait()
    drains.run(wake.PAY, max_run_s=600)


def notices(ready: Any, stop: Any) -> None:
    """The target of a spawned process: drains notices until told to stop, as wake-ups would."""
    django.setup()
    from django.db import connection

    from orders.engine import drain as drains
    from orders.engine import wake

    connection.ensure_connection()
    ready.set()
    while not stop.wait(0.01):
        drains.run(wake.NOTICE, max_run_s=5)
