"""The frame of HTTP channels: whatever happens, perform returns one of five outcomes."""

from __future__ import annotations

import logging
from datetime import datetime

import pytest

from channels.base import (
    Account,
    Command,
    EncodeError,
    Exchange,
    Outcome,
    QueryPay,
    Request,
    Response,
    Result,
)
from channels.transport import Lost, NotSent
from channels.wire import MAX_TEXT, HttpChannel
from tests.channels.wechat_cast import NOW

COMMAND = QueryPay(order_no="P1", amount=100)
ACCOUNT = Account(id=3, version=1, channel="toy", config={})


class Toy(HttpChannel):
    """A channel whose every part can be made to fail."""

    def __init__(self, broken: str = "", error: Exception | None = None) -> None:
        self.broken = broken
        self.error = error or RuntimeError("a bug with secret-in-its-message")

    def _run(self, part: str) -> None:
        if part == self.broken:
            raise self.error

    def encode(self, command: Command, account: Account, *, now: datetime, nonce: str) -> Request:
        self._run("encode")
        return Request(method="GET", url="http://toy/", headers={"N": nonce})

    def decode(
        self, command: Command, response: Response, account: Account, *, now: datetime, nonce: str
    ) -> Result:
        self._run("decode")
        return Result(outcome=Outcome.DONE, message=nonce)

    def scrub_request(self, request: Request) -> str:
        self._run("scrub_request")
        return f"asked {request.url}"

    def scrub_response(self, response: Response) -> str:
        self._run("scrub_response")
        return "answered " + response.body.decode()

    def request_id(self, response: Response) -> str:
        return response.headers.get("Request-ID", "")


class Wire:
    def __init__(self, error: Exception | None = None, body: bytes = b"body") -> None:
        self.error = error
        self.body = body
        self.sent: list[Request] = []

    def send(self, request: Request) -> Response:
        self.sent.append(request)
        if self.error is not None:
            raise self.error
        return Response(status=200, headers={"Request-ID": "id-9"}, body=self.body, elapsed_ms=12)


def perform(toy: Toy, wire: Wire) -> tuple[Result, Exchange]:
    nonces = iter(["first", "second"])
    return toy.perform(
        COMMAND,
        ACCOUNT,
        transport=wire,  # type: ignore[arg-type]
        now=lambda: NOW,
        nonce=lambda: next(nonces),
    )


def test_answer_is_decoded_and_both_sides_are_kept() -> None:
    result, exchange = perform(Toy(), Wire())
    assert result == Result(outcome=Outcome.DONE, message="second")
    assert exchange == Exchange(
        request="asked http://toy/", response="answered body", http_status=200, latency_ms=12
    )


def test_what_cannot_be_encoded_is_not_sent_and_names_the_field() -> None:
    wire = Wire()
    result, exchange = perform(Toy("encode", EncodeError("title", "no emoji")), wire)
    assert result == Result(
        outcome=Outcome.NOT_SENT, code="ENCODE_ERROR", message="title: no emoji"
    )
    assert (wire.sent, exchange) == ([], Exchange())


def test_bug_in_encode_is_logged_and_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    wire = Wire()
    result, _ = perform(Toy("encode"), wire)
    assert (result.outcome, result.code) == (Outcome.NOT_SENT, "ENCODE_BUG")
    assert wire.sent == []
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "secret" not in result.message


def test_transport_that_did_not_send_is_not_sent() -> None:
    result, exchange = perform(Toy(), Wire(NotSent("CONNECT_FAILED", "refused", elapsed_ms=3)))
    assert (result.outcome, result.code) == (Outcome.NOT_SENT, "CONNECT_FAILED")
    assert exchange == Exchange(request="asked http://toy/", latency_ms=3)


def test_lost_answer_is_unknown() -> None:
    result, exchange = perform(Toy(), Wire(Lost("NO_ANSWER", "reset", elapsed_ms=4)))
    assert (result.outcome, result.code) == (Outcome.UNKNOWN, "NO_ANSWER")
    assert exchange == Exchange(request="asked http://toy/", latency_ms=4)


def test_bug_in_decode_is_unknown_and_logged_with_the_request_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    result, exchange = perform(Toy("decode"), Wire())
    assert (result.outcome, result.code) == (Outcome.UNKNOWN, "DECODE_BUG")
    assert result.request_id == "id-9"
    assert exchange.response == "answered body"
    assert "id-9" in caplog.text
    assert "secret" not in result.message


@pytest.mark.parametrize("part", ["scrub_request", "scrub_response"])
def test_what_cannot_be_scrubbed_is_not_kept_and_stops_nothing(
    part: str, caplog: pytest.LogCaptureFixture
) -> None:
    result, exchange = perform(Toy(part), Wire())
    assert result.outcome is Outcome.DONE
    kept = exchange.request if part == "scrub_request" else exchange.response
    assert kept == "(not stored: it could not be scrubbed)"
    assert len(caplog.records) == 1


def test_a_long_answer_is_cut_for_the_record() -> None:
    _, exchange = perform(Toy(), Wire(body=b"x" * 100_000))
    assert len(exchange.response) == MAX_TEXT


def test_before_send_s_objection_is_not_swallowed() -> None:
    """An open transaction is our bug: it must be seen, and nothing was sent."""
    with pytest.raises(AssertionError):
        perform(Toy(), Wire(AssertionError("a transaction is open")))
