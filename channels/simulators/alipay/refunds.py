"""Refunds and cancels of a simulated Alipay: do, end, query, by hand.

Called by ``simulator``. A refund is normally done before it is answered; a fault can leave it in
work or failed. Its movement in the book is written in the transaction that does it.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping
from typing import Any

from channels.simulators.alipay.errors import ApiError, business
from channels.simulators.alipay.money import fen, yuan
from channels.simulators.alipay.shares import Shares
from channels.simulators.alipay.texts import DAY, china
from channels.simulators.alipay.trades import Tell, Trades
from channels.simulators.core.clock import Clock
from channels.simulators.core.errors import ControlError
from channels.simulators.core.faults import Plan
from channels.simulators.core.fields import FieldError
from channels.simulators.core.store import Book, Store, insert

CANCEL_WINDOW = DAY
"""«超过撤销时间范围»: a paid trade can be cancelled for 24 hours."""
NEVER = 4e12
"""A due time for what ends by hand alone."""

Refunded = tuple[sqlite3.Row, sqlite3.Row, bool]
"""Trade, refund, whether money moved by this very request."""


class Refunds:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        book: Book,
        *,
        seller: str,
        trades: Trades,
        shares: Shares,
        tell: Tell,
    ) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._seller = seller
        self._trades = trades
        self._shares = shares
        self._tell = tell

    # --- the wire -----------------------------------------------------------------------

    def request(self, biz: Mapping[str, Any], *, plan: Plan) -> tuple[Refunded, str]:
        """Refund, or tell of the refund with this number; and the notification's id."""
        amount = fen(biz["refund_amount"], name="refund_amount")
        with self._store.write() as db:
            trade = self._trades.named(db, biz)
            number = biz.get("out_request_no", trade["out_trade_no"])
            earlier = self.find(db, trade["out_trade_no"], number)
            if earlier is not None:
                return self._repeat(db, trade, earlier, amount=amount)
            if "out_request_no" not in biz and amount != trade["paid"]:
                raise FieldError(("out_request_no",), "is required for a partial refund")
            returns = biz.get("refund_royalty_parameters", [])
            coming_back = self._shares.check_returns(db, trade, returns)
            self._check(db, trade, amount=amount, coming_back=coming_back)
            refund = self._insert(
                db, trade, number, amount=amount, biz=biz, returns=returns, plan=plan
            )
            if refund["status"] == "SUCCESS":
                return self._do(db, trade, refund)
            return (trade, refund, False), ""

    def _repeat(
        self, db: sqlite3.Connection, trade: sqlite3.Row, earlier: sqlite3.Row, *, amount: int
    ) -> tuple[Refunded, str]:
        """One number is one refund; a failed one is done by asking again."""
        if earlier["amount"] != amount:
            raise business("ACQ.DISCORDANT_REPEAT_REQUEST")
        if earlier["status"] != "ABNORMAL":
            return (trade, earlier, False), ""
        self._check(db, trade, amount=amount)
        return self._do(db, trade, earlier)

    def query(self, biz: Mapping[str, Any], *, plan: Plan, blind: float) -> Refunded | None:
        """None where nothing is known of it (yet): ``blind`` real seconds after the request."""
        self.run_due(self._clock.wall())
        with self._store.write() as db:
            trade = self._trades.named(db, biz)
            refund = self.find(db, trade["out_trade_no"], biz["out_request_no"])
            if refund is None:
                return None
            rule = plan.get("not_found")
            hidden_for = max(blind, rule.seconds if rule else 0.0)
            if self._clock.wall() < refund["created_wall"] + hidden_for:
                return None
            return trade, refund, False

    def cancel(self, biz: Mapping[str, Any]) -> tuple[sqlite3.Row, str, str]:
        """Trade, action (close, refund, or empty where nothing was left to do), notice's id."""
        with self._store.write() as db:
            trade = self._trades.named(db, biz)
            if trade["status"] == "WAIT_BUYER_PAY":
                return trade, "close", self._trades.close(db, trade)
            if trade["status"] == "TRADE_CLOSED":
                return trade, "", ""
            if trade["status"] == "TRADE_FINISHED":
                raise business("ACQ.TRADE_HAS_FINISHED")
            if self._clock.timestamp() > trade["paid_at"] + CANCEL_WINDOW:
                raise business("ACQ.TRADE_CANCEL_TIME_OUT")
            if self._given(db, trade):
                raise business("ACQ.REASON_TRADE_REFUND_FEE_ERR")
            if self._shares.shared(db, trade["trade_no"]):
                raise business("ACQ.CANCEL_NOT_ALLOWED")
            self._check(db, trade, amount=trade["paid"])
            number = trade["out_trade_no"]
            refund = self.find(db, number, number) or self._insert(
                db, trade, number, amount=trade["paid"], biz={}, returns=[], plan=Plan()
            )
            (trade, _, _), notice_id = self._do(db, trade, refund)
            return trade, "refund", notice_id

    # --- ends ---------------------------------------------------------------------------

    def run_due(self, wall: float) -> float | None:
        due = self._store.all(
            "SELECT out_trade_no, out_request_no FROM refunds"
            " WHERE status = 'PROCESSING' AND due_wall <= ?",
            wall,
        )
        for row in due:
            with self._store.write() as db:
                self._end(db, self._require(db, row["out_trade_no"], row["out_request_no"]))
        later = self._store.one(
            "SELECT min(due_wall) FROM refunds WHERE status = 'PROCESSING' AND due_wall > ?", wall
        )
        return None if later is None or later[0] is None or later[0] >= NEVER else later[0]

    def _end(self, db: sqlite3.Connection, refund: sqlite3.Row) -> None:
        """What was in work is done, or fails where the seller's money is gone meanwhile."""
        if refund["status"] != "PROCESSING":
            return
        trade = self._trades.by_out_no(db, refund["out_trade_no"])
        assert trade is not None
        back = sum(fen(one["amount"], name="amount") for one in json.loads(refund["royalty"]))
        try:
            self._check_balance(db, trade, amount=refund["amount"], coming_back=back)
        except ApiError:
            db.execute("UPDATE refunds SET status = 'ABNORMAL' WHERE seq = ?", (refund["seq"],))
            return
        self._do(db, trade, refund)

    def finish(self, number: str, status: str) -> sqlite3.Row:
        """By hand: PROCESSING or ABNORMAL → SUCCESS, CLOSED or ABNORMAL. Raises ControlError."""
        if status not in ("SUCCESS", "CLOSED", "ABNORMAL"):
            raise ControlError(400, "bad_request", "status must be SUCCESS, CLOSED or ABNORMAL")
        with self._store.write() as db:
            row = db.execute(
                "SELECT * FROM refunds WHERE out_request_no = ? ORDER BY seq DESC", (number,)
            ).fetchone()
            if row is None:
                raise ControlError(404, "refund_not_found", f"no refund {number}")
            if row["status"] not in ("PROCESSING", "ABNORMAL") or row["status"] == status:
                raise ControlError(409, "ended", f"this refund is {row['status']}")
            if status == "SUCCESS":
                db.execute("UPDATE refunds SET status = 'PROCESSING' WHERE seq = ?", (row["seq"],))
                self._end(db, self._require(db, row["out_trade_no"], number))
            else:
                db.execute("UPDATE refunds SET status = ? WHERE seq = ?", (status, row["seq"]))
            return self._require(db, row["out_trade_no"], number)

    def _do(
        self, db: sqlite3.Connection, trade: sqlite3.Row, refund: sqlite3.Row
    ) -> tuple[Refunded, str]:
        """Money goes back: receivers first, then what is frozen, then what is available."""
        amount, now = refund["amount"], self._clock.timestamp()
        self._shares.take_back(db, trade, json.loads(refund["royalty"]), refund=refund)
        from_frozen = min(trade["frozen"], amount)
        self._book.move(db, self._seller, available=from_frozen - amount, frozen=-from_frozen)
        self._book.record(
            db,
            "refund",
            merchant=self._seller,
            our_no=refund["out_request_no"],
            order_no=trade["out_trade_no"],
            out_no=refund["refund_id"],
            amount=amount,
        )
        refunded = trade["refunded"] + amount
        is_full = refunded == trade["paid"]
        db.execute(
            "UPDATE trades SET refunded = ?, frozen = frozen - ?, status = ?, closed_at = ?"
            " WHERE seq = ?",
            (
                refunded,
                from_frozen,
                "TRADE_CLOSED" if is_full else trade["status"],
                now if is_full else None,
                trade["seq"],
            ),
        )
        db.execute(
            "UPDATE refunds SET status = 'SUCCESS', finished_at = ? WHERE seq = ?",
            (now, refund["seq"]),
        )
        trade = self._trades.named(db, {"trade_no": trade["trade_no"]})
        refund = self._require(db, trade["out_trade_no"], refund["out_request_no"])
        return (trade, refund, True), self._tell(db, "refund", trade, refund=refund)

    # --- rules --------------------------------------------------------------------------

    def _check(
        self, db: sqlite3.Connection, trade: sqlite3.Row, *, amount: int, coming_back: int = 0
    ) -> None:
        """``coming_back`` is what receivers give back with this refund."""
        if trade["status"] == "WAIT_BUYER_PAY":
            raise business("ACQ.TRADE_STATUS_ERROR")
        if trade["status"] == "TRADE_FINISHED":
            raise business("ACQ.TRADE_HAS_FINISHED")
        if trade["paid"] is None:
            raise business("ACQ.TRADE_HAS_CLOSE")
        if trade["refunded"] == trade["paid"]:
            raise business("ACQ.REASON_TRADE_REFUND_FEE_ERR")
        if amount > trade["paid"] - self._given(db, trade):
            left = yuan(trade["paid"] - self._given(db, trade))
            raise business("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", f"退款金额超限，可退 {left}")
        self._check_balance(db, trade, amount=amount, coming_back=coming_back)

    def _check_balance(
        self, db: sqlite3.Connection, trade: sqlite3.Row, *, amount: int, coming_back: int
    ) -> None:
        if amount > trade["frozen"] + coming_back + self._book.available(db, self._seller):
            raise business("ACQ.SELLER_BALANCE_NOT_ENOUGH")

    @staticmethod
    def _given(db: sqlite3.Connection, trade: sqlite3.Row) -> int:
        """Refunded, and promised by refunds in work."""
        row = db.execute(
            "SELECT coalesce(sum(amount), 0) FROM refunds"
            " WHERE out_trade_no = ? AND status IN ('PROCESSING', 'SUCCESS')",
            (trade["out_trade_no"],),
        )
        return int(row.fetchone()[0])

    # --- rows ---------------------------------------------------------------------------

    def find(self, db: sqlite3.Connection, trade_no: str, number: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM refunds WHERE out_trade_no = ? AND out_request_no = ?",
            (trade_no, number),
        ).fetchone()
        return row

    def _require(self, db: sqlite3.Connection, trade_no: str, number: str) -> sqlite3.Row:
        row = self.find(db, trade_no, number)
        assert row is not None
        return row

    def _insert(
        self,
        db: sqlite3.Connection,
        trade: sqlite3.Row,
        number: str,
        *,
        amount: int,
        biz: Mapping[str, Any],
        returns: list[dict[str, Any]],
        plan: Plan,
    ) -> sqlite3.Row:
        now, wall = self._clock.timestamp(), self._clock.wall()
        held = plan.get("processing")
        status, due = "SUCCESS", wall
        if "failed" in plan:
            status, due = "ABNORMAL", NEVER
        elif held:
            status, due = "PROCESSING", wall + held.seconds
        columns = {
            "out_request_no": number,
            "out_trade_no": trade["out_trade_no"],
            "refund_id": f"{china(now):%Y%m%d}{secrets.randbits(60):020d}",
            "amount": amount,
            "reason": biz.get("refund_reason", ""),
            "royalty": json.dumps(returns, ensure_ascii=False),
            "status": status,
            "created_at": now,
            "created_wall": wall,
            "due_wall": due,
        }
        insert(db, "refunds", columns)
        return self._require(db, trade["out_trade_no"], number)
