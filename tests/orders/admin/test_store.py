"""Store orders in the console: the list, the page, and what an operator can do there."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.urls import reverse

from channels.base import Outcome, RefundState
from orders.admin import words
from orders.models import RefundOrder, StoreCancellation, StoreDelivery, StoreOrder
from orders.models.store_words import CancelStatus
from orders.services import store
from tests import cast

pytestmark = pytest.mark.django_db

LIST = "admin:orders_storeorder_changelist"
PERMISSIONS = ("view_storeorder", "view_payorder", "view_refundorder")


def page_of(client, row):
    url = reverse("admin:orders_storeorder_change", args=[row.pk])
    return unescape(client.get(url).content.decode())


def do(client, row, code, **data):
    url = reverse("admin:orders_storeorder_do", args=[row.pk, code])
    return client.post(url, data, headers={"HX-Request": "true"})


def numbers(client, **query):
    text = client.get(reverse(LIST), query).content.decode()
    return re.findall(r'<a class="zf-no" href="[^"]*storeorder[^"]*">([^<]*)</a>', text)


@pytest.fixture
def boss(client_of, root):
    return client_of(root)


def test_the_list_narrows_and_finds(boss, house):
    paid = cast.make_store_order(house, biz_order_no="E-1")
    done = cast.make_store_order(
        house, "completed", online=False, biz_order_no="TILL-1", store_id="2002"
    )
    asked = cast.make_store_order(house, "accepted", online=False, biz_order_no="TILL-2")
    store.operate(asked.order_no, "request_refund", cast.MERCHANT_ACTOR, reason="cold")
    everything = [row.order_no for row in (asked, done, paid)]
    assert numbers(boss) == everything
    assert numbers(boss, status="completed") == [done.order_no]
    assert numbers(boss, store_id="2002") == [done.order_no]
    assert numbers(boss, pay_type="online") == [paid.order_no]
    assert numbers(boss, queue="refunds") == [asked.order_no]
    assert numbers(boss, cancel_status="asked") == [asked.order_no]
    assert numbers(boss, kind="dine_in") == []
    assert numbers(boss, q="TILL") == [asked.order_no, done.order_no]
    found = boss.get(reverse("admin:find"), {"q": paid.order_no})
    assert found.url == reverse("admin:orders_storeorder_change", args=[paid.pk])


def test_the_page_shows_what_was_ordered_its_payment_and_no_phone(boss, house):
    row = cast.make_store_order(house, "delivering", note="less ice")
    text = page_of(boss, row)
    for part in (
        row.order_no,
        "Oolong",
        "less ice",
        "138****678",
        row.pay_order.order_no,
        "Li Si",
        "13900000000",
        "Handed to the courier",
    ):
        assert part in text, part
    assert "13812345678" not in text
    pay_page = boss.get(reverse("admin:orders_payorder_change", args=[row.pay_order_id]))
    assert row.order_no in pay_page.content.decode()


def test_an_operator_walks_an_order_through_its_steps(boss, house):
    row = cast.make_store_order(house)
    assert do(boss, row, "accept").status_code == 204
    assert do(boss, row, "made").status_code == 204
    dialog = boss.get(
        reverse("admin:orders_storeorder_do", args=[row.pk, "deliver"]),
        headers={"HX-Request": "true"},
    ).content.decode()
    assert 'name="contact"' in dialog and 'name="mobile"' in dialog
    missing = do(boss, row, "deliver", contact="Li Si", mobile=" ")
    assert missing.status_code == 200 and "This is needed." in missing.content.decode()
    assert "Li Si" in missing.content.decode()
    assert not StoreDelivery.objects.exists()
    courier = {"contact": "Li Si", "mobile": "139", "express_name": "Fast"}
    assert do(boss, row, "deliver", **courier).status_code == 204
    row = cast.reload(row)
    assert (row.status, row.delivery.express_name) == ("delivering", "Fast")
    assert do(boss, row, "complete").status_code == 204
    assert cast.reload(row).status == "completed"


def test_a_rejection_needs_a_reason_and_says_what_goes_back(boss, house):
    row = cast.make_store_order(house)
    url = reverse("admin:orders_storeorder_do", args=[row.pk, "reject"])
    assert "¥100.00" in boss.get(url, headers={"HX-Request": "true"}).content.decode()
    assert do(boss, row, "reject", reason="").status_code == 200
    assert cast.reload(row).status == "paid" and not RefundOrder.objects.exists()
    assert do(boss, row, "reject", reason="sold out").status_code == 204
    refund = RefundOrder.objects.get()
    assert (cast.reload(row).status, refund.amount, refund.reason) == (
        "rejected",
        10000,
        "sold out",
    )
    cast.channel_says(refund, Outcome.REFUSED, code="NOT_ENOUGH", message="balance too low")
    text = page_of(boss, row)
    assert "The refund failed: balance too low" in text
    assert refund.refund_no in text
    assert do(boss, row, "agree_refund").status_code == 204
    cast.channel_says(refund, Outcome.DONE, state=RefundState.SUCCESS)
    assert StoreCancellation.objects.get().status == "done"


def test_a_role_without_the_permission_sees_why_and_changes_nothing(client_of, house):
    clerk = cast.person("clerk", [*PERMISSIONS, "handle_storeorder"])
    row = cast.make_store_order(house)
    client = client_of(clerk)
    assert "Your role may not do this: reject." in page_of(client, row)
    answer = do(client, row, "reject", reason="sold out")
    assert "Your role may not do this: reject." in answer.content.decode()
    assert cast.reload(row).status == "paid" and not RefundOrder.objects.exists()
    assert do(client, row, "accept").status_code == 204


def test_an_auditor_may_look_and_a_stranger_may_not(client_of, house):
    row = cast.make_store_order(house)
    auditor = client_of(cast.person("auditor2", PERMISSIONS))
    assert row.order_no in page_of(auditor, row)
    stranger = client_of(cast.person("stranger", ["view_payorder"]))
    url = reverse("admin:orders_storeorder_change", args=[row.pk])
    assert stranger.get(url).status_code == 403
    assert stranger.get(reverse(LIST)).status_code == 403


def test_the_page_follows_the_order_and_says_what_is_planned(boss, house):
    row = cast.make_store_order(house, StoreOrder.Status.UNPAID)
    text = page_of(boss, row)
    assert "Is cancelled if it is not paid" in text
    version = re.search(r"live/\?v=([0-9.a-zA-Z%-]+)", text).group(1)
    live = reverse("admin:orders_storeorder_live", args=[row.pk])
    assert boss.get(live, {"v": version}).status_code == 204
    cast.pays(row)
    fresh = boss.get(live, {"v": version})
    assert fresh.status_code == 200
    assert "Is cancelled and refunded if it is not accepted" in fresh.content.decode()


def test_every_step_and_every_refund_has_its_word_in_the_story_and_in_the_notices():
    statuses = [value for value in StoreOrder.Status.values if value != "unpaid"]
    refunds = [value for value in CancelStatus.values if value]
    kinds = [f"store_{status}" for status in statuses] + [f"store_refund_{r}" for r in refunds]
    assert [kind for kind in kinds if kind not in words.EVENTS] == []
    kinds = [f"store_order.{s}" for s in statuses] + [f"store_order.refund_{r}" for r in refunds]
    assert [kind for kind in kinds if kind not in words.NOTICES] == []


def test_an_event_of_a_store_order_has_its_page_with_a_right_hash(boss, house):
    row = cast.make_store_order(house, "accepted")
    event = row.events.get(kind="store_accepted")
    text = boss.get(reverse("admin:orders_event_change", args=[event.pk])).content.decode()
    assert "hash is right" in text
    assert "to be accepted" in text and row.order_no in text
