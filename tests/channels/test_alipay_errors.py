"""The whole table of refusals, each through a signed answer; and the ones that prove nothing."""

from __future__ import annotations

from typing import Any

import pytest

from channels.alipay import errors
from channels.alipay.channel import AlipayChannel
from channels.base import (
    AllocationState,
    Command,
    Outcome,
    PayState,
    RefundState,
    Response,
    Result,
    TransferState,
)
from tests.channels import alipay_cast as cast

DONE, REFUSED, NOT_SENT, UNKNOWN = (
    Outcome.DONE,
    Outcome.REFUSED,
    Outcome.NOT_SENT,
    Outcome.UNKNOWN,
)
KINDS = tuple(cast.COMMANDS)
QUESTIONS = {"query_pay", "query_refund", "query_transfer", "query_allocation", "query_unshared"}
PAYING, SETTLING = {"pay"}, {"allocate", "finish_allocation"}
BINDING = {"bind_receiver", "unbind_receiver"}
COMMANDS = set(KINDS) - QUESTIONS


def decode(command: Command, response: Response) -> Result:
    return AlipayChannel().decode(command, response, cast.account(), now=cast.NOW, nonce=cast.NONCE)


def refused(*kinds: str) -> dict[str, tuple[Outcome, Any]]:
    return dict.fromkeys(kinds, (REFUSED, None))


PARAMETER = refused(*COMMANDS) | dict.fromkeys(QUESTIONS, (NOT_SENT, None))
CONTRACT = refused(*PAYING, *SETTLING, *BINDING) | dict.fromkeys(QUESTIONS, (NOT_SENT, None))

BUSINESS: dict[str, dict[str, tuple[Outcome, Any]]] = {
    # sub_code: kind → outcome and state; a kind that is not named is UNKNOWN.
    "ACQ.INVALID_PARAMETER": PARAMETER,
    "INVALID_PARAMETER": PARAMETER,
    "aop.ACQ.INVALID_PARAMETER": PARAMETER,
    "ACQ.TRADE_NOT_EXIST": {
        "query_pay": (DONE, PayState.NOT_FOUND),
        "close_pay": (DONE, PayState.CLOSED),
        "cancel_pay": (DONE, PayState.CANCELLED),
        "query_refund": (DONE, RefundState.NOT_FOUND),
        "query_allocation": (DONE, AllocationState.NOT_FOUND),
    },
    "ORDER_NOT_EXIST": {"query_transfer": (DONE, TransferState.NOT_FOUND)},
    # Busy, in all its spellings.
    "ACQ.SYSTEM_ERROR": {},
    "AQC.SYSTEM_ERROR": {},
    "aop.ACQ.SYSTEM_ERROR": {},
    "SYSTEM_ERROR": {},
    "isp.unknow-error": {},
    "isp.system-error": {},
    "aop.unknow-error": {},
    "ACQ.TRADE_SETTLE_ERROR": {},
    "ACQ.FREQUENCY_LIMIT": {},
    "REQUEST_PROCESSING": {},
    # The number was used before: what for, the query says.
    "ACQ.TRADE_HAS_SUCCESS": {},
    "ACQ.CONTEXT_INCONSISTENT": {},
    "ACQ.TRADE_BUYER_NOT_MATCH": {},
    "ACQ.DISCORDANT_REPEAT_REQUEST": {},
    "PAYMENT_INFO_INCONSISTENCY": {},
    # Tomorrow.
    "ACQ.A_CODE_OF_TOMORROW": {},
    "": {},
    # Placing.
    **dict.fromkeys(("ACQ.ACCESS_FORBIDDEN", "ACQ.PARTNER_ERROR", "ACQ.PRODUCT_UNSIGN"), CONTRACT),
    **dict.fromkeys(
        (
            "ACQ.EXIST_FORBIDDEN_WORD",
            "ACQ.TOTAL_FEE_EXCEED",
            "ACQ.BUYER_SELLER_EQUAL",
            "ACQ.BUYER_ENABLE_STATUS_FORBID",
            "ACQ.SELLER_BEEN_BLOCKED",
            "ACQ.ERROR_BUYER_CERTIFY_LEVEL_LIMIT",
            "ACQ.SUB_MERCHANT_CREATE_FAIL",
            "ACQ.SUB_MERCHANT_TYPE_INVALID",
            "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR",
            "ACQ.PAYMENT_AUTH_CODE_INVALID",
            "ACQ.BUYER_BALANCE_NOT_ENOUGH",
            "ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH",
            "ACQ.ERROR_BALANCE_PAYMENT_DISABLE",
            "ACQ.PULL_MOBILE_CASHIER_FAIL",
            "ACQ.MOBILE_PAYMENT_SWITCH_OFF",
            "ACQ.PAYMENT_FAIL",
            "ACQ.PAYMENT_REQUEST_HAS_RISK",
            "ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE",
            "ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR",
            "ACQ.BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR",
            "ACQ.BEYOND_PAY_RESTRICTION",
            "ACQ.BEYOND_PER_RECEIPT_RESTRICTION",
            "ACQ.USER_FACE_PAYMENT_SWITCH_OFF",
        ),
        refused("pay"),
    ),
    # Ending.
    "ACQ.REASON_TRADE_STATUS_INVALID": refused("close_pay"),
    "ACQ.REASON_ILLEGAL_STATUS": refused("close_pay"),
    "ACQ.TRADE_STATUS_ERROR": refused("close_pay", "refund", *SETTLING),
    "ACQ.CANCEL_NOT_ALLOWED": refused("cancel_pay"),
    "ACQ.TRADE_CANCEL_TIME_OUT": refused("cancel_pay"),
    "ACQ.REASON_TRADE_BEEN_FREEZEN": refused("cancel_pay", "refund"),
    "ACQ.REASON_TRADE_REFUND_FEE_ERR": refused("cancel_pay", "refund"),
    "ACQ.SELLER_BALANCE_NOT_ENOUGH": refused("cancel_pay", "refund"),
    "ACQ.TRADE_HAS_FINISHED": refused("cancel_pay", "refund"),
    # Refunding.
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL": refused("refund"),
    "ACQ.TRADE_HAS_CLOSE": refused("refund"),
    "ACQ.TRADE_NOT_ALLOW_REFUND": refused("refund"),
    "ACQ.REFUND_FEE_ERROR": refused("refund"),
    # Sharing.
    "ACQ.ALLOC_AMOUNT_VALIDATE_ERROR": refused(*SETTLING),
    "ACQ.ROYALTY_RECEIVER_INVALID": refused(*SETTLING),
    "ACQ.USER_NOT_EXIST": refused(*BINDING),
    "ACQ.RECEIVER_LIST_EMPTY": refused(*BINDING),
    "ACQ.INVALID_RECEIVER_TYPE": refused(*BINDING),
    "ACQ.RELATION_QUANTITY_LIMIT": refused(*BINDING),
    # Paying out.
    **dict.fromkeys(
        (
            "PAYEE_NOT_EXIST",
            "PAYEE_USER_INFO_ERROR",
            "PAYEE_ACC_OCUPIED",
            "PAYER_BALANCE_NOT_ENOUGH",
            "BALANCE_IS_NOT_ENOUGH",
            "PAYER_STATUS_ERROR",
            "PERM_AML_NOT_REALNAME_REV",
            "EXCEED_LIMIT_PERSONAL_SM_AMOUNT",
            "EXCEED_LIMIT_ENT_SM_AMOUNT",
            "EXCEED_LIMIT_SM_MIN_AMOUNT",
            "EXCEED_LIMIT_DM_MAX_AMOUNT",
            "MEMO_REQUIRED_IN_TRANSFER_ERROR",
            "REMARK_HAS_SENSITIVE_WORD",
        ),
        refused("transfer"),
    ),
}

DOOR = dict.fromkeys(KINDS, (NOT_SENT, None))
FAULTY = refused(*COMMANDS) | dict.fromkeys(QUESTIONS, (NOT_SENT, None))
LIMITED = dict.fromkeys(QUESTIONS | BINDING | {"close_pay"}, (NOT_SENT, None))
GATEWAY: dict[tuple[str, str], dict[str, tuple[Outcome, Any]]] = {
    ("20000", "isp.unknow-error"): {},
    ("20000", "aop.unknow-error"): {},
    ("20000", "aop.ACQ.SYSTEM_ERROR"): {},
    ("20000", "ACQ.TRADE_NOT_EXIST"): {},
    ("20000", "isp.bill_not_exist"): {},
    ("20001", "aop.invalid-auth-token"): DOOR,
    ("40001", "isv.missing-signature"): DOOR,
    ("40001", "isv.missing-app-id"): DOOR,
    ("40001", "isv.missing-timestamp"): DOOR,
    ("40001", "isv.missing-version"): DOOR,
    ("40001", "isv.missing-method"): DOOR,
    ("40001", "isv.missing-signature-type"): DOOR,
    ("40001", "isv.missing-signature-key"): DOOR,
    ("40001", "isv.missing-app-cert-sn"): DOOR,
    ("40002", "isv.invalid-signature"): DOOR,
    ("40002", "isv.invalid-timestamp"): DOOR,
    ("40002", "isv.invalid-app-id"): DOOR,
    ("40002", "isv.invalid-method"): DOOR,
    ("40002", "isv.invalid-app-cert-sn"): DOOR,
    ("40001", "isv.missing-parameter"): FAULTY,
    ("40002", "isv.invalid-parameter"): FAULTY,
    ("40002", "ACQ.TRADE_NOT_EXIST"): {},
    ("40003", "isv.condition"): {},
    ("40005", "isv.app-call-limited"): LIMITED,
    ("40006", "isv.insufficient-isv-permissions"): FAULTY,
    ("10003", "ACQ.TRADE_NOT_EXIST"): {},
    ("99999", "isv.invalid-signature"): {},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sub_code", list(BUSINESS))
def test_business_error_table(sub_code: str, kind: str) -> None:
    outcome, state = BUSINESS[sub_code].get(kind, (UNKNOWN, None))
    result = decode(cast.COMMANDS[kind], cast.failure(kind, sub_code))
    assert (result.outcome, result.state) == (outcome, state)
    assert (result.code, result.message) == (sub_code or "40004", "说明")
    assert not result.pay_params and result.amount is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("code", "sub_code"), list(GATEWAY))
def test_gateway_error_table(code: str, sub_code: str, kind: str) -> None:
    outcome, state = GATEWAY[code, sub_code].get(kind, (UNKNOWN, None))
    response = cast.failure(kind, sub_code, code=code)
    result = decode(cast.COMMANDS[kind], response)
    assert (result.outcome, result.state, result.code) == (outcome, state, sub_code)
    stand_in = cast.failure(kind, sub_code, code=code, name="error_response")
    assert decode(cast.COMMANDS[kind], stand_in) == result


def test_every_word_of_the_tables_is_tested() -> None:
    ours = {errors.normal_code(word) for word in BUSINESS}
    listed = {word for table in errors.TABLES.values() for word in table}
    assert listed - ours == {errors.BILL_NOT_THERE}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "response",
    [
        {"sign": ""},
        {"sign": "AAAA"},
        {"sign": "no base64!"},
        {"key": cast.app_key},
        {"status": 500},
        {"status": 302},
    ],
)
@pytest.mark.parametrize(
    ("code", "sub_code"),
    [
        ("40004", "ACQ.TRADE_NOT_EXIST"),
        ("40004", "ACQ.INVALID_PARAMETER"),
        ("40002", "isv.invalid-signature"),
        ("40006", "isv.insufficient-isv-permissions"),
    ],
)
def test_error_that_is_not_signed_by_alipay_proves_nothing(
    kind: str, code: str, sub_code: str, response: dict[str, Any]
) -> None:
    result = decode(cast.COMMANDS[kind], cast.failure(kind, sub_code, code=code, **response))
    assert (result.outcome, result.state) == (UNKNOWN, None)


def test_unsigned_error_still_says_what_it_said() -> None:
    response = cast.failure("pay", "isv.invalid-signature", code="40002", sign="")
    result = decode(cast.pay(), response)
    assert (result.code, result.message) == ("isv.invalid-signature", "unsigned: 说明")


@pytest.mark.parametrize("status", [201, 204, 301, 400, 403, 404, 429, 500, 502, 503])
@pytest.mark.parametrize("kind", KINDS)
def test_other_status_than_200_is_unknown_whatever_it_says(kind: str, status: int) -> None:
    body = cast.ok(kind, out_trade_no=cast.ORDER_NO, qr_code="https://qr").body
    response = Response(status=status, headers={}, body=body)
    result = decode(cast.COMMANDS[kind], response)
    assert (result.outcome, result.state, result.code) == (UNKNOWN, None, f"HTTP_{status}")
