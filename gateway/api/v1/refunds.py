"""/api/v1/refunds: create, list, read, sync, retry, close, and what is possible."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from channels import registry
from gateway.api.v1 import cursors, inputs, reads, render, schema
from gateway.api.v1.base import READ, REFUND
from gateway.api.v1.resources import Resource, ResourceView
from orders.models import RefundOrder
from orders.services import refund

SEEN_BY = frozenset({READ, REFUND})
DONE_BY = frozenset({REFUND})


class RefundView(ResourceView):
    resource = Resource(
        name="refunds",
        model=RefundOrder,
        column="refund_no",
        rows=reads.refunds,
        render=render.refund,
        filters={
            "status": cursors.one_of("status", RefundOrder.Status.values),
            "channel": cursors.one_of("channel", list(registry.codes())),
            "order_no": cursors.exactly("pay_order__order_no"),
            "biz_order_no": cursors.exactly("pay_order__biz_order_no"),
            "biz_refund_no": cursors.exactly("biz_refund_no"),
            **cursors.CREATED,
        },
    )


class Refunds(RefundView):
    scopes = {"GET": SEEN_BY, "POST": DONE_BY}

    @schema.refund_list
    def get(self, request: Request) -> HttpResponse:
        """The newest first."""
        return self.page(request)

    @schema.refund_create
    def post(self, request: Request) -> HttpResponse:
        """Give all or part of a payment back."""
        return self.make(request, inputs.NewRefundInput, self._create)

    def _create(self, given: dict[str, Any]) -> RefundOrder:
        application = self.caller.application
        number = reads.named_order(application, given)
        return refund.request_refund(number, self.actor, application=application, **given)


class RefundDetail(RefundView):
    scopes = {"GET": SEEN_BY}

    @schema.refund_read
    def get(self, request: Request, no: str) -> HttpResponse:
        """One refund."""
        return self.show(request, no)


class RefundOperations(RefundView):
    scopes = {"GET": SEEN_BY}

    @schema.refund_operations
    def get(self, request: Request, no: str) -> HttpResponse:
        """What may be done to it now, and why the rest may not."""
        return self.show_operations(request, no)


class RefundRetry(RefundView):
    scopes = {"POST": DONE_BY}

    @schema.refund_retry
    def post(self, request: Request, no: str) -> HttpResponse:
        """重试: send the same refund again, with the same number."""
        return self.do(no, inputs.NoInput, refund.request_retry)


class RefundClose(RefundView):
    scopes = {"POST": DONE_BY}

    @schema.refund_close
    def post(self, request: Request, no: str) -> HttpResponse:
        """关闭: give a failed refund up; its amount can be refunded again."""
        return self.do(no, inputs.ReasonInput, refund.request_close)


class RefundSync(RefundView):
    scopes = {"POST": DONE_BY}

    @schema.refund_sync
    def post(self, request: Request, no: str) -> HttpResponse:
        """同步: ask the channel now."""
        return self.ask(request, no, refund.request_sync)
