"""Reading the environment, loudly. Used by `gateway.settings` alone.

A value that is missing or cannot be understood stops the process with one sentence that names the
variable and the rule. Nothing here has a silent default for a secret.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def text(name: str, default: str | None = None) -> str:
    """The variable, or the default; without either the process does not start."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set, and it has no default.")
    return default


def flag(name: str, *, default: bool) -> bool:
    """1/true/yes/on or 0/false/no/off; any other word is an error, not a guess."""
    raw = os.environ.get(name)
    if raw is None:
        return default
    word = raw.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={raw!r}: write 1 or 0.")


def integer(name: str, default: int, *, at_least: int = 0, at_most: int = 2**31) -> int:
    """A whole number inside its bounds."""
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    try:
        value = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={raw!r}: write a whole number.") from None
    if not at_least <= value <= at_most:
        raise ImproperlyConfigured(f"{name}={value}: must be from {at_least} to {at_most}.")
    return value


def path(name: str, default: Path) -> Path:
    """An absolute path; `~` is understood."""
    raw = os.environ.get(name, "").strip()
    return Path(raw).expanduser().resolve() if raw else default.resolve()


def url(name: str, default: str | None, *, schemes: tuple[str, ...]) -> str | None:
    """A URL of one of the schemes, or the default when the variable is not set."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    if urlsplit(value).scheme not in schemes:
        # The value itself is not repeated: a database URL holds a password.
        raise ImproperlyConfigured(f"{name} must begin with one of: {', '.join(schemes)}.")
    return value


def words(name: str, default: list[str]) -> list[str]:
    """A list separated by commas."""
    raw = os.environ.get(name, "").strip()
    return [word.strip() for word in raw.split(",") if word.strip()] if raw else default


def networks(name: str) -> list[str]:
    """Networks such as 10.0.0.0/8, separated by commas."""
    found = words(name, [])
    for text_ in found:
        try:
            ipaddress.ip_network(text_, strict=False)
        except ValueError:
            raise ImproperlyConfigured(f"{name}: {text_!r} is not a network.") from None
    return found


def encryption_keys(value: str, *, name: str) -> dict[str, bytes]:
    """`id:base64,id:base64`: the first encrypts, all of them decrypt. Each key is 32 bytes."""
    keys: dict[str, bytes] = {}
    for part in value.split(","):
        key_id, separator, encoded = part.strip().partition(":")
        if not separator or not key_id:
            raise ImproperlyConfigured(f"{name}: each key is written id:base64.")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise ImproperlyConfigured(f"{name}: key {key_id!r} is not base64.") from None
        if len(key) != 32:
            raise ImproperlyConfigured(f"{name}: key {key_id!r} has {len(key)} bytes, not 32.")
        if key_id in keys:
            raise ImproperlyConfigured(f"{name}: the id {key_id!r} is there twice.")
        keys[key_id] = key
    return keys
