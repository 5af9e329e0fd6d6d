"""Fetching a file: streamed, bounded, and never more than half of one after a failure."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable

import pytest

from channels.base import Request, Response
from channels.transport import Lost, NotSent, Transport
from tests.channels.loopback import Server, answering, free_port, serving


def get(url: str, *, read_timeout: float = 5.0) -> Request:
    return Request(method="GET", url=url, headers={"User-Agent": "t"}, read_timeout=read_timeout)


def fetch(
    request: Request,
    sink: Callable[[bytes], object],
    *,
    seconds: float = 10,
    most: int = 1 << 30,
    **options: int,
) -> Response:
    wire = Transport(**options)
    try:
        return wire.fetch(request, sink, seconds=seconds, most=most)
    finally:
        wire.close()


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_file_longer_than_an_answer_may_be_arrives_in_pieces() -> None:
    body = bytes(range(256)) * 4096
    pieces: list[bytes] = []
    with serving(answering(answer(body, "200 OK", "Request-ID: 7"))) as server:
        response = fetch(get(f"{server.url}/f?token=a%2Bb"), pieces.append, max_body=1000)
    assert (response.status, response.body, response.headers["request-id"]) == (200, b"", "7")
    assert b"".join(pieces) == body
    assert len(pieces) > 1
    assert server.requests[0].startswith(b"GET /f?token=a%2Bb HTTP/1.1\r\n")


def test_content_encoding_is_undone() -> None:
    packed = gzip.compress(b"bill" * 1000)
    pieces: list[bytes] = []
    with serving(answering(answer(packed, "200 OK", "Content-Encoding: gzip"))) as server:
        fetch(get(server.url + "/"), pieces.append)
    assert b"".join(pieces) == b"bill" * 1000


def test_error_answer_is_read_whole_and_not_into_the_file() -> None:
    pieces: list[bytes] = []
    with serving(answering(answer(b'{"code":"NO_AUTH"}', "403 Forbidden"))) as server:
        response = fetch(get(server.url + "/"), pieces.append)
    assert (response.status, response.body, pieces) == (403, b'{"code":"NO_AUTH"}', [])


def test_redirect_is_not_followed() -> None:
    pieces: list[bytes] = []
    with serving(answering(answer(b"", "302 Found", "Location: /other"))) as server:
        assert fetch(get(server.url + "/"), pieces.append).status == 302
        assert len(server.requests) == 1
    assert pieces == []


def test_file_that_is_too_large_is_lost() -> None:
    with serving(answering(answer(b"x" * 300_000))) as server, pytest.raises(Lost) as caught:
        fetch(get(server.url + "/"), lambda piece: None, most=100_000)
    assert caught.value.code == "ANSWER_TOO_LARGE"


def test_file_that_is_cut_off_is_lost() -> None:
    cut = answer(b"x" * 1000)[:-1]
    with serving(answering(cut)) as server, pytest.raises(Lost) as caught:
        fetch(get(server.url + "/"), lambda piece: None)
    assert caught.value.code == "ANSWER_BROKEN"


def test_sink_that_fails_loses_the_file() -> None:
    def full(piece: bytes) -> None:
        raise OSError(28, "No space left on device")

    with serving(answering(answer(b"x"))) as server, pytest.raises(Lost) as caught:
        fetch(get(server.url + "/"), full)
    assert "No space left" in caught.value.message


def test_file_that_drips_is_given_up_at_its_deadline() -> None:
    def script(peer: socket.socket, server: Server) -> None:
        server.read_request(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not server.released.wait(0.05):
            peer.sendall(b"x")

    # It drips until the test ends, and the test ends only when the fetch gives up.
    with serving(script) as server, pytest.raises(Lost) as caught:
        fetch(get(server.url + "/"), lambda piece: None, seconds=0.4)
    assert caught.value.code == "NO_ANSWER"


def test_deadline_may_be_longer_than_an_answer_s() -> None:
    """A file takes longer than connect_timeout + 2 x read_timeout; each read still may not."""

    def script(peer: socket.socket, server: Server) -> None:
        server.read_request(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            server.released.wait(0.1)
            peer.sendall(b"x")

    pieces: list[bytes] = []
    with serving(script) as server:
        request = Request(method="GET", url=f"{server.url}/", connect_timeout=0.1, read_timeout=0.2)
        fetch(request, pieces.append, seconds=10)
    assert b"".join(pieces) == b"x" * 8


def test_nobody_listening_is_not_sent() -> None:
    pieces: list[bytes] = []
    with pytest.raises(NotSent) as caught:
        fetch(get(f"http://127.0.0.1:{free_port()}/"), pieces.append)
    assert (caught.value.code, pieces) == ("CONNECT_FAILED", [])
