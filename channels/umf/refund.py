"""Refund and refund query: requests and answers. Pure; called by ``channel.py``.

All [inferred] for this dialect: paths ``pay/refund`` and ``pay/refundquery``, ``refundOrderId`` for
the integrators' ``refundPartnerOrderId``; the rest as on their pages "商户退款请求" and
"退款订单查询". The order query cannot stand in for the refund query: it does not tell one partial
refund from another.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

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
from channels.umf import codes, fields
from channels.umf.account import Merchant
from channels.umf.answers import expect, fen, read_answer, ret_code, text

STATES: Mapping[str, RefundState] = {"1": RefundState.SUCCESS, "2": RefundState.FAILED}
""" "1、成功，2失败，其他当受理中"."""


def encode_refund(command: Refund, account: Account, *, now: datetime) -> Request:
    """There is no member for a reason."""
    merchant = Merchant.of(account)
    fields.currency(command.currency)
    body = {
        **fields.moment(command.refund_no, now),
        "merId": merchant.mer_id,
        "orderId": fields.number("order_no", command.order_no),
        "refundOrderId": fields.number("refund_no", command.refund_no),
        "amount": fields.fen("amount", command.amount),
        "payType": merchant.pay_type,
        "orderDate": fields.order_date(command.order_no),
        "notifyUrl": fields.notify_url(command.notify_url),
    }
    return fields.signed_request("pay/refund", body, account)


def encode_query(command: QueryRefund, account: Account, *, now: datetime) -> Request:
    merchant = Merchant.of(account)
    body = {
        **fields.moment("", now),
        "merId": merchant.mer_id,
        "orderId": fields.number("order_no", command.order_no),
        "refundOrderId": fields.number("refund_no", command.refund_no),
        "orderDate": fields.order_date(command.order_no),
        "payType": merchant.pay_type,
    }
    return fields.signed_request("pay/refundquery", body, account)


def decode_refund(command: Refund, response: Response, account: Account) -> Result:
    """ "0000…即表示退款受理成功…其他返回码算是退款失败": but the codes of "still working" and of
    "system error" say in so many words that nothing is decided."""

    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "orderId", command.order_no)
        expect(data, "refundOrderId", command.refund_no)
        code = ret_code(data)
        accepted = (codes.OK, codes.REFUND_ACCEPTED, codes.CANCELLED)
        if code in accepted or code in codes.PAYING:
            return _said(data, Outcome.PENDING, RefundState.PROCESSING, amount=fen(data, "amount"))
        if code in codes.NOTHING_KNOWN:
            return _said(data, Outcome.UNKNOWN)
        return _said(data, Outcome.REFUSED)

    return read_answer(response, account, read=read)


def decode_query(command: QueryRefund, response: Response, account: Account) -> Result:
    """ "retCode!=0000,请求退款查询失败": that says nothing about the refund, and never that it does
    not exist. ``amount`` is "订单金额", the order's, and so not reported."""

    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "orderId", command.order_no)
        expect(data, "refundOrderId", command.refund_no)
        code = ret_code(data)
        if code in codes.PAYING or code == codes.REFUND_ACCEPTED:
            return _said(data, Outcome.DONE, RefundState.PROCESSING)
        if code != codes.OK:
            return _said(data, Outcome.UNKNOWN)
        status = text(data, "status")
        if not status and text(data, "transState") == "SUCCESS":
            # The order query's word: "0000…支付成功，也就是退款失败".
            return _said(data, Outcome.DONE, RefundState.FAILED, status="SUCCESS")
        state = STATES.get(status, RefundState.PROCESSING)
        return _said(data, Outcome.DONE, state, status=status)

    return read_answer(response, account, read=read)


def _said(
    data: Mapping[str, Any],
    outcome: Outcome,
    state: RefundState | None = None,
    *,
    amount: int | None = None,
    status: str = "",
) -> Result:
    code = ret_code(data)
    undecided = outcome in (Outcome.UNKNOWN, Outcome.REFUSED)
    return Result(
        outcome=outcome,
        state=state,
        code=code if undecided else "REFUND_FAILED" if state is RefundState.FAILED else "",
        message=text(data, "retMsg")[:256],
        amount=amount,
        channel_status=(status or code)[:32],
    )
