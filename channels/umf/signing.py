"""UMF's signatures. Pure; used inside this package only.

SHA1withRSA (PKCS#1 v1.5) over UTF-8, in standard base64; proved by the published samples in
tests/vectors/umf. The two directions are signed differently: what asks (a request of ours, a
notification of theirs) as ``k=v&k=v``, what answers as the values alone, joined by ``|``.
An answer's signature covers no names and no question: only TLS binds it to what was asked.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1

UNSIGNED = frozenset({"sign", "signature"})


def asking(fields: Mapping[str, Any]) -> str:
    """Names in ASCII order, what is empty left out, raw values."""
    return "&".join(f"{name}={value}" for name, value in _members(fields))


def answering(fields: Mapping[str, Any]) -> str:
    """The values in the order of their names."""
    return "|".join(value for _, value in _members(fields))


def _members(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in sorted(fields):
        if name not in UNSIGNED:
            yield from _texts(name, fields[name])


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """A nested object or list stands in its place with members of its own."""
    if value is None or value == "":
        return
    if isinstance(value, Mapping):
        yield from _members(value)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(name, entry)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    else:
        yield name, str(value)


def sign(key: RSAPrivateKey, plain: str) -> str:
    signature = key.sign(plain.encode(), PKCS1v15(), SHA1())  # noqa: S303 - their choice
    return base64.b64encode(signature).decode()


def is_signed(key: RSAPublicKey, plain: str, signature: str) -> bool:
    try:
        given = base64.b64decode(signature, validate=True)
        key.verify(given, plain.encode(), PKCS1v15(), SHA1())  # noqa: S303
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
