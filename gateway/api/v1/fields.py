"""Input fields that take exactly one JSON type. Used by ``inputs``; they know no order.

DRF's own fields are friendly: "100" and true are integers to them, 5 is a text. An amount that
was meant otherwise must be refused, not guessed (docs/api.md, "Amounts").
"""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

# Control characters break lines in logs and statements; half a surrogate pair is no character.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
NUMBER = re.compile(r"[\x21-\x7e]+")
# The API itself puts these behind a number: …/pay-orders/biz:<number>/close
RESERVED_ENDINGS = (
    "/close", "/cancel", "/sync", "/retry", "/operations", "/allocate", "/finish",
)  # fmt: skip

MAX_AMOUNT = 10**12
"""Fen. Far above every channel's own limit, which is checked later; far below bigint's."""


class Text(serializers.CharField):
    """A JSON string of one printable line. Nothing is trimmed."""

    default_error_messages = {
        "invalid": _("Must be a string."),
        "characters": _("Must be one line of printable characters."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if type(data) is not str:
            self.fail("invalid")
        if UNPRINTABLE.search(data):
            self.fail("characters")
        return str(data)


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"})
class MerchantNumber(Text):
    """A number of the merchant's own: visible ASCII, so that it fits into any address."""

    default_error_messages = {
        "number": _("May have letters, digits and signs of ASCII, without spaces."),
        "reserved_ending": _("May not end with %(ending)s."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not NUMBER.fullmatch(text):
            self.fail("number")
        for ending in RESERVED_ENDINGS:
            if text.endswith(ending):
                message = self.error_messages["reserved_ending"] % {"ending": ending}
                raise serializers.ValidationError(message, code="reserved_ending")
        return text


class Whole(serializers.IntegerField):
    """A JSON integer above zero."""

    default_error_messages = {
        "invalid": _("Must be a whole number, written as a JSON integer."),
        "min_value": _("Must be more than 0."),
    }

    def __init__(self, *, max_value: int, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=max_value, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return int(data)


class Fen(Whole):
    """Fen, the smallest unit."""

    default_error_messages = {
        "invalid": _("Must be a whole number of fen, written as a JSON integer."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_value=MAX_AMOUNT, **kwargs)


class Rate(Whole):
    """Ten-thousandths."""

    default_error_messages = {
        "invalid": _("Must be a whole number of ten-thousandths, written as a JSON integer."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_value=10_000, **kwargs)


class Flag(serializers.BooleanField):
    """true or false, nothing that merely resembles them."""

    default_error_messages = {"invalid": _("Must be true or false.")}

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            self.fail("invalid")
        return bool(data)


class Time(serializers.DateTimeField):
    """A time with its offset, as RFC 3339 writes it; kept in UTC."""

    default_error_messages = {
        "invalid": _("Must be a time with its offset, such as 2026-01-31T09:30:00+08:00."),
    }

    def to_internal_value(self, data: Any) -> datetime:
        moment = parse_time(data)
        if moment is None:
            self.fail("invalid")
        return moment


class Address(Text):
    """An IP address."""

    default_error_messages = {"address": _("Must be an IPv4 or IPv6 address.")}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            self.fail("address")
        if getattr(address, "scope_id", None):  # fe80::1%eth0 means something on one machine only
            self.fail("address")
        return str(address)


@extend_schema_field({"type": "string", "format": "uri", "maxLength": 256})
class WebAddress(Text):
    """An http or https URL. Whether it may be called is decided when it is called."""

    default_error_messages = {"url": _("Must be an http or https URL without a password.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=256, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not _is_web_address(text):
            self.fail("url")
        return text


def _is_web_address(text: str) -> bool:
    if not NUMBER.fullmatch(text) or "\\" in text:
        return False
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and "@" not in parts.netloc
        )
    except ValueError:
        return False


def parse_time(text: Any) -> datetime | None:
    """An aware time in UTC, or None where the text is not one with an offset."""
    if type(text) is not str:
        return None
    try:
        moment = parse_datetime(text)
        if moment is None or moment.tzinfo is None:
            return None
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
