"""Lists that never count a table and never skip rows: keyset paging for Django's ChangeList.

The cursor travels in Django's own ``p`` (``p=a.<token>`` after a row, ``p=b.<token>`` before it),
which Django removes from the filters by itself. The token carries the scope (filters and order)
it was made for: with another scope it means nothing, and the first page is shown.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Count, F, Func, Model, QuerySet, Sum, TextField, Value
from django.db.models.lookups import GreaterThan, LessThan
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from unfold.views import ChangeList

COUNT_CAP = 10_000


class Row(Func):
    """``ROW(a, b)``, so that PostgreSQL compares the pair with an index condition."""

    function = "ROW"
    output_field = TextField()


class Capped(int):
    """A count that says when it is not exact."""

    is_estimate = False

    def __new__(cls, value: int, *, is_estimate: bool = False) -> Capped:
        self = super().__new__(cls, value)
        self.is_estimate = is_estimate
        return self

    def __str__(self) -> str:
        if self.is_estimate:
            return _("about %(count)s") % {"count": f"{int(self):,}"}
        return f"{COUNT_CAP:,}+" if self > COUNT_CAP else f"{int(self):,}"


class OnePage(Paginator):
    """What unfold's pagination bar asks for; the real paging is the cursor's."""

    template_name = "console/_pages.html"

    @cached_property
    def count(self) -> int:
        return len(self.object_list)


def estimate(model: type[Model]) -> int:
    """PostgreSQL's own estimate of a table's rows; -1 before it was ever analysed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select reltuples::bigint from pg_class where oid = to_regclass(%s)",
            [model._meta.db_table],
        )
        found = cursor.fetchone()
    return int(found[0]) if found else -1


def capped_count(rows: QuerySet, *, total: str = "") -> tuple[Capped, int | None]:
    """Count at most a few more than the cap, and add up ``total`` where the count is exact."""
    sums = {"total": Sum(total)} if total else {}
    found = rows.order_by()[: COUNT_CAP + 1].aggregate(n=Count("pk"), **sums)
    count = Capped(found["n"])
    if count > COUNT_CAP or not total:
        return count, None
    return count, found["total"] or 0


class KeysetChangeList(ChangeList):
    """Django's ChangeList with a cursor in place of page numbers and no ``count(*)``.

    The ModelAdmin names ``keyset_ordering``: NOT NULL columns that have an index ``(column, id)``,
    the first being the default, newest first.
    """

    total: int | None = None
    previous_url = next_url = ""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[str]:
        allowed = self.model_admin.keyset_ordering
        asked = self.params.get(ORDER_VAR, "")
        field = asked.removeprefix("-")
        if field not in allowed:
            field, asked = allowed[0], f"-{allowed[0]}"
        sign = "-" if asked.startswith("-") else ""
        self.order_field, self.is_descending = field, bool(sign)
        return [f"{sign}pk"] if field == "pk" else [f"{sign}{field}", f"{sign}pk"]

    # --- the cursor ----------------------------------------------------------------------------

    @cached_property
    def scope(self) -> int:
        words = json.dumps([sorted(self.filter_params.items()), self.order_field], default=str)
        return zlib.crc32(f"{words}{self.is_descending}".encode())

    def token(self, row: Model) -> str:
        value = row._meta.pk if self.order_field == "pk" else row._meta.get_field(self.order_field)
        content = [value.value_to_string(row), row.pk, self.scope]
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    def read(self, token: str) -> tuple[Any, int] | None:
        """The row that a token names, or None when it belongs to another scope."""
        try:
            padded = token + "=" * (-len(token) % 4)
            text, pk, scope = json.loads(base64.urlsafe_b64decode(padded))
            if scope != self.scope:
                return None
            name = "id" if self.order_field == "pk" else self.order_field
            return self.lookup_opts.get_field(name).to_python(text), int(pk)
        except (ValueError, TypeError, binascii.Error, ValidationError) as error:
            raise IncorrectLookupParameters("not a cursor of this list") from error

    def beyond(self, rows: QuerySet, cursor: tuple[Any, int], *, is_descending: bool) -> QuerySet:
        compare = LessThan if is_descending else GreaterThan
        value, pk = cursor
        if self.order_field == "pk":
            return rows.filter(compare(F("pk"), Value(pk)))
        field = self.lookup_opts.get_field(self.order_field)
        here = Row(F(self.order_field), F("pk"))
        return rows.filter(compare(here, Row(Value(value, output_field=field), Value(pk))))

    # --- the page ------------------------------------------------------------------------------

    def get_results(self, request: HttpRequest) -> None:
        direction, _dot, token = request.GET.get(PAGE_VAR, "").partition(".")
        cursor = self.read(token) if direction in ("a", "b") else None
        backward = direction == "b" and cursor is not None
        rows = self.queryset.reverse() if backward else self.queryset
        if cursor is not None:
            rows = self.beyond(rows, cursor, is_descending=self.is_descending != backward)
        page = list(rows[: self.list_per_page + 1])
        has_more = len(page) > self.list_per_page
        page = page[: self.list_per_page]
        if backward:
            page.reverse()
        self._set_links(page, cursor is not None, backward=backward, has_more=has_more)
        self._set_counts(page, is_whole=not has_more and cursor is None)
        self.result_list = page
        self.paginator = OnePage(page, self.list_per_page)
        self.can_show_all = self.multi_page = False
        self.show_full_result_count = True
        self.show_admin_actions = bool(page)

    def _set_links(
        self, page: list[Model], is_moved: bool, *, backward: bool, has_more: bool
    ) -> None:
        if not page:
            self.previous_url = self.get_query_string() if is_moved else ""
            return
        if has_more if backward else is_moved:
            self.previous_url = self.get_query_string({PAGE_VAR: f"b.{self.token(page[0])}"})
        if backward or has_more:
            self.next_url = self.get_query_string({PAGE_VAR: f"a.{self.token(page[-1])}"})

    def _set_counts(self, page: list[Model], *, is_whole: bool) -> None:
        total = self.model_admin.total_field
        if is_whole:
            count = Capped(len(page))
            self.total = sum(getattr(row, total) for row in page) if total else None
        else:
            about = -1 if self.is_narrowed else estimate(self.model)
            if about > COUNT_CAP:
                count = Capped(about, is_estimate=True)
            else:
                count, self.total = capped_count(self.queryset, total=total)
        # Equal counts keep unfold from writing "N results (N total)" into the title.
        self.result_count = self.full_result_count = count

    @property
    def is_narrowed(self) -> bool:
        return bool(self.has_active_filters or self.query)
