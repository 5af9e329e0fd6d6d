"""The frame of every G3 address: read, identify, verify, let in once, work, answer signed.

As the fourth generation's (``gateway.api.daxpay.frame``), whose ``Call`` it makes; HTTP 200
whatever happened. An answer is signed in the style of the message that it answers, so that each SDK
can verify it; before that is known, in the one that the application's key names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from gateway.api.daxpay import errors, keys, parsing
from gateway.api.daxpay.errors import Code, Failure
from gateway.api.daxpay.frame import SUCCESS, Call, Endpoint
from gateway.api.daxpay.g3 import signing
from gateway.api.daxpay.g3.render import dump
from gateway.api.daxpay.g3.signing import Kind, Style
from gateway.api.daxpay.parsing import Body, Fraction
from gateway.api.daxpay.render import beijing
from gateway.api.daxpay.replay import WINDOW, is_first
from orders.actor import Actor, Door
from orders.models import DoorKey

APP_ID = re.compile(r"[!-~]{1,32}")


@dataclass(frozen=True, kw_only=True)
class Known:
    """The application that a message names, with the secret that it shares with this house."""

    caller: keys.Caller
    secret: str = field(repr=False)
    kinds: tuple[Kind, ...]
    """In which of them it may sign."""
    style: Style


def read(request: HttpRequest) -> Body:
    """As ``parsing.read_request``; fractions keep the zeros that they were written with."""
    body = parsing.read_request(request)
    if body.fault:
        return body
    return Body(members=json.loads(request.body.decode(), parse_float=Fraction))


def find(members: Mapping[str, Any]) -> Known | None:
    """Whoever the message names: by ``appId``, and ``mchNo`` where it is there (SDKs of early 2025
    leave it out). None for a stranger. Raises SecretUnreadable."""
    app_id, mch_no = members.get("appId"), members.get("mchNo")
    if not isinstance(app_id, str) or not APP_ID.fullmatch(app_id):
        return None
    row = (
        DoorKey.objects.select_related("application__merchant")
        .filter(dialect=DoorKey.Dialect.DAXPAY, application__app_id=app_id)
        .first()
    )
    if row is None or (mch_no is not None and row.application.merchant.mch_no != mch_no):
        return None
    secret = row.secrets.get("g3_secret", "")
    style = style_of(row.config)
    refusal = "" if secret else _("No G3 secret was set for this application yet.")
    if not row.application.merchant.is_active:
        refusal = _("Your merchant account is switched off.")
    elif not (row.application.is_active and row.is_active):
        refusal = _("This application is switched off.")
    caller = keys.Caller(
        application=row.application,
        identity=row.identity,
        config=row.config,
        platform_private_key="",
        is_default=False,
        refusal=refusal,
    )
    named = row.config.get("g3_sign_type")
    return Known(
        caller=caller,
        secret=secret,
        kinds=(style.kind,) if named in list(Kind) else tuple(Kind),
        style=style,
    )


def style_of(config: Mapping[str, str]) -> Style:
    """Of messages that answer nobody: ``g3_sign_type`` (HMAC-SHA256, as the SDK's default), and
    ``g3_sign_plain`` for programs from before the capitals."""
    named = config.get("g3_sign_type", "")
    kind = Kind(named) if named in list(Kind) else Kind.HMAC_SHA256
    return Style(kind=kind, is_upper=not config.get("g3_sign_plain"))


def serve(request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    """Answer one message. Raises nothing."""
    body = read(request)
    known: Known | None = None
    style: Style | None = None
    trace = getattr(request, "request_id", "")
    try:
        known = find(body.members)
        call, style = admit(request, body, known, endpoint)
        data = endpoint.work(call)
        return answer(known, style, Code.OK, SUCCESS, data=data, trace=trace)
    except Exception as error:  # noqa: BLE001 - from_exception logs what nobody foresaw
        failure = errors.from_exception(error, not_found=endpoint.not_found)
        return answer(known, style, failure.code, failure.message, trace=trace)


def admit(
    request: HttpRequest, body: Body, known: Known | None, endpoint: Endpoint
) -> tuple[Call, Style]:
    """Members, merchant, signature, time, nonce (``PaymentVerifyAspect``). Raises Failure."""
    if body.fault:
        raise Failure(Code.UNREADABLE, body.fault)
    given = endpoint.shape.read(body.members)
    if known is None:
        raise Failure(Code.NOT_CONFIGURED, _("There is no such application at this door."))
    if known.caller.refusal:
        raise Failure(Code.NOT_CONFIGURED, known.caller.refusal)
    style = signing.match(body.members, given["sign"], known.secret, known.kinds)
    if style is None:
        raise Failure(Code.BAD_SIGNATURE, _("The signature does not match the message."))
    now = timezone.now()
    if abs(now - given["reqTime"]) > WINDOW:
        sentence = _("reqTime is more than %(most)s seconds away from our clock (Beijing time).")
        raise Failure(Code.OUT_OF_TIME, sentence % {"most": int(WINDOW.total_seconds())})
    _demand_first(given, known)
    actor = Actor(
        door=Door.DAXPAY_G3,
        name=known.caller.identity,
        request_id=getattr(request, "request_id", ""),
    )
    call = Call(caller=known.caller, actor=actor, given=given, sign_text="", now=now)
    return call, style


def _demand_first(given: Mapping[str, Any], known: Known) -> None:
    """A message that has a nonce counts once. Without one (the SDK leaves that to the merchant) its
    numbers make it safe to repeat: every one that moves money has a number of the merchant's own.
    Raises Failure."""
    if "nonceStr" not in given:
        return
    # Some merchants' nonce is always the same: it is new as long as the message is.
    name = f"nonce:g3:{known.caller.identity}:{given['nonceStr']}:{given['sign'].lower()}"
    if not is_first(name):
        raise Failure(Code.NONCE_USED, _("nonceStr was used before; every request needs its own."))


def answer(
    known: Known | None,
    style: Style | None,
    code: Code,
    message: str,
    *,
    data: Any = None,
    trace: str = "",
) -> HttpResponse:
    """DaxResult; a stranger's has no signature."""
    body: dict[str, Any] = {"code": int(code), "msg": message, "data": data}
    body |= {"sign": None, "resTime": beijing(timezone.now()), "traceId": trace or None}
    if known is not None and known.secret:
        body["sign"] = signing.sign(body, known.secret, style or known.style)
    return HttpResponse(
        dump(body),
        content_type="application/json; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )
