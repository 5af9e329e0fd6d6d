"""Refunds of a simulated WeChat Pay: accept, end, query, by hand.

Called by ``simulator``. Money is set aside when a refund is accepted and leaves (with a movement
in the book) when it succeeds; both in one transaction with the row's state.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from channels.simulators.core.clock import Clock, rfc3339_china
from channels.simulators.core.errors import ControlError
from channels.simulators.core.faults import Plan
from channels.simulators.core.store import Book, Store, insert
from channels.simulators.wechat.errors import ApiError, bad_parameter, invalid
from channels.simulators.wechat.freezes import Freezes
from channels.simulators.wechat.trades import DAY, new_number

REFUND_DAYS = 365
REFUNDS_PER_ORDER = 50
SPACING = 60.0
"""Documented seconds between two refunds of one order; a wait, so it is scaled."""
PROCESSING = 60.0
"""Seconds from accepted to done (a wallet takes some minutes); scaled too."""

EndedHook = Callable[[sqlite3.Connection, sqlite3.Row], str]
"""Writes the refund's callback in the transaction that ends it; returns the notice's id."""


class Refunds:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        book: Book,
        *,
        merchant: str,
        freezes: Freezes,
        wait: Callable[[float], float],
        ended: EndedHook,
    ) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._merchant = merchant
        self._freezes = freezes
        self._wait = wait
        self._ended = ended

    # --- the wire -----------------------------------------------------------------------

    def request(self, body: Mapping[str, Any], *, plan: Plan) -> dict[str, Any]:
        """Accept a refund; the same number again answers with the one accepted before."""
        if "transaction_id" not in body and "out_trade_no" not in body:
            raise bad_parameter("out_trade_no", "or transaction_id is required", location="body")
        with self._store.write() as db:
            trade = self._trade(db, body)
            earlier = self.find(db, body["out_refund_no"])
            if earlier is not None:
                self._check_repeat(earlier, trade, body)
                return self.document(earlier, plan=plan)
            self._check_rules(db, trade, body)
            amount, frozen = body["amount"]["refund"], self._from_frozen(db, trade, body)
            self._insert(db, trade, body, from_frozen=frozen, plan=plan)
            self._freezes.add(db, trade["out_trade_no"], -frozen)
            self._book.move(
                db, self._merchant, available=frozen - amount, frozen=-frozen, refunding=amount
            )
            row = self.find(db, body["out_refund_no"])
            assert row is not None
            return self.document(row, plan=plan)

    def query(self, number: str, *, plan: Plan) -> dict[str, Any]:
        self.run_due(self._clock.wall())
        row = self._store.one("SELECT * FROM refunds WHERE out_refund_no = ?", number)
        rule = plan.get("not_found")
        hidden = row and rule and self._clock.wall() < row["created_wall"] + rule.seconds
        if row is None or hidden:
            raise ApiError(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        return self.document(row, plan=plan)

    def apply_abnormal(
        self, refund_id: str, body: Mapping[str, Any], *, account: str, plan: Plan
    ) -> dict[str, Any]:
        """An ABNORMAL refund goes to a bank card instead. ``account`` is the opened number."""
        with self._store.write() as db:
            row = self.find(db, body["out_refund_no"])
            if row is None or row["refund_id"] != refund_id:
                raise ApiError(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
            if row["status"] != "ABNORMAL":
                raise invalid("退款单状态不是退款异常，不能发起异常退款")
            to_user = body["type"] == "USER_BANK_CARD"
            received = f"{body['bank_type']}{account[-4:]}" if to_user else "商户银行账户"
            again = "ABNORMAL" if "abnormal" in plan else "SUCCESS"
            db.execute(
                "UPDATE refunds SET status = 'PROCESSING', becomes = ?, due_wall = ?,"
                " finished_at = NULL, channel = 'OTHER_BANKCARD', received = ? WHERE seq = ?",
                (again, self._clock.wall() + self._wait(PROCESSING), received, row["seq"]),
            )
            row = self.find(db, body["out_refund_no"])
            assert row is not None
            return self.document(row, plan=plan)

    # --- ends ---------------------------------------------------------------------------

    def run_due(self, now: float) -> float | None:
        """End what is due; when the next one is."""
        due = self._store.all(
            "SELECT out_refund_no FROM refunds WHERE status = 'PROCESSING' AND due_wall <= ?", now
        )
        for row in due:
            self.end(row["out_refund_no"])
        later = self._store.one(
            "SELECT min(due_wall) FROM refunds WHERE status = 'PROCESSING' AND due_wall > ?", now
        )
        return None if later is None else later[0]

    def end(self, number: str) -> str:
        """PROCESSING becomes what it was destined to; the notice's id, empty if already ended."""
        with self._store.write() as db:
            row = self.find(db, number)
            if row is None or row["status"] != "PROCESSING":
                return ""
            return self._become(db, row, row["becomes"])

    def finish(self, number: str, status: str) -> sqlite3.Row:
        """By hand: PROCESSING or ABNORMAL → SUCCESS, CLOSED or ABNORMAL. Raises ControlError."""
        if status not in ("SUCCESS", "CLOSED", "ABNORMAL"):
            raise ControlError(400, "bad_request", "status must be SUCCESS, CLOSED or ABNORMAL")
        with self._store.write() as db:
            row = self.find(db, number)
            if row is None:
                raise ControlError(404, "refund_not_found", f"no refund {number}")
            if row["status"] not in ("PROCESSING", "ABNORMAL") or row["status"] == status:
                raise ControlError(409, "ended", f"this refund is {row['status']}")
            self._become(db, row, status)
            ended = self.find(db, number)
            assert ended is not None
            return ended

    def _become(self, db: sqlite3.Connection, row: sqlite3.Row, status: str) -> str:
        amount = row["amount"]
        db.execute(
            "UPDATE refunds SET status = ?, finished_at = ? WHERE seq = ?",
            (status, self._clock.timestamp(), row["seq"]),
        )
        if status == "SUCCESS":
            self._book.move(db, self._merchant, refunding=-amount)
            self._book.record(
                db,
                "refund",
                merchant=self._merchant,
                our_no=row["out_refund_no"],
                order_no=row["out_trade_no"],
                out_no=row["refund_id"],
                amount=amount,
            )
        elif status == "CLOSED":
            frozen = row["from_frozen"]
            self._book.move(
                db, self._merchant, available=amount - frozen, frozen=frozen, refunding=-amount
            )
            if frozen:
                self._freezes.hand_back(db, row["out_trade_no"], frozen)
        ended = self.find(db, row["out_refund_no"])
        assert ended is not None
        return self._ended(db, ended)

    # --- rules --------------------------------------------------------------------------

    def _trade(self, db: sqlite3.Connection, body: Mapping[str, Any]) -> sqlite3.Row:
        """The paid order that both given numbers mean."""
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM trades WHERE (? IS NULL OR transaction_id = ?)"
            " AND (? IS NULL OR out_trade_no = ?)",
            (*[body.get("transaction_id")] * 2, *[body.get("out_trade_no")] * 2),
        ).fetchone()
        if row is None or row["state"] != "SUCCESS":
            raise ApiError(404, "RESOURCE_NOT_EXISTS", "订单不存在或未支付")
        return row

    @staticmethod
    def _check_repeat(earlier: sqlite3.Row, trade: sqlite3.Row, body: Mapping[str, Any]) -> None:
        if earlier["out_trade_no"] != trade["out_trade_no"]:
            raise invalid("商户退款单号已用于其他订单")
        if (earlier["amount"], earlier["total"]) != (
            body["amount"]["refund"],
            body["amount"]["total"],
        ):
            message = "订单金额或退款金额与之前请求不一致，请核实后再试"
            raise ApiError(400, "REFUND_FEE_MISMATCH", message)

    def _check_rules(
        self, db: sqlite3.Connection, trade: sqlite3.Row, body: Mapping[str, Any]
    ) -> None:
        refund, total = body["amount"]["refund"], body["amount"]["total"]
        if total != trade["paid"]:
            raise invalid("订单金额不正确，请检查订单金额是否与原订单一致")
        if self._clock.timestamp() > trade["paid_at"] + REFUND_DAYS * DAY:
            raise ApiError(400, "TRADE_OVERDUE", "订单已经超过可退款的最大期限")
        count, given, latest = db.execute(
            "SELECT count(*), coalesce(sum(amount) FILTER (WHERE status != 'CLOSED'), 0),"
            " max(created_wall) FROM refunds WHERE out_trade_no = ?",
            (trade["out_trade_no"],),
        ).fetchone()
        if given + refund > trade["paid"]:
            raise invalid("申请退款总金额超过订单金额，请检查退款金额")
        if count >= REFUNDS_PER_ORDER:
            raise invalid(f"一笔订单最多支持{REFUNDS_PER_ORDER}次部分退款")
        if latest is not None and self._clock.wall() < latest + self._wait(SPACING):
            raise invalid("一笔订单两次退款请求间隔须不少于1分钟")

    def _from_frozen(
        self, db: sqlite3.Connection, trade: sqlite3.Row, body: Mapping[str, Any]
    ) -> int:
        """How much of a refund comes out of money frozen for profit sharing: it goes first.

        ``amount.from`` may say otherwise. What is left must be available.
        """
        self._freezes.release_overdue(db)
        refund: int = body["amount"]["refund"]
        usable = self._freezes.usable(db, trade["out_trade_no"])
        frozen = min(refund, usable)
        if "from" in body["amount"]:
            given = body["amount"]["from"]
            if sum(part["amount"] for part in given) != refund:
                raise bad_parameter("from", "must add up to refund", location="body")
            frozen = sum(part["amount"] for part in given if part["account"] == "UNAVAILABLE")
        if frozen > usable:
            raise ApiError(403, "NOT_ENOUGH", "待分账资金不足，请解冻或回退后重新发起")
        if refund - frozen > self._book.available(db, self._merchant):
            raise ApiError(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起")
        return frozen

    def _insert(
        self,
        db: sqlite3.Connection,
        trade: sqlite3.Row,
        body: Mapping[str, Any],
        *,
        from_frozen: int,
        plan: Plan,
    ) -> None:
        now, wall = self._clock.timestamp(), self._clock.wall()
        becomes = "SUCCESS"
        if "abnormal" in plan:
            becomes = "ABNORMAL"
        elif "closed" in plan:
            becomes = "CLOSED"
        held = plan.get("processing")
        due = wall + (held.seconds if held else self._wait(PROCESSING))
        columns = {
            "out_refund_no": body["out_refund_no"],
            "refund_id": new_number("5030", now),
            "out_trade_no": trade["out_trade_no"],
            "transaction_id": trade["transaction_id"],
            "amount": body["amount"]["refund"],
            "total": body["amount"]["total"],
            "reason": body.get("reason", ""),
            "notify_url": body.get("notify_url", ""),
            "funds_account": "UNAVAILABLE"
            if from_frozen == body["amount"]["refund"]
            else body.get("funds_account", "AVAILABLE"),
            "from_frozen": from_frozen,
            "status": "PROCESSING",
            "becomes": becomes,
            "created_at": now,
            "created_wall": wall,
            "due_wall": due,
        }
        insert(db, "refunds", columns)

    # --- reading ------------------------------------------------------------------------

    def find(self, db: sqlite3.Connection, number: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM refunds WHERE out_refund_no = ?", (number,)
        ).fetchone()
        return row

    @staticmethod
    def document(row: sqlite3.Row, *, plan: Plan) -> dict[str, Any]:
        """The answer of the request and of the query."""
        skew = plan.get("wrong_amount")
        refund = row["amount"] + (skew.delta if skew else 0)
        document: dict[str, Any] = {
            "refund_id": row["refund_id"],
            "out_refund_no": row["out_refund_no"],
            "transaction_id": row["transaction_id"],
            "out_trade_no": row["out_trade_no"],
            "channel": row["channel"],
            "user_received_account": row["received"],
            "create_time": rfc3339_china(row["created_at"]),
            "status": row["status"],
            "funds_account": row["funds_account"],
            "amount": {
                "total": row["total"],
                "refund": refund,
                "payer_total": row["total"],
                "payer_refund": refund,
                "settlement_refund": refund,
                "settlement_total": row["total"],
                "discount_refund": 0,
                "currency": "CNY",
            },
        }
        if row["from_frozen"]:
            document["amount"]["from"] = _sources(row)
        if row["status"] == "SUCCESS":
            document["success_time"] = rfc3339_china(row["finished_at"])
        return document


def _sources(row: sqlite3.Row) -> list[dict[str, Any]]:
    """Out of which pockets a refund came."""
    parts = {"UNAVAILABLE": row["from_frozen"], "AVAILABLE": row["amount"] - row["from_frozen"]}
    return [{"account": name, "amount": part} for name, part in parts.items() if part]
