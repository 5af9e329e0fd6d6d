"""Signatures of 开个店: SHA256withRSA over the envelope's fields. Used by ``envelope`` and
``notices``; knows no order.

公共参数, 签名: without ``sign``, the fields sorted by name as ``name=value&…``, PKCS#1 v1.5, UTF-8,
base64. ``requestBody`` is signed as the string that was received. The documents do not say how an
answer is signed: the same rule with the platform's key.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

SIGN = "sign"
_ARMOUR = re.compile(r"-----[^-]*-----|\s")
_BLANK = re.compile(r"\s+")


def plain(fields: Mapping[str, str], *, with_empty: bool = False) -> str:
    """What is signed. Empty values are left out (公共参数), unless ``with_empty``."""
    return "&".join(
        f"{name}={fields[name]}"
        for name in sorted(fields)
        if name != SIGN and (fields[name] or with_empty)
    )


def sign(fields: Mapping[str, str], private_key_pem: str) -> str:
    """Base64. Raises ValueError where the key cannot be read."""
    made = private_key(private_key_pem).sign(plain(fields).encode(), PKCS1v15(), SHA256())
    return base64.b64encode(made).decode()


def verify(fields: Mapping[str, str], signature: str, public_key_pem: str) -> bool:
    """Whether the key's owner signed ``fields``.

    The documents leave empty values out, their Java demo only null ones: either is taken. Raises
    ValueError where the key cannot be read.
    """
    try:
        given = base64.b64decode(_BLANK.sub("", signature), validate=True)
    except (binascii.Error, ValueError):
        return False
    texts = {plain(fields), plain(fields, with_empty=True)}
    return any(_verify(text, given, public_key_pem) for text in texts)


def _verify(text: str, signature: bytes, public_key_pem: str) -> bool:
    try:
        public_key(public_key_pem).verify(signature, text.encode(), PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _body(text: str) -> bytes:
    """The DER inside a PEM text or a bare base64 body, as Java tools hand it out."""
    return base64.b64decode(_ARMOUR.sub("", text), validate=True)


@lru_cache(maxsize=256)
def private_key(text: str) -> RSAPrivateKey:
    """PKCS#1 or PKCS#8. Raises ValueError."""
    try:
        key = load_der_private_key(_body(text), password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA private key")
    return key


@lru_cache(maxsize=256)
def public_key(text: str) -> RSAPublicKey:
    """Raises ValueError."""
    try:
        key = load_der_public_key(_body(text))
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA public key")
    return key
