"""The parameters of the order list: filters, ``where``, ``order_by``, ``keys``, ``expand``.

hydrogen-js-sdk ``core/BaseQuery.js`` writes them; filters stand beside them as plain parameters,
with Django's suffixes (``paid_at__gte``, order.md). Called by the list's view; raises Fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import F, OrderBy, Q
from django.utils.translation import gettext_lazy as _

from gateway.api.minapp import paging, where
from gateway.api.minapp.errors import wrong
from gateway.api.minapp.fields import printable
from gateway.api.minapp.filters import FIELDS, SORTS
from gateway.api.minapp.render import KEYS

CONTROL = ("limit", "offset", "order_by", "keys", "expand", "where", "return_total_count")
LONG = frozenset({"where"})
MAX_SORTS = 5
NEWEST_FIRST = "-created_at"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """``condition`` is within the caller's own orders; ``keys`` are what is shown of them."""

    page: paging.Page
    condition: Q
    order: tuple[OrderBy, ...]
    keys: tuple[str, ...]


def read(given: Mapping[str, str]) -> Asked:
    condition = where.condition(given.get("where", ""))
    for name, value in given.items():
        if name not in CONTROL:
            condition &= _filter(name, value)
    return Asked(
        page=paging.read(given),
        condition=condition,
        order=_order(given.get("order_by", "")),
        keys=_keys(given.get("keys", "")),
    )


def _filter(name: str, value: str) -> Q:
    field, _line, operator = name.partition("__")
    if field not in FIELDS:
        raise wrong(printable(name), _("There is no such parameter here."))
    if value == "" and field != "refund_status":
        raise wrong(name, _("Is empty."))
    return FIELDS[field].condition(name, operator or "eq", value)


def _order(text: str) -> tuple[OrderBy, ...]:
    """Always with the id at the end, so that no order stands on two pages."""
    words = [word for word in text.split(",") if word] or [NEWEST_FIRST]
    if len(words) > MAX_SORTS:
        raise wrong("order_by", _("At most %(most)s fields.") % {"most": MAX_SORTS})
    for word in words:
        if word.removeprefix("-") not in SORTS:
            message = _("Can be sorted by %(known)s only.") % {"known": ", ".join(SORTS)}
            raise wrong("order_by", message)
    falls = words[-1].startswith("-")
    return (*(_sort(word) for word in words), OrderBy(F("pk"), descending=falls))


def _sort(word: str) -> OrderBy:
    column = SORTS[word.removeprefix("-")]
    nulls_last = True if column == "paid_at" else None
    return OrderBy(F(column), descending=word.startswith("-"), nulls_last=nulls_last)


def _keys(text: str) -> tuple[str, ...]:
    """``id,trade_no``, or ``-gateway_extra_info`` for all but that."""
    asked = [word for word in text.split(",") if word]
    for word in asked:
        if word.removeprefix("-") not in KEYS:
            raise wrong("keys", _("There is no field “%(name)s”.") % {"name": printable(word)})
    left_out = {word[1:] for word in asked if word.startswith("-")}
    named = {word for word in asked if not word.startswith("-")} or set(KEYS)
    return tuple(key for key in KEYS if key in named - left_out)
