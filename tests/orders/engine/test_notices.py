"""Notices on a real wire: signed, retried, kept, replayed, and never where they must not go."""

from __future__ import annotations

import socket
import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from channels.transport import NotSent, Transport
from orders import standard
from orders.engine import claim, drain, guard, ladder, patience, sources, wire
from orders.engine import notices as engine
from orders.errors import OperationRefused
from orders.models import Application, Event, MerchantNotice, NoticeAttempt
from tests import cast
from tests.channels import loopback
from tests.orders.engine.conftest import application, notices, pay_orders

pytestmark = [
    pytest.mark.usefixtures("redis_client", "wires", "published"),
    pytest.mark.django_db,
]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def answering(status: str = "200 OK", body: bytes = b"thanks", headers: str = ""):
    def script(peer, server) -> None:
        while server.read_request(peer):
            head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
            peer.sendall(head.encode() + body)

    return script


@pytest.fixture
def merchant():
    with loopback.serving(answering()) as server:
        yield server


def split(raw: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return first, {name.lower(): value for name, value in headers.items()}, body


def one(notice=None) -> MerchantNotice:
    return MerchantNotice.objects.get() if notice is None else cast.reload(notice)


# --- the signature -------------------------------------------------------------------------


def test_the_merchant_verifies_it_with_the_published_library(house, merchant):
    (row,) = notices(house, 1, f"{merchant.url}/hook?shop=1")
    assert drain.run("notice") == 1
    first, headers, body = split(merchant.requests[0])
    assert first == "POST /hook?shop=1 HTTP/1.1"
    assert body == row.body.encode()
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert Webhook(SECRET).verify(body, headers) == {"type": "pay_order.success", "名": "茶"}
    assert headers["webhook-id"] == row.notice_id


def test_another_secret_does_not_verify_it(house, merchant):
    notices(house, 1, merchant.url)
    drain.run("notice")
    _first, headers, body = split(merchant.requests[0])
    other = Webhook("whsec_" + "A" * 32)
    with pytest.raises(Exception, match="No matching signature"):
        other.verify(body, headers)


def test_the_example_of_the_specification():
    signature = standard.sign(
        SECRET,
        notice_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("secret", ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64!"])
def test_an_application_without_a_usable_secret_gets_nothing_unsigned(house, merchant, secret):
    row = Application.objects.get()
    row.webhook_secret = secret
    row.save()
    notices(house, 1, merchant.url)
    drain.run("notice")
    assert merchant.requests == []
    assert "secret" in NoticeAttempt.objects.get().error
    assert one().status == "pending"


def test_a_secret_that_cannot_be_decrypted_counts_as_an_attempt(house, merchant):
    Application.objects.update(webhook_secret_stored="test:" + "A" * 64)
    notices(house, 1, merchant.url)
    assert drain.run("notice") == 1
    assert merchant.requests == []
    assert (one().status, one().tries) == ("pending", 1)
    assert NoticeAttempt.objects.get().error == "SecretUnreadable"


# --- what an answer means ------------------------------------------------------------------


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "299 Fine"])
def test_any_2xx_is_delivered(house, status):
    with loopback.serving(answering(status)) as server:
        notices(house, 1, server.url)
        drain.run("notice")
    row, attempt = one(), NoticeAttempt.objects.get()
    assert (row.status, row.state, row.tries) == ("delivered", "ended", 1)
    assert row.ended_at is not None
    assert (attempt.number, attempt.http_status) == (1, int(status[:3]))
    assert (attempt.error, attempt.response) == ("", "thanks")


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "500 Oops"])
def test_anything_else_is_tried_again_after_fifteen_seconds(house, status):
    with loopback.serving(answering(status, b"no")) as server:
        notices(house, 1, server.url)
        before = timezone.now()
        drain.run("notice")
    row, attempt = one(), NoticeAttempt.objects.get()
    assert (row.status, row.state, row.tries, row.ended_at) == ("pending", "due", 1, None)
    wait = (row.due_at - before).total_seconds()
    assert 15 <= wait < 16
    assert (attempt.http_status, attempt.response) == (int(status[:3]), "no")


def test_a_redirect_is_not_followed_and_not_a_delivery(house, merchant):
    moved = answering("302 Found", b"", f"Location: {merchant.url}/elsewhere\r\n")
    with loopback.serving(moved) as server:
        notices(house, 1, server.url)
        drain.run("notice")
    assert merchant.connections == 0
    attempt = NoticeAttempt.objects.get()
    assert (attempt.http_status, attempt.error) == (302, "redirects are not followed")
    assert one().status == "pending"


def test_nobody_listening_is_an_attempt_with_its_reason(house):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    notices(house, 1, f"http://127.0.0.1:{port}/")
    drain.run("notice")
    attempt = NoticeAttempt.objects.get()
    assert attempt.http_status is None
    assert attempt.error.startswith("CONNECT_FAILED")


def test_a_long_answer_is_cut_and_still_a_delivery(house):
    with loopback.serving(answering(body="茶".encode() * 100_000)) as server:
        notices(house, 1, server.url)
        drain.run("notice")
    attempt = NoticeAttempt.objects.get()
    assert attempt.response == "茶" * engine.ANSWER_CHARS
    assert one().status == "delivered"


def test_an_answer_with_bytes_that_no_text_column_holds_is_kept_readable(house):
    with loopback.serving(answering(body=b"a\x00b\xff")) as server:
        notices(house, 1, server.url)
        drain.run("notice")
    assert NoticeAttempt.objects.get().response == "a\ufffdb\ufffd"


def test_a_url_that_needs_escaping_is_delivered(house, merchant):
    notices(house, 1, f"{merchant.url}/通知|a?b=%e4 c")
    drain.run("notice")
    assert split(merchant.requests[0])[0].startswith("POST /%E9%80%9A%E7%9F%A5%7Ca?b=%E4%20c ")
    assert one().status == "delivered"


# --- the ladder ----------------------------------------------------------------------------


def fail_once(now) -> MerchantNotice:
    """One failed delivery at ``now``, without a wire."""
    (mine,) = claim.notices(1, {}, now=now)
    failed = engine.Attempt(delivery=engine.deliveries([mine.row])[0], started_at=now, error="down")
    engine.record([failed], now=now)
    return one()


def test_the_whole_ladder_and_then_dead(house):
    notices(house, 1, "http://127.0.0.1:9/")
    now = timezone.now()
    waits = []
    for _try in range(16):
        row = fail_once(now)
        assert (row.status, row.state) == ("pending", "due")
        waits.append(int((row.due_at - now).total_seconds()))
        now = row.due_at
    assert tuple(waits) == ladder.NOTICES
    row = fail_once(now)
    assert (row.status, row.state, row.tries, row.ended_at) == ("dead", "ended", 17, now)
    assert list(row.attempts.order_by("number").values_list("number", flat=True)) == list(
        range(1, 18)
    )
    assert claim.notices(10, {}, now=now + timedelta(days=30)) == []


def test_every_attempt_sends_the_same_bytes_under_the_same_id(house):
    with loopback.serving(answering("503 Later")) as server:
        notices(house, 1, server.url)
        for _try in range(3):
            drain.run("notice")
            MerchantNotice.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        requests = [split(raw) for raw in server.requests]
    assert len(requests) == 3
    assert len({body for _first, _headers, body in requests}) == 1
    assert len({headers["webhook-id"] for _first, headers, _body in requests}) == 1
    assert NoticeAttempt.objects.count() == 3


# --- fences --------------------------------------------------------------------------------


def test_a_delivery_whose_claim_was_taken_over_changes_nothing(house):
    notices(house, 1, "http://127.0.0.1:9/")
    (mine,) = claim.notices(1, {})
    old = engine.Attempt(
        delivery=engine.deliveries([mine.row])[0], started_at=timezone.now(), http_status=200
    )
    MerchantNotice.objects.update(attempt=2)
    engine.record([old])
    assert (one().status, one().tries) == ("pending", 0)
    assert NoticeAttempt.objects.count() == 0


def test_an_attempt_whose_worker_died_is_kept_too(house, merchant):
    notices(house, 1, merchant.url)
    claim.notices(1, {})
    MerchantNotice.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    drain.run("notice")
    lost, delivered = NoticeAttempt.objects.order_by("number")
    assert (lost.number, lost.error.split(":")[0]) == (1, "LEASE_LOST")
    assert (delivered.number, delivered.http_status) == (2, 200)
    assert (one().status, one().tries) == ("delivered", 1)


# --- where it may go -----------------------------------------------------------------------


def test_a_private_address_is_refused_before_a_connection_is_made(house, merchant, settings):
    settings.ALLOW_PRIVATE_NOTICE_URLS = False
    notices(house, 1, merchant.url)
    drain.run("notice")
    assert merchant.connections == 0
    assert NoticeAttempt.objects.get().error.startswith("ADDRESS_FORBIDDEN")
    assert one().status == "pending"


def test_a_name_that_also_resolves_to_a_private_address_is_refused(
    house, merchant, settings, monkeypatch
):
    settings.ALLOW_PRIVATE_NOTICE_URLS = False
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", merchant.port)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", merchant.port)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)
    notices(house, 1, f"http://shop.example:{merchant.port}/")
    drain.run("notice")
    assert merchant.connections == 0
    assert NoticeAttempt.objects.get().error.startswith("ADDRESS_FORBIDDEN")


def test_the_connection_goes_to_the_very_address_that_was_checked(merchant, monkeypatch):
    """DNS rebinding: the second answer of the name server must not be asked for."""
    real, asked = socket.getaddrinfo, []

    def resolve(host, *args, **more):
        asked.append(host)
        if host == "shop.example":
            assert asked.count(host) == 1, "resolved a second time"
            return real("127.0.0.1", *args, **more)
        return real(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    checked = []
    transport = Transport(allow_address=lambda address: checked.append(address) or True)
    request = wire.Request(method="POST", url=f"http://shop.example:{merchant.port}/")
    assert transport.send(request).status == 200
    assert checked == ["127.0.0.1"]
    assert set(asked[1:]) <= {"127.0.0.1"}
    _first, headers, _body = split(merchant.requests[0])
    assert headers["host"] == f"shop.example:{merchant.port}"


def test_a_wire_to_merchants_is_guarded():
    transport = wire.merchants().transport
    assert transport._allow_address is guard.allows


def test_an_address_that_is_not_http_is_never_tried(house):
    notices(house, 1, "gopher://127.0.0.1:6379/_FLUSHALL")
    drain.run("notice")
    assert NoticeAttempt.objects.get().error == "not an http(s) address"


def test_the_guard_is_asked_on_the_wire_and_says_no():
    transport = Transport(allow_address=lambda _address: False)
    with pytest.raises(NotSent) as caught:
        transport.send(wire.Request(method="POST", url="http://127.0.0.1:9/"))
    assert caught.value.code == "ADDRESS_FORBIDDEN"


# --- one merchant and another --------------------------------------------------------------


def test_a_dead_merchant_delays_nobody_else(house, merchant):
    """Thirty notices to somebody who never answers are older than those to somebody who does."""
    gate = threading.Event()

    def silent(peer, server) -> None:
        server.read_request(peer)
        gate.wait(10)

    other = application(house, "other")
    with loopback.serving(silent) as dead:
        notices(house, 30, dead.url, due_at=timezone.now() - timedelta(hours=1))
        notices(house, 20, merchant.url, of=other)

        def open_gate() -> None:
            deadline = time.monotonic() + 10
            while len(merchant.requests) < 20 and time.monotonic() < deadline:
                time.sleep(0.005)
            waiting.append((len(merchant.requests), len(dead.requests)))
            gate.set()

        waiting: list[tuple[int, int]] = []
        opener = threading.Thread(target=open_gate)
        opener.start()
        drain.run("notice")
        opener.join()
    assert waiting == [(20, patience.UNPROVEN_CAP)]
    assert MerchantNotice.objects.filter(application=other, status="delivered").count() == 20


def test_those_who_let_us_wait_never_hold_the_last_threads(house, wires):
    """However many they are, and whatever they have due: of 32 threads 8 are kept."""
    silent = [application(house, f"silent-{number}") for number in range(20)]
    for owner in silent:
        patience.note(owner.pk, 10_000)
        notices(house, 5, "http://127.0.0.1:9/", of=owner)
    answering = application(house, "answering")
    patience.note(answering.pk, 5)
    first = sources.Notices().claim(32)
    assert [first.count, len({job.group for job in first.jobs})] == [24, 12]
    notices(house, 5, "http://127.0.0.1:9/", of=answering)
    then = sources.Notices().claim(8)
    assert {job.group for job in then.jobs} == {answering.pk}
    assert (first.is_held_back, then.count) == (True, 5)


def test_who_was_slow_gets_few_at_once_until_he_is_quick_again(house, wires):
    notices(house, 20, "http://127.0.0.1:9/")
    patience.note(house.application.pk, patience.SLOW_MS)
    assert sources.Notices().claim(32).count == patience.UNPROVEN_CAP
    patience.note(house.application.pk, patience.SLOW_MS - 1)
    assert sources.Notices().claim(32).count == claim.NOTICE_CAP


# --- replay --------------------------------------------------------------------------------


def dead(house, count: int) -> list[MerchantNotice]:
    return notices(
        house, count, "http://127.0.0.1:9/", status="dead", state="ended", tries=17, attempt=17,
        ended_at=timezone.now(),
    )  # fmt: skip


def test_replaying_makes_dead_and_delivered_notices_due_with_a_fresh_ladder(house):
    rows = dead(house, 2)
    MerchantNotice.objects.filter(pk=rows[0].pk).update(status="delivered")
    actor = cast.operator(cast.person("finance", ["replay_merchantnotice"]))
    assert engine.replay([row.pk for row in rows], actor) == 2
    for row in rows:
        row = one(row)
        assert (row.status, row.state, row.tries, row.ended_at) == ("pending", "due", 0, None)
        assert row.due_at <= timezone.now()


def test_a_replay_is_an_event_of_the_order(house):
    (row,) = dead(house, 1)
    actor = cast.operator(cast.person("finance", ["replay_merchantnotice"]))
    engine.replay([row.pk], actor)
    event = Event.objects.get()
    assert (event.kind, event.actor, event.door) == ("notice_replayed", "finance", "admin")
    assert event.data == {
        "notice": row.notice_id,
        "kind": "pay_order.success",
        "order_no": row.order_no,
    }
    assert event.hash == event.digest()


def test_a_replayed_notice_is_delivered_and_its_old_attempts_stay(house, merchant):
    (row,) = dead(house, 1)
    MerchantNotice.objects.update(url=merchant.url)
    NoticeAttempt.objects.create(
        notice=row, number=17, started_at=timezone.now(), latency_ms=1, error="down"
    )
    engine.replay([row.pk], cast.CLOCK)
    drain.run("notice")
    assert one().status == "delivered"
    assert list(one().attempts.order_by("number").values_list("number", flat=True)) == [17, 18]


def test_a_notice_that_is_under_way_is_left_alone(house):
    notices(house, 1, "http://127.0.0.1:9/")
    (mine,) = claim.notices(1, {})
    assert engine.replay([mine.row.pk], cast.CLOCK) == 0
    assert (one().state, one().attempt) == ("out", 1)
    assert Event.objects.count() == 0


def test_without_the_permission_nothing_is_replayed(house):
    (row,) = dead(house, 1)
    with pytest.raises(OperationRefused):
        engine.replay([row.pk], cast.operator(cast.person("auditor")))
    assert one().status == "dead"


def test_a_replay_in_bulk_wakes_the_queue_once_for_each_transaction(
    house, published, django_capture_on_commit_callbacks, monkeypatch
):
    monkeypatch.setattr(engine, "REPLAY_BATCH", 10)
    pay_orders(house, 1)
    rows = dead(house, 25)
    with django_capture_on_commit_callbacks(execute=True):
        assert engine.replay([row.pk for row in rows], cast.CLOCK) == 25
    assert published == ["notice"]
