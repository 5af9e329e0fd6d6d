"""Controls that only a simulated Alipay has: scanning a code, ending a transfer.

Called by ``core.controls`` as ``/_sim/…``, after its own checks of host and origin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from channels.simulators.core.controls import Wrong, as_json
from channels.simulators.core.fields import parse_object
from channels.simulators.core.web import Answer, Request

if TYPE_CHECKING:
    from channels.simulators.alipay.simulator import AlipaySimulator


def _member(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise Wrong(f"{name} must be a string")
    return value


def _scan(simulator: AlipaySimulator, request: Request) -> Answer:
    number = _member(parse_object(request.body), "out_trade_no")
    return as_json(200, simulator.scan(number))


def _finish_transfer(simulator: AlipaySimulator, request: Request) -> Answer:
    document = parse_object(request.body)
    number, status = _member(document, "out_biz_no"), _member(document, "status")
    return as_json(200, simulator.finish_transfer(number, status))


MORE: Mapping[tuple[str, str], Callable[[Any, Request], Answer]] = {
    ("POST", "/_sim/scan"): _scan,
    ("POST", "/_sim/transfer"): _finish_transfer,
}
