"""The common frame of channels that speak HTTP: encode, send, decode, and never raise.

A provider's package subclasses ``HttpChannel``; workers call ``perform``. It holds no rule of
any provider and never turns a surprise into a failure: after the first byte has left,
everything that is not understood is UNKNOWN.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from channels.base import (
    Account,
    Command,
    EncodeError,
    Exchange,
    Outcome,
    Request,
    Response,
    Result,
)
from channels.transport import Lost, NotSent, Transport

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_TEXT = 16_000
"""Characters of a request or answer that are kept in the call's row."""


class HttpChannel(ABC):
    """``encode`` and ``decode`` are pure; all input and output is in ``perform``."""

    @abstractmethod
    def encode(self, command: Command, account: Account, *, now: datetime, nonce: str) -> Request:
        """Bytes for one command. Raises EncodeError."""

    @abstractmethod
    def decode(
        self,
        command: Command,
        response: Response,
        account: Account,
        *,
        now: datetime,
        nonce: str,
    ) -> Result:
        """What an answer means. ``nonce`` is for parameters that are signed for a front end."""

    @abstractmethod
    def scrub_request(self, request: Request) -> str:
        """The request as text without secrets and personal data."""

    @abstractmethod
    def scrub_response(self, response: Response) -> str:
        """The answer as text without secrets and personal data."""

    @abstractmethod
    def request_id(self, response: Response) -> str:
        """The provider's id of this exchange, for logs."""

    def perform(
        self,
        command: Command,
        account: Account,
        *,
        transport: Transport,
        now: Callable[[], datetime],
        nonce: Callable[[], str],
    ) -> tuple[Result, Exchange]:
        try:
            request = self.encode(command, account, now=now(), nonce=nonce())
        except EncodeError as error:
            return _not_encoded("ENCODE_ERROR", f"{error.field_name}: {error.message}")
        except Exception as error:
            log.exception("%s cannot be encoded for account %s", command.kind, account.id)
            return _not_encoded("ENCODE_BUG", type(error).__name__)
        response, exchange = self.exchange(request, transport=transport)
        if isinstance(response, Result):
            return response, exchange
        try:
            result = self.decode(command, response, account, now=now(), nonce=nonce())
        except Exception as error:
            request_id = self.request_id(response)
            log.exception("answer to %s cannot be read (request %s)", command.kind, request_id)
            result = Result(
                outcome=Outcome.UNKNOWN,
                code="DECODE_BUG",
                message=type(error).__name__,
                request_id=request_id,
            )
        return result, exchange

    def exchange(
        self, request: Request, *, transport: Transport
    ) -> tuple[Response | Result, Exchange]:
        """Send, and say what is known when there is no answer."""
        sent = self._text(self.scrub_request, request)
        try:
            response = transport.send(request)
        except NotSent as error:
            result = Result(outcome=Outcome.NOT_SENT, code=error.code, message=error.message)
            return result, Exchange(request=sent, latency_ms=error.elapsed_ms)
        except Lost as error:
            result = Result(outcome=Outcome.UNKNOWN, code=error.code, message=error.message)
            return result, Exchange(request=sent, latency_ms=error.elapsed_ms)
        return response, Exchange(
            request=sent,
            response=self._text(self.scrub_response, response),
            http_status=response.status,
            latency_ms=response.elapsed_ms,
        )

    @staticmethod
    def _text(scrub: Callable[[T], str], message: T) -> str:
        """A fault in scrubbing must neither stop a payment nor store what was not scrubbed."""
        try:
            return scrub(message)[:MAX_TEXT]
        except Exception:
            log.exception("cannot scrub a %s", type(message).__name__)
            return "(not stored: it could not be scrubbed)"


def _not_encoded(code: str, message: str) -> tuple[Result, Exchange]:
    return Result(outcome=Outcome.NOT_SENT, code=code, message=message), Exchange()
