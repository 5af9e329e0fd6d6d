"""Who is who on a simulated Alipay: keys, certificates and numbers, made at run time.

Called by demo set-up and tests. Nothing here is a real credential and nothing is stored: the
caller keeps the JSON and hands each side its half. An identity serves both modes: public keys,
and certificates (where the request names its certificate by ``app_cert_sn``).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

MERCHANT_ONLY = ("app_private_key_pem",)
MAX_RATIO = 30
"""Percent of an order that may be shared out; what Alipay grants without asking."""
YEARS = timedelta(days=5 * 365)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def _digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _name(common_name: str) -> x509.Name:
    """In the order in which Alipay's certificates have it: C, O, OU, CN."""
    pairs = (
        (NameOID.COUNTRY_NAME, "CN"),
        (NameOID.ORGANIZATION_NAME, "Ant Financial Simulator"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Certification Authority"),
        (NameOID.COMMON_NAME, common_name),
    )
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


@dataclass(frozen=True)
class _Issuer:
    name: str
    key: PrivateKey

    def issue(self, subject: str, public: Any) -> str:
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(self.name))
            .public_key(public)
            .serial_number(secrets.randbits(120) | 1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + YEARS)
            .add_extension(x509.BasicConstraints(ca=subject == self.name, path_length=None), True)
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(Encoding.PEM).decode()

    def own(self) -> str:
        return self.issue(self.name, self.key.public_key())


def _certificates(app: rsa.RSAPrivateKey, *, owner: str) -> dict[str, str]:
    """The application's and the platform's, under a bundle of three roots.

    The real bundle mixes RSA roots with one of the Chinese SM2 curve, which must be skipped when
    alipay_root_cert_sn is computed; an elliptic curve of the usual kind stands in for it.
    """
    first = _Issuer("Simulated Root R1", _rsa())
    curved = _Issuer("Simulated Root EC", ec.generate_private_key(ec.SECP256R1()))
    second = _Issuer("Simulated Root R2", _rsa())
    platform, coming = _rsa(), _rsa()
    return {
        "app_cert_pem": first.issue(owner, app.public_key()),
        "alipay_cert_pem": first.issue("Simulated Alipay 1", platform.public_key()),
        "alipay_cert_private_key_pem": private_pem(platform),
        "next_alipay_cert_pem": first.issue("Simulated Alipay 2", coming.public_key()),
        "next_alipay_cert_private_key_pem": private_pem(coming),
        "alipay_root_cert_pem": "\n".join(root.own() for root in (first, curved, second)),
    }


def new_identity(*, app_id: str = "", seller_id: str = "") -> dict[str, Any]:
    """A merchant's application and a platform that know each other; JSON-able."""
    app_id = app_id or "2021" + _digits(12)
    seller_id = seller_id or "2088" + _digits(12)
    app, platform = _rsa(), _rsa()
    return {
        "channel": "alipay",
        "app_id": app_id,
        "seller_id": seller_id,
        "seller_email": f"seller{app_id[-4:]}@sandbox.example",
        "buyer_id": "2088" + _digits(12),
        "max_ratio": MAX_RATIO,
        "app_private_key_pem": private_pem(app),
        "app_public_key_pem": public_pem(app),
        "alipay_private_key_pem": private_pem(platform),
        "alipay_public_key_pem": public_pem(platform),
        **_certificates(app, owner=f"{seller_id}-{app_id}"),
    }


def simulator_half(identity: dict[str, Any]) -> dict[str, Any]:
    """What the simulator needs: everything but the merchant's private key."""
    return {name: value for name, value in identity.items() if name not in MERCHANT_ONLY}


def credentials(
    identity: dict[str, Any], base_url: str, *, certificates: bool = False
) -> dict[str, str]:
    """What the merchant needs, under the names of the contract for scripts."""
    given = {
        "gateway_url": f"{base_url}/gateway.do",
        "app_id": identity["app_id"],
        "app_private_key_pem": identity["app_private_key_pem"],
        "alipay_public_key_pem": identity["alipay_public_key_pem"],
    }
    names = ("app_cert_pem", "alipay_cert_pem", "alipay_root_cert_pem")
    return given | ({name: identity[name] for name in names} if certificates else {})
