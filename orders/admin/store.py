"""Store orders: the list, the page with what was ordered and what was asked, and their dialogs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from orders.admin import cells, operations, queues, words
from orders.admin.filters import (
    AmountFilter,
    ConsoleFilter,
    DayFilter,
    MerchantFilter,
    choice_filter,
    queue_filter,
)
from orders.admin.lists import View, column
from orders.admin.orderpage import OrderPageAdmin, Part, bar, copyable
from orders.models import StoreCancellation, StoreDelivery, StoreItem, StoreOrder
from orders.models.store_words import CLIENTS, CancelStatus
from orders.services import store
from orders.services.store.new import COURIER_TEXTS

Status = StoreOrder.Status


class ShopFilter(ConsoleFilter):
    """One shop by its own number, typed."""

    template = "console/filters/text.html"
    title = gettext_lazy("store")
    names = ("store_id",)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        wanted = self.first("store_id")
        return queryset.filter(store_id=wanted) if wanted else queryset

    def said(self) -> str:
        return self.first("store_id")


@admin.register(StoreOrder)
class StoreOrderAdmin(OrderPageAdmin):
    keyset_ordering = ("created_at", "amount")
    total_field = "amount"
    numbers = ("order_no", "biz_order_no")
    search_help_text = gettext_lazy("Any number: ours, the merchant's, the channel's")
    empty_text = gettext_lazy("No store orders. They come in through the API.")
    related = ("application", "merchant", "pay_order", "delivery")
    list_select_related = ("merchant",)
    list_filter = (
        queue_filter(*queues.STORE),
        choice_filter("status", gettext_lazy("status"), lambda: Status.choices),
        choice_filter("kind", gettext_lazy("kind"), lambda: StoreOrder.Kind.choices),
        choice_filter("pay_type", gettext_lazy("payment"), lambda: StoreOrder.PayType.choices),
        choice_filter(
            "cancel_status",
            gettext_lazy("refund"),
            lambda: [choice for choice in CancelStatus.choices if choice[0]],
        ),
        ShopFilter,
        MerchantFilter,
        DayFilter,
        AmountFilter,
    )
    views = (
        View(gettext_lazy("To be accepted"), "status=paid"),
        View(pgettext_lazy("store order", "Completed"), "status=completed"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        hidden = ("event_hash", "mobile_stored", "door_data")
        return super().get_queryset(request).defer(*hidden)

    @column(gettext_lazy("order number"), css="main")
    def number(self, row: StoreOrder) -> str:
        return cells.number_link("storeorder", row.pk, row.order_no)

    @column(gettext_lazy("amount"), css="num side", sort="amount")
    def amount(self, row: StoreOrder) -> str:
        return cells.money(row.amount)

    @column(gettext_lazy("status"), css="sub")
    def state(self, row: StoreOrder) -> str:
        return status_chips(row)

    @column(gettext_lazy("kind"), css="clip")
    def how(self, row: StoreOrder) -> str:
        return f"{row.get_kind_display()} · {row.get_pay_type_display()}"

    @column(gettext_lazy("store"), css="clip")
    def where(self, row: StoreOrder) -> str:
        return row.store_name or row.store_id

    @column(gettext_lazy("merchant"), css="clip")
    def whose(self, row: StoreOrder) -> str:
        return row.merchant.name

    @column(gettext_lazy("merchant's number"), css="wide clip no")
    def biz(self, row: StoreOrder) -> str:
        return row.biz_order_no if row.biz_order_no != row.order_no else ""

    @column(gettext_lazy("created"), css="end", sort="created_at")
    def created(self, row: StoreOrder) -> str:
        return cells.time(row.created_at)

    columns = (number, amount, state, how, where, whose, biz, created)

    # --- the page ------------------------------------------------------------------------------

    def family(self, order: StoreOrder) -> StoreOrder:
        return order

    def page(self, request: HttpRequest, order: StoreOrder) -> dict[str, Any]:
        asked = list(order.cancellations.select_related("refund").order_by("-pk")[:20])
        return {
            "kind": self.opts.verbose_name,
            "chips": status_chips(order),
            "amount": cells.money(order.amount, sign=True),
            "subject": " · ".join(filter(None, [order.store_name or order.store_id, order.note])),
            "parts": bar([_money(order)]),
            "facts": list(store_facts(order)),
            "trouble": _trouble(order, asked),
            "blocks": ["console/_items.html", "console/_cancellations.html"],
            "items": [_line(item) for item in order.items.order_by("pk")],
            "fees": _fees(order),
            "delivery": _courier(order),
            "cancellations": [_asked(row) for row in asked],
            "kids": [(_("Payment"), _payment(order))],
        }

    def dialog_facts(self, order: StoreOrder) -> list[tuple[Any, Any]]:
        return [
            (_("store"), order.store_name or order.store_id),
            (_("kind"), order.get_kind_display()),
            (_("amount"), cells.money(order.amount, sign=True)),
            (_("payment"), f"{order.get_pay_type_display()} · {order.get_pay_status_display()}"),
        ]

    def ask(self, request: HttpRequest, order: StoreOrder, code: str) -> operations.Ask:
        ask = super().ask(request, order, code)
        if code == "deliver":
            ask.inputs = tuple(courier_inputs())
            ask.do = lambda draft: store.operate(
                order.order_no,
                code,
                operations.actor_of(request),
                courier=store.Courier(**draft.more),
            )
        if code in ("cancel", "reject", "agree_refund", "cancel_after_sale"):
            ask.lines = lambda: _goes_back(order)
        return ask


def courier_inputs() -> Iterator[operations.Input]:
    labels = {field.name: field.verbose_name for field in StoreDelivery._meta.get_fields()
              if field.name in COURIER_TEXTS}  # fmt: skip
    for name in ("contact", "mobile", "express_name", "express_no", "remark"):
        yield operations.Input(
            name, labels[name], most=COURIER_TEXTS[name], required=name in ("contact", "mobile")
        )


def status_chips(row: StoreOrder) -> str:
    main = cells.state(row.status, Status, row.get_status_display())
    if not row.cancel_status:
        return main
    said = row.get_cancel_status_display()
    return format_html("{}{}", main, cells.state(row.cancel_status, CancelStatus, said))


def _money(order: StoreOrder) -> Part:
    """Where the money is: with the customer, here, or back again."""
    if order.cancel_status == CancelStatus.REFUNDING:
        return Part(_("being refunded"), order.amount, "way")
    title, tone = {
        "unpaid": (_("not paid"), "wait"),
        "paid": (order.get_pay_status_display(), "here"),
        "partial_refund": (_("partly refunded"), "out"),
        "refunded": (_("refunded"), "gone"),
    }[order.pay_status]
    return Part(title, order.amount, tone)


def _goes_back(order: StoreOrder) -> operations.Lines | None:
    if order.pay_order is None or not order.holds_money:
        return None
    sum_ = cells.money(order.pay_order.free_balance, sign=True)
    return operations.Lines(_("What goes back to the customer"), [(_("refund"), sum_)])


def _trouble(order: StoreOrder, asked: list[StoreCancellation]) -> str:
    """Why the money of a cancellation has not gone back."""
    if order.frozen_reason:
        return _("Frozen: %(reason)s") % {"reason": order.frozen_reason}
    newest = asked[0] if asked else None
    is_stuck = newest is not None and newest.status == CancelStatus.ASKED and newest.answer
    return _("The refund failed: %(why)s") % {"why": newest.answer} if newest and is_stuck else ""


def _line(item: StoreItem) -> dict[str, Any]:
    return {
        "name": item.name,
        "how": " · ".join(filter(None, [item.spec, item.property])),
        "number": item.third_product_id or item.product_id,
        "count": f"{item.quantity} {item.unit}".strip(),
        "price": cells.money(item.price),
        "sum": cells.money(item.price * item.quantity),
        "off": cells.money(item.share_amount) if item.share_amount else "",
    }


def _fees(order: StoreOrder) -> list[tuple[Any, str]]:
    rows = [
        (_("delivery fee"), order.deliver_fee),
        (_("packing fee"), order.package_fee),
        (_("amount before discounts"), order.original_amount),
    ]
    return [(title, cells.money(fen)) for title, fen in rows if fen]


def _courier(order: StoreOrder) -> list[tuple[Any, Any]]:
    try:
        row = order.delivery
    except ObjectDoesNotExist:
        return []
    facts = [
        (_("courier"), row.contact),
        (_("courier's phone"), row.mobile),
        (_("delivery service"), " · ".join(filter(None, [row.express_name, row.express_code]))),
        (_("waybill number"), row.express_no),
        (_("remark"), row.remark),
    ]
    return [(title, value) for title, value in facts if value]


def _asked(row: StoreCancellation) -> dict[str, Any]:
    refund = row.refund
    return {
        "kind": row.get_kind_display(),
        "chip": cells.state(row.status, CancelStatus, row.get_status_display()),
        "amount": cells.money(row.amount, sign=True) if row.amount else "",
        "refund": cells.number_link("refundorder", refund.pk, refund.refund_no) if refund else "",
        "reason": row.reason,
        "answer": row.answer,
        "by": f"{words.door(row.door)} · {row.asked_by}",
        "time": cells.time(row.created_at),
    }


def _payment(order: StoreOrder) -> list[dict[str, Any]]:
    pay = order.pay_order
    if pay is None:
        return []
    return [
        {
            "link": cells.number_link("payorder", pay.pk, pay.order_no),
            "amount": cells.money(pay.amount, sign=True),
            "chip": cells.state(pay.status, type(pay).Status, pay.get_status_display()),
            "time": cells.time(pay.created_at),
            "reason": f"{cells.channel_name(pay.channel)} · {words.method(pay.method)}",
        }
    ]


def store_facts(order: StoreOrder) -> Iterator[tuple[Any, Any]]:
    yield _("order number"), copyable(order.order_no)
    if order.biz_order_no != order.order_no:
        yield _("merchant's number"), copyable(order.biz_order_no)
    yield _("merchant"), f"{order.merchant.name} · {order.application.name}"
    yield _("store"), " · ".join(filter(None, [order.store_id, order.store_name]))
    yield _("kind"), order.get_kind_display()
    yield _("ordered through"), CLIENTS.get(order.client, order.client)
    paid = [order.get_pay_type_display(), order.get_pay_status_display(),
            order.pay_channel_name or order.pay_channel]  # fmt: skip
    yield _("payment"), " · ".join(filter(None, paid))
    yield _("customer"), " · ".join(filter(None, [order.user_name, order.user_id]))
    yield _("customer's phone"), order.mobile_mask
    yield from (
        (_("table"), order.table),
        (_("pick-up number"), order.pick_up_no),
        (_("till number"), order.pos_code),
        (_("shop assistant"), order.operator),
        (_("notify URL"), order.notify_url),
    )
    yield _("may be returned"), _("yes") if order.can_refund else _("no")
    yield from _times(order)
    yield _("asked by"), f"{words.door(order.door)} · {order.asked_by}"


def _times(order: StoreOrder) -> Iterator[tuple[Any, Any]]:
    for title, at in (
        (_("created"), order.created_at),
        (_("paid at"), order.paid_at),
        (_("accepted at"), order.accepted_at),
        (_("made at"), order.made_at),
        (_("handed to the courier at"), order.delivering_at),
        (_("wanted at"), order.expected_at),
        (_("expected to arrive at"), order.arrival_at),
        (_("ended"), order.ended_at),
    ):
        if at is not None:
            yield title, cells.time(at)
