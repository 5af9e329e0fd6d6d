"""``/_sim/…``: the controls of a simulator over HTTP, and its page.

Called by ``core.simulator`` for requests from this machine only. A web page of another origin
cannot reach the controls: the Host must be a loopback name and the Origin, where there is one,
must be ours.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import segno

from channels.simulators.core.clock import iso_utc
from channels.simulators.core.errors import ControlError
from channels.simulators.core.faults import FaultError
from channels.simulators.core.fields import WHOLE_MAX, FieldError, parse_object
from channels.simulators.core.page import PAGE
from channels.simulators.core.web import Answer, Request

if TYPE_CHECKING:
    from channels.simulators.core.simulator import Simulator

HOSTS = ("127.0.0.1", "localhost", "[::1]")
PAGES = ("/", "/h5")
PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src"
    " 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'",
}


class Wrong(Exception):
    """The control's own request is not understood."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def is_loopback_host(request: Request) -> bool:
    """Refuses what a name that merely points to 127.0.0.1 would bring (DNS rebinding)."""
    host = request.header("host")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name.lower() in HOSTS


def is_ours(request: Request) -> bool:
    return request.path in PAGES or request.path.startswith("/_sim/")


def _is_own_origin(request: Request) -> bool:
    origin = request.header("origin")
    return not origin or origin == f"http://{request.header('host')}"


def answer(simulator: Simulator, request: Request) -> Answer:
    if request.path in PAGES:
        return Answer(status=200, headers=PAGE_HEADERS, body=PAGE)
    if not _is_own_origin(request) or request.header("sec-fetch-site") == "cross-site":
        return _problem(403, "foreign_origin", "the controls answer their own page only")
    controls = CONTROLS | dict(simulator.more_controls)
    control = controls.get((request.method, request.path))
    if control is None:
        known = [f"{method} {path}" for method, path in controls]
        return _problem(404, "unknown_control", f"known: {', '.join(known)}")
    try:
        return control(simulator, request)
    except ControlError as refused:
        return _problem(refused.status, refused.code, refused.message)
    except (Wrong, FaultError, FieldError) as wrong:
        return _problem(400, "bad_request", str(wrong))


def as_json(status: int, document: object) -> Answer:
    body = json.dumps(document, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
    return Answer(status=status, headers=headers, body=body)


def _problem(status: int, code: str, message: str) -> Answer:
    return as_json(status, {"code": code, "message": message})


def _query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.query))


def _count(text: str, *, name: str, largest: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 12 or int(text) > largest:
        raise Wrong(f"{name} must be 0 to {largest}")
    return int(text)


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise Wrong(f"{name} must be a string")
    return value


def _pay(simulator: Simulator, request: Request) -> Answer:
    document = parse_object(request.body)
    number = _text(document, "out_trade_no")
    amount = document.get("amount")
    if amount is not None and (
        not isinstance(amount, int) or isinstance(amount, bool) or not 1 <= amount <= WHOLE_MAX
    ):
        raise Wrong("amount must be a positive integer (fen)")
    force = document.get("force", False)
    if not isinstance(force, bool):
        raise Wrong("force must be true or false")
    return as_json(200, simulator.pay(number, amount=amount, force=force))


def _refund(simulator: Simulator, request: Request) -> Answer:
    document = parse_object(request.body)
    number, status = _text(document, "out_refund_no"), _text(document, "status")
    return as_json(200, simulator.finish_refund(number, status))


def _set_faults(simulator: Simulator, request: Request) -> Answer:
    simulator.set_faults(parse_object(request.body))
    return _get_faults(simulator, request)


def _get_faults(simulator: Simulator, request: Request) -> Answer:
    catalogue = {
        op: {name: {"en": en, "zh": zh} for name, (en, zh) in faults.items()}
        for op, faults in simulator.faults.catalogue.items()
    }
    return as_json(200, {"faults": simulator.faults.describe(), "catalogue": catalogue})


def _set_clock(simulator: Simulator, request: Request) -> Answer:
    offset = parse_object(request.body).get("offset_s")
    if not isinstance(offset, int | float) or isinstance(offset, bool):
        raise Wrong("offset_s must be a number of seconds")
    try:
        simulator.set_clock(offset)
    except (ValueError, OverflowError) as error:
        raise Wrong(str(error)) from error
    return _get_clock(simulator, request)


def _get_clock(simulator: Simulator, request: Request) -> Answer:
    clock = simulator.clock
    return as_json(200, {"offset_s": clock.offset, "now": iso_utc(clock.timestamp())})


def _set_balance(simulator: Simulator, request: Request) -> Answer:
    document = parse_object(request.body)
    available = document.get("available")
    if not isinstance(available, int) or isinstance(available, bool):
        raise Wrong("available must be an integer (fen)")
    if not 0 <= available <= WHOLE_MAX:
        raise Wrong(f"available must be 0 to {WHOLE_MAX}")
    merchant = document.get("merchant", "")
    if not isinstance(merchant, str):
        raise Wrong("merchant must be a string")
    simulator.set_balance(available, merchant=merchant)
    return as_json(200, {"balances": simulator.book()["balances"]})


def _book(simulator: Simulator, request: Request) -> Answer:
    query = _query(request)
    since = _count(query.get("since", "0"), name="since", largest=10**12)
    last = _count(query.get("last", "0"), name="last", largest=10**12)
    return as_json(200, simulator.book(since=since, our_no=query.get("our_no", ""), last=last))


def _orders(simulator: Simulator, request: Request) -> Answer:
    query = _query(request)
    before = query.get("before")
    orders = simulator.orders(
        search=query.get("q", ""),
        state=query.get("state", ""),
        limit=_count(query.get("limit", "50"), name="limit", largest=1000),
        before=None if before is None else _count(before, name="before", largest=10**12),
    )
    return as_json(200, {"orders": orders})


def _transfers(simulator: Simulator, request: Request) -> Answer:
    return as_json(200, {"transfers": simulator.transfers()})


def _about(simulator: Simulator, request: Request) -> Answer:
    english, chinese = simulator.title
    about = {
        "code": simulator.code,
        "title": {"en": english, "zh": chinese},
        "merchant": simulator.merchant,
        "base_url": simulator.base_url,
        "time_scale": simulator.settings.time_scale,
        "ladder_scale": simulator.settings.ladder_scale,
        "words": {name: {"en": en, "zh": zh} for name, (en, zh) in simulator.words.items()},
    }
    return as_json(200, about)


def _qr(simulator: Simulator, request: Request) -> Answer:
    content = simulator.code_of(_query(request).get("out_trade_no", ""))
    if not content:
        return _problem(404, "no_code", "this order has no QR code")
    picture = io.BytesIO()
    segno.make(content, error="m").save(
        picture, kind="svg", scale=4, border=2, dark="#111", light="#fff", xmldecl=False
    )
    headers = {"Content-Type": "image/svg+xml", "Cache-Control": "no-store"}
    return Answer(status=200, headers=headers, body=picture.getvalue())


CONTROLS: dict[tuple[str, str], Callable[[Simulator, Request], Answer]] = {
    ("POST", "/_sim/pay"): _pay,
    ("POST", "/_sim/refund"): _refund,
    ("POST", "/_sim/faults"): _set_faults,
    ("GET", "/_sim/faults"): _get_faults,
    ("POST", "/_sim/clock"): _set_clock,
    ("GET", "/_sim/clock"): _get_clock,
    ("POST", "/_sim/balance"): _set_balance,
    ("GET", "/_sim/book"): _book,
    ("GET", "/_sim/orders"): _orders,
    ("GET", "/_sim/transfers"): _transfers,
    ("GET", "/_sim/about"): _about,
    ("GET", "/_sim/qr"): _qr,
}
