"""Refund and refund query: requests and answers. Pure; called by ``channel.py``.

Provider's pages: alipay.trade.refund, alipay.trade.fastpay.refund.query. Alipay gives a refund no
number of its own: together with the trade it is found by ``out_request_no``, which is always our
refund's number. Without one Alipay would take the order's, and a second refund would be the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from channels.alipay import fields
from channels.alipay.answers import (
    BadAnswer,
    expect,
    expect_if_named,
    fen,
    moment,
    needed_text,
    read_answer,
    text,
)
from channels.base import (
    Account,
    Outcome,
    QueryRefund,
    Refund,
    RefundState,
    Request,
    Response,
    Result,
)

REFUND, QUERY = "alipay.trade.refund", "alipay.trade.fastpay.refund.query"


def encode_refund(command: Refund, account: Account, *, now: datetime) -> Request:
    """A retry repeats number and amount: "同一笔退款重试，out_request_no不变". notify_url is not
    sent: a refund is told to the notify_url of its payment."""
    biz_content = {
        **fields.trade(command.order_no, command.out_order_no),
        "refund_amount": fields.yuan("amount", command.amount),
        "out_request_no": fields.number("refund_no", command.refund_no),
        "refund_reason": fields.plain("reason", command.reason),
    }
    fields.currency(command.currency)
    return fields.signed_request(REFUND, biz_content, account, now=now)


def decode_refund(command: Refund, response: Response, account: Account) -> Result:
    """``fund_change`` Y: this very request moved the money. N: it did not, because an earlier one
    did or because it is still being worked on; the refund query tells them apart. ``refund_fee``
    is the total of all refunds of the trade and therefore never our amount."""

    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "out_trade_no", command.order_no)
        has_moved = needed_text(data, "fund_change") == "Y"
        return Result(
            outcome=Outcome.DONE if has_moved else Outcome.PENDING,
            state=RefundState.SUCCESS if has_moved else RefundState.PROCESSING,
            out_no=command.refund_no,
            finished_at=moment(data, "gmt_refund_pay") if has_moved else None,
            channel_status=f"fund_change={text(data, 'fund_change')[:8]}",
        )

    return read_answer(command.kind, REFUND, response, account, read=read)


def encode_query(command: QueryRefund, account: Account, *, now: datetime) -> Request:
    biz_content = {
        **fields.trade(command.order_no, command.out_order_no),
        "out_request_no": fields.number("refund_no", command.refund_no),
        "query_options": ["gmt_refund_pay"],
    }
    return fields.signed_request(QUERY, biz_content, account, now=now)


def decode_query(command: QueryRefund, response: Response, account: Account) -> Result:
    """Without ``refund_status`` "退款请求未收到或者退款失败": no failure, but a reason to send the
    same refund again, which can never pay twice. Such an answer may name no number at all."""

    def read(data: Mapping[str, Any]) -> Result:
        expect_if_named(data, "out_request_no", command.refund_no)
        expect_if_named(data, "out_trade_no", command.order_no)
        word = text(data, "refund_status")
        if not word:
            return Result(outcome=Outcome.DONE, state=RefundState.NOT_FOUND)
        if word != "REFUND_SUCCESS":
            raise BadAnswer("UNKNOWN_STATE", f"refund_status {word[:40]!r}")
        expect(data, "out_request_no", command.refund_no)
        amount = fen(data, "refund_amount")
        if amount is None:
            raise BadAnswer("BAD_BODY", "refund_amount is missing")
        return Result(
            outcome=Outcome.DONE,
            state=RefundState.SUCCESS,
            out_no=command.refund_no,
            amount=amount,
            finished_at=moment(data, "gmt_refund_pay"),
            channel_status=word,
        )

    return read_answer(command.kind, QUERY, response, account, read=read)
