"""Waiting for a channel's word while the merchant waits for ours, as DaxPay's synchronous server
lets him. Used by the works of this door.

What has not come within settings.PREPAY_DEADLINE_S is not waited for: the order goes on, and the
answer says how it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings

from gateway import waiting
from orders.errors import OperationRefused
from orders.rules import why_not

Row = TypeVar("Row")
LOOK_EVERY_S = 0.4
STATE = "state"


def until(row: Row, read: Callable[[], Row], is_known: Callable[[Row], bool]) -> Row:
    """``row`` once ``is_known`` holds, or as it is when the time is over."""
    if is_known(row):
        return row
    with waiting.place(settings.PREPAY_DEADLINE_S) as place:
        return place.watch(row, read, until=is_known, look_every_s=LOOK_EVERY_S)


def is_answered(row: Any) -> bool:
    """The channel has taken, or refused, what was sent: no request is on its way any more."""
    return not row.is_sending or not row.is_executing


def sync(
    row: Row, read: Callable[[], Row], ask: Callable[[str], Any], word: Callable[[Row], str]
) -> dict[str, Any]:
    """``{orderStatus, adjust}``: ask the channel and wait a while for what it says.

    ``ask`` gets the key that is told of the answer. An order that ended and that nobody asks about
    any more is answered as it is. Raises OperationRefused, NotFound.
    """
    refusal = why_not(row, "sync")
    if refusal is not None and refusal.code == STATE:
        return {"orderStatus": word(row), "adjust": False}
    if refusal is not None:
        raise OperationRefused("sync", refusal)
    before = word(row)
    with waiting.place(settings.PREPAY_DEADLINE_S) as place:
        ask(place.key)
        after = place.watch(
            row,
            read,
            until=lambda found: word(found) != before,
            look_every_s=LOOK_EVERY_S,
        )
    return {"orderStatus": word(after), "adjust": word(after) != before}
