"""A merchant that takes money through the UMF adapter over real sockets, and knows nothing else."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from channels.base import (
    Account,
    CancelPay,
    ClosePay,
    Command,
    Method,
    Outcome,
    Pay,
    QueryPay,
    QueryRefund,
    Refund,
    Result,
)
from channels.simulators.umf import UmfSimulator, credentials
from channels.transport import Transport
from channels.umf.channel import UmfChannel
from tests.channels.umf_cast import number

AMOUNT = 8801
CODE = "134919586213926735"
CHANNEL = UmfChannel()


class Counter:
    """A merchant that takes money through UMF."""

    def __init__(self, umf: UmfSimulator, identity: dict[str, Any], notify_url: str) -> None:
        known = credentials(identity, umf.base_url)
        key = known.pop("merchant_private_key_pem")
        self.umf = umf
        self.account = Account(
            id=3,
            version=1,
            channel="umf",
            config={**known, "pay_type": "WX"},
            secrets={"merchant_private_key_pem": key},
        )
        self.transport = Transport()
        self.notify_url = notify_url
        self.ahead = timedelta()
        self.order_no = self.number("P")
        self.refund_no = self.number("R")

    def number(self, prefix: str) -> str:
        made = number(prefix, datetime.now(UTC))
        tail = "".join(secrets.choice("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in range(16))
        return made[:11] + tail

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def ask(self, command: Command) -> Result:
        result, _ = CHANNEL.perform(
            command, self.account, transport=self.transport, now=self.now, nonce=lambda: ""
        )
        return result

    def pay(self, method: Method = Method.NATIVE, **changes: Any) -> Pay:
        values: dict[str, Any] = {
            "order_no": self.order_no,
            "amount": AMOUNT,
            "title": "龙井茶",
            "method": method,
            "notify_url": self.notify_url,
            "expires_at": datetime.now(UTC) + timedelta(minutes=20),
            "openid": "oUMnsvyNYu6pjDvpJzcXe3PvGXPY" if method is Method.JSAPI else "",
            "auth_code": CODE if method is Method.BARCODE else "",
        }
        return Pay(**{**values, **changes})

    def query(self) -> Result:
        return self.ask(QueryPay(order_no=self.order_no, amount=AMOUNT))

    def cancel(self) -> Result:
        return self.ask(CancelPay(order_no=self.order_no, amount=AMOUNT))

    def close(self) -> Result:
        return self.ask(ClosePay(order_no=self.order_no, amount=AMOUNT))

    def refund(self, amount: int = 2640) -> Refund:
        return Refund(
            refund_no=self.refund_no,
            order_no=self.order_no,
            amount=amount,
            total=AMOUNT,
            notify_url=self.notify_url,
        )

    def query_refund(self) -> Result:
        return self.ask(QueryRefund(refund_no=self.refund_no, order_no=self.order_no, amount=2640))

    def paid(self, method: Method = Method.NATIVE) -> None:
        assert self.ask(self.pay(method)).outcome is Outcome.DONE
        if method is not Method.BARCODE:
            self.umf.pay(self.order_no)

    def moved(self) -> list[tuple[str, str, int]]:
        return [
            (entry["kind"], entry["our_no"], entry["amount"])
            for entry in self.umf.book()["movements"]
        ]


def until(ask: Callable[[], Result], *states: object) -> Result:
    for _ in range(400):
        result = ask()
        if result.state in states:
            return result
        time.sleep(0.01)
    raise AssertionError(f"never {states}; at last {result}")
