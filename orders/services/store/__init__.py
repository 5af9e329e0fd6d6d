"""The story of a store order, split by verb: create, operate (and decide), check; and its lists.

What its payment and its refunds say to it stands in ``orders.services.following``.
"""

from orders.services.store.check import check_due
from orders.services.store.create import create, find, request_payment
from orders.services.store.lists import Page, changed, refunds_changed, several
from orders.services.store.new import Courier, NewItem, NewPayment, NewStoreOrder
from orders.services.store.operate import (
    cancel_after_sale,
    change_status,
    decide_refund,
    operate,
    request_sync,
)

__all__ = [
    "Courier",
    "NewItem",
    "NewPayment",
    "NewStoreOrder",
    "Page",
    "cancel_after_sale",
    "change_status",
    "changed",
    "check_due",
    "create",
    "decide_refund",
    "find",
    "operate",
    "refunds_changed",
    "request_payment",
    "request_sync",
    "several",
]
