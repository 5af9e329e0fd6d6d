"""Merchants, their applications and API keys. A secret is shown once, when it is made."""

from __future__ import annotations

import base64
import ipaddress
import secrets as random
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from orders import secrets
from orders.admin import cells
from orders.admin.filters import BIGINT_MAX, ApplicationFilter, MerchantFilter
from orders.admin.forms import YuanField
from orders.admin.lists import ConsoleAdmin, column
from orders.models import ApiKey, Application, Merchant

WEBHOOK_SECRET_BYTES = 32  # Standard Webhooks: 24 to 64 bytes, base64, after "whsec_"


class SettingsAdmin(ConsoleAdmin):
    """Rows that people make and change, kept for ever: switched off, never deleted."""

    keyset_ordering = ("pk",)
    fixed_fields: tuple[str, ...] = ()
    """Chosen when the row is made and never changed: numbers are made of them."""

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple:
        return self.fixed_fields if obj is not None else ()

    def show_once(self, request: HttpRequest, obj: Model, title: str, secret: str) -> HttpResponse:
        """Answer with the secret itself. Nothing stores it, and no cache may keep the page."""
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": title,
            "is_popup": False,
            "secret": secret,
            "back": reverse(f"admin:orders_{self.opts.model_name}_change", args=[obj.pk]),
        }
        response = render(request, "console/secret.html", context)
        response["Cache-Control"] = "no-store, private"
        return response

    def post_only(self, request: HttpRequest, pk: int) -> Model | HttpResponse:
        """The row that a button's POST changes, once the method and the role are right."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = get_object_or_404(self.model, pk=pk)
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        return row


def active_chip(is_active: bool) -> str:
    return cells.chip(_("active"), "good") if is_active else cells.chip(_("switched off"), "mute")


@admin.register(Merchant)
class MerchantAdmin(SettingsAdmin):
    numbers = ("mch_no",)
    search_fields = ("mch_no", "name")
    search_help_text = gettext_lazy("Merchant number or name")
    fields = ("mch_no", "name", "is_active")
    fixed_fields = ("mch_no",)

    @column(gettext_lazy("merchant number"), css="main")
    def number(self, row: Merchant) -> str:
        return cells.number_link("merchant", row.pk, row.mch_no)

    @column(gettext_lazy("name"), css="sub")
    def called(self, row: Merchant) -> str:
        return row.name

    @column(gettext_lazy("status"), css="side")
    def state(self, row: Merchant) -> str:
        return active_chip(row.is_active)

    @column(gettext_lazy("created"), css="end")
    def created(self, row: Merchant) -> str:
        return cells.time(row.created_at)

    columns = (number, called, state, created)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Names too: this table is small."""
        term = search_term.strip()
        if not term or "\x00" in term:
            return (queryset.none() if term else queryset), False
        return queryset.filter(Q(mch_no__icontains=term) | Q(name__icontains=term)), False


class ApplicationForm(forms.ModelForm):
    """The least amount is asked for in yuan, as every amount here."""

    allocation_min_amount = YuanField(
        label=gettext_lazy("least amount to share"),
        help_text=gettext_lazy("Yuan; smaller orders are left alone."),
        widget=UnfoldAdminTextInputWidget,
    )

    class Meta:
        model = Application
        fields = ("name",)

    def clean_allocation_min_amount(self) -> int:
        fen = self.cleaned_data["allocation_min_amount"]
        if not 0 <= fen <= BIGINT_MAX:
            raise forms.ValidationError(_("This is not an amount in yuan, such as 12.34."))
        return int(fen)


@admin.register(Application)
class ApplicationAdmin(SettingsAdmin):
    form = ApplicationForm
    numbers = ("app_id",)
    search_fields = ("app_id", "name")
    search_help_text = gettext_lazy("Application id or name")
    autocomplete_fields = ("merchant",)
    fieldsets = (
        (None, {"fields": ("merchant", "app_id", "name", "notify_url", "is_active")}),
        (
            gettext_lazy("Profit sharing"),
            {
                "fields": (
                    "auto_allocation",
                    "allocation_delay",
                    "allocation_min_amount",
                    "auto_finish",
                )
            },
        ),
        (
            gettext_lazy("Store orders"),
            {"fields": ("store_unpaid_minutes", "store_accept_minutes")},
        ),
    )
    fixed_fields = ("merchant", "app_id")
    list_select_related = ("merchant",)
    list_filter = (MerchantFilter,)
    change_form_outer_after_template = "console/_webhook.html"

    @column(gettext_lazy("application id"), css="main")
    def number(self, row: Application) -> str:
        return cells.number_link("application", row.pk, row.app_id)

    @column(gettext_lazy("name"), css="sub")
    def called(self, row: Application) -> str:
        return row.name

    @column(gettext_lazy("merchant"), css="clip")
    def whose(self, row: Application) -> str:
        return row.merchant.name

    @column(gettext_lazy("notify URL"), css="wide clip")
    def where(self, row: Application) -> str:
        return row.notify_url

    @column(gettext_lazy("status"), css="side")
    def state(self, row: Application) -> str:
        return active_chip(row.is_active)

    @column(gettext_lazy("created"), css="end")
    def created(self, row: Application) -> str:
        return cells.time(row.created_at)

    columns = (number, called, whose, where, state, created)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        if not term or "\x00" in term:
            return (queryset.none() if term else queryset), False
        return queryset.filter(Q(app_id__icontains=term) | Q(name__icontains=term)), False

    # --- the webhook secret --------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.rotate_view)
        return [
            path("<int:pk>/rotate/", view, name="orders_application_rotate"),
            *super().get_urls(),
        ]

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
            extra["webhook_fingerprint"] = secrets.fingerprint(row.webhook_secret)
            extra["rotate_url"] = reverse("admin:orders_application_rotate", args=[row.pk])
            extra["can_rotate"] = self.has_change_permission(request, row)
        return super().change_view(request, object_id, form_url, extra)

    def save_model(
        self, request: HttpRequest, obj: Application, form: forms.ModelForm, change: bool
    ) -> None:
        if not change:
            request.zf_secret = obj.webhook_secret = new_webhook_secret()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Application, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self.show_once(request, obj, _("Webhook secret"), request.zf_secret)  # type: ignore[attr-defined]

    def rotate_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make a new webhook secret; the old one signs nothing from now on."""
        row = self.post_only(request, pk)
        if isinstance(row, HttpResponse):
            return row
        secret = new_webhook_secret()
        row.webhook_secret = secret
        row.save(update_fields=["webhook_secret_stored"])
        self.log_change(request, row, "Rotated the webhook secret.")
        return self.show_once(request, row, _("Webhook secret"), secret)


def new_webhook_secret() -> str:
    return "whsec_" + base64.b64encode(random.token_bytes(WEBHOOK_SECRET_BYTES)).decode()


# --- API keys ---------------------------------------------------------------------------------


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
        return self.show_once(request, obj, _("API key"), request.zf_secret)  # type: ignore[attr-defined]

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
