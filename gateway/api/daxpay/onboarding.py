"""How a merchant's system gets in at the DaxPay door. Used through ``orders.doors`` by the console
and the demo house. The example texts stand in ``samples``, the self-check in ``checking``; nothing
here reads or moves an order.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as N_

from gateway.api.daxpay import checking, samples, signing
from orders import doors
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
from orders.errors import InvalidInput
from orders.models import Application, DoorKey
from orders.selfcheck import Step

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
FIELDS = (
    MERCHANT_KEY,
    Field(
        name="pay_body_type",
        title=gettext_lazy("words of payBodyType"),
        help=gettext_lazy("The server's (qr_code, jsapi …), or those of the SDKs' comments."),
        kind=Kind.CHOICE,
        choices=(("", "qr_code, jsapi, link"), ("documented", "code_url, pay_info")),
    ),
    Field(
        name="g3_sign_type",
        title=gettext_lazy("G3 signature"),
        help=gettext_lazy("One only, or any; notices are signed by HMAC-SHA256 then."),
        kind=Kind.CHOICE,
        choices=(
            ("", gettext_lazy("any of them")),
            ("hmac_sha256", "HMAC-SHA256"),
            ("md5", "MD5"),
            ("sm3", "SM3"),
        ),
    ),
    Field(
        name="g3_sign_plain",
        title=gettext_lazy("G3 notices without capitals"),
        help=gettext_lazy("For programs of before April 2025."),
        kind=Kind.FLAG,
    ),
)
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


def check(key: DoorKey, given: Mapping[str, str], now: datetime) -> list[Step]:
    return checking.check(key, given, now)


def explain(envelope: Envelope, key: DoorKey | None) -> list[tuple[Any, str]]:
    members = json.loads(envelope.body)
    public = key.config.get("platform_public_key_pem", "") if key is not None else ""
    return [
        (_("Signed text"), signing.sign_text(members)),
        (_("Signature"), members[signing.SIGN]),
        (_("Our public key"), public),
    ]
