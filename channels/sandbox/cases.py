"""The sandbox's whole behaviour, as data: what each ending of an amount (in fen) does.

Pay orders and refunds are here, the rest in ``transfer_cases.py`` and ``allocation_cases.py``.
Read by ``channel.py``, by tests, and by whoever renders docs/channels.md. A case answers each
operation with the last step whose age (seconds since the order's number was made) is reached.
The sandbox keeps nothing: it does not know what it was asked before, only how old an order is.
An ending that is not listed behaves as 00.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from channels.base import Outcome, PayState, RefundState, State


@dataclass(frozen=True)
class Answer:
    outcome: Outcome
    state: State | None = None
    code: str = ""
    amount_off: int = 0
    """Fen by which the reported amount differs from the true one."""


Steps = tuple[tuple[int, Answer], ...]
"""(age in seconds from which it holds, answer), ascending, the first at 0."""


@dataclass(frozen=True, kw_only=True)
class PayCase:
    says: str
    pay: Steps
    query: Steps
    close: Steps
    cancel: Steps


@dataclass(frozen=True, kw_only=True)
class RefundCase:
    says: str
    refund: Steps
    query: Steps


def always(answer: Answer) -> Steps:
    return ((0, answer),)


def then(first: Answer, seconds: int, second: Answer) -> Steps:
    return ((0, first), (seconds, second))


# --- answers ------------------------------------------------------------------------------

LOST = Answer(Outcome.UNKNOWN, code="NO_ANSWER")
NOT_SENT = Answer(Outcome.NOT_SENT, code="CONNECT_FAILED")
WORKING = Answer(Outcome.PENDING, code="ACCEPTED")
_NO = Answer(Outcome.REFUSED, code="RULE_LIMIT")
_ALREADY_PAID = Answer(Outcome.REFUSED, PayState.PAID, "ORDER_PAID")
_NO_SUCH_ORDER = Answer(Outcome.REFUSED, PayState.NOT_FOUND, "ORDER_NOT_EXIST")

_WAITING = Answer(Outcome.DONE, PayState.WAITING)
_PAID = Answer(Outcome.DONE, PayState.PAID)
_CLOSED = Answer(Outcome.DONE, PayState.CLOSED)
_CANCELLED = Answer(Outcome.DONE, PayState.CANCELLED)
_FAILED = Answer(Outcome.DONE, PayState.FAILED, "PAY_FAILED")
_NOT_FOUND = Answer(Outcome.DONE, PayState.NOT_FOUND, "ORDER_NOT_EXIST")

_BACK = Answer(Outcome.DONE, RefundState.SUCCESS)
_STUCK = Answer(Outcome.DONE, RefundState.FAILED, "ABNORMAL")
_ENDED = Answer(Outcome.DONE, RefundState.CLOSED, "CLOSED")
_ACCEPTED = Answer(Outcome.PENDING, RefundState.PROCESSING)
_IN_WORK = Answer(Outcome.DONE, RefundState.PROCESSING)
_NO_MONEY = Answer(Outcome.REFUSED, code="NOT_ENOUGH")
_NO_REFUND = Answer(Outcome.DONE, RefundState.NOT_FOUND, "RESOURCE_NOT_EXISTS")

_HELD = always(_WAITING)
_PAID_SOON = then(_WAITING, 2, _PAID)
_CLOSABLE = always(_CLOSED)
_CANCELLABLE = always(_CANCELLED)
_CLOSES = then(_CLOSED, 2, _ALREADY_PAID)
_CLOSES_UNTIL_30 = then(_CLOSED, 30, _ALREADY_PAID)
_CANCELS = then(_CANCELLED, 2, _ALREADY_PAID)


def _pay(
    says: str,
    *,
    pay: Steps = _HELD,
    query: Steps = _PAID_SOON,
    close: Steps = _CLOSABLE,
    cancel: Steps = _CANCELLABLE,
) -> PayCase:
    return PayCase(says=says, pay=pay, query=query, close=close, cancel=cancel)


PAY_CASES: Mapping[int, PayCase] = MappingProxyType(
    {
        0: _pay("Paid 2 s after creation.", close=_CLOSES, cancel=_CANCELS),
        1: _pay(
            "The payment is refused; the channel never holds it.",
            pay=always(_NO),
            query=always(_NOT_FOUND),
            close=always(_NO_SUCH_ORDER),
            cancel=always(_NO_SUCH_ORDER),
        ),
        2: _pay(
            "No answer to the payment, but it was done; paid after 2 s.",
            pay=always(LOST),
            close=_CLOSES,
            cancel=_CANCELS,
        ),
        3: _pay(
            "No answer to the payment, and it never arrived; sending again works from 5 s on; "
            "not found until 20 s, then paid.",
            pay=then(LOST, 5, _WAITING),
            query=then(_NOT_FOUND, 20, _PAID),
            close=then(_NO_SUCH_ORDER, 20, _ALREADY_PAID),
            cancel=then(_NO_SUCH_ORDER, 20, _ALREADY_PAID),
        ),
        4: _pay("Stays unpaid; closing and cancelling work.", query=always(_WAITING)),
        5: _pay("The payment fails after 2 s.", query=then(_WAITING, 2, _FAILED)),
        6: _pay("The channel itself closes it after 2 s.", query=then(_WAITING, 2, _CLOSED)),
        7: _pay(
            "Paid after 2 s with one fen more than asked for.",
            query=then(_WAITING, 2, Answer(Outcome.DONE, PayState.PAID, amount_off=1)),
            close=_CLOSES,
            cancel=_CANCELS,
        ),
        8: _pay(
            "The channel cannot be reached until 5 s; not found until 20 s, then paid.",
            pay=then(NOT_SENT, 5, _WAITING),
            query=then(_NOT_FOUND, 20, _PAID),
            close=then(_NO_SUCH_ORDER, 20, _ALREADY_PAID),
            cancel=then(_NO_SUCH_ORDER, 20, _ALREADY_PAID),
        ),
        9: _pay(
            "Accepted and worked on, paid after 2 s.",
            pay=always(WORKING),
            close=_CLOSES,
            cancel=_CANCELS,
        ),
        10: _pay(
            "Close and cancel are refused because the customer has just paid; the query says so "
            "from 15 s on.",
            query=then(_WAITING, 15, _PAID),
            close=always(_ALREADY_PAID),
            cancel=always(_ALREADY_PAID),
        ),
        11: _pay(
            "No answer to close or cancel, but it was done; closed from 30 s on.",
            query=then(_WAITING, 30, _CLOSED),
            close=always(LOST),
            cancel=always(LOST),
        ),
        12: _pay(
            "No answer to close or cancel until 30 s, and neither was done; then both work.",
            query=always(_WAITING),
            close=then(LOST, 30, _CLOSED),
            cancel=then(LOST, 30, _CANCELLED),
        ),
        13: _pay(
            "Close and cancel cannot reach the channel until 30 s; then both work.",
            query=always(_WAITING),
            close=then(NOT_SENT, 30, _CLOSED),
            cancel=then(NOT_SENT, 30, _CANCELLED),
        ),
        14: _pay(
            "Close and cancel are accepted and worked on; closed from 30 s on.",
            query=then(_WAITING, 30, _CLOSED),
            close=always(WORKING),
            cancel=always(WORKING),
        ),
        15: _pay(
            "Close and cancel are refused for good; stays unpaid.",
            query=always(_WAITING),
            close=always(_NO),
            cancel=always(_NO),
        ),
        16: _pay(
            "Cancel is answered with: it was paid, and the money went back.",
            query=then(_WAITING, 15, _PAID),
            close=always(_ALREADY_PAID),
            cancel=always(Answer(Outcome.DONE, PayState.REFUNDED)),
        ),
        17: _pay(
            "No answer to queries until 30 s; then paid.",
            query=then(LOST, 30, _PAID),
            close=_CLOSES_UNTIL_30,
        ),
        18: _pay(
            "Queries cannot reach the channel until 30 s; then paid.",
            query=then(NOT_SENT, 30, _PAID),
            close=_CLOSES_UNTIL_30,
        ),
        19: _pay(
            "Queries are refused until 30 s; then paid.",
            query=then(_NO, 30, _PAID),
            close=_CLOSES_UNTIL_30,
        ),
        20: _pay(
            "Queries are answered with: still working, until 30 s; then paid.",
            query=then(WORKING, 30, _PAID),
            close=_CLOSES_UNTIL_30,
        ),
        21: _pay("The channel itself cancels it after 2 s.", query=then(_WAITING, 2, _CANCELLED)),
        22: _pay(
            "Close and cancel work, and yet it is paid from 30 s on (late money).",
            query=then(_WAITING, 30, _PAID),
        ),
        23: _pay(
            "No answer to the payment, and the channel never knows of it.",
            pay=always(LOST),
            query=always(_NOT_FOUND),
            close=always(_NO_SUCH_ORDER),
            cancel=always(_NO_SUCH_ORDER),
        ),
        24: _pay(
            "Fails after 2 s, and yet it is paid from 30 s on (late money).",
            query=((0, _WAITING), (2, _FAILED), (30, _PAID)),
        ),
    }
)


def _refund(says: str, *, refund: Steps, query: Steps) -> RefundCase:
    return RefundCase(says=says, refund=refund, query=query)


REFUND_CASES: Mapping[int, RefundCase] = MappingProxyType(
    {
        0: _refund("Given back at once.", refund=always(_BACK), query=always(_BACK)),
        1: _refund(
            "Refused: not enough money in the merchant's account.",
            refund=always(_NO_MONEY),
            query=always(_NO_REFUND),
        ),
        2: _refund(
            "Worked on, given back after 3 s.",
            refund=then(_ACCEPTED, 3, _BACK),
            query=then(_IN_WORK, 3, _BACK),
        ),
        3: _refund("No answer, but it was done.", refund=always(LOST), query=always(_BACK)),
        4: _refund(
            "No answer, and it never arrived; sending again works from 5 s on; not found until "
            "20 s, then given back.",
            refund=then(LOST, 5, _BACK),
            query=then(_NO_REFUND, 20, _BACK),
        ),
        5: _refund(
            "Worked on, stuck after 3 s (ABNORMAL).",
            refund=then(_ACCEPTED, 3, _STUCK),
            query=then(_IN_WORK, 3, _STUCK),
        ),
        6: _refund(
            "Worked on, closed by the channel after 3 s.",
            refund=then(_ACCEPTED, 3, _ENDED),
            query=then(_IN_WORK, 3, _ENDED),
        ),
        7: _refund("Stuck at once (ABNORMAL).", refund=always(_STUCK), query=always(_STUCK)),
        8: _refund(
            "The channel cannot be reached until 5 s; not found until 20 s, then given back.",
            refund=then(NOT_SENT, 5, _BACK),
            query=then(_NO_REFUND, 20, _BACK),
        ),
        9: _refund(
            "Given back with one fen less than asked for.",
            refund=always(Answer(Outcome.DONE, RefundState.SUCCESS, amount_off=-1)),
            query=always(Answer(Outcome.DONE, RefundState.SUCCESS, amount_off=-1)),
        ),
        10: _refund(
            "Worked on; no answer to queries until 30 s, then given back.",
            refund=always(_ACCEPTED),
            query=then(LOST, 30, _BACK),
        ),
        11: _refund(
            "Worked on; queries cannot reach the channel until 30 s, then given back.",
            refund=always(_ACCEPTED),
            query=then(NOT_SENT, 30, _BACK),
        ),
        12: _refund(
            "Worked on; queries are refused until 30 s, then given back.",
            refund=always(_ACCEPTED),
            query=then(_NO, 30, _BACK),
        ),
        13: _refund(
            "Worked on; queries are answered with: still working, until 30 s, then given back.",
            refund=always(_ACCEPTED),
            query=then(_ACCEPTED, 30, _BACK),
        ),
        14: _refund(
            "Worked on for an hour, then given back.",
            refund=then(_ACCEPTED, 3600, _BACK),
            query=then(_IN_WORK, 3600, _BACK),
        ),
        15: _refund(
            "No answer, and the channel never knows of it.",
            refund=always(LOST),
            query=always(_NO_REFUND),
        ),
        16: _refund(
            "Stuck at once, and yet given back from 30 s on.",
            refund=then(_STUCK, 30, _BACK),
            query=then(_STUCK, 30, _BACK),
        ),
        17: _refund(
            "Closed at once, and yet given back from 30 s on (late refund).",
            refund=then(_ENDED, 30, _BACK),
            query=then(_ENDED, 30, _BACK),
        ),
    }
)


def answer_at(steps: Steps, age: int) -> Answer:
    """The last step that has been reached."""
    reached = [answer for seconds, answer in steps if seconds <= age]
    return reached[-1] if reached else steps[0][1]
