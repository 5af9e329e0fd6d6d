"""Share returns 回退: the list and the page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.admin import cells, queues, words
from orders.admin.allocation import receiver_link
from orders.admin.filters import (
    ChannelFilter,
    DayFilter,
    MerchantFilter,
    choice_filter,
    queue_filter,
)
from orders.admin.lists import View, column
from orders.admin.orderpage import OrderPageAdmin, copyable
from orders.admin.pay import money_bar, trouble
from orders.models import PayOrder, ShareReturn


@admin.register(ShareReturn)
class ShareReturnAdmin(OrderPageAdmin):
    total_field = "amount"
    numbers = ("return_no",)
    search_help_text = gettext_lazy("Return number")
    empty_text = gettext_lazy("No returns. Start one on the page of an allocation.")
    list_select_related = ("merchant", "allocation")
    related = (
        "account", "application", "merchant", "allocation", "detail__receiver", "refund",
        "pay_order", "pay_order__account",
    )  # fmt: skip
    list_filter = (
        queue_filter(*queues.RETURN),
        choice_filter("status", gettext_lazy("status"), lambda: ShareReturn.Status.choices),
        ChannelFilter,
        MerchantFilter,
        DayFilter,
    )
    views = (
        View(gettext_lazy("returning"), "status=progress"),
        View(gettext_lazy("Returned"), "status=success"),
    )

    @column(gettext_lazy("return number"), css="main")
    def number(self, row: ShareReturn) -> str:
        return cells.number_link("sharereturn", row.pk, row.return_no)

    @column(gettext_lazy("amount"), css="num side")
    def amount(self, row: ShareReturn) -> str:
        return cells.money(row.amount)

    @column(gettext_lazy("status"), css="sub")
    def state(self, row: ShareReturn) -> str:
        return cells.state(row.status, ShareReturn.Status, row.get_status_display())

    @column(gettext_lazy("allocation order"), css="wide")
    def order(self, row: ShareReturn) -> str:
        return cells.number_link("allocationorder", row.allocation_id, row.allocation.number)

    @column(gettext_lazy("reason"), css="wide clip")
    def why(self, row: ShareReturn) -> str:
        return row.error_message or row.reason

    @column(gettext_lazy("merchant"), css="clip")
    def whose(self, row: ShareReturn) -> str:
        return row.merchant.name

    @column(gettext_lazy("channel"))
    def where(self, row: ShareReturn) -> str:
        return cells.channel_name(row.channel)

    @column(gettext_lazy("created"), css="end", sort="created_at")
    def created(self, row: ShareReturn) -> str:
        return cells.time(row.created_at)

    columns = (number, amount, state, order, why, whose, where, created)

    # --- the page ------------------------------------------------------------------------------

    def family(self, order: ShareReturn) -> PayOrder:
        return order.pay_order

    def page(self, request: HttpRequest, order: ShareReturn) -> dict[str, Any]:
        return {
            "kind": self.opts.verbose_name,
            "chips": cells.state(order.status, ShareReturn.Status, order.get_status_display()),
            "amount": cells.money(order.amount, sign=True),
            "subject": order.reason,
            "parts": money_bar(order.pay_order),
            "parts_of": cells.number_link("payorder", order.pay_order_id, order.pay_order.order_no),
            "facts": return_facts(order),
            "trouble": trouble(order),
        }

    def dialog_facts(self, order: ShareReturn) -> list[tuple[Any, Any]]:
        return [
            (_("merchant"), order.merchant.name),
            (_("receiver"), order.detail.receiver),
            (_("amount"), cells.money(order.amount, sign=True)),
            (_("status"), order.get_status_display()),
        ]


def return_facts(order: ShareReturn) -> list[tuple[Any, Any]]:
    allocation = order.allocation
    facts: list[tuple[Any, Any]] = [
        (_("return number"), copyable(order.return_no)),
        (_("merchant's return number"), copyable(order.biz_return_no)),
        (_("channel's return number"), copyable(order.out_return_no)),
        (
            _("allocation order"),
            cells.number_link("allocationorder", allocation.pk, allocation.allocation_no),
        ),
        (_("share"), f"{order.detail.detail_no} · {cells.money(order.detail.amount, sign=True)}"),
        (_("receiver"), receiver_link(order.detail)),
        (_("merchant"), f"{order.merchant.name} · {order.application.name}"),
        (_("channel"), f"{cells.channel_name(order.channel)} · {order.account.name}"),
        (_("created"), cells.time(order.created_at)),
    ]
    if order.refund is not None:
        link = cells.number_link("refundorder", order.refund.pk, order.refund.refund_no)
        facts.insert(4, (_("refund order"), link))
    if order.ended_at:
        facts.append((_("ended"), cells.time(order.ended_at)))
    return [*facts, (_("asked by"), f"{words.door(order.door)} · {order.asked_by}")]
