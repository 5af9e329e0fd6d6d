"""Two at once, on real connections: one wins, the other is told why, nothing moves twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from channels.base import Exchange, Outcome, PayState, Result
from orders.errors import Conflict, OperationRefused, OrderError
from orders.models import (
    AllocationGroup,
    AllocationOrder,
    ChannelCall,
    LedgerEntry,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    ShareReturn,
)
from orders.services import allocation, corridor, pay, refund
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run every work on a thread and connection of its own, started together."""
    gate, results = threading.Barrier(len(works)), [None] * len(works)

    def run(index: int) -> None:
        gate.wait()
        try:
            results[index] = works[index]()
        except OrderError as refusal:
            results[index] = refusal
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads), "a deadlock"
    return results


def test_two_refunds_of_60_percent_at_once_refund_60_percent():
    """B1, B23, B27: one wins, the other is refused."""
    order = cast.make_pay_order(cast.merchant("A"), "success")

    def ask() -> RefundOrder:
        return refund.request_refund(
            order.order_no, cast.MERCHANT_ACTOR, amount=6000, reason="twice"
        )

    results = at_once(ask, ask, ask)
    refusals = [r for r in results if isinstance(r, OperationRefused)]
    assert [r.code for r in refusals] == ["refund_in_flight"] * 2
    assert RefundOrder.objects.count() == 1
    assert cast.reload(order).refunding == 6000


def test_the_same_order_created_at_once_is_one_order():
    house = cast.merchant("A")
    results = at_once(
        *[lambda: pay.request_pay(house.application, cast.new_order(), cast.MERCHANT_ACTOR)] * 4
    )
    assert len({order.pk for order in results}) == 1
    assert (PayOrder.objects.count(), ChannelCall.objects.count()) == (1, 1)


def test_the_same_answer_settled_three_times_at_once_settles_once():
    """B19, B20."""
    house = cast.merchant("A", notify_url="http://127.0.0.1:9/notices")
    order = cast.make_pay_order(house)
    pay.request_sync(order.order_no, cast.CLOCK)
    call = cast.claim(order)
    paid = Result(outcome=Outcome.DONE, state=PayState.PAID, out_no="42", amount=10000)
    answer = corridor.Answer(
        call_id=call.pk, attempt=call.attempt, result=paid, exchange=Exchange()
    )
    at_once(*[lambda: corridor.settle([answer])] * 3)
    assert LedgerEntry.objects.count() == 1
    assert MerchantNotice.objects.count() == 1
    assert cast.reload(order).events.filter(kind="paid").count() == 1


def test_close_and_refund_and_sync_at_once_leave_one_truth():
    order = cast.make_pay_order(cast.merchant("A"))
    at_once(
        lambda: pay.request_close(order.order_no, cast.CLOCK),
        lambda: pay.request_cancel(order.order_no, cast.CLOCK),
        lambda: pay.request_sync(order.order_no, cast.CLOCK),
        lambda: pay.request_close(order.order_no, cast.CLOCK),
    )
    enders = ChannelCall.objects.filter(kind__in=["close_pay", "cancel_pay"])
    assert enders.count() == 1
    assert cast.reload(order).intent in ("close", "cancel")


def test_the_clock_twice_at_once_is_the_clock_once():
    """B8, I18."""
    house = cast.merchant("A")
    orders = [cast.make_pay_order(house, biz_order_no=f"SO-{n}") for n in range(20)]
    later = timezone.now() + timedelta(seconds=30)
    at_once(*[lambda: pay.check_due(later, 100)] * 3)
    assert ChannelCall.objects.filter(kind="query_pay").count() == len(orders)


def test_an_order_that_is_locked_elsewhere_is_passed_over_by_the_clock():
    order = cast.make_pay_order(cast.merchant("A"))
    later = timezone.now() + timedelta(seconds=30)
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SELECT id FROM orders_payorder WHERE id = %s FOR UPDATE", [order.pk])
        assert at_once(lambda: pay.check_due(later, 100)) == [0]
    assert pay.check_due(later, 100) == 1


def test_the_same_sharing_asked_for_at_once_is_one_allocation():
    house = cast.merchant("A")
    cast.make_group(house)
    order = cast.make_pay_order(house, "success", allocation=True)

    def ask() -> AllocationOrder:
        return allocation.request_allocation(
            order.order_no,
            cast.MERCHANT_ACTOR,
            biz_allocation_no="SA-1",
            application=house.application,
        )

    results = at_once(ask, ask, ask)
    assert len({row.pk for row in results}) == 1
    assert [row.is_new for row in results].count(True) == 1
    assert ChannelCall.objects.filter(kind="allocate").count() == 1


def test_one_number_for_the_sharing_of_two_orders_at_once_is_a_conflict():
    house = cast.merchant("A")
    cast.make_group(house)
    orders = [cast.make_pay_order(house, "success", allocation=True) for _ in range(2)]
    results = at_once(
        *[
            lambda number=order.order_no: allocation.request_allocation(
                number,
                cast.MERCHANT_ACTOR,
                biz_allocation_no="SA-1",
                application=house.application,
            )
            for order in orders
        ]
    )
    assert [type(found) for found in results].count(Conflict) == 1
    assert AllocationOrder.objects.count() == 1
    assert sorted(PayOrder.objects.values_list("shared", flat=True)) == [0, 1000]


def test_one_number_for_the_returns_of_two_shares_at_once_is_a_conflict():
    house = cast.merchant("A")
    details = [cast.make_share(house) for _ in range(2)]
    results = at_once(
        *[
            lambda number=detail.detail_no: allocation.request_return(
                number,
                cast.MERCHANT_ACTOR,
                amount=1,
                biz_return_no="SB-1",
                application=house.application,
            )
            for detail in details
        ]
    )
    assert [type(found) for found in results].count(Conflict) == 1
    assert ShareReturn.objects.count() == 1
    assert sorted(cast.reload(detail).returning for detail in details) == [0, 1]


def test_several_groups_made_the_default_at_once_leave_one():
    house = cast.merchant("A")
    rates = {cast.make_receiver(house).receiver_no: 1000}
    results = at_once(
        *[
            lambda name=name: allocation.set_group(
                house.application, channel="sandbox", name=name, rates=rates, is_default=True
            )
            for name in ("one", "two")
        ]
    )
    assert [type(found) for found in results] == [AllocationGroup] * 2
    assert AllocationGroup.objects.filter(is_default=True).count() == 1
