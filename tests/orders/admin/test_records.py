"""Calls, callbacks, events, the ledger and notices: what their pages show, and replaying."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from channels.base import Outcome
from orders.models import (
    ChannelCall,
    ChannelCallback,
    Event,
    LedgerEntry,
    MerchantNotice,
    NoticeAttempt,
)
from tests import cast
from tests.orders.admin.conftest import SUPPORT, ClientOf


def url(row: Any, tail: str = "change/") -> str:
    return f"/admin/orders/{row._meta.model_name}/{row.pk}/{tail}"


def texts(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_a_call_shows_its_wire_scrubbed_and_escaped(as_auditor: Client, house: cast.House) -> None:
    order = cast.make_pay_order(house, "wait")
    call = cast.claim(order)
    cast.corridor.settle(
        [
            cast.corridor.Answer(
                call_id=call.pk,
                attempt=call.attempt,
                result=cast.Result(outcome=Outcome.REFUSED, code="NO_AUTH", message="no"),
                exchange=cast.Exchange(request="POST <x>", response="403", http_status=403),
            )
        ]
    )

    html = as_auditor.get(url(call)).content.decode()

    assert '<pre class="zf-pre" tabindex="0">POST &lt;x&gt;</pre>' in html
    assert "REFUSED" in html and "NO_AUTH" in html and "403" in html
    assert f'href="/admin/find/?q={order.order_no}"' in html


def test_a_callbacks_body_never_reaches_the_page(as_root: Client, house: cast.House) -> None:
    row = ChannelCallback.objects.create(
        account=house.account, channel="sandbox", notification_id="EV-1", body="SEALED-BODY",
        body_digest="5f" * 32, result="rejected", state="ended", code="BAD_SIGNATURE",
        deliveries=3,
    )  # fmt: skip

    page = as_root.get(url(row)).content.decode()
    listed = as_root.get("/admin/orders/channelcallback/").content.decode()

    assert "SEALED-BODY" not in page + listed
    assert "BAD_SIGNATURE" in page and "rejected" in page
    assert "5f" * 32 in page
    assert "EV-1" in listed


def test_an_event_says_whether_its_hash_is_right(as_auditor: Client, house: cast.House) -> None:
    order = cast.make_pay_order(house, "success")
    event = Event.objects.filter(pay_order=order, kind="paid").get()

    good = as_auditor.get(url(event)).content.decode()
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
        cursor.execute("alter table orders_event disable trigger user")
        cursor.execute("update orders_event set amount = amount + 1 where id = %s", [event.pk])
        cursor.execute("alter table orders_event enable trigger user")
    forged = as_auditor.get(url(event)).content.decode()

    assert "hash is right" in good
    assert "hash is wrong" in forged
    assert "paying" in texts(good) and "paid" in texts(good)


def test_the_ledger_adds_up_what_it_lists(as_auditor: Client, house: cast.House) -> None:
    order = cast.make_pay_order(house, "success")
    cast.make_refund(order, "success", amount=2500)

    both = as_auditor.get("/admin/orders/ledgerentry/").content.decode()
    refunds = as_auditor.get("/admin/orders/ledgerentry/?kind=refund").content.decode()
    entry = LedgerEntry.objects.get(kind="refund")

    assert "<strong>¥125.00</strong>" in both
    assert "<strong>¥25.00</strong>" in refunds
    assert "¥25.00" in as_auditor.get(url(entry)).content.decode()


@pytest.mark.parametrize(
    "model", [ChannelCall, Event, LedgerEntry, MerchantNotice, ChannelCallback]
)
def test_records_are_read_and_never_written(
    as_root: Client, model: type, house: cast.House
) -> None:
    cast.make_pay_order(house, "success")
    base = f"/admin/orders/{model._meta.model_name}/"

    assert as_root.get(base + "add/").status_code == 403
    assert as_root.get(base + "424242/change/").status_code == 302
    assert as_root.post(base + "1/delete/").status_code in (302, 403, 404)
    for row in model.objects.all():
        assert as_root.post(url(row)).status_code == 405


# --- notices -----------------------------------------------------------------------------------


def dead_notice(house: cast.House) -> MerchantNotice:
    order = cast.make_pay_order(house, "success")
    notice = MerchantNotice.objects.get(pay_order=order)
    for number in (1, 2):
        NoticeAttempt.objects.create(
            notice=notice, number=number, started_at=timezone.now(), latency_ms=88,
            http_status=500 if number == 2 else None, error="" if number == 2 else "Timeout",
            response="<b>broken</b>",
        )  # fmt: skip
    MerchantNotice.objects.filter(pk=notice.pk).update(
        status="dead", state="ended", tries=2, ended_at=timezone.now()
    )
    return cast.reload(notice)


def test_a_notice_shows_its_content_and_every_attempt(
    as_auditor: Client, house: cast.House
) -> None:
    notice = dead_notice(house)

    html = as_auditor.get(url(notice)).content.decode()

    assert notice.notice_id in html
    assert "&quot;type&quot;: &quot;pay_order.success&quot;" in html
    assert "Timeout" in html and "&lt;b&gt;broken&lt;/b&gt;" in html
    assert html.count("<tr>") == 3
    assert "Your role may not replay notices." in html


def test_replay_puts_a_dead_notice_on_its_way_again(client_of: ClientOf, house: cast.House) -> None:
    notice = dead_notice(house)
    client = client_of(cast.person("helper", SUPPORT))
    assert "Your role may not" not in client.get(url(notice)).content.decode()

    answer = client.post(url(notice, "replay/"), follow=True)

    assert "1 notice is sent again." in answer.content.decode()
    again = cast.reload(notice)
    assert (again.status, again.state, again.notice_id) == ("pending", "due", notice.notice_id)
    assert again.attempts.count() == 2


def test_replay_needs_the_permission_and_a_post(
    as_auditor: Client, as_root: Client, house: cast.House
) -> None:
    notice = dead_notice(house)

    assert as_auditor.post(url(notice, "replay/")).status_code == 403
    assert as_root.get(url(notice, "replay/")).status_code == 405
    listed = as_auditor.get("/admin/orders/merchantnotice/").content.decode()
    as_auditor.post(
        "/admin/orders/merchantnotice/",
        {"action": "replay_selected", "index": "0", "_selected_action": [notice.pk]},
    )

    assert "replay_selected" not in listed
    assert cast.reload(notice).status == "dead"


def test_several_notices_are_replayed_from_the_list(as_root: Client, house: cast.House) -> None:
    first, second, third = (dead_notice(house) for _ in range(3))
    html = as_root.get("/admin/orders/merchantnotice/").content.decode()
    assert 'name="action" value="replay_selected"' in html

    answer = as_root.post(
        "/admin/orders/merchantnotice/",
        {"action": "replay_selected", "index": "0", "_selected_action": [first.pk, second.pk]},
        follow=True,
    )

    assert "2 notices are sent again." in answer.content.decode()
    assert [cast.reload(row).status for row in (first, second, third)] == [
        "pending", "pending", "dead",
    ]  # fmt: skip
