"""A payment code on its way to its worker: sealed, short-lived, taken once."""

from __future__ import annotations

import pytest
import redis
from django.conf import settings

from orders import secrets
from orders.engine import handover, store

CODE = "134567890123456789"
NUMBER = "P01KAGVJ5CNH7V9X2M4N6P8Q0R"


def everything(client: redis.Redis) -> bytes:
    """Every key of this process and what is in it."""
    keys = list(client.scan_iter(match=f"{settings.REDIS_PREFIX}*"))
    return b" ".join([*keys, *(client.dump(key) or b"" for key in keys)])


def test_a_code_is_taken_once(redis_client):
    handover.put(NUMBER, CODE)
    assert handover.take(NUMBER) == CODE
    assert handover.take(NUMBER) == ""


def test_redis_sees_a_seal_and_forgets_it_after_a_minute(redis_client):
    handover.put(NUMBER, CODE)
    assert CODE.encode() not in everything(redis_client)
    (key,) = redis_client.scan_iter(match=f"{settings.REDIS_PREFIX}*")
    assert 0 < redis_client.ttl(key) <= 60


def test_a_code_of_another_order_cannot_be_read(redis_client):
    """The order's number is sealed with it: a copied value opens nothing."""
    sealed = secrets.encrypt(CODE, "paycode:P-of-somebody-else")
    redis_client.set(store.key(f"paycode:{NUMBER}"), sealed)
    assert handover.take(NUMBER) == ""


def test_a_forgotten_code_is_gone(redis_client):
    handover.put(NUMBER, CODE)
    handover.forget(NUMBER)
    assert handover.take(NUMBER) == ""


def test_without_redis_nothing_is_handed_over_and_nothing_is_found(monkeypatch):
    """Nobody listens there, and no sentence of it repeats the code."""
    away = redis.Redis(host="127.0.0.1", port=1, socket_connect_timeout=1)
    monkeypatch.setattr(store, "client", lambda: away)
    with pytest.raises(handover.NotHandedOver) as caught:
        handover.put(NUMBER, CODE)
    assert CODE not in repr(caught.value)
    assert handover.take(NUMBER) == ""
    handover.forget(NUMBER)
