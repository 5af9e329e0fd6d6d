"""Every family finds an order by either number, and only for whom it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orders.errors import NotFound
from orders.services import allocation, pay, refund, transfer
from tests import cast

pytestmark = pytest.mark.django_db

MADE: dict[str, tuple[Any, Callable[[cast.House], Any], str]] = {
    "pay": (pay, lambda house: cast.make_pay_order(house, "success"), "biz_order_no"),
    "refund": (
        refund,
        lambda house: cast.make_refund(cast.make_pay_order(house, "success")),
        "biz_refund_no",
    ),
    "transfer": (transfer, lambda house: cast.make_transfer(house, "fail"), "biz_transfer_no"),
    "allocation": (allocation, cast.make_allocation, "biz_allocation_no"),
}


@pytest.mark.parametrize("family", MADE)
def test_an_order_is_found_by_either_number_and_by_its_own_merchant_only(family):
    service, make, column = MADE[family]
    house, other = cast.merchant("A"), cast.merchant("B")
    row = make(house)
    theirs = f"biz:{getattr(row, column)}"
    assert service.find(row.number) == row
    assert service.find(row.number, application=house.application) == row
    assert service.find(theirs, application=house.application) == row
    for number, application in (
        (row.number, other.application),
        (theirs, other.application),
        (theirs, None),  # whose?
        (getattr(row, column) + "x", house.application),
        (f"biz:{row.number}x", house.application),
    ):
        with pytest.raises(NotFound) as caught:
            service.find(number, application=application)
        assert number in str(caught.value.number)
