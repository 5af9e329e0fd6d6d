"""/api/v1/returns: fetch a share back, list, read, sync, retry, close, and what is possible."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from channels import registry
from gateway.api.v1 import cursors, inputs, reads, render, schema_sharing
from gateway.api.v1.base import ALLOCATION, READ
from gateway.api.v1.resources import Resource, ResourceView
from orders.models import ShareReturn
from orders.services import allocation

SEEN_BY = frozenset({READ, ALLOCATION})
DONE_BY = frozenset({ALLOCATION})


class ReturnView(ResourceView):
    resource = Resource(
        name="returns",
        model=ShareReturn,
        column="return_no",
        rows=reads.returns,
        render=render.share_return,
        filters={
            "status": cursors.one_of("status", ShareReturn.Status.values),
            "channel": cursors.one_of("channel", list(registry.codes())),
            "order_no": cursors.exactly("pay_order__order_no"),
            "allocation_no": cursors.exactly("allocation__allocation_no"),
            "detail_no": cursors.exactly("detail__detail_no"),
            "biz_return_no": cursors.exactly("biz_return_no"),
            **cursors.CREATED,
        },
    )


class Returns(ReturnView):
    scopes = {"GET": SEEN_BY, "POST": DONE_BY}

    @schema_sharing.return_list
    def get(self, request: Request) -> HttpResponse:
        """The newest first."""
        return self.page(request)

    @schema_sharing.return_create
    def post(self, request: Request) -> HttpResponse:
        """回退: fetch all or part of a share back from its receiver."""
        return self.make(request, inputs.NewReturnInput, self._create)

    def _create(self, given: dict[str, Any]) -> ShareReturn:
        detail_no = given.pop("detail_no")
        return allocation.request_return(
            detail_no, self.actor, application=self.caller.application, **given
        )


class ReturnDetail(ReturnView):
    scopes = {"GET": SEEN_BY}

    @schema_sharing.return_read
    def get(self, request: Request, no: str) -> HttpResponse:
        """One return."""
        return self.show(request, no)


class ReturnOperations(ReturnView):
    scopes = {"GET": SEEN_BY}

    @schema_sharing.return_operations
    def get(self, request: Request, no: str) -> HttpResponse:
        """What may be done to it now, and why the rest may not."""
        return self.show_operations(request, no)


class ReturnSync(ReturnView):
    scopes = {"POST": DONE_BY}

    @schema_sharing.return_sync
    def post(self, request: Request, no: str) -> HttpResponse:
        """同步: ask the channel now."""
        return self.ask(request, no, allocation.request_return_sync)


class ReturnRetry(ReturnView):
    scopes = {"POST": DONE_BY}

    @schema_sharing.return_retry
    def post(self, request: Request, no: str) -> HttpResponse:
        """重试: send the same return again, with the same number."""
        return self.do(no, inputs.NoInput, allocation.request_return_retry)


class ReturnClose(ReturnView):
    scopes = {"POST": DONE_BY}

    @schema_sharing.return_close
    def post(self, request: Request, no: str) -> HttpResponse:
        """关闭: give a failed return up; the share can be fetched back again."""
        return self.do(no, inputs.ReasonInput, allocation.request_return_close)
