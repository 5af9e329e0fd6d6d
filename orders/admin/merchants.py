"""Merchants and their applications. A secret is shown once, when it is made."""

from __future__ import annotations

import base64
import secrets as random
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from orders import doors, pem, secrets
from orders.admin import cells, door_facts
from orders.admin.doors import AREA, DoorPages
from orders.admin.filters import BIGINT_MAX, MerchantFilter
from orders.admin.forms import YuanField
from orders.admin.lists import ConsoleAdmin, column
from orders.doors import API, MERCHANT_KEY, Example, Value
from orders.errors import InvalidInput
from orders.models import ApiKey, Application, Merchant

WEBHOOK_SECRET_BYTES = 32  # Standard Webhooks: 24 to 64 bytes, base64, after "whsec_"


class SettingsAdmin(ConsoleAdmin):
    """Rows that people make and change, kept for ever: switched off, never deleted."""

    keyset_ordering = ("pk",)
    ordering = ("pk",)  # for the menus of other pages' forms, which turn pages too
    fixed_fields: tuple[str, ...] = ()
    """Chosen when the row is made and never changed: numbers are made of them."""

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple:
        return self.fixed_fields if obj is not None else ()

    def show_once(
        self,
        request: HttpRequest,
        obj: Model,
        title: str,
        secret: str,
        *,
        examples: Sequence[Example] = (),
    ) -> HttpResponse:
        """Answer with the secret itself. Nothing stores it, and no cache may keep the page."""
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": title,
            "is_popup": False,
            "secret": secret,
            "examples": examples,
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


def door_choices() -> list[tuple[str, Any]]:
    return [(code, doors.get(code).TITLE) for code in doors.keyed()]


class ApplicationForm(forms.ModelForm):
    """The least amount is asked for in yuan, as every amount here. A new application may be given
    keys at once; later they are the business of each door's own page."""

    doors = forms.MultipleChoiceField(
        label=gettext_lazy("keys for"),
        required=False,
        choices=door_choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("A key of the own API is always made."),
    )
    merchant_public_key_pem = forms.CharField(
        label=MERCHANT_KEY.title,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs=AREA),
        help_text=MERCHANT_KEY.help,
    )

    allocation_min_amount = YuanField(
        label=gettext_lazy("least amount to share"),
        initial=Application._meta.get_field("allocation_min_amount").get_default,
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

    def clean_merchant_public_key_pem(self) -> str:
        text = self.cleaned_data["merchant_public_key_pem"]
        try:
            return pem.public_key(text, field=MERCHANT_KEY.name) if text.strip() else ""
        except InvalidInput as error:
            raise forms.ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        """A door may be unable to write the application's numbers."""
        data = super().clean() or {}
        merchant, app_id = data.get("merchant"), data.get("app_id")
        for code in data.get("doors", []) if merchant and app_id else []:
            door, row = doors.get(code), Application(merchant=merchant, app_id=app_id)
            try:
                door.identity(row, door.names(row, {}))
            except InvalidInput as error:
                self.add_error("doors", str(error))
        return data


@admin.register(Application)
class ApplicationAdmin(DoorPages, SettingsAdmin):
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
    new_keys = (
        pgettext_lazy("of an application", "Keys"),
        {"fields": ("doors", "merchant_public_key_pem")},
    )
    list_select_related = ("merchant",)
    list_filter = (MerchantFilter,)
    change_form_outer_after_template = "console/_application.html"

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> tuple:
        names, *rest = self.fieldsets
        return self.fieldsets if obj is not None else (names, self.new_keys, *rest)

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

    # --- the webhook secret, and the keys of a new application -----------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.rotate_view)
        return [
            path("<int:pk>/rotate/", view, name="orders_application_rotate"),
            *self.door_urls(),
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
            extra |= self.doors_context(request, row)
            extra["webhook_fingerprint"] = secrets.fingerprint(row.webhook_secret)
            extra["rotate_url"] = reverse("admin:orders_application_rotate", args=[row.pk])
            extra["can_rotate"] = self.has_change_permission(request, row)
        return super().change_view(request, object_id, form_url, extra)

    def save_model(
        self, request: HttpRequest, obj: Application, form: forms.ModelForm, change: bool
    ) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        secret = obj.webhook_secret = new_webhook_secret()
        super().save_model(request, obj, form, change)
        _key, key = ApiKey.issue(obj)
        values = [
            Value(name="api_key", title=_("API key"), env="ZF_API_KEY", value=key),
            Value(
                name="webhook_secret",
                title=_("Webhook secret"),
                env="ZF_WEBHOOK_SECRET",
                value=secret,
            ),
        ]
        groups = [door_facts.group(obj, API, None, values)]
        groups += [self._issue(request, obj, code, form) for code in form.cleaned_data["doors"]]
        request.zf_groups = groups  # type: ignore[attr-defined]

    @staticmethod
    def _issue(
        request: HttpRequest, obj: Application, code: str, form: forms.ModelForm
    ) -> dict[str, Any]:
        given = {MERCHANT_KEY.name: form.cleaned_data[MERCHANT_KEY.name]}
        try:
            row, values = doors.issue(obj, code, given)
        except InvalidInput as error:  # the name is taken: the application stands without this door
            messages.error(request, f"{doors.get(code).TITLE}: {error}")
            return door_facts.group(obj, code, None, [])
        return door_facts.group(obj, code, row, values)

    def log_addition(self, request: HttpRequest, obj: Application, message: Any) -> Any:
        entry = super().log_addition(request, obj, message)
        for group in request.zf_groups:  # type: ignore[attr-defined]
            if group["values"]:
                self.log_change(request, obj, f"Issued keys for the door {group['code']}.")
        return entry

    def response_add(
        self, request: HttpRequest, obj: Application, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self.issued(request, obj, request.zf_groups)  # type: ignore[attr-defined]

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
