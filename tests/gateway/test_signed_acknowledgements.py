"""Acknowledgements that only a worker can sign: UMF's, with the merchant's private key.

The platform's side is played by ``tests.channels.umf_cast``; the worker is a thread that drains.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from gateway import callbacks
from orders.engine import drain, wake
from orders.models import ChannelAccount, ChannelCallback, WorkState
from orders.services import pay
from tests import cast
from tests.channels import umf_cast as umf

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client", "account"),
]
PATH = "/callback/umf/umf-a/"


@pytest.fixture
def house(transactional_db: None) -> cast.House:
    return cast.merchant("A")


@pytest.fixture
def account(house: cast.House) -> ChannelAccount:
    row = ChannelAccount(
        merchant=house.merchant, channel="umf", code="umf-a", name="UMF", config=umf.CONFIG
    )
    row.secrets = umf.SECRETS
    row.save()
    return row


@pytest.fixture(autouse=True)
def awake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an earlier test did to Redis."""
    monkeypatch.setattr(wake, "_resume_at", 0.0)


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The drain messages; nobody works on them."""
    sent: list[str] = []
    monkeypatch.setattr(wake, "publish", sent.append)
    monkeypatch.setattr(callbacks, "ACK_WAIT_S", 0.3)
    return sent


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker that is there: every message of the callback queue is drained at once."""
    threads: list[threading.Thread] = []

    def work() -> None:
        try:
            drain.run("callback")
        finally:
            connection.close()

    def publish(queue: str) -> None:
        if queue == "callback":
            threads.append(threading.Thread(target=work))
            threads[-1].start()

    monkeypatch.setattr(wake, "publish", publish)
    yield
    for thread in threads:
        thread.join()


def paid(house: cast.House) -> tuple[Any, bytes]:
    """An order at UMF, and the notification that it was paid."""
    given = cast.new_order(channel="umf", biz_order_no="SO-1", amount=8888)
    order = pay.request_pay(house.application, given, cast.MERCHANT_ACTOR)
    return order, umf.notice(orderId=order.order_no)


def send(body: bytes) -> HttpResponse:
    return Client().post(PATH, body, content_type="application/json")


def signed_by_merchant(response: HttpResponse) -> dict[str, str]:
    """The acknowledgement as the platform checks it."""
    said: dict[str, str] = json.loads(response.content)
    plain = "|".join(said[name] for name in sorted(said) if said[name] and name != "sign")
    umf.merchant_key.public_key().verify(
        base64.b64decode(said["sign"]), plain.encode(), PKCS1v15(), SHA1()
    )
    return said


def test_a_notification_is_acknowledged_with_the_merchants_signature(house, worker):
    order, body = paid(house)
    response = send(body)
    assert response.status_code == 200
    said = signed_by_merchant(response)
    assert (said["retCode"], said["orderId"]) == ("0000", order.order_no)
    assert cast.reload(order).status == "success"


def test_a_redelivery_gets_the_same_bytes_without_a_worker(house, messages):
    order, body = paid(house)
    assert send(body).status_code == 500
    drain.run("callback")
    told, again = send(body), send(body)
    assert (told.status_code, told.content) == (200, again.content)
    signed_by_merchant(told)
    row = ChannelCallback.objects.get()
    assert (row.state, row.result, row.attempt) == (WorkState.ENDED, "applied", 1)
    assert cast.reload(order).status == "success"


def test_without_a_worker_it_is_stored_and_not_acknowledged(house, messages):
    order, body = paid(house)
    response = send(body)
    assert response.status_code == 500
    assert json.loads(response.content)["retCode"] != "0000"
    assert "sign" not in json.loads(response.content)
    assert ChannelCallback.objects.get().state == WorkState.DUE
    assert messages.count("callback") == 1
    assert cast.reload(order).status == "wait"


def test_a_lost_redis_delays_the_acknowledgement_and_loses_nothing(house, messages, settings):
    order, body = paid(house)
    alive, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    assert send(body).status_code == 500
    assert ChannelCallback.objects.get().state == WorkState.DUE
    drain.run("callback")  # as the sweep finds it
    assert cast.reload(order).status == "success"
    settings.REDIS_URL = alive
    signed_by_merchant(send(body))


def test_the_web_process_reads_no_secret_for_it(house, messages, monkeypatch):
    _order, body = paid(house)
    send(body)
    drain.run("callback")
    monkeypatch.setattr(
        ChannelAccount, "secrets", property(lambda _self: pytest.fail("a secret was read"))
    )
    assert send(body).status_code == 200


def test_an_account_that_cannot_sign_is_paid_and_not_acknowledged(house, messages, account):
    account.secrets = {}
    account.save()
    order, body = paid(house)
    send(body)
    drain.run("callback")
    row = ChannelCallback.objects.get()
    assert (row.result, row.acknowledgement) == ("applied", None)
    assert cast.reload(order).status == "success"
    assert send(body).status_code == 500


def test_a_forgery_is_neither_stored_nor_signed(house, worker):
    _order, body = paid(house)
    response = send(body.replace(b'"8888"', b'"9999"'))
    assert response.status_code == 400
    assert "sign" not in json.loads(response.content)
    assert ChannelCallback.objects.count() == 0


def test_when_too_many_wait_the_next_is_sent_away_at_once(house, messages, monkeypatch):
    _order, body = paid(house)
    monkeypatch.setattr(callbacks, "_ack_places", threading.BoundedSemaphore(1))
    monkeypatch.setattr(callbacks.reply, "wait", lambda *_: pytest.fail("it waited"))
    with callbacks._ack_places:
        assert send(body).status_code == 500
    assert ChannelCallback.objects.count() == 1
