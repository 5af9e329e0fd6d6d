"""``meta`` and ``objects``: one page of a list, with a count that is bounded.

The wire has offsets and a ``total_count`` (open-api: limit 20 by default, 1000 at most). Counting
a whole table behind every page would cost what the page is worth a thousand times over, so at most
COUNT_AHEAD rows beyond the page are counted: below that ``total_count`` is exact, and it never says
less than there is to page to. Deep offsets are refused, and a filter that the database cannot
answer in STATEMENT_S seconds is too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext_lazy as _
from psycopg.errors import QueryCanceled

from gateway.api.minapp.errors import Fault, wrong
from gateway.api.minapp.fields import UNPRINTABLE, printable, whole

DEFAULT_LIMIT = 20
MAX_LIMIT = 1000
MAX_OFFSET = 100_000
COUNT_AHEAD = 10_000
STATEMENT_S = 5
MAX_VALUE = 4096
"""Characters of a parameter but ``where``, which has its own limit."""


@dataclass(frozen=True, kw_only=True)
class Page:
    limit: int
    offset: int

    @property
    def count_to(self) -> int:
        return self.offset + self.limit + COUNT_AHEAD


def parameters(query: QueryDict, *, long: frozenset[str] = frozenset()) -> dict[str, str]:
    """Each given once, and printable. Raises Fault."""
    for name, values in query.lists():
        shown = printable(name)
        if len(values) > 1:
            raise wrong(shown, _("Is given more than once."))
        if "�" in values[0]:
            raise wrong(shown, _("Is not UTF-8."))
        if name in long:
            continue
        if UNPRINTABLE.search(values[0]) or UNPRINTABLE.search(name):
            raise wrong(shown, _("Must be one line of printable characters."))
        if len(values[0]) > MAX_VALUE:
            raise wrong(shown, _("At most %(most)s characters.") % {"most": MAX_VALUE})
    return {str(name): str(values[0]) for name, values in query.lists()}


def read(given: Mapping[str, str]) -> Page:
    """``limit`` and ``offset``. Raises Fault."""
    limit = _within(given, "limit", 1, MAX_LIMIT, DEFAULT_LIMIT)
    try:
        return Page(limit=limit, offset=_within(given, "offset", 0, MAX_OFFSET, 0))
    except Fault as error:
        number = whole(given["offset"])
        if number is None or number <= MAX_OFFSET:
            raise error
        message = _("At most %(most)s; narrow the list by created_at or paid_at instead.")
        raise wrong("offset", message % {"most": MAX_OFFSET}) from None


def _within(given: Mapping[str, str], name: str, least: int, most: int, default: int) -> int:
    number = whole(given.get(name, default))
    if number is None or not least <= number <= most:
        message = _("Must be from %(least)s to %(most)s.") % {"least": least, "most": most}
        raise wrong(name, message)
    return number


@contextmanager
def bounded() -> Iterator[None]:
    """Queries within STATEMENT_S; one that takes longer is the filter's fault: 400."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_S}s'")
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            message = _("This takes too long to find; narrow it by created_at or paid_at.")
            raise Fault(400, message) from None
        raise


def count(rows: QuerySet[Any], page: Page) -> int:
    """Exact up to ``page.count_to``."""
    return int(rows.order_by().values("pk")[: page.count_to].count())


def answer(
    request: HttpRequest,
    page: Page,
    *,
    total: int,
    rows: list[Any],
    render: Callable[[Any], Mapping[str, Any]],
) -> dict[str, Any]:
    """tastypie's envelope: ``next`` and ``previous`` are relative and keep the filters."""
    before = max(0, page.offset - page.limit)
    after = page.offset + page.limit
    return {
        "meta": {
            "limit": page.limit,
            "next": _address(request, page, after) if after < total else None,
            "offset": page.offset,
            "previous": _address(request, page, before) if page.offset else None,
            "total_count": total,
        },
        "objects": [dict(render(row)) for row in rows],
    }


def _address(request: HttpRequest, page: Page, offset: int) -> str:
    others = [(name, value) for name, value in request.GET.items() if name not in _OWN]
    query = urlencode([("limit", page.limit), ("offset", offset), *others])
    return f"{request.path}?{query}"


_OWN = ("limit", "offset")
