"""``Idempotency-Key``: the same request, sent again, is answered again and not done again.

Used by ``base.ApiView.once``. The row is committed before the work. What ends with success is
kept and replayed; what is refused or wrong did nothing, so its key is free again; what crashed
may run again once ``locked_until`` has passed. That never doubles anything: the merchant's own
numbers are unique in the database, whatever happens here.

What is in UNKEPT is not kept (it is the credential of a payment): a replay reads it from the order.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from gateway.api.v1.problems import Problem
from orders.models import ApiKey, IdempotencyKey

HEADER = "Idempotency-Key"
KEY = re.compile(r"[\x21-\x7e]{1,255}")
LOCK = timedelta(seconds=30)
"""Longer than a request lives: 8 s for a prepay's answer and 10 s for a row lock."""
LIFETIME = timedelta(hours=24)
UNKEPT = ("pay_params", "confirm_params")
"""Of an answer."""

# One statement, so that of two requests at once exactly one gets a row back: a new one, one that
# a crash left behind, or one that is so old that its name is free again.
CLAIM = """
INSERT INTO orders_idempotencykey AS kept
    (api_key_id, key, fingerprint, locked_until, response_body, created_at)
VALUES (%(api_key)s, %(key)s, %(fingerprint)s, %(until)s, '', %(now)s)
ON CONFLICT (api_key_id, key) DO UPDATE
SET fingerprint = excluded.fingerprint, locked_until = excluded.locked_until,
    created_at = excluded.created_at, response_status = NULL, response_body = ''
WHERE kept.created_at < %(forgotten)s
   OR (kept.response_status IS NULL AND kept.locked_until < %(now)s
       AND kept.fingerprint = excluded.fingerprint)
RETURNING id
"""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """The answer that was given the first time."""

    status: int
    body: dict[str, Any]


class Claim:
    """The right to do one request. Ends with ``keep`` or ``release``."""

    def __init__(self, row_id: int) -> None:
        self._row = IdempotencyKey.objects.filter(pk=row_id)

    def keep(self, status: int, body: Mapping[str, Any]) -> None:
        kept = {**body, **{name: {} for name in UNKEPT if name in body}}
        self._row.update(
            response_status=status,
            response_body=json.dumps(kept, ensure_ascii=False, separators=(",", ":")),
        )

    def release(self) -> None:
        """Nothing was done."""
        self._row.delete()


def begin(api_key: ApiKey, key: str, fingerprint: str) -> Claim | Stored:
    """The right to do the request, or its answer. Raises Problem: 409 in flight, 422 other body."""
    now = timezone.now()
    values: dict[str, Any] = {
        "api_key": api_key.pk,
        "key": key,
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
    row = IdempotencyKey.objects.filter(api_key=api_key, key=key).first()
    if row is None:  # released between the two statements
        raise _in_flight(1)
    if row.fingerprint != fingerprint:
        raise Problem(
            "idempotency_mismatch",
            _("This Idempotency-Key was used for a request with other content."),
        )
    if row.response_status is None:
        raise _in_flight(math.ceil((row.locked_until - now).total_seconds()))
    return Stored(status=row.response_status, body=json.loads(row.response_body))


def _in_flight(seconds: int) -> Problem:
    return Problem(
        "request_in_flight",
        _("The request with this Idempotency-Key is not answered yet; ask again in a moment."),
        headers={"Retry-After": str(max(1, min(seconds, 5)))},
    )


def read_key(header: str | None) -> str | None:
    """The header's value, or None without one."""
    if header is None:
        return None
    key = header.strip()
    if not KEY.fullmatch(key):
        raise Problem(
            "invalid_idempotency_key",
            _("Use 1 to 255 visible ASCII characters, for example a UUID."),
        )
    return key


def fingerprint(method: str, path: str, body: Mapping[str, Any]) -> str:
    """Of what is asked for. The order of names and the spaces of the JSON do not count."""
    text = json.dumps([method, path, _without_codes(body)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _without_codes(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """A payment code has so few digits that a plain digest would give it away."""
    code = body.get("auth_code")
    if not isinstance(code, str) or not code:
        return body
    return {**body, "auth_code": salted_hmac("idempotency", code, algorithm="sha256").hexdigest()}
