"""A merchant that uses the Alipay adapter over real sockets, and knows nothing else."""

from __future__ import annotations

import contextlib
import itertools
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from channels.alipay.channel import AlipayChannel
from channels.base import (
    Account,
    Allocate,
    BindReceiver,
    CancelPay,
    ClosePay,
    Command,
    Exchange,
    FinishAllocation,
    Method,
    Outcome,
    Pay,
    PayeeType,
    QueryAllocation,
    QueryPay,
    QueryRefund,
    QueryTransfer,
    QueryUnshared,
    ReceiverType,
    Refund,
    RefundState,
    Result,
    Share,
    Transfer,
)
from channels.simulators.alipay import AlipaySettings, AlipaySimulator, credentials, new_identity
from channels.transport import Transport

AMOUNT = 8801
RECEIVERS = ("2088101126765726", "2088101126765727")
_count = itertools.count(1)


@cache
def identity() -> dict[str, Any]:
    return new_identity()


@contextlib.contextmanager
def running() -> Iterator[AlipaySimulator]:
    settings = AlipaySettings(time_scale=6000, ladder_scale=6000, durable=False)
    made = AlipaySimulator(identity(), settings=settings)
    made.start()
    yield made
    made.stop()
    assert made.crashes == 0


class Shop:
    def __init__(
        self, simulator: AlipaySimulator, notify_url: str, *, certificates: bool = False
    ) -> None:
        self.channel = AlipayChannel()
        self.transport = Transport()
        self.notify_url = notify_url
        self.simulator = simulator
        given = credentials(identity(), simulator.base_url, certificates=certificates)
        secret = given.pop("app_private_key_pem")
        self.account = Account(
            id=1,
            version=1,
            channel="alipay",
            config={**given, "seller_id": identity()["seller_id"]},
            secrets={"app_private_key_pem": secret},
        )
        self.exchanges: list[Exchange] = []
        self.skew = timedelta()
        self.order_no = f"P{secrets.token_hex(8).upper()}{next(_count):04}"
        self.refund_no, self.transfer_no, self.allocation_no, self.finish_no = (
            prefix + self.order_no[1:] for prefix in "RTAF"
        )
        self.trade_no = ""

    def now(self) -> datetime:
        return datetime.now(UTC) + self.skew

    def ask(self, command: Command, account: Account | None = None) -> Result:
        result, exchange = self.channel.perform(
            command,
            account or self.account,
            transport=self.transport,
            now=self.now,
            nonce=lambda: secrets.token_hex(16),
        )
        self.exchanges.append(exchange)
        return result

    # --- commands -------------------------------------------------------------------------

    def pay(self, method: Method = Method.NATIVE, **changes: Any) -> Pay:
        values: dict[str, Any] = {
            "order_no": self.order_no,
            "amount": AMOUNT,
            "title": "龙井茶 A&B=C+100%",
            "method": method,
            "notify_url": self.notify_url,
            "expires_at": self.now().replace(microsecond=0) + timedelta(hours=1),
            "openid": identity()["buyer_id"] if method is Method.JSAPI else "",
        }
        return Pay(**{**values, **changes})

    def query(self) -> QueryPay:
        return QueryPay(order_no=self.order_no, amount=AMOUNT)

    def close(self) -> ClosePay:
        return ClosePay(order_no=self.order_no, amount=AMOUNT)

    def cancel(self) -> CancelPay:
        return CancelPay(order_no=self.order_no, amount=AMOUNT)

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

    def query_refund(self, **changes: Any) -> QueryRefund:
        values = {"refund_no": self.refund_no, "order_no": self.order_no, "amount": 2640}
        return QueryRefund(**{**values, **changes})

    def transfer(self, amount: int = 505, **changes: Any) -> Transfer:
        values: dict[str, Any] = {
            "transfer_no": self.transfer_no,
            "amount": amount,
            "title": "工资",
            "payee_type": PayeeType.LOGIN_NAME,
            "payee_account": "zhang@example.com",
            "payee_name": "张三",
            "notify_url": self.notify_url,
        }
        return Transfer(**{**values, **changes})

    def query_transfer(self) -> QueryTransfer:
        return QueryTransfer(transfer_no=self.transfer_no, amount=505)

    def shares(self, *amounts: int) -> tuple[Share, ...]:
        return tuple(
            Share(
                detail_no=f"D{at}",
                receiver_type=ReceiverType.USER_ID,
                account=RECEIVERS[at],
                amount=amount,
                description="分账",
            )
            for at, amount in enumerate(amounts)
        )

    def numbers(self) -> dict[str, str]:
        return {"order_no": self.order_no, "out_order_no": self.trade_no}

    def allocate(self, *amounts: int, **changes: Any) -> Allocate:
        values: dict[str, Any] = {
            "allocation_no": self.allocation_no,
            **self.numbers(),
            "shares": self.shares(*(amounts or (100, 200))),
        }
        return Allocate(**{**values, **changes})

    def query_allocation(self, **changes: Any) -> QueryAllocation:
        values: dict[str, Any] = {
            "allocation_no": self.allocation_no,
            **self.numbers(),
            "shares": self.shares(100, 200),
        }
        return QueryAllocation(**{**values, **changes})

    def finish(self) -> FinishAllocation:
        return FinishAllocation(finish_no=self.finish_no, **self.numbers(), description="完结")

    def unshared(self) -> QueryUnshared:
        return QueryUnshared(**self.numbers(), amount=AMOUNT)

    # --- what usually comes before --------------------------------------------------------

    def paid(self, **changes: Any) -> None:
        assert self.ask(self.pay(**changes)).outcome is Outcome.DONE
        self.simulator.pay(self.order_no)
        self.trade_no = self.ask(self.query()).out_no

    def paid_to_share(self) -> None:
        self.paid(allocation=True)
        for account in RECEIVERS:
            bound = BindReceiver(
                request_no=f"B{account}", receiver_type=ReceiverType.USER_ID, account=account
            )
            assert self.ask(bound).outcome is Outcome.DONE

    def movements(self) -> list[tuple[str, str, int]]:
        return [
            (entry["kind"], entry["our_no"], entry["amount"])
            for entry in self.simulator.book()["movements"]
            if entry["kind"] not in ("top_up", "withdraw")
        ]

    def refund_until_over(self) -> Result:
        """As the corridor does it: ask, and send the same number again where it is not found."""
        for _ in range(200):
            result = self.ask(self.query_refund())
            if result.state is RefundState.SUCCESS:
                return result
            if result.state is RefundState.NOT_FOUND:
                self.ask(self.refund())
        raise AssertionError("the refund never ended")
