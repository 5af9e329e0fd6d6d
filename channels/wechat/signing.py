"""WeChat Pay v3 signatures and AES-GCM. Pure; used inside this package only.

Reference: "API v3 签名生成 / 签名验证 / 证书和回调报文解密" of the provider; proved against the
published vectors in tests/vectors/wechat.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from channels.wechat.keys import normal_serial

SCHEME = "WECHATPAY2-SHA256-RSA2048"
MAX_SKEW = 300
"""Seconds. "超过5分钟，拒绝": an older answer or notification may be a replay."""
SIGNTEST = "WECHATPAY/SIGNTEST/"


class Unverified(Exception):
    """An answer or notification that is not proved to come from WeChat Pay."""

    def __init__(self, code: str, message: str, *, alarm: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.alarm = alarm


def message_of(*lines: str | bytes) -> bytes:
    """Each line is ended by ``\\n``, the last (and an empty one) too."""
    parts = (line.encode() if isinstance(line, str) else line for line in lines)
    return b"".join(part + b"\n" for part in parts)


def sign(key: RSAPrivateKey, message: bytes) -> str:
    return base64.b64encode(key.sign(message, PKCS1v15(), SHA256())).decode()


def authorization(
    key: RSAPrivateKey,
    *,
    mchid: str,
    serial: str,
    method: str,
    target: str,
    timestamp: int,
    nonce: str,
    body: bytes,
) -> str:
    """The Authorization header. ``target`` is path and query exactly as they are sent."""
    signature = sign(key, message_of(method, target, str(timestamp), nonce, body))
    return (
        f'{SCHEME} mchid="{mchid}",nonce_str="{nonce}",timestamp="{timestamp}",'
        f'serial_no="{serial}",signature="{signature}"'
    )


def pay_sign(key: RSAPrivateKey, *, appid: str, timestamp: str, nonce: str, last: str) -> str:
    """Signature of the parameters that a front end hands to WeChat. ``last`` is
    ``prepay_id=…`` for JSAPI and mini programs, the bare prepay_id for apps."""
    return sign(key, message_of(appid, timestamp, nonce, last))


def verify(
    headers: Mapping[str, str],
    body: bytes,
    keys: Mapping[str, RSAPublicKey],
    *,
    now: datetime,
) -> None:
    """Check an answer or a notification over its raw bytes. Raises Unverified."""
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        timestamp, nonce, signature, serial = (
            lower[f"wechatpay-{name}"] for name in ("timestamp", "nonce", "signature", "serial")
        )
    except KeyError as missing:
        raise Unverified(
            "MISSING_HEADERS",
            f"no {missing.args[0]} header; does a proxy strip the Wechatpay-* headers?",
        ) from None
    if signature.startswith(SIGNTEST):
        # "不应特殊处理": a probe. It must fail; WeChat then repeats with a true signature.
        raise Unverified("SIGNTEST", "WeChat Pay's deliberate false signature", alarm=False)
    kind = lower.get("wechatpay-signature-type", SCHEME)
    if kind != SCHEME:
        raise Unverified("SIGNATURE_TYPE", f"signature type {kind[:40]!r}")
    _check_age(timestamp, now)
    key = keys.get(normal_serial(serial))
    if key is None:
        raise Unverified("UNKNOWN_SERIAL", f"no key with serial {serial[:64]!r} in this account")
    _check_signature(key, signature, message_of(timestamp, nonce, body))


def _check_age(timestamp: str, now: datetime) -> None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        raise Unverified("STALE", f"timestamp {timestamp[:40]!r} is no number of seconds")
    skew = int(timestamp) - int(now.timestamp())
    if abs(skew) > MAX_SKEW:
        raise Unverified("STALE", f"timestamp is {skew} s away from our clock")


def _check_signature(key: RSAPublicKey, signature: str, message: bytes) -> None:
    try:
        key.verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        raise Unverified("BAD_SIGNATURE", "the signature does not fit the body") from None


def decrypt(apiv3_key: str, *, nonce: str, associated_data: str, ciphertext: str) -> bytes:
    """AEAD_AES_256_GCM; the tag is the last 16 bytes.

    Raises cryptography's InvalidTag for a wrong key, ValueError for anything malformed.
    """
    data = base64.b64decode(ciphertext, validate=True)
    return AESGCM(apiv3_key.encode()).decrypt(nonce.encode(), data, associated_data.encode())
