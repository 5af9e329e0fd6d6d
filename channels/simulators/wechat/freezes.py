"""Money that a simulated WeChat Pay holds back for profit sharing: one row per such order.

Used by ``trades`` (a payment is frozen), ``refunds`` (frozen money goes first) and ``shares``. It
moves money between the merchant's own pockets, always in the caller's transaction; what leaves
the merchant is the business of its callers.
"""

from __future__ import annotations

import json
import sqlite3

from channels.simulators.core.clock import Clock
from channels.simulators.core.store import Book, Store, insert

DAYS = 30
"""Then the money is unfrozen by itself, and nothing more can be shared."""
DAY = 86400


def wants_sharing(trade: sqlite3.Row) -> bool:
    """``settle_info.profit_sharing`` of the prepay."""
    body = json.loads(trade["parameters"])["body"]
    return body.get("settle_info", {}).get("profit_sharing") is True


class Freezes:
    """``unsplit`` is what of an order's frozen money nobody has been promised yet.

    OPEN → FINISHING (an unfreeze is in work) → FINISHED (nothing is frozen any more, except what
    earlier shares still have in work).
    """

    def __init__(self, store: Store, clock: Clock, book: Book, *, merchant: str) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._merchant = merchant

    def receive(self, db: sqlite3.Connection, trade: sqlite3.Row) -> None:
        """A payment arrives: into the frozen pocket where sharing was asked for at prepay."""
        if not wants_sharing(trade):
            self._book.move(db, self._merchant, available=trade["paid"])
            return
        self._book.move(db, self._merchant, frozen=trade["paid"])
        columns = {
            "out_trade_no": trade["out_trade_no"],
            "transaction_id": trade["transaction_id"],
            "unsplit": trade["paid"],
            "state": "OPEN",
            "paid_wall": trade["paid_wall"],
            "lapses_at": trade["paid_at"] + DAYS * DAY,
        }
        insert(db, "freezes", columns)

    def find(self, db: sqlite3.Connection, out_trade_no: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM freezes WHERE out_trade_no = ?", (out_trade_no,)
        ).fetchone()
        return row

    def usable(self, db: sqlite3.Connection, out_trade_no: str) -> int:
        """What a refund may take from frozen money; nothing while an unfreeze is in work."""
        row = self.find(db, out_trade_no)
        return int(row["unsplit"]) if row is not None and row["state"] == "OPEN" else 0

    def add(self, db: sqlite3.Connection, out_trade_no: str, amount: int) -> None:
        """Change what is unsplit; a negative result is refused by the table."""
        db.execute(
            "UPDATE freezes SET unsplit = unsplit + ? WHERE out_trade_no = ?",
            (amount, out_trade_no),
        )

    def hand_back(self, db: sqlite3.Connection, out_trade_no: str, amount: int) -> None:
        """Frozen money that was promised or set aside and did not go out after all.

        It is frozen again, or free where the order is finished by now.
        """
        row = self.find(db, out_trade_no)
        assert row is not None
        self.add(db, out_trade_no, amount)
        if row["state"] == "FINISHED":
            self.release(db, out_trade_no)

    def finish(self, db: sqlite3.Connection, out_trade_no: str) -> None:
        """From now on nothing more can be shared; the money follows when the request ends."""
        db.execute("UPDATE freezes SET state = 'FINISHING' WHERE out_trade_no = ?", (out_trade_no,))

    def release(
        self, db: sqlite3.Connection, out_trade_no: str, *, our_no: str = "", out_no: str = ""
    ) -> None:
        """What is unsplit becomes available, written down as a movement of its own."""
        row = self.find(db, out_trade_no)
        assert row is not None
        amount = row["unsplit"]
        db.execute(
            "UPDATE freezes SET state = 'FINISHED', unsplit = 0 WHERE out_trade_no = ?",
            (out_trade_no,),
        )
        if not amount:
            return
        self._book.move(db, self._merchant, frozen=-amount, available=amount)
        self._book.record(
            db,
            "unfreeze",
            merchant=self._merchant,
            our_no=our_no or out_trade_no,
            order_no=out_trade_no,
            out_no=out_no or row["transaction_id"],
            amount=amount,
        )

    def release_overdue(self, db: sqlite3.Connection) -> None:
        """By the calendar, which a fault may shift."""
        rows = db.execute(
            "SELECT out_trade_no FROM freezes WHERE state = 'OPEN' AND lapses_at <= ?",
            (self._clock.timestamp(),),
        ).fetchall()
        for row in rows:
            self.release(db, row["out_trade_no"])

    def run_due(self, now: float) -> float | None:
        """The agenda's: release what is thirty days old; the real time of the next one."""
        due = self._store.one("SELECT min(lapses_at) FROM freezes WHERE state = 'OPEN'")
        if due is None or due[0] is None:
            return None
        if due[0] <= self._clock.timestamp():
            with self._store.write() as db:
                self.release_overdue(db)
            return now
        return float(due[0]) - self._clock.offset
