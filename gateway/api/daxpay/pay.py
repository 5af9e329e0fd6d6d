"""/unipay/pay, close, query/pay-order and sync/order/pay: DaxPay's words to services and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as N_

from channels.base import Method
from gateway import prepay
from gateway.api.daxpay import checkout, render, waits, words
from gateway.api.daxpay.errors import Code, Failure, about
from gateway.api.daxpay.frame import Call
from gateway.api.daxpay.render import Data
from orders.errors import NotFound, OperationRefused
from orders.models import Application, PayOrder
from orders.rules import why_not
from orders.services import pay
from orders.services.accounts import default_account

TIME_TO_PAY = timedelta(minutes=30)
"""DaxPay's own where ``expiredTime`` is left out; a scanned code has the house's shorter one."""
CURRENCY = "cny"

_PAID = (Code.INVALID, N_("The order is paid already; it cannot be paid again."))
_OVER = (Code.INVALID, N_("The order failed or was closed; pay with a new bizOrderNo."))
REPEATED: Mapping[str, tuple[Code, str] | None] = {
    PayOrder.Status.WAIT: None,
    PayOrder.Status.PROGRESS: None,
    PayOrder.Status.SUCCESS: _PAID,
    PayOrder.Status.CLOSE: _OVER,
    PayOrder.Status.CANCEL: _OVER,
    PayOrder.Status.FAIL: _OVER,
}
"""What is answered to a number that has its order already (``NormalPayService``); None: the same
again. Other content is refused before that."""
CLOSED: Mapping[str, bool] = {
    PayOrder.Status.WAIT: False,
    PayOrder.Status.PROGRESS: False,
    PayOrder.Status.SUCCESS: False,
    PayOrder.Status.CLOSE: True,
    PayOrder.Status.CANCEL: True,
    PayOrder.Status.FAIL: True,
}
"""Whether nobody can pay the order any more."""


# --- pay ------------------------------------------------------------------------------------


def create(call: Call) -> Data:
    """统一下单. An order that a worker could not place in time goes on: 20043, ask or try again."""
    given, application = call.given, call.caller.application
    name = method_name(given)
    way = words.WAYS[name]
    _check_currency(call.text("currency"))
    name_account(application, way.channel, call.text("channelMchNo"))
    new = pay.NewPayOrder(
        biz_order_no=given["bizOrderNo"],
        title=given["title"],
        amount=given["amount"],
        channel=way.channel,
        method=way.method,
        notify_url=call.text("notifyUrl"),
        return_url=call.text("returnUrl"),
        client_ip=call.text("clientIp"),
        openid=call.text("openId"),
        auth_code=call.text("authCode"),
        expires_at=_expires_at(call, way.method),
        allocation=given.get("allocation", False),
        door_data=_kept(given, name),
    )
    order = prepay.create(application, new, call.actor)
    _demand_open(order, call)
    return _told(order, call)


def method_name(given: Mapping[str, Any]) -> str:
    """Which of words.WAYS. Raises Failure.

    A scanned code needs no method (its wallet has one), a named channel account only a capability.
    """
    name = given.get("method") or ""
    code = given.get("authCode") or ""
    if code and name in ("", words.AGGREGATE_CODE):
        shown = [method for wallet, method in words.BY_CODE.items() if wallet.shows(code)]
        if not shown:
            raise Failure(Code.INVALID, _("authCode is no payment code of WeChat Pay or Alipay."))
        return shown[0]
    if not name and given.get("channelMchNo"):
        name = given.get("capability") or ""
    if not name:
        raise Failure(Code.INVALID, _("%(field)s is required.") % {"field": "method"})
    if name not in words.WAYS:
        is_known = name in words.NOT_OFFERED or name == words.AGGREGATE_CODE
        code_ = Code.METHOD_UNSUPPORTED if is_known else Code.NO_METHOD
        known = ", ".join(words.WAYS)
        sentence = _("There is no such way to pay here; there are %(known)s.") % {"known": known}
        raise Failure(code_, about("method", sentence))
    return name


def name_account(application: Application, channel: str, number: str) -> None:
    """``channelMchNo`` must name the account that will be used: nothing moves at another one than
    the merchant meant. Raises Failure, InvalidInput."""
    if not number:
        return
    account = default_account(application, channel)
    names = [account.config.get(name) for name in words.MERCHANT_NUMBERS.get(channel, ())]
    if number not in [account.code, *names]:
        sentence = _("The merchant has no active account of this number at channel %(channel)s.")
        told = about("channelMchNo", sentence % {"channel": channel})
        raise Failure(Code.NOT_CONFIGURED, told)


def _check_currency(currency: str) -> None:
    if currency.lower() not in ("", CURRENCY):
        raise Failure(Code.INVALID, about("currency", _("Only cny is taken here.")))


def _expires_at(call: Call, method: Method) -> Any:
    if "expiredTime" in call.given:
        return call.given["expiredTime"]
    return None if method is Method.BARCODE else call.now + TIME_TO_PAY


def _kept(given: Mapping[str, Any], method: str) -> Data:
    """What the merchant wants to read back in his own words."""
    terminal = given.get("terminal", {})
    kept = {
        "method": method,
        "product": words.PRODUCTS[words.WAYS[method].channel],
        "capability": given.get("capability") or method,
        "description": given.get("description"),
        "attach": given.get("attach"),
        "limitPay": ",".join(given.get("limitPay", [])),
        "terminalNo": terminal.get("terminalNo"),
        "storeNo": terminal.get("storeNo"),
        "source": given.get("source") or "mch_api",
    }
    return {name: value for name, value in kept.items() if value}


def _demand_open(order: PayOrder, call: Call) -> None:
    """A repeated number, of an order that is over. Raises Failure."""
    if order.is_new:
        return
    refusal = REPEATED[order.status]
    if refusal is not None:
        raise Failure(refusal[0], _(refusal[1]))
    if call.now >= order.expires_at:
        raise Failure(Code.INVALID, _("The time to pay is over; ask how the payment ended."))


def _told(order: PayOrder, call: Call) -> Data:
    """Raises Failure where the channel refused, or has not said yet how to pay."""
    if CLOSED[order.status]:
        raise Failure(Code.TRADE_FAILED, render.error(order) or _(_OVER[1]))
    data = render.paying(order, call.caller.config)
    if data["payBody"] is None and order.method != Method.BARCODE:
        sentence = _(
            "The channel has not answered yet and order %(number)s goes on. Ask about it, or pay "
            "again with the same bizOrderNo."
        )
        raise Failure(Code.TRADE_UNDER_WAY, sentence % {"number": order.order_no})
    return data


# --- which order ----------------------------------------------------------------------------


def named(call: Call) -> PayOrder:
    """The pay order that the message names: ours before the merchant's before the channel's
    number. Raises Failure without any, NotFound."""
    application = call.caller.application
    for name in ("orderNo", "tradeNo"):
        if name in call.given:
            return checkout.payment(call.text(name), application)
    if "bizOrderNo" in call.given:
        return pay.find(f"biz:{call.text('bizOrderNo')}", application=application)
    if "outOrderNo" in call.given:
        number = call.text("outOrderNo")
        orders = PayOrder.objects.select_related("account", "application")
        found = orders.filter(application=application, out_order_no=number).first()
        if found is None:
            raise NotFound(number)
        return found
    raise Failure(Code.INVALID, _("A number of the pay order is required: orderNo or bizOrderNo."))


def _reader(call: Call, order: PayOrder) -> Callable[[], PayOrder]:
    return lambda: pay.find(order.order_no, application=call.caller.application)


# --- query, sync, close ---------------------------------------------------------------------


def query(call: Call) -> Data:
    """What is known here; no channel is asked."""
    return render.pay_order(named(call))


def sync(call: Call) -> Data:
    """``adjust``: the channel's word changed the order. A payment of an order that was over is an
    anomaly for people to decide, and changes nothing."""
    order = named(call)
    application = call.caller.application

    def ask(key: str) -> Any:
        return pay.request_sync(order.order_no, call.actor, application=application, reply_to=key)

    return waits.sync(order, _reader(call, order), ask, lambda found: words.PAY[found.status])


def close(call: Call) -> None:
    """关单, or 撤销 with ``useCancel`` where the channel has it. code 0 only when it is closed."""
    if checkout.withdraw(call):
        return
    order = named(call)
    end, verb = pay.request_close, "close"
    if call.given.get("useCancel"):
        end, verb = pay.request_cancel, "cancel"
    order = end(order.order_no, call.actor, application=call.caller.application)
    order = waits.until(
        order,
        _reader(call, order),
        lambda found: not found.is_executing or not found.intent,
    )
    if CLOSED[order.status]:
        return
    refusal = why_not(order, verb)
    if refusal is not None:  # paid meanwhile, or the channel has not answered yet
        raise OperationRefused(verb, refusal)
    sentence = _("The channel did not close the order. Ask how it stands and try again.")
    raise Failure(Code.FAIL, sentence)
