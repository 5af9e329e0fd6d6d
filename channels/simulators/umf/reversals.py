"""Refunds and repeals of a simulated UMF: accepted first, done later. Called by ``simulator``.

Money is set aside when a request is accepted and leaves (with a movement in the book) when it is
done; both in one transaction with the row's state.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping

from channels.simulators.core.clock import Clock
from channels.simulators.core.errors import ControlError
from channels.simulators.core.faults import Plan
from channels.simulators.core.store import Book, Store, insert
from channels.simulators.umf import codes
from channels.simulators.umf.codes import Refused, bad_parameter
from channels.simulators.umf.texts import clock as clock_text
from channels.simulators.umf.texts import day, new_number
from channels.simulators.umf.trades import Trades

REFUND_DAYS = 90
DAY = 86400
PROCESSING = 60.0
"""Seconds from accepted to done; a wait, so it is scaled."""
STATUS = {"PROCESSING": "0", "SUCCESS": "1", "FAILED": "2"}
"""«1、成功，2失败，其他当受理中»."""

EndedHook = Callable[[sqlite3.Connection, sqlite3.Row, sqlite3.Row], str]
"""Given the trade and the refund or repeal; writes the callback, returns the notice's id."""
Members = Mapping[str, str]
Answer = dict[str, str]


class Reversals:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        book: Book,
        *,
        merchant: str,
        trades: Trades,
        wait: Callable[[float], float],
        refunded: EndedHook,
        repealed: EndedHook,
    ) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._merchant = merchant
        self._trades = trades
        self._wait = wait
        self._refunded = refunded
        self._repealed = repealed

    # --- the wire -----------------------------------------------------------------------

    def refund(self, members: Members, *, plan: Plan) -> Answer:
        """0000 means accepted; the same number again is accepted again and done once."""
        with self._store.write() as db:
            trade = self._trade(db, members)
            amount, number = int(members["amount"]), members["refundOrderId"]
            earlier = self._refund(db, number)
            if earlier is None:
                self._check_refund(db, trade, amount)
                self._insert_refund(db, trade, members, plan=plan)
                self._book.move(db, self._merchant, available=-amount, refunding=amount)
            elif (earlier["order_id"], earlier["amount"]) != (trade["order_id"], amount):
                raise Refused(codes.REPEATED)
            return self._head() | {
                "orderId": trade["order_id"],
                "refundOrderId": number,
                "amount": str(amount),
                "orderDate": trade["order_date"],
            }

    def query_refund(self, members: Members, *, plan: Plan) -> Answer:
        self.run_due(self._clock.wall())
        row = self._store.one(
            "SELECT r.*, t.total, t.order_date FROM refunds r JOIN trades t"
            " ON t.order_id = r.order_id WHERE r.refund_order_id = ? AND r.order_id = ?",
            members["refundOrderId"],
            members["orderId"],
        )
        rule = plan.get("not_found")
        hidden = row and rule and self._clock.wall() < row["created_wall"] + rule.seconds
        if row is None or hidden:
            raise Refused(codes.MISSING, "退款订单不存在")
        return self._head() | {
            "merId": self._merchant,
            "orderId": row["order_id"],
            "refundOrderId": row["refund_order_id"],
            "amount": str(row["total"]),
            "status": STATUS[row["status"]],
            "orderDate": row["order_date"],
            "refundDate": day(row["created_at"]),
        }

    def repeal(self, members: Members, *, plan: Plan) -> Answer:
        """«针对交易当天的成功订单…仅支持…用户被扫»: of the same day in China, and whole."""
        with self._store.write() as db:
            trade = self._trade(db, members)
            if int(members["amount"]) != trade["paid"]:
                raise bad_parameter("amount", "must be the order's")
            if not self._repeal_stands(db, trade["order_id"]):
                self._check_repeal(db, trade)
                self._insert_repeal(db, trade, members, plan=plan)
                self._book.move(
                    db, self._merchant, available=-trade["paid"], refunding=trade["paid"]
                )
                if "processing" not in plan:
                    self._end_repeal(db, trade["order_id"])
            return self._head() | {
                "orderId": trade["order_id"],
                "amount": str(trade["paid"]),
                "orderDate": trade["order_date"],
            }

    def told_as(self, trade: sqlite3.Row) -> str:
        """The order query's code for a paid order that goes back, empty where it does not."""
        self.run_due(self._clock.wall())
        repeal = self._store.one("SELECT * FROM repeals WHERE order_id = ?", trade["order_id"])
        if repeal is not None and repeal["status"] != "FAILED":
            return codes.REPEALED if repeal["status"] == "SUCCESS" else codes.IN_PLATFORM
        refund = self._store.one(
            "SELECT 1 FROM refunds WHERE order_id = ? AND status != 'FAILED'", trade["order_id"]
        )
        return codes.REFUND_ACCEPTED if refund else ""

    # --- ends ---------------------------------------------------------------------------

    def run_due(self, now: float) -> float | None:
        for row in self._store.all(
            "SELECT refund_order_id FROM refunds WHERE status = 'PROCESSING' AND due_wall <= ?", now
        ):
            self.end_refund(row["refund_order_id"])
        for row in self._store.all(
            "SELECT order_id FROM repeals WHERE status = 'PROCESSING' AND due_wall <= ?", now
        ):
            with self._store.write() as db:
                self._end_repeal(db, row["order_id"])
        later = self._store.one(
            "SELECT min(due_wall) FROM (SELECT due_wall FROM refunds WHERE status = 'PROCESSING'"
            " UNION ALL SELECT due_wall FROM repeals WHERE status = 'PROCESSING')"
            " WHERE due_wall > ?",
            now,
        )
        return None if later is None else later[0]

    def end_refund(self, number: str, *, status: str = "") -> str:
        """PROCESSING becomes ``status``, or what it was destined to; the notice's id."""
        with self._store.write() as db:
            row = self._refund(db, number)
            if row is None or row["status"] != "PROCESSING":
                return ""
            becomes = status or row["becomes"]
            self._move_out(db, becomes, "refund", our_no=number, order_no=row["order_id"], row=row)
            db.execute(
                "UPDATE refunds SET status = ?, finished_at = ? WHERE seq = ?",
                (becomes, self._clock.timestamp(), row["seq"]),
            )
            trade, row = self._trades.find(db, row["order_id"]), self._refund(db, number)
            assert trade is not None
            assert row is not None
            return self._refunded(db, trade, row)

    def finish(self, number: str, status: str) -> sqlite3.Row:
        """By hand: a refund in work becomes SUCCESS or FAILED. Raises ControlError."""
        if status not in ("SUCCESS", "FAILED"):
            raise ControlError(400, "bad_request", "status must be SUCCESS or FAILED")
        row = self._store.one("SELECT * FROM refunds WHERE refund_order_id = ?", number)
        if row is None:
            raise ControlError(404, "refund_not_found", f"no refund {number}")
        self.end_refund(number, status=status)
        ended = self._store.one("SELECT * FROM refunds WHERE refund_order_id = ?", number)
        assert ended is not None
        if row["status"] != "PROCESSING":
            raise ControlError(409, "ended", f"this refund is {row['status']}")
        return ended

    def _end_repeal(self, db: sqlite3.Connection, order_id: str) -> None:
        row = self._repeal(db, order_id)
        if row is None or row["status"] != "PROCESSING":
            return
        becomes = row["becomes"]
        self._move_out(db, becomes, "cancel", our_no=order_id, order_no=order_id, row=row)
        db.execute("UPDATE repeals SET status = ? WHERE order_id = ?", (becomes, order_id))
        if becomes == "SUCCESS":
            db.execute("UPDATE trades SET state = 'CANCELLED' WHERE order_id = ?", (order_id,))
            trade, row = self._trades.find(db, order_id), self._repeal(db, order_id)
            assert trade is not None
            assert row is not None
            self._repealed(db, trade, row)

    def _move_out(
        self,
        db: sqlite3.Connection,
        becomes: str,
        kind: str,
        *,
        our_no: str,
        order_no: str,
        row: sqlite3.Row,
    ) -> None:
        """What was set aside leaves, or is the merchant's again."""
        amount = row["amount"]
        back = amount if becomes == "FAILED" else 0
        self._book.move(db, self._merchant, available=back, refunding=-amount)
        if becomes == "SUCCESS":
            self._book.record(
                db,
                kind,
                merchant=self._merchant,
                our_no=our_no,
                order_no=order_no,
                out_no=row["pay_seq"],
                amount=amount,
            )

    # --- rules --------------------------------------------------------------------------

    def _trade(self, db: sqlite3.Connection, members: Members) -> sqlite3.Row:
        """The paid order that is meant; its wallet and its day must be the ones given."""
        row = self._trades.find(db, members["orderId"])
        if row is None:
            raise Refused(codes.MISSING)
        if row["state"] not in ("SUCCESS", "CANCELLED"):
            raise Refused(codes.WRONG_STATE)
        if members["payType"] != row["pay_type"]:
            raise bad_parameter("payType", "is not the order's")
        if members.get("orderDate", row["order_date"]) != row["order_date"]:
            raise bad_parameter("orderDate", "is not the order's")
        return row

    def _check_refund(self, db: sqlite3.Connection, trade: sqlite3.Row, amount: int) -> None:
        if trade["state"] == "CANCELLED" or self._repeal_stands(db, trade["order_id"]):
            raise Refused(codes.WRONG_STATE)
        if self._clock.timestamp() > trade["paid_at"] + REFUND_DAYS * DAY:
            raise Refused(codes.TOO_LATE)
        (given,) = db.execute(
            "SELECT coalesce(sum(amount), 0) FROM refunds WHERE order_id = ?"
            " AND status != 'FAILED'",
            (trade["order_id"],),
        ).fetchone()
        if given + amount > trade["paid"]:
            raise Refused(codes.TOO_MUCH)
        if amount > self._book.available(db, self._merchant):
            raise Refused(codes.NO_BALANCE)

    def _check_repeal(self, db: sqlite3.Connection, trade: sqlite3.Row) -> None:
        if trade["method"] != "unactivescan":
            raise Refused(codes.WRONG_STATE, "仅支持刷卡交易的撤销，请调用退款接口")
        if day(trade["paid_at"]) != day(self._clock.timestamp()):
            raise Refused(codes.TOO_LATE, "仅支持当天交易的撤销，请调用退款接口")
        refunds = db.execute(
            "SELECT 1 FROM refunds WHERE order_id = ? AND status != 'FAILED'",
            (trade["order_id"],),
        ).fetchone()
        if refunds:
            raise Refused(codes.WRONG_STATE)
        if trade["paid"] > self._book.available(db, self._merchant):
            raise Refused(codes.NO_BALANCE)

    def _repeal_stands(self, db: sqlite3.Connection, order_id: str) -> bool:
        row = self._repeal(db, order_id)
        return row is not None and row["status"] != "FAILED"

    # --- rows ---------------------------------------------------------------------------

    def _refund(self, db: sqlite3.Connection, number: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM refunds WHERE refund_order_id = ?", (number,)
        ).fetchone()
        return row

    def _repeal(self, db: sqlite3.Connection, order_id: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM repeals WHERE order_id = ?", (order_id,)
        ).fetchone()
        return row

    def _due(self, plan: Plan) -> float:
        held = plan.get("processing")
        return self._clock.wall() + (held.seconds if held else self._wait(PROCESSING))

    def _insert_refund(
        self, db: sqlite3.Connection, trade: sqlite3.Row, members: Members, *, plan: Plan
    ) -> None:
        now = self._clock.timestamp()
        columns = {
            "refund_order_id": members["refundOrderId"],
            "pay_seq": new_number(now, digits=24),
            "order_id": trade["order_id"],
            "amount": int(members["amount"]),
            "notify_url": members.get("notifyUrl") or trade["notify_url"],
            "status": "PROCESSING",
            "becomes": "FAILED" if "fails" in plan else "SUCCESS",
            "created_at": now,
            "created_wall": self._clock.wall(),
            "due_wall": self._due(plan),
        }
        insert(db, "refunds", columns)

    def _insert_repeal(
        self, db: sqlite3.Connection, trade: sqlite3.Row, members: Members, *, plan: Plan
    ) -> None:
        db.execute("DELETE FROM repeals WHERE order_id = ?", (trade["order_id"],))
        now = self._clock.timestamp()
        columns = {
            "order_id": trade["order_id"],
            "pay_seq": new_number(now, digits=24),
            "amount": trade["paid"],
            "notify_url": members.get("notifyUrl") or trade["notify_url"],
            "status": "PROCESSING",
            "becomes": "FAILED" if "fails" in plan else "SUCCESS",
            "created_at": now,
            "due_wall": self._due(plan),
        }
        insert(db, "repeals", columns)

    def _head(self) -> Answer:
        now = self._clock.timestamp()
        return {
            "retCode": codes.OK,
            "retMsg": codes.MESSAGES[codes.OK],
            "platDate": day(now),
            "platTime": clock_text(now),
        }
