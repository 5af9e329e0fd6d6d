"""The frame of every view: who calls, what he may, one request once, and how it is answered.

Views hold no rule about orders. Answers are written as JSON directly; DRF is here for its views
and its schema, its browsable pages and content negotiation are not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.http import Http404, HttpRequest, HttpResponse
from django.views import defaults
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from gateway.api.v1 import idempotency, inputs, parsing, problems
from gateway.api.v1.auth import BearerAuthentication, Caller, require_scope
from orders.actor import Actor
from orders.errors import OrderError
from orders.models import ApiKey

READ, PAY, REFUND = ApiKey.Scope.READ, ApiKey.Scope.PAY, ApiKey.Scope.REFUND
TRANSFER, ALLOCATION = ApiKey.Scope.TRANSFER, ApiKey.Scope.ALLOCATION
NOTICE, STORE = ApiKey.Scope.NOTICE, ApiKey.Scope.STORE

Outcome = tuple[int, dict[str, Any]]
"""HTTP status and body."""


class JsonOnly(BaseContentNegotiation):
    """Whatever a caller says that he accepts: he gets JSON, which he can at least read."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """``scopes``: method → scopes of which the key must have one. ``names``: a field as the service
    calls it → as this API does, where they differ."""

    authentication_classes = (BearerAuthentication,)
    content_negotiation_class = JsonOnly
    metadata_class = None
    http_method_names: tuple[str, ...] = ("get", "post", "head")
    scopes: ClassVar[Mapping[str, frozenset[str]]] = {}
    names: ClassVar[Mapping[str, str]] = {}

    def get_exception_handler(self) -> Callable[..., HttpResponse]:
        return problems.handle

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        method = "GET" if request.method == "HEAD" else str(request.method)
        if method in self.scopes:  # a method that is not there is 405, whatever the key may
            require_scope(self.caller, self.scopes[method])

    @property
    def caller(self) -> Caller:
        return self.request.auth  # type: ignore[return-value]

    @property
    def actor(self) -> Actor:
        return self.caller.actor(self.request._request)

    def read(self, shape: type[inputs.Input]) -> dict[str, Any]:
        """The checked body. Raises Problem or DRF's ValidationError."""
        return inputs.check(shape, parsing.read_object(self.request._request))

    def refresh(self, body: dict[str, Any]) -> dict[str, Any]:
        """Complete a kept answer with what is not kept."""
        return body

    def once(self, asked: Mapping[str, Any], work: Callable[[], Outcome]) -> HttpResponse:
        """Do ``work``, or answer what it answered under the same Idempotency-Key."""
        request = self.request._request
        key = idempotency.read_key(request.headers.get(idempotency.HEADER))
        if key is None:
            return answer(*work())
        what = idempotency.fingerprint(str(request.method), request.path, asked)
        claim = idempotency.begin(self.caller.key, key, what)
        if isinstance(claim, idempotency.Stored):
            replay = answer(claim.status, self.refresh(claim.body))
            replay["Idempotent-Replayed"] = "true"
            return replay
        try:
            status, body = work()
        except Exception as error:
            # Refused or wrong: nothing was done, and a corrected request may use the key. After
            # a 5xx nobody knows; the key stays taken until its lock ends, then it may run again.
            if problems.status_of(error) < 500 or isinstance(error, OrderError):
                claim.release()
            raise
        claim.keep(status, body)
        return answer(status, body)


def answer(status: int, body: Mapping[str, Any] | list[dict[str, Any]]) -> HttpResponse:
    return HttpResponse(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


class Nothing(APIView):
    """Every address under /api/ that is not there."""

    authentication_classes = ()
    content_negotiation_class = JsonOnly
    schema = None

    def get_exception_handler(self) -> Callable[..., HttpResponse]:
        return problems.handle

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise Http404


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400, for what fails before a view (a Host that is not ours)."""
    if not request.path.startswith("/api/"):
        return defaults.bad_request(request, exception)
    return problems.respond(request, problems.from_exception(exception))
