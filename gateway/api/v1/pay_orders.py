"""/api/v1/pay-orders: create, list, read, close, cancel, sync, share, and what is possible."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from channels import registry
from gateway import prepay
from gateway.api.v1 import cursors, inputs, reads, render, schema
from gateway.api.v1.base import PAY, READ, Outcome
from gateway.api.v1.resources import Resource, ResourceView
from orders.models import PayOrder
from orders.services import pay

SEEN_BY = frozenset({READ, PAY})
DONE_BY = frozenset({PAY})


class PayView(ResourceView):
    resource = Resource(
        name="pay-orders",
        model=PayOrder,
        column="order_no",
        rows=reads.pay_orders,
        render=render.pay_order,
        filters={
            "status": cursors.one_of("status", PayOrder.Status.values),
            "refund_status": cursors.one_of("refund_status", PayOrder.RefundStatus.values),
            "channel": cursors.one_of("channel", list(registry.codes())),
            "biz_order_no": cursors.exactly("biz_order_no"),
            **cursors.CREATED,
        },
    )


class PayOrders(PayView):
    scopes = {"GET": SEEN_BY, "POST": DONE_BY}

    @schema.pay_order_list
    def get(self, request: Request) -> HttpResponse:
        """The newest first."""
        return self.page(request)

    @schema.pay_order_create
    def post(self, request: Request) -> HttpResponse:
        """Create an order and place it at its channel."""
        cursors.read(request.query_params, set())
        given = self.read(inputs.NewPayOrderInput)
        return self.once(given, lambda: self._create(given))

    def _create(self, given: dict[str, Any]) -> Outcome:
        application = self.caller.application
        new = pay.NewPayOrder(**given)
        order = prepay.create(application, new, self.actor, read=reads.pay_order)
        return 201 if order.is_new else 200, render.pay_order(order)


class PayOrderDetail(PayView):
    scopes = {"GET": SEEN_BY}

    @schema.pay_order_read
    def get(self, request: Request, no: str) -> HttpResponse:
        """One order."""
        return self.show(request, no)


class PayOrderOperations(PayView):
    scopes = {"GET": SEEN_BY}

    @schema.pay_order_operations
    def get(self, request: Request, no: str) -> HttpResponse:
        """What may be done to it now, and why the rest may not."""
        return self.show_operations(request, no)


class PayOrderClose(PayView):
    scopes = {"POST": DONE_BY}

    @schema.pay_order_close
    def post(self, request: Request, no: str) -> HttpResponse:
        """关闭: no payment is taken any more."""
        return self.do(no, inputs.ReasonInput, pay.request_close)


class PayOrderCancel(PayView):
    scopes = {"POST": DONE_BY}

    @schema.pay_order_cancel
    def post(self, request: Request, no: str) -> HttpResponse:
        """撤销: withdrawn at the channel, or closed where the channel has no cancel."""
        return self.do(no, inputs.ReasonInput, pay.request_cancel)


class PayOrderSync(PayView):
    scopes = {"POST": DONE_BY}

    @schema.pay_order_sync
    def post(self, request: Request, no: str) -> HttpResponse:
        """同步: ask the channel now."""
        return self.ask(request, no, pay.request_sync)
