"""Pages of 订单列表查询 and 退款订单查询, on which no client can walk in a circle.

Used by ``calls``.

The documents know two ways to go on: ``nextStartTimestamp`` as the next ``startTimestamp``, and
the older ``nextOrderCode``, with the same times or with new ones. Either must come to an end:

- ``nextOrderCode`` holds the number *and* the millisecond of the last row, so that it is a place of
  its own whatever ``startTimestamp`` comes with it. A number alone is read as a place within
  ``startTimestamp``'s millisecond.
- The start is included, so who goes on by time alone sees the last millisecond again. Where a
  page would consist of nothing else, it is extended to the end of that millisecond, and the next
  start is the millisecond after it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.utils.translation import gettext as _

from gateway.api.kaigedian.errors import wrong
from gateway.api.kaigedian.fields import MS_MAX, from_ms, to_ms
from orders.models import StoreOrder
from orders.services import store

MILLISECOND = timedelta(milliseconds=1)
MORE = 100
"""Rows of one further step within a millisecond."""
_CODE = re.compile(r"([0-9A-Za-z]{1,64})(?:-([0-9]{1,15}))?")


class Fetch(Protocol):
    """One of the services' lists with its filters set."""

    def __call__(
        self, *, since: datetime, until: datetime, after: str, count: int
    ) -> store.Page: ...


@dataclass(frozen=True, kw_only=True)
class Turned:
    """One page: ``total`` of the whole time asked for, and both ways to go on."""

    total: int
    rows: list[StoreOrder]
    next_start: int
    """Milliseconds since 1970."""
    next_code: str


def turn(fetch: Fetch, *, start: datetime, end: datetime, code: str, count: int) -> Turned:
    """The page that begins at ``start`` or, where it lies later, at ``code``. Raises Failure."""
    since, after = _place(start, code)
    page = fetch(since=since, until=end, after=after, count=count)
    rows, next_at = list(page.rows), page.next_at
    total = page.total
    if since != start:
        total = fetch(since=start, until=end, after="", count=0).total
    if rows and not after and to_ms(next_at) == to_ms(since):
        rows += _rest(fetch, since, page)
        next_at = since + MILLISECOND
    if not rows:
        return Turned(total=total, rows=[], next_start=to_ms(start), next_code=code)
    last = rows[-1]
    return Turned(
        total=total,
        rows=rows,
        next_start=to_ms(next_at),
        next_code=f"{last.order_no}-{to_ms(last.updated_at)}",
    )


def _place(start: datetime, code: str) -> tuple[datetime, str]:
    if not code:
        return start, ""
    found = _CODE.fullmatch(code)
    if found is None:
        raise wrong(
            _("%(field)s must be one that an earlier answer gave.") % {"field": "nextOrderCode"}
        )
    number, at = found[1], found[2]
    if at is None or int(at) > MS_MAX or from_ms(int(at)) == start:
        return start, number
    return (from_ms(int(at)), number) if from_ms(int(at)) > start else (start, "")


def _rest(fetch: Fetch, at: datetime, page: store.Page) -> list[StoreOrder]:
    """What else changed in the very millisecond that fills ``page``."""
    rows: list[StoreOrder] = []
    after = page.next_no
    while True:
        more = fetch(since=at, until=at, after=after, count=MORE)
        rows += more.rows
        if len(more.rows) < MORE:
            return rows
        after = more.next_no
