"""GET /v3/certificates: the platform certificates in force. Pure; called by ``channel.py``.

Provider's page: "获取平台证书列表". Merchants that have only the public key get
RESOURCE_NOT_EXISTS ("无可用的平台证书"), which is no fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidTag

from channels.base import Account, Request, Response
from channels.wechat import fields, keys, signing
from channels.wechat.account import setting, verification_keys
from channels.wechat.answers import BadAnswer, error_words, json_object, moment, needed_text, text


@dataclass(frozen=True, kw_only=True)
class PlatformCertificate:
    serial: str
    pem: str
    effective_at: datetime | None
    expires_at: datetime | None


def encode(account: Account, *, now: datetime, nonce: str) -> Request:
    return fields.signed_request(
        "GET", "/v3/certificates", None, account=account, now=now, nonce=nonce
    )


def decode(
    response: Response, account: Account, *, now: datetime
) -> tuple[PlatformCertificate, ...]:
    """Decrypted and verified certificates. Raises BadAnswer.

    The first download can be verified with nothing that is in hand. The APIv3 key
    authenticates each certificate; the answer must then be signed by one of them, or by a key
    that the account has already.
    """
    if response.status != 200:
        raise BadAnswer(*error_words(response))
    entries = json_object(response.body).get("data")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadAnswer("BAD_BODY", "data is no list of certificates")
    found = tuple(_read(entry, setting(account.secrets, "apiv3_key")) for entry in entries)
    known = dict(verification_keys(account))
    for certificate in found:
        known.update(keys.certificates(certificate.pem))
    try:
        signing.verify(response.headers, response.body, known, now=now)
    except signing.Unverified as error:
        raise BadAnswer("BAD_SIGNATURE", f"{error.code}: {error.message}") from None
    return found


def _read(entry: dict[str, Any], apiv3_key: str) -> PlatformCertificate:
    sealed = entry.get("encrypt_certificate")
    if not isinstance(sealed, dict):
        raise BadAnswer("BAD_BODY", "encrypt_certificate is missing")
    try:
        pem = signing.decrypt(
            apiv3_key,
            nonce=text(sealed, "nonce"),
            associated_data=text(sealed, "associated_data"),
            ciphertext=text(sealed, "ciphertext"),
        ).decode()
        serial = keys.serial_of(x509.load_pem_x509_certificate(pem.encode()))
    except InvalidTag:
        raise BadAnswer("APIV3_KEY_MISMATCH", "the APIv3 key does not open them") from None
    except ValueError as error:
        raise BadAnswer("BAD_BODY", f"no certificate: {error}") from None
    if serial != keys.normal_serial(needed_text(entry, "serial_no")):
        raise BadAnswer("BAD_BODY", "serial_no is not the certificate's own")
    return PlatformCertificate(
        serial=serial,
        pem=pem,
        effective_at=moment(entry, "effective_time"),
        expires_at=moment(entry, "expire_time"),
    )
