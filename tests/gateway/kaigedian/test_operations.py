"""Steps, decisions and what is sent twice: the state matrix as a partner meets it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from gateway.api.kaigedian import calls, once
from orders.models import DoorRequest, Event, MerchantNotice, StoreOrder
from orders.services import store
from tests import cast
from tests.gateway.kaigedian.client import Partner, Refused
from tests.gateway.kaigedian.shop import COURIER, Shop, order, written

pytestmark = pytest.mark.django_db
STATUSES = {2: "unpaid", 1: "paid", 3: "accepted", 31: "made", 4: "delivering", 5: "completed",
            6: "cancelled", 7: "rejected"}  # fmt: skip
ALLOWED = {
    3: {1},
    7: {1},
    31: {3},
    4: {3, 31},
    5: {3, 31, 4},
}
"""Step → the statuses from which it is taken."""
CANCELLED_FROM = {1, 3, 31, 5}
"""商家售后: not 配送中, 已取消, nor what was never paid or taken."""


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("to", ALLOWED)
def test_a_step_is_taken_from_where_it_may_and_nowhere_else(partner: Partner, status, to):
    number = partner.submit(order(orderStatus=status, orderType=3))
    asked = {"orderCode": number, "orderStatus": to, "reason": "x", "deliveryInfo": COURIER}
    before = written()
    if status == to:
        partner.call("statusOperation", asked)  # it is there already
        assert written() == before
    elif status in ALLOWED[to]:
        partner.call("statusOperation", asked)
        assert partner.status(number) == str(to)
        assert Event.objects.filter(store_order__order_no=number).count() == 2 + (to == 7)
    else:
        with pytest.raises(Refused) as caught:
            partner.call("statusOperation", asked)
        assert caught.value.code == "500"
        assert caught.value.message
        assert written() == before


@pytest.mark.parametrize("status", STATUSES)
def test_an_order_is_cancelled_after_sale_from_where_it_may(partner: Partner, status):
    number = partner.submit(order(orderStatus=status))
    before = written()
    if status in CANCELLED_FROM:
        partner.cancel(number, "cold")
        assert partner.status(number) == "6"
    else:
        with pytest.raises(Refused) as caught:
            partner.cancel(number, "cold")
        assert caught.value.code == "500"
        assert written() == before


def test_only_an_order_for_delivery_gets_a_courier(partner: Partner):
    number = partner.submit(order(orderStatus=3, orderType=1))
    with pytest.raises(Refused) as caught:
        partner.step(number, 4, deliveryInfo=COURIER)
    assert caught.value.code == "500"
    assert "dine in" in caught.value.message
    assert partner.status(number) == "3"


def test_an_order_is_named_by_either_field_alone_or_in_a_list_of_one(partner: Partner):
    number = partner.submit(order())
    for name in ("orderCode", "orderCodes"):
        for value in (number, [number]):
            for call, more in (
                ("statusOperation", {"orderStatus": 3}),
                ("queryDetail", {}),
                ("batchOrderStatus", {}),
            ):
                partner.call(call, {name: value, **more})
    both = {"orderCode": number, "orderCodes": number}
    assert len(partner.call("queryDetail", both)) == 1
    assert len(partner.call("queryDetail", {"orderCode": [number, number]})) == 1


def test_a_second_status_is_the_reason_where_none_is_given(partner: Partner):
    for count, (text, reason) in enumerate(
        (
            ('"orderStatus":"7","orderStatus":"超出配送返回"', "超出配送返回"),
            ('"orderStatus":"太远","orderStatus":7', "太远"),
            ('"orderStatus":"7","orderStatus":"太远","reason":"关门"', "关门"),
            ('"orderStatus":"7","orderStatus":"3","reason":"关门"', "关门"),
        )
    ):
        number = partner.submit(order(thirdOrderCode=f"D{count}"))
        partner.text("statusOperation", f'{{"orderCodes":"{number}",{text}}}')
        row = StoreOrder.objects.get(order_no=number)
        assert (row.status, row.cancel_reason) == ("rejected", reason)


def test_timeout_asks_for_a_reminder(partner: Partner, shop: Shop):
    number = partner.submit(order())
    partner.step(number, 3, timeout="15")
    row = StoreOrder.objects.get(order_no=number)
    assert timedelta(minutes=14) < row.remind_at - timezone.now() <= timedelta(minutes=15)
    store.check_due(timezone.now() + timedelta(minutes=16), 10)
    notice = MerchantNotice.objects.get(kind="store_order.reminder")
    said = json.loads(notice.body)
    assert said.pop("timeStamp").isdecimal()
    assert said == {"orderCode": number, "orderStatus": "3", "eventType": "1"}
    assert (notice.dialect, notice.url) == ("kaigedian", shop.key.config["notify_url"])


def test_a_step_in_time_needs_no_reminder(partner: Partner):
    number = partner.submit(order())
    partner.step(number, 3, timeout=5)
    partner.step(number, 31)
    store.check_due(timezone.now() + timedelta(minutes=6), 10)
    assert not MerchantNotice.objects.filter(kind="store_order.reminder").exists()


# --- x-transaction-id ---------------------------------------------------------------------


def test_an_order_sent_again_under_its_transaction_is_made_once(partner: Partner):
    asked = order(thirdOrderCode="")
    number = partner.submit(asked, transaction="t-1")
    assert partner.submit(asked, transaction="t-1") == number
    assert partner.submit(asked, transaction="t-2") != number
    assert StoreOrder.objects.count() == 2
    assert partner.detail(number)["thirdOrderCode"] == ""


def test_an_order_is_made_once_even_if_the_answer_was_never_kept(partner: Partner):
    """A crash between the order and the keeping of its answer."""
    for transaction in ("t-1", "x" * 128):
        asked = order(thirdOrderCode="")
        number = partner.submit(asked, transaction=transaction)
        DoorRequest.objects.update(answer="", locked_until=timezone.now() - timedelta(seconds=1))
        assert partner.submit(asked, transaction=transaction) == number
    assert StoreOrder.objects.count() == 2


def test_a_transaction_with_other_content_is_refused(partner: Partner):
    partner.submit(order(thirdOrderCode="A"), transaction="t-1")
    with pytest.raises(Refused) as caught:
        partner.submit(order(thirdOrderCode="B"), transaction="t-1")
    assert (caught.value.code, caught.value.message) == (
        "500",
        "This x-transaction-id was used for a request with other content.",
    )
    assert StoreOrder.objects.count() == 1


def test_a_transaction_under_way_is_not_done_twice(shop: Shop):
    partner = shop.partner
    text = json.dumps(order())
    claim = once.begin(shop.key, "submit", "t-1", text)
    assert isinstance(claim, once.Claim)
    with pytest.raises(Refused) as caught:
        partner.text("submit", text, transaction="t-1")
    assert caught.value.message == "This request is being worked on; ask again in a moment."
    assert StoreOrder.objects.count() == 0
    claim.release()
    partner.text("submit", text, transaction="t-1")


def test_a_refused_transaction_may_come_again_corrected(partner: Partner):
    with pytest.raises(Refused):
        partner.submit(order(actualPayAmount=-1), transaction="t-1")
    assert DoorRequest.objects.count() == 0
    assert partner.submit(order(), transaction="t-1")


def test_a_late_repetition_of_a_decision_decides_nothing_new(partner: Partner, shop: Shop):
    """The customer has asked again meanwhile; the old refusal is not for that."""
    number = partner.submit(order(orderStatus=3))

    def ask() -> None:
        store.operate(
            number, "request_refund", cast.MERCHANT_ACTOR, application=shop.house.application,
            reason="cold",
        )  # fmt: skip

    ask()
    refuses = {"orderCode": number, "action": 2, "reason": "no"}
    partner.call("refundOperation", refuses, transaction="t-1")
    ask()
    partner.call("refundOperation", refuses, transaction="t-1")
    assert StoreOrder.objects.get(order_no=number).cancel_status == "asked"


def test_transactions_of_one_partner_and_one_call_stand_apart(partner: Partner, other: Shop):
    number = partner.submit(order(), transaction="t-1")
    theirs = other.partner.submit(order(), transaction="t-1")
    assert number != theirs
    body = {"orderCode": number, "orderStatus": 3}
    partner.call("statusOperation", body, transaction="t-1")
    assert DoorRequest.objects.count() == 3


def test_reading_needs_no_transaction_and_keeps_none(partner: Partner):
    partner.call("queryDetail", {"orderCode": "1"}, transaction="t-1")
    partner.call("batchQuery", {"storeId": "1"}, transaction="t-1")
    assert DoorRequest.objects.count() == 0


def test_a_request_without_a_transaction_is_done(partner: Partner):
    number = partner.submit(order(), transaction="")
    assert partner.submit(order(), transaction="") == number
    assert DoorRequest.objects.count() == 0


@pytest.mark.parametrize("transaction", ["x" * 129, "a b"])
def test_a_transaction_that_is_none_is_refused(partner: Partner, transaction):
    with pytest.raises(Refused) as caught:
        partner.submit(order(), transaction=transaction)
    message = "x-transaction-id must be 1 to 128 visible ASCII characters."
    assert (caught.value.code, caught.value.message) == ("21", message)
    assert StoreOrder.objects.count() == 0


def test_who_did_it_stands_in_the_orders_history(partner: Partner, shop: Shop):
    number = partner.submit(order())
    partner.step(number, 3)
    events = list(Event.objects.filter(order_no=number).order_by("seq"))
    assert [(each.kind, each.door, each.actor) for each in events] == [
        ("store_created", "kaigedian", shop.key.identity),
        ("store_accepted", "kaigedian", shop.key.identity),
    ]
    assert all(each.request_id for each in events)


def test_every_call_of_the_documents_is_there():
    writing = [name for name, call in calls.CALLS.items() if call.writes]
    assert writing == ["submit", "statusOperation", "refundOperation", "cancel"]
    assert len(calls.CALLS) == 8
