"""Shared money that comes back from a merchant receiver (分账回退). Called by ``desk``.

The money goes to the sharer's available balance: it neither restores what may be shared nor is it
frozen again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from channels.simulators.core.clock import Clock, rfc3339_china
from channels.simulators.core.faults import Plan
from channels.simulators.core.store import Book, Store, insert
from channels.simulators.wechat.errors import ApiError, bad_parameter, invalid
from channels.simulators.wechat.shares import NOT_YET, share_missing
from channels.simulators.wechat.trades import DAY, new_number

RETURN_DAYS = 180
RETURNS_PER_ORDER = 50
SAME = ("out_order_no", "return_mchid", "amount", "description")


class Returns:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        book: Book,
        *,
        merchant: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._merchant = merchant

    # --- the wire -----------------------------------------------------------------------

    def request(self, body: Mapping[str, Any], *, plan: Plan) -> dict[str, Any]:
        """Ask for money back; done at once unless a fault keeps it in work."""
        if ("order_id" in body) == ("out_order_no" in body):
            raise bad_parameter("out_order_no", "or order_id: exactly one", location="body")
        with self._store.write() as db:
            share = self._share(db, body)
            earlier = self.find(db, body["out_return_no"])
            if earlier is not None:
                asked = dict(body) | {"out_order_no": share["out_order_no"]}
                if any(earlier[name] != asked[name] for name in SAME):
                    raise invalid("商户回退单号已存在，回退参数与原请求不一致")
                return self._document(earlier)
            self._check(db, share, body)
            row = self._insert(db, share, body, plan=plan)
            if "processing" not in plan:
                row = self._end(db, row)
            return self._document(row)

    def query(self, number: str, *, out_order_no: str, plan: Plan) -> dict[str, Any]:
        self.run_due(self._clock.wall())
        row = self._store.one("SELECT * FROM share_returns WHERE out_return_no = ?", number)
        rule = plan.get("not_found")
        hidden = row and rule and self._clock.wall() < row["created_wall"] + rule.seconds
        if row is None or hidden or row["out_order_no"] != out_order_no:
            raise ApiError(404, "RESOURCE_NOT_EXISTS", "回退单不存在")
        return self._document(row)

    # --- ends ---------------------------------------------------------------------------

    def run_due(self, now: float) -> float | None:
        due = self._store.all(
            "SELECT out_return_no FROM share_returns WHERE result = 'PROCESSING' AND due_wall <= ?",
            now,
        )
        for one in due:
            with self._store.write() as db:
                row = self.find(db, one["out_return_no"])
                if row is not None and row["result"] == "PROCESSING":
                    self._end(db, row)
        later = self._store.one(
            "SELECT min(due_wall) FROM share_returns WHERE result = 'PROCESSING' AND due_wall > ?",
            now,
        )
        return None if later is None else later[0]

    def _end(self, db: sqlite3.Connection, row: sqlite3.Row) -> sqlite3.Row:
        reason = row["fails"]
        if not reason and row["amount"] > self._book.available(db, row["return_mchid"]):
            reason = "BALANCE_NOT_ENOUGH"
        db.execute(
            "UPDATE share_returns SET result = ?, fail_reason = ?, finished_at = ? WHERE seq = ?",
            ("FAILED" if reason else "SUCCESS", reason, self._clock.timestamp(), row["seq"]),
        )
        if not reason:
            self._book.move(db, row["return_mchid"], available=-row["amount"])
            self._book.move(db, self._merchant, available=row["amount"])
            self._book.record(
                db,
                "return",
                merchant=self._merchant,
                our_no=row["out_return_no"],
                order_no=row["out_trade_no"],
                out_no=row["return_id"],
                amount=row["amount"],
            )
        ended = self.find(db, row["out_return_no"])
        assert ended is not None
        return ended

    # --- rules --------------------------------------------------------------------------

    @staticmethod
    def _share(db: sqlite3.Connection, body: Mapping[str, Any]) -> sqlite3.Row:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM shares WHERE kind = 'share' AND (order_id = ? OR out_order_no = ?)",
            (body.get("order_id"), body.get("out_order_no")),
        ).fetchone()
        if row is None:
            raise share_missing()
        return row

    def _check(self, db: sqlite3.Connection, share: sqlite3.Row, body: Mapping[str, Any]) -> None:
        detail = db.execute(
            "SELECT * FROM share_details WHERE out_order_no = ? AND account = ?",
            (share["out_order_no"], body["return_mchid"]),
        ).fetchone()
        if detail is None:
            raise invalid("回退方不是该分账单的分账接收方")
        if detail["type"] != "MERCHANT_ID":
            raise invalid("个人接收方不支持分账回退")
        if detail["result"] != "SUCCESS":
            raise invalid("该接收方尚未分账成功，不能回退")
        if self._clock.timestamp() > detail["finished_at"] + RETURN_DAYS * DAY:
            raise invalid(f"分账完成超过{RETURN_DAYS}天，不能回退")
        count, returned = db.execute(
            "SELECT count(*), coalesce(sum(amount) FILTER (WHERE result != 'FAILED'"
            " AND return_mchid = ?), 0) FROM share_returns WHERE out_order_no = ?",
            (body["return_mchid"], share["out_order_no"]),
        ).fetchone()
        if returned + body["amount"] > detail["amount"]:
            raise invalid("回退总金额超过分账给该接收方的金额")
        if count >= RETURNS_PER_ORDER:
            raise invalid(f"单笔分账单最多回退{RETURNS_PER_ORDER}次")

    # --- rows ---------------------------------------------------------------------------

    def _insert(
        self, db: sqlite3.Connection, share: sqlite3.Row, body: Mapping[str, Any], *, plan: Plan
    ) -> sqlite3.Row:
        now, wall = self._clock.timestamp(), self._clock.wall()
        held = plan.get("processing")
        columns = {
            "out_return_no": body["out_return_no"],
            "return_id": new_number("3108", now),
            "out_order_no": share["out_order_no"],
            "order_id": share["order_id"],
            "out_trade_no": share["out_trade_no"],
            "return_mchid": body["return_mchid"],
            "amount": body["amount"],
            "description": body["description"],
            "result": "PROCESSING",
            "fails": "ACCOUNT_ABNORMAL" if "fails" in plan else "",
            "fail_reason": "",
            "created_at": now,
            "created_wall": wall,
            "due_wall": wall + (held.seconds if held else 0),
        }
        insert(db, "share_returns", columns)
        row = self.find(db, body["out_return_no"])
        assert row is not None
        return row

    def find(self, db: sqlite3.Connection, number: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM share_returns WHERE out_return_no = ?", (number,)
        ).fetchone()
        return row

    @staticmethod
    def _document(row: sqlite3.Row) -> dict[str, Any]:
        finished = row["finished_at"]
        document = {
            "order_id": row["order_id"],
            "out_order_no": row["out_order_no"],
            "out_return_no": row["out_return_no"],
            "return_id": row["return_id"],
            "return_mchid": row["return_mchid"],
            "amount": row["amount"],
            "description": row["description"],
            "result": row["result"],
            "create_time": rfc3339_china(row["created_at"]),
            "finish_time": NOT_YET if finished is None else rfc3339_china(finished),
        }
        if row["fail_reason"]:
            document["fail_reason"] = row["fail_reason"]
        return document
