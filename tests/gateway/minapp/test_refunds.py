"""Refunds at 知晓云's door: asked for again they are the same refund, and told truly."""

from __future__ import annotations

import pytest

from channels.base import Outcome, RefundState
from orders.models import (
    ChannelCall,
    RefundOrder,
)
from tests import cast
from tests.gateway.minapp.conftest import (
    REFUND,
    WECHAT,
    Baas,
    paid,
    refused,
    written,
)

pytestmark = pytest.mark.django_db
SINGLE, MULTI = f"{WECHAT}/profit-sharing/", f"{WECHAT}/multi-profit-sharing/"
FINISH, BACK = f"{WECHAT}/profit-sharing/order/finish/", f"{WECHAT}/profit-sharing/order/refund/"
SPLITS = f"{WECHAT}/profit-sharing/order/"
NEED = "profit-sharing/receiver/"


@pytest.mark.parametrize("amount", [30, "30.00", "30"])
def test_a_part_is_given_back_in_yuan(baas: Baas, house, amount):
    order = paid(house)
    answer = baas.post(REFUND, {"trade_no": order.order_no, "refund_amount": amount})
    assert (answer.status_code, answer.json()["refund_amount"]) == (200, "30.00")
    assert RefundOrder.objects.get().amount == 3000


def test_the_same_refund_asked_for_again_is_the_same_refund(baas: Baas, house):
    order = paid(house)
    asked = {"trade_no": order.order_no, "refund_amount": 30, "memo": "少发一件"}
    first = baas.post(REFUND, asked)
    before = written()
    for again in (
        {**asked, "refund_amount": "30.00"},
        {**asked, "trade_no": None, "order_id": order.pk},
        {**asked, "trade_no": None, "transaction_no": order.biz_order_no},
    ):
        assert baas.post(REFUND, again).json() == first.json()
    assert written() == before
    cast.channel_says(RefundOrder.objects.get(), Outcome.DONE, state=RefundState.SUCCESS)
    assert baas.post(REFUND, asked).json() == {**first.json(), "status": "succeed"}
    assert cast.reload(order).refunded == 3000


def test_a_refund_of_the_rest_asked_for_again_refunds_nothing_more(baas: Baas, house):
    order = paid(house)
    first = baas.post(REFUND, {"order_id": order.pk}).json()
    cast.channel_says(RefundOrder.objects.get(), Outcome.DONE, state=RefundState.SUCCESS)
    assert baas.post(REFUND, {"order_id": order.pk}).json() == {**first, "status": "succeed"}
    assert RefundOrder.objects.count() == 1


def test_the_same_amount_once_more_needs_another_key_or_another_memo(baas: Baas, house):
    order = paid(house)
    asked = {"order_id": order.pk, "refund_amount": 10}
    numbers = set()
    for body, key in ((asked, "a"), (asked, "b"), (asked, "b"), ({**asked, "memo": "2"}, ""),
                      (asked, "")):  # fmt: skip
        numbers.add(baas.post(REFUND, body, idempotency_key=key).json()["refund_no"])
        for row in RefundOrder.objects.filter(status="progress"):
            cast.channel_says(row, Outcome.DONE, state=RefundState.SUCCESS)
    assert len(numbers) == 4
    assert cast.reload(order).refunded == 4000
    other = baas.post(REFUND, {**asked, "refund_amount": 11}, x_idempotency_key="b")
    refused(other, 400, "This Idempotency-Key was used for a request with other content.")
    assert RefundOrder.objects.count() == 4


def test_a_failed_refund_is_told_with_its_reason(baas: Baas, house):
    order = paid(house)
    baas.post(REFUND, {"order_id": order.pk})
    row = RefundOrder.objects.get()
    cast.channel_says(row, Outcome.REFUSED, code="NOT_ENOUGH", message="余额不足")
    told = baas.post(REFUND, {"order_id": order.pk}).json()
    assert (told["status"], told["error_msg"]) == ("failed", "余额不足")
    assert ChannelCall.objects.filter(kind="refund").count() == 1


def test_a_doubt_is_pending_and_not_failed(baas: Baas, house):
    order = paid(house)
    baas.post(REFUND, {"order_id": order.pk})
    row = RefundOrder.objects.get()
    cast.channel_says(row, Outcome.UNKNOWN, code="NO_ANSWER")
    assert baas.post(REFUND, {"order_id": order.pk}).json()["status"] == "pending"
    assert baas.get(f"{REFUND}{row.refund_no}/").json()["status"] == "pending"


def test_what_cannot_be_given_back_says_why(baas: Baas, other: Baas, house):
    waiting = cast.make_pay_order(house, channel="wechat")
    order = paid(house, sharing=True)
    before = written()
    answer = baas.post(REFUND, {"order_id": order.pk, "refund_amount": "100.01"})
    message = "refund_amount: ¥100.01 is more than the ¥100.00 that can still be refunded."
    refused(answer, 400, message)
    assert baas.post(REFUND, {"order_id": waiting.pk}).status_code == 400
    refused(other.post(REFUND, {"order_id": order.pk}), 404, f"There is no order {order.pk}.")
    refused(baas.post(REFUND, {"order_id": order.pk, "trade_no": waiting.order_no}), 404,
            f"There is no order {order.pk}.")  # fmt: skip
    assert written() == before
