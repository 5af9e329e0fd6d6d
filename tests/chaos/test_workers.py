"""Workers die, answers vanish, Redis forgets: each movement of money still happens once."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest

from orders.models import ChannelCall, PayOrder, RefundOrder
from orders.services import pay, refund
from tests import cast
from tests.chaos.conftest import Chaos, until

pytestmark = pytest.mark.timeout(110)


def place(chaos: Chaos, number: str, *, amount: int = 10_000) -> PayOrder:
    new = cast.new_order(biz_order_no=number, amount=amount, channel="wechat")
    return pay.request_pay(chaos.house.application, new, cast.MERCHANT_ACTOR)


def held(order: PayOrder) -> bool:
    return cast.reload(order).status == "progress"


def paid(order: PayOrder) -> bool:
    return cast.reload(order).status == "success"


def pay_now(chaos: Chaos, order: PayOrder) -> None:
    """The customer pays, and the house is made to look."""
    until(lambda: held(order), "the channel holds the order")
    chaos.simulator.pay(order.order_no)
    pay.request_sync(order.order_no, cast.CLOCK)


def give_back(order: PayOrder, amount: int) -> RefundOrder:
    return refund.request_refund(
        order.order_no, cast.MERCHANT_ACTOR, amount=amount, reason="sent back"
    )


def calls(order: PayOrder | RefundOrder) -> list[tuple[str, str, str]]:
    rows = ChannelCall.objects.filter(order_no=order.number).order_by("id")
    return list(rows.values_list("kind", "outcome", "code"))


def test_a_worker_killed_between_send_and_answer_repeats_nothing(chaos, clock):
    first = chaos.worker()
    order = place(chaos, "SO-1")
    pay_now(chaos, order)
    until(lambda: paid(order), "the order is paid")

    chaos.set_faults(refund={"fault": "slow", "ms": 5000})
    row = give_back(order, 3_000)
    until(lambda: ("refund", row.refund_no, 3_000) in chaos.movements(), "the channel refunds")
    first.kill()
    (call,) = ChannelCall.objects.filter(order_no=row.refund_no)
    assert (call.state, call.attempt) == ("out", 1)

    chaos.set_faults()
    chaos.worker()
    until(lambda: cast.reload(row).status == "success", "the refund is known to be done")
    lost = ("refund", "unknown", "LEASE_LOST")
    until(lambda: calls(row)[0] == lost, "the request of the dead worker has ended")
    assert cast.reload(row).status == "success"
    assert [kind for kind, *_ in calls(row)].count("refund") == 1
    assert chaos.movements() == [
        ("pay", order.order_no, 10_000),
        ("refund", row.refund_no, 3_000),
    ]
    assert cast.reload(order).refundable_balance == 7_000


def test_whoever_empties_redis_in_the_middle_loses_nothing(chaos, clock):
    chaos.worker()
    before = [place(chaos, f"SO-{index}") for index in range(5)]
    for order in before:
        pay_now(chaos, order)
    chaos.redis.client().flushall()
    after = [place(chaos, f"SO-{index}") for index in range(5, 10)]
    chaos.redis.client().flushall()
    for order in after:
        pay_now(chaos, order)
        chaos.redis.client().flushall()
    until(lambda: all(paid(order) for order in before), "the first orders are paid")
    refunds = [give_back(order, 1_000) for order in before]
    chaos.redis.client().flushall()
    until(lambda: all(paid(order) for order in after), "all orders are paid")
    until(
        lambda: RefundOrder.objects.filter(status="success").count() == len(refunds),
        "all refunds are done",
    )
    expected = [("pay", order.order_no, 10_000) for order in before + after]
    expected += [("refund", row.refund_no, 1_000) for row in refunds]
    assert chaos.movements() == sorted(expected)


def test_redis_may_die_and_come_back(chaos, clock):
    chaos.worker()
    order = place(chaos, "SO-1")
    pay_now(chaos, order)
    until(lambda: paid(order), "the order is paid")
    chaos.redis.kill()
    began = time.monotonic()
    row = give_back(order, 4_000)
    other = place(chaos, "SO-2")
    assert time.monotonic() - began < 5, "a request must not hang on a dead Redis"
    assert chaos.movements() == [("pay", order.order_no, 10_000)]
    chaos.redis.start()
    until(lambda: cast.reload(row).status == "success", "the refund is done")
    until(lambda: held(other), "the second order is placed")
    assert chaos.movements() == [
        ("pay", order.order_no, 10_000),
        ("refund", row.refund_no, 4_000),
    ]


def test_with_every_answer_lost_after_it_was_done_each_order_ends_right(chaos, clock):
    chaos.set_faults(pay={"fault": "drop_after"}, refund={"fault": "drop_after"})
    chaos.worker()
    orders = [place(chaos, f"SO-{index}") for index in range(3)]
    for order in orders:
        pay_now(chaos, order)
    until(lambda: all(paid(order) for order in orders), "all orders are paid")
    refunds = [give_back(order, 2_500) for order in orders]
    until(
        lambda: RefundOrder.objects.filter(status="success").count() == 3,
        "all refunds are known to be done",
    )
    assert {calls(order)[0][1] for order in orders} == {"unknown"}
    assert {calls(row)[0][1] for row in refunds} == {"unknown"}
    expected = [("pay", order.order_no, 10_000) for order in orders]
    expected += [("refund", row.refund_no, 2_500) for row in refunds]
    assert chaos.movements() == sorted(expected)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("-P", "prefork", "-c", "2"), id="prefork"),
        pytest.param(("-P", "threads", "-c", "4"), id="threads"),
    ],
)
def test_a_worker_that_is_asked_to_stop_finishes_what_flies(chaos, options: tuple[str, ...]):
    chaos.set_faults(pay={"fault": "slow", "ms": 700})
    worker = chaos.worker("-Q", "pay", *options)
    orders = [place(chaos, f"SO-{index}") for index in range(3)]
    until(lambda: ChannelCall.objects.filter(state="out").count() == 3, "the calls are on the wire")
    worker.process.send_signal(signal.SIGTERM)
    late = place(chaos, "SO-late")
    assert worker.process.wait(20) == 0
    assert [cast.reload(order).status for order in orders] == ["progress"] * 3
    assert {calls(order)[0][1] for order in orders} == {"done"}
    (call,) = ChannelCall.objects.filter(order_no=late.order_no)
    assert (call.state, call.attempt) in {("due", 0), ("ended", 1)}, "claimed, then forgotten"


def test_two_workers_and_two_clocks_do_everything_once(chaos, clock, broker: Any):
    for _worker in range(2):
        chaos.worker()
    orders = [place(chaos, f"SO-{index}") for index in range(12)]
    for _again in orders:
        broker("orders.tasks.sweep", "sync")
        broker("orders.tasks.drain", "pay", queue="pay")
        broker("orders.tasks.drain", "pay", queue="pay")
    for order in orders:
        pay_now(chaos, order)
        broker("orders.tasks.drain", "sync", queue="sync")
    until(lambda: all(paid(order) for order in orders), "all orders are paid")
    refunds = [give_back(order, 100) for order in orders]
    for _again in range(12):
        broker("orders.tasks.drain", "call", queue="call")
    until(
        lambda: RefundOrder.objects.filter(status="success").count() == 12, "all refunds are done"
    )
    expected = [("pay", order.order_no, 10_000) for order in orders]
    expected += [("refund", row.refund_no, 100) for row in refunds]
    assert chaos.movements() == sorted(expected)
    assert [kind for row in refunds for kind, *_ in calls(row)].count("refund") == 12
