"""Where a drain's work comes from: channel calls, callbacks, notices. One shape for all three.

Called by ``orders.engine.drain`` on its own thread, which is the only one that uses the database.
A source claims, says what is to be done on the wire, and brings the answers home; what an answer
means is the services' business.
"""

from __future__ import annotations

import functools
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from django.db.models import prefetch_related_objects
from django.utils import timezone

from channels.base import Exchange, Outcome, Result
from channels.transport import Transport
from orders.engine import claim, notices, patience, wire
from orders.engine.notices import Attempt, Delivery
from orders.engine.wake import CALLBACK, NOTICE
from orders.engine.wire import Job, Wire
from orders.models import ChannelCall, MerchantNotice
from orders.services import callbacks, corridor
from orders.services.corridor import Answer, Prepared

log = logging.getLogger(__name__)

BATCH = 20
"""Answers that are settled together: 3.7 to 4.5 times the calls per second of one by one."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(kw_only=True)
class Claimed:
    """What one claim brought."""

    count: int
    """Rows claimed; fewer than asked for means that there are no more."""
    jobs: list[Job] = field(default_factory=list)
    answers: list[tuple[Hashable, Any]] = field(default_factory=list)
    """(apart, answer) of rows that need no wire."""
    is_held_back: bool = False
    """A cap, and not a lack of work, may have ended this claim."""


class Source(Protocol):
    @property
    def wire(self) -> Wire | None:
        """Where its jobs run; None where there are none."""
        ...

    def claim(self, room: int) -> Claimed:
        """Claim up to ``room`` rows."""
        ...

    def settle(self, answers: Sequence[Any]) -> None:
        """Bring answers home in one transaction. Raises when one of them is poisoned."""
        ...

    def name(self, answer: Any) -> str:
        """For the log: which row it is, and nothing of what is in it."""
        ...


def of(queue: str) -> Source:
    """The source behind a queue."""
    if queue == CALLBACK:
        return Callbacks()
    return Notices() if queue == NOTICE else Calls(queue)


class Calls:
    """Channel calls of one queue."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self.wire = wire.channels()
        self._caps: dict[int, int] = {}

    def claim(self, room: int) -> Claimed:
        started = time.monotonic()
        flying = Counter(self.wire.flying())
        claims = claim.calls(self.queue, room, flying)
        self._caps |= {mine.row.account_id: mine.cap for mine in claims}
        flying.update(mine.row.account_id for mine in claims)
        fresh = [mine.row for mine in claims if not mine.is_lost]
        prepared, failed = _each(corridor.prepare, fresh)
        # Committed before it was sent, and never ended: ask, do not repeat (DESIGN law 1).
        known = [_lost(mine.row) for mine in claims if mine.is_lost]
        known += [_unprepared(row, error) for row, error in failed]
        family = {mine.row.pk: mine.row.family for mine in claims}
        leases = {mine.row.pk: mine.lease.total_seconds() for mine in claims}
        return Claimed(
            count=len(claims),
            jobs=[self._job(item, started, leases[item.call.pk]) for item in prepared],
            answers=[(family[answer.call_id], answer) for answer in known],
            is_held_back=any(flying[account] >= cap for account, cap in self._caps.items()),
        )

    def _job(self, prepared: Prepared, started: float, lease_s: float) -> Job:
        call, until = prepared.call, started + lease_s
        return Job(
            group=call.account_id,
            apart=call.family,
            perform=functools.partial(perform, prepared, self.wire.transport, until, lease_s),
            is_slow=prepared.channel.capabilities.slow_answer > 0,
        )

    def settle(self, answers: Sequence[Answer]) -> None:
        corridor.settle(answers)

    def name(self, answer: Answer) -> str:
        return f"call {answer.call_id}"


def perform(
    prepared: Prepared, transport: Transport, until: float, lease_s: float | None = None
) -> Answer:
    """On a wire thread: one command, one outcome."""
    try:
        with wire.lease(until, lease_s):
            result, exchange = prepared.channel.perform(
                corridor.complete(prepared.command),
                prepared.account,
                transport=transport,
                now=timezone.now,
                nonce=_nonce,
            )
    except corridor.Incomplete as lack:
        result = Result(outcome=Outcome.NOT_SENT, code=lack.code, message=lack.message)
        exchange = Exchange()
    except Exception as error:
        log.exception("call %s: the channel raised", prepared.call.pk)
        result = Result(outcome=Outcome.UNKNOWN, code="PERFORM_BUG", message=type(error).__name__)
        exchange = Exchange()
    return _answer(prepared.call, result, exchange)


def _nonce() -> str:
    return secrets.token_hex(16)


def _lost(call: ChannelCall) -> Answer:
    message = "the worker that sent it did not say what came of it"
    return _answer(call, Result(outcome=Outcome.UNKNOWN, code="LEASE_LOST", message=message))


def _unprepared(call: ChannelCall, error: Exception) -> Answer:
    """Nothing left the house, and that is known."""
    message = type(error).__name__
    return _answer(call, Result(outcome=Outcome.NOT_SENT, code="PREPARE_FAILED", message=message))


def _answer(call: ChannelCall, result: Result, exchange: Exchange | None = None) -> Answer:
    return Answer(
        call_id=call.pk, attempt=call.attempt, result=result, exchange=exchange or Exchange()
    )


class Callbacks:
    """The callback inbox: no wire, only the settling."""

    wire: Wire | None = None

    def claim(self, room: int) -> Claimed:
        rows = claim.callbacks(min(room, BATCH))
        return Claimed(count=len(rows), answers=[(row[0], row) for row in rows])

    def settle(self, answers: Sequence[tuple[int, int]]) -> None:
        callbacks.settle(answers)

    def name(self, answer: tuple[int, int]) -> str:
        return f"callback {answer[0]}"


class Notices:
    """Notices to merchants."""

    def __init__(self) -> None:
        self.wire = wire.merchants()

    def claim(self, room: int) -> Claimed:
        until = time.monotonic() + claim.lease().total_seconds()
        flying, quick = Counter(self.wire.flying()), patience.quick()
        claims = claim.notices(room, flying, only=quick) if quick else []
        flying.update(mine.row.application_id for mine in claims)
        left = min(room - len(claims), room - self.wire.threads // patience.KEPT)
        if left > 0:
            more = claim.notices(left, flying, cap=patience.UNPROVEN_CAP)
            flying.update(mine.row.application_id for mine in more)
            claims += more
        rows = [mine.row for mine in claims]
        prefetch_related_objects(rows, "application__merchant")
        notices.record_lost([mine.row for mine in claims if mine.is_lost])
        deliveries, failed = _each(_deliveries, rows)
        return Claimed(
            count=len(rows),
            jobs=[self._job(row, item, until) for row, item in deliveries],
            answers=[(row.pk, _undeliverable(row, error)) for row, error in failed],
            is_held_back=any(count >= patience.UNPROVEN_CAP for count in flying.values()),
        )

    def _job(self, notice: MerchantNotice, delivery: Delivery, until: float) -> Job:
        return Job(
            group=notice.application_id,
            apart=notice.pk,
            perform=functools.partial(_deliver, delivery, self.wire.transport, until),
        )

    def settle(self, answers: Sequence[Attempt]) -> None:
        for attempt in answers:
            patience.note(attempt.delivery.application_id, attempt.latency_ms)
        notices.record(answers)

    def name(self, answer: Attempt) -> str:
        return f"notice {answer.delivery.id}"


def _deliveries(rows: Sequence[MerchantNotice]) -> list[tuple[MerchantNotice, Delivery]]:
    return list(zip(rows, notices.deliveries(rows), strict=True))


def _deliver(delivery: Delivery, transport: Transport, until: float) -> Attempt:
    """On a wire thread: one delivery."""
    with wire.lease(until):
        return notices.deliver(delivery, transport, now=timezone.now())


def _undeliverable(notice: MerchantNotice, error: Exception) -> Attempt:
    """The secret cannot be read: the attempt counts, so that it is seen and ends dead."""
    delivery = Delivery(
        id=notice.pk,
        attempt=notice.attempt,
        tries=notice.tries,
        application_id=notice.application_id,
        url=notice.url,
        dialect=notice.dialect,
        letter=None,
    )
    return Attempt(delivery=delivery, started_at=timezone.now(), error=type(error).__name__)


def _each(
    work: Callable[[Sequence[T]], Iterable[R]], rows: Sequence[T]
) -> tuple[list[R], list[tuple[T, Exception]]]:
    """``work`` on all rows at once, or, when one of them is poisoned, on each alone."""
    if not rows:
        return [], []
    try:
        return list(work(rows)), []
    except Exception:
        log.exception("a batch of %s could not be prepared; trying each alone", len(rows))
    done: list[R] = []
    failed: list[tuple[T, Exception]] = []
    for row in rows:
        try:
            done += work([row])
        except Exception as error:
            log.exception("row %s could not be prepared", row)
            failed.append((row, error))
    return done, failed
