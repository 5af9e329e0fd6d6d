"""Yuan as the wire writes them, fen as the book keeps them. Used inside this simulator only."""

from __future__ import annotations

import re

from channels.simulators.core.fields import FieldError

YUAN = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,2})?")
LARGEST = 10_000_000_000
"""«取值范围[0.01,100000000]»."""


def fen(text: str, *, name: str, smallest: int = 1) -> int:
    """A positive sum with at most two decimals. Raises FieldError."""
    if not YUAN.fullmatch(text):
        raise FieldError((name,), "must be yuan with at most two decimals", text)
    whole, _, part = text.partition(".")
    amount = int(whole) * 100 + int((part + "00")[:2])
    if not smallest <= amount <= LARGEST:
        raise FieldError((name,), f"must be {yuan(smallest)} to {yuan(LARGEST)}", text)
    return amount


def yuan(amount: int) -> str:
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{amount // 100}.{amount % 100:02d}"
