"""The answer of a prepay: waited for, within bounds, and never while holding a transaction.

A thread plays the worker: it ends the call as the corridor would, which publishes the reply.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from channels.base import Outcome, PayState, RefundState
from gateway import waiting
from orders.engine import reply
from orders.models import PayOrder, RefundOrder
from tests import cast
from tests.gateway.api.conftest import ORDER, Api

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_client")]
CODE_URL = {"code_url": "sandbox://pay"}


@pytest.fixture(autouse=True)
def patient(nobody_waits: None, settings: Any) -> None:
    settings.PREPAY_DEADLINE_S = 8


@pytest.fixture
def worker() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Run something in another thread with its own connection; its errors fail the test."""
    threads, errors = [], []

    def start(work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        threads.append(thread)

    yield start
    for thread in threads:
        thread.join(timeout=10)
    assert errors == []


def first_order() -> PayOrder:
    """The order, as soon as the request has committed it."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        order = PayOrder.objects.first()
        if order is not None:
            return order
        time.sleep(0.01)
    raise AssertionError("no order was made")


def test_the_answer_of_the_prepay_is_waited_for(api: Api, worker):
    worker(
        lambda: (
            cast.channel_says(
                first_order(), Outcome.DONE, state=PayState.WAITING, pay_params=CODE_URL
            )
            and None
        )
    )
    started = time.monotonic()
    response = api.post("pay-orders", ORDER)
    assert response.status_code == 201
    assert response.json()["pay_params"] == CODE_URL
    assert response.json()["status"] == "progress"
    assert time.monotonic() - started < 8  # told, not timed out


def test_a_refused_prepay_is_answered_as_failed(api: Api, worker):
    worker(lambda: cast.channel_says(first_order(), Outcome.REFUSED, code="NO_AUTH") and None)
    response = api.post("pay-orders", ORDER)
    assert response.status_code == 201
    body = response.json()
    assert (body["status"], body["error"]["code"], body["pay_params"]) == ("fail", "NO_AUTH", {})


def test_after_the_deadline_it_answers_with_what_is_known(api: Api, settings):
    settings.PREPAY_DEADLINE_S = 1
    response = api.post("pay-orders", ORDER)
    assert response.status_code == 201
    assert (response.json()["status"], response.json()["pay_params"]) == ("wait", {})
    assert cast.open_kinds(PayOrder.objects.get()) == ["pay"]


def test_a_repeated_request_sees_the_answer_that_another_one_waits_for(api: Api, worker, settings):
    settings.PREPAY_DEADLINE_S = 0
    api.post("pay-orders", ORDER)
    settings.PREPAY_DEADLINE_S = 8
    order = PayOrder.objects.get()
    worker(
        lambda: (
            cast.channel_says(order, Outcome.DONE, state=PayState.WAITING, pay_params=CODE_URL)
            and None
        )
    )
    response = api.post("pay-orders", ORDER)
    assert response.status_code == 200
    assert response.json()["pay_params"] == CODE_URL


def test_nobody_waits_where_the_answer_is_known(api: Api, house: cast.House, monkeypatch):
    cast.make_pay_order(house, biz_order_no="SO-1")
    monkeypatch.setattr(reply, "wait", lambda *_args: pytest.fail("waited"))
    response = api.post("pay-orders", ORDER)
    assert response.status_code == 200
    assert response.json()["pay_params"] == CODE_URL


def test_no_transaction_is_open_while_waiting(api: Api, monkeypatch):
    seen = []

    def wait(_key: str, _seconds: float) -> bool:
        seen.append(connection.in_atomic_block)
        return True

    monkeypatch.setattr(reply, "wait", wait)
    api.post("pay-orders", ORDER)
    assert seen == [False]


def test_without_a_free_place_it_answers_at_once(api: Api, settings, monkeypatch):
    settings.PREPAY_WAITERS = 1
    monkeypatch.setattr(reply, "wait", lambda *_args: pytest.fail("waited"))
    with waiting.place(1) as taken:
        assert taken.key
        response = api.post("pay-orders", ORDER)
    assert response.status_code == 201
    assert response.json()["status"] == "wait"


def test_a_place_is_free_again_after_an_error(settings):
    settings.PREPAY_WAITERS = 1
    with pytest.raises(RuntimeError), waiting.place(1):
        raise RuntimeError
    with waiting.place(1) as place:
        assert place.key


def test_a_redis_that_is_away_costs_no_order(api: Api, settings, caplog):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = api.post("pay-orders", ORDER)
    assert response.status_code == 201
    assert cast.open_kinds(PayOrder.objects.get()) == ["pay"]
    assert "cannot wait for a reply" in caplog.text


def test_sync_waits_for_the_answer_and_shows_it(api: Api, house: cast.House, worker):
    order = cast.make_pay_order(house)

    def answer() -> None:
        while not cast.open_kinds(order):
            time.sleep(0.01)
        cast.channel_says(order, Outcome.DONE, state=PayState.PAID, out_no="42", amount=10000)

    worker(answer)
    body = api.post(f"pay-orders/{order.order_no}/sync?wait=8").json()
    assert (body["status"], body["out_order_no"]) == ("success", "42")


def test_a_refunds_sync_waits_too(api: Api, house: cast.House, worker):
    order = cast.make_pay_order(house, "success")
    row = cast.make_refund(order)
    cast.channel_says(row, Outcome.PENDING, state=RefundState.PROCESSING)

    def answer() -> None:
        while not cast.open_kinds(row):
            time.sleep(0.01)
        cast.channel_says(row, Outcome.DONE, state=RefundState.SUCCESS, out_no="50", amount=3000)

    worker(answer)
    body = api.post(f"refunds/{row.refund_no}/sync?wait=8").json()
    assert (body["status"], body["refund_status"]) == ("success", "partial_refund")
    assert RefundOrder.objects.get().out_refund_no == "50"


def test_a_sync_that_does_not_want_to_wait_does_not(api: Api, house: cast.House, monkeypatch):
    order = cast.make_pay_order(house)
    monkeypatch.setattr(reply, "wait", lambda *_args: pytest.fail("waited"))
    response = api.post(f"pay-orders/{order.order_no}/sync?wait=0")
    assert response.status_code == 200
    assert cast.open_kinds(order) == ["query_pay"]


def test_of_two_equal_requests_at_once_one_makes_the_order(
    api: Api, house: cast.House, worker, settings
):
    settings.PREPAY_DEADLINE_S = 0
    gate, statuses = threading.Barrier(4), []

    def send() -> None:
        gate.wait()
        statuses.append(Api(house.api_key).post("pay-orders", ORDER).status_code)

    for _ in range(4):
        worker(send)
    deadline = time.monotonic() + 10
    while len(statuses) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(statuses) == [200, 200, 200, 201]
    assert PayOrder.objects.count() == 1


def test_of_two_equal_keys_at_once_one_is_worked_on(api: Api, house: cast.House, worker, settings):
    settings.PREPAY_DEADLINE_S = 0
    gate, answers = threading.Barrier(4), []

    def send(number: int) -> None:
        gate.wait()
        body = {**ORDER, "biz_order_no": f"SO-{number}"}
        response = Api(house.api_key).post("pay-orders", body, idempotency_key="one")
        answers.append(response.status_code)

    for number in range(4):
        worker(lambda number=number: send(number))
    deadline = time.monotonic() + 10
    while len(answers) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(answers) == [201, 422, 422, 422]
    assert PayOrder.objects.count() == 1


def test_of_two_equal_keys_and_bodies_at_once_one_is_worked_on(house: cast.House, worker, settings):
    settings.PREPAY_DEADLINE_S = 0
    gate, answers = threading.Barrier(4), []

    def send() -> None:
        gate.wait()
        answers.append(Api(house.api_key).post("pay-orders", ORDER, idempotency_key="one"))

    for _ in range(4):
        worker(send)
    deadline = time.monotonic() + 10
    while len(answers) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    made = [found for found in answers if found.status_code == 201]
    assert [found.status_code for found in answers if found not in made] == [409] * (4 - len(made))
    assert sum("Idempotent-Replayed" not in found for found in made) == 1
    assert PayOrder.objects.count() == 1


def test_a_pooled_connection_goes_back_while_waiting(api: Api, monkeypatch):
    closed_before_waiting = []
    closed = []
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"pool": True})
    monkeypatch.setattr(connection, "close", lambda: closed.append(True))
    monkeypatch.setattr(
        reply, "wait", lambda *_args: closed_before_waiting.append(bool(closed)) or True
    )
    with waiting.place(1) as place:
        assert place.watch("before", lambda: "after") == "after"
    assert closed_before_waiting == [True]
