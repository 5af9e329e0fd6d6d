"""付款码: a customer's code is scanned, and becomes one payment or none. Real services, engine,
codecs, wire and simulators; nobody tells us of anything, so that every answer is the wire's own.

The code itself may lie nowhere afterwards: not in a row, not in Redis, not in a line of the log.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from channels.simulators.alipay import AlipaySettings, AlipaySimulator
from channels.simulators.umf import Settings, UmfSimulator
from channels.simulators.wechat import WechatSimulator
from gateway import simulated
from orders.engine import drain, handover, sweep, wake, wire
from orders.models import ChannelAccount, ChannelCall, LedgerEntry, PayOrder, WorkState
from orders.services import pay
from tests import cast

SIMULATORS: dict[str, tuple[Any, Any]] = {
    "alipay": (AlipaySimulator, AlipaySettings),
    "umf": (UmfSimulator, Settings),
    "wechat": (WechatSimulator, Settings),
}
FAST = {"time_scale": 6000, "ladder_scale": 600, "durable": False}
NOBODY_TELLS = {"callback": {"fault": "off"}}
AMOUNT = 12_800
QUEUES = ("pay", "call", "sync")
PATIENCE_S = 20.0
ALIPAY, WECHAT = "2812345678901234", "1345678901234567"
"""The codes of a customer without their last two digits, which choose what he does."""
BODIES = {"alipay": ALIPAY, "umf": WECHAT, "wechat": WECHAT, "sandbox": WECHAT}
HE_PAYS, HE_IS_ASKED, HE_CANNOT = "55", "01", "02"

pytestmark = pytest.mark.django_db


@cache
def identity(channel: str) -> dict[str, Any]:
    """Keys are slow to make."""
    return simulated.PROVIDERS[channel].new_identity()


class Till:
    """A merchant at one channel, and the house that works for it on this thread."""

    def __init__(self, channel: str, simulator: Any, house: cast.House) -> None:
        self.channel, self.simulator, self.house = channel, simulator, house
        self.web = Client()

    def code(self, ending: str) -> str:
        return BODIES[self.channel] + ending

    def scan(self, ending: str = HE_PAYS, *, amount: int = AMOUNT, **more: Any) -> PayOrder:
        """Through the merchant's own door; nobody has worked on it yet."""
        body = {
            "biz_order_no": f"TILL-{PayOrder.objects.count() + 1}",
            "title": "龙井茶",
            "amount": amount,
            "channel": self.channel,
            "method": "barcode",
            "auth_code": self.code(ending),
            **more,
        }
        answer = self.web.post(
            "/api/v1/pay-orders",
            json.dumps(body),
            content_type="application/json",
            headers={
                "Authorization": f"Bearer {self.house.api_key}",
                "Idempotency-Key": body["biz_order_no"],
            },
        )
        assert answer.status_code in (200, 201), answer.content
        assert body["auth_code"] not in answer.content.decode()
        return PayOrder.objects.get(biz_order_no=body["biz_order_no"])

    def work(self, *, clock: bool = False) -> None:
        """One round of the workers; with the clock, whatever is due later is due now."""
        if clock:
            waiting = PayOrder.objects.filter(next_check_at__isnull=False)
            waiting.update(next_check_at=timezone.now() - timedelta(seconds=1))
            sweep.sweep()
        worked = [drain.run(queue) for queue in QUEUES]
        if not any(worked):
            time.sleep(0.02)

    def until(self, fact: Callable[[], Any], what: str) -> None:
        deadline, rounds = time.monotonic() + PATIENCE_S, 0
        while not fact():
            calls = list(ChannelCall.objects.values_list("kind", "outcome"))
            assert time.monotonic() < deadline, f"in vain waited for: {what}; {calls[:12]}"
            rounds += 1
            self.work(clock=rounds % 3 == 0)

    def ends(self, order: PayOrder, status: str) -> PayOrder:
        self.until(lambda: cast.reload(order).status == status, f"the order is {status}")
        return cast.reload(order)

    def book(self) -> list[tuple[str, int]]:
        """The provider's own movements: (kind, fen)."""
        if self.simulator is None:
            return []
        return [(one["kind"], one["amount"]) for one in self.simulator.book()["movements"]]

    def hurt(self, **faults: Any) -> None:
        self.simulator.set_faults({**NOBODY_TELLS, **faults})


@pytest.fixture
def make_till(
    redis_client: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Till]]:
    settings.ENGINE_WIRE_THREADS = 4
    settings.PREPAY_DEADLINE_S = 0
    wire._forget()
    monkeypatch.setattr(wake, "publish", lambda queue: None)
    started = []

    def make(channel: str) -> Till:
        house = cast.merchant("A")
        if channel not in SIMULATORS:
            return Till(channel, None, house)
        simulate, how = SIMULATORS[channel]
        simulator = simulate(identity(channel), settings=how(**FAST))
        simulator.start()
        started.append(simulator)
        simulator.set_faults(NOBODY_TELLS)
        config, hidden = simulated.PROVIDERS[channel].settings(
            identity(channel), simulator.base_url
        )
        row = ChannelAccount(
            merchant=house.merchant, channel=channel, code=f"{channel}-a", name="", config=config
        )
        row.secrets = hidden
        row.save()
        return Till(channel, simulator, house)

    yield make
    for simulator in started:
        simulator.stop()
        assert simulator.crashes == 0
    wire._forget()


def texts_of_the_database() -> Iterator[tuple[str, str]]:
    """(table, everything in it as text), of every table."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"select coalesce(string_agg(t::text, E'\\n'), '') from \"{table}\" t")
            yield table, cursor.fetchone()[0]


@pytest.fixture
def nowhere(redis_client: Any, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[..., None]]:
    """Asserts that codes lie in no row, no key of Redis and no line of the log, of any logger."""
    caplog.set_level("DEBUG")

    def look(*codes: str) -> None:
        rows = dict(texts_of_the_database())
        assert rows["orders_payorder"]
        keys = list(redis_client.scan_iter(match=f"{django_settings.REDIS_PREFIX}*"))
        kept = b" ".join([*keys, *(redis_client.dump(key) or b"" for key in keys)])
        for code in codes:
            assert [table for table, text in rows.items() if code in text] == []
            assert code.encode() not in kept
            assert code not in caplog.text
        assert not [key for key in keys if b"paycode" in key]

    yield look


WIRED = sorted(SIMULATORS)
EVERYWHERE = [*WIRED, "sandbox"]


@pytest.mark.parametrize("channel", EVERYWHERE)
def test_a_scanned_code_is_paid_at_once_and_lies_nowhere_afterwards(make_till, nowhere, channel):
    till = make_till(channel)
    order = till.scan()
    till.work()
    order = cast.reload(order)
    assert (order.status, order.paid_amount) == ("success", AMOUNT)
    assert list(ChannelCall.objects.values_list("kind", "outcome")) == [("pay", "done")]
    assert LedgerEntry.objects.count() == 1
    if till.simulator:
        assert till.book() == [("pay", AMOUNT)]
        call = ChannelCall.objects.get()
        assert call.request
        assert call.response
    nowhere(till.code(HE_PAYS))


@pytest.mark.parametrize("channel", WIRED)
def test_a_customer_who_is_asked_for_his_password_pays_and_is_found(make_till, nowhere, channel):
    till = make_till(channel)
    order = till.scan(HE_IS_ASKED)
    till.ends(order, "progress")
    assert till.book() == []
    assert list(ChannelCall.objects.values_list("kind", "outcome")) == [("pay", "pending")]
    till.simulator.pay(order.order_no)
    order = till.ends(order, "success")
    assert till.book() == [("pay", AMOUNT)]
    assert ChannelCall.objects.filter(kind="pay").count() == 1
    nowhere(till.code(HE_IS_ASKED))


def test_at_the_sandbox_the_amount_says_what_the_customer_does(make_till, nowhere):
    till = make_till("sandbox")
    order = till.scan(amount=12_809)
    till.ends(order, "progress")
    till.ends(order, "success")
    assert ChannelCall.objects.filter(kind="pay").count() == 1
    nowhere(till.code(HE_PAYS))


@pytest.mark.parametrize("channel", ["alipay", "sandbox", "wechat"])
def test_a_declined_code_fails_the_order_and_moves_nothing(make_till, nowhere, channel):
    till = make_till(channel)
    order = till.scan(HE_CANNOT, amount=12_801)
    order = till.ends(order, "fail")
    assert order.error_code in ("ACQ.BUYER_BALANCE_NOT_ENOUGH", "NOT_ENOUGH", "RULE_LIMIT")
    assert till.book() == []
    assert LedgerEntry.objects.count() == 0
    nowhere(till.code(HE_CANNOT))


def test_a_refusal_that_no_page_lists_is_asked_about_and_then_fails_the_order(make_till, nowhere):
    """UMF publishes no table of refusals: the order query says that the payment failed."""
    till = make_till("umf")
    order = till.scan(HE_CANNOT)
    order = till.ends(order, "fail")
    assert ChannelCall.objects.filter(kind="pay").get().outcome == "unknown"
    assert till.book() == []
    nowhere(till.code(HE_CANNOT))


@pytest.mark.parametrize("channel", WIRED)
def test_an_answer_that_is_lost_is_found_by_asking_and_never_by_sending_again(
    make_till, nowhere, channel
):
    till = make_till(channel)
    till.hurt(pay={"fault": "drop_after", "times": 1})
    order = till.scan()
    till.ends(order, "success")
    kinds = list(ChannelCall.objects.order_by("id").values_list("kind", "outcome"))
    assert kinds[0] == ("pay", "unknown")
    assert {kind for kind, _ in kinds[1:]} == {"query_pay"}
    assert till.book() == [("pay", AMOUNT)]
    nowhere(till.code(HE_PAYS))


@pytest.mark.parametrize("channel", WIRED)
def test_when_redis_lost_the_code_nothing_is_sent_and_the_order_says_so(
    make_till, nowhere, redis_client, channel
):
    till = make_till(channel)
    order = till.scan()
    for key in redis_client.scan_iter(match=f"{django_settings.REDIS_PREFIX}*"):
        redis_client.delete(key)
    till.work()
    order = cast.reload(order)
    assert (order.status, order.error_code) == ("fail", "PAYMENT_CODE_LOST")
    assert [c.outcome for c in ChannelCall.objects.all()] == ["not_sent"]
    for _ in range(4):
        till.work(clock=True)
    assert ChannelCall.objects.count() == 1
    assert till.book() == []
    nowhere(till.code(HE_PAYS))


@pytest.mark.parametrize("channel", WIRED)
def test_a_worker_that_died_with_the_code_leaves_a_question_and_no_second_payment(
    make_till, nowhere, channel
):
    """It took the code and was gone; perhaps after it had sent."""
    till = make_till(channel)
    order = till.scan()
    handover.take(order.order_no)
    ChannelCall.objects.update(
        state=WorkState.OUT, attempt=1, due_at=timezone.now() - timedelta(seconds=1)
    )
    till.until(
        lambda: ChannelCall.objects.filter(kind="query_pay").exclude(outcome="").exists(),
        "it is asked about",
    )
    placed = ChannelCall.objects.get(kind="pay")
    assert (placed.outcome, placed.code) == ("unknown", "LEASE_LOST")
    assert cast.reload(order).status == "wait"
    assert till.book() == []
    nowhere(till.code(HE_PAYS))


@pytest.mark.parametrize("channel", EVERYWHERE)
def test_the_same_request_with_another_code_is_the_same_order_and_sends_nothing(
    make_till, nowhere, channel
):
    till = make_till(channel)
    order = till.scan()
    till.work()
    again = till.web.post(
        "/api/v1/pay-orders",
        json.dumps(
            {
                "biz_order_no": order.biz_order_no,
                "title": "龙井茶",
                "amount": AMOUNT,
                "channel": channel,
                "method": "barcode",
                "auth_code": till.code("77"),
            }
        ),
        content_type="application/json",
        headers={"Authorization": f"Bearer {till.house.api_key}"},
    )
    assert again.status_code == 200
    assert again.json()["order_no"] == order.order_no
    till.work(clock=True)
    assert ChannelCall.objects.filter(kind="pay").count() == 1
    assert LedgerEntry.objects.count() == 1
    nowhere(till.code(HE_PAYS), till.code("77"))


@pytest.mark.parametrize("channel", ["alipay", "wechat"])
def test_of_a_customer_who_takes_too_long_the_order_is_cancelled(make_till, channel):
    till = make_till(channel)
    order = till.scan(HE_IS_ASKED)
    till.ends(order, "progress")
    PayOrder.objects.filter(pk=order.pk).update(expires_at=timezone.now())
    till.ends(order, "cancel")
    assert ChannelCall.objects.filter(kind="cancel_pay").get().outcome == "done"
    assert till.book() == []


def test_a_cancel_at_umf_really_cancels_and_gives_the_money_back(make_till):
    """Paid at the till, and the answer was lost: whoever cancels does not know that it was paid."""
    till = make_till("umf")
    order = till.scan(HE_IS_ASKED)
    till.ends(order, "progress")
    till.simulator.pay(order.order_no)
    pay.request_cancel(order.order_no, cast.MERCHANT_ACTOR)
    order = till.ends(order, "cancel")
    assert till.book() == [("pay", AMOUNT), ("cancel", AMOUNT)]
    assert order.paid_amount is None


def test_a_cancel_at_umf_before_the_customer_has_paid_closes_the_order(make_till):
    till = make_till("umf")
    order = till.scan(HE_IS_ASKED)
    till.ends(order, "progress")
    pay.request_cancel(order.order_no, cast.MERCHANT_ACTOR)
    till.ends(order, "close")
    assert till.book() == []
