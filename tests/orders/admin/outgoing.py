"""Transfers, receivers, allocations and returns for the console's tests, made by the services."""

from __future__ import annotations

from typing import Any

from channels.base import (
    AllocationState,
    Outcome,
    ReceiverType,
    ShareResult,
    ShareState,
    TransferState,
)
from orders.models import (
    AllocationDetail,
    AllocationGroup,
    AllocationOrder,
    AllocationReceiver,
    Anomaly,
    PayOrder,
    ShareReturn,
    TransferOrder,
)
from orders.services import allocation, transfer
from tests import cast

OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"


def make_transfer(house: cast.House, status: str = "progress", **changes: Any) -> TransferOrder:
    """A transfer walked to ``status``; ``waiting`` is one that waits for its payee."""
    facts: dict[str, Any] = {
        "biz_transfer_no": f"T-{TransferOrder.objects.count() + 1}", "title": "Bonus",
        "amount": 5000, "channel": "sandbox", "payee_type": "openid", "payee_account": OPENID,
        "payee_name": "张三丰",
    }  # fmt: skip
    new = transfer.NewTransfer(**{**facts, **changes})
    row = transfer.request_transfer(house.application, new, cast.MERCHANT_ACTOR)
    words: dict[str, tuple[Outcome, dict[str, Any]]] = {
        "success": (
            Outcome.DONE,
            {"state": TransferState.SUCCESS, "out_no": f"30{row.pk}", "amount": new.amount},
        ),
        "fail": (Outcome.REFUSED, {"code": "NOT_ENOUGH", "message": "top up"}),
        "close": (Outcome.DONE, {"state": TransferState.CLOSED}),
        "waiting": (
            Outcome.DONE,
            {"state": TransferState.WAIT_PAYEE, "pay_params": {"package_info": "PACKAGE"}},
        ),
    }
    if status in words:
        outcome, said = words[status]
        cast.channel_says(row, outcome, **said)
    return cast.reload(row)


def make_receiver(
    house: cast.House, account: str = "1900000109", status: str = "bound"
) -> AllocationReceiver:
    new = allocation.NewReceiver(
        channel="sandbox", receiver_type="merchant_no", account_no=account, name="Partner Ltd"
    )
    row = allocation.add_receiver(house.application, new, cast.MERCHANT_ACTOR)
    if status == "bound":
        cast.channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    elif status == "fail":
        cast.channel_says(row, Outcome.REFUSED, code="INVALID_REQUEST", message="no such merchant")
    return cast.reload(row)


def make_group(house: cast.House, *rates: tuple[AllocationReceiver, int]) -> AllocationGroup:
    return allocation.set_group(
        house.application, channel="sandbox", name="Usual", is_default=True,
        rates={receiver.receiver_no: rate for receiver, rate in rates},
    )  # fmt: skip


def make_allocation(
    house: cast.House, status: str = "processing", *, amount: int = 3000
) -> AllocationOrder:
    """Of a paid order of ¥100.00, walked to ``status``; ``part`` has a failed share."""
    order = cast.make_pay_order(house, "success", allocation=True)
    first = make_receiver(house, "1900000101", "")
    second = make_receiver(house, "1900000102", "")
    for row in (first, second):
        if row.status == "binding":
            cast.channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    asked = [allocation.AskedShare(receiver_no=first.receiver_no, amount=amount)]
    if status == "part":
        asked.append(allocation.AskedShare(receiver_no=second.receiver_no, amount=1000))
    row = allocation.request_allocation(order.order_no, cast.MERCHANT_ACTOR, shares=asked)
    if status == "processing":
        return cast.reload(row)
    if status == "alloc_failed":
        cast.channel_says(row, Outcome.REFUSED, code="RULE_LIMIT", message="over the ratio")
        return cast.reload(row)
    shares = [(first, ShareState.SUCCESS), (second, ShareState.FAILED)][: len(asked)]
    cast.channel_says(
        row,
        Outcome.DONE,
        state=AllocationState.FINISHED,
        out_no=f"3008{row.pk}",
        shares=tuple(
            ShareResult(
                receiver_type=ReceiverType.MERCHANT_NO, account=r.account_no, state=state,
                code="NO_RELATION" if state is ShareState.FAILED else "",
            )
            for r, state in shares
        ),
    )  # fmt: skip
    if status in ("finish", "finish_failed"):
        allocation.request_finish(row.allocation_no, cast.CLOCK)
        done = status == "finish"
        said = {"state": AllocationState.FINISHED} if done else {"code": "NOT_NOW"}
        cast.channel_says(row, Outcome.DONE if done else Outcome.REFUSED, **said)
    return cast.reload(row)


def share_of(row: AllocationOrder) -> AllocationDetail:
    detail = row.details.order_by("pk").first()
    assert detail is not None
    return detail


def make_return(house: cast.House, status: str = "progress", *, amount: int = 1000) -> ShareReturn:
    detail = share_of(make_allocation(house, "alloc_end"))
    row = allocation.request_return(
        detail.detail_no, cast.CLOCK, amount=amount, reason="goods back"
    )
    words: dict[str, tuple[Outcome, dict[str, Any]]] = {
        "success": (Outcome.DONE, {"state": AllocationState.FINISHED}),
        "fail": (Outcome.REFUSED, {"code": "BALANCE_NOT_ENOUGH", "message": "spent"}),
    }
    if status in words:
        outcome, said = words[status]
        cast.channel_says(row, outcome, **said)
    return cast.reload(row)


def transfer_anomaly(row: TransferOrder) -> Anomaly:
    return Anomaly.objects.create(
        kind="transfer_returned", transfer=row, merchant_id=row.merchant_id,
        order_no=row.transfer_no, out_no="30", amount=row.amount, expected=row.amount,
        happened_at=row.created_at,
    )  # fmt: skip


def paid_and_shared(house: cast.House, *, amount: int = 3000) -> PayOrder:
    return cast.reload(make_allocation(house, "alloc_end", amount=amount).pay_order)


def all_rows(house: cast.House) -> list[Any]:
    """A row of every state of every machine about money out and shared money."""
    waiting = make_transfer(house, "waiting")
    withdrawing = make_transfer(house, "waiting")
    transfer.request_cancel(withdrawing.transfer_no, cast.CLOCK, reason="wrong person")
    rows: list[Any] = [make_transfer(house, status) for status in TransferOrder.Status.values]
    rows += [waiting, cast.reload(withdrawing), transfer_anomaly(make_transfer(house, "success"))]
    for status in ("processing", "alloc_end", "part", "finish", "alloc_failed", "finish_failed"):
        rows.append(make_allocation(house, status))
    rows += [make_return(house, status) for status in ("progress", "success", "fail")]
    for number, status in enumerate(("", "bound", "fail")):
        rows.append(make_receiver(house, f"190000020{number}", status))
    return rows
