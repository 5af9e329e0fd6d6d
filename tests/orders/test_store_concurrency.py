"""Store orders, two at once on real connections: one wins, and no money is kept or paid twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from channels.base import Exchange, Outcome, PayState, RefundState, Result
from orders.errors import OperationRefused
from orders.models import LedgerEntry, PayOrder, RefundOrder, StoreCancellation, StoreOrder
from orders.services import corridor, pay, refund, store
from tests import cast
from tests.orders.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def do(row, name, **more):
    return lambda: store.operate(row.order_no, name, cast.MERCHANT_ACTOR, **more)


def test_the_same_order_made_at_once_is_one_order_with_one_payment():
    house = cast.merchant("A")
    payment = store.NewPayment(channel="sandbox", method="native")
    new = cast.new_store_order(biz_order_no="S-1", pay_type="online", payment=payment)
    made = at_once(*[lambda: store.create(house.application, new, cast.MERCHANT_ACTOR)] * 4)
    assert len({row.pk for row in made}) == 1
    assert (StoreOrder.objects.count(), PayOrder.objects.count()) == (1, 1)


def test_accepting_and_cancelling_at_once_do_not_both_happen():
    row = cast.make_store_order(cast.merchant("A"))
    results = at_once(do(row, "accept"), do(row, "cancel", reason="too slow"))
    refused = [one for one in results if isinstance(one, OperationRefused)]
    assert len(refused) == 1
    row = cast.reload(row)
    if row.status == "accepted":
        assert not RefundOrder.objects.exists()
    else:
        assert (row.status, row.cancel_status) == ("paid", "refunding")
        assert RefundOrder.objects.count() == 1


def test_agreeing_three_times_at_once_refunds_once():
    row = cast.make_store_order(cast.merchant("A"), "completed")
    store.operate(row.order_no, "request_refund", cast.MERCHANT_ACTOR, reason="cold")
    results = at_once(*[do(row, "agree_refund")] * 3)
    assert len([one for one in results if isinstance(one, OperationRefused)]) == 2
    assert RefundOrder.objects.get().amount == 10000
    assert StoreCancellation.objects.get().status == "refunding"


def test_a_payment_that_races_a_cancel_never_stays_with_a_cancelled_order():
    row = cast.make_store_order(cast.merchant("A"), StoreOrder.Status.UNPAID)
    order = row.pay_order
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)
    pay.request_sync(order.order_no, cast.CLOCK)
    call = cast.claim(order)
    paid = Result(outcome=Outcome.DONE, state=PayState.PAID, out_no="42", amount=10000)
    answer = corridor.Answer(
        call_id=call.pk, attempt=call.attempt, result=paid, exchange=Exchange()
    )
    at_once(lambda: corridor.settle([answer]), do(row, "cancel", reason="changed my mind"))
    row = cast.reload(row)
    assert row.status in ("paid", "cancelled")
    assert row.cancel_status == "refunding"
    cast.channel_says(RefundOrder.objects.get(), Outcome.DONE, state=RefundState.SUCCESS)
    row = cast.reload(row)
    assert (row.status, row.cancel_status, row.pay_status) == ("cancelled", "done", "refunded")
    moved = LedgerEntry.objects.values_list("kind", "amount").order_by("id")
    assert list(moved) == [("pay", 10000), ("refund", 10000)]


def test_the_clock_and_the_shop_at_the_last_moment_do_not_both_have_their_way():
    row = cast.make_store_order(cast.merchant("A"))
    late = timezone.now() + timedelta(minutes=11)
    at_once(lambda: store.check_due(late, 10), lambda: store.check_due(late, 10), do(row, "accept"))
    row = cast.reload(row)
    given_back = RefundOrder.objects.count()
    assert (row.status, row.cancel_status, given_back) in (
        ("accepted", "", 0),
        ("paid", "refunding", 1),
    )


def test_settling_refunds_and_working_on_their_store_orders_at_once_never_waits_in_a_circle():
    house = cast.merchant("A")
    rows = [cast.make_store_order(house, "accepted") for _ in range(3)]
    answers = []
    for row in rows:
        one = refund.request_refund(
            row.pay_order.order_no, cast.MERCHANT_ACTOR, amount=10000, reason="x"
        )
        call = cast.claim(one)
        done = Result(outcome=Outcome.DONE, state=RefundState.SUCCESS, out_no=f"5{one.pk}")
        answers.append(
            corridor.Answer(call_id=call.pk, attempt=call.attempt, result=done, exchange=Exchange())
        )
    at_once(
        lambda: corridor.settle(answers),
        lambda: corridor.settle(answers[::-1]),
        *[do(row, "made") for row in rows],
        *[do(row, "request_refund", reason="y") for row in rows],
    )
    for row in rows:
        assert (cast.reload(row).status, cast.reload(row).pay_status) == ("cancelled", "refunded")
    assert RefundOrder.objects.filter(status="success").count() == 3
