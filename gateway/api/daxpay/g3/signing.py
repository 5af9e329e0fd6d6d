"""What of a G3 message is signed, and how. Pure; used by ``frame`` and ``notices``.

SDK ``PaySignUtil``: names sorted by code point, null left out, decimals without trailing zeros,
lists and objects as JSON, ``k=v`` joined by ``&``, every ``"`` and ``\\`` removed, ``&key=SECRET``
behind it, all of it in capitals (the secret too), then MD5, HMAC-SHA256 (its key is the secret as
it is) or SM3, in hexadecimal digits.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.hashes import SM3, Hash

from gateway.api.daxpay.parsing import Fraction

SIGN = "sign"
HEX = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{64}")
_STRIPPED = str.maketrans("", "", '"\\')
_ESCAPED = re.compile("[\x00-\x1f\x80-\xa0\u2000-\u2010\u2028-\u202f\u2066-\u206f]")
"""What the SDK's JSON writer (hutool) does not write as it is."""
_SHORT = {"\b": "b", "\t": "t", "\n": "n", "\f": "f", "\r": "r"}


class Kind(StrEnum):
    """``SignTypeEnum``."""

    MD5 = "md5"
    HMAC_SHA256 = "hmac_sha256"
    SM3 = "sm3"


@dataclass(frozen=True, kw_only=True)
class Style:
    """One way to sign; merchants' programs have several."""

    kind: Kind
    is_upper: bool = True
    """Not before 2025-04-07 (dromara/dax-pay e75da86c)."""
    keeps_empty: bool = True
    """The SDK keeps empty texts, its documentation leaves them out."""


def sign_text(message: Mapping[str, Any], secret: str, style: Style) -> str:
    """What is hashed; it ends with the secret."""
    flat = {name: value for name, value in message.items() if name.lower() != SIGN}
    pairs = [(name, _value(flat[name])) for name in sorted(flat)]
    kept = [f"{name}={text}" for name, text in pairs if text or (text == "" and style.keeps_empty)]
    text = "&".join(kept).translate(_STRIPPED) + f"&key={secret}"
    return text.upper() if style.is_upper else text


def sign(message: Mapping[str, Any], secret: str, style: Style) -> str:
    """Lower-case hexadecimal digits."""
    data = sign_text(message, secret, style).encode()
    if style.kind is Kind.MD5:
        return hashlib.md5(data).hexdigest()  # noqa: S324 - the wire's; the secret is hashed too
    if style.kind is Kind.HMAC_SHA256:
        return hmac.digest(secret.encode(), data, hashlib.sha256).hex()
    digest = Hash(SM3())
    digest.update(data)
    return digest.finalize().hex()


def match(
    message: Mapping[str, Any], signature: str, secret: str, kinds: Iterable[Kind]
) -> Style | None:
    """In which style the secret's owner signed ``message``; None where he did not."""
    if not HEX.fullmatch(signature):
        return None
    length = len(signature)
    for kind in kinds:
        if length != (32 if kind is Kind.MD5 else 64):
            continue
        for is_upper in (True, False):
            for keeps_empty in (True, False):
                style = Style(kind=kind, is_upper=is_upper, keeps_empty=keeps_empty)
                if hmac.compare_digest(sign(message, secret, style), signature.lower()):
                    return style
    return None


def _value(value: Any) -> str | None:
    """None where it is left out."""
    if isinstance(value, list):
        return f"[{','.join(map(_entry, value))}]" if value else None
    if isinstance(value, Mapping):
        return _json(value)
    return None if value is None else _plain(value)


def _entry(value: Any) -> str:
    """One of a list: its names sorted, whatever their case."""
    if not isinstance(value, Mapping):
        return _json(value)
    return _json(dict(sorted(value.items(), key=lambda pair: pair[0].lower())))


def _json(value: Any) -> str:
    """As the SDK writes JSON, but for the quotes and backslashes, which are removed anyway."""
    if isinstance(value, Mapping):
        kept = ((name, inner) for name, inner in value.items() if inner is not None)
        return "{" + ",".join(f"{name}:{_json(inner)}" for name, inner in kept) + "}"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    return _ESCAPED.sub(_escape, value) if isinstance(value, str) else _plain(value)


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    return _SHORT.get(char) or f"u{ord(char):04x}"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Fraction):
        return _decimal(Decimal(value.text))
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, str | int):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not signed")


def _decimal(value: Decimal) -> str:
    """Without trailing zeros and without an exponent."""
    return format(value.normalize(), "f") if value else "0"
