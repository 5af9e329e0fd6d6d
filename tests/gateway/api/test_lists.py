"""Lists: pages by cursor, filters, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import signing

from orders.models import PayOrder
from tests import cast
from tests.gateway.api.conftest import ORDER, Api, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def five(house: cast.House) -> list[PayOrder]:
    """Five orders, the newest first; three of them were made in the same moment."""
    orders = [cast.make_pay_order(house, biz_order_no=f"SO-{n}") for n in range(1, 6)]
    same = orders[1].created_at
    PayOrder.objects.filter(pk__in=[order.pk for order in orders[1:4]]).update(created_at=same)
    return list(reversed(orders))


def numbers(body: dict[str, Any]) -> list[str]:
    return [row["biz_order_no"] for row in body["data"]]


def test_pages_follow_each_other_without_gap_or_repetition(api: Api, five):
    seen, cursor, pages = [], None, 0
    while cursor is not None or not pages:
        body = api.get("pay-orders", {"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        assert body["has_more"] is (body["next_cursor"] is not None)
        seen += numbers(body)
        cursor, pages = body["next_cursor"], pages + 1
    assert seen == ["SO-5", "SO-4", "SO-3", "SO-2", "SO-1"]
    assert pages == 3


def test_a_new_order_does_not_shift_the_pages(api: Api, house: cast.House, five):
    first = api.get("pay-orders", {"limit": 2}).json()
    cast.make_pay_order(house, biz_order_no="SO-6")
    second = api.get("pay-orders", {"limit": 2, "cursor": first["next_cursor"]}).json()
    assert numbers(second) == ["SO-3", "SO-2"]


def test_a_full_last_page_says_that_nothing_follows(api: Api, five):
    body = api.get("pay-orders", {"limit": 5}).json()
    assert (len(body["data"]), body["has_more"], body["next_cursor"]) == (5, False, None)


def test_a_list_row_is_the_order_itself(api: Api, five):
    row = api.get("pay-orders", {"biz_order_no": "SO-3"}).json()["data"][0]
    assert row == api.get("pay-orders/biz:SO-3").json()


def test_lists_show_the_callers_own_orders_only(api: Api, other_api: Api, five):
    assert other_api.get("pay-orders").json() == {
        "data": [], "has_more": False, "next_cursor": None,
    }  # fmt: skip
    assert other_api.get("pay-orders", {"biz_order_no": "SO-1"}).json()["data"] == []
    assert other_api.get("refunds").json()["data"] == []


def test_filters(api: Api, house: cast.House, five):
    paid = cast.make_pay_order(house, "success", biz_order_no="SO-9")
    cast.make_refund(paid)
    created = paid.created_at
    for query, expected in (
        ({"status": "success"}, ["SO-9"]),
        ({"status": "close"}, []),
        ({"refund_status": "refunding"}, ["SO-9"]),
        ({"refund_status": "no_refund", "biz_order_no": "SO-1"}, ["SO-1"]),
        ({"channel": "wechat"}, []),
        ({"channel": "sandbox", "limit": 1}, ["SO-9"]),
        ({"biz_order_no": "SO-1"}, ["SO-1"]),
        ({"created_from": created.isoformat()}, ["SO-9"]),
        ({"created_to": created.isoformat(), "limit": 1}, ["SO-5"]),
        ({"created_from": (created + timedelta(seconds=1)).isoformat()}, []),
    ):
        assert numbers(api.get("pay-orders", query).json()) == expected, query


def test_refund_filters(api: Api, house: cast.House):
    one = cast.make_refund(cast.make_pay_order(house, "success", biz_order_no="SO-1"), "fail")
    two = cast.make_refund(cast.make_pay_order(house, "success", biz_order_no="SO-2"))
    for query, expected in (
        ({}, [two, one]),
        ({"status": "fail"}, [one]),
        ({"biz_order_no": "SO-2"}, [two]),
        ({"order_no": one.pay_order.order_no}, [one]),
        ({"biz_refund_no": two.biz_refund_no}, [two]),
        ({"channel": "wechat"}, []),
    ):
        rows = api.get("refunds", query).json()["data"]
        assert [row["refund_no"] for row in rows] == [row.refund_no for row in expected], query


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"limit": "0"}, "limit", "invalid"),
        ({"limit": "101"}, "limit", "invalid"),
        ({"limit": "-1"}, "limit", "invalid"),
        ({"limit": "1e2"}, "limit", "invalid"),
        ({"limit": "٣"}, "limit", "invalid"),
        ({"limit": "9" * 400}, "limit", "invalid"),
        ({"limit": ""}, "limit", "invalid"),
        ({"limit": ["1", "2"]}, "limit", "repeated"),
        ({"page": "2"}, "page", "unknown_parameter"),
        ({"offset": "1000000000"}, "offset", "unknown_parameter"),
        ({"status": "paid"}, "status", "invalid_choice"),
        ({"status": "success' OR '1'='1"}, "status", "invalid_choice"),
        ({"status__in": "success"}, "status__in", "unknown_parameter"),
        ({"application__merchant__name": "A"}, "application__merchant__name", "unknown_parameter"),
        ({"biz_order_no": "a\x00b"}, "biz_order_no", "invalid"),
        ({"biz_order_no": "x" * 1025}, "biz_order_no", "invalid"),
        ({"created_from": "yesterday"}, "created_from", "invalid"),
        ({"created_from": "2026-01-31"}, "created_from", "invalid"),
        ({"created_from": "2026-01-31T00:00:00"}, "created_from", "invalid"),
        ({"created_from": "2026-13-31T00:00:00Z"}, "created_from", "invalid"),
        ({"created_to": "0001-01-01T00:00:00+14:00"}, "created_to", "invalid"),
        ({"cursor": "1"}, "cursor", "invalid_cursor"),
        ({"cursor": "W10:1abc:xyz"}, "cursor", "invalid_cursor"),
        ({"cursor": "x" * 1025}, "cursor", "invalid"),
        ({"x" * 500: "1"}, "x" * 64, "unknown_parameter"),
    ],
)
def test_a_wrong_parameter_is_400_and_named(api: Api, five, query, field, code):
    body = problem(api.get("pay-orders", query), 400, "invalid_parameter")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]


@pytest.mark.parametrize(
    "value", ["' OR 1=1 --", "%", "_", "SO-1%", "SO-1' UNION SELECT 1", '"; DROP TABLE x', "*"]
)
def test_a_filter_is_a_value_and_never_a_pattern(api: Api, five, value):
    assert api.get("pay-orders", {"biz_order_no": value}).json()["data"] == []
    assert PayOrder.objects.count() == 5


def test_a_cursor_belongs_to_its_filters_and_its_caller(api: Api, other_api: Api, five):
    cursor = api.get("pay-orders", {"limit": 2}).json()["next_cursor"]
    for other, path, query in (
        (api, "pay-orders", {"status": "success"}),
        (other_api, "pay-orders", {}),
        (api, "refunds", {}),
    ):
        body = problem(other.get(path, {"cursor": cursor, **query}), 400, "invalid_parameter")
        assert body["errors"][0]["code"] == "invalid_cursor"


def test_a_signature_of_ours_for_something_else_is_no_cursor(api: Api, five):
    forged = signing.dumps(["2026-01-01T00:00:00+00:00", 1, "x"], salt="elsewhere")
    problem(api.get("pay-orders", {"cursor": forged}), 400, "invalid_parameter")


def test_a_parameter_that_is_not_known_is_refused_everywhere(api: Api, five):
    for path in ("pay-orders/biz:SO-1", "pay-orders/biz:SO-1/operations"):
        problem(api.get(path, {"x": "1"}), 400, "invalid_parameter")
    problem(api.post("pay-orders/biz:SO-1/close?force=1"), 400, "invalid_parameter")
    problem(api.post("pay-orders?x=1", ORDER), 400, "invalid_parameter")
    assert five[-1].intent == ""


@pytest.mark.parametrize("wait", ["-1", "1.5", "99", "x"])
def test_a_wrong_wait_is_400(api: Api, five, wait):
    body = problem(api.post(f"pay-orders/biz:SO-1/sync?wait={wait}"), 400, "invalid_parameter")
    assert body["errors"][0]["field"] == "wait"
    assert cast.open_kinds(five[-1]) == []


def several(house: cast.House) -> None:
    """Three of everything, each share with its return."""
    for n in range(3):
        cast.make_refund(cast.make_pay_order(house, "success"))
        cast.make_transfer(house)
        cast.make_receiver(house, account=f"190000020{n}")
        cast.make_return(cast.make_share(house))
        cast.make_group(house, name=f"Partners {n}")


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("pay-orders", 2), ("refunds", 2), ("transfers", 2), ("returns", 2), ("receivers", 2),
        ("allocations", 3), ("groups", 3),
    ],
)  # fmt: skip
def test_a_page_costs_the_same_queries_however_long_it_is(
    api: Api, house: cast.House, django_assert_num_queries, path, queries
):
    """The key, the rows, and the parts of all the rows."""
    several(house)
    api.get(path)
    for limit in (1, 3):
        with django_assert_num_queries(queries):
            assert len(api.get(path, {"limit": limit}).json()["data"]) == limit


def test_filters_of_money_that_goes_out(api: Api, house: cast.House):
    several(house)
    everything = {
        path: api.get(path).json()["data"]
        for path in ("transfers", "allocations", "returns", "receivers", "groups")
    }
    for path, name in (
        ("transfers", "biz_transfer_no"), ("allocations", "biz_allocation_no"),
        ("allocations", "order_no"), ("allocations", "biz_order_no"), ("returns", "biz_return_no"),
        ("returns", "order_no"), ("returns", "allocation_no"), ("returns", "detail_no"),
        ("groups", "name"),
    ):  # fmt: skip
        row = everything[path][1]
        assert api.get(path, {name: row[name]}).json()["data"] == [row], (path, name)
    for path, query, count in (
        ("transfers", {"status": "progress"}, 3), ("transfers", {"status": "fail"}, 0),
        ("allocations", {"status": "alloc_end", "result": "all_success"}, 3),
        ("allocations", {"result": "all_failed"}, 0), ("returns", {"status": "close"}, 0),
        ("receivers", {"status": "bound", "receiver_type": "merchant_no"}, 4),
        ("receivers", {"receiver_type": "openid"}, 0), ("groups", {"channel": "wechat"}, 0),
        ("groups", {"created_to": "2020-01-01T00:00:00Z"}, 0),
    ):  # fmt: skip
        assert len(api.get(path, query).json()["data"]) == count, (path, query)
    for path, query in (("transfers", {"status": "paid"}), ("receivers", {"account": "1"})):
        problem(api.get(path, query), 400, "invalid_parameter")


def test_lists_of_money_that_goes_out_show_the_callers_own_only(
    api: Api, other_api: Api, house: cast.House
):
    several(house)
    for path in ("transfers", "allocations", "returns", "receivers", "groups"):
        assert api.get(path).json()["data"] != []
        assert other_api.get(path).json()["data"] == []
