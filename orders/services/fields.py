"""Checks of single fields that every door shares. They raise InvalidInput and change nothing."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.utils.translation import gettext_noop as N_

from channels import registry
from orders.errors import InvalidInput

BIZ_NUMBER = re.compile(r"[!-~]{1,64}")
URL_MAX = 256


def channel(code: str) -> None:
    """A channel that there is."""
    if code not in registry.codes():
        raise InvalidInput(
            "channel",
            "unknown_channel",
            N_("There is no channel %(channel)s; there are %(known)s."),
            {"channel": code, "known": ", ".join(sorted(registry.codes()))},
        )


def amount(value: int, most: int) -> None:
    """Fen: a whole number from 1 to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidInput("amount", "not_an_integer", N_("The amount must be whole fen."))
    if not 0 < value <= most:
        raise InvalidInput(
            "amount",
            "amount_out_of_range",
            N_("The amount must be from 1 to %(most)s fen."),
            {"most": most},
        )


def biz_number(field: str, value: str) -> None:
    """A merchant's number: 1 to 64 printable ASCII characters without spaces."""
    if not BIZ_NUMBER.fullmatch(value):
        raise InvalidInput(
            field,
            "bad_number",
            N_("%(field)s must be 1 to 64 printable ASCII characters without spaces."),
            {"field": field},
        )


def text(field: str, value: str, *, longest: int, plain: bool, required: bool = False) -> None:
    """``plain``: only characters of up to three UTF-8 bytes (WeChat basic rules: no emoji)."""
    if required and not value.strip():
        raise InvalidInput(field, "required", N_("%(field)s is required."), {"field": field})
    if len(value) > longest:
        raise InvalidInput(
            field,
            "too_long",
            N_("%(field)s has %(length)s characters; at most %(longest)s are allowed."),
            {"field": field, "length": len(value), "longest": longest},
        )
    if any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF for char in value):
        raise InvalidInput(
            field, "control_character", N_("%(field)s has a control character."), {"field": field}
        )
    if plain and (bad := next((char for char in value if ord(char) > 0xFFFF), None)):
        raise InvalidInput(
            field,
            "unsupported_character",
            N_("%(field)s has a character that this channel refuses: %(character)s."),
            {"field": field, "character": bad},
        )


def url(field: str, value: str) -> None:
    """Empty, or an absolute http(s) address of at most 256 ASCII characters, without a login."""
    if not value:
        return
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        parts = None
    good = (
        parts is not None
        and parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and not parts.username
        and value.isascii()
        and value.isprintable()
        and " " not in value
    )
    if not good or len(value) > URL_MAX:
        raise InvalidInput(
            field,
            "bad_url",
            N_("%(field)s must be an http(s) address of at most %(longest)s characters."),
            {"field": field, "longest": URL_MAX},
        )
