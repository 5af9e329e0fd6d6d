"""Who is who on a simulated WeChat Pay: keys, serials and numbers, made at run time.

Called by demo set-up and tests. Nothing here is a real credential and nothing is stored: the
caller keeps the JSON and hands each side its half.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
MERCHANT_ONLY = ("merchant_private_key_pem",)
YEARS = timedelta(days=5 * 365)  # "平台证书…有效期5年"


def _digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))


def _private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public_pem(key: rsa.RSAPrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _new_serial() -> int:
    """160 bits with the top ones set, so that it prints as the usual 40 hex digits."""
    return (0x5 << 156) | secrets.randbits(152)


def serial_text(number: int) -> str:
    return f"{number:040X}"


def _certificate(key: rsa.RSAPrivateKey, serial: int) -> str:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "WeChat Pay simulator"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Simulated platform certificate"),
        ]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + YEARS)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode()


def new_platform_key() -> tuple[str, str]:
    """Private key and certificate to which a platform certificate is rotated."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return _private_pem(key), _certificate(key, _new_serial())


def new_identity(*, mchid: str = "", appid: str = "") -> dict[str, Any]:
    """A merchant and a platform that know each other; JSON-able."""
    merchant, public_mode, platform = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3)
    )
    return {
        "channel": "wechat",
        "mchid": mchid or "19" + _digits(8),
        "appid": appid or "wx" + secrets.token_hex(8),
        "merchant_serial": serial_text(_new_serial()),
        "merchant_private_key_pem": _private_pem(merchant),
        "merchant_public_key_pem": _public_pem(merchant),
        "apiv3_key": "".join(secrets.choice(ALPHABET) for _ in range(32)),
        "public_key_id": "PUB_KEY_ID_01" + _digits(26),
        "public_key_private_pem": _private_pem(public_mode),
        "public_key_pem": _public_pem(public_mode),
        "platform_private_key_pem": _private_pem(platform),
        "platform_certificate_pem": _certificate(platform, _new_serial()),
    }


def simulator_half(identity: dict[str, Any]) -> dict[str, Any]:
    """What the simulator needs: everything but the merchant's private key."""
    return {name: value for name, value in identity.items() if name not in MERCHANT_ONLY}


def credentials(identity: dict[str, Any], base_url: str) -> dict[str, str]:
    """What the merchant needs, under the names of the contract for scripts."""
    return {
        "base_url": base_url,
        "mchid": identity["mchid"],
        "appid": identity["appid"],
        "merchant_serial": identity["merchant_serial"],
        "merchant_private_key_pem": identity["merchant_private_key_pem"],
        "apiv3_key": identity["apiv3_key"],
        "platform_public_key_id": identity["public_key_id"],
        "platform_public_key_pem": identity["public_key_pem"],
    }
