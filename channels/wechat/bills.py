"""Bills: the trade bill and the fund flow of one day. Called by ``channel.py``.

Provider's pages: "申请交易账单", "申请资金账单", "下载账单". Asking for a bill gives its address
and digest in a signed answer; the file behind the address is not signed, so that only the digest
proves it: SHA1 of the "原始账单(gzip需要解压缩)".
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from channels.base import (
    Account,
    BillKind,
    EncodeError,
    FetchBill,
    Outcome,
    Request,
    Response,
    Result,
)
from channels.transport import Lost, NotSent, Transport
from channels.wechat import fields
from channels.wechat.account import Merchant
from channels.wechat.answers import BadAnswer, error_words, needed_text, read_answer, request_id
from channels.wechat.errors import verdict_on
from channels.wire import HttpChannel

ENDPOINTS: Mapping[BillKind, str] = {
    BillKind.TRADE: "/v3/bill/tradebill?bill_date={day}&bill_type=ALL&tar_type=GZIP",
    BillKind.FUND_FLOW: "/v3/bill/fundflowbill?bill_date={day}&account_type=BASIC&tar_type=GZIP",
}
NO_BILL = "NO_BILL"
MOST = 2 * 1024 * 1024 * 1024
"""Bytes of an uncompressed bill: some five million lines."""
SECONDS = 300
"""The address is good for five minutes, so no download need take longer."""
_GZIP = b"\x1f\x8b"
_PIECE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Link:
    url: str
    digest: str


def download(
    channel: HttpChannel,
    command: FetchBill,
    account: Account,
    sink: BinaryIO,
    *,
    transport: Transport,
    now: Callable[[], datetime],
    nonce: Callable[[], str],
) -> Result:
    """DONE only with the whole and proved bill in ``sink``; after anything else what the sink
    holds is worth nothing. Never raises for anything the world does."""
    found: list[Link] = []
    try:
        request = encode(command, account, now=now(), nonce=nonce())
        response, _ = channel.exchange(request, transport=transport)
        if isinstance(response, Result):
            return response
        result = decode(command, response, account, now=now(), found=found)
        if not found:
            return result
        request = encode_download(found[0], account, now=now(), nonce=nonce())
    except EncodeError as error:
        message = f"{error.field_name}: {error.message}"
        return Result(outcome=Outcome.NOT_SENT, code="ENCODE_ERROR", message=message)
    return _fetch(command, request, found[0], sink, transport=transport)


def encode(command: FetchBill, account: Account, *, now: datetime, nonce: str) -> Request:
    if command.bill not in ENDPOINTS:
        raise EncodeError("bill", f"WeChat Pay has no bill {command.bill}")
    target = ENDPOINTS[command.bill].format(day=command.day.isoformat())
    return fields.signed_request("GET", target, None, account=account, now=now, nonce=nonce)


def decode(
    command: FetchBill, response: Response, account: Account, *, now: datetime, found: list[Link]
) -> Result:
    """Puts the bill's address into ``found``, or says why there is none."""

    def read(data: Mapping[str, Any]) -> Result:
        kind = needed_text(data, "hash_type")
        if kind != "SHA1":
            raise BadAnswer("UNKNOWN_STATE", f"hash_type {kind[:20]!r}")
        url = needed_text(data, "download_url")
        if not _is_theirs(url, Merchant.of(account).base_url):
            raise BadAnswer("BAD_BODY", "download_url is no https address")
        found.append(Link(url=url, digest=needed_text(data, "hash_value").lower()))
        return Result(outcome=Outcome.DONE)

    result = read_answer(command.kind, response, account, now=now, read=read)
    if result.outcome is Outcome.DONE and not found:
        return replace(result, code=NO_BILL)
    return result


def _is_theirs(url: str, base_url: str) -> bool:
    """The signed request shows who we are: https, or the very server that we asked."""
    parts, base = urlsplit(url), urlsplit(base_url)
    if not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme, parts.netloc) == (base.scheme, base.netloc)


def encode_download(link: Link, account: Account, *, now: datetime, nonce: str) -> Request:
    """The address is used as it stands, and signed like every other."""
    return fields.signed_request(
        "GET",
        fields.path_of(link.url),
        None,
        account=account,
        now=now,
        nonce=nonce,
        host=link.url[: -len(fields.path_of(link.url))],
    )


# --- the file -----------------------------------------------------------------------------


def _fetch(
    command: FetchBill, request: Request, link: Link, sink: BinaryIO, *, transport: Transport
) -> Result:
    unpacked = Unpacked(sink)
    try:
        response = transport.fetch(request, unpacked.write, seconds=SECONDS, most=MOST)
        unpacked.close()
    except NotSent as error:
        return Result(outcome=Outcome.NOT_SENT, code=error.code, message=error.message)
    except Lost as error:
        return Result(outcome=Outcome.UNKNOWN, code=error.code, message=error.message)
    except BadAnswer as error:
        return Result(outcome=Outcome.UNKNOWN, code=error.code, message=error.message)
    if response.status != 200:
        code, message = error_words(response)
        verdict = verdict_on(command.kind, response.status, code)
        known = verdict.outcome is not Outcome.DONE
        return Result(
            outcome=verdict.outcome if known else Outcome.UNKNOWN,
            code=code,
            message=message,
            request_id=request_id(response),
        )
    if unpacked.digest != link.digest:
        message = f"SHA1 is {unpacked.digest}, should be {link.digest}"[:256]
        return Result(outcome=Outcome.UNKNOWN, code="BAD_DIGEST", message=message)
    return Result(outcome=Outcome.DONE, request_id=request_id(response))


class Unpacked:
    """Writes a stream on, unzipped where it is gzip, and digests what it writes. A fault in the
    stream is kept until ``close``: the transport would take it for one of the network."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._hash = hashlib.sha1(usedforsecurity=False)
        self._head: bytes | None = b""
        self._gzip: Any = None
        self._problem = ""
        self._written = 0

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: bytes) -> None:
        if self._head is not None:
            data = self._head + data
            if len(data) < len(_GZIP):
                self._head = data
                return
            self._head = None
            if data.startswith(_GZIP):
                self._gzip = zlib.decompressobj(wbits=31)
        self._pass_on(data)

    def close(self) -> None:
        """Raises BadAnswer when the stream was no whole file."""
        if self._head:
            head, self._head = self._head, None
            self._pass_on(head)
        if self._gzip is not None and not self._gzip.eof and not self._problem:
            self._problem = "the gzip stream is cut off"
        if self._problem:
            raise BadAnswer("BAD_BODY", self._problem)

    def _pass_on(self, data: bytes) -> None:
        try:
            for plain in self._pieces(data):
                self._written += len(plain)
                if self._written > MOST:
                    self._problem = f"more than {MOST} bytes"
                if self._problem:
                    return
                self._hash.update(plain)
                self._sink.write(plain)
        except zlib.error as error:
            self._problem = f"no gzip: {error}"

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        """What is inside, a little at a time: a bomb of gzip must not fill the memory."""
        if self._gzip is None:
            yield data
            return
        plain = b""
        while data or (len(plain) == _PIECE and not self._gzip.eof):
            if self._gzip.eof:  # Another member follows.
                self._gzip = zlib.decompressobj(wbits=31)
            plain = self._gzip.decompress(data, _PIECE)
            yield plain
            data = self._gzip.unused_data if self._gzip.eof else self._gzip.unconsumed_tail
