"""An order in the house's own words: what the API answers and what a notice carries.

Pure; reads only loaded fields. Amounts in fen, times as ISO 8601 in UTC with ``Z``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from orders.models import (
    AllocationDetail,
    AllocationOrder,
    AllocationReceiver,
    PayOrder,
    RefundOrder,
    ShareReturn,
    TransferOrder,
)


def iso(at: datetime | None) -> str | None:
    """``2026-11-20T10:53:11.123Z``."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def error(order: Any) -> dict[str, str] | None:
    if not order.error_code:
        return None
    return {"code": order.error_code, "message": order.error_message}


def pay_order(order: PayOrder, *, with_pay_params: bool = True) -> dict[str, Any]:
    """A pay order as a merchant sees it."""
    facts: dict[str, Any] = {
        "order_no": order.order_no,
        "biz_order_no": order.biz_order_no,
        "out_order_no": order.out_order_no or None,
        "status": order.status,
        "refund_status": order.refund_status,
        "allocation_status": order.allocation_status,
        "amount": order.amount,
        "currency": order.currency,
        "paid_amount": order.paid_amount,
        "refunded_amount": order.refunded,
        "refundable_balance": order.refundable_balance,
        "title": order.title,
        "channel": order.channel,
        "method": order.method,
        "attach": order.attach,
        "created_at": iso(order.created_at),
        "expires_at": iso(order.expires_at),
        "paid_at": iso(order.paid_at),
        "ended_at": iso(order.ended_at),
        "error": error(order),
    }
    if with_pay_params:
        facts["pay_params"] = order.pay_params if order.is_executing else {}
    return facts


def refund(row: RefundOrder) -> dict[str, Any]:
    """A refund as a merchant sees it. Reads ``row.pay_order``: load it with the refund."""
    return {
        "refund_no": row.refund_no,
        "biz_refund_no": row.biz_refund_no,
        "out_refund_no": row.out_refund_no or None,
        "order_no": row.pay_order.order_no,
        "biz_order_no": row.pay_order.biz_order_no,
        "status": row.status,
        "amount": row.amount,
        "currency": row.currency,
        "reason": row.reason,
        "channel": row.channel,
        "created_at": iso(row.created_at),
        "ended_at": iso(row.ended_at),
        "error": error(row),
        "refund_status": row.pay_order.refund_status,
        "refundable_balance": row.pay_order.refundable_balance,
    }


def transfer(row: TransferOrder) -> dict[str, Any]:
    """A transfer as a merchant sees it; the payee is masked."""
    return {
        "transfer_no": row.transfer_no,
        "biz_transfer_no": row.biz_transfer_no,
        "out_transfer_no": row.out_transfer_no or None,
        "status": row.status,
        "waiting_for_payee": row.is_waiting_payee,
        "confirm_params": row.confirm_params,
        "confirm_until": iso(row.confirm_until),
        "amount": row.amount,
        "currency": row.currency,
        "title": row.title,
        "remark": row.remark,
        "channel": row.channel,
        "payee_type": row.payee_type,
        "payee_account": row.payee_account_mask,
        "payee_name": row.payee_name_mask,
        "created_at": iso(row.created_at),
        "ended_at": iso(row.ended_at),
        "error": error(row),
    }


def allocation(row: AllocationOrder) -> dict[str, Any]:
    """An allocation with its shares. Reads ``row.pay_order`` and its details with receivers."""
    return {
        "allocation_no": row.allocation_no,
        "biz_allocation_no": row.biz_allocation_no,
        "out_allocation_no": row.out_allocation_no or None,
        "order_no": row.pay_order.order_no,
        "biz_order_no": row.pay_order.biz_order_no,
        "status": row.status,
        "result": row.result,
        "amount": row.amount,
        "currency": row.currency,
        "title": row.title,
        "channel": row.channel,
        "shares": [share(part) for part in sorted(row.details.all(), key=lambda part: part.pk)],
        "created_at": iso(row.created_at),
        "ended_at": iso(row.ended_at),
        "error": error(row),
    }


def share(detail: AllocationDetail) -> dict[str, Any]:
    return {
        "detail_no": detail.detail_no,
        "receiver_no": detail.receiver.receiver_no,
        "rate": detail.rate,
        "amount": detail.amount,
        "returned": detail.returned,
        "status": detail.status,
        "ended_at": iso(detail.ended_at),
        "error": error(detail),
    }


def share_return(row: ShareReturn) -> dict[str, Any]:
    """A return of a share. Reads ``row.detail``, ``row.allocation`` and ``row.pay_order``."""
    return {
        "return_no": row.return_no,
        "biz_return_no": row.biz_return_no,
        "out_return_no": row.out_return_no or None,
        "detail_no": row.detail.detail_no,
        "allocation_no": row.allocation.allocation_no,
        "order_no": row.pay_order.order_no,
        "status": row.status,
        "amount": row.amount,
        "reason": row.reason,
        "created_at": iso(row.created_at),
        "ended_at": iso(row.ended_at),
        "error": error(row),
    }


def receiver(row: AllocationReceiver) -> dict[str, Any]:
    """A receiver as a merchant sees it; account and name are masked."""
    return {
        "receiver_no": row.receiver_no,
        "channel": row.channel,
        "receiver_type": row.receiver_type,
        "account": row.account_mask,
        "name": row.name_mask,
        "relation": row.relation,
        "custom_relation": row.custom_relation,
        "status": row.status,
        "created_at": iso(row.created_at),
        "error": error(row),
    }
