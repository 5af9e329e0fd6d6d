"""One function per method of the gateway: a checked ``biz_content`` in, a node out.

Called by ``simulator`` after the gate. It decides nothing about signatures or HTTP.
"""

from __future__ import annotations

import base64
import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from channels.simulators.alipay import answers
from channels.simulators.alipay.bills import Bills
from channels.simulators.alipay.errors import business, success
from channels.simulators.alipay.keys import Keys
from channels.simulators.alipay.listing import code_url
from channels.simulators.alipay.money import yuan
from channels.simulators.alipay.refunds import Refunds
from channels.simulators.alipay.relations import Relations
from channels.simulators.alipay.royalty import Royalty
from channels.simulators.alipay.shares import told as told_share
from channels.simulators.alipay.texts import stamp
from channels.simulators.alipay.trades import Public, Trades
from channels.simulators.alipay.transfers import Transfers
from channels.simulators.core.errors import ControlError
from channels.simulators.core.faults import Plan
from channels.simulators.core.store import Store

OPERATIONS: Mapping[str, str] = {
    "alipay.trade.precreate": "pay",
    "alipay.trade.page.pay": "pay",
    "alipay.trade.wap.pay": "pay",
    "alipay.trade.app.pay": "pay",
    "alipay.trade.create": "pay",
    "alipay.trade.pay": "pay",
    "alipay.trade.query": "query",
    "alipay.trade.close": "close",
    "alipay.trade.cancel": "cancel",
    "alipay.trade.refund": "refund",
    "alipay.trade.fastpay.refund.query": "query_refund",
    "alipay.trade.order.settle": "allocate",
    "alipay.trade.order.settle.query": "query_allocation",
    "alipay.trade.order.onsettle.query": "query_unshared",
    "alipay.trade.royalty.relation.bind": "bind",
    "alipay.trade.royalty.relation.unbind": "unbind",
    "alipay.trade.royalty.relation.batchquery": "list_receivers",
    "alipay.trade.royalty.rate.query": "query_rate",
    "alipay.fund.trans.uni.transfer": "transfer",
    "alipay.fund.trans.common.query": "query_transfer",
    "alipay.data.dataservice.bill.downloadurl.query": "bill",
    "alipay.open.app.alipaycert.download": "certificates",
}
BROWSER = ("alipay.trade.page.pay", "alipay.trade.wap.pay", "alipay.trade.app.pay")
"""These are opened by the customer's browser (or app) and answer with the cashier."""
REFUSING_CODES = {"02": "ACQ.BUYER_BALANCE_NOT_ENOUGH", "03": "ACQ.PAYMENT_AUTH_CODE_INVALID"}
WAITING_CODE = "01"
SLOW_CODE = "04"
SLOW_SECONDS = 10.0
"""How long a slow customer takes to confirm; a wait, so it is scaled."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request that has passed the gate."""

    method: str
    biz: Mapping[str, Any]
    public: Public
    plan: Plan


Answered = dict[str, Any]


@dataclass(kw_only=True)
class Methods:
    """``hurry`` makes the quickest of customers pay; ``is_early`` says where there is one."""

    store: Store
    trades: Trades
    refunds: Refunds
    royalty: Royalty
    relations: Relations
    transfers: Transfers
    bills: Bills
    keys: Keys
    seller: str
    max_ratio: int
    base_url: str
    blind: float
    """Real seconds for which a refund cannot be seen by its query."""
    wait: Callable[[float], float]
    is_early: Callable[..., bool]
    hurry: Callable[[str], Any]
    deliver: Callable[[str], None]

    def __post_init__(self) -> None:
        self._by_operation: Mapping[str, Callable[[Asked], Answered]] = {
            "query": self._query,
            "close": self._close,
            "cancel": self._cancel,
            "refund": self._refund,
            "query_refund": self._query_refund,
            "allocate": self._settle,
            "query_allocation": self._query_settle,
            "query_unshared": self._unsettled,
            "query_rate": self._rate,
            "bind": lambda asked: self.relations.bind(asked.biz),
            "unbind": lambda asked: self.relations.unbind(asked.biz),
            "list_receivers": lambda asked: self.relations.page(asked.biz),
            "transfer": lambda asked: self.transfers.request(asked.biz, plan=asked.plan),
            "query_transfer": lambda asked: self.transfers.query(asked.biz, plan=asked.plan),
            "bill": lambda asked: self.bills.link(asked.biz["bill_type"], asked.biz["bill_date"]),
            "certificates": self._certificate,
        }

    def perform(self, asked: Asked) -> Answered:
        if asked.method == "alipay.trade.pay":
            return self._bar_pay(asked)
        operation = OPERATIONS[asked.method]
        return self._by_operation.get(operation, self._order)(asked)

    def open_cashier(self, asked: Asked) -> sqlite3.Row:
        """Page, wap and app pay: the trade exists once the customer stands at the cashier."""
        with self.store.write() as db:
            return self.trades.order(db, asked.method, asked.biz, public=asked.public)

    # --- ordering -----------------------------------------------------------------------

    def _order(self, asked: Asked) -> Answered:
        is_lazy = asked.method == "alipay.trade.precreate"
        if not is_lazy and not {"buyer_id", "buyer_open_id"} & asked.biz.keys():
            raise business("ACQ.INVALID_PARAMETER", "参数无效：buyer_id 或 buyer_open_id 必填")
        with self.store.write() as db:
            trade = self.trades.order(db, asked.method, asked.biz, public=asked.public)
        number = trade["out_trade_no"]
        if self.is_early("pay", number):
            # The quickest of customers: paid and told before the merchant has its own answer.
            # Where the same order was paid a moment ago there is nothing left to hurry.
            with contextlib.suppress(ControlError):
                self.hurry(number)
        if is_lazy:
            return success(out_trade_no=number, qr_code=code_url(trade, base_url=self.base_url))
        return success(**answers.numbers(trade))

    def _bar_pay(self, asked: Asked) -> Answered:
        """The last two digits of the customer's code choose what happens."""
        ending = asked.biz["auth_code"][-2:]
        if ending in REFUSING_CODES:
            raise business(REFUSING_CODES[ending], **answers.UNPAID_SUMS)
        notice_id = ""
        with self.store.write() as db:
            trade = self.trades.order(db, asked.method, asked.biz, public=asked.public)
            if ending == SLOW_CODE:
                self.trades.pay_later(db, trade, seconds=self.wait(SLOW_SECONDS))
            elif ending != WAITING_CODE and "waiting" not in asked.plan:
                trade, notice_id = self.trades.receive(db, trade, amount=trade["total"])
        if notice_id and self.is_early("pay", trade["out_trade_no"]):
            self.deliver(notice_id)
        return answers.of_bar_pay(trade)

    # --- asking and ending --------------------------------------------------------------

    def _query(self, asked: Asked) -> Answered:
        options = asked.biz.get("query_options", ())
        with self.store.write() as db:
            trade = self.trades.named(db, asked.biz)
            if self.trades.is_hidden(trade, asked.plan):
                raise business("ACQ.TRADE_NOT_EXIST")
            lagging = self.trades.is_lagging(trade, asked.plan)
            wanted = "trade_settle_info" in options
            settled = self.royalty.settle_info(db, trade) if wanted else None
        return answers.of_query(trade, plan=asked.plan, lagging=lagging, settled=settled)

    def _close(self, asked: Asked) -> Answered:
        with self.store.write() as db:
            trade = self.trades.named(db, asked.biz)
            if trade["status"] != "WAIT_BUYER_PAY":
                raise business("ACQ.REASON_TRADE_STATUS_INVALID")
            self.trades.close(db, trade)
        return success(**answers.numbers(trade))

    def _cancel(self, asked: Asked) -> Answered:
        if "retry" in asked.plan:
            with self.store.write() as db:
                trade = self.trades.named(db, asked.biz)
            return success(**answers.numbers(trade), retry_flag="Y")
        trade, action, notice_id = self.refunds.cancel(asked.biz)
        if notice_id and self.is_early("refund", trade["out_trade_no"]):
            self.deliver(notice_id)
        return success(**answers.numbers(trade), retry_flag="N", action=action or None)

    def _refund(self, asked: Asked) -> Answered:
        (trade, refund, changed), notice_id = self.refunds.request(asked.biz, plan=asked.plan)
        if notice_id and self.is_early("refund", refund["out_request_no"], trade["out_trade_no"]):
            self.deliver(notice_id)
        options = asked.biz.get("query_options", ())
        return answers.of_refund(trade, refund, changed=changed, options=options)

    def _query_refund(self, asked: Asked) -> Answered:
        found = self.refunds.query(asked.biz, plan=asked.plan, blind=self.blind)
        if found is None:
            return success()
        trade, refund, _ = found
        royalty = self.royalty.returned(refund)
        options = asked.biz.get("query_options", ())
        return answers.of_refund_query(
            trade, refund, royalty=royalty, plan=asked.plan, options=options
        )

    # --- royalty and the rest -----------------------------------------------------------

    def _settle(self, asked: Asked) -> Answered:
        settle = self.royalty.settle(asked.biz, plan=asked.plan)
        return success(trade_no=settle["trade_no"], settle_no=settle["settle_no"])

    def _query_settle(self, asked: Asked) -> Answered:
        settle, shares = self.royalty.query(asked.biz)
        return success(
            out_request_no=settle["out_request_no"],
            operation_dt=stamp(settle["at"]),
            royalty_detail_list=[told_share(share, seller=self.seller) for share in shares],
        )

    def _unsettled(self, asked: Asked) -> Answered:
        return success(unsettled_amount=yuan(self.royalty.unsettled(asked.biz)))

    def _rate(self, asked: Asked) -> Answered:
        return success(user_id=self.seller, max_ratio=self.max_ratio)

    def _certificate(self, asked: Asked) -> Answered:
        pem = self.keys.certificates.get(asked.biz["alipay_cert_sn"])
        if pem is None:
            raise business("INVALID_PARAMETER", "参数有误：alipay_cert_sn 不存在")
        return success(alipay_cert_content=base64.b64encode(pem.encode()).decode())
