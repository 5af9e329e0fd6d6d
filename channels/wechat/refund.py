"""Refund and refund query: requests and answers. Pure; called by ``channel.py``.

Provider's pages: "退款申请", "查询单笔退款". 200 means accepted, not refunded.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from channels.base import (
    Account,
    EncodeError,
    Outcome,
    QueryRefund,
    Refund,
    RefundState,
    Request,
    Response,
    Result,
)
from channels.wechat import fields
from channels.wechat.answers import (
    BadAnswer,
    expect,
    fen,
    moment,
    needed_text,
    read_answer,
    text,
)

ABNORMAL = (
    "退款异常：用户的银行卡或零钱账户收不了这笔款。请在微信支付商户平台处理异常退款"
    "（退到用户的另一张卡，或退回商户银行卡后另行付给用户），完成后再同步。"
    " The customer's card or wallet cannot take the money: handle it in the merchant console "
    "(another card, or back to you), then sync."
)
"""ABNORMAL is no end: the way out is 发起异常退款, which may need the customer's bank card. That is
entered in the provider's own console, so that no card number ever comes here."""
ENDED = (
    "退款关闭：商户账户余额不足超过 7 天，钱没有退出；充值后可用新的退款单重新退款。"
    " Closed without paying after seven days of too little balance: top up, then refund anew."
)

STATES: Mapping[str, RefundState] = {
    "SUCCESS": RefundState.SUCCESS,
    "PROCESSING": RefundState.PROCESSING,
    "ABNORMAL": RefundState.FAILED,
    "CLOSED": RefundState.CLOSED,
}

_SENTENCES = {RefundState.FAILED: ABNORMAL, RefundState.CLOSED: ENDED}


def encode_refund(command: Refund, account: Account, *, now: datetime, nonce: str) -> Request:
    """The order is named by our number although WeChat takes either: ours is there from the
    first attempt on, and a repeat must carry the same parameters. notify_url is always sent:
    without it a notification may come as v2 XML."""
    payload = {
        **_order_number(command),
        "out_refund_no": fields.refund_no(command.refund_no),
        "reason": fields.plain("reason", command.reason),
        "notify_url": fields.notify_url(command.notify_url),
        "amount": {
            "refund": fields.fen("amount", command.amount),
            "total": fields.fen("total", command.total),
            "currency": fields.currency(command.currency),
        },
    }
    return fields.signed_request(
        "POST",
        "/v3/refund/domestic/refunds",
        fields.without_empty(payload),
        account=account,
        now=now,
        nonce=nonce,
    )


def _order_number(command: Refund) -> dict[str, str]:
    if command.order_no:
        return {"out_trade_no": fields.order_no(command.order_no)}
    if command.out_order_no:
        return {"transaction_id": fields.plain("out_order_no", command.out_order_no)}
    raise EncodeError("order_no", "is needed and empty")


def encode_query(command: QueryRefund, account: Account, *, now: datetime, nonce: str) -> Request:
    number = quote(fields.refund_no(command.refund_no), safe="")
    target = f"/v3/refund/domestic/refunds/{number}"
    return fields.signed_request("GET", target, None, account=account, now=now, nonce=nonce)


def decode_refund(
    command: Refund, response: Response, account: Account, *, now: datetime
) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        _expect_ours(data, command)
        return read_refund(data, status="status", while_working=Outcome.PENDING)

    return read_answer(command.kind, response, account, now=now, read=read)


def decode_query(
    command: QueryRefund, response: Response, account: Account, *, now: datetime
) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        _expect_ours(data, command)
        return read_refund(data, status="status", while_working=Outcome.DONE)

    return read_answer(command.kind, response, account, now=now, read=read)


def _expect_ours(data: Mapping[str, Any], command: Refund | QueryRefund) -> None:
    expect(data, "out_refund_no", command.refund_no)
    expect(data, "out_trade_no", command.order_no)


def read_refund(data: Mapping[str, Any], *, status: str, while_working: Outcome) -> Result:
    """A refund of an answer (member ``status``) or a notification (``refund_status``).

    Raises BadAnswer.
    """
    word = needed_text(data, status)
    state = STATES.get(word)
    if state is None:
        raise BadAnswer("UNKNOWN_STATE", f"{status} {word[:40]!r}")
    amount = fen(data, "refund")
    if amount is None:
        raise BadAnswer("BAD_BODY", "amount.refund is missing")
    return Result(
        outcome=while_working if state is RefundState.PROCESSING else Outcome.DONE,
        state=state,
        code=word if state in _SENTENCES else "",
        message=_SENTENCES.get(state, ""),
        out_no=text(data, "refund_id"),
        amount=amount,
        finished_at=moment(data, "success_time"),
        channel_status=word,
    )
