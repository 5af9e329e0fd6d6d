"""Notices to merchants: what was said, every attempt, and sending it again by hand."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from orders import doors
from orders.admin import cells, queues, words
from orders.admin.filters import ApplicationFilter, DayFilter, choice_filter, queue_filter
from orders.admin.lists import column
from orders.admin.operations import actor_of
from orders.admin.records import Facts, PageAdmin, order_link
from orders.engine.notices import replay
from orders.models import MerchantNotice

MOST_AT_ONCE = 1_000
BRISK, CALM = "2s", "10s"
SOON = timedelta(minutes=2)


def dialect_options() -> list[tuple[str, Any]]:
    """In whose words merchants are told, by the doors' own names."""
    return [(doors.get(code).NOTICES, doors.get(code).TITLE) for code in doors.codes()]


@admin.register(MerchantNotice)
class MerchantNoticeAdmin(PageAdmin):
    numbers = ("order_no", "notice_id")
    search_help_text = gettext_lazy("Order number or notice")
    empty_text = gettext_lazy("No notices. They are written when an order ends.")
    list_select_related = ("application",)
    related = ("application", "pay_order")
    actions = ("replay_selected",)
    list_filter = (
        queue_filter(*queues.NOTICE),
        choice_filter("status", gettext_lazy("status"), lambda: MerchantNotice.Status.choices),
        choice_filter("dialect", gettext_lazy("in the words of"), dialect_options),
        choice_filter("kind", gettext_lazy("notice"), lambda: list(words.NOTICES.items())),
        ApplicationFilter,
        DayFilter,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("body")

    @column(gettext_lazy("notice"), css="main")
    def what(self, row: MerchantNotice) -> str:
        return cells.number_link("merchantnotice", row.pk, str(words.notice(row.kind)))

    @column(gettext_lazy("order number"), css="wide no")
    def number(self, row: MerchantNotice) -> str:
        return row.order_no

    @column(gettext_lazy("status"), css="sub")
    def state_chip(self, row: MerchantNotice) -> str:
        return cells.state(row.status, MerchantNotice.Status, row.get_status_display())

    @column(gettext_lazy("tries"), css="num side")
    def times(self, row: MerchantNotice) -> str:
        return str(row.tries)

    @column(gettext_lazy("application"), css="clip")
    def whose(self, row: MerchantNotice) -> str:
        return row.application.name

    @column(gettext_lazy("address"), css="wide clip")
    def where(self, row: MerchantNotice) -> str:
        return row.url

    @column(gettext_lazy("next try"), css="wide")
    def next_try(self, row: MerchantNotice) -> str:
        return "" if row.ended_at else cells.time(row.due_at)

    @column(gettext_lazy("created"), css="end", sort="created_at")
    def created(self, row: MerchantNotice) -> str:
        return cells.time(row.created_at)

    columns = (what, number, state_chip, times, whose, where, next_try, created)

    # --- sending again -------------------------------------------------------------------------

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.replay_merchantnotice")

    @admin.action(description=gettext_lazy("Send again"), permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._replay(request, list(queryset.values_list("pk", flat=True)[:MOST_AT_ONCE]))

    def get_urls(self) -> list[URLPattern]:
        wrap, name = self.admin_site.admin_view, "orders_merchantnotice"
        return [
            path("<int:pk>/replay/", wrap(self.replay_view), name=f"{name}_replay"),
            path("<int:pk>/live/", wrap(self.live_view), name=f"{name}_live"),
            *super().get_urls(),
        ]

    def replay_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_replay_permission(request):
            raise PermissionDenied
        self._replay(request, [pk])
        return HttpResponseRedirect(reverse("admin:orders_merchantnotice_change", args=[pk]))

    def _replay(self, request: HttpRequest, ids: list[int]) -> None:
        count = replay(ids, actor_of(request))
        said = ngettext("%(n)s notice is sent again.", "%(n)s notices are sent again.", count)
        self.message_user(request, said % {"n": count}, messages.SUCCESS)

    # --- the page ------------------------------------------------------------------------------

    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The page's content; 204 while nothing has changed since version ``v``."""
        row = self.load(pk)
        if row is None:
            return HttpResponse(status=404)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if request.GET.get("v") == version(row):
            return HttpResponse(status=204)
        return render(request, "console/_record.html", self.page(request, row))

    def page(self, request: HttpRequest, row: MerchantNotice) -> dict[str, Any]:
        facts: Facts = [
            (_("order number"), order_link(row.order_no)),
            (_("notice"), f"{words.notice(row.kind)} · {row.kind}"),
            ("webhook-id", row.notice_id),
            (_("application"), row.application.name),
            (_("in the words of"), dict(dialect_options()).get(row.dialect, row.dialect)),
            (_("address"), row.url),
            (_("tries"), row.tries),
            (_("created"), cells.time(row.created_at)),
            (_("ended"), cells.time(row.ended_at)),
            (_("next try"), "" if row.ended_at else cells.time(row.due_at)),
        ]
        return {
            "kind": self.opts.verbose_name,
            "subject": words.notice(row.kind),
            "chips": cells.state(row.status, MerchantNotice.Status, row.get_status_display()),
            "facts": facts,
            "texts": [(_("Content, as signed and sent"), pretty(row.body))],
            "attempts": list(row.attempts.order_by("-number")[:100]),
            "live_url": reverse("admin:orders_merchantnotice_live", args=[row.pk]),
            "version": version(row),
            "pace": pace(row),
            "post": {
                "url": reverse("admin:orders_merchantnotice_replay", args=[row.pk]),
                "label": _("Send again"),
                "icon": "replay",
                "why_not": ""
                if self.has_replay_permission(request)
                else _("Your role may not replay notices."),
            },
        }


def version(row: MerchantNotice) -> str:
    """Other, once there is something new to see."""
    return f"{row.status}.{row.tries}.{row.due_at.timestamp():.0f}"


def pace(row: MerchantNotice) -> str:
    """How often the page looks again; empty once it is over."""
    if row.ended_at is not None:
        return ""
    return BRISK if row.due_at - timezone.now() < SOON else CALM


def pretty(text: str) -> str:
    """JSON for reading; what is not JSON is shown as it stands."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
