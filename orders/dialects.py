"""In whose words a merchant is told: one small module per dialect, named in the settings.

``orders.services.notices`` writes a notice's body with it, ``orders.engine.notices`` signs it and
reads the answer. The dialects of the doors stand with the doors (``settings.NOTICE_DIALECTS``),
so this package knows their names only; ``orders.standard`` is the house's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, Protocol, cast

from django.conf import settings

from orders.actor import Door
from orders.models import Application, DoorKey, MerchantNotice, StoreOrder

STANDARD = "standard"


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A notice as a wire thread has it; no database behind it."""

    notice_id: str
    kind: str
    body: str
    """The snapshot, as the dialect's ``body`` wrote it."""
    written_at: datetime
    mch_no: str
    app_id: str
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The dialect's settings and secrets of this application."""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What is posted. ``Content-Type`` stands in the headers."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Dialect(Protocol):
    """A module with these four functions and one constant; ``TELLS_OF`` may name the only classes
    of orders that it has words for."""

    DOOR_KEY: str
    """Dialect of the ``DoorKey`` whose keys it signs with; empty: the application's own secret."""

    def body(self, order: Any, kind: str, now: datetime) -> str | None:
        """The snapshot, or None where the dialect has no such notice. Reads loaded fields; runs
        inside the transaction of the change. Raises nothing."""

    def sample(self, application: Application, now: datetime) -> str:
        """The body of a notice that tells of no order, for a merchant to try his receiver with.
        Reads ``application.merchant``."""

    def envelope(self, letter: Letter, now: datetime) -> Envelope:
        """Signed, to be posted. Raises ValueError where the keys are missing or wrong."""

    def accepts(self, status: int, answer: str) -> bool:
        """Whether the merchant's answer says that he has it."""


def get(code: str) -> Dialect:
    """Raises KeyError for a dialect that is not installed."""
    return cast(Dialect, import_module(settings.NOTICE_DIALECTS[code]))


def address(order: Any) -> tuple[str, str]:
    """(URL, dialect) of a notice about ``order``: whoever gave the address is told in the words in
    which he gave it; ("", …) where nobody gave one.

    An operator's refund names no address: whoever was told of the payment is told of it. A shop is
    not told through the payment: it may have been made through another door.
    """
    payment = None if isinstance(order, StoreOrder) else getattr(order, "pay_order", None)
    for one in filter(None, (order, payment)):
        if one.notify_url:
            return one.notify_url, _of(one.door)
    doors = [one.door for one in (order, payment) if one is not None]
    origin = next((door for door in doors if _tells_of(door, order)), Door.API)
    return order.application.notify_url, _of(origin)


def _tells_of(door: str, order: Any) -> bool:
    """``door`` has a dialect, and words for orders of this kind (all, unless it says which)."""
    if door not in settings.NOTICE_DIALECTS:
        return False
    return isinstance(order, getattr(get(door), "TELLS_OF", object))


def _of(door: str) -> str:
    return door if door in settings.NOTICE_DIALECTS else STANDARD


def letters(notices: Iterable[MerchantNotice]) -> list[Letter]:
    """Of claimed notices, with their keys: one query for all. Raises SecretUnreadable."""
    rows = list(notices)
    doors = {row.pk: get(row.dialect).DOOR_KEY for row in rows}
    wanted = {(row.application_id, doors[row.pk]) for row in rows if doors[row.pk]}
    found = DoorKey.objects.filter(
        application_id__in={pk for pk, _door in wanted}, dialect__in={door for _pk, door in wanted}
    )
    keys = {(row.application_id, row.dialect): row for row in found} if wanted else {}
    return [_letter(row, keys.get((row.application_id, doors[row.pk]))) for row in rows]


def _letter(notice: MerchantNotice, key: DoorKey | None) -> Letter:
    application = notice.application
    if key is not None:
        keys = {**key.config, **key.secrets}
    elif get(notice.dialect).DOOR_KEY:
        keys = {}
    else:
        keys = {"webhook_secret": application.webhook_secret}
    return Letter(
        notice_id=notice.notice_id,
        kind=notice.kind,
        body=notice.body,
        written_at=notice.created_at,
        mch_no=application.merchant.mch_no,
        app_id=application.app_id,
        keys=keys,
    )
