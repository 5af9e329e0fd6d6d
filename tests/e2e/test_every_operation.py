"""SPEC 4's table: each operation on each channel, whatever goes wrong, moves its money once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from orders.models import Anomaly, ChannelCallback
from tests.e2e.stories import STORIES
from tests.e2e.world import World


def _cases() -> Iterator[Any]:
    for name, story in STORIES.items():
        for channel, op in story.ops.items():
            hurts: dict[str, dict[str, Any]] = {
                "quiet": {},
                "answer_lost": {op: {"fault": "drop_after", "times": 1}},
                "bad_signature": {op: {"fault": "bad_signature", "times": 1}},
            }
            if story.calls_back:
                hurts["duplicates"] = {"callback": {"fault": "duplicate", "n": 3}}
            if channel in story.eventual:
                hurts["eventual"] = dict(story.eventual[channel])
            for hurt, faults in hurts.items():
                yield pytest.param(channel, name, faults, id=f"{channel}-{name}-{hurt}")


@pytest.mark.parametrize(("channel", "story", "faults"), _cases())
def test_the_book_shows_each_movement_once(make_world, channel, story, faults):
    world: World = make_world(channel, faults)
    book = STORIES[story].tell(world)
    assert sorted(world.book()) == sorted(book)
    world.rest()
    assert sorted(world.book()) == sorted(book)
    assert Anomaly.objects.count() == 0
    assert ChannelCallback.objects.filter(result="rejected").count() == 0
