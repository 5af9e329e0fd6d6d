"""Claiming due rows: ``due`` → ``out`` under a lease, for calls, callbacks and notices.

Called by the engine's sources on a drain's own thread, outside any transaction: a claim is one
statement that commits by itself. Besides ``orders.locks`` this is the only file with row locks in
SQL ("for update skip locked"), because a claim is a lock that outlives its transaction: the state,
the fence (``attempt``) and the end of the lease (``due_at``) are what holds the row.

A claim lasts for the setting's lease, and longer at a channel that declares slow answers.

The clock is the database's, so that workers whose own clocks differ agree on every lease. Each
claim picks its rows in a materialized CTE: as a plain subquery the planner may run it twice and
claim more than the limit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import connection

from channels import registry
from channels.base import Request
from orders.models import ChannelCall, MerchantNotice

Row = TypeVar("Row", ChannelCall, MerchantNotice)

GRACE = timedelta(milliseconds=100)
"""Rows are written with the clock of a web process; machines kept by NTP differ by milliseconds,
and a row that seems due in 5 ms would else wait for the sweep."""
CALLBACK_LEASE = timedelta(seconds=15)
"""No wire, only a database transaction; doubled with each claim, so that a poisoned row does not
cost a traceback every few seconds."""
NOTICE_CAP = 8
"""Deliveries that one worker keeps in flight for one application that takes them in at once."""

# Each owner (account, application) is served at most up to its cap, oldest first. Who holds the
# fewest threads comes first: many dead merchants fill every thread, and each one that comes free
# must go to somebody who answers, as soon as he has something due. Equals take turns by chance,
# because the outer limit would else always serve the first ones of the table.
_CLAIM = """
with clock as (
    select coalesce(%(now)s::timestamptz, statement_timestamp()) as now
), picked as materialized (
    select mine.id, mine.state as was, owner.cap,
           greatest(%(lease)s::interval,
                    (%(slow)s::jsonb ->> owner.channel)::interval) as lease
      from (select id, {cap} as cap, {channel} as channel from {owners}
             where %(only)s::bigint[] is null or id = any(%(only)s)
             order by coalesce((%(in_flight)s::jsonb ->> id::text)::int, 0), random()) owner
     cross join lateral (
        select id, state from {rows}
         where {owner_id} = owner.id and {which} state <> 'ended'
           and due_at <= (select now from clock) + %(grace)s
         order by due_at
         limit greatest(0, least(%(room)s,
               owner.cap - coalesce((%(in_flight)s::jsonb ->> owner.id::text)::int, 0)))
           for update skip locked
     ) mine
     limit %(room)s
)
update {rows} row
   set state = 'out', attempt = row.attempt + 1, due_at = clock.now + picked.lease {sets}
  from picked, clock where row.id = picked.id
returning row.*, picked.was = 'out' as is_lost, picked.cap as cap, picked.lease as lease
"""
_CALLS = _CLAIM.format(
    cap="max_in_flight",
    channel="channel",
    owners="orders_channelaccount",
    rows="orders_channelcall",
    owner_id="account_id",
    which="queue = %(queue)s and",
    sets=", sent_at = case picked.was when 'due' then clock.now else row.sent_at end",
)
_NOTICES = _CLAIM.format(
    cap="%(cap)s",
    channel="''",
    owners="orders_application",
    rows="orders_merchantnotice",
    owner_id="application_id",
    which="",
    sets="",
)

_CALLBACKS = """
with clock as (
    select coalesce(%(now)s::timestamptz, statement_timestamp()) as now
), picked as materialized (
    select id from orders_channelcallback
     where state <> 'ended' and due_at <= (select now from clock) + %(grace)s
     order by due_at limit %(room)s for update skip locked
)
update orders_channelcallback row
   set state = 'out', attempt = row.attempt + 1,
       due_at = clock.now + %(lease)s * power(2, least(row.attempt, 8))
  from picked, clock where row.id = picked.id
returning row.id, row.attempt
"""

_OLDEST = """
with clock as (
    select coalesce(%(now)s::timestamptz, statement_timestamp()) + %(grace)s as now
)
select queue, (
    select due_at from orders_channelcall call
     where call.queue = asked.queue and state <> 'ended' and due_at <= (select now from clock)
     order by due_at limit 1)
  from unnest(%(queues)s::text[]) asked(queue)
union all
select 'callback', (
    select due_at from orders_channelcallback
     where state <> 'ended' and due_at <= (select now from clock) order by due_at limit 1)
union all
select 'notice', (
    select due_at from orders_merchantnotice
     where state <> 'ended' and due_at <= (select now from clock) order by due_at limit 1)
"""

# Bringing a notice's result home, fenced: only the latest claim of a row that is still out.
_END_NOTICES = """
update orders_merchantnotice row
   set state = new.state, status = new.status, tries = row.tries + 1,
       due_at = coalesce(new.due_at, row.due_at), ended_at = new.ended_at
  from unnest(%(ids)s::bigint[], %(attempts)s::int[], %(states)s::text[], %(statuses)s::text[],
              %(due_ats)s::timestamptz[], %(ended_ats)s::timestamptz[])
       as new(id, attempt, state, status, due_at, ended_at)
 where row.id = new.id and row.attempt = new.attempt and row.state = 'out'
returning row.id
"""


def lease() -> timedelta:
    """How long a claimed call or notice belongs to its claimer, at the usual channel."""
    return timedelta(seconds=settings.ENGINE_LEASE_S)


def slow_leases() -> dict[str, str]:
    """Of the channels whose answers may take long: three times the timeouts (``wire.fit``), so
    that no timeout that a channel declares is ever cut. PostgreSQL reads them as intervals."""
    return {
        channel.code: f"{3 * (Request.connect_timeout + channel.capabilities.slow_answer)} seconds"
        for channel in registry.all_channels()
        if channel.capabilities.slow_answer
    }


@dataclass(frozen=True, kw_only=True)
class Claim(Generic[Row]):
    """A row that is ours until its lease ends."""

    row: Row
    is_lost: bool
    """It was out before: whoever claimed it then never said what came of it."""
    cap: int
    """How many rows of its owner may be in flight in one process."""
    lease: timedelta
    """How long it is ours, from the moment of the claim."""


def calls(
    queue: str, room: int, in_flight: Mapping[int, int], *, now: datetime | None = None
) -> list[Claim[ChannelCall]]:
    """Claim up to ``room`` due calls. ``in_flight`` counts what this process already flies for
    each account. A lost one is not to be sent, but asked about."""
    params = {"queue": queue, **_params(room, in_flight, now), "slow": json.dumps(slow_leases())}
    return [_claim(row) for row in ChannelCall.objects.raw(_CALLS, params)]


def notices(
    room: int,
    in_flight: Mapping[int, int],
    *,
    cap: int = NOTICE_CAP,
    only: Sequence[int] | None = None,
    now: datetime | None = None,
) -> list[Claim[MerchantNotice]]:
    """Claim up to ``room`` due notices, at most ``cap`` in flight for each application, of ``only``
    these applications where they are named."""
    params = {"cap": cap, **_params(room, in_flight, now), "slow": "{}"}
    params["only"] = None if only is None else list(only)
    return [_claim(row) for row in MerchantNotice.objects.raw(_NOTICES, params)]


def _params(room: int, in_flight: Mapping[int, int], now: datetime | None) -> dict[str, Any]:
    return {
        "room": room,
        "only": None,
        "in_flight": json.dumps(in_flight),
        "now": now,
        "lease": lease(),
        "grace": GRACE,
    }


def _claim(row: Any) -> Claim[Any]:
    """Split the further columns of the statement off the row."""
    facts = row.__dict__
    return Claim(row=row, **{name: facts.pop(name) for name in ("is_lost", "cap", "lease")})


def callbacks(room: int, *, now: datetime | None = None) -> list[tuple[int, int]]:
    """Claim up to ``room`` due callbacks: (id, attempt) of each, oldest id first."""
    params: dict[str, Any] = {"room": room, "lease": CALLBACK_LEASE, "now": now, "grace": GRACE}
    with connection.cursor() as cursor:
        cursor.execute(_CALLBACKS, params)
        return sorted((int(row[0]), int(row[1])) for row in cursor.fetchall())


def oldest_due(
    call_queues: Sequence[str], *, now: datetime | None = None
) -> dict[str, datetime | None]:
    """For each queue the due time of its oldest due row (an ended lease is due), or None."""
    params: dict[str, Any] = {"queues": list(call_queues), "now": now, "grace": GRACE}
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST, params)
        return dict(cursor.fetchall())


@dataclass(frozen=True, kw_only=True)
class NoticeEnd:
    """What a delivery changes on its notice."""

    id: int
    attempt: int
    status: str
    state: str
    due_at: datetime | None
    ended_at: datetime | None


def end_notices(ends: Sequence[NoticeEnd]) -> set[int]:
    """Write the results of claimed notices; the ids whose claim was still ours."""
    params: dict[str, Any] = {
        "ids": [end.id for end in ends],
        "attempts": [end.attempt for end in ends],
        "states": [str(end.state) for end in ends],
        "statuses": [str(end.status) for end in ends],
        "due_ats": [end.due_at for end in ends],
        "ended_ats": [end.ended_at for end in ends],
    }
    with connection.cursor() as cursor:
        cursor.execute(_END_NOTICES, params)
        return {int(row[0]) for row in cursor.fetchall()}
