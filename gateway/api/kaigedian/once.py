"""``x-transaction-id``: a request sent again is answered again and not done again.

Used by ``views`` for the calls that write. The row is committed before the work; an answer of 100
is kept and given again; after a refusal, which did nothing, the number is free. What a crash cut
off may run again once ``locked_until`` has passed: an order that was made has its number from the
transaction id then (``inputs.submit``), and a step that was taken is found taken.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from gateway.api.kaigedian.errors import FAILURE, Failure
from orders.models import DoorKey, DoorRequest

LOCK = timedelta(seconds=30)
"""Longer than a request lives."""
LIFETIME = timedelta(hours=24)

# One statement, so that of two requests at once exactly one gets a row back: a new one, one that
# a crash left behind, or one that is so old that its number is free again.
CLAIM = """
INSERT INTO orders_doorrequest AS kept
    (door_key_id, action, number, fingerprint, locked_until, answer, created_at)
VALUES (%(key)s, %(action)s, %(number)s, %(fingerprint)s, %(until)s, '', %(now)s)
ON CONFLICT (door_key_id, action, number) DO UPDATE
SET fingerprint = excluded.fingerprint, locked_until = excluded.locked_until,
    created_at = excluded.created_at, answer = ''
WHERE kept.created_at < %(forgotten)s
   OR (kept.answer = '' AND kept.locked_until < %(now)s
       AND kept.fingerprint = excluded.fingerprint)
RETURNING id
"""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """The body of the answer that was given the first time."""

    body: str


class Claim:
    """The right to do one request. Ends with ``keep`` or ``release``."""

    def __init__(self, row_id: int) -> None:
        self._row = DoorRequest.objects.filter(pk=row_id)

    def keep(self, body: str) -> None:
        self._row.update(answer=json.dumps({"body": body}))

    def release(self) -> None:
        """Nothing was done."""
        self._row.delete()


def begin(key: DoorKey, action: str, number: str, request_body: str) -> Claim | Stored:
    """The right to do the request, or its answer. Raises Failure: in flight, or other content."""
    now = timezone.now()
    fingerprint = hashlib.sha256(request_body.encode()).hexdigest()
    values: dict[str, Any] = {
        "key": key.pk,
        "action": action,
        "number": number,
        "fingerprint": fingerprint,
        "until": now + LOCK,
        "now": now,
        "forgotten": now - LIFETIME,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        claimed = cursor.fetchone()
    if claimed:
        return Claim(claimed[0])
    row = DoorRequest.objects.filter(door_key=key, action=action, number=number).first()
    if row is not None and row.fingerprint != fingerprint:
        raise Failure(
            FAILURE, _("This x-transaction-id was used for a request with other content.")
        )
    if row is None or not row.answer:
        raise Failure(FAILURE, _("This request is being worked on; ask again in a moment."))
    return Stored(body=json.loads(row.answer)["body"])
