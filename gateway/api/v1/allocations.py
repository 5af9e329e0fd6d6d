"""/api/v1/allocations and /api/v1/pay-orders/{no}/allocate: share, read, sync, retry, finish."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from channels import registry
from gateway.api.v1 import cursors, inputs, reads, render, schema_sharing
from gateway.api.v1.base import ALLOCATION, READ
from gateway.api.v1.resources import Resource, ResourceView
from orders.models import AllocationOrder
from orders.services import allocation

SEEN_BY = frozenset({READ, ALLOCATION})
DONE_BY = frozenset({ALLOCATION})


class AllocationView(ResourceView):
    names = {"amount": "shares"}
    resource = Resource(
        name="allocations",
        model=AllocationOrder,
        column="allocation_no",
        rows=reads.allocations,
        render=render.allocation,
        filters={
            "status": cursors.one_of("status", AllocationOrder.Status.values),
            "result": cursors.one_of("result", AllocationOrder.Result.values),
            "channel": cursors.one_of("channel", list(registry.codes())),
            "order_no": cursors.exactly("pay_order__order_no"),
            "biz_order_no": cursors.exactly("pay_order__biz_order_no"),
            "biz_allocation_no": cursors.exactly("biz_allocation_no"),
            **cursors.CREATED,
        },
    )

    def allocate(self, order_no: str, given: dict[str, Any]) -> AllocationOrder:
        """Share the order's money as the body says, or by the default group."""
        shares = [allocation.AskedShare(**share) for share in given.pop("shares", ())]
        return allocation.request_allocation(
            order_no,
            self.actor,
            shares=shares,
            finishes=given.pop("finish", False),
            application=self.caller.application,
            **given,
        )


class Allocations(AllocationView):
    scopes = {"GET": SEEN_BY, "POST": DONE_BY}

    @schema_sharing.allocation_list
    def get(self, request: Request) -> HttpResponse:
        """The newest first."""
        return self.page(request)

    @schema_sharing.allocation_create
    def post(self, request: Request) -> HttpResponse:
        """分账: share the money of a paid order."""
        return self.make(request, inputs.NewAllocationInput, self._create)

    def _create(self, given: dict[str, Any]) -> AllocationOrder:
        return self.allocate(reads.named_order(self.caller.application, given), given)


class PayOrderAllocate(AllocationView):
    scopes = {"POST": DONE_BY}

    @schema_sharing.pay_order_allocate
    def post(self, request: Request, no: str) -> HttpResponse:
        """分账: share the money of this order."""
        application = self.caller.application
        return self.make(
            request,
            inputs.AllocateInput,
            lambda given: self.allocate(reads.order_no(application, no), given),
        )


class AllocationDetail(AllocationView):
    scopes = {"GET": SEEN_BY}

    @schema_sharing.allocation_read
    def get(self, request: Request, no: str) -> HttpResponse:
        """One allocation with its shares."""
        return self.show(request, no)


class AllocationOperations(AllocationView):
    scopes = {"GET": SEEN_BY}

    @schema_sharing.allocation_operations
    def get(self, request: Request, no: str) -> HttpResponse:
        """What may be done to it now, and why the rest may not."""
        return self.show_operations(request, no)


class AllocationSync(AllocationView):
    scopes = {"POST": DONE_BY}

    @schema_sharing.allocation_sync
    def post(self, request: Request, no: str) -> HttpResponse:
        """同步: ask the channel now."""
        return self.ask(request, no, allocation.request_sync)


class AllocationRetry(AllocationView):
    scopes = {"POST": DONE_BY}

    @schema_sharing.allocation_retry
    def post(self, request: Request, no: str) -> HttpResponse:
        """重试: share again with the receivers that failed, and only with them."""
        return self.do(no, inputs.NoInput, allocation.request_retry)


class AllocationFinish(AllocationView):
    scopes = {"POST": DONE_BY}

    @schema_sharing.allocation_finish
    def post(self, request: Request, no: str) -> HttpResponse:
        """完结: nothing more is shared; the rest of the money is set free."""
        return self.do(no, inputs.NoInput, allocation.request_finish)
