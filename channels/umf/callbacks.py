"""Notifications: checking, reading and acknowledging them. Called by ``channel.py``.

Integrators' page "交易结果通知"; ``orderId`` and ``refundOrderId`` for its ``partnerOrderId`` and
``refundPartnerOrderId`` [inferred], both spellings are read. They come at once, after 30, 300 and
1800 s, until a *signed* acknowledgement comes back. That signature needs the merchant's private
key, which only workers have: ``acknowledge`` is theirs, and the web process alone can only say that
it is not acknowledged yet. The notification is stored by then, and the later deliveries change
nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from channels.base import (
    Account,
    CallbackFact,
    CallbackRejected,
    EncodeError,
    Outcome,
    PayState,
    RefundState,
    Result,
)
from channels.umf import codes, signing
from channels.umf.account import Merchant, platform_key, signing_key
from channels.umf.answers import BadAnswer, fen, first_text, json_object, needed_text, text

FUNCTION = "PayResultNotify"
ORDER = ("orderId", "partnerOrderId")
REFUND = ("refundOrderId", "refundPartnerOrderId")
PAY_STATES: Mapping[str, PayState] = {
    "WAIT_BUYER_PAY": PayState.WAITING,
    "TRADE_SUCCESS": PayState.PAID,
    "TRADE_CANCEL": PayState.CANCELLED,
    "TRADE_CLOSED": PayState.CLOSED,
    "TRADE_FAIL": PayState.FAILED,
}
REFUND_STATES: Mapping[str, RefundState] = {
    "REFUND_SUCCESS": RefundState.SUCCESS,
    "REFUND_FAIL": RefundState.FAILED,
}


def verify(body: bytes, account: Account) -> str:
    """An id of what it says, for UMF gives none. reqDate and reqTime count too: a redelivery of
    another time is acknowledged with that time ("同请求数据"), and so is one of its own.

    Every member counts for the signature, known or not ("采用循环遍历的方法获取…所有字段"). The
    platform signs for all its merchants with one key, so that merId must be ours: else another
    merchant could pay itself under our order's number and forward us the notification.
    """
    data = _read(body)
    try:
        key = platform_key(account)
        ours = Merchant.of(account).mer_id
    except (ValueError, EncodeError) as error:
        raise CallbackRejected("BAD_ACCOUNT", f"verification: {error}") from None
    try:
        if not signing.is_signed(key, signing.asking(data), text(data, "sign")):
            raise CallbackRejected("BAD_SIGNATURE", "the signature does not fit the body")
        if text(data, "funCode") != FUNCTION:
            raise CallbackRejected("UNKNOWN_EVENT", f"funCode {text(data, 'funCode')[:40]!r}")
        if text(data, "merId") != ours:
            raise CallbackRejected("NOT_OURS", f"merId {text(data, 'merId')[:16]!r} is not ours")
        needed_text(data, "tradeState")
    except BadAnswer as error:
        raise CallbackRejected("BAD_BODY", error.message) from None
    return hashlib.sha256(signing.asking(data).encode()).hexdigest()[:40]


def _read(body: bytes) -> dict[str, Any]:
    try:
        return json_object(body)
    except BadAnswer as error:
        raise CallbackRejected("BAD_BODY", error.message) from None


def open_notification(body: bytes, account: Account) -> CallbackFact:
    """What a verified notification says."""
    data = _read(body)
    try:
        if text(data, "merId") != Merchant.of(account).mer_id:
            raise CallbackRejected("NOT_OURS", "merId is not ours")
        word = needed_text(data, "tradeState")
        order_no = first_text(data, *ORDER)
        if not order_no:
            raise CallbackRejected("BAD_BODY", "orderId is missing")
        if word in REFUND_STATES:
            return _refund(data, word, order_no)
        if word in PAY_STATES:
            return _payment(data, word, order_no)
    except BadAnswer as error:
        raise CallbackRejected(error.code, error.message) from None
    except EncodeError as error:
        raise CallbackRejected("BAD_ACCOUNT", f"{error.field_name}: {error.message}") from None
    raise CallbackRejected("UNKNOWN_STATE", f"tradeState {word[:40]!r}")


def _payment(data: Mapping[str, Any], word: str, order_no: str) -> CallbackFact:
    state = PAY_STATES[word]
    amount = fen(data, "amount")
    if state is PayState.PAID and amount is None:
        raise CallbackRejected("BAD_BODY", "paid, but without amount")
    result = Result(
        outcome=Outcome.DONE,
        state=state,
        out_no=text(data, "transactionId")[:64],
        amount=amount,
        channel_status=word,
    )
    return CallbackFact(kind="pay", our_no=order_no, result=result)


def _refund(data: Mapping[str, Any], word: str, order_no: str) -> CallbackFact:
    """``amount`` is "付款金额", the payment's, and so not reported as the refund's."""
    state = REFUND_STATES[word]
    result = Result(
        outcome=Outcome.DONE,
        state=state,
        code="REFUND_FAILED" if state is RefundState.FAILED else "",
        channel_status=word,
    )
    number = first_text(data, *REFUND)
    return CallbackFact(kind="refund", our_no=number, pay_order_no=order_no, result=result)


# --- acknowledging ------------------------------------------------------------------------


def acknowledge(body: bytes, account: Account) -> tuple[int, str, bytes]:
    """The signed acknowledgement: "成功接收到支付结果通知且验签成功，商户均应返回0000"."""
    data = _read(body)
    try:
        number = next((name for name in ORDER if text(data, name)), ORDER[0])
        names = ("funCode", "orderDate", number, "reqDate", "reqTime")
        answer = {name: text(data, name) for name in names}
    except BadAnswer as error:
        raise CallbackRejected("BAD_BODY", error.message) from None
    answer |= {"retCode": codes.OK, "retMsg": ""}
    answer["sign"] = signing.sign(signing_key(account), signing.answering(answer))
    return _json(answer)


def answer(*, accepted: bool, message: str = "") -> tuple[int, str, bytes]:
    """What can be said without a key: never 0000, which counts only with a signature."""
    if accepted:
        waits = {"retCode": codes.SYSTEM_ERROR, "retMsg": "stored, not acknowledged yet"}
        return _json(waits, status=202)
    return _json({"retCode": codes.SYSTEM_ERROR, "retMsg": message[:128]}, status=400)


def _json(data: Mapping[str, str], *, status: int = 200) -> tuple[int, str, bytes]:
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    return status, "application/json", body
