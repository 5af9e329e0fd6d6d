"""Lists of store orders for systems that fetch what has changed since they last asked.

Paged by (time of change, number), so that a caller who asks again from where he stopped misses
nothing (订单列表查询, 业务说明). Reads only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from orders.models import Application, StoreOrder

MILLISECOND = timedelta(milliseconds=1)
SEVERAL_MAX = 100


@dataclass(frozen=True, kw_only=True)
class Page:
    """Rows in the order of their change."""

    total: int
    """Of everything that the filters find, whatever ``after`` leaves out."""
    rows: list[StoreOrder]
    next_at: datetime
    """Where to go on: the change of the last row, or where this page began."""
    next_no: str
    """The number of the last row, for ``after``; what was given where there is none."""


def changed(
    application: Application,
    store_id: str,
    *,
    since: datetime,
    until: datetime,
    clients: Collection[int] = (),
    statuses: Collection[str] = (),
    after: str = "",
    count: int = 10,
) -> Page:
    """订单列表查询: what changed from ``since`` to ``until``, both included, to the millisecond.

    ``after``: the number of the last row seen at ``since``.
    """
    rows = _changed(application, store_id, since, until)
    if clients:
        rows = rows.filter(client__in=clients)
    if statuses:
        rows = rows.filter(status__in=statuses)
    return _page(rows, since, after, count)


def refunds_changed(
    application: Application,
    store_id: str,
    *,
    since: datetime,
    until: datetime,
    refund_statuses: Collection[str] = (),
    after: str = "",
    count: int = 10,
) -> Page:
    """退款订单查询: orders of which a refund was asked for, by how that stands now."""
    rows = _changed(application, store_id, since, until).exclude(cancel_status="")
    if refund_statuses:
        rows = rows.filter(cancel_status__in=refund_statuses)
    return _page(rows, since, after, count)


def several(application: Application, numbers: Sequence[str]) -> list[StoreOrder]:
    """The caller's own among ``numbers`` (ours), in that order, with lines and couriers."""
    wanted = list(numbers)[:SEVERAL_MAX]
    rows = (
        StoreOrder.objects.filter(application=application, order_no__in=wanted)
        .select_related("pay_order", "delivery")
        .prefetch_related("items")
    )
    found = {row.order_no: row for row in rows}
    return [found[number] for number in dict.fromkeys(wanted) if number in found]


def _changed(
    application: Application, store_id: str, since: datetime, until: datetime
) -> QuerySet[StoreOrder]:
    return StoreOrder.objects.select_related("pay_order").filter(
        application=application,
        store_id=store_id,
        updated_at__gte=since,
        updated_at__lt=until + MILLISECOND,
    )


def _page(rows: QuerySet[StoreOrder], since: datetime, after: str, count: int) -> Page:
    total = rows.count()
    if after:
        rows = rows.filter(Q(updated_at__gte=since + MILLISECOND) | Q(order_no__gt=after))
    page = list(rows.order_by("updated_at", "order_no")[:count])
    last = page[-1] if page else None
    return Page(
        total=total,
        rows=page,
        next_at=last.updated_at if last else since,
        next_no=last.order_no if last else after,
    )
