"""A person pays at the simulated Alipay's cashier and looks at its page, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from channels.simulators.alipay import AlipaySimulator
from tests.channels.simulators.alipay_client import Shop

pytestmark = pytest.mark.browser

BACK = "http://127.0.0.1:9/back"


@pytest.fixture
def page(alipay: AlipaySimulator, browser: Browser) -> Iterator[Any]:
    """A page that may speak to the simulator alone, and must not complain."""
    page = browser.new_page(locale="zh-CN")
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else 0)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.route(f"{BACK}*", lambda route: route.fulfill(body="back in the shop"))
    yield page
    page.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith((alipay.base_url, "data:", BACK))] == []


def test_the_cashier_takes_the_money_once_and_leads_back(
    alipay: AlipaySimulator, shop: Shop, page: Page
) -> None:
    biz = shop.order("ORDER1", "123.45", product_code="FAST_INSTANT_TRADE_PAY")
    page.goto(shop.url("alipay.trade.page.pay", biz, return_url=BACK))
    cashier = page.url
    page.get_by_text("¥123.45").wait_for()
    page.get_by_role("button", name="确认付款").click()
    page.get_by_text("back in the shop").wait_for()
    expect(page).to_have_url(re.compile("out_trade_no=ORDER1"))
    page.goto(cashier)
    page.get_by_text("付款成功").wait_for()
    expect(page.get_by_role("button")).to_have_count(0)
    moves = alipay.book()["movements"]
    assert [(move["our_no"], move["amount"]) for move in moves] == [("ORDER1", 12345)]


def test_a_click_on_the_simulators_page_pays_a_code(
    alipay: AlipaySimulator, shop: Shop, page: Page
) -> None:
    shop.precreate("ORDER1", "10.00")
    page.goto(alipay.base_url)
    page.get_by_text("支付宝模拟器").first.wait_for()
    page.get_by_role("button", name="支付 ¥10.00").click()
    page.get_by_text("+¥10.00").wait_for()
    assert shop.query("ORDER1").node["trade_status"] == "TRADE_SUCCESS"
    assert len(alipay.book()["movements"]) == 1
