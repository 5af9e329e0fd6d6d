"""Refund orders: the list and the page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.admin import cells, queues, words
from orders.admin.filters import (
    AmountFilter,
    ChannelFilter,
    DayFilter,
    MerchantFilter,
    choice_filter,
    queue_filter,
)
from orders.admin.lists import View, column
from orders.admin.orderpage import OrderPageAdmin, copyable
from orders.admin.pay import money_bar, trouble
from orders.models import PayOrder, RefundOrder


@admin.register(RefundOrder)
class RefundOrderAdmin(OrderPageAdmin):
    keyset_ordering = ("created_at", "amount")
    total_field = "amount"
    numbers = ("refund_no", "biz_refund_no", "out_refund_no")
    search_help_text = gettext_lazy("Any number: ours, the merchant's, the channel's")
    empty_text = gettext_lazy("No refunds. Start one on the page of a paid order.")
    list_select_related = ("merchant", "pay_order")
    related = ("account", "application", "merchant", "pay_order", "pay_order__account")
    list_filter = (
        queue_filter(*queues.REFUND),
        choice_filter("status", gettext_lazy("status"), lambda: RefundOrder.Status.choices),
        ChannelFilter,
        MerchantFilter,
        DayFilter,
        AmountFilter,
    )
    views = (
        View(gettext_lazy("Under way"), "status=progress"),
        View(gettext_lazy("Refunded"), "status=success"),
    )

    @column(gettext_lazy("refund number"), css="main")
    def number(self, row: RefundOrder) -> str:
        return cells.number_link("refundorder", row.pk, row.refund_no)

    @column(gettext_lazy("amount"), css="num side", sort="amount")
    def amount(self, row: RefundOrder) -> str:
        return cells.money(row.amount)

    @column(gettext_lazy("status"), css="sub")
    def state(self, row: RefundOrder) -> str:
        return refund_chips(row)

    @column(gettext_lazy("pay order"), css="wide")
    def order(self, row: RefundOrder) -> str:
        return cells.number_link("payorder", row.pay_order_id, row.pay_order.order_no)

    @column(gettext_lazy("reason"), css="wide clip")
    def why(self, row: RefundOrder) -> str:
        return row.error_message or row.reason

    @column(gettext_lazy("merchant"), css="clip")
    def whose(self, row: RefundOrder) -> str:
        return row.merchant.name

    @column(gettext_lazy("channel"))
    def where(self, row: RefundOrder) -> str:
        return cells.channel_name(row.channel)

    @column(gettext_lazy("created"), css="end", sort="created_at")
    def created(self, row: RefundOrder) -> str:
        return cells.time(row.created_at)

    columns = (number, amount, state, order, why, whose, where, created)

    # --- the page ------------------------------------------------------------------------------

    def family(self, order: RefundOrder) -> PayOrder:
        return order.pay_order

    def page(self, request: HttpRequest, order: RefundOrder) -> dict[str, Any]:
        return {
            "kind": self.opts.verbose_name,
            "chips": refund_chips(order),
            "amount": cells.money(order.amount, sign=True),
            "subject": order.reason,
            "parts": money_bar(order.pay_order),
            "parts_of": cells.number_link("payorder", order.pay_order_id, order.pay_order.order_no),
            "facts": refund_facts(order),
            "trouble": trouble(order),
        }

    def dialog_facts(self, order: RefundOrder) -> list[tuple[Any, Any]]:
        return [
            (_("merchant"), order.merchant.name),
            (_("channel"), cells.channel_name(order.channel)),
            (_("refund amount"), cells.money(order.amount, sign=True)),
            (_("status"), order.get_status_display()),
        ]


def refund_chips(row: RefundOrder) -> str:
    main = cells.state(row.status, RefundOrder.Status, row.get_status_display())
    if not row.waits_for_returns:
        return main
    return format_html("{}{}", main, cells.chip(_("waits for shares to come back"), "warn"))


def refund_facts(order: RefundOrder) -> list[tuple[Any, Any]]:
    facts: list[tuple[Any, Any]] = [
        (_("refund number"), copyable(order.refund_no)),
        (_("merchant's refund number"), copyable(order.biz_refund_no)),
        (_("channel's refund number"), copyable(order.out_refund_no)),
        (
            _("pay order"),
            cells.number_link("payorder", order.pay_order_id, order.pay_order.order_no),
        ),
        (_("merchant"), f"{order.merchant.name} · {order.application.name}"),
        (_("channel"), f"{cells.channel_name(order.channel)} · {order.account.name}"),
        (_("created"), cells.time(order.created_at)),
    ]
    if order.ended_at:
        facts.append((_("ended"), cells.time(order.ended_at)))
    if order.notify_url:
        facts.append((_("notify URL"), order.notify_url))
    return [*facts, (_("asked by"), f"{words.door(order.door)} · {order.asked_by}")]
