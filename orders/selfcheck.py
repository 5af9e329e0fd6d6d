"""Why a signature does not match, found out without the private key. Pure.

Used by the doors' self-checks. PKCS#1 v1.5 lets the owner of a public key read which digest was
signed (RFC 8017 §8.2.2), so that a wrong key, another hash and another text can be told apart.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.utils.translation import gettext as _

PREFIXES: Mapping[str, bytes] = {
    "SHA1": bytes.fromhex("3021300906052b0e03021a05000414"),
    "SHA256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "SHA384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "SHA512": bytes.fromhex("3051300d060960864801650304020305000440"),
    "MD5": bytes.fromhex("3020300c06082a864886f70d020505000410"),
}
"""DigestInfo before the digest (RFC 8017 §9.2, note 1)."""
NEEDED = "SHA256"
AROUND = 24
"""Characters that are shown on both sides of the first difference."""


class State(StrEnum):
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    OPEN = "open"
    """Cannot be said yet."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that was looked at, for people."""

    title: str
    state: State
    said: str = ""
    texts: Sequence[tuple[str, str]] = ()
    """Texts to compare, as (heading, text)."""


def looked_at(title: str, fault: str, *, good: str = "") -> Step:
    """Bad where there is a fault."""
    return Step(title=title, state=State.BAD if fault else State.GOOD, said=fault or good)


def text(ours: str, theirs: str) -> Step:
    """The text that is to be signed, beside the one that the caller says he signed."""
    title = _("Signed text")
    texts = [(_("This is what has to be signed (UTF-8)"), ours)]
    if not theirs:
        said = _("Paste yours beside it to see where they part.")
        return Step(title=title, state=State.OPEN, said=said, texts=texts)
    texts.append((_("This is yours"), theirs))
    if theirs == ours:
        return Step(title=title, state=State.GOOD, said=_("Both are the same."), texts=texts[:1])
    return Step(title=title, state=State.BAD, said=difference(ours, theirs), texts=texts)


def difference(ours: str, theirs: str) -> str:
    """Where two different texts part, in one sentence."""
    if theirs.strip() == ours:
        return _("Yours has blanks or a line break around it.")
    pairs = zip(ours, theirs, strict=False)
    shorter = min(len(ours), len(theirs))
    at = next((i for i, (left, right) in enumerate(pairs) if left != right), shorter)
    return _("They part at character %(at)s: there “%(ours)s”, yours “%(theirs)s”.") % {
        "at": at + 1,
        "ours": ours[max(0, at - AROUND) : at + AROUND],
        "theirs": theirs[max(0, at - AROUND) : at + AROUND],
    }


def why(
    signature: str, key: RSAPublicKey, signed: str, *, mistakes: Mapping[str, str] | None = None
) -> str:
    """Why ``signature`` is not ``key``'s over ``signed``; one sentence.

    ``mistakes``: a sentence → the text that somebody signs who makes this mistake.
    """
    raw, fault = _raw(signature)
    if fault:
        return fault
    if len(raw) * 8 != key.key_size:
        return _(
            "The signature has %(bits)s bits, the public key here %(needed)s: it was made with "
            "another key."
        ) % {"bits": len(raw) * 8, "needed": key.key_size}
    try:
        info = key.recover_data_from_signature(raw, PKCS1v15(), None)
    except InvalidSignature:
        return _(
            "It was made with another private key than the one that belongs to the public key here."
        )
    return _why_digest(info, signed, mistakes or {})


def _raw(signature: str) -> tuple[bytes, str]:
    if set(signature) & {"-", "_"}:
        return b"", _("The signature is Base64 for URLs; needed is the common one, with + and /.")
    try:
        return base64.b64decode(signature, validate=True), ""
    except (binascii.Error, ValueError):
        return b"", _("The signature is not Base64 in one line.")


def _why_digest(info: bytes, signed: str, mistakes: Mapping[str, str]) -> str:
    found = next((name for name, start in PREFIXES.items() if info.startswith(start)), "")
    if found != NEEDED:
        return _("The key is the right one, but %(found)s was signed; needed is SHA256withRSA.") % {
            "found": f"{found}withRSA" if found else _("a bare digest or text")
        }
    digest = info[len(PREFIXES[NEEDED]) :]
    for sentence, wrong in mistakes.items():
        if hashlib.sha256(wrong.encode()).digest() == digest:
            return _("The key is the right one, but %(mistake)s") % {"mistake": sentence}
    return _(
        "The key is the right one, but another text was signed: the SHA-256 of yours is "
        "%(theirs)s, of the one above %(ours)s."
    ) % {"theirs": digest.hex(), "ours": hashlib.sha256(signed.encode()).hexdigest()}
