"""Secrets at rest: AES-256-GCM, bound to their row, under a rotating list of keys.

The first key of ``settings.ENCRYPTION_KEYS`` encrypts, every key decrypts. Stored form:
``<key id>:<base64 of nonce + ciphertext + tag>``. ``row`` is authenticated with the text, so a
value copied to another row does not decrypt.
"""

from __future__ import annotations

import base64
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE_BYTES = 12


class SecretUnreadable(Exception):
    """The key is gone from the list, or the value was moved or altered."""


def encrypt(plaintext: str, row: str) -> str:
    """Encrypt for storage. Empty stays empty."""
    if not plaintext:
        return ""
    key_id, key = next(iter(settings.ENCRYPTION_KEYS.items()))
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, plaintext.encode(), row.encode())
    return f"{key_id}:{base64.b64encode(nonce + sealed).decode()}"


def decrypt(stored: str, row: str) -> str:
    """Read back what ``encrypt`` made for the same row. Raises SecretUnreadable."""
    if not stored:
        return ""
    key_id, _, text = stored.partition(":")
    key = settings.ENCRYPTION_KEYS.get(key_id)
    if key is None:
        raise SecretUnreadable(f"key {key_id!r} is not in the key list")
    raw = base64.b64decode(text)
    try:
        return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], row.encode()).decode()
    except InvalidTag:
        raise SecretUnreadable(f"value does not belong to {row!r}") from None


def fingerprint(plaintext: str) -> str:
    """What people are shown instead of a secret: eight hex digits of its SHA-256."""
    return hashlib.sha256(plaintext.encode()).hexdigest()[:8] if plaintext else ""


def mask(plaintext: str) -> str:
    """What people are shown of personal data: the ends of long values, less of short ones.

    ``oUpF8uMuAJO_M2pxb1Q9zNjWeS6o`` → ``oUp****S6o``, ``张三丰`` → ``张**``.
    """
    if len(plaintext) <= 4:
        return plaintext[:1] + "*" * (len(plaintext) - 1)
    keep = 3 if len(plaintext) > 10 else 1
    return f"{plaintext[:keep]}****{plaintext[-keep:]}"
