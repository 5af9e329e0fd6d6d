"""Notices to merchants: what was said, every attempt, and sending it again by hand."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from orders.admin import cells, queues, words
from orders.admin.filters import ApplicationFilter, DayFilter, choice_filter, queue_filter
from orders.admin.lists import column
from orders.admin.operations import actor_of
from orders.admin.records import Facts, PageAdmin, order_link
from orders.engine.notices import replay
from orders.models import MerchantNotice

MOST_AT_ONCE = 1_000


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
        view = self.admin_site.admin_view(self.replay_view)
        return [
            path("<int:pk>/replay/", view, name="orders_merchantnotice_replay"),
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

    def page(self, request: HttpRequest, row: MerchantNotice) -> dict[str, Any]:
        facts: Facts = [
            (_("order number"), order_link(row.order_no)),
            (_("notice"), f"{words.notice(row.kind)} · {row.kind}"),
            ("webhook-id", row.notice_id),
            (_("application"), row.application.name),
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
            "post": {
                "url": reverse("admin:orders_merchantnotice_replay", args=[row.pk]),
                "label": _("Send again"),
                "icon": "replay",
                "why_not": ""
                if self.has_replay_permission(request)
                else _("Your role may not replay notices."),
            },
        }


def pretty(text: str) -> str:
    """JSON for reading; what is not JSON is shown as it stands."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
