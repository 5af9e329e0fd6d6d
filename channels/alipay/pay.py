"""Placing, query, close and cancel: requests and answers. Pure; called by ``channel.py``.

Provider's pages: alipay.trade.precreate, .create, .pay, .page.pay, .wap.pay, .app.pay, .query,
.close, .cancel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from channels.alipay import fields
from channels.alipay.account import Application
from channels.alipay.answers import (
    SUCCESS,
    BadAnswer,
    expect,
    fen,
    moment,
    needed_text,
    read_answer,
    text,
)
from channels.base import (
    Account,
    CancelPay,
    ClosePay,
    EncodeError,
    Method,
    Outcome,
    Pay,
    PayState,
    QueryPay,
    Request,
    Response,
    Result,
)

PRECREATE, CREATE, BARCODE_PAY = (
    "alipay.trade.precreate",
    "alipay.trade.create",
    "alipay.trade.pay",
)
QUERY, CLOSE, CANCEL = "alipay.trade.query", "alipay.trade.close", "alipay.trade.cancel"
IN_PROCESS = "10003"
"""alipay.trade.pay only: the order is made and the customer must confirm; ask."""

_WAP = ("alipay.trade.wap.pay", "QUICK_WAP_WAY")
METHODS: Mapping[Method, tuple[str, str]] = {
    Method.NATIVE: (PRECREATE, "FACE_TO_FACE_PAYMENT"),
    Method.JSAPI: (CREATE, "JSAPI_PAY"),
    Method.BARCODE: (BARCODE_PAY, "FACE_TO_FACE_PAYMENT"),
    Method.PAGE: ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    Method.WAP: _WAP,
    Method.H5: _WAP,
    Method.APP: ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
}
"""Ours to Alipay's method and ``product_code``."""

BY_CUSTOMER = frozenset({Method.PAGE, Method.WAP, Method.H5, Method.APP})
"""The customer's browser or app carries these to the gateway; nothing is sent from here."""

_PASSBACK_MAX = 512


# --- placing ------------------------------------------------------------------------------


def encode_pay(command: Pay, account: Account, *, now: datetime) -> Request:
    """What goes to the gateway. For BY_CUSTOMER it is the address that the browser will open.

    But for the timestamp every value comes from the command and the account: a repeat with other
    values is answered with CONTEXT_INCONSISTENT.
    """
    method, product_code = METHODS[command.method]
    notify_url = fields.url("notify_url", command.notify_url)
    biz_content = {
        "out_trade_no": fields.number("order_no", command.order_no),
        "total_amount": fields.yuan("amount", command.amount),
        "subject": fields.needed("title", command.title),
        "product_code": product_code,
        "seller_id": Application.of(account).seller_id,
        "time_expire": fields.china_time("expires_at", command.expires_at),
        "passback_params": _passback(command.attach),
        **_method_members(command, account),
    }
    fields.currency(command.currency)
    if command.allocation:
        biz_content["extend_params"] = {"royalty_freeze": "true"}
    if command.method not in BY_CUSTOMER:
        return fields.signed_request(method, biz_content, account, now=now, notify_url=notify_url)
    has_return = command.return_url and command.method is not Method.APP
    params = fields.signed_params(
        method,
        biz_content,
        account,
        now=now,
        notify_url=notify_url,
        return_url=fields.url("return_url", command.return_url) if has_return else "",
    )
    return Request(method="GET", url=f"{Application.of(account).gateway_url}?{urlencode(params)}")


def _method_members(command: Pay, account: Account) -> dict[str, Any]:
    match command.method:
        case Method.JSAPI:
            return _buyer(command.openid, account)
        case Method.BARCODE:
            code = fields.needed("auth_code", command.auth_code)
            return {"scene": "bar_code", "auth_code": code}
        case Method.WAP | Method.H5:
            return {"quit_url": command.return_url}
        case _:
            return {}


def _buyer(openid: str, account: Account) -> dict[str, str]:
    """A customer is named by a user id (2088 and twelve digits) or by an openid of the app."""
    buyer = fields.needed("openid", openid)
    if len(buyer) == 16 and buyer.isascii() and buyer.isdigit() and buyer.startswith("2088"):
        return {"buyer_id": buyer}
    return {"buyer_open_id": buyer, "op_app_id": Application.of(account).app_id}


def _passback(attach: str) -> str:
    """ "本参数必须进行UrlEncode之后才可以发送给支付宝", at most 512 characters."""
    value = quote(fields.plain("attach", attach), safe="")
    if len(value) > _PASSBACK_MAX:
        raise EncodeError("attach", f"is longer than {_PASSBACK_MAX} characters when encoded")
    return value


def customer_params(method: Method, request: Request) -> dict[str, object]:
    """What the front end hands to the customer for an order that is placed by the customer:
    ``order_string`` for the app's SDK; else an address to open, and the same as a form to post:
    biz_content as its field, everything else (so the charset too) in ``action``, no name twice."""
    gateway, _, query = request.url.partition("?")
    if method is Method.APP:
        return {"order_string": query}
    params = dict(parse_qsl(query))
    content = {"biz_content": params.pop("biz_content")}
    form = {"action": f"{gateway}?{urlencode(params)}", "fields": content}
    return {"url": request.url, "form": form}


def decode_pay(command: Pay, response: Response, account: Account) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "out_trade_no", command.order_no)
        match command.method:
            case Method.BARCODE:
                return _read_barcode(data)
            case Method.JSAPI:
                trade_no = needed_text(data, "trade_no")
                return _held({"trade_no": trade_no}, out_no=trade_no)
            case _:
                return _held({"code_url": needed_text(data, "qr_code")})

    method, _product = METHODS[command.method]
    codes = (SUCCESS, IN_PROCESS) if command.method is Method.BARCODE else (SUCCESS,)
    return read_answer(command.kind, method, response, account, read=read, codes=codes)


def _held(pay_params: Mapping[str, object], *, out_no: str = "") -> Result:
    return Result(
        outcome=Outcome.DONE, state=PayState.WAITING, out_no=out_no, pay_params=pay_params
    )


def _read_barcode(data: Mapping[str, Any]) -> Result:
    """10000 is paid; 10003 waits for the customer, who is asked for a password."""
    if text(data, "code") == IN_PROCESS:
        return Result(
            outcome=Outcome.PENDING,
            state=PayState.WAITING,
            code=IN_PROCESS,
            message=text(data, "msg"),
            out_no=text(data, "trade_no"),
        )
    return _paid(data, paid_at="gmt_payment", word="")


# --- query --------------------------------------------------------------------------------


def encode_query(command: QueryPay, account: Account, *, now: datetime) -> Request:
    number = fields.trade(command.order_no, command.out_order_no)
    return fields.signed_request(QUERY, number, account, now=now)


def decode_query(command: QueryPay, response: Response, account: Account) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "out_trade_no", command.order_no)
        if not command.order_no:
            expect(data, "trade_no", command.out_order_no)
        return read_trade(data, paid_at="send_pay_date")

    return read_answer(command.kind, QUERY, response, account, read=read)


def read_trade(data: Mapping[str, Any], *, paid_at: str) -> Result:
    """A trade of a query's answer or of a notification. Raises BadAnswer.

    TRADE_CLOSED is "未付款交易超时关闭，或支付完成后全额退款": with a time of payment the money
    did come in, and all of it was given back since: by our refunds, or by a cancel whose own
    answer was lost.
    """
    word = needed_text(data, "trade_status")
    match word:
        case "WAIT_BUYER_PAY":
            state = PayState.WAITING
        case "TRADE_SUCCESS" | "TRADE_FINISHED":
            state = PayState.PAID
        case "TRADE_CLOSED":
            state = PayState.REFUNDED if text(data, paid_at) else PayState.CLOSED
        case _:
            raise BadAnswer("UNKNOWN_STATE", f"trade_status {word[:40]!r}")
    if state in (PayState.PAID, PayState.REFUNDED):
        return replace(_paid(data, paid_at=paid_at, word=word), state=state)
    return Result(
        outcome=Outcome.DONE,
        state=state,
        out_no=text(data, "trade_no"),
        amount=fen(data, "total_amount"),
        finished_at=moment(data, "gmt_close") if state is PayState.CLOSED else None,
        channel_status=word,
    )


def _paid(data: Mapping[str, Any], *, paid_at: str, word: str) -> Result:
    amount = fen(data, "total_amount")
    if amount is None:
        raise BadAnswer("BAD_BODY", "paid, but without total_amount")
    return Result(
        outcome=Outcome.DONE,
        state=PayState.PAID,
        out_no=needed_text(data, "trade_no"),
        amount=amount,
        finished_at=moment(data, paid_at),
        channel_status=word,
    )


# --- ending -------------------------------------------------------------------------------


def encode_close(command: ClosePay, account: Account, *, now: datetime) -> Request:
    number = fields.trade(command.order_no, command.out_order_no)
    return fields.signed_request(CLOSE, number, account, now=now)


def decode_close(command: ClosePay, response: Response, account: Account) -> Result:
    """TRADE_NOT_EXIST counts as closed (see ``errors.TABLES``): nobody began to pay."""

    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "out_trade_no", command.order_no)
        return Result(outcome=Outcome.DONE, state=PayState.CLOSED, out_no=text(data, "trade_no"))

    return read_answer(command.kind, CLOSE, response, account, read=read)


def encode_cancel(command: CancelPay, account: Account, *, now: datetime) -> Request:
    number = fields.trade(command.order_no, command.out_order_no)
    return fields.signed_request(CANCEL, number, account, now=now)


def decode_cancel(command: CancelPay, response: Response, account: Account) -> Result:
    """``action`` says what was done: an unpaid trade was closed, or a paid one given back whole.

    ``retry_flag`` Y asks for another try. An absent ``action`` says that nothing was done, and not
    why: the query finds out. TRADE_NOT_EXIST counts as cancelled (see ``errors.TABLES``).
    """

    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "out_trade_no", command.order_no)
        action = text(data, "action")
        if text(data, "retry_flag") == "Y":
            return Result(outcome=Outcome.UNKNOWN, code="RETRY", channel_status=action[:40])
        state = {"close": PayState.CANCELLED, "refund": PayState.REFUNDED}.get(action)
        if state is None:
            return Result(outcome=Outcome.UNKNOWN, code="NO_ACTION", channel_status=action[:40])
        return Result(
            outcome=Outcome.DONE,
            state=state,
            out_no=text(data, "trade_no"),
            finished_at=moment(data, "gmt_refund_pay"),
            channel_status=action,
        )

    return read_answer(command.kind, CANCEL, response, account, read=read)
