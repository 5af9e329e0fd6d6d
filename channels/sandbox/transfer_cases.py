"""The sandbox's transfers, as data: what each ending of an amount (in fen) does.

Read as ``cases.py`` is, with the age of the transfer's number. An ending that is not listed
behaves as 00.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from channels.base import Outcome, TransferState
from channels.sandbox.cases import LOST, NOT_SENT, WORKING, Answer, Steps, always, then


@dataclass(frozen=True, kw_only=True)
class TransferCase:
    says: str
    transfer: Steps
    query: Steps
    cancel: Steps


_SENT = Answer(Outcome.DONE, TransferState.SUCCESS)
_ACCEPTED = Answer(Outcome.PENDING, TransferState.PROCESSING)
_IN_WORK = Answer(Outcome.DONE, TransferState.PROCESSING)
_WAITS = Answer(Outcome.DONE, TransferState.WAIT_PAYEE)
_FAILED = Answer(Outcome.DONE, TransferState.FAILED, "PAYEE_ACCOUNT_ABNORMAL")
_CLOSED = Answer(Outcome.DONE, TransferState.CLOSED, "CANCELLED")
_LAPSED = Answer(Outcome.DONE, TransferState.CLOSED, "OVERDUE_CLOSE")
_RETURNED = Answer(Outcome.DONE, TransferState.RETURNED, "REFUND")
_NOT_FOUND = Answer(Outcome.DONE, TransferState.NOT_FOUND, "NOT_FOUND")
_NO_MONEY = Answer(Outcome.REFUSED, code="NOT_ENOUGH")
_NO_SUCH = Answer(Outcome.REFUSED, TransferState.NOT_FOUND, "NOT_FOUND")
_TOO_LATE = Answer(Outcome.REFUSED, code="INVALID_REQUEST")
_CANCELING = Answer(Outcome.PENDING, TransferState.PROCESSING)


_NOT_CANCELLABLE = always(_TOO_LATE)


def _case(
    says: str, *, transfer: Steps, query: Steps, cancel: Steps = _NOT_CANCELLABLE
) -> TransferCase:
    return TransferCase(says=says, transfer=transfer, query=query, cancel=cancel)


TRANSFER_CASES: Mapping[int, TransferCase] = MappingProxyType(
    {
        0: _case("Paid out at once.", transfer=always(_SENT), query=always(_SENT)),
        1: _case(
            "Refused: not enough money in the merchant's account.",
            transfer=always(_NO_MONEY),
            query=always(_NOT_FOUND),
            cancel=always(_NO_SUCH),
        ),
        2: _case(
            "Worked on, paid out after 3 s.",
            transfer=then(_ACCEPTED, 3, _SENT),
            query=then(_IN_WORK, 3, _SENT),
        ),
        3: _case("No answer, but it was done.", transfer=always(LOST), query=always(_SENT)),
        4: _case(
            "No answer, and it never arrived; sending again works from 5 s on; not found until "
            "20 s, then paid out.",
            transfer=then(LOST, 5, _SENT),
            query=then(_NOT_FOUND, 20, _SENT),
            cancel=then(_NO_SUCH, 20, _TOO_LATE),
        ),
        5: _case(
            "Worked on, failed after 3 s.",
            transfer=then(_ACCEPTED, 3, _FAILED),
            query=then(_IN_WORK, 3, _FAILED),
        ),
        6: _case(
            "The payee has to confirm, and does after 20 s; cancelling works before.",
            transfer=then(_WAITS, 20, _SENT),
            query=then(_WAITS, 20, _SENT),
            cancel=then(_CLOSED, 20, _TOO_LATE),
        ),
        7: _case(
            "The payee has to confirm and never does; cancelling works.",
            transfer=always(_WAITS),
            query=always(_WAITS),
            cancel=always(_CLOSED),
        ),
        8: _case(
            "The channel cannot be reached until 5 s; not found until 20 s, then paid out.",
            transfer=then(NOT_SENT, 5, _SENT),
            query=then(_NOT_FOUND, 20, _SENT),
            cancel=then(_NO_SUCH, 20, _TOO_LATE),
        ),
        9: _case(
            "Paid out with one fen less than asked for.",
            transfer=always(Answer(Outcome.DONE, TransferState.SUCCESS, amount_off=-1)),
            query=always(Answer(Outcome.DONE, TransferState.SUCCESS, amount_off=-1)),
        ),
        10: _case(
            "The payee has to confirm and lets it lapse after 10 s.",
            transfer=then(_WAITS, 10, _LAPSED),
            query=then(_WAITS, 10, _LAPSED),
            cancel=then(_CLOSED, 10, _TOO_LATE),
        ),
        11: _case(
            "The payee has to confirm; cancelling is worked on, and closed from 30 s on.",
            transfer=always(_WAITS),
            query=then(_WAITS, 30, _CLOSED),
            cancel=then(_CANCELING, 30, _CLOSED),
        ),
        12: _case(
            "The payee has to confirm; no answer to cancelling, but it was done; closed from "
            "30 s on.",
            transfer=always(_WAITS),
            query=then(_WAITS, 30, _CLOSED),
            cancel=always(LOST),
        ),
        13: _case(
            "The payee has to confirm; cancelling cannot reach the channel until 30 s.",
            transfer=always(_WAITS),
            query=always(_WAITS),
            cancel=then(NOT_SENT, 30, _CLOSED),
        ),
        14: _case(
            "Worked on; no answer to queries until 30 s, then paid out.",
            transfer=always(_ACCEPTED),
            query=then(LOST, 30, _SENT),
        ),
        15: _case(
            "Worked on; queries cannot reach the channel until 30 s, then paid out.",
            transfer=always(_ACCEPTED),
            query=then(NOT_SENT, 30, _SENT),
        ),
        16: _case(
            "Worked on; queries are refused until 30 s, then paid out.",
            transfer=always(_ACCEPTED),
            query=then(_TOO_LATE, 30, _SENT),
        ),
        17: _case(
            "Worked on; queries are answered with: still working, until 30 s, then paid out.",
            transfer=always(WORKING),
            query=then(_ACCEPTED, 30, _SENT),
        ),
        18: _case(
            "No answer, and the channel never knows of it.",
            transfer=always(LOST),
            query=always(_NOT_FOUND),
            cancel=always(_NO_SUCH),
        ),
        19: _case(
            "Failed at once, and yet paid out from 30 s on.",
            transfer=then(_FAILED, 30, _SENT),
            query=then(_FAILED, 30, _SENT),
        ),
        20: _case(
            "Paid out at once; sent back by the payee's bank after 10 s.",
            transfer=then(_SENT, 10, _RETURNED),
            query=then(_SENT, 10, _RETURNED),
        ),
        21: _case(
            "Worked on for an hour, then paid out.",
            transfer=then(_ACCEPTED, 3600, _SENT),
            query=then(_IN_WORK, 3600, _SENT),
        ),
    }
)
