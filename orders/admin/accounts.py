"""Channel accounts: the form is built from what the channel declares.

Secrets are write-only. This is the one place of the web process that opens them: to keep the ones
that were left empty and to show fingerprints; never to show a secret.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from channels import registry
from channels.base import AccountField
from orders import secrets
from orders.admin import cells
from orders.admin.filters import ChannelFilter, MerchantFilter
from orders.admin.lists import column
from orders.admin.merchants import SettingsAdmin, active_chip
from orders.models import ChannelAccount

COMMON = ("merchant", "code", "name", "max_in_flight", "is_default", "is_active")


def form_name(field: AccountField) -> str:
    return f"{'secret' if field.secret else 'config'}_{field.name}"


def form_field(field: AccountField) -> forms.CharField:
    """A text field as the channel declares it. An empty secret means: keep what is stored."""
    if field.multiline:
        widget: forms.Widget = UnfoldAdminTextareaWidget(attrs={"rows": 5, "spellcheck": "false"})
    elif field.secret:
        widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"})
    else:
        widget = UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"})
    return forms.CharField(
        label=_(field.help) if field.help else field.name,
        # What is required is the channel's to say (check_account), also for what is kept.
        required=False,
        initial=field.default,
        widget=widget,
        help_text=field.name,
    )


class AccountForm(forms.ModelForm):
    """Base; ``form_class`` adds the channel's fields."""

    channel_code = ""
    instance: ChannelAccount

    class Meta:
        model = ChannelAccount
        fields = COMMON

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = self.instance.secrets if self.instance.pk else {}
        for field in registry.get(self.channel_code).account_fields:
            name = form_name(field)
            if name not in self.fields:
                continue  # read-only for this person
            if field.secret:
                self.fields[name].help_text = self._secret_help(field)
            elif self.instance.pk:
                self.initial[name] = self.instance.config.get(field.name, field.default)

    def _secret_help(self, field: AccountField) -> str:
        mark = secrets.fingerprint(self.stored.get(field.name, ""))
        if not mark:
            return field.name
        return _("%(name)s. Stored, fingerprint %(fingerprint)s; leave empty to keep it.") % {
            "name": field.name,
            "fingerprint": mark,
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        fields = registry.get(self.channel_code).account_fields
        given = {field.name: data.get(form_name(field), "").strip() for field in fields}
        self.config = {f.name: given[f.name] for f in fields if not f.secret and given[f.name]}
        self.secrets = {
            f.name: given[f.name] or self.stored.get(f.name, "") for f in fields if f.secret
        }
        for problem in registry.get(self.channel_code).check_account(self.config, self.secrets):
            field = next((f for f in fields if f.name == problem.field), None)
            self.add_error(form_name(field) if field else None, _(problem.message))
        self._check_default(data)
        return data

    def _check_default(self, data: dict[str, Any]) -> None:
        merchant = data.get("merchant") or (self.instance.merchant if self.instance.pk else None)
        if not (merchant and data.get("is_default") and data.get("is_active")):
            return
        others = ChannelAccount.objects.filter(
            merchant=merchant, channel=self.channel_code, is_default=True, is_active=True
        ).exclude(pk=self.instance.pk)
        if other := others.first():
            said = _("%(account)s is already the default of this merchant at this channel.")
            self.add_error("is_default", said % {"account": other})


def form_class(channel_code: str) -> type[AccountForm]:
    fields = registry.get(channel_code).account_fields
    return type(
        "ChannelAccountForm",
        (AccountForm,),
        {"channel_code": channel_code, **{form_name(f): form_field(f) for f in fields}},
    )


@admin.register(ChannelAccount)
class ChannelAccountAdmin(SettingsAdmin):
    numbers = ("code",)
    search_help_text = gettext_lazy("Code of the account")
    autocomplete_fields = ("merchant",)
    fixed_fields = ("merchant", "code")
    list_select_related = ("merchant",)
    list_filter = (ChannelFilter, MerchantFilter)

    @column(gettext_lazy("code"), css="main")
    def number(self, row: ChannelAccount) -> str:
        return cells.number_link("channelaccount", row.pk, row.code)

    @column(gettext_lazy("name"), css="sub")
    def called(self, row: ChannelAccount) -> str:
        return row.name

    @column(gettext_lazy("channel"))
    def where(self, row: ChannelAccount) -> str:
        return cells.channel_name(row.channel)

    @column(gettext_lazy("merchant"), css="clip")
    def whose(self, row: ChannelAccount) -> str:
        return row.merchant.name

    @column(gettext_lazy("calls at once"), css="num wide")
    def at_once(self, row: ChannelAccount) -> str:
        return str(row.max_in_flight)

    @column(gettext_lazy("status"), css="side")
    def state(self, row: ChannelAccount) -> str:
        return active_chip(row.is_active)

    @column(gettext_lazy("created"), css="end")
    def created(self, row: ChannelAccount) -> str:
        return cells.time(row.created_at)

    columns = (number, called, where, whose, at_once, state, created)

    # --- the form ------------------------------------------------------------------------------

    @staticmethod
    def _channel(request: HttpRequest, obj: Model | None) -> str:
        return obj.channel if isinstance(obj, ChannelAccount) else request.GET.get("channel", "")

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> list:
        fields = registry.get(self._channel(request, obj)).account_fields
        sets = [(None, {"fields": COMMON})]
        for title, is_secret in ((_("Settings"), False), (_("Secrets"), True)):
            names = [form_name(field) for field in fields if field.secret is is_secret]
            # Without the right to change, a form would not draw what is not a model's field.
            if names and (obj is None or self.has_change_permission(request, obj)):
                sets.append((title, {"fields": names}))
        return sets

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        if obj is None or self.has_change_permission(request, obj):
            kwargs["form"] = form_class(self._channel(request, obj))
        return super().get_form(request, obj, change=change, **kwargs)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if self._channel(request, None) in registry.codes():
            return super().add_view(request, form_url, extra_context)
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Add a channel account"),
            "is_popup": False,
            "channels": [(code, cells.channel_name(code)) for code in registry.codes()],
        }
        return render(request, "console/choose_channel.html", context)

    def save_model(
        self, request: HttpRequest, obj: ChannelAccount, form: AccountForm, change: bool
    ) -> None:
        obj.channel = form.channel_code
        obj.config = form.config
        obj.secrets = {name: value for name, value in form.secrets.items() if value}
        super().save_model(request, obj, form, change)
