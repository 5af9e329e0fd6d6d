"""Notifications of the simulated Alipay: what they say, how they are signed, when they stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from channels.simulators.alipay import AlipaySimulator, Settings
from channels.simulators.alipay.callbacks import LADDER
from tests.channels.simulators.alipay_client import Ears, Notice, Shop, stamp
from tests.channels.simulators.wire_client import wait_until


@pytest.fixture
def alipay(make_alipay: Callable[..., AlipaySimulator]) -> AlipaySimulator:
    """With a hasty ladder: its first four minutes last twelve milliseconds."""
    settings = Settings(time_scale=6000, ladder_scale=20_000, durable=False)
    return make_alipay(settings=settings)


def ordered(shop: Shop, ears: Ears, number: str = "ORDER1", **more: Any) -> None:
    assert shop.precreate(number, notify_url=ears.url, **more).code == "10000"


def believed(shop: Shop, notice: Notice) -> bool:
    try:
        shop.verify_form(notice.fields)
    except (InvalidSignature, KeyError):
        return False
    return True


def notice_states(alipay: AlipaySimulator) -> list[tuple[str, str, int]]:
    (order,) = alipay.orders()
    return [(one["kind"], one["state"], one["tries"]) for one in order["notices"]]


# --- what they say ---------------------------------------------------------------------------


@pytest.mark.parametrize("certificates", [False, True])
@pytest.mark.parametrize("sign_type", ["RSA2", "RSA"])
def test_a_payment_is_told_in_the_documented_fields(
    alipay: AlipaySimulator,
    alipay_identity: dict[str, Any],
    ears: Ears,
    certificates: bool,
    sign_type: str,
) -> None:
    shop = Shop(alipay_identity, alipay.base_url, certificates=certificates, sign_type=sign_type)
    ordered(shop, ears, subject="测试商品 A&B=C+100%", body="一 二", passback_params="a=1&b=2")
    trade_no = alipay.pay("ORDER1")["trade_no"]
    fields = ears.wait_for(1)[0].fields
    shop.verify_form(fields)
    assert set(fields) == {
        *("notify_time", "notify_type", "notify_id", "app_id", "auth_app_id", "charset"),
        *("version", "sign_type", "sign", "trade_no", "out_trade_no", "buyer_id"),
        *("buyer_logon_id", "seller_id", "seller_email", "trade_status", "total_amount"),
        *("receipt_amount", "invoice_amount", "buyer_pay_amount", "point_amount", "subject"),
        *("body", "gmt_create", "gmt_payment", "fund_bill_list", "passback_params"),
    }
    assert "" not in fields.values()
    assert (fields["trade_status"], fields["total_amount"]) == ("TRADE_SUCCESS", "1.00")
    assert (fields["trade_no"], fields["out_trade_no"]) == (trade_no, "ORDER1")
    assert (fields["app_id"], fields["seller_id"]) == (alipay_identity["app_id"], alipay.merchant)
    assert (fields["sign_type"], fields["subject"]) == (sign_type, "测试商品 A&B=C+100%")
    assert fields["fund_bill_list"] == '[{"amount":"1.00","fundChannel":"ALIPAYACCOUNT"}]'
    assert fields["passback_params"] == "a=1&b=2"


def test_a_partial_refund_is_told_as_a_success_with_a_refund_in_it(
    alipay: AlipaySimulator, shop: Shop, ears: Ears
) -> None:
    """Not a second payment: ``gmt_refund`` says so."""
    ordered(shop, ears)
    alipay.pay("ORDER1")
    paid = ears.wait_for(1)[0].fields
    shop.refund("ORDER1", "R1", "0.30")
    first = ears.wait_for(2)[1].fields
    shop.refund("ORDER1", "R2", "0.20")
    second = ears.wait_for(3)[2].fields
    for fields in (first, second):
        shop.verify_form(fields)
        assert fields["trade_status"] == "TRADE_SUCCESS"
        assert fields["gmt_payment"] == paid["gmt_payment"]
    told = [(fields["out_biz_no"], fields["refund_fee"]) for fields in (first, second)]
    assert told == [("R1", "0.30"), ("R2", "0.50")]
    assert len(first["gmt_refund"]) == len("2025-11-20 09:31:02.345")
    assert len({fields["notify_id"] for fields in (paid, first, second)}) == 3


def test_a_full_refund_is_told_as_closed_with_a_payment_in_it(
    alipay: AlipaySimulator, shop: Shop, ears: Ears
) -> None:
    ordered(shop, ears)
    alipay.pay("ORDER1")
    ears.wait_for(1)
    shop.refund("ORDER1", "R1", "1.00")
    fields = ears.wait_for(2)[1].fields
    shop.verify_form(fields)
    assert (fields["trade_status"], fields["refund_fee"]) == ("TRADE_CLOSED", "1.00")
    assert {"gmt_payment", "gmt_refund", "out_biz_no"} < set(fields)


def test_a_closed_unpaid_trade_is_told_without_a_payment(
    alipay: AlipaySimulator, shop: Shop, ears: Ears
) -> None:
    ordered(shop, ears)
    alipay.scan("ORDER1")
    shop.close("ORDER1")
    fields = ears.wait_for(1)[0].fields
    shop.verify_form(fields)
    assert (fields["trade_status"], "gmt_close" in fields) == ("TRADE_CLOSED", True)
    assert {"gmt_payment", "gmt_refund", "refund_fee"} & set(fields) == set()


def test_an_expired_trade_is_told_by_itself(
    alipay: AlipaySimulator, shop: Shop, ears: Ears
) -> None:
    ordered(shop, ears, timeout_express="5m")
    alipay.scan("ORDER1")
    alipay.set_clock(301)
    assert ears.wait_for(1)[0].fields["trade_status"] == "TRADE_CLOSED"


def test_without_an_address_nobody_is_told(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.precreate("ORDER1")
    alipay.pay("ORDER1")
    assert notice_states(alipay) == []


def test_an_address_that_is_not_this_machine_is_never_called(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    shop.precreate("ORDER1", notify_url="http://shop.example/notify")
    alipay.pay("ORDER1")
    assert notice_states(alipay) == [("pay", "refused", 0)]


# --- until it is acknowledged ----------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [b"SUCCESS", b"success\n", b" success", b'"success"', b"fail", b"", b"successful"]
)
def test_only_the_seven_letters_acknowledge(
    alipay: AlipaySimulator, shop: Shop, ears: Ears, answer: bytes
) -> None:
    ears.answer = lambda count: answer if count == 1 else b"success"
    ordered(shop, ears)
    alipay.pay("ORDER1")
    first, second = ears.wait_for(2)
    assert first.body == second.body
    wait_until(lambda: notice_states(alipay) == [("pay", "done", 2)])


def test_it_is_tried_eight_times_with_one_id_and_then_given_up(
    make_alipay: Callable[..., AlipaySimulator], alipay_identity: dict[str, Any], ears: Ears
) -> None:
    assert LADDER == (240, 600, 600, 3600, 7200, 21600, 54000)
    alipay = make_alipay(settings=Settings(ladder_scale=200_000, durable=False))
    shop = Shop(alipay_identity, alipay.base_url)
    ears.answer = lambda count: b"fail"
    ordered(shop, ears)
    alipay.pay("ORDER1")
    notices = ears.wait_for(8)
    assert len({notice.fields["notify_id"] for notice in notices}) == 1
    wait_until(lambda: notice_states(alipay) == [("pay", "dead", 8)])
    assert len(ears.arrived) == 8


# --- faults ----------------------------------------------------------------------------------


def test_duplicates_arrive_at_the_same_time(
    alipay: AlipaySimulator, shop: Shop, ears: Ears
) -> None:
    alipay.set_faults({"callback_pay": {"fault": "duplicate", "n": 3}})
    ordered(shop, ears)
    alipay.pay("ORDER1")
    notices = ears.wait_for(3)
    assert len({notice.body for notice in notices}) == 1
    assert believed(shop, notices[0])
    wait_until(lambda: notice_states(alipay) == [("pay", "done", 1)])


def test_an_early_payment_is_told_before_the_orders_own_answer(
    alipay: AlipaySimulator, shop: Shop, ears: Ears
) -> None:
    alipay.set_faults({"callback_pay": "early"})
    ordered(shop, ears)
    assert [notice.fields["trade_status"] for notice in ears.arrived] == ["TRADE_SUCCESS"]
    assert shop.bar_pay("ORDER2", notify_url=ears.url).code == "10000"
    assert [notice.fields["out_trade_no"] for notice in ears.arrived] == ["ORDER1", "ORDER2"]


def test_an_early_refund_is_told_before_its_own_answer(
    alipay: AlipaySimulator, shop: Shop, ears: Ears
) -> None:
    alipay.set_faults({"callback_refund": "early"})
    ordered(shop, ears)
    alipay.pay("ORDER1")
    ears.wait_for(1)
    shop.refund("ORDER1", "R1", "0.30")
    assert [notice.fields.get("out_biz_no") for notice in ears.arrived] == [None, "R1"]


def test_out_of_order_means_that_a_later_one_comes_first(
    alipay: AlipaySimulator, shop: Shop, ears: Ears
) -> None:
    alipay.set_faults({"callback_pay": {"fault": "out_of_order", "ms": 60_000}})
    ordered(shop, ears)
    alipay.pay("ORDER1")
    shop.refund("ORDER1", "R1", "0.30")
    told = [notice.fields.get("out_biz_no") for notice in ears.wait_for(2)]
    assert told == ["R1", None]


def test_a_late_one_comes_late_and_a_switched_off_one_never(
    alipay: AlipaySimulator, shop: Shop, ears: Ears
) -> None:
    alipay.set_faults({"callback_pay": {"fault": "delay", "ms": 60_000}, "callback_refund": "off"})
    ordered(shop, ears)
    alipay.pay("ORDER1")
    shop.refund("ORDER1", "R1", "0.30")
    assert notice_states(alipay) == [("pay", "pending", 0), ("refund", "off", 0)]
    assert ears.arrived == []


@pytest.mark.parametrize("fault", ["bad_signature", "unsigned"])
def test_a_spoilt_first_try_is_followed_by_a_right_one(
    alipay: AlipaySimulator, shop: Shop, ears: Ears, fault: str
) -> None:
    alipay.set_faults({"callback_pay": fault})
    ears.answer = lambda count: b"fail" if count == 1 else b"success"
    ordered(shop, ears)
    alipay.pay("ORDER1")
    first, second = ears.wait_for(2)
    assert (believed(shop, first), believed(shop, second)) == (False, True)
    assert first.fields["notify_id"] == second.fields["notify_id"]


def test_a_forgery_comes_first_signed_by_a_stranger(
    alipay: AlipaySimulator, shop: Shop, ears: Ears
) -> None:
    alipay.set_faults({"callback_pay": "forged"})
    ordered(shop, ears)
    alipay.pay("ORDER1")
    forged, right = ears.wait_for(2)
    assert (believed(shop, forged), believed(shop, right)) == (False, True)
    assert forged.fields["total_amount"] == "0.01"
    assert forged.fields["notify_id"] != right.fields["notify_id"]


def test_a_wrong_amount_is_rightly_signed(alipay: AlipaySimulator, shop: Shop, ears: Ears) -> None:
    alipay.set_faults({"callback_pay": {"fault": "wrong_amount", "delta": -40}})
    ordered(shop, ears)
    alipay.pay("ORDER1")
    fields = ears.wait_for(1)[0].fields
    shop.verify_form(fields)
    assert fields["total_amount"] == "0.60"
    assert alipay.book()["movements"][0]["amount"] == 100


def test_the_clock_of_the_provider_is_in_its_notices(
    alipay: AlipaySimulator, shop: Shop, ears: Ears
) -> None:
    alipay.set_clock(600)
    ordered(shop, ears)
    alipay.pay("ORDER1")
    assert ears.wait_for(1)[0].fields["gmt_payment"] >= stamp(590)
