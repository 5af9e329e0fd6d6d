"""Stories of pay orders: placed and paid, asked about, closed, cancelled."""

from __future__ import annotations

import pytest

from channels.simulators.core.errors import ControlError
from orders.models import PayOrder
from tests import cast
from tests.e2e.world import World, is_

Book = list[tuple[str, str, int]]
ENDS = {
    "wechat": ("close",), "umf": ("close",), "alipay": ("cancel", "close"),
    "sandbox": ("cancel", "close"),
}  # fmt: skip
"""The stored status is what happened: where the answer to a cancel was lost, a query may know only
that the trade is closed."""


def pays(world: World) -> Book:
    """Placed, paid by the customer, told by the provider."""
    world.hurt()
    order = world.order()
    world.until(lambda: is_(order, "progress"), "the order is placed")
    asked = len(world.calls())
    world.simulator.pay(order.order_no)
    world.until(lambda: is_(order, "success"), "the payment is known", clock=not world.tells)
    assert cast.reload(order).paid_amount == world.sums.pay
    if world.tells:
        assert len(world.calls()) == asked  # nobody had to ask
    return [("pay", order.order_no, world.sums.pay)]


def asks(world: World) -> Book:
    """Nobody tells us; somebody asks."""
    order = world.placed()
    world.silence()
    world.simulator.pay(order.order_no)
    world.hurt()
    world.hand.do(order, "sync")
    world.until(lambda: is_(order, "success"), "the payment is known")
    return [("pay", order.order_no, world.sums.pay)]


def closes(world: World) -> Book:
    """Closed at the provider, so that the customer cannot pay any more."""
    order = world.placed()
    world.hurt()
    world.hand.do(order, "close")
    world.until_over(lambda: is_(order, "close"), "the order is closed")
    _cannot_be_paid(world, order)
    return []


def cancels(world: World) -> Book:
    """Cancelled, or closed where the provider has no cancel for this order."""
    order = world.placed()
    world.hurt()
    world.hand.do(order, "cancel")
    world.until_over(lambda: is_(order, *ENDS[world.channel]), "the order is cancelled")
    asked, other = ("close_pay", "cancel_pay")
    if world.channel in ("alipay", "sandbox"):
        asked, other = other, asked
    assert world.outcomes(asked)
    assert not world.outcomes(other)
    _cannot_be_paid(world, order)
    return []


def cancels_what_was_paid_meanwhile(world: World) -> Book:
    """The provider gives the money back: a success and a full refund, once."""
    order = world.placed()
    world.silence("pay")
    world.simulator.pay(order.order_no)
    world.hurt()
    world.hand.do(order, "cancel")
    world.until(lambda: is_(order, "success"), "the payment is known")
    world.until(lambda: cast.reload(order).refund_status == "refunded", "it was given back")
    (_pay, (kind, number, amount)) = world.book()
    assert (kind, amount) == ("refund", world.sums.pay)
    return [("pay", order.order_no, world.sums.pay), (kind, number, amount)]


def closes_what_was_paid_meanwhile(world: World) -> Book:
    """The provider refuses, and the payment is found."""
    order = world.placed()
    world.silence()
    world.simulator.pay(order.order_no)
    world.hurt()
    world.hand.do(order, "close")
    world.until(lambda: is_(order, "success"), "the payment is known")
    return [("pay", order.order_no, world.sums.pay)]


def _cannot_be_paid(world: World, order: PayOrder) -> None:
    if world.channel != "sandbox":  # which has no customers
        with pytest.raises(ControlError):
            world.simulator.pay(order.order_no)
