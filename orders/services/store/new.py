"""What a door asks for when it makes a store order, and what is wrong with it.

Called by ``create``. The doors fill these in from their own words; nothing here is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_noop as N_

from orders.errors import InvalidInput
from orders.models.store_words import (
    StoreKind,
    StorePayStatus,
    StorePayType,
    StoreStatus,
)
from orders.services import fields

AMOUNT_MAX = 10**12
"""Fen; as the API's own limit."""
ITEMS_MAX = 200
SMALL_MAX = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class NewItem:
    """One line. Prices in fen, weight in grams. Unchecked."""

    seq: int
    product_id: str
    name: str
    price: int
    quantity: int
    third_product_id: str = ""
    share_amount: int = 0
    """Of the order's discount, in fen."""
    unit: str = ""
    weight: int | None = None
    spec: str = ""
    property: str = ""


@dataclass(frozen=True, kw_only=True)
class NewPayment:
    """How the customer pays online, through a pay order of this house. Unchecked."""

    channel: str
    method: str
    biz_order_no: str = ""
    """The merchant's number of the pay order; by default the store order's."""
    openid: str = ""
    client_ip: str = ""
    notify_url: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of ``pay.NewPayOrder``."""


@dataclass(frozen=True, kw_only=True)
class Courier:
    """Who brings it. ``contact`` and ``mobile`` are needed (订单状态处理, deliveryInfo)."""

    contact: str
    mobile: str
    express_code: str = ""
    express_name: str = ""
    express_no: str = ""
    remark: str = ""


@dataclass(frozen=True, kw_only=True)
class NewStoreOrder:
    """What a door asks for; amounts in fen, times aware UTC. Unchecked."""

    store_id: str
    kind: str
    amount: int
    items: tuple[NewItem, ...] = ()
    biz_order_no: str = ""
    """Empty: our own number stands in for it."""
    store_name: str = ""
    original_amount: int | None = None
    deliver_fee: int = 0
    package_fee: int = 0
    client: int = 2
    status: str | None = None
    """Of an order that is uploaded for matching; others begin unpaid."""
    pay_type: str = StorePayType.TILL.value
    pay_status: str | None = None
    pay_channel: str = ""
    pay_channel_name: str = ""
    paid_at: datetime | None = None
    can_refund: bool = True
    needs_invoice: bool = False
    gives_bonus: bool = True
    table: str = ""
    note: str = ""
    pos_code: str = ""
    operator: str = ""
    user_id: str = ""
    user_name: str = ""
    mobile: str = ""
    longitude: str = ""
    latitude: str = ""
    pick_up_no: str = ""
    expected_at: datetime | None = None
    arrival_at: datetime | None = None
    notify_url: str = ""
    pay_order_no: str = ""
    """A pay order of the same application that is there already."""
    payment: NewPayment | None = None
    door_data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_paid_here(self) -> bool:
        """Its money is, or will be, a pay order's of this house."""
        return self.payment is not None or bool(self.pay_order_no)


TEXTS = {
    "store_id": 64, "store_name": 128, "table": 32, "note": 256, "pos_code": 64, "operator": 64,
    "user_id": 64, "user_name": 64, "mobile": 32, "longitude": 24, "latitude": 24,
    "pick_up_no": 16, "pay_channel": 64, "pay_channel_name": 64,
}  # fmt: skip
"""The longest of each."""
ITEM_TEXTS = {
    "product_id": 64, "third_product_id": 64, "name": 128, "unit": 16, "spec": 64, "property": 128,
}  # fmt: skip
COURIER_TEXTS = {
    "contact": 64, "mobile": 32, "express_code": 32, "express_name": 64, "express_no": 64,
    "remark": 128,
}  # fmt: skip


def check(new: NewStoreOrder) -> None:
    """Raises InvalidInput with the name of the field."""
    if new.biz_order_no:
        fields.biz_number("biz_order_no", new.biz_order_no)
    _texts(new, TEXTS, required=("store_id",))
    _one_of("kind", new.kind, StoreKind.values)
    _one_of("pay_type", new.pay_type, StorePayType.values)
    if new.status is not None:
        _one_of("status", new.status, StoreStatus.values)
    if new.pay_status is not None:
        _one_of("pay_status", new.pay_status, StorePayStatus.values)
    for name in ("amount", "deliver_fee", "package_fee"):
        _whole(name, getattr(new, name), AMOUNT_MAX)
    if new.original_amount is not None:
        _whole("original_amount", new.original_amount, AMOUNT_MAX)
    _whole("client", new.client, 32767)
    fields.url("notify_url", new.notify_url)
    _check_items(new.items)
    if new.is_paid_here:
        _check_paid_here(new)


def check_courier(courier: Courier | None) -> Courier:
    """Raises InvalidInput where the courier, or what is needed of him, is missing."""
    if courier is None:
        raise InvalidInput(
            "courier", "required", N_("%(field)s is required."), {"field": "courier"}
        )
    _texts(courier, COURIER_TEXTS, required=("contact", "mobile"))
    return courier


def _check_paid_here(new: NewStoreOrder) -> None:
    if new.payment is not None and new.pay_order_no:
        raise InvalidInput(
            "pay_order_no", "one_of", N_("Give at most one of payment and pay_order_no.")
        )
    if new.pay_type != StorePayType.ONLINE:
        raise InvalidInput(
            "pay_type", "paid_online", N_("An order with a payment of this house is paid online.")
        )
    if new.status not in (None, StoreStatus.UNPAID) or new.pay_status is not None:
        raise InvalidInput(
            "status", "told_by_payment", N_("The status of an order paid here is its payment's.")
        )
    if new.amount == 0:
        raise InvalidInput("amount", "nothing_to_pay", N_("There is nothing to pay."))


def _check_items(items: tuple[NewItem, ...]) -> None:
    if len(items) > ITEMS_MAX:
        raise InvalidInput(
            "items", "too_many", N_("At most %(most)s lines are allowed."), {"most": ITEMS_MAX}
        )
    for number, item in enumerate(items):
        where = f"items[{number}]."
        _texts(item, ITEM_TEXTS, required=("product_id", "name"), where=where)
        _whole(f"{where}seq", item.seq, SMALL_MAX)
        _whole(f"{where}price", item.price, AMOUNT_MAX)
        _whole(f"{where}share_amount", item.share_amount, AMOUNT_MAX)
        _whole(f"{where}quantity", item.quantity, SMALL_MAX, least=1)
        if item.weight is not None:
            _whole(f"{where}weight", item.weight, SMALL_MAX)


def _texts(
    given: object, lengths: Mapping[str, int], *, required: tuple[str, ...], where: str = ""
) -> None:
    for name, longest in lengths.items():
        value = getattr(given, name)
        fields.text(where + name, value, longest=longest, plain=False, required=name in required)


def _one_of(name: str, value: str, known: list[str]) -> None:
    if value not in known:
        raise InvalidInput(
            name,
            "invalid_choice",
            N_("%(field)s must be one of %(known)s."),
            {"field": name, "known": ", ".join(known)},
        )


def _whole(name: str, value: object, most: int, *, least: int = 0) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidInput(
            name,
            "out_of_range",
            N_("%(field)s must be a whole number from %(least)s to %(most)s."),
            {"field": name, "least": least, "most": most},
        )
