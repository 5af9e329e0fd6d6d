"""The addresses of the third generation. Five of them are the fourth's too: ``speaks`` tells whose
message it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from gateway.api.daxpay import parsing, pay
from gateway.api.daxpay.errors import Code, Failure
from gateway.api.daxpay.frame import Call, Endpoint, respond
from gateway.api.daxpay.g3 import fields, frame, sharing, signing, trade

View = Callable[[HttpRequest], HttpResponse]


def no_bills(_call: Call) -> Any:
    """Raises Failure."""
    sentence = _("This house hands out no bills at this door yet.")
    raise Failure(Code.METHOD_UNSUPPORTED, sentence)


SHARED: Mapping[str, Endpoint] = {
    "pay": Endpoint(shape=fields.PAY, work=trade.create),
    "close": Endpoint(shape=fields.CLOSE, work=pay.close),
    "refund": Endpoint(shape=fields.REFUND, work=trade.refund),
    "transfer": Endpoint(shape=fields.TRANSFER, work=trade.transfer),
    "sync/order/pay": Endpoint(shape=fields.PAY_NAMED, work=trade.sync),
    "sync/order/refund": Endpoint(shape=fields.REFUND_NAMED, work=trade.sync_refund),
    "sync/order/transfer": Endpoint(shape=fields.TRANSFER_NAMED, work=trade.sync_transfer),
}
"""Addresses that the fourth generation has too."""
OWN: Mapping[str, Endpoint] = {
    "query/payOrder": Endpoint(shape=fields.PAY_NAMED, work=trade.query),
    "query/refundOrder": Endpoint(shape=fields.REFUND_NAMED, work=trade.query_refund),
    "query/transferOrder": Endpoint(shape=fields.TRANSFER_NAMED, work=trade.query_transfer),
    "sync/order/allocation": Endpoint(shape=fields.TRANSFER_OR_ALLOC_NAMED, work=sharing.sync_any),
    "alloc/start": Endpoint(shape=fields.ALLOC, work=sharing.start),
    "alloc/finish": Endpoint(shape=fields.ALLOC_NAMED, work=sharing.finish),
    "alloc/sync": Endpoint(shape=fields.ALLOC_NAMED, work=sharing.sync),
    "alloc/query": Endpoint(shape=fields.ALLOC_NAMED, work=sharing.query),
    "alloc/receiver/add": Endpoint(shape=fields.RECEIVER_ADD, work=sharing.add_receiver),
    "alloc/receiver/remove": Endpoint(
        shape=fields.RECEIVER_REMOVE, work=sharing.remove_receiver, not_found=Code.INVALID
    ),
    "alloc/receiver/list": Endpoint(shape=fields.RECEIVER_LIST, work=sharing.list_receivers),
    "reconcile/channelDownUrl": Endpoint(shape=fields.DOWN, work=no_bills),
    "reconcile/platformDownUrl": Endpoint(shape=fields.DOWN, work=no_bills),
}


def speaks(request: HttpRequest) -> bool:
    """Whether a message to a shared address is of this generation: RSA's signatures are longer."""
    signature = parsing.read_request(request).members.get(signing.SIGN)
    return isinstance(signature, str) and signing.HEX.fullmatch(signature) is not None


def shared(name: str, fourth: View) -> View:
    """``fourth``, but for messages of this generation."""
    if name not in SHARED:
        return fourth

    @csrf_exempt
    def serve(request: HttpRequest) -> HttpResponse:
        if request.method == "POST" and speaks(request):
            return frame.serve(request, SHARED[name])
        return fourth(request)

    return serve


def view(name: str) -> View:
    @csrf_exempt
    def serve(request: HttpRequest) -> HttpResponse:
        if request.method == "POST":
            return frame.serve(request, OWN[name])
        told = {"code": int(Code.METHOD_UNSUPPORTED), "msg": _("Send POST.")}
        answer = respond(told, status=405)
        answer["Allow"] = "POST"
        return answer

    return serve


urlpatterns: list[URLPattern] = [path(name, view(name), name=f"daxpay-g3-{name}") for name in OWN]
