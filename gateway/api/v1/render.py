"""Orders as this API shows them: ``orders.facts`` and what is for the caller alone. Pure.

Used by the resources of this API and by tests. ``answers`` declares the same shapes for the schema;
a test holds the two together.
"""

from __future__ import annotations

from typing import Any

from orders import facts, rules
from orders.errors import Refusal
from orders.models import (
    AllocationGroup,
    AllocationOrder,
    Event,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    StoreOrder,
    TransferOrder,
)

Answer = dict[str, Any]

PAY_COLUMNS = (*facts.PAY_COLUMNS, "pay_params", "notify_url")
REFUND_COLUMNS = (*facts.REFUND_COLUMNS, "notify_url")
TRANSFER_COLUMNS = (*facts.TRANSFER_COLUMNS, "notify_url")
ALLOCATION_COLUMNS = (*facts.ALLOCATION_COLUMNS, "notify_url")
SHARE_COLUMNS = facts.SHARE_COLUMNS
RETURN_COLUMNS = facts.RETURN_COLUMNS
RECEIVER_COLUMNS = facts.RECEIVER_COLUMNS
GROUP_COLUMNS = ("group_no", "channel", "name", "is_default", "created_at")
NOTICE_COLUMNS = (
    "notice_id", "kind", "order_no", "dialect", "url", "status", "tries", "due_at", "created_at",
    "ended_at",
)  # fmt: skip
EVENT_COLUMNS = (
    "seq", "order_no", "kind", "door", "before", "after", "amount", "previous", "hash",
    "created_at",
)  # fmt: skip
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


def store_order(row: StoreOrder) -> Answer:
    """With what the customer pays with."""
    return {
        **facts.store_order(row),
        "pay_params": row.pay_order.pay_params if row.pay_order else {},
        "notify_url": row.notify_url,
    }


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


def notice(row: MerchantNotice) -> Answer:
    return {
        "notice_id": row.notice_id,
        "kind": row.kind,
        "order_no": row.order_no,
        "dialect": row.dialect,
        "url": row.url,
        "status": row.status,
        "tries": row.tries,
        "next_try_at": None if row.ended_at else facts.iso(row.due_at),
        "created_at": facts.iso(row.created_at),
        "ended_at": facts.iso(row.ended_at),
    }


def notice_log(row: MerchantNotice) -> Answer:
    """With its content as it was written, before its dialect signed it."""
    return {
        **notice(row),
        "body": row.body,
        "attempts": [
            {
                "number": attempt.number,
                "started_at": facts.iso(attempt.started_at),
                "latency_ms": attempt.latency_ms,
                "http_status": attempt.http_status,
                "error": attempt.error,
                "response": attempt.response,
            }
            for attempt in row.attempts.all()
        ],
    }


def event(row: Event) -> Answer:
    """Who did it and why stay in the house; through which door it came does not."""
    return {
        "seq": row.seq,
        "order_no": row.order_no,
        "kind": row.kind,
        "door": row.door,
        "before": row.before,
        "after": row.after,
        "amount": row.amount,
        "previous": row.previous,
        "hash": row.hash,
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
