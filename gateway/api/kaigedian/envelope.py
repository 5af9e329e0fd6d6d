"""The signed envelope of a request and of its answer. Used by ``views``; knows no order.

公共参数: ``{"ver", "partnerId", "appId", "requestBody", "sign"}`` with the headers ``access_token``
and ``x-transaction-id``; the answer ``{"ver", "statusCode", "message", "responseBody", "sign"}``.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils.translation import gettext as _

from gateway.api.kaigedian import fields, signing
from gateway.api.kaigedian.errors import FAILURE, Failure, missing, wrong
from orders.actor import Actor, Door
from orders.models import Application, DoorKey

VERSION = "1"
NEEDED = ("ver", "partnerId", "appId", "requestBody", "sign")
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_TRANSACTION = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A partner's application, by its key at this door."""

    key: DoorKey
    secrets: dict[str, str]

    @property
    def application(self) -> Application:
        return self.key.application

    def actor(self, request: HttpRequest) -> Actor:
        return Actor(
            door=Door.KAIGEDIAN,
            name=self.key.identity,
            request_id=getattr(request, "request_id", ""),
        )


def read(request: HttpRequest) -> dict[str, str]:
    """The envelope's fields as they are signed, all that are needed. Raises Failure."""
    found = parse(_text(request))
    for name in NEEDED:
        if not found.get(name):
            raise missing(name)
    return found


def parse(text: str) -> dict[str, str]:
    """The fields of an envelope's JSON as they are signed. Raises Failure."""
    found: dict[str, str] = {}
    for name, value in fields.load(text):
        if name in found:
            raise wrong(
                _("The name “%(name)s” stands in the body twice.")
                % {"name": fields.printable(name)}
            )
        if value is None:
            continue
        found[name] = _signed_text(name, value)
    return found


def _signed_text(name: str, value: Any) -> str:
    """As it goes into the signature: ``ver`` stands there as 1 and as "1"."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not _NAME.fullmatch(name):
        raise wrong(_("%(field)s must be text.") % {"field": fields.printable(name)})
    if any(0xD800 <= ord(char) <= 0xDFFF for char in value):
        raise wrong(_("%(field)s has a control character.") % {"field": name})
    return value


def _text(request: HttpRequest) -> str:
    if request.headers.get("Transfer-Encoding"):
        # WSGI knows a body by its Content-Length; this one would be taken for an empty one.
        raise Failure(FAILURE, _("Send a Content-Length, not a Transfer-Encoding."), http=411)
    try:
        return request.body.decode("utf-8")
    except RequestDataTooBig:
        raise Failure(
            FAILURE,
            _("The body may have at most %(most)s bytes.") % {"most": settings.MAX_BODY_BYTES},
            http=413,
        ) from None
    except UnreadablePostError:
        raise Failure(FAILURE, _("The request cannot be read."), http=400) from None
    except UnicodeDecodeError as error:
        raise wrong(
            _("The body is not UTF-8 (byte %(position)s).") % {"position": error.start}
        ) from None


def caller(request: HttpRequest, found: dict[str, str]) -> Caller:
    """Who calls, by partner, application and token; the signature is not looked at yet.

    One sentence for every mistake, so that nobody learns which partners there are. Raises Failure.
    """
    # A WSGI server reads both access_token and access-token into this name.
    token = request.META.get("HTTP_ACCESS_TOKEN", "")
    if not token:
        raise missing("access_token")
    identity = f"{found['partnerId']}:{found['appId']}"
    key = None
    if len(identity) <= 128 and "\0" not in identity:
        key = (
            DoorKey.objects.select_related("application__merchant")
            .filter(dialect=DoorKey.Dialect.KAIGEDIAN, identity=identity, is_active=True)
            .first()
        )
    kept = key.secrets if key is not None else {}
    is_known = secrets.compare_digest(kept.get("access_token", "").encode(), _bytes(token))
    if key is None or not is_known:
        raise Failure(FAILURE, _("The partner, the application or the access token is wrong."))
    application = key.application
    if not (application.is_active and application.merchant.is_active):
        raise Failure(FAILURE, _("This application is switched off."))
    return Caller(key=key, secrets=kept)


def _bytes(token: str) -> bytes:
    return token.encode("utf-8", "replace")


def check_signature(found: dict[str, str], who: Caller) -> None:
    """Raises Failure; ValueError where the partner's key cannot be read."""
    key = who.key.config.get("merchant_public_key_pem", "")
    if not signing.verify(found, found[signing.SIGN], key):
        raise Failure(FAILURE, _("The signature is wrong."))


def transaction_id(request: HttpRequest) -> str:
    """``x-transaction-id``, by which a request sent again is known; empty where there is none."""
    given = request.headers.get("x-transaction-id", "").strip()
    if given and not _TRANSACTION.fullmatch(given):
        raise wrong(
            _("%(field)s must be 1 to 128 visible ASCII characters.")
            % {"field": "x-transaction-id"}
        )
    return given


def answer(
    who: Caller | None, code: str, message: str, body: str = "", *, http: int = 200
) -> HttpResponse:
    """``body`` is JSON or empty. Signed where the caller is known.

    ``code`` repeats ``statusCode``: the documents' examples write now the one, now the other.
    """
    said: dict[str, str] = {
        "ver": VERSION,
        "statusCode": code,
        "code": code,
        "message": message,
        "responseBody": body,
    }
    signed = {**said, signing.SIGN: ""}
    if who is not None:
        signed[signing.SIGN] = signing.sign(said, who.secrets.get("platform_private_key_pem", ""))
    text = dumps(signed)
    if who is not None and body and who.key.config.get("response_body_as_object"):
        # The very characters that were signed, without their quotes.
        text = text.replace(f'"responseBody":{dumps(body)}', f'"responseBody":{body}', 1)
    return HttpResponse(
        text.encode("utf-8", "replace"),
        status=http,
        content_type="application/json;charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
