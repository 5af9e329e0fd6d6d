"""Groups of receivers: who gets what part of an order's money by default."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms as django_forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders import rules
from orders.admin import cells, forms
from orders.admin.filters import ApplicationFilter, ChannelFilter
from orders.admin.lists import ConsoleAdmin, column
from orders.admin.receivers import receiver_chip
from orders.errors import OrderError
from orders.models import AllocationGroup, AllocationReceiver, Application, GroupMember
from orders.services import allocation

MOST = 200
"""Receivers that one group's form offers."""


def parse_percent(text: str) -> int:
    """Percent as people type it (``12.5``) → ten-thousandths. Raises ValueError."""
    try:
        value = Decimal(text.strip().removesuffix("%").strip()) * 100
    except InvalidOperation:
        raise ValueError(text) from None
    if not value.is_finite() or value != value.to_integral_value() or abs(value) > 10**6:
        raise ValueError(text)
    return int(value)


class GroupForm(forms.ConsoleForm):
    """A group of one application at one channel: a rate beside each of its receivers."""

    half = ("name", "is_default")
    application = None  # chosen before, on the page that leads here
    name = django_forms.CharField(label=gettext_lazy("name"))
    is_default = django_forms.BooleanField(
        label=gettext_lazy("default"),
        required=False,
        help_text=gettext_lazy("Orders that name no group are shared by this one."),
    )

    def __init__(
        self, *args: Any, receivers: list[AllocationReceiver], rates: dict[str, int], **kwargs: Any
    ) -> None:
        self.receivers = receivers
        self.rates: dict[str, int] = {}
        self.more_fields = {
            rate_name(row): rate_field(row, rates.get(row.receiver_no)) for row in receivers
        }
        super().__init__(*args, **kwargs)

    @property
    def apart(self) -> list[str]:
        return [rate_name(row) for row in self.receivers]

    @property
    def lines(self) -> list[tuple[AllocationReceiver, str, Any]]:
        return [(row, receiver_chip(row), self[rate_name(row)]) for row in self.receivers]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        self.rates = {}
        for row in self.receivers:
            name = rate_name(row)
            text = data.get(name, "")
            if not text:
                continue
            try:
                self.rates[row.receiver_no] = parse_percent(text)
            except ValueError:
                self.add_error(name, _("This is not a percentage such as 12.5."))
        return data


def rate_name(row: AllocationReceiver) -> str:
    return f"rate_{row.receiver_no}"


def rate_field(row: AllocationReceiver, rate: int | None) -> django_forms.CharField:
    return django_forms.CharField(
        label=str(row),
        required=False,
        initial="" if rate is None else rules.percent(rate),
        widget=django_forms.TextInput(
            attrs={
                "inputmode": "decimal",
                "autocomplete": "off",
                "maxlength": 6,
                "data-rate": "",
                "class": "zf-input",
            }
        ),
    )


class ChooseForm(forms.ConsoleForm):
    half = ("application", "channel")
    channel = django_forms.ChoiceField(
        label=gettext_lazy("channel"), choices=lambda: forms.channels_that("allocation")
    )


@admin.register(AllocationGroup)
class AllocationGroupAdmin(ConsoleAdmin):
    """Made and replaced through ``allocation.set_group`` alone."""

    keyset_ordering = ("pk",)
    numbers = ("group_no",)
    search_help_text = gettext_lazy("Group number")
    empty_text = gettext_lazy("No groups. Add receivers first, then a group of them.")
    list_select_related = ("application__merchant",)
    list_filter = (ChannelFilter, ApplicationFilter)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)
        return rows.annotate(size=Count("members"), rates=Sum("members__rate"))

    @column(gettext_lazy("name"), css="main")
    def number(self, row: AllocationGroup) -> str:
        return cells.number_link("allocationgroup", row.pk, row.name)

    @column(gettext_lazy("default"), css="sub")
    def state(self, row: AllocationGroup) -> str:
        return cells.chip(_("default"), "good") if row.is_default else ""

    @column(gettext_lazy("members"), css="num wide")
    def count(self, row: Any) -> str:
        return str(row.size)

    @column("Σ", css="num side")
    def total(self, row: Any) -> str:
        return f"{rules.percent(row.rates or 0)} %"

    @column(gettext_lazy("application"), css="clip")
    def whose(self, row: AllocationGroup) -> str:
        return f"{row.application.merchant.name} · {row.application.name}"

    @column(gettext_lazy("channel"))
    def where(self, row: AllocationGroup) -> str:
        return cells.channel_name(row.channel)

    @column(gettext_lazy("created"), css="end")
    def created(self, row: AllocationGroup) -> str:
        return cells.time(row.created_at)

    columns = (number, state, count, total, whose, where, created)

    # --- the form ------------------------------------------------------------------------------

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        choose = ChooseForm(request.GET if "application" in request.GET else None)
        if choose.is_valid():
            data = choose.cleaned_data
            return self._form(request, data["application"], data["channel"], None)
        context: dict[str, Any] = {
            "form": choose, "method": "get", "submit": _("Next"), "title": _("New group"),
            "hint": _("Whose orders, at which channel?"),
        }  # fmt: skip
        return forms.draw(self, request, "console/form.html", context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        rows = AllocationGroup.objects.select_related("application__merchant")
        group = rows.filter(pk=int(object_id)).first() if object_id.isdecimal() else None
        if group is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, group):
            raise PermissionDenied
        if request.method == "POST" and not self.has_change_permission(request, group):
            raise PermissionDenied
        return self._form(request, group.application, group.channel, group)

    def _form(
        self,
        request: HttpRequest,
        application: Application,
        channel: str,
        group: AllocationGroup | None,
    ) -> HttpResponse:
        receivers, rates = offered(application, channel, group)
        initial = {"name": group.name, "is_default": group.is_default} if group else {}
        data = request.POST if request.method == "POST" else None
        form = GroupForm(data, initial=initial, receivers=receivers, rates=rates)
        if request.method == "POST" and form.is_valid():
            saved = self._save(request, form, application, channel, group)
            if saved is not None:
                self.message_user(request, _("The group is saved."))
                return HttpResponseRedirect(forms.page_of(saved))
        may_change = group is None or self.has_change_permission(request, group)
        context = {
            "form": form,
            "submit": _("Save") if may_change else "",
            "title": group.name if group else _("New group"),
            "hint": f"{application.merchant.name} · {application.name} · "
            f"{cells.channel_name(channel)}",
            "total": rules.percent(sum(rates.values())),
        }
        return forms.draw(self, request, "console/group.html", context)

    def _save(
        self,
        request: HttpRequest,
        form: GroupForm,
        application: Application,
        channel: str,
        group: AllocationGroup | None,
    ) -> AllocationGroup | None:
        name = form.cleaned_data["name"]
        try:
            saved = allocation.set_group(
                application,
                channel=channel,
                name=name,
                rates=form.rates,
                is_default=form.cleaned_data["is_default"],
                group_no=group.group_no if group else "",
            )
        except OrderError as error:
            form.refuse(error)
            return None
        shares = ", ".join(f"{n}: {rules.percent(r)} %" for n, r in form.rates.items())
        log = self.log_change if group else self.log_addition
        log(request, saved, f"{name}; default: {saved.is_default}; {shares}")
        return saved


def offered(
    application: Application, channel: str, group: AllocationGroup | None
) -> tuple[list[AllocationReceiver], dict[str, int]]:
    """Members first, then every other receiver of the application at that channel."""
    members: list[GroupMember] = []
    if group is not None:
        members = list(group.members.select_related("receiver").order_by("pk"))
    others = AllocationReceiver.objects.filter(application=application, channel=channel)
    others = others.exclude(pk__in=[member.receiver_id for member in members]).order_by("pk")
    receivers = [*(member.receiver for member in members), *others[:MOST]]
    return receivers, {member.receiver.receiver_no: member.rate for member in members}
