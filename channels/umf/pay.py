"""Pay, order query, close and cancel: requests and answers. Pure; called by ``channel.py``.

Provider's page: "订单状态同步" (``pay/orderquery``, with its FAQ). The others are [inferred] for
this dialect: paths ``pay/<name>``, members of the older pages "用户主扫" (activescan),
"公众号/小程序支付" (unifiedcode), "用户被扫" (unactivescan) and of the integrators' page
"商户撤销交易" (repeal); ``pay/close`` stands in no page at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from channels import wallets
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
from channels.umf import codes, fields
from channels.umf.account import Merchant
from channels.umf.answers import (
    BadAnswer,
    expect,
    fen,
    needed_text,
    platform_time,
    read_answer,
    ret_code,
    text,
)

PATHS: Mapping[Method, str] = {
    Method.NATIVE: "pay/activescan",
    Method.JSAPI: "pay/unifiedcode",
    Method.BARCODE: "pay/unactivescan",
}
EXPIRY_MIN, EXPIRY_MAX = 300, 1800
"""Seconds. "当传递小于300秒或大于1800秒…默认为300秒"."""
OVER_AFTER = timedelta(seconds=EXPIRY_MAX + 3600)
"""The age at which an order that is neither paid nor in payment is over. Its time runs
"从调起用户密码键盘开始", which may be well after the order was made."""
STATES: Mapping[str, PayState] = {
    "SUCCESS": PayState.PAID,
    "NOTPAY": PayState.WAITING,
    "PAYERROR": PayState.FAILED,
}
GOODS_ID = "1"
"""goodsId, "商品ID": mandatory for bar codes, without a meaning here [inferred]."""


# --- requests -----------------------------------------------------------------------------


def encode_pay(command: Pay, account: Account, *, now: datetime) -> Request:
    """Every value comes from the command and the account: a repeat says the same."""
    if command.method not in PATHS:
        raise EncodeError("method", f"UMF has no payment by {command.method}")
    merchant = Merchant.of(account)
    fields.currency(command.currency)
    body = {
        **fields.moment(command.order_no, now),
        "merId": merchant.mer_id,
        "orderId": fields.number("order_no", command.order_no),
        "amount": fields.fen("amount", command.amount),
        "payType": merchant.pay_type,
        **_method_members(command, merchant, now),
        "notifyUrl": fields.notify_url(command.notify_url),
    }
    return fields.signed_request(PATHS[command.method], body, account)


def _method_members(command: Pay, merchant: Merchant, now: datetime) -> dict[str, str]:
    title = fields.needed("title", command.title)
    if command.method is Method.BARCODE:
        return {
            "mediaNo": _media_no(command.auth_code, merchant.pay_type),
            "goodsId": GOODS_ID,
            "goodsInfo": fields.text("title", title, most=128),
        }
    # "订单有效时间(秒)": counted from the number's birth, so that a repeat says the same.
    born = fields.made_at(command.order_no) or now
    seconds = int((command.expires_at - born).total_seconds())
    expiry = str(min(max(seconds, EXPIRY_MIN), EXPIRY_MAX))
    if command.method is Method.NATIVE:
        return {"goodsInfo": fields.text("title", title, most=128), "expairTime": expiry}
    if merchant.pay_type == "YL":
        raise EncodeError("pay_type", "UMF pays by WX or AL inside an app's own pages")
    return {
        "openId": fields.needed("openid", command.openid),
        "appId": merchant.appid,
        "goodsInfo": fields.text("title", title, most=80),
        "expairTime": expiry,
    }


_MEDIA: Mapping[str, wallets.Wallet] = {
    "WX": wallets.WECHAT,
    "AL": wallets.ALIPAY,
    "YL": wallets.UNIONPAY,
}


def _media_no(auth_code: str, pay_type: str) -> str:
    """A code of another wallet is stopped here: refunds name the account's wallet."""
    if not _MEDIA[pay_type].shows(auth_code):
        raise EncodeError(
            "auth_code", f"is no payment code of {pay_type}, which this account takes"
        )
    return auth_code


def encode_query(command: QueryPay, account: Account) -> Request:
    """ "联动优势的订单号，建议优先使用": with both numbers where both are known."""
    merchant = Merchant.of(account)
    if not command.order_no and not command.out_order_no:
        raise EncodeError("order_no", "is needed and empty")
    body = {
        "merId": merchant.mer_id,
        "orderId": fields.number("order_no", command.order_no) if command.order_no else "",
        "transactionId": command.out_order_no,
        "orderDate": fields.order_date(command.order_no),
        "payType": merchant.pay_type,
    }
    return fields.signed_request("pay/orderquery", body, account)


def encode_close(command: ClosePay, account: Account, *, now: datetime) -> Request:
    merchant = Merchant.of(account)
    body = {
        **fields.moment("", now),
        "merId": merchant.mer_id,
        "orderId": fields.number("order_no", command.order_no),
        "transactionId": command.out_order_no,
        "payType": merchant.pay_type,
    }
    return fields.signed_request("pay/close", body, account)


def encode_cancel(command: CancelPay, account: Account, *, now: datetime) -> Request:
    """ "针对交易当天的成功订单…仅支持…用户被扫": of the same day, and of bar codes only."""
    merchant = Merchant.of(account)
    moment = fields.moment("", now)
    body = {
        **moment,
        "merId": merchant.mer_id,
        "orderId": fields.number("order_no", command.order_no),
        "amount": fields.fen("amount", command.amount),
        "payType": merchant.pay_type,
        "orderDate": fields.order_date(command.order_no) or moment["reqDate"],
    }
    return fields.signed_request("pay/repeal", body, account)


# --- answers ------------------------------------------------------------------------------


def decode_pay(command: Pay, response: Response, account: Account) -> Result:
    """0000: the order is held, or for a bar code paid. There is no public table of refusals, so
    that any other word is asked about and not believed."""

    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "orderId", command.order_no)
        code = ret_code(data)
        if code in codes.PAYING:
            return _said(data, Outcome.PENDING, PayState.WAITING, out_no=_out_no(data))
        if code != codes.OK:
            return _said(data, Outcome.UNKNOWN)
        if command.method is Method.BARCODE:
            return _paid(data, code)
        return Result(
            outcome=Outcome.DONE,
            state=PayState.WAITING,
            out_no=_out_no(data),
            pay_params=_pay_params(command.method, data),
            channel_status=code,
        )

    return read_answer(response, account, read=read)


def _pay_params(method: Method, data: Mapping[str, Any]) -> dict[str, object]:
    if method is Method.NATIVE:
        return {"code_url": needed_text(data, "feeUrl")}
    params = {
        "appId": text(data, "appId"),
        "timeStamp": text(data, "timestamp"),
        "nonceStr": text(data, "nonceStr"),
        "package": needed_text(data, "prepayId"),
        "signType": text(data, "signType"),
        "paySign": text(data, "paySign"),
    }
    return {name: value for name, value in params.items() if value}


def decode_query(
    command: QueryPay, response: Response, account: Account, *, now: datetime
) -> Result:
    """The FAQ's table. A code that it does not name means "订单关闭状态", and yet
    "其他返回码均不需要做处理": it closes an order only once no payment can come any more."""

    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "orderId", command.order_no)
        expect(data, "transactionId", command.out_order_no)
        code = ret_code(data)
        if code == codes.OK:
            return _trade(data)
        if code in codes.PAYING:
            return _said(data, Outcome.DONE, PayState.WAITING, out_no=_out_no(data))
        if code == codes.REFUND_ACCEPTED:  # It was paid; the refund has an order of its own.
            return _paid(data, code)
        if code == codes.CANCELLED:
            return _said(data, Outcome.DONE, PayState.CANCELLED, out_no=_out_no(data))
        if code not in codes.NOTHING_KNOWN and _is_over(command.order_no, now):
            return _said(data, Outcome.DONE, PayState.CLOSED)
        return _said(data, Outcome.UNKNOWN)

    return read_answer(response, account, read=read)


def _is_over(order_no: str, now: datetime) -> bool:
    made = fields.made_at(order_no)
    return made is not None and now - made > OVER_AFTER


def _trade(data: Mapping[str, Any]) -> Result:
    """0000: as transState says; without one it is paid ("0000返回码表示是支付成功"). Asked after a
    cancel or a refund it means that this failed."""
    word = text(data, "transState")
    state = STATES.get(word or "SUCCESS")
    if state is None:
        raise BadAnswer("UNKNOWN_STATE", f"transState {word[:40]!r}")
    if state is PayState.PAID:
        return _paid(data, word or codes.OK)
    return Result(
        outcome=Outcome.DONE,
        state=state,
        code=word if state is PayState.FAILED else "",
        message=text(data, "retMsg")[:256],
        out_no=_out_no(data),
        channel_status=word,
    )


def _paid(data: Mapping[str, Any], word: str) -> Result:
    """platDate and platTime are taken for the time of the payment [inferred]."""
    return Result(
        outcome=Outcome.DONE,
        state=PayState.PAID,
        message=text(data, "retMsg")[:256],
        out_no=_out_no(data),
        amount=fen(data, "amount"),
        finished_at=platform_time(data),
        channel_status=word,
    )


def decode_close(command: ClosePay, response: Response, account: Account) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "orderId", command.order_no)
        code = ret_code(data)
        if code == codes.OK:
            return _said(data, Outcome.DONE, PayState.CLOSED)
        return _said(data, Outcome.UNKNOWN)

    return read_answer(response, account, read=read)


def decode_cancel(command: CancelPay, response: Response, account: Account) -> Result:
    """0000 says only that the cancel was applied for; the order query tells what came of it."""

    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "orderId", command.order_no)
        code = ret_code(data)
        if code == codes.CANCELLED:
            return _said(data, Outcome.DONE, PayState.CANCELLED)
        if code == codes.OK or code in codes.PAYING or code == codes.REFUND_ACCEPTED:
            return _said(data, Outcome.PENDING)
        return _said(data, Outcome.UNKNOWN)

    return read_answer(response, account, read=read)


def _said(
    data: Mapping[str, Any],
    outcome: Outcome,
    state: PayState | None = None,
    *,
    out_no: str = "",
) -> Result:
    code = ret_code(data)
    is_known = outcome in (Outcome.DONE, Outcome.PENDING)
    return Result(
        outcome=outcome,
        state=state,
        code="" if is_known else code,
        message=text(data, "retMsg")[:256],
        out_no=out_no,
        channel_status=code,
    )


def _out_no(data: Mapping[str, Any]) -> str:
    return text(data, "transactionId")[:64]
