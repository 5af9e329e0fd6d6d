"""The simulator's cryptography: checks the merchant's signatures, makes the platform's.

Used by ``gate``, ``simulator`` and ``callbacks``; parsed keys are kept. Written from the rules
"签名生成" and "签名验证" of WeChat Pay APIv3 and not shared with the production codec.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import threading
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_pem_private_key,
    load_pem_public_key,
)

from channels.simulators.core.clock import rfc3339_china
from channels.simulators.core.store import Store, insert
from channels.simulators.wechat.identity import ALPHABET, new_platform_key, serial_text

SIGNATURE_TYPE = "WECHATPAY2-SHA256-RSA2048"
OAEP_SHA1 = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303
STALE_SECONDS = 600
"""How old a "stale" answer claims to be: twice the five minutes that are allowed."""


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


def random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _compact(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


class Keys:
    """Both halves of a simulated platform, and the merchant's public one."""

    def __init__(self, identity: Mapping[str, Any]) -> None:
        self.merchant_serial: str = identity["merchant_serial"]
        self._merchant = _public(identity["merchant_public_key_pem"])
        self._aead = AESGCM(identity["apiv3_key"].encode())
        self.certificate_pem: str = identity["platform_certificate_pem"]
        self.certificate = x509.load_pem_x509_certificate(self.certificate_pem.encode())
        self.certificate_serial = serial_text(self.certificate.serial_number)
        self.public_key_id: str = identity["public_key_id"]
        self._signers = {
            self.public_key_id: _private(identity["public_key_private_pem"]),
            self.certificate_serial: _private(identity["platform_private_key_pem"]),
        }
        self._certificates = [self.certificate]
        self._store: Store | None = None
        self._lock = threading.Lock()

    def attach(self, store: Store) -> None:
        """Remember where a new platform key is written down, and the one that was."""
        self._store = store
        for row in store.all("SELECT * FROM platform_keys"):
            self._adopt(row["private_pem"], row["certificate_pem"])

    def _adopt(self, private_pem: str, certificate_pem: str) -> str:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
        serial = serial_text(certificate.serial_number)
        self._signers[serial] = _private(private_pem)
        self._certificates.append(certificate)
        return serial

    def new_serial(self) -> str:
        """The serial of the key that platform certificates rotate to; made when first wanted.

        While certificates rotate two are valid, and the list has both.
        """
        with self._lock:
            if len(self._certificates) == 1:
                private_pem, certificate_pem = new_platform_key()
                serial = self._adopt(private_pem, certificate_pem)
                if self._store is not None:
                    columns = {"private_pem": private_pem, "certificate_pem": certificate_pem}
                    with self._store.write() as db:
                        insert(db, "platform_keys", {"serial": serial} | columns)
            return serial_text(self._certificates[-1].serial_number)

    def open_sealed(self, cipher_b64: str, *, serial: str) -> str:
        """A sensitive field: RSA-OAEP with SHA-1, by the key that the request names.

        Raises KeyError for an unknown key, ValueError for what it does not open.
        """
        key = self._signers[serial]
        return key.decrypt(base64.b64decode(cipher_b64, validate=True), OAEP_SHA1).decode()

    def seal_for_merchant(self, text: str) -> str:
        """What goes down to a merchant is sealed with the merchant's own certificate."""
        return base64.b64encode(self._merchant.encrypt(text.encode(), OAEP_SHA1)).decode()

    @cached_property
    def _stranger(self) -> RSAPrivateKey:
        """A forger's key; made when the first forgery is wanted."""
        return generate_private_key(public_exponent=65537, key_size=2048)

    def merchant_signed(self, message: bytes, signature_b64: str) -> bool:
        try:
            signature = base64.b64decode(signature_b64, validate=True)
            self._merchant.verify(signature, message, PKCS1v15(), SHA256())
        except (binascii.Error, InvalidSignature):
            return False
        return True

    def serial_for(self, wanted: str) -> str:
        """Answers follow the request's Wechatpay-Serial where it names the public key's id."""
        return wanted if wanted == self.public_key_id else self.certificate_serial

    def headers(self, body: bytes, *, serial: str, now: float, tamper: str = "") -> dict[str, str]:
        """The five Wechatpay-* headers over these bytes, spoilt where ``tamper`` says how."""
        if tamper == "unsigned":
            return {}
        if tamper == "rotated":
            serial = self.new_serial()
        timestamp = str(int(now) - (STALE_SECONDS if tamper == "stale" else 0))
        nonce = random_text(32)
        message = b"\n".join((timestamp.encode(), nonce.encode(), body)) + b"\n"
        if tamper == "bad_signature":
            message += b"?"
        key = self._stranger if tamper == "forged" else self._signers[serial]
        signature = base64.b64encode(key.sign(message, PKCS1v15(), SHA256())).decode()
        if tamper == "signtest":
            # "签名探测流量": the value starts so, and no verification may let it pass.
            signature = f"WECHATPAY/SIGNTEST/{signature}"
        if tamper == "wrong_serial":
            serial = secrets.token_hex(20).upper()
        return {
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": signature,
            "Wechatpay-Serial": serial,
            "Wechatpay-Signature-Type": SIGNATURE_TYPE,
        }

    def encrypt(self, plain: bytes, *, associated_data: str) -> dict[str, str]:
        """AEAD_AES_256_GCM; the tag is the ciphertext's last 16 bytes."""
        nonce = random_text(12)
        cipher = self._aead.encrypt(nonce.encode(), plain, associated_data.encode())
        return {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": nonce,
            "associated_data": associated_data,
            "ciphertext": base64.b64encode(cipher).decode(),
        }

    def encrypt_json(self, document: object, *, associated_data: str) -> dict[str, str]:
        return self.encrypt(_compact(document), associated_data=associated_data)

    def decrypt(self, resource: Mapping[str, str]) -> bytes:
        return self._aead.decrypt(
            resource["nonce"].encode(),
            base64.b64decode(resource["ciphertext"]),
            resource["associated_data"].encode(),
        )

    def certificate_list(self) -> dict[str, Any]:
        """The body of GET /v3/certificates."""
        return {"data": [self._listed(certificate) for certificate in self._certificates]}

    def _listed(self, certificate: x509.Certificate) -> dict[str, Any]:
        pem = certificate.public_bytes(Encoding.PEM)
        return {
            "serial_no": serial_text(certificate.serial_number),
            "effective_time": rfc3339_china(certificate.not_valid_before_utc.timestamp()),
            "expire_time": rfc3339_china(certificate.not_valid_after_utc.timestamp()),
            "encrypt_certificate": self.encrypt(pem, associated_data="certificate"),
        }
