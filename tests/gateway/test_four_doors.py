"""One order, told through all four doors: the same truth in each one's units and words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from channels.base import Outcome, RefundState
from orders.models import PayOrder, RefundOrder, StoreOrder
from tests import cast
from tests.gateway.api.conftest import Api
from tests.gateway.daxpay import shop as daxpay
from tests.gateway.kaigedian import shop as kaigedian
from tests.gateway.minapp import conftest as minapp

pytestmark = pytest.mark.django_db

NUMBER = "20261120-0001"


@dataclass
class Doors:
    """One merchant's application, with a program at each door."""

    house: cast.House
    api: Api
    daxpay: daxpay.Shop
    minapp: minapp.Baas
    kaigedian: kaigedian.Shop

    def seen(self, store_no: str) -> dict[str, dict[str, Any]]:
        """What each door says of the money of order NUMBER, in its own words."""
        own = self.api.get(f"pay-orders/biz:{NUMBER}").json()
        theirs = self.daxpay.client.query_pay_order(bizOrderNo=NUMBER)
        (listed,) = self.minapp.list(trade_no=own["order_no"])
        stored = self.kaigedian.partner.detail(store_no)
        return {
            "api": {
                name: own[name]
                for name in ("status", "amount", "refund_status", "refundable_balance")
            },
            "daxpay": {
                name: theirs[name]
                for name in ("status", "amount", "refundStatus", "refundableBalance")
            },
            "minapp": {name: listed[name] for name in ("status", "total_cost", "refund_status")},
            "kaigedian": {
                name: stored[name] for name in ("payStatus", "orderStatus", "actualPayAmount")
            },
        }


@pytest.fixture
def doors(settings: Any, redis_client: Any) -> Doors:
    settings.PREPAY_DEADLINE_S = 0
    house = minapp.shop("A")
    return Doors(
        house=house,
        api=Api(house.api_key),
        daxpay=daxpay.open_door(house),
        minapp=minapp.open_door(house, "3c86ea6e93b1bc12"),
        kaigedian=kaigedian.open_shop(house),
    )


def _order(doors: Doors) -> tuple[PayOrder, str]:
    """Made through the own API, and as a shop's order at 开个店's door. Not paid yet."""
    made = doors.api.post(
        "pay-orders",
        {
            "biz_order_no": NUMBER,
            "title": "Longjing tea",
            "amount": 12800,
            "channel": "wechat",
            "method": "native",
        },
    )
    assert made.status_code == 201
    unpaid = {
        "thirdOrderCode": NUMBER, "actualPayAmount": 12800, "originalAmount": 12800, "payType": 1,
        "payStatus": 1, "orderStatus": 2, "payTime": "", "payChannel": "wechat",
        "payChannelName": "微信",
    }  # fmt: skip
    store_no = doors.kaigedian.partner.submit({**kaigedian.ORDER, **unpaid})
    return PayOrder.objects.select_related("application").get(biz_order_no=NUMBER), store_no


def test_a_new_order_is_unpaid_at_every_door(doors: Doors):
    _row, store_no = _order(doors)
    assert doors.seen(store_no) == {
        "api": {
            "status": "wait",
            "amount": 12800,
            "refund_status": "no_refund",
            "refundable_balance": 0,
        },
        "daxpay": {
            "status": "processing",
            "amount": 12800,
            "refundStatus": "no_refund",
            "refundableBalance": 0,
        },
        "minapp": {"status": "pending", "total_cost": "128.00", "refund_status": None},
        "kaigedian": {"payStatus": 1, "orderStatus": 2, "actualPayAmount": 12800},
    }


def test_a_paid_order_is_paid_at_every_door(doors: Doors):
    _row, store_no = _order(doors)
    cast.pays(StoreOrder.objects.get(order_no=store_no))
    assert doors.seen(store_no) == {
        "api": {
            "status": "success",
            "amount": 12800,
            "refund_status": "no_refund",
            "refundable_balance": 12800,
        },
        "daxpay": {
            "status": "success",
            "amount": 12800,
            "refundStatus": "no_refund",
            "refundableBalance": 12800,
        },
        "minapp": {"status": "success", "total_cost": "128.00", "refund_status": None},
        "kaigedian": {"payStatus": 2, "orderStatus": 1, "actualPayAmount": 12800},
    }


def test_a_part_refunded_at_one_door_is_refunded_at_every_door(doors: Doors):
    _row, store_no = _order(doors)
    cast.pays(StoreOrder.objects.get(order_no=store_no))
    given = {"bizOrderNo": NUMBER, "amount": 3840, "reason": "one box was wet"}
    number = doors.daxpay.client.refund(**given, bizRefundNo="R-1")["refundNo"]
    under_way = doors.seen(store_no)
    assert under_way["api"]["refund_status"] == "refunding"
    assert under_way["daxpay"]["refundStatus"] == "refunding"
    assert under_way["api"]["refundable_balance"] == 8960
    cast.channel_says(
        RefundOrder.objects.get(refund_no=number), Outcome.DONE, state=RefundState.SUCCESS
    )
    assert doors.seen(store_no) == {
        "api": {
            "status": "success",
            "amount": 12800,
            "refund_status": "partial_refund",
            "refundable_balance": 8960,
        },
        "daxpay": {
            "status": "success",
            "amount": 12800,
            "refundStatus": "partial_refund",
            "refundableBalance": 8960,
        },
        "minapp": {"status": "success", "total_cost": "128.00", "refund_status": "partial"},
        "kaigedian": {"payStatus": 4, "orderStatus": 1, "actualPayAmount": 12800},
    }


def test_what_is_refused_at_one_door_is_refused_with_the_same_sentence_at_every_door(doors: Doors):
    order, store_no = _order(doors)
    cast.pays(StoreOrder.objects.get(order_no=store_no))
    asked = {"biz_order_no": NUMBER, "biz_refund_no": "R-1", "amount": 12801}
    own = doors.api.post("refunds", asked, accept_language="zh-hans")
    (told,) = own.json()["errors"]
    sentence = "¥128.01 超过可退余额 ¥128.00。"
    assert told["message"] == sentence
    refund = {"bizOrderNo": NUMBER, "amount": 12801, "bizRefundNo": "R-1"}
    body = daxpay.dump(doors.daxpay.client.prepare(refund))
    assert sentence in doors.daxpay.client.send("/unipay/refund", body)["msg"]
    named = {"trade_no": order.order_no, "refund_amount": 128.01}
    answer = doors.minapp.post(minapp.REFUND, named, accept_language="zh-hans")
    assert answer.status_code == 400
    assert sentence in answer.json()["error_msg"]
    assert not order.refunds.exists()
