"""Pay, close, refund, transfer, and asking about them: G3's members into the fourth generation's,
whose works do it, and the order that comes of it in G3's words."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from gateway.api.daxpay import pay, refunds, transfers
from gateway.api.daxpay.errors import Code, Failure, about
from gateway.api.daxpay.frame import Call
from gateway.api.daxpay.g3 import render, words
from gateway.api.daxpay.g3.render import Data
from orders.models import TransferOrder
from orders.services import pay as pay_orders
from orders.services import refund as refund_orders
from orders.services import transfer as transfer_orders

SAME = (
    "bizOrderNo", "title", "description", "amount", "openId", "authCode", "clientIp", "notifyUrl",
    "returnUrl", "attach", "expiredTime", "allocation",
)  # fmt: skip
"""Members of /unipay/pay that both have; ``amount`` is fen by now."""
IN_EXTRA = ("openId", "authCode")
"""What the documentation's example hides in ``extraParam``."""


def inner(call: Call, given: Mapping[str, Any]) -> Call:
    """The same message in the fourth generation's members."""
    return dataclasses.replace(call, given=given)


def channel(call: Call) -> str:
    """Ours. Raises Failure."""
    name = call.text("channel")
    if name not in words.CHANNELS:
        known = ", ".join(words.CHANNELS)
        sentence = _("There is no such channel here; there are %(known)s.") % {"known": known}
        code = Code.CHANNEL_OFF if name in words.KNOWN_CHANNELS else Code.NO_CHANNEL
        raise Failure(code, about("channel", sentence))
    return words.CHANNELS[name]


# --- pay ------------------------------------------------------------------------------------


def create(call: Call) -> Data:
    given = {name: call.given[name] for name in SAME if name in call.given}
    given = {**_extra(call), **given, "method": _method(call)}
    if "limitPay" in call.given:
        given["limitPay"] = call.text("limitPay").split(",")
    if "terminalNo" in call.given:
        given["terminal"] = {"terminalNo": call.text("terminalNo")}
    told = pay.create(inner(call, given))
    order = pay_orders.find(told["orderNo"], application=call.caller.application)
    return render.paying(order, told["payBody"])


def _method(call: Call) -> str:
    """The fourth generation's one word for channel and method. Raises Failure."""
    ours, method = channel(call), call.text("method")
    name = words.METHODS.get((ours, method))
    if name is None:
        known = ", ".join(theirs for where, theirs in words.METHODS if where == ours)
        sentence = _("There is no such way to pay here; there are %(known)s.") % {"known": known}
        code = Code.METHOD_UNSUPPORTED if method in words.KNOWN_METHODS else Code.NO_METHOD
        raise Failure(code, about("method", sentence))
    return name


def _extra(call: Call) -> Data:
    """``{"openId": …}`` of the JSON text ``extraParam``; what else stands there is not read."""
    try:
        said = json.loads(call.text("extraParam") or "{}")
    except (ValueError, RecursionError):
        raise Failure(Code.INVALID, about("extraParam", _("Must be JSON."))) from None
    members = said if isinstance(said, dict) else {}
    texts = {name: members[name] for name in IN_EXTRA if isinstance(members.get(name), str)}
    return {name: text for name, text in texts.items() if text.isascii() and text.isprintable()}


def query(call: Call) -> Data:
    return render.pay_order(pay.named(call))


def sync(call: Call) -> Data:
    adjust = pay.sync(call)["adjust"]
    return {"orderStatus": str(pay.named(call).status), "adjust": adjust}


# --- refund ---------------------------------------------------------------------------------


def refund(call: Call) -> Data:
    told = refunds.create(call)
    row = refund_orders.find(told["refundNo"], application=call.caller.application)
    return render.refunding(row)


def query_refund(call: Call) -> Data:
    return render.refund(refunds.named(call))


def sync_refund(call: Call) -> Data:
    adjust = refunds.sync(call)["adjust"]
    return {"orderStatus": str(refunds.named(call).status), "adjust": adjust}


# --- transfer -------------------------------------------------------------------------------


def transfer(call: Call) -> Data:
    told = transfers.create(inner(call, {**call.given, "channel": channel(call)}))
    row = transfer_orders.find(told["transferNo"], application=call.caller.application)
    return render.transferring(row)


def named_transfer(call: Call) -> TransferOrder:
    """Raises Failure without a number, NotFound."""
    application = call.caller.application
    if "transferNo" in call.given:
        return transfer_orders.find(call.text("transferNo"), application=application)
    if "bizTransferNo" in call.given:
        number = f"biz:{call.text('bizTransferNo')}"
        return transfer_orders.find(number, application=application)
    sentence = _("A number of the transfer is required: transferNo or bizTransferNo.")
    raise Failure(Code.INVALID, sentence)


def query_transfer(call: Call) -> Data:
    return render.transfer(named_transfer(call))


def sync_transfer(call: Call) -> Data:
    row = named_transfer(call)
    adjust = transfers.sync(inner(call, {"transferNo": row.transfer_no}))["adjust"]
    return {"orderStatus": str(named_transfer(call).status), "adjust": adjust}
