"""Anomalies: what the channel says and our machine may not do by itself; people decide here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders.admin import cells, queues, timeline
from orders.admin.filters import DayFilter, MerchantFilter, choice_filter, queue_filter
from orders.admin.lists import column
from orders.admin.orderpage import OrderPageAdmin, copyable
from orders.admin.pay import money_bar
from orders.admin.transfer import transfer_bar
from orders.models import Anomaly


@admin.register(Anomaly)
class AnomalyAdmin(OrderPageAdmin):
    numbers = ("order_no",)
    search_help_text = gettext_lazy("Order number")
    empty_text = gettext_lazy("No anomalies. Every payment is where it belongs.")
    list_select_related = ("merchant",)
    related = (
        "merchant", "pay_order", "pay_order__account", "pay_order__application", "refund",
        "transfer",
    )  # fmt: skip
    list_filter = (
        queue_filter(*queues.ANOMALY),
        choice_filter("status", gettext_lazy("status"), lambda: Anomaly.Status.choices),
        choice_filter("kind", gettext_lazy("kind"), lambda: Anomaly.Kind.choices),
        MerchantFilter,
        DayFilter,
    )

    @column(gettext_lazy("kind"), css="main")
    def what(self, row: Anomaly) -> str:
        return cells.number_link("anomaly", row.pk, row.get_kind_display())

    @column(gettext_lazy("order number"), css="wide no")
    def number(self, row: Anomaly) -> str:
        return row.order_no

    @column(gettext_lazy("amount at the channel"), css="num side")
    def amount(self, row: Anomaly) -> str:
        return cells.amount_told(row.amount)

    @column(gettext_lazy("amount here"), css="num wide")
    def expected(self, row: Anomaly) -> str:
        return cells.money(row.expected)

    @column(gettext_lazy("status"), css="sub")
    def state(self, row: Anomaly) -> str:
        return cells.state(row.status, Anomaly.Status, row.get_status_display())

    @column(gettext_lazy("merchant"), css="clip")
    def whose(self, row: Anomaly) -> str:
        return row.merchant.name

    @column(gettext_lazy("decided by"), css="wide")
    def who(self, row: Anomaly) -> str:
        return row.decided_by

    @column(gettext_lazy("found"), css="end", sort="created_at")
    def created(self, row: Anomaly) -> str:
        return cells.time(row.created_at)

    columns = (what, number, amount, expected, state, whose, who, created)

    # --- the page ------------------------------------------------------------------------------

    def family(self, order: Anomaly) -> timeline.Head:
        return order.pay_order or order.transfer

    def page(self, request: HttpRequest, order: Anomaly) -> dict[str, Any]:
        return {
            "kind": self.opts.verbose_name,
            "chips": cells.state(order.status, Anomaly.Status, order.get_status_display()),
            "amount": cells.amount_told(order.amount),
            "subject": order.get_kind_display(),
            "facts": self._facts(order),
            "trouble": "",
            **self._money(order),
        }

    @staticmethod
    def _money(order: Anomaly) -> dict[str, Any]:
        if order.pay_order is None:
            return {"parts": transfer_bar(order.transfer)}
        link = cells.number_link("payorder", order.pay_order_id, order.pay_order.order_no)
        return {"parts": money_bar(order.pay_order), "parts_of": link}

    def _facts(self, order: Anomaly) -> list[tuple[Any, Any]]:
        about: Any = order.pay_order or order.transfer
        status = cells.state(about.status, type(about).Status, about.get_status_display())
        facts: list[tuple[Any, Any]] = [
            (_("kind"), order.get_kind_display()),
            (
                about._meta.verbose_name,
                cells.number_link(about._meta.model_name, about.pk, about.number),
            ),
            (_("status of the order"), status),
            (_("amount at the channel"), cells.amount_told(order.amount)),
            (_("amount here"), cells.money(order.expected, sign=True)),
            (_("channel's number"), copyable(order.out_no)),
            (_("merchant"), order.merchant.name),
            (_("happened"), cells.time(order.happened_at)),
            (_("found"), cells.time(order.created_at)),
        ]
        if order.refund is not None:
            link = cells.number_link("refundorder", order.refund.pk, order.refund.refund_no)
            facts.insert(2, (_("refund order"), link))
        if order.decided_at:
            facts += [
                (_("decided by"), order.decided_by),
                (_("decided"), cells.time(order.decided_at)),
                (_("reason"), order.reason),
            ]
        return facts

    def dialog_facts(self, order: Anomaly) -> list[tuple[Any, Any]]:
        return [
            (_("kind"), order.get_kind_display()),
            (_("merchant"), order.merchant.name),
            (_("amount at the channel"), cells.amount_told(order.amount)),
            (_("amount here"), cells.money(order.expected, sign=True)),
        ]
