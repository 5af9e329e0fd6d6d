"""API keys: made for an application, shown once, revoked for ever."""

from __future__ import annotations

import ipaddress
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from orders.admin import cells, door_facts
from orders.admin.filters import ApplicationFilter
from orders.admin.lists import column
from orders.admin.merchants import SettingsAdmin
from orders.doors import API
from orders.models import ApiKey


class ApiKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("scopes"),
        choices=ApiKey.Scope.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        initial=list(ApiKey.Scope.values),
    )
    allowed_ips = forms.CharField(
        label=gettext_lazy("allowed addresses"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "One network per line, such as 203.0.113.0/24; empty allows every address."
        ),
    )

    class Meta:
        model = ApiKey
        fields = ("application", "scopes", "allowed_ips", "expires_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["allowed_ips"] = "\n".join(self.instance.allowed_ips)

    def clean_allowed_ips(self) -> list[str]:
        networks = []
        for line in self.cleaned_data["allowed_ips"].replace(",", "\n").split():
            try:
                networks.append(str(ipaddress.ip_network(line, strict=False)))
            except ValueError:
                raise forms.ValidationError(
                    _("%(line)s is not an address or network.") % {"line": line}
                ) from None
        return networks


@admin.register(ApiKey)
class ApiKeyAdmin(SettingsAdmin):
    form = ApiKeyForm
    numbers = ("prefix",)
    search_help_text = gettext_lazy("Beginning of the key, such as zf_1a2b3c4d")
    autocomplete_fields = ("application",)
    fields = ("application", "scopes", "allowed_ips", "expires_at")
    fixed_fields = ("application",)
    list_select_related = ("application__merchant",)
    list_filter = (ApplicationFilter,)
    change_form_outer_after_template = "console/_revoke.html"

    @column(gettext_lazy("prefix"), css="main")
    def number(self, row: ApiKey) -> str:
        return cells.number_link("apikey", row.pk, f"{row.prefix}…")

    @column(gettext_lazy("status"), css="side")
    def state(self, row: ApiKey) -> str:
        return key_chip(row)

    @column(gettext_lazy("application"), css="sub")
    def whose(self, row: ApiKey) -> str:
        return f"{row.application.merchant.name} · {row.application.name}"

    @column(gettext_lazy("scopes"), css="wide")
    def may(self, row: ApiKey) -> str:
        labels = dict(ApiKey.Scope.choices)
        return ", ".join(str(labels.get(scope, scope)) for scope in row.scopes)

    @column(gettext_lazy("expires"), css="wide")
    def until(self, row: ApiKey) -> str:
        return cells.time(row.expires_at)

    @column(gettext_lazy("last used"), css="end")
    def used(self, row: ApiKey) -> str:
        return cells.time(row.last_used_at)

    columns = (number, state, whose, may, until, used)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.revoke_view)
        return [path("<int:pk>/revoke/", view, name="orders_apikey_revoke"), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        extra = dict(extra_context or {})
        if row is not None:
            extra["key_chip"] = key_chip(row)
            extra["revoke_url"] = reverse("admin:orders_apikey_revoke", args=[row.pk])
            extra["can_revoke"] = row.revoked_at is None and self.has_change_permission(
                request, row
            )
        return super().change_view(request, object_id, form_url, extra)

    def save_model(
        self, request: HttpRequest, obj: ApiKey, form: forms.ModelForm, change: bool
    ) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        row, key = ApiKey.issue(obj.application, scopes=obj.scopes, expires_at=obj.expires_at)
        row.allowed_ips = obj.allowed_ips
        row.save(update_fields=["allowed_ips"])
        obj.pk, obj.prefix, obj.digest = row.pk, row.prefix, row.digest
        request.zf_secret = key  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        examples = door_facts.examples(obj.application, API, None)
        return self.show_once(
            request,
            obj,
            _("API key"),
            request.zf_secret,
            examples=examples,  # type: ignore[attr-defined]
        )

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """End a key at once. A second click finds it ended and changes nothing."""
        row = self.post_only(request, pk)
        if isinstance(row, HttpResponse):
            return row
        if ApiKey.objects.filter(pk=pk, revoked_at=None).update(revoked_at=timezone.now()):
            self.log_change(request, row, "Revoked.")
        self.message_user(request, _("The key is revoked."), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:orders_apikey_change", args=[pk]))


def key_chip(row: ApiKey) -> str:
    if row.revoked_at is not None:
        return cells.chip(_("revoked"), "bad")
    if not row.is_usable(timezone.now()):
        return cells.chip(_("expired"), "warn")
    return cells.chip(_("active"), "good")
