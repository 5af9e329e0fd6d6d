"""Prepay, query and close: requests and answers. Pure; called by ``channel.py``.

Provider's pages: "JSAPI/Native/H5/APP下单", "查询订单", "关闭订单".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from channels.base import (
    Account,
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
from channels.wechat import fields, signing
from channels.wechat.account import Merchant, signing_key
from channels.wechat.answers import (
    BadAnswer,
    expect,
    fen,
    moment,
    needed_text,
    read_answer,
    text,
)

STATES: Mapping[str, PayState] = {
    "NOTPAY": PayState.WAITING,
    "USERPAYING": PayState.WAITING,
    "SUCCESS": PayState.PAID,
    "REFUND": PayState.PAID,  # "转入退款": also after a partial refund; the money came in.
    "CLOSED": PayState.CLOSED,
    "REVOKED": PayState.CANCELLED,
    "PAYERROR": PayState.WAITING,  # A failed attempt; must be reversed or closed to end.
}


# --- requests -----------------------------------------------------------------------------


def encode_pay(command: Pay, account: Account, *, now: datetime, nonce: str) -> Request:
    """Every value comes from the command and the account, none from the clock: a repeat is
    accepted only "with identical parameters", else 403 OUT_TRADE_NO_USED."""
    merchant = Merchant.of(account)
    payload: dict[str, Any] = {
        "appid": merchant.appid,
        "mchid": merchant.mchid,
        "description": fields.needed("title", command.title),
        "out_trade_no": fields.order_no(command.order_no),
        "time_expire": fields.china_time("expires_at", command.expires_at),
        "attach": fields.plain("attach", command.attach),
        "notify_url": fields.notify_url(command.notify_url),
        "amount": {
            "total": fields.fen("amount", command.amount),
            "currency": fields.currency(command.currency),
        },
        **_method_members(command),
    }
    if command.allocation:
        payload["settle_info"] = {"profit_sharing": True}
    return fields.signed_request(
        "POST",
        f"/v3/pay/transactions/{command.method}",
        fields.without_empty(payload),
        account=account,
        now=now,
        nonce=nonce,
    )


def _method_members(command: Pay) -> dict[str, Any]:
    members: dict[str, Any] = {}
    if command.method is Method.JSAPI:
        members["payer"] = {"openid": fields.needed("openid", command.openid)}
    if command.method is Method.H5:
        members["scene_info"] = {
            "payer_client_ip": fields.needed("client_ip", command.client_ip),
            "h5_info": {"type": "Wap"},
        }
    elif command.client_ip:
        members["scene_info"] = {"payer_client_ip": fields.plain("client_ip", command.client_ip)}
    return members


def encode_query(command: QueryPay, account: Account, *, now: datetime, nonce: str) -> Request:
    """By our number, whose "not found" is the one that counts; by WeChat's where we have no
    number of our own (it finds an order only once it is paid)."""
    if command.order_no:
        number = f"out-trade-no/{_in_path(fields.order_no(command.order_no))}"
    elif command.out_order_no:
        number = f"id/{_in_path(command.out_order_no)}"
    else:
        raise EncodeError("order_no", "is needed and empty")
    mchid = quote(Merchant.of(account).mchid, safe="")
    target = f"/v3/pay/transactions/{number}?mchid={mchid}"
    return fields.signed_request("GET", target, None, account=account, now=now, nonce=nonce)


def encode_close(command: ClosePay, account: Account, *, now: datetime, nonce: str) -> Request:
    number = _in_path(fields.order_no(command.order_no))
    return fields.signed_request(
        "POST",
        f"/v3/pay/transactions/out-trade-no/{number}/close",
        {"mchid": Merchant.of(account).mchid},
        account=account,
        now=now,
        nonce=nonce,
    )


def _in_path(number: str) -> str:
    return quote(fields.plain("number", number), safe="")


# --- answers ------------------------------------------------------------------------------


def decode_pay(
    command: Pay, response: Response, account: Account, *, now: datetime, nonce: str
) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        return Result(
            outcome=Outcome.DONE,
            state=PayState.WAITING,
            pay_params=_pay_params(command, data, account, now=now, nonce=nonce),
        )

    return read_answer(command.kind, response, account, now=now, read=read)


def _and_back(h5_url: str, return_url: str) -> str:
    """Where the customer comes back to: ``redirect_url``, percent-encoded, behind h5_url
    (H5支付)."""
    return f"{h5_url}&redirect_url={quote(return_url, safe='')}" if return_url else h5_url


def _pay_params(
    command: Pay, data: Mapping[str, Any], account: Account, *, now: datetime, nonce: str
) -> dict[str, object]:
    method = command.method
    if method is Method.NATIVE:
        return {"code_url": needed_text(data, "code_url")}
    if method is Method.H5:
        return {"h5_url": _and_back(needed_text(data, "h5_url"), command.return_url)}
    merchant, key = Merchant.of(account), signing_key(account)
    prepay_id, timestamp = needed_text(data, "prepay_id"), str(int(now.timestamp()))
    common = {"appId": merchant.appid, "timeStamp": timestamp, "nonceStr": nonce}
    if method is Method.JSAPI:
        package = f"prepay_id={prepay_id}"
        signature = signing.pay_sign(
            key, appid=merchant.appid, timestamp=timestamp, nonce=nonce, last=package
        )
        return {**common, "package": package, "signType": "RSA", "paySign": signature}
    signature = signing.pay_sign(
        key, appid=merchant.appid, timestamp=timestamp, nonce=nonce, last=prepay_id
    )
    return {
        **common,
        "partnerId": merchant.mchid,
        "prepayId": prepay_id,
        "packageValue": "Sign=WXPay",
        "sign": signature,
    }


def decode_query(
    command: QueryPay, response: Response, account: Account, *, now: datetime
) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "mchid", Merchant.of(account).mchid)
        expect(data, "out_trade_no", command.order_no)
        if not command.order_no:
            expect(data, "transaction_id", command.out_order_no)
        return read_transaction(data)

    return read_answer(command.kind, response, account, now=now, read=read)


def read_transaction(data: Mapping[str, Any]) -> Result:
    """A transaction of a query's answer or of a notification. Raises BadAnswer."""
    word = needed_text(data, "trade_state")
    state = STATES.get(word)
    if state is None:
        raise BadAnswer("UNKNOWN_STATE", f"trade_state {word[:40]!r}")
    amount = fen(data, "total")
    number = text(data, "transaction_id")
    if state is PayState.PAID and (amount is None or not number):
        raise BadAnswer("BAD_BODY", "paid, but without amount.total or transaction_id")
    return Result(
        outcome=Outcome.DONE,
        state=state,
        message=text(data, "trade_state_desc"),
        out_no=number,
        amount=amount,
        finished_at=moment(data, "success_time"),
        channel_status=word,
    )


def decode_close(
    command: ClosePay, response: Response, account: Account, *, now: datetime
) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        return Result(outcome=Outcome.DONE, state=PayState.CLOSED)

    return read_answer(command.kind, response, account, now=now, read=read)
