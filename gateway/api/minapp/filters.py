"""What an order list can be filtered by: every returned field, as conditions for the database.

order.md, getOrderList: any of the returned fields may stand in ``params``. The operators are
those of the SDK's ``Query``. Values are bound, never spliced; a word that no order has matches
nothing. Used by ``where`` (JSON) and ``query`` (parameters); raises Fault and reads nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from gateway.api.minapp import words
from gateway.api.minapp.errors import wrong
from gateway.api.minapp.fields import UNPRINTABLE, dump, whole, yuan
from orders.actor import Door

CHINA = ZoneInfo("Asia/Shanghai")
NOTHING = Q(pk__in=[])
MAX_TEXT = 256
MAX_VALUES = 100
"""Of a list."""
LAST_SECOND = 253_402_214_400
"""9999-12-31 in UTC: the last whole day that a time of the database can name."""

Read = Callable[[str, Any], Any]
"""(field, value as JSON or as text) → value for the database. Raises Fault."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """``equal`` and ``missing`` say how it is asked for; the rest follows from them."""

    read: Read
    equal: Callable[[Any], Q]
    column: str = ""
    """Where it can be compared: a column of this order."""
    contains: tuple[str, ...] = ()
    """Columns to look into for a part of a text."""
    missing: Q = NOTHING

    @property
    def operators(self) -> list[str]:
        named = ["eq", "ne", "in", "nin", "isnull", "exists"]
        if self.column:
            named += ["lt", "lte", "gt", "gte", "range"]
        return [*named, *(["contains"] if self.contains else [])]

    def condition(self, name: str, operator: str, value: Any) -> Q:
        """``value`` as it came. Raises Fault with the name of the field."""
        if operator not in self.operators:
            known = ", ".join(self.operators)
            raise wrong(name, _("Can be asked for by %(known)s only.") % {"known": known})
        if operator in ("isnull", "exists"):
            wants_missing = flag(name, value) == (operator == "isnull")
            return self.missing if wants_missing else ~self.missing
        if operator in ("in", "nin"):
            found = reduce(or_, (self._equal(name, one) for one in several(name, value)))
            return found if operator == "in" else ~found
        if operator == "range":
            least, most = pair(name, value)
            return self._compare(name, "gte", least) & self._compare(name, "lte", most)
        if operator == "contains":
            part = text(name, value)
            return reduce(or_, (Q(**{f"{one}__contains": part}) for one in self.contains))
        if operator in ("eq", "ne"):
            found = self._equal(name, value)
            return found if operator == "eq" else ~found
        return self._compare(name, operator, value)

    def _equal(self, name: str, value: Any) -> Q:
        return self.missing if value is None else self.equal(self.read(name, value))

    def _compare(self, name: str, operator: str, value: Any) -> Q:
        return Q(**{f"{self.column}__{operator}": self.read(name, value)})


@dataclass(frozen=True, kw_only=True)
class Moment(Field):
    """A time without a fraction is its whole second: what is shown as 1568026488 is found by
    1568026488, also as the end of a span."""

    def _compare(self, name: str, operator: str, value: Any) -> Q:
        at = self.read(name, value)
        if at.microsecond or operator in ("gte", "lt"):
            return Q(**{f"{self.column}__{operator}": at})
        return Q(**{f"{self.column}__{_NEXT[operator]}": at + SECOND})


SECOND = timedelta(seconds=1)
_NEXT = {"lte": "lt", "gt": "gte"}


# --- values -------------------------------------------------------------------------------


def text(name: str, value: Any) -> str:
    """A part of a line, not empty."""
    if type(value) is not str or not 0 < len(value) <= MAX_TEXT or UNPRINTABLE.search(value):
        raise wrong(name, _("Must be 1 to %(most)s printable characters.") % {"most": MAX_TEXT})
    return value


def word(name: str, value: Any) -> str:
    """A text; may be empty, which is how an address says null."""
    return "" if value == "" else text(name, value)


def label(name: str, value: Any) -> str:
    """A number of the merchant's, kept as text."""
    return text(name, str(value) if type(value) is int else value)


def integer(name: str, value: Any) -> int:
    number = whole(value)
    if number is None:
        raise wrong(name, _("Must be a whole number."))
    return number


def fen(name: str, value: Any) -> int:
    """An amount in yuan, 0 too."""
    amount = yuan(value)
    if amount is None:
        raise wrong(name, _("Must be an amount in yuan, with at most two decimals."))
    return amount


def moment(name: str, value: Any) -> datetime:
    """Seconds since 1970, or an ISO time; one without an offset is China's."""
    seconds = whole(value)
    if seconds is not None and 0 <= seconds <= LAST_SECOND:
        return datetime.fromtimestamp(seconds, tz=UTC)
    found = None
    if type(value) is str and len(value) <= 40:
        try:
            found = parse_datetime(value)
        except ValueError:
            found = None
    if found is None or not 1970 <= found.year <= 9998:
        raise wrong(name, _("Must be seconds since 1970, or a time such as 2018-10-12T17:18:10."))
    return found if found.tzinfo else found.replace(tzinfo=CHINA)


def host(name: str, value: Any) -> str:
    try:
        return str(ipaddress.ip_address(text(name, value)))
    except ValueError:
        raise wrong(name, _("Must be an IP address.")) from None


def flag(name: str, value: Any) -> bool:
    known: Mapping[Any, bool] = {"true": True, "1": True, "false": False, "0": False}
    if type(value) is bool:
        return value
    if type(value) not in (str, int) or str(value).lower() not in known:
        raise wrong(name, _("Must be true or false."))
    return known[str(value).lower()]


def several(name: str, value: Any) -> Sequence[Any]:
    """A list, or words between commas. An empty list is refused: nobody means it."""
    found = value.split(",") if type(value) is str else value
    if type(found) is not list or not 1 <= len(found) <= MAX_VALUES:
        message = _("Must be a list of 1 to %(most)s values.") % {"most": MAX_VALUES}
        raise wrong(name, message)
    return found


def pair(name: str, value: Any) -> tuple[Any, Any]:
    found = several(name, value)
    if len(found) != 2:
        raise wrong(name, _("Must be two values, the least and the most."))
    return found[0], found[1]


# --- fields -------------------------------------------------------------------------------


def _column(column: str, read: Read) -> Field:
    return Field(read=read, equal=lambda v: Q(**{column: v}), column=column)


def _moment(column: str, *, nullable: bool = False) -> Field:
    def equal(at: datetime) -> Q:
        if at.microsecond:
            return Q(**{column: at})
        return Q(**{f"{column}__gte": at, f"{column}__lt": at + SECOND})

    missing = Q(**{f"{column}__isnull": True}) if nullable else NOTHING
    return Moment(read=moment, equal=equal, column=column, missing=missing)


def _number(column: str) -> Field:
    """By the number here or by the channel's own (支付流水号), which people copy from its console
    and which 知晓云 answers as ``trade_no`` to an Alipay mini program."""
    return Field(
        read=label,
        equal=lambda v: Q(**{column: v}) | Q(out_order_no=v),
        contains=(column, "out_order_no"),
    )


def _told(name: str, read: Read) -> Field:
    """What the merchant said at this door, and only here."""
    told = Q(door=Door.MINAPP.value, door_data__find__has_key=name)
    return Field(read=read, equal=lambda v: words.told_filter(name, v), missing=~told)


_SNAPSHOT = Field(
    read=text,
    equal=lambda v: words.kept_filter("merchandise_snapshot", [v, dump(v)]),
    missing=~Q(door=Door.MINAPP.value, door_data__has_key="merchandise_snapshot"),
)
"""The whole of it, as the text that is shown."""

FIELDS: Mapping[str, Field] = {
    "id": _column("pk", integer),
    "trade_no": _number("order_no"),
    "transaction_no": _number("biz_order_no"),
    "status": Field(read=word, equal=words.status_filter),
    "refund_status": Field(
        read=word,
        equal=words.refund_status_filter,
        missing=words.refund_status_filter(""),
    ),
    "gateway_type": Field(read=text, equal=words.gateway_filter),
    "merchandise_description": Field(read=text, equal=lambda v: Q(title=v), contains=("title",)),
    "merchandise_record_id": _told("merchandise_record_id", label),
    "merchandise_schema_id": _told("merchandise_schema_id", integer),
    "merchandise_snapshot": _SNAPSHOT,
    "created_by_id": _told("created_by_id", integer),
    "created_by_name": _told("created_by_name", text),
    "ip_address": Field(
        read=host, equal=lambda v: Q(client_ip=v), missing=Q(client_ip__isnull=True)
    ),
    "total_cost": _column("amount", fen),
    "refund_amount": _column("refunded", fen),
    "paid_at": _moment("paid_at", nullable=True),
    "created_at": _moment("created_at"),
    "updated_at": _moment("updated_at"),
}
"""``gateway_extra_info`` is shown and not asked for."""

SORTS: Mapping[str, str] = {
    "id": "pk",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "paid_at": "paid_at",
    "total_cost": "amount",
}
