"""The page of one order: money, operations, facts and story in one fragment that follows the order.

Subclasses say what the page shows. The page reads; its only POST goes through ``operations``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from orders.admin import cells, operations, timeline
from orders.admin.lists import RecordAdmin
from orders.models import PayOrder
from orders.money import format_yuan

BRISK, CALM = "2s", "10s"
YOUNG = timedelta(minutes=15)
KIDS = 20


@dataclass(frozen=True)
class Part:
    """One stretch of the money bar."""

    title: Any
    fen: int
    tone: str
    x: int = 0
    width: int = 0
    """In thousandths of the bar."""

    @property
    def money(self) -> str:
        return format_yuan(self.fen)


def bar(parts: list[Part]) -> list[Part]:
    """Give each part its place, in thousandths of the sum; a part with money is never invisible."""
    whole = sum(part.fen for part in parts)
    if not whole:
        return parts
    widths = [max(4, part.fen * 1000 // whole) if part.fen else 0 for part in parts]
    widths[widths.index(max(widths))] += 1000 - sum(widths)
    placed, x = [], 0
    for part, width in zip(parts, widths, strict=True):
        placed.append(Part(part.title, part.fen, part.tone, x, width))
        x += width
    return placed


def copyable(text: str) -> SafeString:
    """A number with a button that copies it."""
    if not text:
        return format_html('<span class="zf-none">—</span>')
    return format_html(
        '<span class="zf-no">{}</span><button type="button" class="zf-copy" data-copy="{}">'
        '<span class="material-symbols-outlined" aria-hidden="true">content_copy</span></button>',
        text,
        text,
    )


class OrderPageAdmin(RecordAdmin):
    """A list whose rows have a page with operations."""

    related: tuple[str, ...] = ("account", "application", "merchant")

    # --- to be given by a subclass -------------------------------------------------------------

    def family(self, order: Any) -> timeline.Head:
        """The row whose chain tells this order's story."""
        raise NotImplementedError

    def page(self, request: HttpRequest, order: Any) -> dict[str, Any]:
        """``head``, ``money``, ``facts`` and what else the fragment draws."""
        raise NotImplementedError

    def dialog_facts(self, order: Any) -> list[tuple[Any, Any]]:
        raise NotImplementedError

    def choices(self, request: HttpRequest, order: Any) -> list[operations.Choice]:
        return operations.panel(order, request.user)

    def ask(self, request: HttpRequest, order: Any, code: str) -> operations.Ask:
        """The dialog behind a choice. Raises KeyError where there is none."""
        return operations.ask_of(request, order, code, self.dialog_facts(order))

    # --- addresses -----------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        name = f"orders_{self.opts.model_name}"
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/live/", wrap(self.live_view), name=f"{name}_live"),
            path("<int:pk>/do/<slug:code>/", wrap(self.do_view), name=f"{name}_do"),
            *super().get_urls(),
        ]

    def _load(self, request: HttpRequest, pk: Any) -> Any:
        rows = self.model._default_manager.select_related(*self.related)
        try:
            order = rows.filter(pk=int(pk)).first()
        except (TypeError, ValueError):
            order = None
        if order is not None and not self.has_view_permission(request, order):
            raise PermissionDenied
        return order

    # --- views ---------------------------------------------------------------------------------

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET"])
        order = self._load(request, object_id)
        if order is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": order,
            "title": str(order),
            "is_popup": False,
            "is_fullwidth": "1",
            **self._live_context(request, order),
        }
        return TemplateResponse(request, "console/order.html", context)

    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The fragment; 204 while nothing has changed since version ``v``."""
        order = self._load(request, pk)
        if order is None:
            return HttpResponse(status=404)
        if request.GET.get("v") == self._version(order):
            return HttpResponse(status=204)
        return render(request, "console/_live.html", self._live_context(request, order))

    def do_view(self, request: HttpRequest, pk: int, code: str) -> HttpResponse:
        if request.method not in ("GET", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        order = self._load(request, pk)
        if order is None:
            return HttpResponse(status=404)
        try:
            ask = self.ask(request, order, code)
        except KeyError:
            return HttpResponse(status=404)
        return operations.serve(request, ask)

    # --- the fragment --------------------------------------------------------------------------

    def _version(self, order: Any) -> str:
        return timeline.version(self.family(order))

    def _live_context(self, request: HttpRequest, order: Any) -> dict[str, Any]:
        # The version is read first: what changes while we read is drawn again by the next poll.
        head = self.family(order)
        version = timeline.version(head)
        groups = list(children(head)) if isinstance(head, PayOrder) else []
        everything = request.GET.get("all") == "1"
        rows = [row for _title, found in groups for row in found]
        story = timeline.story(head, rows, everything=everything)
        name = f"admin:orders_{self.opts.model_name}"
        young = timezone.now() - head.created_at < YOUNG
        return {
            "order": order,
            "pay": head if isinstance(head, PayOrder) else None,
            "kids": [(title, [_kid(row, order) for row in found]) for title, found in groups],
            "choices": self.choices(request, order),
            "story": story,
            "version": version,
            "everything": everything,
            "live_url": reverse(f"{name}_live", args=[order.pk]),
            "pace": (BRISK if story.is_brisk or young else CALM) if story.is_moving else "",
            "now": timezone.now(),
            **self.page(request, order),
        }


def children(pay: PayOrder) -> Iterator[tuple[str, list[Any]]]:
    """What belongs to a pay order, newest first, under the heading of each kind."""
    yield _("Refunds"), list(pay.refunds.order_by("-pk")[:KIDS])
    if pay.allocation_status != PayOrder.AllocationStatus.NONE:
        yield _("Allocations"), list(pay.allocations.order_by("-pk")[:KIDS])
        yield _("Share returns"), list(pay.share_returns.order_by("-pk")[:KIDS])


def _kid(row: Any, here: Any) -> dict[str, Any]:
    return {
        "link": cells.number_link(row._meta.model_name, row.pk, row.number),
        "amount": cells.money(row.amount, sign=True),
        "chip": cells.state(row.status, type(row).Status, row.get_status_display()),
        "time": cells.time(row.created_at),
        "reason": getattr(row, "reason", "") or row.error_message,
        "is_here": row == here,
    }
