"""The one place that puts bytes on the network; the only file that imports requests.

Called by ``channels.wire`` (and by whoever delivers merchants' notices). It never follows a
redirect, never retries, keeps no cookies, reads no proxy settings from the environment, and
never guesses what happened: ``NotSent`` is raised only when not one byte of the request was
handed to a connected socket, ``Lost`` for everything after that (docs/adr/0003).
"""

from __future__ import annotations

import http.client
import io
import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import DecodeError, HTTPError, ProtocolError

from channels.base import Request, Response

log = logging.getLogger(__name__)

MAX_BODY = 8 * 1024 * 1024
MAX_IDLE = 20.0
"""Seconds after which a pooled connection is opened afresh: a server that closes an idle
connection just as we write would turn a payment into an unknown one for nothing."""
_CHUNK = 64 * 1024


class NotSent(Exception):
    """Provably no byte of the request went out."""

    def __init__(self, code: str, message: str, *, elapsed_ms: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.elapsed_ms = elapsed_ms


class Lost(Exception):
    """The request may have arrived; there is no usable answer."""

    def __init__(self, code: str, message: str, *, elapsed_ms: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.elapsed_ms = elapsed_ms


class _Stopped(Exception):
    """We ourselves stop an exchange; ``code`` is what the caller sees."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class _Exchange:
    """What the connection classes must know of the request that this thread is sending."""

    target: str | None
    """Path and query as they must appear on the wire; None where no signature covers them."""
    deadline: float
    """time.monotonic() after which nothing more is read."""
    connect_by: float
    """time.monotonic() after which it is too late to begin sending."""
    allow_address: Callable[[str], bool] | None
    sent: bool = False


_current = threading.local()


class _DeadlineReader(io.RawIOBase):
    """Reads a socket until the exchange's deadline. requests' own timeout starts again with
    every read, so that a server which drips a byte at a time would hold us for ever."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._sock = sock
        self._timeout = sock.gettimeout()
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took longer than the whole exchange may")
        self._sock.settimeout(left if self._timeout is None else min(left, self._timeout))
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        exchange: _Exchange = _current.exchange
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_DeadlineReader(raw, sock, exchange.deadline))


class _Connection(HTTPConnection):
    """Notes the moment when the first byte of a request leaves, and what the wire really says."""

    response_class = _TimedResponse
    last_used = 0.0

    def _new_conn(self) -> socket.socket:
        exchange: _Exchange = _current.exchange
        if exchange.allow_address is None:
            return super()._new_conn()
        return self._connect_to_allowed(exchange.allow_address)

    def _connect_to_allowed(self, allow: Callable[[str], bool]) -> socket.socket:
        """Resolve once, check every address, connect to the checked one: a second resolution
        inside connect() could answer with another address (DNS rebinding)."""
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, 0, socket.SOCK_STREAM)
        except OSError as error:
            raise _Stopped("CONNECT_FAILED", f"cannot resolve {self.host}: {error}") from error
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            if not allow(address):
                raise _Stopped("ADDRESS_FORBIDDEN", f"{self.host} is {address}, not allowed")
        name = self._dns_host
        self._dns_host = addresses[0]
        try:
            return super()._new_conn()
        finally:
            self._dns_host = name

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        """Nothing has left yet (http.client buffers): the last place to see a rewritten URL.

        requests turns ``|`` into ``%7C``, urllib3 turns ``%7c`` into ``%7C``; a signature over
        the string that we built would then cover something that was never sent.
        """
        exchange: _Exchange = _current.exchange
        if exchange.target is not None and url != exchange.target:
            raise _Stopped("URL_REWRITTEN", f"would send {url!r}, not {exchange.target!r}")
        super().putrequest(method, url, *args, **kwargs)

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        exchange: _Exchange = _current.exchange
        if not exchange.sent and time.monotonic() > exchange.connect_by:
            # Each address, the handshake and the resolver have time-outs of their own.
            raise _Stopped("CONNECT_TIMEOUT", "connecting took longer than it may")
        exchange.sent = True
        self.last_used = time.monotonic()
        super().send(data)


class _TLSConnection(_Connection, HTTPSConnection):
    pass


def _fresh(connection: Any) -> Any:
    """Close a pooled connection that has been idle too long; it connects again when used."""
    if connection.sock is not None and time.monotonic() - connection.last_used > MAX_IDLE:
        connection.close()
    return connection


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection

    def _get_conn(self, timeout: float | None = None) -> Any:
        return _fresh(super()._get_conn(timeout))


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection

    def _get_conn(self, timeout: float | None = None) -> Any:
        return _fresh(super()._get_conn(timeout))


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}


class Transport:
    """A pool of connections. Make one per process, after forking; share it between threads.

    It drives requests' adapter without a Session: a Session would keep cookies of one account
    for the next, read ``~/.netrc`` and proxies, and swallow a redirect's body without a limit.
    """

    def __init__(
        self,
        *,
        pool_maxsize: int = 128,
        max_body: int = MAX_BODY,
        verify: bool | str = True,
        before_send: Callable[[], None] | None = None,
        allow_address: Callable[[str], bool] | None = None,
        exact_target: bool = True,
        cut_answers: bool = False,
    ) -> None:
        """``before_send`` runs before each request and may raise (no open transaction);
        ``allow_address`` judges every resolved address before connecting (SSRF);
        ``verify`` may be the path of a CA bundle; ``exact_target=False`` lets requests escape a
        URL that somebody else wrote and that no signature covers; ``cut_answers`` keeps the
        first ``max_body`` bytes of a longer answer instead of losing it."""
        self._adapter = _Adapter(pool_connections=32, pool_maxsize=pool_maxsize, max_retries=0)
        self._max_body = max_body
        self._verify = verify
        self._before_send = before_send
        self._allow_address = allow_address
        self._exact_target = exact_target
        self._cut_answers = cut_answers

    def send(self, request: Request) -> Response:
        """Send once and read the whole answer, whatever its status. Raises NotSent or Lost.

        The first byte must leave within connect_timeout, all addresses and the TLS handshake
        included, and the answer be complete within connect_timeout + 2 x read_timeout.
        """
        limit = request.connect_timeout + 2 * request.read_timeout
        return self._timed(request, limit, self._read)

    def fetch(
        self, request: Request, sink: Callable[[bytes], object], *, seconds: float, most: int
    ) -> Response:
        """As ``send``, for a file: the body of a 200 goes into ``sink`` piece by piece (at most
        ``most`` bytes in at most ``seconds``), and the Response has none. Whoever fetches moves no
        money: what the sink holds after Lost is half a file."""

        def pour(answer: requests.Response) -> bytes:
            if answer.status_code != 200:
                return self._read(answer)
            received = 0
            for chunk in answer.raw.stream(_CHUNK, decode_content=True):
                received += len(chunk)
                if received > most:
                    raise _Stopped("ANSWER_TOO_LARGE", f"more than {most} bytes")
                sink(chunk)
            return b""

        return self._timed(request, seconds, pour)

    def _timed(
        self, request: Request, limit: float, read: Callable[[requests.Response], bytes]
    ) -> Response:
        if self._before_send is not None:
            self._before_send()
        started = time.monotonic()
        connect_by = started + request.connect_timeout
        exchange = _Exchange(None, started + limit, connect_by, self._allow_address)
        _current.exchange = exchange
        try:
            if self._exact_target:
                exchange.target = _target(request.url)
            return self._exchange(request, started, read)
        except Exception as error:
            raise _failure(error, sent=exchange.sent, elapsed_ms=_ms_since(started)) from error
        finally:
            del _current.exchange

    def close(self) -> None:
        self._adapter.close()

    def _exchange(
        self, request: Request, started: float, read: Callable[[requests.Response], bytes]
    ) -> Response:
        prepared = requests.Request(
            request.method, request.url, headers=dict(request.headers), data=request.body or None
        ).prepare()
        answer = self._adapter.send(
            prepared,
            stream=True,
            timeout=(request.connect_timeout, request.read_timeout),
            verify=self._verify,
            proxies={},
        )
        try:
            body = read(answer)
        finally:
            answer.close()
        return Response(
            status=answer.status_code,
            headers=CaseInsensitiveDict(answer.headers),
            body=body,
            elapsed_ms=_ms_since(started),
        )

    def _read(self, answer: requests.Response) -> bytes:
        body = bytearray()
        for chunk in answer.raw.stream(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > self._max_body:
                if self._cut_answers:
                    break
                raise _Stopped("ANSWER_TOO_LARGE", f"more than {self._max_body} bytes")
        return bytes(body[: self._max_body])


def _target(url: str) -> str:
    """Path and query as they stand; a fragment stays in, never goes out, and so is noticed."""
    parts = urlsplit(url, allow_fragments=False)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _ms_since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)


def _failure(error: Exception, *, sent: bool, elapsed_ms: int) -> NotSent | Lost:
    """Every failure becomes NotSent or Lost by the one fact that counts: did a byte leave?"""
    if not isinstance(
        error, _Stopped | requests.RequestException | HTTPError | OSError | ValueError
    ):
        log.exception("unexpected error in transport")
    message = f"{type(error).__name__}: {error}"[:300]
    if sent:
        return Lost(_lost_code(error), message, elapsed_ms=elapsed_ms)
    return NotSent(_not_sent_code(error), message, elapsed_ms=elapsed_ms)


def _lost_code(error: Exception) -> str:
    if isinstance(error, _Stopped):
        return error.code
    if isinstance(error, ProtocolError | DecodeError):
        return "ANSWER_BROKEN"
    return "NO_ANSWER"


def _not_sent_code(error: Exception) -> str:
    if isinstance(error, _Stopped):
        return error.code
    if isinstance(error, requests.Timeout | TimeoutError):
        return "CONNECT_TIMEOUT"
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS_FAILED"
    if isinstance(error, requests.ConnectionError | OSError) and not isinstance(error, ValueError):
        return "CONNECT_FAILED"
    return "BAD_REQUEST"
