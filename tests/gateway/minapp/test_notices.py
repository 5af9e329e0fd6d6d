"""The trigger's body, as it is posted to a merchant of 知晓云's door."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from channels.base import Outcome
from gateway.api.minapp import notices
from orders import dialects
from orders.models import MerchantNotice, PayOrder
from orders.services import pay
from tests import cast
from tests.gateway.minapp.conftest import ORDER, ORDERS, REFUND, Baas, paid, pays

pytestmark = pytest.mark.django_db
HOOK = "https://shop.example/trigger"


@pytest.fixture
def told(baas: Baas) -> PayOrder:
    body = {
        **ORDER,
        "total_cost": "0.01",
        "merchandise_snapshot": {"名": "茶"},
        "merchandise_record_id": "rec-1",
        "merchandise_schema_id": 7,
        "created_by_id": 83909082304832,
        "notify_url": HOOK,
    }
    assert baas.post(ORDERS, body).status_code == 201
    return PayOrder.objects.get()


def bodies() -> list[dict[str, Any]]:
    rows = MerchantNotice.objects.order_by("id")
    assert {(row.dialect, row.url) for row in rows} <= {("minapp", HOOK)}
    return [json.loads(row.body, parse_float=Decimal) for row in rows]


def test_a_payment_is_told_in_the_triggers_words(told: PayOrder):
    order = pays(told)
    (body,) = bodies()
    updated_at = body.pop("updated_at")
    assert updated_at >= body["created_at"]
    assert body == {
        "total_cost": Decimal("0.01"),
        "id": order.pk,
        "trade_no": order.order_no,
        "transaction_no": order.biz_order_no,
        "status": "success",
        "refund_status": None,
        "refund_amount": "0.00",
        "gateway_type": "weixin_tenpay_native",
        "currency_type": "CNY",
        "merchandise_description": "一条支付描述",
        "merchandise_record_id": "rec-1",
        "merchandise_schema_id": 7,
        "merchandise_snapshot": {"名": "茶"},
        "ip_address": "127.0.0.1",
        "created_by": 83909082304832,
        "miniapp": order.application_id,
        "created_at": int(order.created_at.timestamp()),
        "paid_at": int(order.paid_at.timestamp()),
    }


def test_a_refund_is_told_once_it_is_done(baas: Baas, told: PayOrder):
    order = pays(told)
    baas.post(REFUND, {"order_id": order.pk})
    assert len(bodies()) == 1
    row = order.refunds.get()
    cast.channel_says(row, Outcome.DONE, state=cast.RefundState.SUCCESS)
    first, second = bodies()
    assert (first["refund_status"], second["refund_status"]) == (None, "complete")
    assert (second["status"], second["refund_amount"]) == ("success", "0.01")


def test_an_order_that_ended_unpaid_is_told_as_failed(told: PayOrder):
    cast.channel_says(told, Outcome.REFUSED, code="NO_AUTH")
    assert [body["status"] for body in bodies()] == ["failed"]
    assert bodies()[0]["paid_at"] is None


def test_the_applications_own_address_gets_this_doors_words_too(baas: Baas, house):
    house.application.notify_url = HOOK
    house.application.save()
    baas.post(ORDERS, ORDER)
    pays(PayOrder.objects.get())
    assert [body["status"] for body in bodies()] == ["success"]


def test_a_notice_carries_the_houses_signature(told: PayOrder):
    pays(told)
    (letter,) = dialects.letters(MerchantNotice.objects.select_related("application__merchant"))
    now = timezone.now()
    sent = notices.envelope(letter, now)
    secret = told.application.webhook_secret
    assert Webhook(secret).verify(sent.body, dict(sent.headers))["id"] == told.pk
    assert sent.headers["Content-Type"] == "application/json; charset=utf-8"


def test_any_2xx_is_a_receipt():
    assert [notices.accepts(status, "") for status in (199, 200, 204, 299, 300, 500)] == [
        False, True, True, True, False, False,
    ]  # fmt: skip


def test_a_notice_for_trying_tells_of_no_order(house):
    body = json.loads(notices.sample(house.application, timezone.now()))
    assert set(body) == {"event", "miniapp", "created_at"}


def test_nothing_else_is_told(house):
    row = cast.make_refund(paid(house), "fail")
    assert notices.body(row, "refund.failed", timezone.now()) is None
    assert notices.body(cast.make_transfer(house), "transfer.success", timezone.now()) is None
    order = cast.make_pay_order(house)
    pay.request_close(order.order_no, cast.CLOCK)
    assert MerchantNotice.objects.count() == 0
