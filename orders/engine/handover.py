"""A scanned payment code on its way from the web process to the worker that sends it.

``services.pay.create`` puts it, before the order is committed, so that no worker sees an order
whose code is still to come; ``services.corridor`` takes it on the wire thread that is about to
send, once. It lies in Redis sealed (AES-GCM, the order's number as associated data), for as long
as a wallet's code lives, and is nowhere else: not in the database, not in a message, not in a log
(docs/adr/0014). A code that is gone is never asked for again: the customer shows a new one.
"""

from __future__ import annotations

import logging
from typing import Any

import redis

from orders import secrets
from orders.engine import store

log = logging.getLogger(__name__)

TTL_S = 60
"""Wallets show a new code every minute (WeChat Pay 付款码支付)."""


class NotHandedOver(Exception):
    """Redis is away, so that no worker could ever get the code."""


def put(order_no: str, code: str) -> None:
    """Lay the code down for the worker that will place the order. Raises NotHandedOver."""
    sealed = secrets.encrypt(code, _row(order_no))
    try:
        store.client().set(_key(order_no), sealed, ex=TTL_S)
    except redis.RedisError as error:
        log.warning("a payment code cannot be handed over: %s", error)
        raise NotHandedOver from None


def take(order_no: str) -> str:
    """The code, for the first who asks; "" when it is gone: taken, out of time, or Redis is away
    (a GETDEL whose answer was lost has taken it as well)."""
    try:
        sealed: Any = store.client().getdel(_key(order_no))
        return secrets.decrypt(sealed.decode(), _row(order_no)) if sealed else ""
    except (redis.RedisError, secrets.SecretUnreadable) as error:
        log.warning("the payment code of %s is lost: %s", order_no, error)
        return ""


def forget(order_no: str) -> None:
    """Nobody will send it. Never raises: it also ends by itself."""
    try:
        store.client().delete(_key(order_no))
    except redis.RedisError as error:
        log.warning("an unused payment code ends by itself: %s", error)


def _key(order_no: str) -> str:
    return store.key(f"paycode:{order_no}")


def _row(order_no: str) -> str:
    return f"paycode:{order_no}"
