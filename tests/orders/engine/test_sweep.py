"""The sweep: what was lost is found by the clock, and twice is once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from orders import tasks
from orders.engine import drain, health, store, sweep, wake
from orders.models import (
    ApiKey,
    ChannelCall,
    ChannelCallback,
    DoorKey,
    DoorRequest,
    IdempotencyKey,
    PayOrder,
)
from orders.services import pay, refund
from tests import cast
from tests.orders.engine.conftest import calls, notices

pytestmark = [pytest.mark.usefixtures("redis_client"), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def well(monkeypatch):
    monkeypatch.setattr(wake, "_resume_at", 0.0)
    monkeypatch.setattr(sweep, "_last", 0.0)


def callback(house, **facts) -> ChannelCallback:
    return ChannelCallback.objects.create(
        account=house.account, channel="fake", notification_id="n", body="{}", **facts
    )


# --- queues --------------------------------------------------------------------------------


def test_queues_with_due_rows_are_woken_and_no_others(house, published):
    calls(house, 3, queue="sync")
    callback(house)
    notices(house, 1, "http://127.0.0.1:9/", due_at=timezone.now() + timedelta(minutes=1))
    sweep.sweep()
    assert sorted(published) == ["callback", "sync"]


def test_a_raised_flag_does_not_keep_the_sweep_from_publishing(house, published):
    calls(house, 1, queue="sync")
    assert wake.count("sync") == 1  # and whoever raised it died before the message
    sweep.sweep()
    assert published == ["sync"]


def test_a_lost_wake_up_is_healed(house, channel, wires, published):
    calls(house, 1)
    sweep.sweep()
    for queue in published:
        drain.run(queue)
    assert ChannelCall.objects.get().outcome == "done"


def test_after_redis_lost_everything_the_work_goes_on(
    house, channel, wires, published, redis_client
):
    calls(house, 1)
    wake.ring("call")
    published.clear()
    for key in redis_client.scan_iter(match=f"{django_settings.REDIS_PREFIX}*"):
        redis_client.delete(key)
    sweep.sweep()
    assert published == ["call"]
    drain.run("call")
    assert ChannelCall.objects.get().outcome == "done"


def test_an_ended_lease_is_due(house, published):
    calls(house, 1, state="out", attempt=1)
    sweep.sweep()
    assert published == ["call"]


def test_without_a_broker_the_orders_are_still_checked(house, channel, monkeypatch, caplog):
    def refuse(queue: str) -> None:
        raise redis.ConnectionError("nobody listens")

    monkeypatch.setattr(wake, "publish", refuse)
    order = cast.make_pay_order(house, channel="fake")
    PayOrder.objects.update(next_check_at=timezone.now())
    sweep.sweep()
    assert cast.open_kinds(order) == ["query_pay"]
    assert "a part of the sweep failed" in caplog.text


# --- orders --------------------------------------------------------------------------------


def test_orders_whose_check_is_due_are_asked_about(house, channel, published):
    order = cast.make_pay_order(house, channel="fake")
    PayOrder.objects.update(next_check_at=timezone.now())
    sweep.sweep()
    assert cast.open_kinds(order) == ["query_pay"]
    assert cast.reload(order).next_check_at > timezone.now()
    assert published == ["sync"]


def test_a_second_sweep_finds_nothing_more_to_ask(house, channel, published):
    order = cast.make_pay_order(house, channel="fake")
    PayOrder.objects.update(next_check_at=timezone.now())
    sweep.sweep()
    sweep.sweep()
    assert cast.open_kinds(order) == ["query_pay"]
    assert ChannelCall.objects.filter(kind="query_pay").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_do_what_one_does(house, channel, published):
    orders = [cast.make_pay_order(house, channel="fake") for _ in range(12)]
    PayOrder.objects.update(next_check_at=timezone.now())
    start = threading.Barrier(3)

    def run() -> None:
        try:
            start.wait()
            sweep.sweep()
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asked = ChannelCall.objects.filter(kind="query_pay")
    assert asked.count() == len(orders)
    assert set(PayOrder.objects.values_list("check_count", flat=True)) == {
        cast.reload(orders[0]).check_count
    }


def test_due_orders_are_taken_in_rounds_and_a_sweep_has_an_end(monkeypatch):
    taken = []

    def endless(now, limit):
        taken.append(limit)
        return limit

    monkeypatch.setattr(pay, "check_due", endless)
    monkeypatch.setattr(refund, "check_due", lambda now, limit: 0)
    sweep.sweep()
    assert taken == [sweep.LIMIT] * sweep.ROUNDS


def test_one_failing_part_does_not_stop_the_others(house, published, monkeypatch, caplog):
    def broken(now, limit):
        raise ZeroDivisionError

    asked = []
    monkeypatch.setattr(pay, "check_due", broken)
    monkeypatch.setattr(refund, "check_due", lambda now, limit: asked.append(limit) or 0)
    calls(house, 1)
    sweep.sweep()
    assert asked == [sweep.LIMIT]
    assert published == ["call"]
    assert "a part of the sweep failed" in caplog.text


def test_a_pile_of_sweeps_is_one_sweep(house, published):
    calls(house, 1)
    for _message in range(5):
        tasks.sweep()
    assert published == ["call"]


# --- pruning -------------------------------------------------------------------------------


def test_idempotency_keys_are_forgotten_after_a_day_and_not_before(house, monkeypatch):
    monkeypatch.setattr(sweep, "PRUNED", 2)
    key = ApiKey.objects.get()
    now = timezone.now()
    IdempotencyKey.objects.bulk_create(
        IdempotencyKey(
            api_key=key,
            key=f"k{hours}",
            fingerprint="f",
            locked_until=now,
            created_at=now - timedelta(hours=hours),
        )
        for hours in (0, 23, 25, 26, 48, 1000)
    )
    assert sweep.prune() == 4
    assert set(IdempotencyKey.objects.values_list("key", flat=True)) == {"k0", "k23"}


def test_requests_at_a_door_are_forgotten_after_a_day_and_not_before(house):
    door = DoorKey.objects.create(
        application=house.application, dialect="kaigedian", identity="1:2"
    )
    now = timezone.now()
    DoorRequest.objects.bulk_create(
        DoorRequest(
            door_key=door, action="submit", number=f"t{hours}", fingerprint="f",
            locked_until=now, created_at=now - timedelta(hours=hours),
        )
        for hours in (0, 23, 25, 1000)
    )  # fmt: skip
    assert sweep.prune() == 2
    assert set(DoorRequest.objects.values_list("number", flat=True)) == {"t0", "t23"}


# --- health --------------------------------------------------------------------------------


def test_a_house_without_work_is_not_behind(house):
    assert health.oldest_due_seconds() == 0.0
    assert health.due_counts() == dict.fromkeys(wake.QUEUES, 0)


def test_how_far_the_house_is_behind(house):
    now = timezone.now()
    calls(house, 2, queue="pay", due_at=now - timedelta(seconds=40))
    calls(house, 1, queue="call", due_at=now + timedelta(seconds=40))
    calls(house, 1, queue="call", state="ended", outcome="done", due_at=now - timedelta(days=1))
    callback(house, due_at=now - timedelta(seconds=7))
    notices(house, 3, "http://127.0.0.1:9/", due_at=now - timedelta(seconds=90))
    assert health.oldest_due_seconds(now=now) == pytest.approx(90)
    assert health.due_counts(now=now) == {
        "pay": 2,
        "callback": 1,
        "call": 0,
        "sync": 0,
        "notice": 3,
        "bulk": 0,
    }


def test_counting_stops_where_the_number_stops_helping(house, monkeypatch):
    monkeypatch.setattr(health, "COUNTED", 2)
    calls(house, 5)
    assert health.due_counts()["call"] == 2


# --- tasks ---------------------------------------------------------------------------------


def test_the_tasks_have_the_names_that_are_published():
    names = {tasks.drain.name, tasks.sweep.name, tasks.prune.name}
    assert names == {"orders.tasks.drain", "orders.tasks.sweep", "orders.tasks.prune"}


def test_the_clock_knows_only_tasks_that_exist(settings):
    entries = settings.CELERY_BEAT_SCHEDULE.values()
    named = {entry["task"] for entry in entries if entry["task"].startswith("orders.tasks.")}
    assert named <= {tasks.drain.name, tasks.sweep.name, tasks.prune.name}
    assert {tasks.sweep.name, tasks.prune.name} <= named


def test_every_queue_of_the_engine_has_a_worker(settings):
    assert set(wake.QUEUES) == set(settings.QUEUES)
    assert store.key("x").startswith(settings.REDIS_PREFIX)
