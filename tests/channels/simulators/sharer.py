"""A merchant that shares what its orders bring in; each answer is held against the contract."""

from __future__ import annotations

from typing import Any

from channels.simulators.wechat import WechatSimulator
from tests.channels.simulators.contract import checked
from tests.channels.simulators.wire_client import Merchant, Reply, wait_until

SHARES = "/v3/profitsharing/orders"
RETURNS = "/v3/profitsharing/return-orders"
SHOP = {"type": "MERCHANT_ID", "account": "1900000109"}
CLERK = {"type": "PERSONAL_OPENID", "account": "o-clerk"}


def refused(reply: Reply, status: int, code: str, word: str = "") -> None:
    assert (reply.status, reply.code) == (status, code)
    assert word in reply.json["message"]


class Sharer:
    """It works on the order that brought in money last."""

    def __init__(self, simulator: WechatSimulator, merchant: Merchant) -> None:
        self.simulator = simulator
        self.merchant = merchant
        self.transaction_id = ""

    def earn(self, total: int = 10_000, number: str = "ORDER-1") -> str:
        self.merchant.prepay(
            number,
            amount={"total": total, "currency": "CNY"},
            settle_info={"profit_sharing": True},
        )
        self.transaction_id = self.simulator.pay(number)["transaction_id"]
        return self.transaction_id

    def know(self, *receivers: dict[str, str]) -> None:
        for receiver in receivers:
            assert self.add(**receiver).status == 200

    def add(self, **members: str) -> Reply:
        body = {"appid": self.merchant.identity["appid"], "relation_type": "STORE"} | members
        if body["type"] == "MERCHANT_ID":
            body["name"] = self.merchant.sealed(members.get("name", "青茶铺"))
        return checked(self.merchant, "POST", "/v3/profitsharing/receivers/add", body)

    def body(
        self, number: str, *shares: tuple[dict[str, str], int], finish: bool = False
    ) -> dict[str, Any]:
        return {
            "appid": self.merchant.identity["appid"],
            "transaction_id": self.transaction_id,
            "out_order_no": number,
            "receivers": [
                receiver | {"amount": amount, "description": "分给门店"}
                for receiver, amount in shares
            ],
            "unfreeze_unsplit": finish,
        }

    def share(
        self, number: str, *shares: tuple[dict[str, str], int], finish: bool = False
    ) -> Reply:
        return checked(self.merchant, "POST", SHARES, self.body(number, *shares, finish=finish))

    def unfreeze(self, number: str) -> Reply:
        body = {
            "transaction_id": self.transaction_id,
            "out_order_no": number,
            "description": "解冻全部剩余资金",
        }
        return checked(self.merchant, "POST", f"{SHARES}/unfreeze", body)

    def query(self, number: str) -> Reply:
        target = f"{SHARES}/{number}?transaction_id={self.transaction_id}"
        return checked(self.merchant, "GET", target)

    def ended(self, number: str) -> dict[str, Any]:
        def answer() -> dict[str, Any] | None:
            document: dict[str, Any] = self.query(number).json
            return document if document["state"] == "FINISHED" else None

        return wait_until(answer)

    def give_back(self, number: str, amount: int, *, share: str = "S-1", **changed: str) -> Reply:
        body = {
            "out_order_no": share,
            "out_return_no": number,
            "return_mchid": SHOP["account"],
            "amount": amount,
            "description": "用户退款",
        } | changed
        return checked(self.merchant, "POST", RETURNS, body)

    def returned(self, number: str, *, share: str = "S-1") -> Reply:
        return checked(self.merchant, "GET", f"{RETURNS}/{number}?out_order_no={share}")

    def unsplit(self) -> int:
        target = f"/v3/profitsharing/transactions/{self.transaction_id}/amounts"
        amount: int = checked(self.merchant, "GET", target).json["unsplit_amount"]
        return amount

    def results(self, number: str) -> list[tuple[str, str]]:
        return [
            (one["account"], one.get("fail_reason", one["result"]))
            for one in self.ended(number)["receivers"]
        ]

    def moves(self, *kinds: str) -> list[tuple[str, str, int]]:
        return [
            (move["kind"], move["our_no"], move["amount"])
            for move in self.simulator.book()["movements"]
            if move["kind"] in (kinds or ("share", "unfreeze", "return", "refund"))
        ]

    def pockets(self) -> dict[str, int]:
        balance: dict[str, int] = self.simulator.book()["balances"][self.simulator.merchant]
        return balance
