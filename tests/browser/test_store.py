"""A store order in a real browser: its dialogs, its page on a phone and in the dark."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from orders.models import StoreOrder
from orders.services import store
from tests import cast
from tests.browser.conftest import OpenDesk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"locale": "en"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}


def page_of(row: StoreOrder) -> str:
    return f"/admin/orders/storeorder/{row.pk}/change/"


@pytest.fixture
def root(db: None) -> User:
    return cast.person("root", is_superuser=True)


def test_an_operator_hands_an_order_to_a_courier(
    open_desk: OpenDesk, root: User, house: cast.House
) -> None:
    row = cast.make_store_order(house, "made")
    desk = open_desk(root, locale="en")
    page = desk.page
    desk.open(page_of(row))
    page.click("#op-deliver")
    expect(page.locator("#zf-contact")).to_be_focused()
    page.fill("#zf-contact", "Li Si")
    page.click("#zf-dialog button[type=submit]")
    expect(page.locator("#zf-mobile-wrong")).to_be_visible()
    expect(page.locator("#zf-contact")).to_have_value("Li Si")
    page.fill("#zf-mobile", "13900000000")
    page.click("#zf-dialog button[type=submit]")
    expect(page.locator("#zf-dialog")).not_to_be_visible()
    expect(page.locator("#zf-delivery-title")).to_be_visible()
    expect(page.locator("#op-deliver")).to_have_attribute("aria-disabled", "true")
    assert cast.reload(row).status == StoreOrder.Status.DELIVERING
    assert desk.troubles == []


@pytest.mark.parametrize("look", LOOKS)
def test_the_page_is_readable_and_fits(
    open_desk: OpenDesk, root: User, house: cast.House, look: str
) -> None:
    row = cast.make_store_order(
        house, "delivering", note="less ice, please", deliver_fee=500, original_amount=12000
    )
    store.operate(row.order_no, "request_refund", cast.MERCHANT_ACTOR, reason="it arrived cold")
    desk = open_desk(root, **LOOKS[look])
    for path in (page_of(row), "/admin/orders/storeorder/"):
        desk.open(path)
        assert desk.flaws() == []
        width = desk.page.evaluate("[document.body.scrollWidth, innerWidth]")
        assert width[0] <= width[1]
    assert desk.troubles == []
