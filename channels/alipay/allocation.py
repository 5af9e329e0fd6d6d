"""Sharing a paid order's money, finishing, and asking about both. Pure; called by ``channel.py``.

Provider's pages: alipay.trade.order.settle, .order.settle.query, .order.onsettle.query. There is
no call that fetches a share back by itself: a refund can do so on its way
(``refund_royalty_parameters``), which no command of ours asks for yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from channels.alipay import fields
from channels.alipay.answers import (
    BadAnswer,
    entries,
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
    Allocate,
    AllocationState,
    EncodeError,
    FinishAllocation,
    Outcome,
    QueryAllocation,
    QueryUnshared,
    ReceiverType,
    Request,
    Response,
    Result,
    Share,
    ShareResult,
    ShareState,
)

SETTLE, QUERY = "alipay.trade.order.settle", "alipay.trade.order.settle.query"
UNSETTLED = "alipay.trade.order.onsettle.query"
MAX_RECEIVERS = 5
""" "同步分账最多5个收入方"; more need the asynchronous mode, and one order must not see both."""

RECEIVER_TYPES: Mapping[ReceiverType, str] = {
    ReceiverType.USER_ID: "userId",
    ReceiverType.LOGIN_NAME: "loginName",
    ReceiverType.OPENID: "openId",
}
_BY_WORD = {word: ours for ours, word in RECEIVER_TYPES.items()}
SHARE_STATES: Mapping[str, ShareState] = {
    "SUCCESS": ShareState.SUCCESS,
    "FAIL": ShareState.FAILED,
    "PROCESSING": ShareState.PENDING,
}


def receiver_type(value: ReceiverType) -> str:
    if value not in RECEIVER_TYPES:
        raise EncodeError("receiver_type", f"Alipay has no receivers of the type {value}")
    return RECEIVER_TYPES[value]


# --- share and finish ---------------------------------------------------------------------


def encode_allocate(command: Allocate, account: Account, *, now: datetime) -> Request:
    """A retry repeats number and shares: "请使用相同的参数再次调用"."""
    if not 1 <= len(command.shares) <= MAX_RECEIVERS:
        raise EncodeError("shares", f"must be 1 to {MAX_RECEIVERS}")
    biz_content = {
        **_numbers(command.allocation_no, command.out_order_no),
        "royalty_parameters": [_share(share) for share in command.shares],
        "royalty_mode": "sync",
        "extend_params": {"royalty_finish": "true"} if command.finishes else None,
    }
    return fields.signed_request(SETTLE, biz_content, account, now=now)


def _numbers(our_no: str, trade_no: str) -> dict[str, str]:
    return {
        "out_request_no": fields.number("allocation_no", our_no),
        "trade_no": fields.needed("out_order_no", trade_no),
    }


def _share(share: Share) -> dict[str, Any]:
    return fields.without_empty(
        {
            "royalty_type": "transfer",
            "trans_in_type": receiver_type(share.receiver_type),
            "trans_in": fields.needed("account", share.account),
            "trans_in_name": fields.plain("name", share.name),
            "amount": fields.yuan("amount", share.amount),
            "desc": fields.plain("description", share.description),
        }
    )


def decode_allocate(command: Allocate, response: Response, account: Account) -> Result:
    """10000 accepts the whole request; what each receiver got only the settle query says."""

    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "trade_no", command.out_order_no)
        return Result(
            outcome=Outcome.PENDING,
            state=AllocationState.PROCESSING,
            out_no=text(data, "settle_no"),
        )

    return read_answer(command.kind, SETTLE, response, account, read=read)


def encode_finish(command: FinishAllocation, account: Account, *, now: datetime) -> Request:
    """ "如果指定完结分账，则…会把该笔交易的剩余冻结金额全额解冻". Sent without receivers, which is
    inferred: the page shows it only together with a share."""
    biz_content = {
        **_numbers(command.finish_no, command.out_order_no),
        "extend_params": {"royalty_finish": "true"},
    }
    return fields.signed_request(SETTLE, biz_content, account, now=now)


def decode_finish(command: FinishAllocation, response: Response, account: Account) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "trade_no", command.out_order_no)
        return Result(
            outcome=Outcome.DONE,
            state=AllocationState.FINISHED,
            out_no=text(data, "settle_no"),
        )

    return read_answer(command.kind, SETTLE, response, account, read=read)


# --- questions ----------------------------------------------------------------------------


def encode_query(command: QueryAllocation, account: Account, *, now: datetime) -> Request:
    """By our number, which needs the trade's; by Alipay's where that is all there is."""
    if command.out_order_no or not command.out_allocation_no:
        number = _numbers(command.allocation_no, command.out_order_no)
    else:
        number = {"settle_no": fields.plain("out_allocation_no", command.out_allocation_no)}
    return fields.signed_request(QUERY, number, account, now=now)


def decode_query(command: QueryAllocation, response: Response, account: Account) -> Result:
    """Over only when every share that we asked for has a result of its own."""

    def read(data: Mapping[str, Any]) -> Result:
        expect_if_named(data, "out_request_no", command.allocation_no)
        found = tuple(
            result
            for detail in entries(data, "royalty_detail_list")
            if (result := _share_result(detail, command.shares)) is not None
        )
        told = {(one.receiver_type, one.account) for one in found}
        asked = {(share.receiver_type, share.account) for share in command.shares}
        is_over = asked <= told and all(one.state is not ShareState.PENDING for one in found)
        return Result(
            outcome=Outcome.DONE,
            state=AllocationState.FINISHED if is_over else AllocationState.PROCESSING,
            out_no=text(data, "settle_no") or command.out_allocation_no,
            finished_at=moment(data, "operation_dt") if is_over else None,
            shares=found,
        )

    return read_answer(command.kind, QUERY, response, account, read=read)


def _share_result(detail: Mapping[str, Any], shares: tuple[Share, ...]) -> ShareResult | None:
    """None for money that went another way (``replenish`` brings some, ``transfer_refund`` fetches
    some back) and for a kind of receiver that we cannot have asked for."""
    if text(detail, "operation_type") not in ("", "transfer"):
        return None
    account, kind = needed_text(detail, "trans_in"), text(detail, "trans_in_type")
    ours = _BY_WORD.get(kind) or next(
        (share.receiver_type for share in shares if share.account == account and not kind), None
    )
    if ours is None:
        return None
    word = needed_text(detail, "state")
    state = SHARE_STATES.get(word)
    if state is None:
        raise BadAnswer("UNKNOWN_STATE", f"state {word[:40]!r}")
    return ShareResult(
        receiver_type=ours,
        account=account,
        state=state,
        amount=fen(detail, "amount"),
        out_detail_no=text(detail, "detail_id"),
        code=text(detail, "error_code")[:64],
        message=text(detail, "error_desc")[:500],
        finished_at=moment(detail, "execute_dt") if state is not ShareState.PENDING else None,
    )


def encode_unshared(command: QueryUnshared, account: Account, *, now: datetime) -> Request:
    number = {"trade_no": fields.needed("out_order_no", command.out_order_no)}
    return fields.signed_request(UNSETTLED, number, account, now=now)


def decode_unshared(command: QueryUnshared, response: Response, account: Account) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        amount = fen(data, "unsettled_amount")
        if amount is None:
            raise BadAnswer("BAD_BODY", "unsettled_amount is missing")
        return Result(outcome=Outcome.DONE, amount=amount)

    return read_answer(command.kind, UNSETTLED, response, account, read=read)
