"""The same request several times at once: one of them moves money, all are told of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from orders.models import AllocationOrder, ChannelCall, PayOrder, RefundOrder
from tests import cast
from tests.gateway.minapp.conftest import (
    APPID,
    ORDER,
    ORDERS,
    PARTNER,
    REFUND,
    WECHAT,
    Baas,
    paid,
    receiver,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_client")]
TIMES = 4


def at_once(ask: Callable[[], Any]) -> list[tuple[int, dict[str, Any]]]:
    """What each of four equal requests is answered."""
    gate, told = threading.Barrier(TIMES), []

    def run() -> None:
        try:
            gate.wait(timeout=30)
            answer = ask()
            told.append((answer.status_code, answer.json()))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(TIMES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(told) == TIMES
    return told


@pytest.mark.parametrize("asked", [{}, {"refund_amount": 30}])
def test_equal_refunds_at_once_are_one_refund(baas: Baas, house: cast.House, asked):
    order = paid(house)
    told = at_once(lambda: baas.post(REFUND, {"order_id": order.pk, **asked}))
    row = RefundOrder.objects.get()
    assert [(status, body["refund_no"]) for status, body in told] == [(200, row.refund_no)] * TIMES
    assert ChannelCall.objects.filter(kind="refund").count() == 1


def test_equal_sharings_at_once_are_one_sharing(baas: Baas, house: cast.House):
    receiver(house)
    order = paid(house, sharing=True)
    part = {**PARTNER, "amount": 10, "description": "x"}
    body = {"trade_no": order.order_no, "appid": APPID, "receivers": [part]}
    told = at_once(lambda: baas.post(f"{WECHAT}/multi-profit-sharing/", body))
    number = AllocationOrder.objects.get().allocation_no
    assert [(status, one["allocation_no"]) for status, one in told] == [(200, number)] * TIMES
    assert ChannelCall.objects.filter(kind="allocate").count() == 1


def test_equal_keys_at_once_make_one_order(baas: Baas):
    told = at_once(lambda: baas.post(ORDERS, ORDER, idempotency_key="one"))
    number = PayOrder.objects.get().order_no
    assert sorted(status for status, _body in told) == [200] * (TIMES - 1) + [201]
    assert {body["trade_no"] for _status, body in told} == {number}
