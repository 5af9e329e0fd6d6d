"""The money of a simulated Alipay's shares: handed to receivers, and taken back from them.

Called by ``royalty`` and ``refunds``. A receiver's money stands in the same book as the
merchant's; every move is written there in the transaction that makes it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from channels.simulators.alipay.errors import business
from channels.simulators.alipay.money import fen, yuan
from channels.simulators.alipay.texts import stamp
from channels.simulators.alipay.trades import Trades
from channels.simulators.core.clock import Clock
from channels.simulators.core.fields import FieldError
from channels.simulators.core.store import Book

ACCOUNT_FAILS = ("TXN_RESULT_ACCOUNT_STATUS_ERROR", "收款账户状态异常")
NO_MONEY = ("TXN_RESULT_ACCOUNT_BALANCE_NOT_ENOUGH", "账户余额不足")


class Shares:
    def __init__(self, clock: Clock, book: Book, *, seller: str, trades: Trades) -> None:
        self._clock = clock
        self._book = book
        self._seller = seller
        self._trades = trades

    def shared(self, db: sqlite3.Connection, trade_no: str) -> int:
        """Given or promised to receivers and not come back."""
        row = db.execute(
            "SELECT coalesce(sum(amount - returned), 0) FROM shares"
            " WHERE trade_no = ? AND state != 'FAIL'",
            (trade_no,),
        )
        return int(row.fetchone()[0])

    def end(self, db: sqlite3.Connection, detail_id: str) -> None:
        """One share succeeds, unless it was destined to fail or the money is not there."""
        share = db.execute("SELECT * FROM shares WHERE detail_id = ?", (detail_id,)).fetchone()
        trade = self._trades.named(db, {"trade_no": share["trade_no"]})
        code, words = share["error_code"], share["error_desc"]
        has = trade["frozen"] if trade["freezes"] else self._book.available(db, self._seller)
        if not code and share["amount"] > has:
            code, words = NO_MONEY
        if not code:
            self._hand_over(db, trade, share)
        db.execute(
            "UPDATE shares SET state = ?, error_code = ?, error_desc = ?, executed_at = ?"
            " WHERE detail_id = ?",
            ("FAIL" if code else "SUCCESS", code, words, self._clock.timestamp(), detail_id),
        )

    def _hand_over(self, db: sqlite3.Connection, trade: sqlite3.Row, share: sqlite3.Row) -> None:
        amount = share["amount"]
        if trade["freezes"]:
            db.execute(
                "UPDATE trades SET frozen = frozen - ? WHERE seq = ?", (amount, trade["seq"])
            )
            self._book.move(db, self._seller, frozen=-amount)
        else:
            self._book.move(db, self._seller, available=-amount)
        self._book.ensure_account(db, share["account"])
        self._book.move(db, share["account"], available=amount)
        self._record(db, "share", trade, share, our_no=self._request_no(db, share))

    # --- taking back --------------------------------------------------------------------

    def check_returns(
        self, db: sqlite3.Connection, trade: sqlite3.Row, returns: Sequence[Mapping[str, Any]]
    ) -> int:
        """The sum that receivers give back; each at most what it still has of this trade."""
        wanted: dict[str, int] = {}
        for one in returns:
            if "trans_out" not in one or "amount" not in one:
                raise FieldError(("refund_royalty_parameters", "trans_out"), "is required")
            amount = fen(one["amount"], name="amount")
            wanted[one["trans_out"]] = wanted.get(one["trans_out"], 0) + amount
        for account, amount in wanted.items():
            kept = db.execute(
                "SELECT coalesce(sum(amount - returned), 0) FROM shares"
                " WHERE trade_no = ? AND account = ? AND state = 'SUCCESS'",
                (trade["trade_no"], account),
            ).fetchone()[0]
            if amount > kept:
                raise business("ACQ.REFUND_FEE_ERROR", f"{account} 可退分账金额 {yuan(kept)}")
        return sum(wanted.values())

    def take_back(
        self,
        db: sqlite3.Connection,
        trade: sqlite3.Row,
        returns: Sequence[Mapping[str, Any]],
        *,
        refund: sqlite3.Row,
    ) -> None:
        for one in returns:
            left = fen(one["amount"], name="amount")
            shares = db.execute(
                "SELECT * FROM shares WHERE trade_no = ? AND account = ? AND state = 'SUCCESS'"
                " AND returned < amount ORDER BY rowid",
                (trade["trade_no"], one["trans_out"]),
            ).fetchall()
            for share in shares:
                part = min(left, share["amount"] - share["returned"])
                if part:
                    self._give_back(db, trade, share, amount=part, refund=refund)
                    left -= part

    def _give_back(
        self,
        db: sqlite3.Connection,
        trade: sqlite3.Row,
        share: sqlite3.Row,
        *,
        amount: int,
        refund: sqlite3.Row,
    ) -> None:
        db.execute(
            "UPDATE shares SET returned = returned + ? WHERE detail_id = ?",
            (amount, share["detail_id"]),
        )
        self._book.move(db, share["account"], available=-amount)
        self._book.move(db, self._seller, available=amount)
        given = {**dict(share), "amount": amount}
        self._record(db, "return", trade, given, our_no=refund["out_request_no"])

    def _record(
        self,
        db: sqlite3.Connection,
        kind: str,
        trade: sqlite3.Row,
        share: Mapping[str, Any] | sqlite3.Row,
        *,
        our_no: str,
    ) -> None:
        self._book.record(
            db,
            kind,
            merchant=self._seller,
            our_no=our_no,
            order_no=trade["out_trade_no"],
            out_no=share["detail_id"],
            amount=share["amount"],
        )

    @staticmethod
    def _request_no(db: sqlite3.Connection, share: sqlite3.Row) -> str:
        row = db.execute(
            "SELECT out_request_no FROM settles WHERE settle_no = ?", (share["settle_no"],)
        )
        return str(row.fetchone()[0])


def told(share: sqlite3.Row, *, seller: str) -> dict[str, str]:
    """One line of a settlement's answer."""
    line = {
        "operation_type": share["royalty_type"],
        "trans_out": seller,
        "trans_out_type": "userId",
        "trans_in": share["account"],
        "trans_in_type": share["type"],
        "amount": yuan(share["amount"]),
        "state": share["state"],
        "detail_id": share["detail_id"],
    }
    if share["executed_at"] is not None:
        line |= {"execute_dt": stamp(share["executed_at"])}
    if share["state"] == "FAIL":
        line |= {"error_code": share["error_code"], "error_desc": share["error_desc"]}
    return line
