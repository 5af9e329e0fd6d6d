"""The story of a pay order, told by the services on a real database."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from channels.base import Outcome, PayState
from orders.errors import Conflict, InvalidInput, NotFound, OperationRefused
from orders.models import (
    Anomaly,
    ChannelCall,
    Event,
    LedgerEntry,
    MerchantNotice,
    PayOrder,
    RefundOrder,
)
from orders.services import pay
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return cast.merchant("A", notify_url="http://127.0.0.1:9/notices")


def kinds(order) -> list[str]:
    return list(order.events.order_by("seq").values_list("kind", flat=True))


def test_an_order_and_its_intent_are_written_together(house):
    order = pay.request_pay(house.application, cast.new_order(), cast.MERCHANT_ACTOR)
    assert (order.status, order.refundable_balance) == ("wait", 0)
    assert cast.open_kinds(order) == ["pay"]
    assert ChannelCall.objects.get().queue == "pay"
    assert kinds(order) == ["created"]
    assert len(order.order_no) == 27 and order.order_no[0] == "P"


def test_repeating_the_number_with_the_same_content_gives_the_same_order(house):
    first = pay.request_pay(house.application, cast.new_order(), cast.MERCHANT_ACTOR)
    again = pay.request_pay(house.application, cast.new_order(), cast.MERCHANT_ACTOR)
    assert again.pk == first.pk
    assert ChannelCall.objects.count() == 1


@pytest.mark.parametrize(
    "change", [{"amount": 1}, {"title": "Coffee"}, {"method": "h5", "client_ip": "203.0.113.7"}]
)
def test_repeating_the_number_with_other_content_is_a_conflict(house, change):
    pay.request_pay(house.application, cast.new_order(), cast.MERCHANT_ACTOR)
    with pytest.raises(Conflict) as caught:
        pay.request_pay(house.application, cast.new_order(**change), cast.MERCHANT_ACTOR)
    assert caught.value.differs in change
    assert (PayOrder.objects.count(), ChannelCall.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"amount": 0}, "amount", "amount_out_of_range"),
        ({"amount": -1}, "amount", "amount_out_of_range"),
        ({"amount": True}, "amount", "not_an_integer"),
        ({"amount": 10**12}, "amount", "amount_out_of_range"),
        ({"title": " "}, "title", "required"),
        ({"title": "x" * 128}, "title", "too_long"),
        ({"title": "a\nb"}, "title", "control_character"),
        ({"biz_order_no": "with space"}, "biz_order_no", "bad_number"),
        ({"biz_order_no": "x" * 65}, "biz_order_no", "bad_number"),
        ({"channel": "bank"}, "channel", "unknown_channel"),
        ({"channel": "wechat"}, "channel", "no_account"),
        ({"method": "cheque"}, "method", "unknown_method"),
        ({"method": "jsapi"}, "openid", "required_by_method"),
        ({"method": "h5"}, "client_ip", "required_by_method"),
        ({"client_ip": "1.2.3"}, "client_ip", "bad_address"),
        ({"notify_url": "ftp://example.com"}, "notify_url", "bad_url"),
        ({"notify_url": "http://user@example.com"}, "notify_url", "bad_url"),
        ({"expires_at": cast.at("2020-01-01 00:00")}, "expires_at", "expiry_out_of_range"),
    ],
)
def test_bad_input_names_its_field_and_writes_nothing(house, change, field, code):
    with pytest.raises(InvalidInput) as caught:
        pay.request_pay(house.application, cast.new_order(**change), cast.MERCHANT_ACTOR)
    assert (caught.value.field, caught.value.code) == (field, code)
    assert PayOrder.objects.count() == 0


def test_the_prepay_answer_makes_the_order_payable(house):
    order = cast.make_pay_order(house)
    assert order.status == "progress"
    assert order.pay_params == {"code_url": "sandbox://pay"}
    assert order.next_check_at is not None
    assert kinds(order) == ["created", "held"]


def test_an_explicit_refusal_fails_the_order_and_tells_the_merchant(house):
    order = cast.make_pay_order(house, "fail")
    assert (order.status, order.error_code) == ("fail", "NO_AUTH")
    assert order.next_check_at is None
    assert MerchantNotice.objects.get().kind == "pay_order.failed"


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.NOT_SENT])
def test_a_doubt_is_never_a_failure_and_is_asked_about_within_ten_seconds(house, outcome):
    order = cast.make_pay_order(house, "wait")
    cast.channel_says(order, outcome, code="NO_ANSWER")
    order = cast.reload(order)
    assert order.status == "wait"
    assert order.next_check_at <= timezone.now() + timedelta(seconds=10)
    pay.check_due(order.next_check_at, 10)
    asks = "query_pay" if outcome is Outcome.UNKNOWN else "pay"
    assert cast.open_kinds(order) == [asks]


def test_a_lost_prepay_answer_is_asked_for_again_once_the_channel_holds_the_order(house):
    order = cast.make_pay_order(house, "wait")
    cast.channel_says(order, Outcome.UNKNOWN, code="NO_ANSWER")
    pay.check_due(timezone.now() + timedelta(minutes=1), 10)
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)
    assert (cast.reload(order).status, cast.open_kinds(order)) == ("progress", ["pay"])
    params = {"code_url": "sandbox://again"}
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING, pay_params=params)
    assert cast.reload(order).pay_params == params
    pay.request_sync(order.order_no, cast.CLOCK)
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)
    assert cast.open_kinds(order) == []


def test_a_refusal_after_a_doubt_proves_nothing(house):
    order = cast.make_pay_order(house, "wait")
    cast.channel_says(order, Outcome.UNKNOWN, code="NO_ANSWER")
    pay.check_due(timezone.now() + timedelta(minutes=1), 10)
    cast.channel_says(order, Outcome.DONE, state=PayState.NOT_FOUND)
    assert cast.open_kinds(order) == ["pay"]
    cast.channel_says(order, Outcome.REFUSED, code="INVALID_REQUEST")
    assert cast.reload(order).status == "wait"


def test_payment_moves_money_once_and_tells_the_merchant_once(house):
    order = cast.make_pay_order(house, "success")
    assert (order.status, order.paid_amount, order.refundable_balance) == ("success", 10000, 10000)
    entry = LedgerEntry.objects.get()
    assert (entry.kind, entry.amount, entry.debit, entry.credit) == (
        "pay", 10000, "channel:sandbox-a", "merchant:app-a",
    )  # fmt: skip
    pay.request_sync(order.order_no, cast.CLOCK)
    call = cast.channel_says(
        order, Outcome.DONE, state=PayState.PAID, out_no=order.out_order_no, amount=10000
    )
    assert call.has_adjusted is False
    assert LedgerEntry.objects.count() == 1
    assert list(MerchantNotice.objects.values_list("kind", flat=True)) == ["pay_order.success"]


def test_another_amount_at_the_channel_is_an_anomaly_and_not_a_success(house):
    order = cast.make_pay_order(house)
    pay.request_sync(order.order_no, cast.CLOCK)
    cast.channel_says(order, Outcome.DONE, state=PayState.PAID, out_no="42", amount=9999)
    order = cast.reload(order)
    assert order.status == "progress"
    anomaly = Anomaly.objects.get()
    assert (anomaly.kind, anomaly.amount, anomaly.expected) == ("amount_mismatch", 9999, 10000)
    assert LedgerEntry.objects.count() == 0
    assert MerchantNotice.objects.count() == 0


@pytest.mark.parametrize(
    ("status", "kind"), [("close", "close_paid"), ("cancel", "cancel_paid"), ("fail", "fail_paid")]
)
def test_late_money_is_kept_as_an_anomaly_and_flips_nothing(house, status, kind):
    order = cast.make_pay_order(house, status)
    notices = MerchantNotice.objects.count()
    for _ in range(2):
        pay.request_sync(order.order_no, cast.CLOCK)
        cast.channel_says(order, Outcome.DONE, state=PayState.PAID, out_no="42", amount=10000)
    assert cast.reload(order).status == status
    assert Anomaly.objects.get().kind == kind
    assert MerchantNotice.objects.count() == notices
    assert LedgerEntry.objects.count() == 0


def test_a_second_payment_number_on_a_paid_order_is_an_anomaly(house):
    order = cast.make_pay_order(house, "success")
    pay.request_sync(order.order_no, cast.CLOCK)
    cast.channel_says(order, Outcome.DONE, state=PayState.PAID, out_no="other", amount=10000)
    assert Anomaly.objects.get().kind == "duplicate_payment"
    assert cast.reload(order).out_order_no != "other"


# --- close and cancel ---------------------------------------------------------------------


def test_closing_before_anything_was_sent_withdraws_the_call_and_closes_here(house):
    order = cast.make_pay_order(house, "wait")
    pay.request_close(order.order_no, cast.CLOCK, reason="typed twice")
    order = cast.reload(order)
    assert order.status == "close"
    call = ChannelCall.objects.get()
    assert (call.state, call.outcome, call.code) == ("ended", "not_sent", "WITHDRAWN")


def test_closing_while_the_placing_is_under_way_waits_for_its_answer(house):
    order = cast.make_pay_order(house, "wait")
    call = cast.claim(order)
    pay.request_close(order.order_no, cast.CLOCK)
    order = cast.reload(order)
    assert (order.status, order.intent) == ("wait", "close")
    assert [c.pk for c in ChannelCall.objects.all()] == [call.pk]
    _answer(call, Outcome.DONE, state=PayState.WAITING)
    assert cast.open_kinds(order) == ["close_pay"]
    cast.channel_says(order, Outcome.DONE, state=PayState.CLOSED)
    assert cast.reload(order).status == "close"


def test_closing_with_a_doubt_asks_first(house):
    order = cast.make_pay_order(house, "wait")
    cast.channel_says(order, Outcome.UNKNOWN, code="NO_ANSWER")
    pay.request_close(order.order_no, cast.CLOCK)
    assert cast.open_kinds(order) == ["query_pay"]
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)
    assert cast.open_kinds(order) == ["close_pay"]


def test_closing_an_order_that_was_just_paid_becomes_a_success(house):
    order = cast.make_pay_order(house)
    pay.request_close(order.order_no, cast.CLOCK)
    cast.channel_says(order, Outcome.REFUSED, state=PayState.PAID, code="ORDERPAID")
    assert cast.open_kinds(order) == ["query_pay"]
    cast.channel_says(order, Outcome.DONE, state=PayState.PAID, out_no="42", amount=10000)
    order = cast.reload(order)
    assert (order.status, order.intent) == ("success", "")


def test_an_unknown_close_is_asked_about_and_sent_again_only_when_still_open(house):
    order = cast.make_pay_order(house)
    pay.request_close(order.order_no, cast.CLOCK)
    cast.channel_says(order, Outcome.UNKNOWN, code="NO_ANSWER")
    order = cast.reload(order)
    assert (order.status, order.intent, cast.open_kinds(order)) == ("progress", "close", [])
    pay.check_due(order.next_check_at, 10)
    assert cast.open_kinds(order) == ["query_pay"]
    cast.channel_says(order, Outcome.DONE, state=PayState.CLOSED)
    assert cast.reload(order).status == "close"
    assert ChannelCall.objects.filter(kind="close_pay").count() == 1


def test_closing_twice_is_refused_with_the_sentence(house):
    order = cast.make_pay_order(house)
    pay.request_close(order.order_no, cast.CLOCK)
    with pytest.raises(OperationRefused) as caught:
        pay.request_close(order.order_no, cast.CLOCK)
    assert caught.value.code == "already_ending"
    assert ChannelCall.objects.filter(kind="close_pay").count() == 1


def test_cancel_uses_the_channels_cancel(house):
    order = cast.make_pay_order(house)
    pay.request_cancel(order.order_no, cast.CLOCK)
    assert cast.open_kinds(order) == ["cancel_pay"]
    cast.channel_says(order, Outcome.DONE, state=PayState.CANCELLED)
    assert cast.reload(order).status == "cancel"


def test_a_cancel_answered_with_refunded_is_a_success_and_a_full_refund(house):
    order = cast.make_pay_order(house)
    pay.request_cancel(order.order_no, cast.CLOCK)
    cast.channel_says(order, Outcome.DONE, state=PayState.REFUNDED, out_no="42", amount=10000)
    order = cast.reload(order)
    assert (order.status, order.refund_status, order.refundable_balance) == (
        "success", "refunded", 0,
    )  # fmt: skip
    row = RefundOrder.objects.get()
    assert (row.status, row.amount) == ("success", 10000)
    assert sorted(LedgerEntry.objects.values_list("kind", flat=True)) == ["pay", "refund"]


# --- the clock ------------------------------------------------------------------------------


def test_an_expired_order_is_closed_at_the_channel_first(house):
    order = cast.make_pay_order(house)
    with time_machine.travel(order.expires_at + timedelta(seconds=1), tick=False):
        assert pay.check_due(timezone.now(), 10) == 1
        assert cast.open_kinds(order) == ["query_pay"]
        cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)
        assert cast.open_kinds(order) == ["close_pay"]
        cast.channel_says(order, Outcome.DONE, state=PayState.CLOSED)
    assert cast.reload(order).status == "close"
    assert "expired" in kinds(order)


def test_an_expired_order_that_was_paid_is_a_success(house):
    order = cast.make_pay_order(house)
    with time_machine.travel(order.expires_at + timedelta(seconds=1), tick=False):
        pay.check_due(timezone.now(), 10)
        cast.channel_says(order, Outcome.DONE, state=PayState.PAID, out_no="42", amount=10000)
    assert cast.reload(order).status == "success"


def test_an_expired_order_that_never_left_is_closed_here(house):
    order = cast.make_pay_order(house, "wait")
    cast.channel_says(order, Outcome.NOT_SENT, code="CONNECT_FAILED")
    with time_machine.travel(order.expires_at + timedelta(seconds=1), tick=False):
        pay.check_due(timezone.now(), 10)
    assert cast.reload(order).status == "close"
    assert ChannelCall.objects.count() == 1


def test_not_found_is_no_proof_while_a_placing_is_under_way(house):
    order = cast.make_pay_order(house, "wait")
    cast.channel_says(order, Outcome.UNKNOWN, code="NO_ANSWER")
    pay.check_due(timezone.now() + timedelta(minutes=1), 10)
    query = cast.claim(order, "query_pay")
    ChannelCall.objects.create(
        kind="pay", queue="pay", account=house.account, pay_order=order,
        order_no=order.order_no, door="clock", actor="beat", state="out",
        due_at=timezone.now(),
    )  # fmt: skip
    _answer(query, Outcome.DONE, state=PayState.NOT_FOUND)
    assert cast.open_kinds(order) == ["pay"]
    assert cast.reload(order).status == "wait"


def test_a_placing_whose_worker_died_is_asked_about_and_not_repeated(house):
    order = cast.make_pay_order(house, "wait")
    placing = cast.claim(order)
    pay.check_due(cast.reload(order).next_check_at, 10)
    assert cast.open_kinds(order) == ["pay", "query_pay"]
    cast.channel_says(order, Outcome.DONE, kind="query_pay", state=PayState.NOT_FOUND)
    assert cast.open_kinds(order) == ["pay"]
    cast.answer(placing, Outcome.UNKNOWN, code="LEASE_LOST")
    assert cast.reload(order).status == "wait"
    assert ChannelCall.objects.filter(kind="pay").count() == 1


def test_checking_twice_at_once_asks_once(house):
    order = cast.make_pay_order(house)
    later = timezone.now() + timedelta(seconds=30)
    assert pay.check_due(later, 10) == 1
    assert pay.check_due(later, 10) == 0
    assert cast.open_kinds(order) == ["query_pay"]


def test_an_answer_to_an_older_claim_changes_nothing(house):
    order = cast.make_pay_order(house, "wait")
    stale = cast.claim(order)
    ChannelCall.objects.filter(pk=stale.pk).update(attempt=2)
    _answer(stale, Outcome.REFUSED, code="NO_AUTH")
    assert cast.reload(order).status == "wait"
    assert ChannelCall.objects.get().state == "out"


# --- scope and history ----------------------------------------------------------------------


def test_another_merchant_cannot_find_close_or_sync_it(house):
    other = cast.merchant("B")
    order = cast.make_pay_order(house)
    for ask in (pay.request_close, pay.request_cancel, pay.request_sync):
        with pytest.raises(NotFound):
            ask(order.order_no, cast.MERCHANT_ACTOR, application=other.application)
    with pytest.raises(NotFound):
        pay.find(f"biz:{order.biz_order_no}", application=other.application)
    assert cast.open_kinds(order) == []
    assert cast.reload(order).intent == ""


def test_the_event_chain_verifies_and_its_head_is_on_the_order(house):
    order = cast.make_pay_order(house, "success")
    previous = "0" * 64
    for event in Event.objects.select_related("pay_order").order_by("seq"):
        assert event.previous == previous
        assert event.hash == event.digest()
        previous = event.hash
    assert (order.event_hash, order.event_seq) == (previous, Event.objects.count())


def _answer(call, outcome, **facts):
    from channels.base import Exchange, Result
    from orders.services import corridor

    result = Result(outcome=outcome, **facts)
    corridor.settle(
        [corridor.Answer(call_id=call.pk, attempt=call.attempt, result=result, exchange=Exchange())]
    )
