"""The simulator's cryptography: checks the merchant's signatures, makes the platform's.

Used by ``gate``, ``envelope``, ``callbacks`` and ``cashier``; parsed keys are kept. Written from
"加签", "验签" and "证书 SN" of Alipay's open documents and not shared with the production codec.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

DIGESTS: Mapping[str, type[HashAlgorithm]] = {"RSA2": SHA256, "RSA": SHA1}
RSA_SIGNATURES = "1.2.840.113549.1.1."
"""Only roots whose signature algorithm starts so count for alipay_root_cert_sn."""


@cache
def _private(pem: str) -> RSAPrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("an RSA key is needed")
    return key


@cache
def _public(pem: str) -> RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise TypeError("an RSA key is needed")
    return key


def cert_sn(certificate: x509.Certificate) -> str:
    """md5 of the issuer, most specific name first, and the decimal serial number."""
    names = [
        f"{attribute.rfc4514_attribute_name}={attribute.value!s}"
        for attribute in reversed(list(certificate.issuer))
    ]
    text = ",".join(names) + str(certificate.serial_number)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def root_cert_sn(bundle: str) -> str:
    roots = x509.load_pem_x509_certificates(bundle.encode())
    return "_".join(
        cert_sn(root)
        for root in roots
        if root.signature_algorithm_oid.dotted_string.startswith(RSA_SIGNATURES)
    )


def sign_string(params: Iterable[tuple[str, bytes]], *, without: tuple[str, ...]) -> bytes:
    """``k=v`` joined by ``&``, by key, raw values, empty ones left out."""
    kept = sorted((name, value) for name, value in params if name not in without and value)
    return b"&".join(name.encode("latin-1") + b"=" + value for name, value in kept)


class Keys:
    """Both halves of a simulated platform, and the application's public key."""

    def __init__(self, identity: Mapping[str, Any]) -> None:
        self._app = _public(identity["app_public_key_pem"])
        self._plain = _private(identity["alipay_private_key_pem"])
        self.app_cert_sn = self._sn(identity["app_cert_pem"])
        self.root_cert_sn = root_cert_sn(identity["alipay_root_cert_pem"])
        self.certificates: dict[str, str] = {
            self._sn(identity[f"{which}alipay_cert_pem"]): identity[f"{which}alipay_cert_pem"]
            for which in ("", "next_")
        }
        self.alipay_cert_sn, self.next_cert_sn = self.certificates
        self._cert_keys = {
            self.alipay_cert_sn: _private(identity["alipay_cert_private_key_pem"]),
            self.next_cert_sn: _private(identity["next_alipay_cert_private_key_pem"]),
        }

    @staticmethod
    def _sn(pem: str) -> str:
        return cert_sn(x509.load_pem_x509_certificate(pem.encode()))

    @cached_property
    def _stranger(self) -> RSAPrivateKey:
        """A forger's key; made when the first forgery is wanted."""
        return generate_private_key(public_exponent=65537, key_size=2048)

    def app_signed(self, message: bytes, signature_b64: bytes, *, sign_type: str) -> bool:
        try:
            signature = base64.b64decode(signature_b64, validate=True)
            self._app.verify(signature, message, PKCS1v15(), DIGESTS[sign_type]())
        except (binascii.Error, InvalidSignature):
            return False
        return True

    def sign(self, message: bytes, *, sign_type: str, cert: str = "", tamper: str = "") -> str:
        """``cert`` names the certificate to sign with; empty for the plain key."""
        key = self._cert_keys[cert] if cert else self._plain
        if tamper == "forged":
            key = self._stranger
        if tamper == "bad_signature":
            message += b"?"
        return base64.b64encode(key.sign(message, PKCS1v15(), DIGESTS[sign_type]())).decode()
