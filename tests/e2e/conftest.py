"""A world for each test: a fresh simulator with an empty book, a fresh merchant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from channels.simulators.alipay import AlipaySettings, AlipaySimulator
from channels.simulators.umf import Settings, UmfSimulator
from channels.simulators.wechat import WechatSimulator
from gateway import callbacks, simulated
from orders.engine import drain, wake, wire
from orders.models import ChannelAccount
from tests import cast
from tests.e2e.console import AdminHand
from tests.e2e.hands import ApiHand
from tests.e2e.sandbox import Sandbox
from tests.e2e.world import Letterbox, Sums, World

SIMULATORS: dict[str, Callable[..., Any]] = {
    "wechat": WechatSimulator,
    "alipay": AlipaySimulator,
    "umf": UmfSimulator,
}
MAKE_SETTINGS = {"wechat": Settings, "alipay": AlipaySettings, "umf": Settings}
HANDS: dict[str, Callable[[cast.House], Any]] = {"api": ApiHand, "console": AdminHand}
FAST = {"time_scale": 6000, "ladder_scale": 600, "durable": False}


@cache
def identity(channel: str) -> dict[str, Any]:
    """Keys are slow to make; the books are not shared."""
    return simulated.PROVIDERS[channel].new_identity()


@pytest.fixture
def box() -> Iterator[Letterbox]:
    box = Letterbox()
    yield box
    box.stop()


@pytest.fixture
def make_world(
    db: None,
    redis_client: Any,
    box: Letterbox,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., World]]:
    settings.BASE_URL = box.url
    settings.ALLOWED_HOSTS = ["*"]
    settings.ENGINE_WIRE_THREADS = 8
    settings.PREPAY_DEADLINE_S = 0  # the worker is this thread: it has nobody to wait for
    wire._forget()
    monkeypatch.setattr(wake, "publish", lambda queue: None)
    # The worker that signs an acknowledgement is this very thread.
    monkeypatch.setattr(callbacks.reply, "wait", lambda _key, _seconds: drain.run("callback"))
    worlds: list[World] = []

    def make(
        channel: str, faults: dict[str, Any], *, hand: str = "api", sums: Sums | None = None
    ) -> World:
        house = cast.merchant("A")
        simulator: Any
        if channel == "sandbox":
            simulator = Sandbox(monkeypatch)
        else:
            how = MAKE_SETTINGS[channel](**FAST)
            simulator = SIMULATORS[channel](identity(channel), settings=how)
            simulator.start()
            _open_account(house, channel, simulator)
        door = HANDS[hand](house)
        sums = sums or Sums()
        world = World(channel, simulator, house, box, hand=door, faults=faults, sums=sums)
        worlds.append(world)
        return world

    yield make
    for world in worlds:
        world.simulator.stop()
        assert world.simulator.crashes == 0
    wire._forget()


def _open_account(house: cast.House, channel: str, simulator: Any) -> None:
    config, hidden = simulated.PROVIDERS[channel].settings(identity(channel), simulator.base_url)
    if channel == "wechat":
        config["refund_spacing"] = "0"
    row = ChannelAccount(
        merchant=house.merchant, channel=channel, code=f"{channel}-a", name=channel, config=config
    )
    row.secrets = hidden
    row.save()
