"""The story of a store order, split by verb: create, operate, refunds, check; and its lists."""

from orders.services.store.new import Courier, NewItem, NewPayment, NewStoreOrder

__all__ = ["Courier", "NewItem", "NewPayment", "NewStoreOrder"]
