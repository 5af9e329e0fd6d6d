"""Who does what a story tells: a merchant's system through the API, or an operator in the console.

Both doors do the same operations and are judged by the same books. A hand asks as its user would
and says nothing of what comes of it: that the story finds out, and at the end the hand looks
(``shows``) whether its door tells the same end.

    operation                                   ApiHand      AdminHand
    place a pay order                           ✓            the API: customers are not operators
    everything else of stories/__init__.py      ✓            ✓
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, Protocol

from django.test import Client

from orders.models import (
    AllocationDetail,
    AllocationOrder,
    AllocationReceiver,
    PayOrder,
    RefundOrder,
    ShareReturn,
    TransferOrder,
)
from tests import cast

REASON = "少发一件"
Part = tuple[AllocationReceiver, int]
"""Who gets how much (fen)."""


class Hand(Protocol):
    """One door. Amounts are fen; every method asks once and returns the row that it made."""

    def place(self, channel: str, amount: int, **more: Any) -> PayOrder:
        """``more`` goes into the request as it is."""

    def do(self, row: Any, operation: str) -> None:
        """What takes nothing but perhaps a reason: close, cancel, sync, retry, finish, unbind…"""

    def refund(self, order: PayOrder, amount: int) -> RefundOrder: ...

    def transfer(self, channel: str, amount: int, payee: Mapping[str, str]) -> TransferOrder: ...

    def add_receiver(self, channel: str, who: Mapping[str, str]) -> AllocationReceiver: ...

    def share(self, order: PayOrder, parts: Sequence[Part]) -> AllocationOrder: ...

    def give_back(self, detail: AllocationDetail, amount: int) -> ShareReturn: ...

    def shows(self, row: Any) -> str:
        """The status of the row as this door tells it, as the models name it."""


RESOURCES: Mapping[type, tuple[str, str]] = {
    PayOrder: ("pay-orders", "order_no"),
    RefundOrder: ("refunds", "refund_no"),
    TransferOrder: ("transfers", "transfer_no"),
    AllocationOrder: ("allocations", "allocation_no"),
    ShareReturn: ("returns", "return_no"),
    AllocationReceiver: ("receivers", "receiver_no"),
}
"""What both doors show: the API's address for it, and the name of its number."""
TAKES_REASON = frozenset({"close", "cancel"})


class ApiHand:
    """A merchant's system behind a bad line: each request is sent twice under one Idempotency-Key.

    The second answer is the first one again, and nothing is done by it.
    """

    def __init__(self, house: cast.House) -> None:
        self._client = Client(headers={"authorization": f"Bearer {house.api_key}"})
        self._numbers = count(1)

    def place(self, channel: str, amount: int, **more: Any) -> PayOrder:
        body = {
            "biz_order_no": self._number("SO"), "title": "青茶 250g", "amount": amount,
            "channel": channel, "method": "native", **more,
        }  # fmt: skip
        return self._made(PayOrder, body)

    def do(self, row: Any, operation: str) -> None:
        name, _column = RESOURCES[type(row)]
        body = {"reason": REASON} if operation in TAKES_REASON else {}
        self._post(f"{name}/{row.number}/{operation}", body, 200)

    def refund(self, order: PayOrder, amount: int) -> RefundOrder:
        body = {
            "order_no": order.order_no, "biz_refund_no": self._number("SR"), "amount": amount,
            "reason": REASON,
        }  # fmt: skip
        return self._made(RefundOrder, body)

    def transfer(self, channel: str, amount: int, payee: Mapping[str, str]) -> TransferOrder:
        body = {
            "biz_transfer_no": self._number("ST"), "title": "新会员奖金", "amount": amount,
            "channel": channel, **payee,
        }  # fmt: skip
        return self._made(TransferOrder, body)

    def add_receiver(self, channel: str, who: Mapping[str, str]) -> AllocationReceiver:
        return self._made(AllocationReceiver, {"channel": channel, **who})

    def share(self, order: PayOrder, parts: Sequence[Part]) -> AllocationOrder:
        body = {
            "biz_allocation_no": self._number("SA"),
            "shares": [{"receiver_no": who.receiver_no, "amount": fen} for who, fen in parts],
        }
        answer = self._post(f"pay-orders/{order.order_no}/allocate", body, 201)
        return AllocationOrder.objects.get(allocation_no=answer["allocation_no"])

    def give_back(self, detail: AllocationDetail, amount: int) -> ShareReturn:
        body = {
            "detail_no": detail.detail_no, "biz_return_no": self._number("SB"), "amount": amount,
            "reason": REASON,
        }  # fmt: skip
        return self._made(ShareReturn, body)

    def shows(self, row: Any) -> str:
        name, _column = RESOURCES[type(row)]
        answer = self._client.get(f"/api/v1/{name}/{row.number}")
        assert answer.status_code == 200, answer.content.decode()
        return str(answer.json()["status"])

    def _number(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers)}"

    def _made(self, model: Any, body: dict[str, Any]) -> Any:
        name, column = RESOURCES[model]
        number = self._post(name, body, 201)[column]
        return model.objects.get(**{column: number})

    def _post(self, path: str, body: dict[str, Any], status: int) -> dict[str, Any]:
        headers = {"idempotency-key": self._number("once")}
        content = json.dumps(body)
        first, again = (
            self._client.post(f"/api/v1/{path}", content, "application/json", headers=headers)
            for _time in range(2)
        )
        assert first.status_code == status, first.content.decode()
        assert (again.status_code, again["Idempotent-Replayed"]) == (status, "true")
        found: dict[str, Any] = first.json()
        return found
