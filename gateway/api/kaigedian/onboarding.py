"""How a merchant's system gets in at 开个店's door. Used through ``orders.doors`` by the console
and the demo house. The example texts stand in ``samples``; nothing here reads or moves an order.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gateway.api.kaigedian import envelope as envelopes
from gateway.api.kaigedian import fields, samples, signing
from gateway.api.kaigedian.errors import Failure, missing
from orders import doors, selfcheck
from orders.dialects import Envelope
from orders.doors import (
    MERCHANT_KEY,
    MERCHANT_PAIR,
    PLATFORM_PAIR,
    Example,
    Field,
    Kind,
    Part,
    Place,
)
from orders.models import Application, DoorKey
from orders.selfcheck import State, Step

TITLE = "开个店"
PATH = "/order/"
NOTICES = "kaigedian"
CHECKS = True
PARTS = (
    PLATFORM_PAIR,
    MERCHANT_PAIR,
    Part(
        code="token",
        title=gettext_lazy("access token"),
        effect=gettext_lazy("The old token is refused from now on."),
    ),
)
FIELDS = (
    MERCHANT_KEY,
    Field(
        name="notify_url",
        title=gettext_lazy("address for pushes"),
        help=gettext_lazy("Empty: the application's notify URL."),
        kind=Kind.URL,
    ),
    Field(
        name="response_body_as_object",
        title=gettext_lazy("answers with responseBody as an object"),
        help=gettext_lazy("The documents show both; partners' programs read one of them."),
        kind=Kind.FLAG,
    ),
    Field(
        name="partner_id",
        title=gettext_lazy("partner's number (partnerId)"),
        help=gettext_lazy("The one that the merchant's programs have already; empty makes one."),
        is_fixed=True,
    ),
    Field(
        name="app_id",
        title=gettext_lazy("application's number (appId)"),
        help=gettext_lazy("The one that the merchant's programs have already; empty makes one."),
        is_fixed=True,
    ),
)
CONFIG = ("platform_public_key_pem",)
SECRETS = ("platform_private_key_pem", "access_token")
SHOWN = {
    "merchant_private_key_pem": (gettext_lazy("merchant's private key"), "ZF_KAIGEDIAN_KEY"),
    "access_token": (gettext_lazy("access token"), "ZF_KAIGEDIAN_TOKEN"),
}
CREDENTIALS = (
    "partner_id", "app_id", "access_token", "merchant_private_key_pem", "platform_public_key_pem",
)  # fmt: skip


def names(application: Application, given: Mapping[str, str]) -> dict[str, str]:
    """开个店's look like this, and are not the house's own."""
    app_id = hashlib.sha256(application.app_id.encode()).hexdigest()[:32]
    return {
        "partner_id": given.get("partner_id") or application.merchant.mch_no.removeprefix("M"),
        "app_id": given.get("app_id") or app_id,
    }


def identity(application: Application, config: Mapping[str, str]) -> str:
    """``partnerId:appId``."""
    return f"{config['partner_id']}:{config['app_id']}"


def make(part: str) -> dict[str, str]:
    if part == "token":
        return {"access_token": secrets.token_urlsafe(32)}
    return doors.make_pair(PLATFORM_PAIR if part == PLATFORM_PAIR.code else MERCHANT_PAIR)


def examples(place: Place) -> list[Example]:
    return samples.examples(place)


# --- the self-check ---------------------------------------------------------------------------


def check(key: DoorKey, given: Mapping[str, str], now: datetime) -> list[Step]:
    """In the door's own order, with its own code; the access token is a header, so it is not
    asked for here."""
    title = _("The body is JSON as this door reads it")
    try:
        found = envelopes.parse(given.get("body", ""))
    except Failure as failure:
        return [selfcheck.looked_at(title, failure.message)]
    text = signing.plain(found)
    absent = next((name for name in envelopes.NEEDED if not found.get(name)), "")
    fault = missing(absent).message if absent else ""
    return [
        selfcheck.looked_at(title, ""),
        selfcheck.looked_at(_("What every request carries"), fault),
        selfcheck.looked_at(_("Merchant and application"), _stranger(key, found)),
        selfcheck.looked_at("requestBody", _request_body(found)),
        selfcheck.text(text, given.get("text", "").strip("\r\n")),
        _signature(key, found, text),
    ]


def _stranger(key: DoorKey, found: Mapping[str, str]) -> str:
    named = f"{found.get('partnerId')}:{found.get('appId')}"
    if named != key.identity:
        return _("It names %(named)s; these keys are those of %(mine)s.") % {
            "named": named[:80],
            "mine": key.identity,
        }
    if not (key.is_active and key.application.is_active and key.application.merchant.is_active):
        return _("This application is switched off.")
    return ""


def _request_body(found: Mapping[str, str]) -> str:
    try:
        fields.load(found.get("requestBody", ""))
    except Failure as failure:
        return failure.message
    return ""


def _signature(key: DoorKey, found: Mapping[str, str], text: str) -> Step:
    title = _("Signature")
    given = found.get(signing.SIGN, "")
    if not given:
        return Step(title=title, state=State.OPEN, said=_("There is no sign in the body."))
    pem = key.config.get("merchant_public_key_pem", "")
    if not pem:
        said = _("The merchant's public key was not entered here yet.")
        return Step(title=title, state=State.BAD, said=said)
    mark = doors.key_fingerprint(pem)
    if signing.verify(found, given, pem):
        said = _("It is the merchant's, by the public key %(mark)s.") % {"mark": mark}
        return Step(title=title, state=State.GOOD, said=said)
    lone = "".join(given.split())
    public = signing.public_key(pem)
    said = selfcheck.why(lone, public, text, mistakes=_mistakes(found, text))
    return Step(title=title, state=State.BAD, said=said)


def _mistakes(found: Mapping[str, str], text: str) -> dict[str, str]:
    """What people sign instead."""
    unsigned = {name: value for name, value in found.items() if name != signing.SIGN}
    in_order = "&".join(f"{name}={value}" for name, value in unsigned.items())
    return {
        _("with an & at its end."): f"{text}&",
        _("the names were not sorted."): in_order,
        _("only requestBody was signed."): found.get("requestBody", ""),
        _("the JSON was signed and not the text made of it."): json.dumps(
            unsigned, ensure_ascii=False, separators=(",", ":")
        ),
    }


def explain(envelope: Envelope, key: DoorKey | None) -> list[tuple[Any, str]]:
    said = json.loads(envelope.body)
    public = key.config.get("platform_public_key_pem", "") if key is not None else ""
    return [
        (_("Signed text"), signing.plain(said)),
        (_("Signature"), said[signing.SIGN]),
        (_("Our public key"), public),
    ]
