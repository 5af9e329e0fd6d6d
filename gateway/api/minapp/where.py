"""``where=``: the JSON that the SDK's ``Query`` writes, as a condition for the database.

hydrogen-js-sdk ``core/query.js``: ``{"$and": [{"total_cost": {"$gt": 1}}, …]}``, ``$or``, and per
field ``{"$<operator>": value}``; a bare value means ``$eq``. Bounded in size, depth and count.
"""

from __future__ import annotations

from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from gateway.api.minapp.errors import wrong
from gateway.api.minapp.fields import Unreadable, load, printable
from gateway.api.minapp.filters import FIELDS

MAX_CHARACTERS = 16 * 1024
MAX_DEPTH = 8
MAX_CONDITIONS = 50
JOINS = {"$and": and_, "$or": or_}


def condition(text: str) -> Q:
    """Raises Fault. Empty text and ``{}`` are no condition."""
    if len(text) > MAX_CHARACTERS:
        message = _("At most %(most)s characters.") % {"most": MAX_CHARACTERS}
        raise wrong("where", message)
    if not text.strip():
        return Q()
    try:
        value = load(text)
    except Unreadable as error:
        raise wrong("where", error.message) from None
    return _Reader().read(value, 1)


class _Reader:
    """Counts what it has read, so that nothing absurd reaches the database."""

    def __init__(self) -> None:
        self._count = 0

    def read(self, value: Any, depth: int) -> Q:
        if type(value) is not dict:
            raise wrong("where", _("Every condition must be a JSON object."))
        if depth > MAX_DEPTH:
            raise wrong("where", _("Is nested more than %(most)s deep.") % {"most": MAX_DEPTH})
        parts = [self._part(name, inner, depth) for name, inner in value.items()]
        return reduce(and_, parts, Q())

    def _part(self, name: str, value: Any, depth: int) -> Q:
        if name in JOINS:
            return self._joined(name, value, depth)
        if name not in FIELDS:
            raise wrong(
                "where", _("There is no field or join “%(name)s”.") % {"name": printable(name)}
            )
        asked = value if type(value) is dict else {"$eq": value}
        if not asked:
            raise wrong(name, _("Is asked for without an operator."))
        return reduce(and_, [self._asked(name, *one) for one in asked.items()])

    def _joined(self, name: str, value: Any, depth: int) -> Q:
        if type(value) is not list or (name == "$or" and not value):
            message = _("%(name)s must be a list of conditions.") % {"name": name}
            raise wrong("where", message)
        parts = [self.read(one, depth + 1) for one in value]
        # Without conditions a part holds for every order, and so does a choice that has it.
        if name == "$or" and not all(parts):
            return Q()
        return reduce(JOINS[name], parts, Q())

    def _asked(self, name: str, operator: str, value: Any) -> Q:
        self._count += 1
        if self._count > MAX_CONDITIONS:
            message = _("Has more than %(most)s conditions.") % {"most": MAX_CONDITIONS}
            raise wrong("where", message)
        if not operator.startswith("$"):
            raise wrong(
                name,
                _("“%(name)s” is no operator; they begin with $.") % {"name": printable(operator)},
            )
        return FIELDS[name].condition(name, operator[1:], value)
