"""The merchant's numbers that this wire does not have. Used by the views that move money.

A refund or a sharing carries no number of the merchant's, so the same request, sent again because
its answer was lost, could not be told from a second wish. Here it can: its number is made from
what is asked for (operation, order, canonical content). The same request is the same refund, for
ever; it is answered with what became of it and never sent again ("不要重复调用接口，否则可能造成
资金损失", order.md). Who truly wants the same once more says so: with another ``Idempotency-Key``
(or ``X-Idempotency-Key``), or with another ``memo`` or ``description``.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gateway.api.minapp.errors import Fault

HEADERS = ("Idempotency-Key", "X-Idempotency-Key")
KEY = re.compile(r"[\x21-\x7e]{1,255}")
LENGTH = 32
"""Letters and digits, as 知晓云's numbers; 128 bits."""
SAYS = "request"
"""The name in ``door_data`` under which a row keeps what was asked for."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """``number`` is the merchant's number; ``content`` the digest of what it was given for."""

    number: str
    content: str

    def check(self, kept: Mapping[str, Any]) -> None:
        """That a row with this number (``kept``: its ``door_data``) was asked for by the same
        words. Only a key can stand for two contents. Raises Fault."""
        if kept.get(SAYS) != self.content:
            raise Fault(400, _("This Idempotency-Key was used for a request with other content."))


def of(request: HttpRequest, operation: str, content: Mapping[str, Any]) -> Asked:
    """The number of a request whose repetition is the same request. Raises Fault."""
    digest = _digest(operation, content)
    key = _key(request)
    number = digest if key is None else _digest(operation, {"key": key})
    return Asked(number=number[:LENGTH], content=digest)


def of_new(request: HttpRequest, operation: str, content: Mapping[str, Any]) -> Asked:
    """As ``of``, but without a key each request is a new one: two customers may well buy the same
    thing, and an order that nobody pays moves no money."""
    if _key(request) is not None:
        return of(request, operation, content)
    number = secrets.token_hex(LENGTH // 2)
    return Asked(number=number, content=_digest(operation, content))


def _key(request: HttpRequest) -> str | None:
    given = next((request.headers[name] for name in HEADERS if name in request.headers), None)
    if given is None:
        return None
    key = given.strip()
    if not KEY.fullmatch(key):
        raise Fault(400, _("Use 1 to 255 visible ASCII characters, for example a UUID."))
    return key


def _digest(operation: str, content: Mapping[str, Any]) -> str:
    text = json.dumps([operation, content], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
