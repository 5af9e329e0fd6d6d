"""The pushes: every type and status in the documents' words, signed; and what counts as had."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from channels.base import Outcome, RefundState
from gateway.api.kaigedian import inputs, notices, render
from orders import dialects
from orders.dialects import Letter
from orders.models import DoorKey, MerchantNotice, PayOrder, RefundOrder, StoreOrder
from orders.models import store_words as words
from tests import cast
from tests.gateway.kaigedian.shop import PUSHES, Shop, order

NOW = datetime(2026, 11, 20, 4, 5, 6, 789_012, tzinfo=UTC)
STAMP = "1795147506789"


def row(**facts: Any) -> StoreOrder:
    return StoreOrder(order_no="S01", **facts)


def said(made: StoreOrder, kind: str) -> dict[str, str]:
    told = json.loads(notices.body(made, kind, NOW) or "")
    assert all(isinstance(value, str) for value in told.values())
    return told


@pytest.mark.parametrize("status", list(words.StoreStatus))
def test_every_status_is_pushed_with_its_number(status):
    assert said(row(status=status), f"store_order.{status}") == {
        "timeStamp": STAMP,
        "orderCode": "S01",
        "orderStatus": str(words.CODES[words.StoreStatus][status]),
    }


@pytest.mark.parametrize("kind", list(words.CancelKind))
@pytest.mark.parametrize("status", list(words.CancelStatus))
def test_every_cancellation_is_pushed_with_its_numbers(kind, status):
    made = row(status="cancelled", cancel_kind=kind, cancel_status=status, cancel_reason="凉了")
    number = str(words.CODES[words.CancelKind][kind])
    expected = {"timeStamp": STAMP, "orderCode": "S01", "orderStatus": "6", "cancelType": number}
    if status:
        expected["cancelStatus"] = str(words.CODES[words.CancelStatus][status])
    assert said(made, "store_order.cancelled") == {**expected, "cancelReason": "凉了"}


@pytest.mark.parametrize(
    ("status", "number"),
    [("asked", "1"), ("refused", "3"), ("refunding", "4"), ("done", "5"), ("withdrawn", "6")],
)
def test_every_step_of_a_refund_is_pushed_in_its_own_words(status, number):
    made = row(status="accepted", cancel_kind="after_sale", cancel_status=status)
    assert said(made, f"store_order.refund_{status}") == {
        "timeStamp": STAMP, "orderCode": "S01", "refundType": "8", "refundStatus": number,
    }  # fmt: skip


def test_the_types_of_a_cancellation_are_those_of_the_documents():
    """订单状态变更推送, cancelType."""
    assert words.CODES[words.CancelKind] == {
        "other": 1, "customer": 2, "merchant": 3, "unpaid": 4, "not_accepted": 5, "rejected": 6,
        "refused_at_door": 7, "after_sale": 8, "system": 9, "service": 10, "customer_all": 11,
        "delivery": 12,
    }  # fmt: skip


def test_an_order_that_goes_on_says_nothing_of_an_old_cancellation():
    made = row(status="made", cancel_kind="customer", cancel_status="refused", cancel_reason="x")
    assert "cancelType" not in said(made, "store_order.made")


def test_a_reminder_says_where_the_order_stands():
    assert said(row(status="accepted"), "store_order.reminder") == {
        "timeStamp": STAMP, "orderCode": "S01", "orderStatus": "3", "eventType": "1",
    }  # fmt: skip


def test_there_are_no_pushes_about_payments():
    assert notices.body(PayOrder(order_no="P1"), "pay_order.success", NOW) is None
    assert notices.body(RefundOrder(refund_no="R1"), "refund.success", NOW) is None


# --- total maps ---------------------------------------------------------------------------


def test_every_word_of_ours_has_a_number():
    for enum, numbers in words.CODES.items():
        assert set(numbers) == set(enum.values) - {""}
        assert len(set(numbers.values())) == len(numbers)
    assert set(render.REFUND_STATES) == set(words.CancelStatus.values)
    assert set(inputs.STEPS.values()) < set(words.StoreStatus.values)
    filtered = [word for some in inputs.REFUNDS.values() for word in some]
    assert set(filtered) == set(words.CancelStatus.values) - {"", "withdrawn"}


# --- the envelope -------------------------------------------------------------------------


def letter(shop: Shop, **changes: Any) -> Letter:
    keys = {**shop.key.config, **shop.key.secrets, **changes}
    return Letter(
        notice_id="msg_1", kind="store_order.paid", body='{"orderCode":"S01"}', written_at=NOW,
        mch_no="MA", app_id="app-a", keys=keys,
    )  # fmt: skip


@pytest.mark.django_db
def test_a_push_is_signed_as_a_request_and_carries_no_token(shop: Shop):
    made = notices.envelope(letter(shop), NOW)
    assert made.headers == {
        "Content-Type": "application/json;charset=utf-8",
        "Accept": "application/json;charset=utf-8",
        "x-transaction-id": "msg_1",
    }
    assert shop.partner.open_push(made.body) == {"orderCode": "S01"}
    assert shop.partner.access_token.encode() not in made.body
    with pytest.raises(InvalidSignature):
        shop.partner.open_push(made.body.replace(b"S01", b"S02"))


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "nonsense"])
def test_a_push_without_a_key_is_an_error_that_is_kept_with_the_attempt(shop: Shop, key):
    with pytest.raises(ValueError):
        notices.envelope(letter(shop, platform_private_key_pem=key), NOW)


@pytest.mark.django_db
def test_a_push_for_trying_names_an_order_that_there_is_not(shop: Shop):
    assert json.loads(notices.sample(shop.house.application, NOW)) == {
        "timeStamp": STAMP, "orderCode": "0", "orderStatus": "1",
    }  # fmt: skip


ANSWERS = [
    (200, '{"ver":"1","statusCode":"100","message":"success","responseBody":""}', True),
    (200, '{"ver":"1","code":"100","message":"success","responseBody":""}', True),
    (200, '{"ver":1,"statusCode":100}', True),
    (200, '{"code":100}', True),
    (200, '{"statusCode":"100","code":"0"}', True),
    (200, '{"statusCode":"500","code":"100"}', False),
    (200, '{"statusCode":"21"}', False),
    (200, '{"statusCode":"100.0"}', False),
    (200, '{"statusCode":true}', False),
    (200, '{"statusCode":100.0}', False),
    (200, '{"statusCode":["100"]}', False),
    (200, '{"statusCode":null}', False),
    (200, "{}", False),
    (200, "", False),
    (200, "success", False),
    (200, "100", False),
    (200, "[]", False),
    (200, '{"statusCode":"100"', False),
    (200, "[" * 100_000, False),
    (200, '{"statusCode":' + "1" * 5000 + "}", False),
    (201, '{"statusCode":"100"}', False),
    (302, '{"statusCode":"100"}', False),
    (500, '{"statusCode":"100"}', False),
]


@pytest.mark.parametrize(("status", "answer", "has_it"), ANSWERS, ids=lambda v: str(v)[:30])
def test_the_partner_has_it_when_it_says_100(status, answer, has_it):
    assert notices.accepts(status, answer) is has_it


# --- who is told --------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_partner_is_told_at_its_own_address_in_its_own_words(shop: Shop):
    number = shop.partner.submit(order())
    shop.partner.step(number, 3)
    notice = MerchantNotice.objects.get()
    assert (notice.kind, notice.dialect, notice.url) == (
        "store_order.accepted",
        "kaigedian",
        PUSHES,
    )
    (made,) = dialects.letters([notice])
    assert made.keys["partner_id"] == shop.partner.partner_id
    assert shop.partner.open_push(notices.envelope(made, NOW).body)["orderCode"] == number


@pytest.mark.django_db
def test_a_partner_without_an_address_is_told_at_its_applications(shop: Shop):
    DoorKey.objects.update(config={**shop.key.config, "notify_url": ""})
    shop.house.application.notify_url = "https://shop.example/all"
    shop.house.application.save()
    number = shop.partner.submit(order())
    shop.partner.step(number, 3)
    notice = MerchantNotice.objects.get()
    assert (notice.dialect, notice.url) == ("kaigedian", "https://shop.example/all")


@pytest.mark.django_db
def test_an_upload_that_was_over_already_is_nobodys_news(shop: Shop):
    shop.partner.submit(order(orderStatus=5))
    assert MerchantNotice.objects.count() == 0


@pytest.mark.django_db
def test_a_refund_is_also_told_to_whoever_was_told_of_the_payment(shop: Shop):
    """The payment was made at another door; this one has no words for its refund."""
    shop.house.application.notify_url = "https://shop.example/all"
    shop.house.application.save()
    payment = cast.make_pay_order(shop.house, "success", biz_order_no="ON-1", amount=2000)
    number = shop.partner.submit(order(thirdOrderCode="ON-1", payType=1))
    shop.partner.cancel(number, "cold")
    refund = RefundOrder.objects.get(pay_order=payment)
    cast.channel_says(refund, Outcome.DONE, state=RefundState.SUCCESS, out_no="5000")
    told = MerchantNotice.objects.filter(kind="refund.success")
    assert [(each.dialect, each.url) for each in told] == [("standard", "https://shop.example/all")]
    mine = MerchantNotice.objects.filter(store_order__order_no=number)
    assert {(each.dialect, each.url) for each in mine} == {("kaigedian", PUSHES)}
