"""RSA2 signatures of the Alipay gateway. Pure; used inside this package only.

Reference: the provider's pages "签名" and "自行实现验签"; proved against tests/vectors/alipay.
RSA2 is SHA256withRSA, PKCS#1 v1.5, base64. The older RSA (SHA-1) is neither sent nor believed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from channels.alipay.keys import KEY_MODE

SIGN_TYPE = "RSA2"


class Unverified(Exception):
    """An answer or notification that is not proved to come from Alipay."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def sign_string(params: Mapping[str, str]) -> str:
    """What a request's signature covers: every parameter that is not empty, sorted by name, as
    ``name=value`` joined by ``&``, with the raw values. ``sign_type`` is covered."""
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if params[name])


def notify_string(params: Mapping[str, str]) -> str:
    """What a notification's signature covers: the decoded values without ``sign`` and
    ``sign_type`` ("除去sign、sign_type两个参数外"), and without the SN of the certificate. Empty
    values stay, as in the provider's own SDK."""
    left_out = ("sign", "sign_type", "alipay_cert_sn")
    return "&".join(f"{name}={params[name]}" for name in sorted(params) if name not in left_out)


def sign(key: RSAPrivateKey, message: bytes) -> str:
    return base64.b64encode(key.sign(message, PKCS1v15(), SHA256())).decode()


def key_for(keys: Mapping[str, RSAPublicKey], cert_sn: str) -> RSAPublicKey:
    """The key that must have signed. ``cert_sn`` is the answer's ``alipay_cert_sn``; it is not
    signed, it only chooses among the certificates that the account holds. Raises Unverified."""
    if KEY_MODE in keys:
        return keys[KEY_MODE]
    if not cert_sn:
        raise Unverified("NO_CERT_SN", "no alipay_cert_sn, though this account has certificates")
    key = keys.get(cert_sn)
    if key is None:
        raise Unverified(
            "UNKNOWN_CERT_SN",
            f"signed with the certificate {cert_sn[:64]!r}, which this account does not hold; "
            "download Alipay's new certificate and add it",
        )
    return key


def fits(key: RSAPublicKey, signature: str, message: bytes) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
