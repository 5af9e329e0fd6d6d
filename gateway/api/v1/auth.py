"""Who calls: ``Authorization: Bearer <api_key>``. Used by every view of this API.

A key is looked up by its SHA-256, so the database compares hashes of a guess, never the key, and
every request costs the same one query whether the key exists or not.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from gateway import address
from gateway.api.v1.problems import Problem
from orders.actor import Actor, Door
from orders.models import ApiKey, Application, Merchant

log = logging.getLogger(__name__)

CHALLENGE = 'Bearer realm="api"'
MAX_KEY = 256
"""Characters; ours have 55."""
USED_EVERY = timedelta(minutes=1)

# Every request pays for this. The ORM needs 800 µs to say it, written by hand it is 160 µs; the
# columns stand in the models' own order, which ``from_db`` expects.
LOOKUP = """
SELECT k.id, k.application_id, k.prefix, k.scopes, k.allowed_ips, k.expires_at, k.revoked_at,
       k.last_used_at, a.id, a.merchant_id, a.app_id, a.notify_url, a.is_active, m.id, m.is_active
FROM orders_apikey k
JOIN orders_application a ON a.id = k.application_id
JOIN orders_merchant m ON m.id = a.merchant_id
WHERE k.digest = %s
"""
KEY_COLUMNS = (
    "id", "application_id", "prefix", "scopes", "allowed_ips", "expires_at", "revoked_at",
    "last_used_at",
)  # fmt: skip
APPLICATION_COLUMNS = ("id", "merchant_id", "app_id", "notify_url", "is_active")
MERCHANT_COLUMNS = ("id", "is_active")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The application that calls, and by which of its keys."""

    key: ApiKey
    application: Application

    def actor(self, request: HttpRequest) -> Actor:
        return Actor(
            door=Door.API, name=self.key.prefix, request_id=getattr(request, "request_id", "")
        )


class BearerAuthentication(BaseAuthentication):
    """Puts a Caller into ``request.auth``. There is no Django user behind a key."""

    def authenticate(self, request: Request) -> tuple[None, Caller]:
        key = _presented(request.headers.get("Authorization", ""))
        row = _find(ApiKey.hash(key))
        now = timezone.now()
        _check_key(row, now)
        assert row is not None
        _check_owner(row.application)
        _check_address(row, request._request)
        _note_use(row, now)
        return None, Caller(key=row, application=row.application)

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def require_scope(caller: Caller, allowed: frozenset[str]) -> None:
    """Any one of ``allowed`` will do."""
    if allowed.isdisjoint(caller.key.scopes):
        raise Problem(
            "scope_missing",
            _("This needs a key with the scope %(scopes)s.")
            % {"scopes": " / ".join(sorted(allowed))},
        )


def _presented(header: str) -> str:
    scheme, _space, key = header.strip().partition(" ")
    key = key.strip()
    if not scheme:
        raise _unauthorized("not_authenticated", _("Send Authorization: Bearer <API key>."), "")
    if scheme.lower() != "bearer" or not key or len(key) > MAX_KEY or not key.isascii():
        raise _unauthorized(
            "invalid_key", _("Send Authorization: Bearer <API key>."), "invalid_request"
        )
    return key


def _find(digest: str) -> ApiKey | None:
    """The key with its application and merchant; what is not in LOOKUP loads when it is read."""
    with connection.cursor() as cursor:
        cursor.execute(LOOKUP, [digest])
        found = cursor.fetchone()
    if found is None:
        return None
    values = list(found)
    values[3:5] = [json.loads(text) for text in values[3:5]]  # Django's connections leave jsonb
    row = ApiKey.from_db(connection.alias, KEY_COLUMNS, values[:8])
    row.application = Application.from_db(connection.alias, APPLICATION_COLUMNS, values[8:13])
    row.application.merchant = Merchant.from_db(connection.alias, MERCHANT_COLUMNS, values[13:])
    return row


def _check_key(row: ApiKey | None, now: datetime) -> None:
    if row is None:
        raise _unauthorized("invalid_key", _("This API key is not known."), "invalid_token")
    if row.revoked_at is not None:
        raise _unauthorized("key_revoked", _("This API key was revoked."), "invalid_token")
    if not row.is_usable(now):
        raise _unauthorized("key_expired", _("This API key has expired."), "invalid_token")


def _unauthorized(code: str, detail: str | Promise, error: str) -> Problem:
    challenge = f'{CHALLENGE}, error="{error}"' if error else CHALLENGE  # RFC 6750 §3
    return Problem(code, detail, headers={"WWW-Authenticate": challenge})


def _check_owner(application: Application) -> None:
    if not application.merchant.is_active:
        raise Problem("merchant_inactive", _("Your merchant account is switched off."))
    if not application.is_active:
        raise Problem("application_inactive", _("This application is switched off."))


def _check_address(row: ApiKey, request: HttpRequest) -> None:
    if not row.allowed_ips:
        return
    caller = address.client_address(request)
    try:
        allowed = address.networks(tuple(str(text) for text in row.allowed_ips))
    except ValueError:
        log.error("key %s has an address list that cannot be read; nobody may use it", row.prefix)
        allowed = ()
    if caller is None or not address.is_in(caller, allowed):
        raise Problem(
            "address_not_allowed",
            _("The key may not be used from %(address)s.") % {"address": caller or "-"},
        )


def _note_use(row: ApiKey, now: datetime) -> None:
    """At most one write a minute and key, however many requests there are."""
    stale = now - USED_EVERY
    if row.last_used_at is None or row.last_used_at < stale:
        ApiKey.objects.filter(
            Q(last_used_at__isnull=True) | Q(last_used_at__lt=stale), pk=row.pk
        ).update(last_used_at=now)
