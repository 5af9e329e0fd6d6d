"""The simulated WeChat Pay itself: how it is put together, the customer and the payee.

Started by ``python -m channels.simulators wechat``, by the demo and by tests. Production code
never imports it.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from channels.simulators.core.controls import as_json
from channels.simulators.core.errors import ControlError
from channels.simulators.core.faults import Plan
from channels.simulators.core.fields import FieldError, Flag, Shape, Text, check, parse_object
from channels.simulators.core.simulator import Call, Settings, Simulator
from channels.simulators.core.web import Answer, Request
from channels.simulators.wechat import catalogue, gate
from channels.simulators.wechat.bills import Bills
from channels.simulators.wechat.callbacks import LADDER, WechatMailer, refund_content
from channels.simulators.wechat.code_pay import CodePay
from channels.simulators.wechat.desk import Desk
from channels.simulators.wechat.errors import ApiError, bad_field, json_answer, request_id
from channels.simulators.wechat.freezes import Freezes
from channels.simulators.wechat.keys import Keys
from channels.simulators.wechat.listing import list_orders
from channels.simulators.wechat.receivers import Receivers
from channels.simulators.wechat.refunds import Refunds
from channels.simulators.wechat.returns import Returns
from channels.simulators.wechat.routes import is_known, recognise
from channels.simulators.wechat.schema import COLUMNS, TABLES
from channels.simulators.wechat.shares import Shares
from channels.simulators.wechat.trades import Trades, code_url
from channels.simulators.wechat.transfer_rules import FAIL_REASONS
from channels.simulators.wechat.transfers import Transfers, bill_content

BREAKDOWNS = {
    "error": (500, "SYSTEM_ERROR", "系统异常，请用相同参数重新调用"),
    "rate_limited": (429, "FREQUENCY_LIMITED", "频率限制，请降低频率后重试"),
    "accepted": (202, "ACCEPTED", "服务器已接受请求，但尚未处理，请用相同参数重新调用"),
}
CONFIRM = Shape(
    members={
        "out_bill_no": Text(max=32, required=True),
        "accept": Flag(),
        "reason": Text(max=64, choices=FAIL_REASONS),
    }
)


def _confirm(simulator: WechatSimulator, request: Request) -> Answer:
    body = parse_object(request.body)
    check(body, CONFIRM)
    document = simulator.confirm(
        body["out_bill_no"], accept=body.get("accept", True), reason=body.get("reason", "")
    )
    return as_json(200, document)


class WechatSimulator(Simulator):
    code: ClassVar[str] = "wechat"
    title: ClassVar[tuple[str, str]] = ("WeChat Pay simulator", "微信支付模拟器")
    schema: ClassVar[str] = TABLES
    columns: ClassVar[Mapping[str, Mapping[str, str]]] = COLUMNS
    ladder: ClassVar[tuple[int, ...]] = LADDER
    wire_faults: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = catalogue.WIRE
    common_faults: ClassVar[Mapping[str, tuple[str, str]]] = catalogue.COMMON
    callback_kinds: ClassVar[tuple[str, ...]] = ("pay", "refund", "transfer")
    callback_faults: ClassVar[Mapping[str, tuple[str, str]]] = catalogue.CALLBACK
    kind_faults: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = catalogue.KINDS
    words: ClassVar[Mapping[str, tuple[str, str]]] = catalogue.WORDS
    more_controls: ClassVar[Mapping[tuple[str, str], Callable[[Any, Request], Answer]]] = {
        ("POST", "/_sim/confirm"): _confirm,
    }

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
        self.keys.attach(self.store)
        self._freezes = Freezes(self.store, self.clock, self.ledger, merchant=self.merchant)
        self._receivers = Receivers(self.store, merchant=self.merchant)
        self._open_payments()
        self._open_funds()
        self._desk = self._open_desk()
        due = (self._refunds, self._freezes, self._shares, self._returns, self._transfers)
        for part in due:
            self.agenda.add(part.run_due)

    def _open_payments(self) -> None:
        books = (self.store, self.clock, self.ledger)
        self._trades = Trades(
            *books,
            merchant=self.merchant,
            appid=str(self._identity["appid"]),
            base_url=self.base_url,
            freezes=self._freezes,
        )
        self._refunds = Refunds(
            *books,
            merchant=self.merchant,
            freezes=self._freezes,
            wait=self.wait_seconds,
            ended=self._refund_ended,
        )

    def _open_funds(self) -> None:
        books = (self.store, self.clock, self.ledger)
        self._shares = Shares(
            *books,
            merchant=self.merchant,
            freezes=self._freezes,
            receivers=self._receivers,
            wait=self.wait_seconds,
        )
        self._returns = Returns(*books, merchant=self.merchant)
        self._transfers = Transfers(
            *books,
            merchant=self.merchant,
            wait=self.wait_seconds,
            finished=self._transfer_finished,
        )

    def _open_desk(self) -> Desk:
        appid = str(self._identity["appid"])
        return Desk(
            keys=self.keys,
            merchant=self.merchant,
            appid=appid,
            trades=self._trades,
            code_pay=CodePay(
                self.store,
                self.clock,
                self.ledger,
                merchant=self.merchant,
                appid=appid,
                trades=self._trades,
                freezes=self._freezes,
                customer_pays=self.pay,
            ),
            refunds=self._refunds,
            receivers=self._receivers,
            shares=self._shares,
            returns=self._returns,
            transfers=self._transfers,
            bills=Bills(
                self.store,
                self.clock,
                merchant=self.merchant,
                appid=appid,
                base_url=self.base_url,
            ),
        )

    @property
    def merchant(self) -> str:
        return str(self._identity["mchid"])

    def mailer(self) -> WechatMailer:
        self._mailer = WechatMailer(self.keys, self.clock)
        return self._mailer

    # --- the wire -----------------------------------------------------------------------

    def identify(self, request: Request) -> Call:
        return recognise(request)

    def perform(self, call: Call, plan: Plan) -> Answer:
        if not call.op:
            status = 405 if is_known(call.request.path) else 404
            return Answer(status=status, headers={"Request-ID": request_id()})
        try:
            gate.authenticate(
                call.request, keys=self.keys, mchid=self.merchant, now=self.clock.timestamp()
            )
            document = self._desk.do(call, plan)
        except ApiError as refused:
            return refused.answer()
        except FieldError as wrong:
            return bad_field(wrong).answer()
        if call.request.method == "POST":
            self._hurry(call)
            self.agenda.wake()  # what was accepted may be the next thing that is due
        if isinstance(document, Answer):
            return document
        if document is None:
            return Answer(status=204, headers={"Request-ID": request_id()})
        return json_answer(200, document)

    def breakdown(self, kind: str) -> Answer:
        status, code, message = BREAKDOWNS[kind]
        return json_answer(status, {"code": code, "message": message})

    def seal(self, answer: Answer, call: Call, *, tamper: str) -> Answer:
        """2xx is signed over the raw body; errors and bills carry no Wechatpay-* headers."""
        if answer.status >= 300 or call.op == "bill_file":
            return answer
        serial = self.keys.serial_for(call.request.header("wechatpay-serial"))
        signed = self.keys.headers(
            answer.body, serial=serial, now=self.clock.timestamp(), tamper=tamper
        )
        return replace(answer, headers={**answer.headers, **signed})

    def _hurry(self, call: Call) -> None:
        """The fault "early": told before the request's own answer.

        For a prepay the quickest of customers pays; where the same order was paid a moment ago
        there is nothing left to hurry.
        """
        body = json.loads(call.request.body or b"{}")
        if call.op == "pay":
            number = body["out_trade_no"]
            if "early" in self.faults.peek(("callback", "callback_pay"), (number,)):
                with contextlib.suppress(ControlError):
                    self.pay(number)
        elif call.op == "refund":
            number, numbers = body["out_refund_no"], call.numbers
            if "early" in self.faults.peek(("callback", "callback_refund"), numbers):
                notice_id = self._refunds.end(number)
                if notice_id:
                    self.notifier.deliver_now(notice_id)

    # --- the customer, the payee and the bank ---------------------------------------------

    def pay(
        self, out_trade_no: str, *, amount: int | None = None, force: bool = False
    ) -> dict[str, Any]:
        plan = self.faults.peek(("callback", "callback_pay"), (out_trade_no,))
        early = "early" in plan
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
        row = self._refunds.finish(out_refund_no, status)
        return {"out_refund_no": out_refund_no, "amount": row["amount"], "status": row["status"]}

    def confirm(self, out_bill_no: str, *, accept: bool = True, reason: str = "") -> dict[str, Any]:
        """The payee takes a transfer; or it fails, for ``reason``. Raises ControlError."""
        row = self._transfers.confirm(
            out_bill_no, accept=accept, reason=reason or "PAYEE_ACCOUNT_ABNORMAL"
        )
        self.agenda.wake()
        return {
            "out_bill_no": out_bill_no,
            "transfer_bill_no": row["transfer_bill_no"],
            "amount": row["amount"],
            "state": row["state"],
        }

    def set_max_ratio(self, ratio: int) -> None:
        """How much of an order may be shared, in hundredths of a per cent (10000: all of it)."""
        self._shares.max_ratio = ratio

    def _plan(self, kind: str, *numbers: str) -> Plan:
        return self.faults.plan(("callback", f"callback_{kind}"), numbers)

    def _paid(self, db: sqlite3.Connection, trade: sqlite3.Row, plan: Plan) -> str:
        if not trade["notify_url"]:
            return ""  # nobody is told of a payment by a scanned code
        content = self._trades.document(db, trade, plan=plan)
        return self.notifier.enqueue(
            db,
            kind="pay",
            our_no=trade["out_trade_no"],
            order_no=trade["out_trade_no"],
            url=trade["notify_url"],
            body=self._mailer.body("TRANSACTION.SUCCESS", content),
            plan=plan,
        )

    def _refund_ended(self, db: sqlite3.Connection, refund: sqlite3.Row) -> str:
        if not refund["notify_url"]:
            return ""  # the real one would fall back to the console's v2 setting: none here
        plan = self._plan("refund", refund["out_refund_no"], refund["out_trade_no"])
        content = refund_content(Refunds.document(refund, plan=plan), mchid=self.merchant)
        body = self._mailer.body(f"REFUND.{refund['status']}", content)
        if "v2_xml" in plan:
            body = self._mailer.v2_body(appid=self._identity["appid"], mchid=self.merchant)
        return self.notifier.enqueue(
            db,
            kind="refund",
            our_no=refund["out_refund_no"],
            order_no=refund["out_trade_no"],
            url=refund["notify_url"],
            body=body,
            plan=plan,
        )

    def _transfer_finished(self, db: sqlite3.Connection, bill: sqlite3.Row) -> None:
        if not bill["notify_url"]:
            return
        plan = self._plan("transfer", bill["out_bill_no"])
        skew = plan.get("wrong_amount")
        amount = bill["amount"] + (skew.delta if skew else 0)
        self.notifier.enqueue(
            db,
            kind="transfer",
            our_no=bill["out_bill_no"],
            order_no=bill["out_bill_no"],
            url=bill["notify_url"],
            body=self._mailer.body(
                "MCHTRANSFER.BILL.FINISHED",
                bill_content(bill, merchant=self.merchant, amount=amount),
            ),
            plan=plan,
        )

    # --- the page and the scripts -------------------------------------------------------

    def orders(
        self, *, search: str = "", state: str = "", limit: int = 50, before: int | None = None
    ) -> list[dict[str, Any]]:
        return list_orders(
            self.store,
            now=self.clock.timestamp(),
            search=search,
            state=state,
            limit=limit,
            before=before,
        )

    def transfers(self) -> list[dict[str, Any]]:
        return self._transfers.listing()

    def code_of(self, out_trade_no: str) -> str:
        row = self.store.one("SELECT * FROM trades WHERE out_trade_no = ?", out_trade_no)
        return code_url(row["token"]) if row and row["trade_type"] == "NATIVE" else ""
