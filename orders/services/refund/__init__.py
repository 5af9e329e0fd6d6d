"""The story of a refund, split by verb: request → settle, sync/retry/close, check."""

from orders.services.refund.check import check_due
from orders.services.refund.operate import find, request_close, request_retry, request_sync
from orders.services.refund.request import request_refund
from orders.services.refund.settle import settle, settle_foreign, settle_state

__all__ = [
    "check_due",
    "find",
    "request_close",
    "request_refund",
    "request_retry",
    "request_sync",
    "settle",
    "settle_foreign",
    "settle_state",
]
