"""Every operation of SPEC 4's table, on each channel, through both doors: the provider's own book
shows each movement once, whatever goes wrong on the way, and so does our ledger.

Through the API with everything that can go wrong; through the console, whose operations are the
same services, without a fault and with the answer lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from orders.models import Anomaly, ChannelCallback
from tests.e2e.hands import RESOURCES
from tests.e2e.stories import EVENTUAL, LOST, STORIES, Story
from tests.e2e.stories.payments import Book
from tests.e2e.world import Sums, World

BY_HAND = {"quiet", LOST}
"""What the console meets of all that can go wrong."""


def _hurts(story: Story, channel: str) -> dict[str, dict[str, Any]]:
    """What goes wrong → the simulator's faults."""
    op = story.ops[channel]
    hurts: dict[str, dict[str, Any]] = {"quiet": {}}
    if op:
        hurts[LOST] = {op: {"fault": "drop_after", "times": 1}}
        hurts["bad_signature"] = {op: {"fault": "bad_signature", "times": 1}}
    if story.calls_back:
        hurts["duplicates"] = {"callback": {"fault": "duplicate", "n": 3}}
    if channel in story.eventual:
        hurts[EVENTUAL] = {op: dict(fault) for op, fault in story.eventual[channel].items()}
    return hurts


def _told() -> Iterator[tuple[str, str, str, dict[str, Any], Sums]]:
    """(channel, story, what goes wrong, faults, sums)"""
    for name, story in STORIES.items():
        for channel in story.ops:
            for hurt, faults in _hurts(story, channel).items():
                yield channel, name, hurt, faults, Sums()
        for hurt, sums in story.sandbox.items():
            yield "sandbox", name, hurt or "quiet", {}, sums


def _cases() -> Iterator[Any]:
    for channel, name, hurt, faults, sums in _told():
        for hand in ("api", "console") if hurt in BY_HAND else ("api",):
            case = f"{hand}-{channel}-{name}-{hurt}"
            yield pytest.param(hand, channel, name, faults, sums, id=case)


def _moved(lines: Book) -> list[tuple[str, int]]:
    """What went where. A refund that a provider makes by itself has another number there than
    here; and nothing moves when money is set free, though the provider writes it down."""
    return sorted((kind, fen) for kind, _number, fen in lines if kind != "unfreeze")


@pytest.mark.parametrize(("hand", "channel", "story", "faults", "sums"), _cases())
def test_the_book_shows_each_movement_once(make_world, hand, channel, story, faults, sums):
    world: World = make_world(channel, faults, hand=hand, sums=sums)
    book = sorted(STORIES[story].tell(world))
    if channel == "sandbox":  # whose book is our ledger
        book = [line for line in book if line[0] != "unfreeze"]
    assert sorted(world.book()) == book
    world.rest()
    assert sorted(world.book()) == book
    assert _moved(world.ledger()) == _moved(book)
    assert Anomaly.objects.count() == 0
    assert ChannelCallback.objects.filter(result="rejected").count() == 0
    for model in RESOURCES:
        for row in model.objects.all():
            assert world.hand.shows(row) == row.status
