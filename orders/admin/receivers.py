"""Receivers of shares: added, bound at the channel, unbound."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders import rules
from orders.admin import cells, forms
from orders.admin.filters import ApplicationFilter, ChannelFilter, choice_filter
from orders.admin.lists import column
from orders.admin.operations import actor_of
from orders.admin.orderpage import OrderPageAdmin, copyable
from orders.admin.pay import trouble
from orders.models import AllocationReceiver, GroupMember
from orders.services import allocation


@admin.register(AllocationReceiver)
class AllocationReceiverAdmin(OrderPageAdmin):
    numbers = ("receiver_no",)
    search_help_text = gettext_lazy("Receiver number")
    empty_text = gettext_lazy("No receivers. Add the first one here.")
    list_select_related = ("application__merchant",)
    list_filter = (
        choice_filter("status", gettext_lazy("status"), lambda: AllocationReceiver.Status.choices),
        ChannelFilter,
        ApplicationFilter,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("account_stored", "name_stored", "event_hash")

    @column(gettext_lazy("receiver number"), css="main")
    def number(self, row: AllocationReceiver) -> str:
        return cells.number_link("allocationreceiver", row.pk, row.receiver_no)

    @column(gettext_lazy("receiver"), css="side")
    def who(self, row: AllocationReceiver) -> str:
        return str(row)

    @column(gettext_lazy("name"), css="wide")
    def called(self, row: AllocationReceiver) -> str:
        return row.name_mask

    @column(gettext_lazy("status"), css="sub")
    def state(self, row: AllocationReceiver) -> str:
        return receiver_chip(row)

    @column(gettext_lazy("application"), css="clip")
    def whose(self, row: AllocationReceiver) -> str:
        return f"{row.application.merchant.name} · {row.application.name}"

    @column(gettext_lazy("channel"))
    def where(self, row: AllocationReceiver) -> str:
        return cells.channel_name(row.channel)

    @column(gettext_lazy("created"), css="end", sort="created_at")
    def created(self, row: AllocationReceiver) -> str:
        return cells.time(row.created_at)

    columns = (number, who, called, state, whose, where, created)

    # --- the page ------------------------------------------------------------------------------

    def family(self, order: AllocationReceiver) -> AllocationReceiver:
        return order

    def page(self, request: HttpRequest, order: AllocationReceiver) -> dict[str, Any]:
        return {
            "kind": self.opts.verbose_name,
            "chips": receiver_chip(order),
            "amount": order.account_mask,
            "subject": " · ".join(
                filter(None, [str(order.get_receiver_type_display()), order.name_mask])
            ),
            "facts": receiver_facts(order),
            "trouble": trouble(order),
        }

    def dialog_facts(self, order: AllocationReceiver) -> list[tuple[Any, Any]]:
        return [
            (_("merchant"), order.merchant.name),
            (_("channel"), cells.channel_name(order.channel)),
            (_("receiver"), order),
            (_("name"), order.name_mask or "—"),
        ]

    # --- a new one -----------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.add_allocationreceiver")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return forms.serve(
            self,
            request,
            forms.ReceiverForm,
            title=_("New receiver"),
            submit=_("Add and bind"),
            hint=_("It is bound at the channel at once; account and name are kept encrypted."),
            do=lambda form: self._add(request, form),
        )

    def _add(self, request: HttpRequest, form: forms.ReceiverForm) -> AllocationReceiver:
        data = dict(form.cleaned_data)
        application = data.pop("application")
        new = allocation.NewReceiver(**data)
        return allocation.add_receiver(application, new, actor_of(request))


def receiver_chip(row: AllocationReceiver) -> str:
    return cells.state(row.status, AllocationReceiver.Status, row.get_status_display())


def receiver_facts(order: AllocationReceiver) -> list[tuple[Any, Any]]:
    members = GroupMember.objects.filter(receiver=order).select_related("group").order_by("pk")
    groups = [f"{m.group} {rules.percent(m.rate)} %" for m in members[:20]]
    return [
        (_("receiver number"), copyable(order.receiver_no)),
        (_("named by"), order.get_receiver_type_display()),
        (_("receiver"), order.account_mask),
        (_("name"), order.name_mask),
        (_("relation"), forms.RELATIONS.get(order.relation, order.relation)),
        (_("relation in words"), order.custom_relation),
        (_("merchant"), f"{order.merchant.name} · {order.application.name}"),
        (_("channel"), f"{cells.channel_name(order.channel)} · {order.account.name}"),
        (_("allocation groups"), ", ".join(groups)),
        (_("created"), cells.time(order.created_at)),
    ]
