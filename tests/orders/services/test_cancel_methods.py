"""Cancelling where only some orders can be cancelled, and where a cancel gives money back."""

from __future__ import annotations

import pytest

from channels.base import CallbackFact, Outcome, RefundState, Result
from channels.sandbox.channel import SandboxChannel
from orders import rules
from orders.models import Anomaly, ChannelCallback, PayOrder
from orders.services import callbacks, pay
from tests import cast


@pytest.mark.parametrize(
    ("channel", "method", "cancels"),
    [
        ("umf", "native", False),
        ("umf", "jsapi", False),
        ("umf", "barcode", True),
        ("alipay", "native", True),
        ("wechat", "native", False),
    ],
)
def test_the_note_about_a_cancel_says_what_will_happen_to_this_order(channel, method, cancels):
    order = PayOrder(channel=channel, method=method)
    codes = [note.code for note in rules.notes(order, "cancel")]
    assert ("cancel_may_refund" in codes) is cancels
    assert ("cancel_falls_back" in codes) is not cancels
    assert rules.can_cancel(order) is cancels


@pytest.mark.django_db
@pytest.mark.parametrize(("asked", "anomalies"), [("cancel", 0), ("close", 1), ("", 1)])
def test_a_refund_that_a_cancel_makes_is_no_anomaly_and_any_other_is(monkeypatch, asked, anomalies):
    """Alipay tells it under the order's own number, perhaps before the cancel's answer."""
    house = cast.merchant("A")
    order = cast.make_pay_order(house)
    if asked:
        getattr(pay, f"request_{asked}")(order.order_no, cast.MERCHANT_ACTOR)
    told = Result(outcome=Outcome.DONE, state=RefundState.SUCCESS, out_no=order.order_no)
    fact = CallbackFact(
        kind="refund", our_no=order.order_no, pay_order_no=order.order_no, result=told
    )
    monkeypatch.setattr(SandboxChannel, "open_callback", lambda *_: fact)
    row = ChannelCallback.objects.create(
        account=house.account, channel="sandbox", notification_id="n", body="{}",
        state="out", attempt=1,
    )  # fmt: skip
    callbacks.settle([(row.pk, 1)])
    kept = Anomaly.objects.filter(kind="foreign_refund")
    # Alipay does not say how much: what is not told is not guessed.
    assert [(row.amount, row.expected) for row in kept] == [(None, 10000)] * anomalies
    assert [row.amount for row in order.events.filter(kind="anomaly")] == [None] * anomalies
    assert cast.reload(order).status == "progress"
