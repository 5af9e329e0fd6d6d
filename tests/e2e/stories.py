"""The stories of SPEC 4's table. Each one ends with what the provider's book must say.

``world.hurt()`` stands right before the operation that the story is about, so that a fault hits
that operation and not what leads up to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from channels.simulators.core.errors import ControlError
from orders.models import AllocationDetail, AllocationOrder, AllocationReceiver, PayOrder
from orders.services import allocation, pay, refund, transfer
from tests import cast
from tests.e2e.world import AMOUNT, World, is_

ACTOR = cast.MERCHANT_ACTOR
PART, REST = 3_000, AMOUNT - 3_000
SENT = 5_000
SHARES = (1_000, 500)
PAYEES = {
    "wechat": ("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "李四"),
    "alipay": ("login_name", "zhang@example.com", "张三"),
}
RECEIVERS = {
    "wechat": (("merchant_no", "1900000109", "青茶铺"), ("openid", PAYEES["wechat"][1], "李四")),
    "alipay": (("user_id", "2088101126765726", ""), ("user_id", "2088101126765727", "")),
}
ENDS = {"wechat": ("close",), "umf": ("close",), "alipay": ("cancel", "close")}
"""The stored status is what happened: where the answer to a cancel was lost, Alipay's query knows
only that the trade is closed."""
Book = list[tuple[str, str, int]]


# --- payments -----------------------------------------------------------------------------


def pays(world: World) -> Book:
    """Placed, paid by the customer, told by the provider."""
    world.hurt()
    order = world.order()
    world.until(lambda: is_(order, "progress"), "the order is placed")
    asked = len(world.calls())
    world.simulator.pay(order.order_no)
    is_told = world.is_quiet_about("query")
    world.until(lambda: is_(order, "success"), "the payment is known", clock=not is_told)
    assert cast.reload(order).paid_amount == AMOUNT
    if is_told:
        assert len(world.calls()) == asked  # nobody had to ask
    return [("pay", order.order_no, AMOUNT)]


def asks(world: World) -> Book:
    """Nobody tells us; an operator asks."""
    order = world.placed()
    world.silence()
    world.simulator.pay(order.order_no)
    world.hurt()
    pay.request_sync(order.order_no, ACTOR)
    world.until(lambda: is_(order, "success"), "the payment is known")
    return [("pay", order.order_no, AMOUNT)]


def closes(world: World) -> Book:
    """Closed at the provider, so that the customer cannot pay any more."""
    order = world.placed()
    world.hurt()
    pay.request_close(order.order_no, ACTOR)
    world.until_over(lambda: is_(order, "close"), "the order is closed")
    _cannot_be_paid(world, order)
    return []


def cancels(world: World) -> Book:
    """Cancelled, or closed where the provider has no cancel for this order."""
    order = world.placed()
    world.hurt()
    pay.request_cancel(order.order_no, ACTOR)
    world.until_over(lambda: is_(order, *ENDS[world.channel]), "the order is cancelled")
    asked, other = ("close_pay", "cancel_pay")
    if world.channel == "alipay":
        asked, other = other, asked
    assert world.outcomes(asked) and not world.outcomes(other)
    _cannot_be_paid(world, order)
    return []


def cancels_what_was_paid_meanwhile(world: World) -> Book:
    """The provider gives the money back: a success and a full refund, once."""
    order = world.placed()
    world.silence("pay")
    world.simulator.pay(order.order_no)
    world.hurt()
    pay.request_cancel(order.order_no, ACTOR)
    world.until(lambda: is_(order, "success"), "the payment is known")
    world.until(lambda: cast.reload(order).refund_status == "refunded", "it was given back")
    (_pay, (kind, number, amount)) = world.book()
    assert (kind, amount) == ("refund", AMOUNT)
    return [("pay", order.order_no, AMOUNT), (kind, number, AMOUNT)]


def closes_what_was_paid_meanwhile(world: World) -> Book:
    """The provider refuses, and the payment is found."""
    order = world.placed()
    world.silence()
    world.simulator.pay(order.order_no)
    world.hurt()
    pay.request_close(order.order_no, ACTOR)
    world.until(lambda: is_(order, "success"), "the payment is known")
    return [("pay", order.order_no, AMOUNT)]


def _cannot_be_paid(world: World, order: PayOrder) -> None:
    with pytest.raises(ControlError):
        world.simulator.pay(order.order_no)


# --- refunds ------------------------------------------------------------------------------


def refunds(world: World) -> Book:
    """A part, and then the rest."""
    order = world.paid()
    world.hurt()
    numbers = []
    for amount in (PART, REST):
        row = refund.request_refund(order.order_no, ACTOR, amount=amount, reason="少发一件")
        world.until(lambda row=row: is_(row, "success"), f"the refund of {amount} is known")
        numbers.append(row.refund_no)
    assert cast.reload(order).refund_status == "refunded"
    return [
        ("pay", order.order_no, AMOUNT),
        ("refund", numbers[0], PART),
        ("refund", numbers[1], REST),
    ]


# --- transfers ----------------------------------------------------------------------------


def _transfer(world: World) -> Any:
    kind, account, name = PAYEES[world.channel]
    new = transfer.NewTransfer(
        biz_transfer_no="T-1",
        title="新会员奖金",
        amount=SENT,
        channel=world.channel,
        payee_type=kind,
        payee_account=account,
        payee_name=name,
        scene="1000" if world.channel == "wechat" else "",
    )
    return transfer.request_transfer(world.house.application, new, ACTOR)


def transfers(world: World) -> Book:
    """Paid out; at WeChat once the payee has confirmed."""
    world.simulator.set_balance(AMOUNT)
    world.hurt()
    row = _transfer(world)
    if world.channel == "wechat":
        world.until(lambda: cast.reload(row).is_waiting_payee, "it waits for the payee")
        world.simulator.confirm(row.transfer_no)
    world.until(lambda: is_(row, "success"), "the transfer is known")
    return [("transfer", row.transfer_no, SENT)]


def withdraws(world: World) -> Book:
    """Withdrawn while it waits for its payee."""
    world.simulator.set_balance(AMOUNT)
    row = _transfer(world)
    world.until(lambda: cast.reload(row).is_waiting_payee, "it waits for the payee")
    world.hurt()
    transfer.request_cancel(row.transfer_no, ACTOR)
    world.until(lambda: is_(row, "close"), "the transfer is withdrawn")
    return []


# --- shared money -------------------------------------------------------------------------


def _receivers(world: World) -> list[AllocationReceiver]:
    rows = [
        allocation.add_receiver(
            world.house.application,
            allocation.NewReceiver(
                channel=world.channel,
                receiver_type=kind,
                account_no=account,
                name=name,
                relation="PARTNER",
            ),
            ACTOR,
        )
        for kind, account, name in RECEIVERS[world.channel]
    ]
    world.until(lambda: all(is_(row, "bound") for row in rows), "the receivers are bound")
    return rows


def _ask_to_share(world: World, *, is_hurt: bool) -> tuple[PayOrder, AllocationOrder]:
    rows = _receivers(world)
    order = world.paid(allocation=True)
    if is_hurt:
        world.hurt()
    asked = [
        allocation.AskedShare(receiver_no=row.receiver_no, amount=amount)
        for row, amount in zip(rows, SHARES, strict=True)
    ]
    return order, allocation.request_allocation(order.order_no, ACTOR, shares=asked)


def _shared(world: World) -> tuple[PayOrder, AllocationOrder, Book]:
    order, row = _ask_to_share(world, is_hurt=False)
    world.until(lambda: is_(row, "alloc_end"), "the shares are known")
    world.hurt()
    return order, row, _shares(order, row)


def _shares(order: PayOrder, row: AllocationOrder) -> Book:
    number = row.allocation_no
    return [("pay", order.order_no, AMOUNT), *(("share", number, one) for one in SHARES)]


def binds(world: World) -> Book:
    """Two receivers, bound at the provider."""
    world.hurt()
    _receivers(world)
    return []


def shares(world: World) -> Book:
    """Two receivers get their parts."""
    order, row = _ask_to_share(world, is_hurt=True)
    world.until(lambda: is_(row, "alloc_end"), "the shares are known")
    assert cast.reload(row).result == "all_success"
    assert cast.reload(order).allocation_status == "done"
    return _shares(order, row)


def finishes(world: World) -> Book:
    """What is left is set free."""
    order, row, book = _shared(world)
    allocation.request_finish(row.allocation_no, ACTOR)
    world.until(lambda: is_(row, "finish"), "it is finished")
    return [*book, ("unfreeze", cast.reload(row).finish_no, AMOUNT - sum(SHARES))]


def returns(world: World) -> Book:
    """A share is fetched back."""
    _order, row, book = _shared(world)
    detail = AllocationDetail.objects.get(allocation=row, amount=SHARES[0])
    back = allocation.request_return(detail.detail_no, ACTOR, reason="用户退款")
    world.until(lambda: is_(back, "success"), "the return is known")
    return [*book, ("return", back.return_no, SHARES[0])]


# --- the table ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Story:
    """One operation; for each channel the simulator's words for it."""

    tell: Callable[[World], Book]
    ops: Mapping[str, str]
    """Channel → the operation that a fault hits. Channels that are not named cannot do it."""
    eventual: Mapping[str, Mapping[str, Any]]
    """Channel → the provider's own delay between doing and knowing."""
    calls_back: bool = False
    """The provider tells us of it."""


def _late(op: str, fault: str) -> dict[str, Any]:
    return {op: {"fault": fault, "seconds": 1}}


ALL = ("wechat", "alipay", "umf")
_LAG = {channel: _late("query", "lag") for channel in ALL}
_NO_REFUND_YET = {channel: _late("query_refund", "not_found") for channel in ALL}
STORIES: Mapping[str, Story] = {
    "pay": Story(tell=pays, ops=dict.fromkeys(ALL, "pay"), eventual=_LAG, calls_back=True),
    "query": Story(tell=asks, ops=dict.fromkeys(ALL, "query"), eventual=_LAG),
    "close": Story(tell=closes, ops=dict.fromkeys(ALL, "close"), eventual={}),
    "close_paid": Story(
        tell=closes_what_was_paid_meanwhile,
        ops=dict.fromkeys(ALL, "close"),
        eventual=_LAG,
    ),
    "cancel": Story(
        tell=cancels, ops={"wechat": "close", "alipay": "cancel", "umf": "close"}, eventual={}
    ),
    "cancel_paid": Story(
        tell=cancels_what_was_paid_meanwhile,
        ops={"alipay": "cancel"},
        eventual={"alipay": _LAG["alipay"]},
    ),
    "refund": Story(
        tell=refunds,
        ops=dict.fromkeys(ALL, "refund"),
        eventual={
            "wechat": _NO_REFUND_YET["wechat"] | _late("refund", "processing"),
            "alipay": _NO_REFUND_YET["alipay"] | _late("refund", "processing"),
            "umf": _NO_REFUND_YET["umf"] | _late("refund", "processing"),
        },
        calls_back=True,
    ),
    "transfer": Story(
        tell=transfers,
        ops={"wechat": "transfer", "alipay": "transfer"},
        eventual={
            "wechat": _late("query_transfer", "not_found"),
            "alipay": _late("query_transfer", "not_found") | _late("transfer", "processing"),
        },
    ),
    "withdraw": Story(tell=withdraws, ops={"wechat": "cancel_transfer"}, eventual={}),
    "bind": Story(tell=binds, ops={"wechat": "add_receiver", "alipay": "bind"}, eventual={}),
    "share": Story(
        tell=shares,
        ops={"wechat": "share", "alipay": "allocate"},
        eventual={
            "wechat": _late("query_share", "not_found") | _late("share", "processing"),
            "alipay": _late("allocate", "processing"),
        },
    ),
    "finish": Story(
        tell=finishes,
        ops={"wechat": "unfreeze", "alipay": "allocate"},
        eventual={
            "wechat": _late("query_share", "not_found") | _late("unfreeze", "processing"),
            "alipay": _late("allocate", "processing"),
        },
    ),
    "return": Story(
        tell=returns,
        ops={"wechat": "share_return"},
        eventual={
            "wechat": _late("query_share_return", "not_found")
            | _late("share_return", "processing"),
        },
    ),
}
