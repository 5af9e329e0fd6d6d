"""One signed message counts once (``PaymentReplayProtectService``). Called by ``frame`` after the
signature, before anything is done.

Without Redis nobody can say whether a message was here before, and a refund without a number of the
merchant's own would be made twice: the door stays shut for that moment and says so. Nothing was
done, and the merchant's next try, with a nonce of its own, finds what the first one made.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import redis
from django.utils.translation import gettext as _

from gateway.api.daxpay.errors import Code, Failure
from orders.engine import store

log = logging.getLogger(__name__)

WINDOW = timedelta(seconds=300)
"""How far ``reqTime`` may be from our clock, both ways."""
KEEP_S = 2 * int(WINDOW.total_seconds()) + 1
"""A message from five minutes ahead can come again for ten minutes. DaxPay forgets nonces after
five, which lets such a message in twice."""


def check(mch_no: str, given: Mapping[str, Any], now: datetime) -> None:
    """Raises Failure: 10408 without a nonce, 10410 out of time, 10409 seen before, 10500 where that
    cannot be known."""
    nonce = given.get("nonceStr")
    if nonce is None:
        raise Failure(Code.NONCE_MISSING, _("nonceStr is missing."))
    if abs(now - given["reqTime"]) > WINDOW:
        raise Failure(
            Code.OUT_OF_TIME,
            _("reqTime is more than %(most)s seconds away from our clock (Beijing time).")
            % {"most": int(WINDOW.total_seconds())},
        )
    if not is_first(f"nonce:pay:{mch_no}:{nonce}"):
        raise Failure(Code.NONCE_USED, _("nonceStr was used before; every request needs its own."))


def is_first(name: str) -> bool:
    """Remember ``name``; False where it was remembered before. Raises Failure without Redis."""
    try:
        return bool(store.client().set(store.key(name), "1", nx=True, ex=KEEP_S))
    except redis.RedisError as error:
        log.error("nobody can say which nonces were used: %s", error)
        raise Failure(
            Code.SYSTEM,
            _("The nonce cannot be checked at this moment. Nothing was done; please try again."),
        ) from None
