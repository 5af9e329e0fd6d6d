"""Claims: one owner for each row, caps, turns, leases and fences."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from channels import registry
from channels.base import Exchange, Outcome, Request, Result
from orders.engine import claim, wire
from orders.models import ChannelAccount, ChannelCall, ChannelCallback, MerchantNotice
from orders.services import callbacks, corridor
from tests import cast
from tests.orders.engine.conftest import account, application, calls, notices

SOON = timedelta(minutes=1)


def ids(claims) -> list[int]:
    return sorted(mine.row.pk for mine in claims)


def in_threads(work, count: int) -> None:
    """Run ``work(index)`` at once on connections of their own."""
    start = threading.Barrier(count)
    failures: list[BaseException] = []

    def run(index: int) -> None:
        try:
            start.wait()
            work(index)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


# --- one owner -----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_no_call_is_handed_to_two_drains(house):
    rows = calls(house, 120)
    taken: list[list[int]] = [[], [], [], []]

    def work(index: int) -> None:
        while mine := claim.calls("call", 5, {}):
            taken[index] += ids(mine)

    in_threads(work, 4)
    assert sorted(sum(taken, [])) == sorted(row.pk for row in rows)
    assert set(ChannelCall.objects.values_list("state", "attempt")) == {("out", 1)}


@pytest.mark.django_db(transaction=True)
def test_no_callback_and_no_notice_is_handed_to_two_drains(house):
    ChannelCallback.objects.bulk_create(
        ChannelCallback(
            account=house.account, channel="fake", notification_id=f"n{index}", body="{}"
        )
        for index in range(60)
    )
    notices(house, 60, "http://127.0.0.1:9/")
    told: list[int] = []
    heard: list[int] = []

    def work(index: int) -> None:
        while mine := claim.callbacks(4):
            heard.extend(pk for pk, _attempt in mine)
        while also := claim.notices(4, {}):
            told.extend(ids(also))

    in_threads(work, 3)
    assert len(told) == len(set(told)) == 60
    assert len(heard) == len(set(heard)) == 60


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_has_locked_is_passed_over_and_not_waited_for(house):
    first, second = calls(house, 2)
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("begin")
                cursor.execute(
                    "select 1 from orders_channelcall where id = %s for update", [first.pk]
                )
                locked.set()
                release.wait(10)
                cursor.execute("rollback")
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert locked.wait(10)
    try:
        assert ids(claim.calls("call", 10, {})) == [second.pk]
    finally:
        release.set()
        holder.join()


# --- what is claimed -----------------------------------------------------------------------


def test_a_claim_takes_the_row_out_counts_it_and_sets_a_lease(house, settings):
    settings.ENGINE_LEASE_S = 45
    calls(house, 1)
    before = timezone.now()
    (mine,) = claim.calls("call", 10, {})
    row = ChannelCall.objects.get()
    assert (row.state, row.attempt, mine.is_lost, mine.cap) == ("out", 1, False, 32)
    assert timedelta(seconds=44) < row.due_at - before < timedelta(seconds=46)
    assert row.sent_at is not None and before <= row.sent_at
    assert (mine.row.attempt, mine.row.due_at) == (1, row.due_at)


def test_the_oldest_come_first_and_only_as_many_as_there_is_room(house):
    rows = calls(house, 5)
    assert ids(claim.calls("call", 3, {})) == [row.pk for row in rows[:3]]
    assert ids(claim.calls("call", 3, {})) == [row.pk for row in rows[3:]]
    assert claim.calls("call", 3, {}) == []


def test_a_queue_is_not_served_from_another_queue(house):
    calls(house, 2, queue="sync")
    assert claim.calls("pay", 10, {}) == []
    assert len(claim.calls("sync", 10, {})) == 2


def test_what_is_due_later_and_what_has_ended_is_left_alone(house):
    calls(house, 1, due_at=timezone.now() + SOON)
    calls(house, 1, state="ended", outcome="done")
    assert claim.calls("call", 10, {}) == []


def test_a_row_written_by_a_clock_that_is_a_little_ahead_is_due(house):
    calls(house, 1, due_at=timezone.now() + claim.GRACE / 2)
    assert len(claim.calls("call", 10, {})) == 1


def test_the_clock_may_be_given(house):
    calls(house, 1, due_at=timezone.now() + SOON)
    later = timezone.now() + 2 * SOON
    (mine,) = claim.calls("call", 10, {}, now=later)
    assert mine.row.due_at == later + claim.lease()


def slow(channel, seconds: int) -> None:
    channel.capabilities = replace(channel.capabilities, slow_answer=seconds)


def test_a_call_to_a_slow_channel_is_ours_for_three_times_its_timeouts(house, channel, settings):
    settings.ENGINE_LEASE_S = 45
    slow(channel, 70)
    quick = account(house, "quick")
    ChannelAccount.objects.filter(pk=quick.pk).update(channel="sandbox")
    calls(house, 1)
    calls(house, 1, account=quick)
    leases = {mine.row.account_id: mine.lease for mine in claim.calls("call", 10, {})}
    assert leases == {
        house.account.pk: timedelta(seconds=3 * (3 + 70)),
        quick.pk: timedelta(seconds=45),
    }
    due = ChannelCall.objects.get(account=house.account).due_at
    assert due - ChannelCall.objects.get(account=quick).due_at == timedelta(seconds=219 - 45)


def test_a_slow_channel_never_shortens_a_longer_lease(house, channel, settings):
    settings.ENGINE_LEASE_S = 600
    slow(channel, 70)
    calls(house, 1)
    (mine,) = claim.calls("call", 10, {})
    assert mine.lease == timedelta(seconds=600)


@pytest.mark.parametrize("code", registry.codes())
def test_what_a_channel_declares_covers_the_timeouts_that_it_asks_for(code, settings):
    """The engine cuts timeouts to a third of the lease; none of a real channel's may be cut."""
    settings.ENGINE_LEASE_S = 45
    declared = registry.get(code).capabilities.slow_answer
    lease_s = 3 * (Request.connect_timeout + declared) if declared else 45
    assert (code in claim.slow_leases()) == bool(declared)
    request = Request(method="POST", url="http://127.0.0.1/", read_timeout=declared or 10.0)
    assert wire.fit(request, lease_s) == request


# --- caps and turns ------------------------------------------------------------------------


def test_an_account_gets_no_more_than_its_cap(house):
    ChannelAccount.objects.update(max_in_flight=3)
    calls(house, 10)
    assert len(claim.calls("call", 50, {})) == 3
    assert claim.calls("call", 50, {house.account.pk: 3}) == []
    assert len(claim.calls("call", 50, {house.account.pk: 1})) == 2


def test_a_slow_account_with_the_oldest_rows_leaves_room_for_the_others(house):
    slow = account(house, "slow", most=4)
    calls(house, 50, account=slow, age_s=600)
    quick = calls(house, 20)
    claimed = claim.calls("call", 30, {})
    by_account = [mine.row.account_id for mine in claimed]
    assert by_account.count(slow.pk) == 4
    assert by_account.count(house.account.pk) == len(quick)


def test_accounts_take_turns_when_there_is_room_for_one_only(house):
    others = [account(house, f"a{index}") for index in range(3)]
    for owner in others:
        calls(house, 50, account=owner)
    served = set()
    for _turn in range(40):
        served.update(mine.row.account_id for mine in claim.calls("call", 1, {}))
    assert served == {owner.pk for owner in others}


def test_an_application_gets_eight_deliveries_at_once(house):
    notices(house, 20, "http://127.0.0.1:9/")
    other = application(house, "other")
    notices(house, 3, "http://127.0.0.1:9/", of=other)
    owners = [mine.row.application_id for mine in claim.notices(64, {})]
    assert owners.count(house.application.pk) == claim.NOTICE_CAP == 8
    assert owners.count(other.pk) == 3
    assert claim.notices(64, {house.application.pk: 8}) == []


# --- leases and fences ---------------------------------------------------------------------


def expire(model) -> None:
    model.objects.filter(state="out").update(due_at=timezone.now() - timedelta(seconds=1))


def answer(mine, **facts) -> corridor.Answer:
    return corridor.Answer(
        call_id=mine.row.pk,
        attempt=mine.row.attempt,
        result=Result(**{"outcome": Outcome.DONE, **facts}),
        exchange=Exchange(),
    )


def test_a_claimed_call_is_nobody_elses_until_its_lease_ends(house):
    calls(house, 1)
    (first,) = claim.calls("call", 10, {})
    assert claim.calls("call", 10, {}) == []
    expire(ChannelCall)
    (second,) = claim.calls("call", 10, {})
    assert (second.is_lost, second.row.attempt) == (True, 2)
    assert second.row.sent_at == first.row.sent_at
    assert claim.calls("call", 10, {}) == []


def test_an_answer_to_an_older_claim_changes_nothing(house):
    order = cast.make_pay_order(house, "wait", channel="fake")
    (first,) = claim.calls("pay", 10, {})
    expire(ChannelCall)
    (second,) = claim.calls("pay", 10, {})
    corridor.settle([answer(first, outcome=Outcome.REFUSED, code="LATE")])
    call = cast.reload(first.row)
    assert (call.state, call.outcome, call.attempt) == ("out", "", second.row.attempt)
    assert cast.reload(order).status == "wait"


def test_settling_twice_is_settling_once(house):
    order = cast.make_pay_order(house, "wait", channel="fake")
    (mine,) = claim.calls("pay", 10, {})
    said = answer(mine, state="waiting")
    corridor.settle([said])
    events = cast.reload(order).event_seq
    corridor.settle([said])
    assert cast.reload(order).event_seq == events
    assert cast.reload(order).status == "progress"


def test_a_callback_whose_worker_died_is_worked_again_and_ever_more_slowly(house):
    row = ChannelCallback.objects.create(
        account=house.account, channel="fake", notification_id="n", body="{}"
    )
    leases = []
    for attempt in range(1, 4):
        before = timezone.now()
        assert claim.callbacks(10) == [(row.pk, attempt)]
        leases.append(round((cast.reload(row).due_at - before).total_seconds()))
        assert claim.callbacks(10) == []
        expire(ChannelCallback)
    assert leases == [15, 30, 60]


def test_a_callback_settled_under_an_older_claim_stays_out(house, channel):
    row = ChannelCallback.objects.create(
        account=house.account, channel="fake", notification_id="n", body="{}"
    )
    channel.open_callback = lambda body, account: pytest.fail("not to be opened")  # type: ignore[attr-defined]
    channel.open_callback = _rejecting  # type: ignore[attr-defined]
    ((pk, attempt),) = claim.callbacks(10)
    callbacks.settle([(pk, attempt - 1)])
    assert (cast.reload(row).state, cast.reload(row).body) == ("out", "{}")
    callbacks.settle([(pk, attempt)])
    assert (cast.reload(row).state, cast.reload(row).body) == ("ended", "scrubbed {}")


def _rejecting(body, account):
    from channels.base import CallbackRejected

    raise CallbackRejected("BAD", "cannot be opened")


def test_a_notice_whose_worker_died_is_delivered_again(house):
    notices(house, 1, "http://127.0.0.1:9/")
    (first,) = claim.notices(10, {})
    assert claim.notices(10, {}) == []
    expire(MerchantNotice)
    (second,) = claim.notices(10, {})
    assert (first.is_lost, second.is_lost, second.row.attempt) == (False, True, 2)


# --- what is due ---------------------------------------------------------------------------


def test_the_oldest_due_row_of_each_queue_is_named(house):
    (old, *_), (lost,) = calls(house, 3, queue="pay"), calls(house, 1, queue="sync")
    claim.calls("sync", 1, {})
    expire(ChannelCall)
    notices(house, 1, "http://127.0.0.1:9/", due_at=timezone.now() + SOON)
    due = claim.oldest_due(("pay", "call", "sync"))
    assert due["pay"] == old.due_at
    assert due["sync"] == cast.reload(lost).due_at
    assert (due["call"], due["callback"], due["notice"]) == (None, None, None)


def history(house, count: int) -> None:
    """Calls that ended long ago, as many as a busy house has."""
    (row,) = calls(house, 1, state="ended", outcome="done")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            insert into orders_channelcall
            select (jsonb_populate_record(c, jsonb_build_object('id', c.id + n))).*
              from orders_channelcall c, generate_series(1, %s) n where c.id = %s
            """,
            [count, row.pk],
        )
        cursor.execute("select setval('orders_channelcall_id_seq', %s)", [row.pk + count])


def test_a_claim_reads_the_due_rows_by_index_and_never_the_history(house):
    history(house, 20_000)
    for index in range(3):
        calls(house, 300, account=account(house, f"a{index}"))
    params = {
        "queue": "call", "room": 100, "in_flight": "{}", "lease": claim.lease(), "slow": "{}",
        "only": None,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("analyze orders_channelcall")
        cursor.execute(f"explain {claim._CALLS}", {**params, "grace": claim.GRACE, "now": None})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Scan using call_claim" in plan
    assert "Seq Scan on orders_channelcall" not in plan
