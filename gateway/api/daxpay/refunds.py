"""/unipay/refund, query/refund-order and sync/order/refund."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as N_

from gateway.api.daxpay import pay, render, waits, words
from gateway.api.daxpay.errors import Code, Failure
from gateway.api.daxpay.frame import Call
from gateway.api.daxpay.render import Data
from orders.models import RefundOrder
from orders.rules import refund_wait
from orders.services import refund

_TAKEN = (Code.REPEATED, N_("A refund with this bizRefundNo is over already; ask how it ended."))
REPEATED: Mapping[str, tuple[Code, str] | None] = {
    RefundOrder.Status.PROGRESS: None,
    RefundOrder.Status.SUCCESS: _TAKEN,
    RefundOrder.Status.FAIL: _TAKEN,
    RefundOrder.Status.CLOSE: _TAKEN,
}
"""What is answered to a number that has its refund already (``RefundService``); None: the same
again. Other content is refused before that."""
_REFUSED = (Code.TRADE_FAILED, N_("The refund failed."))
MADE: Mapping[str, tuple[Code, str] | None] = {
    RefundOrder.Status.PROGRESS: None,
    RefundOrder.Status.SUCCESS: None,
    RefundOrder.Status.FAIL: _REFUSED,
    RefundOrder.Status.CLOSE: _REFUSED,
}
"""What is answered when the channel's word on a new refund came in time: a refusal is an error."""


def create(call: Call) -> Data:
    """退款. Without ``bizRefundNo`` each call is a refund of its own."""
    order = pay.named(call)
    row = refund.request_refund(
        order.order_no,
        call.actor,
        amount=call.given["amount"],
        reason=call.text("reason"),
        biz_refund_no=call.text("bizRefundNo"),
        notify_url=call.text("notifyUrl"),
        application=call.caller.application,
        door_data={"attach": call.text("attach")} if "attach" in call.given else {},
    )
    if row.is_new:
        if not refund_wait(row.pay_order):  # else it is sent only after the channel's pause
            row = waits.until(row, _reader(call, row.refund_no), waits.is_answered)
        refusal = MADE[row.status]
    else:
        refusal = REPEATED[row.status]
    if refusal is not None:
        said = render.error(row)
        raise Failure(refusal[0], f"{_(refusal[1])} {said}" if said else _(refusal[1]))
    return render.refunding(row)


def named(call: Call) -> RefundOrder:
    """Raises Failure without a number, NotFound."""
    application = call.caller.application
    if "refundNo" in call.given:
        return refund.find(call.text("refundNo"), application=application)
    if "bizRefundNo" in call.given:
        return refund.find(f"biz:{call.text('bizRefundNo')}", application=application)
    raise Failure(Code.INVALID, _("A number of the refund is required: refundNo or bizRefundNo."))


def query(call: Call) -> Data:
    return render.refund(named(call))


def sync(call: Call) -> Data:
    row = named(call)
    application = call.caller.application

    def ask(key: str) -> Any:
        number = row.refund_no
        return refund.request_sync(number, call.actor, application=application, reply_to=key)

    read = _reader(call, row.refund_no)
    return waits.sync(row, read, ask, lambda found: words.REFUND[found.status])


def _reader(call: Call, number: str) -> Callable[[], RefundOrder]:
    return lambda: refund.find(number, application=call.caller.application)
