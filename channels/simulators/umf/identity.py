"""Who is who on a simulated UMF: keys and numbers, made at run time.

Called by demo set-up and tests. Nothing here is a real credential and nothing is stored: the
caller keeps the JSON and hands each side its half.
"""

from __future__ import annotations

import secrets
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

KEY_BITS = 1024
"""A signature of this wire has 172 characters of base64: 128 bytes."""
MERCHANT_ONLY = ("merchant_private_key_pem",)


def _private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public_pem(key: rsa.RSAPrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def new_identity(*, mer_id: str = "") -> dict[str, Any]:
    """A merchant and a platform that know each other; JSON-able."""
    merchant, platform = new_key(), new_key()
    return {
        "channel": "umf",
        "mer_id": mer_id or str(30_000_000 + secrets.randbelow(10_000_000)),
        "merchant_private_key_pem": _private_pem(merchant),
        "merchant_public_key_pem": _public_pem(merchant),
        "platform_private_key_pem": _private_pem(platform),
        "platform_public_key_pem": _public_pem(platform),
    }


def simulator_half(identity: dict[str, Any]) -> dict[str, Any]:
    """What the simulator needs: everything but the merchant's private key."""
    return {name: value for name, value in identity.items() if name not in MERCHANT_ONLY}


def credentials(identity: dict[str, Any], base_url: str) -> dict[str, str]:
    """What the merchant needs, under the names of the contract for scripts."""
    return {
        "base_url": base_url,
        "mer_id": identity["mer_id"],
        "merchant_private_key_pem": identity["merchant_private_key_pem"],
        "platform_public_key_pem": identity["platform_public_key_pem"],
    }
