"""Fetching shares back, and making receivers known. Pure; called by ``channel.py``.

Provider's pages: "请求分账回退", "查询分账回退结果", "添加分账接收方", "删除分账接收方".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from channels.base import (
    Account,
    AllocationState,
    BindReceiver,
    EncodeError,
    Outcome,
    QueryReturn,
    ReceiverType,
    Request,
    Response,
    Result,
    ReturnShare,
    UnbindReceiver,
)
from channels.wechat import fields, sealing
from channels.wechat.account import Merchant
from channels.wechat.allocation import receiver_word
from channels.wechat.answers import (
    BadAnswer,
    expect,
    moment,
    needed_text,
    read_answer,
    text,
    whole,
)

STATES: Mapping[str, AllocationState] = {
    "PROCESSING": AllocationState.PROCESSING,
    "SUCCESS": AllocationState.FINISHED,
    "FAILED": AllocationState.FAILED,
}
REASONS: Mapping[str, str] = {
    "ACCOUNT_ABNORMAL": "原分账接收方账户异常 The receiver's account is not in order.",
    "BALANCE_NOT_ENOUGH": "接收方余额不足 The receiver has too little money: ask it to top up.",
    "TIME_OUT_CLOSED": "超时关单 The receiver's side did not settle in time: return anew.",
    "PAYER_ACCOUNT_ABNORMAL": "原分账分出方账户异常 Our account cannot take the money back.",
    "INVALID_REQUEST": "描述参数设置失败 WeChat Pay could not process this return.",
}
CUSTOM = "CUSTOM"


# --- returns ------------------------------------------------------------------------------


def encode_return(command: ReturnShare, account: Account, *, now: datetime, nonce: str) -> Request:
    """Merchants only, and only those that allowed it."""
    if command.receiver_type is not ReceiverType.MERCHANT_NO:
        raise EncodeError("receiver_type", "WeChat Pay returns shares of merchants only")
    payload = {
        "out_order_no": fields.share_no("allocation_no", command.allocation_no),
        "out_return_no": fields.share_no("return_no", command.return_no),
        "return_mchid": fields.needed("account", command.account),
        "amount": fields.fen("amount", command.amount),
        "description": fields.at_most("description", command.description, 80),
    }
    target = "/v3/profitsharing/return-orders"
    return fields.signed_request("POST", target, payload, account=account, now=now, nonce=nonce)


def encode_query_return(
    command: QueryReturn, account: Account, *, now: datetime, nonce: str
) -> Request:
    number = fields.in_path(fields.share_no("return_no", command.return_no))
    shared = fields.in_path(fields.share_no("allocation_no", command.allocation_no))
    target = f"/v3/profitsharing/return-orders/{number}?out_order_no={shared}"
    return fields.signed_request("GET", target, None, account=account, now=now, nonce=nonce)


def decode_return(
    command: ReturnShare | QueryReturn, response: Response, account: Account, *, now: datetime
) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "out_return_no", command.return_no)
        expect(data, "out_order_no", command.allocation_no)
        result = _read_return(data)
        working = result.state is AllocationState.PROCESSING
        if working and isinstance(command, ReturnShare):
            return replace(result, outcome=Outcome.PENDING)
        return result

    return read_answer(command.kind, response, account, now=now, read=read)


def _read_return(data: Mapping[str, Any]) -> Result:
    word = needed_text(data, "result")
    state = STATES.get(word)
    if state is None:
        raise BadAnswer("UNKNOWN_STATE", f"result {word[:40]!r}")
    amount = whole(data, "amount")
    if amount is None:
        raise BadAnswer("BAD_BODY", "amount is missing")
    failed = state is AllocationState.FAILED
    reason = text(data, "fail_reason")[:64] if failed else ""
    return Result(
        outcome=Outcome.DONE,
        state=state,
        code=(reason or word) if failed else "",
        message=REASONS.get(reason, ""),
        out_no=text(data, "return_id"),
        amount=amount,
        finished_at=None if state is AllocationState.PROCESSING else moment(data, "finish_time"),
        channel_status=word,
    )


# --- receivers ----------------------------------------------------------------------------


def encode_bind(command: BindReceiver, account: Account, *, now: datetime, nonce: str) -> Request:
    custom = command.relation == CUSTOM
    sealed, serial = "", ""
    if command.name:
        sealed, serial = sealing.seal("name", command.name, account, now=now)
    payload = {
        "appid": Merchant.of(account).appid,
        "type": receiver_word(command.receiver_type),
        "account": fields.needed("account", command.account),
        "name": sealed,
        "relation_type": fields.needed("relation", command.relation),
        "custom_relation": fields.at_most("custom_relation", command.custom_relation, 10)
        if custom
        else "",
    }
    return fields.signed_request(
        "POST",
        "/v3/profitsharing/receivers/add",
        fields.without_empty(payload),
        account=account,
        now=now,
        nonce=nonce,
        sealed_with=serial,
    )


def encode_unbind(
    command: UnbindReceiver, account: Account, *, now: datetime, nonce: str
) -> Request:
    payload = {
        "appid": Merchant.of(account).appid,
        "type": receiver_word(command.receiver_type),
        "account": fields.needed("account", command.account),
    }
    target = "/v3/profitsharing/receivers/delete"
    return fields.signed_request("POST", target, payload, account=account, now=now, nonce=nonce)


def decode_binding(
    command: BindReceiver | UnbindReceiver,
    response: Response,
    account: Account,
    *,
    now: datetime,
) -> Result:
    """Adding somebody who is there already is answered alike, and overwrites nothing."""

    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "type", receiver_word(command.receiver_type))
        if text(data, "account") != command.account:  # expect() would repeat an openid
            raise BadAnswer("ANSWER_MISMATCH", "the answer's account is another")
        return Result(outcome=Outcome.DONE, state=AllocationState.FINISHED)

    return read_answer(command.kind, response, account, now=now, read=read)
