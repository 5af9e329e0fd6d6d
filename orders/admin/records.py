"""What the house writes down and people only read: calls, callbacks, events, the ledger."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels.base import Outcome
from orders.admin import cells, queues, words
from orders.admin.filters import (
    AccountFilter,
    DayFilter,
    MerchantFilter,
    choice_filter,
    queue_filter,
)
from orders.admin.lists import RecordAdmin, View, column
from orders.admin.operations import number_url
from orders.models import (
    AllocationOrder,
    AllocationReceiver,
    ChannelCall,
    ChannelCallback,
    Event,
    LedgerEntry,
    PayOrder,
    RefundOrder,
    ShareReturn,
    StoreOrder,
    TransferOrder,
    WorkState,
)
from orders.numbers import (
    PREFIX_ALLOCATION,
    PREFIX_PAY,
    PREFIX_RECEIVER,
    PREFIX_REFUND,
    PREFIX_RETURN,
    PREFIX_STORE,
    PREFIX_TRANSFER,
)

Facts = list[tuple[Any, Any]]


def order_link(number: str) -> str:
    if not number:
        return ""
    return format_html('<a class="zf-no" href="{}">{}</a>', number_url(number), number)


class PageAdmin(RecordAdmin):
    """A record with a page of its own: facts, and texts that are shown as they are."""

    related: tuple[str, ...] = ()

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """``kind``, ``chips``, ``facts``, ``texts`` and what else console/record.html draws."""
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET"])
        row = self.load(object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": row,
            "title": str(row),
            "is_popup": False,
            "is_fullwidth": "1",
            **self.page(request, row),
        }
        return TemplateResponse(request, "console/record.html", context)

    def load(self, object_id: Any) -> Model | None:
        try:
            pk = int(object_id)
        except (TypeError, ValueError):
            return None
        return self.model._default_manager.select_related(*self.related).filter(pk=pk).first()


@admin.register(ChannelCall)
class ChannelCallAdmin(PageAdmin):
    numbers = ("order_no",)
    search_help_text = gettext_lazy("Order number")
    list_select_related = ("account",)
    related = ("account",)
    list_filter = (
        queue_filter(*queues.CALL),
        choice_filter(
            "outcome", gettext_lazy("outcome"), lambda: [(o.value, o.upper()) for o in Outcome]
        ),
        choice_filter("kind", gettext_lazy("kind"), lambda: ChannelCall.Kind.choices),
        AccountFilter,
        DayFilter,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("request", "response")

    @column(gettext_lazy("call"), css="main")
    def what(self, row: ChannelCall) -> str:
        return cells.number_link("channelcall", row.pk, row.get_kind_display())

    @column(gettext_lazy("order number"), css="side no")
    def number(self, row: ChannelCall) -> str:
        return row.order_no

    @column(gettext_lazy("outcome"), css="sub")
    def result(self, row: ChannelCall) -> str:
        if row.outcome:
            return cells.outcome(row.outcome)
        return cells.state(row.state, WorkState, row.get_state_display())

    @column(gettext_lazy("code"), css="wide clip")
    def code(self, row: ChannelCall) -> str:
        return " ".join(filter(None, [row.channel_status, row.code]))

    @column(gettext_lazy("ms"), css="num wide")
    def latency(self, row: ChannelCall) -> str:
        return "" if row.latency_ms is None else f"{row.latency_ms:,}"

    @column(gettext_lazy("channel account"), css="clip")
    def where(self, row: ChannelCall) -> str:
        return row.account.name

    @column(gettext_lazy("by"), css="wide clip")
    def who(self, row: ChannelCall) -> str:
        return f"{words.door(row.door)} · {row.actor}"

    @column(gettext_lazy("created"), css="end", sort="created_at")
    def created(self, row: ChannelCall) -> str:
        return cells.time(row.created_at)

    columns = (what, number, result, code, latency, where, who, created)

    def page(self, request: HttpRequest, row: ChannelCall) -> dict[str, Any]:
        state = cells.state(row.state, WorkState, row.get_state_display())
        facts: Facts = [
            (_("order number"), order_link(row.order_no)),
            (_("channel account"), row.account.name),
            (_("by"), f"{words.door(row.door)} · {row.actor}"),
            (_("created"), cells.time(row.created_at)),
            (_("claimed"), cells.time(row.sent_at)),
            (_("ended"), cells.time(row.ended_at)),
            (_("code"), row.code),
            (_("message"), row.message),
            (_("channel status"), row.channel_status),
            (_("adjusted the order"), _("yes") if row.has_adjusted else ""),
            ("HTTP", row.http_status),
            (_("ms"), row.latency_ms),
            (_("the channel's request id"), row.channel_request_id),
            (_("claims"), row.attempt),
        ]
        return {
            "kind": self.opts.verbose_name,
            "subject": row.get_kind_display(),
            "chips": format_html("{}{}", state, cells.outcome(row.outcome)),
            "facts": facts,
            "texts": [(_("Request"), row.request), (_("Response"), row.response)],
        }


@admin.register(ChannelCallback)
class ChannelCallbackAdmin(PageAdmin):
    numbers = ("order_no", "notification_id")
    search_help_text = gettext_lazy("Order number or notification")
    list_select_related = ("account",)
    related = ("account",)
    list_filter = (
        queue_filter(*queues.CALLBACK),
        choice_filter("result", gettext_lazy("result"), lambda: ChannelCallback.Result.choices),
        AccountFilter,
        DayFilter,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("body")

    @column(gettext_lazy("notification"), css="main clip")
    def what(self, row: ChannelCallback) -> str:
        return cells.number_link("channelcallback", row.pk, row.notification_id)

    @column(gettext_lazy("order number"), css="wide no")
    def number(self, row: ChannelCallback) -> str:
        return row.order_no

    @column(gettext_lazy("result"), css="sub")
    def result_chip(self, row: ChannelCallback) -> str:
        return callback_chip(row)

    @column(gettext_lazy("deliveries"), css="num side")
    def times(self, row: ChannelCallback) -> str:
        return str(row.deliveries)

    @column(gettext_lazy("code"), css="wide clip")
    def code(self, row: ChannelCallback) -> str:
        return row.code

    @column(gettext_lazy("channel account"), css="clip")
    def where(self, row: ChannelCallback) -> str:
        return row.account.name

    @column(gettext_lazy("received"), css="end", sort="created_at")
    def created(self, row: ChannelCallback) -> str:
        return cells.time(row.created_at)

    columns = (what, number, result_chip, times, code, where, created)

    def page(self, request: HttpRequest, row: ChannelCallback) -> dict[str, Any]:
        """The body stays behind: only workers open it, and nothing personal is left of it."""
        facts: Facts = [
            (_("order number"), order_link(row.order_no)),
            (_("channel account"), row.account.name),
            (_("deliveries"), row.deliveries),
            (_("code"), row.code),
            (_("message"), row.message),
            (_("received"), cells.time(row.created_at)),
            (_("ended"), cells.time(row.ended_at)),
            (_("request id"), row.request_id),
            (_("claims"), row.attempt),
            (_("digest of the body"), row.body_digest),
        ]
        return {
            "kind": self.opts.verbose_name,
            "subject": row.notification_id,
            "chips": callback_chip(row),
            "facts": facts,
            "texts": [],
        }


def callback_chip(row: ChannelCallback) -> str:
    if row.result:
        return cells.state(row.result, ChannelCallback.Result, row.get_result_display())
    return cells.state(row.state, WorkState, row.get_state_display())


STATUSES: dict[str, Any] = {
    PREFIX_PAY: PayOrder.Status,
    PREFIX_REFUND: RefundOrder.Status,
    PREFIX_TRANSFER: TransferOrder.Status,
    PREFIX_ALLOCATION: AllocationOrder.Status,
    PREFIX_RETURN: ShareReturn.Status,
    PREFIX_RECEIVER: AllocationReceiver.Status,
    PREFIX_STORE: StoreOrder.Status,
}
"""By the first letter of an order's number."""


def status_word(row: Event, status: str) -> str:
    choices = STATUSES.get(row.order_no[:1])
    return str(dict(choices.choices).get(status, status)) if choices else status


@admin.register(Event)
class EventAdmin(PageAdmin):
    keyset_ordering = ("pk",)
    numbers = ("order_no",)
    search_help_text = gettext_lazy("Order number")
    related = ("pay_order", "transfer", "receiver", "store_order")

    @column(gettext_lazy("event"), css="main")
    def what(self, row: Event) -> str:
        return cells.number_link("event", row.pk, str(words.event(row.kind)[0]))

    @column(gettext_lazy("order number"), css="wide no")
    def number(self, row: Event) -> str:
        return row.order_no

    @column(gettext_lazy("change"), css="sub")
    def change(self, row: Event) -> str:
        return (
            f"{status_word(row, row.before)} → {status_word(row, row.after)}" if row.before else ""
        )

    @column(gettext_lazy("amount"), css="num side")
    def amount(self, row: Event) -> str:
        return cells.money(row.amount)

    @column(gettext_lazy("by"), css="clip")
    def who(self, row: Event) -> str:
        return f"{words.door(row.door)} · {row.actor}"

    @column(gettext_lazy("reason"), css="wide clip")
    def why(self, row: Event) -> str:
        return row.reason

    @column(gettext_lazy("time"), css="end")
    def created(self, row: Event) -> str:
        return cells.time(row.created_at)

    columns = (what, number, change, amount, who, why, created)

    def page(self, request: HttpRequest, row: Event) -> dict[str, Any]:
        is_whole = row.digest() == row.hash
        facts: Facts = [
            (_("order number"), order_link(row.order_no)),
            (_("number in the order's chain"), row.seq),
            (_("by"), f"{words.door(row.door)} · {row.actor}"),
            (_("time"), cells.time(row.created_at)),
            (_("before"), status_word(row, row.before)),
            (_("after"), status_word(row, row.after)),
            (_("amount"), cells.money(row.amount, sign=True)),
            (_("reason"), row.reason),
            (_("request id"), row.request_id),
            (_("hash"), row.hash),
            (_("previous hash"), row.previous),
        ]
        if row.call_id:
            facts.append(
                (_("call"), cells.number_link("channelcall", row.call_id, f"#{row.call_id}"))
            )
        return {
            "kind": self.opts.verbose_name,
            "subject": words.event(row.kind)[0],
            "chips": cells.chip(_("hash is right"), "good")
            if is_whole
            else cells.chip(_("hash is wrong"), "bad"),
            "facts": facts,
            "texts": [(_("Data"), str(row.data))] if row.data else [],
        }


@admin.register(LedgerEntry)
class LedgerEntryAdmin(PageAdmin):
    total_field = "amount"
    numbers = ("order_no",)
    search_help_text = gettext_lazy("Order number")
    list_select_related = ("merchant",)
    related = ("merchant",)
    list_filter = (
        choice_filter("kind", gettext_lazy("kind"), lambda: LedgerEntry.Kind.choices),
        MerchantFilter,
        DayFilter,
    )
    empty_text = gettext_lazy("No money has moved yet.")
    views = (
        View(gettext_lazy("Payments"), "kind=pay"),
        View(gettext_lazy("Refunds"), "kind=refund"),
        View(gettext_lazy("Transfers"), "kind=transfer"),
        View(gettext_lazy("Shares"), "kind=share"),
    )

    @column(gettext_lazy("kind"), css="main")
    def what(self, row: LedgerEntry) -> str:
        return cells.number_link("ledgerentry", row.pk, row.get_kind_display())

    @column(gettext_lazy("order number"), css="sub no")
    def number(self, row: LedgerEntry) -> str:
        return row.order_no

    @column(gettext_lazy("debit"), css="wide clip")
    def to(self, row: LedgerEntry) -> str:
        return row.debit

    @column(gettext_lazy("credit"), css="wide clip")
    def out_of(self, row: LedgerEntry) -> str:
        return row.credit

    @column(gettext_lazy("amount"), css="num side")
    def amount(self, row: LedgerEntry) -> str:
        return cells.money(row.amount)

    @column(gettext_lazy("merchant"), css="clip")
    def whose(self, row: LedgerEntry) -> str:
        return row.merchant.name

    @column(gettext_lazy("moved"))
    def moved(self, row: LedgerEntry) -> str:
        return cells.time(row.moved_at)

    @column(gettext_lazy("written"), css="end", sort="created_at")
    def created(self, row: LedgerEntry) -> str:
        return cells.time(row.created_at)

    columns = (what, number, to, out_of, amount, whose, moved, created)

    def page(self, request: HttpRequest, row: LedgerEntry) -> dict[str, Any]:
        facts: Facts = [
            (_("order number"), order_link(row.order_no)),
            (_("debit"), row.debit),
            (_("credit"), row.credit),
            (_("amount"), cells.money(row.amount, sign=True)),
            (_("merchant"), row.merchant.name),
            (_("moved"), cells.time(row.moved_at)),
            (_("written"), cells.time(row.created_at)),
        ]
        return {
            "kind": self.opts.verbose_name_plural,
            "subject": row.get_kind_display(),
            "chips": "",
            "facts": facts,
            "texts": [],
        }
