"""The same request twice at the same moment, on real connections."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from orders.models import Event, StoreCancellation, StoreItem, StoreOrder
from tests import cast
from tests.gateway.kaigedian.client import Refused
from tests.gateway.kaigedian.shop import Shop, open_shop, order, through
from tests.orders.test_concurrency import at_once

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 6
UNDER_WAY = "500 This request is being worked on; ask again in a moment."


@pytest.fixture
def shop(transactional_db: None) -> Shop:
    return open_shop(cast.merchant("A"))


def all_at_once(shop: Shop, call: str, body: Any, *, transaction: str | None) -> list[Any]:
    """What each of the partner's machines is told: the answer, or the refusal."""

    def ask() -> Any:
        machine = replace(shop.partner, send=through(Client(headers={"accept-language": "en"})))
        try:
            return machine.call(call, body, transaction=transaction)
        except Refused as refused:
            return str(refused)

    return at_once(*[ask] * MANY)


@pytest.mark.parametrize("third", ["", "N-1"])
def test_one_transaction_makes_one_order(shop: Shop, third: str):
    told = all_at_once(shop, "submit", order(thirdOrderCode=third), transaction="t-1")
    row = StoreOrder.objects.get()
    assert StoreItem.objects.count() == 1
    answers = [each for each in told if each != UNDER_WAY]
    assert answers and all(each == {"orderCode": row.order_no} for each in answers)


def test_one_number_of_the_merchants_makes_one_order(shop: Shop):
    """Each machine names another transaction."""
    told = all_at_once(shop, "submit", order(), transaction=None)
    row = StoreOrder.objects.get()
    assert told == [{"orderCode": row.order_no}] * MANY


def test_one_step_is_taken_once(shop: Shop):
    number = shop.partner.submit(order())
    body = {"orderCode": number, "orderStatus": 3}
    told = all_at_once(shop, "statusOperation", body, transaction=None)
    assert StoreOrder.objects.get().status == "accepted"
    assert Event.objects.filter(kind="store_accepted").count() == 1
    assert told == [""] * MANY  # who came second finds it done


def test_one_after_sale_cancel_is_done_once(shop: Shop):
    number = shop.partner.submit(order())
    body = {"orderCode": number, "reason": "cold"}
    told = all_at_once(shop, "cancel", body, transaction=None)
    assert StoreOrder.objects.get().status == "cancelled"
    assert StoreCancellation.objects.count() == 1
    # Paid at the till, it is over at once; who comes then asks for what is not possible any more.
    assert "" in told
    assert all(each == "" or each.startswith("500 The order is “cancelled”") for each in told)
