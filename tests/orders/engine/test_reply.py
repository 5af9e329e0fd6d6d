"""Waiting for the end of a call."""

from __future__ import annotations

import threading

import pytest
import redis
from django.conf import settings as django_settings
from django.db import transaction

from orders.engine import reply, store

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_key_fits_the_column_and_is_never_the_same():
    keys = {reply.new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(len(key) <= 64 for key in keys)


def test_an_answer_that_came_first_is_found(redis_client):
    key = reply.new_key()
    reply.publish(key)
    assert reply.wait(key, 5) is True


def test_a_waiter_is_told_when_the_transaction_commits(redis_client):
    key = reply.new_key()
    heard: list[bool] = []
    waiter = threading.Thread(target=lambda: heard.append(reply.wait(key, 10)))
    with transaction.atomic():
        reply.publish(key)
        waiter.start()
        waiter.join(0.1)
        assert heard == []
    waiter.join()
    assert heard == [True]


def test_without_an_answer_the_wait_ends_false(redis_client):
    assert reply.wait(reply.new_key(), 0.05) is False


def test_a_rollback_tells_nobody(redis_client):
    key = reply.new_key()
    with pytest.raises(RuntimeError), transaction.atomic():
        reply.publish(key)
        raise RuntimeError
    assert redis_client.keys(f"{django_settings.REDIS_PREFIX}reply:*") == []


def test_an_answer_that_nobody_fetches_vanishes(redis_client):
    key = reply.new_key()
    reply.publish(key)
    assert 0 < redis_client.ttl(f"{django_settings.REDIS_PREFIX}{key}") <= reply.KEEP_S


def test_nobody_may_wait_inside_a_transaction():
    with pytest.raises(RuntimeError, match="hold its locks"), transaction.atomic():
        reply.wait(reply.new_key(), 0.01)


def test_without_redis_nothing_is_raised(monkeypatch):
    def refuse() -> redis.Redis:
        raise redis.ConnectionError("nobody listens")

    monkeypatch.setattr(store, "client", refuse)
    monkeypatch.setattr(store, "waiting_client", refuse)
    reply.publish(reply.new_key())
    assert reply.wait(reply.new_key(), 30) is False


def test_one_broken_connection_does_not_end_the_wait(redis_client, monkeypatch):
    key = reply.new_key()
    reply.publish(key)
    good = store.waiting_client
    broken = iter([True])

    def client() -> redis.Redis:
        if next(broken, False):
            raise redis.ConnectionError("reset by peer")
        return good()

    monkeypatch.setattr(store, "waiting_client", client)
    assert reply.wait(key, 5) is True
