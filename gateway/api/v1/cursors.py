"""Pages of a list by keyset, newest first, without counting. Used by the list views.

A cursor is where the last page ended, signed, and bound to the filters and the caller: with
others it is refused, because the page would silently leave orders out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gateway.api.v1.fields import UNPRINTABLE, parse_time
from gateway.api.v1.parsing import printable
from gateway.api.v1.problems import Problem, field_problem

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_VALUE = 1024
"""Characters of a parameter; a cursor has about 150."""
SALT = "api.v1.cursor"

Filter = Callable[[str, str], Q]
"""(name, value) → condition. Raises Problem."""


def wrong(name: str, message: str | Promise, *, code: str = "invalid") -> Problem:
    return field_problem("invalid_parameter", name, code, message)


def exactly(column: str) -> Filter:
    return lambda _name, value: Q(**{column: value})


def one_of(column: str, values: list[str]) -> Filter:
    def condition(name: str, value: str) -> Q:
        if value not in values:
            message = _("Must be one of %(values)s.") % {"values": ", ".join(values)}
            raise wrong(name, message, code="invalid_choice")
        return Q(**{column: value})

    return condition


def moment(lookup: str) -> Filter:
    def condition(name: str, value: str) -> Q:
        at = parse_time(value)
        if at is None:
            message = _("Must be a time with its offset, such as 2026-01-31T01:30:00Z.")
            raise wrong(name, message)
        return Q(**{lookup: at})

    return condition


CREATED: dict[str, Filter] = {
    "created_from": moment("created_at__gte"),
    "created_to": moment("created_at__lt"),
}


def read(query: QueryDict, known: set[str]) -> dict[str, str]:
    """The parameters, each known, given once, and printable. Raises Problem."""
    for name, values in query.lists():
        if name not in known:
            raise wrong(
                printable(name), _("There is no such parameter here."), code="unknown_parameter"
            )
        if len(values) > 1:
            raise wrong(name, _("Is given more than once."), code="repeated")
        if not values[0] or len(values[0]) > MAX_VALUE or UNPRINTABLE.search(values[0]):
            raise wrong(name, _("Is empty, too long, or has unprintable characters."))
    return query.dict()  # type: ignore[return-value]


def page(
    rows: QuerySet[Any],
    query: QueryDict,
    filters: Mapping[str, Filter],
    *,
    owner: str,
    render: Callable[[Any], dict[str, Any]],
) -> dict[str, Any]:
    """One page of ``rows`` as the caller asked for it: ``{data, has_more, next_cursor}``."""
    given = read(query, {*filters, "limit", "cursor"})
    limit = _limit(given.pop("limit", str(DEFAULT_LIMIT)))
    cursor = given.pop("cursor", "")
    for name, value in given.items():
        rows = rows.filter(filters[name](name, value))
    binding = _binding(owner, given)
    if cursor:
        rows = rows.filter(_after(cursor, binding))
    found = list(rows.order_by("-created_at", "-id")[: limit + 1])
    shown = found[:limit]
    has_more = len(found) > limit
    return {
        "data": [render(row) for row in shown],
        "has_more": has_more,
        "next_cursor": _cursor(shown[-1], binding) if has_more else None,
    }


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT):
        message = _("Must be from %(least)s to %(most)s.") % {"least": 1, "most": MAX_LIMIT}
        raise wrong("limit", message)
    return int(text)


def _binding(owner: str, filters: Mapping[str, str]) -> str:
    text = json.dumps([owner, sorted(filters.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _cursor(row: Model, binding: str) -> str:
    at: datetime = row.created_at  # type: ignore[attr-defined]
    return signing.dumps([at.isoformat(), row.pk, binding], salt=SALT)


def _after(cursor: str, binding: str) -> Q:
    try:
        at, row_id, bound_to = signing.loads(cursor, salt=SALT)
    except signing.BadSignature:
        raise wrong("cursor", _("Is not a cursor of ours."), code="invalid_cursor") from None
    if bound_to != binding:
        raise wrong("cursor", _("Belongs to a list with other filters."), code="invalid_cursor")
    at = datetime.fromisoformat(at)
    # The first condition is the one that an index can start from.
    return Q(created_at__lte=at) & (Q(created_at__lt=at) | Q(id__lt=row_id))
