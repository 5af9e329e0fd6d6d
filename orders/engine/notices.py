"""Delivering notices to merchants, each in its dialect, and replaying them by hand.

The drain calls ``deliveries``, ``deliver`` (on a wire thread) and ``record``; the console calls
``replay``. Rows are written by ``orders.services.notices`` in the transaction of the change they
tell of. A body is a snapshot: every attempt tells what was true then.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from channels.base import Request
from channels.transport import Lost, NotSent, Transport
from orders import dialects, locks
from orders.actor import Actor
from orders.engine import claim, guard, ladder
from orders.engine.wake import NOTICE, wake
from orders.errors import OperationRefused, Refusal
from orders.models import MerchantNotice, NoticeAttempt, WorkState
from orders.services.journal import Head, Journal

log = logging.getLogger(__name__)

CONNECT_S, READ_S = 3.0, 10.0
READ_CHARS = 16_384
"""Of a merchant's answer that its dialect looks at: a signed one is longer than what is kept."""
ANSWER_CHARS = 512
"""Of a merchant's answer that are kept with the attempt."""
REPLAY_BATCH = 100
"""Notices of one transaction of a replay in bulk."""

Status = MerchantNotice.Status


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Everything a wire thread needs; no database behind it."""

    id: int
    attempt: int
    tries: int
    application_id: int
    url: str
    dialect: str
    letter: dialects.Letter | None = field(repr=False)
    """None where its keys could not be read: such an attempt only counts."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What came of one delivery."""

    delivery: Delivery
    started_at: datetime
    latency_ms: int = 0
    http_status: int | None = None
    error: str = ""
    response: str = ""

    @property
    def is_delivered(self) -> bool:
        return self.http_status is not None and dialects.get(self.delivery.dialect).accepts(
            self.http_status, self.response
        )


def deliveries(notices: Sequence[MerchantNotice]) -> list[Delivery]:
    """Of claimed notices with their application and merchant. Raises SecretUnreadable."""
    return [
        Delivery(
            id=notice.pk,
            attempt=notice.attempt,
            tries=notice.tries,
            application_id=notice.application_id,
            url=notice.url,
            dialect=notice.dialect,
            letter=letter,
        )
        for notice, letter in zip(notices, dialects.letters(notices), strict=True)
    ]


def deliver(delivery: Delivery, transport: Transport, *, now: datetime) -> Attempt:
    """Send once. Never raises: what went wrong is in the attempt."""
    if delivery.letter is None:
        raise ValueError("a delivery without its letter cannot be sent")
    if not guard.is_http(delivery.url):
        return Attempt(delivery=delivery, started_at=now, error="not an http(s) address")
    try:
        envelope = dialects.get(delivery.dialect).envelope(delivery.letter, now)
    except (ValueError, KeyError) as error:
        return Attempt(delivery=delivery, started_at=now, error=str(error))
    request = Request(
        method="POST",
        url=delivery.url,
        headers={"User-Agent": "Zhangfang-Webhooks/1", **envelope.headers},
        body=envelope.body,
        connect_timeout=CONNECT_S,
        read_timeout=READ_S,
    )
    return _send(request, delivery, transport, now)


def _send(request: Request, delivery: Delivery, transport: Transport, now: datetime) -> Attempt:
    try:
        answer = transport.send(request)
    except (NotSent, Lost) as error:
        return Attempt(
            delivery=delivery,
            started_at=now,
            latency_ms=error.elapsed_ms,
            error=f"{error.code}: {error.message}",
        )
    except Exception as error:
        log.exception("notice %s could not be delivered", delivery.id)
        return Attempt(delivery=delivery, started_at=now, error=type(error).__name__)
    return Attempt(
        delivery=delivery,
        started_at=now,
        latency_ms=answer.elapsed_ms,
        http_status=answer.status,
        error="redirects are not followed" if 300 <= answer.status < 400 else "",
        response=_text(answer.body),
    )


def _text(body: bytes) -> str:
    """PostgreSQL's text holds everything but NUL."""
    return body.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")[:READ_CHARS]


def record(attempts: Sequence[Attempt], *, now: datetime | None = None) -> None:
    """Keep the attempts and move their notices on, in one short transaction.

    An attempt whose claim was taken over meanwhile changes nothing and is not kept: whoever took
    it over tells its own.
    """
    now = now or timezone.now()
    with transaction.atomic():
        ours = claim.end_notices([_end(attempt, now) for attempt in attempts])
        NoticeAttempt.objects.bulk_create(
            NoticeAttempt(
                notice_id=attempt.delivery.id,
                number=attempt.delivery.attempt,
                started_at=attempt.started_at,
                latency_ms=attempt.latency_ms,
                http_status=attempt.http_status,
                error=attempt.error[:256].replace("\0", ""),
                response=attempt.response[:ANSWER_CHARS],
            )
            for attempt in attempts
            if attempt.delivery.id in ours
        )


def _end(attempt: Attempt, now: datetime) -> claim.NoticeEnd:
    """The next state of the notice."""
    status, state, due_at = Status.DELIVERED, WorkState.ENDED, None
    if not attempt.is_delivered:
        due_at = ladder.next_notice(attempt.delivery.tries + 1, now)
        status, state = (
            (Status.PENDING, WorkState.DUE) if due_at else (Status.DEAD, WorkState.ENDED)
        )
    return claim.NoticeEnd(
        id=attempt.delivery.id,
        attempt=attempt.delivery.attempt,
        status=status,
        state=state,
        due_at=due_at,
        ended_at=now if state == WorkState.ENDED else None,
    )


def record_lost(notices: Collection[MerchantNotice]) -> None:
    """Their worker died or stalled while delivering: keep that the attempt was made."""
    NoticeAttempt.objects.bulk_create(
        (
            NoticeAttempt(
                notice_id=notice.pk,
                number=notice.attempt - 1,
                started_at=notice.due_at - claim.lease(),
                latency_ms=0,
                error="LEASE_LOST: the worker did not say what came of it",
            )
            for notice in notices
        ),
        ignore_conflicts=True,
    )


def replay(notice_ids: Collection[int], actor: Actor) -> int:
    """Deliver again at once, with a fresh ladder; the number of notices that will be.

    Those under way are left alone. Raises OperationRefused without the permission.
    """
    if actor.user is not None and not actor.user.has_perm("orders.replay_merchantnotice"):
        refusal = Refusal(code="permission", msgid=N_("Your role may not replay notices."))
        raise OperationRefused("replay", refusal)
    ids = sorted(set(notice_ids))
    return sum(
        _replay(ids[start : start + REPLAY_BATCH], actor)
        for start in range(0, len(ids), REPLAY_BATCH)
    )


@transaction.atomic
def _replay(ids: list[int], actor: Actor) -> int:
    """One transaction under the locks of the heads, whose event chains tell of it."""
    now = timezone.now()
    notices = list(MerchantNotice.objects.filter(pk__in=ids).order_by("id"))
    pays = locks.pay_orders({row.pay_order_id for row in notices if row.pay_order_id})
    moved = locks.transfers({row.transfer_id for row in notices if row.transfer_id})
    stores = locks.store_orders({row.store_order_id for row in notices if row.store_order_id})
    journal = Journal(now)
    count = 0
    for notice in notices:
        head = (
            pays.get(notice.pay_order_id or 0)
            or moved.get(notice.transfer_id or 0)
            or stores.get(notice.store_order_id or 0)
        )
        count += _renew(notice, head, journal, actor)
    journal.save()
    wake(NOTICE)
    return count


def _renew(notice: MerchantNotice, head: Head | None, journal: Journal, actor: Actor) -> int:
    """A conditional update: a drain may claim the notice at this very moment.

    A notice for trying has no order, and so no chain to write into.
    """
    done = (
        MerchantNotice.objects.filter(pk=notice.pk)
        .exclude(state=WorkState.OUT)
        .update(
            status=Status.PENDING, state=WorkState.DUE, tries=0, due_at=journal.now, ended_at=None
        )
    )
    if done and head is not None:
        facts = {"notice": notice.notice_id, "kind": notice.kind, "order_no": notice.order_no}
        journal.event(head, "notice_replayed", actor, before="", data=facts)
    return done
