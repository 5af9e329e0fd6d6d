"""Orders as this API shows them: ``orders.facts`` and what is for the caller alone. Pure.

Used by the resources of this API and by tests. ``answers`` declares the same shapes for the schema;
a test holds the two together.
"""

from __future__ import annotations

from typing import Any

from orders import facts, rules
from orders.errors import Refusal
from orders.models import AllocationGroup, AllocationOrder, PayOrder, RefundOrder, TransferOrder

Answer = dict[str, Any]

PAY_COLUMNS = (*facts.PAY_COLUMNS, "pay_params", "notify_url")
REFUND_COLUMNS = (*facts.REFUND_COLUMNS, "notify_url")
TRANSFER_COLUMNS = (*facts.TRANSFER_COLUMNS, "notify_url")
ALLOCATION_COLUMNS = (*facts.ALLOCATION_COLUMNS, "notify_url")
SHARE_COLUMNS = facts.SHARE_COLUMNS
RETURN_COLUMNS = facts.RETURN_COLUMNS
RECEIVER_COLUMNS = facts.RECEIVER_COLUMNS
GROUP_COLUMNS = ("group_no", "channel", "name", "is_default", "created_at")
MEMBER_COLUMNS = ("group_id", "rate", "receiver__receiver_no")

share_return = facts.share_return
receiver = facts.receiver


def pay_order(order: PayOrder) -> Answer:
    """With what the customer pays with: no notice carries that."""
    return {
        **facts.pay_order(order),
        "pay_params": order.pay_params,
        "notify_url": order.notify_url,
    }


def refund(row: RefundOrder) -> Answer:
    return {**facts.refund(row), "notify_url": row.notify_url}


def transfer(row: TransferOrder) -> Answer:
    return {**facts.transfer(row), "notify_url": row.notify_url}


def allocation(row: AllocationOrder) -> Answer:
    return {**facts.allocation(row), "notify_url": row.notify_url}


def group(row: AllocationGroup) -> Answer:
    return {
        "group_no": row.group_no,
        "channel": row.channel,
        "name": row.name,
        "default": row.is_default,
        "members": [
            {"receiver_no": member.receiver.receiver_no, "rate": member.rate}
            for member in row.members.all()
        ],
        "created_at": facts.iso(row.created_at),
    }


def operations(order: Any) -> list[Answer]:
    """What may be asked for now, and why the rest may not: the console's panel, as data."""
    return [
        {
            "code": code,
            "label": str(operation.label),
            "allowed": (refusal := rules.why_not(order, code)) is None,
            "reason": refusal and reason(refusal),
            "notes": [] if refusal else [reason(note) for note in rules.notes(order, code)],
        }
        for code, (operation, _meta) in rules.operations(type(order)).items()
    ]


def reason(refusal: Refusal) -> Answer:
    return {"code": refusal.code, "message": str(refusal), "see": refusal.see}
