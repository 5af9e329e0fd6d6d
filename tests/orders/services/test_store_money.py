"""Store orders and what happens to their payments by other roads: late money, shares, cancels."""

from __future__ import annotations

import pytest

from channels.base import Outcome, PayState, RefundState
from orders.actor import Actor, Door
from orders.errors import OperationRefused
from orders.models import Anomaly, MerchantNotice, PayOrder, RefundOrder, StoreOrder
from orders.services import allocation, anomaly, pay, store
from tests import cast

pytestmark = pytest.mark.django_db

URL = "http://127.0.0.1:9/notices"


@pytest.fixture
def house():
    return cast.merchant("A", notify_url=URL)


@pytest.fixture
def late(house):
    """A store order whose payment was closed and then, too late, paid."""
    row = cast.make_store_order(house, StoreOrder.Status.UNPAID)
    order = row.pay_order
    cast.channel_says(order, Outcome.DONE, state=PayState.CLOSED)
    pay.request_sync(order.order_no, cast.CLOCK)
    cast.channel_says(order, Outcome.DONE, state=PayState.PAID, out_no="42", amount=10000)
    assert cast.reload(row).status == "unpaid"
    return row


def decide(name):
    getattr(anomaly, name)(Anomaly.objects.get().pk, cast.CLOCK, reason="decided")


def test_a_confirmed_late_payment_makes_the_order_new(late):
    decide("confirm")
    assert (cast.reload(late).status, cast.reload(late).pay_status) == ("paid", "paid")
    assert MerchantNotice.objects.filter(kind="store_order.paid").count() == 1


def test_a_late_payment_that_is_sent_back_leaves_the_order_to_be_paid(late):
    decide("refund_payment")
    cast.channel_says(RefundOrder.objects.get(), Outcome.DONE, state=RefundState.SUCCESS)
    row = cast.reload(late)
    assert (row.status, row.pay_status, row.cancel_status) == ("unpaid", "unpaid", "")
    payment = store.NewPayment(channel="sandbox", method="native")
    again = store.request_payment(row.order_no, payment, cast.MERCHANT_ACTOR)
    assert again.pay_order_id != late.pay_order_id
    cast.pays(row)
    assert cast.reload(row).status == "paid"


def test_a_payment_confirmed_for_an_order_that_is_gone_goes_back(late):
    store.operate(late.order_no, "cancel", cast.MERCHANT_ACTOR, reason="gone")
    decide("confirm")
    row = cast.reload(late)
    assert (row.status, row.cancel_status) == ("cancelled", "refunding")
    assert RefundOrder.objects.get().amount == 10000


def test_a_cancel_that_the_channel_answers_with_refunded_was_never_a_new_order(house):
    row = cast.make_store_order(house, StoreOrder.Status.UNPAID)
    order = row.pay_order
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)
    pay.request_cancel(order.order_no, cast.CLOCK)
    cast.channel_says(order, Outcome.DONE, state=PayState.REFUNDED, out_no="42", amount=10000)
    assert cast.reload(order).refund_status == PayOrder.RefundStatus.REFUNDED
    assert (cast.reload(row).status, cast.reload(row).pay_status) == ("unpaid", "unpaid")
    assert not MerchantNotice.objects.filter(kind__startswith="store_order").exists()


def test_what_is_shared_out_is_fetched_back_before_anything_goes_back(house):
    order = cast.make_pay_order(house, "success", allocation=True)
    new = cast.new_store_order(pay_type="online", pay_order_no=order.order_no)
    row = store.create(house.application, new, cast.MERCHANT_ACTOR)
    shared = cast.make_allocation(house, order=order, amount=3000)
    with pytest.raises(OperationRefused) as refused:
        store.operate(row.order_no, "reject", cast.MERCHANT_ACTOR, reason="sold out")
    assert refused.value.code == "money_shared_out"
    assert (cast.reload(row).status, RefundOrder.objects.count()) == ("paid", 0)
    back = allocation.request_return(
        shared.details.get().detail_no, cast.CLOCK, amount=3000, reason="back"
    )
    cast.channel_says(back, Outcome.DONE, state=RefundState.SUCCESS)
    store.operate(row.order_no, "reject", cast.MERCHANT_ACTOR, reason="sold out")
    assert RefundOrder.objects.get().amount == 10000


def test_a_refund_that_failed_and_is_closed_by_hand_waits_for_a_decision_and_a_new_one(house):
    row = cast.make_store_order(house)
    store.operate(row.order_no, "reject", cast.MERCHANT_ACTOR, reason="sold out")
    first = RefundOrder.objects.get()
    cast.channel_says(first, Outcome.DONE, state=RefundState.CLOSED)
    assert cast.reload(row).cancel_status == "asked"
    store.operate(row.order_no, "agree_refund", cast.MERCHANT_ACTOR)
    second = RefundOrder.objects.exclude(pk=first.pk).get()
    cast.channel_says(second, Outcome.DONE, state=RefundState.SUCCESS)
    row = cast.reload(row)
    assert (row.status, row.cancel_status, row.pay_status) == ("rejected", "done", "refunded")
    assert row.cancellations.get().refund_id == second.pk


def test_a_shop_is_told_in_the_words_of_its_own_door_whatever_door_made_the_payment(house):
    daxpay = Actor(door=Door.DAXPAY, name="M1:A1")
    facts = cast.new_order(biz_order_no="D-1", notify_url=URL)
    order = pay.request_pay(house.application, facts, daxpay)
    new = cast.new_store_order(pay_type="online", pay_order_no=order.order_no)
    row = store.create(house.application, new, cast.MERCHANT_ACTOR)
    cast.pays(row)
    notice = MerchantNotice.objects.get(kind="store_order.paid")
    assert (notice.dialect, notice.url, notice.store_order_id) == ("standard", URL, row.pk)
