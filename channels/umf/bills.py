"""The settlement file (对账文件) of one day. Called by ``channel.py``.

Integrators' page "对账文件下载" (``comp-pospre-server/getCollateFile``). It names the integrator by
merId; for a direct merchant that is the merchant number [inferred]. The file is a member of the
signed JSON answer, so that it is held in memory once: ``MOST`` bounds it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from channels.base import Account, BillKind, EncodeError, FetchBill, Outcome, Request, Result
from channels.base import Response as Answer
from channels.transport import Lost, NotSent, Transport
from channels.umf import codes, fields
from channels.umf.account import Merchant
from channels.umf.answers import expect, needed_text, read_answer, ret_code, text

PATH = "comp-pospre-server/getCollateFile"
NO_BILL = "NO_BILL"
MOST = 64 * 1024 * 1024
"""Bytes of an answer: some 400,000 lines."""
SECONDS = 300


def download(
    command: FetchBill, account: Account, sink: BinaryIO, *, transport: Transport
) -> Result:
    """DONE only with the whole and verified file in ``sink``. Never raises for anything the
    world does."""
    try:
        request = encode(command, account)
    except EncodeError as error:
        message = f"{error.field_name}: {error.message}"
        return Result(outcome=Outcome.NOT_SENT, code="ENCODE_ERROR", message=message)
    held = io.BytesIO()
    try:
        sent = transport.fetch(request, held.write, seconds=SECONDS, most=MOST)
    except NotSent as error:
        return Result(outcome=Outcome.NOT_SENT, code=error.code, message=error.message)
    except Lost as error:
        return Result(outcome=Outcome.UNKNOWN, code=error.code, message=error.message)
    answer = Answer(status=sent.status, headers=sent.headers, body=sent.body or held.getvalue())
    return decode(command, answer, account, sink)


def encode(command: FetchBill, account: Account) -> Request:
    if command.bill is not BillKind.SETTLEMENT:
        raise EncodeError("bill", f"UMF has no bill {command.bill}")
    merchant = Merchant.of(account)
    base = urlsplit(merchant.base_url)
    body = {"merId": merchant.mer_id, "stlDate": command.day.strftime("%Y%m%d")}
    host = f"{base.scheme}://{base.netloc}"
    return fields.signed_request(PATH, body, account, base=host)


def decode(command: FetchBill, answer: Answer, account: Account, sink: BinaryIO) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "stlDate", command.day.strftime("%Y%m%d"))
        expect(data, "merId", Merchant.of(account).mer_id)
        code, message = ret_code(data), text(data, "retMsg")[:256]
        if code in codes.NOTHING_KNOWN:
            return Result(outcome=Outcome.UNKNOWN, code=code, message=message)
        if code != codes.OK:
            # No page lists this file's codes: it may exist an hour later.
            return Result(outcome=Outcome.NOT_SENT, code=code, message=message)
        content = needed_text(data, "fileContent")
        if _is_empty(content):
            return Result(outcome=Outcome.DONE, code=NO_BILL, message=message)
        sink.write(content.encode())
        return Result(outcome=Outcome.DONE, message=message)

    return read_answer(answer, account, read=read)


def _is_empty(content: str) -> bool:
    """The first line is "文件总条数|文件总金额|"."""
    return content.strip().split("|", 1)[0].strip() == "0"
