"""RSA2 of DaxPay Open: what of a message is signed, and how. Used by ``frame`` and ``notices``.

SHA256withRSA (PKCS#1 v1.5) over ``name=value`` pairs, base64 (opendaxpay SDKs, ``sign``; server,
``PaymentSignService``). What is signed is the parsed JSON: order, spaces and escapes of the text do
not count, so every SDK's spelling of one message carries the same signature.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from gateway.api.daxpay.parsing import Fraction

SIGN = "sign"
_INVISIBLE = re.compile("[\\s\u00a0\u200b-\u200f\u2060\ufeff]+")
_ARMOURED = re.compile(r"-----BEGIN[^-]*-----(.*?)-----END[^-]*-----", re.DOTALL)


def sign_text(message: Mapping[str, Any]) -> str:
    """``a=1&b.c=x&d[0]=y``: flattened, sorted by code point, nothing escaped.

    null is left out, an empty text stays, empty lists and objects say nothing. ``sign`` of the
    message itself, however it is spelled, is not part of it; a ``sign`` deeper down is.
    """
    flat = dict(_flat(message, ""))
    return "&".join(f"{path}={flat[path]}" for path in sorted(flat) if path.lower() != SIGN)


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{index}]")
    elif value is not None:
        yield path, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Fraction):
        return value.text
    if isinstance(value, str | int):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not signed: messages have texts and whole numbers")


def sign(message: Mapping[str, Any], private_key: str) -> str:
    """Base64 in one line. Raises ValueError where the key cannot be read."""
    made = load_private_key(private_key).sign(sign_text(message).encode(), PKCS1v15(), SHA256())
    return base64.b64encode(made).decode()


def verify(message: Mapping[str, Any], signature: str, public_key: str) -> bool:
    """Whether the key's owner signed ``message``. Raises ValueError for what is no key."""
    key = load_public_key(public_key)
    try:
        made = base64.b64decode(signature, validate=True)
        key.verify(made, sign_text(message).encode(), PKCS1v15(), SHA256())
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True


@lru_cache(maxsize=256)
def load_private_key(text: str) -> RSAPrivateKey:
    """PKCS#8 (or PKCS#1), as people paste it. Raises ValueError."""
    try:
        key = load_der_private_key(_der(text), password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"not a private key: {error}") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA private key")
    return key


@lru_cache(maxsize=256)
def load_public_key(text: str) -> RSAPublicKey:
    """X.509 SubjectPublicKeyInfo, as people paste it. Raises ValueError."""
    try:
        key = load_der_public_key(_der(text))
    except UnsupportedAlgorithm as error:
        raise ValueError(f"not a public key: {error}") from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA public key")
    return key


def _der(text: str) -> bytes:
    """PEM, PEM in one line, bare base64, with whatever an editor or a chat put around it (the SDKs'
    ``test_pem_tolerance``). Raises ValueError."""
    armoured = _ARMOURED.search(text)
    body = _INVISIBLE.sub("", armoured[1] if armoured else text)
    if not body:
        raise ValueError("the key is empty")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the key is not base64") from None
