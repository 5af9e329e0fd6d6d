"""The frame of every simulator: start, stop, dispatch, faults around the wire, controls.

A provider subclasses ``Simulator`` and supplies what its wire says; this class decides when it is
said, delayed, spoilt or lost. It never knows a provider's fields.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from channels.simulators.core import controls
from channels.simulators.core.agenda import Agenda
from channels.simulators.core.clock import Clock
from channels.simulators.core.faults import (
    CALLBACK_FAULTS,
    WIRE,
    WIRE_FAULTS,
    Faults,
    Plan,
)
from channels.simulators.core.notices import NOTICES, Notifier
from channels.simulators.core.store import BOOK, BOOK_COLUMNS, Book, Store
from channels.simulators.core.web import Answer, HttpServer, Request

INSTEAD_OF_DOING = {
    "error_before": "error",
    "rate_limited": "rate_limited",
    "accepted": "accepted",
}
INSTEAD_OF_SAYING = {
    "error_after": "error",
    "rate_limited_after": "rate_limited",
    "accepted_after": "accepted",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a simulator runs. The defaults suit a demo: documented rules, short waits."""

    time_scale: float = 60.0
    """Waits that the provider counts in minutes are divided by this: one minute is a second."""
    ladder_scale: float = 1.0
    """The same for the callbacks' ladder, which is real by default (15 s, 15 s, 30 s …)."""
    latency_ms: int = 0
    """Added to every answer of the wire, for benches."""
    initial_balance: int = 0
    """Fen that the merchant has before the first payment."""
    durable: bool = True
    """False: no care about a power cut (benches and tests)."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a request on the wire asks for. ``op`` is empty where there is no such operation."""

    op: str
    request: Request
    numbers: Sequence[str] = ()
    """Our numbers in it, for ``match``."""
    parts: Mapping[str, str] | None = None
    """What the path says."""


class Simulator(ABC):
    code: ClassVar[str]
    title: ClassVar[tuple[str, str]]
    """English, Chinese."""
    schema: ClassVar[str]
    ladder: ClassVar[Sequence[float]]
    """Seconds before each further try of a callback, as the provider documents them."""
    wire_faults: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]]
    """Per operation, the faults it has beyond WIRE_FAULTS."""
    common_faults: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Faults of every operation and callback that only this provider can have."""
    callback_kinds: ClassVar[Sequence[str]] = ("pay", "refund")
    callback_faults: ClassVar[Mapping[str, tuple[str, str]]] = {}
    kind_faults: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {}
    """Faults that only one kind of callback has."""
    more_controls: ClassVar[Mapping[tuple[str, str], Callable[[Any, Request], Answer]]] = {}
    """Controls of this provider alone, by method and path."""

    words: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """What the page calls this provider's operations, kinds of callbacks and states."""
    columns: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    """Columns that came later than their tables, as ``store.BOOK_COLUMNS``."""

    def __init__(self, *, state: str, port: int, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.store = Store(
            state,
            schema=BOOK + NOTICES + self.schema,
            columns={**BOOK_COLUMNS, **self.columns},
            durable=settings.durable,
        )
        self.ledger = Book(self.store, self.clock)
        self.faults = Faults(self._catalogue())
        self.agenda = Agenda(self.clock)
        self.notifier = Notifier(
            self.store,
            self.clock,
            self.faults,
            agenda=self.agenda,
            mailer=self.mailer(),
            ladder=[seconds / settings.ladder_scale for seconds in self.ladder],
        )
        self.agenda.add(self.notifier.run_due)
        self._server = HttpServer(self.handle, port=port)
        self._stopping = threading.Event()
        self.base_url = f"http://127.0.0.1:{self._server.port}"

    # --- what a provider supplies -------------------------------------------------------

    @abstractmethod
    def mailer(self) -> Any:
        """The ``notices.Mailer`` of this provider."""

    @abstractmethod
    def identify(self, request: Request) -> Call:
        """Which operation this is; lenient, for it runs before any check."""

    @abstractmethod
    def perform(self, call: Call, plan: Plan) -> Answer:
        """Check the request and do it; the answer is not sealed yet."""

    @abstractmethod
    def breakdown(self, kind: str) -> Answer:
        """The provider's words for ``error`` (500), ``rate_limited`` (429), ``accepted`` (202)."""

    @abstractmethod
    def seal(self, answer: Answer, call: Call, *, tamper: str) -> Answer:
        """Add the provider's headers and signature, spoilt where ``tamper`` says how."""

    @abstractmethod
    def pay(
        self, out_trade_no: str, *, amount: int | None = None, force: bool = False
    ) -> dict[str, Any]:
        """The customer pays. Raises ControlError."""

    @abstractmethod
    def finish_refund(self, out_refund_no: str, status: str) -> dict[str, Any]:
        """End a refund by hand (a bank's late word). Raises ControlError."""

    @abstractmethod
    def orders(
        self, *, search: str = "", state: str = "", limit: int = 50, before: int | None = None
    ) -> list[dict[str, Any]]:
        """Newest first, in the common words that the page and the scripts read."""

    @abstractmethod
    def code_of(self, out_trade_no: str) -> str:
        """What the QR code of an order says; empty where it has none."""

    def transfers(self) -> list[dict[str, Any]]:
        """Payments to people, newest first: {our_no, out_no, title, payee, amount, state,
        created_at, waiting} (``waiting``: the payee's confirmation is asked for)."""
        return []

    @property
    @abstractmethod
    def merchant(self) -> str:
        """The merchant's number at the provider."""

    # --- controls from Python -----------------------------------------------------------

    def start(self) -> str:
        """Open for business; the base URL."""
        self.ledger.open_account(self.merchant, available=self.settings.initial_balance)
        self.agenda.start()
        self._server.start()
        return self.base_url

    def stop(self) -> None:
        self._stopping.set()
        self._server.stop()
        self.agenda.stop()
        self.notifier.stop()
        self.store.close()

    def set_faults(self, document: object) -> None:
        """Replace the whole set. Raises FaultError."""
        self.faults.replace(document)

    def set_clock(self, offset_s: float) -> None:
        self.clock.shift(offset_s)
        self.agenda.wake()

    def set_balance(self, available: int, *, merchant: str = "") -> None:
        """Of the merchant, or of another account that the book has. Raises ControlError."""
        self.ledger.set_available(merchant or self.merchant, available)

    def book(self, *, since: int = 0, our_no: str = "", last: int = 0) -> dict[str, Any]:
        return self.ledger.read(since=since, our_no=our_no, last=last)

    @property
    def crashes(self) -> int:
        """The simulator's own bugs so far; tests assert that there were none."""
        return self._server.crashes + self.agenda.crashes + self.notifier.crashes

    def wait_seconds(self, documented: float) -> float:
        """A documented wait, in real seconds."""
        return documented / self.settings.time_scale

    # --- the wire -----------------------------------------------------------------------

    def handle(self, request: Request) -> Answer:
        if not controls.is_loopback_host(request):
            return Answer(status=421)
        if controls.is_ours(request):
            return controls.answer(self, request)
        return self._answer_wire(self.identify(request))

    def _answer_wire(self, call: Call) -> Answer:
        plan = self.faults.plan((WIRE, call.op), call.numbers) if call.op else Plan()
        self._pause(plan, "stall")
        if "drop_before" in plan:
            return Answer(status=500, drop=True)
        for fault, kind in INSTEAD_OF_DOING.items():
            if fault in plan:
                return self.seal(self.breakdown(kind), call, tamper="")
        answer = self.perform(call, plan)
        for fault, kind in INSTEAD_OF_SAYING.items():
            if fault in plan:
                answer = self.breakdown(kind)
        if "not_json" in plan:
            page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
            answer = Answer(status=200, headers={"Content-Type": "text/html"}, body=page)
        self._pause(plan, "slow")
        self._stopping.wait(self.settings.latency_ms / 1000)
        if "drop_after" in plan:
            return Answer(status=500, drop=True)
        sealed = self.seal(answer, call, tamper=plan.tamper)
        return replace(sealed, truncate=True) if "truncated" in plan else sealed

    def _pause(self, plan: Plan, fault: str) -> None:
        rule = plan.get(fault)
        if rule is not None:
            self._stopping.wait(rule.ms / 1000)

    def _catalogue(self) -> dict[str, dict[str, tuple[str, str]]]:
        common = dict(WIRE_FAULTS) | dict(self.common_faults)
        catalogue = {WIRE: dict(common)}
        for op, special in self.wire_faults.items():
            catalogue[op] = common | dict(special)
        callback = dict(CALLBACK_FAULTS) | dict(self.common_faults) | dict(self.callback_faults)
        catalogue["callback"] = callback
        for kind in self.callback_kinds:
            catalogue[f"callback_{kind}"] = callback | dict(self.kind_faults.get(kind, {}))
        return catalogue
