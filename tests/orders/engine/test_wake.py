"""Wake-ups on a real Redis: none is lost, few are sent, and none breaks a request."""

from __future__ import annotations

import json

import pytest
import redis
from django.conf import settings as django_settings
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orders.engine import store, wake


@pytest.fixture(autouse=True)
def well(redis_client, monkeypatch):
    monkeypatch.setattr(wake, "_resume_at", 0.0)


def flag(queue: str) -> str:
    return f"{django_settings.REDIS_PREFIX}wake:{queue}"


# --- the protocol --------------------------------------------------------------------------


class World:
    """Enqueuers and drains, a step at a time, on the real flag; rows and messages are ours."""

    def __init__(self) -> None:
        store.client().delete(flag("call"))
        self.due: set[int] = set()
        self.done: list[int] = []
        self.messages = 0
        self.most_messages = 0

    def enqueue(self, row: int):
        self.due.add(row)  # the commit
        yield
        number = wake.count("call")
        yield
        if number == 1:
            self.messages += 1
            self.most_messages = max(self.most_messages, self.messages)

    def drain(self):
        if not self.messages:
            return
        self.messages -= 1
        yield
        wake.start("call")
        yield
        seen, hungry, ticks = 0, True, 0
        while hungry or ticks < 3:
            if hungry:
                claimed, self.due = self.due, set()  # a statement: atomic
                self.done += claimed
                hungry = False
            yield
            ticks += 1
            number = wake.number("call")
            yield
            if number != seen:
                seen, hungry = number, True

    def settle_down(self) -> None:
        while self.messages:
            for _step in self.drain():
                pass


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(1, 8), st.lists(st.integers(0, 10**6), min_size=20, max_size=120))
def test_whatever_the_interleaving_no_row_is_left_and_one_message_waits_at_most(
    redis_client, rows, schedule
):
    world = World()
    enqueuers = [world.enqueue(row) for row in range(rows)]
    drains: list = []
    for choice in schedule:
        actors = [*enqueuers, *drains]
        if world.messages and choice % 4 == 0:
            drains.append(world.drain())
        elif actors:
            actor = actors[choice % len(actors)]
            if next(actor, "over") == "over":
                (enqueuers if actor in enqueuers else drains).remove(actor)
    for actor in [*enqueuers, *drains]:
        for _step in actor:
            pass
    world.settle_down()
    assert sorted(world.done) == list(range(rows))
    assert world.due == set()
    assert world.most_messages <= 1


def test_a_burst_of_wake_ups_publishes_one_message(published):
    for _row in range(50):
        wake.ring("call")
    assert published == ["call"]
    assert wake.number("call") == 50


def test_after_a_drain_began_the_next_wake_up_publishes_again(published):
    wake.ring("call")
    wake.start("call")
    assert wake.number("call") == 0
    wake.ring("call")
    assert published == ["call", "call"]


def test_queues_have_flags_of_their_own(published):
    wake.ring("call")
    wake.ring("pay")
    assert published == ["call", "pay"]


def test_the_flag_falls_by_itself_when_whoever_raised_it_died(redis_client):
    assert wake.count("call") == 1
    wake.count("call")
    assert 0 < redis_client.pttl(flag("call")) <= wake.FLAG_MS


def test_the_message_names_the_task_the_queue_and_nothing_else(redis_client):
    wake.publish("sync")
    (message,) = redis_client.lrange(f"{django_settings.REDIS_PREFIX}sync", 0, -1)
    headers = json.loads(message)["headers"]
    assert headers["task"] == "orders.tasks.drain"
    assert headers["kwargsrepr"] == "{'queue': 'sync'}"
    assert (headers["eta"], headers["expires"]) == (None, None)


# --- transactions --------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_wake_up_waits_for_the_commit(published):
    with transaction.atomic():
        wake.wake("call")
        assert published == []
    assert published == ["call"]


@pytest.mark.django_db(transaction=True)
def test_a_rollback_wakes_nobody(published):
    with pytest.raises(RuntimeError), transaction.atomic():
        wake.wake("call")
        raise RuntimeError
    assert published == []
    assert wake.number("call") == 0


@pytest.mark.django_db(transaction=True)
def test_one_transaction_rings_once_for_each_queue(published):
    with transaction.atomic():
        for _row in range(20):
            wake.wake("notice")
        wake.wake("call")
    assert published == ["notice", "call"]
    assert wake.number("notice") == 1


@pytest.mark.django_db(transaction=True)
def test_a_wake_up_in_a_savepoint_that_rolled_back_does_not_hide_a_later_one(published):
    with transaction.atomic():
        with pytest.raises(RuntimeError), transaction.atomic():
            wake.wake("call")
            raise RuntimeError
        wake.wake("call")
    assert published == ["call"]


@pytest.mark.django_db(transaction=True)
def test_a_wake_up_outside_a_savepoint_serves_the_one_inside(published):
    with transaction.atomic():
        wake.wake("call")
        with pytest.raises(RuntimeError), transaction.atomic():
            wake.wake("call")
            raise RuntimeError
    assert published == ["call"]
    assert wake.number("call") == 1


@pytest.mark.django_db(transaction=True)
def test_a_wake_up_in_a_savepoint_that_was_released_serves_the_rest(published):
    with transaction.atomic():
        with transaction.atomic():
            with transaction.atomic():
                wake.wake("call")
            wake.wake("call")
        wake.wake("call")
        with pytest.raises(RuntimeError), transaction.atomic():
            wake.wake("call")
            raise RuntimeError
    assert published == ["call"]
    assert wake.number("call") == 1


@pytest.mark.django_db
def test_a_queue_that_does_not_exist_is_an_error_at_once():
    with pytest.raises(ValueError, match="no queue 'cal'"):
        wake.wake("cal")


# --- Redis is away -------------------------------------------------------------------------


@pytest.fixture
def no_redis(monkeypatch):
    """Nothing listens; the attempts are counted."""
    tried = []

    def refuse() -> redis.Redis:
        tried.append(1)
        raise redis.ConnectionError("nobody listens")

    monkeypatch.setattr(store, "client", refuse)
    return tried


@pytest.mark.django_db(transaction=True)
def test_without_redis_the_transaction_commits_all_the_same(no_redis, published, caplog):
    with transaction.atomic():
        wake.wake("call")
    assert published == []
    assert "the sweep will find the work" in caplog.text


def test_without_redis_a_request_pays_for_one_attempt_and_not_for_each(no_redis, published):
    for queue in wake.QUEUES:
        wake.ring(queue)
    assert len(no_redis) == 1
    assert published == []


def test_without_redis_a_drain_goes_on(no_redis):
    wake.start("call")
    assert wake.number("call") == 0


def test_a_broker_that_refuses_the_message_is_not_an_error(monkeypatch, caplog):
    def refuse(queue: str) -> None:
        raise redis.ConnectionError("full")

    monkeypatch.setattr(wake, "publish", refuse)
    wake.ring("call")
    assert "no wake-up for call" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_even_a_bug_in_ringing_does_not_break_the_request(monkeypatch, caplog):
    def bug(queue: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(wake, "ring", bug)
    with transaction.atomic():
        wake.wake("call")
    assert "Error calling _ringer.<locals>.ring_queue" in caplog.text


def test_when_redis_is_back_wake_ups_are_too(no_redis, published, monkeypatch):
    wake.ring("call")
    monkeypatch.undo()
    monkeypatch.setattr(wake, "_resume_at", 0.0)
    assert wake.count("call") == 1
