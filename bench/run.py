"""The measurements in their order, and the table. Called by ``python -m bench`` only."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from django.conf import settings
from django.db import connection

from bench import api, calls, codecs, fairness, plain, provider, world
from orders.engine import drain, wake
from orders.models import ChannelCallback, PayOrder

CALLBACKS, ROUNDS = 1000, 3
CREATED = ["orders_payorder", "orders_channelcall", "orders_event"]
SETTLED = [
    "orders_payorder",
    "orders_channelcallback",
    "orders_event",
    "orders_ledgerentry",
    "orders_merchantnotice",
]


def main() -> None:
    """Everything, on the empty database that the environment names."""
    house = world.make()
    created = measure("orders through the API", lambda: api.per_second(house.api_key), CREATED)
    drain.run(wake.PAY, max_run_s=600)  # what the API left for the sandbox
    half = {name: text for name, text in house.identity.items() if "merchant_private" not in name}
    process, address = provider.start(half)
    world.wechat(house, address, max_in_flight=settings.ENGINE_WIRE_THREADS)
    one = measure("calls, 1 worker", lambda: calls.by_drains(house, workers=1), CREATED)
    single = measure("calls, a task each", lambda: calls.by_tasks(house), CREATED)
    two = measure("calls, 2 workers", lambda: calls.by_drains(house, workers=2), CREATED)
    settled = measure("callbacks", lambda: _callbacks(house), SETTLED)
    process.terminate()
    coded = [(name, measure_codec(name, work)) for name, work in codecs.works()]
    fair = fairness.measure()
    write(
        facts(),
        "",
        f"{'':<60}{'per s':>8}{'plain':>8}{'ratio':>8}",
        line("orders created through the API, 2 web processes", created),
        line("callbacks settled, 1 worker process", settled),
        line("channel calls of 100 ms, 1 worker process", one),
        line("channel calls of 100 ms, 2 worker processes", two),
        line("channel calls of 100 ms, one Celery task each, 50 threads", single),
        "",
        f"one worker's drain is {one.ratio / single.ratio:.1f} times one Celery task per call",
        "plain: the same rows inserted by psycopg alone, an item a transaction, 16 connections,",
        "measured after each round, because the machine may have other things to do",
        "",
        f"{'':<60}{'per s':>8}{'RSA':>8}{'ratio':>8}",
        *(line(name, found) for name, found in coded),
        "",
        "RSA: signatures of 2048 bits by cryptography alone, on the same one thread, after each",
        "round; what has a ratio of 2 costs half a signature",
        "",
        f"{'a notice from its commit to its arrival, ms':<60}{'median':>8}{'worst':>8}",
        delay("alone", fair.alone),
        delay(f"behind {fairness.QUEUED:,} of a merchant who never answers", fair.behind_one),
        delay(f"behind as many of {fairness.MANY} such merchants", fair.behind_many),
    )


@dataclass(frozen=True)
class Measured:
    rate: float
    plain: float
    ratio: float


def measure(name: str, work: Callable[[], float], tables: list[str]) -> Measured:
    """The medians of some rounds, each with its own plain insert of what the work wrote last."""
    rates, plains = [], []
    for _round in range(ROUNDS):
        rates.append(work())
        plains.append(plain.per_second(plain.rows_of(_newest(tables), tables)))
        say(f"{name}: {rates[-1]:,.0f} per s, plain {plains[-1]:,.0f}")
    ratios = [rate / limit for rate, limit in zip(rates, plains, strict=True)]
    return Measured(median(rates), median(plains), median(ratios))


def measure_codec(name: str, work: codecs.Work) -> Measured:
    """The medians of some rounds, each with its own signatures."""
    sign = codecs.signature()
    rates, plains = [], []
    for _round in range(ROUNDS):
        rates.append(codecs.per_second(work))
        plains.append(codecs.per_second(sign))
    say(f"{name}: {median(rates):,.0f} per s, RSA {median(plains):,.0f}")
    ratios = [rate / limit for rate, limit in zip(rates, plains, strict=True)]
    return Measured(median(rates), median(plains), median(ratios))


def _newest(tables: list[str]) -> int:
    """An order of the house's own that has rows in all of the tables."""
    orders = PayOrder.objects.exclude(order_no__startswith="x").order_by("-id")
    if "orders_ledgerentry" in tables:
        orders = orders.filter(status=PayOrder.Status.SUCCESS)
    return orders.values_list("id", flat=True)[0]


def write(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


def say(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


def line(work: str, found: Measured) -> str:
    return f"{work:<60}{found.rate:>8,.0f}{found.plain:>8,.0f}{found.ratio:>8.2f}"


def delay(words: str, found: tuple[float, float]) -> str:
    return f"{words:<60}{found[0] * 1000:>8,.0f}{found[1] * 1000:>8,.0f}"


_batches = iter(range(1000))


def _callbacks(house: world.World) -> float:
    """Callbacks per second of one drain; their orders are held by the channel before."""
    orders = world.place(house, CALLBACKS, f"paid{next(_batches)}")
    drain.run(wake.PAY, max_run_s=600)
    world.notify(house, orders)
    began = time.monotonic()
    drain.run(wake.CALLBACK, max_run_s=600)
    took = time.monotonic() - began
    applied = ChannelCallback.objects.filter(result="applied", pay_order__in=orders).count()
    assert applied == CALLBACKS, f"{CALLBACKS - applied} callbacks were not applied"
    return CALLBACKS / took


def facts() -> str:
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('server_version'), current_setting('fsync')")
        version, fsync = cursor.fetchone()
    return (
        f"manage.py bench · {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} · "
        f"Python {platform.python_version()} · PostgreSQL {version}, fsync {fsync} · "
        f"median of {ROUNDS}"
    )
