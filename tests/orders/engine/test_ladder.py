"""The two ladders, step by step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.engine import ladder

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
M, H, D = 60, 3600, 86400


def test_checks_climb_from_five_seconds_to_a_day():
    waits = [(ladder.next_check(count, NOW) - NOW).total_seconds() for count in range(13)]
    assert waits == [5, 10, 10, 30, M, 5 * M, 10 * M, 30 * M, H, 2 * H, 6 * H, 12 * H, D]


@given(st.integers(min_value=12, max_value=10**9))
def test_checking_never_gives_up(count):
    assert ladder.next_check(count, NOW) == NOW + timedelta(days=1)


def test_an_unknown_outcome_is_asked_about_within_ten_seconds():
    assert ladder.next_check(0, NOW) - NOW <= timedelta(seconds=10)


def test_notices_follow_the_published_ladder_and_then_die():
    waits = []
    tries = 1
    while (due := ladder.next_notice(tries, NOW)) is not None:
        waits.append(int((due - NOW).total_seconds()))
        tries += 1
    assert waits == [
        15, 15, 30, 3 * M, 10 * M, 20 * M, 30 * M, 30 * M, 30 * M, 60 * M,
        3 * H, 3 * H, 3 * H, 6 * H, 6 * H, 6 * H,
    ]  # fmt: skip
    assert tries == 17


def test_a_ladder_has_no_step_below_the_first():
    with pytest.raises(ValueError, match="negative"):
        ladder.next_check(-1, NOW)
    with pytest.raises(ValueError, match="at once"):
        ladder.next_notice(0, NOW)
