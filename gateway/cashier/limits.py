"""How often a stranger may ask. Used by the public pages and addresses of the checkout.

Counts stand in Redis; without it everybody is let through, because a payment that cannot be made is
worse than a page that is asked for too often.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import redis
from django.http import HttpRequest

from gateway.address import client_address
from orders.engine import store

log = logging.getLogger(__name__)
WINDOW_S = 60


@dataclass(frozen=True)
class Limit:
    """At most ``most`` in a minute, for each of those who are counted apart."""

    name: str
    most: int


LOOKS = Limit("look", 240)
"""Of one checkout: a page asks every two seconds, and a family may have it open."""
PAYS = Limit("pay", 20)
"""Of one checkout: each may ask a channel for a new prepay."""
MISSES = Limit("miss", 60)
"""Of one address: numbers that there are not."""


def allows(limit: Limit, who: str) -> bool:
    """Count one more for ``who``."""
    name = store.key(f"limit:{limit.name}:{who}")
    try:
        pipe = store.client().pipeline(transaction=True)
        pipe.set(name, 0, nx=True, ex=WINDOW_S)
        pipe.incr(name)
        count = int(pipe.execute()[1])
    except redis.RedisError as error:
        log.warning("nobody is counted: %s", error)
        return True
    return count <= limit.most


def address(request: HttpRequest) -> str:
    return str(client_address(request) or "-")
