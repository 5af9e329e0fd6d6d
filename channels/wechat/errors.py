"""What WeChat Pay's refusals mean. Pure data and one function; used by ``answers.py``.

The tables are those of the provider's pages for each operation. ``code`` is stable,
``message`` is not and never drives logic. A word that stands in no table is UNKNOWN.
"""

from __future__ import annotations

from dataclasses import dataclass

from channels.base import (
    Allocate,
    AllocationState,
    BindReceiver,
    CancelPay,
    CancelTransfer,
    ClosePay,
    FetchBill,
    FinishAllocation,
    Outcome,
    Pay,
    PayState,
    QueryAllocation,
    QueryPay,
    QueryRefund,
    QueryReturn,
    QueryTransfer,
    QueryUnshared,
    Refund,
    RefundState,
    ReturnShare,
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

_NOT_LOOKED_AT = frozenset({"SIGNERROR"})
"""Turned away at the door, before the order was looked at (a wrong clock or certificate):
the same number may be sent again as soon as that is mended."""

_BUSY = frozenset(
    {
        "FREQUENCYLIMITED",
        "FREQUENCYLIMIT",
        "FREQUENCYLIMITEXCEED",
        "RATELIMITEXCEED",
        "RATELIMITEXCEEDED",
    }
)
""" "未受理…降低频率后重试", except for refunds, where 429 is "并非明确的未受理"."""

_CORRECTABLE = frozenset({"PARAMERROR", "NOAUTH", "NOTENOUGH"})
"""A clear no to this request; the same number may be used once the cause is mended
(NOT_ENOUGH: after topping up)."""

_FINAL = frozenset(
    {
        "INVALIDREQUEST",
        "USERACCOUNTABNORMAL",
        "RULELIMIT",
        "APPIDMCHIDNOTMATCH",
        "MCHNOTEXISTS",
        "TRADEOVERDUE",
    }
)

_NO_GOOD_CODE = frozenset({"AUTHCODEEXPIRE", "AUTHCODEERROR", "AUTHCODEINVALID", "NOTSUPORTCARD"})
"""Of a scanned code: too old, misread, of another wallet, of a card that may not pay so."""

_PAID = frozenset({"ORDERPAID"})
_CLOSED = frozenset({"ORDERCLOSED"})
_NO_ORDER = frozenset({"ORDERNOTEXIST"})
_NO_RESOURCE = frozenset({"RESOURCENOTEXISTS"})
_NO_BILL = frozenset({"NOTFOUND"})
"""Of a transfer."""
_NOTHING_LEFT = frozenset({"NOTENOUGH"})
"""Of a finish only: nothing is frozen any more, which is what a finish is for."""
_NO_STATEMENT = frozenset({"NOSTATEMENTEXIST"})
_STATEMENT_LATER = frozenset({"STATEMENTCREATING"})

_NO = dict.fromkeys(_CORRECTABLE | _FINAL, REFUSED)
_WAIT = dict.fromkeys(_NOT_LOOKED_AT | _BUSY, NOT_SENT)
_NOT_ANSWERED = dict.fromkeys(_NOT_LOOKED_AT | _BUSY | {"PARAMERROR", "NOAUTH"}, NOT_SENT)
"""A question that was not answered says nothing about the order, so that it is never
REFUSED; ours to mend and ask again."""

TABLES: dict[str, dict[str, Verdict]] = {
    # ORDERPAID, ORDERCLOSED and OUTTRADENOUSED ("may be our own paid order") stay UNKNOWN: the
    # query says what the order is.
    Pay.kind: {**_NO, **_WAIT, **dict.fromkeys(_NO_GOOD_CODE, REFUSED)},
    QueryPay.kind: {
        **_NOT_ANSWERED,
        **dict.fromkeys(_NO_ORDER, Verdict(Outcome.DONE, PayState.NOT_FOUND)),
    },
    ClosePay.kind: {
        **_NO,
        **_WAIT,
        **dict.fromkeys(_PAID, Verdict(Outcome.REFUSED, PayState.PAID)),
        **dict.fromkeys(_CLOSED, Verdict(Outcome.DONE, PayState.CLOSED)),
        **dict.fromkeys(_NO_ORDER, Verdict(Outcome.REFUSED, PayState.NOT_FOUND)),
    },
    # "正在支付中不能发起撤销" and every other no: not yet. Asked about, and reversed again.
    CancelPay.kind: {
        **dict.fromkeys(_NOT_LOOKED_AT, NOT_SENT),
        **dict.fromkeys(_NO_ORDER, Verdict(Outcome.REFUSED, PayState.NOT_FOUND)),
    },
    # RESOURCENOTEXISTS (order missing or unpaid) stays UNKNOWN, and so does everything busy.
    Refund.kind: {**_NO, **dict.fromkeys(_NOT_LOOKED_AT, NOT_SENT)},
    QueryRefund.kind: {
        **_NOT_ANSWERED,
        **dict.fromkeys(_NO_RESOURCE, Verdict(Outcome.DONE, RefundState.NOT_FOUND)),
    },
    # SYSTEMERROR, FREQUENCY_LIMITED: "不要重复调用接口，否则可能造成资金损失". Busy is UNKNOWN
    # wherever money moves, so that the next call is a question and never the same blindly again.
    Allocate.kind: {**_NO, **dict.fromkeys(_NOT_LOOKED_AT, NOT_SENT)},
    FinishAllocation.kind: {
        **_NO,
        **dict.fromkeys(_NOT_LOOKED_AT, NOT_SENT),
        **dict.fromkeys(_NOTHING_LEFT, Verdict(Outcome.DONE, AllocationState.FINISHED)),
    },
    ReturnShare.kind: {**_NO, **dict.fromkeys(_NOT_LOOKED_AT, NOT_SENT)},
    QueryAllocation.kind: {
        **_NOT_ANSWERED,
        **dict.fromkeys(_NO_RESOURCE, Verdict(Outcome.DONE, AllocationState.NOT_FOUND)),
    },
    QueryReturn.kind: {
        **_NOT_ANSWERED,
        **dict.fromkeys(_NO_RESOURCE, Verdict(Outcome.DONE, AllocationState.NOT_FOUND)),
    },
    QueryUnshared.kind: _NOT_ANSWERED,
    BindReceiver.kind: {**_NO, **_WAIT},
    UnbindReceiver.kind: {
        **_NO,
        **_WAIT,
        **dict.fromkeys(_NO_RESOURCE, Verdict(Outcome.DONE, AllocationState.FINISHED)),
    },
    # Provider's rule for transfers: after any answer but 200, and after any new code, keep the
    # number and query. So no error ends a transfer; only what was turned away at the door is
    # known not to have begun.
    Transfer.kind: dict.fromkeys(_NOT_LOOKED_AT, NOT_SENT),
    QueryTransfer.kind: {
        **_NOT_ANSWERED,
        **dict.fromkeys(_NO_BILL, Verdict(Outcome.DONE, TransferState.NOT_FOUND)),
    },
    CancelTransfer.kind: {
        **_NO,
        **dict.fromkeys(_NOT_LOOKED_AT, NOT_SENT),
        **dict.fromkeys(_NO_BILL, Verdict(Outcome.REFUSED, TransferState.NOT_FOUND)),
    },
    # A bill is fetched again as often as one likes: nothing about it is UNKNOWN for long.
    FetchBill.kind: {
        **_NO,
        **_WAIT,
        **dict.fromkeys(_STATEMENT_LATER, NOT_SENT),
        **dict.fromkeys(_NO_STATEMENT, Verdict(Outcome.DONE)),
    },
}


def normal_code(code: str) -> str:
    """Pages and years differ: ORDER_NOT_EXIST, ORDERNOTEXIST."""
    return code.replace("_", "").upper()


def verdict_on(kind: str, status: int, code: str) -> Verdict:
    """What an error answer to a command means. Only 4xx can be anything but UNKNOWN:
    5xx is "系统异常，请用相同参数重新调用", 202 "accepted, not processed"."""
    if not 400 <= status < 500:
        return UNKNOWN
    return TABLES.get(kind, {}).get(normal_code(code), UNKNOWN)
