"""The words of store orders, and the numbers that 开个店 writes for them.

Read by the models and, for the numbers, by the 开个店 door. Numbers: 订单类接口, 字段描述.
A shop's words have a context of their own in translations: 取消 and 撤销 are both "cancel".
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class StoreStatus(models.TextChoices):
    UNPAID = "unpaid", pgettext_lazy("store order", "to be paid")
    PAID = "paid", pgettext_lazy("store order", "to be accepted")
    ACCEPTED = "accepted", pgettext_lazy("store order", "accepted")
    MADE = "made", pgettext_lazy("store order", "made")
    DELIVERING = "delivering", pgettext_lazy("store order", "being delivered")
    COMPLETED = "completed", pgettext_lazy("store order", "completed")
    CANCELLED = "cancelled", pgettext_lazy("store order", "cancelled")
    REJECTED = "rejected", pgettext_lazy("store order", "rejected")


class StoreKind(models.TextChoices):
    """How the customer gets it, and whether at once or at a time that was agreed."""

    DINE_IN = "dine_in", pgettext_lazy("store order", "dine in")
    DINE_IN_LATER = "dine_in_later", pgettext_lazy("store order", "dine in, booked")
    DELIVERY = "delivery", pgettext_lazy("store order", "delivery")
    DELIVERY_LATER = "delivery_later", pgettext_lazy("store order", "delivery, booked")
    PICK_UP = "pick_up", pgettext_lazy("store order", "pick-up")
    PICK_UP_LATER = "pick_up_later", pgettext_lazy("store order", "pick-up, booked")


class StorePayType(models.TextChoices):
    ONLINE = "online", _("online")
    TILL = "till", _("at the till")


class StorePayStatus(models.TextChoices):
    UNPAID = "unpaid", _("not paid")
    PAID = "paid", pgettext_lazy("store order", "paid")
    REFUNDED = "refunded", _("refunded")
    PARTIAL = "partial_refund", _("partly refunded")


class CancelKind(models.TextChoices):
    """Why an order ends, or is asked to end, without being completed."""

    OTHER = "other", pgettext_lazy("store order", "other")
    CUSTOMER = "customer", _("cancelled by the customer")
    MERCHANT = "merchant", _("cancelled by the merchant")
    UNPAID = "unpaid", _("not paid in time")
    NOT_ACCEPTED = "not_accepted", _("not accepted in time")
    REJECTED = "rejected", _("rejected by the merchant")
    REFUSED_AT_DOOR = "refused_at_door", _("refused on delivery")
    AFTER_SALE = "after_sale", _("after-sale refund")
    SYSTEM = "system", _("cancelled by the system")
    SERVICE = "service", _("cancelled by customer service")
    CUSTOMER_ALL = "customer_all", _("cancelled as a whole by the customer")
    DELIVERY = "delivery", _("delivery cancelled")


class CancelStatus(models.TextChoices):
    """Where the money of a cancellation is. Nothing where there was none to give back."""

    NONE = "", "-"
    ASKED = "asked", _("refund asked for")
    REFUSED = "refused", _("refund refused")
    REFUNDING = "refunding", _("refunding")
    DONE = "done", _("refunded")
    WITHDRAWN = "withdrawn", _("refund no longer asked for")


CODES: dict[type[models.TextChoices], dict[str, int]] = {
    StoreStatus: {
        "paid": 1,
        "unpaid": 2,
        "accepted": 3,
        "delivering": 4,
        "completed": 5,
        "cancelled": 6,
        "rejected": 7,
        "made": 31,
    },
    StoreKind: {kind: number for number, kind in enumerate(StoreKind.values, start=1)},
    StorePayType: {"online": 1, "till": 2},
    StorePayStatus: {"unpaid": 1, "paid": 2, "refunded": 3, "partial_refund": 4},
    CancelKind: {kind: number for number, kind in enumerate(CancelKind.values, start=1)},
    CancelStatus: {"asked": 1, "refused": 3, "refunding": 4, "done": 5, "withdrawn": 6},
}

CLIENTS: dict[int, Any] = {
    1: _("own WeChat mini program"),
    2: _("SaaS"),
    3: _("own Alipay mini program"),
    4: _("own mobile page"),
    5: _("own Android app"),
    6: _("own iPhone app"),
    7: _("own web page"),
    8: "饿了么",
    9: "饿百",
    10: "京东",
    11: "美团外卖",
    12: _("own app"),
    13: _("开个店 members"),
    14: _("开个店 ordering"),
    15: _("till"),
    19: _("shared meal"),
}
"""下单渠道. Others are kept and shown as their number: the list has grown before."""

TIMEOUTS = (5, 10, 15, 20, 30, 45, 60, 120, 180, 360)
"""Minutes that a reminder of the next step may wait (字段描述, timeout)."""


def code(words: type[models.TextChoices], word: str) -> int | None:
    """开个店's number of a word; None for the empty one."""
    return CODES[words].get(str(word))


def word(words: type[models.TextChoices], number: int) -> str:
    """The word of 开个店's number. Raises KeyError for a number that it does not have."""
    return {value: key for key, value in CODES[words].items()}[number]
