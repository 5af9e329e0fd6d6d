"""Bills of a simulated WeChat Pay: asked for by day, downloaded by a short-lived address.

Called by ``desk``. A bill is made of the simulator's own rows when it is asked for (``bill_rows``
writes its lines) and kept for five minutes, so that its hash stays true.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from channels.simulators.core.clock import CHINA, Clock
from channels.simulators.core.faults import Plan
from channels.simulators.core.store import Store
from channels.simulators.wechat import bill_rows
from channels.simulators.wechat.errors import ApiError, bad_parameter, invalid, require

READY_AT = time(10, 0)
"""Bills are made from nine o'clock of the next day on; ten is when they are there."""
MONTHS_BACK = timedelta(days=92)
TOKEN_LIFE = 300
"""Seconds for which a download address is good."""
BILL_TYPES = ("ALL", "SUCCESS", "REFUND")
ACCOUNT_TYPES = ("BASIC", "OPERATION", "FEES")


class Bills:
    def __init__(
        self, store: Store, clock: Clock, *, merchant: str, appid: str, base_url: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._merchant = merchant
        self._appid = appid
        self._base_url = base_url

    def trade_bill(self, query: Mapping[str, Sequence[str]], *, plan: Plan) -> dict[str, Any]:
        kind = _choice(query, "bill_type", BILL_TYPES)
        start, end = self._day(query, plan)
        lines = bill_rows.trade_lines(
            self._store, kind, start=start, end=end, merchant=self._merchant, appid=self._appid
        )
        return self._offer(bill_rows.trade_file(kind, _spoilt(lines, plan)), query, plan=plan)

    def fund_flow_bill(self, query: Mapping[str, Sequence[str]], *, plan: Plan) -> dict[str, Any]:
        account = _choice(query, "account_type", ACCOUNT_TYPES)
        start, end = self._day(query, plan)
        lines = bill_rows.flow_lines(self._store, start=start, end=end, merchant=self._merchant)
        if account != "BASIC":
            lines = []  # nothing ever moves through the other two accounts
        return self._offer(bill_rows.flow_file(_spoilt(lines, plan)), query, plan=plan)

    def file(self, query: Mapping[str, Sequence[str]]) -> bytes:
        row = self._store.one("SELECT * FROM bills WHERE token = ?", require(query, "token"))
        if row is None or self._clock.timestamp() > row["until"]:
            raise invalid("下载地址无效或已过期，请重新申请账单")
        return bytes(row["file"])

    def _day(self, query: Mapping[str, Sequence[str]], plan: Plan) -> tuple[float, float]:
        """Start and end of the day that is asked for, if its bill exists by now."""
        day = _date(require(query, "bill_date"))
        now = datetime.fromtimestamp(self._clock.timestamp(), CHINA)
        if "creating" in plan:
            raise _creating()
        if not ("open_day" in plan and day == now.date()):
            if not now.date() - MONTHS_BACK <= day < now.date():
                raise invalid("账单日期仅支持三个月内的日期，且不能是当天")
            if day == now.date() - timedelta(days=1) and now.time() < READY_AT:
                raise _creating()
        start = datetime.combine(day, time(), CHINA)
        return start.timestamp(), (start + timedelta(days=1)).timestamp()

    def _offer(
        self, bill: bytes | None, query: Mapping[str, Sequence[str]], *, plan: Plan
    ) -> dict[str, Any]:
        zipped = _choice(query, "tar_type", ("", "GZIP")) == "GZIP"
        if bill is None:
            raise ApiError(400, "NO_STATEMENT_EXIST", "账单文件不存在")
        token, now = secrets.token_urlsafe(48), self._clock.timestamp()
        with self._store.write() as db:
            db.execute("DELETE FROM bills WHERE until < ?", (now,))
            db.execute(
                "INSERT INTO bills VALUES (?, ?, ?)",
                (token, gzip.compress(bill) if zipped else bill, now + TOKEN_LIFE),
            )
        # «原始账单(gzip需要解压缩)的摘要值»: of the file before it was packed.
        digest = hashlib.sha1(bill + (b"?" if "wrong_hash" in plan else b""))  # noqa: S324
        return {
            "hash_type": "SHA1",
            "hash_value": digest.hexdigest(),
            "download_url": f"{self._base_url}/v3/billdownload/file?token={token}",
        }


def _creating() -> ApiError:
    return ApiError(400, "STATEMENT_CREATING", "账单生成中，请稍后再试")


def _date(text: str) -> date:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        raise bad_parameter("bill_date", "must be yyyy-MM-dd", location="query") from None


def _choice(query: Mapping[str, Sequence[str]], name: str, choices: tuple[str, ...]) -> str:
    """One of the values; the first one where it is not given."""
    values = query.get(name, [choices[0]])
    if len(values) != 1 or values[0] not in choices:
        raise bad_parameter(name, f"must be one of {', '.join(choices)}", location="query")
    return values[0]


def _spoilt(lines: list[bill_rows.Line], plan: Plan) -> list[bill_rows.Line]:
    """What a reconciliation must find: a line that is not there, an amount that is not ours."""
    if lines and "missing_line" in plan:
        lines = lines[1:]
    rule = plan.get("wrong_amount")
    if lines and rule is not None:
        lines = [lines[0].off_by(rule.delta), *lines[1:]]
    return lines
