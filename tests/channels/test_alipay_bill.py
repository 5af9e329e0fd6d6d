"""The bill: asked for, fetched, unpacked whole or not at all. And the list of receivers."""

from __future__ import annotations

import io
import struct
import zipfile
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from channels.alipay import bill
from channels.alipay.channel import AlipayChannel
from channels.alipay.receivers import Receiver
from channels.base import BillKind, FetchBill, Outcome, Request, Response, Result
from channels.transport import Lost, NotSent
from tests.channels import alipay_cast as cast

DONE, NOT_SENT, UNKNOWN = Outcome.DONE, Outcome.NOT_SENT, Outcome.UNKNOWN
URL = "alipay.data.dataservice.bill.downloadurl.query"
ADDRESS = "http://dwbillcenter.alipay.com/downloadBillFile.resource?fileId=%2Ftrade%2f1&token=a_b"
DETAIL, SUMMARY = "20880211096256330156_20261118_业务明细", "业务明细(汇总)"
LINES = (
    "#支付宝业务明细查询\r\n"
    "支付宝交易号,商户订单号,业务类型\r\n"
    "2026111822001400000000000001\t,P01KAF7R1ZGH7V9X2M4N6P8Q0RS\t,交易\t\r\n"
    "#导出时间：[2026年11月19日 05:46:49]\r\n"
).encode("gb18030")


class GbkName(zipfile.ZipInfo):
    """A name in GBK without the flag that says so, which Python itself never writes."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gbk"), self.flag_bits & ~0x800


def zipped(
    files: dict[str, bytes], *, utf8: bool = False, method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name) if utf8 else GbkName(name)
            info.compress_type = method
            archive.writestr(info, content)
    return buffer.getvalue()


FILES = {f"{DETAIL}.csv": LINES, f"{SUMMARY}.csv": "汇总".encode("gb18030")}
WHOLE = zipped(FILES)


class Wire:
    """Answers with what a test lays out, in turn; an exception is raised instead."""

    def __init__(self, *answers: Response | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[Request] = []

    def send(self, request: Request) -> Response:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def fetch(
    *answers: Response | Exception, command: FetchBill | None = None, now: datetime = cast.NOW
) -> tuple[Result, bytes, list[Request]]:
    sink, wire = io.BytesIO(), Wire(*answers)
    result = AlipayChannel().download_bill(
        command or cast.fetch_bill(),
        cast.account(),
        sink,
        transport=wire,  # type: ignore[arg-type]
        now=lambda: now,
        nonce=lambda: cast.NONCE,
    )
    return result, sink.getvalue(), wire.sent


def there(address: str = ADDRESS) -> Response:
    return cast.ok(URL, bill_download_url=address)


def file(content: bytes = WHOLE, status: int = 200) -> Response:
    return Response(status=status, headers={}, body=content)


def test_zip_of_the_test_is_made_like_alipay_s() -> None:
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as archive:
        entry = archive.infolist()[0]
    assert entry.flag_bits & 0x800 == 0
    assert entry.orig_filename.encode("cp437") == f"{DETAIL}.csv".encode("gbk")


def test_detail_file_is_written_as_alipay_made_it() -> None:
    result, written, sent = fetch(there(), file())
    assert (result, written) == (Result(outcome=DONE), LINES)
    assert cast.biz_of(sent[0]) == {"bill_type": "trade", "bill_date": "2026-11-18"}
    assert cast.params_of(sent[0])["method"] == URL
    assert (sent[1].method, sent[1].body) == ("GET", b"")
    assert sent[1].url == ADDRESS.replace("%2f", "%2F")


def test_names_in_utf8_are_read_too() -> None:
    assert fetch(there(), file(zipped(FILES, utf8=True)))[1] == LINES


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("http://x/a?b=%7Ec%2fd", "http://x/a?b=~c%2Fd"),
        ("http://x/a?b=c|d e", "bad"),
        ("http://x/a?b=账", "http://x/a?b=%E8%B4%A6"),
        ("https://x/a?b=c|d", "https://x/a?b=c%7Cd"),
        ("ftp://x/a", "bad"),
        ("javascript:alert(1)", "bad"),
        ("http://x/a#b", "bad"),
    ],
)
def test_address_is_sent_as_the_wire_will_carry_it(given: str, sent: str) -> None:
    result, written, requests = fetch(there(given), file())
    if sent == "bad":
        assert (result.outcome, result.code, written) == (UNKNOWN, "BAD_BODY", b"")
        assert len(requests) == 1
    else:
        assert requests[1].url == sent


NOON = datetime(2026, 11, 19, 12, 0, tzinfo=bill.fields.CHINA)


@pytest.mark.parametrize("code", ["40004", "20000"])
@pytest.mark.parametrize(
    ("now", "outcome", "word"),
    [
        (NOON, DONE, "NO_BILL"),
        (NOON + timedelta(days=9), DONE, "NO_BILL"),
        (NOON - timedelta(seconds=1), NOT_SENT, "NOT_READY"),
    ],
)
def test_absent_bill_means_no_trade_only_once_it_would_be_there(
    code: str, now: datetime, outcome: Outcome, word: str
) -> None:
    response = cast.failure(URL, "isp.bill_not_exist", code=code)
    result, written, sent = fetch(response, now=now)
    assert (result.outcome, result.code, written, len(sent)) == (outcome, word, b"", 1)


def test_absent_bill_that_nobody_signed_means_nothing() -> None:
    response = cast.failure(URL, "isp.bill_not_exist", sign="")
    result, written, _ = fetch(response)
    assert (result.outcome, result.code, written) == (UNKNOWN, "isp.bill_not_exist", b"")


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (cast.fetch_bill(bill=BillKind.FUND_FLOW), "bill"),
        (cast.fetch_bill(bill=BillKind.SETTLEMENT), "bill"),
        (cast.fetch_bill(day=date(2026, 11, 20)), "day"),
        (cast.fetch_bill(day=date(2027, 1, 1)), "day"),
    ],
)
def test_bill_that_cannot_be_is_not_asked_for(command: FetchBill, field: str) -> None:
    result, written, sent = fetch(command=command)
    assert (result.outcome, result.code) == (NOT_SENT, "ENCODE_ERROR")
    assert result.message.startswith(f"{field}: ") and (written, sent) == (b"", [])


@pytest.mark.parametrize(
    ("answers", "outcome", "code"),
    [
        ((NotSent("CONNECT_FAILED", "x"),), NOT_SENT, "CONNECT_FAILED"),
        ((Lost("NO_ANSWER", "x"),), UNKNOWN, "NO_ANSWER"),
        ((cast.failure(URL, "isv.invalid-signature", code="40002"),), NOT_SENT,
         "isv.invalid-signature"),
        ((cast.failure(URL, "isp.unknow-error", code="20000"),), UNKNOWN, "isp.unknow-error"),
        ((cast.ok(URL),), UNKNOWN, "BAD_BODY"),
        ((there(), Lost("NO_ANSWER", "x")), UNKNOWN, "NO_ANSWER"),
        ((there(), file(status=404)), UNKNOWN, "HTTP_404"),
    ],
)  # fmt: skip
def test_bill_that_cannot_be_fetched_leaves_the_sink_empty(
    answers: tuple[Response | Exception, ...], outcome: Outcome, code: str
) -> None:
    result, written, _ = fetch(*answers)
    assert (result.outcome, result.code, written) == (outcome, code, b"")


def corrupted() -> bytes:
    """The stored file changed inside the zip: its checksum no longer fits."""
    data = zipped(FILES, method=zipfile.ZIP_STORED)
    at = data.index(LINES) + len(LINES) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def encrypted() -> bytes:
    data = bytearray(WHOLE)
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as archive:
        central = archive.start_dir
    for at in (0 + 6, central + 8):
        (flags,) = struct.unpack_from("<H", data, at)
        struct.pack_into("<H", data, at, flags | 1)
    return bytes(data)


def announced(size: int) -> bytes:
    """A zip that claims another size for its detail file."""
    data = bytearray(WHOLE)
    with zipfile.ZipFile(io.BytesIO(WHOLE)) as archive:
        central = archive.start_dir
    struct.pack_into("<L", data, central + 24, size)
    return bytes(data)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>gone</html>",
        WHOLE[: len(WHOLE) // 2],
        corrupted(),
        encrypted(),
        announced(bill.MAX_BILL + 1),
        announced(len(LINES) - 1),
        zipped({f"{SUMMARY}.csv": b"x"}),
        zipped({f"{DETAIL}.csv": LINES, f"2_{DETAIL}.csv": LINES}),
        zipped({f"{number}.csv": b"x" for number in range(bill.MAX_FILES + 1)}),
    ],
)
def test_bill_that_is_not_whole_leaves_the_sink_empty(content: bytes) -> None:
    result, written, _ = fetch(there(), file(content))
    assert (result.outcome, result.code, written) == (UNKNOWN, "BAD_BILL", b"")


def test_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bill, "MAX_BILL", 1_000_000)
    bomb = zipped({f"{DETAIL}.csv": b"0" * 1_000_001})
    assert len(bomb) < 10_000
    result, written, _ = fetch(there(), file(bomb))
    assert (result.outcome, result.code, written) == (UNKNOWN, "BAD_BILL", b"")


# --- receivers ----------------------------------------------------------------------------


def listed(*answers: Response | Exception) -> tuple[Any, Result, list[Request]]:
    wire = Wire(*answers)
    found, result, _exchange = AlipayChannel().list_receivers(
        cast.account(),
        page=2,
        transport=wire,  # type: ignore[arg-type]
        now=lambda: cast.NOW,
        nonce=lambda: cast.NONCE,
    )
    return found, result, wire.sent


LIST = "alipay.trade.royalty.relation.batchquery"
BOUND = [
    {"type": "userId", "account": cast.RECEIVER, "memo": "一号店"},
    {"type": "loginName", "account": cast.LOGIN, "login_name": "a", "bind_login_name": "b"},
]


def test_receivers_are_listed_by_pages() -> None:
    response = cast.ok(LIST, receiver_list=BOUND, result_code="SUCCESS", current_page_num=2)
    found, result, sent = listed(response)
    assert result.outcome is DONE
    assert found == (
        Receiver(kind="userId", account=cast.RECEIVER, login_name="", memo="一号店"),
        Receiver(kind="loginName", account=cast.LOGIN, login_name="b", memo=""),
    )
    assert cast.biz_of(sent[0]) == {
        "out_request_no": cast.NONCE,
        "page_num": "2",
        "page_size": "100",
    }


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (cast.ok(LIST, receiver_list=[*BOUND, {"type": "userId"}]), UNKNOWN),
        (cast.ok(LIST, receiver_list="x"), UNKNOWN),
        (cast.failure(LIST, "ACQ.PRODUCT_UNSIGN"), NOT_SENT),
        (cast.failure(LIST, "ACQ.SYSTEM_ERROR"), UNKNOWN),
        (Lost("NO_ANSWER", "x"), UNKNOWN),
    ],
)
def test_list_that_cannot_be_read_lists_nobody(
    answer: Response | Exception, outcome: Outcome
) -> None:
    found, result, _ = listed(answer)
    assert (found, result.outcome) == ((), outcome)
