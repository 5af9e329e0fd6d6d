"""The house at work behind the door, on this thread: WeChat Pay's simulator, the clock, the post.

The provider tells us nothing by itself here (its notifications have tests of their own); the clock
asks it. Pushes go over a real socket to the partner's receiver.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from typing import Any

from django.utils import timezone

from channels.simulators.wechat import Settings, WechatSimulator
from gateway import simulated
from orders.engine import drain, sweep, wire
from orders.models import (
    ChannelAccount,
    ChannelCall,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    StoreOrder,
    WorkState,
)
from orders.services import pay
from tests import cast
from tests.channels import loopback
from tests.gateway.kaigedian.client import ACK
from tests.gateway.kaigedian.shop import Shop

PATIENCE_S = 40.0
QUEUES = ("pay", "call", "sync")


@cache
def identity() -> dict[str, Any]:
    """Keys are slow to make; the books are not shared."""
    return simulated.PROVIDERS["wechat"].new_identity()


class World:
    def __init__(self, shop: Shop, simulator: WechatSimulator, receiver: loopback.Server) -> None:
        self.shop = shop
        self.simulator = simulator
        self.receiver = receiver

    # --- time ---------------------------------------------------------------------------

    def until(self, fact: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not fact():
            assert time.monotonic() < deadline, f"in vain waited for: {what}"
            self.turn()

    def turn(self) -> None:
        """The clock and the workers, once. What is due later is due now."""
        now = timezone.now()
        for model in (PayOrder, RefundOrder):
            waiting = model._default_manager.filter(next_check_at__gt=now)
            waiting.update(next_check_at=now - timedelta(seconds=1))
        due = ChannelCall.objects.filter(state=WorkState.DUE, due_at__gt=now)
        due.update(due_at=now - timedelta(seconds=1))
        sweep.sweep()
        worked = [drain.run(queue) for queue in QUEUES]
        if not any(worked):
            time.sleep(0.02)

    # --- the customer -------------------------------------------------------------------

    def pay_order(self, number: str, amount: int) -> PayOrder:
        """Placed by the merchant's other system; the customer may pay."""
        new = cast.new_order(biz_order_no=number, amount=amount, channel="wechat")
        order = pay.request_pay(self.shop.house.application, new, cast.MERCHANT_ACTOR)
        self.until(lambda: cast.reload(order).status == "progress", "the payment is placed")
        return cast.reload(order)

    def pays(self, order: PayOrder) -> None:
        self.simulator.pay(order.order_no)
        self.until(lambda: cast.reload(order).status == "success", "the payment is known")

    def paid(self, number: str, amount: int) -> PayOrder:
        order = self.pay_order(number, amount)
        self.pays(order)
        return cast.reload(order)

    # --- facts --------------------------------------------------------------------------

    def book(self) -> list[tuple[str, int]]:
        """What WeChat's own book says: (kind, fen) of every movement."""
        return [(one["kind"], one["amount"]) for one in self.simulator.book()["movements"]]

    def order(self, number: str) -> StoreOrder:
        return StoreOrder.objects.get(order_no=number)

    def pushes(self) -> list[dict[str, str]]:
        """What the partner has been told since it was last asked, each push verified.

        Several are under way at once, so they are put into the order in which they were written.
        """
        self.until(
            lambda: (
                not drain.run("notice")
                and not MerchantNotice.objects.filter(status="pending").exists()
            ),
            "every push is delivered",
        )
        raw, self.receiver.requests[:] = list(self.receiver.requests), []
        told = dict(self._open(each) for each in raw)
        assert len(told) == len(raw)
        written = MerchantNotice.objects.filter(notice_id__in=told).order_by("id")
        return [told[notice.notice_id] for notice in written]

    def _open(self, raw: bytes) -> tuple[str, dict[str, str]]:
        head, _, body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        assert first == "POST /pushes HTTP/1.1"
        assert headers["content-type"] == "application/json;charset=utf-8"
        assert "access_token" not in headers
        said = self.shop.partner.open_push(body)
        assert abs(int(said.pop("timeStamp")) / 1000 - time.time()) < 600
        return headers["x-transaction-id"], said


def acknowledging(peer: socket.socket, server: loopback.Server) -> None:
    """The partner's receiver, as the documents show it."""
    answer = json.dumps(ACK).encode()
    while server.read_request(peer):
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n"
        peer.sendall(head.encode() + answer)


@contextlib.contextmanager
def open_world(shop: Shop) -> Iterator[World]:
    settings = Settings(time_scale=6000, ladder_scale=600, durable=False)
    simulator = WechatSimulator(identity(), settings=settings)
    simulator.start()
    simulator.set_faults({"callback": {"fault": "off"}})
    config, hidden = simulated.PROVIDERS["wechat"].settings(identity(), simulator.base_url)
    account = ChannelAccount(
        merchant=shop.house.merchant,
        channel="wechat",
        code="wechat-a",
        name="wechat",
        config={**config, "refund_spacing": "0"},
    )
    account.secrets = hidden
    account.save()
    wire._forget()
    with loopback.serving(acknowledging) as receiver:
        shop.key.config["notify_url"] = f"{receiver.url}/pushes"
        shop.key.save()
        yield World(shop, simulator, receiver)
    simulator.stop()
    assert simulator.crashes == 0
    wire._forget()
