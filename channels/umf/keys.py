"""Parsed keys, cached. Used inside this package only.

UMF's keys are RSA-1024. It hands them out as files without PEM armour (``.key.p8``) or as
certificates, so that base64 alone is taken too.
"""

from __future__ import annotations

import re
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)


@lru_cache(maxsize=1024)
def private_key(text: str) -> RSAPrivateKey:
    """The merchant's signing key. Raises ValueError."""
    key = load_pem_private_key(_armoured(text, "PRIVATE KEY"), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA private key")
    return key


@lru_cache(maxsize=1024)
def public_key(text: str) -> RSAPublicKey:
    """The platform's key, or the certificate that holds it. Raises ValueError."""
    if "BEGIN CERTIFICATE" in text:
        key: object = x509.load_pem_x509_certificate(text.strip().encode()).public_key()
    else:
        key = load_pem_public_key(_armoured(text, "PUBLIC KEY"))
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA public key")
    return key


def _armoured(text: str, label: str) -> bytes:
    bare = "".join(text.split())
    if re.fullmatch(r"[0-9A-Za-z+/]+={0,2}", bare):
        lines = re.findall(".{1,64}", bare)
        text = "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----"])
    return text.strip().encode()
