"""The story of a checkout: a merchant asks for it, its customer chooses, a pay order does the rest.

The number of a checkout is what opens its page: 80 random bits, which nobody can guess.
"""

from orders.services.checkout.choosing import choose
from orders.services.checkout.items import Environment, Item, offered
from orders.services.checkout.request import NewCheckout, find, request_checkout, request_close

__all__ = [
    "Environment",
    "Item",
    "NewCheckout",
    "choose",
    "find",
    "offered",
    "request_checkout",
    "request_close",
]
