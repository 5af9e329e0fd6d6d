"""What a claimed call says to its channel, read from its order as it is now. Workers only.

Personal data is decrypted here, on its way to the wire, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from channels.base import (
    Allocate,
    BindReceiver,
    CancelPay,
    CancelTransfer,
    ClosePay,
    Command,
    FinishAllocation,
    Method,
    Pay,
    PayeeType,
    QueryAllocation,
    QueryPay,
    QueryRefund,
    QueryReturn,
    QueryTransfer,
    ReceiverType,
    Refund,
    ReturnShare,
    Share,
    Transfer,
    UnbindReceiver,
)
from orders.models import (
    AllocationDetail,
    AllocationOrder,
    AllocationReceiver,
    ChannelCall,
    PayOrder,
    RefundOrder,
    ShareReturn,
    TransferOrder,
)

Kind = ChannelCall.Kind


def command(call: ChannelCall, notify_url: str) -> Command:
    """The command of ``call``; its order is loaded with it."""
    if call.transfer is not None:
        return _transfer(call.kind, call.transfer, notify_url)
    if call.receiver is not None:
        return _receiver(call.kind, call.receiver)
    order: PayOrder = call.pay_order  # type: ignore[assignment] # held by call_has_one_head
    if call.refund is not None:
        return _refund(call.kind, call.refund, order, notify_url)
    if call.allocation is not None:
        return _allocation(call.kind, call.allocation, order)
    if call.share_return is not None:
        return _return(call.kind, call.share_return, order)
    return _pay(call.kind, order, notify_url)


def _pay(kind: str, order: PayOrder, notify_url: str) -> Command:
    numbers = {"order_no": order.order_no, "out_order_no": order.out_order_no}
    match kind:
        case Kind.PAY:
            return Pay(
                order_no=order.order_no,
                amount=order.amount,
                currency=order.currency,
                title=order.title,
                method=Method(order.method),
                notify_url=notify_url,
                expires_at=order.expires_at,
                openid=order.openid,
                client_ip=order.client_ip or "",
                attach=order.attach,
                return_url=order.return_url,
                allocation=order.allocation_status != PayOrder.AllocationStatus.NONE,
            )
        case Kind.CLOSE_PAY:
            return ClosePay(**numbers, amount=order.amount)
        case Kind.CANCEL_PAY:
            return CancelPay(**numbers, amount=order.amount)
        case _:
            return QueryPay(**numbers, amount=order.amount)


def _refund(kind: str, row: RefundOrder, order: PayOrder, notify_url: str) -> Command:
    numbers = {
        "refund_no": row.refund_no,
        "order_no": order.order_no,
        "out_order_no": order.out_order_no,
    }
    if kind == Kind.QUERY_REFUND:
        return QueryRefund(**numbers, amount=row.amount)
    return Refund(
        **numbers,
        amount=row.amount,
        total=order.amount,
        currency=row.currency,
        reason=row.reason,
        notify_url=notify_url,
    )


def _transfer(kind: str, row: TransferOrder, notify_url: str) -> Command:
    numbers = {"transfer_no": row.transfer_no, "out_transfer_no": row.out_transfer_no}
    if kind == Kind.QUERY_TRANSFER:
        return QueryTransfer(**numbers, amount=row.amount)
    if kind == Kind.CANCEL_TRANSFER:
        return CancelTransfer(**numbers, amount=row.amount)
    return Transfer(
        transfer_no=row.transfer_no,
        amount=row.amount,
        currency=row.currency,
        title=row.title,
        remark=row.remark,
        payee_type=PayeeType(row.payee_type),
        payee_account=row.payee_account,
        payee_name=row.payee_name,
        scene=row.scene,
        notify_url=notify_url,
    )


def _allocation(kind: str, row: AllocationOrder, order: PayOrder) -> Command:
    numbers: dict[str, Any] = {"order_no": order.order_no, "out_order_no": order.out_order_no}
    match kind:
        case Kind.ALLOCATE:
            return Allocate(
                **numbers,
                allocation_no=row.send_no,
                shares=_shares(row, AllocationDetail.Status.PENDING),
                finishes=row.finishes,
            )
        case Kind.FINISH_ALLOCATION:
            return FinishAllocation(**numbers, finish_no=row.finish_no, description=row.title)
        case Kind.QUERY_FINISH:
            return QueryAllocation(**numbers, allocation_no=row.finish_no)
        case _:
            return QueryAllocation(
                **numbers,
                allocation_no=row.send_no,
                out_allocation_no=row.out_allocation_no,
                shares=_shares(row),
            )


def _shares(row: AllocationOrder, status: str = "") -> tuple[Share, ...]:
    """The shares of the last request: those still pending, or all that can be answered about."""
    details = row.details.select_related("receiver").exclude(status=AllocationDetail.Status.IGNORE)
    if status:
        details = details.filter(status=status)
    return tuple(
        Share(
            detail_no=detail.detail_no,
            receiver_type=ReceiverType(detail.receiver.receiver_type),
            account=detail.receiver.account_no,
            name=detail.receiver.name,
            amount=detail.amount,
            description=row.title,
        )
        for detail in details.order_by("id")
    )


def _return(kind: str, row: ShareReturn, order: PayOrder) -> Command:
    numbers = {
        "return_no": row.return_no,
        "allocation_no": row.detail.send_no,
        "out_allocation_no": row.allocation.out_allocation_no,
        "order_no": order.order_no,
        "out_order_no": order.out_order_no,
    }
    if kind == Kind.QUERY_RETURN:
        return QueryReturn(**numbers, amount=row.amount)
    return ReturnShare(
        **numbers,
        receiver_type=ReceiverType(row.detail.receiver.receiver_type),
        account=row.detail.receiver.account_no,
        amount=row.amount,
        description=row.reason or row.allocation.title,
    )


def _receiver(kind: str, row: AllocationReceiver) -> Command:
    make: Callable[..., Command] = BindReceiver if kind == Kind.BIND_RECEIVER else UnbindReceiver
    facts = {
        "request_no": row.receiver_no,
        "receiver_type": ReceiverType(row.receiver_type),
        "account": row.account_no,
    }
    if kind == Kind.BIND_RECEIVER:
        facts |= {
            "name": row.name,
            "relation": row.relation,
            "custom_relation": row.custom_relation,
        }
    return make(**facts)
