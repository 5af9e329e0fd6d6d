"""One house, one channel, one simulated provider: all of it real but the processes.

Doors, services, engine, codecs, wire and simulator are the real ones. Drains run on this thread,
inside the test's transaction; a notification that arrives over a socket is handed to this thread,
which gives it to the web's own door, and its answer goes back over the socket. The clock's part is
brought forward, so that a re-check of five seconds takes none.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any
from unittest import mock

from django.test import Client
from django.utils import timezone

from channels.umf import pay as umf_pay
from orders.engine import drain, sweep
from orders.models import (
    AllocationDetail,
    AllocationOrder,
    AllocationReceiver,
    ChannelCall,
    LedgerEntry,
    PayOrder,
    RefundOrder,
    ShareReturn,
    TransferOrder,
    WorkState,
)
from tests import cast
from tests.e2e.hands import Hand
from tests.e2e.sandbox import Sandbox

QUEUES = ("callback", "pay", "call", "sync")
WITH_CHECKS = (
    PayOrder, RefundOrder, TransferOrder, AllocationOrder, ShareReturn, AllocationReceiver,
)  # fmt: skip
PATIENCE_S = 40.0
OWN_MONEY = ("top_up", "withdraw")
"""Movements by which a test gives the merchant money to spend."""
BOOK_WORDS = {"share_back": "return"}
"""Our ledger's kind → the books' word, where they differ."""
IN_WORK = {"fault": "processing", "seconds": 1}
"""A provider that takes its time."""


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Fen of a story. At the sandbox their endings choose what happens."""

    pay: int = 10_000
    part: int = 3_000
    """Of a refund."""
    sent: int = 5_000
    """By a transfer."""
    shares: tuple[int, int] = (1_000, 500)
    """The first of them is what a return fetches back."""


@dataclass
class Delivery:
    """A notification on its way, and what the house answered."""

    path: str
    headers: dict[str, str]
    body: bytes
    answered: threading.Event = field(default_factory=threading.Event)
    status: int = 503
    content_type: str = "text/plain"
    content: bytes = b""


class Letterbox:
    """The house's address for providers: arrivals wait here until the test's thread takes them."""

    def __init__(self) -> None:
        self.arrived: SimpleQueue[Delivery] = SimpleQueue()
        box = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                delivery = Delivery(self.path, dict(self.headers.items()), body)
                box.arrived.put(delivery)
                delivery.answered.wait(PATIENCE_S)
                # The simulator may have given up meanwhile.
                with contextlib.suppress(OSError):
                    self.send_response(delivery.status)
                    self.send_header("Content-Type", delivery.content_type)
                    self.send_header("Content-Length", str(len(delivery.content)))
                    self.end_headers()
                    self.wfile.write(delivery.content)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def waiting(self) -> Iterator[Delivery]:
        with contextlib.suppress(Empty):
            while True:
                yield self.arrived.get_nowait()

    def stop(self) -> None:
        for delivery in self.waiting():
            delivery.answered.set()
        self._server.shutdown()
        self._server.server_close()


class World:
    """A merchant at one channel, and the tools of its story."""

    def __init__(
        self,
        channel: str,
        simulator: Any,
        house: cast.House,
        box: Letterbox,
        *,
        hand: Hand,
        faults: dict[str, Any],
        sums: Sums,
    ) -> None:
        self.channel = channel
        self.simulator = simulator
        self.house = house
        self.hand = hand
        self.sums = sums
        self.told: list[int] = []
        """HTTP status that each notification was answered with."""
        self._box = box
        self._faults = faults
        self._arranged: dict[str, Any] = {}
        self._web = Client()

    # --- hurting ------------------------------------------------------------------------

    def arrange(self, **faults: Any) -> None:
        """What the story itself needs of the provider, by operation; until ``hurt`` at least."""
        self._arranged = {**self._arranged, **faults}
        self.simulator.set_faults(self._arranged)

    def silence(self, kind: str = "") -> None:
        """Notifications (of this kind) do not come any more: somebody has to ask."""
        self.arrange(**{f"callback_{kind}" if kind else "callback": {"fault": "off"}})

    def hurt(self, *over: str) -> None:
        """From here on the provider misbehaves as the test says. What was arranged for the
        operations in ``over`` is over."""
        kept = {op: fault for op, fault in self._arranged.items() if op not in over}
        self._arranged = kept
        self.simulator.set_faults({**kept, **self._faults})

    @property
    def tells(self) -> bool:
        """The provider tells us of payments. Then nobody has to ask."""
        return self.channel != "sandbox" and "query" not in self._faults

    # --- time ---------------------------------------------------------------------------

    def until(self, fact: Callable[[], Any], what: str, *, clock: bool = True) -> Any:
        """Let the house work until the fact holds."""
        deadline = time.monotonic() + PATIENCE_S
        rounds = 0
        while not (found := fact()):
            said = f"in vain waited for: {what}; {self.calls()[:12]} …"
            assert time.monotonic() < deadline, said
            rounds += 1
            self.turn(clock=clock and rounds % 4 == 0)
        return found

    def until_over(self, fact: Callable[[], Any], what: str) -> Any:
        """As ``until``, for an end that UMF's query tells for certain only when nobody can pay any
        more: an hour and a half, of which the test waits for a second."""
        if self.channel == "umf" and self._faults:
            with mock.patch.object(umf_pay, "OVER_AFTER", timedelta(seconds=1)):
                return self.until(fact, what)
        return self.until(fact, what)

    def turn(self, *, clock: bool) -> bool:
        """One round: the post, the clock, the workers. Says whether there was anything to do."""
        post = list(self._box.waiting())
        for delivery in post:
            self._deliver(delivery)
        if clock:
            if isinstance(self.simulator, Sandbox):
                self.simulator.tick()
            self._bring_forward()
            sweep.sweep()
        worked = [drain.run(queue) for queue in QUEUES]
        if not any(worked):
            time.sleep(0.02)
        return bool(post) or any(worked)

    def rest(self) -> None:
        """A while in which nothing may move any more, whatever still comes or is asked."""
        idle = 0
        for _ in range(6):
            idle = 0 if self.turn(clock=True) else idle + 1
            if idle == 3:
                return

    def _deliver(self, delivery: Delivery) -> None:
        answer = self._web.post(
            delivery.path,
            delivery.body,
            content_type=delivery.headers.get("Content-Type", ""),
            headers={n: v for n, v in delivery.headers.items() if n not in _OF_THE_HOP},
        )
        self.told.append(answer.status_code)
        delivery.status, delivery.content = answer.status_code, answer.content
        delivery.content_type = answer.headers.get("Content-Type", "text/plain")
        delivery.answered.set()

    @staticmethod
    def _bring_forward() -> None:
        now = timezone.now()
        for model in WITH_CHECKS:
            rows = model.objects.filter(next_check_at__gt=now)
            rows.update(next_check_at=now - timedelta(seconds=1))
        due = ChannelCall.objects.filter(state=WorkState.DUE, due_at__gt=now)
        due.update(due_at=now - timedelta(seconds=1))

    # --- facts --------------------------------------------------------------------------

    def book(self) -> list[tuple[str, str, int]]:
        """What the provider's own book says: (kind, our number, fen) of every movement. The
        sandbox keeps none: there it is what our ledger says."""
        if self.channel == "sandbox":
            return self.ledger()
        return [
            (one["kind"], one["our_no"], one["amount"])
            for one in self.simulator.book()["movements"]
            if one["kind"] not in OWN_MONEY
        ]

    def ledger(self) -> list[tuple[str, str, int]]:
        """Our ledger, in the words of a provider's book."""
        rows = LedgerEntry.objects.order_by("id").values_list("kind", "order_no", "amount")
        return [(BOOK_WORDS.get(kind, kind), _request(number), fen) for kind, number, fen in rows]

    def calls(self) -> list[tuple[str, str]]:
        """(kind, outcome) of every call so far, in their order."""
        return list(ChannelCall.objects.order_by("id").values_list("kind", "outcome"))

    def outcomes(self, kind: str) -> list[str]:
        return [outcome for name, outcome in self.calls() if name == kind]

    # --- what usually comes before ------------------------------------------------------

    def order(self, **more: Any) -> PayOrder:
        """Asked for; nobody has worked on it. ``more`` goes into the request."""
        return self.hand.place(self.channel, self.sums.pay, **more)

    def placed(self, **more: Any) -> PayOrder:
        """Held by the provider; the customer may pay."""
        order = self.order(**more)
        self.until(lambda: is_(order, "progress"), "the order is placed", clock=False)
        if self.channel == "alipay":
            # Until the customer scans, Alipay does not know the trade.
            self.simulator.scan(order.order_no)
        return order

    def paid(self, **more: Any) -> PayOrder:
        order = self.placed(**more)
        self.simulator.pay(order.order_no)
        self.until(lambda: is_(order, "success"), "the order is paid", clock=not self.tells)
        return cast.reload(order)


_OF_THE_HOP = ("Host", "Content-Length", "Content-Type", "Connection")


def is_(row: Any, *statuses: str) -> bool:
    return cast.reload(row).status in statuses


def _request(number: str) -> str:
    """A share's ledger row names the detail; the provider's book names the request it was in."""
    detail = AllocationDetail.objects.filter(detail_no=number).select_related("allocation").first()
    return detail.allocation.send_no if detail else number
