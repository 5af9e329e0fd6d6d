"""Notifications of a simulated Alipay: their fields, signatures and forgeries.

Called by ``simulator`` and, for the sending, by ``core.notices``. A form, signed in itself: over
all fields but ``sign`` and ``sign_type``, decoded, sorted. No field is ever empty, because
verifiers disagree on whether empty ones count.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from channels.simulators.alipay.answers import LOGON_ID
from channels.simulators.alipay.keys import Keys, sign_string
from channels.simulators.alipay.money import yuan
from channels.simulators.alipay.texts import MINUTE, china, stamp, stamp_ms
from channels.simulators.alipay.trades import money_of
from channels.simulators.core.clock import Clock
from channels.simulators.core.faults import Plan

LADDER = tuple(MINUTE * minutes for minutes in (4, 10, 10, 60, 120, 360, 900))
"""«25小时以内完成8次通知（通知的间隔频率一般是：4m,10m,10m,1h,2h,6h,15h）»."""
FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
UNSIGNED = ("sign", "sign_type")


class AlipayMailer:
    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def body(
        self, fields: Mapping[str, str], *, sign_type: str, cert: str, tamper: str = ""
    ) -> bytes:
        """The signed form; ``cert`` names the certificate to sign with, empty for the key."""
        message = sign_string(
            ((name, value.encode()) for name, value in fields.items()), without=UNSIGNED
        )
        sign = self._keys.sign(message, sign_type=sign_type, cert=cert, tamper=tamper)
        return urlencode({**fields, "sign_type": sign_type, "sign": sign}).encode()

    def render(self, body: bytes, *, first_try: Mapping[str, Any]) -> bytes:
        tamper = first_try.get("tamper", "")
        if not tamper:
            return body
        fields = dict(parse_qsl(body.decode()))
        if tamper == "unsigned":
            return urlencode({k: v for k, v in fields.items() if k not in UNSIGNED}).encode()
        # Rightly signed, then another sum: what a man in the middle would do.
        return urlencode({**fields, "total_amount": "0.01"}).encode()

    def seal(self, body: bytes, *, first_try: Mapping[str, Any]) -> Mapping[str, str]:
        return FORM_HEADERS

    def forge(self, body: bytes) -> tuple[Mapping[str, str], bytes]:
        """A notice of its own with another id and a sum of one fen, signed by a stranger."""
        fields = {k: v for k, v in parse_qsl(body.decode()) if k not in UNSIGNED}
        fields |= {"notify_id": new_notify_id(self._clock.timestamp()), "total_amount": "0.01"}
        return FORM_HEADERS, self.body(fields, sign_type="RSA2", cert="", tamper="forged")

    def acknowledged(self, status: int, body: bytes) -> bool:
        """«程序执行完后必须打印输出 success（不包含引号）…7 个字符», and nothing else."""
        return status == 200 and body == b"success"


def new_notify_id(now: float) -> str:
    return f"{china(now):%Y%m%d}00222{secrets.randbits(60):021d}"


def fields_of(
    trade: sqlite3.Row,
    *,
    kind: str,
    refund: sqlite3.Row | None,
    seller: Mapping[str, str],
    now: float,
    plan: Plan,
) -> dict[str, str]:
    """One notification of the state of a trade; ``notify_id`` stays the same on every try."""
    skew = plan.get("wrong_amount")
    fields: dict[str, str] = {
        **seller,
        "notify_id": new_notify_id(now),
        "notify_type": "trade_status_sync",
        "notify_time": stamp(now),
        "charset": "utf-8",
        "version": "1.0",
        "trade_no": trade["trade_no"],
        "out_trade_no": trade["out_trade_no"],
        "trade_status": trade["status"],
        "subject": trade["subject"],
        "buyer_id": trade["buyer_id"],
        "buyer_logon_id": LOGON_ID,
        "gmt_create": stamp(trade["created_at"]),
        "total_amount": yuan(trade["total"] + (skew.delta if skew else 0)),
    }
    fields |= {"body": trade["body"]} if trade["body"] else {}
    fields |= {"passback_params": trade["passback"]} if trade["passback"] else {}
    if trade["paid"] is not None:
        fields |= _paid_fields(trade, delta=skew.delta if skew else 0)
    if trade["closed_at"] is not None:
        fields |= {"gmt_close": stamp(trade["closed_at"])}
    if kind == "refund":
        assert refund is not None
        fields |= {
            "out_biz_no": refund["out_request_no"],
            "refund_fee": yuan(trade["refunded"]),
            "gmt_refund": stamp_ms(refund["finished_at"]),
        }
    return fields


def _paid_fields(trade: sqlite3.Row, *, delta: int) -> dict[str, str]:
    bills = [{"amount": yuan(trade["paid"]), "fundChannel": "ALIPAYACCOUNT"}]
    return money_of(trade, delta=delta) | {
        "gmt_payment": stamp(trade["paid_at"]),
        "fund_bill_list": json.dumps(bills, separators=(",", ":")),
    }
