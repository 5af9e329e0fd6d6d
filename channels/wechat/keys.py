"""Parsed keys, cached. Used inside this package only.

Parsing a PEM private key costs about 36 ms (OpenSSL checks the primes), a signature 1 ms. The
caches are bounded and keyed by the PEM text itself, so that no stale key can ever be served:
not after a rotation, and not when two accounts are mixed up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)

PUBLIC_KEY_PREFIX = "PUB_KEY_ID_"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@lru_cache(maxsize=1024)
def private_key(pem: str) -> RSAPrivateKey:
    """The merchant's signing key. Raises ValueError."""
    key = load_pem_private_key(pem.strip().encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA private key")
    return key


@lru_cache(maxsize=1024)
def public_key(pem: str) -> RSAPublicKey:
    """The WeChat Pay public key (pub_key.pem). Raises ValueError."""
    key = load_pem_public_key(pem.strip().encode())
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA public key")
    return key


@lru_cache(maxsize=1024)
def certificates(pem: str) -> Mapping[str, RSAPublicKey]:
    """Serial number to key, of concatenated platform certificates. Raises ValueError."""
    found: dict[str, RSAPublicKey] = {}
    for block in _CERTIFICATE.findall(pem):
        certificate = x509.load_pem_x509_certificate(block.encode())
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise ValueError("a certificate without an RSA key")
        found[serial_of(certificate)] = key
    if not found:
        raise ValueError("no certificate in this text")
    return MappingProxyType(found)


def serial_of(certificate: x509.Certificate) -> str:
    return normal_serial(f"{certificate.serial_number:X}")


def normal_serial(serial: str) -> str:
    """The spelling used for look-ups. A key id (``PUB_KEY_ID_…``) is no number and stays."""
    if serial.startswith(PUBLIC_KEY_PREFIX):
        return serial
    return serial.upper().lstrip("0")


@lru_cache(maxsize=1024)
def verification_keys(
    public_key_id: str, public_key_pem: str, platform_certificates: str
) -> Mapping[str, RSAPublicKey]:
    """Every key that may sign towards us, both kinds at once.

    While a merchant moves from certificates to the public key, notifications switch over
    within seven days, "0.1→1→5→10→20→50→100 %": both kinds arrive. Raises ValueError.
    """
    found: dict[str, RSAPublicKey] = {}
    if platform_certificates.strip():
        found.update(certificates(platform_certificates))
    if public_key_pem.strip():
        found[normal_serial(public_key_id.strip())] = public_key(public_key_pem)
    return MappingProxyType(found)


def sealing_key(
    public_key_id: str, public_key_pem: str, platform_certificates: str, *, now: datetime
) -> tuple[RSAPublicKey, str]:
    """The key to encrypt with and its serial as the Wechatpay-Serial header wants it.

    The public key where there is one, else the certificate in force that became so last, as
    the provider's own SDKs choose. Raises ValueError.
    """
    if public_key_pem.strip():
        return public_key(public_key_pem), public_key_id.strip()
    in_force = [entry for entry in _dated(platform_certificates) if entry[0] <= now < entry[1]]
    if not in_force:
        raise ValueError("no WeChat Pay public key and no platform certificate in force")
    _, _, serial, key = max(in_force, key=lambda entry: entry[0])
    return key, serial


@lru_cache(maxsize=1024)
def _dated(pem: str) -> tuple[tuple[datetime, datetime, str, RSAPublicKey], ...]:
    """(valid from, valid until, serial, key) of each certificate."""
    found = []
    for block in _CERTIFICATE.findall(pem):
        certificate = x509.load_pem_x509_certificate(block.encode())
        key = certificate.public_key()
        if isinstance(key, RSAPublicKey):
            since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
            serial = f"{certificate.serial_number:040X}"
            found.append((since, until, serial, key))
    return tuple(found)
