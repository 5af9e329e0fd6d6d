"""Allocations 分账: the list, the page with its shares, and fetching a share back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders import rules
from orders.admin import cells, operations, queues, words
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
from orders.admin.pay import trouble
from orders.models import AllocationDetail, AllocationOrder, PayOrder
from orders.services import allocation

REASON_MAX = 80
"""``ShareReturn.reason``: it goes to the channel."""
RETURN = rules.Operation(
    label=gettext_lazy("return share"),
    hint=gettext_lazy("Fetches all or part of this share back from its receiver."),
    permission="return_allocationdetail",
    takes_amount=True,
    needs_reason=True,
    is_dangerous=True,
)


@admin.register(AllocationOrder)
class AllocationOrderAdmin(OrderPageAdmin):
    keyset_ordering = ("created_at", "amount")
    total_field = "amount"
    numbers = ("allocation_no", "biz_allocation_no", "send_no", "finish_no")
    search_help_text = gettext_lazy("Allocation number: ours, the merchant's, a request's")
    empty_text = gettext_lazy("No allocations. Start one on the page of a paid order.")
    list_select_related = ("merchant", "pay_order")
    related = (
        "account", "application", "merchant", "group", "pay_order", "pay_order__account",
    )  # fmt: skip
    list_filter = (
        queue_filter(*queues.ALLOCATION),
        choice_filter("status", gettext_lazy("status"), lambda: AllocationOrder.Status.choices),
        choice_filter("result", gettext_lazy("result"), lambda: AllocationOrder.Result.choices),
        ChannelFilter,
        MerchantFilter,
        DayFilter,
        AmountFilter,
    )
    views = (
        View(gettext_lazy("sharing"), "status=processing"),
        View(gettext_lazy("Not finished yet"), "status=alloc_end"),
    )

    @column(gettext_lazy("allocation number"), css="main")
    def number(self, row: AllocationOrder) -> str:
        return cells.number_link("allocationorder", row.pk, row.allocation_no)

    @column(gettext_lazy("amount"), css="num side", sort="amount")
    def amount(self, row: AllocationOrder) -> str:
        return cells.money(row.amount)

    @column(gettext_lazy("status"), css="sub")
    def state(self, row: AllocationOrder) -> str:
        return status_chips(row)

    @column(gettext_lazy("pay order"), css="wide")
    def order(self, row: AllocationOrder) -> str:
        return cells.number_link("payorder", row.pay_order_id, row.pay_order.order_no)

    @column(gettext_lazy("merchant"), css="clip")
    def whose(self, row: AllocationOrder) -> str:
        return row.merchant.name

    @column(gettext_lazy("channel"))
    def where(self, row: AllocationOrder) -> str:
        return cells.channel_name(row.channel)

    @column(gettext_lazy("created"), css="end", sort="created_at")
    def created(self, row: AllocationOrder) -> str:
        return cells.time(row.created_at)

    columns = (number, amount, state, order, whose, where, created)

    # --- the page ------------------------------------------------------------------------------

    def family(self, order: AllocationOrder) -> PayOrder:
        return order.pay_order

    def page(self, request: HttpRequest, order: AllocationOrder) -> dict[str, Any]:
        details = self._details(order)
        return {
            "kind": self.opts.verbose_name,
            "chips": status_chips(order),
            "amount": cells.money(order.amount, sign=True),
            "subject": order.title,
            "pay": None,
            "parts": share_bar(details),
            "parts_of": cells.number_link("payorder", order.pay_order_id, order.pay_order.order_no),
            "facts": allocation_facts(order),
            "trouble": trouble(order),
            "blocks": ["console/_shares.html"],
            "shares": [self._share(request, detail) for detail in details],
        }

    @staticmethod
    def _details(order: AllocationOrder) -> list[AllocationDetail]:
        details = list(order.details.select_related("receiver").order_by("pk"))
        for detail in details:
            detail.allocation = order
        return details

    @staticmethod
    def _share(request: HttpRequest, detail: AllocationDetail) -> dict[str, Any]:
        refusal = allocation.return_operation(detail, request.user)
        label = detail.get_status_display()
        return {
            "detail": detail,
            "receiver": receiver_link(detail),
            "rate": f"{rules.percent(detail.rate)} %" if detail.rate is not None else "",
            "amount": cells.money(detail.amount, sign=True),
            "returned": cells.money(detail.returned + detail.returning, sign=True)
            if detail.returned + detail.returning
            else "",
            "chip": cells.state(detail.status, AllocationDetail.Status, label),
            "why": " · ".join(filter(None, [detail.error_code, detail.error_message])),
            "refusal": refusal,
            "url": return_url(detail),
        }

    def dialog_facts(self, order: AllocationOrder) -> list[tuple[Any, Any]]:
        return [
            (_("merchant"), order.merchant.name),
            (_("channel"), cells.channel_name(order.channel)),
            (_("amount"), cells.money(order.amount, sign=True)),
            (_("status"), order.get_status_display()),
        ]

    # --- returning a share ---------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.return_view)
        return [
            path("<int:pk>/return/<int:share>/", view, name="orders_allocationorder_return"),
            *super().get_urls(),
        ]

    def return_view(self, request: HttpRequest, pk: int, share: int) -> HttpResponse:
        if request.method not in ("GET", "POST"):
            return HttpResponseNotAllowed(["GET", "POST"])
        order = self._load(request, pk)
        detail = None
        if order is not None:
            detail = order.details.select_related("receiver").filter(pk=share).first()
        if detail is None:
            return HttpResponse(status=404)
        detail.allocation = order
        return operations.serve(request, self._ask_return(request, detail))

    @staticmethod
    def _ask_return(request: HttpRequest, detail: AllocationDetail) -> operations.Ask:
        return operations.Ask(
            order=detail.allocation,
            title=detail.detail_no,
            operation=RETURN,
            icon="keyboard_return",
            url=return_url(detail),
            page=operations.page_of(detail.allocation),
            refusal=lambda: allocation.return_operation(detail, request.user),
            do=lambda draft: allocation.request_return(
                detail.detail_no,
                operations.actor_of(request),
                amount=draft.fen,
                reason=draft.reason,
            ),
            facts=[
                (_("receiver"), detail.receiver),
                (_("name"), detail.receiver.name_mask or "—"),
                (_("share"), cells.money(detail.amount, sign=True)),
                (_("returned"), cells.money(detail.returned, sign=True)),
            ],
            whole=detail.returnable,
            most=detail.returnable,
            stamp=f"{detail.returned}.{detail.returning}",
            reason_max=REASON_MAX,
        )


def return_url(detail: AllocationDetail) -> str:
    return reverse("admin:orders_allocationorder_return", args=[detail.allocation_id, detail.pk])


def receiver_link(detail: AllocationDetail) -> str:
    url = reverse("admin:orders_allocationreceiver_change", args=[detail.receiver_id])
    return format_html('<a class="zf-link" href="{}">{}</a>', url, detail.receiver)


def status_chips(row: AllocationOrder) -> str:
    status = AllocationOrder.Status
    main = cells.state(row.status, status, row.get_status_display())
    if row.is_finishing:
        return format_html("{}{}", main, cells.chip(_("being finished"), "busy"))
    if row.status not in (status.ALLOC_END, status.FINISH, status.FINISH_FAILED):
        return main
    return format_html(
        "{}{}",
        main,
        cells.state(row.result, AllocationOrder.Result, row.get_result_display()),
    )


def share_bar(details: list[AllocationDetail]) -> list[Part]:
    """Where the shares are: with their receivers, come back, on their way, failed."""
    sums = dict.fromkeys(AllocationDetail.Status.values, 0)
    for detail in details:
        sums[detail.status] += detail.amount
    back = sum(detail.returned for detail in details)
    way = sum(detail.returning for detail in details)
    return bar(
        [
            Part(_("shared out"), sums["success"] - back - way, "out"),
            Part(_("returned"), back, "here"),
            Part(_("on its way"), sums["pending"] + way, "way"),
            Part(_("failed"), sums["fail"], "gone"),
        ]
    )


def allocation_facts(order: AllocationOrder) -> list[tuple[Any, Any]]:
    facts: list[tuple[Any, Any]] = [
        (_("allocation number"), copyable(order.allocation_no)),
        (_("merchant's allocation number"), copyable(order.biz_allocation_no)),
        (_("channel's allocation number"), copyable(order.out_allocation_no)),
        (
            _("pay order"),
            cells.number_link("payorder", order.pay_order_id, order.pay_order.order_no),
        ),
        (_("merchant"), f"{order.merchant.name} · {order.application.name}"),
        (_("channel"), f"{cells.channel_name(order.channel)} · {order.account.name}"),
        (_("allocation group"), order.group or ""),
        (_("created"), cells.time(order.created_at)),
    ]
    if order.send_no != order.allocation_no:
        facts.insert(3, (_("number at the channel"), copyable(order.send_no)))
    if order.finish_no:
        facts.append((_("finish number"), copyable(order.finish_no)))
    if order.ended_at:
        facts.append((_("ended"), cells.time(order.ended_at)))
    if order.notify_url:
        facts.append((_("notify URL"), order.notify_url))
    return [*facts, (_("asked by"), f"{words.door(order.door)} · {order.asked_by}")]
