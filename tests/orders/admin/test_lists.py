"""Lists: every table, keyset paging, filters, search, and what they cost."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from channels.base import Outcome, PayState
from orders.admin.keyset import COUNT_CAP
from orders.admin.lists import ConsoleAdmin
from orders.models import Anomaly, MerchantNotice, PayOrder
from tests import cast

PAY = "/admin/orders/payorder/"
LISTED = [
    model for model in admin.site._registry if isinstance(admin.site._registry[model], ConsoleAdmin)
]


def list_url(model: type) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def numbers(html: str) -> list[str]:
    """The order numbers of a list's rows, in their order."""
    return re.findall(r'<td class="main"><a class="zf-no" href="[^"]*">([^<]+)<', html)


def many_orders(house: cast.House, count: int) -> None:
    """``count`` paid orders in one statement, a second apart, ending an hour ago."""
    first = cast.make_pay_order(house, "success", biz_order_no="seed")
    fields = [f for f in PayOrder._meta.concrete_fields if f.column != "id"]
    changed = {
        "order_no": "'P' || lpad(n::text, 26, '0')",
        "biz_order_no": "'BIZ-' || n",
        "out_order_no": "'OUT-' || n",
        "amount": "100 + n %% 5000",
        "paid_amount": "100 + n %% 5000",
        "created_at": "now() - interval '1 hour' - n * interval '1 second'",
        "title": "'Tea ' || n",
    }
    columns = ", ".join(f'"{f.column}"' for f in fields)
    values = ", ".join(changed.get(f.column, f'"{f.column}"') for f in fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into orders_payorder ({columns}) select {values} "
            "from orders_payorder, generate_series(1, %s) n where id = %s",
            [count, first.pk],
        )
        cursor.execute("analyze orders_payorder")


@pytest.mark.parametrize("model", LISTED, ids=lambda model: model.__name__)
def test_every_table_has_a_list_of_few_queries(as_root: Client, model: type) -> None:
    with CaptureQueriesContext(connection) as queries:
        response = as_root.get(list_url(model))

    assert response.status_code == 200
    assert len(queries) <= 7, [q["sql"][:120] for q in queries]


@pytest.mark.parametrize("model", LISTED, ids=lambda model: model.__name__)
def test_no_list_deletes_or_counts_a_table(as_root: Client, model: type) -> None:
    page = admin.site._registry[model]

    with CaptureQueriesContext(connection) as queries:
        response = as_root.get(list_url(model))

    assert page.has_delete_permission(response.wsgi_request) is False
    assert "delete_selected" not in response.content.decode()
    counts = [q["sql"] for q in queries if re.search(r"count\(\*\)", q["sql"], re.I)]
    assert [sql for sql in counts if "LIMIT" not in sql] == []


def test_the_list_draws_the_orders_newest_first(as_root: Client, house: cast.House) -> None:
    older = cast.make_pay_order(house, "success", title="Green tea", amount=128850)
    newer = cast.make_pay_order(house, "wait", title="Black tea")

    html = as_root.get(PAY).content.decode()

    assert numbers(html) == [newer.order_no, older.order_no]
    assert '<td class="num side">1,288.50</td>' in html
    assert '<span class="zf-chip zf-good">paid</span>' in html
    assert "Green tea" in html
    assert "<strong>2</strong> rows" in html
    assert "<strong>¥1,388.50</strong>" in html


def walk(client: Client, url: str, link: str) -> list[list[str]]:
    """Follow ``link`` (next or prev) from ``url`` to the end; the pages' numbers."""
    pages = []
    while url:
        html = client.get(url).content.decode()
        pages.append(numbers(html))
        found = re.search(rf'rel="{link}" href="([^"]+)"', html)
        url = PAY + found[1].replace("&amp;", "&") if found else ""
    return pages


@pytest.mark.parametrize("order", ["", "?o=created_at", "?o=-amount", "?o=amount"])
def test_walking_shows_every_row_once_both_ways(
    as_root: Client, house: cast.House, order: str
) -> None:
    many_orders(house, 129)

    forward = walk(as_root, PAY + order, "next")
    html = as_root.get(PAY + order).content.decode()
    url = PAY + order
    while found := re.search(r'rel="next" href="([^"]+)"', html):
        url = PAY + found[1].replace("&amp;", "&")
        html = as_root.get(url).content.decode()
    backward = walk(as_root, url, "prev")

    seen = [number for page in forward for number in page]
    assert len(seen) == len(set(seen)) == 130
    assert [len(page) for page in forward] == [50, 50, 30]
    assert backward[0] == forward[-1]
    assert [number for page in reversed(backward) for number in page] == seen
    amounts = dict(PayOrder.objects.values_list("order_no", "amount"))
    if "amount" in order:
        values = [amounts[number] for number in seen]
        assert values == sorted(values, reverse="-" in order)


def test_rows_that_come_in_while_walking_move_nothing(as_root: Client, house: cast.House) -> None:
    many_orders(house, 60)
    html = as_root.get(PAY).content.decode()
    second = re.search(r'rel="next" href="([^"]+)"', html)
    before = numbers(as_root.get(PAY + second[1].replace("&amp;", "&")).content.decode())

    cast.make_pay_order(house, "wait", biz_order_no="late-comer")

    after = numbers(as_root.get(PAY + second[1].replace("&amp;", "&")).content.decode())
    assert after == before
    assert len(before) == 11


def test_a_cursor_means_nothing_under_other_filters(as_root: Client, house: cast.House) -> None:
    many_orders(house, 60)
    html = as_root.get(PAY).content.decode()
    token = re.search(r"\?p=(a\.[\w-]+)", html)[1]

    first = numbers(as_root.get(PAY + "?status=success").content.decode())
    with_cursor = numbers(as_root.get(PAY + f"?status=success&p={token}").content.decode())

    assert with_cursor == first
    assert len(first) == 50


@pytest.mark.parametrize(
    "query",
    [
        "p=a.xxxx", "p=a.", "p=b.e30", "p=a.W10", "p=a.%00", "status=banana", "from=yesterday",
        "from=2026-13-01", "to=9999-12-31", "amount_min=abc", "amount_min=1e30", "amount_max=0.001",
        "merchant=nobody", "queue=nothing", "bogus=1", "status=%00", "from=0001-01-01",
        "pk__in=1", "merchant__mch_no=MA", "account__secrets_stored__startswith=t",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_said(
    as_root: Client, house: cast.House, query: str
) -> None:
    cast.make_pay_order(house, "wait")

    response = as_root.get(f"{PAY}?{query}", follow=True)

    if response.redirect_chain:
        assert response.redirect_chain == [(PAY + "?e=1", 302)]
        assert "That filter was not understood; it is not applied." in response.content.decode()
    assert response.status_code in (200, 400)


@pytest.mark.parametrize(
    ("query", "shown", "chip"),
    [
        ("status=success", ["b"], "Status: paid"),
        ("status=success&status=wait", ["c", "b"], "Status: waiting for payment, paid"),
        ("refund_status=refunding", ["b"], "Refund status: refunding"),
        ("channel=sandbox&status=close", ["a"], "Channel: Sandbox"),
        ("channel=wechat", [], "Channel: WeChat Pay"),
        ("method=native&status=close", ["a"], "Method: QR code"),
        ("merchant=MA", ["c", "b", "a"], "Merchant: Merchant A"),
        ("amount_min=200", ["b"], "Amount: ≥ ¥200.00"),
        ("amount_max=100", ["c", "a"], "Amount: ≤ ¥100.00"),
        ("amount_min=100&amount_max=100.00", ["c", "a"], "Amount: ¥100.00 – ¥100.00"),
    ],
)
def test_filters_narrow_and_say_so(
    as_root: Client, house: cast.House, query: str, shown: list[str], chip: str
) -> None:
    orders = {
        "a": cast.make_pay_order(house, "close"),
        "b": cast.make_pay_order(house, "success", amount=30000),
        "c": cast.make_pay_order(house, "wait"),
    }
    cast.make_refund(orders["b"])

    html = as_root.get(f"{PAY}?{query}").content.decode()

    assert numbers(html) == [orders[name].order_no for name in shown]
    assert chip in html


def test_another_merchants_orders_are_not_under_this_merchant(
    as_root: Client, house: cast.House
) -> None:
    cast.make_pay_order(house, "wait")
    theirs = cast.make_pay_order(cast.merchant("B"), "wait", biz_order_no="B-1")

    html = as_root.get(f"{PAY}?merchant=MB").content.decode()

    assert numbers(html) == [theirs.order_no]


def test_a_day_is_a_local_day_with_its_last_second(as_root: Client, house: cast.House) -> None:
    times = {
        "2026-11-09T15:59:59.999999+00:00": False,  # the 9th in Shanghai, its last moment
        "2026-11-09T16:00:00+00:00": True,
        "2026-11-10T15:59:59.999999+00:00": True,
        "2026-11-10T16:00:00+00:00": False,
    }
    inside = []
    for number, (at, is_inside) in enumerate(times.items()):
        order = cast.make_pay_order(house, "wait", biz_order_no=f"D{number}")
        PayOrder.objects.filter(pk=order.pk).update(created_at=at)
        if is_inside:
            inside.insert(0, order.order_no)

    html = as_root.get(f"{PAY}?from=2026-11-10&to=2026-11-10").content.decode()

    assert numbers(html) == inside
    assert "Date: 2026-11-10" in html


# --- search -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["order_no", "biz_order_no", "out_order_no"])
def test_one_exact_hit_jumps_to_the_order(as_root: Client, house: cast.House, name: str) -> None:
    order = cast.make_pay_order(house, "success")
    cast.make_pay_order(house, "success")

    response = as_root.get(PAY, {"q": f" {getattr(order, name)} "})

    assert response.status_code == 302
    assert response["Location"] == f"{PAY}{order.pk}/change/"


def test_a_refunds_number_is_found_from_any_list(as_root: Client, house: cast.House) -> None:
    refund = cast.make_refund(cast.make_pay_order(house, "success"))

    response = as_root.get(PAY, {"q": refund.refund_no.lower()})

    assert response["Location"] == f"/admin/orders/refundorder/{refund.pk}/change/"
    assert as_root.get("/admin/find/", {"q": refund.refund_no})["Location"].endswith(
        f"/refundorder/{refund.pk}/change/"
    )


def test_a_number_that_two_merchants_use_gives_a_list(as_root: Client, house: cast.House) -> None:
    mine = cast.make_pay_order(house, "wait", biz_order_no="SAME")
    theirs = cast.make_pay_order(cast.merchant("B"), "wait", biz_order_no="SAME")

    html = as_root.get(PAY, {"q": "SAME"}).content.decode()

    assert numbers(html) == [theirs.order_no, mine.order_no]


def test_the_beginning_of_a_number_finds_it(as_root: Client, house: cast.House) -> None:
    order = cast.make_pay_order(house, "wait", biz_order_no="TEA-2026-77")
    cast.make_pay_order(house, "wait", biz_order_no="COFFEE-1")

    assert numbers(as_root.get(PAY, {"q": "TEA-20"}).content.decode()) == [order.order_no]
    assert numbers(as_root.get(PAY, {"q": "TEA"}).content.decode()) == []
    assert numbers(as_root.get(PAY, {"q": "%"}).content.decode()) == []


def test_search_finds_nothing_that_the_role_may_not_see(client_of: Any, house: cast.House) -> None:
    refund = cast.make_refund(cast.make_pay_order(house, "success"))
    client = client_of(cast.person("cashier", ["view_payorder"]))

    assert client.get(PAY, {"q": refund.refund_no}).status_code == 200
    assert client.get("/admin/orders/refundorder/").status_code == 403
    palette = client.get("/admin/search/", {"s": refund.refund_no, "extended": "1"})
    assert f"/refundorder/{refund.pk}/" not in palette.content.decode()


def test_the_palette_finds_upper_case_numbers(as_root: Client, house: cast.House) -> None:
    order = cast.make_pay_order(house, "success")

    found = as_root.get("/admin/search/", {"s": order.order_no, "extended": "1"}).content.decode()

    assert f"/admin/orders/payorder/{order.pk}/change/" in found
    assert "¥100.00" in found


# --- problem queues ---------------------------------------------------------------------------


def test_an_unknown_result_is_a_problem_until_something_is_known(
    as_root: Client, house: cast.House
) -> None:
    url = f"{PAY}?queue=unknown"
    fresh = cast.make_pay_order(house, "wait")
    cast.channel_says(fresh, Outcome.UNKNOWN, code="NO_ANSWER")
    with time_machine.travel(timezone.now() - timedelta(minutes=11), tick=False):
        order = cast.make_pay_order(house, "wait")
        cast.channel_says(order, Outcome.UNKNOWN, code="NO_ANSWER")
    assert numbers(as_root.get(url).content.decode()) == [order.order_no]

    cast.pay.request_sync(order.order_no, cast.CLOCK)
    cast.channel_says(order, Outcome.DONE, kind="query_pay", state=PayState.WAITING)

    assert numbers(as_root.get(url).content.decode()) == []


def test_failed_refunds_open_anomalies_and_dead_notices_have_queues(
    as_root: Client, house: cast.House
) -> None:
    order = cast.make_pay_order(house, "success")
    failed = cast.make_refund(order, "fail")
    Anomaly.objects.create(
        kind="duplicate_payment", pay_order=order, merchant=house.merchant,
        order_no=order.order_no, out_no="x", amount=1, expected=1, happened_at=order.created_at,
    )  # fmt: skip
    MerchantNotice.objects.filter(pay_order=order).update(status="dead", state="ended")

    refunds = as_root.get("/admin/orders/refundorder/?queue=failed").content.decode()
    anomalies = as_root.get("/admin/orders/anomaly/?queue=open").content.decode()
    notices = as_root.get("/admin/orders/merchantnotice/?queue=dead").content.decode()
    overview = as_root.get("/admin/").content.decode()

    assert numbers(refunds) == [failed.refund_no]
    assert numbers(anomalies) == ["paid twice"]
    assert MerchantNotice.objects.count() == len(numbers(notices)) > 0
    for name in ("Failed refunds to be decided", "Anomalies to be decided", "Dead notices"):
        tile = overview[overview.index(name) :]
        assert re.search(r"<strong>(\d+)</strong>", tile)[1] != "0"


# --- at size ----------------------------------------------------------------------------------


def plans(queries: CaptureQueriesContext) -> list[tuple[str, str]]:
    """Every SELECT that a page made on the order tables, with its plan."""
    found = []
    with connection.cursor() as cursor:
        for query in queries.captured_queries:
            if query["sql"].startswith("SELECT") and '"orders_payorder"' in query["sql"]:
                cursor.execute("explain " + query["sql"])
                found.append((query["sql"], "\n".join(row[0] for row in cursor.fetchall())))
    return found


RARE = ("?status=wait", "?status=wait&status=progress", "?refund_status=refunding",
        "?q=BIZ-1234", "?from=2020-01-01&to=2020-01-02", "?channel=wechat")  # fmt: skip
COMMON = ("", "?o=-amount", "?o=amount", "?merchant=MA", "?channel=sandbox", "?status=success")


@pytest.fixture
def at_size(house: cast.House) -> None:
    many_orders(house, 30_000)


def test_pages_of_a_large_list_are_read_from_an_index(as_root: Client, at_size: None) -> None:
    html = as_root.get(PAY).content.decode()
    assert "<strong>about 30,001</strong> rows" in html
    deep = re.search(r'rel="next" href="([^"]+)"', html)[1].replace("&amp;", "&")

    for query in (deep, *COMMON, *RARE):
        with CaptureQueriesContext(connection) as queries:
            assert as_root.get(PAY + query).status_code in (200, 302)
        for sql, plan in plans(queries):
            if "COUNT(" in sql and query in COMMON:
                # Nearly every row matches: the count reads the table's beginning, up to its cap.
                assert f"LIMIT {COUNT_CAP + 1}" in sql, sql
            else:
                assert "Seq Scan on orders_payorder" not in plan, (query, plan)


def test_a_page_deep_in_the_list_starts_at_its_cursor(as_root: Client, at_size: None) -> None:
    html = as_root.get(PAY).content.decode()
    deep = re.search(r'rel="next" href="([^"]+)"', html)[1].replace("&amp;", "&")

    with CaptureQueriesContext(connection) as queries:
        as_root.get(PAY + deep)

    page = next(plan for sql, plan in plans(queries) if "ROW(" in sql)
    assert "Index Cond: (ROW(created_at, id) < ROW(" in page


def test_counts_stop_at_the_cap(as_root: Client, house: cast.House) -> None:
    many_orders(house, COUNT_CAP + 5)

    html = as_root.get(f"{PAY}?status=success").content.decode()

    assert "<strong>10,000+</strong> rows" in html
    assert "total" not in html[html.index("zf-pages") :]
