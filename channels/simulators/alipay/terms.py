"""On which terms an order is held: how long, and what must not change when it is asked for again.

Called by ``trades``; pure functions of a checked ``biz_content``.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from channels.simulators.alipay import texts
from channels.simulators.alipay.errors import business
from channels.simulators.alipay.texts import DAY, HOUR
from channels.simulators.core.fields import FieldError

LONGEST = 15 * DAY
"""«该笔订单允许的最晚付款时间…取值范围：1m～15d»; also what holds when nothing is given."""
CODE_LIFE = 2 * HOUR
"""How long a QR code of precreate can be scanned when nothing is given."""
LAZY = "alipay.trade.precreate"
"""The one that creates no trade until somebody scans."""


def parameters(method: str, biz: Mapping[str, Any], *, total: int) -> str:
    """What must not differ when one number is ordered again."""
    names = ("subject", "body", "product_code", "passback_params", "extend_params")
    kept = {name: biz[name] for name in names if name in biz}
    return json.dumps([method, total, kept], sort_keys=True, ensure_ascii=False)


def check_repeat(row: sqlite3.Row, *, parameters: str) -> None:
    if row["status"] in ("TRADE_SUCCESS", "TRADE_FINISHED"):
        raise business("ACQ.TRADE_HAS_SUCCESS")
    if row["status"] == "TRADE_CLOSED":
        raise business("ACQ.TRADE_HAS_CLOSE")
    if row["parameters"] != parameters:
        raise business("ACQ.CONTEXT_INCONSISTENT")


def expires(biz: Mapping[str, Any], now: float) -> float:
    """Until when the trade can be paid."""
    if "time_expire" in biz:
        try:
            wanted = texts.parse_stamp(biz["time_expire"])
        except ValueError as error:
            raise FieldError(("time_expire",), "is not a time") from error
        if wanted <= now:
            raise FieldError(("time_expire",), "is in the past")
        return min(wanted, now + LONGEST)
    wanted = texts.until(biz.get("timeout_express", "15d"), now=now)
    return min(wanted, now + LONGEST)


def token_until(method: str, biz: Mapping[str, Any], now: float) -> float:
    """A QR code has a life of its own; a cashier page lives as long as the trade."""
    if method != LAZY:
        return expires(biz, now)
    if "qr_code_timeout_express" in biz:
        return texts.until(biz["qr_code_timeout_express"], now=now)
    return now + CODE_LIFE
