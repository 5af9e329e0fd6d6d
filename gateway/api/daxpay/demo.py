"""The demo merchants' keys at this door. Called by ``gateway.demo``; never for a real house."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from orders.models import Application, DoorKey
from orders.secrets import SecretUnreadable

SHOWN = ("merchant_private_key_pem", "platform_public_key_pem", "g3_secret")
CONFIG = ("merchant_public_key_pem", "platform_public_key_pem")
HIDDEN = ("platform_private_key_pem", "g3_secret")


def new_keys(mch_no: str, app_id: str) -> dict[str, Any]:
    """Both key pairs; the merchant's private half stays in demo.json."""
    mine, theirs = _pair(), _pair()
    return {
        "identity": f"{mch_no}:{app_id}",
        "merchant_private_key_pem": theirs[0],
        "merchant_public_key_pem": theirs[1],
        "platform_private_key_pem": mine[0],
        "platform_public_key_pem": mine[1],
        "g3_secret": secrets.token_hex(32),
    }


def _pair() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def ensure(application: Application, keys: Mapping[str, Any]) -> None:
    """Write the door key, or bring it up to date; what an operator set beside it stays."""
    row = DoorKey.objects.filter(
        application=application, dialect=DoorKey.Dialect.DAXPAY
    ).first() or DoorKey(application=application, dialect=DoorKey.Dialect.DAXPAY)
    config = {**row.config, **{name: keys[name] for name in CONFIG}}
    hidden = {name: keys[name] for name in HIDDEN}
    if row.pk and (row.identity, row.config, _secrets(row)) == (keys["identity"], config, hidden):
        return
    row.identity, row.config = keys["identity"], config
    row.secrets = hidden
    row.save()


def _secrets(row: DoorKey) -> dict[str, str] | None:
    """None when the key that they were written with is gone with its directory."""
    try:
        return row.secrets
    except SecretUnreadable:
        return None


def credentials(keys: Mapping[str, Any]) -> dict[str, Any]:
    """What a merchant's programmer is given."""
    return {name: keys[name] for name in SHOWN}
