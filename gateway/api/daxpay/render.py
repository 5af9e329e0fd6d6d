"""Orders in DaxPay's words: what its queries answer and its notices carry. Pure.

Reads loaded fields. Amounts in fen, times ``yyyy-MM-dd HH:mm:ss`` in Beijing, currencies in small
letters; what is not known is null, which the wire does not sign. Our one number is both DaxPay's
``orderNo`` and its ``tradeNo``. Payees and receivers are masked, as everywhere.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.api.daxpay import words
from gateway.api.daxpay.fields import BEIJING
from orders.models import (
    AllocationDetail,
    AllocationOrder,
    PayOrder,
    RefundOrder,
    TransferOrder,
)

Data = dict[str, Any]


def beijing(at: datetime | None) -> str | None:
    return at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S") if at else None


def error(order: Any) -> str | None:
    """The channel's last word that was not what one hoped for."""
    return order.error_message or order.error_code or None


def paying(order: PayOrder, config: Any) -> Data:
    """The answer to /unipay/pay: how the customer pays."""
    way = words.WAYS[words.method_of(order)]
    body, kind = way.body(order.pay_params)
    if config.get("pay_body_type") == "documented" and kind:
        kind = words.DOCUMENTED_BODY_TYPES[kind]
    return {
        "bizOrderNo": order.biz_order_no,
        "orderNo": order.order_no,
        "tradeNo": order.order_no,
        "status": words.PAY[order.status],
        "payBody": body,
        "payBodyType": kind,
    }


def pay_order(order: PayOrder) -> Data:
    said = order.door_data
    is_paid = order.paid_at is not None
    return {
        "bizOrderNo": order.biz_order_no,
        "orderNo": order.order_no,
        "tradeNo": order.order_no,
        "outOrderNo": order.out_order_no or None,
        "title": order.title,
        "description": said.get("description"),
        "channel": order.channel,
        "product": words.PRODUCTS.get(order.channel),
        "method": words.method_of(order),
        "capability": said.get("capability"),
        "limitPay": said.get("limitPay"),
        "amount": order.amount,
        "currency": order.currency.lower(),
        "realAmount": order.paid_amount,
        "refundableBalance": order.refundable_balance,
        "status": words.PAY[order.status],
        "refundStatus": words.PAY_REFUND[order.refund_status],
        "provider": order.channel,
        "payTime": beijing(order.paid_at),
        "closeTime": None if is_paid else beijing(order.ended_at),
        "expiredTime": beijing(order.expires_at),
        "terminalNo": said.get("terminalNo"),
        "storeNo": said.get("storeNo"),
        "buyerId": None,
        "attach": said.get("attach") or order.attach or None,
        "errorMsg": error(order),
    }


def refunding(row: RefundOrder) -> Data:
    """The answer to /unipay/refund."""
    return {
        "refundNo": row.refund_no,
        "bizRefundNo": row.biz_refund_no,
        "status": words.REFUND[row.status],
        "errorMsg": error(row),
    }


def refund(row: RefundOrder) -> Data:
    """Reads ``row.pay_order``."""
    order = row.pay_order
    return {
        "refundNo": row.refund_no,
        "bizRefundNo": row.biz_refund_no,
        "orderNo": order.order_no,
        "tradeNo": order.order_no,
        "bizOrderNo": order.biz_order_no,
        "outRefundNo": row.out_refund_no or None,
        "amount": row.amount,
        "orderAmount": order.amount,
        "currency": row.currency.lower(),
        "channel": row.channel,
        "status": words.REFUND[row.status],
        "reason": row.reason or None,
        "attach": row.door_data.get("attach") or order.door_data.get("attach"),
        "finishTime": beijing(row.ended_at),
        "errorMsg": error(row),
    }


def transferring(row: TransferOrder) -> Data:
    """The answer to /unipay/transfer."""
    return {
        "transferNo": row.transfer_no,
        "bizTransferNo": row.biz_transfer_no,
        "status": words.TRANSFER[row.status],
        # WeChat Pay gives no address but the package for wx.requestMerchantTransfer.
        "confirmUrl": row.confirm_params.get("package_info"),
    }


def transfer(row: TransferOrder) -> Data:
    return {
        "transferNo": row.transfer_no,
        "bizTransferNo": row.biz_transfer_no,
        "outTransferNo": row.out_transfer_no or None,
        "relationNo": row.transfer_no,
        "amount": row.amount,
        "currency": row.currency.lower(),
        "channel": row.channel,
        "provider": row.channel,
        "status": words.TRANSFER[row.status],
        "title": row.title,
        "reason": row.remark or None,
        "attach": row.door_data.get("attach"),
        "finishTime": beijing(row.ended_at),
        "errorMsg": error(row),
    }


def sharing(row: AllocationOrder) -> Data:
    """The answer to /unipay/alloc."""
    return {
        "allocNo": row.allocation_no,
        "bizAllocNo": row.biz_allocation_no,
        "status": words.ALLOCATION[row.status][row.result],
        "errorMsg": error(row),
    }


def allocation(row: AllocationOrder) -> Data:
    """Reads ``row.pay_order`` and its details with their receivers."""
    order = row.pay_order
    return {
        "allocNo": row.allocation_no,
        "bizAllocNo": row.biz_allocation_no,
        "orderNo": order.order_no,
        "tradeNo": order.order_no,
        "bizOrderNo": order.biz_order_no,
        "outAllocNo": row.out_allocation_no or None,
        "amount": row.amount,
        "currency": row.currency.lower(),
        "status": words.ALLOCATION[row.status][row.result],
        "finishTime": beijing(row.ended_at),
        "channel": row.channel,
        "title": row.title,
        "attach": row.door_data.get("attach"),
        "errorMsg": error(row),
        "details": [share(one) for one in sorted(row.details.all(), key=lambda one: one.pk)],
    }


def share(detail: AllocationDetail) -> Data:
    receiver = detail.receiver
    return {
        "receiverType": words.RECEIVER_OF[receiver.receiver_type],
        "receiverAccount": receiver.account_mask,
        "receiverName": receiver.name_mask or None,
        "amount": detail.amount,
        "result": words.SHARE[detail.status],
        "errorMsg": error(detail),
        "finishTime": beijing(detail.ended_at),
    }
