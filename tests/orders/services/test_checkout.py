"""The story of a checkout: asked for, chosen, paid; and what is offered to whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from channels.base import Method, Outcome, PayState
from orders.actor import Actor, Door
from orders.errors import Conflict, InvalidInput, NotFound, OperationRefused
from orders.models import ChannelAccount, ChannelCall, Checkout, PayOrder
from orders.services import checkout as checkouts
from orders.services import pay
from orders.services.checkout import Environment, choosing
from tests import cast

pytestmark = pytest.mark.django_db
MERCHANT = Actor(door=Door.DAXPAY, name="MA:app-a")
SANDBOX = "sandbox_native"


@pytest.fixture
def house():
    return cast.merchant("A", notify_url="http://127.0.0.1:9/notices")


def account(house: cast.House, channel: str) -> None:
    row = ChannelAccount(
        merchant=house.merchant, channel=channel, code=f"{channel}-a", name=channel
    )
    row.save()


def new(**changes: Any) -> checkouts.NewCheckout:
    facts: dict[str, Any] = {
        "biz_order_no": "GW-1", "title": "Tea", "amount": 12800, "kind": "cashier",
    }  # fmt: skip
    return checkouts.NewCheckout(**{**facts, **changes})


def ask(house: cast.House, **changes: Any) -> Checkout:
    return checkouts.request_checkout(house.application, new(**changes), MERCHANT)


def status(row: Checkout) -> str:
    return checkouts.find(row.checkout_no).status_at(timezone.now()).value


def holds(order: PayOrder) -> None:
    params = {"code_url": "sandbox://pay"}
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING, pay_params=params)


def pays(order: PayOrder) -> None:
    pay.request_sync(order.order_no, cast.CLOCK)
    paid = {"state": PayState.PAID, "out_no": f"4200{order.pk}", "amount": order.amount}
    cast.channel_says(order, Outcome.DONE, **paid)


# --- asking -------------------------------------------------------------------------------------


def test_a_checkout_waits_without_a_pay_order_and_without_a_call(house):
    row = ask(house)
    assert (row.checkout_no[0], len(row.checkout_no), row.is_new) == ("C", 27, True)
    assert status(row) == "wait_pay"
    assert row.expires_at - row.created_at == timedelta(minutes=30)
    assert (PayOrder.objects.count(), ChannelCall.objects.count()) == (0, 0)


def test_the_same_number_with_the_same_content_is_the_same_checkout(house):
    first, again = ask(house), ask(house)
    assert (again.pk, again.is_new) == (first.pk, False)


@pytest.mark.parametrize(
    "change", [{"amount": 12801}, {"title": "Coffee"}, {"kind": "aggregate"}, {"allocation": True}]
)
def test_the_same_number_with_other_content_is_a_conflict(house, change):
    ask(house)
    with pytest.raises(Conflict) as caught:
        ask(house, **change)
    assert caught.value.differs in change
    assert Checkout.objects.get().amount == 12800


def test_the_number_of_a_pay_order_is_taken(house):
    cast.make_pay_order(house, biz_order_no="GW-1")
    with pytest.raises(Conflict):
        ask(house)
    assert Checkout.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"amount": 0}, "amount", "amount_out_of_range"),
        ({"amount": True}, "amount", "not_an_integer"),
        ({"title": ""}, "title", "required"),
        ({"title": "x" * 128}, "title", "too_long"),
        ({"biz_order_no": "a b"}, "biz_order_no", "bad_number"),
        ({"kind": "till"}, "kind", "unknown_kind"),
        ({"return_url": "javascript:alert(1)"}, "return_url", "bad_url"),
        ({"expires_at": cast.at("2020-01-01 00:00")}, "expires_at", "expiry_out_of_range"),
        ({"amount": 99_999_999_99}, "amount", "no_way_to_pay"),
    ],
)
def test_bad_input_names_its_field_and_writes_nothing(house, change, field, code):
    with pytest.raises(InvalidInput) as caught:
        ask(house, **change)
    assert (caught.value.field, caught.value.code) == (field, code)
    assert Checkout.objects.count() == 0


def test_a_merchant_without_any_channel_is_told_at_once(house):
    ChannelAccount.objects.update(is_active=False)
    with pytest.raises(InvalidInput) as caught:
        ask(house)
    assert caught.value.code == "no_way_to_pay"


def test_another_merchants_checkout_is_not_found(house):
    row = ask(house)
    other = cast.merchant("B")
    for number in (row.checkout_no, "biz:GW-1"):
        with pytest.raises(NotFound):
            checkouts.find(number, application=other.application)
    with pytest.raises(NotFound):
        checkouts.request_close(row.checkout_no, application=other.application)
    assert status(row) == "wait_pay"


# --- choosing -----------------------------------------------------------------------------------


def test_the_choice_makes_the_pay_order_of_the_merchants_number_and_door(house):
    row = ask(house, notify_url="https://shop.example/n", door_data={"attach": "x"})
    order = checkouts.choose(row.checkout_no, SANDBOX, client_ip="203.0.113.7", request_id="req-1")
    assert (order.biz_order_no, order.amount, order.channel, order.method) == (
        "GW-1", 12800, "sandbox", "native",
    )  # fmt: skip
    assert (order.door, order.door_data, order.notify_url) == (
        "daxpay", {"attach": "x"}, "https://shop.example/n",
    )  # fmt: skip
    assert order.expires_at == row.expires_at
    event = order.events.get()
    assert (event.actor, event.request_id) == ("customer", "req-1")
    assert cast.reload(row).pay_order_id == order.pk
    assert status(row) == "paying"


def test_the_same_choice_again_is_the_same_pay_order_with_the_same_parameters(house):
    row = ask(house)
    order = checkouts.choose(row.checkout_no, SANDBOX)
    holds(order)
    again = checkouts.choose(row.checkout_no, SANDBOX)
    assert (again.pk, again.pay_params) == (order.pk, {"code_url": "sandbox://pay"})
    assert ChannelCall.objects.count() == 1


def test_another_choice_is_refused_once_one_was_made(house):
    account(house, "umf")
    row = ask(house, expires_at=timezone.now() + timedelta(minutes=20))
    order = checkouts.choose(row.checkout_no, SANDBOX)
    with pytest.raises(OperationRefused) as caught:
        checkouts.choose(row.checkout_no, "umf_native")
    assert caught.value.code == "channel_locked"
    assert SANDBOX in str(caught.value.refusal)
    assert PayOrder.objects.get().pk == order.pk


def test_of_two_choices_at_once_the_number_lets_one_through(house, monkeypatch):
    account(house, "umf")
    row = ask(house, expires_at=timezone.now() + timedelta(minutes=20))
    stale = checkouts.find(row.checkout_no)
    order = checkouts.choose(row.checkout_no, SANDBOX)
    # The other one read the checkout before the first had chosen.
    monkeypatch.setattr(choosing.request, "find", lambda _number: stale)
    with pytest.raises(OperationRefused) as caught:
        checkouts.choose(row.checkout_no, "umf_native")
    assert (caught.value.code, caught.value.refusal.see) == ("channel_locked", order.order_no)
    assert PayOrder.objects.count() == 1


def test_a_choice_that_is_not_offered_makes_nothing(house):
    row = ask(house)
    for code in ("wechat_native", "sandbox_app", "", "sandbox_jsapi"):
        with pytest.raises(InvalidInput) as caught:
            checkouts.choose(row.checkout_no, code)
        assert caught.value.code == "unknown_item"
    assert PayOrder.objects.count() == 0


def test_a_pay_order_that_a_crash_left_unnamed_is_found_again(house, monkeypatch):
    row = ask(house)
    with monkeypatch.context() as patched:
        patched.setattr(choosing.request, "name_payment", _dies)
        with pytest.raises(RuntimeError):
            checkouts.choose(row.checkout_no, SANDBOX)
    order = PayOrder.objects.get()
    assert cast.reload(row).pay_order_id is None
    assert status(row) == "paying"
    assert cast.reload(row).pay_order_id == order.pk


def _dies(*_args: Any) -> None:
    raise RuntimeError("the process ends here")


# --- its end ------------------------------------------------------------------------------------


def test_a_paid_checkout_is_paid_and_is_not_paid_twice(house):
    row = ask(house)
    order = checkouts.choose(row.checkout_no, SANDBOX)
    holds(order)
    pays(order)
    assert status(row) == "paid"
    for again in (lambda: checkouts.choose(row.checkout_no, SANDBOX), lambda: ask(house)):
        with pytest.raises(OperationRefused) as caught:
            again()
        assert caught.value.code == "already_paid"
    assert PayOrder.objects.count() == 1


def test_a_checkout_for_which_nobody_chose_expires_by_the_clock(house):
    row = ask(house)
    with time_machine.travel(row.expires_at + timedelta(seconds=1), tick=False):
        assert status(row) == "expired"
        with pytest.raises(OperationRefused) as caught:
            checkouts.choose(row.checkout_no, SANDBOX)
        assert caught.value.code == "ended"
    assert PayOrder.objects.count() == 0


def test_a_chosen_checkout_expires_with_its_pay_order(house):
    row = ask(house)
    order = checkouts.choose(row.checkout_no, SANDBOX)
    holds(order)
    with time_machine.travel(row.expires_at + timedelta(seconds=1), tick=False):
        assert status(row) == "paying"
        pay.check_due(timezone.now(), 10)
        cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)
        cast.channel_says(order, Outcome.DONE, state=PayState.CLOSED)
        assert status(row) == "expired"


def test_a_closed_pay_order_closes_its_checkout_and_a_refused_one_fails_it(house):
    closed, failed = ask(house), ask(house, biz_order_no="GW-2")
    first = checkouts.choose(closed.checkout_no, SANDBOX)
    holds(first)
    pay.request_sync(first.order_no, cast.CLOCK)
    cast.channel_says(first, Outcome.DONE, state=PayState.CLOSED)
    second = checkouts.choose(failed.checkout_no, SANDBOX)
    cast.channel_says(second, Outcome.REFUSED, code="NO_AUTH", message="no permission")
    assert (status(closed), status(failed)) == ("closed", "failed")


def test_a_checkout_can_be_withdrawn_before_anybody_chooses(house):
    row = checkouts.request_close(ask(house).checkout_no)
    assert (status(row), row.pay_order) == ("closed", None)
    with pytest.raises(OperationRefused) as caught:
        checkouts.choose(row.checkout_no, SANDBOX)
    assert caught.value.code == "ended"
    assert PayOrder.objects.count() == 0


def test_a_chosen_checkout_is_not_withdrawn_but_names_its_pay_order(house):
    row = ask(house)
    order = checkouts.choose(row.checkout_no, SANDBOX)
    assert checkouts.request_close(row.checkout_no).pay_order == order
    assert status(row) == "paying"


def test_a_choice_made_while_it_is_withdrawn_is_closed_again(house, monkeypatch):
    row = ask(house)
    stale = checkouts.find(row.checkout_no)
    checkouts.request_close(row.checkout_no)
    monkeypatch.setattr(choosing.request, "find", lambda _number: stale)
    with pytest.raises(OperationRefused) as caught:
        checkouts.choose(row.checkout_no, SANDBOX)
    assert caught.value.code == "ended"
    assert PayOrder.objects.get().status == "close"
    assert ChannelCall.objects.get().outcome == "not_sent"


def test_the_database_keeps_a_closed_checkout_without_a_payment(house):
    row = ask(house)
    order = checkouts.choose(row.checkout_no, SANDBOX)
    with pytest.raises(IntegrityError), transaction.atomic():
        Checkout.objects.filter(pk=row.pk).update(closed_at=timezone.now())
    assert cast.reload(row).pay_order_id == order.pk


# --- what is offered ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "openid", "codes"),
    [
        ("desktop", "", ["wechat_native", "alipay_native", "alipay_page", "sandbox_native"]),
        ("phone", "", ["wechat_h5", "alipay_wap", "sandbox_native"]),
        ("wechat", "", ["wechat_native", "sandbox_native"]),
        ("wechat", "oUpF8", ["wechat_jsapi", "sandbox_native"]),
        ("alipay", "", ["alipay_wap", "sandbox_native"]),
        ("alipay", "2088000000000001", ["alipay_jsapi", "sandbox_native"]),
    ],
)
def test_each_place_is_offered_what_works_there(house, environment, openid, codes):
    account(house, "wechat")
    account(house, "alipay")
    row = ask(house)
    found = checkouts.offered(row, Environment(environment), timezone.now(), openid=openid)
    assert [item.code for item in found] == codes


def test_a_channel_that_cannot_take_the_order_is_not_offered(house):
    account(house, "wechat")
    account(house, "umf")

    def offered(**changes: Any) -> set[str]:
        row = ask(house, **changes)
        found = checkouts.offered(row, Environment.DESKTOP, timezone.now())
        return {item.channel for item in found}

    assert offered() == {"wechat", "sandbox", "umf"}
    assert offered(biz_order_no="2", title="茶🍵") == {"sandbox", "umf"}
    assert offered(biz_order_no="3", allocation=True) == {"sandbox", "wechat"}
    long = timezone.now() + timedelta(hours=2)
    assert offered(biz_order_no="4", expires_at=long) == {"sandbox", "wechat"}


def test_every_place_knows_only_ways_that_its_wallet_has(house):
    for channel in ("wechat", "alipay"):
        account(house, channel)
    row = ask(house)
    for place in Environment:
        for item in checkouts.offered(row, place, timezone.now(), openid="o"):
            assert item.method in Method
            assert item.needs_openid == (item.method is Method.JSAPI)
