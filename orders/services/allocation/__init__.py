"""The story of shared money, by verb: receivers and groups, start, settle, operate, return."""

from orders.services.allocation.check import check_due
from orders.services.allocation.operate import (
    find,
    request_finish,
    request_retry,
    request_sync,
)
from orders.services.allocation.receivers import (
    NewReceiver,
    add_receiver,
    name_receiver,
    request_bind,
    request_unbind,
    set_group,
    settle_receiver,
)
from orders.services.allocation.returns import (
    RETURN_RULES,
    request_return,
    request_return_and_refund,
    request_return_close,
    request_return_retry,
    request_return_sync,
    return_operation,
    returns_for,
    settle_return_call,
)
from orders.services.allocation.settle import settle
from orders.services.allocation.start import (
    AskedShare,
    check_total,
    preview,
    request_allocation,
)

__all__ = [
    "RETURN_RULES",
    "AskedShare",
    "NewReceiver",
    "add_receiver",
    "check_due",
    "check_total",
    "find",
    "name_receiver",
    "preview",
    "request_allocation",
    "request_bind",
    "request_finish",
    "request_retry",
    "request_return",
    "request_return_and_refund",
    "request_return_close",
    "request_return_retry",
    "request_return_sync",
    "request_sync",
    "request_unbind",
    "return_operation",
    "returns_for",
    "set_group",
    "settle",
    "settle_receiver",
    "settle_return_call",
]
