"""POST /order/…: 开个店's eight calls. Every answer, also every refusal, is in its envelope.

Who calls is known by partner, application and ``access_token``; that he said it, by his signature.
"""

from __future__ import annotations

import logging

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.csrf import csrf_exempt

from gateway.api.kaigedian import envelope, errors, fields, once
from gateway.api.kaigedian.calls import CALLS, Asked, Call
from gateway.api.kaigedian.envelope import Caller
from gateway.api.kaigedian.errors import FAILURE, SUCCESS, Failure

log = logging.getLogger(__name__)

MESSAGE = "success"


@csrf_exempt
def call(request: HttpRequest, name: str) -> HttpResponse:
    """``name``: the last word of the address."""
    with translation.override(_language(request)):
        who: Caller | None = None
        try:
            if name not in CALLS:
                raise Failure(FAILURE, _("There is nothing at this address."), http=404)
            if request.method != "POST":
                raise Failure(FAILURE, _("Calls of this door are POSTs."), http=405)
            found = envelope.read(request)
            who = envelope.caller(request, found)
            envelope.check_signature(found, who)
            body = _answer(request, name, found["requestBody"], who)
            return envelope.answer(who, SUCCESS, MESSAGE, body)
        except errors.KNOWN as error:
            return _refuse(who, errors.translate(error))
        except Exception as error:
            log.exception("a call of %s failed in a way that nobody foresaw", name)
            return _refuse(who, errors.unforeseen(error))


def _refuse(who: Caller | None, failure: Failure) -> HttpResponse:
    try:
        return envelope.answer(who, failure.code, failure.message, http=failure.http)
    except ValueError:
        # Our key for this partner cannot be read, which may be the very failure that is told of.
        return envelope.answer(None, failure.code, failure.message, http=failure.http)


def _answer(request: HttpRequest, name: str, text: str, who: Caller) -> str:
    """The responseBody. Raises Failure and whatever the services raise."""
    asked = Asked(
        application=who.application,
        actor=who.actor(request),
        pairs=fields.load(text),
        transaction=envelope.transaction_id(request),
        notify_url=who.key.config.get("notify_url", ""),
        now=timezone.now(),
    )
    wanted = CALLS[name]
    if not wanted.writes or not asked.transaction:
        return _do(wanted, asked)
    claim = once.begin(who.key, name, asked.transaction, text)
    if isinstance(claim, once.Stored):
        return claim.body
    try:
        body = _do(wanted, asked)
    except errors.KNOWN:
        # Nothing was done, and a corrected request may have the number. After anything else
        # nobody knows: it stays taken until its lock ends, then it may run again.
        claim.release()
        raise
    claim.keep(body)
    return body


def _do(wanted: Call, asked: Asked) -> str:
    said = wanted.do(asked)
    return "" if said is None else envelope.dumps(said)


def _language(request: HttpRequest) -> str:
    """Chinese, unless the caller would rather have English."""
    for code, _quality in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        if code.startswith("zh"):
            break
        if code.startswith("en"):
            return "en"
    return "zh-hans"
