"""UMF's notifications: what is believed, what is rejected, and who acknowledges."""

from __future__ import annotations

import json
from typing import Any

import pytest

from channels.base import (
    CallbackFact,
    CallbackRejected,
    EncodeError,
    Outcome,
    PayState,
    RefundState,
    Result,
)
from channels.umf import signing
from channels.umf.channel import UmfChannel
from tests.channels import umf_cast as cast

CHANNEL = UmfChannel()
WEB = cast.account(secrets={})
"""The account as the web process has it."""


def verify(body: bytes) -> str:
    return CHANNEL.verify_callback({}, body, WEB, now=cast.NOW)


def rejected(body: bytes, **config: str) -> CallbackRejected:
    with pytest.raises(CallbackRejected) as caught:
        CHANNEL.verify_callback({}, body, cast.account(secrets={}, **config), now=cast.NOW)
    return caught.value


def test_true_notification_verifies_without_any_secret() -> None:
    assert len(verify(cast.notice())) == 40


def test_same_words_have_the_same_id_and_others_another() -> None:
    """The acknowledgement repeats reqTime, so that another time needs another one."""
    first = verify(cast.notice())
    assert verify(cast.notice()) == first
    others = {
        verify(cast.notice(reqTime="120036")),
        verify(cast.notice("TRADE_CANCEL")),
        verify(cast.notice(orderId=cast.number("P")[:-1] + "T")),
        verify(cast.notice("REFUND_SUCCESS", refundOrderId="R1")),
        verify(cast.notice("REFUND_SUCCESS", refundOrderId="R2")),
    }
    assert len(others | {first}) == 6


def test_members_that_nobody_knows_count_for_the_signature() -> None:
    body = cast.notice(bankType="GDB_CREDIT", somethingNew="x")
    assert verify(body)
    changed = body.replace(b'"somethingNew": "x"', b'"somethingNew": "y"')
    assert changed != body
    assert rejected(changed).code == "BAD_SIGNATURE"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (cast.notice(key=cast.merchant_key), "BAD_SIGNATURE"),
        (cast.notice().replace(b"8888", b"8889"), "BAD_SIGNATURE"),
        (cast.notice().replace(b'"sign"', b'"seal"'), "BAD_SIGNATURE"),
        (cast.notice(funCode="SomethingElse"), "UNKNOWN_EVENT"),
        (cast.notice(tradeState=None), "BAD_BODY"),
        (b"", "BAD_BODY"),
        (b"hello", "BAD_BODY"),
        (b"[]", "BAD_BODY"),
        (b'{"a":1,"a":2}', "BAD_BODY"),
        (b"\xff", "BAD_BODY"),
    ],
)
def test_forged_or_broken_notification_is_rejected(body: bytes, code: str) -> None:
    error = rejected(body)
    assert (error.code, error.alarm) == (code, True)


@pytest.mark.parametrize("mer_id", ["30000103", "", None])
def test_notification_of_another_merchant_is_rejected_although_it_is_signed(mer_id: Any) -> None:
    """One key signs for all merchants: another could pay itself under our order's number."""
    body = cast.notice(merId=mer_id)
    assert rejected(body).code == "NOT_OURS"
    with pytest.raises(CallbackRejected) as caught:
        CHANNEL.open_callback(body, cast.account())
    assert caught.value.code == "NOT_OURS"


def test_account_whose_key_cannot_be_read_is_named() -> None:
    assert rejected(cast.notice(), platform_public_key_pem="broken").code == "BAD_ACCOUNT"


# --- opening ------------------------------------------------------------------------------


def test_payment_notification_opens_to_the_fact() -> None:
    assert CHANNEL.open_callback(cast.notice(), cast.account()) == CallbackFact(
        kind="pay",
        our_no=cast.ORDER_NO,
        result=Result(
            outcome=Outcome.DONE,
            state=PayState.PAID,
            out_no=cast.OUT_NO,
            amount=8888,
            channel_status="TRADE_SUCCESS",
        ),
    )


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("TRADE_CANCEL", PayState.CANCELLED),
        ("TRADE_CLOSED", PayState.CLOSED),
        ("TRADE_FAIL", PayState.FAILED),
        ("WAIT_BUYER_PAY", PayState.WAITING),
    ],
)
def test_each_trade_state_is_understood(word: str, state: PayState) -> None:
    fact = CHANNEL.open_callback(cast.notice(word), cast.account())
    assert (fact.kind, fact.result.state, fact.result.channel_status) == ("pay", state, word)


@pytest.mark.parametrize(
    ("word", "state"),
    [("REFUND_SUCCESS", RefundState.SUCCESS), ("REFUND_FAIL", RefundState.FAILED)],
)
@pytest.mark.parametrize("name", ["refundOrderId", "refundPartnerOrderId"])
def test_refund_notification_names_the_refund_and_not_its_amount(
    word: str, state: RefundState, name: str
) -> None:
    body = cast.notice(word, **{name: cast.REFUND_NO})
    fact = CHANNEL.open_callback(body, cast.account())
    assert (fact.kind, fact.our_no, fact.pay_order_no) == (
        "refund",
        cast.REFUND_NO,
        cast.ORDER_NO,
    )
    assert (fact.result.state, fact.result.amount) == (state, None)


def test_integrators_spelling_of_the_order_is_read_too() -> None:
    body = cast.notice(orderId=None, partnerOrderId=cast.ORDER_NO)
    assert verify(body)
    assert CHANNEL.open_callback(body, cast.account()).our_no == cast.ORDER_NO


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (cast.notice("SOMETHING_NEW"), "UNKNOWN_STATE"),
        (cast.notice(orderId=None), "BAD_BODY"),
        (cast.notice(amount=None), "BAD_BODY"),
        (cast.notice(amount="88.88"), "BAD_BODY"),
        (b"not json", "BAD_BODY"),
    ],
)
def test_notification_that_cannot_be_read_is_rejected_not_raised(body: bytes, code: str) -> None:
    with pytest.raises(CallbackRejected) as caught:
        CHANNEL.open_callback(body, cast.account())
    assert caught.value.code == code


# --- acknowledging ------------------------------------------------------------------------


def test_worker_s_acknowledgement_is_signed_with_the_merchant_s_key() -> None:
    status, content_type, body = CHANNEL.acknowledge(cast.notice(), cast.account())
    data = json.loads(body)
    assert (status, content_type, data["retCode"]) == (200, "application/json", "0000")
    plain = f"PayResultNotify|20261120|{cast.ORDER_NO}|20261120|120006|0000"
    assert signing.is_signed(cast.merchant_key.public_key(), plain, data["sign"])


def test_web_process_cannot_acknowledge_and_says_so() -> None:
    with pytest.raises(EncodeError) as caught:
        CHANNEL.acknowledge(cast.notice(), WEB)
    assert caught.value.field_name == "merchant_private_key_pem"
    assert CHANNEL.capabilities.acks_by_worker
    status, _, body = CHANNEL.callback_answer(accepted=True)
    assert (status, json.loads(body)["retCode"]) == (202, "9999")
    assert b"0000" not in body and b"sign" not in body


def test_refusal_says_why_and_never_0000() -> None:
    status, content_type, body = CHANNEL.callback_answer(accepted=False, message="BAD_SIGNATURE")
    assert (status, content_type) == (400, "application/json")
    assert json.loads(body) == {"retCode": "9999", "retMsg": "BAD_SIGNATURE"}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"funCode":[1]}'])
def test_what_cannot_be_read_is_not_acknowledged(body: bytes) -> None:
    with pytest.raises(CallbackRejected):
        CHANNEL.acknowledge(body, cast.account())
