"""A merchant that shares the money of one paid order, and pays people, over real sockets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from channels.base import (
    Allocate,
    AllocationState,
    BindReceiver,
    CancelTransfer,
    FinishAllocation,
    Outcome,
    PayeeType,
    QueryAllocation,
    QueryReturn,
    QueryTransfer,
    QueryUnshared,
    ReceiverType,
    Result,
    ReturnShare,
    Share,
    Transfer,
)
from channels.simulators.wechat import WechatSimulator
from tests.channels.shop import AMOUNT, Shop, movements

DONE, PENDING = Outcome.DONE, Outcome.PENDING
STORE, CLERK = "1900000109", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"


def until(ask: Callable[[], Result], state: object) -> Result:
    for _ in range(400):
        result = ask()
        if result.state is state:
            return result
        time.sleep(0.01)
    raise AssertionError(f"never {state}; at last {result}")


class Till:
    """A shop that shares the money of one paid order, and pays people."""

    def __init__(self, shop: Shop, simulator: WechatSimulator) -> None:
        self.shop = shop
        self.simulator = simulator
        self.number = shop.order_no[1:]
        self.out_order_no = ""
        self.order: dict[str, str] = {}

    def earn(self) -> None:
        assert self.shop.ask(self.shop.pay(allocation=True)).outcome is DONE
        self.out_order_no = self.simulator.pay(self.shop.order_no)["transaction_id"]
        self.order = {"order_no": self.shop.order_no, "out_order_no": self.out_order_no}
        for account, kind, relation in (
            (STORE, ReceiverType.MERCHANT_NO, "STORE"),
            (CLERK, ReceiverType.OPENID, "STAFF"),
        ):
            bound = self.shop.ask(
                BindReceiver(
                    request_no="1",
                    receiver_type=kind,
                    account=account,
                    name="青茶铺" if kind is ReceiverType.MERCHANT_NO else "李四",
                    relation=relation,
                )
            )
            assert (bound.outcome, bound.state) == (DONE, AllocationState.FINISHED)
        time.sleep(0.05)  # "≥1 min after the payment": 10 ms at this simulator's scale

    def shares(self, store: int = 1000, clerk: int = 500) -> tuple[Share, ...]:
        kinds = ((STORE, ReceiverType.MERCHANT_NO, store), (CLERK, ReceiverType.OPENID, clerk))
        return tuple(
            Share(
                detail_no=f"D{index}",
                receiver_type=kind,
                account=account,
                amount=amount,
                description="分给门店",
            )
            for index, (account, kind, amount) in enumerate(kinds)
        )

    def allocate(self, *, finishes: bool = False, **amounts: int) -> Allocate:
        return Allocate(
            allocation_no=f"A{self.number}",
            **self.order,
            shares=self.shares(**amounts),
            finishes=finishes,
        )

    def query(self, command: Allocate | None = None) -> Result:
        asked = command or self.allocate()
        return self.shop.ask(
            QueryAllocation(allocation_no=asked.allocation_no, **self.order, shares=asked.shares)
        )

    def shared(self, command: Allocate | None = None) -> Result:
        asked = command or self.allocate()
        assert self.shop.ask(asked).outcome in (PENDING, DONE)
        return until(lambda: self.query(asked), AllocationState.FINISHED)

    def finish(self) -> FinishAllocation:
        return FinishAllocation(finish_no=f"F{self.number}", **self.order, description="完结")

    def finished(self) -> Result:
        query = QueryAllocation(allocation_no=f"F{self.number}", **self.order)
        return until(lambda: self.shop.ask(query), AllocationState.FINISHED)

    def unshared(self) -> Result:
        return self.shop.ask(QueryUnshared(**self.order, amount=AMOUNT))

    def give_back(self, amount: int = 1000) -> ReturnShare:
        return ReturnShare(
            return_no=f"B{self.number}",
            allocation_no=f"A{self.number}",
            **self.order,
            receiver_type=ReceiverType.MERCHANT_NO,
            account=STORE,
            amount=amount,
            description="用户退款",
        )

    def returned(self, state: AllocationState = AllocationState.FINISHED) -> Result:
        query = QueryReturn(
            return_no=f"B{self.number}",
            allocation_no=f"A{self.number}",
            **self.order,
            amount=1000,
        )
        return until(lambda: self.shop.ask(query), state)

    def transfer(self, **changes: Any) -> Transfer:
        values: dict[str, Any] = {
            "transfer_no": f"T{self.number}",
            "amount": 5000,
            "title": "新会员奖金",
            "payee_type": PayeeType.OPENID,
            "payee_account": CLERK,
            "payee_name": "李四",
            "scene": "1000",
            "notify_url": self.shop.notify_url,
        }
        return Transfer(**{**values, **changes})

    def query_transfer(self) -> Result:
        return self.shop.ask(QueryTransfer(transfer_no=f"T{self.number}", amount=5000))

    def cancel_transfer(self) -> Result:
        return self.shop.ask(CancelTransfer(transfer_no=f"T{self.number}", amount=5000))

    def moved(self, *kinds: str) -> list[tuple[str, str, int]]:
        return [entry for entry in movements(self.simulator) if entry[0] in kinds]
