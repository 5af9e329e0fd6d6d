"""The unsigned addresses of DaxPay's hosted pages: /unipay/gateway/order, cashier/…, aggregate/….

Called by the pages (``gateway.cashier``) and by pages of a merchant's own. Answers are
``{code, message, data}`` (``GatewayClientController``). Whoever knows a checkout's number may ask;
what is answered is what its page shows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from gateway import prepay
from gateway.address import client_address
from gateway.api.daxpay import errors, parsing, words
from gateway.api.daxpay.errors import Code, Failure
from gateway.api.daxpay.fields import Field, Number, Shape, Text
from gateway.api.daxpay.frame import respond
from gateway.api.daxpay.render import Data, beijing
from gateway.cashier import environment, limits, lines
from gateway.cashier.environment import CashierType, ClientEnv
from gateway.cashier.pages import TooOften, find
from orders.errors import OperationRefused
from orders.models import Checkout, PayOrder
from orders.services import checkout as checkouts
from orders.services.checkout import Environment

View = Callable[[HttpRequest], HttpResponse]
NUMBERED: dict[str, Field] = {
    "orderNo": Number(most=32, required=True),
    "clientEnv": Number(most=16),
    "openId": Number(most=128),
}
BROWSER: dict[str, Field] = {"device": Text(most=128), "clientIp": Text(most=64)}
"""What a page says of itself; the address that counts is the one that we see."""
ORDER = Shape(members=NUMBERED)
ITEMS = Shape(members={**NUMBERED, "cashierType": Number(most=8)})
PAY = Shape(members={**ITEMS.members, **BROWSER, "itemId": Number(most=32, required=True)})
AGGREGATE = Shape(members={**NUMBERED, **BROWSER, "runtime": Number(most=16)})
CUSTOMERS_CODES: Mapping[str, Code] = {
    "already_paid": Code.INVALID,
    "ended": Code.INVALID,
    "channel_locked": Code.INVALID,
}
"""As DaxPay answers a customer's choice that comes too late; all others as ever."""


def _answering(shape: Shape, work: Callable[[HttpRequest, Data], Any]) -> View:
    """HTTP 200 whatever happened, but 429 for who asks too often."""

    @functools.wraps(work)
    def view(request: HttpRequest) -> HttpResponse:
        try:
            data = work(request, shape.read(_given(request)))
        except TooOften:
            sentence = _("Too many requests; please wait a minute.")
            return respond({"code": int(Code.FAIL), "message": sentence, "data": None}, status=429)
        except Exception as error:  # noqa: BLE001 - from_exception logs what nobody foresaw
            failure = _failure(error)
            said = {"code": int(failure.code), "message": failure.message, "data": None}
            return respond(said)
        return respond({"code": 0, "message": "success", "data": data})

    return view


def _given(request: HttpRequest) -> Mapping[str, Any]:
    """Raises Failure."""
    if request.method == "GET":
        return request.GET.dict()
    body = parsing.read_request(request)
    if body.fault:
        raise Failure(Code.UNREADABLE, body.fault)
    return body.members


def _failure(error: Exception) -> Failure:
    if isinstance(error, OperationRefused) and error.code in CUSTOMERS_CODES:
        return Failure(CUSTOMERS_CODES[error.code], str(error.refusal))
    return errors.from_exception(error)


# --- what is asked --------------------------------------------------------------------------


def _order(request: HttpRequest, given: Data) -> Data:
    """The order as its page shows it. ``leftSeconds`` is ours: browsers' clocks are wrong."""
    row, now = find(request, given["orderNo"]), timezone.now()
    status = row.status_at(now)
    order = row.pay_order
    is_paid = order is not None and order.paid_at is not None
    return {
        "orderNo": row.checkout_no,
        "bizOrderNo": row.biz_order_no,
        "tradeNo": order.order_no if order else None,
        "title": row.title,
        "description": row.door_data.get("description"),
        "amount": row.amount,
        "currency": row.currency.lower(),
        "status": status.value,
        "gatewayType": row.kind,
        "expiredTime": beijing(row.expires_at),
        "leftSeconds": lines.seconds_left(row, now),
        "payTime": beijing(order.paid_at) if order else None,
        "returnUrl": (row.return_url or None) if is_paid else None,
    }


def _items(request: HttpRequest, given: Data) -> list[Data]:
    row = _of_kind(request, given, Checkout.Kind.CASHIER)
    place = _place(request, given)
    shown = lines.lines(row, place, timezone.now(), openid=given.get("openId", ""))
    return [
        {
            "id": line.code,
            "name": line.name,
            "icon": line.sign,
            "recommend": number == 0,
            "sortNo": number,
            "needOpenId": line.needs_openid,
            "locked": line.is_locked,
        }
        for number, line in enumerate(shown)
    ]


def _pay(request: HttpRequest, given: Data) -> Data:
    row = _of_kind(request, given, Checkout.Kind.CASHIER)
    return _choose(request, row, given["itemId"], given)


def _meta(request: HttpRequest, given: Data) -> Data:
    row = _of_kind(request, given, Checkout.Kind.AGGREGATE)
    shown = lines.lines(row, _wallet(given), timezone.now(), openid=given.get("openId", ""))
    return {"autoLaunch": bool(shown), "needOpenId": bool(shown) and shown[0].needs_openid}


def _aggregate_pay(request: HttpRequest, given: Data) -> Data:
    row = _of_kind(request, given, Checkout.Kind.AGGREGATE)
    openid = given.get("openId", "")
    shown = lines.lines(row, _wallet(given), timezone.now(), openid=openid)
    code = shown[0].code if shown else ""  # of an order that is over: the service says so
    return _choose(request, row, code, given)


# --- the choice -----------------------------------------------------------------------------


def _choose(request: HttpRequest, row: Checkout, code: str, given: Data) -> Data:
    """Raises Failure where the channel has not said in time how to pay."""
    if not limits.allows(limits.PAYS, row.checkout_no):
        raise TooOften
    address = client_address(request)

    def ask(reply_to: str) -> PayOrder:
        return checkouts.choose(
            row.checkout_no,
            code,
            openid=given.get("openId", ""),
            client_ip=str(address) if address else "",
            return_url=lines.page_url(row),
            request_id=getattr(request, "request_id", ""),
            reply_to=reply_to,
        )

    order = prepay.follow(ask)
    body, kind = _how(order)
    if body is None and order.is_executing:
        sentence = _("The wallet has not answered yet. Please try again in a moment.")
        raise Failure(Code.TRADE_UNDER_WAY, sentence)
    if body is None and order.paid_at is None:
        sentence = _("The payment could not be started; nothing was charged.")
        raise Failure(Code.TRADE_FAILED, sentence)
    return {
        "bizOrderNo": order.biz_order_no,
        "orderNo": row.checkout_no,
        "tradeNo": order.order_no,
        "status": words.PAY[order.status],
        "payBody": body,
        "payBodyType": kind,
    }


def _how(order: PayOrder) -> words.Body:
    """``payBody`` and ``payBodyType``. Channels that DaxPay has no word for show a code."""
    way = words.WAYS.get(words.method_of(order))
    if way is None:
        code = order.pay_params.get("code_url")
        return (str(code), "qr_code") if code else (None, None)
    return way.body(order.pay_params)


# --- where and what -------------------------------------------------------------------------


def _of_kind(request: HttpRequest, given: Data, kind: Checkout.Kind) -> Checkout:
    row = find(request, given["orderNo"])
    if row.kind != kind:
        raise Failure(Code.INVALID, _("This order has a page of another kind."))
    return row


def _place(request: HttpRequest, given: Data) -> Environment:
    """As the page says it, or as its browser does. Raises Failure for a word that there is not."""
    agent = request.headers.get("User-Agent", "")
    env = given.get("clientEnv") or environment.client_env(agent)
    kind = given.get("cashierType") or environment.cashier_type(agent)
    if env not in list(ClientEnv) or kind not in list(CashierType):
        raise Failure(Code.INVALID, _("There is no such clientEnv or cashierType."))
    return environment.environment(ClientEnv(env), CashierType(kind))


def _wallet(given: Data) -> Environment:
    """A browser is no wallet, and none is guessed for it. Raises Failure."""
    env = given.get("clientEnv", "")
    if env not in (ClientEnv.WECHAT, ClientEnv.ALIPAY):
        raise Failure(Code.INVALID, _("Open this page in WeChat or Alipay to pay."))
    return environment.environment(ClientEnv(env), CashierType.H5)


order: View = require_GET(_answering(ORDER, _order))
items: View = require_GET(_answering(ITEMS, _items))
pay: View = csrf_exempt(require_POST(_answering(PAY, _pay)))
aggregate_meta: View = require_GET(_answering(AGGREGATE, _meta))
aggregate_pay: View = csrf_exempt(require_POST(_answering(AGGREGATE, _aggregate_pay)))
