"""Dates, times and numbers as this wire writes them: China time, digits only."""

from __future__ import annotations

import secrets
from datetime import datetime

from channels.simulators.core.clock import CHINA


def day(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, CHINA).strftime("%Y%m%d")


def clock(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, CHINA).strftime("%H%M%S")


def new_number(timestamp: float, *, digits: int) -> str:
    """The day, then chance: as 2017110114440000000001."""
    head = day(timestamp)
    return head + "".join(secrets.choice("0123456789") for _ in range(digits - len(head)))
