"""Pay orders: the list and the page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels import registry
from channels.base import Method
from orders.admin import cells, operations, queues, sharing, words
from orders.admin.filters import (
    AmountFilter,
    ChannelFilter,
    DayFilter,
    MerchantFilter,
    choice_filter,
    queue_filter,
)
from orders.admin.lists import View, column
from orders.admin.orderpage import OrderPageAdmin, Part, bar, copyable
from orders.models import Anomaly, PayOrder, StoreOrder


def method_options() -> list[str]:
    """The methods that any channel of this house has."""
    had = frozenset().union(*(channel.capabilities.methods for channel in registry.all_channels()))
    return [method.value for method in Method if method in had]


@admin.register(PayOrder)
class PayOrderAdmin(OrderPageAdmin):
    keyset_ordering = ("created_at", "amount")
    total_field = "amount"
    numbers = ("order_no", "biz_order_no", "out_order_no")
    search_help_text = gettext_lazy("Any number: ours, the merchant's, the channel's")
    empty_text = gettext_lazy("No pay orders. They come in through the API.")
    list_select_related = ("merchant",)
    related = (*OrderPageAdmin.related, "checkout")
    list_filter = (
        queue_filter(*queues.PAY),
        choice_filter("status", gettext_lazy("status"), lambda: PayOrder.Status.choices),
        choice_filter(
            "refund_status",
            gettext_lazy("refund status"),
            lambda: PayOrder.RefundStatus.choices,
        ),
        ChannelFilter,
        choice_filter(
            "method",
            gettext_lazy("method"),
            lambda: [(method, words.method(method)) for method in method_options()],
        ),
        MerchantFilter,
        DayFilter,
        AmountFilter,
    )
    views = (
        View(gettext_lazy("Waiting for payment"), "status=wait&status=progress"),
        View(gettext_lazy("Paid"), "status=success"),
        View(gettext_lazy("Refunding"), "refund_status=refunding"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("pay_params", "event_hash")

    @column(gettext_lazy("order number"), css="main")
    def number(self, row: PayOrder) -> str:
        return cells.number_link("payorder", row.pk, row.order_no)

    @column(gettext_lazy("amount"), css="num side", sort="amount")
    def amount(self, row: PayOrder) -> str:
        return cells.money(row.amount)

    @column(gettext_lazy("status"), css="sub")
    def state(self, row: PayOrder) -> str:
        return status_chips(row)

    @column(gettext_lazy("title"), css="wide clip")
    def what(self, row: PayOrder) -> str:
        return row.title

    @column(gettext_lazy("merchant"), css="clip")
    def whose(self, row: PayOrder) -> str:
        return row.merchant.name

    @column(gettext_lazy("channel"))
    def where(self, row: PayOrder) -> str:
        return format_html(
            '{} <span class="zf-soft">{}</span>',
            cells.channel_name(row.channel),
            words.method(row.method),
        )

    @column(gettext_lazy("merchant's number"), css="wide clip no")
    def biz(self, row: PayOrder) -> str:
        return row.biz_order_no

    @column(gettext_lazy("created"), css="end", sort="created_at")
    def created(self, row: PayOrder) -> str:
        return cells.time(row.created_at)

    columns = (number, amount, state, what, whose, where, biz, created)

    # --- the page ------------------------------------------------------------------------------

    def family(self, order: PayOrder) -> PayOrder:
        return order

    def page(self, request: HttpRequest, order: PayOrder) -> dict[str, Any]:
        return {
            "kind": self.opts.verbose_name,
            "chips": status_chips(order),
            "amount": cells.money(order.amount, sign=True),
            "subject": order.title,
            "parts": money_bar(order),
            "facts": pay_facts(order),
            "trouble": trouble(order),
            "anomalies": [
                (anomaly_line(row), row.pk)
                for row in order.anomalies.filter(status=Anomaly.Status.OPEN)[:5]
            ],
        }

    def dialog_facts(self, order: PayOrder) -> list[tuple[Any, Any]]:
        facts = [
            (_("merchant"), order.merchant.name),
            (_("channel"), cells.channel_name(order.channel)),
            (_("amount"), cells.money(order.amount, sign=True)),
        ]
        if order.paid_amount:
            facts.append((_("refundable"), cells.money(order.refundable_balance, sign=True)))
        else:
            facts.append((_("status"), order.get_status_display()))
        if order.shared:
            facts.append((_("shared out"), cells.money(order.shared, sign=True)))
        return facts

    # --- shared money --------------------------------------------------------------------------

    def choices(self, request: HttpRequest, order: PayOrder) -> list[operations.Choice]:
        """Where only shared-out money stands in a refund's way, the way around it is offered."""
        found = []
        for choice in super().choices(request, order):
            found.append(choice)
            is_stuck = choice.refusal is not None and choice.refusal.code == sharing.SHARED_OUT
            if choice.code == "refund" and is_stuck:
                found.append(sharing.choice(order, request.user))
        return found

    def ask(self, request: HttpRequest, order: PayOrder, code: str) -> operations.Ask:
        if code == sharing.RETURN_REFUND:
            return sharing.ask_return_first(request, order, self.dialog_facts(order))
        ask = super().ask(request, order, code)
        if code == "allocate":
            ask.lines = lambda: sharing.share_lines(order)
        if code == "refund":
            ask.second = lambda draft: sharing.second_way(order, draft, request.user)
        return ask


def status_chips(row: PayOrder) -> str:
    main = cells.state(row.status, PayOrder.Status, row.get_status_display())
    if row.intent:
        return format_html("{}{}", main, cells.chip(row.get_intent_display(), "busy"))
    if row.allocation_status not in (
        PayOrder.AllocationStatus.NONE,
        PayOrder.AllocationStatus.WAITING,
    ):
        said = row.get_allocation_status_display()
        main = format_html(
            "{}{}", main, cells.state(row.allocation_status, PayOrder.AllocationStatus, said)
        )
    if row.refund_status == PayOrder.RefundStatus.NO_REFUND:
        return main
    refund = cells.state(row.refund_status, PayOrder.RefundStatus, row.get_refund_status_display())
    return format_html("{}{}", main, refund)


def money_bar(order: PayOrder) -> list[Part]:
    """Where the money is: given back, on its way, shared out, still here; or not paid yet."""
    if order.paid_amount is None:
        tone = "wait" if order.is_executing else "gone"
        title = _("to be paid") if order.is_executing else _("not paid")
        return bar([Part(title, order.amount, tone)])
    parts = [
        Part(_("refunded"), order.refunded, "gone"),
        Part(_("being refunded"), order.refunding, "way"),
    ]
    if order.allocation_status == PayOrder.AllocationStatus.NONE:
        return bar([*parts, Part(_("refundable"), order.refundable_balance, "here")])
    parts.append(Part(_("shared out"), order.shared, "out"))
    return bar([*parts, Part(_("refundable at once"), order.free_balance, "here")])


def pay_facts(order: PayOrder) -> list[tuple[Any, Any]]:
    facts: list[tuple[Any, Any]] = [
        (_("order number"), copyable(order.order_no)),
        (_("merchant's number"), copyable(order.biz_order_no)),
        (_("channel's number"), copyable(order.out_order_no)),
        (_("merchant"), f"{order.merchant.name} · {order.application.name}"),
        (
            _("channel"),
            f"{cells.channel_name(order.channel)} · {words.method(order.method)}"
            f" · {order.account.name}",
        ),
        (_("created"), cells.time(order.created_at)),
        (_("expires"), cells.time(order.expires_at)),
    ]
    if sold := StoreOrder.objects.filter(pay_order=order).only("order_no").first():
        facts.insert(1, (_("store order"), cells.number_link("storeorder", sold.pk, sold.order_no)))
    if order.paid_at:
        facts.append((_("paid at"), cells.time(order.paid_at)))
    elif order.ended_at:
        facts.append((_("ended"), cells.time(order.ended_at)))
    if order.allocation_status != PayOrder.AllocationStatus.NONE:
        facts.append((_("allocation status"), order.get_allocation_status_display()))
    optional = (
        (_("customer's address"), order.client_ip),
        (_("attached text"), order.attach),
        (_("notify URL"), order.notify_url),
        (_("return URL"), order.return_url),
    )
    facts += [(title, value) for title, value in optional if value]
    return [*facts, *checkout_facts(order), (_("came through"), words.door(order.door))]


def checkout_facts(order: PayOrder) -> list[tuple[Any, Any]]:
    """The page on which the customer chose."""
    row = getattr(order, "checkout", None)
    if row is None:
        return []
    page = reverse(f"checkout_{row.kind}", args=[row.checkout_no])
    link = format_html('<a class="zf-no" href="{}">{}</a>', page, row.checkout_no)
    return [(_("checkout"), link)]


def trouble(order: Any) -> str:
    """The channel's last complaint, while it still matters."""
    if getattr(order, "frozen_reason", ""):
        return _("Frozen: %(reason)s") % {"reason": order.frozen_reason}
    # Most are the channel's own words; a few are ours, and those are said in the reader's language.
    message = order.error_message and _(order.error_message)
    return " · ".join(filter(None, [order.error_code, message]))


def anomaly_line(row: Anomaly) -> str:
    return f"{row.get_kind_display()} · {cells.amount_told(row.amount)}"
