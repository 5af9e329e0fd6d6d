"""What every test of this door gets."""

from __future__ import annotations

import pytest

from tests import cast
from tests.gateway.kaigedian.client import Partner
from tests.gateway.kaigedian.shop import Shop, open_shop


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
