"""The story of a pay order, split by verb: create → settle, close/cancel/sync → settle, check."""

from orders.services.pay.check import check_due
from orders.services.pay.create import NewPayOrder, request_pay
from orders.services.pay.operate import find, request_cancel, request_close, request_sync
from orders.services.pay.settle import settle, settle_state
from orders.services.pay.till import is_scanned

__all__ = [
    "NewPayOrder",
    "check_due",
    "find",
    "is_scanned",
    "request_cancel",
    "request_close",
    "request_pay",
    "request_sync",
    "settle",
    "settle_state",
]
