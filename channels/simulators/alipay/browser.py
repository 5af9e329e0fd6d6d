"""What a browser can open: a code's address, the cashier, the file of a bill.

Called by ``simulator`` for every path that is neither the gateway nor a control.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from channels.simulators.alipay import cashier
from channels.simulators.alipay.bills import Bills
from channels.simulators.alipay.keys import Keys
from channels.simulators.alipay.trades import Trades, why_not_payable
from channels.simulators.core.clock import Clock
from channels.simulators.core.errors import ControlError
from channels.simulators.core.store import Store
from channels.simulators.core.web import Answer, Request


def _token(encoded: str) -> str:
    return parse_qs(encoded).get("token", [""])[0]


@dataclass(kw_only=True)
class Browser:
    store: Store
    clock: Clock
    keys: Keys
    trades: Trades
    bills: Bills
    seller: Mapping[str, str]
    base_url: str
    pay: Callable[[str], Any]

    def open(self, request: Request) -> Answer:
        if request.method == "GET" and request.path == "/bill/download":
            return self._download(_token(request.query))
        if request.method == "GET" and request.path.startswith("/qr/"):
            return self._scan(request)
        if request.method == "GET" and request.path == "/cashier":
            return self._cashier(request, _token(request.query))
        if request.method == "POST" and request.path == "/cashier/pay":
            return self._pay(request, _token(request.body.decode("latin-1")))
        return Answer(status=404)

    def cashier_of(self, trade: sqlite3.Row) -> Answer:
        return cashier.go(f"{self.base_url}/cashier?token={trade['token']}")

    def _by_token(self, token: str) -> sqlite3.Row | None:
        return self.store.one("SELECT * FROM trades WHERE token = ?", token)

    def _scan(self, request: Request) -> Answer:
        """Opening a code's address is scanning it: from now on there is a trade."""
        trade = self._by_token(request.path.removeprefix("/qr/"))
        if trade is None:
            return cashier.missing(request)
        try:
            self.trades.scan(trade["out_trade_no"])
        except ControlError:
            return self._cashier(request, trade["token"])  # the cashier says why not
        return self.cashier_of(trade)

    def _cashier(self, request: Request, token: str) -> Answer:
        trade = self._by_token(token)
        if trade is None:
            return cashier.missing(request)
        problem = why_not_payable(trade, now=self.clock.timestamp())
        back = self._return_address(trade) if trade["paid"] is not None else ""
        return cashier.show(request, trade, problem=problem[0] if problem else "", back=back)

    def _pay(self, request: Request, token: str) -> Answer:
        trade = self._by_token(token)
        if trade is None:
            return cashier.missing(request)
        try:
            self.pay(trade["out_trade_no"])
        except ControlError:
            return self._cashier(request, token)
        paid = self._by_token(token)
        assert paid is not None
        back = self._return_address(paid)
        return cashier.go(back) if back else self.cashier_of(paid)

    def _return_address(self, trade: sqlite3.Row) -> str:
        now = self.clock.timestamp()
        return cashier.return_address(trade, seller=self.seller, keys=self.keys, now=now)

    def _download(self, token: str) -> Answer:
        found = self.bills.file(token)
        if found is None:
            return Answer(status=403, body=b"expired")
        name, packed = found
        disposition = f'attachment; filename="{name}"'
        headers = {"Content-Type": "application/zip", "Content-Disposition": disposition}
        return Answer(status=200, headers=headers, body=packed)
