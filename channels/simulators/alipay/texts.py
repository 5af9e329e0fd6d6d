"""How Alipay writes times and numbers. Used inside this simulator only."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from channels.simulators.core.clock import CHINA

MINUTE, HOUR, DAY = 60, 3600, 86400
UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}


def china(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, CHINA)


def stamp(timestamp: float) -> str:
    """``2025-11-20 09:31:02``, China time, whatever the machine's zone."""
    return china(timestamp).strftime("%Y-%m-%d %H:%M:%S")


def stamp_ms(timestamp: float) -> str:
    """``gmt_refund`` alone has milliseconds: ``2025-11-20 09:31:02.345``."""
    moment = china(timestamp)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"


def parse_stamp(text: str) -> float:
    """With or without seconds. Raises ValueError."""
    form = "%Y-%m-%d %H:%M:%S" if text.count(":") == 2 else "%Y-%m-%d %H:%M"
    return datetime.strptime(text, form).replace(tzinfo=CHINA).timestamp()


def until(timeout: str, *, now: float) -> float:
    """When a ``timeout_express`` is over: 90m, 2h, 15d, or 1c: the end of today."""
    if timeout == "1c":
        midnight = china(now).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight + timedelta(days=1)).timestamp()
    return now + int(timeout[:-1]) * UNITS[timeout[-1]]


def new_number(kind: str, now: float, *, length: int = 28) -> str:
    """Digits: the day, the kind, and a random tail, in the look of the real ones."""
    head = f"{china(now):%Y%m%d}{kind}"
    return head + "".join(secrets.choice("0123456789") for _ in range(length - len(head)))
