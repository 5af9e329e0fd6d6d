"""Pages that end: however a client goes on, and however many orders share a millisecond."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from gateway.api.kaigedian.fields import to_ms
from orders.models import StoreOrder
from orders.services import store
from tests import cast
from tests.gateway.kaigedian.client import Partner
from tests.gateway.kaigedian.shop import Shop, order

pytestmark = pytest.mark.django_db
DAY = datetime(2026, 11, 20, tzinfo=UTC)
START, END = to_ms(DAY), to_ms(DAY + timedelta(days=1))
PATIENCE = 60
"""Requests; a client that needs more walks in a circle."""


@pytest.fixture
def orders(shop: Shop) -> list[str]:
    """27 orders: 4 alone, 15 in one millisecond, 8 in another, as a bulk job leaves them."""
    moments = [1, 2, 3, 4, *[500] * 15, *[900] * 8]
    numbers = []
    for count, moment in enumerate(moments):
        number = shop.partner.submit(order(thirdOrderCode=f"N{count}"))
        at = DAY + timedelta(hours=1, milliseconds=moment)
        StoreOrder.objects.filter(order_no=number).update(updated_at=at)
        numbers.append(number)
    return numbers


def walk(pages: Iterator[list[str]]) -> list[str]:
    """Everything that the client saw, in its order; fails where it does not come to an end."""
    seen: list[str] = []
    for count, page in enumerate(pages):
        assert count < PATIENCE, "this client never comes to an end"
        seen += page
    return seen


@pytest.mark.parametrize("count", [1, 3, 8, 10])
def test_a_client_that_goes_on_by_time_sees_everything_and_ends(partner: Partner, orders, count):
    seen = walk(partner.pages_by_time("10001", START, END, count))
    assert set(seen) == set(orders)
    # The start is included, so what ended one page may begin the next.
    assert list(dict.fromkeys(seen)) == sorted(orders, key=place)


@pytest.mark.parametrize("with_time", [True, False])
@pytest.mark.parametrize("count", [1, 3, 8, 10])
def test_a_client_that_goes_on_by_code_sees_everything_once(
    partner: Partner, orders, count, with_time
):
    """Both with the times of the last answer and with the times that it began with."""
    pages = list(partner.pages_by_code("10001", START, END, count, with_time=with_time))
    seen = walk(iter(pages))
    assert seen == sorted(orders, key=place)
    assert max(len(page) for page in pages) == count


def place(number: str) -> tuple[Any, ...]:
    return (StoreOrder.objects.get(order_no=number).updated_at, number)


def test_a_page_that_starts_in_a_full_millisecond_shows_all_of_it(partner: Partner, orders):
    at = to_ms(DAY + timedelta(hours=1, milliseconds=500))
    asked = {"storeId": "10001", "startTimestamp": str(at), "endTimestamp": str(END), "count": 10}
    page = partner.call("batchQuery", asked)
    assert len(page["itemList"]) == 15
    assert (page["total"], page["count"], page["nextStartTimestamp"]) == (23, 10, at + 1)


def test_the_total_is_of_the_whole_time_on_every_page_by_code(partner: Partner, orders):
    asked = {"storeId": "10001", "startTimestamp": START, "endTimestamp": END, "count": 10}
    first = partner.call("batchQuery", asked)
    second = partner.call("batchQuery", {**asked, "nextOrderCode": first["nextOrderCode"]})
    assert (first["total"], second["total"]) == (27, 27)


def test_an_order_code_alone_is_a_place_within_the_first_millisecond(partner: Partner, orders):
    at = to_ms(DAY + timedelta(hours=1, milliseconds=500))
    there = sorted(orders[4:19])
    asked = {"storeId": "10001", "startTimestamp": at, "endTimestamp": at, "count": 10}
    page = partner.call("batchQuery", {**asked, "nextOrderCode": there[9]})
    assert [each["orderCode"] for each in page["itemList"]] == there[10:]


def test_a_code_from_before_the_start_does_not_go_back(partner: Partner, orders):
    asked = {"storeId": "10001", "startTimestamp": START, "endTimestamp": END, "count": 1}
    first = partner.call("batchQuery", asked)
    later = to_ms(DAY + timedelta(hours=1, milliseconds=900))
    moved = {**asked, "startTimestamp": later, "nextOrderCode": first["nextOrderCode"]}
    page = partner.call("batchQuery", moved)
    assert page["total"] == 8


def test_an_empty_page_says_where_it_began(partner: Partner):
    asked = {"storeId": "10001", "startTimestamp": 7, "endTimestamp": 9, "nextOrderCode": "S1-8"}
    page = partner.call("batchQuery", asked)
    assert page == {
        "total": 0, "count": 10, "nextOrderCode": "S1-8", "nextStartTimestamp": 7, "itemList": [],
    }  # fmt: skip


def test_a_time_that_ends_before_it_begins_has_nothing(partner: Partner, orders):
    page = partner.call("batchQuery", {"storeId": "10001", "startTimestamp": END,
                                       "endTimestamp": START})  # fmt: skip
    assert (page["total"], page["itemList"]) == (0, [])


def test_more_than_ten_at_once_are_ten(partner: Partner, orders):
    asked = {"storeId": "10001", "startTimestamp": START, "endTimestamp": END}
    for count in (11, 10**9, None, ""):
        page = partner.call("batchQuery", {**asked, "count": count})
        assert (len(page["itemList"]), page["count"]) == (10, 10)


def test_without_times_it_is_today_in_china(shop: Shop):
    """不填，默认查询当日0点-24点: the tables end it at 23:59:59:000."""
    numbers = {}
    for name, hour in (("before", 15), ("first", 16), ("last", 39), ("after", 40)):
        number = shop.partner.submit(order(thirdOrderCode=name))
        # 16:00 UTC is midnight in China.
        at = DAY + timedelta(hours=hour, minutes=59 if name == "last" else 0)
        StoreOrder.objects.filter(order_no=number).update(updated_at=at)
        numbers[name] = number
    with time_machine.travel(DAY + timedelta(hours=30), tick=False):
        page = shop.partner.call("batchQuery", {"storeId": "10001"})
    found = [each["orderCode"] for each in page["itemList"]]
    assert found == [numbers["first"], numbers["last"]]
    assert shop.partner.call("batchQuery", {"storeId": "other"})["total"] == 0


def test_a_list_is_filtered_by_channel_and_status(shop: Shop):
    partner = shop.partner
    made = {}
    for client in (1, 8, 15):
        for status in (1, 2, 5):
            number = partner.submit(
                order(thirdOrderCode=f"{client}-{status}", orderClient=client, orderStatus=status)
            )
            made[number] = (client, status)
    now = to_ms(datetime.now(UTC))
    asked = {"storeId": "10001", "startTimestamp": now - 600_000, "endTimestamp": now + 600_000}

    def found(**filters: Any) -> set[tuple[int, int]]:
        page = partner.call("batchQuery", {**asked, **filters})
        assert page["total"] == len(page["itemList"])
        return {made[each["orderCode"]] for each in page["itemList"]}

    assert found(orderClients=[1, "8"]) == {(c, s) for c in (1, 8) for s in (1, 2, 5)}
    assert found(orderStatus=[5], orderClients=15) == {(15, 5)}
    assert found(orderStatus=["1", 2], orderClients=[8]) == {(8, 1), (8, 2)}
    assert found(orderClients=[]) == set(made.values())
    assert found(orderStatus=[31]) == set()


def test_refunds_are_paged_in_the_same_way(shop: Shop):
    partner = shop.partner
    numbers = []
    at = DAY + timedelta(hours=1)
    for count in range(13):
        number = partner.submit(order(thirdOrderCode=f"R{count}", orderStatus=3))
        store.operate(
            number, "request_refund", cast.MERCHANT_ACTOR, application=shop.house.application,
            reason="cold",
        )  # fmt: skip
        numbers.append(number)
    StoreOrder.objects.update(updated_at=at)
    partner.submit(order(thirdOrderCode="none"))
    asked = {"storeId": "10001", "startTimestamp": START, "endTimestamp": END}
    first = partner.call("queryRefundOrders", {**asked, "refundstatus": [1]})
    assert (first["total"], len(first["itemList"])) == (13, 10)
    by_time = partner.call(
        "queryRefundOrders", {**asked, "startTimestamp": first["nextStartTimestamp"]}
    )
    assert [each["orderCode"] for each in by_time["itemList"]] == sorted(numbers)
    assert by_time["nextStartTimestamp"] == to_ms(at) + 1
    by_code = partner.call("queryRefundOrders", {**asked, "nextOrderCode": first["nextOrderCode"]})
    assert [each["orderCode"] for each in by_code["itemList"]] == sorted(numbers)[10:]
    assert partner.call("queryRefundOrders", {**asked, "refundStatus": [3, 5]})["total"] == 0
