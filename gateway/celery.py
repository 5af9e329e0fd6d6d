"""The Celery application and the signs of life of its workers.

Loaded by every process. A Celery message here is a wake-up, never the work (law 5): nothing in
this file knows an order.
"""

from __future__ import annotations

import logging.config
import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

app = Celery("zhangfang")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery 5.7's Django fixup closes the database connection before and after every task, whatever
# CONN_MAX_AGE says, unless app.conf has this key, spelt exactly so (celery/fixups/django.py).
app.conf["CELERY_DB_REUSE_MAX"] = 100_000_000
app.autodiscover_tasks()


@signals.setup_logging.connect
def _log_like_the_web(**_: Any) -> None:
    """One format for all processes; with a receiver here Celery installs none of its own."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


@signals.heartbeat_sent.connect
def _say_alive(**_: Any) -> None:
    """Every two seconds, from the worker's own event loop, and only while its broker answers.

    A thread of our own would go on saying "alive" for a worker whose loop is stuck.
    """
    from gateway import health

    health.say_alive(app.amqp.queues.consume_from)


@signals.task_prerun.connect
def _name_the_task(task_id: str = "-", **_: Any) -> None:
    """The task's id takes the place of the request's id in its log lines."""
    from gateway import logs

    logs.request_id.set(task_id)
