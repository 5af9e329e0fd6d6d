"""Transfers in the console: queues, the payee who is masked, and making one by hand."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from channels.base import Outcome
from orders.models import ChannelCall, Event, TransferOrder
from orders.services import transfer
from tests import cast
from tests.orders.admin.conftest import VIEWS, ClientOf
from tests.orders.admin.outgoing import OPENID, make_transfer, transfer_anomaly
from tests.orders.admin.test_order_page import HTMX, alerts, do, live_url, page_url

LIST = "/admin/orders/transferorder/"


def numbers(html: str) -> list[str]:
    return re.findall(r'<td class="main"><a class="zf-no" href="[^"]*">([^<]+)<', html)


def payee_url(order: TransferOrder) -> str:
    return f"{LIST}{order.pk}/payee/"


def test_who_waits_and_what_failed_have_queues(as_auditor: Client, house: cast.House) -> None:
    waiting, failed = make_transfer(house, "waiting"), make_transfer(house, "fail")
    make_transfer(house, "success")

    waits = as_auditor.get(f"{LIST}?queue=waiting").content.decode()
    fails = as_auditor.get(f"{LIST}?queue=failed").content.decode()

    assert numbers(waits) == [waiting.transfer_no]
    assert numbers(fails) == [failed.transfer_no]
    assert "Failed transfers to be decided" in as_auditor.get("/admin/").content.decode()


@pytest.mark.parametrize("name", ["transfer_no", "biz_transfer_no", "out_transfer_no"])
def test_any_number_of_a_transfer_finds_it(
    as_auditor: Client, house: cast.House, name: str
) -> None:
    order = make_transfer(house, "success")
    make_transfer(house, "success")

    found = as_auditor.get("/admin/find/", {"q": getattr(order, name)})

    assert found["Location"] == page_url(order)


def test_the_page_says_until_when_the_payee_has_time(as_auditor: Client, house: cast.House) -> None:
    order = make_transfer(house, "waiting")

    html = as_auditor.get(page_url(order)).content.decode()

    assert "Waiting for the payee to confirm" in html
    assert f'datetime="{order.confirm_until.isoformat()}" data-countdown' in html
    assert "package_info" in html and 'data-copy="PACKAGE"' in html
    ended = as_auditor.get(page_url(make_transfer(house, "success"))).content.decode()
    assert "Waiting for the payee to confirm" not in ended


# --- the payee ---------------------------------------------------------------------------------


def test_the_payee_is_masked_until_somebody_who_may_asks_by_post(
    as_finance: Client, house: cast.House
) -> None:
    order = make_transfer(house, "waiting")
    for url in (LIST, page_url(order), live_url(order), "/admin/orders/event/"):
        html = as_finance.get(url).content.decode()
        assert OPENID not in html and "张三丰" not in html
    assert as_finance.get(payee_url(order), headers=HTMX).status_code == 405
    assert as_finance.post(payee_url(order)).status_code == 302
    assert not Event.objects.filter(kind="payee_shown").exists()

    answer = as_finance.post(payee_url(order), headers=HTMX)

    html = answer.content.decode()
    assert OPENID in html and "张三丰" in html
    assert "no-store" in answer["Cache-Control"]
    assert Event.objects.get(kind="payee_shown").actor == "finance"
    assert "The payee was shown in plain" in as_finance.get(page_url(order)).content.decode()


def test_who_may_not_see_payees_is_told_so_and_nothing_is_shown(
    as_auditor: Client, house: cast.House
) -> None:
    order = make_transfer(house)

    page = as_auditor.get(page_url(order)).content.decode()
    answer = as_auditor.post(payee_url(order), headers=HTMX)

    assert '<span id="why-payee">Your role may not see payees.</span>' in page
    assert f'hx-post="{payee_url(order)}"' not in page
    assert alerts(answer.content.decode()) == ["Your role may not see payees."]
    assert OPENID not in answer.content.decode()
    assert not Event.objects.filter(kind="payee_shown").exists()


def test_seeing_a_payee_needs_the_csrf_token_and_the_page(
    client_of: ClientOf, house: cast.House
) -> None:
    order = make_transfer(house)
    stranger = client_of(cast.person("stranger", ["see_payee_transferorder"]))
    assert stranger.post(payee_url(order), headers=HTMX).status_code == 403
    checked = Client(enforce_csrf_checks=True)
    checked.force_login(cast.person("clerk", [*VIEWS, "see_payee_transferorder"]))
    assert checked.post(payee_url(order), headers=HTMX).status_code == 403
    assert not Event.objects.filter(kind="payee_shown").exists()


# --- what a click does -------------------------------------------------------------------------


def test_sync_retry_cancel_and_close_go_through(as_finance: Client, house: cast.House) -> None:
    asked, failed = make_transfer(house), make_transfer(house, "fail")
    waiting, given_up = make_transfer(house, "waiting"), make_transfer(house, "fail")
    cast.channel_says(asked, Outcome.UNKNOWN, code="NO_ANSWER")

    assert do(as_finance, asked, "sync").status_code == 204
    assert do(as_finance, failed, "retry").status_code == 204
    assert do(as_finance, waiting, "cancel", reason="wrong person").status_code == 204
    assert do(as_finance, given_up, "close", reason="checked by phone").status_code == 204

    assert cast.open_kinds(asked) == ["query_transfer"]
    assert cast.open_kinds(failed) == ["transfer"]
    assert cast.open_kinds(waiting) == ["cancel_transfer"]
    assert cast.reload(waiting).is_cancelling is True
    assert cast.reload(given_up).status == "close"
    reasons = set(Event.objects.exclude(reason="").values_list("reason", flat=True))
    assert {"wrong person", "checked by phone"} <= reasons


# --- a new one ---------------------------------------------------------------------------------

FIELDS = {
    "application": "app-a", "channel": "sandbox", "payee_type": "openid", "payee_account": OPENID,
    "payee_name": "张三丰", "amount": "1,288.50", "title": "Bonus", "remark": "", "scene": "",
    "biz_transfer_no": "HAND-1",
}  # fmt: skip


def wrong(html: str) -> dict[str, str]:
    """Field → what stands beside it."""
    found = re.findall(r'<p id="id_(\w+)-wrong" class="zf-wrong" role="alert">(.*?)</p>', html)
    return {name: unescape(said) for name, said in found}


def test_a_transfer_made_by_hand_is_made_once(as_finance: Client, house: cast.House) -> None:
    form = as_finance.get(f"{LIST}add/").content.decode()
    assert re.search(r'name="biz_transfer_no" value="HAND\w{26}"', form)

    first = as_finance.post(f"{LIST}add/", FIELDS)
    second = as_finance.post(f"{LIST}add/", FIELDS)

    order = TransferOrder.objects.get()
    assert first["Location"] == second["Location"] == page_url(order)
    assert (order.amount, order.title, order.door, order.asked_by) == (
        128850, "Bonus", "admin", "finance",
    )  # fmt: skip
    assert order.payee_account == OPENID
    assert ChannelCall.objects.filter(kind="transfer").count() == 1


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"amount": "x"}, "amount", "This is not an amount in yuan, such as 12.34."),
        ({"amount": "0"}, "amount", "The amount must be from 1 to 1000000000 fen."),
        ({"title": "x" * 128}, "title", "title has 128 characters; at most 127 are allowed."),
        ({"payee_account": "😀"}, "payee_account", None),
        ({"payee_account": " "}, "payee_account", "This field is required."),
        ({"biz_transfer_no": "a b"}, "biz_transfer_no", None),
        ({"application": "nobody"}, "application", None),
        ({"channel": "bank"}, "channel", None),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_written(
    as_finance: Client, house: cast.House, change: dict[str, str], field: str, sentence: str | None
) -> None:
    answer = as_finance.post(f"{LIST}add/", {**FIELDS, **change})

    said = wrong(answer.content.decode())
    assert list(said) == [field]
    assert sentence is None or said[field] == sentence
    assert not TransferOrder.objects.exists()


def test_a_number_that_is_taken_is_a_conflict_beside_it(
    as_finance: Client, house: cast.House
) -> None:
    as_finance.post(f"{LIST}add/", FIELDS)

    answer = as_finance.post(f"{LIST}add/", {**FIELDS, "amount": "1"})

    said = wrong(answer.content.decode())
    assert "already used by an order with another amount" in said["biz_transfer_no"]
    assert TransferOrder.objects.count() == 1


def test_only_who_may_make_transfers_sees_the_form(as_auditor: Client, house: cast.House) -> None:
    assert as_auditor.get(f"{LIST}add/").status_code == 403
    assert as_auditor.post(f"{LIST}add/", FIELDS).status_code == 403
    assert f'href="{LIST}add/"' not in as_auditor.get(LIST).content.decode()
    assert not TransferOrder.objects.exists()


# --- records about a transfer ------------------------------------------------------------------


def test_records_of_a_transfer_have_pages_and_lead_to_it(
    as_root: Client, house: cast.House
) -> None:
    order = make_transfer(house, "success")
    odd = transfer_anomaly(order)
    rows: list[Any] = [
        order.calls.get(), order.events.first(), order.ledger.get(), order.notices.get(),
    ]  # fmt: skip

    for row in rows:
        assert f"/admin/find/?q={order.transfer_no}" in as_root.get(page_url(row)).content.decode()
    event = as_root.get(page_url(order.events.get(kind="transferred"))).content.decode()
    assert "hash is right" in event
    html = as_root.get(page_url(odd)).content.decode()
    assert page_url(order) in html and "transfer came back" in html
    assert page_url(odd) in as_root.get(page_url(order)).content.decode()
    for name in ("anomaly", "event", "channelcall", "merchantnotice", "ledgerentry"):
        assert order.transfer_no in as_root.get(f"/admin/orders/{name}/").content.decode()


def test_a_transfers_page_follows_it_and_costs_few_queries(
    as_finance: Client, house: cast.House
) -> None:
    order = make_transfer(house, "waiting")
    with CaptureQueriesContext(connection) as queries:
        html = as_finance.get(page_url(order)).content.decode()
    assert len(queries) <= 14, [q["sql"][:150] for q in queries]
    version = unescape(re.search(r'hx-get="[^"]*\?v=([^"&]*)', html)[1])
    assert as_finance.get(live_url(order, version)).status_code == 204

    transfer.request_cancel(order.transfer_no, cast.CLOCK, reason="x")

    changed = as_finance.get(live_url(order, version))
    assert changed.status_code == 200
    assert "being withdrawn" in changed.content.decode()
