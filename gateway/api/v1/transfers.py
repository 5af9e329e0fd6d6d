"""/api/v1/transfers: create, list, read, sync, retry, cancel, close, and what is possible."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request

from channels import registry
from gateway.api.v1 import cursors, inputs, reads, render, schema
from gateway.api.v1.base import READ, TRANSFER
from gateway.api.v1.resources import Resource, ResourceView
from orders.models import TransferOrder
from orders.services import transfer

SEEN_BY = frozenset({READ, TRANSFER})
DONE_BY = frozenset({TRANSFER})


class TransferView(ResourceView):
    resource = Resource(
        name="transfers",
        model=TransferOrder,
        column="transfer_no",
        rows=reads.transfers,
        render=render.transfer,
        filters={
            "status": cursors.one_of("status", TransferOrder.Status.values),
            "channel": cursors.one_of("channel", list(registry.codes())),
            "biz_transfer_no": cursors.exactly("biz_transfer_no"),
            **cursors.CREATED,
        },
    )


class Transfers(TransferView):
    scopes = {"GET": SEEN_BY, "POST": DONE_BY}

    @schema.transfer_list
    def get(self, request: Request) -> HttpResponse:
        """The newest first."""
        return self.page(request)

    @schema.transfer_create
    def post(self, request: Request) -> HttpResponse:
        """转账: pay somebody."""
        application, actor = self.caller.application, self.actor
        return self.make(
            request,
            inputs.NewTransferInput,
            lambda given: transfer.request_transfer(
                application, transfer.NewTransfer(**given), actor
            ),
        )


class TransferDetail(TransferView):
    scopes = {"GET": SEEN_BY}

    @schema.transfer_read
    def get(self, request: Request, no: str) -> HttpResponse:
        """One transfer. Who is paid is masked."""
        return self.show(request, no)


class TransferOperations(TransferView):
    scopes = {"GET": SEEN_BY}

    @schema.transfer_operations
    def get(self, request: Request, no: str) -> HttpResponse:
        """What may be done to it now, and why the rest may not."""
        return self.show_operations(request, no)


class TransferSync(TransferView):
    scopes = {"POST": DONE_BY}

    @schema.transfer_sync
    def post(self, request: Request, no: str) -> HttpResponse:
        """同步: ask the channel now."""
        return self.ask(request, no, transfer.request_sync)


class TransferRetry(TransferView):
    scopes = {"POST": DONE_BY}

    @schema.transfer_retry
    def post(self, request: Request, no: str) -> HttpResponse:
        """重试: send the same transfer again, with the same number."""
        return self.do(no, inputs.NoInput, transfer.request_retry)


class TransferCancel(TransferView):
    scopes = {"POST": DONE_BY}

    @schema.transfer_cancel
    def post(self, request: Request, no: str) -> HttpResponse:
        """撤销: withdraw it before its payee has confirmed it."""
        return self.do(no, inputs.ReasonInput, transfer.request_cancel)


class TransferClose(TransferView):
    scopes = {"POST": DONE_BY}

    @schema.transfer_close
    def post(self, request: Request, no: str) -> HttpResponse:
        """关闭: give a failed transfer up, being sure that the channel did not pay it out."""
        return self.do(no, inputs.ReasonInput, transfer.request_close)
