"""Wire threads: no database, no send that could outlive its claim, and an honest count."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue

import pytest
from django.db import connection, transaction

from channels.base import Request
from channels.transport import NotSent
from orders.engine import wire
from orders.engine.wire import Job, LeasedTransport, Wire
from tests.channels import loopback


@pytest.fixture
def server():
    def answer(peer, server) -> None:
        server.read_request(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with loopback.serving(answer) as running:
        yield running


@pytest.fixture
def pool():
    pool = Wire("test", threads=4, transport=LeasedTransport())
    yield pool
    pool._executor.shutdown()


def on_wire(pool, work):
    """Run ``work`` on a wire thread; what it returned or raised."""
    done: SimpleQueue = SimpleQueue()

    def perform():
        try:
            return work()
        except BaseException as error:
            return error

    pool.submit(Job(group=1, apart=1, perform=perform), done)
    return done.get(timeout=10)[1]


def test_a_wire_thread_sends(pool, server):
    sent = on_wire(pool, lambda: pool.transport.send(Request(method="POST", url=server.url)))
    assert (sent.status, sent.body) == (200, b"ok")


@pytest.mark.django_db(transaction=True)
def test_a_wire_thread_that_used_the_database_may_not_send(pool, server):
    def work():
        try:
            with connection.cursor() as cursor:
                cursor.execute("select 1")
            return pool.transport.send(Request(method="POST", url=server.url))
        finally:
            connection.close()

    error = on_wire(pool, work)
    assert isinstance(error, RuntimeError)
    assert str(error) == "a wire thread has used the database"
    assert server.requests == []


@pytest.mark.django_db(transaction=True)
def test_nobody_sends_inside_a_transaction(server):
    with pytest.raises(RuntimeError, match="a transaction is open"), transaction.atomic():
        LeasedTransport().send(Request(method="POST", url=server.url))
    assert server.requests == []


def test_a_claim_that_is_too_old_is_not_sent(server):
    request = Request(method="POST", url=server.url, connect_timeout=1, read_timeout=2)
    with wire.lease(time.monotonic() + 4.5), pytest.raises(NotSent) as caught:
        LeasedTransport().send(request)
    assert caught.value.code == "LEASE_OVER"
    assert server.connections == 0
    with wire.lease(time.monotonic() + 5.5):
        assert LeasedTransport().send(request).status == 200


@pytest.mark.parametrize(
    ("lease_s", "connect", "read"),
    [(45, 3.0, 10.0), (39, 3.0, 10.0), (30, 3.0, 7.0), (6, 1.0, 1.0), (3, 0.5, 0.5)],
)
def test_the_lease_is_at_least_three_times_the_timeouts(lease_s, connect, read):
    request = Request(method="POST", url="http://127.0.0.1/")
    fitted = wire.fit(request, lease_s)
    assert (fitted.connect_timeout, fitted.read_timeout) == (connect, read)
    assert 3 * (fitted.connect_timeout + fitted.read_timeout) <= lease_s


def test_the_timeouts_fit_the_lease_of_the_claim_and_not_the_setting(server, settings, monkeypatch):
    settings.ENGINE_LEASE_S = 3
    sent: list[tuple[float, float]] = []

    def send(_self, request):
        sent.append((request.connect_timeout, request.read_timeout))

    monkeypatch.setattr(wire.Transport, "send", send)
    slow = Request(method="POST", url=server.url, read_timeout=70)
    with wire.lease(time.monotonic() + 219, 219):
        LeasedTransport().send(slow)
    with wire.lease(time.monotonic() + 3):
        LeasedTransport().send(slow)
    assert sent == [(3.0, 70), (0.5, 0.5)]


def test_a_fresh_claim_is_always_young_enough_to_be_sent(server, settings):
    settings.ENGINE_LEASE_S = 3
    with wire.lease(time.monotonic() + 3):
        assert LeasedTransport().send(Request(method="POST", url=server.url)).status == 200


def test_what_flies_is_counted_for_each_owner_until_it_has_landed(pool):
    gate = threading.Event()
    done: SimpleQueue = SimpleQueue()
    for group in (7, 7, 9):
        pool.submit(Job(group=group, apart=1, perform=lambda: gate.wait(10)), done)
    assert pool.flying() == {7: 2, 9: 1}
    assert pool.free() == 1
    gate.set()
    for _job in range(3):
        done.get(timeout=10)
    assert pool.flying() == {}
    assert pool.free() == 4


def test_a_process_has_one_wire_to_channels_and_another_to_merchants():
    assert wire.channels() is wire.channels()
    assert wire.merchants() is wire.merchants()
    assert wire.channels() is not wire.merchants()


def test_a_forked_child_makes_wires_of_its_own(settings):
    import os

    mine = wire.channels()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, b"other" if wire.channels() is not mine else b"same")
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read, 10) == b"other"
