"""Stories of shared money: receivers, shares, what is set free, what is fetched back."""

from __future__ import annotations

from orders.models import AllocationDetail, AllocationOrder, AllocationReceiver, PayOrder
from tests import cast
from tests.e2e.stories.payments import Book
from tests.e2e.stories.transfers import OPENID
from tests.e2e.world import IN_WORK, World, is_

PARTNER = {"relation": "PARTNER"}
SHOP = {"receiver_type": "merchant_no", "account": "1900000109", "name": "青茶铺", **PARTNER}
PERSON = {"receiver_type": "openid", "account": OPENID, "name": "李四", **PARTNER}
RECEIVERS = {
    "wechat": (SHOP, PERSON),
    "alipay": (
        {"receiver_type": "user_id", "account": "2088101126765726"},
        {"receiver_type": "user_id", "account": "2088101126765727"},
    ),
    "sandbox": (SHOP, PERSON),
}
SHARE = {"wechat": "share", "alipay": "allocate", "sandbox": ""}
"""The simulators' words for the request."""


def _receivers(world: World) -> list[AllocationReceiver]:
    rows = [world.hand.add_receiver(world.channel, who) for who in RECEIVERS[world.channel]]
    world.until(lambda: all(is_(row, "bound") for row in rows), "the receivers are bound")
    return rows


def _to_share(world: World) -> tuple[PayOrder, list[tuple[AllocationReceiver, int]]]:
    rows = _receivers(world)
    return world.paid(allocation=True), list(zip(rows, world.sums.shares, strict=True))


def _shares(world: World, order: PayOrder, row: AllocationOrder) -> Book:
    number = cast.reload(row).send_no
    parts = (("share", number, one) for one in world.sums.shares)
    return [("pay", order.order_no, world.sums.pay), *parts]


def _shared(world: World) -> tuple[PayOrder, AllocationOrder]:
    order, parts = _to_share(world)
    row = world.hand.share(order, parts)
    world.until(lambda: is_(row, "alloc_end"), "the shares are known")
    return order, row


def binds(world: World) -> Book:
    """Two receivers, bound at the provider."""
    world.hurt()
    _receivers(world)
    return []


def unbinds(world: World) -> Book:
    """And one of them not any more, and then again."""
    row, _other = _receivers(world)
    world.hurt()
    world.hand.do(row, "unbind")
    world.until(lambda: is_(row, "unbound"), "the receiver is not bound any more")
    world.hand.do(row, "bind")
    world.until(lambda: is_(row, "bound"), "the receiver is bound again")
    return []


def shares(world: World) -> Book:
    """Two receivers get their parts."""
    order, parts = _to_share(world)
    world.hurt()
    row = world.hand.share(order, parts)
    world.until(lambda: is_(row, "alloc_end"), "the shares are known")
    assert cast.reload(row).result == "all_success"
    assert cast.reload(order).allocation_status == "done"
    return _shares(world, order, row)


def asks_about_shares(world: World) -> Book:
    """It takes the provider a while; nobody tells us of its end."""
    order, parts = _to_share(world)
    world.silence()
    if world.channel != "sandbox":
        world.arrange(**{SHARE[world.channel]: IN_WORK})
    row = world.hand.share(order, parts)
    # With the clock: WeChat shares a payment only some time after it was made.
    world.until(lambda: world.outcomes("allocate") == ["pending"], "it is in work")
    world.hurt()
    world.hand.do(row, "sync")
    world.until(lambda: is_(row, "alloc_end"), "the shares are known")
    return _shares(world, order, row)


def shares_again(world: World) -> Book:
    """Both receivers fail, and get their parts when they are asked for again."""
    order, parts = _to_share(world)
    world.arrange(**{SHARE[world.channel]: {"fault": "all_fail", "times": 1}})
    row = world.hand.share(order, parts)
    world.until(lambda: cast.reload(row).result == "all_failed", "both have failed")
    world.hurt(SHARE[world.channel])
    world.hand.do(row, "retry")
    world.until(lambda: cast.reload(row).result == "all_success", "the shares are known")
    return _shares(world, order, row)


def finishes(world: World) -> Book:
    """What is left is set free."""
    order, row = _shared(world)
    world.hurt()
    world.hand.do(row, "finish")
    world.until(lambda: is_(row, "finish"), "it is finished")
    free = world.sums.pay - sum(world.sums.shares)
    return [*_shares(world, order, row), ("unfreeze", cast.reload(row).finish_no, free)]


# --- returns ------------------------------------------------------------------------------


def _to_return(world: World) -> tuple[AllocationDetail, Book]:
    order, row = _shared(world)
    detail = AllocationDetail.objects.get(allocation=row, amount=world.sums.shares[0])
    return detail, _shares(world, order, row)


def returns(world: World) -> Book:
    """A share is fetched back."""
    detail, book = _to_return(world)
    world.hurt()
    back = world.hand.give_back(detail, detail.amount)
    world.until(lambda: is_(back, "success"), "the return is known")
    return [*book, ("return", back.return_no, detail.amount)]


def asks_about_a_return(world: World) -> Book:
    """It takes the provider a while; nobody tells us of its end."""
    detail, book = _to_return(world)
    world.arrange(share_return=IN_WORK)
    back = world.hand.give_back(detail, detail.amount)
    world.until(lambda: world.outcomes("return_share") == ["pending"], "it is in work", clock=False)
    world.hurt()
    world.hand.do(back, "sync")
    world.until(lambda: is_(back, "success"), "the return is known")
    return [*book, ("return", back.return_no, detail.amount)]


def gives_a_return_up(world: World) -> Book:
    """Failed and closed; at the sandbox it would fail again, elsewhere another one is made."""
    detail, book = _to_return(world)
    world.arrange(share_return={"fault": "fails", "times": 1})
    failed = world.hand.give_back(detail, detail.amount)
    world.until(lambda: is_(failed, "fail"), "the return has failed")
    world.hurt("share_return")
    world.hand.do(failed, "close")
    assert is_(failed, "close")
    if world.channel == "sandbox":
        return book
    back = world.hand.give_back(cast.reload(detail), detail.amount)
    world.until(lambda: is_(back, "success"), "the other return is known")
    return [*book, ("return", back.return_no, detail.amount)]


def returns_again(world: World) -> Book:
    """The first request was lost on its way; somebody sends it again under the same number."""
    detail, book = _to_return(world)
    world.arrange(share_return={"fault": "error_before", "times": 1})
    back = world.hand.give_back(detail, detail.amount)
    world.until(lambda: world.outcomes("return_share") == ["unknown"], "nobody knows", clock=False)
    world.hurt("share_return")
    world.hand.do(back, "retry")
    world.until(lambda: is_(back, "success"), "the return is known")
    return [*book, ("return", back.return_no, detail.amount)]
