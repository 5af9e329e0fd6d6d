"""The simulated Alipay itself: the gateway, the cashier, the customer, the list of orders.

Started by ``python -m channels.simulators alipay``, by the demo and by tests. Production code
never imports it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from urllib.parse import urlsplit

from channels.simulators.alipay import cashier, controls, gate, shapes
from channels.simulators.alipay.bills import Bills
from channels.simulators.alipay.browser import Browser
from channels.simulators.alipay.callbacks import LADDER, AlipayMailer, fields_of
from channels.simulators.alipay.envelope import Node, as_node, seal
from channels.simulators.alipay.errors import SUB_MESSAGES, ApiError, bad_field
from channels.simulators.alipay.faults import BY_OPERATION, WORDS, catalogue
from channels.simulators.alipay.gate import Form
from channels.simulators.alipay.keys import Keys
from channels.simulators.alipay.listing import code_url, list_orders, list_transfers
from channels.simulators.alipay.methods import BROWSER, OPERATIONS, Asked, Methods
from channels.simulators.alipay.refunds import Refunds
from channels.simulators.alipay.relations import Relations
from channels.simulators.alipay.royalty import Royalty
from channels.simulators.alipay.schema import TABLES
from channels.simulators.alipay.shares import Shares
from channels.simulators.alipay.trades import Public, Trades
from channels.simulators.alipay.transfers import Transfers
from channels.simulators.core.faults import Plan
from channels.simulators.core.fields import FieldError, parse_object
from channels.simulators.core.simulator import Call, Settings, Simulator
from channels.simulators.core.web import Answer, Request

GATEWAY = "/gateway.do"
BAD_GATEWAY = Answer(
    status=502,
    headers={"Content-Type": "text/html"},
    body=b"<html><body><h1>502 Bad Gateway</h1></body></html>",
)
BREAKDOWNS = {
    "error": ("20000", "isp.unknow-error"),
    "rate_limited": ("40005", "isv.app-call-limited"),
}
SYSTEM_ERRORS = {
    # The table of cancel spells it so.
    "cancel": "AQC.SYSTEM_ERROR",
    "allocate": "ACQ.TRADE_SETTLE_ERROR",
    "transfer": "SYSTEM_ERROR",
    "query_transfer": "SYSTEM_ERROR",
}
NAMELESS = ("isv.missing-method", "isv.invalid-method", "isv.missing-app-id", "isv.invalid-app-id")
"""Refused before the gateway knows whose method to name: ``error_response``."""
NUMBERS = ("out_trade_no", "trade_no", "out_request_no", "out_biz_no", "order_id", "settle_no")


@dataclass(frozen=True, kw_only=True)
class AlipaySettings(Settings):
    refund_query_after: float = 0.0
    """Documented seconds (10 at the real one) for which a refund cannot be seen; scaled."""


@dataclass(frozen=True, kw_only=True)
class AlipayCall(Call):
    form: Form = field(default_factory=lambda: Form({}))


class AlipaySimulator(Simulator):
    code: ClassVar[str] = "alipay"
    words: ClassVar[Mapping[str, tuple[str, str]]] = WORDS
    title: ClassVar[tuple[str, str]] = ("Alipay simulator", "支付宝模拟器")
    schema: ClassVar[str] = TABLES
    ladder: ClassVar[tuple[int, ...]] = LADDER
    wire_faults: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = BY_OPERATION
    callback_kinds: ClassVar[tuple[str, ...]] = ("pay", "refund", "close")
    more_controls: ClassVar[Mapping[tuple[str, str], Callable[[Any, Request], Answer]]] = (
        controls.MORE
    )

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
        super().__init__(state=state, port=port, settings=settings or AlipaySettings())
        self._trades = Trades(
            self.store,
            self.clock,
            self.ledger,
            seller=self.merchant,
            buyer=identity["buyer_id"],
            tell=self._tell,
        )
        self._methods = self._assemble()
        self._browser = Browser(
            store=self.store,
            clock=self.clock,
            keys=self.keys,
            trades=self._trades,
            bills=self._methods.bills,
            seller=self._seller,
            base_url=self.base_url,
            pay=self.pay,
        )
        for part in (self._trades, self._methods.refunds, self._methods.royalty):
            self.agenda.add(part.run_due)
        self.agenda.add(self._methods.transfers.run_due)

    def _assemble(self) -> Methods:
        store, clock, book = self.store, self.clock, self.ledger
        seller, trades = self.merchant, self._trades
        ratio, wait = int(self._identity["max_ratio"]), self.wait_seconds
        blind = getattr(self.settings, "refund_query_after", 0.0)
        shares = Shares(clock, book, seller=seller, trades=trades)
        return Methods(
            store=store,
            trades=trades,
            refunds=Refunds(
                store, clock, book, seller=seller, trades=trades, shares=shares, tell=self._tell
            ),
            royalty=Royalty(
                store,
                clock,
                book,
                seller=seller,
                max_ratio=ratio,
                trades=trades,
                shares=shares,
                wait=wait,
            ),
            relations=Relations(store),
            transfers=Transfers(store, clock, book, seller=seller, wait=wait),
            bills=Bills(store, clock, seller=seller, base_url=self.base_url),
            keys=self.keys,
            seller=seller,
            max_ratio=ratio,
            base_url=self.base_url,
            blind=wait(blind),
            wait=wait,
            is_early=self._is_early,
            hurry=self.pay,
            deliver=self.notifier.deliver_now,
        )

    @property
    def merchant(self) -> str:
        return str(self._identity["seller_id"])

    def mailer(self) -> AlipayMailer:
        self._mailer = AlipayMailer(self.keys, self.clock)
        return self._mailer

    def _catalogue(self) -> dict[str, dict[str, tuple[str, str]]]:
        return catalogue(self.callback_kinds)

    # --- the wire -----------------------------------------------------------------------

    def handle(self, request: Request) -> Answer:
        """Some clients send the absolute form of the target; its authority is the host then."""
        if request.target.startswith("http://"):
            parts = urlsplit(request.target)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            headers = {**request.headers, "host": parts.netloc}
            request = replace(request, target=target, headers=headers)
        return super().handle(request)

    def identify(self, request: Request) -> AlipayCall:
        if request.path != GATEWAY or request.method not in ("GET", "POST"):
            return AlipayCall(op="", request=request)
        form = gate.read_form(request)
        operation = OPERATIONS.get(form.method, "")
        return AlipayCall(op=operation, request=request, form=form, numbers=_numbers(form))

    def perform(self, call: Call, plan: Plan) -> Answer:
        assert isinstance(call, AlipayCall)
        if call.request.path != GATEWAY:
            return self._browser.open(call.request)
        if call.request.method not in ("GET", "POST"):
            return Answer(status=405)
        if "bad_gateway" in plan:
            return BAD_GATEWAY
        try:
            answer = self._ask(call, plan)
        except ApiError as error:
            answer = self._refuse(call, error)
        if "bad_gateway_after" in plan:
            return BAD_GATEWAY
        if "system_error_after" in plan:
            answer = self._refuse(call, _system_error(call.op))
        return answer

    def _ask(self, call: AlipayCall, plan: Plan) -> Answer:
        form = call.form
        gate.authenticate(
            form,
            keys=self.keys,
            app_id=self._identity["app_id"],
            known=OPERATIONS,
            now=self.clock.timestamp(),
        )
        if "no_permission" in plan:
            raise ApiError("40006", "isv.insufficient-isv-permissions")
        if "system_error" in plan:
            raise _system_error(call.op)
        public = Public(
            notify_url=form.text("notify_url"),
            return_url=form.text("return_url"),
            sign_type=form.sign_type,
            certificates=form.in_certificate_mode,
        )
        try:
            biz = shapes.read(form.method, form.text("biz_content"))
            asked = Asked(method=form.method, biz=biz, public=public, plan=plan)
            if form.method in BROWSER:
                return self._browser.cashier_of(self._methods.open_cashier(asked))
            node = self._methods.perform(asked)
        except FieldError as wrong:
            raise bad_field(wrong, method=form.method) from wrong
        self.agenda.wake()  # what was just written may be the next thing that is due
        return as_node(node, odd="odd" in plan)

    def _refuse(self, call: AlipayCall, error: ApiError) -> Answer:
        if call.form.method in BROWSER:
            return cashier.refused(call.request, error)
        name = "error_response" if error.sub_code in NAMELESS else ""
        known = call.form.values.get("app_id") == self._identity["app_id"].encode()
        return as_node(error.node, name=name, signed=known)

    def breakdown(self, kind: str) -> Answer:
        code, sub_code = BREAKDOWNS[kind]
        return as_node(ApiError(code, sub_code, SUB_MESSAGES[sub_code]).node)

    def seal(self, answer: Answer, call: Call, *, tamper: str) -> Answer:
        if not isinstance(answer, Node):
            return answer
        assert isinstance(call, AlipayCall)
        return seal(answer, call.form, keys=self.keys, tamper=tamper)

    # --- the customer and the bank ------------------------------------------------------

    def pay(
        self, out_trade_no: str, *, amount: int | None = None, force: bool = False
    ) -> dict[str, Any]:
        early = self._is_early("pay", out_trade_no)
        row, notice_id = self._trades.pay(out_trade_no, amount=amount, force=force)
        if early and notice_id:
            self.notifier.deliver_now(notice_id)
        return {
            "out_trade_no": out_trade_no,
            "trade_no": row["trade_no"],
            "amount": row["paid"],
            "trade_status": row["status"],
        }

    def scan(self, out_trade_no: str) -> dict[str, Any]:
        """The customer opens the code and does not pay yet. Raises ControlError."""
        row = self._trades.scan(out_trade_no)
        self.agenda.wake()
        return {name: row[name] for name in ("out_trade_no", "trade_no")} | {
            "trade_status": row["status"]
        }

    def finish_refund(self, out_refund_no: str, status: str) -> dict[str, Any]:
        row = self._methods.refunds.finish(out_refund_no, status)
        return {"out_request_no": out_refund_no, "amount": row["amount"], "status": row["status"]}

    def finish_transfer(self, out_biz_no: str, status: str) -> dict[str, Any]:
        """DEALING → SUCCESS or FAIL, SUCCESS → REFUND (a bank's 退票). Raises ControlError."""
        row = self._methods.transfers.finish(out_biz_no, status)
        return {"out_biz_no": out_biz_no, "amount": row["amount"], "status": row["status"]}

    def _is_early(self, kind: str, *numbers: str) -> bool:
        return "early" in self.faults.peek(("callback", f"callback_{kind}"), numbers)

    @property
    def _seller(self) -> dict[str, str]:
        identity = self._identity
        return {
            "app_id": identity["app_id"],
            "auth_app_id": identity["app_id"],
            "seller_id": identity["seller_id"],
            "seller_email": identity["seller_email"],
        }

    def _tell(
        self,
        db: sqlite3.Connection,
        kind: str,
        trade: sqlite3.Row,
        refund: sqlite3.Row | None = None,
    ) -> str:
        """Write a notification in the transaction that causes it; its id, or nothing."""
        if not trade["notify_url"]:
            return ""
        our_no = refund["out_request_no"] if refund is not None else trade["out_trade_no"]
        numbers = (our_no, trade["out_trade_no"])
        plan = self.faults.plan(("callback", f"callback_{kind}"), numbers)
        now = self.clock.timestamp()
        fields = fields_of(trade, kind=kind, refund=refund, seller=self._seller, now=now, plan=plan)
        cert = self.keys.alipay_cert_sn if trade["certificates"] else ""
        return self.notifier.enqueue(
            db,
            kind=kind,
            our_no=our_no,
            order_no=trade["out_trade_no"],
            url=trade["notify_url"],
            body=self._mailer.body(fields, sign_type=trade["sign_type"], cert=cert),
            plan=plan,
        )

    # --- the page and the scripts -------------------------------------------------------

    def orders(
        self, *, search: str = "", state: str = "", limit: int = 50, before: int | None = None
    ) -> list[dict[str, Any]]:
        return list_orders(
            self.store,
            now=self.clock.timestamp(),
            base_url=self.base_url,
            search=search,
            state=state,
            limit=limit,
            before=before,
        )

    def transfers(self) -> list[dict[str, Any]]:
        return list_transfers(self.store)

    def code_of(self, out_trade_no: str) -> str:
        row = self.store.one("SELECT * FROM trades WHERE out_trade_no = ?", out_trade_no)
        lazy = row is not None and row["method"] == "alipay.trade.precreate"
        return code_url(row, base_url=self.base_url) if row is not None and lazy else ""


def _system_error(operation: str) -> ApiError:
    return ApiError("40004", SYSTEM_ERRORS.get(operation, "ACQ.SYSTEM_ERROR"))


def _numbers(form: Form) -> tuple[str, ...]:
    """Our numbers in a request that nobody has checked yet."""
    try:
        biz = parse_object(form.values.get("biz_content", b""))
    except FieldError:
        return ()
    return tuple(biz[name] for name in NUMBERS if isinstance(biz.get(name), str))
