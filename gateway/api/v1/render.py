"""Orders as this API shows them, field by field in a fixed order. Pure; also used by tests.

Not shown: what identifies the customer (openid, address); payees and receivers are masked. Times
are UTC with a Z, amounts fen.
``answers`` declares the same shapes for the schema; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from orders import rules
from orders.errors import Refusal
from orders.models import (
    AllocationDetail,
    AllocationGroup,
    AllocationOrder,
    AllocationReceiver,
    PayOrder,
    RefundOrder,
    ShareReturn,
    TransferOrder,
)

Answer = dict[str, Any]

PAY_COLUMNS = (
    "order_no", "biz_order_no", "out_order_no", "channel", "method", "title", "attach", "amount",
    "currency", "paid_amount", "refunded", "refunding", "status", "intent", "refund_status",
    "allocation_status", "notify_url", "pay_params", "error_code", "error_message", "created_at",
    "expires_at", "paid_at", "ended_at",
)  # fmt: skip
REFUND_COLUMNS = (
    "refund_no", "biz_refund_no", "out_refund_no", "channel", "amount", "currency", "status",
    "reason", "notify_url", "error_code", "error_message", "created_at", "ended_at",
    *(f"pay_order__{name}" for name in (
        "order_no", "biz_order_no", "paid_amount", "refunded", "refunding", "refund_status",
    )),
)  # fmt: skip
TRANSFER_COLUMNS = (
    "transfer_no", "biz_transfer_no", "out_transfer_no", "channel", "title", "amount", "currency",
    "payee_type", "payee_account_mask", "payee_name_mask", "remark", "scene", "status",
    "is_waiting_payee", "is_cancelling", "confirm_params", "confirm_until", "notify_url",
    "error_code", "error_message", "created_at", "ended_at",
)  # fmt: skip
ALLOCATION_COLUMNS = (
    "allocation_no", "biz_allocation_no", "out_allocation_no", "channel", "title", "amount",
    "currency", "status", "result", "finishes", "is_finishing", "notify_url", "error_code",
    "error_message", "created_at", "ended_at", "group__group_no", "pay_order__order_no",
    "pay_order__biz_order_no",
)  # fmt: skip
SHARE_COLUMNS = (
    "allocation_id", "detail_no", "rate", "amount", "returned", "returning", "status",
    "error_code", "error_message", "ended_at", "receiver__receiver_no",
)  # fmt: skip
RETURN_COLUMNS = (
    "return_no", "biz_return_no", "out_return_no", "channel", "amount", "currency", "reason",
    "status", "error_code", "error_message", "created_at", "ended_at", "detail__detail_no",
    "allocation__allocation_no", "pay_order__order_no", "refund__refund_no",
)  # fmt: skip
RECEIVER_COLUMNS = (
    "receiver_no", "channel", "receiver_type", "account_mask", "name_mask", "relation",
    "custom_relation", "status", "error_code", "error_message", "created_at",
)  # fmt: skip
GROUP_COLUMNS = ("group_no", "channel", "name", "is_default", "created_at")
MEMBER_COLUMNS = ("group_id", "rate", "receiver__receiver_no")


def pay_order(order: PayOrder) -> Answer:
    return {
        "order_no": order.order_no,
        "biz_order_no": order.biz_order_no,
        "out_order_no": order.out_order_no,
        "channel": order.channel,
        "method": order.method,
        "title": order.title,
        "attach": order.attach,
        "amount": order.amount,
        "currency": order.currency,
        "status": str(order.status),
        "intent": str(order.intent),
        "paid_amount": order.paid_amount or 0,
        "refunded_amount": order.refunded,
        "refunding_amount": order.refunding,
        "refundable_balance": order.refundable_balance,
        "refund_status": str(order.refund_status),
        "allocation_status": str(order.allocation_status),
        "pay_params": order.pay_params,
        "notify_url": order.notify_url,
        "error": error(order),
        "created_at": time(order.created_at),
        "expires_at": time(order.expires_at),
        "paid_at": time(order.paid_at),
        "ended_at": time(order.ended_at),
    }


def refund(order: RefundOrder) -> Answer:
    """With what the refund left of its pay order."""
    return {
        "refund_no": order.refund_no,
        "biz_refund_no": order.biz_refund_no,
        "out_refund_no": order.out_refund_no,
        "order_no": order.pay_order.order_no,
        "biz_order_no": order.pay_order.biz_order_no,
        "channel": order.channel,
        "amount": order.amount,
        "currency": order.currency,
        "status": str(order.status),
        "reason": order.reason,
        "refundable_balance": order.pay_order.refundable_balance,
        "refund_status": str(order.pay_order.refund_status),
        "notify_url": order.notify_url,
        "error": error(order),
        "created_at": time(order.created_at),
        "ended_at": time(order.ended_at),
    }


def transfer(row: TransferOrder) -> Answer:
    return {
        "transfer_no": row.transfer_no,
        "biz_transfer_no": row.biz_transfer_no,
        "out_transfer_no": row.out_transfer_no,
        "channel": row.channel,
        "title": row.title,
        "amount": row.amount,
        "currency": row.currency,
        "payee_type": row.payee_type,
        "payee_account": row.payee_account_mask,
        "payee_name": row.payee_name_mask,
        "remark": row.remark,
        "scene": row.scene,
        "status": str(row.status),
        "intent": "cancel" if row.is_cancelling else "",
        "waiting_for_payee": row.is_waiting_payee,
        "confirm_params": row.confirm_params,
        "confirm_until": time(row.confirm_until),
        "notify_url": row.notify_url,
        "error": error(row),
        "created_at": time(row.created_at),
        "ended_at": time(row.ended_at),
    }


def allocation(row: AllocationOrder) -> Answer:
    """With its shares."""
    return {
        "allocation_no": row.allocation_no,
        "biz_allocation_no": row.biz_allocation_no,
        "out_allocation_no": row.out_allocation_no,
        "order_no": row.pay_order.order_no,
        "biz_order_no": row.pay_order.biz_order_no,
        "channel": row.channel,
        "group_no": row.group.group_no if row.group else "",
        "title": row.title,
        "amount": row.amount,
        "currency": row.currency,
        "finish": row.finishes,
        "status": str(row.status),
        "intent": "finish" if row.is_finishing else "",
        "result": str(row.result),
        "shares": [share(detail) for detail in row.details.all()],
        "notify_url": row.notify_url,
        "error": error(row),
        "created_at": time(row.created_at),
        "ended_at": time(row.ended_at),
    }


def share(detail: AllocationDetail) -> Answer:
    return {
        "detail_no": detail.detail_no,
        "receiver_no": detail.receiver.receiver_no,
        "rate": detail.rate,
        "amount": detail.amount,
        "returned_amount": detail.returned,
        "returning_amount": detail.returning,
        "status": str(detail.status),
        "error": error(detail),
        "ended_at": time(detail.ended_at),
    }


def share_return(row: ShareReturn) -> Answer:
    return {
        "return_no": row.return_no,
        "biz_return_no": row.biz_return_no,
        "out_return_no": row.out_return_no,
        "detail_no": row.detail.detail_no,
        "allocation_no": row.allocation.allocation_no,
        "order_no": row.pay_order.order_no,
        "refund_no": row.refund.refund_no if row.refund else "",
        "channel": row.channel,
        "amount": row.amount,
        "currency": row.currency,
        "reason": row.reason,
        "status": str(row.status),
        "error": error(row),
        "created_at": time(row.created_at),
        "ended_at": time(row.ended_at),
    }


def receiver(row: AllocationReceiver) -> Answer:
    return {
        "receiver_no": row.receiver_no,
        "channel": row.channel,
        "receiver_type": row.receiver_type,
        "account": row.account_mask,
        "name": row.name_mask,
        "relation": row.relation,
        "custom_relation": row.custom_relation,
        "status": str(row.status),
        "error": error(row),
        "created_at": time(row.created_at),
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
        "created_at": time(row.created_at),
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


def error(order: Any) -> Mapping[str, str] | None:
    """The last word of the channel that was not what one hoped for."""
    if not order.error_code:
        return None
    return {"code": order.error_code, "message": order.error_message}


def time(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
