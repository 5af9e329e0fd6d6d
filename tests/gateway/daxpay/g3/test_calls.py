"""A merchant's program on DaxPay 3 against the door: yuan, its own signatures, its own words."""

from __future__ import annotations

import io
import json
import re
import subprocess
import urllib.request
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from channels.base import AllocationState, Method, Outcome, PayState, RefundState, TransferState
from gateway.api.daxpay.g3 import notices, render, words
from orders import dialects
from orders.models import (
    AllocationReceiver,
    ApiKey,
    ChannelCall,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    TransferOrder,
)
from orders.services import pay
from tests import cast
from tests.gateway.daxpay.g3.client import BEIJING, Client, dump
from tests.gateway.daxpay.shop import Shop, post, written

pytestmark = pytest.mark.django_db

PAY: dict[str, Any] = {
    "bizOrderNo": "P0001",
    "title": "测试接口支付",
    "amount": Decimal("12.80"),
    "channel": "wechat_pay",
    "method": "qrcode",
    "attach": 'a "b" \\c',
    "notifyUrl": "http://127.0.0.1:9/g3",
}


@pytest.fixture
def g3(shop: Shop) -> Client:
    return client(shop)


def client(shop: Shop, **how: Any) -> Client:
    application = shop.house.application
    return Client(
        mch_no=application.merchant.mch_no,
        app_id=application.app_id,
        secret="secret",
        post=post,
        **how,
    )


def good(answer: dict[str, Any]) -> Any:
    assert (answer["code"], answer["msg"]) == (0, "success"), answer
    assert answer["sign"]
    return answer["data"]


def place(g3: Client, **changes: Any) -> PayOrder:
    """An order that its channel holds."""
    param = {**PAY, **changes}
    assert g3.call("pay", "pay", **param)["code"] == 20043  # no worker runs here
    order = PayOrder.objects.get(biz_order_no=param["bizOrderNo"])
    params = {"code_url": "weixin://wxpay/bizpayurl?pr=abc"}
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING, pay_params=params)
    return order


def paid(g3: Client, **changes: Any) -> PayOrder:
    order = place(g3, **changes)
    pay.request_sync(order.order_no, cast.CLOCK)
    said = {"state": PayState.PAID, "out_no": f"42{order.pk}", "amount": order.amount}
    cast.channel_says(order, Outcome.DONE, **said)
    return cast.reload(order)


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


# --- who ------------------------------------------------------------------------------------


def test_a_wrong_secret_is_refused_and_the_refusal_can_be_verified(shop: Shop, g3: Client):
    forger = client(shop)
    forger.secret = "guess"
    body = dump(forger.prepare(PAY))
    answer = g3.send("pay", body)
    assert (answer["code"], answer["data"], bool(answer["sign"])) == (20052, None, True)
    assert set(written().values()) == {0}


def test_a_stranger_is_told_so_without_a_signature(g3: Client):
    for name, value in (("appId", "nobody"), ("mchNo", "M-NOBODY"), ("appId", "\x00")):
        message = {**g3.prepare(PAY), name: value}
        answer = g3.send("query/payOrder", dump(message))
        assert (answer["sign"], answer["data"]) == (None, None)
        assert answer["code"] in (20023, 10506)
    assert set(written().values()) == {0}


def test_a_program_that_names_no_merchant_is_known_by_its_application(g3: Client):
    message = g3.prepare(PAY)
    del message["mchNo"]
    assert g3.send("pay", dump(g3.signed(message)), "pay")["code"] == 20043
    assert PayOrder.objects.count() == 1


def test_another_merchants_order_is_not_there(g3: Client, other_shop: Shop):
    order = paid(g3)
    other = client(other_shop)
    for path, param in (
        ("query/payOrder", {"orderNo": order.order_no}),
        ("close", {"orderNo": order.order_no}),
        ("refund", {"orderNo": order.order_no, "bizRefundNo": "R1", "amount": 1}),
        ("alloc/start", {"orderNo": order.order_no, "bizAllocNo": "A1"}),
    ):
        answer = other.call(path, "none", **param)
        assert answer["code"] in (20041, 20044, 10506), answer
        assert answer["data"] is None
    assert RefundOrder.objects.count() == 0


def test_an_old_or_repeated_message_is_refused(g3: Client):
    late = datetime.now(BEIJING) - timedelta(seconds=400)
    message = {**g3.prepare(PAY), "reqTime": late.strftime("%Y-%m-%d %H:%M:%S")}
    assert g3.send("pay", dump(g3.signed(message)))["code"] == 10410
    body = dump(g3.prepare({**PAY, "nonceStr": "abc"}))
    assert [g3.send("pay", body)["code"] for _time in range(2)] == [20043, 10409]
    plain = dump(g3.prepare({"bizOrderNo": "P0001"}))
    codes = [g3.send("query/payOrder", plain, "query/payOrder")["code"] for _time in range(2)]
    assert codes == [0, 0]


def test_a_kind_that_the_merchant_chose_is_the_only_one(shop: Shop):
    shop.key.config = {**shop.key.config, "g3_sign_type": "sm3"}
    shop.key.save()
    assert client(shop, kind="sm3").call("pay", "pay", **PAY)["code"] == 20043
    body = dump(client(shop, kind="md5").prepare(PAY))
    assert client(shop, kind="sm3").send("pay", body)["code"] == 20052


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"appId":"a","appId":"b"}', b"1"])
def test_a_body_that_cannot_be_read_is_refused(shop: Shop, g3: Client, body):
    assert g3.send("query/payOrder", body)["code"] == 10505
    assert set(written().values()) == {0}


def test_no_key_of_another_door_opens_this_one(shop: Shop):
    key, secret = ApiKey.issue(shop.house.application)
    thief = client(shop)
    thief.secret = secret
    assert client(shop).send("pay", dump(thief.prepare(PAY)))["code"] == 20052
    assert key.application == shop.house.application


def test_the_fourth_generation_is_answered_by_itself_at_the_same_address(shop: Shop, g3: Client):
    fourth = shop.call(
        "pay", {"bizOrderNo": "F1", "title": "x", "amount": 1, "method": "wechat_qr"}
    )
    third = g3.call("pay", "pay", **PAY)
    assert (fourth["code"], third["code"]) == (20043, 20043)
    doors = PayOrder.objects.order_by("pk").values_list("biz_order_no", "door", "amount")
    assert list(doors) == [("F1", "daxpay", 1), ("P0001", "daxpay_g3", 1280)]


# --- notices --------------------------------------------------------------------------------


def test_the_merchant_is_told_in_g3s_words_and_can_verify_it(g3: Client):
    order = paid(g3)
    row = MerchantNotice.objects.get()
    assert (row.dialect, row.url) == ("daxpay_g3", PAY["notifyUrl"])
    letter = dialects.letters([row])[0]
    envelope = notices.envelope(letter, cast.at("2026-11-20 10:00"))
    notice = g3.reads_notice(envelope.body, "query/payOrder")
    assert (notice["code"], notice["noticeType"], notice["appId"]) == (0, "pay", "app-a")
    assert notice["resTime"] == "2026-11-20 18:00:00"
    told = notice["data"]
    assert (told["orderNo"], told["status"], told["amount"]) == (
        order.order_no, "success", Decimal("12.80"),
    )  # fmt: skip


def test_a_notice_is_signed_as_the_application_chose(shop: Shop):
    shop.key.config = {**shop.key.config, "g3_sign_type": "md5", "g3_sign_plain": "1"}
    shop.key.save()
    g3 = client(shop, kind="md5", upper=False)
    order = paid(g3)
    g3.call("refund", "refund", bizOrderNo="P0001", bizRefundNo="R1", amount=1)
    cast.channel_says(RefundOrder.objects.get(), Outcome.DONE, state=RefundState.SUCCESS)
    row = MerchantNotice.objects.get(kind="refund.success")
    letter = dialects.letters([row])[0]
    body = notices.envelope(letter, cast.at("2026-11-20 10:00")).body
    notice = g3.reads_notice(body, "query/refundOrder")
    assert (notice["noticeType"], notice["data"]["orderNo"]) == ("refund", order.order_no)


@pytest.mark.parametrize(
    ("status", "answer", "is_taken"),
    [(200, "SUCCESS", True), (500, " success\n", True), (200, "OK", False), (200, "", False)],
)
def test_one_word_says_that_he_has_it_whatever_the_status(status, answer, is_taken):
    assert notices.accepts(status, answer) is is_taken


def test_a_notice_without_a_secret_cannot_be_signed(shop: Shop, g3: Client):
    paid(g3)
    shop.key.secrets = {}
    shop.key.save()
    letter = dialects.letters([MerchantNotice.objects.get()])[0]
    with pytest.raises(ValueError, match="no G3 secret"):
        notices.envelope(letter, cast.at("2026-11-20 10:00"))


def test_the_sample_is_json_that_can_be_signed(shop: Shop):
    sample = json.loads(notices.sample(shop.house.application, cast.at("2026-11-20 10:00")))
    assert sample["noticeType"] == "pay"


# --- tables ---------------------------------------------------------------------------------


def test_every_word_of_ours_has_one_of_g3():
    assert {*words.METHOD_OF} == {method.value for method in Method}
    assert {*words.ALLOC_STATUS} == {*PayOrder.AllocationStatus.values}
    assert {*words.RECEIVER_OF} == {*AllocationReceiver.Kind.values}
    assert render.dump({"a": [Decimal("0.01"), None, True, "é"]}) == '{"a":[0.01,null,true,"é"]}'


# --- the page of the documentation ----------------------------------------------------------


def test_the_example_of_the_page_is_answered(shop: Shop, monkeypatch, capsys):
    page = Path("docs/doors/daxpay-g3.md").read_text()
    example = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    application = shop.house.application
    merchant = {
        "mch_no": application.merchant.mch_no,
        "app_id": application.app_id,
        "doors": {"daxpay": {"g3_secret": "secret"}},
    }
    known = json.dumps({"base_url": "http://house", "merchants": [merchant]})

    def send(request: urllib.request.Request) -> io.BytesIO:
        path = request.full_url.removeprefix("http://house")
        return io.BytesIO(post(path, request.data)[1])

    monkeypatch.setattr(subprocess, "check_output", lambda _command: known)
    monkeypatch.setattr(urllib.request, "urlopen", send)
    exec(compile(example, "example", "exec"), {})

    answer = json.loads(capsys.readouterr().out)
    assert answer["code"] == 20043  # no worker runs here
    assert PayOrder.objects.get().amount == 12850
