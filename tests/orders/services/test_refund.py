"""The story of a refund, told by the services on a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from channels.base import Outcome, RefundState
from channels.sandbox.channel import SandboxChannel
from orders import rules
from orders.errors import Conflict, InvalidInput, NotFound, OperationRefused
from orders.models import Anomaly, ChannelCall, LedgerEntry, MerchantNotice, RefundOrder
from orders.services import refund
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return cast.merchant("A", notify_url="http://127.0.0.1:9/notices")


@pytest.fixture
def paid(house):
    return cast.make_pay_order(house, "success")


def ask(order, amount=3000, **more):
    return refund.request_refund(
        order.order_no, cast.MERCHANT_ACTOR, amount=amount, reason="sent back", **more
    )


def test_a_refund_reserves_the_balance_before_anything_is_sent(paid):
    row = ask(paid)
    order = cast.reload(paid)
    assert (order.refunding, order.refundable_balance, order.refund_status) == (
        3000, 7000, "refunding",
    )  # fmt: skip
    assert (row.status, cast.open_kinds(row)) == ("progress", ["refund"])
    assert ChannelCall.objects.get(kind="refund").queue == "call"


def test_two_parts_make_a_whole_and_each_moves_money_once(paid):
    first = cast.make_refund(paid, "success", amount=3000)
    order = cast.reload(paid)
    assert (order.refund_status, order.refundable_balance) == ("partial_refund", 7000)
    second = cast.make_refund(paid, "success", amount=7000)
    order = cast.reload(paid)
    assert (order.refund_status, order.refundable_balance) == ("refunded", 0)
    moved = LedgerEntry.objects.filter(kind="refund").order_by("id")
    assert [(e.order_no, e.amount, e.credit) for e in moved] == [
        (first.refund_no, 3000, "channel:sandbox-a"),
        (second.refund_no, 7000, "channel:sandbox-a"),
    ]
    told = MerchantNotice.objects.filter(kind="refund.success")
    assert sorted(told.values_list("order_no", flat=True)) == sorted(
        [first.refund_no, second.refund_no]
    )


def test_a_refund_that_names_no_address_is_told_where_the_payment_was_told():
    quiet = cast.merchant("C")
    url = "http://127.0.0.1:9/of-the-payment"
    order = cast.make_pay_order(quiet, "success", notify_url=url)
    cast.make_refund(order, "success")
    told = MerchantNotice.objects.filter(kind="refund.success")
    assert list(told.values_list("url", flat=True)) == [url]


@pytest.mark.parametrize(
    ("amount", "code"),
    [(0, "amount_out_of_range"), (-1, "amount_out_of_range"), (10001, "exceeds_balance")],
)
def test_a_wrong_amount_is_refused_and_never_clamped(paid, amount, code):
    with pytest.raises(InvalidInput) as caught:
        ask(paid, amount)
    assert (caught.value.field, caught.value.code) == ("amount", code)
    assert RefundOrder.objects.count() == 0
    assert cast.reload(paid).refunding == 0


def test_a_second_refund_while_one_is_in_flight_is_refused_naming_it(paid):
    first = ask(paid)
    with pytest.raises(OperationRefused) as caught:
        ask(paid, 1)
    assert caught.value.code == "refund_in_flight"
    assert caught.value.refusal.see == first.refund_no
    assert "¥30.00" in str(caught.value)
    assert RefundOrder.objects.count() == 1


@pytest.mark.parametrize("status", ["wait", "progress", "close", "cancel", "fail"])
def test_an_unpaid_order_cannot_be_refunded(house, status):
    order = cast.make_pay_order(house, status)
    with pytest.raises(OperationRefused) as caught:
        ask(order)
    assert caught.value.code == "state"
    assert RefundOrder.objects.count() == 0


def test_the_merchants_number_makes_a_refund_once(house, paid):
    first = ask(paid, biz_refund_no="R-1", application=house.application)
    again = ask(paid, biz_refund_no="R-1", application=house.application)
    assert again.pk == first.pk
    with pytest.raises(Conflict) as caught:
        ask(paid, 2999, biz_refund_no="R-1", application=house.application)
    assert caught.value.differs == "amount"
    assert ChannelCall.objects.filter(kind="refund").count() == 1


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.PENDING, Outcome.NOT_SENT])
def test_a_doubt_keeps_the_refund_in_progress_and_the_money_reserved(paid, outcome):
    row = ask(paid)
    cast.channel_says(row, outcome, code="NO_ANSWER")
    row = cast.reload(row)
    assert row.status == "progress"
    assert cast.reload(paid).refunding == 3000
    assert row.next_check_at <= timezone.now() + timedelta(seconds=10)
    refund.check_due(row.next_check_at, 10)
    asks = "refund" if outcome is Outcome.NOT_SENT else "query_refund"
    assert cast.open_kinds(row) == [asks]


def test_a_refund_that_provably_never_arrived_is_sent_again_with_its_number(paid):
    row = ask(paid)
    cast.channel_says(row, Outcome.UNKNOWN, code="NO_ANSWER")
    refund.check_due(timezone.now() + timedelta(minutes=1), 10)
    cast.channel_says(row, Outcome.DONE, state=RefundState.NOT_FOUND)
    assert cast.open_kinds(row) == ["refund"]
    assert RefundOrder.objects.get().refund_no == row.refund_no


def test_the_same_error_twice_and_a_refund_that_is_not_there_end_as_a_failure_with_its_number(paid):
    row = ask(paid)
    for _ in range(2):
        cast.channel_says(row, Outcome.UNKNOWN, code="RESOURCE_NOT_EXISTS", http_status=404)
        refund.check_due(timezone.now() + timedelta(hours=1), 10)
        cast.channel_says(row, Outcome.DONE, state=RefundState.NOT_FOUND)
    row = cast.reload(row)
    assert (row.status, row.error_code, cast.open_kinds(row)) == ("fail", "RESOURCE_NOT_EXISTS", [])
    assert cast.reload(paid).refunding == 3000
    refund.request_retry(row.refund_no, cast.CLOCK)
    assert RefundOrder.objects.get().refund_no == row.refund_no


def test_not_found_asked_before_our_request_ended_proves_nothing(paid):
    row = ask(paid)
    send = cast.claim(row)
    refund.request_sync(row.refund_no, cast.CLOCK)
    cast.channel_says(row, Outcome.DONE, kind="query_refund", state=RefundState.NOT_FOUND)
    assert cast.open_kinds(row) == ["refund"]
    assert ChannelCall.objects.filter(kind="refund").get().pk == send.pk
    assert cast.reload(row).is_proved_absent is False


def test_a_refusal_after_a_doubt_is_not_a_failure(paid):
    row = ask(paid)
    cast.channel_says(row, Outcome.UNKNOWN, code="NO_ANSWER")
    refund.request_retry(row.refund_no, cast.CLOCK)
    cast.channel_says(row, Outcome.REFUSED, code="INVALID_REQUEST")
    assert cast.reload(row).status == "progress"


def test_a_refusal_fails_the_refund_and_keeps_the_money_reserved(paid):
    row = cast.make_refund(paid, "fail")
    order = cast.reload(paid)
    assert (row.status, row.error_code) == ("fail", "NOT_ENOUGH")
    assert (order.refund_status, order.refundable_balance) == ("refunding", 7000)


def test_closing_a_failed_refund_returns_the_balance(paid):
    row = cast.make_refund(paid, "fail")
    refund.request_close(row.refund_no, cast.CLOCK, reason="given up")
    order = cast.reload(paid)
    assert (order.refund_status, order.refundable_balance) == ("no_refund", 10000)
    assert ask(paid, 10000).status == "progress"


@pytest.mark.parametrize("status", ["progress", "success", "close"])
def test_only_a_failed_refund_can_be_closed(paid, status):
    row = cast.make_refund(paid, status)
    before = cast.reload(paid).refundable_balance
    with pytest.raises(OperationRefused) as caught:
        refund.request_close(row.refund_no, cast.CLOCK)
    assert caught.value.code == "state"
    assert cast.reload(paid).refundable_balance == before


def test_retrying_a_failed_refund_reuses_its_number(paid):
    row = cast.make_refund(paid, "fail")
    refund.request_retry(row.refund_no, cast.CLOCK)
    again = cast.reload(row)
    assert (again.status, again.refund_no) == ("progress", row.refund_no)
    assert cast.open_kinds(row) == ["refund"]
    cast.channel_says(row, Outcome.UNKNOWN, code="NO_ANSWER")
    assert cast.reload(row).status == "progress"


def test_a_retry_is_refused_while_a_request_is_under_way(paid):
    row = ask(paid)
    with pytest.raises(OperationRefused) as caught:
        refund.request_retry(row.refund_no, cast.CLOCK)
    assert caught.value.code == "call_in_flight"
    assert ChannelCall.objects.filter(kind="refund").count() == 1


def test_a_failed_refund_that_the_channel_did_becomes_a_success_on_sync(paid):
    row = cast.make_refund(paid, "fail")
    refund.request_sync(row.refund_no, cast.CLOCK)
    call = cast.channel_says(row, Outcome.DONE, state=RefundState.SUCCESS, amount=3000)
    assert call.has_adjusted is True
    assert cast.reload(row).status == "success"
    assert cast.reload(paid).refunded == 3000


def test_a_refund_that_the_channel_closed_returns_the_balance(paid):
    row = cast.make_refund(paid, "close")
    order = cast.reload(paid)
    assert (row.status, order.refund_status, order.refundable_balance) == (
        "close", "no_refund", 10000,
    )  # fmt: skip
    assert LedgerEntry.objects.filter(kind="refund").count() == 0


def test_a_closed_refund_that_the_channel_did_is_an_anomaly(house, paid):
    row = cast.make_refund(paid, "fail")
    refund.request_sync(row.refund_no, cast.CLOCK)
    query = cast.claim(row, "query_refund")
    refund.request_close(row.refund_no, cast.CLOCK, reason="given up")
    from tests.orders.services.test_pay import _answer

    _answer(query, Outcome.DONE, state=RefundState.SUCCESS, amount=3000, out_no="5")
    assert cast.reload(row).status == "close"
    assert Anomaly.objects.get().kind == "refund_after_close"
    assert cast.reload(paid).refunded == 0


def test_another_amount_refunded_is_an_anomaly(paid):
    row = ask(paid)
    cast.channel_says(row, Outcome.DONE, state=RefundState.SUCCESS, amount=2999)
    assert cast.reload(row).status == "progress"
    assert Anomaly.objects.get().kind == "amount_mismatch"
    assert LedgerEntry.objects.filter(kind="refund").count() == 0


def test_the_channels_pause_between_two_refunds_is_waited_out_by_the_call(paid, monkeypatch):
    spaced = replace(SandboxChannel.capabilities, refund_spacing=60)
    monkeypatch.setattr(SandboxChannel, "capabilities", spaced)
    with time_machine.travel(cast.at("2026-11-20 10:00"), tick=False):
        cast.make_refund(paid, "success", amount=3000)
    with time_machine.travel(cast.at("2026-11-20 10:00") + timedelta(seconds=20), tick=False):
        [note] = rules.notes(cast.reload(paid), "refund")
        second = ask(paid, 7000)
    assert note.code == "refund_waits"
    call = ChannelCall.objects.get(order_no=second.refund_no)
    assert call.due_at == cast.at("2026-11-20 10:01")
    assert second.status == "progress"


def test_another_merchant_cannot_refund_sync_retry_or_close_it(paid):
    other = cast.merchant("B").application
    row = cast.make_refund(paid, "fail")
    with pytest.raises(NotFound):
        ask(paid, application=other)
    for request in (refund.request_sync, refund.request_retry, refund.request_close):
        with pytest.raises(NotFound):
            request(row.refund_no, cast.MERCHANT_ACTOR, application=other)
    assert cast.open_kinds(row) == []
    assert cast.reload(row).status == "fail"


def test_a_request_whose_worker_died_is_asked_about_before_its_lease_ends(paid):
    row = ask(paid)
    send = cast.claim(row)
    refund.check_due(cast.reload(row).next_check_at, 10)
    assert cast.open_kinds(row) == ["refund", "query_refund"]
    cast.channel_says(row, Outcome.DONE, kind="query_refund", state=RefundState.SUCCESS)
    assert cast.reload(row).status == "success"
    cast.answer(send, Outcome.UNKNOWN, code="LEASE_LOST")
    row = cast.reload(row)
    assert (row.status, row.error_code, cast.open_kinds(row)) == ("success", "", [])
    assert LedgerEntry.objects.filter(kind="refund").count() == 1


def test_a_request_that_no_worker_has_taken_is_not_asked_about(paid):
    row = ask(paid)
    refund.check_due(cast.reload(row).next_check_at, 10)
    assert cast.open_kinds(row) == ["refund"]


def test_the_clock_keeps_asking_for_ever(paid):
    row = ask(paid)
    cast.channel_says(row, Outcome.UNKNOWN, code="NO_ANSWER")
    now = timezone.now()
    for _ in range(20):
        now = cast.reload(row).next_check_at
        with time_machine.travel(now, tick=False):
            assert refund.check_due(now, 10) == 1
            cast.channel_says(row, Outcome.UNKNOWN, code="NO_ANSWER")
    row = cast.reload(row)
    assert row.status == "progress"
    assert row.next_check_at - now <= timedelta(days=1)
