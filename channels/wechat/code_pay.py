"""付款码: paying by a scanned code, and reversing it. Pure; called by ``channel.py``.

Provider's pages: "付款码支付" and "撤销" of API v3 (code-payment-v3). WeChat Pay opens them
merchant by merchant; where it has not, the answer is NO_AUTH and the order fails. It sends no
notification of such payments: they are asked about. Only a reverse ends such an order, paid or not;
a close is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from channels.base import (
    Account,
    CancelPay,
    EncodeError,
    Outcome,
    Pay,
    PayState,
    Request,
    Response,
    Result,
)
from channels.wallets import WECHAT
from channels.wechat import fields
from channels.wechat.account import Merchant
from channels.wechat.answers import expect, read_answer
from channels.wechat.errors import normal_code
from channels.wechat.pay import read_transaction

USER_PAYING = "USERPAYING"


def encode_pay(command: Pay, account: Account, *, now: datetime, nonce: str) -> Request:
    """Has no notify_url and no time_expire: nobody is told, and whoever asks ends it in time."""
    if not WECHAT.shows(command.auth_code):
        raise EncodeError("auth_code", "is no payment code of WeChat Pay")
    merchant = Merchant.of(account)
    # scene_info.store_info needs a name of the store; the merchant's number is one [inferred].
    scene: dict[str, Any] = {"store_info": {"out_id": merchant.mchid}}
    if command.client_ip:
        scene["device_ip"] = fields.plain("client_ip", command.client_ip)
    payload: dict[str, Any] = {
        "appid": merchant.appid,
        "mchid": merchant.mchid,
        "description": fields.needed("title", command.title),
        "out_trade_no": fields.order_no(command.order_no),
        "attach": fields.plain("attach", command.attach),
        "payer": {"auth_code": command.auth_code},
        "amount": {
            "total": fields.fen("amount", command.amount),
            "currency": fields.currency(command.currency),
        },
        "scene_info": scene,
    }
    if command.allocation:
        payload["settle_info"] = {"profit_sharing": True}
    return fields.signed_request(
        "POST",
        "/v3/pay/transactions/codepay",
        fields.without_empty(payload),
        account=account,
        now=now,
        nonce=nonce,
    )


def decode_pay(command: Pay, response: Response, account: Account, *, now: datetime) -> Result:
    """The transaction as the query tells it. The customer who is asked for a password is told as
    a state, or as an error: both wait for him."""

    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "mchid", Merchant.of(account).mchid)
        expect(data, "out_trade_no", command.order_no)
        result = read_transaction(data)
        if result.state is not PayState.WAITING:
            return result
        return replace(result, outcome=Outcome.PENDING, code=result.channel_status)

    result = read_answer(command.kind, response, account, now=now, read=read)
    if result.outcome is Outcome.UNKNOWN and normal_code(result.code) == USER_PAYING:
        return replace(result, outcome=Outcome.PENDING, state=PayState.WAITING)
    return result


def encode_reverse(command: CancelPay, account: Account, *, now: datetime, nonce: str) -> Request:
    merchant = Merchant.of(account)
    number = quote(fields.order_no(command.order_no), safe="")
    return fields.signed_request(
        "POST",
        f"/v3/pay/transactions/out-trade-no/{number}/reverse",
        {"appid": merchant.appid, "mchid": merchant.mchid},
        account=account,
        now=now,
        nonce=nonce,
    )


def decode_reverse(
    command: CancelPay, response: Response, account: Account, *, now: datetime
) -> Result:
    """Done: what was paid went back to the customer, what was not cannot be paid any more. Which
    of the two it was is not said; the query says REVOKED for both."""

    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "mchid", Merchant.of(account).mchid)
        expect(data, "out_trade_no", command.order_no)
        return Result(outcome=Outcome.DONE, state=PayState.CANCELLED)

    return read_answer(command.kind, response, account, now=now, read=read)
