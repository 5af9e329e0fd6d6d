"""Parsed keys and certificates, cached. Used inside this package only.

The caches are bounded and keyed by the text itself, so that no stale key can ever be served.
Alipay's own tools hand out keys as bare base64 bodies and as PEM files of either kind, and people
paste them with or without line breaks: whatever has a readable body is taken.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from cryptography.x509.oid import NameOID

_ARMOUR = re.compile(r"-----[^-]*-----|\\[nr]|\s")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_RSA_SIGNATURES = "1.2.840.113549.1.1."
"""Object identifiers of the algorithms sha1WithRSA, sha256WithRSA, …"""
_SHORT_NAMES = {
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.COUNTRY_NAME: "C",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.LOCALITY_NAME: "L",
}
KEY_MODE = ""
"""The name of the one verification key of an account without certificates."""


def _body(text: str) -> bytes:
    """The DER inside a PEM text or a bare base64 body. Raises ValueError."""
    return base64.b64decode(_ARMOUR.sub("", text), validate=True)


@lru_cache(maxsize=1024)
def private_key(text: str) -> RSAPrivateKey:
    """The application's signing key, PKCS#1 or PKCS#8. Raises ValueError."""
    try:
        key = load_der_private_key(_body(text), password=None)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA private key")
    return key


@lru_cache(maxsize=1024)
def public_key(text: str) -> RSAPublicKey:
    """Alipay's public key. Raises ValueError."""
    try:
        key = load_der_public_key(_body(text))
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA public key")
    return key


# --- certificates -------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def certificates(pem: str) -> tuple[x509.Certificate, ...]:
    """Every certificate of a file, in its order. Raises ValueError."""
    found = tuple(
        x509.load_pem_x509_certificate(block.encode()) for block in _CERTIFICATE.findall(pem)
    )
    if not found:
        raise ValueError("no certificate in this text")
    return found


def is_authority(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return constraints.value.ca


def leaf(pem: str) -> x509.Certificate:
    """The certificate that a file is about; the file may carry its authorities too."""
    found = [one for one in certificates(pem) if not is_authority(one)]
    if not found:
        raise ValueError("only certificates of authorities in this text")
    return found[0]


def serial_of(certificate: x509.Certificate) -> str:
    """A certificate's SN: MD5 of the issuer (its names reversed, ``CN=..,OU=..,O=..,C=..``)
    and the decimal serial number. A name for a certificate, not a protection."""
    issuer = ",".join(
        f"{_SHORT_NAMES.get(name.oid, name.rfc4514_attribute_name)}={_plain(name)}"
        for part in reversed(certificate.issuer.rdns)
        for name in part
    )
    text = f"{issuer}{certificate.serial_number}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _plain(name: x509.NameAttribute[str | bytes]) -> str:
    return name.value if isinstance(name.value, str) else name.value.decode("latin-1")


@lru_cache(maxsize=1024)
def certificate_sn(pem: str) -> str:
    """``app_cert_sn``. Raises ValueError."""
    return serial_of(leaf(pem))


@lru_cache(maxsize=1024)
def root_sn(pem: str) -> str:
    """``alipay_root_cert_sn``: the SNs of the RSA-signed certificates, joined by ``_``. The
    bundle holds SM2 certificates too, which are passed over. Raises ValueError."""
    serials = [
        serial_of(one)
        for one in certificates(pem)
        if one.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNATURES)
    ]
    if not serials:
        raise ValueError("no RSA certificate in this text")
    return "_".join(serials)


@lru_cache(maxsize=1024)
def verification_keys(public_key_text: str, certificate_pem: str) -> Mapping[str, RSAPublicKey]:
    """Who may sign towards us: SN to key in certificate mode, else the one key under KEY_MODE.

    Several certificates may stand in one text while Alipay changes to a new one. Raises ValueError.
    """
    if not certificate_pem:
        return MappingProxyType({KEY_MODE: public_key(public_key_text)})
    found: dict[str, RSAPublicKey] = {}
    for certificate in certificates(certificate_pem):
        if not is_authority(certificate):
            found[serial_of(certificate)] = _rsa_key(certificate)
    if not found:
        raise ValueError("only certificates of authorities in this text")
    return MappingProxyType(found)


def _rsa_key(certificate: x509.Certificate) -> RSAPublicKey:
    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm as error:  # SM2
        raise ValueError(str(error)) from None
    if not isinstance(key, RSAPublicKey):
        raise ValueError("a certificate without an RSA key")
    return key


def leads_to(certificate: x509.Certificate, pem: str, root_pem: str) -> bool:
    """Whether ``certificate`` was issued, in at most four steps, by one of the roots."""
    roots, known = certificates(root_pem), certificates(pem)
    for _step in range(4):
        if any(_issued(certificate, root) for root in roots):
            return True
        issuer = next((one for one in known if _issued(certificate, one)), None)
        if issuer is None or issuer == certificate:
            return False
        certificate = issuer
    return False


def _issued(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True
