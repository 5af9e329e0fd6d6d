"""/unipay/gateway/pre-pay and /unipay/gateway/query: DaxPay's gateway orders, our checkouts.

Upstream: ``GatewayPayAssistService``. A gateway order has two numbers: ``orderNo`` is the
checkout's, ``tradeNo`` that of the pay order which its customer's choice makes.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from gateway.api.daxpay import render, words
from gateway.api.daxpay.errors import Code, Failure, about
from gateway.api.daxpay.fields import Fen, Flag, Moment, Number, Several, Shape, Text, Url
from gateway.api.daxpay.frame import Call
from gateway.api.daxpay.render import Data, beijing
from gateway.api.daxpay.shapes import ATTACH, COMMON, GOODS, NUMBER
from gateway.cashier import lines
from orders.errors import NotFound, OperationRefused
from orders.models import Application, Checkout, PayOrder
from orders.numbers import PREFIX_CHECKOUT
from orders.services import checkout as checkouts
from orders.services import pay

CURRENCY = "cny"
PRE_PAY = Shape(
    members={
        **COMMON,
        "bizOrderNo": Number(most=100, required=True),
        "title": Text(most=100, required=True),
        "description": Text(most=50, lines=True),
        "amount": Fen(required=True),
        "currency": Number(most=8),
        "gatewayPayType": Number(most=32, required=True),
        "openId": Number(most=128),
        "limitPay": Several(of=Number(most=32), most=8),
        "notifyUrl": Url(),
        "returnUrl": Url(),
        "attach": ATTACH,
        "extraParam": Text(most=2048, lines=True),
        "expiredTime": Moment(),
        "storeNo": Text(most=64),
        "goodsDetail": Several(of=GOODS, most=100),
        "allocation": Flag(),
    }
)
NAMED = Shape(members={**COMMON, "orderNo": NUMBER, "bizOrderNo": NUMBER})
SOURCES: Mapping[str, str] = {
    Checkout.Kind.CASHIER: "cashier",
    Checkout.Kind.AGGREGATE: "aggress_pay",
}
"""``source`` of the trade; the second is upstream's own spelling (``TradeSourceEnum``)."""
STATUSES: Mapping[str, str] = {status: status.value for status in Checkout.Status}
"""Ours are DaxPay's words of a gateway container."""
OVER = ("already_paid", "ended")
"""Refusals that DaxPay answers with 10506 here."""


def pre_pay(call: Call) -> Data:
    """预支付: no channel is asked yet. The same number with the same content gives the same page;
    upstream does not compare the content and answers with the first order's page."""
    given = call.given
    kind = given["gatewayPayType"]
    if kind not in Checkout.Kind.values:
        known = ", ".join(Checkout.Kind.values)
        sentence = _("There is no such kind of page; there are %(known)s.") % {"known": known}
        raise Failure(Code.INVALID, about("gatewayPayType", sentence))
    if call.text("currency").lower() not in ("", CURRENCY):
        raise Failure(Code.INVALID, about("currency", _("Only cny is taken here.")))
    new = checkouts.NewCheckout(
        biz_order_no=given["bizOrderNo"],
        title=given["title"],
        amount=given["amount"],
        kind=kind,
        notify_url=call.text("notifyUrl"),
        return_url=call.text("returnUrl"),
        openid=call.text("openId"),
        allocation=given.get("allocation", False),
        expires_at=given.get("expiredTime"),
        door_data=_kept(call, kind),
    )
    try:
        row = checkouts.request_checkout(call.caller.application, new, call.actor)
    except OperationRefused as refused:
        if refused.code in OVER:
            raise Failure(Code.INVALID, str(refused.refusal)) from None
        raise
    return _page_of(row, call)


def _kept(call: Call, kind: str) -> Data:
    """What the merchant reads back, of the gateway order and of its trade."""
    given = call.given
    kept = {
        "description": given.get("description"),
        "attach": given.get("attach"),
        "limitPay": ",".join(given.get("limitPay", [])),
        "storeNo": given.get("storeNo"),
        "source": SOURCES[kind],
    }
    return {name: value for name, value in kept.items() if value}


def _page_of(row: Checkout, call: Call) -> Data:
    url = lines.page_url(row)
    return {
        "orderNo": row.checkout_no,
        "bizOrderNo": row.biz_order_no,
        "status": STATUSES[row.status_at(call.now)],
        "gatewayType": row.kind,
        "h5Url": url,
        "url": url,  # as servers before the SDK 1.0.0 call it
        "miniUrl": None,
        "expiredTime": beijing(row.expires_at),
    }


def named(call: Call) -> Checkout:
    """The gateway order that the message names. Raises Failure without any number, NotFound."""
    application = call.caller.application
    if "orderNo" in call.given:
        return checkouts.find(call.text("orderNo"), application=application)
    if "bizOrderNo" in call.given:
        return checkouts.find(f"biz:{call.text('bizOrderNo')}", application=application)
    raise Failure(Code.INVALID, _("A number of the pay order is required: orderNo or bizOrderNo."))


def payment(number: str, application: Application) -> PayOrder:
    """The pay order ``number``, also by the number of its gateway order. Raises NotFound, also
    where the customer of a gateway order has not chosen yet."""
    if not number.startswith(PREFIX_CHECKOUT):
        return pay.find(number, application=application)
    order = checkouts.find(number, application=application).pay_order
    if order is None:
        raise NotFound(number)
    return order


def withdraw(call: Call) -> bool:
    """Close the gateway order that the message names, if it has no trade yet: no channel knows it.
    False where that is not what it names. Raises OperationRefused (expired, closed)."""
    try:
        row = named(call)
    except (NotFound, Failure):
        return False
    if row.pay_order is not None:
        return False
    closed = checkouts.request_close(row.checkout_no, application=call.caller.application)
    return closed.pay_order is None


def query(call: Call) -> Data:
    """What is known here; no channel is asked."""
    row = named(call)
    return {**gateway_order(row, call), **_trade(row)}


def gateway_order(row: Checkout, call: Call) -> Data:
    return {
        "orderNo": row.checkout_no,
        "bizOrderNo": row.biz_order_no,
        "gatewayType": row.kind,
        "title": row.title,
        "description": row.door_data.get("description"),
        "amount": row.amount,
        "currency": row.currency.lower(),
        "status": STATUSES[row.status_at(call.now)],
        "expiredTime": beijing(row.expires_at),
        "attach": row.door_data.get("attach") or row.attach or None,
        "returnUrl": row.return_url or None,
    }


def _trade(row: Checkout) -> Data:
    """Of the pay order, where the customer has chosen."""
    order = row.pay_order
    if order is None:
        names = (
            "payTime", "channel", "method", "product", "tradeNo", "outOrderNo", "fundStatus",
            "errorMsg",
        )  # fmt: skip
        return dict.fromkeys(names)
    told = render.pay_order(order)
    return {
        "payTime": told["payTime"],
        "channel": told["channel"],
        "method": told["method"],
        "product": told["product"],
        "tradeNo": order.order_no,
        "outOrderNo": told["outOrderNo"],
        "fundStatus": words.PAY[order.status],
        "errorMsg": told["errorMsg"],
    }
