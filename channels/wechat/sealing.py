"""Encrypting what the provider wants encrypted: names of payees and receivers. Pure.

Used by the encoders of this package. Provider's page "敏感信息加密": RSA-OAEP with SHA-1 and
MGF1-SHA1, and the Wechatpay-Serial header names the key. (One page of questions and answers
recommends SHA-256; the guide and all official SDKs use SHA-1.)
"""

from __future__ import annotations

import base64
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA1

from channels.base import Account, EncodeError
from channels.wechat import keys
from channels.wechat.account import setting
from channels.wechat.fields import plain

MOST = 214
"""Bytes that OAEP with SHA-1 takes under a key of 2048 bits."""


def seal(name: str, value: str, account: Account, *, now: datetime) -> tuple[str, str]:
    """The ciphertext in base64 and the serial of its key. Raises EncodeError.

    Two calls give two ciphertexts; the provider compares what is inside.
    """
    data = plain(name, value).encode()
    if len(data) > MOST:
        raise EncodeError(name, f"has {len(data)} bytes; {MOST} can be encrypted")
    try:
        key, serial = keys.sealing_key(
            setting(account.config, "public_key_id"),
            setting(account.config, "public_key_pem"),
            setting(account.config, "platform_certificates"),
            now=now,
        )
    except ValueError as error:
        raise EncodeError("public_key_pem", str(error)) from None
    padding = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303 - their choice
    return base64.b64encode(key.encrypt(data, padding)).decode(), serial
