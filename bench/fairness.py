"""Do dead merchants delay another one? His notices, alone, behind 100,000 of one of them, and
behind as many of twenty.

One worker process drains the queue. The dead merchant's receiver takes every connection and never
answers, which is the worst that he can do: a refused connection is over at once.
"""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from statistics import median
from typing import Any

from bench import worker
from bench.world import ACTOR
from orders.models import Application, Merchant, MerchantNotice
from orders.services import notices

QUEUED = 100_000
MANY = 20
"""Dead merchants at once: together they may have more in flight than there are threads."""
ASKED = 20
"""Notices of the living merchant, one after the other."""
PATIENCE_S = 60


@dataclass(frozen=True)
class Found:
    """Seconds from the commit of a notice to its arrival, median and worst."""

    alone: tuple[float, float]
    behind_one: tuple[float, float]
    behind_many: tuple[float, float]


def measure() -> Found:
    """Both merchants' delays, with the same worker and the same receiver."""
    with _receiver() as (address, arrivals), _silence() as hole, _worker():
        living = _merchant("living", address)
        alone = _ask(living, arrivals)
        one = _behind([_merchant("dead", hole)], living, arrivals)
        many = [_merchant(f"dead-{number}", hole) for number in range(MANY)]
        return Found(alone=alone, behind_one=one, behind_many=_behind(many, living, arrivals))


def _behind(
    dead: list[Application], living: Application, arrivals: dict[str, float]
) -> tuple[float, float]:
    for application in dead:
        _queue(application, QUEUED // len(dead))
    found = _ask(living, arrivals)
    queue = MerchantNotice.objects.filter(application__in=dead)
    waiting = queue.filter(status="pending").count()
    assert waiting > QUEUED * 0.9, f"only {waiting} notices of the dead were left"
    queue.update(status="dead", state="ended", ended_at="2026-01-01T00:00:00Z")
    return found


def _ask(application: Application, arrivals: dict[str, float]) -> tuple[float, float]:
    delays = []
    for _number in range(ASKED):
        notice = notices.request_test(application, ACTOR)
        began = time.monotonic()
        while notice.notice_id not in arrivals:
            assert time.monotonic() - began < PATIENCE_S, "a notice did not arrive"
            time.sleep(0.001)
        delays.append(arrivals[notice.notice_id] - began)
    return median(delays), max(delays)


def _merchant(name: str, url: str) -> Application:
    merchant = Merchant.objects.create(mch_no=f"BENCH-{name}", name=name)
    application = Application(merchant=merchant, app_id=f"bench-{name}", name=name, notify_url=url)
    application.webhook_secret = "whsec_" + "A" * 32
    application.save()
    return application


def _queue(application: Application, count: int) -> None:
    MerchantNotice.objects.bulk_create(
        (
            MerchantNotice(
                application=application,
                order_no="",
                kind="notice.test",
                notice_id=f"msg_{application.app_id}_{number}",
                url=application.notify_url,
                body="{}",
            )
            for number in range(count)
        ),
        batch_size=5_000,
    )


@contextmanager
def _worker() -> Iterator[None]:
    context = get_context("spawn")
    ready, stop = context.Event(), context.Event()
    process = context.Process(target=worker.notices, args=(ready, stop), daemon=True)
    process.start()
    assert ready.wait(60), "the worker does not start"
    try:
        yield
    finally:
        stop.set()
        process.terminate()
        process.join()


@contextmanager
def _receiver() -> Iterator[tuple[str, dict[str, float]]]:
    """A merchant's server, and when each ``webhook-id`` came."""
    arrivals: dict[str, float] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrivals[self.headers["webhook-id"]] = time.monotonic()
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", arrivals
    finally:
        server.shutdown()


@contextmanager
def _silence() -> Iterator[str]:
    """An address that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
