"""Store orders: making them, the steps of a shop, and their payments."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from channels.base import Outcome
from orders.errors import Conflict, InvalidInput, NotFound, OperationRefused
from orders.models import (
    Event,
    MerchantNotice,
    PayOrder,
    StoreItem,
    StoreOrder,
)
from orders.services import store
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
