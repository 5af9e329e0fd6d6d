"""/unipay/transfer, query/transfer-order and sync/order/transfer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from channels import registry
from gateway.api.daxpay import pay, render, waits, words
from gateway.api.daxpay.errors import Code, Failure, about
from gateway.api.daxpay.frame import Call
from gateway.api.daxpay.render import Data
from orders.errors import NotFound
from orders.models import TransferOrder
from orders.services import transfer

TITLE = "转账"
"""DaxPay's title may be left out; a channel wants to show the payee something."""
RESENT: Mapping[str, bool] = {
    TransferOrder.Status.PROGRESS: False,
    TransferOrder.Status.SUCCESS: False,
    TransferOrder.Status.FAIL: True,
    TransferOrder.Status.CLOSE: False,
}
"""Whether a repeated number is sent again (同号重发); the rules say whether that may be."""
REFUSED: Mapping[str, bool] = {
    TransferOrder.Status.PROGRESS: False,
    TransferOrder.Status.SUCCESS: False,
    TransferOrder.Status.FAIL: True,
    TransferOrder.Status.CLOSE: True,
}
"""Whether the channel's word on what was just sent is an error to the merchant."""


def create(call: Call) -> Data:
    """转账. A repeated number is the same transfer; one that failed is sent again under it."""
    application = call.caller.application
    pay.name_account(application, _channel(call), call.text("channelMchNo"))
    row = transfer.request_transfer(application, _new(call), call.actor)
    if not row.is_new and RESENT[row.status]:
        number = row.transfer_no
        row = transfer.request_retry(number, call.actor, application=application)
        row.is_new = True
    if row.is_new:
        row = waits.until(row, _reader(call, row.transfer_no), waits.is_answered)
        if REFUSED[row.status]:
            raise Failure(Code.TRADE_FAILED, render.error(row) or _("The transfer failed."))
    return render.transferring(row)


def _new(call: Call) -> transfer.NewTransfer:
    given = call.given
    if given["payeeType"] not in words.PAYEES:
        known = ", ".join(words.PAYEES)
        sentence = _("There is no such type of payee here; there are %(known)s.")
        raise Failure(Code.INVALID, about("payeeType", sentence % {"known": known}))
    return transfer.NewTransfer(
        biz_transfer_no=given["bizTransferNo"],
        title=call.text("title") or TITLE,
        amount=given["amount"],
        channel=_channel(call),
        payee_type=words.PAYEES[given["payeeType"]],
        payee_account=given["payeeAccount"],
        payee_name=call.text("payeeName"),
        remark=call.text("reason"),
        scene=call.text("transferScene"),
        notify_url=call.text("notifyUrl"),
        door_data={"attach": call.text("attach")} if "attach" in given else {},
    )


def _channel(call: Call) -> str:
    """Raises Failure for a channel that this house does not have."""
    name = call.text("channel")
    if name not in registry.codes():
        known = ", ".join(sorted(words.PRODUCTS))
        sentence = _("There is no such channel here; there are %(known)s.") % {"known": known}
        raise Failure(Code.NO_CHANNEL, about("channel", sentence))
    return name


def named(call: Call) -> TransferOrder:
    """By ``transferNo``, or by ``channel`` and ``bizTransferNo``. Raises Failure, NotFound."""
    application = call.caller.application
    if "transferNo" in call.given:
        return transfer.find(call.text("transferNo"), application=application)
    if "bizTransferNo" not in call.given or "channel" not in call.given:
        sentence = _("transferNo, or channel and bizTransferNo, is required.")
        raise Failure(Code.INVALID, sentence)
    number = call.text("bizTransferNo")
    row = transfer.find(f"biz:{number}", application=application)
    if row.channel != call.text("channel"):
        raise NotFound(number)
    return row


def query(call: Call) -> Data:
    return render.transfer(named(call))


def sync(call: Call) -> Data:
    row = named(call)
    application = call.caller.application

    def ask(key: str) -> Any:
        number = row.transfer_no
        return transfer.request_sync(number, call.actor, application=application, reply_to=key)

    read = _reader(call, row.transfer_no)
    return waits.sync(row, read, ask, lambda found: words.TRANSFER[found.status])


def _reader(call: Call, number: str) -> Callable[[], TransferOrder]:
    return lambda: transfer.find(number, application=call.caller.application)
