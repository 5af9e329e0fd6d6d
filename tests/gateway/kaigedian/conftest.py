"""What every test of this door gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from orders.engine import wake
from tests import cast
from tests.gateway.kaigedian.client import Partner
from tests.gateway.kaigedian.shop import Shop, open_shop
from tests.gateway.kaigedian.world import World, open_world


@pytest.fixture
def shop(db: None) -> Shop:
    return open_shop(cast.merchant("A"))


@pytest.fixture
def other(db: None) -> Shop:
    """Must not see A's orders."""
    return open_shop(cast.merchant("B"), "B")


@pytest.fixture
def partner(shop: Shop) -> Partner:
    return shop.partner


@pytest.fixture
def world(
    shop: Shop, redis_client: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    settings.ENGINE_WIRE_THREADS = 8
    settings.ENGINE_NOTICE_THREADS = 8
    settings.ALLOW_PRIVATE_NOTICE_URLS = True
    monkeypatch.setattr(wake, "publish", lambda queue: None)
    with open_world(shop) as made:
        yield made
