"""Money that goes out through WeChat Pay: each error's meaning, and what is kept of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from channels.base import (
    AllocationState,
    BillKind,
    Outcome,
    PayeeType,
    ReceiverType,
    RefundState,
    Request,
    Response,
    TransferState,
)
from channels.wechat.channel import WechatChannel
from tests.channels import wechat_cast as cast
from tests.channels import wechat_cast_out as out

CHANNEL = WechatChannel()
U: Any = (Outcome.UNKNOWN, None)
N: Any = (Outcome.NOT_SENT, None)
R: Any = (Outcome.REFUSED, None)
NO_BILL: Any = (Outcome.DONE, TransferState.NOT_FOUND)
NO_CANCEL: Any = (Outcome.REFUSED, TransferState.NOT_FOUND)
NO_SHARE: Any = (Outcome.DONE, AllocationState.NOT_FOUND)
OVER: Any = (Outcome.DONE, AllocationState.FINISHED)

KINDS = (
    "transfer",
    "query_transfer",
    "cancel_transfer",
    "allocate",
    "query_allocation",
    "finish_allocation",
    "return_share",
    "query_return",
    "query_unshared",
    "bind_receiver",
    "unbind_receiver",
)
TABLE: dict[tuple[int, str], tuple[Any, ...]] = {
    # transfer: create, query, cancel; allocation: share, query, finish; return, query; left;
    # receiver: bind, unbind
    (400, "PARAM_ERROR"): (U, N, R, R, N, R, R, N, N, R, R),
    (400, "INVALID_REQUEST"): (U, U, R, R, U, R, R, U, U, R, R),
    (401, "SIGN_ERROR"): (N, N, N, N, N, N, N, N, N, N, N),
    (403, "NO_AUTH"): (U, N, R, R, N, R, R, N, N, R, R),
    (403, "NOT_ENOUGH"): (U, U, R, R, U, OVER, R, U, U, R, R),
    (403, "NOTENOUGH"): (U, U, R, R, U, OVER, R, U, U, R, R),
    (403, "RULE_LIMIT"): (U, U, R, R, U, R, R, U, U, R, R),
    (400, "ALREADY_EXISTS"): (U, U, U, U, U, U, U, U, U, U, U),
    (404, "NOT_FOUND"): (U, NO_BILL, NO_CANCEL, U, U, U, U, U, U, U, U),
    (404, "RESOURCE_NOT_EXISTS"): (U, U, U, U, NO_SHARE, U, U, NO_SHARE, U, U, OVER),
    (429, "FREQUENCY_LIMITED"): (U, N, U, U, N, U, U, N, N, N, N),
    (429, "FREQUENCY_LIMIT_EXCEED"): (U, N, U, U, N, U, U, N, N, N, N),
    (429, "RATELIMIT_EXCEEDED"): (U, N, U, U, N, U, U, N, N, N, N),
    (429, "RATELIMIT_EXCEED"): (U, N, U, U, N, U, U, N, N, N, N),
    (403, "FREQUENCY_LIMITED"): (U, N, U, U, N, U, U, N, N, N, N),
    (500, "SYSTEM_ERROR"): (U, U, U, U, U, U, U, U, U, U, U),
    (500, "SYSTEMERROR"): (U, U, U, U, U, U, U, U, U, U, U),
    (400, "SYSTEM_ERROR"): (U, U, U, U, U, U, U, U, U, U, U),
    (500, "NOT_ENOUGH"): (U, U, U, U, U, U, U, U, U, U, U),
    (502, "SERVICE_UNAVAILABLE"): (U, U, U, U, U, U, U, U, U, U, U),
    (202, "PARAM_ERROR"): (U, U, U, U, U, U, U, U, U, U, U),
    (400, "A_CODE_OF_TOMORROW"): (U, U, U, U, U, U, U, U, U, U, U),
}


def decode(kind: str, response: Response) -> Any:
    return CHANNEL.decode(
        out.COMMANDS[kind], response, cast.account(), now=cast.NOW, nonce=cast.NONCE
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("status", "code"), list(TABLE))
def test_error_table(status: int, code: str, kind: str) -> None:
    result = decode(kind, cast.error(status, code))
    assert (result.outcome, result.state) == TABLE[status, code][KINDS.index(kind)]
    assert (result.code, result.message, result.request_id) == (code, "说明", "08E6-268512771")


def test_no_error_ever_ends_a_transfer() -> None:
    """Whatever a create is answered with, the number is kept and the bill is asked about."""
    column = {entry[0] for entry in TABLE.values()}
    assert column == {U, N}
    assert [code for code, entry in TABLE.items() if entry[0] is N] == [(401, "SIGN_ERROR")]


@pytest.mark.parametrize("kind", ["allocate", "finish_allocation", "return_share"])
@pytest.mark.parametrize(
    "code", ["SYSTEM_ERROR", "SYSTEMERROR", "FREQUENCY_LIMITED", "RATELIMIT_EXCEEDED"]
)
@pytest.mark.parametrize("status", [400, 403, 429, 500])
def test_busy_profit_sharing_is_asked_about_and_never_sent_blindly(
    kind: str, code: str, status: int
) -> None:
    """Neither refused nor not sent, which repeat: "不要重复调用接口，否则可能造成资金损失"."""
    assert decode(kind, cast.error(status, code)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [201, 202, 301, 400, 404, 429, 500, 504])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"code":7}'])
def test_error_without_a_code_is_unknown(kind: str, status: int, body: bytes) -> None:
    result = decode(kind, Response(status=status, headers={}, body=body))
    assert (result.outcome, result.state, result.code) == (*U, f"HTTP_{status}")


# --- the way out of an abnormal refund ----------------------------------------------------


def test_abnormal_refund_says_the_way_out_wherever_it_is_told() -> None:
    answers = [
        CHANNEL.decode(
            command,
            cast.response(cast.refund_answer("ABNORMAL")),
            cast.account(),
            now=cast.NOW,
            nonce=cast.NONCE,
        )
        for command in (cast.refund(), cast.query_refund())
    ]
    body = cast.notification(cast.refund_notice("ABNORMAL"), event="REFUND.ABNORMAL")
    answers.append(CHANNEL.open_callback(body, cast.account()).result)
    for result in answers:
        assert (result.state, result.code) == (RefundState.FAILED, "ABNORMAL")
        assert "商户平台" in result.message and "merchant console" in result.message
        assert len(result.message) <= 256


@pytest.mark.parametrize("status", ["SUCCESS", "PROCESSING"])
def test_other_refunds_have_no_such_advice(status: str) -> None:
    result = CHANNEL.decode(
        cast.query_refund(),
        cast.response(cast.refund_answer(status)),
        cast.account(),
        now=cast.NOW,
        nonce=cast.NONCE,
    )
    assert result.message == ""


# --- what is kept of an exchange ----------------------------------------------------------


class Wire:
    def __init__(self, answer: Response) -> None:
        self.answer = answer
        self.sent: list[Request] = []

    def send(self, request: Request) -> Response:
        self.sent.append(request)
        return self.answer


ANSWERS: dict[str, Any] = {
    "transfer": out.created_bill(),
    "query_transfer": out.bill(),
    "allocate": out.allocation_answer(),
    "query_allocation": out.allocation_answer(),
    "bind_receiver": {
        "type": "PERSONAL_OPENID",
        "account": out.OPENID,
        "name": "hu89ohu89ohu89o",
        "relation_type": "STAFF",
    },
    "unbind_receiver": {"type": "PERSONAL_OPENID", "account": out.OPENID},
}


@pytest.mark.parametrize("kind", list(ANSWERS))
def test_no_exchange_names_a_person(kind: str) -> None:
    wire = Wire(cast.response(ANSWERS[kind]))
    result, exchange = CHANNEL.perform(
        out.COMMANDS[kind],
        cast.account(),
        transport=wire,  # type: ignore[arg-type]
        now=lambda: cast.NOW,
        nonce=lambda: cast.NONCE,
    )
    assert result.outcome is Outcome.DONE
    kept = exchange.request + exchange.response
    sealed = [
        value
        for text in (wire.sent[0].body.decode(), exchange.request)
        for value in _names(text)
        if len(value) > 100
    ]
    for secret in (out.OPENID, out.RECEIVER, "张三", "李四", "affffdd", "hu89o", *sealed):
        assert secret not in kept
    assert wire.sent[0].headers["Authorization"].split('signature="')[1] not in kept


def _names(text: str) -> list[str]:
    """Values of the members that hold a sealed name."""
    try:
        body = json.loads(text)
    except ValueError:
        return []
    entries = [body, *body.get("receivers", [])]
    return [entry[name] for entry in entries for name in ("name", "user_name") if name in entry]


# --- what is declared ---------------------------------------------------------------------


def test_wechat_declares_the_limits_of_transfers() -> None:
    limits = CHANNEL.capabilities
    assert limits.transfer and limits.transfer_cancel and limits.transfer_idempotent
    assert limits.payee_types == {PayeeType.OPENID}
    assert (limits.transfer_min, limits.transfer_query_days) == (10, 30)
    assert limits.transfer_remark_max == 32


def test_wechat_declares_the_limits_of_profit_sharing() -> None:
    limits = CHANNEL.capabilities
    assert limits.allocation and limits.allocation_finish and limits.allocation_return
    assert limits.receiver_types == {ReceiverType.MERCHANT_NO, ReceiverType.OPENID}
    assert limits.return_types == {ReceiverType.MERCHANT_NO}
    assert (limits.allocation_max_ratio, limits.allocation_max_receivers) == (3000, 50)
    assert (limits.allocation_max_count, limits.allocation_after) == (50, 60)
    assert (limits.allocation_days, limits.return_days) == (30, 180)
    assert limits.bills == {BillKind.TRADE, BillKind.FUND_FLOW}
