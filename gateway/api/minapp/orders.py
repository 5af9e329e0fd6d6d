"""…/idp/pay/order/ and …/idp/pay/refund/: list, read, create, give back.

hydrogen-sdk-doc: cloud-function/node-sdk/order.md, web-api/payment.md. The addresses of orders are
the SDK's own (``core/config.js``); that of refunds is this house's, because 知晓云 never published
one (docs/doors/minapp.md).
"""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gateway import address, prepay
from gateway.api.minapp import fields, filters, numbers, paging, query, render, words
from gateway.api.minapp.errors import Fault
from gateway.api.minapp.views import Answer, Endpoint, watch
from orders.errors import NotFound, OrderError
from orders.models import Application, Event, PayOrder, RefundOrder
from orders.services import pay, refund

MAX_NUMBER = 64
MAX_SNAPSHOT = 20_000
"""Characters of ``merchandise_snapshot`` as JSON."""


def rows(application: Application) -> QuerySet[PayOrder]:
    """The caller's own orders; ``updated_at`` is the time of the last event of each."""
    last = Event.objects.filter(pay_order=OuterRef("pk")).order_by("-seq").values("created_at")
    return (
        PayOrder.objects.filter(application=application)
        .select_related("account")
        .only(*render.COLUMNS)
        .annotate(updated_at=Subquery(last[:1]))
    )


def one(application: Application, **named: Any) -> PayOrder:
    """The caller's order that all of ``named`` name: id, trade_no, transaction_no, as in a list's
    filter. A channel's own number counts where no order here has it as one of ours.

    Raises NotFound, Fault.
    """
    number = str(next(iter(named.values())))
    condition, exact = Q(), Q()
    for name, value in named.items():
        condition &= filters.FIELDS[name].condition(name, "eq", value)
        exact &= Q(**{_EXACTLY[name]: value})
    found = list(rows(application).filter(condition).order_by("pk")[:2])
    if len(found) > 1:
        found = list(rows(application).filter(exact).order_by("pk")[:2])
    if len(found) != 1:
        raise NotFound(fields.printable(number))
    return found[0]


_EXACTLY = {"id": "pk", "trade_no": "order_no", "transaction_no": "biz_order_no"}


class Orders(Endpoint):
    names = {
        "amount": "total_cost",
        "title": "merchandise_description",
        "channel": "gateway_type",
        "method": "gateway_type",
        "client_ip": "ip_address",
        "biz_order_no": "Idempotency-Key",
        "allocation": "profit_sharing",
    }

    def get(self, request: HttpRequest) -> Answer:
        """The caller's orders, newest first."""
        asked = query.read(paging.parameters(request.GET, long=query.LONG))
        page = asked.page
        found = rows(self.caller.application).filter(asked.condition)
        with paging.bounded():
            total = paging.count(found, page)
            shown = list(found.order_by(*asked.order)[page.offset : page.offset + page.limit])
        return 200, paging.answer(
            request,
            page,
            total=total,
            rows=shown,
            render=lambda row: render.order(row, asked.keys),
        )

    def post(self, request: HttpRequest) -> Answer:
        """Create an order; the answer says how to pay it."""
        told = _new_order(fields.body(request))
        asked = numbers.of_new(request, "create", told)
        application = self.caller.application
        found = PayOrder.objects.filter(application=application, biz_order_no=asked.number).first()
        if found is not None:
            asked.check(found.door_data)
        new = _as_asked(request, told, asked)
        order = prepay.create(application, new, self.actor())
        if words.STATUS[order.status] == words.FAILED:
            raise Fault(400, order.error_message or order.error_code or order.get_status_display())
        return 201 if order.is_new else 200, render.created(order)


class Order(Endpoint):
    def get(self, request: HttpRequest, number: str) -> Answer:
        """One order, by its transaction_no (``Order#get(transactionID)``) or its trade_no."""
        application = self.caller.application
        try:
            found = one(application, transaction_no=number)
        except NotFound:
            found = one(application, trade_no=number)
        return 200, render.order(found)


class Refunds(Endpoint):
    names = {"amount": "refund_amount", "reason": "memo", "biz_refund_no": "Idempotency-Key"}

    def post(self, request: HttpRequest) -> Answer:
        """``BaaS.refund``: all that is left of an order, or a part of it."""
        body = fields.body(request)
        amount = body.yuan("refund_amount")
        memo = body.text("memo", longest=256)
        named = names_of_order(body)
        body.end()
        order = one(self.caller.application, **named)
        content = {"trade_no": order.order_no, "refund_amount": amount, "memo": memo}
        row = self._refund(order, amount, memo, numbers.of(request, "refund", content))
        row = watch(row, lambda: self._read(row.refund_no), until=lambda it: not it.is_executing)
        return 200, render.refund(row)

    def _refund(
        self, order: PayOrder, amount: int | None, memo: str, asked: numbers.Asked
    ) -> RefundOrder:
        known = self._known(asked)
        if known is not None:
            return known
        try:
            return refund.request_refund(
                order.order_no,
                self.actor(),
                amount=order.refundable_balance if amount is None else amount,
                reason=memo,
                biz_refund_no=asked.number,
                application=self.caller.application,
                door_data={numbers.SAYS: asked.content},
            )
        except OrderError:
            known = self._known(asked)  # the very same request was faster
            if known is None:
                raise
            return known

    def _known(self, asked: numbers.Asked) -> RefundOrder | None:
        try:
            row = self._read(f"biz:{asked.number}")
        except NotFound:
            return None
        asked.check(row.door_data)
        return row

    def _read(self, number: str) -> RefundOrder:
        return refund.find(number, application=self.caller.application)


class Refund(Endpoint):
    def get(self, request: HttpRequest, number: str) -> Answer:
        """What became of a refund, by its refund_no."""
        shown = fields.printable(number)
        return 200, render.refund(refund.find(shown, application=self.caller.application))


def names_of_order(body: fields.Members) -> dict[str, Any]:
    """By what a body names an order: ``order_id``, ``trade_no``, ``transaction_no``; where it says
    several, all must name the same one. Raises Fault."""
    named: dict[str, Any] = {
        "id": body.whole("order_id"),
        "trade_no": body.text("trade_no", longest=MAX_NUMBER),
        "transaction_no": body.text("transaction_no", longest=MAX_NUMBER),
    }
    given = {name: value for name, value in named.items() if value not in (None, "")}
    if not given:
        raise Fault(400, _("Name the order by order_id, trade_no or transaction_no."))
    return given


# --- creating -----------------------------------------------------------------------------


def _new_order(body: fields.Members) -> dict[str, Any]:
    """What is asked for, checked by type, in this door's words; fen for yuan. Raises Fault."""
    told: dict[str, Any] = {
        "gateway_type": body.one_of("gateway_type", words.GATEWAYS),
        "total_cost": body.yuan("total_cost", required=True),
        "merchandise_description": body.text("merchandise_description", longest=127, required=True),
        "merchandise_schema_id": body.whole("merchandise_schema_id"),
        "merchandise_record_id": _record_id(body),
        "merchandise_snapshot": _snapshot(body),
        "profit_sharing": body.flag("profit_sharing"),
        # 知晓云 knows these of the customer's own session; a merchant's server tells them.
        "openid": body.text("openid", longest=128),
        "ip_address": _ip_address(body),
        "created_by_id": body.whole("created_by_id"),
        "created_by_name": body.text("created_by_name", longest=64),
        "notify_url": body.text("notify_url", longest=256),
        "return_url": body.text("return_url", longest=256),
    }
    body.end()
    return told


def _ip_address(body: fields.Members) -> str:
    value = body.text("ip_address", longest=64)
    return filters.host(body.name("ip_address"), value) if value else ""


def _record_id(body: fields.Members) -> str:
    value = body.take("merchandise_record_id")
    if value is None:
        return ""
    return filters.label(body.name("merchandise_record_id"), value)


def _snapshot(body: fields.Members) -> Any:
    value = body.take("merchandise_snapshot")
    if value is not None and not isinstance(value, dict | str):
        raise body.wrong("merchandise_snapshot", _("Must be a JSON object."))
    try:
        return fields.storable(value, longest=MAX_SNAPSHOT)
    except fields.Unreadable as error:
        raise body.wrong("merchandise_snapshot", error.message) from None


_FOUND_BY = (
    "gateway_type", "merchandise_schema_id", "merchandise_record_id", "created_by_id",
    "created_by_name",
)  # fmt: skip


def _as_asked(request: HttpRequest, told: dict[str, Any], asked: numbers.Asked) -> pay.NewPayOrder:
    gateway = words.GATEWAYS[told["gateway_type"]]
    client = address.client_address(request)
    found_by = {name: told[name] for name in _FOUND_BY if told[name] not in (None, "")}
    kept: dict[str, Any] = {words.FIND: found_by, numbers.SAYS: asked.content}
    if told["merchandise_snapshot"] is not None:
        # As one text: the index of ``door_data`` has no use for its parts.
        kept["merchandise_snapshot"] = fields.dump(told["merchandise_snapshot"])
    return pay.NewPayOrder(
        biz_order_no=asked.number,
        title=told["merchandise_description"],
        amount=told["total_cost"],
        channel=gateway.channel,
        method=gateway.method.value,
        openid=told["openid"],
        client_ip=told["ip_address"] or str(client or ""),
        notify_url=told["notify_url"],
        return_url=told["return_url"],
        allocation=told["profit_sharing"],
        door_data=kept,
    )
