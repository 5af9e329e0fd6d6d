"""The customer's page in a real browser: choose, scan, and see that it was paid."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from channels.base import Outcome, PayState
from orders.actor import Actor, Door
from orders.models import Checkout, PayOrder
from orders.services import checkout as checkouts
from orders.services import pay
from tests import cast
from tests.browser.conftest import OpenDesk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
WECHAT = "Mozilla/5.0 (Linux; Android 14) Chrome/130.0 Mobile MicroMessenger/8.0.50"


@pytest.fixture(autouse=True)
def base_url(settings: Any, live_server: Any, redis_client: Any) -> None:
    settings.PREPAY_DEADLINE_S = 0  # no worker runs here: the second press finds the answer
    settings.BASE_URL = live_server.url


def ask(house: cast.House, **changes: Any) -> Checkout:
    facts = {"biz_order_no": "GW-1", "title": "龙井茶", "amount": 12800, "kind": "cashier"}
    new = checkouts.NewCheckout(**{**facts, **changes})
    actor = Actor(door=Door.DAXPAY, name="MA:app-a")
    return checkouts.request_checkout(house.application, new, actor)


def place(order: PayOrder) -> None:
    params = {"code_url": "sandbox://pay/1"}
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING, pay_params=params)


def ends(order: PayOrder, state: PayState) -> None:
    pay.request_sync(order.order_no, cast.CLOCK)
    paid = {"out_no": "4200001", "amount": order.amount} if state is PayState.PAID else {}
    cast.channel_says(order, Outcome.DONE, state=state, **paid)


def is_showing(desk: Any, name: str) -> None:
    expect(desk.page.locator(".co")).to_have_attribute("data-view", name)
    expect(desk.page.locator(f"[data-show={name}]")).to_be_visible()


def test_a_customer_chooses_scans_and_is_sent_back_when_the_money_has_come(
    open_desk: OpenDesk, house: cast.House, live_server: Any
) -> None:
    row = ask(house, return_url=f"{live_server.url}/healthz")
    desk = open_desk(None, **PHONE)
    desk.open(f"/cashier/{row.checkout_no}")
    page = desk.page
    expect(page.locator(".sum")).to_have_text("¥128.00")
    expect(page.locator("input[name=item]")).to_be_checked()
    is_showing(desk, "choose")

    page.click("[data-pay]")
    expect(page.locator("[data-say]")).to_be_visible()
    order = PayOrder.objects.get()
    assert (order.amount, order.channel, order.method) == (12800, "sandbox", "native")
    place(order)
    page.click("[data-pay]")
    is_showing(desk, "qr")
    expect(page.locator("[data-qr]")).to_have_js_property("complete", True)
    assert page.evaluate("document.querySelector('[data-qr]').naturalWidth") > 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert desk.flaws() == []

    # 204 keeps the browser where it is: there is time to look before the page has gone.
    page.route("**/healthz", lambda route: route.fulfill(status=204))
    ends(order, PayState.PAID)
    is_showing(desk, "paid")
    assert desk.flaws() == []
    desk.has_asked(row.return_url)
    assert PayOrder.objects.count() == 1

    desk.open(f"/cashier/{row.checkout_no}")
    is_showing(desk, "paid")
    expect(page.locator("[data-return]")).to_be_visible()
    expect(page.locator("[data-jump]")).to_be_hidden()


def test_the_page_follows_an_order_that_ends_otherwise(
    open_desk: OpenDesk, house: cast.House
) -> None:
    closed, failed = ask(house), ask(house, biz_order_no="GW-2")
    desk = open_desk(None, **PHONE, color_scheme="dark")
    desk.open(f"/cashier/{closed.checkout_no}")
    order = checkouts.choose(closed.checkout_no, "sandbox_native", return_url=desk.page.url)
    place(order)
    desk.page.click("[data-pay]")
    is_showing(desk, "qr")
    assert desk.flaws() == []
    ends(order, PayState.CLOSED)
    is_showing(desk, "closed")
    assert desk.flaws() == []

    desk.open(f"/cashier/{failed.checkout_no}")
    desk.page.click("[data-pay]")
    expect(desk.page.locator("[data-say]")).to_be_visible()
    order = PayOrder.objects.exclude(pk=order.pk).get()
    cast.channel_says(order, Outcome.REFUSED, code="NO_AUTH", message="no permission")
    is_showing(desk, "failed")


def test_an_aggregate_page_is_a_code_in_a_browser_and_a_payment_in_a_wallet(
    open_desk: OpenDesk, house: cast.House
) -> None:
    row = ask(house, kind="aggregate")
    browser = open_desk(None)
    browser.open(f"/aggregate/{row.checkout_no}")
    is_showing(browser, "scan")
    assert browser.flaws() == []
    assert PayOrder.objects.count() == 0

    wallet = open_desk(None, **PHONE, user_agent=WECHAT)
    wallet.open(f"/aggregate/{row.checkout_no}")
    expect(wallet.page.locator("[data-say]")).to_be_visible()
    order = PayOrder.objects.get()
    place(order)
    ends(order, PayState.PAID)
    is_showing(wallet, "paid")
    is_showing(browser, "paid")
