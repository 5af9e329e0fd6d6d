"""A small HTTP/1.1 server with the raw socket in its hands, for ``core.simulator`` only.

The standard library's handler hides what a simulator needs: the request target exactly as sent
(it is signed), and the power to cut a connection in the middle of an answer. It binds 127.0.0.1
and nothing else, and never follows, forwards or logs anything.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import BinaryIO

LINE_MAX = 16 * 1024
HEADERS_MAX = 100
BODY_MAX = 1024 * 1024
IDLE_SECONDS = 75.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """``target`` is the request target as it stood on the wire; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    drop: bool = False
    """Close the connection instead of answering."""
    truncate: bool = False
    """Announce the whole body, send half of it and close."""


class BadRequest(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


def _read_line(stream: BinaryIO) -> bytes:
    line = stream.readline(LINE_MAX + 1)
    if len(line) > LINE_MAX:
        raise BadRequest(431)
    return line


def _read_headers(stream: BinaryIO) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(HEADERS_MAX):
        line = _read_line(stream)
        if line in (b"\r\n", b"\n"):
            return headers
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400)
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    raise BadRequest(431)


def read_request(stream: BinaryIO) -> Request | None:
    """The next request of a connection; None where the client has hung up."""
    line = _read_line(stream)
    if not line:
        return None
    parts = line.decode("latin-1").rstrip("\r\n").split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequest(400)
    method, target, version = parts
    headers = _read_headers(stream)
    if version == "HTTP/1.0":
        headers.setdefault("connection", "close")
    if "transfer-encoding" in headers:
        raise BadRequest(501)
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise BadRequest(400)
    if len(length) > 9 or int(length) > BODY_MAX:
        raise BadRequest(413)
    body = stream.read(int(length))
    if len(body) < int(length):
        return None  # the client went away in the middle; there is no request to act on
    return Request(method=method, target=target, headers=headers, body=body)


def answer_bytes(answer: Answer, *, keep_alive: bool) -> bytes:
    phrase = HTTPStatus(answer.status).phrase
    lines = [f"HTTP/1.1 {answer.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    if answer.status != 204:
        lines.append(f"Content-Length: {len(answer.body)}")
    lines.append("Connection: keep-alive" if keep_alive else "Connection: close")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + answer.body


class HttpServer:
    """One thread per connection; connections are few (workers' pools) and live long."""

    def __init__(self, handler: Callable[[Request], Answer], *, port: int = 0) -> None:
        self._handler = handler
        self._listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self.crashes = 0
        """Exceptions that escaped from the handler: a simulator's own bugs."""

    def start(self) -> None:
        threading.Thread(target=self._accept, name="sim-accept", daemon=True).start()

    def stop(self) -> None:
        """Take no more connections, let answers that are being written end, then return."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            remaining = dict(self._open)
        for connection in remaining:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        for thread in remaining.values():
            thread.join(timeout=6)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                continue  # we are stopping, or the client was gone before we picked up
            thread = threading.Thread(target=self._converse, args=(connection,), daemon=True)
            with self._lock:
                self._open[connection] = thread
            thread.start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(IDLE_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection.makefile("rb") as stream:
                while not self._stopping and self._exchange(connection, stream):
                    pass
        except OSError:
            return  # reset or idle: the connection is all that there was to lose
        finally:
            with self._lock:
                self._open.pop(connection, None)
            connection.close()

    def _exchange(self, connection: socket.socket, stream: BinaryIO) -> bool:
        """Read one request and answer it. False: the connection is to be closed."""
        try:
            request = read_request(stream)
        except BadRequest as bad:
            connection.sendall(answer_bytes(Answer(status=bad.status), keep_alive=False))
            return False
        if request is None:
            return False
        try:
            answer = self._handler(request)
        # A bug of the simulator must be seen, and must not hang the client.
        except Exception:  # noqa: BLE001
            self.crashes += 1
            traceback.print_exc(file=sys.stderr)
            answer = Answer(status=500)
        keep_alive = "close" not in request.header("connection").lower() and not self._stopping
        return self._send(connection, answer, keep_alive=keep_alive)

    def _send(self, connection: socket.socket, answer: Answer, *, keep_alive: bool) -> bool:
        if answer.drop:
            return False
        data = answer_bytes(answer, keep_alive=keep_alive and not answer.truncate)
        if answer.truncate:
            connection.sendall(data[: len(data) - (len(answer.body) + 1) // 2])
            return False
        connection.sendall(data)
        return keep_alive
