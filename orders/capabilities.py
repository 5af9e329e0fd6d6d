"""What each channel can do, as a page for people: docs/channels.md is written from here.

Reads what the channels declare, and the sandbox's cases; tested against the page. Regenerate with
``manage.py render_docs``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from channels import registry
from channels.base import Capabilities
from channels.sandbox import allocation_cases, cases, till_cases, transfer_cases

Shown = Callable[[Any], str]
DAY, HOUR, MINUTE = 86400, 3600, 60


def _yes(value: bool) -> str:
    return "yes" if value else "–"


def _words(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in sorted(values)) or "–"


def _count(value: int | None) -> str:
    return "–" if value is None else str(value)


def _days(value: int | None) -> str:
    return "–" if value is None else f"{value} days"


def _seconds(value: int | None) -> str:
    if not value:
        return "–"
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if value % unit == 0:
            return f"{value // unit} {name}"
    return f"{value} s"


def _yuan(value: int | None) -> str:
    return "–" if value is None else f"¥{value // 100:,}.{value % 100:02}"


def _percent(value: int | None) -> str:
    """From ten-thousandths."""
    if value is None:
        return "–"
    return f"{value // 100}.{value % 100:02}".rstrip("0").rstrip(".") + " %"


Rows = Mapping[str, tuple[str, Shown]]
TABLES: Mapping[str, Rows] = {
    "Payments": {
        "methods": ("ways to pay", _words),
        "wallets": (
            "payment codes (digits: how they begin)",
            lambda wallets: "; ".join(map(str, wallets)) or "–",
        ),
        "amount_max": ("at most per order", _yuan),
        "expiry_min": ("shortest time to pay", _seconds),
        "expiry_max": ("longest time to pay", _seconds),
        "pay_idempotent": ("the same number twice charges once", _yes),
        "close": ("close", _yes),
        "close_methods": ("… only of orders paid by", lambda kinds: _words(kinds or ())),
        "close_advised_after": ("closing is advised against before", _seconds),
        "cancel": ("cancel (else it falls back to close)", _yes),
        "cancel_methods": ("… only of orders paid by", lambda kinds: _words(kinds or ())),
        "cancel_unpaid": ("… also before the customer has paid", _yes),
        "cancel_same_day": ("cancel on the day of the payment only", _yes),
    },
    "Refunds": {
        "refund": ("refund", _yes),
        "partial_refund": ("in parts", _yes),
        "refund_idempotent": ("the same number twice pays back once", _yes),
        "refund_days": ("after the payment at most", _days),
        "refund_max_count": ("refunds of one order", _count),
        "refund_spacing": ("between two of them at least", _seconds),
    },
    "Transfers": {
        "transfer": ("transfer", _yes),
        "payee_types": ("payees by", _words),
        "transfer_min": ("at least", _yuan),
        "transfer_max": ("at most", _yuan),
        "transfer_cancel": ("withdrawing while it waits for the payee", _yes),
        "transfer_idempotent": ("the same number twice pays once", _yes),
        "transfer_remark_max": ("characters of the remark", _count),
        "transfer_query_days": ("can be asked about for", _days),
    },
    "Profit sharing": {
        "allocation": ("share", _yes),
        "receiver_types": ("receivers by", _words),
        "allocation_idempotent": ("the same number twice shares once", _yes),
        "allocation_max_ratio": ("of (paid − refunded) at most", _percent),
        "allocation_max_receivers": ("receivers at once", _count),
        "allocation_max_count": ("allocations of one order", _count),
        "allocation_after": ("after the payment at least", _seconds),
        "allocation_days": ("after the payment at most", _days),
        "allocation_finish": ("finishing (the rest is set free)", _yes),
        "allocation_return": ("fetching a share back", _yes),
        "return_types": ("… from receivers by", _words),
        "return_days": ("… for at most", _days),
    },
    "Bills, texts and time": {
        "bills": ("bills", _words),
        "plain_text_only": ("no emoji in title and reason", _yes),
        "title_max": ("characters of the title", _count),
        "reason_max": ("characters of a reason", _count),
        "attach_max": ("characters of `attach`", _count),
        "slow_answer": ("an answer may take", _seconds),
        "acks_by_worker": ("notifications are acknowledged by a worker's signature", _yes),
    },
}
"""Every field of Capabilities once (tests/test_architecture.py)."""

SANDBOX: Mapping[str, tuple[str, Mapping[Any, Any]]] = {
    "A payment": ("amount ends in (fen)", cases.PAY_CASES),
    "A payment by code": ("amount ends in (fen); the rest as above", till_cases.TILL_CASES),
    "A refund": ("amount ends in (fen)", cases.REFUND_CASES),
    "A transfer": ("amount ends in (fen)", transfer_cases.TRANSFER_CASES),
    "An allocation": ("its total ends in (fen)", allocation_cases.ALLOCATION_CASES),
    "A returned share": ("amount ends in (fen)", allocation_cases.RETURN_CASES),
}


def render() -> str:
    """The whole page."""
    channels = registry.all_channels()
    lines = [
        "# Channels",
        "",
        "Generated from what the channels declare by `manage.py render_docs`; do not edit. Guards,"
        " buttons and the API's refusals read the same declarations. – means no, or no limit.",
    ]
    for title, rows in TABLES.items():
        lines += ["", f"## {title}", "", *_table(channels, rows)]
    lines += [
        "",
        "## The sandbox",
        "",
        "Nothing leaves the house: the amount chooses what happens. Other endings behave as 00.",
    ]
    for what, (head, known) in SANDBOX.items():
        lines += ["", f"| {what}: {head} | |", "|---|---|"]
        lines += [f"| {ending:02} | {case.says} |" for ending, case in known.items()]
    return "\n".join(lines) + "\n"


def _table(channels: Iterable[Any], rows: Rows) -> list[str]:
    codes = [channel.code for channel in channels]
    lines = [f"| | {' | '.join(codes)} |", "|---" * (len(codes) + 1) + "|"]
    for name, (label, shown) in rows.items():
        values = [_value(channel.capabilities, name, shown) for channel in channels]
        lines.append(f"| {label} | {' | '.join(values)} |")
    return lines


GROUPS = {"transfer": ("transfer", "payee"), "allocation": ("allocation", "receiver", "return")}


def _value(known: Capabilities, name: str, shown: Shown) -> str:
    """A limit of something that the channel cannot do says nothing."""
    for can, prefixes in GROUPS.items():
        if name.startswith(prefixes) and not getattr(known, can):
            return "–"
    return shown(getattr(known, name))
