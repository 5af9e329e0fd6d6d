"""A merchant at the DaxPay door, and another one who must not see his orders."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.daxpay.shop import Shop, make_shop


@pytest.fixture(autouse=True)
def nobody_waits(settings: Any) -> None:
    """No worker runs here, so there is no answer to wait for; ``test_story`` has its own."""
    settings.PREPAY_DEADLINE_S = 0
    settings.MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 65_536


@pytest.fixture
def shop(db: None, redis_client: Any) -> Shop:
    return make_shop("A")


@pytest.fixture
def other_shop(db: None, redis_client: Any) -> Shop:
    return make_shop("B")
