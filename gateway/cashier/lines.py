"""What a customer is shown of a checkout: its lines in words, and its own address. Reads only;
shared by the pages and by the addresses that their script calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels import registry
from channels.base import Method
from orders.models import Checkout, PayOrder
from orders.services import checkout as checkouts
from orders.services.checkout import Environment, Item

HINTS: Mapping[Method, Promise] = {
    Method.NATIVE: gettext_lazy("Scan a code with your phone"),
    Method.JSAPI: gettext_lazy("Pay right here"),
    Method.H5: gettext_lazy("Opens the app"),
    Method.WAP: gettext_lazy("Opens the app"),
    Method.PAGE: gettext_lazy("On the provider's own page"),
}
WALLETS = ("wechat", "alipay")
"""Channels with a sign of their own in the style sheet."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One way to pay as the list shows it."""

    code: str
    name: str
    hint: str
    sign: str
    """The style of its mark."""
    letter: str
    is_locked: bool
    """The customer has begun to pay like this and cannot change it."""
    needs_openid: bool


def lines(
    row: Checkout, environment: Environment, now: datetime, *, openid: str = ""
) -> list[Line]:
    """The list for a customer there, the first preselected; the chosen one alone once there is
    one; empty where nothing can be paid any more."""
    status = row.status_at(now)
    if status == Checkout.Status.PAYING and row.pay_order is not None:
        return [_line(_chosen(row.pay_order), is_locked=True)]
    if status != Checkout.Status.WAIT_PAY:
        return []
    found = checkouts.offered(row, environment, now, openid=openid or row.openid)
    return [_line(item, is_locked=False) for item in found]


def _chosen(order: PayOrder) -> Item:
    return Item(channel=order.channel, method=Method(order.method))


def _line(item: Item, *, is_locked: bool) -> Line:
    name = _(registry.get(item.channel).name)
    return Line(
        code=item.code,
        name=name,
        hint=str(HINTS.get(item.method, "")),
        sign=item.channel if item.channel in WALLETS else "other",
        letter=name[:1],
        is_locked=is_locked,
        needs_openid=item.needs_openid,
    )


def page_url(row: Checkout) -> str:
    """The address that the customer is given."""
    return settings.BASE_URL + reverse(f"checkout_{row.kind}", args=[row.checkout_no])


def seconds_left(row: Checkout, now: datetime) -> int:
    return max(0, int((row.expires_at - now).total_seconds()))
