"""Paying out to an Alipay account: requests and answers. Pure; called by ``channel.py``.

Provider's pages: alipay.fund.trans.uni.transfer, alipay.fund.trans.common.query. Alipay asks for
certificate mode here. A repeat with the same ``out_biz_no`` and content is the same transfer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from channels.alipay import fields
from channels.alipay.answers import (
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
    Outcome,
    PayeeType,
    QueryTransfer,
    Request,
    Response,
    Result,
    Transfer,
    TransferState,
)

TRANSFER, QUERY = "alipay.fund.trans.uni.transfer", "alipay.fund.trans.common.query"
_PRODUCT = {"product_code": "TRANS_ACCOUNT_NO_PWD", "biz_scene": "DIRECT_TRANSFER"}

PAYEE_TYPES: Mapping[PayeeType, str] = {
    PayeeType.USER_ID: "ALIPAY_USER_ID",
    PayeeType.LOGIN_NAME: "ALIPAY_LOGON_ID",
    PayeeType.OPENID: "ALIPAY_OPEN_ID",
}
STATES: Mapping[str, TransferState] = {
    "SUCCESS": TransferState.SUCCESS,
    "DEALING": TransferState.PROCESSING,
    "WAIT_PAY": TransferState.PROCESSING,
    "FAIL": TransferState.FAILED,
    "CLOSED": TransferState.CLOSED,
    "REFUND": TransferState.RETURNED,  # 退票: was a success and came back from the bank.
}


def encode_transfer(command: Transfer, account: Account, *, now: datetime) -> Request:
    payee = {
        "identity": fields.needed("payee_account", command.payee_account),
        "identity_type": PAYEE_TYPES[command.payee_type],
        "name": fields.plain("payee_name", command.payee_name),
    }
    if command.payee_type is PayeeType.LOGIN_NAME:
        fields.needed("payee_name", command.payee_name)
    biz_content = {
        "out_biz_no": fields.number("transfer_no", command.transfer_no),
        "trans_amount": fields.yuan("amount", command.amount),
        **_PRODUCT,
        "order_title": fields.needed("title", command.title),
        "payee_info": fields.without_empty(payee),
        "remark": fields.plain("remark", command.remark),
        "transfer_scene_name": fields.plain("scene", command.scene),
    }
    fields.currency(command.currency)
    return fields.signed_request(TRANSFER, biz_content, account, now=now)


def decode_transfer(command: Transfer, response: Response, account: Account) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "out_biz_no", command.transfer_no)
        return _read(data, finished="trans_date", while_working=Outcome.PENDING)

    return read_answer(command.kind, TRANSFER, response, account, read=read)


def encode_query(command: QueryTransfer, account: Account, *, now: datetime) -> Request:
    number = {"out_biz_no": fields.number("transfer_no", command.transfer_no)}
    return fields.signed_request(QUERY, {**_PRODUCT, **number}, account, now=now)


def decode_query(command: QueryTransfer, response: Response, account: Account) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "out_biz_no", command.transfer_no)
        return _read(data, finished="pay_date", while_working=Outcome.DONE)

    return read_answer(command.kind, QUERY, response, account, read=read)


def _read(data: Mapping[str, Any], *, finished: str, while_working: Outcome) -> Result:
    word = needed_text(data, "status")
    state = STATES.get(word)
    if state is None:
        raise BadAnswer("UNKNOWN_STATE", f"status {word[:40]!r}")
    return Result(
        outcome=while_working if state is TransferState.PROCESSING else Outcome.DONE,
        state=state,
        code=text(data, "error_code")[:64],
        message=text(data, "fail_reason")[:500],
        out_no=text(data, "order_id"),
        amount=fen(data, "trans_amount"),
        finished_at=moment(data, finished),
        channel_status=word,
    )
