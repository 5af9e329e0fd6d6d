"""The paths of a simulated WeChat Pay, and which of our numbers a request names.

Read by ``simulator`` before anything is checked: it only recognises, it refuses nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from channels.simulators.core.simulator import Call
from channels.simulators.core.web import Request

_PAY = "/v3/pay/transactions"
_REFUNDS = "/v3/refund/domestic/refunds"
_SHARING = "/v3/profitsharing"
_TRANSFERS = "/v3/fund-app/mch-transfer/transfer-bills"

ROUTES: tuple[tuple[str, str, str], ...] = (
    ("POST", rf"{_PAY}/(?P<kind>jsapi|native|h5|app|codepay)", "pay"),
    ("GET", rf"{_PAY}/id/(?P<transaction_id>[^/]+)", "query"),
    ("GET", rf"{_PAY}/out-trade-no/(?P<out_trade_no>[^/]+)", "query"),
    ("POST", rf"{_PAY}/out-trade-no/(?P<out_trade_no>[^/]+)/close", "close"),
    ("POST", rf"{_PAY}/out-trade-no/(?P<out_trade_no>[^/]+)/reverse", "reverse"),
    ("POST", _REFUNDS, "refund"),
    ("GET", rf"{_REFUNDS}/(?P<out_refund_no>[^/]+)", "query_refund"),
    ("POST", rf"{_REFUNDS}/(?P<refund_id>[^/]+)/apply-abnormal-refund", "abnormal_refund"),
    ("GET", "/v3/certificates", "certificates"),
    ("POST", f"{_SHARING}/receivers/add", "add_receiver"),
    ("POST", f"{_SHARING}/receivers/delete", "delete_receiver"),
    ("POST", f"{_SHARING}/orders", "share"),
    ("POST", f"{_SHARING}/orders/unfreeze", "unfreeze"),
    ("GET", rf"{_SHARING}/orders/(?P<out_order_no>[^/]+)", "query_share"),
    ("POST", f"{_SHARING}/return-orders", "share_return"),
    ("GET", rf"{_SHARING}/return-orders/(?P<out_return_no>[^/]+)", "query_share_return"),
    ("GET", rf"{_SHARING}/transactions/(?P<transaction_id>[^/]+)/amounts", "unsplit"),
    ("POST", _TRANSFERS, "transfer"),
    ("GET", rf"{_TRANSFERS}/out-bill-no/(?P<out_bill_no>[^/]+)", "query_transfer"),
    ("GET", rf"{_TRANSFERS}/transfer-bill-no/(?P<transfer_bill_no>[^/]+)", "query_transfer"),
    ("POST", rf"{_TRANSFERS}/out-bill-no/(?P<out_bill_no>[^/]+)/cancel", "cancel_transfer"),
    ("GET", "/v3/bill/tradebill", "trade_bill"),
    ("GET", "/v3/bill/fundflowbill", "fund_flow_bill"),
    ("GET", "/v3/billdownload/file", "bill_file"),
)
NUMBERS = (
    "out_trade_no",
    "out_refund_no",
    "transaction_id",
    "refund_id",
    "out_order_no",
    "out_return_no",
    "order_id",
    "out_bill_no",
    "transfer_bill_no",
    "account",
)
"""Members that ``match`` of a fault looks into."""


def recognise(request: Request) -> Call:
    for method, pattern, op in ROUTES:
        match = re.fullmatch(pattern, request.path)
        if match and method == request.method:
            parts = {name: unquote(text) for name, text in match.groupdict().items()}
            return Call(op=op, request=request, parts=parts, numbers=_numbers(parts, request))
    return Call(op="", request=request)


def is_known(path: str) -> bool:
    return any(re.fullmatch(pattern, path) for _, pattern, _ in ROUTES)


def _numbers(parts: Mapping[str, str], request: Request) -> tuple[str, ...]:
    """Our numbers in a request that nobody has checked yet."""
    given = dict(parse_qsl(request.query)) | dict(parts)
    numbers = [given[name] for name in NUMBERS if name in given]
    try:
        body = json.loads(request.body) if request.body else {}
    except (ValueError, RecursionError):
        return tuple(numbers)
    for level in _levels(body):
        numbers += [level[name] for name in NUMBERS if isinstance(level.get(name), str)]
    return tuple(numbers)


def _levels(body: Any) -> Iterator[dict[str, Any]]:
    """The body itself, and each of its receivers."""
    if not isinstance(body, dict):
        return
    yield body
    receivers = body.get("receivers")
    if isinstance(receivers, list):
        yield from (one for one in receivers if isinstance(one, dict))
