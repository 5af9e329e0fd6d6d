"""The addresses of the DaxPay door. Each is a shape, a work and DaxPay's code for an unknown number
(which differs from address to address in the original)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from gateway.api.daxpay import (
    checkout_urls,
    frame,
    pay,
    refunds,
    shapes,
    shares,
    transfers,
)
from gateway.api.daxpay.errors import Code
from gateway.api.daxpay.frame import Call, Endpoint
from gateway.api.daxpay.render import Data

MARKER = "daxpay-ping:unipay-callback"


def signed_ping(call: Call) -> Data:
    """The self-check: who we take the caller for, and what he was found to have signed."""
    application = call.caller.application
    return {
        "mchNo": application.merchant.mch_no,
        "appId": application.app_id,
        "appFromDefault": call.caller.is_default,
        "serverSignStr": call.sign_text,
    }


ENDPOINTS: Mapping[str, Endpoint] = {
    "ping": Endpoint(shape=shapes.PING, work=signed_ping, shows_sign_text=True),
    "pay": Endpoint(shape=shapes.PAY, work=pay.create),
    "close": Endpoint(shape=shapes.CLOSE, work=pay.close, not_found=Code.INVALID),
    "query/pay-order": Endpoint(shape=shapes.PAY_NAMED, work=pay.query),
    "sync/order/pay": Endpoint(shape=shapes.PAY_NAMED, work=pay.sync, not_found=Code.INVALID),
    "refund": Endpoint(shape=shapes.REFUND, work=refunds.create, not_found=Code.TRADE_STATE),
    "query/refund-order": Endpoint(shape=shapes.REFUND_NAMED, work=refunds.query),
    "sync/order/refund": Endpoint(shape=shapes.REFUND_NAMED, work=refunds.sync),
    "transfer": Endpoint(shape=shapes.TRANSFER, work=transfers.create),
    "query/transfer-order": Endpoint(shape=shapes.TRANSFER_NAMED, work=transfers.query),
    "sync/order/transfer": Endpoint(shape=shapes.TRANSFER_NAMED, work=transfers.sync),
    "alloc": Endpoint(shape=shapes.ALLOC, work=shares.create),
    "query/alloc-order": Endpoint(shape=shapes.ALLOC_NAMED, work=shares.query),
    "sync/order/alloc": Endpoint(shape=shapes.ALLOC_NAMED, work=shares.sync),
    **checkout_urls.ENDPOINTS,
}
"""By their address under /unipay/."""


def view(name: str) -> Callable[[HttpRequest], HttpResponse]:
    endpoint = ENDPOINTS[name]

    @csrf_exempt
    def serve(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return refused(Code.METHOD_UNSUPPORTED, _("Send POST."), status=405, allow="POST")
        return frame.serve(request, endpoint)

    return serve


def callback_ping(request: HttpRequest) -> HttpResponse:
    """What the SDKs' ``ping()`` looks for: a plain text that says that this is a DaxPay."""
    return HttpResponse(MARKER, content_type="text/plain; charset=utf-8")


@csrf_exempt
def nothing(request: HttpRequest) -> HttpResponse:
    """Every address under /unipay/ that is not there."""
    return refused(Code.NOT_THERE, _("There is nothing at this address."), status=404)


def refused(code: Code, message: str, *, status: int, allow: str = "") -> HttpResponse:
    """An answer to something that is no message of this wire, unsigned."""
    answer = frame.respond({"code": int(code), "msg": message, "message": message}, status=status)
    if allow:
        answer["Allow"] = allow
    return answer
