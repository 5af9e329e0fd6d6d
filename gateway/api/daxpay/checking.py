"""What the DaxPay door would say to a pasted request. Used by ``onboarding`` only.

Made of the door's own readers and signatures, both generations'. Reads no order, uses up no nonce,
and never shows the secret of the older generation, with which its signed text ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gateway.api.daxpay import parsing, shapes, signing
from gateway.api.daxpay.errors import Failure
from gateway.api.daxpay.fields import Moment
from gateway.api.daxpay.g3 import frame as g3_frame
from gateway.api.daxpay.g3 import signing as g3
from gateway.api.daxpay.replay import WINDOW
from orders import doors, selfcheck
from orders.models import DoorKey
from orders.secrets import SecretUnreadable
from orders.selfcheck import State, Step

_TAIL = re.compile(r"&key=.*\Z", re.IGNORECASE | re.DOTALL)


def is_g3(members: Mapping[str, Any]) -> bool:
    """By the form of the signature, as the addresses that both have tell them apart."""
    given = members.get("sign")
    return isinstance(given, str) and g3.HEX.fullmatch(given.strip()) is not None


def read_g3(text: str) -> dict[str, Any]:
    """Of a body without a fault: fractions keep the zeros that they were written with."""
    found: dict[str, Any] = json.loads(text, parse_float=parsing.Fraction)
    return found


def check(key: DoorKey, given: Mapping[str, str], now: datetime) -> list[Step]:
    """In the door's own order, with its own code; ``frame.admit`` is what it stands for."""
    text = given.get("body", "")
    body = parsing.read(text.encode("utf-8", "replace"))
    title = _("The body is JSON as this door reads it")
    steps = [selfcheck.looked_at(title, body.fault)]
    members = body.members
    if not members:
        return steps
    if is_g3(members):
        return [*steps, *_of_g3(key, members if body.fault else read_g3(text), given, now)]
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


# --- the older generation ---------------------------------------------------------------------


def _of_g3(
    key: DoorKey, members: Mapping[str, Any], given: Mapping[str, str], now: datetime
) -> list[Step]:
    style = g3_frame.style_of(key.config)
    found = _style(key, members)
    text = _TAIL.sub("", g3.sign_text(members, "", found or style))
    theirs = _TAIL.sub("", given.get("text", "").strip("\r\n"))
    return [
        selfcheck.looked_at(_("Merchant and application"), _stranger_to_g3(key, members)),
        _time(members, now),
        selfcheck.text(text, theirs),
        _signature_of_g3(key, members, found),
    ]


def _stranger_to_g3(key: DoorKey, members: Mapping[str, Any]) -> str:
    mch_no = members.get("mchNo") or key.application.merchant.mch_no
    return _stranger(key, {"mchNo": mch_no, "appId": members.get("appId") or "–"})


def _style(key: DoorKey, members: Mapping[str, Any], secret: str | None = None) -> g3.Style | None:
    """In which of all styles it is signed, allowed or not."""
    try:
        known = key.secrets.get("g3_secret", "") if secret is None else secret
    except SecretUnreadable:
        return None
    return g3.match(members, members["sign"].strip(), known, tuple(g3.Kind))


def _signature_of_g3(key: DoorKey, members: Mapping[str, Any], found: g3.Style | None) -> Step:
    title = _("Signature")
    wanted = key.config.get("g3_sign_type", "")
    if found is not None and wanted in ("", found.kind.value):
        said = _("It is the merchant's, by the G3 secret (%(kind)s).") % {"kind": found.kind.value}
        return Step(title=title, state=State.GOOD, said=said)
    if found is not None:
        said = _("The secret is the right one, but %(found)s was used; set here is %(wanted)s.") % {
            "found": found.kind.value,
            "wanted": wanted,
        }
    elif _style(key, members, "") is not None:
        said = _("It was signed without the secret: “&key=” and the secret end the text.")
    else:
        said = _("Another text was signed, or another secret used. The text ends with the secret.")
    return Step(title=title, state=State.BAD, said=said)
