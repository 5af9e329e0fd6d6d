"""Transfers of a simulated Alipay: pay money out to a person, ask, end, and bounce.

Called by ``simulator``. The money leaves in the transaction that accepts the transfer and comes
back in the one that fails or bounces it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from channels.simulators.alipay import texts
from channels.simulators.alipay.errors import business, success
from channels.simulators.alipay.money import fen, yuan
from channels.simulators.core.clock import Clock
from channels.simulators.core.errors import ControlError
from channels.simulators.core.faults import Plan
from channels.simulators.core.fields import FieldError
from channels.simulators.core.store import Book, Store, insert

BANK_SECONDS = 60.0
"""How long a transfer to a bank card is DEALING; a wait, so it is scaled."""
SMALLEST = {"TRANS_ACCOUNT_NO_PWD": 10, "TRANS_BANKCARD_NO_PWD": 10, "STD_RED_PACKET": 1}
"""Fen: «最低转账金额 0.1 元»."""
REMARK_FROM = 5_000_000
"""«单笔转账金额达到 50000 元时，备注不能为空»."""
UNKNOWN_PAYEE = "nobody"
"""An identity that contains this is known to nobody: PAYEE_NOT_EXIST."""
WRONG_NAME = "不符"
"""A name that contains this is not the payee's: PAYEE_USER_INFO_ERROR."""
ENDS = ("SUCCESS", "FAIL", "REFUND")


class Transfers:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        book: Book,
        *,
        seller: str,
        wait: Callable[[float], float],
    ) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._seller = seller
        self._wait = wait

    # --- the wire -----------------------------------------------------------------------

    def request(self, biz: Mapping[str, Any], *, plan: Plan) -> dict[str, Any]:
        amount = fen(biz["trans_amount"], name="trans_amount")
        parameters = json.dumps(dict(biz), sort_keys=True, ensure_ascii=False)
        with self._store.write() as db:
            earlier = self.find(db, biz["out_biz_no"])
            if earlier is not None:
                if earlier["parameters"] != parameters:
                    raise business("PAYMENT_INFO_INCONSISTENCY")
                return self._accepted(earlier)
            self._check(db, biz, amount=amount)
            self._insert(db, biz, amount=amount, parameters=parameters, plan=plan)
            self._book.move(db, self._seller, available=-amount)
            row = self._require(db, biz["out_biz_no"])
            self._record(db, "transfer", row)
            return self._accepted(row)

    def query(self, biz: Mapping[str, Any], *, plan: Plan) -> dict[str, Any]:
        self.run_due(self._clock.wall())
        names = ("order_id", "pay_fund_order_id", "out_biz_no")
        name = next((name for name in names if name in biz), "")
        if not name:
            raise FieldError(("out_biz_no",), "or order_id or pay_fund_order_id is required")
        row = self._store.one(
            f"SELECT * FROM transfers WHERE {name} = ?",  # noqa: S608 - one of three literals
            biz[name],
        )
        rule = plan.get("not_found")
        if row is None or (rule and self._clock.wall() < row["created_wall"] + rule.seconds):
            raise business("ORDER_NOT_EXIST")
        skew = plan.get("wrong_amount")
        failed = row["status"] in ("FAIL", "REFUND")
        return success(
            out_biz_no=row["out_biz_no"],
            order_id=row["order_id"],
            pay_fund_order_id=row["pay_fund_order_id"],
            trans_amount=yuan(row["amount"] + (skew.delta if skew else 0)),
            status=row["status"],
            pay_date=None if row["status"] == "DEALING" else texts.stamp(row["finished_at"]),
            order_fee="0.00",
            error_code=row["error_code"] if failed else None,
            fail_reason=row["fail_reason"] if failed else None,
        )

    @staticmethod
    def _accepted(row: sqlite3.Row) -> dict[str, Any]:
        return success(
            out_biz_no=row["out_biz_no"],
            order_id=row["order_id"],
            pay_fund_order_id=row["pay_fund_order_id"],
            status=row["status"],
            trans_date=texts.stamp(row["created_at"]),
        )

    def _check(self, db: sqlite3.Connection, biz: Mapping[str, Any], *, amount: int) -> None:
        payee = biz["payee_info"]
        is_card = payee["identity_type"] == "BANKCARD_ACCOUNT"
        if is_card != (biz["product_code"] == "TRANS_BANKCARD_NO_PWD"):
            raise FieldError(("payee_info", "identity_type"), "does not fit the product_code")
        if payee["identity_type"] in ("ALIPAY_LOGON_ID", "BANKCARD_ACCOUNT") and not payee.get(
            "name"
        ):
            raise FieldError(("payee_info", "name"), "is required")
        if amount < SMALLEST[biz["product_code"]]:
            raise business("EXCEED_LIMIT_SM_MIN_AMOUNT")
        if amount >= REMARK_FROM and not biz.get("remark"):
            raise business("MEMO_REQUIRED_IN_TRANSFER_ERROR")
        if UNKNOWN_PAYEE in payee["identity"]:
            raise business("PAYEE_NOT_EXIST")
        if WRONG_NAME in payee.get("name", ""):
            raise business("PAYEE_USER_INFO_ERROR")
        if amount > self._book.available(db, self._seller):
            raise business("PAYER_BALANCE_NOT_ENOUGH")

    # --- ends ---------------------------------------------------------------------------

    def run_due(self, wall: float) -> float | None:
        with self._store.write() as db:
            due = db.execute("SELECT * FROM transfers WHERE due_wall <= ?", (wall,)).fetchall()
            for row in due:
                self._become(db, row, row["becomes"])
            later = db.execute("SELECT min(due_wall) FROM transfers").fetchone()[0]
        return None if later is None else float(later)

    def finish(self, number: str, status: str) -> sqlite3.Row:
        """By hand: DEALING → SUCCESS or FAIL, SUCCESS → REFUND. Raises ControlError."""
        if status not in ENDS:
            raise ControlError(400, "bad_request", f"status must be one of {', '.join(ENDS)}")
        with self._store.write() as db:
            row = self.find(db, number)
            if row is None:
                raise ControlError(404, "transfer_not_found", f"no transfer {number}")
            allowed = {"DEALING": ("SUCCESS", "FAIL"), "SUCCESS": ("REFUND",)}
            if status not in allowed.get(row["status"], ()):
                raise ControlError(409, "ended", f"this transfer is {row['status']}")
            self._become(db, row, status)
            return self._require(db, number)

    def _become(self, db: sqlite3.Connection, row: sqlite3.Row, status: str) -> None:
        errors = {
            "FAIL": ("PAYEE_USER_INFO_ERROR", "支付宝账号和姓名不匹配"),
            "REFUND": ("BANK_RESPONSE_ERROR", "银行退票：户名不符"),
        }
        code, words = errors.get(status, ("", ""))
        # A fault lets a bank take the money first and return it later.
        bounces = row["becomes"] == "REFUND" and row["status"] == "DEALING"
        if bounces and status == "REFUND":
            status, code, words = "SUCCESS", "", ""
        due = self._clock.wall() + self._wait(BANK_SECONDS) if bounces else None
        db.execute(
            "UPDATE transfers SET status = ?, finished_at = ?, error_code = ?, fail_reason = ?,"
            " due_wall = ? WHERE seq = ?",
            (status, self._clock.timestamp(), code, words, due, row["seq"]),
        )
        if status in ("FAIL", "REFUND"):
            self._book.move(db, self._seller, available=row["amount"])
            self._record(db, "transfer_back", row)

    # --- rows ---------------------------------------------------------------------------

    def find(self, db: sqlite3.Connection, number: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM transfers WHERE out_biz_no = ?", (number,)
        ).fetchone()
        return row

    def _require(self, db: sqlite3.Connection, number: str) -> sqlite3.Row:
        row = self.find(db, number)
        assert row is not None
        return row

    def _insert(
        self,
        db: sqlite3.Connection,
        biz: Mapping[str, Any],
        *,
        amount: int,
        parameters: str,
        plan: Plan,
    ) -> None:
        now, wall = self._clock.timestamp(), self._clock.wall()
        is_card = biz["product_code"] == "TRANS_BANKCARD_NO_PWD"
        held = plan.get("processing")
        waits = is_card or held or "fail" in plan or "bounce" in plan
        becomes = next((end for end in ("fail", "bounce") if end in plan), "")
        due = wall + (held.seconds if held else self._wait(BANK_SECONDS))
        columns = {
            "out_biz_no": biz["out_biz_no"],
            "order_id": texts.new_number("11007", now, length=32),
            "pay_fund_order_id": texts.new_number("11007", now, length=32),
            "product_code": biz["product_code"],
            "parameters": parameters,
            "payee": biz["payee_info"]["identity"],
            "title": biz.get("order_title", ""),
            "amount": amount,
            "status": "DEALING" if waits else "SUCCESS",
            "becomes": {"fail": "FAIL", "bounce": "REFUND"}.get(becomes, "SUCCESS"),
            "due_wall": due if waits else None,
            "created_at": now,
            "created_wall": wall,
            "finished_at": None if waits else now,
            "error_code": "",
            "fail_reason": "",
        }
        insert(db, "transfers", columns)

    def _record(self, db: sqlite3.Connection, kind: str, row: sqlite3.Row) -> None:
        self._book.record(
            db,
            kind,
            merchant=self._seller,
            our_no=row["out_biz_no"],
            order_no=row["out_biz_no"],
            out_no=row["order_id"],
            amount=row["amount"],
        )
