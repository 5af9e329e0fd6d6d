"""Orders at the simulated Alipay: ordered, scanned, paid, asked about, closed, cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from channels.simulators.alipay import AlipaySimulator, Settings
from channels.simulators.core.errors import ControlError
from tests.channels.simulators.alipay_client import Shop, stamp
from tests.channels.simulators.wire_client import wait_until

DAY = 86400
PAGE = {"product_code": "FAST_INSTANT_TRADE_PAY"}


def movements(alipay: AlipaySimulator) -> list[tuple[str, str, int]]:
    return [(m["kind"], m["our_no"], m["amount"]) for m in alipay.book()["movements"]]


def balance(alipay: AlipaySimulator) -> dict[str, int]:
    return alipay.book()["balances"][alipay.merchant]


# --- a trade exists only once somebody has scanned -------------------------------------------


def test_precreate_makes_a_code_but_no_trade(alipay: AlipaySimulator, shop: Shop) -> None:
    made = shop.precreate("ORDER1").node
    assert set(made) == {"code", "msg", "out_trade_no", "qr_code"}
    for reply in (
        shop.query("ORDER1"),
        shop.close("ORDER1"),
        shop.cancel("ORDER1"),
        shop.refund("ORDER1", "R1", "1.00"),
        shop.query_refund("ORDER1", "R1"),
    ):
        assert reply.code == "40004 ACQ.TRADE_NOT_EXIST"
    scanned = alipay.scan("ORDER1")
    told = shop.query("ORDER1").node
    assert (told["trade_status"], told["trade_no"]) == ("WAIT_BUYER_PAY", scanned["trade_no"])
    assert "send_pay_date" not in told
    assert movements(alipay) == []


def test_the_customer_can_still_pay_after_a_close_found_no_trade(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    """The late payment that an adapter must expect."""
    shop.precreate("ORDER1")
    assert shop.close("ORDER1").code == "40004 ACQ.TRADE_NOT_EXIST"
    alipay.pay("ORDER1")
    assert shop.query("ORDER1").node["trade_status"] == "TRADE_SUCCESS"


def test_a_paid_trade_tells_who_paid_what_and_when(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.precreate("ORDER1", "88.88", body="a/b", passback_params="x=1", store_id="S1")
    paid = alipay.pay("ORDER1")
    told = shop.query("ORDER1").node
    sums = ("total_amount", "receipt_amount", "buyer_pay_amount", "invoice_amount")
    assert {told[name] for name in sums} == {"88.88"}
    assert told["point_amount"] == "0.00"
    assert told["trade_no"] == paid["trade_no"]
    assert told["send_pay_date"][:10] == stamp()[:10]
    assert told["fund_bill_list"] == [{"amount": "88.88", "fund_channel": "ALIPAYACCOUNT"}]
    assert (told["passback_params"], told["store_id"]) == ("x=1", "S1")
    assert shop.query("", trade_no=paid["trade_no"], out_trade_no="NOBODY").node == told
    assert movements(alipay) == [("pay", "ORDER1", 8888)]
    assert balance(alipay) == {"available": 8888, "frozen": 0, "refunding": 0}


def test_slashes_are_escaped_so_that_writing_the_node_anew_differs(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    shop.precreate("ORDER1", subject='a/b }"{ 中文')
    alipay.pay("ORDER1")
    reply = shop.query("ORDER1")
    assert '"subject":"a\\/b }\\"{ 中文"'.encode() in reply.raw
    shop.verify(reply)


# --- one number is one order -----------------------------------------------------------------


def test_the_same_order_again_gets_a_fresh_code_and_another_content_is_refused(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    first = shop.precreate("ORDER1").node["qr_code"]
    assert shop.precreate("ORDER1").node["qr_code"] != first
    for changed in ({"amount": "1.01"}, {"subject": "红茶"}):
        assert shop.precreate("ORDER1", **changed).code == "40004 ACQ.CONTEXT_INCONSISTENT"
    create = shop.call("alipay.trade.create", shop.order("ORDER1", buyer_id="2088000000000001"))
    assert create.code == "40004 ACQ.CONTEXT_INCONSISTENT"
    assert len(alipay.orders()) == 1


def test_a_paid_or_closed_number_cannot_be_ordered_again(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    shop.precreate("ORDER1")
    alipay.pay("ORDER1")
    assert shop.precreate("ORDER1").code == "40004 ACQ.TRADE_HAS_SUCCESS"
    assert shop.bar_pay("ORDER1").code == "40004 ACQ.TRADE_HAS_SUCCESS"
    shop.precreate("ORDER2")
    alipay.scan("ORDER2")
    shop.close("ORDER2")
    assert shop.precreate("ORDER2").code == "40004 ACQ.TRADE_HAS_CLOSE"
    assert movements(alipay) == [("pay", "ORDER1", 100)]


def test_an_order_is_paid_once_whoever_tries(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.precreate("ORDER1")
    refusals: list[str] = []

    def pay() -> None:
        try:
            alipay.pay("ORDER1", force=True)
        except ControlError as refused:
            refusals.append(refused.code)

    threads = [threading.Thread(target=pay) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refusals == ["already_paid"] * 7
    assert movements(alipay) == [("pay", "ORDER1", 100)]


# --- close, cancel, expiry -------------------------------------------------------------------


def test_close_ends_an_unpaid_trade_once(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.precreate("ORDER1")
    alipay.scan("ORDER1")
    assert shop.close("ORDER1").code == "10000"
    told = shop.query("ORDER1").node
    assert told["trade_status"] == "TRADE_CLOSED"
    assert "send_pay_date" not in told
    assert shop.close("ORDER1").code == "40004 ACQ.REASON_TRADE_STATUS_INVALID"
    with pytest.raises(ControlError, match="closed"):
        alipay.pay("ORDER1")
    assert movements(alipay) == []


def test_close_refuses_a_paid_trade(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.precreate("ORDER1")
    alipay.pay("ORDER1")
    assert shop.close("ORDER1").code == "40004 ACQ.REASON_TRADE_STATUS_INVALID"
    assert shop.query("ORDER1").node["trade_status"] == "TRADE_SUCCESS"


def test_late_money_comes_in_where_it_is_forced(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.precreate("ORDER1")
    alipay.scan("ORDER1")
    shop.close("ORDER1")
    alipay.pay("ORDER1", amount=70, force=True)
    told = shop.query("ORDER1").node
    assert (told["trade_status"], told["total_amount"]) == ("TRADE_SUCCESS", "0.70")
    assert movements(alipay) == [("pay", "ORDER1", 70)]


def test_cancel_closes_what_is_unpaid_and_refunds_what_is_paid(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    shop.precreate("ORDER1")
    alipay.scan("ORDER1")
    node = shop.cancel("ORDER1").node
    assert (node["action"], node["retry_flag"]) == ("close", "N")
    shop.precreate("ORDER2")
    alipay.pay("ORDER2")
    node = shop.cancel("ORDER2").node
    assert (node["action"], node["retry_flag"]) == ("refund", "N")
    told = shop.query("ORDER2").node
    assert told["trade_status"] == "TRADE_CLOSED"
    assert "send_pay_date" in told
    for number in ("ORDER1", "ORDER2"):
        again = shop.cancel(number).node
        assert (again["code"], "action" in again) == ("10000", False)
    assert movements(alipay) == [("pay", "ORDER2", 100), ("refund", "ORDER2", 100)]
    assert balance(alipay)["available"] == 0


def test_cancel_is_for_one_day_and_for_what_was_not_refunded(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    for number in ("ORDER1", "ORDER2", "ORDER3"):
        shop.precreate(number)
        alipay.pay(number)
    shop.refund("ORDER1", "R1", "0.10")
    assert shop.cancel("ORDER1").code == "40004 ACQ.REASON_TRADE_REFUND_FEE_ERR"
    alipay.set_balance(0)
    assert shop.cancel("ORDER3").code == "40004 ACQ.SELLER_BALANCE_NOT_ENOUGH"
    alipay.set_balance(500)
    alipay.set_clock(DAY + 60)
    late = {"out_trade_no": "ORDER2"}
    reply = shop.call("alipay.trade.cancel", late, timestamp=stamp(DAY + 60))
    assert reply.code == "40004 ACQ.TRADE_CANCEL_TIME_OUT"
    assert balance(alipay)["available"] == 500


def test_an_unpaid_trade_closes_when_its_time_is_over(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.precreate("ORDER1", timeout_express="90m")
    shop.precreate("ORDER2", time_expire=stamp(3600))
    for number in ("ORDER1", "ORDER2"):
        alipay.scan(number)
    alipay.set_clock(3700)
    wait_until(lambda: alipay.orders()[0]["trade_status"] == "TRADE_CLOSED")
    assert [order["trade_status"] for order in alipay.orders()] == [
        "TRADE_CLOSED",
        "WAIT_BUYER_PAY",
    ]
    alipay.set_clock(5500)
    wait_until(lambda: alipay.orders()[1]["trade_status"] == "TRADE_CLOSED")
    assert movements(alipay) == []


def test_a_code_is_too_old_after_two_hours_and_a_fresh_one_works(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    shop.precreate("ORDER1")
    alipay.set_clock(7300)
    with pytest.raises(ControlError, match="too old"):
        alipay.pay("ORDER1")
    shop.precreate("ORDER1", timestamp=stamp(7300))
    assert alipay.pay("ORDER1")["amount"] == 100


@pytest.mark.parametrize(
    "changed",
    [
        {"time_expire": "2020-01-01 00:00:00"},
        {"time_expire": "2099-02-31 00:00:00"},
        {"timeout_express": "0m"},
        {"timeout_express": "5w"},
        {"seller_id": "2088000000000000"},
        {"subject": ""},
        {"subject": "茶" * 257},
        {"subject": "🍵"},
        {"product_code": "QUICK_WAP_WAY"},
        {"extend_params": {"royalty_freeze": True}},
    ],
)
def test_an_order_that_cannot_be_is_refused(
    alipay: AlipaySimulator, shop: Shop, changed: dict[str, Any]
) -> None:
    assert shop.precreate("ORDER1", **changed).code == "40004 ACQ.INVALID_PARAMETER"
    assert alipay.orders() == []


def test_a_paid_trade_is_finished_after_a_year_and_cannot_be_refunded(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    shop.precreate("ORDER1")
    alipay.pay("ORDER1")
    alipay.set_clock(366 * DAY)
    biz = {"out_trade_no": "ORDER1", "refund_amount": "1.00", "out_request_no": "R1"}
    reply = shop.call("alipay.trade.refund", biz, timestamp=stamp(366 * DAY))
    assert reply.code == "40004 ACQ.TRADE_HAS_FINISHED"
    assert movements(alipay) == [("pay", "ORDER1", 100)]


# --- create and bar code ---------------------------------------------------------------------


def test_create_makes_the_trade_at_once_for_a_known_buyer(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    biz = shop.order("ORDER1", product_code="JSAPI_PAY")
    assert shop.call("alipay.trade.create", biz).code == "40004 ACQ.INVALID_PARAMETER"
    made = shop.call("alipay.trade.create", biz | {"buyer_id": "2088000000000001"}).node
    told = shop.query("ORDER1").node
    assert (told["trade_no"], told["trade_status"]) == (made["trade_no"], "WAIT_BUYER_PAY")
    assert told["buyer_user_id"] == "2088000000000001"
    assert alipay.pay("ORDER1")["trade_no"] == made["trade_no"]


def test_a_bar_code_is_paid_at_once(alipay: AlipaySimulator, shop: Shop) -> None:
    node = shop.bar_pay("ORDER1").node
    assert (node["code"], node["buyer_pay_amount"]) == ("10000", "1.00")
    assert node["gmt_payment"][:10] == stamp()[:10]
    assert shop.query("ORDER1").node["trade_status"] == "TRADE_SUCCESS"
    assert movements(alipay) == [("pay", "ORDER1", 100)]


def test_a_bar_code_may_wait_for_the_customer(alipay: AlipaySimulator, shop: Shop) -> None:
    assert shop.bar_pay("ORDER1", "281234567890123401").code == "10003"
    assert shop.query("ORDER1").node["trade_status"] == "WAIT_BUYER_PAY"
    assert shop.bar_pay("ORDER1", "281234567890123401").code == "10003"
    assert movements(alipay) == []
    alipay.pay("ORDER1")
    assert shop.bar_pay("ORDER1").code == "40004 ACQ.TRADE_HAS_SUCCESS"
    assert movements(alipay) == [("pay", "ORDER1", 100)]


def test_a_slow_customer_confirms_after_a_while(alipay: AlipaySimulator, shop: Shop) -> None:
    assert shop.bar_pay("ORDER1", "281234567890123404").code == "10003"
    wait_until(lambda: movements(alipay) == [("pay", "ORDER1", 100)])
    assert shop.query("ORDER1").node["trade_status"] == "TRADE_SUCCESS"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("281234567890123402", "40004 ACQ.BUYER_BALANCE_NOT_ENOUGH"),
        ("281234567890123403", "40004 ACQ.PAYMENT_AUTH_CODE_INVALID"),
        ("181234567890123499", "40004 ACQ.INVALID_PARAMETER"),
        ("2812345", "40004 ACQ.INVALID_PARAMETER"),
    ],
)
def test_a_bar_code_that_cannot_pay_leaves_no_trade(
    alipay: AlipaySimulator, shop: Shop, code: str, told: str
) -> None:
    assert shop.bar_pay("ORDER1", code).code == told
    assert shop.query("ORDER1").code == "40004 ACQ.TRADE_NOT_EXIST"
    assert movements(alipay) == []


# --- the browser's ways to pay ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "product"),
    [
        ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
        ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
        ("alipay.trade.wap.pay", "QUICK_WAP_PAY"),
        ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
    ],
)
def test_the_browser_is_sent_to_the_cashier_and_back(
    alipay: AlipaySimulator, shop: Shop, method: str, product: str
) -> None:
    biz = shop.order("ORDER1", product_code=product)
    back = "http://127.0.0.1:9/back?a=1"
    address = shop.url(method, biz, return_url=back)
    assert shop.query("ORDER1").code == "40004 ACQ.TRADE_NOT_EXIST"

    opened = shop.request("GET", address.removeprefix(alipay.base_url))
    assert opened.status == 303
    assert shop.query("ORDER1").node["trade_status"] == "WAIT_BUYER_PAY"
    cashier = opened.headers["Location"].removeprefix(alipay.base_url)
    page = shop.request("GET", cashier)
    assert page.raw.decode().count("¥1.00") == 1
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")

    token = dict(parse_qsl(urlsplit(cashier).query))["token"]
    returned = shop.request("POST", "/cashier/pay", f"token={token}")
    assert returned.status == 303
    assert returned.headers["Location"].startswith(f"{back}&")
    fields = dict(parse_qsl(urlsplit(returned.headers["Location"]).query))
    assert fields.pop("a") == "1"
    shop.verify_form(fields)
    assert (fields["method"], fields["total_amount"]) == (f"{method}.return", "1.00")
    assert fields["seller_id"] == alipay.merchant
    assert "trade_status" not in fields
    assert shop.request("POST", "/cashier/pay", f"token={token}").status == 200
    assert movements(alipay) == [("pay", "ORDER1", 100)]


def test_without_a_return_address_the_browser_stays_at_the_cashier(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    address = shop.url("alipay.trade.page.pay", shop.order("ORDER1") | PAGE)
    opened = shop.request("GET", address.removeprefix(alipay.base_url))
    cashier = opened.headers["Location"].removeprefix(alipay.base_url)
    token = dict(parse_qsl(urlsplit(cashier).query))["token"]
    paid = shop.request("POST", "/cashier/pay", f"token={token}")
    assert paid.headers["Location"] == f"{alipay.base_url}{cashier}"
    assert b"<form" not in shop.request("GET", cashier).raw


def test_a_forged_page_address_shows_the_refusal_and_holds_nothing(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    address = shop.url("alipay.trade.page.pay", shop.order("ORDER1") | PAGE)
    forged = address.removeprefix(alipay.base_url).replace("1.00", "0.01")
    page = shop.request("GET", forged)
    assert page.status == 200
    assert b"isv.invalid-signature" in page.raw
    assert alipay.orders() == []


def test_what_a_merchant_writes_into_a_title_is_text_at_the_cashier(
    alipay: AlipaySimulator, shop: Shop
) -> None:
    biz = shop.order("ORDER1", subject="<script>alert(1)</script>") | PAGE
    address = shop.url("alipay.trade.page.pay", biz, return_url="javascript:alert(1)")
    opened = shop.request("GET", address.removeprefix(alipay.base_url))
    page = shop.request("GET", opened.headers["Location"].removeprefix(alipay.base_url)).raw
    assert b"<script" not in page
    assert b"&lt;script&gt;" in page
    assert b"javascript:" not in page


def test_opening_a_codes_address_is_scanning_it(alipay: AlipaySimulator, shop: Shop) -> None:
    code = shop.precreate("ORDER1").node["qr_code"]
    scanned = shop.request("GET", code.removeprefix(alipay.base_url))
    assert scanned.status == 303
    assert shop.query("ORDER1").node["trade_status"] == "WAIT_BUYER_PAY"
    assert alipay.code_of("ORDER1") == code
    alipay.pay("ORDER1")
    assert shop.request("GET", code.removeprefix(alipay.base_url)).status == 200


# --- the page's list -------------------------------------------------------------------------


def test_the_list_speaks_the_common_words(alipay: AlipaySimulator, shop: Shop) -> None:
    for number in ("ORDER1", "ORDER2", "ORDER3"):
        shop.precreate(number)
    alipay.pay("ORDER1")
    alipay.scan("ORDER2")
    shop.close("ORDER2")
    states = {order["our_no"]: order["state"] for order in alipay.orders()}
    assert states == {"ORDER3": "NOTPAY", "ORDER2": "CLOSED", "ORDER1": "SUCCESS"}
    assert [order["our_no"] for order in alipay.orders(state="CLOSED")] == ["ORDER2"]
    assert [order["our_no"] for order in alipay.orders(search="RDER3")] == ["ORDER3"]
    (first,) = alipay.orders(search="ORDER1")
    assert (first["amount"], first["paid"], first["payable"]) == (100, 100, False)


def test_money_frozen_for_royalty_is_not_available(
    make_alipay: Callable[..., AlipaySimulator], alipay_identity: dict[str, Any]
) -> None:
    alipay = make_alipay(settings=Settings(initial_balance=7, durable=False))
    shop = Shop(alipay_identity, alipay.base_url)
    shop.precreate("ORDER1", extend_params={"royalty_freeze": "true"})
    alipay.pay("ORDER1")
    assert balance(alipay) == {"available": 7, "frozen": 100, "refunding": 0}
    assert shop.refund("ORDER1", "R1", "0.40").code == "10000"
    assert balance(alipay) == {"available": 7, "frozen": 60, "refunding": 0}
