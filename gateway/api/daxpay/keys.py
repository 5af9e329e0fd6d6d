"""Who calls: the application behind ``mchNo`` and ``appId``, and the keys of its door.

Used by ``frame`` for every request. The private key here signs answers and notices; the keys of the
channels never come near a web process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from gateway.api.daxpay.errors import Code, Failure
from orders.actor import Actor, Door
from orders.models import Application, DoorKey

MERCHANT_NO = re.compile(r"[!-9;-~]{1,32}")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The application that a message names; that it is he is proved by the signature only."""

    application: Application
    identity: str
    config: Mapping[str, str]
    platform_private_key: str = field(repr=False)
    is_default: bool
    """The message named no application, so it is the merchant's first one."""
    refusal: str
    """Why he may not come in, or empty."""

    def actor(self, request: HttpRequest) -> Actor:
        return Actor(
            door=Door.DAXPAY,
            name=self.identity,
            request_id=getattr(request, "request_id", ""),
        )


def find(members: Mapping[str, Any]) -> Caller | None:
    """Whoever the message names; where the merchant is known and the application is not, his first
    one with a refusal, so that he can be told in a way that he can verify. None for a stranger."""
    mch_no, app_id = members.get("mchNo"), members.get("appId")
    if not isinstance(mch_no, str) or not MERCHANT_NO.fullmatch(mch_no):
        return None
    rows = list(
        DoorKey.objects.select_related("application__merchant")
        .filter(dialect=DoorKey.Dialect.DAXPAY, identity__startswith=f"{mch_no}:")
        .order_by("-is_active", "pk")
    )
    if not rows:
        return None
    if not app_id:
        return _caller(rows[0], is_default=True)
    named = [row for row in rows if row.identity == f"{mch_no}:{app_id}"]
    if named:
        return _caller(named[0])
    return _caller(rows[0], refusal=_("The merchant has no application of this appId here."))


def _caller(row: DoorKey, *, is_default: bool = False, refusal: str = "") -> Caller:
    """Raises SecretUnreadable."""
    application = row.application
    if not application.merchant.is_active:
        refusal = _("Your merchant account is switched off.")
    elif not (application.is_active and row.is_active):
        refusal = refusal or _("This application is switched off.")
    return Caller(
        application=application,
        identity=row.identity,
        config=row.config,
        platform_private_key=row.secrets.get("platform_private_key_pem", ""),
        is_default=is_default,
        refusal=refusal,
    )


def demand(caller: Caller | None) -> Caller:
    """Raises Failure where the merchant, or the application that he names, may not come in."""
    if caller is None:
        raise Failure(Code.NOT_CONFIGURED, _("There is no such merchant at this door."))
    if caller.refusal:
        raise Failure(Code.NOT_CONFIGURED, caller.refusal)
    if not caller.platform_private_key:  # nothing may be done that cannot be answered for
        raise Failure(Code.NOT_CONFIGURED, _("This application has no key of ours to sign with."))
    return caller
