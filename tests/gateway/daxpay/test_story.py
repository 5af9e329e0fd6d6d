"""A merchant's day at the DaxPay door, driven by a client that was written from the wire's
description: every answer and every notice is verified, and the provider's book is the judge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from channels.simulators.core.errors import ControlError
from orders.engine import reply
from orders.models import AllocationReceiver, MerchantNotice, NoticeAttempt, PayOrder
from tests.e2e import conftest as e2e
from tests.gateway.daxpay.client import DaxPayError
from tests.gateway.daxpay.desk import Desk, Merchant
from tests.gateway.daxpay.shop import open_door

box, make_world = e2e.box, e2e.make_world
OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"


@pytest.fixture
def open_desk(make_world: Any, settings: Any, monkeypatch: Any) -> Iterator[Callable[[str], Desk]]:
    settings.PREPAY_DEADLINE_S = 8
    settings.ALLOW_PRIVATE_NOTICE_URLS = True
    settings.ENGINE_NOTICE_THREADS = 4
    merchant = Merchant()

    def make(channel: str) -> Desk:
        world = make_world(channel, {})
        desk = Desk(world, open_door(world.house), merchant)
        monkeypatch.setattr(reply, "wait", desk.work_while_waiting)
        return desk

    yield make
    merchant.stop()


def fails(code: int, call: Callable[..., Any], **param: Any) -> str:
    with pytest.raises(DaxPayError) as error:
        call(**param)
    assert error.value.code == code, error.value
    return error.value.msg


# --- WeChat Pay -------------------------------------------------------------------------------


def place(desk: Desk, **changes: Any) -> dict[str, Any]:
    param = {
        "bizOrderNo": "PAY-1",
        "title": "龙井茶 一等",
        "description": "半斤",
        "amount": 10_000,
        "method": "wechat_qr",
        "notifyUrl": desk.merchant.url,
        "attach": "桌号=7&人数=2",
        "limitPay": ["no_credit"],
        "terminal": {"terminalNo": "POS-1", "storeNo": "S-9", "longitude": 120.15},
        **changes,
    }
    made: dict[str, Any] = desk.client.pay(**param)
    assert (made["bizOrderNo"], made["status"]) == (param["bizOrderNo"], "processing")
    assert made["orderNo"] == made["tradeNo"]
    return made


def test_a_payment_is_placed_asked_about_and_refunded(open_desk):
    desk = open_desk("wechat")
    client = desk.client
    ping = client.signed_ping()
    assert (ping["mchNo"], ping["appId"], ping["appFromDefault"]) == ("MA", "app-a", False)
    assert f"mchNo={ping['mchNo']}&" in ping["serverSignStr"]

    made = place(desk)
    assert made["payBody"].startswith("weixin://wxpay/bizpayurl")
    assert made["payBodyType"] == "qr_code"
    assert place(desk) == made  # the same again, and the channel is not asked
    assert desk.world.outcomes("pay") == ["done"]
    assert client.sync_pay_order(bizOrderNo="PAY-1") == {
        "orderStatus": "processing",
        "adjust": False,
    }

    desk.world.silence("pay")
    desk.provider.pay(made["orderNo"])
    assert client.query_pay_order(bizOrderNo="PAY-1")["status"] == "processing"
    done = client.sync_pay_order(orderNo=made["orderNo"])
    assert done == {"orderStatus": "success", "adjust": True}
    assert client.sync_pay_order(tradeNo=made["tradeNo"])["adjust"] is False
    with pytest.raises(DaxPayError) as error:
        place(desk)
    assert error.value.code == 10506

    (told,) = desk.notices()
    assert (told["event"], told["protocol"], told["code"]) == ("pay.success", "system", 0)
    assert (told["mchNo"], told["appId"]) == ("MA", "app-a")
    assert told["data"] == client.query_pay_order(orderNo=made["orderNo"])
    assert list(told["data"]) == sorted(told["data"])
    assert desk.notices() == []
    known = told["data"]
    assert {name: known[name] for name in KNOWN} == KNOWN
    assert known["outOrderNo"] and known["payTime"] and known["closeTime"] is None
    assert client.query_pay_order(outOrderNo=known["outOrderNo"]) == known

    back = client.refund(tradeNo=made["tradeNo"], bizRefundNo="R-1", amount=3_000, reason="少一件")
    assert (back["bizRefundNo"], back["errorMsg"]) == ("R-1", None)
    ended = desk.until(lambda: client.query_refund_order(bizRefundNo="R-1"), "success")
    assert (ended["refundNo"], ended["tradeNo"]) == (back["refundNo"], made["tradeNo"])
    assert (ended["amount"], ended["orderAmount"], ended["reason"]) == (3_000, 10_000, "少一件")
    synced = client.sync_refund_order(refundNo=back["refundNo"])
    assert synced == {"orderStatus": "success", "adjust": False}
    fails(10507, client.refund, bizOrderNo="PAY-1", bizRefundNo="R-1", amount=3_000)
    fails(10507, client.refund, bizOrderNo="PAY-1", bizRefundNo="R-1", amount=1)
    fails(20044, client.refund, bizOrderNo="PAY-1", bizRefundNo="R-2", amount=7_001)
    (told,) = desk.notices()
    assert (told["event"], told["data"]) == ("refund.success", ended)
    assert client.query_pay_order(bizOrderNo="PAY-1")["refundStatus"] == "partial_refund"
    assert client.query_pay_order(bizOrderNo="PAY-1")["refundableBalance"] == 7_000

    assert sorted(desk.world.book()) == [
        ("pay", made["orderNo"], 10_000),
        ("refund", back["refundNo"], 3_000),
    ]


KNOWN = {
    "bizOrderNo": "PAY-1",
    "title": "龙井茶 一等",
    "description": "半斤",
    "channel": "wechat",
    "method": "wechat_qr",
    "limitPay": "no_credit",
    "amount": 10_000,
    "currency": "cny",
    "realAmount": 10_000,
    "refundableBalance": 10_000,
    "status": "success",
    "refundStatus": "no_refund",
    "provider": "wechat",
    "terminalNo": "POS-1",
    "storeNo": "S-9",
    "attach": "桌号=7&人数=2",
    "errorMsg": None,
}


def test_an_order_is_closed_at_the_channel_before_the_door_says_so(open_desk):
    desk = open_desk("wechat")
    made = place(desk)
    assert desk.client.close(bizOrderNo="PAY-1") is None
    assert desk.client.query_pay_order(bizOrderNo="PAY-1")["status"] == "close"
    assert desk.world.outcomes("close_pay") == ["done"]
    with pytest.raises(ControlError):
        desk.provider.pay(made["orderNo"])
    (told,) = desk.notices()
    assert (told["event"], told["data"]["status"]) == ("pay.close", "close")
    fails(20044, desk.client.close, bizOrderNo="PAY-1")
    with pytest.raises(DaxPayError) as error:
        place(desk)
    assert error.value.code == 10506
    assert desk.world.book() == []


def test_closing_what_was_paid_meanwhile_finds_the_payment(open_desk):
    desk = open_desk("wechat")
    made = place(desk)
    desk.world.silence()
    desk.provider.pay(made["orderNo"])
    fails(20044, desk.client.close, orderNo=made["orderNo"], useCancel=True)
    assert desk.client.query_pay_order(bizOrderNo="PAY-1")["status"] == "success"
    assert desk.world.book() == [("pay", made["orderNo"], 10_000)]


def test_an_answer_that_was_lost_is_an_error_and_the_order_goes_on(open_desk):
    desk = open_desk("wechat")
    desk.provider.set_faults({"pay": {"fault": "drop_after", "times": 1}})
    with pytest.raises(DaxPayError) as error:
        place(desk)
    assert error.value.code == 20043
    desk.world.rest()
    made = place(desk)
    assert made["payBody"].startswith("weixin://")
    assert PayOrder.objects.count() == 1


@pytest.mark.parametrize(
    ("method", "param", "kind", "has"),
    [
        ("wechat_jsapi", {"openId": OPENID}, "jsapi", "paySign"),
        ("wechat_mini", {"openId": OPENID}, "jsapi", "package"),
        ("wechat_app", {}, "identifier", "prepayId"),
        ("wechat_h5", {"clientIp": "203.0.113.9"}, "link", ""),
    ],
)
def test_how_the_customer_pays_at_wechat_pay(open_desk, method, param, kind, has):
    desk = open_desk("wechat")
    made = place(desk, method=method, **param)
    assert made["payBodyType"] == kind
    if has:
        assert json.loads(made["payBody"])[has]
    else:
        assert made["payBody"].startswith("http")


def test_an_application_may_ask_for_the_documented_words(open_desk):
    desk = open_desk("wechat")
    desk.shop.key.config = {**desk.shop.key.config, "pay_body_type": "documented"}
    desk.shop.key.save()
    assert place(desk)["payBodyType"] == "code_url"


def test_money_is_shared_with_receivers_named_in_the_request(open_desk):
    desk = open_desk("wechat")
    client = desk.client
    made = place(desk, allocation=True)
    desk.provider.pay(made["orderNo"])
    desk.until(lambda: client.query_pay_order(bizOrderNo="PAY-1"), "success")
    desk.notices()
    asked = {
        "bizAllocNo": "A-1",
        "tradeNo": made["tradeNo"],
        "title": "分账",
        "notifyUrl": desk.merchant.url,
        "receivers": [
            {"receiverType": "MERCHANT_ID", "receiverAccount": "1900000109",
             "receiverName": "青茶铺", "amount": 1_000},
            {"receiverType": "PERSONAL_OPENID", "receiverAccount": OPENID, "amount": 500},
        ],
    }  # fmt: skip
    shared = client.alloc(**asked)
    assert (shared["bizAllocNo"], shared["status"]) == ("A-1", "processing")
    assert AllocationReceiver.objects.filter(status="bound").count() == 2
    assert client.alloc(**asked)["allocNo"] == shared["allocNo"]
    fails(10507, client.alloc, **{**asked, "receivers": asked["receivers"][:1]})
    assert client.sync_alloc_order(allocNo=shared["allocNo"])["orderStatus"] == "processing"
    ended = desk.until(lambda: client.query_alloc_order(bizAllocNo="A-1"), "success")
    assert [one["result"] for one in ended["details"]] == ["success", "success"]
    assert [one["receiverType"] for one in ended["details"]] == ["MERCHANT_ID", "PERSONAL_OPENID"]
    assert [one["amount"] for one in ended["details"]] == [1_000, 500]
    (told,) = desk.notices()
    assert (told["event"], told["data"]) == ("alloc.success", ended)
    assert sorted(desk.world.book()) == [
        ("pay", made["orderNo"], 10_000),
        ("share", shared["allocNo"], 500),
        ("share", shared["allocNo"], 1_000),
    ]


def test_a_sharing_that_cannot_be_leaves_no_receiver_behind(open_desk):
    desk = open_desk("wechat")
    client = desk.client
    one = {"receiverType": "MERCHANT_ID", "receiverAccount": "1900000109", "amount": 3_001}
    made = place(desk, allocation=True)
    fails(20044, client.alloc, bizAllocNo="A-1", bizOrderNo="PAY-1", receivers=[one])
    desk.provider.pay(made["orderNo"])
    desk.until(lambda: client.query_pay_order(bizOrderNo="PAY-1"), "success")
    fails(20044, client.alloc, bizAllocNo="A-1", bizOrderNo="PAY-1", receivers=[one])
    fails(10506, client.alloc, bizAllocNo="A-1", bizOrderNo="PAY-1", receivers=[one, one])
    sub = {**one, "receiverType": "PERSONAL_SUB_OPENID"}
    fails(20030, client.alloc, bizAllocNo="A-1", bizOrderNo="PAY-1", receivers=[sub])
    assert AllocationReceiver.objects.count() == 0
    plain = place(desk, bizOrderNo="PAY-2")
    desk.provider.pay(plain["orderNo"])
    desk.until(lambda: client.query_pay_order(bizOrderNo="PAY-2"), "success")
    fails(20044, client.alloc, bizAllocNo="A-2", bizOrderNo="PAY-2", receivers=[one])
    assert AllocationReceiver.objects.count() == 0


TRANSFER: dict[str, Any] = {
    "channel": "wechat",
    "bizTransferNo": "T-1",
    "amount": 5_000,
    "title": "新会员奖金",
    "reason": "三月",
    "payeeType": "openid",
    "payeeAccount": OPENID,
    "payeeName": "李四",
    "transferScene": "1000",
    "attach": "会员=9",
}


def test_a_transfer_waits_for_its_payee_and_is_made_once(open_desk):
    desk = open_desk("wechat")
    client = desk.client
    desk.provider.set_balance(10_000)
    param = {
        **TRANSFER,
        "channelMchNo": desk.provider.merchant,
        "notifyUrl": desk.merchant.url,
    }
    sent = client.transfer(**param)
    assert (sent["bizTransferNo"], sent["status"]) == ("T-1", "processing")
    assert sent["confirmUrl"]
    assert client.transfer(**param) == sent
    assert client.sync_transfer_order(channel="wechat", bizTransferNo="T-1") == {
        "orderStatus": "processing",
        "adjust": False,
    }
    fails(20041, client.query_transfer_order, channel="alipay", bizTransferNo="T-1")
    desk.provider.confirm(sent["transferNo"])
    ended = desk.until(
        lambda: client.query_transfer_order(channel="wechat", bizTransferNo="T-1"), "success"
    )
    assert ended["transferNo"] == sent["transferNo"]
    assert (ended["amount"], ended["title"], ended["attach"]) == (5_000, "新会员奖金", "会员=9")
    assert "李四" not in json.dumps(ended, ensure_ascii=False)
    fails(10507, client.transfer, **{**param, "amount": 5_001})
    synced = client.sync_transfer_order(transferNo=sent["transferNo"])
    assert synced == {"orderStatus": "success", "adjust": False}
    (told,) = desk.notices()
    assert (told["event"], told["data"]) == ("transfer.success", ended)
    assert desk.world.book() == [("transfer", sent["transferNo"], 5_000)]


def test_a_notice_that_is_not_acknowledged_is_sent_again(open_desk):
    desk = open_desk("wechat")
    desk.merchant.word = b"OK"
    made = place(desk)
    desk.provider.pay(made["orderNo"])
    desk.until(lambda: desk.client.query_pay_order(bizOrderNo="PAY-1"), "success")
    (first,) = desk.notices()
    assert MerchantNotice.objects.get().status == "pending"
    assert NoticeAttempt.objects.get().response == "OK"
    desk.merchant.word = b"success"
    MerchantNotice.objects.update(due_at=timezone.now())
    (again,) = desk.notices()
    assert MerchantNotice.objects.get().status == "delivered"
    assert {**first, "resTime": "", "sign": ""} == {**again, "resTime": "", "sign": ""}


# --- Alipay -----------------------------------------------------------------------------------


def place_at_alipay(desk: Desk, **changes: Any) -> dict[str, Any]:
    return place(desk, **{"method": "alipay_qr", "limitPay": [], **changes})


def test_a_payment_at_alipay_is_cancelled_where_it_can_be(open_desk):
    desk = open_desk("alipay")
    made = place_at_alipay(desk)
    assert made["payBodyType"] == "qr_code"
    assert "/qr/" in made["payBody"]  # the simulator's own, where Alipay's begins qr.alipay.com
    desk.provider.scan(made["orderNo"])
    assert desk.client.close(bizOrderNo="PAY-1", useCancel=True) is None
    assert desk.client.query_pay_order(bizOrderNo="PAY-1")["status"] == "cancel"
    (told,) = desk.notices()
    assert told["event"] == "pay.cancel"


def test_a_payment_at_alipay_is_refunded_and_a_transfer_made(open_desk):
    desk = open_desk("alipay")
    client = desk.client
    made = place_at_alipay(desk)
    desk.provider.scan(made["orderNo"])
    desk.provider.pay(made["orderNo"])
    desk.until(lambda: client.query_pay_order(bizOrderNo="PAY-1"), "success")
    back = client.refund(bizOrderNo="PAY-1", amount=10_000)
    ended = desk.until(lambda: client.query_refund_order(refundNo=back["refundNo"]), "success")
    assert ended["bizRefundNo"] == back["refundNo"]  # the merchant gave no number
    assert client.query_pay_order(bizOrderNo="PAY-1")["refundStatus"] == "refunded"
    desk.provider.set_balance(10_000)
    sent = client.transfer(
        channel="alipay",
        channelMchNo="alipay-a",
        bizTransferNo="T-1",
        amount=5_000,
        payeeType="login_name",
        payeeAccount="zhang@example.com",
        payeeName="张三",
    )
    desk.until(lambda: client.query_transfer_order(transferNo=sent["transferNo"]), "success")
    assert sorted(desk.world.book()) == [
        ("pay", made["orderNo"], 10_000),
        ("refund", back["refundNo"], 10_000),
        ("transfer", sent["transferNo"], 5_000),
    ]


@pytest.mark.parametrize(
    ("method", "param", "kind", "begins"),
    [
        ("alipay_pc", {"returnUrl": "https://shop.example/back"}, "link", "http"),
        ("alipay_h5", {}, "link", "http"),
        ("alipay_app", {}, "identifier", "alipay_"),
        ("alipay_jsapi", {"openId": "2088101126765726"}, "identifier", "20"),
    ],
)
def test_how_the_customer_pays_at_alipay(open_desk, method, param, kind, begins):
    desk = open_desk("alipay")
    made = place_at_alipay(desk, method=method, **param)
    assert made["payBodyType"] == kind
    assert made["payBody"]
    assert made["payBody"].startswith(begins) or method == "alipay_app"


@pytest.mark.parametrize(("ending", "status"), [("00", "success"), ("01", "processing")])
@pytest.mark.parametrize("method", [{}, {"method": "aggregate_pay_barcode"}])
def test_a_scanned_code_says_itself_whose_it_is(open_desk, ending, status, method):
    desk = open_desk("alipay")
    code = f"2812345678901234{ending}"
    made = desk.client.pay(bizOrderNo="PAY-1", title="茶", amount=800, authCode=code, **method)
    assert (made["status"], made["payBody"], made["payBodyType"]) == (status, None, None)
    found = desk.client.query_pay_order(bizOrderNo="PAY-1")
    assert (found["method"], found["status"]) == ("alipay_barcode", status)
    assert code not in json.dumps(PayOrder.objects.values()[0], default=str)


def test_a_code_that_the_channel_refuses_is_an_error_and_the_order_failed(open_desk):
    desk = open_desk("alipay")
    param = {"title": "茶", "amount": 800, "authCode": "281234567890123403"}
    fails(20045, desk.client.pay, bizOrderNo="PAY-1", **param)
    assert desk.client.query_pay_order(bizOrderNo="PAY-1")["status"] == "fail"
    fails(10506, desk.client.pay, bizOrderNo="PAY-1", **param)
    assert desk.world.book() == []


def test_a_transfer_that_failed_is_sent_again_under_its_number(open_desk):
    desk = open_desk("alipay")
    param = {
        "channel": "alipay",
        "channelMchNo": "alipay-a",
        "bizTransferNo": "T-1",
        "amount": 5_000,
        "payeeType": "login_name",
        "payeeAccount": "zhang@example.com",
        "payeeName": "张三",
    }
    fails(20045, desk.client.transfer, **param)
    named = {"channel": "alipay", "bizTransferNo": "T-1"}
    assert desk.client.query_transfer_order(**named)["status"] == "fail"
    desk.provider.set_balance(10_000)
    sent = desk.client.transfer(**param)
    desk.until(lambda: desk.client.query_transfer_order(**named), "success")
    assert desk.world.book() == [("transfer", sent["transferNo"], 5_000)]
