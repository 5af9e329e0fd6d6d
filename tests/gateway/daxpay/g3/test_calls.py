"""A merchant's program on DaxPay 3 against the door: yuan, its own signatures, its own words."""

from __future__ import annotations

from decimal import Decimal

import pytest

from channels.base import AllocationState, Outcome, PayState, RefundState, TransferState
from orders.models import (
    AllocationReceiver,
    ChannelCall,
    PayOrder,
    RefundOrder,
    TransferOrder,
)
from tests import cast
from tests.gateway.daxpay.g3.client import Client
from tests.gateway.daxpay.g3.counter import PAY, client, good, paid, place
from tests.gateway.daxpay.shop import written

pytestmark = pytest.mark.django_db

# --- pay ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["md5", "hmac_sha256", "sm3"])
@pytest.mark.parametrize("upper", [True, False])
def test_an_order_is_placed_in_yuan_and_answered_in_the_style_of_the_question(shop, kind, upper):
    g3 = client(shop, kind=kind, upper=upper)
    order = place(g3)
    assert (order.amount, order.door, order.method) == (1280, "daxpay_g3", "native")
    again = good(g3.call("pay", "pay", **PAY))
    assert again == {
        "bizOrderNo": "P0001",
        "orderNo": order.order_no,
        "status": "progress",
        "payBody": "weixin://wxpay/bizpayurl?pr=abc",
    }
    assert ChannelCall.objects.count() == 1


def test_query_says_everything_in_the_words_of_g3(g3: Client):
    order = paid(g3)
    told = good(g3.call("query/payOrder", "query/payOrder", bizOrderNo="P0001"))
    assert told["payTime"] and told["expiredTime"]
    del told["payTime"], told["expiredTime"]
    assert told == {
        "bizOrderNo": "P0001",
        "orderNo": order.order_no,
        "outOrderNo": order.out_order_no,
        "title": "测试接口支付",
        "description": None,
        "allocation": False,
        "autoAllocation": None,
        "channel": "wechat_pay",
        "method": "qrcode",
        "otherMethod": None,
        "limitPay": None,
        "amount": Decimal("12.80"),
        "refundableBalance": Decimal("12.80"),
        "status": "success",
        "refundStatus": "no_refund",
        "allocStatus": None,
        "closeTime": None,
        "attach": 'a "b" \\c',
        "errorMsg": None,
    }


@pytest.mark.parametrize(
    ("amount", "fen"),
    [
        (Decimal("0.01"), 1), (Decimal("0.010"), 1), (1, 100), (Decimal("1.0"), 100),
        (Decimal("1E+2"), 10000), ("12.80", 1280), (Decimal("99999.99"), 9999999),
    ],
)  # fmt: skip
def test_yuan_become_fen_exactly(g3: Client, amount, fen):
    g3.call("pay", "pay", **{**PAY, "amount": amount})
    assert PayOrder.objects.get().amount == fen


@pytest.mark.parametrize(
    "amount",
    [
        Decimal("0.001"), Decimal("1.005"), 0, Decimal("0.00"), -1, Decimal("-0.01"), True,
        100000000, Decimal("99999999.991"), "1,000", "1e2", "", " 1", "１", None, [], {},
    ],
)  # fmt: skip
def test_an_amount_that_is_none_is_refused_with_its_name(g3: Client, amount):
    answer = g3.call("pay", "none", **{**PAY, "amount": amount})
    assert (answer["code"], "amount" in answer["msg"], answer["data"]) == (10506, True, None)
    assert set(written().values()) == {0}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"channel": "union_pay"}, 20021),
        ({"channel": "bank"}, 20011),
        ({"method": "other"}, 10415),
        ({"method": "web"}, 10415),
        ({"method": "cheque"}, 20012),
        ({"method": "jsapi"}, 10506),
        ({"extraParam": "{"}, 10506),
        ({"title": ""}, 10506),
        ({"bizOrderNo": "x" * 101}, 10506),
        ({"notifyUrl": "ftp://x"}, 10506),
        ({"expiredTime": "2020-01-01"}, 10506),
    ],
)
def test_a_word_that_is_not_taken_has_daxpays_code_and_writes_nothing(g3: Client, change, code):
    answer = g3.call("pay", "none", **{**PAY, **change})
    assert (answer["code"], answer["data"]) == (code, None), answer
    assert set(written().values()) == {0}


def test_the_openid_may_stand_in_the_extra_parameters(g3: Client):
    extra = {"method": "jsapi", "extraParam": '{"openId":"oUpF8","more":[1]}'}
    g3.call("pay", "pay", **{**PAY, **extra})
    order = PayOrder.objects.get()
    assert (order.method, order.openid) == ("jsapi", "oUpF8")


def test_close_and_sync_say_what_became_of_the_order(g3: Client):
    order = place(g3)
    answer = g3.call("close", "none", orderNo=order.order_no, useCancel=False)
    assert answer["code"] != 0  # nobody has heard the channel yet
    cast.channel_says(order, Outcome.DONE, state=PayState.CLOSED)
    told = good(g3.call("sync/order/pay", "sync", bizOrderNo="P0001"))
    assert told == {"orderStatus": "close", "adjust": False}


# --- refund, transfer -----------------------------------------------------------------------


def test_a_refund_in_yuan(g3: Client):
    paid(g3)
    param = {"bizOrderNo": "P0001", "bizRefundNo": "R1", "amount": Decimal("2.80"), "reason": "退"}
    told = good(g3.call("refund", "refund", **param))
    row = RefundOrder.objects.get()
    assert told == {
        "refundNo": row.refund_no, "bizRefundNo": "R1", "status": "progress", "errorMsg": None,
    }  # fmt: skip
    assert row.amount == 280
    cast.channel_says(row, Outcome.DONE, state=RefundState.SUCCESS, out_no="50")
    asked = good(g3.call("query/refundOrder", "query/refundOrder", bizRefundNo="R1"))
    assert (asked["amount"], asked["orderAmount"], asked["status"], asked["outRefundNo"]) == (
        Decimal("2.80"), None, "success", "50",
    )  # fmt: skip
    too_much = {**param, "bizRefundNo": "R2", "amount": Decimal("10.01")}
    assert g3.call("refund", "none", **too_much)["code"] == 20044
    assert RefundOrder.objects.count() == 1


def test_a_whole_order_amount_is_the_sdks_integer(g3: Client):
    paid(g3, amount=100)
    g3.call("refund", "refund", bizOrderNo="P0001", bizRefundNo="R1", amount=1)
    asked = good(g3.call("query/refundOrder", "query/refundOrder", bizRefundNo="R1"))
    assert asked["orderAmount"] == 100


def test_a_refund_needs_a_number_of_the_merchants_own(g3: Client):
    paid(g3)
    answer = g3.call("refund", "none", bizOrderNo="P0001", amount=1)
    assert (answer["code"], "bizRefundNo" in answer["msg"]) == (10506, True)
    assert RefundOrder.objects.count() == 0


def test_a_transfer_in_yuan(g3: Client):
    param = {
        "bizTransferNo": "T1", "channel": "wechat_pay", "amount": Decimal("50.00"),
        "title": "奖金", "payeeType": "open_id", "payeeAccount": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
    }  # fmt: skip
    told = good(g3.call("transfer", "transfer", **param))
    row = TransferOrder.objects.get()
    assert (told["transferNo"], told["status"], row.amount) == (row.transfer_no, "progress", 5000)
    cast.channel_says(row, Outcome.DONE, state=TransferState.SUCCESS, out_no="30")
    asked = good(g3.call("query/transferOrder", "query/transferOrder", bizTransferNo="T1"))
    assert (asked["payeeType"], asked["status"], asked["amount"]) == (
        "open_id", "success", Decimal("50.00"),
    )  # fmt: skip
    assert "M2pxb1Q9z" not in asked["payeeAccount"]
    for path in ("sync/order/transfer", "sync/order/allocation"):
        assert good(g3.call(path, "sync", transferNo=row.transfer_no))["orderStatus"] == "success"


# --- sharing --------------------------------------------------------------------------------

RECEIVER = {
    "receiverNo": "MY-1", "channel": "wechat_pay", "receiverType": "merchant_no",
    "receiverAccount": "1900000109", "receiverName": "Partner Ltd", "relationType": "partner",
}  # fmt: skip


def bound(g3: Client) -> AllocationReceiver:
    assert g3.call("alloc/receiver/add", "none", **RECEIVER)["code"] == 20081
    row = AllocationReceiver.objects.get()
    cast.channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    assert good(g3.call("alloc/receiver/add", "none", **RECEIVER)) is None
    return cast.reload(row)


def test_money_is_shared_with_receivers_by_the_merchants_numbers(g3: Client):
    row = bound(g3)
    assert (row.biz_receiver_no, row.relation, row.status) == ("MY-1", "PARTNER", "bound")
    order = paid(g3, allocation=True)
    share = {"receiverNo": "MY-1", "amount": Decimal("1.50")}
    told = good(
        g3.call("alloc/start", "alloc", bizAllocNo="A1", bizOrderNo="P0001", receivers=[share])
    )
    assert told["status"] == "processing"
    asked = good(g3.call("alloc/query", "alloc/query", bizAllocNo="A1"))
    assert (asked["amount"], asked["result"], asked["orderNo"]) == (
        Decimal("1.50"), "all_pending", order.order_no,
    )  # fmt: skip
    assert [one["receiverNo"] for one in asked["details"]] == ["MY-1"]
    assert good(g3.call("sync/order/allocation", "sync", bizAllocNo="A1")) == {
        "orderStatus": "processing", "adjust": False,
    }  # fmt: skip


def test_a_receiver_that_nobody_knows_shares_nothing(g3: Client):
    bound(g3)
    paid(g3, allocation=True)
    share = {"receiverNo": "MY-2", "amount": 1}
    answer = g3.call("alloc/start", "none", bizAllocNo="A1", bizOrderNo="P0001", receivers=[share])
    assert (answer["code"], "receivers[0].receiverNo" in answer["msg"]) == (10506, True)
    assert g3.call("alloc/query", "none", bizAllocNo="A1")["code"] == 20041


def test_a_number_is_one_receivers_and_is_free_again_when_he_is_removed(g3: Client):
    row = bound(g3)
    other = {**RECEIVER, "receiverAccount": "1900000110"}
    assert g3.call("alloc/receiver/add", "none", **other)["code"] == 10507
    assert AllocationReceiver.objects.count() == 1
    assert good(g3.call("alloc/receiver/remove", "none", receiverNo="MY-1")) is None
    assert (cast.reload(row).biz_receiver_no, cast.reload(row).status) == ("", "unbinding")
    assert g3.call("alloc/receiver/remove", "none", receiverNo="MY-1")["code"] == 10506


@pytest.mark.parametrize("path", ["reconcile/channelDownUrl", "reconcile/platformDownUrl"])
def test_bills_are_said_not_to_be_there(g3: Client, path):
    answer = g3.call(path, "none", channel="wechat_pay", date="2026-11-19")
    assert (answer["code"], bool(answer["msg"])) == (10415, True), answer
