"""Every word of ours has one of DaxPay's, every kind of notice its event, and the door decides
nothing that a service has not decided."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from channels import registry
from channels.base import Method, Outcome, PayeeType, RefundState, ShareState
from gateway.api.daxpay import notices, pay, refunds, render, shares, transfers, words
from orders import dialects
from orders.actor import Actor, Door
from orders.models import (
    AllocationDetail,
    AllocationOrder,
    AllocationReceiver,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    TransferOrder,
)
from orders.services import pay as service
from orders.services import refund
from tests import cast
from tests.gateway.daxpay.client import rsa2_verify
from tests.gateway.daxpay.shop import Shop, pair

pytestmark = pytest.mark.django_db
ACTOR = Actor(door=Door.DAXPAY, name="MA:app-a")
URL = "http://127.0.0.1:9/notify"


# --- tables -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "ours"),
    [
        (words.PAY, PayOrder.Status),
        (words.PAY_REFUND, PayOrder.RefundStatus),
        (words.REFUND, RefundOrder.Status),
        (words.TRANSFER, TransferOrder.Status),
        (words.ALLOCATION, AllocationOrder.Status),
        (words.SHARE, AllocationDetail.Status),
        (pay.REPEATED, PayOrder.Status),
        (pay.CLOSED, PayOrder.Status),
        (refunds.REPEATED, RefundOrder.Status),
        (refunds.MADE, RefundOrder.Status),
        (transfers.RESENT, TransferOrder.Status),
        (transfers.REFUSED, TransferOrder.Status),
        (shares.IS_UNDER_WAY, AllocationReceiver.Status),
        (shares.IS_REFUSED, AllocationReceiver.Status),
    ],
)
def test_every_status_of_ours_is_in_the_table(table, ours):
    assert {str(status) for status in table} == set(ours.values)


def test_every_status_and_result_of_an_allocation_has_a_word():
    for status, by_result in words.ALLOCATION.items():
        assert {str(one) for one in by_result} == set(AllocationOrder.Result.values), status


def test_every_receiver_of_ours_has_a_word_and_every_payee():
    assert set(words.RECEIVER_OF) == set(AllocationReceiver.Kind.values)
    assert set(words.PAYEES.values()) == set(PayeeType)


def test_every_way_to_pay_is_one_that_its_channel_has():
    for name, way in words.WAYS.items():
        assert way.method in registry.get(way.channel).capabilities.methods, name
        assert way.channel in words.PRODUCTS
    assert not words.NOT_OFFERED & set(words.WAYS)


@pytest.mark.parametrize("name", words.WAYS)
def test_without_an_answer_of_the_channel_there_is_no_pay_body(name):
    assert words.WAYS[name].body({}) == (None, None)


def test_the_channels_own_words_become_daxpays(db: None):
    jsapi = {name: name for name in ("appId", "timeStamp", "nonceStr", "package", "signType")}
    body, kind = words.WAYS["wechat_jsapi"].body({**jsapi, "paySign": "s", "more": 1})
    assert (json.loads(body or ""), kind) == ({**jsapi, "paySign": "s"}, "jsapi")
    app = {
        "appId": "wx1", "partnerId": "19", "prepayId": "p", "packageValue": "Sign=WXPay",
        "nonceStr": "n", "timeStamp": "1", "sign": "s",
    }  # fmt: skip
    body, kind = words.WAYS["wechat_app"].body(app)
    assert kind == "identifier"
    assert json.loads(body or "") == {
        "appid": "wx1", "partnerId": "19", "prepayId": "p", "package": "Sign=WXPay",
        "noncestr": "n", "timestamp": "1", "sign": "s",
    }  # fmt: skip


def test_an_order_of_another_door_is_told_in_daxpays_words_too():
    order = PayOrder(channel="wechat", method=Method.NATIVE)
    assert words.method_of(order) == "wechat_qr"
    assert words.method_of(PayOrder(channel="alipay", method=Method.JSAPI)) == "alipay_jsapi"
    assert words.method_of(PayOrder(channel="umf", method=Method.NATIVE)) == "native"
    order.door_data = {"method": "weixin_tenpay"}
    assert words.method_of(order) == "wechat_qr"


# --- refunds that are not well ----------------------------------------------------------------


def test_a_refund_that_the_channel_refused_is_known_and_keeps_its_money(shop: Shop):
    order = cast.make_pay_order(shop.house, "success", biz_order_no="SO-1")
    param = {"bizOrderNo": "SO-1", "bizRefundNo": "R-1", "amount": 3_000}
    assert shop.call("refund", param)["data"]["status"] == "progress"
    assert shop.call("refund", param)["data"]["status"] == "progress"  # the same again
    row = RefundOrder.objects.get()
    cast.channel_says(row, Outcome.REFUSED, code="NOT_ENOUGH", message="balance too low")
    found = shop.call("query/refund-order", {"bizRefundNo": "R-1"})["data"]
    assert (found["status"], found["errorMsg"]) == ("fail", "balance too low")
    assert shop.call("refund", param)["code"] == 10507
    other = shop.call("refund", {**param, "bizRefundNo": "R-2"})
    assert other["code"] == 20081
    refund.request_close(row.refund_no, cast.MERCHANT_ACTOR)
    assert shop.call("refund", {**param, "bizRefundNo": "R-2"})["code"] == 0
    assert cast.reload(order).refunding == 3_000


def test_a_synchronous_refusal_of_a_refund_is_an_error(shop: Shop, settings, monkeypatch):
    cast.make_pay_order(shop.house, "success", biz_order_no="SO-1")
    settings.PREPAY_DEADLINE_S = 8

    def refuses(*_: Any) -> bool:
        row = RefundOrder.objects.get()
        cast.channel_says(row, Outcome.REFUSED, code="NOT_ENOUGH", message="balance too low")
        return True

    monkeypatch.setattr("orders.engine.reply.wait", refuses)
    answer = shop.call("refund", {"bizOrderNo": "SO-1", "bizRefundNo": "R-1", "amount": 3_000})
    assert answer["code"] == 20045
    assert "balance too low" in answer["msg"]


# --- notices ----------------------------------------------------------------------------------


def letter(row: MerchantNotice) -> dialects.Letter:
    return dialects.letters([row])[0]


def told(row: MerchantNotice) -> dict[str, Any]:
    sent = notices.envelope(letter(row), timezone.now())
    assert sent.headers["Content-Type"].startswith("application/json")
    message: dict[str, Any] = json.loads(sent.body)
    assert rsa2_verify(message, message["sign"], pair("platform")[1])
    return message


def make_order(shop: Shop, **changes: Any) -> PayOrder:
    new = cast.new_order(notify_url=URL, door_data={"attach": "x"}, **changes)
    return service.request_pay(shop.house.application, new, ACTOR)


def test_a_refund_by_an_operator_is_told_in_the_payments_words(shop: Shop):
    order = make_order(shop)
    cast.channel_says(order, Outcome.DONE, state=cast.PayState.WAITING, pay_params={"a": "b"})
    service.request_sync(order.order_no, cast.CLOCK)
    cast.channel_says(order, Outcome.DONE, state=cast.PayState.PAID, out_no="42", amount=10_000)
    operator = cast.operator(cast.person("finance", is_superuser=True))
    row = refund.request_refund(order.order_no, operator, amount=1_000, reason="late")
    cast.channel_says(row, Outcome.DONE, state=RefundState.SUCCESS, out_no="50")
    kept = list(MerchantNotice.objects.order_by("id"))
    assert [(one.kind, one.dialect, one.url) for one in kept] == [
        ("pay_order.success", "daxpay", URL),
        ("refund.success", "daxpay", URL),
    ]
    paid, back = map(told, kept)
    assert (paid["event"], paid["data"]["orderNo"]) == ("pay.success", order.order_no)
    assert (back["event"], back["data"]["refundNo"]) == ("refund.success", row.refund_no)
    assert back["data"]["attach"] == "x"
    assert back["reqId"] == kept[1].notice_id


def test_an_order_whose_time_ran_out_is_told_as_a_timeout(shop: Shop):
    order = make_order(shop)
    service.request_close(order.order_no, cast.CLOCK)
    assert told(MerchantNotice.objects.get())["event"] == "pay.close"
    order = cast.reload(order)
    order.ended_at = order.expires_at + timedelta(seconds=1)
    body = notices.body(order, "pay_order.closed", timezone.now())
    assert json.loads(body or "")["event"] == "pay.timeout"


@pytest.mark.parametrize(
    "kind", ["transfer.waiting", "allocation.finished", "return.success", "made.up"]
)
def test_what_daxpay_has_no_notice_for_is_not_told(shop: Shop, kind):
    assert notices.body(make_order(shop), kind, timezone.now()) is None


def test_what_a_notice_says_is_what_the_query_answers(shop: Shop):
    row = cast.make_allocation(shop.house)
    body = notices.body(row, "allocation.all_success", timezone.now())
    assert json.loads(body or "") == {"event": "alloc.success", "data": render.allocation(row)}
    answer = shop.call("query/alloc-order", {"allocNo": row.allocation_no})
    assert answer["data"] == render.allocation(row)


def test_a_merchant_may_try_his_receiver(shop: Shop):
    assert json.loads(notices.sample(shop.house.application, timezone.now()))["event"] == (
        "pay.success"
    )


@pytest.mark.parametrize(
    ("status", "answer", "is_taken"),
    [
        (200, "SUCCESS", True), (201, " success\n", True), (200, "Success", True),
        (200, "", False), (200, "OK", False), (200, "SUCCESS!", False), (500, "SUCCESS", False),
        (302, "SUCCESS", False), (200, '{"code":"SUCCESS"}', False),
    ],
)  # fmt: skip
def test_only_the_one_word_says_that_the_merchant_has_it(status, answer, is_taken):
    assert notices.accepts(status, answer) is is_taken


def test_without_keys_a_notice_is_an_error_and_not_sent_unsigned(shop: Shop):
    order = make_order(shop)
    service.request_close(order.order_no, cast.CLOCK)
    shop.key.delete()
    with pytest.raises(ValueError):
        notices.envelope(letter(MerchantNotice.objects.get()), timezone.now())


# --- receivers, language ------------------------------------------------------------------------


def test_while_a_receiver_is_being_bound_nothing_is_shared_and_the_same_request_goes_on(shop: Shop):
    order = cast.make_pay_order(shop.house, "success", allocation=True, biz_order_no="SO-1")
    one = {"receiverType": "MERCHANT_ID", "receiverAccount": "1900000109", "amount": 1_000}
    param = {"bizOrderNo": "SO-1", "bizAllocNo": "A-1", "receivers": [one]}
    assert shop.call("alloc", param)["code"] == 20081
    assert shop.call("alloc", param)["code"] == 20081
    (receiver,) = AllocationReceiver.objects.all()
    assert AllocationOrder.objects.count() == 0
    assert cast.open_kinds(receiver) == ["bind_receiver"]
    cast.channel_says(receiver, Outcome.DONE)
    answer = shop.call("alloc", param)
    assert answer["data"]["status"] == "processing"
    assert AllocationOrder.objects.get().pay_order == order
    cast.shares_end(AllocationOrder.objects.get(), ShareState.SUCCESS)
    assert shop.call("alloc", param)["data"]["status"] == "success"


def test_a_receiver_that_the_channel_refuses_is_an_error_and_may_be_tried_again(
    shop: Shop, settings, monkeypatch
):
    cast.make_pay_order(shop.house, "success", allocation=True, biz_order_no="SO-1")
    one = {"receiverType": "MERCHANT_ID", "receiverAccount": "1900000109", "amount": 1_000}
    param = {"bizOrderNo": "SO-1", "bizAllocNo": "A-1", "receivers": [one]}
    settings.PREPAY_DEADLINE_S = 8

    def refuses(*_: Any) -> bool:
        row = AllocationReceiver.objects.get()
        cast.channel_says(row, Outcome.REFUSED, code="NO_SUCH", message="no such merchant")
        return True

    monkeypatch.setattr("orders.engine.reply.wait", refuses)
    answer = shop.call("alloc", param)
    assert answer["code"] == 20045
    assert "no such merchant" in answer["msg"]
    assert "1900000109" not in answer["msg"]
    assert AllocationOrder.objects.count() == 0


def test_a_receiver_under_another_name_is_not_the_one_that_is_bound(shop: Shop):
    cast.make_pay_order(shop.house, "success", allocation=True, biz_order_no="SO-1")
    cast.make_receiver(shop.house, name="Partner Ltd")
    one = {"receiverType": "MERCHANT_ID", "receiverAccount": "1900000109", "amount": 1_000}
    param = {"bizOrderNo": "SO-1", "bizAllocNo": "A-1"}
    other = {**one, "receiverName": "Somebody Else"}
    assert shop.call("alloc", {**param, "receivers": [other]})["code"] == 10506
    assert AllocationOrder.objects.count() == 0
    assert shop.call("alloc", {**param, "receivers": [one]})["code"] == 0


@pytest.mark.parametrize(
    ("language", "sentence"),
    [(None, "mchNo 必填。"), ("*", "mchNo 必填。"), ("en", "mchNo is required.")],
)
def test_sentences_are_chinese_unless_english_is_asked_for(client, language, sentence):
    headers = {"accept-language": language} if language else {}
    answer = client.post("/unipay/pay", b"{}", content_type="application/json", headers=headers)
    assert answer.json()["msg"] == sentence
