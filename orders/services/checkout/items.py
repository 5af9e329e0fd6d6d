"""Which ways to pay a checkout offers to whom: a table, and what the application's accounts allow.

Reads only; used by ``request`` and ``choosing``, and by the pages through ``offered``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from channels import registry
from channels.base import Capabilities, Method
from orders.models import ChannelAccount, Checkout


class Environment(StrEnum):
    """Where the customer's page is open."""

    WECHAT = "wechat"
    """Inside WeChat."""
    ALIPAY = "alipay"
    """Inside Alipay."""
    PHONE = "phone"
    """A phone's browser."""
    DESKTOP = "desktop"
    """A browser beside which the customer has a phone."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of the list: a channel and how it is paid there."""

    channel: str
    method: Method

    @property
    def code(self) -> str:
        """``wechat_native``: what the page sends back."""
        return f"{self.channel}_{self.method}"

    @property
    def needs_openid(self) -> bool:
        return self.method is Method.JSAPI


Ways = tuple[Method, ...]
WALLETS: Mapping[str, Mapping[Environment, tuple[Ways, ...]]] = {
    "wechat": {
        # Without the customer's openid only a code that another phone scans.
        Environment.WECHAT: ((Method.JSAPI, Method.NATIVE),),
        Environment.PHONE: ((Method.H5, Method.NATIVE),),
        Environment.DESKTOP: ((Method.NATIVE,),),
    },
    "alipay": {
        Environment.ALIPAY: ((Method.JSAPI, Method.WAP),),
        Environment.PHONE: ((Method.WAP, Method.H5),),
        Environment.DESKTOP: ((Method.NATIVE,), (Method.PAGE,)),
    },
}
"""Channel → where → one line for each tuple, with the first of its ways that is possible. A wallet
that is not named for a place does not work there: WeChat opens no page of Alipay, nor the other
way round."""
ORDER = ("wechat", "alipay", "umf", "sandbox")
"""From top to bottom; what is not named comes last."""
ANY_WALLET: tuple[Ways, ...] = ((Method.NATIVE,),)
"""Of a channel whose codes several wallets scan, wherever the page is open."""


def offered(
    checkout: Checkout, environment: Environment, now: datetime, *, openid: str = ""
) -> list[Item]:
    """The lines for a customer in ``environment``, the first one preselected.

    ``openid``: the customer's at that wallet, where it is known. One query.
    """
    can = _channels(checkout)
    found: list[Item] = []
    for channel in sorted(can, key=lambda code: _order(code, environment)):
        if _takes(can[channel], checkout, now):
            places = WALLETS.get(channel)
            rows = ANY_WALLET if places is None else places.get(environment, ())
            found += _lines(channel, can[channel], rows, has_openid=bool(openid))
    return found


def find_item(checkout: Checkout, code: str, now: datetime, *, openid: str = "") -> Item | None:
    """The line ``code`` of any environment: what a page says of itself is only good advice."""
    everywhere = (offered(checkout, place, now, openid=openid) for place in Environment)
    return next((item for lines in everywhere for item in lines if item.code == code), None)


def has_any(checkout: Checkout, now: datetime) -> bool:
    """Whether anybody anywhere could pay ``checkout``."""
    return any(_takes(can, checkout, now) for can in _channels(checkout).values())


def _channels(checkout: Checkout) -> dict[str, Capabilities]:
    """What the channels can do at which the merchant has a default account."""
    codes = ChannelAccount.objects.filter(
        merchant_id=checkout.merchant_id, is_default=True, is_active=True
    ).values_list("channel", flat=True)
    return {code: registry.get(code).capabilities for code in codes if code in registry.codes()}


def _takes(can: Capabilities, checkout: Checkout, now: datetime) -> bool:
    """Whether the channel takes such an order at all: its amount, its words and its time."""
    left = (checkout.expires_at - now).total_seconds()
    texts = (checkout.title, checkout.attach)
    return (
        checkout.amount <= can.amount_max
        and len(checkout.title) <= can.title_max
        and len(checkout.attach) <= can.attach_max
        and (can.allocation or not checkout.allocation)
        and not (can.plain_text_only and any(ord(char) > 0xFFFF for char in "".join(texts)))
        and can.expiry_min <= left <= can.expiry_max
    )


def _order(channel: str, environment: Environment) -> tuple[bool, int, str]:
    """The wallet in which the page is open comes first."""
    place = ORDER.index(channel) if channel in ORDER else len(ORDER)
    return channel != environment.value, place, channel


def _lines(
    channel: str, can: Capabilities, rows: Iterable[Ways], *, has_openid: bool
) -> Iterator[Item]:
    for ways in rows:
        possible = [
            method
            for method in ways
            if method in can.methods and (has_openid or method is not Method.JSAPI)
        ]
        if possible:
            yield Item(channel=channel, method=possible[0])
