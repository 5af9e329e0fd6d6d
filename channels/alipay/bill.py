"""The bill of a day (业务明细): where it lies, and what is in the zip. Called by ``channel.py``.

Provider's page: alipay.data.dataservice.bill.downloadurl.query. What is written is the detail CSV
as Alipay made it: GBK, with its ``#`` lines of head and foot; the summary file is left out. Alipay
gives no digest; the zip's own checksums are verified before a byte is written.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any, BinaryIO
from urllib.parse import quote

from channels.alipay import fields
from channels.alipay.answers import BadAnswer, needed_text, read_answer
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

DOWNLOAD_URL = "alipay.data.dataservice.bill.downloadurl.query"
READY_AT = time(12)
"""A day's bill is there "次日9点至10点"; from noon on its absence means that there was no trade."""
MAX_BILL = 1024 * 1024 * 1024
"""Bytes. A million lines are about 300 MB; a zip that claims more is no bill."""
MAX_FILES = 20
_CHUNK = 256 * 1024
_ADDRESS = re.compile(r"https?://[^\s#]+")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")


def encode_url(command: FetchBill, account: Account, *, now: datetime) -> Request:
    if command.bill is not BillKind.TRADE:
        raise EncodeError("bill", f"Alipay has no {command.bill} bill here")
    if command.day >= now.astimezone(fields.CHINA).date():
        raise EncodeError("day", "is not over in China")
    biz_content = {"bill_type": "trade", "bill_date": command.day.isoformat()}
    return fields.signed_request(DOWNLOAD_URL, biz_content, account, now=now)


def decode_url(
    command: FetchBill, response: Response, account: Account, *, now: datetime
) -> tuple[str, Result]:
    """The address, which lives 30 seconds, or "" and the Result that says why there is none."""
    address = ""

    def read(data: Mapping[str, Any]) -> Result:
        nonlocal address
        address = needed_text(data, "bill_download_url")
        if not _ADDRESS.fullmatch(address):
            raise BadAnswer("BAD_BODY", "bill_download_url is no address")
        return Result(outcome=Outcome.DONE)

    result = read_answer(command.kind, DOWNLOAD_URL, response, account, read=read)
    if result.outcome is not Outcome.DONE:
        return "", result
    return (address, result) if address else ("", _absent(command, result, now))


def _absent(command: FetchBill, result: Result, now: datetime) -> Result:
    """ "账单不存在": one code for a day without trade and for a bill that is not made yet."""
    ready = datetime.combine(command.day + timedelta(days=1), READY_AT, fields.CHINA)
    if now < ready:
        return replace(result, outcome=Outcome.NOT_SENT, code="NOT_READY")
    return replace(result, outcome=Outcome.DONE, code="NO_BILL")


def encode_download(address: str) -> Request:
    """The address as the transport will put it on the wire: escapes of plain characters undone,
    the others in capitals, what may not stand in an address escaped."""
    normal = _ESCAPE.sub(_normal_escape, address)
    return Request(method="GET", url=quote(normal, safe="!#$%&'()*+,/:;=?@[]~"), read_timeout=60.0)


def _normal_escape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    is_plain = character.isascii() and (character.isalnum() or character in "-._~")
    return character if is_plain else match[0].upper()


def unpack(response: Response, sink: BinaryIO) -> Result:
    """Write the detail file, or nothing at all."""
    try:
        if response.status != 200:
            raise BadAnswer(f"HTTP_{response.status}", "the bill's address gives no file")
        with zipfile.ZipFile(io.BytesIO(response.body)) as archive:
            entry = _detail(archive)
            for _part in _parts(archive, entry):
                pass  # Reads to the end, where the checksum is verified.
            for part in _parts(archive, entry):
                sink.write(part)
    except BadAnswer as error:
        return Result(outcome=Outcome.UNKNOWN, code=error.code, message=error.message)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        message = f"the bill is no whole zip: {error}"[:300]
        return Result(outcome=Outcome.UNKNOWN, code="BAD_BILL", message=message)
    return Result(outcome=Outcome.DONE)


def _detail(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The one file of 业务明细 that is not the summary. Names are GBK without the flag that says
    so, which zipfile reads as code page 437."""
    found = archive.infolist()
    if len(found) > MAX_FILES:
        raise BadAnswer("BAD_BILL", f"{len(found)} files in one bill")
    details = [entry for entry in found if _is_detail(entry)]
    if len(details) != 1:
        raise BadAnswer("BAD_BILL", f"{len(details)} files of 业务明细 in one bill")
    if details[0].file_size > MAX_BILL:
        raise BadAnswer("BAD_BILL", f"a bill of {details[0].file_size} bytes")
    return details[0]


def _is_detail(entry: zipfile.ZipInfo) -> bool:
    is_flagged = entry.flag_bits & 0x800
    name = entry.filename
    if not is_flagged:
        name = name.encode("cp437", errors="replace").decode("gb18030", errors="replace")
    return name.endswith("业务明细.csv")


def _parts(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """The file in pieces; never more than its announced size, whatever the zip holds."""
    with archive.open(entry) as file:
        while part := file.read(_CHUNK):
            yield part
