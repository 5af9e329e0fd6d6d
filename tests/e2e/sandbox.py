"""What a test can do with the sandbox, in the words of the simulators.

The sandbox has no process and no book: what happens is chosen by the amount and by the age of the
order. Here that age is in the test's hand: a number is born when the sandbox first meets it, and
grows older with the test's clock, so that a loaded machine changes nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.sandbox import channel

TICK_S = 15
"""How much later it is after each turn of the clock."""
PAID_AFTER_S = 5
"""Longer than a customer of the sandbox takes."""
LATER_S = 60
"""Longer than anything that the sandbox's cases wait for, but the hour-long ones."""


class Sandbox:
    crashes = 0

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._age_s = 0
        self._born: dict[str, int] = {}
        monkeypatch.setattr(channel, "created_at", self._created_at)

    def _created_at(self, number: str) -> datetime:
        born = self._born.setdefault(number, self._age_s)
        # Half a second more: ages are cut to whole seconds.
        return datetime.now(UTC) - timedelta(seconds=self._age_s - born + 0.5)

    def tick(self) -> None:
        self._age_s += TICK_S

    def wait(self) -> None:
        """Let what the sandbox waits for be over."""
        self._age_s += LATER_S

    def pay(self, order_no: str) -> None:
        """Its customers pay by themselves."""
        self._age_s += PAID_AFTER_S

    def set_faults(self, faults: dict[str, Any]) -> None:
        """They are in the amounts."""

    def set_balance(self, available: int) -> None:
        """It has no accounts; where money comes later, it has come now."""
        if available:
            self.wait()

    def stop(self) -> None:
        """Nothing runs."""
