"""How values look in lists and on pages: money, times, states, numbers. Pure; escapes everything.

A tone names a colour of console.css (``good``, ``bad``, ``warn``, ``busy``, ``mute``); colour is
never the only sign, the word always stands beside it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from channels import registry
from channels.base import Outcome
from orders.models import (
    AllocationDetail,
    AllocationOrder,
    AllocationReceiver,
    Anomaly,
    ChannelCallback,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    ShareReturn,
    StoreOrder,
    TransferOrder,
    WorkState,
)
from orders.models.store_words import CancelStatus
from orders.money import format_yuan

OUTGOING = {"progress": "busy", "success": "good", "fail": "bad", "close": "mute"}
TONES: dict[type, dict[str, str]] = {
    PayOrder.Status: {
        "wait": "warn",
        "progress": "busy",
        "success": "good",
        "close": "mute",
        "cancel": "mute",
        "fail": "bad",
    },
    PayOrder.RefundStatus: {
        "no_refund": "mute",
        "refunding": "busy",
        "partial_refund": "warn",
        "refunded": "mute",
    },
    RefundOrder.Status: OUTGOING,
    TransferOrder.Status: OUTGOING,
    ShareReturn.Status: OUTGOING,
    PayOrder.AllocationStatus: {
        "none": "mute",
        "waiting": "mute",
        "processing": "busy",
        "done": "good",
        "partial": "warn",
        "failed": "bad",
    },
    AllocationOrder.Status: {
        "processing": "busy",
        "alloc_end": "good",
        "finish": "good",
        "alloc_failed": "bad",
        "finish_failed": "bad",
        "ignore": "mute",
    },
    AllocationOrder.Result: {
        "all_pending": "busy",
        "all_success": "good",
        "part_success": "warn",
        "all_failed": "bad",
    },
    AllocationDetail.Status: {
        "pending": "busy",
        "success": "good",
        "fail": "bad",
        "ignore": "mute",
    },
    AllocationReceiver.Status: {
        "unbound": "mute",
        "binding": "busy",
        "bound": "good",
        "unbinding": "busy",
        "fail": "bad",
    },
    Anomaly.Status: {"open": "bad", "confirmed": "good", "refunded": "mute", "ignored": "mute"},
    MerchantNotice.Status: {"pending": "busy", "delivered": "good", "dead": "bad"},
    StoreOrder.Status: {
        "unpaid": "warn",
        "paid": "warn",
        "accepted": "busy",
        "made": "busy",
        "delivering": "busy",
        "completed": "good",
        "cancelled": "mute",
        "rejected": "mute",
    },
    CancelStatus: {
        "asked": "bad",
        "refused": "mute",
        "refunding": "busy",
        "done": "mute",
        "withdrawn": "mute",
    },
    WorkState: {"due": "warn", "out": "busy", "ended": "mute"},
    ChannelCallback.Result: {
        "applied": "good",
        "nothing_new": "mute",
        "anomaly": "bad",
        "unknown_order": "warn",
        "rejected": "bad",
    },
    Outcome: {
        "done": "good",
        "pending": "busy",
        "refused": "bad",
        "not_sent": "warn",
        "unknown": "warn",
    },
}


def tone(value: Any, choices: type) -> str:
    return TONES[choices].get(str(value), "mute")


def chip(label: Any, tone_name: str) -> SafeString:
    return format_html('<span class="zf-chip zf-{}">{}</span>', tone_name, label)


def state(value: Any, choices: type, label: Any) -> SafeString:
    return chip(label, tone(value, choices)) if value else format_html("")


def outcome(value: str) -> SafeString:
    """One of the five outcomes, as a word of its own spelling."""
    if not value:
        return format_html("")
    return format_html(
        '<span class="zf-outcome zf-{}">{}</span>', tone(value, Outcome), value.upper()
    )


def money(fen: int | None, *, sign: bool = False) -> str:
    return "" if fen is None else format_yuan(fen, sign=sign)


def amount_told(fen: int | None) -> str:
    """An amount that the channel may have left out."""
    return _("amount unknown") if fen is None else money(fen, sign=True)


def channel_name(code: str) -> str:
    """The channel's name in the reader's language; an unknown code stays readable."""
    try:
        return _(registry.get(code).name)
    except KeyError:
        return code


def number_link(model: str, pk: Any, number: str) -> SafeString:
    url = reverse(f"admin:orders_{model}_change", args=[pk])
    return format_html('<a class="zf-no" href="{}">{}</a>', url, number)


def clock(at: datetime | None) -> str:
    """Local, to the second; the year only where it is not this year's."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    same_year = local.year == timezone.localtime().year
    return local.strftime("%m-%d %H:%M:%S" if same_year else "%Y-%m-%d %H:%M:%S")


def time(at: datetime | None) -> SafeString:
    if at is None:
        return format_html("")
    local = timezone.localtime(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        local.strftime("%Y-%m-%d %H:%M:%S %Z"),
        clock(at),
    )


def relative(delta: timedelta) -> str:
    """A wait in one unit: ``in 10 seconds``; what is past is ``now``."""
    seconds = int(delta.total_seconds())
    if seconds <= 0:
        return _("now")
    for size, form in (
        (86400, lambda n: ngettext("in %(n)s day", "in %(n)s days", n)),
        (3600, lambda n: ngettext("in %(n)s hour", "in %(n)s hours", n)),
        (60, lambda n: ngettext("in %(n)s minute", "in %(n)s minutes", n)),
    ):
        if seconds >= 2 * size:
            return form(seconds // size) % {"n": seconds // size}
    return ngettext("in %(n)s second", "in %(n)s seconds", seconds) % {"n": seconds}


def countdown(at: datetime, now: datetime) -> SafeString:
    """A wait that console.js keeps counting."""
    return format_html(
        '<time class="zf-count" datetime="{}" data-countdown title="{}">{}</time>',
        at.isoformat(),
        clock(at),
        relative(at - now),
    )
