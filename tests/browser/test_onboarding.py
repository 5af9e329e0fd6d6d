"""A merchant's system is let in: from the form to the first request that works."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from orders import doors
from orders.engine import drain, wake
from orders.models import Application, DoorKey, MerchantNotice, PayOrder
from tests import cast
from tests.browser.conftest import Desk, OpenDesk
from tests.channels import loopback
from tests.gateway.kaigedian.world import acknowledging
from tests.gateway.test_onboarding import pair, sign_string, signed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DARK = {"color_scheme": "dark"}
ENGLISH = {"locale": "en-GB"}
APPLICATIONS = "/admin/orders/application"


@pytest.fixture(autouse=True)
def here(settings: Any, live_server: Any, redis_client: Any) -> None:
    settings.BASE_URL = live_server.url
    settings.PREPAY_DEADLINE_S = 0


def copied(desk: Desk) -> str:
    return desk.page.evaluate("navigator.clipboard.readText()")


def fill_in(desk: Desk, house: cast.House) -> None:
    page = desk.page
    desk.open(f"{APPLICATIONS}/add/")
    page.locator(".field-merchant .select2-selection").click()
    page.locator(".select2-results__option", has_text=house.merchant.name).click()
    page.fill("[name=app_id]", "tea-shop")
    page.fill("[name=name]", "桃园茶铺")
    for code in ("daxpay", "kaigedian", "minapp"):
        page.check(f'[name=doors][value="{code}"]')
    with desk.leaving():
        page.click("[name=_save]")
    _picture(desk, "issued")


def test_from_the_form_to_the_first_request_that_works(
    open_desk: OpenDesk, root: User, house: cast.House, tmp_path: Path
) -> None:
    desk = open_desk(root, permissions=["clipboard-read", "clipboard-write"])
    page = desk.page
    fill_in(desk, house)

    expect(page.locator("#zf-once-api-api_key")).to_contain_text("zf_")
    page.locator("dd", has=page.locator("#zf-once-api-api_key")).locator(".zf-copy").click()
    expect(page.locator("#zf-toasts")).to_contain_text("已复制")
    key = copied(desk)
    example = page.locator(".zf-group", has=page.locator("#zf-once-api-api_key"))
    example.locator("summary").nth(1).click()
    example.locator(".zf-example").nth(1).locator(".zf-copy").click()
    expect(page.locator("#zf-toasts p")).to_have_count(2)
    command = copied(desk)

    env = {"PATH": os.environ["PATH"], "ZF_API_KEY": key}
    done = subprocess.run(
        ["bash", "-c", command], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    order = PayOrder.objects.get()
    assert json.loads(done.stdout)["order_no"] == order.order_no, done.stderr
    assert order.application == Application.objects.get(app_id="tea-shop")
    with desk.leaving():
        page.get_by_role("link", name="我已复制").click()
    expect(page.locator(".zf-doors li")).to_have_count(4)
    assert key not in page.content()


def test_everything_that_is_shown_once_is_copied_as_one(
    open_desk: OpenDesk, root: User, house: cast.House, tmp_path: Path
) -> None:
    desk = open_desk(root, permissions=["clipboard-read", "clipboard-write"])
    fill_in(desk, house)

    desk.page.locator(".zf-panel .zf-button[data-copy]").click()
    expect(desk.page.locator("#zf-toasts")).to_contain_text("已复制")

    script = copied(desk) + '\nprintf "%s" "$ZF_MINAPP_TOKEN|$ZF_KAIGEDIAN_TOKEN|$ZF_DAXPAY_KEY"'
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    token, access, private = done.stdout.split("|")
    keys = {row.dialect: row for row in DoorKey.objects.all()}
    assert token == keys["minapp"].secrets["token"]
    assert access == keys["kaigedian"].secrets["access_token"]
    assert private.startswith("-----BEGIN PRIVATE KEY-----\n")


def test_the_self_check_follows_what_is_pasted(
    open_desk: OpenDesk, auditor: User, house: cast.House
) -> None:
    doors.issue(house.application, "daxpay", {"merchant_public_key_pem": pair("own")[1]})
    message = {
        "mchNo": "MA", "appId": "app-a", "reqId": "1", "reqTime": "2026-11-20 12:00:00",
        "nonceStr": "n", "bizOrderNo": "B-1", "title": "龙井茶", "amount": 12800,
    }  # fmt: skip
    text = sign_string(message)
    body = json.dumps({**message, "sign": signed(text)}, ensure_ascii=False)
    desk = open_desk(auditor)
    page = desk.page
    desk.open(f"{APPLICATIONS}/{house.application.pk}/doors/daxpay/")

    page.fill("[name=body]", body.replace("12800", "12801"))
    expect(page.locator(".zf-steps li.zf-bad")).to_have_count(1)
    expect(page.locator(".zf-steps li.zf-bad")).to_contain_text("SHA-256")
    page.fill("[name=body]", body)
    page.fill("[name=text]", text.replace("12800", "128"))
    expect(page.locator(".zf-steps li.zf-bad")).to_have_count(1)
    page.fill("[name=text]", text)
    expect(page.locator(".zf-steps li.zf-good")).to_have_count(6)
    assert not PayOrder.objects.exists()


def test_a_test_notice_is_sent_and_its_delivery_watched(
    open_desk: OpenDesk,
    root: User,
    house: cast.House,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.ALLOW_PRIVATE_NOTICE_URLS = True
    settings.ENGINE_NOTICE_THREADS = 2
    monkeypatch.setattr(wake, "publish", lambda queue: None)
    doors.issue(house.application, "kaigedian", {})
    desk = open_desk(root)
    page = desk.page
    with loopback.serving(acknowledging) as receiver:
        desk.open(f"{APPLICATIONS}/{house.application.pk}/change/")
        page.select_option(".zf-try [name=door]", "kaigedian")
        page.fill(".zf-try [name=url]", f"{receiver.url}/pushes")
        with desk.leaving():
            page.click(".zf-try button")
        expect(page.locator(".zf-follow")).to_be_visible()
        expect(page.locator(".zf-texts")).to_contain_text("尚未投递")

        assert drain.run("notice")

        expect(page.locator("[role=status] .zf-chip.zf-good")).to_be_visible()
        expect(page.locator(".zf-follow")).to_have_count(0)
        expect(page.locator(".zf-texts tbody tr")).to_have_count(1)
    notice = MerchantNotice.objects.get()
    assert (notice.status, notice.dialect) == ("delivered", "kaigedian")
    polls = desk.polls()
    page.wait_for_timeout(2500)
    assert desk.polls() == polls


@pytest.mark.parametrize(
    "options", [{}, PHONE, DARK, {**ENGLISH}], ids=["zh", "phone", "dark", "en"]
)
def test_every_page_of_a_door_can_be_read_and_fits(
    open_desk: OpenDesk, root: User, house: cast.House, options: dict[str, Any]
) -> None:
    row = house.application
    key, _shown = doors.issue(row, "daxpay", {})
    desk = open_desk(root, **options)
    page = desk.page
    for path in (
        f"{APPLICATIONS}/{row.pk}/change/", f"{APPLICATIONS}/{row.pk}/doors/daxpay/",
        f"{APPLICATIONS}/{row.pk}/doors/api/", f"{APPLICATIONS}/{row.pk}/doors/minapp/",
    ):  # fmt: skip
        desk.open(path)
        page.evaluate(
            "document.querySelectorAll('details.zf-example').forEach((d) => (d.open = true))"
        )
        if page.locator("[name=body]").count():
            page.fill("[name=body]", '{"mchNo":"MA","sign":"x"}')
            expect(page.locator(".zf-steps li").first).to_be_visible()
            page.locator("form.zf-check[action$='/sample/'] button").click()
            expect(page.locator("#zf-sample-body")).to_be_visible()
        _picture(desk, f"{path.strip('/').replace('/', '-')}-{'-'.join(map(str, options))}")
        assert desk.flaws() == [], path
        width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0, path
    assert cast.reload(key).config == key.config


def _picture(desk: Desk, name: str) -> None:
    folder = os.environ.get("ONB_SHOTS")
    if folder:
        desk.page.screenshot(path=f"{folder}/{name}.png", full_page=True)
