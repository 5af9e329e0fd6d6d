"""The sandbox's profit sharing, as data: what each ending of an amount (in fen) does.

An allocation's case is chosen by the sum of its shares, what becomes of each share by that
share's own ending, a return's case by its amount, a finish's by its number's age alone, and a
binding's by the ending of the account. Read as ``cases.py`` is. An ending that is not listed
behaves as 00.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from channels.base import AllocationState, Outcome, ShareState
from channels.sandbox.cases import LOST, NOT_SENT, WORKING, Answer, Steps, always, then


@dataclass(frozen=True, kw_only=True)
class AllocationCase:
    """Of an allocation or of a return."""

    says: str
    ask: Steps
    query: Steps


@dataclass(frozen=True, kw_only=True)
class ShareCase:
    """What becomes of a share once its allocation is held: pending until ``after`` seconds."""

    says: str
    after: int
    state: ShareState
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class BindCase:
    says: str
    ask: Answer


_DONE = Answer(Outcome.DONE, AllocationState.FINISHED)
_ACCEPTED = Answer(Outcome.PENDING, AllocationState.PROCESSING)
_IN_WORK = Answer(Outcome.DONE, AllocationState.PROCESSING)
_FAILED = Answer(Outcome.DONE, AllocationState.FAILED, "BALANCE_NOT_ENOUGH")
_NOT_FOUND = Answer(Outcome.DONE, AllocationState.NOT_FOUND, "RESOURCE_NOT_EXISTS")
_NO = Answer(Outcome.REFUSED, code="RULE_LIMIT")
_SYSTEM_ERROR = Answer(Outcome.UNKNOWN, code="SYSTEM_ERROR")
_LIMITED = Answer(Outcome.UNKNOWN, code="FREQUENCY_LIMITED")


def _case(says: str, *, ask: Steps, query: Steps) -> AllocationCase:
    return AllocationCase(says=says, ask=ask, query=query)


ALLOCATION_CASES: Mapping[int, AllocationCase] = MappingProxyType(
    {
        0: _case(
            "Worked on, over after 2 s.",
            ask=then(_ACCEPTED, 2, _DONE),
            query=then(_IN_WORK, 2, _DONE),
        ),
        1: _case("Refused: more than may be shared.", ask=always(_NO), query=always(_NOT_FOUND)),
        2: _case("Over at once.", ask=always(_DONE), query=always(_DONE)),
        3: _case("No answer, but it was done.", ask=always(LOST), query=always(_DONE)),
        4: _case(
            "No answer, and it never arrived; sending again works from 5 s on; not found until "
            "20 s, then over.",
            ask=then(LOST, 5, _DONE),
            query=then(_NOT_FOUND, 20, _DONE),
        ),
        5: _case(
            "SYSTEM_ERROR, but it was done: must be asked about, never sent again.",
            ask=always(_SYSTEM_ERROR),
            query=always(_DONE),
        ),
        6: _case(
            "FREQUENCY_LIMITED, but it was done: must be asked about, never sent again.",
            ask=always(_LIMITED),
            query=always(_DONE),
        ),
        7: _case(
            "FREQUENCY_LIMITED, and the channel never knows of it.",
            ask=always(_LIMITED),
            query=always(_NOT_FOUND),
        ),
        8: _case(
            "The channel cannot be reached until 5 s; not found until 20 s, then over.",
            ask=then(NOT_SENT, 5, _DONE),
            query=then(_NOT_FOUND, 20, _DONE),
        ),
        9: _case(
            "Worked on; no answer to queries until 30 s, then over.",
            ask=always(_ACCEPTED),
            query=then(LOST, 30, _DONE),
        ),
        10: _case(
            "Worked on; queries cannot reach the channel until 30 s, then over.",
            ask=always(_ACCEPTED),
            query=then(NOT_SENT, 30, _DONE),
        ),
        11: _case(
            "Worked on; queries are refused until 30 s, then over.",
            ask=always(_ACCEPTED),
            query=then(_NO, 30, _DONE),
        ),
        12: _case(
            "Worked on; queries are answered with: still working, until 30 s, then over.",
            ask=always(WORKING),
            query=then(_ACCEPTED, 30, _DONE),
        ),
        13: _case(
            "Worked on for an hour, then over.",
            ask=then(_ACCEPTED, 3600, _DONE),
            query=then(_IN_WORK, 3600, _DONE),
        ),
    }
)

RETURN_CASES: Mapping[int, AllocationCase] = MappingProxyType(
    {
        0: _case("Fetched back at once.", ask=always(_DONE), query=always(_DONE)),
        1: _case(
            "Refused: this receiver allows no returns.",
            ask=always(_NO),
            query=always(_NOT_FOUND),
        ),
        2: _case(
            "Worked on, fetched back after 3 s.",
            ask=then(_ACCEPTED, 3, _DONE),
            query=then(_IN_WORK, 3, _DONE),
        ),
        3: _case("No answer, but it was done.", ask=always(LOST), query=always(_DONE)),
        4: _case(
            "No answer, and it never arrived; sending again works from 5 s on; not found until "
            "20 s, then fetched back.",
            ask=then(LOST, 5, _DONE),
            query=then(_NOT_FOUND, 20, _DONE),
        ),
        5: _case(
            "Worked on, failed after 3 s: the receiver has too little money.",
            ask=then(_ACCEPTED, 3, _FAILED),
            query=then(_IN_WORK, 3, _FAILED),
        ),
        6: _case("Failed at once.", ask=always(_FAILED), query=always(_FAILED)),
        7: _case(
            "The channel cannot be reached until 5 s; not found until 20 s, then fetched back.",
            ask=then(NOT_SENT, 5, _DONE),
            query=then(_NOT_FOUND, 20, _DONE),
        ),
        8: _case(
            "Worked on; no answer to queries until 30 s, then fetched back.",
            ask=always(_ACCEPTED),
            query=then(LOST, 30, _DONE),
        ),
        9: _case(
            "Worked on; queries are refused until 30 s, then fetched back.",
            ask=always(_ACCEPTED),
            query=then(_NO, 30, _DONE),
        ),
        10: _case(
            "Worked on; queries cannot reach the channel until 30 s, then fetched back.",
            ask=always(_ACCEPTED),
            query=then(NOT_SENT, 30, _DONE),
        ),
        11: _case(
            "Worked on; queries are answered with: still working, until 30 s, then fetched back.",
            ask=always(WORKING),
            query=then(_ACCEPTED, 30, _DONE),
        ),
    }
)

FINISH_CASE = _case(
    "Worked on, set free after 2 s.",
    ask=then(_ACCEPTED, 2, _DONE),
    query=then(_IN_WORK, 2, _DONE),
)

SHARE_CASES: Mapping[int, ShareCase] = MappingProxyType(
    {
        0: ShareCase(says="Paid as soon as the rest.", after=0, state=ShareState.SUCCESS),
        91: ShareCase(
            says="Not paid: the receiver is not bound any more.",
            after=0,
            state=ShareState.FAILED,
            code="NO_RELATION",
        ),
        92: ShareCase(says="Pending until 30 s, then paid.", after=30, state=ShareState.SUCCESS),
        93: ShareCase(
            says="Pending until 30 s, then not paid.",
            after=30,
            state=ShareState.FAILED,
            code="ACCOUNT_ABNORMAL",
        ),
    }
)
"""By the ending of one share's amount. A share that is pending keeps its allocation in work."""

BIND_CASES: Mapping[str, BindCase] = MappingProxyType(
    {
        "": BindCase(says="Bound, and unbound, at once.", ask=_DONE),
        "-refused": BindCase(
            says="Refused for good.", ask=Answer(Outcome.REFUSED, code="INVALID_REQUEST")
        ),
        "-lost": BindCase(says="No answer.", ask=LOST),
        "-unreachable": BindCase(says="The channel cannot be reached.", ask=NOT_SENT),
        "-working": BindCase(says="Accepted and worked on.", ask=WORKING),
    }
)
"""By the ending of the receiver's account."""
UNSHARED: Mapping[int, Steps] = MappingProxyType(
    {
        0: always(Answer(Outcome.DONE)),
        17: then(LOST, 30, Answer(Outcome.DONE)),
        18: then(NOT_SENT, 30, Answer(Outcome.DONE)),
        19: then(_NO, 30, Answer(Outcome.DONE)),
        20: then(WORKING, 30, Answer(Outcome.DONE)),
    }
)
"""How much may still be shared, by the ending of the paid amount and the age of the pay order: all
of it, for the sandbox does not remember what was shared. 17 to 20 are silent until 30 s, as they
are for the payment's own query."""
