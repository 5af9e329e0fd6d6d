"""Each operation × each state × each capability: panel, API and guard say the same sentence, a
refusal changes nothing, and what is allowed is done.

The table is generated from the state machines, so an operation or a state that is added is tested
without being listed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html import unescape
from typing import Any

import pytest
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from channels.base import Capabilities, Outcome, RefundState
from channels.sandbox.channel import SandboxChannel
from orders import rules
from orders.errors import OperationRefused
from orders.models import (
    AllocationOrder,
    AllocationReceiver,
    ChannelCall,
    Event,
    PayOrder,
    RefundOrder,
    ShareReturn,
    StoreOrder,
    TransferOrder,
)
from orders.services import store
from orders.services.operations import perform
from tests import cast

pytestmark = pytest.mark.django_db

ABLE = SandboxChannel.capabilities
PAY = {
    "able": ABLE,
    "cancels_only": replace(ABLE, close=False),
    "no_close": replace(ABLE, close=False, cancel=False),
    "no_cancel": replace(ABLE, cancel=False),
    "no_refund": replace(ABLE, refund=False),
    "refund_days_over": replace(ABLE, refund_days=0),
    "no_more_refunds": replace(ABLE, refund_max_count=0),
}
REFUND = {"able": ABLE, "not_idempotent": replace(ABLE, refund_idempotent=False)}
TRANSFER = {
    "able": ABLE,
    "no_cancel": replace(ABLE, transfer_cancel=False),
    "not_idempotent": replace(ABLE, transfer_idempotent=False),
}
TO_SHARE = {
    "able": ABLE,
    "no_sharing": replace(ABLE, allocation=False),
    "sharing_days_over": replace(ABLE, allocation_days=0),
    "no_more_sharings": replace(ABLE, allocation_max_count=0),
    "ratio_used_up": replace(ABLE, allocation_max_ratio=0),
    "sharing_later": replace(ABLE, allocation_after=60),
}
SHARING = {
    **TO_SHARE,
    "no_finish": replace(ABLE, allocation_finish=False),
    "not_idempotent": replace(ABLE, allocation_idempotent=False),
}


@dataclass
class Doors:
    """Merchant A's API and the boss's console, both in English."""

    house: cast.House
    merchant: Client
    boss: Client

    def api(self, path: str, body: Any = None) -> Any:
        if body is None:
            return self.merchant.get(f"/api/v1/{path}")
        return self.merchant.post(f"/api/v1/{path}", body, content_type="application/json")

    def page(self, order: Any) -> str | None:
        """The page of the order in the console, where its kind has one."""
        if not admin.site.is_registered(type(order)):
            return None
        name = f"admin:orders_{order._meta.model_name}_change"
        return unescape(self.boss.get(reverse(name, args=[order.pk])).content.decode())


@pytest.fixture
def doors(settings: Any) -> Doors:
    settings.PREPAY_DEADLINE_S = 0  # no worker runs here, so there is no answer to wait for
    house = cast.merchant("A")
    cast.person("boss", is_superuser=True)
    boss = Client(headers={"accept-language": "en"})
    assert boss.login(username="boss", password="correct horse battery")
    key = f"Bearer {house.api_key}"
    merchant = Client(headers={"authorization": key, "accept-language": "en"})
    return Doors(house=house, merchant=merchant, boss=boss)


def written() -> tuple[int, ...]:
    models = (ChannelCall, Event, RefundOrder, AllocationOrder)
    return tuple(model.objects.count() for model in models)


Ask = Callable[[str], Any]
"""Operation → the API's answer."""


def check(order: Any, doors: Doors, path: str, ask: Ask | None = None) -> None:
    """Every door shows the sentence of ``why_not``; a refusal changes nothing, the rest is done."""
    ask = ask or (lambda operation: doors.api(f"{path}/{operation}", {}))
    listed = {entry["code"]: entry for entry in doors.api(f"{path}/operations").json()}
    html = doors.page(order)
    assert set(listed) == set(rules.operations(type(order)))
    for operation, entry in listed.items():
        with override("en"):
            refusal = rules.why_not(order, operation)
            said = refusal and {
                "code": refusal.code, "message": str(refusal), "see": refusal.see,
            }  # fmt: skip
        assert (entry["allowed"], entry["reason"]) == (refusal is None, said)
        assert html is None or said is None or said["message"] in html
        if said is None:
            check_done(operation, ask)
        else:
            assert entry["notes"] == []
            check_refusal(order, operation, said, ask)


def check_done(operation: str, ask: Ask) -> None:
    """The operation leaves its trace; afterwards it never happened, for the sake of the others."""
    before, savepoint = written(), transaction.savepoint()
    answer = ask(operation)
    assert answer.status_code in (200, 201), answer.content
    assert written() != before
    transaction.savepoint_rollback(savepoint)


def check_refusal(order: Any, operation: str, said: dict[str, str], ask: Ask) -> None:
    before = written()
    answer = ask(operation)
    body = answer.json()
    assert (answer.status_code, body["code"]) == (409, said["code"])
    assert body["detail"] == said["message"]
    assert body["reasons"] == [{"operation": operation, **said}]
    with override("en"), pytest.raises(OperationRefused) as caught:
        perform(cast.reload(order), operation, cast.CLOCK, amount=1, reason="table")
    assert str(caught.value) == said["message"]
    assert written() == before
    assert cast.reload(order).status == order.status


def check_pay_order(order: PayOrder, doors: Doors) -> None:
    path = f"pay-orders/{order.order_no}"
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "refund": ("refunds", {"order_no": order.order_no, "biz_refund_no": "R-1", "amount": 1}),
        "allocate": (f"{path}/allocate", {"biz_allocation_no": "A-9"}),
    }
    check(order, doors, path, lambda op: doors.api(*bodies.get(op, (f"{path}/{op}", {}))))


Channel = Callable[[dict[str, Capabilities]], Iterator[str]]


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Channel:
    """The channel declares one thing after the other; a failed test prints which was the last."""

    def each(capabilities: dict[str, Capabilities]) -> Iterator[str]:
        for name, declared in capabilities.items():
            monkeypatch.setattr(SandboxChannel, "capabilities", declared)
            print("the channel:", name)
            yield name

    return each


@pytest.mark.parametrize("state", PayOrder.Status.values)
def test_pay_order_operations_say_the_same_everywhere(doors, channel, state):
    order = cast.make_pay_order(doors.house, state)
    for _name in channel(PAY):
        check_pay_order(order, doors)


@pytest.mark.parametrize("state", RefundOrder.Status.values)
def test_refund_operations_say_the_same_everywhere(doors, channel, state):
    row = cast.make_refund(cast.make_pay_order(doors.house, "success"), state)
    for _name in channel(REFUND):
        check(row, doors, f"refunds/{row.refund_no}")


@pytest.mark.parametrize(
    ("state", "marked"),
    [("progress", "intent"), ("progress", "frozen_reason"), ("success", "frozen_reason")],
)
def test_an_order_that_is_ending_or_frozen_says_so_everywhere(doors, state, marked):
    order = cast.make_pay_order(doors.house, state, allocation=True)
    PayOrder.objects.filter(pk=order.pk).update(**{marked: "close"})
    check_pay_order(cast.reload(order), doors)


@pytest.mark.parametrize(
    ("refunded", "amount"),
    [("success", 10000), ("progress", 3000), ("fail", 10000), ("close", 10000)],
)
def test_an_empty_balance_or_a_refund_in_flight_says_so_everywhere(doors, refunded, amount):
    order = cast.make_pay_order(doors.house, "success")
    cast.make_refund(order, refunded, amount=amount)
    check_pay_order(cast.reload(order), doors)


@pytest.mark.parametrize("shared", ["", *AllocationOrder.Status.values])
def test_an_order_made_for_sharing_says_the_same_everywhere(doors, channel, shared):
    cast.make_group(doors.house)
    order = cast.make_pay_order(doors.house, "success", allocation=True)
    if shared:
        order = cast.make_allocation(doors.house, shared, order=order).pay_order
    for _name in channel(TO_SHARE):
        check_pay_order(cast.reload(order), doors)


def test_an_order_whose_money_is_all_shared_out_says_so_everywhere(doors):
    order = cast.make_allocation(doors.house, amount=10000).pay_order
    check_pay_order(cast.reload(order), doors)


@pytest.mark.parametrize("state", [*TransferOrder.Status.values, "doubtful", "waiting", "leaving"])
def test_transfer_operations_say_the_same_everywhere(doors, channel, state):
    waits = state in ("waiting", "leaving")
    status = state if state in TransferOrder.Status.values else "progress"
    row = cast.make_transfer(doors.house, status, waiting=waits)
    if state == "doubtful":
        cast.channel_says(row, Outcome.UNKNOWN, code="NO_ANSWER")
    if state == "leaving":
        perform(row, "cancel", cast.CLOCK, reason="wrong person")
    for _name in channel(TRANSFER):
        check(cast.reload(row), doors, f"transfers/{row.transfer_no}")


@pytest.mark.parametrize("state", [*AllocationOrder.Status.values, "doubtful", "finishing"])
def test_allocation_operations_say_the_same_everywhere(doors, channel, state):
    status = {"doubtful": "processing", "finishing": "alloc_end"}.get(state, state)
    row = cast.make_allocation(doors.house, status)
    if state == "doubtful":
        cast.channel_says(row, Outcome.UNKNOWN, code="NO_ANSWER")
    if state == "finishing":
        perform(row, "finish", cast.CLOCK)
    for _name in channel(SHARING):
        check(cast.reload(row), doors, f"allocations/{row.allocation_no}")


@pytest.mark.parametrize("state", [*ShareReturn.Status.values, "doubtful"])
def test_return_operations_say_the_same_everywhere(doors, channel, state):
    status = "progress" if state == "doubtful" else state
    row = cast.make_return(cast.make_share(doors.house), status)
    if state == "doubtful":
        cast.channel_says(row, Outcome.UNKNOWN, code="NO_ANSWER")
    for _name in channel(SHARING):
        check(cast.reload(row), doors, f"returns/{row.return_no}")


@pytest.mark.parametrize("state", AllocationReceiver.Status.values)
def test_receiver_operations_say_the_same_everywhere(doors, channel, state):
    row = cast.make_receiver(doors.house, state)
    for _name in channel({"able": ABLE, "no_sharing": SHARING["no_sharing"]}):
        check(row, doors, f"receivers/{row.receiver_no}")


GIVING_BACK = {
    "able": ABLE,
    "no_refund": replace(ABLE, refund=False),
    "refund_days_over": replace(ABLE, refund_days=0),
    "not_idempotent": replace(ABLE, refund_idempotent=False),
}
COURIER = {"courier": {"contact": "Li Si", "mobile": "13900000000"}}
WITH = {
    "reject": {"reason": "sold out"},
    "cancel_after_sale": {"reason": "wrong"},
    "deliver": COURIER,
}
"""What a merchant cannot leave out."""


@pytest.mark.parametrize("state", [*StoreOrder.Status.values, "till", "asked", "back", "failed"])
def test_store_operations_say_the_same_everywhere(doors, channel, state):
    status = state if state in StoreOrder.Status.values else "accepted"
    row = cast.make_store_order(doors.house, status, online=state != "till")
    if state in ("asked", "back", "failed"):
        perform(row, "request_refund", cast.CLOCK, reason="cold")
    if state in ("back", "failed"):
        perform(row, "agree_refund", cast.CLOCK)
    if state == "failed":
        refund = RefundOrder.objects.get()
        cast.channel_says(refund, Outcome.UNKNOWN, code="NO_ANSWER")
        perform(refund, "sync", cast.CLOCK)
        cast.channel_says(refund, Outcome.DONE, state=RefundState.FAILED)

    def ask(operation: str) -> Any:
        path = f"store-orders/{row.order_no}/{operation.replace('_', '-')}"
        return doors.api(path, WITH.get(operation, {}))

    for _name in channel(GIVING_BACK):
        here = store.find(row.order_no)
        check(here, doors, f"store-orders/{row.order_no}", ask)
