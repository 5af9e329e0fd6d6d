"""Profit sharing (分账): share, ask, finish, what is left. Pure; called by ``channel.py``.

Provider's pages: "请求分账", "查询分账结果", "解冻剩余资金", "查询剩余待分金额". All of it is
asynchronous: 200 means accepted, FINISHED that processing is over, and only ``result`` of each
receiver says who got money. ``returns.py`` fetches shares back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

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
from channels.wechat import fields, sealing
from channels.wechat.account import Merchant
from channels.wechat.answers import (
    BadAnswer,
    expect,
    moment,
    needed_text,
    objects,
    read_answer,
    text,
    whole,
)

RECEIVERS: Mapping[ReceiverType, str] = {
    ReceiverType.MERCHANT_NO: "MERCHANT_ID",
    ReceiverType.OPENID: "PERSONAL_OPENID",
}
_RECEIVERS = {word: kind for kind, word in RECEIVERS.items()}
STATES: Mapping[str, AllocationState] = {
    "PROCESSING": AllocationState.PROCESSING,
    "FINISHED": AllocationState.FINISHED,
}
SHARES: Mapping[str, ShareState] = {
    "PENDING": ShareState.PENDING,
    "SUCCESS": ShareState.SUCCESS,
    "CLOSED": ShareState.FAILED,  # Failed; the money is ours, and frozen until it is set free.
}
REASONS: Mapping[str, str] = {
    "ACCOUNT_ABNORMAL": "分账接收账户异常 The receiver's account cannot take money.",
    "NO_RELATION": "分账关系已解除 The receiver is not bound (any more): bind it, then share anew.",
    "RECEIVER_HIGH_RISK": "高风险接收方 WeChat Pay holds this receiver for a risk.",
    "RECEIVER_REAL_NAME_NOT_VERIFIED": "接收方未实名 The receiver has not proved its name.",
    "NO_AUTH": "分账权限已解除 The permission to share is gone.",
    "RECEIVER_RECEIPT_LIMIT": "接收方已达收款限额 The receiver has reached its limit.",
    "PAYER_ACCOUNT_ABNORMAL": "分出方账户异常 The account that pays the share is not in order.",
    "INVALID_REQUEST": "描述参数设置失败 WeChat Pay could not process this share.",
}
MOST = 50


# --- requests -----------------------------------------------------------------------------


def encode_allocate(command: Allocate, account: Account, *, now: datetime, nonce: str) -> Request:
    """A repeat carries the same receivers: "分账接收方与原请求不一致" refuses others."""
    if not 1 <= len(command.shares) <= MOST:
        raise EncodeError("shares", f"must name 1 to {MOST} receivers")
    if len({(share.receiver_type, share.account) for share in command.shares}) < len(
        command.shares
    ):
        raise EncodeError("shares", "name a receiver twice")
    sealed_with = ""
    receivers = []
    for share in command.shares:
        receiver, serial = _receiver(share, account, now=now)
        receivers.append(receiver)
        sealed_with = sealed_with or serial
    payload = {
        "appid": Merchant.of(account).appid,
        "transaction_id": fields.needed("out_order_no", command.out_order_no),
        "out_order_no": fields.share_no("allocation_no", command.allocation_no),
        "receivers": receivers,
        "unfreeze_unsplit": command.finishes,
    }
    return fields.signed_request(
        "POST",
        "/v3/profitsharing/orders",
        payload,
        account=account,
        now=now,
        nonce=nonce,
        sealed_with=sealed_with,
    )


def _receiver(share: Share, account: Account, *, now: datetime) -> tuple[dict[str, Any], str]:
    serial, sealed = "", ""
    if share.name:
        sealed, serial = sealing.seal("name", share.name, account, now=now)
    receiver = {
        "type": receiver_word(share.receiver_type),
        "account": fields.needed("account", share.account),
        "name": sealed,
        "amount": fields.fen("amount", share.amount),
        "description": fields.at_most("description", share.description, 80),
    }
    return fields.without_empty(receiver), serial


def receiver_word(kind: ReceiverType) -> str:
    if kind not in RECEIVERS:
        raise EncodeError("receiver_type", f"WeChat Pay has no receiver of type {kind}")
    return RECEIVERS[kind]


def encode_query(
    command: QueryAllocation, account: Account, *, now: datetime, nonce: str
) -> Request:
    """The number of an allocation or of a finish."""
    number = fields.in_path(fields.share_no("allocation_no", command.allocation_no))
    order = fields.in_path(fields.needed("out_order_no", command.out_order_no))
    target = f"/v3/profitsharing/orders/{number}?transaction_id={order}"
    return fields.signed_request("GET", target, None, account=account, now=now, nonce=nonce)


def encode_finish(
    command: FinishAllocation, account: Account, *, now: datetime, nonce: str
) -> Request:
    """The number must be new: with an allocation's own it "succeeds" and frees nothing."""
    payload = {
        "transaction_id": fields.needed("out_order_no", command.out_order_no),
        "out_order_no": fields.share_no("finish_no", command.finish_no),
        "description": fields.at_most("description", command.description, 80),
    }
    target = "/v3/profitsharing/orders/unfreeze"
    return fields.signed_request("POST", target, payload, account=account, now=now, nonce=nonce)


def encode_unshared(
    command: QueryUnshared, account: Account, *, now: datetime, nonce: str
) -> Request:
    order = fields.in_path(fields.needed("out_order_no", command.out_order_no))
    target = f"/v3/profitsharing/transactions/{order}/amounts"
    return fields.signed_request("GET", target, None, account=account, now=now, nonce=nonce)


# --- answers ------------------------------------------------------------------------------


def decode_allocation(
    command: Allocate | QueryAllocation | FinishAllocation,
    response: Response,
    account: Account,
    *,
    now: datetime,
) -> Result:
    """All three are answered with the allocation as it stands."""
    asks = isinstance(command, QueryAllocation)
    number = command.finish_no if isinstance(command, FinishAllocation) else command.allocation_no
    shares = () if isinstance(command, FinishAllocation) else command.shares

    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "transaction_id", command.out_order_no)
        expect(data, "out_order_no", number)
        result = _read(data, ours=Merchant.of(account).mchid, shares=shares)
        working = result.state is AllocationState.PROCESSING and not asks
        return replace(result, outcome=Outcome.PENDING) if working else result

    return read_answer(command.kind, response, account, now=now, read=read)


def _read(data: Mapping[str, Any], *, ours: str, shares: tuple[Share, ...]) -> Result:
    word = needed_text(data, "state")
    state = STATES.get(word)
    if state is None:
        raise BadAnswer("UNKNOWN_STATE", f"state {word[:40]!r}")
    found = [_share(entry) for entry in objects(data, "receivers")]
    asked = {(share.receiver_type, share.account) for share in shares}
    # What a finish sets free for ourselves may be listed as a share of our own.
    kept = [entry for entry in found if entry.account != ours or _key(entry) in asked]
    if state is AllocationState.FINISHED and asked - {_key(entry) for entry in kept}:
        raise BadAnswer("ANSWER_MISMATCH", "finished, but a receiver has no result")
    return Result(
        outcome=Outcome.DONE,
        state=state,
        out_no=text(data, "order_id"),
        channel_status=word,
        shares=tuple(kept),
    )


def _key(entry: ShareResult) -> tuple[ReceiverType, str]:
    return entry.receiver_type, entry.account


def _share(entry: Mapping[str, Any]) -> ShareResult:
    kind, word = needed_text(entry, "type"), needed_text(entry, "result")
    if kind not in _RECEIVERS or word not in SHARES:
        raise BadAnswer("UNKNOWN_STATE", f"receiver {kind[:40]!r} with result {word[:40]!r}")
    state = SHARES[word]
    amount = whole(entry, "amount")
    if amount is None:
        raise BadAnswer("BAD_BODY", "a receiver without amount")
    reason = text(entry, "fail_reason")[:64] if state is ShareState.FAILED else ""
    return ShareResult(
        receiver_type=_RECEIVERS[kind],
        account=needed_text(entry, "account"),
        state=state,
        amount=amount,
        out_detail_no=text(entry, "detail_id"),
        code=reason or (word if state is ShareState.FAILED else ""),
        message=REASONS.get(reason, ""),
        finished_at=None if state is ShareState.PENDING else moment(entry, "finish_time"),
    )


def decode_unshared(
    command: QueryUnshared, response: Response, account: Account, *, now: datetime
) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "transaction_id", command.out_order_no)
        amount = whole(data, "unsplit_amount")
        if amount is None:
            raise BadAnswer("BAD_BODY", "unsplit_amount is missing")
        return Result(outcome=Outcome.DONE, out_no=command.out_order_no, amount=amount)

    return read_answer(command.kind, response, account, now=now, read=read)
