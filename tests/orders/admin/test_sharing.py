"""Shared money in the console: allocations, shares, returns, receivers and groups."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from channels.base import AllocationState, Outcome, RefundState
from orders.models import (
    AllocationDetail,
    AllocationGroup,
    AllocationOrder,
    AllocationReceiver,
    RefundOrder,
    ShareReturn,
)
from orders.services import allocation
from tests import cast
from tests.orders.admin.conftest import VIEWS, ClientOf
from tests.orders.admin.outgoing import (
    make_allocation,
    make_group,
    make_receiver,
    make_return,
    paid_and_shared,
    share_of,
)
from tests.orders.admin.test_order_page import (
    HTMX,
    alerts,
    do,
    do_url,
    offered,
    page_url,
    stamp,
)
from tests.orders.admin.test_transfers import numbers, wrong

GROUPS = "/admin/orders/allocationgroup/"
RECEIVERS = "/admin/orders/allocationreceiver/"


def return_url(detail: AllocationDetail) -> str:
    return f"/admin/orders/allocationorder/{detail.allocation_id}/return/{detail.pk}/"


# --- sharing -----------------------------------------------------------------------------------


def test_the_dialog_says_who_would_get_what_and_the_click_shares_it(
    as_finance: Client, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "success", allocation=True, amount=9999)
    a, b = make_receiver(house, "1900000101"), make_receiver(house, "1900000102")
    make_group(house, (a, 2000), (b, 550))

    dialog = as_finance.get(do_url(order, "allocate"), headers=HTMX).content.decode()
    assert "By the group Usual" in dialog
    assert re.findall(r"<strong>(¥[\d.]+)</strong>", dialog) == ["¥19.99", "¥5.49"]
    assert not AllocationOrder.objects.exists()
    assert do(as_finance, order, "allocate").status_code == 204

    row = AllocationOrder.objects.get()
    assert (row.amount, row.door, row.asked_by) == (2548, "admin", "finance")
    assert cast.open_kinds(row) == ["allocate"]


def test_without_a_group_the_dialog_says_so_and_has_no_button(
    as_finance: Client, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "success", allocation=True)

    dialog = as_finance.get(do_url(order, "allocate"), headers=HTMX).content.decode()
    answer = do(as_finance, order, "allocate")

    sentence = "The application has no default group for channel sandbox."
    assert alerts(dialog) == alerts(answer.content.decode()) == [sentence]
    assert 'type="submit"' not in dialog
    assert not AllocationOrder.objects.exists()


def test_the_money_bar_shows_what_is_shared_out(as_auditor: Client, house: cast.House) -> None:
    order = paid_and_shared(house, amount=3000)

    html = as_auditor.get(page_url(order)).content.decode()

    assert "shared out ¥30.00, refundable at once ¥70.00" in html
    assert page_url(AllocationOrder.objects.get()) in html


def test_shares_are_shown_masked_with_what_became_of_them(
    as_auditor: Client, house: cast.House
) -> None:
    row = make_allocation(house, "part")

    html = as_auditor.get(page_url(row)).content.decode()

    assert "1900000101" not in html and "Partner Ltd" not in html
    assert "Par****Ltd" in html and "NO_RELATION" in html
    assert '<span class="zf-chip zf-warn">some succeeded</span>' in html


def test_sync_retry_and_finish_go_through(as_finance: Client, house: cast.House) -> None:
    asked = make_allocation(house)
    cast.channel_says(asked, Outcome.UNKNOWN, code="SYSTEMERROR")
    partly, done = make_allocation(house, "part"), make_allocation(house, "alloc_end")

    assert do(as_finance, asked, "sync").status_code == 204
    assert do(as_finance, partly, "retry").status_code == 204
    assert do(as_finance, done, "finish").status_code == 204

    assert cast.open_kinds(asked) == ["query_allocation"]
    assert cast.open_kinds(partly) == ["allocate"]
    assert cast.open_kinds(done) == ["finish_allocation"]


# --- returning a share -------------------------------------------------------------------------


def test_a_share_is_returned_through_its_dialog_once(as_finance: Client, house: cast.House) -> None:
    detail = share_of(make_allocation(house, "alloc_end"))
    url = return_url(detail)
    dialog = as_finance.get(url, headers=HTMX).content.decode()
    assert "at most ¥30.00" in dialog
    fields = {"amount": "10", "reason": "goods back", "stamp": "0.0"}

    first = as_finance.post(url, fields, headers=HTMX)
    second = as_finance.post(url, fields, headers=HTMX)

    assert (first.status_code, second.status_code) == (204, 200)
    row = ShareReturn.objects.get()
    assert (row.amount, row.reason, row.asked_by) == (1000, "goods back", "finance")
    assert cast.open_kinds(row) == ["return_share"]


def test_more_than_the_share_is_refused_beside_the_amount(
    as_finance: Client, house: cast.House
) -> None:
    url = return_url(share_of(make_allocation(house, "alloc_end")))

    fields = {"amount": "30.01", "reason": "x", "stamp": "0.0"}
    answer = as_finance.post(url, fields, headers=HTMX)
    long = as_finance.post(url, {**fields, "amount": "1", "reason": "x" * 81}, headers=HTMX)

    assert 'aria-describedby="zf-amount-wrong"' in answer.content.decode()
    assert alerts(long.content.decode()) == ["At most 80 characters."]
    assert not ShareReturn.objects.exists()


def test_a_share_that_cannot_be_returned_says_why_on_the_page_and_in_the_post(
    as_finance: Client, as_auditor: Client, auditor: Any, finance: Any, house: cast.House
) -> None:
    row = make_allocation(house, "part")
    good, failed = row.details.order_by("pk").select_related("allocation", "receiver")
    for client, user, detail in (
        (as_finance, finance, failed),
        (as_auditor, auditor, good),
        (as_auditor, auditor, failed),
    ):
        sentence = str(allocation.return_operation(detail, user))
        html = unescape(client.get(page_url(row)).content.decode())
        assert f'<small id="why-share-{detail.pk}" class="zf-soft">{sentence}</small>' in html
        fields = {"amount": "1", "reason": "x", "stamp": "0.0"}
        answer = client.post(return_url(detail), fields, headers=HTMX)
        assert alerts(answer.content.decode()) == [sentence]
    assert not ShareReturn.objects.exists()
    assert as_finance.get(return_url(failed).replace(str(failed.pk), "424242")).status_code == 404


def test_returns_have_a_list_a_page_and_operations(as_finance: Client, house: cast.House) -> None:
    failed, other = make_return(house, "fail"), make_return(house, "fail")

    listed = as_finance.get("/admin/orders/sharereturn/?queue=failed").content.decode()
    assert numbers(listed) == [other.return_no, failed.return_no]
    assert do(as_finance, failed, "retry").status_code == 204
    assert do(as_finance, other, "close", reason="given up").status_code == 204

    assert cast.open_kinds(failed) == ["return_share"]
    assert cast.reload(other).status == "close"
    found = as_finance.get("/admin/find/", {"q": failed.return_no.lower()})
    assert found["Location"] == page_url(failed)


# --- a refund that needs shared-out money ------------------------------------------------------


def test_asking_for_shared_out_money_offers_to_return_first(
    as_finance: Client, house: cast.House
) -> None:
    order = paid_and_shared(house, amount=3000)
    fields = {"amount": "90", "reason": "goods back", "stamp": stamp(order)}

    refused = do(as_finance, order, "refund", **fields)

    html = refused.content.decode()
    assert alerts(html) == [
        "¥90.00 is more than the ¥70.00 that is not shared out; return shares first, or let the "
        "refund fetch them back."
    ]
    assert f'hx-post="{do_url(order, "return_refund")}"' in html
    assert "<strong>¥20.00</strong>" in html
    assert not RefundOrder.objects.exists()

    assert do(as_finance, order, "return_refund", **fields).status_code == 204
    refund, back = RefundOrder.objects.get(), ShareReturn.objects.get()
    assert (refund.amount, refund.waits_for_returns, back.amount) == (9000, True, 2000)
    assert cast.open_kinds(refund) == []
    assert do(as_finance, order, "return_refund", **fields).status_code == 200
    assert RefundOrder.objects.count() == 1

    cast.channel_says(back, Outcome.DONE, state=AllocationState.FINISHED)
    assert cast.open_kinds(refund) == ["refund"]
    cast.channel_says(refund, Outcome.DONE, state=RefundState.SUCCESS, out_no="5", amount=9000)
    assert cast.reload(order).refunded == 9000


def test_an_ordinary_mistake_offers_no_second_way(as_finance: Client, house: cast.House) -> None:
    order = paid_and_shared(house, amount=3000)

    too_much = do(
        as_finance, order, "refund", amount="100.01", reason="x", stamp=stamp(order)
    ).content.decode()

    assert "return_refund" not in too_much


def test_where_all_the_money_is_shared_out_the_panel_offers_the_way_around(
    as_finance: Client, as_auditor: Client, house: cast.House
) -> None:
    order = paid_and_shared(house, amount=10000)

    said = offered(as_finance.get(page_url(order)).content.decode())
    reader = offered(as_auditor.get(page_url(order)).content.decode())

    assert said["refund"].startswith("¥100.00 of the money is shared out")
    assert said["return_refund"] == ""
    assert reader["return_refund"] == "Your role may not do this: return, then refund."
    dialog = as_finance.get(do_url(order, "return_refund"), headers=HTMX).content.decode()
    assert "at most ¥100.00" in dialog


@pytest.mark.parametrize(
    ("permissions", "sentence"),
    [
        ((), "Your role may not do this: return, then refund."),
        (("refund_payorder",), "Your role may not return shares."),
    ],
)
def test_who_may_not_refund_or_return_cannot_do_both(
    client_of: ClientOf, house: cast.House, permissions: tuple[str, ...], sentence: str
) -> None:
    order = paid_and_shared(house, amount=10000)
    client = client_of(cast.person("clerk", [*VIEWS, *permissions]))

    fields = {"amount": "1", "reason": "x", "stamp": stamp(order)}
    answer = do(client, order, "return_refund", **fields)

    assert alerts(answer.content.decode()) == [sentence]
    assert not RefundOrder.objects.exists() and not ShareReturn.objects.exists()


# --- receivers ---------------------------------------------------------------------------------

NEW = {
    "application": "app-a", "channel": "sandbox", "receiver_type": "merchant_no",
    "account_no": "1900000109", "name": "Partner Ltd", "relation": "PARTNER",
    "custom_relation": "",
}  # fmt: skip


def test_a_receiver_is_added_bound_and_unbound(as_finance: Client, house: cast.House) -> None:
    answer = as_finance.post(f"{RECEIVERS}add/", NEW)

    row = AllocationReceiver.objects.get()
    assert answer["Location"] == page_url(row)
    assert (row.status, row.relation, cast.open_kinds(row)) == (
        "binding", "PARTNER", ["bind_receiver"],
    )  # fmt: skip
    html = as_finance.get(page_url(row)).content.decode()
    assert "1900000109" not in html and "Partner Ltd" not in html and "1****9" in html
    cast.channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    assert do(as_finance, row, "unbind").status_code == 204
    assert cast.open_kinds(row) == ["unbind_receiver"]


def test_a_bad_receiver_is_refused_beside_its_field(
    as_finance: Client, as_auditor: Client, house: cast.House
) -> None:
    answer = as_finance.post(f"{RECEIVERS}add/", {**NEW, "account_no": "9" * 65})

    assert list(wrong(answer.content.decode())) == ["account_no"]
    assert as_auditor.post(f"{RECEIVERS}add/", NEW).status_code == 403
    assert not AllocationReceiver.objects.exists()


# --- groups ------------------------------------------------------------------------------------


def group_fields(name: str, *rates: tuple[AllocationReceiver, str]) -> dict[str, str]:
    return {"name": name, **{f"rate_{row.receiver_no}": text for row, text in rates}}


def test_a_group_is_made_and_replaced_with_rates_in_percent(
    as_finance: Client, house: cast.House
) -> None:
    a, b = make_receiver(house, "1900000101"), make_receiver(house, "1900000102")
    chosen = f"{GROUPS}add/?application=app-a&channel=sandbox"
    form = as_finance.get(chosen).content.decode()
    assert form.count("data-rate") == 2

    made = as_finance.post(
        chosen, {**group_fields("Usual", (a, "12.5"), (b, "")), "is_default": "on"}
    )
    group = AllocationGroup.objects.get()
    assert made["Location"] == page_url(group)
    assert group.is_default is True
    assert list(group.members.values_list("receiver", "rate")) == [(a.pk, 1250)]
    page = as_finance.get(page_url(group)).content.decode()
    assert '<output id="zf-total">12.5</output>' in page and 'value="12.5"' in page

    as_finance.post(page_url(group), group_fields("Renamed", (a, "60"), (b, "40%")))
    group = AllocationGroup.objects.get()
    assert (group.name, group.is_default) == ("Renamed", False)
    assert sorted(group.members.values_list("rate", flat=True)) == [4000, 6000]
    assert LogEntry.objects.count() == 2
    assert "100 %" in as_finance.get(GROUPS).content.decode()


@pytest.mark.parametrize(
    ("rates", "sentence"),
    [
        (("60", "40.01"), "Rates must be positive and make at most 100 % in all, not 10001 ‱."),
        (("", ""), "Rates must be positive and make at most 100 % in all, not 0 ‱."),
        (("0", ""), "Rates must be positive and make at most 100 % in all, not 0 ‱."),
        (("-1", ""), "Rates must be positive and make at most 100 % in all, not -100 ‱."),
        (("12.345", ""), "This is not a percentage such as 12.5."),
        (("abc", "NaN"), "This is not a percentage such as 12.5."),
        (("1e9", ""), "This is not a percentage such as 12.5."),
    ],
)
def test_bad_rates_are_refused_and_no_group_is_made(
    as_finance: Client, house: cast.House, rates: tuple[str, str], sentence: str
) -> None:
    a, b = make_receiver(house, "1900000101"), make_receiver(house, "1900000102")

    answer = as_finance.post(
        f"{GROUPS}add/?application=app-a&channel=sandbox",
        group_fields("Usual", (a, rates[0]), (b, rates[1])),
    )

    said = alerts(answer.content.decode())
    assert said and set(said) == {sentence}
    assert not AllocationGroup.objects.exists()


def test_a_taken_name_is_refused_beside_it(as_finance: Client, house: cast.House) -> None:
    a = make_receiver(house)
    make_group(house, (a, 1000))

    answer = as_finance.post(
        f"{GROUPS}add/?application=app-a&channel=sandbox", group_fields("Usual", (a, "5"))
    )

    assert wrong(answer.content.decode()) == {"name": "There is a group of this name already."}
    assert AllocationGroup.objects.count() == 1


def test_who_may_only_read_groups_changes_none(as_auditor: Client, house: cast.House) -> None:
    a = make_receiver(house)
    group = make_group(house, (a, 1000))

    page = as_auditor.get(page_url(group)).content.decode()

    assert 'class="zf-button is-main"' not in page
    assert as_auditor.post(page_url(group), group_fields("X", (a, "5"))).status_code == 403
    assert as_auditor.get(f"{GROUPS}add/").status_code == 403
    assert cast.reload(group).name == "Usual"


def test_another_applications_receivers_are_not_offered(
    as_finance: Client, house: cast.House
) -> None:
    theirs = make_receiver(cast.merchant("B"), "1900000777")
    make_receiver(house)

    html = as_finance.get(f"{GROUPS}add/?application=app-a&channel=sandbox").content.decode()

    assert theirs.receiver_no not in html


# --- finding, and what it costs ----------------------------------------------------------------


def test_every_number_of_shared_money_is_found(as_root: Client, house: cast.House) -> None:
    row = make_allocation(house, "finish")
    detail = share_of(row)
    receiver = detail.receiver
    group = make_group(house, (receiver, 1000))
    wanted = {
        row.allocation_no: page_url(row),
        row.finish_no: page_url(row),
        detail.detail_no: page_url(row),
        receiver.receiver_no: page_url(receiver),
        group.group_no: page_url(group),
    }

    for number, url in wanted.items():
        assert as_root.get("/admin/find/", {"q": number})["Location"] == url
        found = as_root.get("/admin/search/", {"s": number, "extended": "1"})
        assert url in found.content.decode()
    lost = as_root.get("/admin/find/", {"q": "A" + "0" * 26})["Location"]
    assert lost.startswith("/admin/orders/allocationorder/?q=A0")


@pytest.mark.parametrize("what", ["allocation", "return", "receiver", "order"])
def test_pages_of_shared_money_cost_few_queries(
    as_finance: Client, house: cast.House, what: str
) -> None:
    back = make_return(house, "success")
    row: Any = {
        "allocation": back.allocation,
        "return": back,
        "receiver": back.detail.receiver,
        "order": back.pay_order,
    }[what]

    with CaptureQueriesContext(connection) as queries:
        assert as_finance.get(page_url(row)).status_code == 200

    assert len(queries) <= 18, [q["sql"][:150] for q in queries]
