"""Stories of refunds: in parts, asked about, refused and sent again, refused and given up."""

from __future__ import annotations

from orders.models import PayOrder, RefundOrder
from tests import cast
from tests.e2e.stories.payments import Book
from tests.e2e.world import IN_WORK, World, is_


def _refunded(world: World, order: PayOrder, *parts: tuple[str, int]) -> Book:
    return [
        ("pay", order.order_no, world.sums.pay),
        *(("refund", number, amount) for number, amount in parts),
    ]


def refunds(world: World) -> Book:
    """A part, and then the rest."""
    order = world.paid()
    world.hurt()
    parts = []
    for amount in (world.sums.part, world.sums.pay - world.sums.part):
        row = world.hand.refund(order, amount)
        world.until(lambda row=row: is_(row, "success"), f"the refund of {amount} is known")
        parts.append((row.refund_no, amount))
    assert cast.reload(order).refund_status == "refunded"
    return _refunded(world, order, *parts)


def asks_about_a_refund(world: World) -> Book:
    """It takes the provider a while; nobody tells us of its end."""
    order = world.paid()
    world.silence()
    world.arrange(refund=IN_WORK)
    row = world.hand.refund(order, world.sums.part)
    world.until(lambda: world.outcomes("refund") == ["pending"], "it is in work", clock=False)
    world.hurt()
    world.hand.do(row, "sync")
    world.until(lambda: is_(row, "success"), "the refund is known")
    assert cast.reload(order).refund_status == "partial_refund"
    return _refunded(world, order, (row.refund_no, world.sums.part))


def _refused(world: World) -> tuple[PayOrder, RefundOrder]:
    """The merchant has no money at the provider."""
    order = world.paid()
    world.simulator.set_balance(0)
    row = world.hand.refund(order, world.sums.part)
    world.until(lambda: is_(row, "fail"), "the refund is refused")
    world.simulator.set_balance(world.sums.pay)
    world.hurt()
    return order, row


def refunds_again(world: World) -> Book:
    """Refused, and sent again under the same number."""
    order, row = _refused(world)
    world.hand.do(row, "retry")
    world.until(lambda: is_(row, "success"), "the refund is known")
    return _refunded(world, order, (row.refund_no, world.sums.part))


def gives_a_refund_up(world: World) -> Book:
    """Refused, closed, and everything refunded under another number."""
    order, row = _refused(world)
    world.hand.do(row, "close")
    assert is_(row, "close")
    assert cast.reload(order).refundable_balance == world.sums.pay
    other = world.hand.refund(order, world.sums.pay)
    world.until(lambda: is_(other, "success"), "the other refund is known")
    return _refunded(world, order, (other.refund_no, world.sums.pay))
