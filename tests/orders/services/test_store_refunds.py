"""Store orders: giving money back, what the clock does, and the lists."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from channels.base import Outcome, PayState, RefundState
from orders.errors import InvalidInput, OperationRefused
from orders.models import (
    Event,
    MerchantNotice,
    RefundOrder,
    StoreCancellation,
    StoreOrder,
)
from orders.services import refund, store
from tests import cast

pytestmark = pytest.mark.django_db

STATUSES = StoreOrder.Status


@pytest.fixture
def house():
    return cast.merchant("A", notify_url="http://127.0.0.1:9/notices")


def do(row, name, **more):
    return store.operate(row.order_no, name, cast.MERCHANT_ACTOR, **more)


def told(row):
    """The kinds of its notices, oldest first."""
    notices = MerchantNotice.objects.filter(store_order=row).order_by("id")
    return list(notices.values_list("kind", flat=True))


def refusal(row, name, **more):
    with pytest.raises(OperationRefused) as refused:
        do(row, name, **more)
    return refused.value.code


# --- giving back ----------------------------------------------------------------------------------


def ends(row, outcome=Outcome.DONE, **more):
    """The channel ends the refund of the store order."""
    one = StoreCancellation.objects.filter(order=row).latest("id").refund
    cast.channel_says(one, outcome, **({"state": RefundState.SUCCESS} | more))
    return cast.reload(row)


def test_a_rejected_order_is_rejected_at_once_and_its_money_follows(house):
    row = cast.make_store_order(house)
    with pytest.raises(InvalidInput):
        do(row, "reject")
    row = do(row, "reject", reason="sold out")
    assert (row.status, row.cancel_kind, row.cancel_status) == (
        "rejected",
        "rejected",
        "refunding",
    )
    one = RefundOrder.objects.get()
    assert (one.amount, one.reason, one.status) == (10000, "sold out", "progress")
    row = ends(row)
    assert (row.status, row.cancel_status, row.pay_status) == ("rejected", "done", "refunded")
    assert told(row) == [
        "store_order.paid",
        "store_order.rejected",
        "store_order.refund_refunding",
        "store_order.refund_done",
    ]


def test_a_cancelled_order_ends_when_its_money_is_back_and_rests_until_then(house):
    row = cast.make_store_order(house)
    row = do(row, "cancel", reason="too slow")
    assert (row.status, row.cancel_kind, row.cancel_status) == ("paid", "customer", "refunding")
    assert refusal(row, "accept") == "refund_pending"
    assert refusal(row, "cancel") == "refund_pending"
    row = ends(row)
    assert (row.status, row.cancel_status) == ("cancelled", "done")
    assert told(row)[-2:] == ["store_order.refund_done", "store_order.cancelled"]
    assert RefundOrder.objects.count() == 1


def test_an_after_sale_cancel_is_asynchronous_and_its_failure_leaves_the_order(house):
    row = cast.make_store_order(house, STATUSES.COMPLETED)
    row = store.cancel_after_sale(row.order_no, cast.MERCHANT_ACTOR, reason="hair in the tea")
    again = store.cancel_after_sale(row.order_no, cast.MERCHANT_ACTOR, reason="hair in the tea")
    assert (again.status, again.cancel_kind, again.cancel_status) == (
        "completed",
        "after_sale",
        "refunding",
    )
    row = ends(row, Outcome.REFUSED, state=None, code="NOT_ENOUGH", message="balance too low")
    assert (row.status, row.cancel_status, row.pay_status) == ("completed", "asked", "paid")
    assert row.cancellations.get().answer == "balance too low"
    row = do(row, "agree_refund")
    assert row.cancel_status == "refunding"
    assert RefundOrder.objects.count() == 1, "a refund that failed is repeated with its own number"
    assert ends(row).status == STATUSES.CANCELLED


def test_what_is_being_delivered_is_not_cancelled_but_may_be_refused_at_the_door(house):
    row = cast.make_store_order(house, STATUSES.DELIVERING)
    assert refusal(row, "cancel_after_sale", reason="x") == "state"
    row = do(row, "request_refund", reason="cold")
    assert (row.cancel_kind, row.cancel_status) == ("refused_at_door", "asked")
    assert refusal(row, "complete") == "refund_pending"
    row = store.decide_refund(row.order_no, True, cast.MERCHANT_ACTOR)
    assert row.cancel_status == "refunding"
    assert store.decide_refund(row.order_no, True, cast.MERCHANT_ACTOR).pk == row.pk
    with pytest.raises(OperationRefused):
        store.decide_refund(row.order_no, False, cast.MERCHANT_ACTOR, reason="no")
    assert ends(row).status == STATUSES.CANCELLED
    assert RefundOrder.objects.count() == 1


def test_a_refused_refund_lets_the_order_go_on(house):
    row = cast.make_store_order(house, STATUSES.ACCEPTED)
    assert refusal(row, "agree_refund") == "no_refund_asked"
    do(row, "request_refund", reason="changed my mind")
    row = store.decide_refund(row.order_no, False, cast.MERCHANT_ACTOR, reason="already made")
    assert (row.cancel_status, row.cancellations.get().answer) == ("refused", "already made")
    assert do(row, "made").status == STATUSES.MADE
    assert not RefundOrder.objects.exists()
    do(row, "request_refund", reason="once more")
    assert do(row, "withdraw_refund").cancel_status == "withdrawn"
    assert row.cancellations.count() == 2


def test_what_is_not_taken_back_is_not_returned(house):
    row = cast.make_store_order(house, STATUSES.ACCEPTED, can_refund=False)
    assert refusal(row, "request_refund", reason="x") == "not_returnable"
    assert not StoreCancellation.objects.exists()


def test_money_of_the_till_is_only_written_down(house):
    row = cast.make_store_order(house, STATUSES.COMPLETED, online=False)
    row = store.cancel_after_sale(row.order_no, cast.MERCHANT_ACTOR, reason="wrong")
    assert (row.status, row.cancel_status, row.pay_status) == ("cancelled", "done", "refunded")
    assert not RefundOrder.objects.exists()


def test_an_unpaid_order_is_cancelled_at_once_and_late_money_goes_back(house):
    row = cast.make_store_order(house, STATUSES.UNPAID)
    cast.channel_says(row.pay_order, Outcome.DONE, state=PayState.WAITING)
    row = do(row, "cancel", reason="changed my mind")
    assert (row.status, row.cancel_status) == ("cancelled", "")
    order = cast.reload(row.pay_order)
    assert order.intent == "close"
    paid = {"state": PayState.PAID, "out_no": "4200", "amount": 10000}
    cast.channel_says(order, Outcome.DONE, **paid)
    row = cast.reload(row)
    assert (row.status, row.cancel_status) == ("cancelled", "refunding")
    assert told(row) == ["store_order.cancelled", "store_order.refund_refunding"]
    row = ends(row)
    assert (row.cancel_status, row.pay_status) == ("done", "refunded")


def test_a_refund_made_on_the_payments_own_page_ends_the_store_order(house):
    row = cast.make_store_order(house, STATUSES.ACCEPTED)
    cast.make_refund(row.pay_order, "success", amount=4000)
    assert (cast.reload(row).status, cast.reload(row).pay_status) == ("accepted", "partial_refund")
    one = refund.request_refund(
        row.pay_order.order_no, cast.MERCHANT_ACTOR, amount=6000, reason="rest"
    )
    cast.channel_says(one, Outcome.DONE, state=RefundState.SUCCESS)
    row = cast.reload(row)
    assert (row.status, row.cancel_kind, row.cancel_status) == ("cancelled", "merchant", "done")
    assert row.cancellations.get().refund_id == one.pk


def test_while_a_refund_of_the_payment_is_under_way_a_cancel_says_so_and_nothing_happens(house):
    row = cast.make_store_order(house, STATUSES.ACCEPTED)
    cast.make_refund(row.pay_order, amount=4000)
    assert refusal(row, "cancel_after_sale", reason="x") == "refund_in_flight"
    assert RefundOrder.objects.count() == 1
    assert not StoreCancellation.objects.exists()


def test_sync_asks_about_the_payment_and_then_about_the_refund(house):
    row = cast.make_store_order(house, STATUSES.UNPAID)
    cast.channel_says(row.pay_order, Outcome.DONE, state=PayState.WAITING)
    store.request_sync(row.order_no, cast.CLOCK)
    assert cast.open_kinds(row.pay_order) == ["query_pay"]
    till = cast.make_store_order(house, online=False)
    with pytest.raises(OperationRefused) as refused:
        store.request_sync(till.order_no, cast.CLOCK)
    assert refused.value.code == "nothing_to_ask"


# --- the clock ------------------------------------------------------------------------------------


def later(minutes):
    return timezone.now() + timedelta(minutes=minutes)


def test_an_unpaid_order_ends_when_its_payment_has_ended_and_not_before(house):
    row = cast.make_store_order(house, STATUSES.UNPAID)
    order = row.pay_order
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)
    assert store.check_due(later(14), 10) == 0
    assert store.check_due(later(16), 10) == 1
    assert cast.reload(row).status == STATUSES.UNPAID
    assert cast.open_kinds(order) == ["close_pay"]
    cast.channel_says(order, Outcome.DONE, state=PayState.CLOSED)
    assert store.check_due(later(20), 10) == 1
    row = cast.reload(row)
    assert (row.status, row.cancel_kind, row.cancel_status) == ("cancelled", "unpaid", "")
    assert told(row) == ["store_order.cancelled"]
    assert store.check_due(later(60), 10) == 0


def test_a_payment_in_the_last_moment_wins(house):
    row = cast.make_store_order(house, STATUSES.UNPAID)
    order = row.pay_order
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)
    store.check_due(later(16), 10)
    cast.channel_says(order, Outcome.REFUSED, state=PayState.PAID, code="PAID")
    paid = {"state": PayState.PAID, "out_no": "4200", "amount": 10000}
    cast.channel_says(order, Outcome.DONE, **paid)
    assert cast.reload(row).status == STATUSES.PAID


def test_an_order_that_nobody_accepts_is_refunded_and_cancelled(house):
    row = cast.make_store_order(house)
    assert store.check_due(later(9), 10) == 0
    assert store.check_due(later(11), 10) == 1
    row = cast.reload(row)
    assert (row.status, row.cancel_kind, row.cancel_status) == (
        "paid",
        "not_accepted",
        "refunding",
    )
    assert ends(row).status == STATUSES.CANCELLED
    assert store.check_due(later(60), 10) == 0
    assert RefundOrder.objects.count() == 1


def test_an_order_of_the_till_waits_for_ever(house):
    row = cast.make_store_order(house, online=False)
    assert store.check_due(later(10_000), 10) == 0
    assert cast.reload(row).status == STATUSES.PAID


def test_zero_minutes_wait_for_ever(house):
    house.application.store_unpaid_minutes = house.application.store_accept_minutes = 0
    house.application.save()
    row = cast.make_store_order(house, STATUSES.UNPAID)
    assert row.deadline_at is None
    cast.pays(row)
    assert cast.reload(row).deadline_at is None


def test_a_reminder_is_told_once_unless_the_next_step_was_done(house):
    row = cast.make_store_order(house)
    do(row, "accept", timeout=5)
    assert store.check_due(later(6), 10) == 1
    assert told(row)[-1] == "store_order.reminder"
    assert store.check_due(later(60), 10) == 0
    do(row, "made", timeout=5)
    do(row, "complete")
    assert store.check_due(later(60), 10) == 0
    assert told(row).count("store_order.reminder") == 1
    other = cast.make_store_order(house)
    with pytest.raises(InvalidInput):
        do(other, "accept", timeout=7)


# --- lists ----------------------------------------------------------------------------------------


def test_what_changed_is_listed_by_the_time_of_change_and_goes_on_where_it_stopped(house):
    rows = [cast.make_store_order(house, online=False) for _ in range(3)]
    do(rows[0], "accept")
    since, until = timezone.now() - timedelta(hours=1), later(1)

    def page(**more):
        asked = {"since": since, "until": until, "count": 2} | more
        return store.changed(house.application, "1001", **asked)

    first = page()
    assert first.total == 3
    assert [row.pk for row in first.rows] == [rows[1].pk, rows[2].pk]
    assert (first.next_at, first.next_no) == (first.rows[1].updated_at, rows[2].order_no)
    second = page(since=first.next_at, after=first.next_no)
    assert [row.pk for row in second.rows] == [rows[0].pk]
    last = page(since=second.next_at, after=second.next_no)
    assert (last.rows, last.next_at, last.next_no) == ([], second.next_at, second.next_no)
    assert [row.pk for row in page(statuses=["accepted"]).rows] == [rows[0].pk]
    assert page(clients=[9]).rows == []
    assert store.changed(house.application, "1002", since=since, until=until).total == 0
    other = cast.merchant("B")
    assert store.changed(other.application, "1001", since=since, until=until).total == 0
    numbers = [rows[2].order_no, "S0", rows[0].order_no]
    found = store.several(house.application, numbers)
    assert [row.pk for row in found] == [rows[2].pk, rows[0].pk]


def test_refunds_are_listed_by_how_they_stand(house):
    asked = cast.make_store_order(house, STATUSES.ACCEPTED)
    do(asked, "request_refund", reason="x")
    cast.make_store_order(house)
    since, until = timezone.now() - timedelta(hours=1), later(1)
    found = store.refunds_changed(
        house.application, "1001", since=since, until=until, refund_statuses=["asked"]
    )
    assert [row.pk for row in found.rows] == [asked.pk]
    found = store.refunds_changed(
        house.application, "1001", since=since, until=until, refund_statuses=["done"]
    )
    assert found.total == 0


def test_a_payment_without_a_store_order_is_told_to_nobody(house):
    order = cast.make_pay_order(house, "success")
    cast.make_refund(order, "success")
    assert not Event.objects.filter(store_order__isnull=False).exists()
    assert not MerchantNotice.objects.filter(kind__startswith="store_order").exists()
