"""The transport against a real loopback server: what is sent, and what provably is not."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from typing import Any

import pytest

from channels.base import Request
from channels.transport import Transport
from tests.channels import loopback
from tests.channels.loopback import OK, Server, answering, lost, not_sent, post, send, serving

# --- what is sent -------------------------------------------------------------------------


def test_bytes_on_the_wire_are_the_bytes_of_the_request() -> None:
    with serving(answering(OK)) as server:
        answer = send(post(f"{server.url}/v3/a%7Cb@*?x=%E4%B8%80"))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v3/a%7Cb@*?x=%E4%B8%80 HTTP/1.1"
    assert body == '{"a":"一"}'.encode()
    names = {line.split(b":")[0].lower() for line in lines[1:]}
    assert names == {b"host", b"accept", b"accept-encoding", b"user-agent", b"content-length"}
    assert (answer.status, answer.body, answer.headers["request-id"]) == (200, b"ok", "7")


def test_get_has_no_body_and_no_length() -> None:
    with serving(answering(OK)) as server:
        send(Request(method="GET", url=f"{server.url}/"))
    assert server.requests[0].startswith(b"GET / HTTP/1.1\r\n")
    assert b"content-length" not in server.requests[0].lower()


@pytest.mark.parametrize("path", ["/a|b", "/a%7cb", "/a b", "/商品", "/a/../b", "/a#b"])
def test_address_that_would_be_rewritten_is_not_sent(path: str) -> None:
    with serving(answering(OK)) as server:
        error = not_sent(post(server.url + path))
    assert error.code == "URL_REWRITTEN"
    assert server.requests == []


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1/", "http://", "http://[::1/"])
def test_what_is_no_address_is_not_sent(url: str) -> None:
    assert not_sent(post(url)).code == "BAD_REQUEST"


def test_header_that_cannot_be_sent_is_not_sent() -> None:
    with serving(answering(OK)) as server:
        for value in ("a\r\nb", "商户"):
            request = Request(method="GET", url=f"{server.url}/", headers={"X": value})
            assert not_sent(request).code == "BAD_REQUEST"
    assert server.requests == []


def test_environment_s_proxy_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = f"http://127.0.0.1:{loopback.free_port()}"
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, closed)
    with serving(answering(OK)) as server:
        assert send(post(f"{server.url}/")).status == 200


def test_before_send_can_stop_a_request() -> None:
    def refuse() -> None:
        raise AssertionError("a transaction is open")

    with serving(answering(OK)) as server:
        with pytest.raises(AssertionError, match="a transaction is open"):
            send(post(f"{server.url}/"), before_send=refuse)
        assert (server.connections, server.requests) == (0, [])


def test_before_send_runs_before_each_request() -> None:
    calls: list[int] = []

    def count() -> None:
        calls.append(len(calls))

    # The script closes after each answer; a pooled connection could be used just before that.
    closing = OK.replace(b"Content-Length", b"Connection: close\r\nContent-Length")
    with serving(answering(closing)) as server:
        wire = Transport(before_send=count)
        for _ in range(3):
            wire.send(post(f"{server.url}/"))
        wire.close()
    assert calls == [0, 1, 2]


# --- never reached ------------------------------------------------------------------------


def test_refused_connection_is_not_sent() -> None:
    error = not_sent(post(f"http://127.0.0.1:{loopback.free_port()}/"))
    assert error.code == "CONNECT_FAILED"


def test_unknown_host_is_not_sent() -> None:
    assert not_sent(post("http://no-such-host.invalid/")).code == "CONNECT_FAILED"


def test_connection_that_is_never_accepted_is_not_sent() -> None:
    """A full backlog: the kernel drops the handshake, and connecting times out."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", port))
    try:
        error = not_sent(post(f"http://127.0.0.1:{port}/", connect_timeout=0.3))
    finally:
        for filler in (*fillers, listener):
            filler.close()
    assert error.code == "CONNECT_TIMEOUT"


def test_plain_server_behind_https_is_not_sent() -> None:
    def script(peer: socket.socket, server: Server) -> None:
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with serving(script) as server:
        url = server.url.replace("http:", "https:")
        assert not_sent(post(f"{url}/")).code == "TLS_FAILED"


def test_tls_handshake_that_stalls_is_not_sent() -> None:
    def script(peer: socket.socket, server: Server) -> None:
        server.released.wait(10)

    with serving(script) as server:
        url = server.url.replace("http:", "https:")
        assert not_sent(post(f"{url}/", connect_timeout=0.3)).code == "CONNECT_TIMEOUT"


def test_request_that_could_only_start_late_is_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slow resolver has no time-out of its own; whoever leased this call must not wait."""
    resolve = socket.getaddrinfo

    def slowly(*args: Any, **kwargs: Any) -> Any:
        time.sleep(0.15)
        return resolve(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with serving(answering(OK)) as server:
        assert not_sent(post(f"{server.url}/", connect_timeout=0.1)).code == "CONNECT_TIMEOUT"
    assert server.requests == []


def test_server_without_a_trusted_certificate_is_not_sent(
    tls: tuple[ssl.SSLContext, str],
) -> None:
    with serving(answering(OK), tls=tls[0]) as server:
        assert not_sent(post(f"{server.url}/")).code == "TLS_FAILED"
    assert server.requests == []


def test_trusted_https_server_is_reached(tls: tuple[ssl.SSLContext, str]) -> None:
    with serving(answering(OK), tls=tls[0]) as server:
        assert send(post(f"{server.url}/"), verify=tls[1]).body == b"ok"


def test_https_connection_lost_after_the_request_is_lost(
    tls: tuple[ssl.SSLContext, str],
) -> None:
    with serving(answering(b""), tls=tls[0]) as server:
        assert lost(post(f"{server.url}/"), verify=tls[1]).code == "NO_ANSWER"
    assert len(server.requests) == 1


# --- addresses that are not allowed -------------------------------------------------------


def test_forbidden_address_is_not_even_connected() -> None:
    seen: list[str] = []

    def public_only(address: str) -> bool:
        seen.append(address)
        return ipaddress.ip_address(address).is_global

    with serving(answering(OK)) as server:
        for host in ("127.0.0.1", "localhost"):
            url = f"http://{host}:{server.port}/"
            assert not_sent(post(url), allow_address=public_only).code == "ADDRESS_FORBIDDEN"
        assert server.connections == 0
    assert "127.0.0.1" in seen


def test_the_checked_address_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers differently the second time (DNS rebinding) gains nothing."""
    answers = iter(["127.0.0.1"])

    def resolve(host: str, port: int, *args: object, **kwargs: object) -> list[object]:
        address = next(answers) if host == "merchant.example" else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with serving(answering(OK)) as server:
        url = f"http://merchant.example:{server.port}/hook"
        answer = send(post(url), allow_address=lambda address: address == "127.0.0.1")
    assert answer.status == 200
    assert f"\r\nHost: merchant.example:{server.port}\r\n".encode() in server.requests[0]
