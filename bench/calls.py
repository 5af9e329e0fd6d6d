"""Channel calls of 100 ms, sent and settled: by drains, and one Celery task per call.

Each worker is a process of its own; the provider is another (``bench.provider``). The clock runs
from the moment at which the workers, already started, are let go.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from multiprocessing import get_context
from typing import Any

from bench import percall, worker
from bench.world import World, place
from orders.models import ChannelCall

CALLS = 1000
_batch = itertools.count()


def by_drains(house: World, *, workers: int) -> float:
    """Calls per second of so many worker processes."""
    orders = place(house, CALLS, f"call{next(_batch)}")
    context = get_context("spawn")
    ready, go = context.Barrier(workers + 1), context.Event()
    processes = [
        context.Process(target=worker.drain, args=(ready, go)) for _number in range(workers)
    ]
    for process in processes:
        process.start()
    ready.wait(60)
    began = time.monotonic()
    go.set()
    for process in processes:
        process.join()
    took = time.monotonic() - began
    done = ChannelCall.objects.filter(pay_order__in=orders, outcome="done").count()
    assert done == CALLS, f"{CALLS - done} calls were not done"
    return CALLS / took


def by_tasks(house: World) -> float:
    """Calls per second of one Celery worker with fifty threads, in the middle of its run."""
    orders = place(house, CALLS // 2, f"task{next(_batch)}")
    calls = ChannelCall.objects.filter(pay_order__in=orders)
    count = calls.count()
    for call_id in calls.values_list("id", flat=True):
        percall.send.apply_async(args=[call_id], queue="bench")
    argv = [sys.executable, "-W", "ignore", "-m", "celery", "-A", "bench.percall", "worker"]
    argv += [
        "-Q",
        "bench",
        "-P",
        "threads",
        "-c",
        "50",
        "--without-gossip",
        "--without-mingle",
        "-l",
        "ERROR",
    ]
    celery = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    try:
        first = _wait_for(calls, count // 10)
        last = _wait_for(calls, count * 9 // 10)
        return (last[0] - first[0]) / (last[1] - first[1])
    finally:
        celery.terminate()
        celery.wait(60)


def _wait_for(calls: Any, count: int) -> tuple[int, float]:
    """How many had ended, and when that was seen."""
    deadline = time.monotonic() + 120
    while (ended := calls.filter(state="ended").count()) < count:
        assert time.monotonic() < deadline, "the worker does not work"
        time.sleep(0.05)
    return ended, time.monotonic()
