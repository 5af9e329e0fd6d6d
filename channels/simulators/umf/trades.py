"""Payments of a simulated UMF: order, pay, query, close. Called by ``simulator``.

Every change is one transaction of the store; a payment writes its movement in the book in the
same one. Whether an order was refunded or repealed is the business of ``reversals``.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from channels.simulators.core.clock import Clock
from channels.simulators.core.errors import ControlError
from channels.simulators.core.faults import Plan
from channels.simulators.core.store import Book, Store, insert
from channels.simulators.umf import codes
from channels.simulators.umf.codes import Refused
from channels.simulators.umf.texts import clock as clock_text
from channels.simulators.umf.texts import day, new_number

EXPIRY, LONGEST = 300, 1800
"""Seconds to pay: «当传递小于300秒或大于1800秒或不传递时系统默认为300秒»."""
WAITING_CODE, REFUSING_CODE = "01", "02"
"""Endings of a bar code: its customer must type a password; its payment fails."""
MOMENTS = ("sign", "reqDate", "reqTime")
"""What may differ in a repeat of the same request."""

PaidHook = Callable[[sqlite3.Connection, sqlite3.Row, Plan], str]
"""Writes the payment's callback in the payment's transaction; returns the notice's id."""
Members = Mapping[str, str]
Answer = dict[str, str]


class Trades:
    def __init__(
        self, store: Store, clock: Clock, book: Book, *, merchant: str, base_url: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._merchant = merchant
        self._base_url = base_url

    # --- the wire -----------------------------------------------------------------------

    def order(self, method: str, members: Members, *, plan: Plan) -> tuple[sqlite3.Row, bool]:
        """Hold an order; the row, and whether it is a bar code that is to be paid right now.

        A repeat with the same content is the same order [inferred].
        """
        content = json.dumps(
            {k: v for k, v in members.items() if k not in MOMENTS} | {"method": method},
            sort_keys=True,
            ensure_ascii=False,
        )
        with self._store.write() as db:
            self.close_overdue(db)
            row = self.find(db, members["orderId"])
            if row is not None:
                if row["content"] != content:
                    raise Refused(codes.REPEATED)
                return row, False
            ending = members.get("mediaNo", "")[-2:]
            declined = "declined" in plan or ending == REFUSING_CODE
            self._insert(db, method, members, content=content, declined=declined)
            row = self.find(db, members["orderId"])
            assert row is not None
            waits = declined or "password" in plan or ending == WAITING_CODE
            return row, method == "unactivescan" and not waits

    def answer(self, row: sqlite3.Row) -> Answer:
        """What an order request is told about this order."""
        if row["state"] == "PAYERROR":
            raise Refused(codes.DECLINED)
        if row["state"] == "CLOSED":
            raise Refused(codes.CLOSED)
        code = codes.OK
        if row["method"] == "unactivescan" and row["state"] == "NOTPAY":
            code = codes.IN_PLATFORM
        elif row["method"] != "unactivescan" and row["state"] != "NOTPAY":
            raise Refused(codes.REPEATED)
        return self._head(code, row["paid_at"]) | {
            "orderId": row["order_id"],
            "transactionId": row["transaction_id"],
            "paySeq": row["pay_seq"],
            "amount": str(row["total"]),
            "payType": row["pay_type"],
            **self._how_to_pay(row),
        }

    def query(
        self, members: Members, *, plan: Plan, reversed_as: Callable[[sqlite3.Row], str]
    ) -> Answer:
        """«订单状态同步»; ``reversed_as`` is the code of a refund or repeal, empty for none."""
        with self._store.write() as db:
            self.close_overdue(db)
            row = self._asked_for(db, members)
        if row is None or self._hidden(row, plan):
            raise Refused(codes.MISSING)
        lag = plan.get("lag")
        state = row["state"]
        if lag and state == "SUCCESS" and self._clock.wall() < row["paid_wall"] + lag.seconds:
            state = "NOTPAY"
        if state == "CLOSED":
            raise Refused(codes.CLOSED)
        return self._head(self._code(row, state, plan, reversed_as), row["paid_at"]) | {
            "paySeq": row["pay_seq"] if state == "SUCCESS" else "",
            "transactionId": row["transaction_id"],
            "transState": "" if "no_state" in plan else self._told(state),
            "amount": self._amount(row, plan),
            "payType": row["pay_type"],
        }

    def close(self, members: Members) -> Answer:
        """An order that nobody has paid; again is a success too [inferred]."""
        with self._store.write() as db:
            self.close_overdue(db)
            row = self.find(db, members["orderId"])
            if row is None:
                raise Refused(codes.MISSING)
            if row["state"] not in ("NOTPAY", "CLOSED"):
                raise Refused(codes.WRONG_STATE)
            db.execute("UPDATE trades SET state = 'CLOSED' WHERE seq = ?", (row["seq"],))
            return self._head(codes.OK, None) | {
                "orderId": row["order_id"],
                "transactionId": row["transaction_id"],
            }

    # --- the customer -------------------------------------------------------------------

    def pay(
        self, number: str, *, amount: int | None, force: bool, plan: Plan, paid: PaidHook
    ) -> tuple[sqlite3.Row, str]:
        """Money comes in: state, book, balance and callback in one transaction."""
        now = self._clock.timestamp()
        with self._store.write() as db:
            self.close_overdue(db)
            row = self.find(db, number)
            if row is None:
                raise ControlError(404, "order_not_found", f"no order {number}")
            problem = self.why_not_payable(row, force=force)
            if problem:
                raise ControlError(409, *problem)
            came = row["total"] if amount is None else amount
            db.execute(
                "UPDATE trades SET state = 'SUCCESS', paid = ?, paid_at = ?, paid_wall = ?"
                " WHERE seq = ?",
                (came, now, self._clock.wall(), row["seq"]),
            )
            self._book.record(
                db,
                "pay",
                merchant=self._merchant,
                our_no=number,
                order_no=number,
                out_no=row["transaction_id"],
                amount=came,
            )
            self._book.move(db, self._merchant, available=came)
            row = self.find(db, number)
            assert row is not None
            return row, paid(db, row, plan)

    @staticmethod
    def why_not_payable(row: sqlite3.Row, *, force: bool = False) -> tuple[str, str] | None:
        """Code and sentence; ``force`` lets late money come in, but never a second payment."""
        if row["state"] in ("SUCCESS", "CANCELLED"):
            return "already_paid", "this order has been paid"
        if row["state"] != "NOTPAY" and not force:
            return "closed", "this order is closed"
        return None

    # --- reading ------------------------------------------------------------------------

    def find(self, db: sqlite3.Connection, order_id: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM trades WHERE order_id = ?", (order_id,)
        ).fetchone()
        return row

    def close_overdue(self, db: sqlite3.Connection) -> None:
        db.execute(
            "UPDATE trades SET state = 'CLOSED' WHERE state = 'NOTPAY' AND expires_at <= ?",
            (self._clock.timestamp(),),
        )

    def _asked_for(self, db: sqlite3.Connection, members: Members) -> sqlite3.Row | None:
        """«联动优势的订单号，建议优先使用»: it decides; what else is given must fit."""
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM trades WHERE (? IS NULL OR transaction_id = ?)"
            " AND (? IS NULL OR order_id = ?) AND (? IS NULL OR order_date = ?)",
            [members.get(n) for n in ("transactionId", "orderId", "orderDate") for _ in range(2)],
        ).fetchone()
        return row

    def _code(
        self,
        row: sqlite3.Row,
        state: str,
        plan: Plan,
        reversed_as: Callable[[sqlite3.Row], str],
    ) -> str:
        if state in ("SUCCESS", "CANCELLED"):
            return reversed_as(row) or codes.OK
        if state == "PAYERROR" or "as_0000" in plan:
            return codes.OK
        return codes.IN_PLATFORM if row["method"] == "unactivescan" else codes.IN_PAYMENT

    @staticmethod
    def _told(state: str) -> str:
        return "SUCCESS" if state == "CANCELLED" else state

    @staticmethod
    def _amount(row: sqlite3.Row, plan: Plan) -> str:
        skew = plan.get("wrong_amount")
        amount = row["total"] if row["paid"] is None else row["paid"]
        amount = max(amount + (skew.delta if skew else 0), 0)
        return f"{amount:012d}" if "padded" in plan else str(amount)

    def _hidden(self, row: sqlite3.Row, plan: Plan) -> bool:
        rule = plan.get("not_found")
        return rule is not None and self._clock.wall() < row["created_wall"] + rule.seconds

    def _head(self, code: str, when: float | None) -> Answer:
        moment = self._clock.timestamp() if when is None else when
        return {
            "retCode": code,
            "retMsg": codes.MESSAGES[code],
            "platDate": day(moment),
            "platTime": clock_text(moment),
        }

    def _how_to_pay(self, row: sqlite3.Row) -> Answer:
        if row["method"] == "activescan":
            return {"feeUrl": self.code_url(row)}
        if row["method"] == "unifiedcode":
            return {
                "openId": row["open_id"],
                "appId": json.loads(row["content"]).get("appId", ""),
                "prepayId": f"prepay_id=wx{row['transaction_id']}{row['token']}",
                "hostLsNo": row["pay_seq"],
                "timestamp": str(int(row["created_at"])),
                "nonceStr": row["token"],
                "signType": "MD5",
                "paySign": secrets.token_hex(16).upper(),
            }
        return {}

    def code_url(self, row: sqlite3.Row) -> str:
        """«缴费二维码地址»: here it opens the simulator's page with the one order."""
        return f"{self._base_url}/?q={row['order_id']}"

    # --- writing ------------------------------------------------------------------------

    def _insert(
        self,
        db: sqlite3.Connection,
        method: str,
        members: Members,
        *,
        content: str,
        declined: bool,
    ) -> None:
        now = self._clock.timestamp()
        seconds = int(members.get("expairTime", EXPIRY))
        if not EXPIRY <= seconds <= LONGEST:
            seconds = EXPIRY
        columns: dict[str, Any] = {
            "order_id": members["orderId"],
            "transaction_id": new_number(now, digits=22),
            "pay_seq": new_number(now, digits=24),
            "method": method,
            "pay_type": members["payType"],
            "content": content,
            "title": members.get("goodsInfo", ""),
            "notify_url": members.get("notifyUrl", ""),
            "total": int(members["amount"]),
            "order_date": members["reqDate"],
            "token": secrets.token_hex(8),
            "open_id": members.get("openId", ""),
            "state": "PAYERROR" if declined else "NOTPAY",
            "created_at": now,
            "created_wall": self._clock.wall(),
            "expires_at": now + seconds,
        }
        insert(db, "trades", columns)
