"""The console in a real browser: dialogs, following an order, keys, and what the browser thinks."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page, Response, expect

from channels.base import AllocationState, Outcome, PayState, RefundState, TransferState
from orders.models import (
    AllocationGroup,
    Anomaly,
    ChannelCallback,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    ShareReturn,
)
from tests import cast
from tests.browser.conftest import Desk, OpenDesk
from tests.orders.admin import outgoing

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

CLICK_AT_ONCE = """() => document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "zf-live") setTimeout(() => document.getElementById("op-close").click());
})"""
"""The very next thing that the browser does after a refresh."""
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DARK = {"color_scheme": "dark"}


def page_of(row: Any) -> str:
    return f"/admin/orders/{row._meta.model_name}/{row.pk}/change/"


# --- dialogs -----------------------------------------------------------------------------------


def test_an_operator_logs_in_and_refunds_part_of_an_order(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "success", amount=128800)
    desk = open_desk()
    page = desk.page

    desk.open(page_of(order))
    page.fill("[name=username]", "finance")
    page.fill("[name=password]", "correct horse battery")
    with desk.leaving():
        page.press("[name=password]", "Enter")
    expect(page.locator(".zf-sum strong")).to_have_text("¥1,288.00")
    page.click("#op-refund")
    expect(page.locator("#zf-amount")).to_be_focused()
    expect(page.locator("#zf-amount")).to_have_value("1,288.00")
    page.fill("#zf-amount", "386.40")
    page.fill("#zf-reason", "客户退货")
    page.click("#zf-dialog button[type=submit]")

    expect(page.locator("#zf-dialog")).not_to_be_visible()
    expect(page.locator("#zf-toasts")).to_contain_text("退款：已受理")
    expect(page.locator(".zf-kids")).to_contain_text("¥386.40")
    expect(page.locator("#op-refund")).to_have_attribute("aria-disabled", "true")
    refund = RefundOrder.objects.get()
    assert (refund.amount, refund.reason, refund.asked_by) == (38640, "客户退货", "finance")

    cast.channel_says(refund, Outcome.DONE, state=RefundState.SUCCESS, out_no="50", amount=38640)
    expect(page.locator(".zf-key")).to_contain_text("¥901.60")
    expect(page.locator(".zf-head-top")).to_contain_text("部分退款")


def test_the_dialog_keeps_the_focus_and_escape_gives_it_back(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "success")
    desk = open_desk(finance)
    page = desk.page
    desk.open(page_of(order))

    page.focus("#op-refund")
    page.keyboard.press("Enter")
    expect(page.locator("#zf-amount")).to_be_focused()
    for _step in range(12):
        page.keyboard.press("Tab")
        inside = page.evaluate(
            "document.activeElement === document.body || "
            "document.activeElement.closest('dialog') !== null"
        )
        assert inside
    page.keyboard.press("Escape")

    expect(page.locator("#zf-dialog")).not_to_be_visible()
    expect(page.locator("#op-refund")).to_be_focused()
    assert not RefundOrder.objects.exists()


def test_what_is_wrong_stands_in_the_dialog_and_what_was_typed_stays(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "success")
    desk = open_desk(finance)
    page = desk.page
    desk.open(page_of(order))
    page.click("#op-refund")

    page.fill("#zf-amount", "100.01")
    page.fill("#zf-reason", "两箱破损")
    page.click("#zf-dialog button[type=submit]")

    expect(page.locator("#zf-amount-wrong")).to_have_text("¥100.01 超过可退余额 ¥100.00。")
    expect(page.locator("#zf-amount")).to_be_focused()
    expect(page.locator("#zf-reason")).to_have_value("两箱破损")
    page.click("[data-fill]")
    expect(page.locator("#zf-amount")).to_have_value("100.00")
    assert not RefundOrder.objects.exists()


def test_two_hasty_clicks_refund_once(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "success")
    desk = open_desk(finance)
    page = desk.page
    desk.open(page_of(order))
    page.click("#op-refund")
    page.fill("#zf-amount", "10")
    page.fill("#zf-reason", "x")

    page.dblclick("#zf-dialog button[type=submit]")

    expect(page.locator("#zf-dialog")).not_to_be_visible()
    expect(page.locator(".zf-kids li")).to_have_count(1)
    assert RefundOrder.objects.count() == 1
    assert sum("/do/refund/" in url for url in desk.requests) == 2  # the dialog, and one answer


def test_a_blocked_operation_can_be_reached_and_does_nothing(
    open_desk: OpenDesk, auditor: User, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "success")
    desk = open_desk(auditor)
    page = desk.page
    desk.open(page_of(order))

    page.focus("#op-refund")
    page.keyboard.press("Enter")

    expect(page.locator("#op-refund")).to_be_focused()
    expect(page.locator("#why-refund")).to_have_text("你的角色不能退款。")
    expect(page.locator("#zf-dialog")).not_to_be_visible()


# --- transfers and shared money ----------------------------------------------------------------


def test_an_operator_sees_the_payee_once_and_withdraws_the_transfer(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    order = outgoing.make_transfer(house, "waiting", amount=128800)
    desk = open_desk(finance)
    page = desk.page
    desk.open(page_of(order))
    expect(page.locator(".zf-wait")).to_contain_text("等待收款人确认")
    expect(page.locator(".zf-wait .zf-count")).to_contain_text(re.compile(r"\d+小时后"))

    page.click("#op-payee")
    expect(page.locator("#zf-payee-account")).to_have_text(outgoing.OPENID)
    expect(page.locator(".zf-told")).to_contain_text("查看了收款人明文")
    page.keyboard.press("Escape")
    expect(page.locator("#zf-dialog")).not_to_be_visible()
    expect(page.locator("#zf-payee-account")).to_have_count(0)
    assert outgoing.OPENID not in page.content()

    page.click("#op-cancel")
    page.fill("#zf-reason", "付错人了")
    page.click("#zf-dialog button[type=submit]")
    expect(page.locator("#zf-toasts")).to_contain_text("撤销：已受理")
    expect(page.locator(".zf-head-top")).to_contain_text("撤销中")
    expect(page.locator("#why-cancel")).to_contain_text("已申请撤销")
    assert cast.open_kinds(order) == ["cancel_transfer"]

    cast.channel_says(order, Outcome.DONE, state=TransferState.CLOSED)
    expect(page.locator(".zf-head-top")).to_contain_text("转账关闭")
    expect(page.locator(".zf-wait")).to_have_count(0)


def test_more_than_is_free_is_returned_first_and_refunded_then(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    order = outgoing.paid_and_shared(house, amount=3000)
    desk = open_desk(finance)
    page = desk.page
    desk.open(page_of(order))
    expect(page.locator(".zf-key")).to_contain_text("已分账")
    page.click("#op-refund")
    expect(page.locator("#zf-amount")).to_have_value("70.00")
    page.fill("#zf-amount", "90")
    page.fill("#zf-reason", "客户退货")
    page.click("#zf-dialog footer button[type=submit]")

    expect(page.locator("#zf-amount-wrong")).to_contain_text("超过未分出的 ¥70.00")
    expect(page.locator(".zf-second")).to_contain_text("¥20.00")
    assert desk.flaws() == []
    page.click("#zf-second")

    expect(page.locator("#zf-dialog")).not_to_be_visible()
    expect(page.locator("#zf-toasts")).to_contain_text("先回退再退款：已受理")
    expect(page.locator(".zf-kids")).to_have_count(3)
    refund, back = RefundOrder.objects.get(), ShareReturn.objects.get()
    assert (refund.amount, back.amount, cast.open_kinds(refund)) == (9000, 2000, [])
    cast.channel_says(back, Outcome.DONE, state=AllocationState.FINISHED)
    cast.channel_says(refund, Outcome.DONE, state=RefundState.SUCCESS, out_no="5", amount=9000)
    expect(page.locator(".zf-head-top")).to_contain_text("部分退款")


def test_the_rates_of_a_group_add_up_while_they_are_typed(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    rows = [outgoing.make_receiver(house, f"190000010{n}") for n in range(2)]
    desk = open_desk(finance)
    page = desk.page
    desk.open("/admin/orders/allocationgroup/add/")
    page.select_option("[name=channel]", "sandbox")
    with desk.leaving():
        page.click(".zf-page-form button[type=submit]")
    page.fill("[name=name]", "门店与总部")
    page.fill(f"[name=rate_{rows[0].receiver_no}]", "60")
    page.fill(f"[name=rate_{rows[1].receiver_no}]", "40.5")
    expect(page.locator("#zf-total")).to_have_text("100.5")
    expect(page.locator(".zf-total")).to_have_class(re.compile("is-wrong"))
    page.fill(f"[name=rate_{rows[1].receiver_no}]", "39.5")
    expect(page.locator("#zf-total")).to_have_text("99.5")
    page.click(".zf-page-form button[type=submit]")

    expect(page.locator("body")).to_contain_text("分账组已保存。")
    group = AllocationGroup.objects.get()
    assert sorted(group.members.values_list("rate", flat=True)) == [3950, 6000]


# --- following an order ------------------------------------------------------------------------


def test_the_page_follows_the_order_to_its_end_and_then_rests(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "wait")
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING)
    later = timezone.now() + timedelta(hours=5)
    PayOrder.objects.filter(pk=order.pk).update(next_check_at=later)
    desk = open_desk(finance)
    page = desk.page
    desk.open(page_of(order))
    expect(page.locator(".zf-head-top")).to_contain_text("支付中")
    expect(page.locator(".zf-planned")).to_contain_text("4小时后")
    page.focus("#op-sync")

    cast.pay.request_sync(order.order_no, cast.CLOCK)
    cast.channel_says(order, Outcome.DONE, state=PayState.PAID, out_no="42", amount=10000)

    expect(page.locator(".zf-head-top")).to_contain_text("支付成功")
    expect(page.locator("#op-sync")).to_be_focused()
    expect(page.locator(".zf-follow")).to_have_count(0)
    before = desk.polls()
    page.wait_for_timeout(2_500)  # longer than the pace of the polls
    assert desk.polls() == before


def test_a_refresh_closes_neither_a_dialog_nor_an_opened_wire(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "wait")
    call = cast.claim(order)
    cast.corridor.settle(
        [
            cast.corridor.Answer(
                call_id=call.pk,
                attempt=call.attempt,
                result=cast.Result(outcome=Outcome.DONE, state=PayState.WAITING),
                exchange=cast.Exchange(request="POST /wire"),
            )
        ]
    )
    desk = open_desk(finance)
    page = desk.page
    desk.open(page_of(order))
    page.click(f"#wc{call.pk} summary")
    page.click("#op-close")
    page.fill("#zf-reason", "顾客不要了")

    cast.pay.request_sync(order.order_no, cast.CLOCK)
    expect(page.locator(".zf-planned")).to_contain_text("待发送：查询支付")

    expect(page.locator("#zf-reason")).to_have_value("顾客不要了")
    expect(page.locator("#zf-reason")).to_be_focused()
    expect(page.locator(f"#wc{call.pk}")).to_have_attribute("open", "")


def test_when_the_session_ends_the_page_asks_to_log_in(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "progress")
    desk = open_desk(finance)
    desk.open(page_of(order))

    Session.objects.all().delete()

    expect(desk.page.locator("[name=username]")).to_be_visible()
    desk.is_at("/admin/login/?" + urlencode({"next": page_of(order)}))


def test_a_button_works_from_the_moment_in_which_a_refresh_has_drawn_it(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "progress")
    desk = open_desk(finance)
    page = desk.page
    desk.open(page_of(order))
    page.evaluate(CLICK_AT_ONCE)

    cast.pay.request_sync(order.order_no, cast.CLOCK)

    expect(page.locator("#zf-reason")).to_be_focused()


def test_a_refresh_does_not_swallow_a_click_that_has_begun(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "progress")
    desk = open_desk(finance)
    page = desk.page
    desk.open(page_of(order))
    expect(page.locator(".zf-planned")).not_to_contain_text("待发送：查询支付")
    page.hover("#op-close")
    page.mouse.down()

    with page.expect_response(lambda answer: "/live/" in answer.url and answer.status == 200):
        cast.pay.request_sync(order.order_no, cast.CLOCK)
    page.evaluate("new Promise((resolve) => setTimeout(resolve))")
    page.mouse.up()

    expect(page.locator("#zf-reason")).to_be_focused()
    expect(page.locator(".zf-planned")).to_contain_text("待发送：查询支付")


# --- lists and keys ----------------------------------------------------------------------------


def test_lists_are_walked_with_keys_alone(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    orders = [cast.make_pay_order(house, "wait") for _ in range(52)]
    desk = open_desk(finance)
    page = desk.page
    desk.open("/admin/orders/payorder/")
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(50)

    with desk.leaving():
        desk.press("n")
    expect(rows).to_have_count(2)
    with desk.leaving():
        desk.press("p")
    expect(rows).to_have_count(50)
    desk.press("j", "j", "k")
    expect(rows.nth(0)).to_have_class(re.compile("is-here"))
    desk.press("j")
    with desk.leaving():
        page.keyboard.press("Enter")
    desk.is_at(page_of(orders[-2]))
    with desk.leaving():
        page.go_back()
    desk.press("?")
    expect(page.locator("#zf-keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#zf-keys")).not_to_be_visible()
    desk.press("/")
    expect(page.locator("#searchbar")).to_be_focused()
    with desk.leaving():
        page.keyboard.type(orders[7].biz_order_no + "\n")
    desk.is_at(page_of(orders[7]))


def test_filters_are_chosen_and_taken_off(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    cast.make_pay_order(house, "wait")
    cast.make_pay_order(house, "success", amount=50000)
    desk = open_desk(finance)
    page = desk.page
    desk.open("/admin/orders/payorder/")

    desk.press("f")
    page.check('[name=status][value="success"]', force=True)
    page.fill("[name=amount_min]", "500")
    with desk.leaving():
        page.click(".zf-filters button[type=submit]")

    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.locator(".zf-chips")).to_contain_text("状态: 支付成功")
    desk.is_at("/admin/orders/payorder/?status=success&amount_min=500")
    with desk.leaving():
        page.click('.zf-chips a:has-text("金额")')
    desk.is_at("/admin/orders/payorder/?status=success")
    desk.press("f")
    with desk.leaving():
        page.click('.zf-quick button:has-text("昨天")')
    expect(page.locator(".zf-empty")).to_be_visible()


def test_the_palette_finds_a_number_from_anywhere(
    open_desk: OpenDesk, finance: User, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "success")
    desk = open_desk(finance)
    page = desk.page
    desk.open("/admin/orders/merchant/")

    desk.press("Control+k")
    field = page.locator("#search-input-command")
    expect(field).to_be_focused()
    field.press_sequentially(order.order_no)
    result = page.locator("#command-results-list a")
    expect(result).to_contain_text(order.order_no)
    with desk.leaving():
        result.click()

    expect(page.locator("#zf-facts-title")).to_be_visible()
    desk.is_at(page_of(order))


def test_dead_notices_are_picked_by_key_and_sent_again(
    open_desk: OpenDesk, root: User, house: cast.House
) -> None:
    house.application.notify_url = "https://shop.example/notices"
    house.application.save()
    for _ in range(2):
        cast.make_pay_order(house, "success")
    MerchantNotice.objects.update(status="dead", state="ended")
    desk = open_desk(root)
    page = desk.page
    desk.open("/admin/orders/merchantnotice/?queue=dead")

    desk.press("j", "x")
    expect(page.locator("#zf-picked")).to_contain_text("已选 1 条")
    page.click("#zf-picked button")

    expect(page.locator("body")).to_contain_text("已重新发送 1 条通知。")
    assert MerchantNotice.objects.filter(status="pending").count() == 1


# --- what the browser thinks of every page -----------------------------------------------------


@pytest.fixture
def every_page(house: cast.House) -> list[str]:
    """One page of every kind, with something on it."""
    paid = cast.make_pay_order(house, "success", title="龙井茶 250g 礼盒 × 4")
    refund = cast.make_refund(paid, "fail")
    closed = cast.make_pay_order(house, "close")
    odd = Anomaly.objects.create(
        kind="close_paid", pay_order=closed, merchant=house.merchant, order_no=closed.order_no,
        out_no="42", amount=10000, expected=10000, happened_at=closed.created_at,
    )  # fmt: skip
    house.application.notify_url = "https://shop.example/notices"
    house.application.save()
    told = cast.make_pay_order(house, "success")
    callback = ChannelCallback.objects.create(
        account=house.account, channel="sandbox", notification_id="EV-1", body="x", pay_order=told
    )
    waiting = outgoing.make_transfer(house, "waiting")
    back = outgoing.make_return(house, "fail")
    partly = outgoing.make_allocation(house, "part")
    receiver = back.detail.receiver
    outgoing_rows = [
        waiting, outgoing.make_transfer(house, "fail"), back, partly, back.allocation,
        partly.pay_order, receiver, outgoing.make_group(house, (receiver, 1250)),
        outgoing.transfer_anomaly(outgoing.make_transfer(house, "success")),
    ]  # fmt: skip
    rows = [
        *outgoing_rows, paid, refund, odd, closed, told.notices.get(), told.calls.first(),
        told.events.first(), told.ledger.get(), callback, house.merchant, house.application,
        house.account, house.application.api_keys.get(),
    ]  # fmt: skip
    lists = [
        f"/admin/orders/{name}/"
        for name in (
            "payorder", "refundorder", "anomaly", "merchantnotice", "channelcall",
            "channelcallback", "event", "ledgerentry", "merchant", "application", "apikey",
            "channelaccount", "transferorder", "allocationorder", "sharereturn",
            "allocationreceiver", "allocationgroup",
        )
    ]  # fmt: skip
    others = [
        "/admin/", "/admin/auth/user/", "/admin/auth/group/", "/admin/auth/group/add/",
        "/admin/django_celery_beat/periodictask/", "/admin/orders/apikey/add/",
        "/admin/django_celery_beat/periodictask/add/", "/admin/orders/channelaccount/add/",
        "/admin/orders/channelaccount/add/?channel=wechat", "/admin/auth/user/add/",
        "/admin/password_change/", "/admin/orders/payorder/?status=fail",
        "/admin/orders/transferorder/add/", "/admin/orders/allocationreceiver/add/",
        "/admin/orders/allocationgroup/add/",
        "/admin/orders/allocationgroup/add/?application=app-a&channel=sandbox",
    ]  # fmt: skip
    return [*lists, *others, *(page_of(row) for row in rows)]


@pytest.mark.parametrize("shape", [{}, DARK, PHONE], ids=["light", "dark", "phone"])
def test_every_page_is_quiet_legible_and_fits(
    open_desk: OpenDesk, root: User, every_page: list[str], shape: dict[str, Any]
) -> None:
    """No console error (so no violation of the policy), no foreign request, no sideways scroll,
    no icon shown as its name, no text below WCAG AA's contrast, no control without a name."""
    desk = open_desk(root, **shape)
    problems = []
    for path in every_page:
        desk.open(path)
        problems += [f"{path}: {flaw}" for flaw in desk.flaws()]
        if shape is PHONE:
            wide = desk.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            problems += [f"{path}: {wide} px too wide"] if wide > 0 else []

    assert problems == []


def test_dialogs_and_panels_are_quiet_and_legible(
    open_desk: OpenDesk, root: User, every_page: list[str]
) -> None:
    paid = PayOrder.objects.filter(status="success").latest("pk")
    for shape in ({}, DARK):
        desk = open_desk(root, **shape)
        page = desk.page
        desk.open(page_of(paid))
        page.click("#op-refund")
        expect(page.locator("#zf-amount")).to_be_focused()
        page.fill("#zf-amount", "x")
        page.click("#zf-dialog button[type=submit]")
        expect(page.locator("#zf-amount-wrong")).to_be_visible()
        assert desk.flaws() == []
        desk.open("/admin/orders/payorder/")
        desk.press("f")
        expect(page.locator("details.zf-filters")).to_have_attribute("open", "")
        assert desk.flaws() == []
        desk.press("Escape", "?")
        expect(page.locator("#zf-keys")).to_be_visible()
        assert desk.flaws() == []


def test_the_login_page_is_quiet_and_speaks_the_browsers_language(open_desk: OpenDesk) -> None:
    chinese, english = open_desk(), open_desk(locale="en-US")
    for desk, word in ((chinese, "登录"), (english, "Log in")):
        desk.open("/admin/login/")
        expect(desk.page.locator("#login-form button[type=submit]")).to_contain_text(word)
        assert desk.flaws() == []
    chinese.page.click('button[lang="en"]')
    expect(chinese.page.locator("#login-form")).to_contain_text("Log in")


def test_unfolds_clickable_spans_work_from_the_keyboard(
    open_desk: OpenDesk, root: User, house: cast.House
) -> None:
    desk = open_desk(root)
    page: Page = desk.page
    desk.open("/admin/")
    nav = page.locator("#nav-sidebar")
    expect(nav).to_be_visible()

    toggle = page.locator('#header-inner [role="button"]:visible').first
    expect(toggle).to_have_attribute("aria-label", "显示或隐藏侧栏")
    toggle.focus()
    page.keyboard.press("Enter")

    expect(nav).not_to_be_visible()


def test_a_cold_page_is_light(open_desk: OpenDesk, root: User, house: cast.House) -> None:
    order = cast.make_pay_order(house, "success")
    desk: Desk = open_desk(root)
    answers: list[Response] = []
    desk.page.on("response", lambda answer: answers.append(answer))

    desk.open(page_of(order))
    assert desk.flaws() == []

    fonts = [len(answer.body()) for answer in answers if answer.url.endswith(".woff2")]
    assert 0 < sum(fonts) < 60_000
    assert len(fonts) <= 3
