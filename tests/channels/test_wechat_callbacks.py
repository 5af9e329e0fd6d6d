"""Notifications: what is believed, what is rejected and with which alarm."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from channels.base import (
    Account,
    CallbackFact,
    CallbackRejected,
    Outcome,
    PayState,
    RefundState,
    Result,
)
from channels.wechat.channel import WechatChannel
from tests.channels import wechat_cast as cast

CHANNEL = WechatChannel()
BODY = cast.notification(cast.transaction())
WEB = cast.account(secrets={})
"""The account as the web process has it."""


def verify(headers: dict[str, str], body: bytes = BODY, account: Account = WEB) -> str:
    return CHANNEL.verify_callback(headers, body, account, now=cast.NOW)


def rejected(
    headers: dict[str, str], body: bytes = BODY, account: Account = WEB
) -> CallbackRejected:
    with pytest.raises(CallbackRejected) as caught:
        verify(headers, body, account)
    return caught.value


def test_true_notification_verifies_without_any_secret() -> None:
    assert verify(cast.signed_headers(BODY)) == "EV-2018022511223320873"


def test_header_names_may_have_any_case() -> None:
    headers = {name.upper(): value for name, value in cast.signed_headers(BODY).items()}
    assert verify(headers) == "EV-2018022511223320873"


def test_signature_type_header_may_be_absent() -> None:
    headers = cast.signed_headers(BODY)
    del headers["Wechatpay-Signature-Type"]
    assert verify(headers) == "EV-2018022511223320873"


def test_both_kinds_of_key_are_accepted_during_the_switch() -> None:
    account = cast.account(secrets={}, platform_certificates=cast.CERTIFICATE_PEM)
    old = cast.signed_headers(BODY, key=cast.platform_key, serial=f"{cast.PLATFORM_SERIAL:X}")
    assert verify(old, account=account) == "EV-2018022511223320873"
    assert verify(cast.signed_headers(BODY), account=account) == "EV-2018022511223320873"


@pytest.mark.parametrize(
    ("changes", "code", "alarm"),
    [
        ({"Wechatpay-Signature": "WECHATPAY/SIGNTEST/AAAA"}, "SIGNTEST", False),
        ({"Wechatpay-Signature": "AAAA"}, "BAD_SIGNATURE", True),
        ({"Wechatpay-Serial": "PUB_KEY_ID_1"}, "UNKNOWN_SERIAL", True),
        ({"Wechatpay-Timestamp": "1"}, "STALE", True),
        ({"Wechatpay-Timestamp": "-1"}, "STALE", True),
        ({"Wechatpay-Signature-Type": "WECHATPAY2-SM2-WITH-SM3"}, "SIGNATURE_TYPE", True),
    ],
)
def test_forged_notification_is_rejected(changes: dict[str, str], code: str, alarm: bool) -> None:
    error = rejected({**cast.signed_headers(BODY), **changes})
    assert (error.code, error.alarm) == (code, alarm)


@pytest.mark.parametrize("skew", [-301, 301])
def test_replayed_notification_is_rejected(skew: int) -> None:
    assert rejected(cast.signed_headers(BODY, stamp=cast.STAMP + skew)).code == "STALE"


def test_changed_body_is_rejected() -> None:
    assert rejected(cast.signed_headers(BODY), BODY + b" ").code == "BAD_SIGNATURE"


def test_missing_headers_say_what_strips_them() -> None:
    error = rejected({"Content-Type": "application/json"})
    assert error.code == "MISSING_HEADERS"
    assert "proxy" in error.message


def test_v2_xml_notification_is_rejected_and_explained() -> None:
    body = b"<xml><return_code>SUCCESS</return_code></xml>"
    error = rejected({"Content-Type": "text/xml"}, body)
    assert error.code == "V2_XML"
    assert "merchant console" in error.message


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"{}", b'{"id":7}', b"\xff"])
def test_signed_body_that_is_no_notification_is_rejected(body: bytes) -> None:
    assert rejected(cast.signed_headers(body), body).code == "BAD_BODY"


def test_account_whose_keys_cannot_be_read_is_named() -> None:
    account = cast.account(secrets={}, public_key_pem="broken")
    assert rejected(cast.signed_headers(BODY), account=account).code == "BAD_ACCOUNT"


# --- opening ------------------------------------------------------------------------------


def open_rejected(body: bytes, account: Account | None = None) -> CallbackRejected:
    with pytest.raises(CallbackRejected) as caught:
        CHANNEL.open_callback(body, account or cast.account())
    return caught.value


def test_payment_notification_opens_to_the_fact() -> None:
    assert CHANNEL.open_callback(BODY, cast.account()) == CallbackFact(
        kind="pay",
        our_no=cast.ORDER_NO,
        result=Result(
            outcome=Outcome.DONE,
            state=PayState.PAID,
            message="支付成功",
            out_no=cast.OUT_NO,
            amount=8801,
            finished_at=datetime(2026, 11, 20, 4, 0, 5, tzinfo=UTC),
            channel_status="SUCCESS",
        ),
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("SUCCESS", RefundState.SUCCESS),
        ("ABNORMAL", RefundState.FAILED),
        ("CLOSED", RefundState.CLOSED),
    ],
)
def test_refund_notification_opens_to_the_fact(status: str, state: RefundState) -> None:
    body = cast.notification(cast.refund_notice(status), event=f"REFUND.{status}")
    fact = CHANNEL.open_callback(body, cast.account())
    assert (fact.kind, fact.our_no, fact.pay_order_no) == (
        "refund",
        cast.REFUND_NO,
        cast.ORDER_NO,
    )
    assert (fact.result.outcome, fact.result.state) == (Outcome.DONE, state)
    assert (fact.result.amount, fact.result.out_no) == (2640, cast.OUT_REFUND_NO)


def test_reset_apiv3_key_is_said_in_so_many_words() -> None:
    body = cast.notification(cast.transaction(), key="z" * 32)
    error = open_rejected(body)
    assert (error.code, error.alarm) == ("APIV3_KEY_MISMATCH", True)
    assert "APIv3 key was reset" in error.message


def test_process_without_the_apiv3_key_cannot_open() -> None:
    assert open_rejected(BODY, WEB).code == "NO_APIV3_KEY"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (cast.transaction(mchid="1900000001"), "ANSWER_MISMATCH"),
        (cast.transaction(appid="wx0000000000000000"), "ANSWER_MISMATCH"),
        (cast.transaction(out_trade_no=None), "BAD_BODY"),
        (cast.transaction("SOMETHING_NEW"), "UNKNOWN_STATE"),
        (cast.transaction(amount={"total": 88.01}), "BAD_BODY"),
    ],
)
def test_payment_notification_that_is_not_ours_is_rejected(data: dict[str, Any], code: str) -> None:
    assert open_rejected(cast.notification(data)).code == code


def test_refund_notification_of_another_merchant_is_rejected() -> None:
    data = cast.refund_notice(mchid="1900000001")
    body = cast.notification(data, event="REFUND.SUCCESS")
    assert open_rejected(body).code == "ANSWER_MISMATCH"


def changed(**members: Any) -> bytes:
    return cast.dumped({**json.loads(BODY), **members})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (changed(event_type="PAYSCORE.USER_PAID"), "UNKNOWN_EVENT"),
        (changed(event_type=None), "BAD_BODY"),
        (changed(resource=None), "BAD_BODY"),
        (changed(resource={"algorithm": "AEAD_SM4_GCM"}), "BAD_BODY"),
        (changed(resource={"algorithm": "AEAD_AES_256_GCM", "nonce": 3}), "BAD_BODY"),
        (
            changed(
                resource={
                    "algorithm": "AEAD_AES_256_GCM",
                    "nonce": "fdasflkja484",
                    "ciphertext": "no base64!",
                }
            ),
            "BAD_BODY",
        ),
        (changed(resource=cast.sealed(b"no json")), "BAD_BODY"),
        (b"not json", "BAD_BODY"),
    ],
)
def test_notification_that_cannot_be_read_is_rejected_not_raised(body: bytes, code: str) -> None:
    assert open_rejected(body).code == code


# --- answering ----------------------------------------------------------------------------


def test_acknowledgement_is_204_without_a_body() -> None:
    assert CHANNEL.callback_answer(accepted=True) == (204, "application/json", b"")


def test_refusal_is_4xx_with_the_provider_s_envelope() -> None:
    status, content_type, body = CHANNEL.callback_answer(accepted=False, message="验签失败")
    assert (status, content_type) == (400, "application/json")
    assert json.loads(body) == {"code": "FAIL", "message": "验签失败"}
