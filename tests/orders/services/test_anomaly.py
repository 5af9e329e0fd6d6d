"""Late money: three audited decisions, each made once."""

from __future__ import annotations

import pytest

from channels.base import Outcome, PayState
from orders.errors import InvalidInput, OperationRefused
from orders.models import Anomaly, LedgerEntry, MerchantNotice, RefundOrder
from orders.services import anomaly, pay
from tests import cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def late():
    house = cast.merchant("A", notify_url="http://127.0.0.1:9/notices")
    order = cast.make_pay_order(house, "close")
    pay.request_sync(order.order_no, cast.CLOCK)
    cast.channel_says(order, Outcome.DONE, state=PayState.PAID, out_no="42", amount=10000)
    return Anomaly.objects.select_related("pay_order").get()


def test_confirming_makes_the_order_paid_and_tells_the_merchant(late):
    anomaly.confirm(late.pk, cast.CLOCK, reason="customer wants the goods")
    order = cast.reload(late.pay_order)
    assert (order.status, order.out_order_no, order.paid_amount) == ("success", "42", 10000)
    assert LedgerEntry.objects.get().amount == 10000
    assert MerchantNotice.objects.filter(kind="pay_order.success").count() == 1
    event = order.events.get(kind="paid_late")
    assert (event.before, event.after, event.reason) == (
        "close", "success", "customer wants the goods",
    )  # fmt: skip


def test_a_late_payment_without_an_amount_counts_for_what_was_asked():
    order = cast.make_pay_order(cast.merchant("A"), "close")
    pay.request_sync(order.order_no, cast.CLOCK)
    cast.channel_says(order, Outcome.DONE, state=PayState.PAID, out_no="42")
    late = Anomaly.objects.get()
    assert (late.amount, late.expected) == (None, 10000)
    anomaly.confirm(late.pk, cast.CLOCK, reason="customer wants the goods")
    assert cast.reload(order).paid_amount == LedgerEntry.objects.get().amount == 10000


def test_refunding_sends_the_whole_payment_back_without_telling_of_a_success(late):
    anomaly.refund_payment(late.pk, cast.CLOCK, reason="out of stock")
    row = RefundOrder.objects.get()
    assert (row.amount, row.status, cast.open_kinds(row)) == (10000, "progress", ["refund"])
    assert cast.reload(late.pay_order).refund_status == "refunding"
    assert MerchantNotice.objects.filter(kind="pay_order.success").count() == 0


def test_ignoring_changes_nothing_and_keeps_the_reason(late):
    anomaly.ignore(late.pk, cast.CLOCK, reason="paid back in cash")
    row = cast.reload(late)
    assert (row.status, row.reason, row.decided_by) == ("ignored", "paid back in cash", "beat")
    assert cast.reload(late.pay_order).status == "close"
    assert LedgerEntry.objects.count() == 0


@pytest.mark.parametrize("decide", [anomaly.confirm, anomaly.refund_payment, anomaly.ignore])
def test_a_decision_is_made_once_and_needs_a_reason(late, decide):
    with pytest.raises(InvalidInput):
        decide(late.pk, cast.CLOCK, reason=" ")
    assert cast.reload(late).status == "open"
    anomaly.ignore(late.pk, cast.CLOCK, reason="enough")
    with pytest.raises(OperationRefused) as caught:
        decide(late.pk, cast.CLOCK, reason="again")
    assert caught.value.code == "state"
    assert cast.reload(late.pay_order).status == "close"
