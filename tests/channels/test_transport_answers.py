"""The transport against a real loopback server: lost answers, and answers as they came."""

from __future__ import annotations

import gzip
import socket
import threading

import pytest

from channels import transport as module
from channels.transport import Lost, Transport
from tests.channels import loopback
from tests.channels.loopback import OK, Server, answering, lost, post, send, serving

# --- sent, and lost -----------------------------------------------------------------------


def test_reset_before_the_request_was_read_is_lost() -> None:
    """The bytes may lie in the other side's buffer: nobody can know."""

    def script(peer: socket.socket, server: Server) -> None:
        peer.recv(1)
        loopback.reset(peer)

    with serving(script) as server:
        assert lost(post(f"{server.url}/")).code == "NO_ANSWER"


def test_reset_after_the_request_was_read_is_lost() -> None:
    def script(peer: socket.socket, server: Server) -> None:
        server.read_request(peer)
        loopback.reset(peer)

    with serving(script) as server:
        assert lost(post(f"{server.url}/")).code == "NO_ANSWER"
    assert len(server.requests) == 1


def test_answer_that_never_comes_is_lost() -> None:
    def script(peer: socket.socket, server: Server) -> None:
        server.read_request(peer)
        server.released.wait(10)

    with serving(script) as server:
        error = lost(post(f"{server.url}/", read_timeout=0.2))
    assert error.code == "NO_ANSWER"
    assert error.elapsed_ms >= 200
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_truncated_or_broken_body_is_lost(raw: bytes) -> None:
    with serving(answering(raw)) as server:
        assert lost(post(f"{server.url}/")).code == "ANSWER_BROKEN"


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 2", b"no http at all\r\n\r\n"])
def test_answer_that_is_no_http_is_lost(raw: bytes) -> None:
    with serving(answering(raw)) as server:
        assert lost(post(f"{server.url}/")).code == "NO_ANSWER"


def dripping(head: bytes, drop: bytes) -> loopback.Script:
    """Head at once, then one drop every 50 ms until the client gives up."""

    def script(peer: socket.socket, server: Server) -> None:
        server.read_request(peer)
        peer.sendall(head)
        while not server.released.wait(0.05):
            peer.sendall(drop)

    return script


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"", b"H"),
    ],
)
def test_answer_that_drips_is_lost_when_the_whole_exchange_has_had_its_time(
    head: bytes, drop: bytes
) -> None:
    """Each read succeeds within the read timeout; only a deadline over all of them ends it."""
    with serving(dripping(head, drop)) as server:
        request = post(f"{server.url}/", connect_timeout=0.1, read_timeout=0.3)
        assert lost(request).code == "NO_ANSWER"
    assert len(server.requests) == 1


def test_body_above_the_limit_is_lost_and_one_at_the_limit_is_not() -> None:
    def of(size: int) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size

    with serving(answering(of(1000))) as server:
        assert len(send(post(f"{server.url}/"), max_body=1000).body) == 1000
        assert lost(post(f"{server.url}/"), max_body=999).code == "ANSWER_TOO_LARGE"


def test_small_answer_that_unpacks_above_the_limit_is_lost() -> None:
    packed = gzip.compress(b"\0" * 10_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with serving(answering(head + packed)) as server:
        assert lost(post(f"{server.url}/"), max_body=100_000).code == "ANSWER_TOO_LARGE"


# --- answers ------------------------------------------------------------------------------


def test_redirect_is_an_answer_and_is_not_followed() -> None:
    with serving(answering(OK)) as elsewhere:
        head = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: " + elsewhere.url.encode()
        with serving(answering(head + b"/\r\nContent-Length: 0\r\n\r\n")) as server:
            answer = send(post(f"{server.url}/"))
        assert (answer.status, answer.headers["location"]) == (307, f"{elsewhere.url}/")
        assert elsewhere.connections == 0


@pytest.mark.parametrize("status", [b"204 No Content", b"404 Not Found", b"500 Broken"])
def test_any_status_is_an_answer(status: bytes) -> None:
    with serving(answering(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")) as server:
        answer = send(post(f"{server.url}/"))
    assert (answer.status, answer.body) == (int(status[:3]), b"")


def keeping(raw: bytes) -> loopback.Script:
    """Answer every request on one connection."""

    def script(peer: socket.socket, server: Server) -> None:
        while server.read_request(peer):
            peer.sendall(raw)

    return script


def test_cookies_of_one_answer_do_not_reach_the_next_request() -> None:
    cookie = OK.replace(b"Request-ID: 7", b"Set-Cookie: who=merchant-a; Path=/")
    with serving(keeping(cookie)) as server:
        wire = Transport()
        for _ in range(2):
            wire.send(post(f"{server.url}/"))
        wire.close()
    assert len(server.requests) == 2
    assert b"cookie" not in server.requests[1].lower()


def test_connection_is_used_again() -> None:
    with serving(keeping(OK)) as server:
        wire = Transport()
        for _ in range(3):
            assert wire.send(post(f"{server.url}/")).body == b"ok"
        wire.close()
        assert (server.connections, len(server.requests)) == (1, 3)


def test_connection_that_was_idle_for_long_is_opened_afresh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(keeping(OK)) as server:
        wire = Transport()
        wire.send(post(f"{server.url}/"))
        monkeypatch.setattr(module, "MAX_IDLE", -1.0)
        wire.send(post(f"{server.url}/"))
        wire.close()
        assert server.connections == 2


def test_connection_after_a_lost_answer_is_not_used_again() -> None:
    """The rest of an old answer must never be read as the next one."""
    turn = iter([b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", OK])

    def script(peer: socket.socket, server: Server) -> None:
        server.read_request(peer)
        peer.sendall(next(turn))
        server.released.wait(5)

    with serving(script) as server:
        wire = Transport()
        with pytest.raises(Lost):
            wire.send(post(f"{server.url}/", read_timeout=0.2))
        assert wire.send(post(f"{server.url}/")).body == b"ok"
        wire.close()
        assert server.connections == 2


def test_threads_share_a_transport_without_mixing_answers() -> None:
    def script(peer: socket.socket, server: Server) -> None:
        while request := server.read_request(peer):
            path = request.split(b" ")[1]
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(path) + path)

    answers: dict[str, bytes] = {}

    def ask(name: str) -> None:
        answers[name] = wire.send(post(f"{server.url}/{name}")).body

    with serving(script) as server:
        wire = Transport()
        threads = [threading.Thread(target=ask, args=(f"n{n}",)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wire.close()
    assert answers == {f"n{n}": f"/n{n}".encode() for n in range(16)}
