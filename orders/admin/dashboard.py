"""The overview: today's money, what waits, and what needs a person. Counts are capped.

Each tile is one indexed question; the fragment refreshes itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from orders.admin import cells, queues
from orders.admin.filters import midnight
from orders.admin.keyset import Capped
from orders.admin.pay import status_chips
from orders.models import (
    AllocationOrder,
    Anomaly,
    LedgerEntry,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    TransferOrder,
)

CAP = 1_000
RECENT = 8


@dataclass(frozen=True)
class Tile:
    title: str
    value: str
    note: str
    url: str
    tone: str
    icon: str


def context(request: HttpRequest, given: dict[str, Any]) -> dict[str, Any]:
    """What the index page shows beside unfold's frame (``UNFOLD["DASHBOARD_CALLBACK"]``)."""
    return {**given, "title": _("Overview"), "is_fullwidth": "1", **tiles(request)}


def live(request: HttpRequest) -> HttpResponse:
    return render(request, "console/_overview.html", tiles(request))


def tiles(request: HttpRequest) -> dict[str, Any]:
    can = request.user.has_perm
    money, problems, recent = [], [], []
    if can("orders.view_ledgerentry"):
        money += _today()
    if can("orders.view_payorder"):
        money.append(_waiting())
        problems.append(_unknown())
        recent = [
            _line(row)
            for row in PayOrder.objects.select_related("merchant")
            .defer("pay_params")
            .order_by("-created_at", "-pk")[:RECENT]
        ]
    if can("orders.view_refundorder"):
        problems.append(_failed_refunds())
    if can("orders.view_transferorder"):
        problems.append(_failed_transfers())
    if can("orders.view_allocationorder"):
        problems.append(_failed_allocations())
    if can("orders.view_anomaly"):
        problems.append(_anomalies())
    if can("orders.view_merchantnotice"):
        problems.append(_dead_notices())
    return {"zf_money": money, "zf_problems": problems, "zf_recent": recent}


def _today() -> list[Tile]:
    """By the ledger: what was written today is an index range, whatever the table's size."""
    start = midnight(timezone.localdate())
    found = LedgerEntry.objects.filter(created_at__gte=start - timedelta(days=1)).aggregate(
        **{
            f"{kind}_{name}": function("amount", filter=Q(kind=kind, moved_at__gte=start))
            for kind in LedgerEntry.Kind.values
            for name, function in (("sum", Sum), ("count", Count))
        }
    )
    url = reverse("admin:orders_ledgerentry_changelist")
    day = timezone.localdate().isoformat()
    names = {
        "pay": (_("Taken today"), "good", "south_west"),
        "refund": (_("Refunded today"), "mute", "north_east"),
        "transfer": (_("Transferred today"), "mute", "send_money"),
        "share": (_("Shared today"), "mute", "call_split"),
    }
    usual = ("pay", "refund")
    return [
        Tile(
            title=title,
            value=cells.money(found[f"{kind}_sum"] or 0, sign=True),
            note=_("%(count)s movements") % {"count": f"{found[f'{kind}_count']:,}"},
            url=f"{url}?kind={kind}&from={day}&to={day}",
            tone=tone,
            icon=icon,
        )
        for kind, (title, tone, icon) in names.items()
        if kind in usual or found[f"{kind}_count"]
    ]


def capped(rows: QuerySet) -> Capped:
    return Capped(rows.order_by()[: CAP + 1].count())


def _said(count: int) -> str:
    return f"{CAP:,}+" if count > CAP else f"{int(count):,}"


def _waiting() -> Tile:
    count = capped(PayOrder.objects.filter(status__in=PayOrder.EXECUTING))
    url = reverse("admin:orders_payorder_changelist")
    return Tile(
        _("Waiting for payment"), _said(count), _("orders"),
        f"{url}?status=wait&status=progress", "busy", "hourglass_top",
    )  # fmt: skip


def _problem(title: str, rows: QuerySet, model: str, query: str, icon: str, tone: str) -> Tile:
    count = capped(rows)
    url = f"{reverse(f'admin:orders_{model}_changelist')}?{query}"
    note = _("to be looked at") if count else _("all clear")
    return Tile(title, _said(count), note, url, tone if count else "calm", icon)


def _unknown() -> Tile:
    pays = queues.pay_unknown(PayOrder.objects.all())
    return _problem(
        _("Result unknown for 10 minutes"), pays, "payorder", "queue=unknown", "help", "bad"
    )


def _failed_refunds() -> Tile:
    rows = RefundOrder.objects.filter(status=RefundOrder.Status.FAIL)
    return _problem(
        _("Failed refunds to be decided"), rows, "refundorder", "queue=failed", "undo", "warn"
    )


def _failed_transfers() -> Tile:
    rows = TransferOrder.objects.filter(status=TransferOrder.Status.FAIL)
    return _problem(
        _("Failed transfers to be decided"), rows, "transferorder", "queue=failed", "send_money",
        "warn",
    )  # fmt: skip


def _failed_allocations() -> Tile:
    rows = AllocationOrder.objects.filter(status__in=queues.ALLOCATION_FAILED)
    return _problem(
        _("Failed allocations to be decided"), rows, "allocationorder", "queue=failed",
        "call_split", "warn",
    )  # fmt: skip


def _anomalies() -> Tile:
    rows = Anomaly.objects.filter(status=Anomaly.Status.OPEN)
    return _problem(
        _("Anomalies to be decided"), rows, "anomaly", "queue=open", "emergency_home", "bad"
    )


def _dead_notices() -> Tile:
    rows = MerchantNotice.objects.filter(status=MerchantNotice.Status.DEAD)
    return _problem(
        _("Dead notices"), rows, "merchantnotice", "queue=dead", "notifications_off", "warn"
    )


def _line(row: PayOrder) -> dict[str, Any]:
    return {
        "link": cells.number_link("payorder", row.pk, row.order_no),
        "title": row.title,
        "merchant": row.merchant.name,
        "amount": cells.money(row.amount, sign=True),
        "chips": status_chips(row),
        "time": cells.time(row.created_at),
    }
