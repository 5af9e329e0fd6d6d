"""The database connection of a thread that drains or sweeps.

Called by ``drain`` and ``sweep``. Celery leaves connections open between tasks here (a new one per
task is four to eight times slower), so whoever begins a task looks whether his still works.
"""

from __future__ import annotations

from django.db import InterfaceError, OperationalError, connection

AWAY = (OperationalError, InterfaceError)
"""What is raised when the server is gone; a lock that was not granted is one of these too."""


def renew() -> None:
    """Drop a connection that does not work any more. The next query opens another."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


def is_connected() -> bool:
    return connection.connection is not None and connection.is_usable()
