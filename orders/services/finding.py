"""An order by its number: ours, or ``biz:`` and the merchant's. Behind every family's ``find``.

Reads only. A door looks in one application alone: somebody else's order and one that never was are
the same there.
"""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet

from orders.errors import NotFound
from orders.models import Application

M = TypeVar("M", bound=Model)

BIZ = "biz:"


def by_number(
    rows: QuerySet[M], number: str, application: Application | None, *, column: str, biz: str = ""
) -> M:
    """The row of ``rows`` with this number in ``column`` (e.g. ``refund_no``), or with a merchant's
    in ``biz`` (``biz_`` before ``column``, if it is not given).

    A merchant's number means something only within his ``application``. Raises NotFound.
    """
    if application is not None:
        rows = rows.filter(application=application)
    if number.startswith(BIZ) and application is not None:
        wanted = {biz or f"biz_{column}": number.removeprefix(BIZ)}
    else:
        wanted = {column: number}
    row = rows.filter(**wanted).first()
    if row is None:
        raise NotFound(number)
    return row
