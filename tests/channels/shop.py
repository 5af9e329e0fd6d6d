"""A merchant that pays through the WeChat Pay adapter over real sockets, and knows nothing else."""

from __future__ import annotations

import itertools
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from channels import registry
from channels.base import (
    Account,
    ClosePay,
    Command,
    Exchange,
    Method,
    Outcome,
    Pay,
    QueryPay,
    QueryRefund,
    Refund,
    RefundState,
    Result,
)
from channels.simulators.wechat import WechatSimulator
from channels.transport import Transport

AMOUNT = 8801
_count = itertools.count(1)


class Shop:
    def __init__(self, identity: dict[str, Any], base_url: str, notify_url: str) -> None:
        self.channel = registry.get("wechat")
        self.transport = Transport()
        self.notify_url = notify_url
        self.identity = identity
        self.base_url = base_url
        self.account = self.with_config()
        self.exchanges: list[Exchange] = []
        self.expires_at = datetime.now(UTC) + timedelta(hours=1)
        self.order_no = f"P{secrets.token_hex(8).upper()}{next(_count):04}"
        self.refund_no = f"R{self.order_no[1:]}"

    def with_config(self, **changes: str) -> Account:
        known = {
            "base_url": self.base_url,
            "mchid": self.identity["mchid"],
            "appid": self.identity["appid"],
            "merchant_serial": self.identity["merchant_serial"],
            "public_key_id": self.identity["public_key_id"],
            "public_key_pem": self.identity["public_key_pem"],
            "platform_certificates": self.identity["platform_certificate_pem"],
        }
        names = ("merchant_private_key_pem", "apiv3_key")
        return Account(
            id=1,
            version=1,
            channel="wechat",
            config={**known, **changes},
            secrets={name: self.identity[name] for name in names},
        )

    def ask(self, command: Command, account: Account | None = None) -> Result:
        result, exchange = self.channel.perform(
            command,
            account or self.account,
            transport=self.transport,
            now=lambda: datetime.now(UTC),
            nonce=lambda: secrets.token_hex(16),
        )
        self.exchanges.append(exchange)
        return result

    def pay(self, method: Method = Method.NATIVE, **changes: Any) -> Pay:
        values: dict[str, Any] = {
            "order_no": self.order_no,
            "amount": AMOUNT,
            "title": "龙井茶",
            "method": method,
            "notify_url": self.notify_url,
            "expires_at": self.expires_at,
            "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" if method is Method.JSAPI else "",
            "client_ip": "14.23.150.211" if method is Method.H5 else "",
        }
        return Pay(**{**values, **changes})

    def query(self) -> QueryPay:
        return QueryPay(order_no=self.order_no, amount=AMOUNT)

    def close(self) -> ClosePay:
        return ClosePay(order_no=self.order_no, amount=AMOUNT)

    def refund(self, amount: int = 2640, **changes: Any) -> Refund:
        values: dict[str, Any] = {
            "refund_no": self.refund_no,
            "order_no": self.order_no,
            "amount": amount,
            "total": AMOUNT,
            "reason": "少发一件",
            "notify_url": self.notify_url,
        }
        return Refund(**{**values, **changes})

    def query_refund(self) -> QueryRefund:
        return QueryRefund(refund_no=self.refund_no, order_no=self.order_no, amount=2640)

    def paid(self, simulator: WechatSimulator) -> None:
        assert self.ask(self.pay()).outcome is Outcome.DONE
        simulator.pay(self.order_no)


def movements(simulator: WechatSimulator) -> list[tuple[str, str, int]]:
    return [
        (entry["kind"], entry["our_no"], entry["amount"]) for entry in simulator.book()["movements"]
    ]


def until_ended(shop: Shop) -> Result:
    for _ in range(200):
        result = shop.ask(shop.query_refund())
        if result.state is not RefundState.PROCESSING:
            return result
    raise AssertionError("the refund never ended")
