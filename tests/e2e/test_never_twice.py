"""Seed 004's law: SYSTEMERROR and FREQUENCY_LIMITED in profit sharing say nothing. Ask, and never
send again what may have been done. And a few other stories that the table does not tell."""

from __future__ import annotations

import pytest
from django.utils import timezone

from channels.base import Outcome
from orders.models import Anomaly, ChannelCall
from tests import cast
from tests.e2e.stories import STORIES
from tests.e2e.world import World, is_

UNKNOWN, DONE, PENDING = Outcome.UNKNOWN, Outcome.DONE, Outcome.PENDING
SENDS = {
    "share": ("allocate", "query_allocation"),
    "finish": ("finish_allocation", "query_finish"),
    "return": ("return_share", "query_return"),
}
DONE_AND_DOUBTED = {
    "wechat": ("error_after", "rate_limited_after", "drop_after", "not_json"),
    "alipay": ("error_after", "system_error_after", "bad_gateway_after", "drop_after"),
}
NOT_DONE_AND_DOUBTED = {
    "wechat": ("error_before", "rate_limited"),
    "alipay": ("error_before", "rate_limited", "system_error"),
}


def _cases(faults):
    for name in SENDS:
        for channel, op in STORIES[name].ops.items():
            for fault in faults[channel]:
                yield pytest.param(channel, name, op, fault, id=f"{channel}-{name}-{fault}")


@pytest.mark.parametrize(("channel", "name", "op", "fault"), _cases(DONE_AND_DOUBTED))
def test_what_was_done_under_a_doubt_is_asked_about_and_never_sent_again(
    make_world, channel, name, op, fault
):
    world: World = make_world(channel, {op: {"fault": fault, "times": 1}})
    sends, asks = SENDS[name]
    book = STORIES[name].tell(world)
    world.rest()
    assert sorted(world.book()) == sorted(book)
    assert world.outcomes(sends) == [UNKNOWN]
    assert set(ChannelCall.objects.filter(kind=sends).values_list("attempt", flat=True)) == {1}
    assert DONE in world.outcomes(asks)


@pytest.mark.parametrize(("channel", "name", "op", "fault"), _cases(NOT_DONE_AND_DOUBTED))
def test_what_was_not_done_is_sent_again_only_after_the_provider_said_so(
    make_world, channel, name, op, fault
):
    world: World = make_world(channel, {op: {"fault": fault, "times": 1}})
    sends, asks = SENDS[name]
    book = STORIES[name].tell(world)
    assert sorted(world.book()) == sorted(book)
    about = [kind for kind, _outcome in world.calls() if kind in (sends, asks)]
    first, again = (at for at, kind in enumerate(about) if kind == sends)
    assert first == 0
    assert asks in about[first + 1 : again]


def test_a_code_that_nobody_scanned_may_still_be_paid_after_the_close_and_is_then_late_money(
    make_world,
):
    """Alipay answers a close with TRADE_NOT_EXIST then, and the code lives on until it expires."""
    world: World = make_world("alipay", {})
    order = world.order()
    world.until(lambda: is_(order, "progress"), "the order is placed")
    world.hand.do(order, "close")
    world.until(lambda: is_(order, "close"), "the order is closed")
    world.simulator.pay(order.order_no)
    world.until(Anomaly.objects.exists, "the late payment is seen", clock=False)
    world.rest()
    assert world.book() == [("pay", order.order_no, world.sums.pay)]
    assert [row.kind for row in Anomaly.objects.all()] == ["close_paid"]
    assert is_(order, "close")


@pytest.mark.parametrize("channel", ["wechat", "alipay", "umf"])
def test_a_forged_notification_moves_nothing(make_world, channel):
    """A forgery comes first; only the true one counts."""
    world: World = make_world(channel, {"callback": {"fault": "forged"}})
    order = world.placed()
    world.hurt()
    world.simulator.pay(order.order_no)
    world.until(lambda: 400 in world.told, "the forgery has come", clock=False)
    world.until(lambda: is_(order, "success"), "the payment is told", clock=False)
    assert world.book() == [("pay", order.order_no, world.sums.pay)]


@pytest.mark.parametrize("channel", ["wechat", "alipay", "umf"])
def test_an_order_that_nobody_pays_is_closed_when_its_time_is_over(make_world, channel):
    """At the provider too, so that nobody can pay it any more."""
    world: World = make_world(channel, {})
    order = world.placed()
    type(order).objects.filter(pk=order.pk).update(expires_at=timezone.now())
    world.until(lambda: is_(order, "close"), "the order is closed")
    assert world.book() == []
    assert cast.reload(order).paid_amount is None
