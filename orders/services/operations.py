"""One dispatch for every operation that a person may ask of an order: code → service.

The console calls this; it decides nothing, so that page, API and guard cannot differ.
"""

from __future__ import annotations

from orders.actor import Actor
from orders.models import (
    AllocationOrder,
    AllocationReceiver,
    Anomaly,
    PayOrder,
    RefundOrder,
    ShareReturn,
    StoreOrder,
    TransferOrder,
)
from orders.services import allocation, anomaly, pay, refund, store, transfer

Order = (
    PayOrder
    | RefundOrder
    | TransferOrder
    | AllocationOrder
    | ShareReturn
    | AllocationReceiver
    | Anomaly
    | StoreOrder
)


def perform(
    order: Order, code: str, actor: Actor, *, reason: str = "", amount: int | None = None
) -> Order:
    """Ask for ``code`` on ``order``; ``amount`` in fen where the operation takes one.

    Returns the order as it is now, or the refund or allocation that it makes. Raises OrderError of
    any kind, and KeyError for an operation that does not exist.
    """
    match order, code:
        case PayOrder(), "refund":
            return refund.request_refund(order.order_no, actor, amount=amount or 0, reason=reason)
        case PayOrder(), "close":
            return pay.request_close(order.order_no, actor, reason=reason)
        case PayOrder(), "cancel":
            return pay.request_cancel(order.order_no, actor, reason=reason)
        case PayOrder(), "sync":
            return pay.request_sync(order.order_no, actor)
        case PayOrder(), "allocate":
            return allocation.request_allocation(order.order_no, actor)
        case RefundOrder(), "sync":
            return refund.request_sync(order.refund_no, actor)
        case RefundOrder(), "retry":
            return refund.request_retry(order.refund_no, actor)
        case RefundOrder(), "close":
            return refund.request_close(order.refund_no, actor, reason=reason)
        case TransferOrder(), "sync":
            return transfer.request_sync(order.transfer_no, actor)
        case TransferOrder(), "retry":
            return transfer.request_retry(order.transfer_no, actor)
        case TransferOrder(), "cancel":
            return transfer.request_cancel(order.transfer_no, actor, reason=reason)
        case TransferOrder(), "close":
            return transfer.request_close(order.transfer_no, actor, reason=reason)
        case AllocationOrder(), "sync":
            return allocation.request_sync(order.allocation_no, actor)
        case AllocationOrder(), "retry":
            return allocation.request_retry(order.allocation_no, actor)
        case AllocationOrder(), "finish":
            return allocation.request_finish(order.allocation_no, actor)
        case ShareReturn(), "sync":
            return allocation.request_return_sync(order.return_no, actor)
        case ShareReturn(), "retry":
            return allocation.request_return_retry(order.return_no, actor)
        case ShareReturn(), "close":
            return allocation.request_return_close(order.return_no, actor, reason=reason)
        case AllocationReceiver(), "bind":
            return allocation.request_bind(order.receiver_no, actor)
        case AllocationReceiver(), "unbind":
            return allocation.request_unbind(order.receiver_no, actor)
        case StoreOrder(), "sync":
            return store.request_sync(order.order_no, actor)
        case StoreOrder(), _:
            return store.operate(order.order_no, code, actor, reason=reason)
        case Anomaly(), "confirm":
            return anomaly.confirm(order.pk, actor, reason=reason)
        case Anomaly(), "refund_payment":
            return anomaly.refund_payment(order.pk, actor, reason=reason)
        case Anomaly(), "ignore":
            return anomaly.ignore(order.pk, actor, reason=reason)
    raise KeyError(f"{type(order).__name__} has no operation {code!r}")
