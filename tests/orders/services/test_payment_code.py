"""A scanned payment code: who may bring one, and that it is sent once or not at all."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
import time_machine
from django.utils import timezone, translation

from channels.base import Outcome, Pay, PayState
from orders.engine import drain, handover, store, wake
from orders.errors import InvalidInput, NotNow
from orders.models import ChannelCall, Event, MerchantNotice, PayOrder, WorkState
from orders.services import corridor, pay
from tests import cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis_client")]
CODE = "134567890123456789"
ANOTHER = "284567890123456789"


@pytest.fixture(autouse=True)
def _nobody_wakes(monkeypatch):
    monkeypatch.setattr(wake, "publish", lambda queue: None)


@pytest.fixture
def house():
    return cast.merchant("A")


def scan(house, **changes):
    facts = {"method": "barcode", "auth_code": CODE, **changes}
    return pay.request_pay(house.application, cast.new_order(**facts), cast.MERCHANT_ACTOR)


def commands() -> list[Pay]:
    """What a worker that claims every due call would put on the wire."""
    calls = list(ChannelCall.objects.filter(state=WorkState.DUE))
    return [corridor.complete(prepared.command) for prepared in corridor.prepare(calls)]


# --- who may bring one --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"auth_code": ""}, "required_by_method"),
        ({"method": "native"}, "auth_code_not_taken"),
        ({"auth_code": "12345678901234567"}, "bad_auth_code"),
        ({"auth_code": "161234567890123456"}, "bad_auth_code"),
        ({"auth_code": "13456789012345678x"}, "bad_auth_code"),
        ({"auth_code": "１３４５６７８９０１２３４５６７８９"}, "bad_auth_code"),
    ],
)
def test_a_code_that_cannot_be_is_refused_before_anything_is_written(
    house, redis_client, changes, code
):
    with pytest.raises(InvalidInput) as caught:
        scan(house, **changes)
    assert (caught.value.field, caught.value.code) == ("auth_code", code)
    given = {"auth_code": CODE, **changes}["auth_code"]
    assert not given or given not in str(caught.value)
    assert not PayOrder.objects.exists()
    assert not list(redis_client.scan_iter(match=store.key("paycode*")))


@pytest.mark.parametrize("address", ["ftp://shop.example/", "javascript:alert(1)", "shop", "//x"])
def test_a_browser_is_sent_back_to_web_addresses_only(house, address):
    with pytest.raises(InvalidInput) as caught:
        pay.request_pay(house.application, cast.new_order(return_url=address), cast.MERCHANT_ACTOR)
    assert caught.value.field == "return_url"
    assert not PayOrder.objects.exists()


def test_without_redis_no_order_is_made_and_the_sentence_says_so(house, monkeypatch):
    def away(*_):
        raise handover.NotHandedOver

    monkeypatch.setattr(handover, "put", away)
    with translation.override("en"), pytest.raises(NotNow, match="nothing was charged"):
        scan(house)
    assert not PayOrder.objects.exists()
    assert not ChannelCall.objects.exists()


# --- once ---------------------------------------------------------------------------------


def test_the_worker_gets_the_code_and_no_row_has_it(house):
    order = scan(house)
    (command,) = commands()
    assert command.auth_code == CODE
    assert CODE not in repr(command)
    rows = [*PayOrder.objects.values(), *ChannelCall.objects.values(), *Event.objects.values()]
    assert CODE not in str(rows)
    assert order.is_new


def test_the_worker_is_told_where_the_customer_comes_back_to(house):
    new = cast.new_order(method="page", return_url="https://shop.example/thanks")
    pay.request_pay(house.application, new, cast.MERCHANT_ACTOR)
    (command,) = commands()
    assert (command.return_url, command.auth_code) == ("https://shop.example/thanks", "")


def test_the_code_is_there_before_the_order_can_be_seen(house, monkeypatch):
    seen = []
    put = handover.put

    def putting(order_no, code):
        seen.append(PayOrder.objects.filter(order_no=order_no).exists())
        put(order_no, code)

    monkeypatch.setattr(handover, "put", putting)
    scan(house)
    assert seen == [False]


def test_a_second_worker_finds_no_code(house):
    scan(house)
    commands()
    with pytest.raises(corridor.Incomplete, match="Scan again"):
        commands()


def test_an_order_whose_code_is_gone_ends_with_a_sentence_and_nothing_was_sent(house):
    order = scan(house)
    handover.forget(order.order_no)
    drain.run("pay")
    order = cast.reload(order)
    assert (order.status, order.error_code) == ("fail", "PAYMENT_CODE_LOST")
    assert order.error_message.startswith("The payment code was lost before it was sent")
    assert order.is_at_channel is False
    call = ChannelCall.objects.get()
    assert (call.kind, call.outcome, call.request) == ("pay", "not_sent", "")
    assert MerchantNotice.objects.count() == 0  # the application has no address


def test_a_code_that_did_not_get_out_of_the_house_ends_the_order(house):
    """It was taken and could not be sent: a second try would have no code."""
    order = scan(house)
    cast.channel_says(order, Outcome.NOT_SENT, code="CONNECT_FAILED")
    assert (cast.reload(order).status, cast.reload(order).error_code) == ("fail", "CONNECT_FAILED")
    pay.check_due(timezone.now() + timedelta(hours=1), 10)
    assert ChannelCall.objects.count() == 1


def test_a_doubt_is_asked_about_at_the_till_and_never_sent_again(house):
    order = scan(house)
    cast.channel_says(order, Outcome.UNKNOWN, code="NO_ANSWER")
    order = cast.reload(order)
    assert order.status == "wait"
    assert order.next_check_at <= timezone.now() + timedelta(seconds=3)
    pay.check_due(timezone.now() + timedelta(seconds=4), 10)
    query = ChannelCall.objects.exclude(kind="pay").get()
    assert (query.kind, query.queue) == ("query_pay", "pay")
    cast.channel_says(order, Outcome.DONE, state=PayState.NOT_FOUND)
    assert cast.reload(order).status == "wait"  # it may only not be seen yet
    assert ChannelCall.objects.filter(kind="pay").count() == 1


def test_an_order_that_the_channel_provably_does_not_know_is_closed(house):
    order = scan(house)
    cast.channel_says(order, Outcome.UNKNOWN, code="NO_ANSWER")
    with time_machine.travel(timezone.now() + timedelta(minutes=3)):
        pay.check_due(timezone.now(), 10)
        cast.channel_says(order, Outcome.DONE, state=PayState.NOT_FOUND)
    assert cast.reload(order).status == "close"
    assert ChannelCall.objects.filter(kind="pay").count() == 1


def test_a_lost_worker_leaves_a_doubt_and_no_second_placing(house):
    order = scan(house)
    cast.channel_says(order, Outcome.UNKNOWN, code="LEASE_LOST")
    for _ in range(3):
        pay.check_due(timezone.now() + timedelta(minutes=1), 10)
    assert ChannelCall.objects.filter(kind="pay").count() == 1


@pytest.mark.parametrize("answer", ["paid", "paying", "failed"])
def test_a_repeated_request_gets_the_same_order_and_its_code_is_dropped(
    house, redis_client, answer
):
    order = scan(house)
    commands()
    if answer == "paid":
        cast.channel_says(
            order, Outcome.DONE, state=PayState.PAID, out_no="4200", amount=order.amount
        )
    elif answer == "paying":
        cast.channel_says(order, Outcome.PENDING, state=PayState.WAITING)
    else:
        cast.channel_says(order, Outcome.REFUSED, code="NOTENOUGH")
    status = cast.reload(order).status
    again = scan(house, auth_code=ANOTHER)
    assert (again.order_no, again.status, again.is_new) == (order.order_no, status, False)
    assert ChannelCall.objects.count() == 1
    assert not list(redis_client.scan_iter(match=store.key("paycode*")))


def test_of_two_requests_at_once_the_slower_leaves_no_code(house, redis_client, monkeypatch):
    first = scan(house)
    commands()
    found = pay.create._existing
    monkeypatch.setattr(pay.create, "_existing", _blind_once(found))
    second = scan(house, auth_code=ANOTHER)
    assert second.order_no == first.order_no
    assert not list(redis_client.scan_iter(match=store.key("paycode*")))


def _blind_once(found):
    """The first look happened before the other request committed."""
    seen = []

    def look(*args):
        seen.append(args)
        return None if len(seen) == 1 else found(*args)

    return look


def test_a_withdrawn_order_leaves_no_code(house, redis_client, django_capture_on_commit_callbacks):
    order = scan(house)
    with django_capture_on_commit_callbacks(execute=True):
        pay.request_close(order.order_no, cast.MERCHANT_ACTOR)
    assert cast.reload(order).status == "close"
    assert not list(redis_client.scan_iter(match=store.key("paycode*")))


# --- the till's time ----------------------------------------------------------------------


def test_a_customer_has_two_minutes_and_is_asked_about_closely(house):
    order = scan(house)
    assert order.expires_at - order.created_at == timedelta(minutes=2)
    cast.channel_says(order, Outcome.PENDING, state=PayState.WAITING)
    asked = [timezone.now()]
    while asked[-1] < order.expires_at:
        asked.append(cast.reload(order).next_check_at)
        with time_machine.travel(asked[-1], tick=False):
            pay.check_due(asked[-1], 10)
            cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)
    waits = [(now - before).total_seconds() for before, now in pairwise(asked)]
    assert [round(wait) for wait in waits[:5]] == [3, 3, 3, 3, 5]
    assert max(waits) <= 10
    assert cast.reload(order).intent == "cancel"


@pytest.mark.parametrize(
    ("channel", "ends"), [("sandbox", "cancel_pay"), ("alipay", "cancel_pay"), ("umf", "close_pay")]
)
def test_time_over_ends_the_order_as_its_channel_wants_it(house, channel, ends):
    order = scan(house)
    PayOrder.objects.filter(pk=order.pk).update(channel=channel)
    cast.channel_says(order, Outcome.PENDING, state=PayState.WAITING)
    pay.check_due(order.expires_at, 10)
    PayOrder.objects.filter(pk=order.pk).update(expires_at=timezone.now())
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)
    assert ChannelCall.objects.latest("id").kind == ends


def test_where_only_paid_orders_can_be_cancelled_one_that_waits_is_closed(house):
    order = scan(house)
    PayOrder.objects.filter(pk=order.pk).update(channel="umf")
    cast.channel_says(order, Outcome.PENDING, state=PayState.WAITING)
    pay.request_cancel(order.order_no, cast.MERCHANT_ACTOR)
    assert ChannelCall.objects.latest("id").kind == "cancel_pay"  # it may be paid
    cast.channel_says(order, Outcome.UNKNOWN, code="88889001")
    pay.check_due(timezone.now() + timedelta(seconds=10), 10)
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)
    assert ChannelCall.objects.latest("id").kind == "close_pay"  # the channel says that it is not


def test_a_cancel_that_the_channel_is_at_work_on_is_not_followed_by_a_close(house):
    order = scan(house)
    PayOrder.objects.filter(pk=order.pk).update(channel="umf")
    cast.channel_says(order, Outcome.PENDING, state=PayState.WAITING)
    pay.request_cancel(order.order_no, cast.MERCHANT_ACTOR)
    cast.channel_says(order, Outcome.PENDING)
    pay.check_due(timezone.now() + timedelta(seconds=10), 10)
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)
    assert ChannelCall.objects.latest("id").kind == "cancel_pay"
