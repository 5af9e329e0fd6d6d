"""Transfers of a simulated WeChat Pay to people who confirm them (商家转账). Called by ``desk``.

The money is held when the bill waits for its payee and leaves (with a movement in the book) when
the payee has it; each step is one transaction. ``transfer_rules`` says what is refused.
"""

from __future__ import annotations

import base64
import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from channels.simulators.core.clock import Clock, iso_utc, rfc3339_china
from channels.simulators.core.errors import ControlError
from channels.simulators.core.faults import Plan
from channels.simulators.core.store import Book, Store, insert
from channels.simulators.wechat import transfer_rules
from channels.simulators.wechat.errors import ApiError, invalid
from channels.simulators.wechat.trades import DAY, HOUR, new_number

STEP = 60.0
"""Seconds that an asynchronous step takes (a refusal, a cancel, another look at the balance);
a wait, so it is scaled."""
SHORTEST_LOOK = 0.05
"""Real seconds between two looks at a balance, however short the scaled wait is."""
CONFIRM_WITHIN = 24 * HOUR
QUERY_DAYS = 30
CANCELLABLE = ("ACCEPTED", "PROCESSING", "WAIT_USER_CONFIRM")
FIND_BY = {
    "out_bill_no": "SELECT * FROM transfers WHERE out_bill_no = ?",
    "transfer_bill_no": "SELECT * FROM transfers WHERE transfer_bill_no = ?",
}

FinishedHook = Callable[[sqlite3.Connection, sqlite3.Row], None]
"""Writes the bill's callback in the transaction that ends it."""


class Transfers:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        book: Book,
        *,
        merchant: str,
        wait: Callable[[float], float],
        finished: FinishedHook,
    ) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._merchant = merchant
        self._wait = wait
        self._finished = finished

    # --- the wire -----------------------------------------------------------------------

    def create(self, body: Mapping[str, Any], *, user_name: str, plan: Plan) -> dict[str, Any]:
        """Accept a bill; the same number with the same content answers with what it is now."""
        content = json.dumps(
            dict(body) | {"user_name": user_name}, sort_keys=True, ensure_ascii=False
        )
        with self._store.write() as db:
            earlier = self.find(db, body["out_bill_no"])
            if earlier is not None:
                if earlier["content"] != content:
                    raise ApiError(400, "ALREADY_EXISTS", "商户单号已存在，请求参数与原请求不一致")
                return self._created(earlier)
            transfer_rules.check(body, user_name=user_name)
            fails = transfer_rules.reason(body["openid"], plan)
            slow = plan.get("slow_lock")
            at_once = not fails and slow is None
            if at_once and body["transfer_amount"] > self._book.available(db, self._merchant):
                raise ApiError(403, "NOT_ENOUGH", "商户账户余额不足，请充值后使用原单号重试")
            step = slow.seconds / 2 if slow else self._wait(STEP)
            self._insert(db, body, user_name, content=content, fails=fails, step=step, plan=plan)
            row = self._get(db, body["out_bill_no"])
            if at_once:
                self._lock(db, row)
            return self._created(self._get(db, body["out_bill_no"]))

    def query(self, *, number: str, by: str, plan: Plan) -> sqlite3.Row:
        """The row; the caller writes the answer, for it seals the payee's name."""
        self.run_due(self._clock.wall())
        row = self._store.one(FIND_BY[by], number)
        rule = plan.get("not_found")
        hidden = row and rule and self._clock.wall() < row["created_wall"] + rule.seconds
        if row is None or hidden or self._is_old(row):
            raise ApiError(404, "NOT_FOUND", "记录不存在")
        return row

    def cancel(self, number: str, *, plan: Plan) -> dict[str, Any]:
        """Until the payee has confirmed; the end is asynchronous."""
        with self._store.write() as db:
            row = self.find(db, number)
            if row is None:
                raise ApiError(404, "NOT_FOUND", "记录不存在")
            if row["state"] in CANCELLABLE:
                quicker = "too_late" in plan and row["state"] == "WAIT_USER_CONFIRM"
                becomes = "too_late" if quicker else ""
                self._set(db, row, state="CANCELING", due=self._wait(STEP), fails=becomes)
                row = self._get(db, number)
            if row["state"] not in ("CANCELING", "CANCELLED"):
                raise invalid("当前转账单状态不支持撤销")
            return {
                "out_bill_no": number,
                "transfer_bill_no": row["transfer_bill_no"],
                "state": row["state"],
                "update_time": rfc3339_china(row["updated_at"]),
            }

    # --- the payee ----------------------------------------------------------------------

    def confirm(self, number: str, *, accept: bool, reason: str = "") -> sqlite3.Row:
        """The payee takes the money, or it fails for ``reason``. Raises ControlError."""
        self.run_due(self._clock.wall())
        with self._store.write() as db:
            row = self.find(db, number)
            if row is None:
                raise ControlError(404, "transfer_not_found", f"no transfer {number}")
            if row["state"] != "WAIT_USER_CONFIRM":
                raise ControlError(409, "not_waiting", f"this transfer is {row['state']}")
            if not accept:
                self._fail(db, row, reason)
            elif row["transfers_seconds"]:
                self._set(db, row, state="TRANSFERING", due=row["transfers_seconds"])
            else:
                self._succeed(db, row)
            return self._get(db, number)

    def listing(self) -> list[dict[str, Any]]:
        """For the page and the scripts: the newest hundred."""
        rows = self._store.all("SELECT * FROM transfers ORDER BY seq DESC LIMIT 100")
        return [
            {
                "our_no": row["out_bill_no"],
                "out_no": row["transfer_bill_no"],
                "title": row["remark"],
                "payee": row["openid"],
                "amount": row["amount"],
                "state": row["state"],
                "fail_reason": row["fail_reason"],
                "created_at": iso_utc(row["created_at"]),
                "waiting": row["state"] == "WAIT_USER_CONFIRM",
            }
            for row in rows
        ]

    # --- steps --------------------------------------------------------------------------

    def run_due(self, now: float) -> float | None:
        """Steps that are due by the real clock, and bills that lapse by the calendar."""
        due = self._store.all("SELECT out_bill_no FROM transfers WHERE due_wall <= ?", now)
        lapsed = self._store.all(
            "SELECT out_bill_no FROM transfers WHERE state = 'WAIT_USER_CONFIRM'"
            " AND lapses_at <= ?",
            self._clock.timestamp(),
        )
        for one in (*due, *lapsed):
            with self._store.write() as db:
                self._step(db, self._get(db, one["out_bill_no"]), now=now)
        later = self._store.one(
            "SELECT min(coalesce(due_wall, lapses_at - ?)) FROM transfers"
            " WHERE due_wall > ? OR state = 'WAIT_USER_CONFIRM'",
            self._clock.offset,
            now,
        )
        return None if later is None else later[0]

    def _step(self, db: sqlite3.Connection, row: sqlite3.Row, *, now: float) -> None:
        """What comes next for a bill whose time has come; nothing where somebody was quicker."""
        state, is_due = row["state"], row["due_wall"] is not None and row["due_wall"] <= now
        if state == "WAIT_USER_CONFIRM":
            if row["lapses_at"] <= self._clock.timestamp():
                self._fail(db, row, "OVERDUE_CLOSE")
        elif not is_due:
            return
        elif state == "CANCELING" and row["fails"] == "too_late":
            self._succeed(db, row)
        elif state == "CANCELING":
            self._end(db, row, state="CANCELLED")
        elif state == "TRANSFERING":
            self._succeed(db, row)
        elif row["fails"]:
            self._fail(db, row, row["fails"])
        elif state == "ACCEPTED":
            self._set(db, row, state="PROCESSING", due=row["step_seconds"])
        elif row["amount"] <= self._book.available(db, self._merchant):
            self._lock(db, row)
        else:  # too little money: the bill stays, and another look follows
            self._set(db, row, state="PROCESSING", due=max(self._wait(STEP), SHORTEST_LOOK))

    def _lock(self, db: sqlite3.Connection, row: sqlite3.Row) -> None:
        self._book.move(db, self._merchant, available=-row["amount"], frozen=row["amount"])
        db.execute(
            "UPDATE transfers SET held = 1, lapses_at = ?, package_info = ? WHERE seq = ?",
            (
                self._clock.timestamp() + CONFIRM_WITHIN,
                base64.b64encode(secrets.token_bytes(40)).decode(),
                row["seq"],
            ),
        )
        self._set(db, row, state="WAIT_USER_CONFIRM")

    def _succeed(self, db: sqlite3.Connection, row: sqlite3.Row) -> None:
        self._book.move(db, self._merchant, frozen=-row["amount"])
        self._book.record(
            db,
            "transfer",
            merchant=self._merchant,
            our_no=row["out_bill_no"],
            order_no=row["out_bill_no"],
            out_no=row["transfer_bill_no"],
            amount=row["amount"],
        )
        db.execute("UPDATE transfers SET held = 0 WHERE seq = ?", (row["seq"],))
        self._end(db, row, state="SUCCESS")

    def _fail(self, db: sqlite3.Connection, row: sqlite3.Row, reason: str) -> None:
        db.execute("UPDATE transfers SET fail_reason = ? WHERE seq = ?", (reason, row["seq"]))
        self._end(db, row, state="FAIL")

    def _end(self, db: sqlite3.Connection, row: sqlite3.Row, *, state: str) -> None:
        held = self._get(db, row["out_bill_no"])["held"]
        if held:
            self._book.move(db, self._merchant, available=row["amount"], frozen=-row["amount"])
            db.execute("UPDATE transfers SET held = 0 WHERE seq = ?", (row["seq"],))
        self._set(db, row, state=state)
        self._finished(db, self._get(db, row["out_bill_no"]))

    def _set(
        self,
        db: sqlite3.Connection,
        row: sqlite3.Row,
        *,
        state: str,
        due: float | None = None,
        fails: str | None = None,
    ) -> None:
        """``due``: real seconds from now until the next step, if there is one."""
        db.execute(
            "UPDATE transfers SET state = ?, updated_at = ?, due_wall = ?,"
            " fails = coalesce(?, fails) WHERE seq = ?",
            (
                state,
                self._clock.timestamp(),
                None if due is None else self._clock.wall() + due,
                fails,
                row["seq"],
            ),
        )

    # --- rows ---------------------------------------------------------------------------

    def _insert(
        self,
        db: sqlite3.Connection,
        body: Mapping[str, Any],
        user_name: str,
        *,
        content: str,
        fails: str,
        step: float,
        plan: Plan,
    ) -> None:
        now, wall = self._clock.timestamp(), self._clock.wall()
        late = plan.get("transfering")
        columns = {
            "out_bill_no": body["out_bill_no"],
            "transfer_bill_no": new_number("1330", now),
            "content": content,
            "openid": body["openid"],
            "user_name": user_name,
            "amount": body["transfer_amount"],
            "remark": body["transfer_remark"],
            "notify_url": body.get("notify_url", ""),
            "state": "ACCEPTED",
            "fails": fails,
            "fail_reason": "",
            "package_info": "",
            "held": 0,
            "step_seconds": step,
            "transfers_seconds": float(late.seconds) if late else 0.0,
            "created_at": now,
            "created_wall": wall,
            "updated_at": now,
            "due_wall": wall + step,
        }
        insert(db, "transfers", columns)

    def find(self, db: sqlite3.Connection, number: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(FIND_BY["out_bill_no"], (number,)).fetchone()
        return row

    def _get(self, db: sqlite3.Connection, number: str) -> sqlite3.Row:
        row = self.find(db, number)
        assert row is not None
        return row

    def _is_old(self, row: sqlite3.Row) -> bool:
        """Bills can be queried for thirty days."""
        return bool(self._clock.timestamp() > row["created_at"] + QUERY_DAYS * DAY)

    @staticmethod
    def _created(row: sqlite3.Row) -> dict[str, Any]:
        document = {
            "out_bill_no": row["out_bill_no"],
            "transfer_bill_no": row["transfer_bill_no"],
            "create_time": rfc3339_china(row["created_at"]),
            "state": row["state"],
        }
        if row["state"] == "WAIT_USER_CONFIRM":
            document["package_info"] = row["package_info"]
        if row["fail_reason"]:
            document["fail_reason"] = row["fail_reason"]
        return document


def bill_document(row: sqlite3.Row, *, merchant: str, appid: str, name: str) -> dict[str, Any]:
    """The query's answer; ``name`` is the payee's, sealed for the merchant, or empty."""
    document = {
        "mch_id": merchant,
        "out_bill_no": row["out_bill_no"],
        "transfer_bill_no": row["transfer_bill_no"],
        "appid": appid,
        "state": row["state"],
        "transfer_amount": row["amount"],
        "transfer_remark": row["remark"],
        "openid": row["openid"],
        "create_time": rfc3339_china(row["created_at"]),
        "update_time": rfc3339_china(row["updated_at"]),
    }
    if name:
        document["user_name"] = name
    if row["fail_reason"]:
        document["fail_reason"] = row["fail_reason"]
    return document


def bill_content(row: sqlite3.Row, *, merchant: str, amount: int) -> dict[str, Any]:
    """What a notification of a finished bill carries."""
    content = {
        "out_bill_no": row["out_bill_no"],
        "transfer_bill_no": row["transfer_bill_no"],
        "state": row["state"],
        "mch_id": merchant,
        "transfer_amount": amount,
        "openid": row["openid"],
        "create_time": rfc3339_china(row["created_at"]),
        "update_time": rfc3339_china(row["updated_at"]),
    }
    if row["fail_reason"]:
        content["fail_reason"] = row["fail_reason"]
    return content
