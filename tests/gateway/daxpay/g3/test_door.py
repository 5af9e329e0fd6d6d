"""Who may come in at DaxPay 3's door, what merchants are told, and the page that explains it."""

from __future__ import annotations

import io
import json
import re
import subprocess
import urllib.request
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from channels.base import Method, Outcome, RefundState
from gateway.api.daxpay.g3 import notices, render, words
from orders import dialects
from orders.models import (
    AllocationReceiver,
    ApiKey,
    MerchantNotice,
    PayOrder,
    RefundOrder,
)
from tests import cast
from tests.gateway.daxpay.g3.client import BEIJING, Client, dump
from tests.gateway.daxpay.g3.counter import PAY, client, paid
from tests.gateway.daxpay.shop import Shop, post, written

pytestmark = pytest.mark.django_db

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
