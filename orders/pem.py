"""Public keys as people paste them: found, cleaned, checked, and written one way. Pure.

Used by the console's forms. A key comes out of mail, chat and PDF with its lines joined, with
non-breaking and zero-width spaces, without its frame, or with a greeting before it; all of that
can be repaired without guessing, because Base64 has none of these characters. Anything else is
refused with a sentence (DaxPay, ``tests/test_pem_tolerance.py`` of its SDK, accepts the same).
"""

from __future__ import annotations

import base64
import binascii
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from django.utils.translation import gettext_noop as N_

from orders.errors import InvalidInput

MAX_CHARS = 16_384
MIN_BITS = 2048
"""RSA keys below that are no longer thought safe (NIST SP 800-131A, §3)."""

_FRAME = re.compile(r"-{3,}\s*BEGIN\s+([A-Z0-9 ]*?KEY)\s*-{3,}(.*?)-{3,}\s*END", re.S)
_BLANK = re.compile(r"[\s\u00a0\u200b-\u200f\u2028\u2029\u2060\ufeff\u3000\u00ad]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def public_key(text: str, *, field: str) -> str:
    """An RSA public key as X.509 SubjectPublicKeyInfo PEM, with a newline at its end.

    Raises InvalidInput about ``field``: empty, no key in it, a private key, not Base64, another
    kind of key, or an RSA key of less than MIN_BITS.
    """
    if not text.strip():
        raise InvalidInput(field, "required", N_("There is no key here."))
    if len(text) > MAX_CHARS:
        raise InvalidInput(field, "too_long", N_("This is too long for a key."))
    return _written(_der(_content(text, field), field), field)


def _content(text: str, field: str) -> str:
    """The Base64 of the key, without frame, greeting and blanks."""
    framed = _FRAME.search(text)
    if framed is None and "BEGIN" in text:
        raise InvalidInput(field, "no_key", N_("The key's frame (BEGIN … END) is not complete."))
    if framed is not None and framed.group(1) != "PUBLIC KEY":
        raise InvalidInput(
            field,
            "not_public",
            N_("This is a “%(kind)s”; needed is a “PUBLIC KEY” (X.509). Never send a private key."),
            {"kind": framed.group(1)[:40]},
        )
    return _BLANK.sub("", framed.group(2) if framed else text)


def _der(content: str, field: str) -> bytes:
    if not content:
        raise InvalidInput(field, "no_key", N_("There is no key between the lines of the frame."))
    if not _BASE64.fullmatch(content):
        raise InvalidInput(field, "not_base64", N_("The key is not Base64."))
    try:
        return base64.b64decode(content + "=" * (-len(content) % 4), validate=True)
    except binascii.Error:
        raise InvalidInput(field, "not_base64", N_("The key is not Base64.")) from None


def _written(der: bytes, field: str) -> str:
    try:
        key = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidInput(
            field, "not_x509", N_("This is not a public key as X.509 writes it.")
        ) from None
    if not isinstance(key, RSAPublicKey):
        raise InvalidInput(field, "not_rsa", N_("This is not an RSA key."))
    if key.key_size < MIN_BITS:
        raise InvalidInput(
            field,
            "key_too_short",
            N_("An RSA key needs at least %(least)s bits; this one has %(bits)s."),
            {"least": MIN_BITS, "bits": key.key_size},
        )
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
