"""The frame of every address: read, identify, verify, let in once, work, answer signed.

DaxPay's SDKs take HTTP 200 only, whatever happened, and believe what carries the platform's
signature. Every answer is signed for which a platform key is known, refusals too; a stranger's
refusal cannot be. Until the merchant's own signature is verified nothing that was sent is repeated
in an answer, but for a ``reqId`` of harmless characters: the signed text of the wire has no
escapes, so a repeated ``&data.status=success`` would be a signature for sale.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from gateway.api.daxpay import errors, keys, parsing, replay, signing
from gateway.api.daxpay.errors import Code, Failure
from gateway.api.daxpay.fields import Shape
from gateway.api.daxpay.keys import Caller
from gateway.api.daxpay.render import beijing
from orders.actor import Actor
from orders.errors import OrderError

log = logging.getLogger(__name__)

HARMLESS = re.compile(r"[0-9A-Za-z._:-]{1,64}")
SUCCESS = "success"


@dataclass(frozen=True, kw_only=True)
class Call:
    """A message that is proved to be the merchant's own."""

    caller: Caller
    actor: Actor
    given: Mapping[str, Any]
    """The checked members, those that are there."""
    sign_text: str
    now: datetime

    def text(self, name: str) -> str:
        return str(self.given.get(name, ""))


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """What one address takes and does."""

    shape: Shape
    work: Callable[[Call], Any]
    """``data`` of the answer. Raises Failure, OrderError."""
    not_found: Code = Code.NO_TRADE
    shows_sign_text: bool = False
    """A bad signature is answered with what should have been signed (the self-check)."""


def serve(request: HttpRequest, endpoint: Endpoint) -> HttpResponse:
    """Answer one message. Raises nothing."""
    body = parsing.read_request(request)
    caller: Caller | None = None
    req_id = body.members.get("reqId")
    echo = req_id if isinstance(req_id, str) and HARMLESS.fullmatch(req_id) else None
    try:
        caller = keys.find(body.members)
        call = admit(request, body, caller, endpoint)
        echo = call.text("reqId")
        data = endpoint.work(call)
        return answer(caller, Code.OK, SUCCESS, data=data, req_id=echo)
    except (Failure, OrderError, DatabaseError) as error:
        failure = errors.from_exception(error, not_found=endpoint.not_found)
    except Exception:
        log.exception("a DaxPay request failed in a way that nobody foresaw")
        failure = errors.unforeseen()
    return answer(caller, failure.code, failure.message, req_id=echo)


def admit(
    request: HttpRequest, body: parsing.Body, found: Caller | None, endpoint: Endpoint
) -> Call:
    """Members, merchant, signature, nonce: in DaxPay's order (``PaymentVerifyAspect``). Raises
    Failure."""
    if body.fault:
        raise Failure(Code.UNREADABLE, body.fault)
    given = endpoint.shape.read(body.members)
    caller = keys.demand(found)
    text = signing.sign_text(body.members)
    verify(caller, body.members, text if endpoint.shows_sign_text else "")
    now = timezone.now()
    replay.check(caller.application.merchant.mch_no, given, now)
    return Call(caller=caller, actor=caller.actor(request), given=given, sign_text=text, now=now)


def verify(caller: Caller, members: Mapping[str, Any], shown: str) -> None:
    """Raises Failure: 10506 where the merchant's key was never entered, else 20052."""
    public_key = caller.config.get("merchant_public_key_pem", "")
    if not public_key:
        raise Failure(Code.INVALID, _("The merchant's public key was not entered here yet."))
    try:
        is_his = signing.verify(members, str(members["sign"]).strip(), public_key)
    except ValueError:
        raise Failure(Code.INVALID, _("The merchant's public key here cannot be read.")) from None
    if not is_his:
        sentence = _("The signature does not match the message and the merchant's public key.")
        # A line for each member, never "&": see above.
        lines = "\n".join(["", _("What should have been signed, with & for each line break:"), ""])
        detail = lines + shown.replace("&", "\n") if shown else ""
        raise Failure(Code.BAD_SIGNATURE, sentence + detail)


def answer(
    caller: Caller | None,
    code: Code,
    message: str,
    *,
    data: Any = None,
    req_id: str | None = None,
) -> HttpResponse:
    """HTTP 200 with DaxPay's envelope; ``{code, msg, message}`` where nobody can sign."""
    body: dict[str, Any] = {"code": int(code), "msg": message, "data": data}
    body["resTime"] = beijing(timezone.now())
    if req_id:
        body["reqId"] = req_id
    signature = _signed(caller, body)
    body |= {"sign": signature} if signature else {"message": message}
    return respond(body)


def _signed(caller: Caller | None, body: Mapping[str, Any]) -> str:
    if caller is None or not caller.platform_private_key:
        return ""
    try:
        return signing.sign(body, caller.platform_private_key)
    except ValueError:
        return ""


def respond(body: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    return HttpResponse(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status=status,
        content_type="application/json; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )
