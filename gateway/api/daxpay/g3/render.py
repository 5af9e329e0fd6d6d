"""Orders in G3's words. Pure; reads loaded fields.

The members and their order are those of the SDK's classes: its verification writes ``data`` as JSON
again, in the order of the class and without null, so a member more or in another place would be a
wrong signature. Amounts are decimals of yuan, times ``yyyy-MM-dd HH:mm:ss`` in Beijing.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from gateway.api.daxpay.g3 import words
from gateway.api.daxpay.render import beijing, error
from orders.models import (
    AllocationDetail,
    AllocationOrder,
    AllocationReceiver,
    PayOrder,
    RefundOrder,
    TransferOrder,
)
from orders.money import FEN_PER_YUAN, yuan

Data = dict[str, Any]


def dump(value: Any) -> str:
    """JSON in which a Decimal is a number, as it is: 12.80."""
    if isinstance(value, dict):
        members = (f"{json.dumps(name)}:{dump(inner)}" for name, inner in value.items())
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value, ensure_ascii=False)


def paying(order: PayOrder, body: str | None) -> Data:
    """PayResult."""
    return {
        "bizOrderNo": order.biz_order_no,
        "orderNo": order.order_no,
        "status": str(order.status),
        "payBody": body,
    }


def pay_order(order: PayOrder) -> Data:
    """PayOrderResult."""
    said = order.door_data
    return {
        "bizOrderNo": order.biz_order_no,
        "orderNo": order.order_no,
        "outOrderNo": order.out_order_no or None,
        "title": order.title,
        "description": said.get("description"),
        "allocation": order.allocation_status != PayOrder.AllocationStatus.NONE,
        "autoAllocation": None,
        "channel": words.CHANNEL_OF.get(order.channel, order.channel),
        "method": words.METHOD_OF[order.method],
        "otherMethod": None,
        "limitPay": said.get("limitPay"),
        "amount": yuan(order.amount),
        "refundableBalance": yuan(order.refundable_balance),
        "status": str(order.status),
        "refundStatus": str(order.refund_status),
        "allocStatus": words.ALLOC_STATUS[order.allocation_status],
        "payTime": beijing(order.paid_at),
        "closeTime": None if order.paid_at else beijing(order.ended_at),
        "expiredTime": beijing(order.expires_at),
        "attach": said.get("attach") or order.attach or None,
        "errorMsg": error(order),
    }


def refunding(row: RefundOrder) -> Data:
    """RefundResult."""
    return {
        "refundNo": row.refund_no,
        "bizRefundNo": row.biz_refund_no,
        "status": str(row.status),
        "errorMsg": error(row),
    }


def refund(row: RefundOrder) -> Data:
    """RefundOrderResult. Reads ``row.pay_order``.

    The SDK has ``orderAmount`` as an Integer of yuan: one with fen would be cut, and not verified.
    """
    order = row.pay_order
    whole, rest = divmod(order.amount, FEN_PER_YUAN)
    return {
        "orderNo": order.order_no,
        "outOrderNo": order.out_order_no or None,
        "bizOrderNo": order.biz_order_no,
        "title": order.title,
        "refundNo": row.refund_no,
        "bizRefundNo": row.biz_refund_no,
        "outRefundNo": row.out_refund_no or None,
        "channel": words.CHANNEL_OF.get(row.channel, row.channel),
        "orderAmount": None if rest else whole,
        "amount": yuan(row.amount),
        "reason": row.reason or None,
        "finishTime": beijing(row.ended_at),
        "status": str(row.status),
        "attach": row.door_data.get("attach") or order.door_data.get("attach"),
        "errorMsg": error(row),
    }


def transferring(row: TransferOrder) -> Data:
    """TransferResult."""
    return {
        "bizTransferNo": row.biz_transfer_no,
        "transferNo": row.transfer_no,
        "status": str(row.status),
        "errorMsg": error(row),
    }


def transfer(row: TransferOrder) -> Data:
    """TransferOrderResult; the payee is masked."""
    return {
        "bizTransferNo": row.biz_transfer_no,
        "transferNo": row.transfer_no,
        "outTransferNo": row.out_transfer_no or None,
        "channel": words.CHANNEL_OF.get(row.channel, row.channel),
        "amount": yuan(row.amount),
        "title": row.title,
        "reason": row.remark or None,
        "payeeType": "open_id" if row.payee_type == "openid" else row.payee_type,
        "payeeAccount": row.payee_account_mask,
        "payeeName": row.payee_name_mask or None,
        "status": str(row.status),
        "finishTime": beijing(row.ended_at),
        "attach": row.door_data.get("attach"),
        "errorMsg": error(row),
    }


def sharing(row: AllocationOrder) -> Data:
    """AllocationResult."""
    return {
        "allocNo": row.allocation_no,
        "bizAllocNo": row.biz_allocation_no,
        "status": str(row.status),
    }


def allocation(row: AllocationOrder) -> Data:
    """AllocOrderResult. Reads ``row.pay_order`` and its details with their receivers."""
    order = row.pay_order
    return {
        "allocNo": row.allocation_no,
        "bizAllocNo": row.biz_allocation_no,
        "outAllocNo": row.out_allocation_no or None,
        "orderNo": order.order_no,
        "bizOrderNo": order.biz_order_no,
        "outOrderNo": order.out_order_no or None,
        "title": row.title or None,
        "channel": words.CHANNEL_OF.get(row.channel, row.channel),
        "amount": yuan(row.amount),
        "description": row.door_data.get("description"),
        "status": str(row.status),
        "result": str(row.result),
        "errorCode": row.error_code or None,
        "errorMsg": error(row),
        "finishTime": beijing(row.ended_at),
        "details": [share(one) for one in sorted(row.details.all(), key=lambda one: one.pk)],
    }


def share(detail: AllocationDetail) -> Data:
    """AllocDetailResult; account and name are masked."""
    row = detail.receiver
    return {
        "receiverNo": row.biz_receiver_no or row.receiver_no,
        "amount": yuan(detail.amount),
        "receiverType": words.RECEIVER_OF[row.receiver_type],
        "receiverAccount": row.account_mask,
        "receiverName": row.name_mask or None,
        "result": str(detail.status),
        "errorCode": detail.error_code or None,
        "errorMsg": error(detail),
        "finishTime": beijing(detail.ended_at),
    }


def receiver(row: AllocationReceiver) -> Data:
    """AllocReceiverResult.Receiver; account and name are masked."""
    return {
        "receiverNo": row.biz_receiver_no or row.receiver_no,
        "channel": words.CHANNEL_OF.get(row.channel, row.channel),
        "receiverType": words.RECEIVER_OF[row.receiver_type],
        "receiverAccount": row.account_mask,
        "receiverName": row.name_mask or None,
        "relationType": row.relation.lower() or None,
        "relationName": row.custom_relation or None,
    }
