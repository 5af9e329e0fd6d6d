"""What happened to an order family, and what is planned next, as one list, newest first.

Reads events, calls with their scrubbed wire, callbacks and notices; writes nothing. Events that a
call or a callback caused stand under it, so that one exchange is one entry.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Prefetch, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels.base import Outcome
from orders.admin import cells, words
from orders.models import (
    AllocationReceiver,
    Anomaly,
    ChannelCall,
    ChannelCallback,
    Event,
    MerchantNotice,
    NoticeAttempt,
    PayOrder,
    StoreOrder,
    TransferOrder,
    WorkState,
)

Head = PayOrder | TransferOrder | AllocationReceiver | StoreOrder
"""Whose chain tells a family's story. Nobody calls back or is told about a receiver; of a store
order the channels know nothing."""

LIMIT = 50
SOON = timedelta(minutes=2)


@dataclass
class Entry:
    """One line of the timeline."""

    key: str
    at: datetime
    title: Any
    icon: str
    tone: str = "mute"
    by: str = ""
    marks: list[Any] = field(default_factory=list)
    """Small words beside the title: outcome, milliseconds, amounts."""
    note: str = ""
    changes: list[Any] = field(default_factory=list)
    """Entries that this one caused."""
    wire: list[tuple[Any, str]] = field(default_factory=list)
    link: str = ""
    day: str = ""
    """The local day, on the first entry of each."""


@dataclass(frozen=True)
class Planned:
    """Something that will happen by itself."""

    title: str
    at: datetime | None
    icon: str = "schedule"


@dataclass
class Story:
    entries: list[Entry]
    planned: list[Planned]
    has_more: bool
    is_moving: bool
    """Something will change by itself before long: the page follows it."""
    is_brisk: bool
    """…within seconds."""


# --- version ----------------------------------------------------------------------------------


def version(head: Head) -> str:
    """Changes whenever anything on the page of this family would. A few small indexed queries."""
    found: list[dict[str, Any]] = []
    if not isinstance(head, StoreOrder):
        found.append(
            head.calls.aggregate(
                n=Max("pk"),
                claims=Sum("attempt"),
                open=Count("pk", filter=~Q(state=WorkState.ENDED)),
            )
        )
    if not isinstance(head, AllocationReceiver | StoreOrder):
        found.append(
            head.callbacks.aggregate(
                n=Sum("deliveries"), ended=Count("pk", filter=Q(state=WorkState.ENDED))
            )
        )
    if not isinstance(head, AllocationReceiver):
        found.append(
            head.notices.aggregate(
                n=Max("pk"), claims=Sum("attempt"), tries=Sum("tries"), ended=Count("ended_at")
            )
        )
    check = f"{head.next_check_at:%j%H%M%S}" if head.next_check_at else "-"
    parts = [head.event_seq, check, *(value for sums in found for value in sums.values())]
    return ".".join("0" if part is None else str(part) for part in parts)


# --- entries ----------------------------------------------------------------------------------


def story(head: Head, children: list[Any], *, everything: bool) -> Story:
    """The family's story. ``children`` are its refunds, allocations and returns; ``everything``
    lifts the limit of entries."""
    limit = 1_000 if everything else LIMIT
    calls: list[ChannelCall] = []
    if not isinstance(head, StoreOrder):
        calls = list(head.calls.order_by("-pk")[: limit + 1])
    events = list(head.events.order_by("-seq")[: limit + 1])
    callbacks: list[ChannelCallback] = []
    notices: list[MerchantNotice] = []
    if not isinstance(head, AllocationReceiver | StoreOrder):
        callbacks = list(head.callbacks.defer("body").order_by("-pk")[: limit + 1])
    if not isinstance(head, AllocationReceiver):
        attempts = Prefetch("attempts", NoticeAttempt.objects.order_by("number"))
        notices = list(head.notices.prefetch_related(attempts).order_by("-pk")[: limit + 1])
    entries = _entries(head, calls, callbacks, events, notices)
    has_more = len(entries) > limit or any(
        len(rows) > limit for rows in (calls, callbacks, events, notices)
    )
    entries = entries[:limit]
    _mark_days(entries)
    return Story(
        entries=entries,
        planned=list(_planned(head, children, calls, notices)),
        has_more=has_more and not everything,
        is_moving=_is_moving(head, children, notices) or _is_brisk(children, calls, callbacks),
        is_brisk=_is_brisk(children, calls, callbacks),
    )


def _entries(
    head: Head,
    calls: list[ChannelCall],
    callbacks: list[ChannelCallback],
    events: list[Event],
    notices: list[MerchantNotice],
) -> list[Entry]:
    caused: dict[tuple[str, int], list[Entry]] = defaultdict(list)
    call_ids = {call.pk for call in calls}
    callback_ids = {row.pk for row in callbacks}
    entries: list[Entry] = []
    for event in events:
        entry = _event(head, event)
        if event.call_id in call_ids:
            caused["call", event.call_id].insert(0, entry)
        elif event.callback_id in callback_ids:
            caused["callback", event.callback_id].insert(0, entry)
        else:
            entries.append(entry)
    for call in calls:
        if call.state != WorkState.DUE:
            entries.append(_call(head, call, caused["call", call.pk]))
    for row in callbacks:
        entries.append(_callback(row, caused["callback", row.pk]))
    for notice in notices:
        entries.extend(_deliveries(notice))
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _event(head: Head, event: Event) -> Entry:
    title, icon, tone = words.event(event.kind)
    marks: list[Any] = []
    if event.amount is not None:
        marks.append(cells.money(event.amount, sign=True))
    if code := event.data.get("code", ""):
        marks.append(code)
    if event.kind == "anomaly":
        kind = event.data.get("kind", "")
        marks.append(dict(Anomaly.Kind.choices).get(kind, kind))
    by = event.actor if event.door in ("admin", "api") else ""
    return Entry(
        key=f"e{event.pk}",
        at=event.created_at,
        title=title,
        icon=icon,
        tone=tone,
        by=" · ".join(filter(None, [str(words.door(event.door)), by])),
        marks=[*_whose(head, event.order_no), *marks],
        note=event.reason,
    )


def _whose(head: Head, order_no: str) -> list[str]:
    """On a family's page, the lines of a child carry its number."""
    return [order_no] if order_no != head.number else []


def _call(head: Head, call: ChannelCall, changes: list[Entry]) -> Entry:
    marks: list[Any] = [*_whose(head, call.order_no)]
    if call.outcome:
        marks.append(cells.outcome(call.outcome))
    if call.state == WorkState.OUT:
        marks.append(cells.chip(_("waiting for the answer"), "busy"))
    if call.channel_status:
        marks.append(call.channel_status)
    if call.latency_ms is not None and call.state == WorkState.ENDED:
        marks.append(f"{call.latency_ms:,} ms")
    note = " ".join(filter(None, [call.code, call.message]))
    wire = [(_("Request"), call.request), (_("Response"), call.response)]
    return Entry(
        key=f"c{call.pk}",
        at=call.ended_at or call.sent_at or call.created_at,
        title=_("%(channel)s: %(what)s")
        % {"channel": _channel_of(head), "what": call.get_kind_display()},
        icon="swap_horiz",
        tone=cells.tone(call.outcome, Outcome) if call.outcome else "busy",
        by=call.actor if call.door == "admin" else "",
        marks=marks,
        note=note if call.outcome not in (Outcome.DONE, Outcome.PENDING) else "",
        changes=changes,
        wire=[(name, text) for name, text in wire if text],
        link=f"channelcall:{call.pk}",
    )


def _channel_of(head: Head) -> str:
    return "" if isinstance(head, StoreOrder) else cells.channel_name(head.channel)


def _callback(row: ChannelCallback, changes: list[Entry]) -> Entry:
    marks: list[Any] = []
    if row.result:
        marks.append(cells.state(row.result, ChannelCallback.Result, row.get_result_display()))
    elif row.state != WorkState.ENDED:
        marks.append(cells.chip(row.get_state_display(), "busy"))
    if row.deliveries > 1:
        marks.append(_("delivered %(n)s times") % {"n": row.deliveries})
    return Entry(
        key=f"b{row.pk}",
        at=row.created_at,
        title=_("%(channel)s told us") % {"channel": cells.channel_name(row.channel)},
        icon="call_received",
        tone=cells.tone(row.result, ChannelCallback.Result) if row.result else "busy",
        marks=marks,
        note=" ".join(filter(None, [row.code, row.message])),
        changes=changes,
        link=f"channelcallback:{row.pk}",
    )


def _deliveries(notice: MerchantNotice) -> Iterator[Entry]:
    for attempt in notice.attempts.all():
        is_good = attempt.http_status is not None and 200 <= attempt.http_status < 300
        is_last_of_dead = notice.status == MerchantNotice.Status.DEAD and (
            attempt.number == notice.tries
        )
        marks: list[Any] = [
            attempt.http_status or _("no answer"),
            _("attempt %(n)s") % {"n": attempt.number},
            f"{attempt.latency_ms:,} ms",
        ]
        if is_last_of_dead:
            marks.insert(0, cells.chip(notice.get_status_display(), "bad"))
        yield Entry(
            key=f"n{attempt.pk}",
            at=attempt.started_at,
            title=_("Merchant told: %(what)s") % {"what": words.notice(notice.kind)},
            icon="notifications",
            tone="good" if is_good else "warn",
            marks=marks,
            note=attempt.error,
            wire=[(_("Answer"), attempt.response)] if attempt.response else [],
            link=f"merchantnotice:{notice.pk}",
        )


def _mark_days(entries: list[Entry]) -> None:
    day = ""
    for entry in entries:
        here = timezone.localtime(entry.at).strftime("%Y-%m-%d")
        entry.day = here if here != day else ""
        day = here


# --- what is planned --------------------------------------------------------------------------


def _planned(
    head: Head,
    children: list[Any],
    calls: list[ChannelCall],
    notices: list[MerchantNotice],
) -> Iterator[Planned]:
    for call in calls:
        if call.state == WorkState.DUE:
            yield Planned(
                _("To be sent: %(what)s") % {"what": call.get_kind_display()}, call.due_at, "outbox"
            )
    if isinstance(head, StoreOrder):
        yield from _planned_of_store(head)
    elif head.is_executing and head.next_check_at:
        yield Planned(_check_number(head.check_count + 1), head.next_check_at, "sync")
    if isinstance(head, PayOrder):
        if head.is_executing and not head.intent:
            yield Planned(_("Closes if it is not paid"), head.expires_at, "timer_off")
        if head.allocate_at:
            yield Planned(_("Is shared by itself"), head.allocate_at, "call_split")
    for child in children:
        if child.is_executing and child.next_check_at:
            title = _("%(check)s of %(order)s %(number)s") % {
                "check": _check_number(child.check_count + 1),
                "order": child._meta.verbose_name,
                "number": child.number,
            }
            yield Planned(title, child.next_check_at, "sync")
    for notice in notices:
        if notice.status == MerchantNotice.Status.PENDING:
            title = _("Tell the merchant: %(what)s, attempt %(n)s") % {
                "what": words.notice(notice.kind),
                "n": notice.tries + 1,
            }
            yield Planned(title, notice.due_at, "notifications")


def _planned_of_store(head: StoreOrder) -> Iterator[Planned]:
    if head.deadline_at and head.status == StoreOrder.Status.UNPAID:
        yield Planned(_("Is cancelled if it is not paid"), head.deadline_at, "timer_off")
    elif head.deadline_at:
        title = _("Is cancelled and refunded if it is not accepted")
        yield Planned(title, head.deadline_at, "timer_off")
    if head.remind_at:
        yield Planned(_("The merchant is reminded of the next step"), head.remind_at, "schedule")


def _check_number(count: int) -> str:
    return ngettext("Check no. %(n)s", "Check no. %(n)s", count) % {"n": count}


def _is_moving(head: Head, children: list[Any], notices: list[MerchantNotice]) -> bool:
    soon = timezone.now() + SOON
    if isinstance(head, PayOrder) and head.allocate_at and head.allocate_at < soon:
        return True
    return any(order.is_executing for order in (head, *children)) or any(
        row.ended_at is None and row.due_at < soon for row in notices
    )


def _is_brisk(
    children: list[Any], calls: list[ChannelCall], callbacks: list[ChannelCallback]
) -> bool:
    return any(row.state != WorkState.ENDED for row in (*calls, *callbacks)) or any(
        child.is_executing for child in children
    )
