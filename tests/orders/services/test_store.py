"""Store orders: making them, the steps of a shop, and their payments."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from channels.base import Outcome, PayState
from orders.errors import Conflict, InvalidInput, NotFound, OperationRefused
from orders.models import (
    Event,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    StoreCancellation,
    StoreItem,
    StoreOrder,
)
from orders.services import pay, refund, store
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


# --- making ---------------------------------------------------------------------------------------


def test_an_upload_is_kept_as_it_was_told_and_nobody_is_told_of_it(house):
    new = cast.new_store_order(biz_order_no="E-1", status="accepted", pay_channel="cash")
    row = store.create(house.application, new, cast.MERCHANT_ACTOR)
    row = cast.reload(row)
    assert row.order_no.startswith("S") and len(row.order_no) == 27
    assert (row.status, row.pay_status, row.pay_type) == ("accepted", "paid", "till")
    assert (row.amount, row.original_amount, row.pay_channel) == (10000, 10000, "cash")
    assert (row.mobile, row.mobile_mask) == ("13812345678", "138****678")
    assert "13812345678" not in row.mobile_stored
    item = StoreItem.objects.get(order=row)
    assert (item.seq, item.name, item.price, item.quantity) == (1, "Oolong", 5000, 2)
    assert told(row) == []
    assert row.deadline_at is None and row.next_check_at is None
    assert not PayOrder.objects.exists()


def test_the_same_number_gives_the_same_order_and_other_content_is_a_conflict(house):
    new = cast.new_store_order(biz_order_no="E-1")
    first = store.create(house.application, new, cast.MERCHANT_ACTOR)
    again = store.create(house.application, new, cast.MERCHANT_ACTOR)
    assert (first.pk, first.is_new, again.is_new) == (again.pk, True, False)
    for changes in ({"amount": 9999}, {"items": ()}, {"note": "no sugar"}):
        other = cast.new_store_order(biz_order_no="E-1", **changes)
        with pytest.raises(Conflict):
            store.create(house.application, other, cast.MERCHANT_ACTOR)
    assert StoreOrder.objects.count() == 1
    assert StoreItem.objects.count() == 1


def test_an_order_without_a_merchants_number_gets_ours(house):
    rows = [store.create(house.application, cast.new_store_order(), cast.CLOCK) for _ in "ab"]
    assert [row.biz_order_no for row in rows] == [row.order_no for row in rows]


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"store_id": ""}, "store_id", "required"),
        ({"store_id": "x" * 65}, "store_id", "too_long"),
        ({"kind": "drone"}, "kind", "invalid_choice"),
        ({"status": "7"}, "status", "invalid_choice"),
        ({"amount": -1}, "amount", "out_of_range"),
        ({"amount": True}, "amount", "out_of_range"),
        ({"deliver_fee": 1.5}, "deliver_fee", "out_of_range"),
        ({"biz_order_no": "two words"}, "biz_order_no", "bad_number"),
        ({"notify_url": "ftp://x"}, "notify_url", "bad_url"),
        ({"note": "a\x00b"}, "note", "control_character"),
        (
            {"items": (store.NewItem(seq=1, product_id="1", name="", price=1, quantity=1),)},
            "items[0].name",
            "required",
        ),
        (
            {"items": (store.NewItem(seq=1, product_id="1", name="T", price=1, quantity=0),)},
            "items[0].quantity",
            "out_of_range",
        ),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(house, changes, field, code):
    with pytest.raises(InvalidInput) as invalid:
        store.create(house.application, cast.new_store_order(**changes), cast.MERCHANT_ACTOR)
    assert (invalid.value.field, invalid.value.code) == (field, code)
    assert not StoreOrder.objects.exists()


def test_an_order_of_another_merchant_is_not_found(house):
    row = cast.make_store_order(house)
    other = cast.merchant("B")
    with pytest.raises(NotFound):
        store.find(row.order_no, application=other.application)
    with pytest.raises(NotFound):
        do(row, "accept", application=other.application)
    assert cast.reload(row).status == STATUSES.PAID


# --- paying online --------------------------------------------------------------------------------


def test_a_payment_is_made_by_the_pay_service_and_its_success_makes_the_order_new(house):
    row = cast.make_store_order(house, STATUSES.UNPAID, biz_order_no="E-1")
    order = row.pay_order
    assert (order.biz_order_no, order.amount, order.title) == ("E-1", 10000, "Tea on the corner")
    assert cast.open_kinds(order) == ["pay"]
    assert (row.status, row.pay_status, told(row)) == ("unpaid", "unpaid", [])
    assert order.expires_at == row.deadline_at == row.created_at + timedelta(minutes=15)
    cast.pays(row)
    row = cast.reload(row)
    assert (row.status, row.pay_status) == ("paid", "paid")
    assert row.paid_at == cast.reload(order).paid_at
    assert told(row) == ["store_order.paid"]
    assert row.deadline_at is not None and row.deadline_at > timezone.now() + timedelta(minutes=9)
    assert [event.kind for event in row.events.order_by("seq")] == ["store_created", "store_paid"]


def test_what_the_payment_refuses_leaves_no_store_order(house):
    payment = store.NewPayment(channel="sandbox", method="carrier-pigeon")
    new = cast.new_store_order(pay_type="online", payment=payment)
    with pytest.raises(InvalidInput) as invalid:
        store.create(house.application, new, cast.MERCHANT_ACTOR)
    assert invalid.value.field == "method"
    assert not StoreOrder.objects.exists()
    assert not PayOrder.objects.exists()


def test_a_payment_that_is_there_can_be_named_and_one_that_is_paid_counts_at_once(house):
    order = cast.make_pay_order(house, "success")
    new = cast.new_store_order(pay_type="online", pay_order_no=order.order_no)
    row = store.create(house.application, new, cast.MERCHANT_ACTOR)
    row = cast.reload(row)
    assert (row.status, row.pay_status, row.pay_order_id) == ("paid", "paid", order.pk)
    with pytest.raises(Conflict):  # one payment, one order
        store.create(house.application, new, cast.MERCHANT_ACTOR)
    assert StoreOrder.objects.count() == 1


@pytest.mark.parametrize(
    ("status", "amount", "code"),
    [("close", 10000, "payment_ended"), ("success", 9000, "amount_differs")],
)
def test_a_payment_that_does_not_fit_is_refused(house, status, amount, code):
    order = cast.make_pay_order(house, status, amount=amount)
    new = cast.new_store_order(pay_type="online", pay_order_no=order.order_no)
    with pytest.raises(InvalidInput) as invalid:
        store.create(house.application, new, cast.MERCHANT_ACTOR)
    assert invalid.value.code == code
    assert not StoreOrder.objects.exists()


def test_the_payment_of_another_merchant_cannot_be_named(house):
    order = cast.make_pay_order(cast.merchant("B"), "success")
    new = cast.new_store_order(pay_type="online", pay_order_no=order.order_no)
    with pytest.raises(NotFound):
        store.create(house.application, new, cast.MERCHANT_ACTOR)


def test_an_ended_payment_is_followed_by_a_new_one_with_a_number_of_its_own(house):
    row = cast.make_store_order(house, STATUSES.UNPAID, biz_order_no="E-1")
    first = row.pay_order
    cast.channel_says(first, Outcome.REFUSED, code="NO_AUTH", message="no permission")
    payment = store.NewPayment(channel="sandbox", method="jsapi", openid="o1")
    paid = store.request_payment(row.order_no, payment, cast.MERCHANT_ACTOR)
    second = paid.pay_order
    assert (second.pk != first.pk, second.biz_order_no) == (True, f"{row.order_no}-2")
    again = store.request_payment(row.order_no, payment, cast.MERCHANT_ACTOR)
    assert again.pay_order.pk == second.pk
    assert PayOrder.objects.count() == 2
    cast.pays(row)
    assert cast.reload(row).status == STATUSES.PAID


def test_a_paid_order_is_not_paid_again(house):
    row = cast.make_store_order(house)
    payment = store.NewPayment(channel="sandbox", method="native")
    with pytest.raises(OperationRefused) as refused:
        store.request_payment(row.order_no, payment, cast.MERCHANT_ACTOR)
    assert refused.value.code == "state"
    assert PayOrder.objects.count() == 1


# --- the steps ------------------------------------------------------------------------------------


def test_the_steps_of_a_shop_are_told_one_by_one(house):
    row = cast.make_store_order(house)
    do(row, "accept", operator="Wang")
    do(row, "made")
    do(row, "deliver", courier=cast.COURIER)
    row = do(row, "complete")
    assert row.status == STATUSES.COMPLETED
    assert row.operator == "Wang"
    assert None not in (row.accepted_at, row.made_at, row.delivering_at, row.ended_at)
    assert (row.delivery.contact, row.delivery.mobile) == ("Li Si", "13900000000")
    assert told(row) == [
        "store_order.paid",
        "store_order.accepted",
        "store_order.made",
        "store_order.delivering",
        "store_order.completed",
    ]


def test_delivering_needs_a_courier_and_an_order_for_delivery(house):
    row = cast.make_store_order(house, STATUSES.ACCEPTED)
    for courier in (None, store.Courier(contact="Li Si", mobile="")):
        with pytest.raises(InvalidInput) as invalid:
            do(row, "deliver", courier=courier)
        assert invalid.value.code == "required"
    dine_in = cast.make_store_order(house, STATUSES.ACCEPTED, kind="dine_in")
    assert refusal(dine_in, "deliver", courier=cast.COURIER) == "not_for_delivery"
    assert cast.reload(row).status == cast.reload(dine_in).status == STATUSES.ACCEPTED


@pytest.mark.parametrize("status", ["unpaid", "completed", "cancelled", "rejected"])
def test_no_step_leads_out_of_what_is_not_the_shops(house, status):
    row = cast.make_store_order(house, status, online=False)
    before = Event.objects.count()
    for name in ("accept", "made", "deliver", "complete"):
        assert refusal(row, name, courier=cast.COURIER) == "state"
    assert cast.reload(row).status == status
    assert Event.objects.count() == before


def test_the_status_that_it_has_already_changes_nothing(house):
    row = cast.make_store_order(house, STATUSES.ACCEPTED)
    before = (told(row), Event.objects.count())
    again = store.change_status(row.order_no, "accepted", cast.MERCHANT_ACTOR)
    assert again.status == STATUSES.ACCEPTED
    assert (told(row), Event.objects.count()) == before
    store.change_status(row.order_no, "made", cast.MERCHANT_ACTOR)
    assert cast.reload(row).status == STATUSES.MADE
    with pytest.raises(InvalidInput):
        store.change_status(row.order_no, "cancelled", cast.MERCHANT_ACTOR)


def test_the_till_says_that_it_was_paid_and_an_online_order_waits_for_its_payment(house):
    till = cast.make_store_order(house, STATUSES.UNPAID, online=False)
    assert do(till, "mark_paid").pay_status == "paid"
    online = cast.make_store_order(house, STATUSES.UNPAID)
    assert refusal(online, "mark_paid") == "paid_online"


# --- giving back ----------------------------------------------------------------------------------


def ends(row, outcome=Outcome.DONE, **more):
    """The channel ends the refund of the store order."""
    one = StoreCancellation.objects.filter(order=row).latest("id").refund
    cast.channel_says(one, outcome, **({"state": refund_success()} | more))
    return cast.reload(row)


def refund_success():
    from channels.base import RefundState

    return RefundState.SUCCESS


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
    cast.channel_says(one, Outcome.DONE, state=refund_success())
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


def test_paying_by_hand_of_an_operator_confirms_nothing_for_another_order(house):
    """An order whose payment has nothing to do with a shop hears nothing and writes nothing."""
    order = cast.make_pay_order(house, "success")
    assert not Event.objects.filter(store_order__isnull=False).exists()
    assert pay.find(order.order_no).status == "success"
