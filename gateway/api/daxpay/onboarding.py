"""How a merchant's system gets in at the DaxPay door. Used through ``orders.doors``: by the console
and by the demo house. The example texts stand in ``samples``; nothing here reads or moves an order.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.utils.translation import gettext_noop as N_

from gateway.api.daxpay import parsing, samples, shapes, signing
from gateway.api.daxpay.errors import Failure
from gateway.api.daxpay.fields import Moment
from gateway.api.daxpay.replay import WINDOW
from orders import doors, selfcheck
from orders.dialects import Envelope
from orders.doors import MERCHANT_KEY, MERCHANT_PAIR, PLATFORM_PAIR, Example, Part, Place
from orders.errors import InvalidInput
from orders.models import Application, DoorKey
from orders.selfcheck import State, Step

TITLE = "DaxPay"
PATH = "/unipay/"
NOTICES = "daxpay"
CHECKS = True
PARTS = (
    PLATFORM_PAIR,
    MERCHANT_PAIR,
    Part(
        code="g3",
        title=gettext_lazy("G3 secret"),
        effect=gettext_lazy("What is signed with the old secret is refused from now on."),
    ),
)
FIELDS = (MERCHANT_KEY,)
CONFIG = ("platform_public_key_pem",)
SECRETS = ("platform_private_key_pem", "g3_secret")
SHOWN = {
    "merchant_private_key_pem": (gettext_lazy("merchant's private key"), "ZF_DAXPAY_KEY"),
    "g3_secret": (gettext_lazy("G3 secret"), "ZF_DAXPAY_G3_SECRET"),
}
CREDENTIALS = ("merchant_private_key_pem", "platform_public_key_pem", "g3_secret")
_MERCHANT_NO = re.compile(r"[!-9;-~]{1,32}")


def names(application: Application, given: Mapping[str, str]) -> dict[str, str]:
    """None: the numbers are the house's own."""
    return {}


def identity(application: Application, config: Mapping[str, str]) -> str:
    """``mchNo:appId``. Raises InvalidInput where DaxPay could not write them."""
    mch_no, app_id = application.merchant.mch_no, application.app_id
    if not (_MERCHANT_NO.fullmatch(mch_no) and _MERCHANT_NO.fullmatch(app_id)):
        said = N_("DaxPay's numbers are ASCII without blanks and colons; %(mine)s is not.")
        raise InvalidInput("", "bad_number", said, {"mine": f"{mch_no} / {app_id}"})
    return f"{mch_no}:{app_id}"


def make(part: str) -> dict[str, str]:
    if part == "g3":
        return {"g3_secret": secrets.token_hex(32)}
    return doors.make_pair(PLATFORM_PAIR if part == PLATFORM_PAIR.code else MERCHANT_PAIR)


def examples(place: Place) -> list[Example]:
    return samples.examples(place)


# --- the self-check ---------------------------------------------------------------------------


def check(key: DoorKey, given: Mapping[str, str], now: datetime) -> list[Step]:
    """In the door's own order, with its own code; ``frame.admit`` is what it stands for."""
    body = parsing.read(given.get("body", "").encode("utf-8", "replace"))
    title = _("The body is JSON as this door reads it")
    steps = [selfcheck.looked_at(title, body.fault)]
    members = body.members
    if not members:
        return steps
    text = signing.sign_text(members)
    return [
        *steps,
        selfcheck.looked_at(_("What every request carries"), _common(members)),
        selfcheck.looked_at(_("Merchant and application"), _stranger(key, members)),
        _time(members, now),
        _nonce(members),
        selfcheck.text(text, given.get("text", "").strip("\r\n")),
        _signature(key, members, text),
    ]


def _common(members: Mapping[str, Any]) -> str:
    try:
        shapes.PING.read(members)
    except Failure as failure:
        return failure.message
    return ""


def _stranger(key: DoorKey, members: Mapping[str, Any]) -> str:
    named = f"{members.get('mchNo')}:{members.get('appId') or key.application.app_id}"
    if named != key.identity:
        return _("It names %(named)s; these keys are those of %(mine)s.") % {
            "named": named[:80],
            "mine": key.identity,
        }
    if not (key.is_active and key.application.is_active and key.application.merchant.is_active):
        return _("This application is switched off.")
    return ""


def _time(members: Mapping[str, Any], now: datetime) -> Step:
    title = "reqTime"
    try:
        at = Moment(required=True).read(members.get("reqTime"), "reqTime")
    except Failure as failure:
        return Step(title=title, state=State.BAD, said=failure.message)
    away = int((at - now).total_seconds())
    said = ngettext(
        "%(n)s second away from our clock; %(most)s are allowed.",
        "%(n)s seconds away from our clock; %(most)s are allowed.",
        abs(away),
    ) % {"n": f"{away:+d}", "most": int(WINDOW.total_seconds())}
    is_near = abs(at - now) <= WINDOW
    return Step(title=title, state=State.GOOD if is_near else State.WARN, said=said)


def _nonce(members: Mapping[str, Any]) -> Step:
    if not members.get("nonceStr"):
        return Step(title="nonceStr", state=State.BAD, said=_("nonceStr is missing."))
    said = _("It is there. This check does not use it up.")
    return Step(title="nonceStr", state=State.GOOD, said=said)


def _signature(key: DoorKey, members: Mapping[str, Any], text: str) -> Step:
    title = _("Signature")
    given = members.get("sign")
    if not isinstance(given, str) or not given.strip():
        return Step(title=title, state=State.OPEN, said=_("There is no sign in the body."))
    pem = key.config.get("merchant_public_key_pem", "")
    if not pem:
        said = _("The merchant's public key was not entered here yet.")
        return Step(title=title, state=State.BAD, said=said)
    mark = doors.key_fingerprint(pem)
    if signing.verify(members, given.strip(), pem):
        said = _("It is the merchant's, by the public key %(mark)s.") % {"mark": mark}
        return Step(title=title, state=State.GOOD, said=said)
    public = signing.load_public_key(pem)
    said = selfcheck.why(given.strip(), public, text, mistakes=_mistakes(members, text))
    return Step(title=title, state=State.BAD, said=said)


def _mistakes(members: Mapping[str, Any], text: str) -> dict[str, str]:
    """What people sign instead (seen in the SDKs' own issue lists and in other gateways)."""
    pairs = [pair for pair in text.split("&") if not pair.endswith("=")]
    unsigned = {name: value for name, value in members.items() if name.lower() != "sign"}
    try:
        compact = json.dumps(unsigned, ensure_ascii=False, separators=(",", ":"))
        spaced = json.dumps(unsigned, ensure_ascii=False)
    except TypeError:  # a fraction
        compact = spaced = text
    return {
        _("with an & at its end."): f"{text}&",
        _("empty values were left out; DaxPay signs them as “name=”."): "&".join(pairs),
        _("in capitals."): text.upper(),
        _("the JSON was signed and not the text made of it."): compact,
        _("the JSON was signed, with its blanks, and not the text made of it."): spaced,
    }


def explain(envelope: Envelope, key: DoorKey | None) -> list[tuple[Any, str]]:
    members = json.loads(envelope.body)
    public = key.config.get("platform_public_key_pem", "") if key is not None else ""
    return [
        (_("Signed text"), signing.sign_text(members)),
        (_("Signature"), members[signing.SIGN]),
        (_("Our public key"), public),
    ]
