"""Everything that goes wrong, as RFC 9457 problem details. Used by every view of this API.

``Problem`` is the only exception that views raise themselves; whatever else surfaces (the
services' refusals, Django's, DRF's, the database's) is translated here and nowhere else. A
problem never carries a stack trace, SQL or anything that the caller did not already know.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.settings import api_settings

from orders.errors import Conflict, InvalidInput, NotFound, NotNow, OperationRefused

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"

KINDS: dict[str, tuple[int, Any]] = {
    "malformed": (400, _("The request cannot be read.")),
    "invalid_parameter": (400, _("A query parameter is wrong.")),
    "invalid_idempotency_key": (400, _("The Idempotency-Key is not acceptable.")),
    "not_authenticated": (401, _("An API key is needed.")),
    "invalid_key": (401, _("The API key is not known.")),
    "key_expired": (401, _("The API key has expired.")),
    "key_revoked": (401, _("The API key was revoked.")),
    "address_not_allowed": (403, _("This address may not use the API key.")),
    "application_inactive": (403, _("The application is switched off.")),
    "merchant_inactive": (403, _("The merchant is switched off.")),
    "scope_missing": (403, _("The API key may not do this.")),
    "forbidden": (403, _("This is not allowed.")),
    "not_found": (404, _("There is no such thing here.")),
    "method_not_allowed": (405, _("The address does not take this method.")),
    "duplicate_number": (409, _("The number is already used.")),
    "request_in_flight": (409, _("The same request is being worked on.")),
    "operation_refused": (409, _("The operation is not possible now.")),
    "length_required": (411, _("The length of the body must be declared.")),
    "body_too_large": (413, _("The body is too large.")),
    "unsupported_media_type": (415, _("The body must be JSON.")),
    "invalid_input": (422, _("A field breaks a rule.")),
    "idempotency_mismatch": (422, _("The Idempotency-Key belongs to another request.")),
    "internal": (500, _("Something went wrong on our side.")),
    "unavailable": (503, _("We cannot answer at this moment.")),
}
"""Code → HTTP status and title. Refused operations carry the code of the rule that said no."""

RETRY_SOON = {"Retry-After": "1"}


class Problem(Exception):
    """One answer that is not what the caller wanted. ``code`` is one of KINDS."""

    def __init__(
        self,
        code: str,
        detail: str | Promise,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        reasons: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        shown_code: str = "",
    ) -> None:
        super().__init__(str(detail))
        self.status, self.title = KINDS[code]
        self.code = shown_code or code
        self.detail = detail
        self.errors = list(errors)
        self.reasons = list(reasons)
        self.headers = dict(headers or {})


def field_problem(code: str, field: str, error: str, message: str | Promise) -> Problem:
    """A problem about one field or parameter."""
    return Problem(
        code,
        _("%(field)s: %(message)s") % {"field": field, "message": message},
        errors=[{"field": field, "code": error, "message": str(message)}],
    )


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The answer, in the reader's language."""
    body: dict[str, Any] = {
        "type": f"{settings.BASE_URL}/api/docs/problems#{problem.code}",
        "title": str(problem.title),
        "status": problem.status,
        "detail": str(problem.detail),
        "instance": request.get_full_path_info().partition("?")[0],
        "code": problem.code,
    }
    if problem.errors:
        body["errors"] = problem.errors
    if problem.reasons:
        body["reasons"] = problem.reasons
    body["request_id"] = getattr(request, "request_id", "")
    return HttpResponse(
        json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status=problem.status,
        content_type=CONTENT_TYPE,
        headers=problem.headers,
    )


def handle(exc: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """DRF's exception handler for this API; it leaves nothing unanswered."""
    request = context["request"]
    problem = from_exception(_renamed(exc, getattr(context.get("view"), "names", {})))
    return respond(getattr(request, "_request", request), problem)


def _renamed(exc: Exception, names: Mapping[str, str]) -> Exception:
    """A service's word about a field, under the name that the caller knows it by."""
    if not isinstance(exc, InvalidInput) or exc.field not in names:
        return exc
    field = names[exc.field]
    params = {**exc.refusal.params, "field": field}
    return InvalidInput(field, exc.code, exc.refusal.msgid, params)


def from_exception(exc: Exception) -> Problem:
    """Any exception as a problem. One that nobody foresaw is logged with its trace: 500."""
    if isinstance(exc, Problem):
        return exc
    problem = _from_service(exc) or _from_framework(exc)
    if problem is not None:
        return problem
    if isinstance(exc, OperationalError | InterfaceError):
        # Nothing was committed, or it was and the number finds it again: safe to try again.
        log.error("the database did not answer", exc_info=exc)
        return Problem("unavailable", _("Please try again in a moment."), headers=RETRY_SOON)
    log.error("a request failed in a way that nobody foresaw", exc_info=exc)
    return Problem("internal", _("It was recorded. Name the request id when you ask about it."))


def status_of(exc: Exception) -> int:
    """The HTTP status that ``exc`` will be answered with. Logs nothing."""
    problem = exc if isinstance(exc, Problem) else _from_service(exc) or _from_framework(exc)
    return problem.status if problem is not None else 500


def _from_service(exc: Exception) -> Problem | None:
    if isinstance(exc, OperationRefused):
        reason = {
            "operation": exc.operation,
            "code": exc.refusal.code,
            "message": str(exc.refusal),
            "see": exc.refusal.see,
        }
        return Problem(
            "operation_refused",
            str(exc.refusal),
            reasons=[reason],
            shown_code=exc.refusal.code,
        )
    if isinstance(exc, InvalidInput):
        return field_problem("invalid_input", exc.field, exc.code, str(exc.refusal))
    if isinstance(exc, Conflict):
        message = str(exc.refusal)
        error = {"field": exc.field, "code": exc.code, "message": message}
        return Problem("duplicate_number", message, errors=[error])
    if isinstance(exc, NotFound):
        return Problem("not_found", str(exc.refusal))
    if isinstance(exc, NotNow):
        return Problem("unavailable", str(exc.refusal), headers=RETRY_SOON)
    return None


def _from_framework(exc: Exception) -> Problem | None:
    if isinstance(exc, exceptions.ValidationError):
        return _from_serializer(exc)
    if isinstance(exc, exceptions.MethodNotAllowed):
        return Problem("method_not_allowed", str(exc.detail))
    if isinstance(exc, Http404):
        return Problem("not_found", _("There is nothing at this address."))
    if isinstance(exc, PermissionDenied):
        return Problem("forbidden", _("This is not allowed."))
    if isinstance(exc, RequestDataTooBig):
        return too_large()
    if isinstance(exc, SuspiciousOperation | UnreadablePostError):
        return Problem("malformed", _("The request cannot be read."))
    return None


def too_large() -> Problem:
    return Problem(
        "body_too_large",
        _("The body may have at most %(most)s bytes.") % {"most": settings.MAX_BODY_BYTES},
    )


def _from_serializer(exc: exceptions.ValidationError) -> Problem:
    errors = list(_flat(exc.get_full_details(), ""))
    first = errors[0]
    return Problem("invalid_input", f"{first['field']}: {first['message']}", errors=errors)


def _flat(found: Any, path: str) -> Iterator[dict[str, str]]:
    """``{"shares": {1: {"amount": [{message, code}]}}}`` → an error of ``shares[1].amount``."""
    if isinstance(found, list):
        for error in found:
            yield {"field": path, "code": str(error["code"]), "message": str(error["message"])}
        return
    for name, inner in found.items():
        if name == api_settings.NON_FIELD_ERRORS_KEY:
            yield from _flat(inner, path)
        elif isinstance(name, int):
            yield from _flat(inner, f"{path}[{name}]")
        else:
            yield from _flat(inner, f"{path}.{name}" if path else str(name))
