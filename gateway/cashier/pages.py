"""GET /cashier/<number> and /aggregate/<number>, and the QR codes on them.

Reads only: the choice itself goes through the services, asked for by the page's script.
"""

from __future__ import annotations

import io
import re
from typing import Any

import segno
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gateway.cashier import environment, limits, lines
from gateway.cashier.environment import ClientEnv
from orders.errors import NotFound
from orders.models import Checkout
from orders.money import format_yuan
from orders.services import checkout as checkouts

NUMBER = re.compile(r"C[0-9A-HJKMNP-TV-Z]{26}")
OPENID = re.compile(r"[0-9A-Za-z_-]{1,128}")
"""As WeChat and Alipay write it."""
QR_MARGIN = 2


class TooOften(Exception):
    """Somebody asks more often than any page of ours."""


def find(request: HttpRequest, number: str) -> Checkout:
    """The checkout ``number``. Raises NotFound, TooOften."""
    if not NUMBER.fullmatch(number):
        raise _miss(request, number)
    if not limits.allows(limits.LOOKS, number):
        raise TooOften
    try:
        return checkouts.find(number)
    except NotFound:
        raise _miss(request, number) from None


def _miss(request: HttpRequest, number: str) -> Exception:
    is_calm = limits.allows(limits.MISSES, limits.address(request))
    return NotFound(number[:32]) if is_calm else TooOften()


@never_cache
@require_safe
def cashier(request: HttpRequest, number: str) -> HttpResponse:
    """网关收银台: a list of ways to pay."""
    return _page(request, number, Checkout.Kind.CASHIER)


@never_cache
@require_safe
def aggregate(request: HttpRequest, number: str) -> HttpResponse:
    """聚合扫码: paid by the wallet that has opened it; a browser shows the code to scan."""
    return _page(request, number, Checkout.Kind.AGGREGATE)


@never_cache
@require_safe
def qr(request: HttpRequest, number: str) -> HttpResponse:
    """What is to be scanned, as SVG: the provider's code once one was chosen; before that the
    address of an aggregate page."""
    try:
        row = find(request, number)
    except NotFound:
        return HttpResponse(status=404)
    except TooOften:
        return HttpResponse(status=429)
    order, content = row.pay_order, ""
    if order is not None and order.is_executing:
        content = str(order.pay_params.get("code_url", ""))
    elif order is None and row.kind == Checkout.Kind.AGGREGATE:
        content = lines.page_url(row)
    if not content:
        return HttpResponse(status=404)
    drawn = io.BytesIO()
    code = segno.make(content, error="m", micro=False)
    code.save(drawn, kind="svg", border=QR_MARGIN, xmldecl=False, svgclass=None, lineclass=None)
    return HttpResponse(drawn.getvalue(), content_type="image/svg+xml")


def _page(request: HttpRequest, number: str, kind: Checkout.Kind) -> HttpResponse:
    try:
        row = find(request, number)
    except (NotFound, TooOften) as error:
        status = 404 if isinstance(error, NotFound) else 429
        return _sent(render(request, "checkout/missing.html", {}, status=status))
    if row.kind != kind:  # another page of the same order: the reference sends back to the entry
        response = HttpResponse(status=302, headers={"Location": lines.page_url(row)})
        return _sent(response)
    return _sent(render(request, "checkout/page.html", _context(request, row)))


def _sent(response: HttpResponse) -> HttpResponse:
    response["X-Robots-Tag"] = "noindex"
    return response


def _context(request: HttpRequest, row: Checkout) -> dict[str, Any]:
    now = timezone.now()
    agent = request.headers.get("User-Agent", "")
    env, kind = environment.client_env(agent), environment.cashier_type(agent)
    given = request.GET.get("openId", "")
    openid = given if OPENID.fullmatch(given) else ""
    status = row.status_at(now)
    shown = lines.lines(row, environment.environment(env, kind), now, openid=openid)
    is_aggregate = row.kind == Checkout.Kind.AGGREGATE
    is_in_wallet = env in (ClientEnv.WECHAT, ClientEnv.ALIPAY)
    shows_own_code = is_aggregate and not is_in_wallet and status == Checkout.Status.WAIT_PAY
    return {
        "row": row,
        "shop": row.application.name,
        "yuan": format_yuan(row.amount, sign=False),
        "status": status.value,
        "view": _view(row, status, shows_own_code=shows_own_code),
        "order_url": reverse("daxpay-cashier-order"),
        "pay_url": reverse(f"daxpay-{row.kind}-pay"),
        "lines": shown[:1] if is_aggregate else shown,
        "shows_own_code": shows_own_code,
        "left": lines.seconds_left(row, now),
        "env": env.value,
        "cashier_type": kind.value,
        "openid": openid,
        "return_url": row.return_url if status == Checkout.Status.PAID else "",
    }


def _view(row: Checkout, status: Checkout.Status, *, shows_own_code: bool) -> str:
    """Which part of the page is shown first; its script takes it from there."""
    if status not in (Checkout.Status.WAIT_PAY, Checkout.Status.PAYING):
        return status.value
    if shows_own_code:
        return "scan"
    order = row.pay_order
    return "qr" if order is not None and order.pay_params.get("code_url") else "choose"
