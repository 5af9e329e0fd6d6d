"""The story of a transfer, split by verb: request → settle, sync/retry/cancel/close, check."""

from orders.services.transfer.operate import (
    check_due,
    find,
    request_cancel,
    request_close,
    request_retry,
    request_sync,
    reveal_payee,
)
from orders.services.transfer.request import NewTransfer, request_transfer
from orders.services.transfer.settle import settle, settle_state

__all__ = [
    "NewTransfer",
    "check_due",
    "find",
    "request_cancel",
    "request_close",
    "request_retry",
    "request_sync",
    "request_transfer",
    "reveal_payee",
    "settle",
    "settle_state",
]
