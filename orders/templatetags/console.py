"""Filters that only the console's templates use. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString

from orders.admin import cells
from orders.money import format_yuan

register = template.Library()


@register.filter
def yuan(fen: int) -> str:
    return format_yuan(fen)


@register.filter
def said(count: Any) -> str:
    """A count's own words (``10,000+``); the template engine would localise the number."""
    return str(count)


@register.filter
def hour(at: datetime | None) -> str:
    return timezone.localtime(at).strftime("%H:%M:%S") if at else ""


@register.filter
def moment(at: datetime | None) -> SafeString:
    return cells.time(at)


@register.filter
def countdown(at: datetime, now: datetime) -> SafeString:
    return cells.countdown(at, now)
