"""What the sandbox does with a scanned payment code, by the ending of the amount (in fen).

Read by ``script.py``, by tests and by whoever renders docs/channels.md. Only the answer to the
payment itself is different from ``cases.PAY_CASES``: queries, closes and cancels do not know how
an order is paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from channels.base import Outcome, PayState
from channels.sandbox.cases import PAY_CASES, Answer, Steps, always

_PAID = Answer(Outcome.DONE, PayState.PAID)
_PAYING = Answer(Outcome.PENDING, PayState.WAITING, "USERPAYING")


@dataclass(frozen=True, kw_only=True)
class TillCase:
    says: str
    pay: Steps


def _as_scanned(steps: Steps) -> Steps:
    """Where another order is held and waits, the customer is asked for a password here."""
    is_held = (Outcome.DONE, PayState.WAITING)
    return tuple(
        (since, _PAYING if (answer.outcome, answer.state) == is_held else answer)
        for since, answer in steps
    )


_SAYS: Mapping[int, str] = {
    1: "The code is declined; nothing is charged.",
    2: "No answer, but it was done: asked about, paid after 2 s.",
    4: "The customer is asked for a password and never gives it; cancelling works.",
    5: "The customer is asked for a password; the payment fails after 2 s.",
    8: "The channel cannot be reached: nothing was sent, the order fails.",
    9: "The customer is asked for a password; paid after 2 s.",
    23: "No answer, and the channel never knows of it.",
}
TILL_CASES: Mapping[int, TillCase] = MappingProxyType(
    {
        0: TillCase(says="Paid at once.", pay=always(_PAID)),
        **{
            ending: TillCase(says=says, pay=_as_scanned(PAY_CASES[ending].pay))
            for ending, says in _SAYS.items()
        },
    }
)


def paid_by_code(ending: int) -> Steps:
    """The answers to a payment by code whose amount ends in ``ending``."""
    case = TILL_CASES.get(ending)
    if case is not None:
        return case.pay
    known = PAY_CASES.get(ending)
    return _as_scanned(known.pay) if known is not None else TILL_CASES[0].pay
