"""The story of shared money, told by the services on a real database."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from django.utils.translation import override

from channels.base import (
    AllocationState,
    Outcome,
    ReceiverType,
    RefundState,
    ShareResult,
    ShareState,
)
from channels.sandbox.channel import SandboxChannel
from orders.errors import InvalidInput, NotFound, OperationRefused
from orders.models import (
    AllocationDetail,
    AllocationOrder,
    AllocationReceiver,
    ChannelCall,
    LedgerEntry,
    MerchantNotice,
    RefundOrder,
    ShareReturn,
)
from orders.services import allocation, refund
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    return cast.merchant("A", notify_url="http://127.0.0.1:9/notices")


@pytest.fixture
def paid(house):
    return cast.make_pay_order(house, "success", allocation=True)


def receiver(house, account="1900000109", *, bound=True) -> AllocationReceiver:
    row = allocation.add_receiver(
        house.application,
        allocation.NewReceiver(
            channel="sandbox", receiver_type="merchant_no", account_no=account, name="Partner Ltd"
        ),
        cast.MERCHANT_ACTOR,
    )
    if bound:
        cast.channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    return cast.reload(row)


def share(order, *parts, **more) -> AllocationOrder:
    """``parts`` are (receiver, fen)."""
    asked = [allocation.AskedShare(receiver_no=r.receiver_no, amount=a) for r, a in parts]
    return allocation.request_allocation(order.order_no, cast.MERCHANT_ACTOR, shares=asked, **more)


def says(row, state, *results, outcome=Outcome.DONE, kind=""):
    """The channel answers: ``results`` are (receiver, ShareState)."""
    shares = tuple(
        ShareResult(
            receiver_type=ReceiverType.MERCHANT_NO, account=r.account_no, state=s,
            code="NO_RELATION" if s is ShareState.FAILED else "",
        )
        for r, s in results
    )  # fmt: skip
    return cast.channel_says(row, outcome, kind=kind, state=state, shares=shares, out_no="3008")


def shared(house, order, amount=3000):
    """An order of which ``amount`` was shared with one receiver; the receiver's detail."""
    partner = receiver(house)
    row = share(order, (partner, amount))
    says(row, AllocationState.FINISHED, (partner, ShareState.SUCCESS))
    return AllocationDetail.objects.get()


# --- receivers and groups -----------------------------------------------------------------


def test_a_receiver_is_kept_once_encrypted_and_bound_by_a_worker(house):
    row = receiver(house, bound=False)
    assert (row.status, cast.open_kinds(row)) == ("binding", ["bind_receiver"])
    assert "1900000109" not in str(AllocationReceiver.objects.values().get())
    cast.channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    again = receiver(house, bound=False)
    assert (again.pk, again.status) == (row.pk, "bound")


def test_a_doubtful_binding_is_sent_again_and_a_refused_one_fails(house):
    row = receiver(house, bound=False)
    cast.channel_says(row, Outcome.UNKNOWN, code="NO_ANSWER")
    allocation.check_due(cast.reload(row).next_check_at, 10)
    assert cast.open_kinds(row) == ["bind_receiver"]
    cast.channel_says(row, Outcome.REFUSED, code="INVALID_REQUEST", message="no such merchant")
    row = cast.reload(row)
    assert (row.status, row.error_code) == ("fail", "INVALID_REQUEST")


@pytest.mark.parametrize("rates", [{}, {"x": 0}, {"x": 10_001}, {"x": 6000, "y": 5000}])
def test_rates_must_be_positive_and_make_at_most_the_whole(house, rates):
    with pytest.raises(InvalidInput) as caught:
        allocation.set_group(house.application, channel="sandbox", name="G", rates=rates)
    assert caught.value.code == "bad_rates"


def test_one_group_is_the_default(house):
    partner = receiver(house)
    rates = {partner.receiver_no: 1000}
    first = allocation.set_group(
        house.application, channel="sandbox", name="G1", rates=rates, is_default=True
    )
    allocation.set_group(
        house.application, channel="sandbox", name="G2", rates=rates, is_default=True
    )
    assert cast.reload(first).is_default is False


# --- sharing ------------------------------------------------------------------------------


def test_shares_by_rate_are_rounded_down_and_a_share_of_nothing_is_ignored(house):
    order = cast.make_pay_order(house, "success", allocation=True, amount=99)
    a, b = receiver(house, "1900000101"), receiver(house, "1900000102")
    allocation.set_group(
        house.application, channel="sandbox", name="G", is_default=True,
        rates={a.receiver_no: 3333, b.receiver_no: 100},
    )  # fmt: skip
    row = allocation.request_allocation(order.order_no, cast.MERCHANT_ACTOR)
    details = {d.receiver_id: (d.amount, d.status) for d in row.details.all()}
    assert details == {a.pk: (32, "pending"), b.pk: (0, "ignore")}
    assert row.amount == 32
    assert cast.reload(order).shared == 32


def test_a_group_that_shares_nothing_sends_nothing(house):
    order = cast.make_pay_order(house, "success", allocation=True, amount=9)
    a = receiver(house)
    allocation.set_group(
        house.application, channel="sandbox", name="G", is_default=True, rates={a.receiver_no: 1000}
    )
    row = allocation.request_allocation(order.order_no, cast.MERCHANT_ACTOR)
    assert (row.status, cast.open_kinds(row)) == ("ignore", [])
    assert cast.reload(order).shared == 0


def test_named_amounts_are_exact_and_never_more_than_may_be_shared(house, paid):
    partner = receiver(house)
    with pytest.raises(InvalidInput) as caught:
        share(paid, (partner, 10001))
    assert caught.value.code in ("amount_out_of_range", "exceeds_shareable")
    row = share(paid, (partner, 3001))
    assert (row.amount, row.status) == (3001, "processing")
    assert AllocationOrder.objects.count() == 1


def test_the_ratio_shrinks_with_refunds(house, paid, monkeypatch):
    able = replace(SandboxChannel.capabilities, allocation_max_ratio=3000)
    monkeypatch.setattr(SandboxChannel, "capabilities", able)
    assert paid.shareable == 3000
    cast.make_refund(paid, "success", amount=4999)
    assert cast.reload(paid).shareable == 1500
    with pytest.raises(InvalidInput) as caught:
        share(paid, (receiver(house), 1501))
    assert caught.value.code == "exceeds_shareable"
    assert AllocationOrder.objects.count() == 0


def test_success_moves_each_share_once(house, paid):
    a, b = receiver(house, "1900000101"), receiver(house, "1900000102")
    row = share(paid, (a, 1000), (b, 2000))
    says(row, AllocationState.PROCESSING, (a, ShareState.SUCCESS), (b, ShareState.PENDING))
    assert cast.reload(row).status == "processing"
    allocation.request_sync(row.allocation_no, cast.CLOCK)
    says(row, AllocationState.FINISHED, (a, ShareState.SUCCESS), (b, ShareState.SUCCESS))
    row, order = cast.reload(row), cast.reload(paid)
    assert (row.status, row.result) == ("alloc_end", "all_success")
    assert (order.allocation_status, order.shared, order.free_balance) == ("done", 3000, 7000)
    moved = LedgerEntry.objects.filter(kind="share").order_by("id")
    assert [e.amount for e in moved] == [1000, 2000]
    told = json.loads(MerchantNotice.objects.get(kind="allocation.all_success").body)["data"]
    assert [part["status"] for part in told["shares"]] == ["success", "success"]


def test_partial_success_gives_back_what_failed_and_retries_only_that(house, paid):
    a, b = receiver(house, "1900000101"), receiver(house, "1900000102")
    row = share(paid, (a, 1000), (b, 2000))
    says(row, AllocationState.FINISHED, (a, ShareState.SUCCESS), (b, ShareState.FAILED))
    row, order = cast.reload(row), cast.reload(paid)
    assert (row.status, row.result, order.shared) == ("alloc_end", "part_success", 1000)
    assert order.allocation_status == "partial"
    first_no = row.send_no
    allocation.request_retry(row.allocation_no, cast.CLOCK)
    row = cast.reload(row)
    assert row.status == "processing" and row.send_no != first_no
    assert cast.reload(paid).shared == 3000
    pending = row.details.filter(status="pending")
    assert [d.receiver_id for d in pending] == [b.pk]
    says(row, AllocationState.FINISHED, (b, ShareState.SUCCESS))
    assert cast.reload(row).result == "all_success"
    assert LedgerEntry.objects.filter(kind="share").count() == 2


@pytest.mark.parametrize("code", ["SYSTEMERROR", "FREQUENCY_LIMITED"])
def test_a_doubt_in_sharing_is_asked_about_and_never_sent_again(house, paid, code):
    row = share(paid, (receiver(house), 1000))
    cast.channel_says(row, Outcome.UNKNOWN, code=code)
    for _ in range(3):
        allocation.check_due(cast.reload(row).next_check_at, 10)
        assert cast.open_kinds(row) == ["query_allocation"]
        cast.channel_says(row, Outcome.UNKNOWN, code=code)
    assert cast.reload(row).status == "processing"
    assert ChannelCall.objects.filter(kind="allocate").count() == 1


def test_a_refused_request_fails_every_share_and_frees_the_money(house, paid):
    row = share(paid, (receiver(house), 1000))
    cast.channel_says(row, Outcome.REFUSED, code="RULE_LIMIT", message="over the ratio")
    row, order = cast.reload(row), cast.reload(paid)
    assert (row.status, row.result, row.error_code) == ("alloc_failed", "all_failed", "RULE_LIMIT")
    assert (order.shared, order.allocation_status) == (0, "failed")


def test_an_order_without_sharing_one_in_flight_and_a_finished_one_are_refused(house, paid):
    partner = receiver(house)
    plain = cast.make_pay_order(house, "success")
    with pytest.raises(OperationRefused) as caught:
        share(plain, (partner, 1))
    assert caught.value.code == "sharing_not_allowed"
    row = share(paid, (partner, 1000))
    with pytest.raises(OperationRefused) as caught:
        share(paid, (partner, 1))
    assert caught.value.code == "sharing_in_flight"
    says(row, AllocationState.FINISHED, (partner, ShareState.SUCCESS))
    allocation.request_finish(row.allocation_no, cast.CLOCK)
    says(row, AllocationState.FINISHED)
    with pytest.raises(OperationRefused) as caught:
        share(paid, (partner, 1))
    assert caught.value.code == "sharing_finished"


def test_an_unbound_receiver_gets_nothing(house, paid):
    partner = receiver(house, bound=False)
    with pytest.raises(InvalidInput) as caught:
        share(paid, (partner, 1))
    assert caught.value.code == "receiver_not_bound"
    assert cast.reload(paid).shared == 0


# --- finishing ----------------------------------------------------------------------------


def test_finishing_has_a_number_of_its_own_and_a_doubt_is_asked_about(house, paid):
    partner = receiver(house)
    row = share(paid, (partner, 1000))
    says(row, AllocationState.FINISHED, (partner, ShareState.SUCCESS))
    allocation.request_finish(row.allocation_no, cast.CLOCK)
    row = cast.reload(row)
    assert row.finish_no not in ("", row.allocation_no, row.send_no)
    assert cast.open_kinds(row) == ["finish_allocation"]
    cast.channel_says(row, Outcome.UNKNOWN, code="NO_ANSWER")
    allocation.check_due(cast.reload(row).next_check_at, 10)
    assert cast.open_kinds(row) == ["query_finish"]
    says(row, AllocationState.FINISHED)
    assert cast.reload(row).status == "finish"
    assert cast.reload(paid).allocation_is_finished is True


def test_the_clock_shares_and_finishes_where_the_application_wants_it(house):
    partner = receiver(house)
    allocation.set_group(
        house.application, channel="sandbox", name="G", is_default=True,
        rates={partner.receiver_no: 1000},
    )  # fmt: skip
    house.application.auto_allocation = house.application.auto_finish = True
    house.application.allocation_delay = 60
    house.application.save()
    order = cast.make_pay_order(house, "success", allocation=True)
    assert order.allocate_at == order.paid_at + timedelta(seconds=60)
    allocation.check_due(timezone.now(), 10)
    assert AllocationOrder.objects.count() == 0
    with time_machine.travel(order.allocate_at, tick=False):
        allocation.check_due(timezone.now(), 10)
        allocation.check_due(timezone.now(), 10)
    row = AllocationOrder.objects.get()
    assert (row.amount, row.door) == (1000, "clock")
    says(row, AllocationState.FINISHED, (partner, ShareState.SUCCESS))
    assert cast.open_kinds(row) == ["finish_allocation"]


def test_what_the_clock_cannot_share_is_left_with_its_reason(house):
    house.application.auto_allocation = True
    house.application.allocation_delay = 0
    house.application.save()
    order = cast.make_pay_order(house, "success", allocation=True)
    with override("en"):
        allocation.check_due(timezone.now() + timedelta(seconds=1), 10)
    order = cast.reload(order)
    assert order.allocate_at is None
    assert "no default group" in order.events.get(kind="auto_allocation_refused").reason


# --- returns and refunds --------------------------------------------------------------------


def test_a_refund_that_shared_money_makes_impossible_names_the_returns(house, paid):
    detail = shared(house, paid, 3000)
    with pytest.raises(InvalidInput) as caught:
        refund.request_refund(paid.order_no, cast.MERCHANT_ACTOR, amount=7001)
    assert caught.value.code == "money_shared_out"
    assert RefundOrder.objects.count() == 0
    cast.make_refund(paid, "success", amount=7000)
    with pytest.raises(OperationRefused) as caught:
        refund.request_refund(paid.order_no, cast.MERCHANT_ACTOR, amount=1)
    assert caught.value.code == "money_shared_out"
    assert f"{detail.detail_no} (¥30.00)" in str(caught.value)


def test_a_return_brings_the_money_back_once(house, paid):
    detail = shared(house, paid, 3000)
    row = allocation.request_return(detail.detail_no, cast.CLOCK, amount=1000, reason="goods back")
    assert cast.reload(paid).free_balance == 7000
    cast.channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    row = cast.reload(row)
    detail = cast.reload(detail)
    assert row.status == "success"
    assert (detail.returned, detail.returning, detail.returnable) == (1000, 0, 2000)
    assert cast.reload(paid).free_balance == 8000
    assert LedgerEntry.objects.get(kind="share_back").amount == 1000


def test_one_click_returns_first_and_refunds_then(house, paid):
    shared(house, paid, 3000)
    made = allocation.request_return_and_refund(paid.order_no, cast.CLOCK, amount=9000, reason="x")
    back = ShareReturn.objects.get()
    assert (back.amount, cast.open_kinds(back), cast.open_kinds(made)) == (
        2000, ["return_share"], [],
    )  # fmt: skip
    refund.check_due(timezone.now() + timedelta(minutes=1), 10)
    assert cast.open_kinds(made) == []
    cast.channel_says(back, Outcome.DONE, state=RefundState.SUCCESS)
    assert cast.open_kinds(made) == ["refund"]
    cast.channel_says(made, Outcome.DONE, state=RefundState.SUCCESS)
    order = cast.reload(paid)
    assert (order.refunded, order.shared, order.refund_status) == (9000, 1000, "partial_refund")


def test_returning_first_lifts_no_other_refusal(house, paid):
    shared(house, paid, 10000)
    support = cast.operator(cast.person("support", ["sync_payorder"]))
    with pytest.raises(OperationRefused) as caught:
        allocation.request_return_and_refund(paid.order_no, support, amount=1, reason="x")
    assert caught.value.code == "permission"
    with pytest.raises(InvalidInput):
        allocation.request_return_and_refund(paid.order_no, cast.CLOCK, amount=1, reason="x" * 81)
    assert ShareReturn.objects.count() == 0
    assert cast.reload(paid).shared == 10000


def test_a_share_that_cannot_come_back_closes_the_refund_before_anything_is_sent(house, paid):
    shared(house, paid, 3000)
    made = allocation.request_return_and_refund(paid.order_no, cast.CLOCK, amount=9000, reason="x")
    back = ShareReturn.objects.get()
    cast.channel_says(back, Outcome.REFUSED, code="BALANCE_NOT_ENOUGH", message="spent")
    order = cast.reload(paid)
    assert cast.reload(made).status == "close"
    assert (order.shared, order.refunding, order.refund_status) == (3000, 0, "no_refund")
    assert ChannelCall.objects.filter(kind="refund").count() == 0
    allocation.request_return_close(back.return_no, cast.CLOCK, reason="given up")
    assert AllocationDetail.objects.get().returnable == 3000


def test_more_than_was_shared_or_twice_at_once_cannot_be_returned(house, paid):
    detail = shared(house, paid, 3000)
    with pytest.raises(InvalidInput):
        allocation.request_return(detail.detail_no, cast.CLOCK, amount=3001)
    allocation.request_return(detail.detail_no, cast.CLOCK, amount=1000)
    with pytest.raises(OperationRefused) as caught:
        allocation.request_return(detail.detail_no, cast.CLOCK, amount=1)
    assert caught.value.code == "return_in_flight"
    assert ShareReturn.objects.count() == 1


def test_another_merchant_cannot_share_finish_or_return(house, paid):
    other = cast.merchant("B").application
    detail = shared(house, paid, 3000)
    number = detail.allocation.allocation_no
    for ask in (
        lambda: allocation.request_allocation(
            paid.order_no, cast.MERCHANT_ACTOR, application=other
        ),
        lambda: allocation.request_finish(number, cast.MERCHANT_ACTOR, application=other),
        lambda: allocation.request_retry(number, cast.MERCHANT_ACTOR, application=other),
        lambda: allocation.request_return(detail.detail_no, cast.MERCHANT_ACTOR, application=other),
    ):
        with pytest.raises(NotFound):
            ask()
    assert ShareReturn.objects.count() == 0
