"""A partner's whole day at the door: by its own program, with WeChat's book as the judge."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone

from orders.engine import drain
from orders.models import MerchantNotice, NoticeAttempt, PayOrder, RefundOrder
from orders.services import store
from tests import cast
from tests.channels import loopback
from tests.gateway.kaigedian.client import Refused
from tests.gateway.kaigedian.shop import COURIER, order
from tests.gateway.kaigedian.world import World

pytestmark = pytest.mark.django_db
AMOUNT = 2000


def online(**changes: Any) -> dict[str, Any]:
    return order(**{"payType": 1, "payStatus": 2, "orderStatus": 1, "canRefund": True, **changes})


def ask_refund(world: World, number: str, reason: str) -> None:
    """The customer, in the merchant's app."""
    store.operate(
        number, "request_refund", cast.MERCHANT_ACTOR,
        application=world.shop.house.application, reason=reason,
    )  # fmt: skip


def test_an_order_paid_at_the_till_from_the_kitchen_to_the_customer(world: World):
    partner = world.shop.partner
    now = int(timezone.now().timestamp() * 1000)
    number = partner.submit(order(orderType=3))
    assert world.pushes() == []  # the merchant knows what it has said itself

    pages = list(partner.pages_by_time("10001", now - 60_000, now + 60_000, 10))
    assert {each for page in pages for each in page} == {number}
    assert partner.detail(number)["orderStatus"] == 1
    partner.step(number, 3)
    partner.step(number, 3)  # again: nothing happens, and nobody is told twice
    partner.step(number, 31)
    partner.step(number, 4, deliveryInfo=COURIER)
    partner.step(number, 5)
    assert world.pushes() == [
        {"orderCode": number, "orderStatus": status} for status in ("3", "31", "4", "5")
    ]
    said = partner.detail(number)
    assert said["orderStatus"] == 5
    assert said["deliveryInfo"] == {
        "contactsName": "李四", "mobile": "13800138000", "expressChannelCode": "",
        "expressChannelName": "", "expressNo": "SF1", "remark": "",
    }  # fmt: skip
    times = ("acceptTime", "pickUpTime", "deliveryTime", "actualArrivalTime", "receiveTime")
    assert all(len(said[name]) == 19 for name in times)
    assert said["operator"] == "MRX"
    assert world.book() == []


def test_an_order_paid_online_is_voided_when_wechat_has_given_the_money_back(world: World):
    partner = world.shop.partner
    payment = world.paid("ON-1", AMOUNT)
    number = partner.submit(online(thirdOrderCode="ON-1"))
    row = world.order(number)
    assert (row.status, row.pay_status, row.pay_order_id) == ("paid", "paid", payment.pk)
    partner.step(number, 3)
    assert world.pushes() == [
        {"orderCode": number, "orderStatus": "1"},
        {"orderCode": number, "orderStatus": "3"},
    ]

    partner.cancel(number, "客诉")
    # 退款为异步，最终订单是否取消以订单状态为准.
    assert partner.status(number) == "3"
    partner.cancel(number, "客诉")
    assert RefundOrder.objects.count() == 1
    world.until(lambda: partner.status(number) == "6", "the order is cancelled")
    told = {"orderCode": number, "refundType": "3", "refundReason": "客诉"}
    assert world.pushes() == [
        {**told, "refundStatus": "4"},
        {**told, "refundStatus": "5"},
        {
            "orderCode": number, "orderStatus": "6", "cancelType": "3", "cancelStatus": "5",
            "cancelReason": "客诉",
        },
    ]  # fmt: skip
    assert world.book() == [("pay", AMOUNT), ("refund", AMOUNT)]
    said = partner.detail(number)
    assert (said["payStatus"], said["payType"]) == (3, 1)
    with pytest.raises(Refused) as caught:
        partner.cancel(number, "again")
    assert caught.value.code == "500"


def test_an_order_waits_for_its_payment_and_is_new_when_that_comes(world: World):
    partner = world.shop.partner
    payment = world.pay_order("ON-2", AMOUNT)
    # Whatever the merchant says of the payment: this house knows that it has not come.
    number = partner.submit(online(thirdOrderCode="ON-2"))
    assert partner.status(number) == "2"
    with pytest.raises(Refused):
        partner.step(number, 3)
    assert world.pushes() == []
    world.pays(payment)
    assert partner.status(number) == "1"
    assert world.pushes() == [{"orderCode": number, "orderStatus": "1"}]


def test_a_payment_may_be_named_by_our_number(world: World):
    payment = world.paid("ON-3", AMOUNT)
    number = world.shop.partner.submit(online(payType=2, payOrderNo=payment.order_no))
    assert world.order(number).pay_order_id == payment.pk
    assert world.shop.partner.detail(number)["payType"] == 1


def test_a_payment_of_another_amount_is_not_this_orders(world: World):
    world.paid("ON-4", AMOUNT + 1)
    with pytest.raises(Refused) as caught:
        world.shop.partner.submit(online(thirdOrderCode="ON-4"))
    assert str(caught.value) == "21 The pay order is over another amount."
    with pytest.raises(Refused) as caught:
        world.shop.partner.submit(online(payOrderNo="P" + "0" * 26))
    assert caught.value.message == f"There is no order P{'0' * 26}."


def test_a_refund_that_is_refused_and_then_agreed_to(world: World):
    partner = world.shop.partner
    world.paid("ON-5", AMOUNT)
    number = partner.submit(online(thirdOrderCode="ON-5"))
    partner.step(number, 3)
    world.pushes()
    now = int(timezone.now().timestamp() * 1000)
    span = {"storeId": "10001", "startTimestamp": now - 60_000, "endTimestamp": now + 600_000}

    ask_refund(world, number, "太慢")
    told = {"orderCode": number, "refundType": "2", "refundReason": "太慢"}
    assert world.pushes() == [{**told, "refundStatus": "1"}]
    assert listed(world, span, [1]) == [{"orderCode": number, "refundstatus": 1}]
    assert listed(world, span, [3, 5]) == []
    # Until it is decided the kitchen waits.
    with pytest.raises(Refused) as caught:
        partner.step(number, 31)
    assert caught.value.message.startswith("A refund of this order is not finished")

    partner.decide(number, 2, "已在制作")
    partner.decide(number, 2, "已在制作")
    assert world.pushes() == [{**told, "refundStatus": "3"}]
    assert listed(world, span, [3]) == [{"orderCode": number, "refundstatus": 3}]
    with pytest.raises(Refused):
        partner.decide(number, 1)
    assert world.book() == [("pay", AMOUNT)]
    partner.step(number, 31)

    ask_refund(world, number, "凉了")
    partner.decide(number, 1)
    partner.decide(number, 1)
    world.until(lambda: partner.status(number) == "6", "the order is cancelled")
    told = {"orderCode": number, "refundType": "2", "refundReason": "凉了"}
    assert world.pushes() == [
        {"orderCode": number, "orderStatus": "31"},
        {**told, "refundStatus": "1"},
        {**told, "refundStatus": "4"},
        {**told, "refundStatus": "5"},
        {
            "orderCode": number, "orderStatus": "6", "cancelType": "2", "cancelStatus": "5",
            "cancelReason": "凉了",
        },
    ]  # fmt: skip
    assert listed(world, span, [5]) == [{"orderCode": number, "refundstatus": 5}]
    assert world.book() == [("pay", AMOUNT), ("refund", AMOUNT)]


def listed(world: World, span: dict[str, Any], statuses: list[int]) -> list[dict[str, Any]]:
    asked = {**span, "refundstatus": statuses}
    return world.shop.partner.call("queryRefundOrders", asked)["itemList"]


def test_an_order_that_the_shop_does_not_take_is_paid_back(world: World):
    partner = world.shop.partner
    world.paid("ON-6", AMOUNT)
    number = partner.submit(online(thirdOrderCode="ON-6"))
    world.pushes()
    partner.step(number, 7, reason="超出配送范围")
    world.until(lambda: RefundOrder.objects.filter(status="success").exists(), "the money is back")
    assert partner.status(number) == "7"
    first, *rest = world.pushes()
    assert first == {
        "orderCode": number, "orderStatus": "7", "cancelType": "6",
        "cancelReason": "超出配送范围",
    }  # fmt: skip
    told = {"orderCode": number, "refundType": "6", "refundReason": "超出配送范围"}
    assert rest == [{**told, "refundStatus": "4"}, {**told, "refundStatus": "5"}]
    assert world.book() == [("pay", AMOUNT), ("refund", AMOUNT)]


def test_a_completed_order_is_taken_back_after_sale(world: World):
    partner = world.shop.partner
    world.paid("ON-7", AMOUNT)
    number = partner.submit(online(thirdOrderCode="ON-7"))
    partner.step(number, 3)
    partner.step(number, 5)
    world.pushes()
    partner.cancel(number, "喝出头发")
    world.until(lambda: partner.status(number) == "6", "the order is cancelled")
    assert world.pushes()[-1] == {
        "orderCode": number, "orderStatus": "6", "cancelType": "8", "cancelStatus": "5",
        "cancelReason": "喝出头发",
    }  # fmt: skip
    assert PayOrder.objects.get().refund_status == "refunded"


def test_an_order_on_its_way_is_not_taken_back(world: World):
    """配送中、已取消的订单不允许调用该接口."""
    partner = world.shop.partner
    world.paid("ON-8", AMOUNT)
    number = partner.submit(online(thirdOrderCode="ON-8", orderType=3))
    partner.step(number, 3)
    partner.step(number, 4, deliveryInfo=COURIER)
    with pytest.raises(Refused) as caught:
        partner.cancel(number, "客诉")
    assert caught.value.code == "500"
    assert RefundOrder.objects.count() == 0
    assert partner.status(number) == "4"


def test_the_partner_is_told_again_until_it_says_that_it_has_it(world: World):
    """A receiver that answers something else has not understood."""
    partner = world.shop.partner
    number = partner.submit(order())
    signed = json.dumps({"sign": "A" * 1000, "ver": "1", "statusCode": 100}).encode()
    answers = [b"", b'{"statusCode":"500"}', b"<html>", signed]

    def grumpy(peer: Any, server: loopback.Server) -> None:
        while server.read_request(peer):
            body = answers.pop(0)
            peer.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    with loopback.serving(grumpy) as server:
        partner.step(number, 3)
        notices = MerchantNotice.objects.filter(order_no=number)
        notices.update(url=f"{server.url}/pushes")
        for tries in (1, 2, 3, 4):
            notices.update(due_at=timezone.now())
            assert drain.run("notice") == 1
            assert notices.get().tries == tries
            assert notices.get().status == ("delivered" if tries == 4 else "pending")
        bodies = [raw.partition(b"\r\n\r\n")[2] for raw in server.requests]
    assert len(bodies) == 4
    kept = NoticeAttempt.objects.order_by("number").last()
    assert kept.response == signed.decode()[:512]
    assert {str(partner.open_push(body)) for body in bodies} == {str(partner.open_push(bodies[0]))}
