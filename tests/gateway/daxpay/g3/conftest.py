"""A merchant's program on DaxPay 3."""

from __future__ import annotations

import pytest

from tests.gateway.daxpay.g3.client import Client
from tests.gateway.daxpay.g3.counter import client
from tests.gateway.daxpay.shop import Shop


@pytest.fixture
def g3(shop: Shop) -> Client:
    return client(shop)
