"""Who is doing something, through which door. Written into every event."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Door(StrEnum):
    """The four ways in (DESIGN 1), the merchants' one told apart by dialect."""

    API = "api"
    DAXPAY = "daxpay"
    DAXPAY_G3 = "daxpay_g3"
    MINAPP = "minapp"
    KAIGEDIAN = "kaigedian"
    ADMIN = "admin"
    CLOCK = "clock"
    CHANNEL = "channel"


@dataclass(frozen=True, kw_only=True)
class Actor:
    """``name`` is a user name, an API key's prefix, a worker or a channel; never a secret."""

    door: Door
    name: str
    user: Any = None
    """The Django user, where a person acts: permissions are checked against it."""
    request_id: str = ""


def clock(name: str = "beat") -> Actor:
    return Actor(door=Door.CLOCK, name=name)


def channel(name: str) -> Actor:
    return Actor(door=Door.CHANNEL, name=name)
