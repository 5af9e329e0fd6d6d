"""What a simulated WeChat Pay refuses to share, and which receivers fail. Used by ``shares``.

Reads rows and requests; writes nothing. Amounts are integers: the cap is rounded down.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from channels.simulators.core.faults import Plan
from channels.simulators.wechat.errors import ApiError, invalid

MAX_RATIO = 3000
"""The default for a merchant, 30 %; 10000 is the whole order."""
SHARES_PER_ORDER = 50
READY = 60.0
"""Seconds after the payment before which nothing can be shared; a wait, so it is scaled."""

FAIL_REASONS = (
    "ACCOUNT_ABNORMAL",
    "NO_RELATION",
    "RECEIVER_HIGH_RISK",
    "RECEIVER_REAL_NAME_NOT_VERIFIED",
    "NO_AUTH",
    "RECEIVER_RECEIPT_LIMIT",
    "PAYER_ACCOUNT_ABNORMAL",
    "INVALID_REQUEST",
)


def not_ready() -> ApiError:
    return invalid("订单处理中，暂时无法分账，请稍后再试")


def check_receivers(receivers: Sequence[Mapping[str, Any]]) -> None:
    accounts = [(one["type"], one["account"]) for one in receivers]
    if len(set(accounts)) != len(accounts):
        raise invalid("分账接收方重复，同一请求中一个接收方只能出现一次")


def check_ready(freeze: sqlite3.Row, plan: Plan, *, now: float, ready_after: float) -> None:
    if "not_ready" in plan or now < freeze["paid_wall"] + ready_after:
        raise not_ready()


def check_amounts(db: sqlite3.Connection, freeze: sqlite3.Row, *, total: int, ratio: int) -> None:
    """How often, how much is left, and how large a part of the order."""
    number = freeze["out_trade_no"]
    (count,) = db.execute(
        "SELECT count(*) FROM shares WHERE out_trade_no = ? AND kind = 'share'", (number,)
    ).fetchone()
    if count >= SHARES_PER_ORDER:
        raise invalid(f"单笔订单最多分账{SHARES_PER_ORDER}次")
    paid, refunded, shared = _sums(db, number)
    cap = (paid - refunded) * ratio // 10_000
    if shared + total > cap:
        if refunded:
            raise invalid(
                "分账金额超出最大分账比例，最大可分账金额需等比例扣除退款金额，"
                f"当前最多还可分账{max(cap - shared, 0)}分"
            )
        raise ApiError(403, "RULE_LIMIT", "分账金额超出最大分账比例")
    if total > freeze["unsplit"]:
        raise ApiError(403, "NOT_ENOUGH", "分账金额不足，剩余待分金额小于本次分账金额")


def _sums(db: sqlite3.Connection, number: str) -> tuple[int, int, int]:
    """Paid; refunded (in work too); shared (in work too, failed not, returned still)."""
    (paid,) = db.execute("SELECT paid FROM trades WHERE out_trade_no = ?", (number,)).fetchone()
    (refunded,) = db.execute(
        "SELECT coalesce(sum(amount), 0) FROM refunds WHERE out_trade_no = ?"
        " AND status != 'CLOSED'",
        (number,),
    ).fetchone()
    (shared,) = db.execute(
        "SELECT coalesce(sum(d.amount), 0) FROM share_details d JOIN shares s"
        " ON s.out_order_no = d.out_order_no WHERE s.out_trade_no = ? AND s.kind = 'share'"
        " AND d.result != 'CLOSED'",
        (number,),
    ).fetchone()
    return int(paid), int(refunded), int(shared)


def reason(known: sqlite3.Row | None, line: Mapping[str, Any], *, name: str) -> str:
    """Why this receiver will not get the money; empty where it will.

    For rehearsals an account may carry its fate in its name: ``shop-ACCOUNT_ABNORMAL``.
    """
    if known is None:
        return "NO_RELATION"
    told = next((word for word in FAIL_REASONS if word in line["account"]), "")
    if told:
        return told
    if name and known["name"] and name != known["name"]:
        return "RECEIVER_REAL_NAME_NOT_VERIFIED"
    return ""


def struck(plan: Plan, *, count: int) -> range:
    """The receivers that a fault lets fail: none, the last one (``partial``), or all of them."""
    if "all_fail" in plan:
        return range(count)
    return range(count - 1, count) if "partial" in plan else range(0)
