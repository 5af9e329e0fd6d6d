"""What every request passes through before and after its view. Knows no order and no table."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.signals import request_finished
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url

from gateway import logs

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# What a stranger sends goes into our logs and back to him: only harmless characters, short.
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


class RequestIdMiddleware:
    """Name the request: the caller's X-Request-ID when it is harmless, else a new one."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        name = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(12)
        request.request_id = name  # type: ignore[attr-defined]
        # Not reset here: Django logs a failed request after the last middleware is done.
        logs.request_id.set(name)
        response = self.get_response(request)
        response["X-Request-ID"] = name
        return response


@receiver(request_finished)
def _forget_request(**_: object) -> None:
    logs.request_id.set("-")


class BodyLimitMiddleware:
    """413 for a callback over the limit, before a byte of it is read (the API has its own words).

    A WSGI request has no body beyond its Content-Length, so the header is the truth.
    """

    prefix = "/callback/"

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(self.prefix):
            length = request.headers.get("Content-Length") or "0"
            if not length.isdecimal() or int(length) > settings.MAX_BODY_BYTES:
                return _too_large(request)
        return self.get_response(request)


def _too_large(request: HttpRequest) -> HttpResponse:
    """As gateway.api.v1.problems writes it, in both languages: none was chosen yet."""
    body = {
        "type": f"{settings.BASE_URL}/api/docs/problems#body_too_large",
        "title": "The body is too large. 请求体过大。",
        "status": 413,
        "detail": f"The body may have at most {settings.MAX_BODY_BYTES} bytes. "
        f"请求体最多 {settings.MAX_BODY_BYTES} 字节。",
        "instance": request.get_full_path_info().partition("?")[0],
        "code": "body_too_large",
        "request_id": request.request_id,  # type: ignore[attr-defined]
    }
    return HttpResponse(
        json.dumps(body, ensure_ascii=False), status=413, content_type="application/problem+json"
    )


class ContentSecurityPolicyMiddleware:
    """The policy of settings on every page that did not bring its own."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_docs = request.path.startswith("/api/docs/")
        policy = (
            settings.CONTENT_SECURITY_POLICY_DOCS if is_docs else settings.CONTENT_SECURITY_POLICY
        )
        response.headers.setdefault("Content-Security-Policy", policy)
        return response


class HtmxLoginMiddleware:
    """A poll of a logged-out page goes to the login page, instead of swapping it into a fragment.

    htmx follows a redirect by itself and would put the whole login page into the live region.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.headers.get("HX-Request") != "true" or response.status_code != 302:
            return response
        login = resolve_url(settings.LOGIN_URL)
        if urlsplit(response["Location"]).path != login:
            return response
        current = urlsplit(request.headers.get("HX-Current-URL", ""))
        back = current.path + (f"?{current.query}" if current.query else "")
        answer = HttpResponse(status=204)
        answer["HX-Redirect"] = f"{login}?{urlencode({'next': back})}" if back else login
        return answer
