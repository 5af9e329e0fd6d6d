"""Notifications of a simulated UMF: signed JSON, and the signed word that acknowledges them.

Called by ``simulator`` and, for the sending, by ``core.notices``. Page "交易结果通知", with
``orderId`` and ``refundOrderId`` as this dialect spells them [inferred].
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from channels.simulators.core.clock import Clock
from channels.simulators.core.store import Store
from channels.simulators.umf import codes
from channels.simulators.umf.keys import Keys, answered, asked
from channels.simulators.umf.texts import clock as clock_text
from channels.simulators.umf.texts import day

LADDER = (30, 300, 1800)
"""«第一次立即通知、第二次 30秒、第三次 300秒、第四次 1800秒»."""
FUNCTION = "PayResultNotify"
ECHOED = ("funCode", "orderDate", "orderId", "reqDate", "reqTime")
"""«同请求数据»: what an acknowledgement says again."""
HEADERS = {"Content-Type": "application/json"}


class UmfMailer:
    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._store: Store | None = None

    def attach(self, store: Store) -> None:
        """Where the notices are that an acknowledgement may be about."""
        self._store = store

    def body(
        self,
        trade: sqlite3.Row,
        *,
        mer_id: str,
        state: str,
        amount: int,
        pay_seq: str,
        refund_order_id: str = "",
    ) -> bytes:
        """One notification, not signed yet; the same on every try."""
        now = self._clock.timestamp()
        members = {
            "funCode": FUNCTION,
            "reqDate": day(now),
            "reqTime": clock_text(now),
            "merId": mer_id,
            "payType": trade["pay_type"],
            "deviceType": "Other",
            "deviceInfo": "",
            "orderDate": trade["order_date"],
            "orderId": trade["order_id"],
            "transactionId": trade["transaction_id"],
            "amount": str(amount),
            "tradeState": state,
            "paySeq": pay_seq,
            "refundOrderId": refund_order_id,
        }
        return _json(members)

    def render(self, body: bytes, *, first_try: Mapping[str, Any]) -> bytes:
        members = json.loads(body)
        tamper = first_try.get("tamper", "")
        if tamper != "unsigned":
            members["sign"] = self._keys.sign(asked(members), tamper=tamper)
        return _json(members)

    def seal(self, body: bytes, *, first_try: Mapping[str, Any]) -> Mapping[str, str]:
        return HEADERS

    def forge(self, body: bytes) -> tuple[Mapping[str, str], bytes]:
        """A notification of one fen, signed by a stranger."""
        members = json.loads(body) | {"amount": "1"}
        members["sign"] = self._keys.sign(asked(members), tamper="forged")
        return HEADERS, _json(members)

    def acknowledged(self, status: int, body: bytes) -> bool:
        """«只要商户方成功接收到支付结果通知且验签成功，商户均应返回0000», signed by the merchant
        and about a notification that there is. The older spelling of orderId is taken too."""
        try:
            given = json.loads(body)
        except (ValueError, RecursionError):
            return False
        if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()):
            return False
        if given.get("retCode") != codes.OK:
            return False
        if not self._keys.merchant_signed(answered(given), given.get("sign", "")):
            return False
        said = given | {"orderId": given.get("orderId") or given.get("partnerOrderId", "")}
        return status == 200 and self._is_known([said.get(name, "") for name in ECHOED])

    def _is_known(self, echoed: list[str]) -> bool:
        assert self._store is not None
        where = " AND ".join(f"json_extract(CAST(body AS TEXT), '$.{name}') = ?" for name in ECHOED)
        found = self._store.one(
            f"SELECT 1 FROM notices WHERE order_no = ? AND {where}",  # noqa: S608 - our own names
            echoed[ECHOED.index("orderId")],
            *echoed,
        )
        return found is not None


def _json(members: Mapping[str, str]) -> bytes:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
