"""One SQLite file per simulator, and the book of money in it. Used by simulators only.

Money is committed before it is answered: ``Store.write`` is one transaction, and WAL with
``synchronous=NORMAL`` keeps every commit through ``kill -9`` (SQLite, "PRAGMA synchronous": a WAL
database stays consistent and loses commits on power loss only).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from channels.simulators.core.clock import Clock, iso_utc
from channels.simulators.core.errors import ControlError

BOOK = """
CREATE TABLE IF NOT EXISTS movements (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, merchant TEXT NOT NULL,
    our_no TEXT NOT NULL, order_no TEXT NOT NULL, out_no TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0), time REAL NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS movements_our_no ON movements (our_no);
CREATE TABLE IF NOT EXISTS balances (
    merchant TEXT PRIMARY KEY,
    available INTEGER NOT NULL CHECK (available >= 0),
    refunding INTEGER NOT NULL CHECK (refunding >= 0)
) STRICT;
"""
BOOK_COLUMNS = {"balances": {"frozen": "INTEGER NOT NULL DEFAULT 0 CHECK (frozen >= 0)"}}
"""Columns that came later; a file of an older simulator gets them when it is opened."""


class Store:
    """One connection, one lock: a simulator's operations on money are strictly one by one."""

    def __init__(
        self,
        path: str,
        *,
        schema: str,
        durable: bool = True,
        columns: Mapping[str, Mapping[str, str]] = BOOK_COLUMNS,
    ) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(f"PRAGMA synchronous={'NORMAL' if durable else 'OFF'}")
        self._db.executescript(schema)
        for table, added in columns.items():
            self._add_missing(table, added)

    def _add_missing(self, table: str, columns: Mapping[str, str]) -> None:
        rows = self._db.execute(f"PRAGMA table_info({table})").fetchall()
        there = {row["name"] for row in rows}
        for name, declaration in columns.items():
            if name not in there:
                self._db.execute(f"ALTER TABLE {table} ADD COLUMN {name} {declaration}")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction; committed when the block ends well, rolled back when it raises."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def named(self, sql: str, values: Mapping[str, Any]) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        with self._lock:
            row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
            return row

    def close(self) -> None:
        with self._lock:
            self._db.close()


def insert(db: sqlite3.Connection, table: str, columns: Mapping[str, Any]) -> None:
    """Table and column names are the simulators' own words, never a request's."""
    marks = ", ".join("?" * len(columns))
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
    db.execute(sql, tuple(columns.values()))


class Book:
    """Every movement of money, written in the transaction in which the money moves."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def open_account(self, merchant: str, *, available: int) -> None:
        with self._store.write() as db:
            self.ensure_account(db, merchant, available=available)

    def ensure_account(self, db: sqlite3.Connection, merchant: str, *, available: int = 0) -> None:
        """In the caller's transaction; an account that is there keeps its money."""
        db.execute(
            "INSERT OR IGNORE INTO balances (merchant, available, refunding) VALUES (?, ?, 0)",
            (merchant, available),
        )

    def record(
        self,
        db: sqlite3.Connection,
        kind: str,
        *,
        merchant: str,
        our_no: str,
        order_no: str,
        out_no: str,
        amount: int,
    ) -> None:
        """``order_no`` is the pay order's number: the same as ``our_no`` for a payment."""
        columns = {
            "kind": kind,
            "merchant": merchant,
            "our_no": our_no,
            "order_no": order_no,
            "out_no": out_no,
            "amount": amount,
            "time": self._clock.timestamp(),
        }
        insert(db, "movements", columns)

    def available(self, db: sqlite3.Connection, merchant: str) -> int:
        row = db.execute("SELECT available FROM balances WHERE merchant = ?", (merchant,))
        return int(row.fetchone()[0])

    def move(
        self,
        db: sqlite3.Connection,
        merchant: str,
        *,
        available: int = 0,
        refunding: int = 0,
        frozen: int = 0,
    ) -> None:
        """Add to the merchant's balances; a negative result is refused by the table.

        ``frozen`` is money that is the merchant's but held: for profit sharing, or for a transfer
        that waits for its payee.
        """
        db.execute(
            "UPDATE balances SET available = available + ?, refunding = refunding + ?,"
            " frozen = frozen + ? WHERE merchant = ?",
            (available, refunding, frozen, merchant),
        )

    def set_available(self, merchant: str, amount: int) -> None:
        """The merchant tops up or withdraws until this much is there; written down as such."""
        with self._store.write() as db:
            if not db.execute("SELECT 1 FROM balances WHERE merchant = ?", (merchant,)).fetchone():
                raise ControlError(404, "account_not_found", f"no account {merchant}")
            change = amount - self.available(db, merchant)
            if not change:
                return
            kind = "top_up" if change > 0 else "withdraw"
            self.move(db, merchant, available=change)
            self.record(
                db, kind, merchant=merchant, our_no="", order_no="", out_no="", amount=abs(change)
            )

    def read(self, *, since: int = 0, our_no: str = "", last: int = 0) -> dict[str, Any]:
        """The whole book; or what came after movement ``since``, of one number, the ``last`` n."""
        rows = self._store.all(
            "SELECT * FROM (SELECT * FROM movements WHERE id > ?"
            " AND (? = '' OR ? IN (our_no, order_no)) ORDER BY id DESC LIMIT ?) ORDER BY id",
            since,
            our_no,
            our_no,
            last or -1,
        )
        balances = self._store.all("SELECT * FROM balances")
        return {
            "movements": [dict(row) | {"time": iso_utc(row["time"])} for row in rows],
            "balances": {
                row["merchant"]: {name: row[name] for name in ("available", "frozen", "refunding")}
                for row in balances
            },
        }
