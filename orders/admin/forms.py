"""The console's own forms: a new transfer, a new receiver, a group of receivers.

A form reads what was typed and converts it; what is allowed is the services' to say. Their
InvalidInput comes back to the field that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels import registry
from orders.admin import cells
from orders.admin.operations import page_of
from orders.errors import Conflict, InvalidInput, OrderError
from orders.models import AllocationReceiver, Application, TransferOrder
from orders.money import format_yuan, parse_yuan
from orders.numbers import ulid

MENU_MOST = 100


class YuanField(forms.CharField):
    """Yuan as people type them; fen as the value."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"inputmode": "decimal", "autocomplete": "off", "maxlength": 20}
        widget = kwargs.pop("widget", forms.TextInput)
        super().__init__(widget=widget(attrs=attrs), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return format_yuan(value, sign=False) if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return parse_yuan(text)
        except ValueError:
            said = _("This is not an amount in yuan, such as 12.34.")
            raise forms.ValidationError(said) from None


class ApplicationField(forms.ModelChoiceField):
    """An application by its id: a menu while there are few, typed when there are many."""

    def __init__(self, **kwargs: Any) -> None:
        rows = Application.objects.filter(is_active=True).select_related("merchant").order_by("pk")
        kwargs.setdefault("label", gettext_lazy("application"))
        super().__init__(rows, to_field_name="app_id", **kwargs)

    def label_from_instance(self, obj: Model) -> str:
        assert isinstance(obj, Application)
        return f"{obj.merchant.name} · {obj.name} · {obj.app_id}"

    def suit(self) -> None:
        """Typed where there are many, chosen already where there is one."""
        rows = list(Application.objects.filter(is_active=True)[: MENU_MOST + 1])
        if len(rows) > MENU_MOST:
            self.widget = forms.TextInput(attrs={"autocomplete": "off"})
        elif len(rows) == 1:
            self.empty_label, self.initial = None, rows[0].app_id


def channels_that(can: str) -> list[tuple[str, str]]:
    """The channels whose declaration says so."""
    return [
        (channel.code, cells.channel_name(channel.code))
        for channel in registry.all_channels()
        if getattr(channel.capabilities, can)
    ]


class ConsoleForm(forms.Form):
    """Draws its fields in the console's way (``console/form.html``)."""

    half: tuple[str, ...] = ()
    """Fields that share a line with their neighbour."""
    apart: Sequence[str] = ()
    """Fields that the form's own template draws."""
    more_fields: Mapping[str, forms.Field] = {}
    """Fields that only this instance has."""
    application = ApplicationField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.update(self.more_fields)
        if "application" in self.fields:
            self.fields["application"].suit()  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            is_box = isinstance(field.widget, forms.CheckboxInput)
            field.widget.attrs.setdefault("class", "zf-box" if is_box else "zf-input")
            if self.is_bound and name in self.errors:
                field.widget.attrs |= {
                    "aria-invalid": "true", "aria-describedby": f"id_{name}-wrong",
                }  # fmt: skip

    def refuse(self, error: OrderError) -> None:
        """Put what a service said beside its field, or above all of them."""
        name = getattr(error, "field", "") if isinstance(error, InvalidInput | Conflict) else ""
        self.add_error(name if name in self.fields else None, str(error))
        if name in self.fields:
            self.fields[name].widget.attrs |= {
                "aria-invalid": "true", "aria-describedby": f"id_{name}-wrong",
            }  # fmt: skip


def _number() -> str:
    return f"HAND{ulid(timezone.now())}"


class TransferForm(ConsoleForm):
    half = ("application", "channel", "payee_type", "payee_account", "payee_name", "amount",
            "title", "remark", "scene", "biz_transfer_no")  # fmt: skip
    channel = forms.ChoiceField(
        label=gettext_lazy("channel"), choices=lambda: channels_that("transfer")
    )
    payee_type = forms.ChoiceField(
        label=gettext_lazy("payee is named by"), choices=TransferOrder.Payee.choices
    )
    payee_account = forms.CharField(label=gettext_lazy("payee's account"))
    payee_name = forms.CharField(
        label=gettext_lazy("payee's name"),
        required=False,
        help_text=gettext_lazy("Some channels check it, above an amount or always."),
    )
    amount = YuanField(label=gettext_lazy("Amount in yuan"))
    title = forms.CharField(label=gettext_lazy("title"))
    remark = forms.CharField(label=gettext_lazy("remark"), required=False)
    scene = forms.CharField(
        label=gettext_lazy("scene"),
        required=False,
        help_text=gettext_lazy("Empty uses the scene of the channel account."),
    )
    biz_transfer_no = forms.CharField(
        label=gettext_lazy("merchant's transfer number"), initial=_number
    )


RELATIONS = {
    "SERVICE_PROVIDER": gettext_lazy("service provider"),
    "STORE": gettext_lazy("store"),
    "STAFF": gettext_lazy("staff"),
    "STORE_OWNER": gettext_lazy("store owner"),
    "PARTNER": gettext_lazy("partner"),
    "HEADQUARTER": gettext_lazy("headquarters"),
    "BRAND": gettext_lazy("brand"),
    "DISTRIBUTOR": gettext_lazy("distributor"),
    "USER": gettext_lazy("user"),
    "SUPPLIER": gettext_lazy("supplier"),
    "CUSTOM": gettext_lazy("in words"),
}
"""WeChat: relation_type of 添加分账接收方; other channels ask for none."""


class ReceiverForm(ConsoleForm):
    half = ("application", "channel", "receiver_type", "account_no", "name", "relation",
            "custom_relation")  # fmt: skip
    channel = forms.ChoiceField(
        label=gettext_lazy("channel"), choices=lambda: channels_that("allocation")
    )
    receiver_type = forms.ChoiceField(
        label=gettext_lazy("named by"), choices=AllocationReceiver.Kind.choices
    )
    account_no = forms.CharField(label=gettext_lazy("receiver's account"))
    name = forms.CharField(
        label=gettext_lazy("name"),
        required=False,
        help_text=gettext_lazy(
            "A merchant's full name, or a person's where the channel checks it."
        ),
    )
    relation = forms.ChoiceField(
        label=gettext_lazy("relation"),
        required=False,
        choices=[("", "—"), *RELATIONS.items()],
    )
    custom_relation = forms.CharField(label=gettext_lazy("relation in words"), required=False)


def serve(
    page: Any,
    request: HttpRequest,
    form_class: type[ConsoleForm],
    *,
    title: str,
    submit: str,
    hint: str,
    do: Callable[[Any], Model],
) -> HttpResponse:
    """GET: the form. POST: ``do`` and the page of what it made, or the form with what is wrong."""
    if not page.has_add_permission(request):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "POST"])
    form = form_class(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            return HttpResponseRedirect(page_of(do(form)))
        except OrderError as error:
            form.refuse(error)
    context = {"form": form, "title": title, "submit": submit, "hint": hint}
    return draw(page, request, "console/form.html", context)


def draw(page: Any, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """A form in the console's frame."""
    request.current_app = page.admin_site.name
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "is_popup": False,
        "back": reverse(f"admin:orders_{page.opts.model_name}_changelist"),
        **context,
    }
    return render(request, template, context)
