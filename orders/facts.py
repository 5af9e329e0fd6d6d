"""An order in the house's own words: what the API answers and what a notice carries.

Pure; reads only loaded fields (``*_COLUMNS`` are those). The API adds to it what is for the caller
alone (``gateway.api.v1.render``); a dialect reads it and says it in its own words. Not shown: what
identifies the customer (openid, address); payees and receivers are masked.

Amounts in fen, times as ISO 8601 in UTC with ``Z``. What is not known or not there is None, also a
number, and also an amount (0 is an amount); texts that the merchant gave are as he gave them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext

from orders.models import (
    AllocationDetail,
    AllocationOrder,
    AllocationReceiver,
    PayOrder,
    RefundOrder,
    ShareReturn,
    StoreCancellation,
    StoreDelivery,
    StoreItem,
    StoreOrder,
    TransferOrder,
)

Facts = dict[str, Any]

PAY_COLUMNS = (
    "order_no", "biz_order_no", "out_order_no", "channel", "method", "title", "attach", "amount",
    "currency", "paid_amount", "refunded", "refunding", "status", "intent", "refund_status",
    "allocation_status", "error_code", "error_message", "created_at", "expires_at", "paid_at",
    "ended_at",
)  # fmt: skip
REFUND_COLUMNS = (
    "refund_no", "biz_refund_no", "out_refund_no", "channel", "amount", "currency", "status",
    "reason", "error_code", "error_message", "created_at", "ended_at",
    *(f"pay_order__{name}" for name in (
        "order_no", "biz_order_no", "paid_amount", "refunded", "refunding", "refund_status",
    )),
)  # fmt: skip
TRANSFER_COLUMNS = (
    "transfer_no", "biz_transfer_no", "out_transfer_no", "channel", "title", "amount", "currency",
    "payee_type", "payee_account_mask", "payee_name_mask", "remark", "scene", "status",
    "is_waiting_payee", "is_cancelling", "confirm_params", "confirm_until", "error_code",
    "error_message", "created_at", "ended_at",
)  # fmt: skip
ALLOCATION_COLUMNS = (
    "allocation_no", "biz_allocation_no", "out_allocation_no", "channel", "title", "amount",
    "currency", "status", "result", "finishes", "is_finishing", "error_code", "error_message",
    "created_at", "ended_at", "group__group_no", "pay_order__order_no", "pay_order__biz_order_no",
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


def pay_order(order: PayOrder) -> Facts:
    """A pay order as a merchant sees it, without what the customer pays with."""
    return {
        "order_no": order.order_no,
        "biz_order_no": order.biz_order_no,
        "out_order_no": order.out_order_no or None,
        "channel": order.channel,
        "method": order.method,
        "title": order.title,
        "attach": order.attach,
        "amount": order.amount,
        "currency": order.currency,
        "status": str(order.status),
        "intent": str(order.intent) or None,
        "paid_amount": order.paid_amount,
        "refunded_amount": order.refunded,
        "refunding_amount": order.refunding,
        "refundable_balance": order.refundable_balance,
        "refund_status": str(order.refund_status),
        "allocation_status": str(order.allocation_status),
        "error": error(order),
        "created_at": iso(order.created_at),
        "expires_at": iso(order.expires_at),
        "paid_at": iso(order.paid_at),
        "ended_at": iso(order.ended_at),
    }


def refund(row: RefundOrder) -> Facts:
    """A refund, with what it left of its pay order. Reads ``row.pay_order``."""
    return {
        "refund_no": row.refund_no,
        "biz_refund_no": row.biz_refund_no,
        "out_refund_no": row.out_refund_no or None,
        "order_no": row.pay_order.order_no,
        "biz_order_no": row.pay_order.biz_order_no,
        "channel": row.channel,
        "amount": row.amount,
        "currency": row.currency,
        "status": str(row.status),
        "reason": row.reason,
        "refundable_balance": row.pay_order.refundable_balance,
        "refund_status": str(row.pay_order.refund_status),
        "error": error(row),
        "created_at": iso(row.created_at),
        "ended_at": iso(row.ended_at),
    }


def transfer(row: TransferOrder) -> Facts:
    """A transfer; the payee is masked."""
    return {
        "transfer_no": row.transfer_no,
        "biz_transfer_no": row.biz_transfer_no,
        "out_transfer_no": row.out_transfer_no or None,
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
        "intent": "cancel" if row.is_cancelling else None,
        "waiting_for_payee": row.is_waiting_payee,
        "confirm_params": row.confirm_params,
        "confirm_until": iso(row.confirm_until),
        "error": error(row),
        "created_at": iso(row.created_at),
        "ended_at": iso(row.ended_at),
    }


def allocation(row: AllocationOrder) -> Facts:
    """An allocation with its shares, as they were asked for.

    Reads ``row.pay_order``, ``row.group`` and its details with their receivers.
    """
    return {
        "allocation_no": row.allocation_no,
        "biz_allocation_no": row.biz_allocation_no,
        "out_allocation_no": row.out_allocation_no or None,
        "order_no": row.pay_order.order_no,
        "biz_order_no": row.pay_order.biz_order_no,
        "channel": row.channel,
        "group_no": row.group.group_no if row.group else None,
        "title": row.title,
        "amount": row.amount,
        "currency": row.currency,
        "finish": row.finishes,
        "status": str(row.status),
        "intent": "finish" if row.is_finishing else None,
        "result": str(row.result),
        "shares": [share(part) for part in sorted(row.details.all(), key=lambda part: part.pk)],
        "error": error(row),
        "created_at": iso(row.created_at),
        "ended_at": iso(row.ended_at),
    }


def share(detail: AllocationDetail) -> Facts:
    """One receiver's part; ``rate`` (ten-thousandths) is None where the amount was named."""
    return {
        "detail_no": detail.detail_no,
        "receiver_no": detail.receiver.receiver_no,
        "rate": detail.rate,
        "amount": detail.amount,
        "returned_amount": detail.returned,
        "returning_amount": detail.returning,
        "status": str(detail.status),
        "error": error(detail),
        "ended_at": iso(detail.ended_at),
    }


def share_return(row: ShareReturn) -> Facts:
    """A return of a share, with the refund that needs the money.

    Reads ``row.detail``, ``row.allocation``, ``row.pay_order`` and ``row.refund``.
    """
    return {
        "return_no": row.return_no,
        "biz_return_no": row.biz_return_no,
        "out_return_no": row.out_return_no or None,
        "detail_no": row.detail.detail_no,
        "allocation_no": row.allocation.allocation_no,
        "order_no": row.pay_order.order_no,
        "refund_no": row.refund.refund_no if row.refund else None,
        "channel": row.channel,
        "amount": row.amount,
        "currency": row.currency,
        "reason": row.reason,
        "status": str(row.status),
        "error": error(row),
        "created_at": iso(row.created_at),
        "ended_at": iso(row.ended_at),
    }


def receiver(row: AllocationReceiver) -> Facts:
    """A receiver; account and name are masked."""
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
        "created_at": iso(row.created_at),
    }


def store_order(row: StoreOrder) -> Facts:
    """A store order with its lines, its courier and what was asked about ending it.

    The customer's phone is masked. Reads ``row.pay_order``, ``row.items``, ``row.delivery`` and
    ``row.cancellations`` with their refunds.
    """
    delivery = getattr(row, "delivery", None)
    asked = sorted(row.cancellations.all(), key=lambda one: one.pk)
    return {
        "order_no": row.order_no,
        "biz_order_no": row.biz_order_no,
        "store_id": row.store_id,
        "store_name": row.store_name,
        "kind": row.kind,
        "client": row.client,
        "status": str(row.status),
        "pay_type": row.pay_type,
        "pay_status": row.pay_status,
        "pay_order_no": row.pay_order.order_no if row.pay_order else None,
        "pay_channel": row.pay_channel,
        "pay_channel_name": row.pay_channel_name,
        "amount": row.amount,
        "original_amount": row.original_amount,
        "deliver_fee": row.deliver_fee,
        "package_fee": row.package_fee,
        "currency": row.currency,
        "items": [_store_item(item) for item in sorted(row.items.all(), key=lambda one: one.pk)],
        "delivery": _courier(delivery) if delivery else None,
        "cancel_kind": row.cancel_kind or None,
        "cancel_status": row.cancel_status or None,
        "cancel_reason": row.cancel_reason,
        "cancellations": [_cancellation(one) for one in asked],
        "can_refund": row.can_refund,
        "needs_invoice": row.needs_invoice,
        "gives_bonus": row.gives_bonus,
        "table": row.table,
        "note": row.note,
        "pos_code": row.pos_code,
        "operator": row.operator,
        "user_id": row.user_id,
        "user_name": row.user_name,
        "mobile": row.mobile_mask,
        "longitude": row.longitude,
        "latitude": row.latitude,
        "pick_up_no": row.pick_up_no,
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "paid_at": iso(row.paid_at),
        "accepted_at": iso(row.accepted_at),
        "made_at": iso(row.made_at),
        "delivering_at": iso(row.delivering_at),
        "expected_at": iso(row.expected_at),
        "arrival_at": iso(row.arrival_at),
        "deadline_at": iso(row.deadline_at),
        "ended_at": iso(row.ended_at),
    }


def _store_item(item: StoreItem) -> Facts:
    return {
        "seq": item.seq,
        "product_id": item.product_id,
        "third_product_id": item.third_product_id,
        "name": item.name,
        "price": item.price,
        "quantity": item.quantity,
        "share_amount": item.share_amount,
        "unit": item.unit,
        "weight": item.weight,
        "spec": item.spec,
        "property": item.property,
    }


def _courier(row: StoreDelivery) -> Facts:
    return {
        "contact": row.contact,
        "mobile": row.mobile,
        "express_code": row.express_code,
        "express_name": row.express_name,
        "express_no": row.express_no,
        "remark": row.remark,
    }


def _cancellation(row: StoreCancellation) -> Facts:
    return {
        "kind": row.kind,
        "status": row.status or None,
        "amount": row.amount,
        "reason": row.reason,
        "answer": row.answer,
        "refund_no": row.refund.refund_no if row.refund else None,
        "created_at": iso(row.created_at),
        "decided_at": iso(row.decided_at),
        "ended_at": iso(row.ended_at),
    }


def error(order: Any) -> Mapping[str, str] | None:
    """The last word of the channel that was not what one hoped for, or the house's own sentence
    in the reader's language."""
    if not order.error_code:
        return None
    message = order.error_message and gettext(order.error_message)
    return {"code": order.error_code, "message": message}


def iso(at: datetime | None) -> str | None:
    """``2026-11-20T10:53:11.123Z``: RFC 3339 in UTC, to the millisecond."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
