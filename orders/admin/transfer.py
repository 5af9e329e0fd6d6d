"""Transfers: the list, the page, who is paid (masked, shown on request), and making one by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.admin import cells, forms, queues, words
from orders.admin.filters import (
    AmountFilter,
    ChannelFilter,
    DayFilter,
    MerchantFilter,
    choice_filter,
    queue_filter,
)
from orders.admin.lists import View, column
from orders.admin.operations import actor_of, page_of
from orders.admin.orderpage import OrderPageAdmin, Part, bar, copyable
from orders.admin.pay import trouble
from orders.errors import OrderError
from orders.models import Anomaly, TransferOrder
from orders.services import transfer

SEE_PAYEE = "orders.see_payee_transferorder"


@admin.register(TransferOrder)
class TransferOrderAdmin(OrderPageAdmin):
    keyset_ordering = ("created_at", "amount")
    total_field = "amount"
    numbers = ("transfer_no", "biz_transfer_no", "out_transfer_no")
    search_help_text = gettext_lazy("Any number: ours, the merchant's, the channel's")
    empty_text = gettext_lazy("No transfers. They come in through the API, or are made here.")
    list_select_related = ("merchant",)
    list_filter = (
        queue_filter(*queues.TRANSFER),
        choice_filter("status", gettext_lazy("status"), lambda: TransferOrder.Status.choices),
        ChannelFilter,
        MerchantFilter,
        DayFilter,
        AmountFilter,
    )
    views = (
        View(gettext_lazy("transferring"), "status=progress"),
        View(gettext_lazy("Transferred"), "status=success"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        hidden = ("confirm_params", "event_hash", "payee_account_stored", "payee_name_stored")
        return super().get_queryset(request).defer(*hidden)

    @column(gettext_lazy("transfer number"), css="main")
    def number(self, row: TransferOrder) -> str:
        return cells.number_link("transferorder", row.pk, row.transfer_no)

    @column(gettext_lazy("amount"), css="num side", sort="amount")
    def amount(self, row: TransferOrder) -> str:
        return cells.money(row.amount)

    @column(gettext_lazy("status"), css="sub")
    def state(self, row: TransferOrder) -> str:
        return status_chips(row)

    @column(gettext_lazy("payee"), css="clip")
    def payee(self, row: TransferOrder) -> str:
        return payee_words(row)

    @column(gettext_lazy("title"), css="wide clip")
    def what(self, row: TransferOrder) -> str:
        return row.title

    @column(gettext_lazy("merchant"), css="clip")
    def whose(self, row: TransferOrder) -> str:
        return row.merchant.name

    @column(gettext_lazy("channel"))
    def where(self, row: TransferOrder) -> str:
        return cells.channel_name(row.channel)

    @column(gettext_lazy("merchant's number"), css="wide clip no")
    def biz(self, row: TransferOrder) -> str:
        return row.biz_transfer_no

    @column(gettext_lazy("created"), css="end", sort="created_at")
    def created(self, row: TransferOrder) -> str:
        return cells.time(row.created_at)

    columns = (number, amount, state, payee, what, whose, where, biz, created)

    # --- the page ------------------------------------------------------------------------------

    def family(self, order: TransferOrder) -> TransferOrder:
        return order

    def page(self, request: HttpRequest, order: TransferOrder) -> dict[str, Any]:
        may_see = request.user.has_perm(SEE_PAYEE)
        return {
            "kind": self.opts.verbose_name,
            "chips": status_chips(order),
            "amount": cells.money(order.amount, sign=True),
            "subject": order.title,
            "parts": transfer_bar(order),
            "facts": transfer_facts(order),
            "trouble": trouble(order),
            "waiting": order if order.is_waiting_payee else None,
            "confirm": list(order.confirm_params.items()),
            "payee": {
                "words": payee_words(order),
                "url": reverse("admin:orders_transferorder_payee", args=[order.pk]),
                "why_not": "" if may_see else _("Your role may not see payees."),
            },
            "anomalies": [
                (f"{row.get_kind_display()} · {cells.amount_told(row.amount)}", row.pk)
                for row in order.anomalies.filter(status=Anomaly.Status.OPEN)[:5]
            ],
        }

    def dialog_facts(self, order: TransferOrder) -> list[tuple[Any, Any]]:
        return [
            (_("merchant"), order.merchant.name),
            (_("channel"), cells.channel_name(order.channel)),
            (_("amount"), cells.money(order.amount, sign=True)),
            (_("payee"), payee_words(order)),
        ]

    # --- the payee in plain --------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.payee_view)
        return [
            path("<int:pk>/payee/", view, name="orders_transferorder_payee"),
            *super().get_urls(),
        ]

    def payee_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show who is paid, once, in the dialog. Only by POST: seeing is written down."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        order = self._load(request, pk)
        if order is None:
            return HttpResponse(status=404)
        if request.headers.get("HX-Request") != "true":
            return HttpResponseRedirect(page_of(order))
        context: dict[str, Any] = {"order": order}
        try:
            account, name = transfer.reveal_payee(order.transfer_no, actor_of(request))
            context |= {"account": account, "name": name}
        except OrderError as refused:
            context["refusal"] = str(refused)
        response = render(request, "console/_payee.html", context)
        response["Cache-Control"] = "no-store, private"
        if "account" in context:
            response["HX-Trigger"] = "zf-seen"
        return response

    # --- a new one -----------------------------------------------------------------------------

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("orders.add_transferorder")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return forms.serve(
            self,
            request,
            forms.TransferForm,
            title=_("New transfer"),
            submit=_("Transfer"),
            hint=_("It is sent to the channel at once. Sending this form twice transfers once."),
            do=lambda form: self._make(request, form),
        )

    def _make(self, request: HttpRequest, form: forms.TransferForm) -> TransferOrder:
        data = form.cleaned_data
        new = transfer.NewTransfer(
            biz_transfer_no=data["biz_transfer_no"],
            title=data["title"],
            amount=data["amount"],
            channel=data["channel"],
            payee_type=data["payee_type"],
            payee_account=data["payee_account"],
            payee_name=data["payee_name"],
            remark=data["remark"],
            scene=data["scene"],
        )
        return transfer.request_transfer(data["application"], new, actor_of(request))


def status_chips(row: TransferOrder) -> str:
    main = cells.state(row.status, TransferOrder.Status, row.get_status_display())
    if row.is_cancelling:
        return format_html("{}{}", main, cells.chip(_("being withdrawn"), "busy"))
    if row.is_waiting_payee:
        return format_html("{}{}", main, cells.chip(_("waits for the payee"), "warn"))
    return main


def payee_words(row: TransferOrder) -> str:
    return " · ".join(filter(None, [row.payee_account_mask, row.payee_name_mask]))


def transfer_bar(order: TransferOrder) -> list[Part]:
    """Where the money is: on its way, with the payee, or still here."""
    title, tone = {
        "progress": (_("on its way"), "way"),
        "success": (_("transferred"), "gone"),
        "fail": (_("not transferred"), "wait"),
        "close": (_("not transferred"), "gone"),
    }[order.status]
    return bar([Part(title, order.amount, tone)])


def transfer_facts(order: TransferOrder) -> list[tuple[Any, Any]]:
    facts: list[tuple[Any, Any]] = [
        (_("transfer number"), copyable(order.transfer_no)),
        (_("merchant's transfer number"), copyable(order.biz_transfer_no)),
        (_("channel's transfer number"), copyable(order.out_transfer_no)),
        (_("merchant"), f"{order.merchant.name} · {order.application.name}"),
        (_("channel"), f"{cells.channel_name(order.channel)} · {order.account.name}"),
        (_("payee is named by"), order.get_payee_type_display()),
        (_("remark"), order.remark),
        (_("scene"), order.scene),
        (_("created"), cells.time(order.created_at)),
    ]
    if order.ended_at:
        facts.append((_("ended"), cells.time(order.ended_at)))
    if order.notify_url:
        facts.append((_("notify URL"), order.notify_url))
    return [*facts, (_("asked by"), f"{words.door(order.door)} · {order.asked_by}")]
