"""A server of raw sockets on 127.0.0.1 that does to a client exactly what a test says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from channels.base import Request, Response
from channels.transport import Lost, NotSent, Transport

Script = Callable[[socket.socket, "Server"], None]


class Server:
    """Runs one script per accepted connection and keeps every byte that it was sent."""

    def __init__(self, script: Script, *, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.tls = tls
        self.connections = 0
        self.requests: list[bytes] = []
        self.released = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._run, args=(peer,), daemon=True).start()

    def _run(self, peer: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self.tls is not None:
                peer = self.tls.wrap_socket(peer, server_side=True)
            self.script(peer, self)
        peer.close()

    def read_request(self, peer: socket.socket) -> bytes:
        """One whole request: head, and as much body as it announces; b"" at the end."""
        data = b""
        while b"\r\n\r\n" not in data:
            part = peer.recv(65536)
            if not part:
                return b""
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(body) < length:
            body += peer.recv(65536)
        whole = head + b"\r\n\r\n" + body
        self.requests.append(whole)
        return whole

    def close(self) -> None:
        self.released.set()
        # Wakes the thread in accept(), which a plain close() would not.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@contextlib.contextmanager
def serving(script: Script, *, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(script, tls=tls)
    try:
        yield server
    finally:
        server.close()


def reset(peer: socket.socket) -> None:
    """Close with RST instead of FIN."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def answering(raw: bytes) -> Script:
    """Read one request, send these bytes, close."""

    def script(peer: socket.socket, server: Server) -> None:
        server.read_request(peer)
        peer.sendall(raw)

    return script


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


# --- the client's side --------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nRequest-ID: 7\r\n\r\nok"


def post(url: str, *, read_timeout: float = 5.0, connect_timeout: float = 3.0) -> Request:
    return Request(
        method="POST",
        url=url,
        headers={"Accept": "application/json", "User-Agent": "t"},
        body='{"a":"一"}'.encode(),
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
    )


def send(request: Request, **options: object) -> Response:
    wire = Transport(**options)  # type: ignore[arg-type]
    try:
        return wire.send(request)
    finally:
        wire.close()


def not_sent(request: Request, **options: object) -> NotSent:
    with pytest.raises(NotSent) as caught:
        send(request, **options)
    return caught.value


def lost(request: Request, **options: object) -> Lost:
    with pytest.raises(Lost) as caught:
        send(request, **options)
    return caught.value
