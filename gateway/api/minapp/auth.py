"""Who calls: ``X-Hydrogen-Client-ID`` and ``Authorization: Hydrogen-r1 <token>``.

hydrogen-js-sdk ``core/config.js`` (AUTH_PREFIX) and ``baasRequest.js``; the open API says
``Bearer`` (open-api/authentication.md). Called by ``views.Endpoint`` before anything else.
A wrong token and an unknown client id are told the same.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gateway.api.minapp.errors import Fault
from orders.actor import Actor, Door
from orders.models import Application, DoorKey

SCHEMES = ("hydrogen-r1", "bearer")
MAX_TOKEN = 512
MAX_CLIENT_ID = 128


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The application that calls."""

    application: Application
    client_id: str

    def actor(self, request: HttpRequest) -> Actor:
        return Actor(
            door=Door.MINAPP, name=self.client_id, request_id=getattr(request, "request_id", "")
        )


def caller(request: HttpRequest) -> Caller:
    """Raises Fault: 401 for a stranger, 403 where the house has switched the caller off."""
    client_id = request.headers.get("X-Hydrogen-Client-ID", "").strip()
    scheme, _space, token = request.headers.get("Authorization", "").strip().partition(" ")
    token = token.strip()
    if not client_id or scheme.lower() not in SCHEMES or not token:
        raise Fault(
            401, _("Send X-Hydrogen-Client-ID and Authorization: Hydrogen-r1 <access token>.")
        )
    row = _find(client_id)
    # Compared also where there is nothing to compare with: both ways take the same time.
    expected = row.secrets.get("token", "") if row is not None else ""
    is_right = hmac.compare_digest(_digest(token[:MAX_TOKEN]), _digest(expected))
    if row is None or not expected or not is_right or len(token) > MAX_TOKEN:
        raise Fault(401, _("The client id or the access token is not known."))
    if not row.application.merchant.is_active:
        raise Fault(403, _("Your merchant account is switched off."))
    if not row.application.is_active:
        raise Fault(403, _("This application is switched off."))
    return Caller(application=row.application, client_id=row.identity)


def _find(client_id: str) -> DoorKey | None:
    if len(client_id) > MAX_CLIENT_ID or not client_id.isascii() or not client_id.isprintable():
        return None
    rows = DoorKey.objects.select_related("application__merchant")
    return rows.filter(dialect=DoorKey.Dialect.MINAPP, identity=client_id, is_active=True).first()


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
