"""What Alipay's refusals mean. Pure data and one function; used by ``answers.py``.

The tables are those of the provider's pages for each method ("业务错误码") and of its gateway
("公共错误码"). ``sub_code`` is stable, ``sub_msg`` is not and never drives logic. Only signed
answers come here. A word that stands in no table is UNKNOWN.
"""

from __future__ import annotations

from dataclasses import dataclass

from channels.base import (
    Allocate,
    AllocationState,
    BindReceiver,
    CancelPay,
    ClosePay,
    FetchBill,
    FinishAllocation,
    Outcome,
    Pay,
    PayState,
    QueryAllocation,
    QueryPay,
    QueryRefund,
    QueryTransfer,
    QueryUnshared,
    Refund,
    RefundState,
    State,
    Transfer,
    TransferState,
    UnbindReceiver,
)


@dataclass(frozen=True)
class Verdict:
    outcome: Outcome
    state: State | None = None


UNKNOWN = Verdict(Outcome.UNKNOWN)
NOT_SENT = Verdict(Outcome.NOT_SENT)
REFUSED = Verdict(Outcome.REFUSED)

LIST_RECEIVERS = "list_receivers"
"""A question that is no command (``AlipayChannel.list_receivers``)."""

_QUESTIONS = frozenset(
    {
        QueryPay.kind,
        QueryRefund.kind,
        QueryTransfer.kind,
        QueryAllocation.kind,
        QueryUnshared.kind,
        FetchBill.kind,
        LIST_RECEIVERS,
    }
)
"""A question that was not answered says nothing about the order, so that it is never REFUSED; ours
to mend and ask again."""

_HARMLESS = _QUESTIONS | {ClosePay.kind, BindReceiver.kind, UnbindReceiver.kind}
"""Where "too many calls" may be read as "not looked at": doing it again moves no money."""

# --- the gateway --------------------------------------------------------------------------

_AT_THE_DOOR = frozenset(
    {
        "isv.missing-signature",
        "isv.missing-signature-type",
        "isv.missing-signature-key",
        "isv.missing-app-id",
        "isv.missing-timestamp",
        "isv.missing-version",
        "isv.missing-method",
        "isv.missing-app-cert-sn",
        "isv.missing-root-cert-sn",
        "isv.invalid-signature",
        "isv.invalid-signature-type",
        "isv.invalid-timestamp",
        "isv.invalid-app-id",
        "isv.invalid-method",
        "isv.invalid-charset",
        "isv.invalid-format",
        "isv.invalid-app-cert-sn",
        "isv.invalid-root-cert-sn",
        "isv.invalid-alipay-root-cert-sn",
    }
)
"""Turned away before any order was looked at (a wrong clock, key or certificate): the same number
may be sent again as soon as that is mended."""

# --- the methods --------------------------------------------------------------------------

_PARAMETER = frozenset({"INVALID_PARAMETER"})
_CONTRACT = frozenset({"ACCESS_FORBIDDEN", "PARTNER_ERROR", "PRODUCT_UNSIGN"})
"""The application, or a contract that it lacks."""

_PAY = (
    _PARAMETER
    | _CONTRACT
    | {
        "EXIST_FORBIDDEN_WORD",
        "TOTAL_FEE_EXCEED",
        "BUYER_SELLER_EQUAL",
        "BUYER_ENABLE_STATUS_FORBID",
        "SELLER_BEEN_BLOCKED",
        "ERROR_BUYER_CERTIFY_LEVEL_LIMIT",
        "SUB_MERCHANT_CREATE_FAIL",
        "SUB_MERCHANT_TYPE_INVALID",
        "NOW_TIME_AFTER_EXPIRE_TIME_ERROR",
        "PAYMENT_AUTH_CODE_INVALID",
        "BUYER_BALANCE_NOT_ENOUGH",
        "BUYER_BANKCARD_BALANCE_NOT_ENOUGH",
        "ERROR_BALANCE_PAYMENT_DISABLE",
        "PULL_MOBILE_CASHIER_FAIL",
        "MOBILE_PAYMENT_SWITCH_OFF",
        "PAYMENT_FAIL",
        "PAYMENT_REQUEST_HAS_RISK",
        "NO_PAYMENT_INSTRUMENTS_AVAILABLE",
        "BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR",
        "BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR",
        "BEYOND_PAY_RESTRICTION",
        "BEYOND_PER_RECEIPT_RESTRICTION",
        "USER_FACE_PAYMENT_SWITCH_OFF",
    }
)
_CLOSE = _PARAMETER | {"REASON_TRADE_STATUS_INVALID", "REASON_ILLEGAL_STATUS", "TRADE_STATUS_ERROR"}
"""Not waiting for payment: paid, or ended already. The query says which."""

_CANCEL = _PARAMETER | {
    "CANCEL_NOT_ALLOWED",
    "TRADE_CANCEL_TIME_OUT",
    "REASON_TRADE_BEEN_FREEZEN",
    "REASON_TRADE_REFUND_FEE_ERR",
    "SELLER_BALANCE_NOT_ENOUGH",
    "TRADE_HAS_FINISHED",
}
_REFUND = _PARAMETER | {
    "SELLER_BALANCE_NOT_ENOUGH",  # The same number may be used again after topping up.
    "REFUND_AMT_NOT_EQUAL_TOTAL",
    "REASON_TRADE_BEEN_FREEZEN",
    "REASON_TRADE_REFUND_FEE_ERR",
    "TRADE_HAS_FINISHED",
    "TRADE_HAS_CLOSE",
    "TRADE_STATUS_ERROR",
    "TRADE_NOT_ALLOW_REFUND",
    "REFUND_FEE_ERROR",
}
_SETTLE = (
    _PARAMETER
    | _CONTRACT
    | {"TRADE_STATUS_ERROR", "ALLOC_AMOUNT_VALIDATE_ERROR", "ROYALTY_RECEIVER_INVALID"}
)
_RELATION = (
    _PARAMETER
    | _CONTRACT
    | {
        "USER_NOT_EXIST",
        "RECEIVER_LIST_EMPTY",
        "INVALID_RECEIVER_TYPE",
        "RELATION_QUANTITY_LIMIT",
    }
)
_TRANSFER = _PARAMETER | {
    "PAYEE_NOT_EXIST",
    "PAYEE_USER_INFO_ERROR",
    "PAYEE_ACC_OCUPIED",  # sic
    "PAYER_BALANCE_NOT_ENOUGH",  # The same number may be used again after topping up.
    "BALANCE_IS_NOT_ENOUGH",
    "PAYER_STATUS_ERROR",
    "PERM_AML_NOT_REALNAME_REV",
    "EXCEED_LIMIT_PERSONAL_SM_AMOUNT",
    "EXCEED_LIMIT_ENT_SM_AMOUNT",
    "EXCEED_LIMIT_SM_MIN_AMOUNT",
    "EXCEED_LIMIT_DM_MAX_AMOUNT",
    "MEMO_REQUIRED_IN_TRANSFER_ERROR",
    "REMARK_HAS_SENSITIVE_WORD",
}

_NO_TRADE = "TRADE_NOT_EXIST"
BILL_NOT_THERE = "isp.bill_not_exist"


def _no(codes: frozenset[str]) -> dict[str, Verdict]:
    return dict.fromkeys(codes, REFUSED)


_ASK_AGAIN = dict.fromkeys(_PARAMETER | _CONTRACT, NOT_SENT)

TABLES: dict[str, dict[str, Verdict]] = {
    # TRADE_HAS_SUCCESS, TRADE_HAS_CLOSE, TRADE_BUYER_NOT_MATCH and CONTEXT_INCONSISTENT (a trade
    # with this number is there already) stay UNKNOWN: the query says what it is.
    Pay.kind: _no(_PAY),
    QueryPay.kind: {**_ASK_AGAIN, _NO_TRADE: Verdict(Outcome.DONE, PayState.NOT_FOUND)},
    # Precreate and the cashier pages make the trade only when the customer scans or logs in, so
    # that an order that nobody began to pay "does not exist": there is nothing left to close. The
    # code stays in the Result. A code that is still on somebody's screen can yet be paid until its
    # time_expire; such late money arrives as a notification and is kept as an anomaly.
    ClosePay.kind: {**_no(_CLOSE), _NO_TRADE: Verdict(Outcome.DONE, PayState.CLOSED)},
    CancelPay.kind: {**_no(_CANCEL), _NO_TRADE: Verdict(Outcome.DONE, PayState.CANCELLED)},
    # TRADE_NOT_EXIST (perhaps not yet visible) and DISCORDANT_REPEAT_REQUEST (this number was used
    # before with another amount) stay UNKNOWN: the refund query says what there is.
    Refund.kind: _no(_REFUND),
    QueryRefund.kind: {**_ASK_AGAIN, _NO_TRADE: Verdict(Outcome.DONE, RefundState.NOT_FOUND)},
    # TRADE_SETTLE_ERROR, FREQUENCY_LIMIT and DISCORDANT_REPEAT_REQUEST stay UNKNOWN.
    Allocate.kind: _no(_SETTLE),
    FinishAllocation.kind: _no(_SETTLE),
    QueryAllocation.kind: {
        **_ASK_AGAIN,
        _NO_TRADE: Verdict(Outcome.DONE, AllocationState.NOT_FOUND),
    },
    QueryUnshared.kind: _ASK_AGAIN,
    BindReceiver.kind: _no(_RELATION),
    UnbindReceiver.kind: _no(_RELATION),
    LIST_RECEIVERS: _ASK_AGAIN,
    # PAYMENT_INFO_INCONSISTENCY (this number was used before with other content) stays UNKNOWN.
    Transfer.kind: _no(_TRANSFER),
    QueryTransfer.kind: {
        **_ASK_AGAIN,
        "ORDER_NOT_EXIST": Verdict(Outcome.DONE, TransferState.NOT_FOUND),
    },
    # No trade on that day, or a bill that is not made yet; ``bill`` tells them apart.
    FetchBill.kind: {**_ASK_AGAIN, BILL_NOT_THERE: Verdict(Outcome.DONE)},
}


def normal_code(sub_code: str) -> str:
    """Pages, systems and years differ: ``ACQ.X``, ``AQC.X`` (sic), ``aop.ACQ.X``, ``X``."""
    return sub_code.removeprefix("aop.").removeprefix("ACQ.").removeprefix("AQC.")


def verdict_on(kind: str, code: str, sub_code: str) -> Verdict:
    """What a signed answer with another ``code`` than 10000 means for a command."""
    is_question = kind in _QUESTIONS
    match code:
        case "40004":
            # "系统繁忙" in all its spellings stands in no table and so is UNKNOWN.
            return TABLES.get(kind, {}).get(normal_code(sub_code), UNKNOWN)
        case "20000" if kind == FetchBill.kind:
            # Nobody documents whether "isp.bill_not_exist" is a failure of business or of service.
            return UNKNOWN if sub_code != BILL_NOT_THERE else TABLES[kind][sub_code]
        case "20001":
            return NOT_SENT
        case "40001" | "40002" if sub_code in _AT_THE_DOOR:
            return NOT_SENT
        case "40001" | "40002" if sub_code.startswith("isv."):
            return NOT_SENT if is_question else REFUSED
        case "40005":
            return NOT_SENT if kind in _HARMLESS else UNKNOWN
        case "40006":
            return NOT_SENT if is_question else REFUSED
        case _:
            return UNKNOWN
