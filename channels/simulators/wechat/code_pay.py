"""付款码 at a simulated WeChat Pay: a scanned code is paid, waits for its customer, is reversed.

Called by ``desk``. Nobody is notified of such a payment, as with the real one. The last two digits
of the code choose what its customer does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from channels.simulators.core.clock import Clock
from channels.simulators.core.faults import Plan
from channels.simulators.core.store import Book, Store
from channels.simulators.wechat.errors import ApiError, invalid
from channels.simulators.wechat.freezes import Freezes
from channels.simulators.wechat.trades import Trades, order_missing

WAITING_CODE = "01"
REFUSING_CODES = {
    "02": (403, "NOT_ENOUGH", "用户的账号余额不足"),
    "03": (400, "AUTH_CODE_INVALID", "收银员扫描的不是微信支付的条码"),
}
REVERSE_DAYS, DAY = 7, 86400


class CodePay:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        book: Book,
        *,
        merchant: str,
        appid: str,
        trades: Trades,
        freezes: Freezes,
        customer_pays: Callable[[str], Any],
    ) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._merchant = merchant
        self._appid = appid
        self._trades = trades
        self._freezes = freezes
        self._customer_pays = customer_pays

    def order(self, body: Mapping[str, Any], *, plan: Plan) -> dict[str, Any]:
        """The transaction: SUCCESS, or USERPAYING. Raises ApiError where the code is no good."""
        ending = body["payer"]["auth_code"][-2:]
        if ending in REFUSING_CODES:
            raise ApiError(*REFUSING_CODES[ending])
        number = body["out_trade_no"]
        if self._trades.scan(body) and ending != WAITING_CODE and "password" not in plan:
            self._customer_pays(number)
        return self._trades.query(number=number, by="out_trade_no", plan=Plan())

    def reverse(self, number: str, *, plan: Plan) -> dict[str, Any]:
        """What was paid goes back whole; what was not can never be paid. Re-entrant."""
        with self._store.write() as db:
            row = self._trades.find(db, number)
            if row is None:
                raise order_missing()
            if row["trade_type"] != "MICROPAY":
                raise invalid("仅付款码支付的订单支持撤销")
            if row["reversed_at"] is None:
                self._check(row, plan)
                self._give_back(db, row)
                db.execute(
                    "UPDATE trades SET state = 'CLOSED', reversed_at = ? WHERE seq = ?",
                    (self._clock.timestamp(), row["seq"]),
                )
        return {"appid": self._appid, "mchid": self._merchant, "out_trade_no": number}

    def _check(self, row: sqlite3.Row, plan: Plan) -> None:
        if "paying" in plan:
            raise invalid("正在支付中不能发起撤销")
        if self._clock.timestamp() > row["created_at"] + REVERSE_DAYS * DAY:
            raise invalid("只能对7天内的订单进行撤销")

    def _give_back(self, db: sqlite3.Connection, row: sqlite3.Row) -> None:
        if row["state"] != "SUCCESS":
            return
        number, amount = row["out_trade_no"], row["paid"]
        given = db.execute("SELECT 1 FROM refunds WHERE out_trade_no = ?", (number,)).fetchone()
        frozen = min(amount, self._freezes.usable(db, number))
        if given or amount - frozen > self._book.available(db, self._merchant):
            raise invalid("订单发生过退款或资金不足，不能撤销")
        self._freezes.add(db, number, -frozen)
        self._book.move(db, self._merchant, available=frozen - amount, frozen=-frozen)
        self._book.record(
            db,
            "cancel",
            merchant=self._merchant,
            our_no=number,
            order_no=number,
            out_no=row["transaction_id"],
            amount=amount,
        )
