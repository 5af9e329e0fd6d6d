"""Pay orders of a simulated Alipay: ordering, scanning, payment, query, expiry.

Called by ``simulator``. Every change is one transaction of the store; a payment writes its
movement in the book in the same one.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from channels.simulators.alipay import terms, texts
from channels.simulators.alipay.errors import business
from channels.simulators.alipay.money import fen, yuan
from channels.simulators.alipay.texts import DAY
from channels.simulators.core.clock import Clock
from channels.simulators.core.errors import ControlError
from channels.simulators.core.faults import Plan
from channels.simulators.core.fields import FieldError
from channels.simulators.core.store import Book, Store, insert

REFUND_DAYS = 365
"""After that a paid trade is TRADE_FINISHED."""
Tell = Callable[..., str]
"""``tell(db, kind, trade, refund=None)`` writes a notification; returns its id."""


@dataclass(frozen=True, kw_only=True)
class Public:
    """What a request says beside its ``biz_content``."""

    notify_url: str
    return_url: str
    sign_type: str
    certificates: bool
    """Asked in certificate mode: its notifications are signed with the certificate's key."""


class Trades:
    def __init__(
        self, store: Store, clock: Clock, book: Book, *, seller: str, buyer: str, tell: Tell
    ) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._seller = seller
        self._buyer = buyer
        self._tell = tell

    # --- ordering -----------------------------------------------------------------------

    def order(
        self,
        db: sqlite3.Connection,
        method: str,
        biz: Mapping[str, Any],
        *,
        public: Public,
    ) -> sqlite3.Row:
        """Hold an order; the one that is held where the same is ordered again."""
        now = self._clock.timestamp()
        total = fen(biz["total_amount"], name="total_amount")
        if biz.get("seller_id", self._seller) != self._seller:
            raise FieldError(("seller_id",), "is not this application's merchant")
        parameters = terms.parameters(method, biz, total=total)
        self.close_overdue(db, now)
        row = self.by_out_no(db, biz["out_trade_no"])
        if row is None:
            self._insert(db, method, biz, public=public, parameters=parameters, total=total)
            return self._require(db, biz["out_trade_no"])
        terms.check_repeat(row, parameters=parameters)
        token = secrets.token_urlsafe(12)
        db.execute(
            "UPDATE trades SET token = ?, token_until = ?, return_url = ? WHERE seq = ?",
            (token, terms.token_until(method, biz, now), public.return_url, row["seq"]),
        )
        return self._require(db, biz["out_trade_no"])

    def _insert(
        self,
        db: sqlite3.Connection,
        method: str,
        biz: Mapping[str, Any],
        *,
        public: Public,
        parameters: str,
        total: int,
    ) -> None:
        now = self._clock.timestamp()
        lazy = method == terms.LAZY
        columns = {
            "out_trade_no": biz["out_trade_no"],
            "trade_no": None if lazy else texts.new_number("22001", now),
            "method": method,
            "subject": biz["subject"],
            "body": biz.get("body", ""),
            "store_id": biz.get("store_id", ""),
            "passback": biz.get("passback_params", ""),
            "total": total,
            "parameters": parameters,
            "notify_url": public.notify_url,
            "return_url": public.return_url,
            "quit_url": biz.get("quit_url", ""),
            "sign_type": public.sign_type,
            "certificates": int(public.certificates),
            "buyer_id": biz.get("buyer_id") or self._buyer,
            "status": "NOT_CREATED" if lazy else "WAIT_BUYER_PAY",
            "token": secrets.token_urlsafe(12),
            "token_until": terms.token_until(method, biz, now),
            "asked_at": now,
            "asked_wall": self._clock.wall(),
            "expires_at": terms.expires(biz, now),
            "created_at": None if lazy else now,
            "freezes": int(biz.get("extend_params", {}).get("royalty_freeze") == "true"),
            "frozen": 0,
        }
        insert(db, "trades", columns)

    # --- the customer -------------------------------------------------------------------

    def scan(self, number: str, *, force: bool = False) -> sqlite3.Row:
        """The customer opens the code: only now does Alipay have a trade. Raises ControlError."""
        with self._store.write() as db:
            row = self._payable(db, number, force=force)
            return self._create(db, row)

    def pay(self, number: str, *, amount: int | None, force: bool) -> tuple[sqlite3.Row, str]:
        """Money comes in: state, book, balance and notification in one transaction."""
        with self._store.write() as db:
            row = self._create(db, self._payable(db, number, force=force))
            return self.receive(db, row, amount=row["total"] if amount is None else amount)

    def receive(
        self, db: sqlite3.Connection, row: sqlite3.Row, *, amount: int
    ) -> tuple[sqlite3.Row, str]:
        """The paid trade, and the id of its notification."""
        db.execute(
            "UPDATE trades SET status = 'TRADE_SUCCESS', paid = ?, paid_at = ?, paid_wall = ?,"
            " closed_at = NULL, pays_wall = NULL, frozen = ? WHERE seq = ?",
            (
                amount,
                self._clock.timestamp(),
                self._clock.wall(),
                amount if row["freezes"] else 0,
                row["seq"],
            ),
        )
        number = row["out_trade_no"]
        self._book.record(
            db,
            "pay",
            merchant=self._seller,
            our_no=number,
            order_no=number,
            out_no=row["trade_no"],
            amount=amount,
        )
        if row["freezes"]:
            self._book.move(db, self._seller, frozen=amount)
        else:
            self._book.move(db, self._seller, available=amount)
        paid = self._require(db, number)
        return paid, self._tell(db, "pay", paid)

    def _payable(self, db: sqlite3.Connection, number: str, *, force: bool) -> sqlite3.Row:
        now = self._clock.timestamp()
        self.close_overdue(db, now)
        row = self.by_out_no(db, number)
        if row is None:
            raise ControlError(404, "order_not_found", f"no order {number}")
        problem = why_not_payable(row, now=now, force=force)
        if problem:
            raise ControlError(409, *problem)
        return row

    def _create(self, db: sqlite3.Connection, row: sqlite3.Row) -> sqlite3.Row:
        if row["status"] != "NOT_CREATED":
            return row
        now = self._clock.timestamp()
        db.execute(
            "UPDATE trades SET status = 'WAIT_BUYER_PAY', trade_no = ?, created_at = ?"
            " WHERE seq = ?",
            (texts.new_number("22001", now), now, row["seq"]),
        )
        return self._require(db, row["out_trade_no"])

    # --- expiry -------------------------------------------------------------------------

    def close_overdue(self, db: sqlite3.Connection, now: float) -> None:
        """Unpaid trades end by the calendar, and the merchant is told; paid ones are finished."""
        overdue = db.execute(
            "SELECT * FROM trades WHERE status = 'WAIT_BUYER_PAY' AND expires_at <= ?", (now,)
        ).fetchall()
        for row in overdue:
            self.close(db, row)
        db.execute(
            "UPDATE trades SET status = 'TRADE_FINISHED' WHERE status = 'TRADE_SUCCESS'"
            " AND paid_at <= ?",
            (now - REFUND_DAYS * DAY,),
        )

    def close(self, db: sqlite3.Connection, row: sqlite3.Row) -> str:
        """An unpaid trade ends; the id of its notification."""
        db.execute(
            "UPDATE trades SET status = 'TRADE_CLOSED', closed_at = ?, pays_wall = NULL"
            " WHERE seq = ?",
            (self._clock.timestamp(), row["seq"]),
        )
        return self._tell(db, "close", self._require(db, row["out_trade_no"]))

    def run_due(self, wall: float) -> float | None:
        """Expiries, and customers who said that they would pay in a moment."""
        with self._store.write() as db:
            self.close_overdue(db, self._clock.timestamp())
            payers = db.execute(
                "SELECT * FROM trades WHERE status = 'WAIT_BUYER_PAY' AND pays_wall <= ?", (wall,)
            ).fetchall()
            for row in payers:
                self.receive(db, row, amount=row["total"])
            payer, expiry = db.execute(
                "SELECT min(pays_wall), min(expires_at) FROM trades WHERE status = 'WAIT_BUYER_PAY'"
            ).fetchone()
        times = [payer, None if expiry is None else expiry - self._clock.offset]
        return min((time for time in times if time is not None), default=None)

    def pay_later(self, db: sqlite3.Connection, row: sqlite3.Row, *, seconds: float) -> None:
        db.execute(
            "UPDATE trades SET pays_wall = ? WHERE seq = ?",
            (self._clock.wall() + seconds, row["seq"]),
        )

    # --- reading ------------------------------------------------------------------------

    def by_out_no(self, db: sqlite3.Connection, number: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM trades WHERE out_trade_no = ?", (number,)
        ).fetchone()
        return row

    def named(self, db: sqlite3.Connection, biz: Mapping[str, Any]) -> sqlite3.Row:
        """«trade_no, out_trade_no 如果同时存在优先取 trade_no». Raises ACQ.TRADE_NOT_EXIST."""
        if "trade_no" not in biz and "out_trade_no" not in biz:
            raise FieldError(("out_trade_no",), "or trade_no is required")
        self.close_overdue(db, self._clock.timestamp())
        column = "trade_no" if "trade_no" in biz else "out_trade_no"
        row: sqlite3.Row | None = db.execute(
            f"SELECT * FROM trades WHERE {column} = ?",  # noqa: S608 - one of two literals
            (biz[column],),
        ).fetchone()
        if row is None or row["status"] == "NOT_CREATED":
            raise business("ACQ.TRADE_NOT_EXIST")
        return row

    def _require(self, db: sqlite3.Connection, number: str) -> sqlite3.Row:
        row = self.by_out_no(db, number)
        assert row is not None
        return row

    def is_hidden(self, row: sqlite3.Row, plan: Plan) -> bool:
        """Eventual consistency: accepted, but not to be found yet."""
        rule = plan.get("not_found")
        return rule is not None and self._clock.wall() < row["asked_wall"] + rule.seconds

    def is_lagging(self, row: sqlite3.Row, plan: Plan) -> bool:
        """Paid, but not told yet."""
        rule = plan.get("lag")
        paid = row["paid_wall"]
        return rule is not None and paid is not None and self._clock.wall() < paid + rule.seconds


def why_not_payable(row: sqlite3.Row, *, now: float, force: bool = False) -> tuple[str, str] | None:
    """Code and sentence; ``force`` lets late money come in, but never a second payment."""
    if row["paid"] is not None:
        return "already_paid", "this order has been paid"
    if force:
        return None
    if row["status"] == "TRADE_CLOSED":
        return "closed", "this order is closed"
    if now >= row["expires_at"]:
        return "expired", "the time to pay this order is over"
    if now >= row["token_until"] and row["status"] == "NOT_CREATED":
        return "code_expired", "the code is too old; the merchant can ask for a fresh one"
    return None


def money_of(row: sqlite3.Row, *, delta: int = 0) -> dict[str, str]:
    """The sums of a paid trade: the customer used neither points nor coupons."""
    paid = yuan(row["paid"] + delta)
    return {
        "total_amount": paid,
        "receipt_amount": paid,
        "buyer_pay_amount": paid,
        "invoice_amount": paid,
        "point_amount": "0.00",
    }
