"""The frame of every address under /hserve/: who calls, one answer, one envelope for what is not.

``orders`` and ``sharing`` have the addresses. No view holds a rule: it reads the request, asks a
service, and says the answer in this door's words. Answers are Chinese unless the caller asks for
English (Accept-Language).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from gateway import waiting
from gateway.api.minapp import auth, errors
from gateway.api.minapp.errors import Fault
from orders.actor import Actor

log = logging.getLogger(__name__)

Answer = tuple[int, Mapping[str, Any]]
"""HTTP status and body."""
T = TypeVar("T")
WAIT_S = 3
"""How long a refund or a sharing is waited for; a prepay has settings.PREPAY_DEADLINE_S."""
LOOK_EVERY_S = 0.25


@method_decorator(csrf_exempt, name="dispatch")
class Endpoint(View):
    """``names``: a field as the services call it → as this address does."""

    names: ClassVar[Mapping[str, str]] = {}
    caller: auth.Caller

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            self.caller = auth.caller(request)
            return respond(*self._handler(request)(request, *args, **kwargs))
        except Exception as error:
            if not errors.is_foreseen(error):
                log.exception("a request failed in a way that nobody foresaw")
            return refuse(errors.translate(error, self.names))

    def _handler(self, request: HttpRequest) -> Callable[..., Answer]:
        method = "get" if request.method == "HEAD" else str(request.method).lower()
        known = [name for name in ("get", "post") if hasattr(self, name)]
        if method not in known:
            message = _("This address takes %(known)s only.")
            allowed = ", ".join(known).upper()
            raise Fault(405, message % {"known": allowed}, headers={"Allow": allowed})
        handler: Callable[..., Answer] = getattr(self, method)
        return handler

    def actor(self) -> Actor:
        return self.caller.actor(self.request)


class Nothing(Endpoint):
    """Every address under /hserve/ that is not there."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return refuse(Fault(404, _("There is nothing at this address.")))


def watch(row: T, read: Callable[[], T], *, until: Callable[[T], bool]) -> T:
    """``row``, read again until it is as wanted or the time is over."""
    if until(row):
        return row
    with waiting.place(min(WAIT_S, settings.PREPAY_DEADLINE_S)) as place:
        return place.watch(row, read, until=until, look_every_s=LOOK_EVERY_S)


def respond(status: int, body: Mapping[str, Any]) -> HttpResponse:
    return HttpResponse(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status=status,
        content_type="application/json; charset=utf-8",
        headers={"Cache-Control": "no-store"},
    )


def refuse(fault: Fault) -> HttpResponse:
    """web-api/error-code.md; the SDK makes an HError of it."""
    answer = respond(fault.status, {"status": "error", "error_msg": str(fault.message)})
    for name, value in fault.headers.items():
        answer[name] = value
    return answer
