"""Notifications: believed only when signed, told apart, and read as the fact that they are."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

import pytest

from channels.alipay import keys
from channels.alipay.channel import AlipayChannel
from channels.base import (
    Account,
    CallbackFact,
    CallbackRejected,
    Outcome,
    PayState,
    RefundState,
    Result,
)
from tests.channels import alipay_cast as cast

WEB = cast.account(secrets={})


def verify(body: bytes, account: Account = WEB) -> str:
    return AlipayChannel().verify_callback({}, body, account, now=cast.NOW)


def opened(body: bytes, account: Account = WEB) -> CallbackFact:
    return AlipayChannel().open_callback(body, account)


def rejected(body: bytes, account: Account = WEB) -> tuple[str, str]:
    """The codes of the web process and of the worker, which does not trust it."""
    codes = []
    for look in (verify, opened):
        with pytest.raises(CallbackRejected) as caught:
            look(body, account)
        codes.append(caught.value.code)
    return codes[0], codes[1]


PART = {
    "gmt_refund": "2026-11-20 12:05:00.123",
    "refund_fee": "26.40",
    "out_biz_no": cast.REFUND_NO,
}
WHOLE = {"gmt_payment": "2026-11-20 12:00:05", **PART, "refund_fee": "88.01"}


# --- facts --------------------------------------------------------------------------------


def test_payment_is_told_with_total_number_and_utc_time() -> None:
    assert opened(cast.notice()) == CallbackFact(
        kind="pay",
        our_no=cast.ORDER_NO,
        result=Result(
            outcome=Outcome.DONE,
            state=PayState.PAID,
            out_no=cast.TRADE_NO,
            amount=8801,
            finished_at=datetime(2026, 11, 20, 4, 0, 5, tzinfo=UTC),
            channel_status="TRADE_SUCCESS",
        ),
    )


@pytest.mark.parametrize("body", [cast.notice(**PART), cast.notice("TRADE_CLOSED", **WHOLE)])
def test_refund_is_told_as_a_refund_and_not_as_a_payment_or_a_closing(body: bytes) -> None:
    fact = opened(body)
    assert (fact.kind, fact.our_no, fact.pay_order_no) == (
        "refund",
        cast.REFUND_NO,
        cast.ORDER_NO,
    )
    assert fact.result == Result(
        outcome=Outcome.DONE,
        state=RefundState.SUCCESS,
        out_no=cast.REFUND_NO,
        finished_at=datetime(2026, 11, 20, 4, 5, 0, 123_000, tzinfo=UTC),
        channel_status=fact.result.channel_status,
    )


def test_amount_of_a_refund_is_never_the_cumulative_one() -> None:
    assert opened(cast.notice(**{**PART, "refund_fee": "52.80"})).result.amount is None


@pytest.mark.parametrize(
    "body",
    [
        cast.notice(refund_fee="26.40"),
        cast.notice(gmt_refund="2026-11-20 12:05:00.123"),
        cast.notice("TRADE_FINISHED", gmt_refund="2026-11-20 12:05:00.123"),
        cast.notice("TRADE_CLOSED", gmt_payment="2026-11-20 12:00:05"),
    ],
)
def test_refund_without_a_number_has_the_order_s(body: bytes) -> None:
    """As documented for out_request_no; ours always have one, so this is somebody else's."""
    fact = opened(body)
    assert (fact.kind, fact.our_no, fact.pay_order_no) == (
        "refund",
        cast.ORDER_NO,
        cast.ORDER_NO,
    )
    assert fact.result.state is RefundState.SUCCESS


@pytest.mark.parametrize("fee", ["0.00", "0", ""])
def test_refund_of_nothing_is_no_refund(fee: str) -> None:
    fact = opened(cast.notice(refund_fee=fee, out_biz_no=cast.REFUND_NO))
    assert (fact.kind, fact.result.state) == ("pay", PayState.PAID)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("WAIT_BUYER_PAY", PayState.WAITING),
        ("TRADE_FINISHED", PayState.PAID),
        ("TRADE_CLOSED", PayState.CLOSED),
    ],
)
def test_other_states_of_a_payment(status: str, state: PayState) -> None:
    fact = opened(cast.notice(status, gmt_close="2026-11-20 12:31:00"))
    assert (fact.kind, fact.our_no, fact.pay_order_no) == ("pay", cast.ORDER_NO, "")
    assert (fact.result.state, fact.result.amount) == (state, 8801)
    closed_at = datetime(2026, 11, 20, 4, 31, tzinfo=UTC)
    assert (fact.result.finished_at == closed_at) is (state is PayState.CLOSED)


# --- telling them apart -------------------------------------------------------------------


def test_repeat_of_a_notification_has_the_same_id() -> None:
    assert verify(cast.notice()) == verify(cast.notice(notify_time="2026-11-20 12:04:06"))


def test_facts_that_share_a_notify_id_have_ids_of_their_own() -> None:
    bodies = [
        cast.notice("WAIT_BUYER_PAY"),
        cast.notice(),
        cast.notice(**PART),
        cast.notice(**{**PART, "out_biz_no": "R2", "refund_fee": "52.80"}),
        cast.notice("TRADE_CLOSED", **WHOLE),
        cast.notice(trade_no="2026112022001400000000000002"),
    ]
    ids = [verify(body) for body in bodies]
    assert len(set(ids)) == len(ids)
    assert all(one.startswith("2026112000222093103081075000000001-") for one in ids)


def test_id_fits_the_inbox() -> None:
    assert len(verify(cast.notice(notify_id="9" * 500))) <= 128


# --- what is not believed -----------------------------------------------------------------


def changed(body: bytes, **changes: str | None) -> bytes:
    """The fields changed after signing; None takes one away."""
    fields = {**dict(parse_qsl(body.decode(), keep_blank_values=True)), **changes}
    return urlencode({name: value for name, value in fields.items() if value is not None}).encode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (changed(cast.notice(), total_amount="0.01"), "BAD_SIGNATURE"),
        (changed(cast.notice(), extra="1"), "BAD_SIGNATURE"),
        (changed(cast.notice(), extra=""), "BAD_SIGNATURE"),
        (changed(cast.notice(), subject=None), "BAD_SIGNATURE"),
        (changed(cast.notice(), sign="AAAA"), "BAD_SIGNATURE"),
        (changed(cast.notice(), sign="no base64!"), "BAD_SIGNATURE"),
        (changed(cast.notice(), sign=""), "NO_SIGNATURE"),
        (changed(cast.notice(), sign=None), "NO_SIGNATURE"),
        (changed(cast.notice(), sign_type="RSA"), "SIGNATURE_TYPE"),
        (changed(cast.notice(), sign_type=None), "SIGNATURE_TYPE"),
        (cast.notice(key=cast.app_key), "BAD_SIGNATURE"),
        (cast.notice() + b"&total_amount=0.01", "BAD_BODY"),
        (cast.notice() + b"&&", "BAD_BODY"),
        (cast.notice().replace(b"%E6", b"%FF"), "BAD_BODY"),
        (cast.notice() + b"&a=" + "签".encode(), "BAD_BODY"),
        (b"&".join(b"a%d=1" % number for number in range(200)), "BAD_BODY"),
        (b"<xml></xml>", "BAD_BODY"),
        (b'{"sign":"x"}', "BAD_BODY"),
        (b"\xff\xfe", "BAD_BODY"),
        (b"", "SIGNATURE_TYPE"),
    ],
)
def test_notification_that_is_not_alipay_s_is_rejected(body: bytes, code: str) -> None:
    assert rejected(body) == (code, code)


def test_empty_fields_are_signed_too() -> None:
    assert opened(cast.notice(body="", gmt_refund="")).kind == "pay"
    assert rejected(changed(cast.notice(memo=""), memo=None)) == ("BAD_SIGNATURE",) * 2


def test_notification_without_an_id_is_rejected_by_the_door() -> None:
    with pytest.raises(CallbackRejected) as caught:
        verify(cast.notice(notify_id=""))
    assert caught.value.code == "BAD_BODY"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (cast.notice(app_id="2014072300000000"), "ANSWER_MISMATCH"),
        (cast.notice(app_id=""), "BAD_BODY"),
        (cast.notice(seller_id="2088000000000000"), "ANSWER_MISMATCH"),
        (cast.notice(seller_id=""), "BAD_BODY"),
        (cast.notice(notify_type="open_app_auth_notify"), "UNKNOWN_EVENT"),
        (cast.notice("SOMETHING_NEW"), "UNKNOWN_STATE"),
        (cast.notice(trade_status=""), "BAD_BODY"),
        (cast.notice(total_amount="88.011"), "BAD_BODY"),
        (cast.notice(total_amount=""), "BAD_BODY"),
        (cast.notice(out_trade_no=""), "BAD_BODY"),
        (cast.notice(trade_no=""), "BAD_BODY"),
        (cast.notice(gmt_payment="yesterday"), "BAD_BODY"),
        (cast.notice(refund_fee="many"), "BAD_BODY"),
        (cast.notice(**{**PART, "gmt_refund": "yesterday"}), "BAD_BODY"),
    ],
)
def test_signed_notification_that_is_not_ours_or_not_understood_is_rejected_when_opened(
    body: bytes, code: str
) -> None:
    assert verify(body)
    with pytest.raises(CallbackRejected) as caught:
        opened(body)
    assert caught.value.code == code


def test_seller_is_not_asked_for_where_the_account_does_not_say() -> None:
    account = cast.account(seller_id="")
    assert opened(cast.notice(seller_id="2088000000000000"), account).kind == "pay"


@pytest.mark.parametrize(
    "config", [{"alipay_public_key_pem": ""}, {"alipay_public_key_pem": "broken"}]
)
def test_account_without_a_readable_key_believes_nothing(config: dict[str, str]) -> None:
    assert rejected(cast.notice(), cast.account(**config)) == ("BAD_ACCOUNT",) * 2


def test_account_without_an_application_opens_nothing() -> None:
    with pytest.raises(CallbackRejected) as caught:
        opened(cast.notice(), cast.account(app_id=""))
    assert caught.value.code == "BAD_ACCOUNT"


# --- certificates -------------------------------------------------------------------------

CERTIFIED = cast.account(
    cast.CERT_MODE, secrets={}, alipay_cert_pem=cast.ALIPAY_CERT + cast.NEW_ALIPAY_CERT
)
NEW_SN = keys.certificate_sn(cast.NEW_ALIPAY_CERT)


@pytest.mark.parametrize("cert_sn", [{}, {"alipay_cert_sn": NEW_SN}])
def test_certificate_mode_believes_each_certificate_that_it_holds(cert_sn: dict[str, str]) -> None:
    body = cast.notice(key=cast.new_alipay_key, **cert_sn)
    assert verify(body, CERTIFIED)
    assert opened(body, CERTIFIED).result.state is PayState.PAID


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (cast.notice(key=cast.root_key), "BAD_SIGNATURE"),
        (cast.notice(alipay_cert_sn=NEW_SN), "BAD_SIGNATURE"),
        (cast.notice(alipay_cert_sn="f" * 32), "UNKNOWN_CERT_SN"),
    ],
)
def test_certificate_mode_believes_no_other(body: bytes, code: str) -> None:
    assert rejected(body, CERTIFIED) == (code, code)


# --- the answer ---------------------------------------------------------------------------


def test_exactly_seven_characters_acknowledge() -> None:
    assert AlipayChannel().callback_answer(accepted=True) == (200, "text/plain", b"success")


def test_refusal_is_sent_again() -> None:
    status, kind, body = AlipayChannel().callback_answer(accepted=False, message="BAD_SIGNATURE")
    assert (status, kind, body) == (400, "text/plain", b"fail")
