"""Pay orders of a simulated WeChat Pay: prepay, payment, query, close.

Called by ``simulator``. Every change is one transaction of the store; a payment writes its
movement in the book in the same one.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from channels.simulators.core.clock import Clock, rfc3339_china
from channels.simulators.core.errors import ControlError
from channels.simulators.core.faults import Plan
from channels.simulators.core.fields import parse_moment
from channels.simulators.core.store import Book, Store, insert
from channels.simulators.wechat.errors import ApiError, invalid
from channels.simulators.wechat.freezes import Freezes

MINUTE, HOUR, DAY = 60, 3600, 86400
LONGEST_EXPIRY = {"native": 7 * DAY, "jsapi": 15 * DAY, "h5": 15 * DAY, "app": 15 * DAY}
"""time_expire is clamped to this; not given: 7 days."""
TOKEN_LIFE = {"native": 2 * HOUR, "jsapi": 2 * HOUR, "h5": 5 * MINUTE, "app": 2 * HOUR}
"""How long a prepay_id, code_url or h5_url can be opened."""
AUTO_CLOSE = 7 * DAY
TRADE_TYPES = {
    "native": "NATIVE",
    "jsapi": "JSAPI",
    "h5": "MWEB",
    "app": "APP",
    "codepay": "MICROPAY",
}
FIND_BY = {
    "out_trade_no": "SELECT * FROM trades WHERE out_trade_no = ?",
    "transaction_id": "SELECT * FROM trades WHERE transaction_id = ?",
}
STATE_WORDS = {
    "NOTPAY": "订单未支付",
    "SUCCESS": "支付成功",
    "REFUND": "订单发生过退款",
    "CLOSED": "订单已关闭",
    "USERPAYING": "用户支付中，需要输入密码",
    "REVOKED": "订单已撤销",
}

PaidHook = Callable[[sqlite3.Connection, sqlite3.Row, Plan], str]
"""Writes the payment's callback in the payment's transaction; returns the notice's id."""


def order_missing() -> ApiError:
    return ApiError(404, "ORDER_NOT_EXIST", "订单不存在")


def new_number(prefix: str, now: float) -> str:
    """28 digits: prefix, the day, and a random tail, in the look of the real ones."""
    day = rfc3339_china(now)[:10].replace("-", "")
    tail = 28 - len(prefix) - len(day)
    return prefix + day + "".join(secrets.choice("0123456789") for _ in range(tail))


class Trades:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        book: Book,
        *,
        merchant: str,
        appid: str,
        base_url: str,
        freezes: Freezes,
    ) -> None:
        self._store = store
        self._clock = clock
        self._book = book
        self._merchant = merchant
        self._appid = appid
        self._base_url = base_url
        self._freezes = freezes

    # --- the wire -----------------------------------------------------------------------

    def prepay(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Hold an order, or hand out a fresh code for the one held with identical parameters."""
        parameters = json.dumps({"kind": kind, "body": body}, sort_keys=True, ensure_ascii=False)
        now = self._clock.timestamp()
        with self._store.write() as db:
            self._close_overdue(db, now)
            row = self.find(db, body["out_trade_no"])
            if row is None:
                self._insert(db, kind, body, parameters=parameters, now=now)
            else:
                self._check_repeat(row, parameters=parameters, now=now)
            prepay_id = f"wx{rfc3339_china(now)[:10].replace('-', '')}{uuid.uuid4().hex[:26]}"
            token = secrets.token_urlsafe(9)[:11]
            db.execute(
                "UPDATE trades SET prepay_id = ?, token = ?, token_until = ?"
                " WHERE out_trade_no = ?",
                (prepay_id, token, now + TOKEN_LIFE[kind], body["out_trade_no"]),
            )
        return self._prepay_answer(kind, prepay_id=prepay_id, token=token)

    def scan(self, body: Mapping[str, Any]) -> bool:
        """Hold the order of a scanned code; False where it is held with these parameters."""
        parameters = json.dumps(
            {"kind": "codepay", "body": body}, sort_keys=True, ensure_ascii=False
        )
        now = self._clock.timestamp()
        with self._store.write() as db:
            row = self.find(db, body["out_trade_no"])
            if row is not None:
                self._check_repeat(row, parameters=parameters, now=now)
                return False
            self._insert(db, "codepay", body, parameters=parameters, now=now)
            db.execute(
                "UPDATE trades SET token_until = closes_at WHERE out_trade_no = ?",
                (body["out_trade_no"],),
            )
            return True

    def query(self, *, number: str, by: str, plan: Plan) -> dict[str, Any]:
        """``by`` names the column: out_trade_no, or transaction_id once paid."""
        now = self._clock.timestamp()
        with self._store.write() as db:
            self._close_overdue(db, now)
            row = db.execute(FIND_BY[by], (number,)).fetchone()
            if row is None or self._hidden(row, plan):
                raise order_missing()
            return self.document(db, row, plan=plan)

    def close(self, number: str) -> None:
        """Re-entrant; a paid order is refused and must be queried."""
        with self._store.write() as db:
            self._close_overdue(db, self._clock.timestamp())
            row = self.find(db, number)
            if row is None:
                raise order_missing()
            if row["state"] == "SUCCESS":
                raise ApiError(400, "ORDER_PAID", "订单已支付")
            if row["trade_type"] == "MICROPAY":
                raise invalid("付款码支付的订单不能关闭，请调用撤销")
            db.execute("UPDATE trades SET state = 'CLOSED' WHERE seq = ?", (row["seq"],))

    # --- the customer -------------------------------------------------------------------

    def pay(
        self, number: str, *, amount: int | None, force: bool, plan: Plan, paid: PaidHook
    ) -> tuple[sqlite3.Row, str]:
        """Money comes in: state, book, balance and callback in one transaction."""
        now, wall = self._clock.timestamp(), self._clock.wall()
        with self._store.write() as db:
            self._close_overdue(db, now)
            row = self.find(db, number)
            if row is None:
                raise ControlError(404, "order_not_found", f"no order {number}")
            problem = self.why_not_payable(row, now=now, force=force)
            if problem:
                raise ControlError(409, *problem)
            sum_paid = row["total"] if amount is None else amount
            transaction_id = new_number("4200", now)
            db.execute(
                "UPDATE trades SET state = 'SUCCESS', transaction_id = ?, paid = ?, paid_at = ?,"
                " paid_wall = ?, reversed_at = NULL WHERE seq = ?",
                (transaction_id, sum_paid, now, wall, row["seq"]),
            )
            self._book.record(
                db,
                "pay",
                merchant=self._merchant,
                our_no=number,
                order_no=number,
                out_no=transaction_id,
                amount=sum_paid,
            )
            row = self.find(db, number)
            assert row is not None
            self._freezes.receive(db, row)
            return row, paid(db, row, plan)

    @staticmethod
    def why_not_payable(
        row: sqlite3.Row, *, now: float, force: bool = False
    ) -> tuple[str, str] | None:
        """Code and sentence; ``force`` lets late money come in, but never a second payment."""
        if row["state"] == "SUCCESS" or (row["reversed_at"] is not None and row["paid"]):
            return "already_paid", "this order has been paid"
        if force:
            return None
        if row["state"] == "CLOSED":
            return "closed", "this order is closed"
        if now >= row["expires_at"]:
            return "expired", "the time to pay this order (time_expire) is over"
        if now >= row["token_until"]:
            return "code_expired", "the code is too old; the merchant can ask for a fresh one"
        return None

    # --- reading ------------------------------------------------------------------------

    def find(self, db: sqlite3.Connection, number: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM trades WHERE out_trade_no = ?", (number,)
        ).fetchone()
        return row

    def document(self, db: sqlite3.Connection, row: sqlite3.Row, *, plan: Plan) -> dict[str, Any]:
        """The query's answer, which is also what a payment callback carries."""
        state = self._state_as_told(db, row, plan)
        skew = plan.get("wrong_amount")
        total = (row["paid"] if row["paid"] is not None else row["total"]) + (
            skew.delta if skew else 0
        )
        document: dict[str, Any] = {
            "appid": self._appid,
            "mchid": self._merchant,
            "out_trade_no": row["out_trade_no"],
            "trade_state": state,
            "trade_state_desc": STATE_WORDS[state],
        }
        if row["attach"]:
            document["attach"] = row["attach"]
        if state not in ("SUCCESS", "REFUND"):
            return document | {"amount": {"total": max(total, 0), "currency": "CNY"}}
        money = {"total": total, "payer_total": total, "currency": "CNY", "payer_currency": "CNY"}
        return document | {
            "transaction_id": row["transaction_id"],
            "trade_type": row["trade_type"],
            "bank_type": "OTHERS",
            "success_time": rfc3339_china(row["paid_at"]),
            "payer": {"openid": row["openid"]},
            "amount": money,
        }

    def _state_as_told(self, db: sqlite3.Connection, row: sqlite3.Row, plan: Plan) -> str:
        if row["reversed_at"] is not None:
            return "REVOKED"
        unpaid = "USERPAYING" if row["trade_type"] == "MICROPAY" else "NOTPAY"
        if row["state"] != "SUCCESS":
            return unpaid if row["state"] == "NOTPAY" else str(row["state"])
        lag = plan.get("lag")
        if lag and self._clock.wall() < row["paid_wall"] + lag.seconds:
            return unpaid
        refunded = db.execute(
            "SELECT 1 FROM refunds WHERE out_trade_no = ? LIMIT 1", (row["out_trade_no"],)
        ).fetchone()
        return "REFUND" if refunded else "SUCCESS"

    def _hidden(self, row: sqlite3.Row, plan: Plan) -> bool:
        """Eventual consistency: accepted, but not to be found yet."""
        rule = plan.get("not_found")
        return rule is not None and self._clock.wall() < row["created_wall"] + rule.seconds

    # --- writing ------------------------------------------------------------------------

    def _close_overdue(self, db: sqlite3.Connection, now: float) -> None:
        db.execute(
            "UPDATE trades SET state = 'CLOSED' WHERE state = 'NOTPAY' AND closes_at <= ?", (now,)
        )

    def _insert(
        self,
        db: sqlite3.Connection,
        kind: str,
        body: Mapping[str, Any],
        *,
        parameters: str,
        now: float,
    ) -> None:
        expires = now + AUTO_CLOSE
        if "time_expire" in body:
            wanted = parse_moment(body["time_expire"]).timestamp()
            expires = min(max(wanted, now + MINUTE), now + LONGEST_EXPIRY[kind])
        openid = body.get("payer", {}).get("openid") or f"o{secrets.token_urlsafe(20)[:27]}"
        columns = {
            "out_trade_no": body["out_trade_no"],
            "trade_type": TRADE_TYPES[kind],
            "description": body["description"],
            "attach": body.get("attach", ""),
            "total": body["amount"]["total"],
            "notify_url": body.get("notify_url", ""),
            "openid": openid,
            "parameters": parameters,
            "state": "NOTPAY",
            "created_at": now,
            "created_wall": self._clock.wall(),
            "expires_at": expires,
            "closes_at": max(now + AUTO_CLOSE, expires),
            "prepay_id": "",
            "token": "",
            "token_until": 0.0,
        }
        insert(db, "trades", columns)

    def _check_repeat(self, row: sqlite3.Row, *, parameters: str, now: float) -> None:
        """«同一笔订单重入请求时参数必须一致»."""
        if row["state"] == "SUCCESS":
            raise ApiError(400, "ORDERPAID", "该订单已支付")
        if row["state"] == "CLOSED":
            raise ApiError(400, "ORDER_CLOSED", "该订单已关闭")
        if row["parameters"] != parameters:
            raise ApiError(403, "OUT_TRADE_NO_USED", "商户订单号重复，请求参数与原订单不一致")
        if now >= row["expires_at"]:
            raise invalid("该订单已过期，请使用新的商户订单号重新下单")

    def _prepay_answer(self, kind: str, *, prepay_id: str, token: str) -> dict[str, Any]:
        if kind == "native":
            return {"code_url": code_url(token)}
        if kind == "h5":
            return {"h5_url": f"{self._base_url}/h5?prepay_id={prepay_id}&package={token}"}
        return {"prepay_id": prepay_id}


def code_url(token: str) -> str:
    """At most 64 characters, as documented."""
    return f"weixin://wxpay/bizpayurl?pr={token}"
