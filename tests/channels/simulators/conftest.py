"""Simulated providers, merchants that sign for themselves, and their callback addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from channels.simulators import alipay as alipay_room
from channels.simulators import umf as umf_room
from channels.simulators.alipay import AlipaySimulator
from channels.simulators.umf import UmfSimulator
from channels.simulators.wechat import Settings, WechatSimulator, new_identity
from tests.channels.simulators.alipay_client import Ears, Shop
from tests.channels.simulators.umf_client import Inbox, Till
from tests.channels.simulators.wire_client import Merchant, Receiver

QUICK = Settings(time_scale=6000, ladder_scale=150, durable=False)
"""A documented minute takes 10 ms, the ladder's first 15 s take 100 ms."""


@pytest.fixture(scope="session")
def identity() -> dict[str, Any]:
    return new_identity()


@pytest.fixture
def make_simulator(identity: dict[str, Any]) -> Iterator[Callable[..., WechatSimulator]]:
    """Started simulators with settings of one's own; each must end without a bug of its own."""
    made: list[WechatSimulator] = []

    def make(**options: Any) -> WechatSimulator:
        simulator = WechatSimulator(identity, **({"settings": QUICK} | options))
        simulator.start()
        made.append(simulator)
        return simulator

    yield make
    for simulator in made:
        simulator.stop()
    assert [simulator.crashes for simulator in made] == [0] * len(made)


@pytest.fixture
def simulator(make_simulator: Callable[..., WechatSimulator]) -> WechatSimulator:
    return make_simulator()


@pytest.fixture
def merchant(identity: dict[str, Any], simulator: WechatSimulator) -> Merchant:
    return Merchant(identity, simulator.base_url)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.start()
    yield receiver
    receiver.stop()


@pytest.fixture(scope="session")
def alipay_identity() -> dict[str, Any]:
    return alipay_room.new_identity()


@pytest.fixture
def make_alipay(alipay_identity: dict[str, Any]) -> Iterator[Callable[..., AlipaySimulator]]:
    """As ``make_simulator``, for Alipay; ``identity`` may be another one."""
    made: list[AlipaySimulator] = []

    def make(**options: Any) -> AlipaySimulator:
        identity = options.pop("identity", alipay_identity)
        simulator = AlipaySimulator(identity, **({"settings": QUICK} | options))
        simulator.start()
        made.append(simulator)
        return simulator

    yield make
    for simulator in made:
        simulator.stop()
    assert [simulator.crashes for simulator in made] == [0] * len(made)


@pytest.fixture
def alipay(make_alipay: Callable[..., AlipaySimulator]) -> AlipaySimulator:
    return make_alipay()


@pytest.fixture
def shop(alipay_identity: dict[str, Any], alipay: AlipaySimulator) -> Shop:
    return Shop(alipay_identity, alipay.base_url)


@pytest.fixture
def ears() -> Iterator[Ears]:
    ears = Ears()
    ears.start()
    yield ears
    ears.stop()


@pytest.fixture(scope="session")
def umf_identity() -> dict[str, Any]:
    return umf_room.new_identity()


@pytest.fixture
def make_umf(umf_identity: dict[str, Any]) -> Iterator[Callable[..., UmfSimulator]]:
    """As ``make_simulator``, for UMF."""
    made: list[UmfSimulator] = []

    def make(**options: Any) -> UmfSimulator:
        simulator = UmfSimulator(umf_identity, **({"settings": QUICK} | options))
        simulator.start()
        made.append(simulator)
        return simulator

    yield make
    for simulator in made:
        simulator.stop()
    assert [simulator.crashes for simulator in made] == [0] * len(made)


@pytest.fixture
def umf(make_umf: Callable[..., UmfSimulator]) -> UmfSimulator:
    return make_umf()


@pytest.fixture
def till(umf_identity: dict[str, Any], umf: UmfSimulator) -> Till:
    return Till(umf_identity, umf.base_url)


@pytest.fixture
def inbox(till: Till) -> Iterator[Inbox]:
    """It acknowledges everything, rightly."""
    inbox = Inbox(answer=lambda count, told: till.acknowledgement(told))
    inbox.start()
    yield inbox
    inbox.stop()
