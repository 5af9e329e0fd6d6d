"""A person plays the customer on the simulator's page, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from channels.simulators.wechat import WechatSimulator
from tests.channels.simulators.sharer import SHOP, Sharer
from tests.channels.simulators.wire_client import Merchant, wait_until

pytestmark = pytest.mark.browser


@pytest.fixture
def page(simulator: WechatSimulator, browser: Browser) -> Any:
    """A page that may speak to the simulator alone, and must not complain."""
    page = browser.new_page(locale="zh-CN")
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else 0)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    yield page
    page.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith((simulator.base_url, "data:"))] == []


def test_a_click_pays_one_order_once(
    simulator: WechatSimulator, merchant: Merchant, page: Page
) -> None:
    merchant.prepay(
        "ORDER-1", description="<b>青茶</b>", amount={"total": 12345, "currency": "CNY"}
    )
    page.goto(simulator.base_url)
    page.get_by_role("button", name="支付 ¥123.45").click()
    page.get_by_text("+¥123.45").wait_for()
    expect(page.get_by_text("<b>青茶</b>")).to_have_count(1)
    expect(page.locator("button.pay")).to_have_count(0)
    moves = simulator.book()["movements"]
    assert [(move["our_no"], move["amount"]) for move in moves] == [("ORDER-1", 12345)]


def is_setting(answer: Response) -> bool:
    """The page asks for the faults all the time; this one has changed them."""
    return answer.url.endswith("/_sim/faults") and answer.request.method == "POST"


def test_faults_are_switched_with_clicks_and_the_language_with_one(
    simulator: WechatSimulator, page: Page
) -> None:
    page.goto(simulator.base_url)
    page.locator("#op").select_option("refund")
    page.locator("#fault").select_option("slow")
    page.locator("#times").fill("3")
    page.locator("#value").fill("250")
    with page.expect_response(is_setting):
        page.get_by_role("button", name="添加").click()
    page.get_by_text("times=3, ms=250").wait_for()
    assert simulator.faults.describe() == {"refund": [{"fault": "slow", "times": 3, "ms": 250}]}
    page.get_by_role("button", name="English").click()
    with page.expect_response(is_setting):
        page.get_by_role("button", name="Clear all").click()
    page.get_by_text("No faults. All is well.").wait_for()
    assert simulator.faults.describe() == {}


def test_the_h5_address_shows_the_one_order(
    simulator: WechatSimulator, merchant: Merchant, page: Page
) -> None:
    scene = {"payer_client_ip": "10.0.0.7", "h5_info": {"type": "Wap"}}
    merchant.prepay("ORDER-1")
    url = merchant.prepay("ORDER-2", kind="h5", scene_info=scene).json["h5_url"]
    page.goto(url)
    page.get_by_text("ORDER-2").wait_for()
    expect(page.get_by_text("ORDER-1")).to_have_count(0)


def test_a_click_of_the_payee_takes_a_transfer_once(
    simulator: WechatSimulator, merchant: Merchant, page: Page
) -> None:
    simulator.set_balance(20_000)
    body = {
        "appid": merchant.identity["appid"],
        "transfer_scene_id": "1005",
        "openid": "o-payee",
        "transfer_amount": 5000,
        "transfer_remark": "<i>奖励</i>",
        "transfer_scene_report_infos": [{"info_type": "岗位类型", "info_content": "店员"}],
    }
    for number in ("T1", "T2"):
        reply = merchant.call(
            "POST", "/v3/fund-app/mch-transfer/transfer-bills", body | {"out_bill_no": number}
        )
        assert reply.status == 200
    page.goto(simulator.base_url)
    page.locator("#transfers .order", has_text="T1").get_by_role("button", name="确认收款").click()
    page.get_by_text("−¥50.00").wait_for()
    page.locator("#transfers .order", has_text="T2").get_by_role("button", name="拒收").click()
    page.locator("#transfers .chip", has_text="失败").wait_for()
    expect(page.get_by_text("<i>奖励</i>")).to_have_count(2)
    expect(page.locator("#transfers button")).to_have_count(0)
    moves = simulator.book()["movements"]
    assert [(m["kind"], m["our_no"]) for m in moves] == [("top_up", ""), ("transfer", "T1")]


def test_shared_and_frozen_money_is_shown(
    simulator: WechatSimulator, merchant: Merchant, page: Page
) -> None:
    simulator.set_max_ratio(10_000)
    sharer = Sharer(simulator, merchant)
    sharer.earn(12_345)
    sharer.know(SHOP)
    wait_until(lambda: sharer.share("S-1", (SHOP, 2345)).status == 200)
    sharer.ended("S-1")
    sharer.give_back("B-1", 45)
    page.goto(simulator.base_url)
    card = page.locator("#orders .order")
    card.get_by_text("分账 ¥23.45").wait_for()
    expect(card.get_by_text("冻结 ¥100.00")).to_have_count(1)
    expect(card.get_by_text("分账回退 ¥0.45")).to_have_count(1)
    expect(page.locator("#balance")).to_have_text("¥0.45可用余额¥100.00冻结¥0.00退款占用")
