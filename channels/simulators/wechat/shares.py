"""Profit sharing of a simulated WeChat Pay: share, unfreeze, query, and how they end.

Called by ``desk``. A share is accepted at once and done later; the money that it promises stays
frozen until each receiver has it. ``share_rules`` says what is refused; money that comes back from
receivers is in ``returns``.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from channels.simulators.core.clock import Clock, rfc3339_china
from channels.simulators.core.faults import Plan
from channels.simulators.core.store import Book, Store, insert
from channels.simulators.wechat import share_rules
from channels.simulators.wechat.errors import ApiError, invalid
from channels.simulators.wechat.freezes import Freezes
from channels.simulators.wechat.receivers import Receivers
from channels.simulators.wechat.trades import new_number

PROCESSING = 60.0
"""Seconds from accepted to done; a wait, so it is scaled."""
NOT_YET = "1970-01-01T08:00:00+08:00"
"""The finish_time of what is still in work: the member is required, the moment is not there."""


def share_missing() -> ApiError:
    return ApiError(404, "RESOURCE_NOT_EXISTS", "分账单不存在")


class Shares:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        book: Book,
        *,
        merchant: str,
        freezes: Freezes,
        receivers: Receivers,
        wait: Callable[[float], float],
    ) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._merchant = merchant
        self._freezes = freezes
        self._receivers = receivers
        self._wait = wait
        self.max_ratio = share_rules.MAX_RATIO
        """Hundredths of a per cent of an order that may be shared; a control can change it."""

    # --- the wire -----------------------------------------------------------------------

    def share(self, body: Mapping[str, Any], *, names: Sequence[str], plan: Plan) -> dict[str, Any]:
        """Promise frozen money to receivers. ``names`` are the opened ones, "" where none."""
        content = _content(body, names)
        with self._store.write() as db:
            earlier = self.find(db, body["out_order_no"])
            if earlier is not None:
                if earlier["content"] != content:
                    raise invalid("分账接收方与原请求不一致")
                return self._document(db, earlier)
            self._freezes.release_overdue(db)
            freeze = self._freeze(db, body["transaction_id"])
            self._check(db, freeze, body, plan)
            fails = [
                share_rules.reason(
                    self._receivers.find(db, one["type"], one["account"]), one, name=name
                )
                for one, name in zip(body["receivers"], names, strict=True)
            ]
            for index in share_rules.struck(plan, count=len(fails)):
                fails[index] = fails[index] or "ACCOUNT_ABNORMAL"
            row = self._insert(
                db, freeze, body, kind="share", content=content, lines=body["receivers"],
                fails=fails, plan=plan,
            )  # fmt: skip
            total = sum(one["amount"] for one in body["receivers"])
            self._freezes.add(db, freeze["out_trade_no"], -total)
            if body["unfreeze_unsplit"]:
                self._freezes.finish(db, freeze["out_trade_no"])
            return self._document(db, row)

    def unfreeze(self, body: Mapping[str, Any], *, plan: Plan) -> dict[str, Any]:
        """Finish an order. A number that is known answers with what it was, and does nothing:

        an unfreeze with a share's number "succeeds" and does not unfreeze.
        """
        with self._store.write() as db:
            earlier = self.find(db, body["out_order_no"])
            if earlier is not None:
                if earlier["transaction_id"] != body["transaction_id"]:
                    raise invalid("商户分账单号已用于其他订单")
                return self._document(db, earlier)
            self._freezes.release_overdue(db)
            freeze = self._freeze(db, body["transaction_id"])
            share_rules.check_ready(
                freeze, plan, now=self._clock.wall(), ready_after=self._wait(share_rules.READY)
            )
            if freeze["state"] == "FINISHED" or not freeze["unsplit"]:
                raise ApiError(403, "NOT_ENOUGH", "分账余额不足，没有可解冻的资金")
            self._check_idle(db, freeze)
            line = {
                "type": "MERCHANT_ID",
                "account": self._merchant,
                "amount": freeze["unsplit"],
                "description": body["description"],
            }
            row = self._insert(
                db, freeze, dict(body) | {"unfreeze_unsplit": True}, kind="unfreeze", content="",
                lines=[line], fails=[""], plan=plan,
            )  # fmt: skip
            self._freezes.finish(db, freeze["out_trade_no"])
            return self._document(db, row)

    def query(self, number: str, *, transaction_id: str, plan: Plan) -> dict[str, Any]:
        self.run_due(self._clock.wall())
        with self._store.write() as db:
            row = self.find(db, number)
            rule = plan.get("not_found")
            hidden = row and rule and self._clock.wall() < row["created_wall"] + rule.seconds
            if row is None or hidden or row["transaction_id"] != transaction_id:
                raise share_missing()
            return self._document(db, row)

    def unsplit(self, transaction_id: str) -> dict[str, Any]:
        """The remaining amount; none from the moment an order is being finished."""
        self.run_due(self._clock.wall())
        with self._store.write() as db:
            self._freezes.release_overdue(db)
            row = self._freeze(db, transaction_id)
            amount = row["unsplit"] if row["state"] == "OPEN" else 0
            return {"transaction_id": transaction_id, "unsplit_amount": amount}

    # --- ends ---------------------------------------------------------------------------

    def run_due(self, now: float) -> float | None:
        due = self._store.all(
            "SELECT out_order_no FROM shares WHERE state = 'PROCESSING' AND due_wall <= ?", now
        )
        for row in due:
            self._end(row["out_order_no"])
        later = self._store.one(
            "SELECT min(due_wall) FROM shares WHERE state = 'PROCESSING' AND due_wall > ?", now
        )
        return None if later is None else later[0]

    def _end(self, number: str) -> None:
        with self._store.write() as db:
            row = self.find(db, number)
            if row is None or row["state"] != "PROCESSING":
                return  # a query was quicker
            db.execute("UPDATE shares SET state = 'FINISHED' WHERE seq = ?", (row["seq"],))
            for detail in self._details(db, number):
                if row["kind"] == "share":
                    self._settle(db, row, detail)
                else:
                    self._set(db, detail, result="SUCCESS")
            freeze = self._freezes.find(db, row["out_trade_no"])
            assert freeze is not None
            if row["finishes"] and freeze["state"] != "FINISHED":
                self._freezes.release(
                    db, row["out_trade_no"], our_no=number, out_no=row["order_id"]
                )

    def _settle(self, db: sqlite3.Connection, row: sqlite3.Row, detail: sqlite3.Row) -> None:
        """One receiver gets the money, or it is frozen again."""
        amount = detail["amount"]
        if detail["fails"]:
            self._set(db, detail, result="CLOSED", reason=detail["fails"])
            self._freezes.hand_back(db, row["out_trade_no"], amount)
            return
        self._set(db, detail, result="SUCCESS")
        self._book.move(db, self._merchant, frozen=-amount)
        if detail["type"] == "MERCHANT_ID":
            self._book.ensure_account(db, detail["account"])
            self._book.move(db, detail["account"], available=amount)
        self._book.record(
            db,
            "share",
            merchant=self._merchant,
            our_no=row["out_order_no"],
            order_no=row["out_trade_no"],
            out_no=detail["detail_id"],
            amount=amount,
        )

    def _set(
        self, db: sqlite3.Connection, detail: sqlite3.Row, *, result: str, reason: str = ""
    ) -> None:
        db.execute(
            "UPDATE share_details SET result = ?, fail_reason = ?, finished_at = ? WHERE seq = ?",
            (result, reason, self._clock.timestamp(), detail["seq"]),
        )

    # --- rules --------------------------------------------------------------------------

    def _freeze(self, db: sqlite3.Connection, transaction_id: str) -> sqlite3.Row:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM freezes WHERE transaction_id = ?", (transaction_id,)
        ).fetchone()
        if row is not None:
            return row
        paid = db.execute("SELECT 1 FROM trades WHERE transaction_id = ?", (transaction_id,))
        if paid.fetchone() is None:
            raise ApiError(404, "RESOURCE_NOT_EXISTS", "微信支付订单号不存在")
        raise invalid("非分账订单不支持分账")

    def _check(
        self, db: sqlite3.Connection, freeze: sqlite3.Row, body: Mapping[str, Any], plan: Plan
    ) -> None:
        share_rules.check_receivers(body["receivers"])
        share_rules.check_ready(
            freeze, plan, now=self._clock.wall(), ready_after=self._wait(share_rules.READY)
        )
        if freeze["state"] == "FINISHED":
            raise invalid("该订单已完结分账或资金已解冻，不支持再次分账")
        if freeze["state"] == "FINISHING":
            raise share_rules.not_ready()
        if body["unfreeze_unsplit"]:
            self._check_idle(db, freeze)
        share_rules.check_amounts(
            db, freeze, total=sum(one["amount"] for one in body["receivers"]), ratio=self.max_ratio
        )

    @staticmethod
    def _check_idle(db: sqlite3.Connection, freeze: sqlite3.Row) -> None:
        """An order is finished when nothing of it is in work."""
        busy = db.execute(
            "SELECT 1 FROM shares WHERE out_trade_no = ? AND state = 'PROCESSING'",
            (freeze["out_trade_no"],),
        ).fetchone()
        if busy:
            raise share_rules.not_ready()

    # --- rows ---------------------------------------------------------------------------

    def _insert(
        self,
        db: sqlite3.Connection,
        freeze: sqlite3.Row,
        body: Mapping[str, Any],
        *,
        kind: str,
        content: str,
        lines: Sequence[Mapping[str, Any]],
        fails: Sequence[str],
        plan: Plan,
    ) -> sqlite3.Row:
        now, wall = self._clock.timestamp(), self._clock.wall()
        held = plan.get("processing")
        columns = {
            "out_order_no": body["out_order_no"],
            "order_id": new_number("3008", now),
            "out_trade_no": freeze["out_trade_no"],
            "transaction_id": freeze["transaction_id"],
            "kind": kind,
            "finishes": int(body["unfreeze_unsplit"]),
            "content": content,
            "state": "PROCESSING",
            "created_at": now,
            "created_wall": wall,
            "due_wall": wall + (held.seconds if held else self._wait(PROCESSING)),
        }
        insert(db, "shares", columns)
        for line, reason in zip(lines, fails, strict=True):
            detail = {
                "detail_id": new_number("3600", now),
                "out_order_no": body["out_order_no"],
                "type": line["type"],
                "account": line["account"],
                "amount": line["amount"],
                "description": line["description"],
                "result": "PENDING",
                "fails": reason,
                "fail_reason": "",
                "created_at": now,
            }
            insert(db, "share_details", detail)
        row = self.find(db, body["out_order_no"])
        assert row is not None
        return row

    def find(self, db: sqlite3.Connection, number: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM shares WHERE out_order_no = ?", (number,)
        ).fetchone()
        return row

    @staticmethod
    def _details(db: sqlite3.Connection, number: str) -> list[sqlite3.Row]:
        return db.execute(
            "SELECT * FROM share_details WHERE out_order_no = ? ORDER BY seq", (number,)
        ).fetchall()

    def _document(self, db: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
        return {
            "transaction_id": row["transaction_id"],
            "out_order_no": row["out_order_no"],
            "order_id": row["order_id"],
            "state": row["state"],
            "receivers": [_receiver(detail) for detail in self._details(db, row["out_order_no"])],
        }


def _receiver(detail: sqlite3.Row) -> dict[str, Any]:
    finished = detail["finished_at"]
    document = {
        "type": detail["type"],
        "account": detail["account"],
        "amount": detail["amount"],
        "description": detail["description"],
        "result": detail["result"],
        "detail_id": detail["detail_id"],
        "create_time": rfc3339_china(detail["created_at"]),
        "finish_time": NOT_YET if finished is None else rfc3339_china(finished),
    }
    if detail["fail_reason"]:
        document["fail_reason"] = detail["fail_reason"]
    return document


def _content(body: Mapping[str, Any], names: Sequence[str]) -> str:
    """What makes two requests the same one; a name is compared opened, its cipher is random."""
    receivers = [
        dict(one) | {"name": name} for one, name in zip(body["receivers"], names, strict=True)
    ]
    return json.dumps(dict(body) | {"receivers": receivers}, sort_keys=True, ensure_ascii=False)
