"""The list page of every table: own table, keyset paging, chips, problem queues, one search box.

A subclass names its columns, filters and queues; nothing here writes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ERROR_FLAG, ORDER_VAR, SEARCH_VAR
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from orders.admin import search
from orders.admin.filters import ConsoleFilter, DayFilter, Queue, QueueFilter, RowFilter
from orders.admin.keyset import KeysetChangeList

PREFIX_MIN = 4
PREFIX_MOST = 201


@dataclass(frozen=True)
class Column:
    """One column: how to draw its cell, and where it goes on a phone."""

    name: str
    title: Any
    draw: Callable[[Any, Any], str]
    css: str = ""
    """``num`` right-aligned; ``main``, ``side``, ``sub``, ``end`` are shown on a phone."""
    sort: str = ""
    """The keyset column that a click on the heading orders by."""


def column(title: Any, *, css: str = "", sort: str = "") -> Callable[[Any], Column]:
    def wrap(draw: Callable[[Any, Any], str]) -> Column:
        return Column(draw.__name__, title, draw, css, sort)

    return wrap


@dataclass(frozen=True)
class View:
    """A link above the list: one named narrowing."""

    title: Any
    query: str = ""
    is_problem: bool = False


ALL = View(gettext_lazy("All"))


class ConsoleAdmin(ModelAdmin):
    """A list in the house's own shape. Nobody deletes anything in the console."""

    change_list_template = "console/list.html"
    keyset_ordering: ClassVar[tuple[str, ...]] = ("created_at",)
    total_field: ClassVar[str] = ""
    columns: ClassVar[tuple[Column, ...]] = ()
    views: ClassVar[tuple[View, ...]] = ()
    numbers: ClassVar[tuple[str, ...]] = ()
    """Columns of unique or indexed numbers that the search box looks into."""
    empty_text: Any = gettext_lazy("Nothing here yet.")
    list_display: ClassVar[tuple[str, ...]] = ("__str__",)
    list_per_page = 50
    list_fullwidth = True
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    actions: ClassVar[tuple[str, ...]] = ()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[KeysetChangeList]:
        return KeysetChangeList

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return self.numbers

    # --- search --------------------------------------------------------------------------------

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Any of the numbers, whole or from its beginning."""
        term = search_term.strip()
        if not term or "\x00" in term:
            return (queryset.none() if term else queryset), False
        exact = Q()
        for name in self.numbers:
            exact |= Q(**{f"{name}__in": sorted({term, term.upper()})})
        if len(term) < PREFIX_MIN:
            return queryset.filter(exact), False
        # A wide prefix in the list's order would sort everything it finds; so a few ids first.
        begin = Q()
        for name in self.numbers:
            begin |= Q(**{f"{name}__startswith": term}) | Q(**{f"{name}__startswith": term.upper()})
        ids = queryset.order_by().filter(exact | begin).values_list("pk", flat=True)
        return queryset.filter(pk__in=list(ids[:PREFIX_MOST])), False

    # --- the page ------------------------------------------------------------------------------

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "GET":
            term = request.GET.get(SEARCH_VAR, "").strip()
            if term and (url := search.only_hit(term, request.user)):
                return HttpResponseRedirect(url)
            if ERROR_FLAG in request.GET:
                messages.warning(request, _("That filter was not understood; it is not applied."))
        response = super().changelist_view(request, extra_context)
        if isinstance(getattr(response, "context_data", None), dict):
            cl = response.context_data.get("cl")
            if cl is not None:
                response.context_data |= self.page_context(request, cl)
        return response

    def page_context(self, request: HttpRequest, cl: KeysetChangeList) -> dict[str, Any]:
        return {
            "title": self.opts.verbose_name_plural,
            # The stock media are jQuery and friends, which the list does not use.
            "media": forms.Media(),
            "zf_heads": list(self._heads(cl)),
            "zf_rows": self._rows(request, cl),
            "zf_views": list(self._views(request, cl)),
            "zf_chips": list(self._chips(cl)),
            "zf_filters": [spec for spec in cl.filter_specs if not isinstance(spec, QueueFilter)],
            "zf_kept": self._kept(cl),
            "zf_empty": self.empty_text,
            "zf_actions": [
                (name, title) for _function, name, title in self.get_actions(request).values()
            ],
        }

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Only what the list draws: the wire of a call or the body of a notice stays behind."""
        return super().get_queryset(request)

    def _heads(self, cl: KeysetChangeList) -> Iterator[dict[str, Any]]:
        for col in self.columns:
            is_sorted = bool(col.sort) and col.sort == cl.order_field
            sign = "" if is_sorted and cl.is_descending else "-"
            yield {
                "title": col.title,
                "css": col.css,
                "url": cl.get_query_string({ORDER_VAR: f"{sign}{col.sort}"}) if col.sort else "",
                "aria": ("descending" if cl.is_descending else "ascending") if is_sorted else "",
            }

    def _rows(self, request: HttpRequest, cl: KeysetChangeList) -> list[SafeString]:
        has_actions = bool(self.get_actions(request))
        return [self._row(row, has_actions) for row in cl.result_list]

    def _row(self, row: Model, has_actions: bool) -> SafeString:
        # Built here and not in the template: 50 rows of 9 cells cost three times as much there.
        cells = format_html_join(
            "", '<td class="{}">{}</td>', ((c.css, c.draw(self, row)) for c in self.columns)
        )
        if not has_actions:
            return format_html("<tr>{}</tr>", cells)
        return format_html(
            '<tr><td class="pick"><input type="checkbox" name="{}" value="{}" '
            'aria-label="{}"></td>{}</tr>',
            admin.helpers.ACTION_CHECKBOX_NAME,
            row.pk,
            _("Select %(row)s") % {"row": row},
            cells,
        )

    def _views(self, request: HttpRequest, cl: KeysetChangeList) -> Iterator[dict[str, Any]]:
        now = urlencode(sorted(cl.get_filters_params().items()), doseq=True)
        for view in (ALL, *self.views, *(_queue_view(queue) for queue in self._queues())):
            yield {
                "title": view.title,
                "url": f"?{view.query}" if view.query else "?",
                "is_current": now == view.query and not cl.query,
                "is_problem": view.is_problem,
            }

    def _queues(self) -> tuple[Queue, ...]:
        for item in self.list_filter:
            if isinstance(item, type) and issubclass(item, QueueFilter):
                return item.all_queues
        return ()

    @staticmethod
    def _chips(cl: KeysetChangeList) -> Iterator[dict[str, Any]]:
        for spec in cl.filter_specs:
            if said := spec.said():
                kept = dict.fromkeys(spec.names)
                yield {"title": spec.title, "said": said, "url": cl.get_query_string(kept)}
        if cl.query:
            url = cl.get_query_string({SEARCH_VAR: None})
            yield {"title": _("number"), "said": cl.query, "url": url}

    @staticmethod
    def _kept(cl: KeysetChangeList) -> list[tuple[str, str]]:
        """What the filter form must carry along: the queue, the order, the search."""
        names = (SEARCH_VAR, ORDER_VAR, "queue")
        return [(n, value) for n in names for value in cl.filter_params.get(n, [])]


def _queue_view(queue: Queue) -> View:
    return View(queue.title, f"queue={queue.code}", is_problem=queue.is_problem)


class RecordAdmin(ConsoleAdmin):
    """A table that the house writes and people only read."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def page_url(obj: Model) -> str:
    return reverse(f"admin:orders_{obj._meta.model_name}_change", args=[obj.pk])


__all__ = [
    "ALL",
    "Column",
    "ConsoleAdmin",
    "ConsoleFilter",
    "DayFilter",
    "RecordAdmin",
    "RowFilter",
    "View",
    "column",
    "page_url",
]
