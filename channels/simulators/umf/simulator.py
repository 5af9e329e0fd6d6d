"""The simulated UMF itself: the wire, the customer, the list of orders.

Started by ``python -m channels.simulators umf``, by the demo and by tests. Production code never
imports it.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from channels.simulators.core.errors import ControlError
from channels.simulators.core.faults import Plan
from channels.simulators.core.simulator import Call, Settings, Simulator
from channels.simulators.core.web import Answer, Request
from channels.simulators.umf import codes, faults, gate
from channels.simulators.umf.callbacks import LADDER, UmfMailer
from channels.simulators.umf.codes import Refused
from channels.simulators.umf.keys import Keys, answered
from channels.simulators.umf.listing import list_orders
from channels.simulators.umf.reversals import Reversals
from channels.simulators.umf.schema import TABLES
from channels.simulators.umf.settlement import settlement_file
from channels.simulators.umf.texts import clock as clock_text
from channels.simulators.umf.texts import day
from channels.simulators.umf.trades import Trades

OPERATIONS = {
    "activescan": "pay",
    "unifiedcode": "pay",
    "unactivescan": "pay",
    "orderquery": "query",
    "close": "close",
    "repeal": "cancel",
    "refund": "refund",
    "refundquery": "query_refund",
    "getCollateFile": "bill",
}
"""The last part of a path, and what the switches call it."""
PATH = re.compile(r"(?:/in-pay-client)?/pay/([A-Za-z]+)|/comp-pospre-server/(getCollateFile)")
"""Only /in-pay-client/pay/orderquery is specified. The file's address is the integrators'."""
NUMBERS = ("orderId", "refundOrderId", "transactionId")
BAD_GATEWAY = Answer(
    status=502,
    headers={"Content-Type": "text/html"},
    body=b"<html><body><h1>502 Bad Gateway</h1></body></html>",
)
JSON_HEADERS = {"Content-Type": "application/json;charset=UTF-8"}


@dataclass(frozen=True, kw_only=True)
class UmfCall(Call):
    name: str = ""
    """The last part of the path."""
    members: Mapping[str, str] = field(default_factory=dict)


class UmfSimulator(Simulator):
    code: ClassVar[str] = "umf"
    title: ClassVar[tuple[str, str]] = ("UMF simulator", "联动优势模拟器")
    schema: ClassVar[str] = TABLES
    ladder: ClassVar[tuple[int, ...]] = LADDER
    wire_faults: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = faults.BY_OPERATION
    callback_kinds: ClassVar[tuple[str, ...]] = ("pay", "refund", "cancel")
    words: ClassVar[Mapping[str, tuple[str, str]]] = faults.WORDS

    def __init__(
        self,
        identity: Mapping[str, Any],
        *,
        state: str = ":memory:",
        port: int = 0,
        settings: Settings | None = None,
    ) -> None:
        self._identity = dict(identity)
        self.keys = Keys(identity)
        super().__init__(state=state, port=port, settings=settings or Settings())
        self._mailer.attach(self.store)
        books = (self.store, self.clock, self.ledger)
        self._trades = Trades(*books, merchant=self.merchant, base_url=self.base_url)
        self._reversals = Reversals(
            *books,
            merchant=self.merchant,
            trades=self._trades,
            wait=self.wait_seconds,
            refunded=self._refund_ended,
            repealed=self._repealed,
        )
        self.agenda.add(self._reversals.run_due)
        self._operations: dict[str, Callable[[UmfCall, Mapping[str, str], Plan], Any]] = {
            "pay": self._order,
            "query": lambda call, members, plan: self._trades.query(
                members, plan=plan, reversed_as=self._reversals.told_as
            ),
            "close": lambda call, members, plan: self._trades.close(members),
            "cancel": lambda call, members, plan: self._reversals.repeal(members, plan=plan),
            "refund": self._refund,
            "query_refund": lambda call, members, plan: self._reversals.query_refund(
                members, plan=plan
            ),
            "bill": self._bill,
        }

    @property
    def merchant(self) -> str:
        return str(self._identity["mer_id"])

    def mailer(self) -> UmfMailer:
        self._mailer = UmfMailer(self.keys, self.clock)
        return self._mailer

    def _catalogue(self) -> dict[str, dict[str, tuple[str, str]]]:
        return faults.catalogue(tuple(self.callback_kinds))

    # --- the wire -----------------------------------------------------------------------

    def identify(self, request: Request) -> Call:
        match = PATH.fullmatch(request.path)
        name = (match[1] or match[2]) if match else ""
        if request.method != "POST" or name not in OPERATIONS:
            return Call(op="", request=request)
        members: Mapping[str, str] = {}
        with contextlib.suppress(Refused):  # told when it is performed
            members = gate.read(request)
        numbers = tuple(members[number] for number in NUMBERS if members.get(number))
        return UmfCall(
            op=OPERATIONS[name], request=request, numbers=numbers, name=name, members=members
        )

    def perform(self, call: Call, plan: Plan) -> Answer:
        if not isinstance(call, UmfCall):
            return Answer(status=404)
        if "bad_gateway" in plan:
            return BAD_GATEWAY
        try:
            if "our_signature" in plan:
                raise Refused(codes.BAD_SIGNATURE)
            members = gate.read(call.request)
            members = gate.check(call.name, members, keys=self.keys, mer_id=self.merchant)
            document = self._operations[call.op](call, members, plan)
        except Refused as refused:
            document = self._refusal(refused, call.members)
        self.agenda.wake()
        return BAD_GATEWAY if "bad_gateway_after" in plan else _json(document)

    def breakdown(self, kind: str) -> Answer:
        return _json(self._refusal(Refused(codes.SYSTEM_ERROR), {}))

    def seal(self, answer: Answer, call: Call, *, tamper: str) -> Answer:
        """The signature stands in the body; what is not this wire's JSON has none."""
        if answer.headers != JSON_HEADERS or tamper == "unsigned":
            return answer
        members = json.loads(answer.body)
        members["sign"] = self.keys.sign(answered(members), tamper=tamper)
        return replace(answer, body=_dump(members))

    def _refusal(self, refused: Refused, members: Mapping[str, str]) -> dict[str, str]:
        now = self.clock.timestamp()
        said = {"retCode": refused.code, "retMsg": refused.message}
        said |= {"platDate": day(now), "platTime": clock_text(now)}
        return said | {name: members[name] for name in NUMBERS if members.get(name)}

    def _order(self, call: UmfCall, members: Mapping[str, str], plan: Plan) -> dict[str, str]:
        row, at_once = self._trades.order(call.name, members, plan=plan)
        number = row["order_id"]
        early = "early" in self.faults.peek(("callback", "callback_pay"), (number,))
        if at_once or (early and row["state"] == "NOTPAY"):
            # A bar code is paid by being shown. With "early" the quickest of customers pays.
            with contextlib.suppress(ControlError):
                self.pay(number)
            if at_once:
                row = self._row(number)
        return self._trades.answer(row)

    def _row(self, number: str) -> sqlite3.Row:
        row = self.store.one("SELECT * FROM trades WHERE order_id = ?", number)
        assert row is not None
        return row

    def _refund(self, call: UmfCall, members: Mapping[str, str], plan: Plan) -> dict[str, str]:
        document = self._reversals.refund(members, plan=plan)
        if "early" in self.faults.peek(("callback", "callback_refund"), call.numbers):
            notice_id = self._reversals.end_refund(members["refundOrderId"])
            if notice_id:
                self.notifier.deliver_now(notice_id)
        return document

    def _bill(self, call: UmfCall, members: Mapping[str, str], plan: Plan) -> dict[str, str]:
        content = settlement_file(
            self.store, self.clock, members["stlDate"], merchant=self.merchant, plan=plan
        )
        return {
            "retCode": codes.OK,
            "retMsg": codes.MESSAGES[codes.OK],
            "merId": self.merchant,
            "stlDate": members["stlDate"],
            "fileContent": content,
        }

    # --- the customer and the bank ------------------------------------------------------

    def pay(
        self, out_trade_no: str, *, amount: int | None = None, force: bool = False
    ) -> dict[str, Any]:
        early = "early" in self.faults.peek(("callback", "callback_pay"), (out_trade_no,))
        row, notice_id = self._trades.pay(
            out_trade_no,
            amount=amount,
            force=force,
            plan=self._plan("pay", out_trade_no),
            paid=self._paid,
        )
        if early and notice_id:
            self.notifier.deliver_now(notice_id)
        return {
            "out_trade_no": out_trade_no,
            "transaction_id": row["transaction_id"],
            "amount": row["paid"],
            "trade_state": "SUCCESS",
        }

    def finish_refund(self, out_refund_no: str, status: str) -> dict[str, Any]:
        row = self._reversals.finish(out_refund_no, status)
        return {"out_refund_no": out_refund_no, "amount": row["amount"], "status": row["status"]}

    def _plan(self, kind: str, *numbers: str) -> Plan:
        return self.faults.plan(("callback", f"callback_{kind}"), numbers)

    def _paid(self, db: sqlite3.Connection, trade: sqlite3.Row, plan: Plan) -> str:
        return self._tell(
            db, "pay", trade, state="TRADE_SUCCESS", url=trade["notify_url"], plan=plan
        )

    def _refund_ended(self, db: sqlite3.Connection, trade: sqlite3.Row, refund: sqlite3.Row) -> str:
        state = "REFUND_SUCCESS" if refund["status"] == "SUCCESS" else "REFUND_FAIL"
        number = refund["refund_order_id"]
        plan = self._plan("refund", number, trade["order_id"])
        return self._tell(
            db, "refund", trade, state=state, url=refund["notify_url"], plan=plan, our_no=number
        )

    def _repealed(self, db: sqlite3.Connection, trade: sqlite3.Row, repeal: sqlite3.Row) -> str:
        plan = self._plan("cancel", trade["order_id"])
        return self._tell(
            db, "cancel", trade, state="TRADE_CANCEL", url=repeal["notify_url"], plan=plan
        )

    def _tell(
        self,
        db: sqlite3.Connection,
        kind: str,
        trade: sqlite3.Row,
        *,
        state: str,
        url: str,
        plan: Plan,
        our_no: str = "",
    ) -> str:
        """``amount`` is «付款金额», the payment's, whatever the notification is about."""
        if not url:
            return ""  # the real one would fall back to its console's setting: none here
        skew = plan.get("wrong_amount")
        body = self._mailer.body(
            trade,
            mer_id=self.merchant,
            state=state,
            amount=trade["paid"] + (skew.delta if skew else 0),
            pay_seq=trade["pay_seq"],
            refund_order_id=our_no,
        )
        return self.notifier.enqueue(
            db,
            kind=kind,
            our_no=our_no or trade["order_id"],
            order_no=trade["order_id"],
            url=url,
            body=body,
            plan=plan,
        )

    # --- the page and the scripts -------------------------------------------------------

    def orders(
        self, *, search: str = "", state: str = "", limit: int = 50, before: int | None = None
    ) -> list[dict[str, Any]]:
        return list_orders(
            self.store,
            self._trades,
            now=self.clock.timestamp(),
            search=search,
            state=state,
            limit=limit,
            before=before,
        )

    def code_of(self, out_trade_no: str) -> str:
        row = self.store.one("SELECT * FROM trades WHERE order_id = ?", out_trade_no)
        return self._trades.code_url(row) if row and row["method"] == "activescan" else ""


def _dump(members: Mapping[str, str]) -> bytes:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def _json(members: Mapping[str, str]) -> Answer:
    return Answer(status=200, headers=JSON_HEADERS, body=_dump(members))
