"""Each way to pay of SPEC 4's table: what the merchant is given for its front end lets the customer
pay, once. Scanned codes are in ``test_bar_code.py``, two-dimensional ones in all the stories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import pytest

from channels import registry
from channels.base import Method
from tests import cast
from tests.e2e.world import World, is_

CUSTOMER = {"wechat": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "alipay": "2088101126765726"}
"""By whom a customer is named who pays inside the provider's own app."""


def _ways() -> Iterator[Any]:
    for channel in registry.all_channels():
        for method in sorted(channel.capabilities.methods - {Method.NATIVE, Method.BARCODE}):
            yield pytest.param(channel.code, method.value, id=f"{channel.code}-{method.value}")


def _facts(channel: str, method: str) -> dict[str, str]:
    """What this way to pay needs of the merchant."""
    match method:
        case "jsapi":
            return {"openid": CUSTOMER.get(channel, CUSTOMER["wechat"])}
        case "h5":
            return {"client_ip": "203.0.113.7"}
        case _:
            return {}


def _open(world: World, params: dict[str, Any]) -> None:
    """The customer's browser or app carries the request to the provider."""
    if "url" in params:
        address = params["url"]
    elif "order_string" in params:
        account = world.house.merchant.accounts.get(channel=world.channel)
        address = f"{account.config['gateway_url']}?{params['order_string']}"
    else:
        return
    with urlopen(address, timeout=30) as page:
        assert page.status == 200


@pytest.mark.parametrize(("channel", "method"), _ways())
def test_each_way_to_pay_ends_in_one_payment(make_world, channel, method):
    world: World = make_world(channel, {})
    order = world.order(method=method, **_facts(channel, method))
    params = world.until(lambda: cast.reload(order).pay_params, "it can be paid", clock=False)
    _open(world, params)
    world.simulator.pay(order.order_no)
    world.until(lambda: is_(order, "success"), "the payment is known", clock=not world.tells)
    world.rest()
    assert world.book() == world.ledger() == [("pay", order.order_no, world.sums.pay)]
    assert world.hand.shows(order) == "success"
