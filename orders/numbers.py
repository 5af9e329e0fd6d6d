"""Order numbers: one prefix letter and a ULID, 27 characters of ``[0-9A-Z]``. Pure.

Our number is what the channel is given as the merchant's number, so it must fit every provider's
rule: at most 32 of ``[0-9A-Za-z]`` (SPEC 1).
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32
PREFIX_PAY = "P"
PREFIX_REFUND = "R"
PREFIX_TRANSFER = "T"
PREFIX_ALLOCATION = "A"
PREFIX_FINISH = "F"
PREFIX_RETURN = "B"
PREFIX_RECEIVER = "V"
PREFIX_GROUP = "G"
PREFIX_STORE = "S"
PREFIX_CHECKOUT = "C"


def ulid(at: datetime, entropy: int | None = None) -> str:
    """48 bits of milliseconds since the epoch and 80 random bits, 26 characters."""
    value = (int(at.timestamp() * 1000) << 80) | (
        secrets.randbits(80) if entropy is None else entropy
    )
    return "".join(ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def new_number(prefix: str, at: datetime) -> str:
    """A new order number of the family ``prefix``, sortable by its time."""
    return prefix + ulid(at)


def number_time(number: str) -> datetime:
    """When a number was made, to the millisecond. Raises ValueError when it is not one of ours."""
    if len(number) != 27 or any(c not in ALPHABET for c in number[1:]):
        raise ValueError(f"not an order number: {number!r}")
    value = 0
    for char in number[1:11]:
        value = value * 32 + ALPHABET.index(char)
    return datetime.fromtimestamp(value / 1000, tz=UTC)
