"""The simulator's cryptography: checks the merchant's signatures, makes the platform's.

Used by ``gate``, ``simulator`` and ``callbacks``. SHA1withRSA (PKCS#1 v1.5), UTF-8, base64. The
one who asks signs ``k=v&k=v``, the one who answers the values alone with ``|`` between; names in
the order of ASCII, what is empty left out, ``sign`` too.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from channels.simulators.umf.identity import new_key

NOT_SIGNED = ("sign", "signature")


def _filled(members: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted((k, v) for k, v in members.items() if v and k not in NOT_SIGNED)


def asked(members: Mapping[str, str]) -> str:
    """What is signed of a request or a notification."""
    return "&".join(f"{name}={value}" for name, value in _filled(members))


def answered(members: Mapping[str, str]) -> str:
    """What is signed of an answer."""
    return "|".join(value for _, value in _filled(members))


class Keys:
    """The platform's half, and the merchant's public key."""

    def __init__(self, identity: Mapping[str, Any]) -> None:
        merchant = load_pem_public_key(identity["merchant_public_key_pem"].encode())
        platform = load_pem_private_key(identity["platform_private_key_pem"].encode(), None)
        if not isinstance(merchant, RSAPublicKey) or not isinstance(platform, RSAPrivateKey):
            raise TypeError("RSA keys are needed")
        self._merchant = merchant
        self._platform = platform

    @cached_property
    def _stranger(self) -> RSAPrivateKey:
        """A forger's key; made when the first forgery is wanted."""
        return new_key()

    def merchant_signed(self, plain: str, signature: str) -> bool:
        try:
            given = base64.b64decode(signature, validate=True)
            self._merchant.verify(given, plain.encode(), PKCS1v15(), SHA1())  # noqa: S303
        except (binascii.Error, InvalidSignature, ValueError):
            return False
        return True

    def sign(self, plain: str, *, tamper: str = "") -> str:
        key = self._stranger if tamper == "forged" else self._platform
        if tamper == "bad_signature":
            plain += "?"
        signature = key.sign(plain.encode(), PKCS1v15(), SHA1())  # noqa: S303
        return base64.b64encode(signature).decode()
