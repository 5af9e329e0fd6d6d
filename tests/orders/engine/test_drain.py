"""Drains: what is due gets worked, once, by whoever is there, and one bad row stops nobody."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import replace
from datetime import timedelta
from queue import Empty, Queue

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from channels.base import CallbackFact, Outcome, PayState, Result
from orders.engine import database, drain, sources, stop, wake, wire
from orders.engine.sources import Claimed
from orders.engine.wire import Job
from orders.models import ChannelAccount, ChannelCall, ChannelCallback
from orders.services import corridor
from tests import cast
from tests.orders.engine.conftest import WAITING, account, calls

pytestmark = pytest.mark.usefixtures("redis_client", "wires", "published")


@pytest.fixture(autouse=True)
def clean():
    yield
    stop.forget()
    assert drain._running._count == dict.fromkeys(drain._running._count, 0)


def states(**filters) -> list[tuple[str, str, int]]:
    rows = ChannelCall.objects.filter(**filters).order_by("id")
    return list(rows.values_list("state", "outcome", "attempt"))


# --- the ordinary way ----------------------------------------------------------------------


def test_every_due_call_is_told_to_the_channel_once_and_ends(house, channel):
    rows = calls(house, 30)
    assert drain.run("call") == 30
    assert sorted(channel.told) == sorted(("pay", row.order_no) for row in rows)
    assert states() == [("ended", "done", 1)] * 30


def test_the_wire_is_used_by_wire_threads_and_never_by_the_drains_own(house, channel):
    calls(house, 20)
    drain.run("call")
    assert len(channel.threads) > 1
    assert all(name.startswith("wire-channel") for name in channel.threads)


def test_the_call_keeps_what_went_over_the_wire(house, channel):
    calls(house, 1)
    drain.run("call")
    row = ChannelCall.objects.get()
    assert (row.request, row.response, row.latency_ms) == ("asked", "told", 1)


def test_a_drain_with_nothing_to_do_ends_at_once(house, channel):
    assert drain.run("call") == 0
    assert channel.told == []


def test_a_drain_of_one_queue_leaves_the_others(house, channel):
    calls(house, 2, queue="sync")
    assert drain.run("pay") == 0
    assert states() == [("due", "", 0)] * 2


def test_an_order_walks_the_corridor_on_the_engine(house, channel):
    order = cast.make_pay_order(house, "wait", channel="fake")
    assert drain.run("pay") == 1
    assert cast.reload(order).status == "progress"


def test_callbacks_are_settled_in_batches(house, channel):
    orders = [cast.make_pay_order(house, channel="fake") for _ in range(3)]
    facts = {
        str(index): CallbackFact(
            kind="pay",
            our_no=order.order_no,
            result=Result(
                outcome=Outcome.DONE, state=PayState.PAID, out_no=f"4{index}", amount=order.amount
            ),
        )
        for index, order in enumerate(orders)
    }
    channel.open_callback = lambda body, _account: facts[body.decode()]
    for body in facts:
        ChannelCallback.objects.create(
            account=house.account, channel="fake", notification_id=body, body=body
        )
    assert drain.run("callback") == 3
    assert [cast.reload(order).status for order in orders] == ["success"] * 3
    kept = ChannelCallback.objects.order_by("id").values_list("state", "result", "body")
    assert list(kept) == [("ended", "applied", f"scrubbed {body}") for body in facts]


# --- caps, rooms and batches ---------------------------------------------------------------


def test_a_cap_is_kept_and_everything_behind_it_is_done_all_the_same(house, channel):
    ChannelAccount.objects.update(max_in_flight=3)
    calls(house, 25)
    channel.script = lambda _command: time.sleep(0.002) or WAITING
    assert drain.run("call") == 25
    assert channel.most_flying <= 3


def test_no_more_is_claimed_than_there_are_free_threads(house, channel):
    calls(house, 40)
    gate = threading.Event()
    most_out = []

    def script(_command) -> Result:
        gate.wait(10)
        return WAITING

    channel.script = script

    def look() -> None:
        deadline = time.monotonic() + 10
        while channel.flying < 8 and time.monotonic() < deadline:
            time.sleep(0.005)
        most_out.append(channel.flying)
        gate.set()

    watcher = threading.Thread(target=look)
    watcher.start()
    claimed = []
    real = sources.claim.calls

    def counting(queue, room, in_flight, **more):
        found = real(queue, room, in_flight, **more)
        claimed.append((room, sum(in_flight.values())))
        return found

    sources.claim.calls = counting
    try:
        assert drain.run("call") == 40
    finally:
        sources.claim.calls = real
        watcher.join()
    assert most_out == [8]
    assert all(room + flying <= 8 for room, flying in claimed)


def test_a_slow_account_does_not_hold_up_a_quick_one(house, channel):
    slow = account(house, "slow", most=4)
    numbers = {row.order_no for row in calls(house, 12, account=slow, age_s=60)}
    calls(house, 20)
    gate = threading.Event()

    def script(command) -> Result:
        if command.order_no in numbers:
            gate.wait(10)
        return WAITING

    channel.script = script

    def open_when_the_quick_are_told() -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if sum(number not in numbers for _kind, number in list(channel.told)) == 20:
                break
            time.sleep(0.005)
        quick_first.append(sum(number in numbers for _kind, number in list(channel.told)))
        gate.set()

    quick_first: list[int] = []
    opener = threading.Thread(target=open_when_the_quick_are_told)
    opener.start()
    assert drain.run("call") == 32
    opener.join()
    assert quick_first == [4]


def test_two_answers_about_one_order_are_settled_apart(house, channel, monkeypatch):
    (row,) = calls(house, 1)
    ChannelCall.objects.create(
        kind="query_pay", queue="call", account=row.account, pay_order=row.pay_order,
        order_no=row.order_no, door="api", actor="test", due_at=row.due_at,
    )  # fmt: skip
    batches = []
    real = corridor.settle
    monkeypatch.setattr(
        corridor, "settle", lambda answers: batches.append(len(answers)) or real(answers)
    )
    assert drain.run("call") == 2
    assert batches == [1, 1]


def test_many_answers_share_a_transaction(house, channel, monkeypatch):
    calls(house, 40)
    batches = []
    real = corridor.settle
    monkeypatch.setattr(
        corridor, "settle", lambda answers: batches.append(len(answers)) or real(answers)
    )
    drain.run("call")
    assert sum(batches) == 40
    assert max(batches) > 1
    assert max(batches) <= sources.BATCH


# --- leases --------------------------------------------------------------------------------


def test_a_call_whose_worker_died_is_never_sent_again_but_asked_about(house, channel):
    order = cast.make_pay_order(house, "wait", channel="fake")
    call = cast.claim(order)
    ChannelCall.objects.filter(pk=call.pk).update(due_at=timezone.now() - timedelta(seconds=1))
    assert drain.run("pay") == 1
    call = cast.reload(call)
    assert (call.state, call.outcome, call.code) == ("ended", "unknown", "LEASE_LOST")
    assert channel.told == []
    drain.run("pay")
    assert cast.reload(call).attempt == 2
    assert channel.told == []


def test_an_answer_after_the_lease_was_lost_changes_nothing(house, channel):
    order = cast.make_pay_order(house, "wait", channel="fake")

    def script(_command) -> Result:
        # Another worker takes the row over while this one is on the wire.
        taken.set()
        assert resumed.wait(10)
        return Result(outcome=Outcome.REFUSED, code="NO_AUTH")

    taken, resumed = threading.Event(), threading.Event()
    channel.script = script
    real = corridor.settle

    def settle(answers) -> None:
        ChannelCall.objects.update(attempt=7)
        real(answers)

    corridor.settle = settle
    threading.Thread(target=lambda: taken.wait(10) and resumed.set()).start()
    try:
        drain.run("pay")
    finally:
        corridor.settle = real
    assert states() == [("out", "", 7)]
    assert cast.reload(order).status == "wait"


# --- poison --------------------------------------------------------------------------------


def test_one_poisoned_answer_stops_nobody(house, channel, caplog):
    rows = calls(house, 10)
    poison = rows[4].order_no
    unstorable = Result(
        outcome=Outcome.DONE, state=PayState.WAITING, pay_params={"code_url": object()}
    )
    channel.script = lambda command: unstorable if command.order_no == poison else WAITING
    assert drain.run("call") == 9
    assert states(order_no=poison) == [("out", "", 1)]
    assert set(states()) == {("ended", "done", 1), ("out", "", 1)}
    assert f"call {rows[4].pk} could not be settled" in caplog.text


def test_one_call_that_cannot_be_prepared_stops_nobody_and_is_known_not_to_be_sent(
    house, channel, monkeypatch
):
    rows = calls(house, 6)
    real = corridor.prepare

    def prepare(batch):
        if any(call.pk == rows[2].pk for call in batch):
            raise ValueError("unreadable")
        return real(batch)

    monkeypatch.setattr(corridor, "prepare", prepare)
    assert drain.run("call") == 6
    assert rows[2].order_no not in {number for _kind, number in channel.told}
    call = cast.reload(rows[2])
    assert (call.state, call.outcome, call.code) == ("ended", "not_sent", "PREPARE_FAILED")


def test_a_channel_that_raises_leaves_the_outcome_unknown(house, channel):
    calls(house, 1)

    def script(_command) -> Result:
        raise ZeroDivisionError

    channel.script = script
    assert drain.run("call") == 1
    call = ChannelCall.objects.get()
    assert (call.outcome, call.code, call.message) == (
        "unknown",
        "PERFORM_BUG",
        "ZeroDivisionError",
    )


# --- the database goes away ----------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_answer_survives_a_lost_database_connection(house, channel, monkeypatch):
    monkeypatch.setattr(drain, "RECONNECT_S", (0.01, 0.01))
    calls(house, 1)
    real, failures = corridor.settle, iter([True])

    def settle(answers) -> None:
        if next(failures, False):
            with connection.cursor() as cursor:
                cursor.execute("select pg_terminate_backend(pg_backend_pid())")
        real(answers)

    monkeypatch.setattr(corridor, "settle", settle)
    assert drain.run("call") == 1
    assert states() == [("ended", "done", 1)]
    assert len(channel.told) == 1


@pytest.mark.django_db(transaction=True)
def test_a_database_that_stays_away_ends_the_drain_and_forgets_nothing(house, channel, monkeypatch):
    monkeypatch.setattr(drain, "RECONNECT_S", (0.01,))
    calls(house, 2)

    def settle(answers) -> None:
        connection.close()
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(corridor, "settle", settle)
    with pytest.raises(OperationalError):
        drain.run("call")
    assert states() == [("out", "", 1)] * 2


def test_a_lock_that_was_not_granted_is_no_lost_connection(house, channel, monkeypatch):
    calls(house, 4)
    real, batches = corridor.settle, []

    def settle(answers) -> None:
        batches.append(len(answers))
        if len(batches) == 1:
            raise OperationalError("canceling statement due to lock timeout")
        real(answers)

    monkeypatch.setattr(corridor, "settle", settle)
    monkeypatch.setattr(drain, "TICK_S", 1.0)  # all four in one batch
    assert drain.run("call") == 4
    assert batches == [4, 1, 1, 1, 1]
    assert states() == [("ended", "done", 1)] * 4


# --- ends ----------------------------------------------------------------------------------


def test_a_drain_that_ran_long_enough_wakes_its_successor(house, channel, published):
    calls(house, 5)
    assert drain.run("call", max_run_s=-1) == 0
    assert published == ["call"]
    assert states() == [("due", "", 0)] * 5


def test_a_drain_that_waits_for_a_slow_answer_goes_on_working(house, channel, published):
    """Its time is long over, yet what comes later is not left to wait for that answer."""
    channel.capabilities = replace(channel.capabilities, slow_answer=70)
    first, *_ = calls(house, 1)
    later, *_ = calls(house, 1, due_at=timezone.now() + timedelta(seconds=0.5))
    told = threading.Event()
    seen: list[bool] = []

    def script(command) -> Result:
        if command.order_no == later.order_no:
            told.set()
            return WAITING
        time.sleep(0.6)
        wake.count("call")
        seen.append(told.wait(10))
        return WAITING

    channel.script = script
    assert drain.run("call", max_run_s=0.1) == 2
    assert seen == [True]
    assert channel.told == [("pay", first.order_no), ("pay", later.order_no)]
    assert states() == [("ended", "done", 1)] * 2


def test_a_drain_that_ended_by_itself_wakes_nobody(house, channel, published):
    calls(house, 5)
    drain.run("call")
    assert published == []


def test_a_worker_that_shuts_down_finishes_what_flies_and_claims_nothing_more(
    house, channel, published
):
    calls(house, 30)

    def script(_command) -> Result:
        stop.ask()
        return WAITING

    channel.script = script
    settled = drain.run("call")
    assert settled == 8
    assert sorted(states()) == [("due", "", 0)] * 22 + [("ended", "done", 1)] * 8
    assert published == ["call"]


def test_celerys_shutdown_signal_is_the_stop_flag():
    from celery.signals import worker_shutting_down

    assert stop.asked() is False
    worker_shutting_down.send(sender="test", sig="TERM", how="Warm", exitcode=0)
    assert stop.asked() is True


# --- wake-ups while a drain runs -----------------------------------------------------------


class Shelf:
    """A source in memory: rows are put on it and each must come back once."""

    def __init__(self) -> None:
        self.wire = wire.channels()
        self.due: Queue[int] = Queue()
        self.lock = threading.Lock()
        self.settled: list[int] = []
        self.after_claim = lambda: None

    def claim(self, room: int) -> Claimed:
        rows = []
        while len(rows) < room:
            try:
                rows.append(self.due.get_nowait())
            except Empty:
                break
        self.after_claim()
        jobs = [Job(group=0, apart=row, perform=lambda row=row: row) for row in rows]
        return Claimed(count=len(rows), jobs=jobs)

    def settle(self, answers) -> None:
        with self.lock:
            self.settled += answers

    def name(self, answer) -> str:
        return str(answer)


@pytest.fixture
def shelf(monkeypatch):
    shelf = Shelf()
    monkeypatch.setattr(sources, "of", lambda _queue: shelf)
    # There is no database behind it; a test before this one may have left its connection open.
    monkeypatch.setattr(database, "renew", lambda: None)
    return shelf


def test_a_row_that_arrives_while_a_drain_runs_is_taken_by_it(shelf, published):
    shelf.due.put(1)
    late = iter([2])

    def arrive() -> None:
        for row in late:
            shelf.due.put(row)
            wake.ring("call")

    shelf.after_claim = arrive
    shelf.due.put(3)
    drain.run("call")
    assert sorted(shelf.settled) == [1, 2, 3]


def test_a_third_drain_of_a_queue_leaves_its_errand_to_the_others(shelf):
    for _drain in range(drain.PER_QUEUE):
        assert drain._running.enter("call")
    shelf.due.put(1)
    assert drain.run("call") == 0
    assert shelf.settled == []
    assert drain._running.leave("call") is False, "somebody must claim once more"
    assert drain._running.leave("call") is True
    assert drain._running.leave("call") is True


def test_a_drain_that_breaks_hands_no_errand_to_nobody(shelf, monkeypatch):
    monkeypatch.setattr(shelf, "claim", lambda room: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        drain.run("call")
    assert drain._running._count["call"] == 0


@pytest.mark.parametrize("seed", range(5))
def test_however_rows_and_drains_meet_each_row_is_worked_once(shelf, monkeypatch, seed):
    """Real threads, the real flag, no sweep: 300 rows from three enqueuers, two workers."""
    messages: Queue[str | None] = Queue()
    monkeypatch.setattr(wake, "publish", messages.put)

    def enqueue(first: int) -> None:
        chance = random.Random(seed * 10 + first)
        for row in range(first, 300, 3):
            shelf.due.put(row)
            wake.ring("call")
            time.sleep(chance.choice([0, 0, 0.0005, 0.002]))

    def work() -> None:
        while (queue := messages.get()) is not None:
            drain.run(queue)

    workers = [threading.Thread(target=work) for _ in range(2)]
    enqueuers = [threading.Thread(target=enqueue, args=(first,)) for first in range(3)]
    for thread in [*workers, *enqueuers]:
        thread.start()
    for thread in enqueuers:
        thread.join()
    deadline = time.monotonic() + 3
    while len(shelf.settled) < 300 and time.monotonic() < deadline:
        time.sleep(0.005)
    for _worker in workers:
        messages.put(None)
    for thread in workers:
        thread.join()
    assert sorted(shelf.settled) == list(range(300))
