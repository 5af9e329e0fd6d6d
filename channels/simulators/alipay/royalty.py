"""Royalty of a simulated Alipay: sharing out, finishing, asking about both.

Called by ``methods``. What a trade with ``royalty_freeze`` brings in stays frozen until it is
shared out or the royalty is finished; otherwise shares come from what is available.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from channels.simulators.alipay import texts
from channels.simulators.alipay.errors import business
from channels.simulators.alipay.money import fen, yuan
from channels.simulators.alipay.relations import is_bound
from channels.simulators.alipay.shares import ACCOUNT_FAILS, Shares
from channels.simulators.alipay.trades import Trades
from channels.simulators.core.clock import Clock
from channels.simulators.core.faults import Plan
from channels.simulators.core.fields import FieldError
from channels.simulators.core.store import Book, Store, insert

SYNC_MAX = 5
"""«sync: 同步分账…接收方不超过5个», more of them only async."""
ASYNC_SECONDS = 60.0
"""How long an asynchronous share is PROCESSING; a wait, so it is scaled."""
BAD_ACCOUNT = "fail"
"""A receiver whose account contains this is refused its share: one of several fails."""


class Royalty:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        book: Book,
        *,
        seller: str,
        max_ratio: int,
        trades: Trades,
        shares: Shares,
        wait: Callable[[float], float],
    ) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._seller = seller
        self._max_ratio = max_ratio
        self._trades = trades
        self._shares = shares
        self._wait = wait

    # --- sharing out --------------------------------------------------------------------

    def settle(self, biz: Mapping[str, Any], *, plan: Plan) -> sqlite3.Row:
        """Share out, or tell of the settlement with this number where the parameters agree."""
        with self._store.write() as db:
            trade = self._trades.named(db, {"trade_no": biz["trade_no"]})
            parameters = json.dumps(dict(biz), sort_keys=True, ensure_ascii=False)
            earlier = self._find(db, biz)
            if earlier is not None:
                if earlier["parameters"] != parameters:
                    raise business("ACQ.DISCORDANT_REPEAT_REQUEST")
                return earlier
            if trade["status"] != "TRADE_SUCCESS":
                raise business("ACQ.TRADE_STATUS_ERROR")
            shares = self._read(db, trade, biz)
            settle = self._insert(db, biz, parameters=parameters)
            self._carry_out(db, trade, settle, shares=shares, plan=plan)
            if settle["finishes"] and settle["mode"] == "sync":
                self._unfreeze(db, settle)
            return settle

    def _read(
        self, db: sqlite3.Connection, trade: sqlite3.Row, biz: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """The shares in fen, every receiver bound and the sum within the maximum."""
        given = biz.get("royalty_parameters", [])
        finishes = biz.get("extend_params", {}).get("royalty_finish") == "true"
        if not given and not finishes:
            raise FieldError(("royalty_parameters",), "is required unless royalty_finish is true")
        mode = biz.get("royalty_mode", "sync")
        if mode == "sync" and len(given) > SYNC_MAX:
            raise FieldError(("royalty_parameters",), f"at most {SYNC_MAX} in sync mode")
        if self._is_finished(db, trade):
            raise business("ACQ.TRADE_STATUS_ERROR", "该交易分账已完结")
        modes = db.execute(
            "SELECT DISTINCT mode FROM settles WHERE trade_no = ?", (trade["trade_no"],)
        )
        if any(row["mode"] != mode for row in modes):
            raise FieldError(("royalty_mode",), "must not be mixed on one trade")
        shares = [self._share(db, trade, one) for one in given]
        if sum(share["amount"] for share in shares) > self._may_share(db, trade):
            raise business("ACQ.ALLOC_AMOUNT_VALIDATE_ERROR")
        return shares

    def _share(
        self, db: sqlite3.Connection, trade: sqlite3.Row, one: Mapping[str, Any]
    ) -> dict[str, Any]:
        if one.get("trans_out", self._seller) != self._seller:
            raise FieldError(("royalty_parameters", "trans_out"), "is not this merchant")
        if "trans_in" not in one:
            raise FieldError(("royalty_parameters", "trans_in"), "is required")
        kind = one.get("trans_in_type", "userId")
        if not is_bound(db, kind, one["trans_in"]):
            raise business("ACQ.ROYALTY_RECEIVER_INVALID")
        if "amount" in one:
            amount = fen(one["amount"], name="amount")
        elif "amount_percentage" in one:
            amount = trade["paid"] * int(one["amount_percentage"]) // 100
        else:
            raise FieldError(("royalty_parameters", "amount"), "is required")
        if amount < 1:
            raise FieldError(("royalty_parameters", "amount"), "is nothing")
        return {
            "type": kind,
            "account": one["trans_in"],
            "amount": amount,
            "royalty_type": one.get("royalty_type", "transfer"),
        }

    def _carry_out(
        self,
        db: sqlite3.Connection,
        trade: sqlite3.Row,
        settle: sqlite3.Row,
        *,
        shares: Sequence[Mapping[str, Any]],
        plan: Plan,
    ) -> None:
        for index, share in enumerate(shares):
            waits = self._wait(ASYNC_SECONDS) if settle["mode"] == "async" else 0.0
            held = plan.get("processing")
            due = self._clock.wall() + (held.seconds if held else waits)
            fails = BAD_ACCOUNT in share["account"] or "all_fail" in plan
            fails = fails or ("partial" in plan and index == len(shares) - 1)
            columns = dict(share) | {
                "detail_id": texts.new_number("0025", self._clock.timestamp()),
                "settle_no": settle["settle_no"],
                "trade_no": trade["trade_no"],
                "state": "PROCESSING",
                "error_code": ACCOUNT_FAILS[0] if fails else "",
                "error_desc": ACCOUNT_FAILS[1] if fails else "",
                "due_wall": due,
            }
            insert(db, "shares", columns)
            if due <= self._clock.wall():
                self._shares.end(db, columns["detail_id"])

    def run_due(self, wall: float) -> float | None:
        """End the shares that are in work; when the next one is due."""
        with self._store.write() as db:
            due = db.execute(
                "SELECT detail_id, settle_no FROM shares"
                " WHERE state = 'PROCESSING' AND due_wall <= ? ORDER BY rowid",
                (wall,),
            ).fetchall()
            for row in due:
                self._shares.end(db, row["detail_id"])
            for settle_no in {row["settle_no"] for row in due}:
                self._finish_late(db, settle_no)
            later = db.execute(
                "SELECT min(due_wall) FROM shares WHERE state = 'PROCESSING' AND due_wall > ?",
                (wall,),
            ).fetchone()[0]
        return None if later is None else float(later)

    def _finish_late(self, db: sqlite3.Connection, settle_no: str) -> None:
        """An asynchronous settlement that finishes the royalty does so with its last share."""
        settle = db.execute("SELECT * FROM settles WHERE settle_no = ?", (settle_no,)).fetchone()
        open_ones = db.execute(
            "SELECT count(*) FROM shares WHERE settle_no = ? AND state = 'PROCESSING'",
            (settle_no,),
        ).fetchone()[0]
        if settle["finishes"] and not open_ones:
            self._unfreeze(db, settle)

    def _unfreeze(self, db: sqlite3.Connection, settle: sqlite3.Row) -> None:
        """«royalty_finish=true»: the rest is the merchant's to spend."""
        trade = self._trades.named(db, {"trade_no": settle["trade_no"]})
        self._book.move(db, self._seller, available=trade["frozen"], frozen=-trade["frozen"])
        db.execute("UPDATE trades SET frozen = 0 WHERE seq = ?", (trade["seq"],))
        if trade["frozen"]:
            self._book.record(
                db,
                "unfreeze",
                merchant=self._seller,
                our_no=settle["out_request_no"],
                order_no=trade["out_trade_no"],
                out_no=settle["settle_no"],
                amount=trade["frozen"],
            )

    # --- what may be shared -------------------------------------------------------------

    def _may_share(self, db: sqlite3.Connection, trade: sqlite3.Row) -> int:
        """The maximum ratio of what the customer has not got back, less what is shared."""
        most = (trade["paid"] - trade["refunded"]) * self._max_ratio // 100
        return max(0, int(most) - self._shares.shared(db, trade["trade_no"]))

    def unsettled(self, biz: Mapping[str, Any]) -> int:
        with self._store.write() as db:
            trade = self._trades.named(db, biz)
            return self._left(db, trade)

    def _left(self, db: sqlite3.Connection, trade: sqlite3.Row) -> int:
        if trade["status"] != "TRADE_SUCCESS" or self._is_finished(db, trade):
            return 0
        left = trade["paid"] - trade["refunded"] - self._shares.shared(db, trade["trade_no"])
        return max(0, int(left))

    @staticmethod
    def _is_finished(db: sqlite3.Connection, trade: sqlite3.Row) -> bool:
        row = db.execute(
            "SELECT 1 FROM settles WHERE trade_no = ? AND finishes LIMIT 1", (trade["trade_no"],)
        )
        return row.fetchone() is not None

    # --- rows and nodes -----------------------------------------------------------------

    @staticmethod
    def _find(db: sqlite3.Connection, biz: Mapping[str, Any]) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM settles WHERE trade_no = ? AND out_request_no = ?",
            (biz["trade_no"], biz["out_request_no"]),
        ).fetchone()
        return row

    def _insert(
        self, db: sqlite3.Connection, biz: Mapping[str, Any], *, parameters: str
    ) -> sqlite3.Row:
        finishes = biz.get("extend_params", {}).get("royalty_finish") == "true"
        columns = {
            "settle_no": texts.new_number("00253", self._clock.timestamp(), length=32),
            "out_request_no": biz["out_request_no"],
            "trade_no": biz["trade_no"],
            "parameters": parameters,
            "mode": biz.get("royalty_mode", "sync"),
            "finishes": int(finishes),
            "at": self._clock.timestamp(),
            "wall": self._clock.wall(),
        }
        insert(db, "settles", columns)
        row = self._find(db, biz)
        assert row is not None
        return row

    def query(self, biz: Mapping[str, Any]) -> tuple[sqlite3.Row, list[sqlite3.Row]]:
        """A settlement and its shares, by its own number or by ours."""
        self.run_due(self._clock.wall())
        if "settle_no" in biz:
            settle = self._store.one("SELECT * FROM settles WHERE settle_no = ?", biz["settle_no"])
        elif "out_request_no" in biz and "trade_no" in biz:
            with self._store.write() as db:
                settle = self._find(db, biz)
        else:
            raise FieldError(("settle_no",), "or out_request_no with trade_no is required")
        if settle is None:
            raise business("ACQ.TRADE_NOT_EXIST", "分账请求不存在")
        shares = self._store.all(
            "SELECT * FROM shares WHERE settle_no = ? ORDER BY rowid", settle["settle_no"]
        )
        return settle, shares

    def settle_info(self, db: sqlite3.Connection, trade: sqlite3.Row) -> dict[str, Any]:
        """``trade_settle_info`` of a query that asks for it."""
        shares = db.execute(
            "SELECT shares.*, at FROM shares JOIN settles USING (settle_no)"
            " WHERE shares.trade_no = ? AND state = 'SUCCESS' ORDER BY shares.rowid",
            (trade["trade_no"],),
        )
        details = [
            {
                "operation_type": share["royalty_type"],
                "operation_serial_no": share["detail_id"],
                "operation_dt": texts.stamp(share["at"]),
                "trans_out": self._seller,
                "trans_in": share["account"],
                "amount": yuan(share["amount"]),
            }
            for share in shares
        ]
        left = yuan(self._left(db, trade))
        return {"trade_settle_detail_list": details, "trade_unsettled_amount": left}

    def returned(self, refund: sqlite3.Row) -> list[dict[str, str]]:
        """``refund_royaltys`` of a refund query: what receivers gave back with this refund."""
        return [
            {
                "royalty_type": "transfer",
                "result_code": "SUCCESS",
                "trans_out": one["trans_out"],
                "trans_in": self._seller,
                "refund_amount": yuan(fen(one["amount"], name="amount")),
            }
            for one in json.loads(refund["royalty"])
        ]
