"""WeChat Pay's bills: asked for, downloaded, unzipped and proved by their digest."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from channels.base import BillKind, FetchBill, Outcome, Request, Response, Result
from channels.transport import Lost, NotSent
from channels.wechat import bills
from channels.wechat.channel import WechatChannel
from tests.channels import wechat_cast as cast
from tests.channels.test_wechat_contract import CONTRACT, as_openapi

CHANNEL = WechatChannel()
DONE, REFUSED, NOT_SENT, UNKNOWN = (
    Outcome.DONE,
    Outcome.REFUSED,
    Outcome.NOT_SENT,
    Outcome.UNKNOWN,
)
BILL = "\ufeff交易时间,公众账号ID\n`2026-11-19 10:00:00,`wx1\n总交易单数\n`1\n".encode()
PACKED = gzip.compress(BILL, mtime=0)
"""Always the same bytes: every worker must collect the same tests."""
TRADE = FetchBill(day=date(2026, 11, 19), bill=BillKind.TRADE)
FLOW = FetchBill(day=date(2026, 11, 19), bill=BillKind.FUND_FLOW)
URL = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=xxx%2By&tartype=gzip"


class Wire:
    """Answers the request for a bill, and the download in small pieces."""

    def __init__(self, link: Response | Exception, file: bytes | Response | Exception) -> None:
        self.link = link
        self.file = file
        self.sent: list[Request] = []

    def send(self, request: Request) -> Response:
        self.sent.append(request)
        if isinstance(self.link, Exception):
            raise self.link
        return self.link

    def fetch(
        self, request: Request, sink: Callable[[bytes], object], *, seconds: float, most: int
    ) -> Response:
        self.sent.append(request)
        if isinstance(self.file, Exception):
            raise self.file
        if isinstance(self.file, Response):
            return self.file
        for start in range(0, len(self.file), 7):
            sink(self.file[start : start + 7])
        return Response(status=200, headers={"Request-ID": "08F7"}, body=b"")


def link(content: bytes = BILL, **changes: Any) -> Response:
    body = {
        "hash_type": "SHA1",
        "hash_value": hashlib.sha1(content).hexdigest(),
        "download_url": URL,
    }
    return cast.response({**body, **changes})


def download(wire: Wire, command: FetchBill = TRADE, **config: str) -> tuple[Result, bytes]:
    sink = io.BytesIO()
    result = CHANNEL.download_bill(
        command,
        cast.account(**config),
        sink,
        transport=wire,  # type: ignore[arg-type]
        now=lambda: cast.NOW,
        nonce=lambda: cast.NONCE,
    )
    return result, sink.getvalue()


@pytest.mark.parametrize("command", [TRADE, FLOW])
def test_request_satisfies_the_contract(command: FetchBill) -> None:
    request = bills.encode(command, cast.account(), now=cast.NOW, nonce=cast.NONCE)
    CONTRACT.validate_request(as_openapi(request))


def test_requests_name_the_day_and_ask_for_gzip() -> None:
    urls = [
        bills.encode(command, cast.account(), now=cast.NOW, nonce=cast.NONCE).url
        for command in (TRADE, FLOW)
    ]
    base = f"{cast.BASE_URL}/v3/bill"
    assert urls == [
        f"{base}/tradebill?bill_date=2026-11-19&bill_type=ALL&tar_type=GZIP",
        f"{base}/fundflowbill?bill_date=2026-11-19&account_type=BASIC&tar_type=GZIP",
    ]


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: data], ids=["gzip", "plain"])
def test_bill_is_written_unzipped_and_proved(pack: Callable[[bytes], bytes]) -> None:
    wire = Wire(link(), pack(BILL))
    result, written = download(wire)
    assert (result.outcome, result.code, result.request_id) == (DONE, "", "08F7")
    assert written == BILL


def test_download_is_signed_for_the_address_as_it_stands() -> None:
    wire = Wire(link(), gzip.compress(BILL))
    download(wire, base_url="https://api2.mch.weixin.qq.com")
    asked, fetched = wire.sent
    assert asked.url.startswith("https://api2.mch.weixin.qq.com/v3/bill/")
    assert (fetched.method, fetched.url, fetched.body) == ("GET", URL, b"")
    assert fetched.headers["Authorization"].startswith("WECHATPAY2-SHA256-RSA2048 ")


def test_gzip_of_several_members_is_one_bill() -> None:
    wire = Wire(link(), gzip.compress(BILL[:20]) + gzip.compress(BILL[20:]))
    assert download(wire)[1] == BILL


@pytest.mark.parametrize("size", [bills._PIECE - 1, bills._PIECE, 2 * bills._PIECE, 3_000_001])
def test_large_bill_is_unzipped_piece_by_piece(size: int) -> None:
    content = b"x" * size
    largest = 0

    class Sink(io.BytesIO):
        def write(self, data: Any) -> int:
            nonlocal largest
            largest = max(largest, len(data))
            return super().write(data)

    sink = Sink()
    unpacked = bills.Unpacked(sink)
    unpacked.write(gzip.compress(content))
    unpacked.close()
    assert sink.getvalue() == content
    assert unpacked.digest == hashlib.sha1(content).hexdigest()
    assert largest <= bills._PIECE


def test_bill_whose_digest_does_not_fit_is_not_a_bill() -> None:
    result, _ = download(Wire(link(b"another"), gzip.compress(BILL)))
    assert (result.outcome, result.code) == (UNKNOWN, "BAD_DIGEST")


def test_digest_is_of_the_unzipped_bill_and_not_of_the_file() -> None:
    packed = gzip.compress(BILL)
    result, _ = download(Wire(link(packed), packed))
    assert (result.outcome, result.code) == (UNKNOWN, "BAD_DIGEST")


@pytest.mark.parametrize(
    "file",
    [
        PACKED[:-9],
        PACKED[:12] + b"garbage that is no deflate stream",
        PACKED + b"trailing",
        b"\x1f\x8b",
    ],
)
def test_broken_gzip_is_not_a_bill(file: bytes) -> None:
    result, _ = download(Wire(link(), file))
    assert (result.outcome, result.code) == (UNKNOWN, "BAD_BODY")


@pytest.mark.parametrize("file", [b"", b"x"])
def test_file_of_a_byte_or_none_is_proved_like_any_other(file: bytes) -> None:
    assert download(Wire(link(file), file)) == (
        Result(outcome=DONE, request_id="08F7"),
        file,
    )


def test_bill_that_unzips_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bills, "MOST", 1000)
    sink = io.BytesIO()
    unpacked = bills.Unpacked(sink)
    packer = zlib.compressobj(wbits=31)
    unpacked.write(packer.compress(b"0" * 100_000_000) + packer.flush())
    with pytest.raises(bills.BadAnswer):
        unpacked.close()
    assert len(sink.getvalue()) <= 1000


@pytest.mark.parametrize(
    ("status", "code", "outcome", "told"),
    [
        (400, "NO_STATEMENT_EXIST", DONE, "NO_BILL"),
        (400, "NOSTATEMENTEXIST", DONE, "NO_BILL"),
        (400, "STATEMENT_CREATING", NOT_SENT, "STATEMENT_CREATING"),
        (429, "FREQUENCY_LIMITED", NOT_SENT, "FREQUENCY_LIMITED"),
        (401, "SIGN_ERROR", NOT_SENT, "SIGN_ERROR"),
        (400, "INVALID_REQUEST", REFUSED, "INVALID_REQUEST"),
        (403, "NO_AUTH", REFUSED, "NO_AUTH"),
        (500, "SYSTEM_ERROR", UNKNOWN, "SYSTEM_ERROR"),
        (500, "NO_STATEMENT_EXIST", UNKNOWN, "NO_STATEMENT_EXIST"),
    ],
)
def test_day_without_a_bill_says_why(status: int, code: str, outcome: Outcome, told: str) -> None:
    wire = Wire(cast.error(status, code), b"never fetched")
    result, written = download(wire)
    assert (result.outcome, result.code, written) == (outcome, told, b"")
    assert len(wire.sent) == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (link(hash_type="MD5"), "UNKNOWN_STATE"),
        (link(hash_value=""), "BAD_BODY"),
        (link(download_url=""), "BAD_BODY"),
        (link(download_url="http://api.mch.weixin.qq.com/v3/billdownload/file"), "BAD_BODY"),
        (link(download_url="file:///etc/passwd"), "BAD_BODY"),
        (cast.response({}), "BAD_BODY"),
        (Response(status=200, headers={}, body=link().body), "BAD_SIGNATURE"),
    ],
)
def test_address_that_cannot_be_believed_is_not_fetched(answer: Response, code: str) -> None:
    wire = Wire(answer, b"never fetched")
    result, written = download(wire)
    assert (result.outcome, result.code, written) == (UNKNOWN, code, b"")
    assert len(wire.sent) == 1


def test_plain_http_is_taken_from_the_very_server_that_was_asked() -> None:
    """A simulator on this machine."""
    url = "http://127.0.0.1:8900/v3/billdownload/file?token=1"
    wire = Wire(link(download_url=url), BILL)
    assert download(wire, base_url="http://127.0.0.1:8900")[0].outcome is DONE
    other = Wire(link(download_url=url), BILL)
    assert download(other, base_url="http://127.0.0.1:8901")[0].outcome is UNKNOWN
    assert len(other.sent) == 1


@pytest.mark.parametrize(
    ("failure", "outcome", "code"),
    [
        (NotSent("CONNECT_FAILED", "refused"), NOT_SENT, "CONNECT_FAILED"),
        (Lost("NO_ANSWER", "reset"), UNKNOWN, "NO_ANSWER"),
    ],
)
def test_wire_that_fails_is_told(failure: Exception, outcome: Outcome, code: str) -> None:
    for wire in (Wire(failure, b""), Wire(link(), failure)):
        result, written = download(wire)
        assert (result.outcome, result.code, written) == (outcome, code, b"")


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [
        (403, "NO_AUTH", REFUSED),
        (401, "SIGN_ERROR", NOT_SENT),
        (404, "NO_STATEMENT_EXIST", UNKNOWN),
        (500, "SYSTEM_ERROR", UNKNOWN),
    ],
)
def test_download_that_is_refused_is_no_bill(status: int, code: str, outcome: Outcome) -> None:
    result, written = download(Wire(link(), cast.error(status, code)))
    assert (result.outcome, result.code, written) == (outcome, code, b"")


def test_bill_of_another_kind_is_not_sent() -> None:
    wire = Wire(link(), BILL)
    result, _ = download(wire, FetchBill(day=date(2026, 11, 19), bill=BillKind.SETTLEMENT))
    assert (result.outcome, result.code, wire.sent) == (NOT_SENT, "ENCODE_ERROR", [])


def test_account_that_is_not_whole_sends_nothing() -> None:
    wire = Wire(link(), BILL)
    result, _ = download(wire, mchid="")
    assert (result.outcome, result.code, wire.sent) == (NOT_SENT, "ENCODE_ERROR", [])
