"""What a simulated Alipay tells of its trades and refunds: the members of its nodes.

Called by ``simulator``; reads rows, writes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from channels.simulators.alipay.errors import MESSAGES, success
from channels.simulators.alipay.money import yuan
from channels.simulators.alipay.texts import stamp
from channels.simulators.alipay.trades import money_of
from channels.simulators.core.faults import Plan

LOGON_ID = "159****5620"
UNPAID_SUMS = dict.fromkeys(
    ("receipt_amount", "buyer_pay_amount", "invoice_amount", "point_amount"), "0.00"
)


def fund_bills(amount: int) -> list[dict[str, str]]:
    return [{"amount": yuan(amount), "fund_channel": "ALIPAYACCOUNT"}]


def numbers(trade: sqlite3.Row) -> dict[str, str]:
    return {"out_trade_no": trade["out_trade_no"], "trade_no": trade["trade_no"]}


def buyer(trade: sqlite3.Row) -> dict[str, str]:
    return {"buyer_logon_id": LOGON_ID, "buyer_user_id": trade["buyer_id"]}


def of_query(
    trade: sqlite3.Row,
    *,
    plan: Plan,
    lagging: bool,
    settled: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """«query does not return the refunded amount»: partial refunds do not show here at all."""
    told = numbers(trade) | buyer(trade)
    told |= {"store_id": trade["store_id"]} if trade["store_id"] else {}
    told |= {"passback_params": trade["passback"]} if trade["passback"] else {}
    skew = plan.get("wrong_amount")
    delta = skew.delta if skew else 0
    if trade["paid"] is None or lagging:
        status = "WAIT_BUYER_PAY" if lagging else trade["status"]
        total = yuan(trade["total"] + delta)
        return success(**told, trade_status=status, total_amount=total, **UNPAID_SUMS)
    return success(
        **told,
        trade_status=trade["status"],
        send_pay_date=stamp(trade["paid_at"]),
        subject=trade["subject"],
        fund_bill_list=fund_bills(trade["paid"]),
        trade_settle_info=settled,
        **money_of(trade, delta=delta),
    )


def of_bar_pay(trade: sqlite3.Row) -> dict[str, Any]:
    """10000 where the money is there; 10003 where the customer still has to confirm."""
    if trade["paid"] is None:
        told = numbers(trade) | buyer(trade) | {"total_amount": yuan(trade["total"])}
        return {"code": "10003", "msg": MESSAGES["10003"]} | told | UNPAID_SUMS
    return success(
        **numbers(trade),
        **buyer(trade),
        gmt_payment=stamp(trade["paid_at"]),
        fund_bill_list=fund_bills(trade["paid"]),
        **money_of(trade),
    )


def of_refund(
    trade: sqlite3.Row, refund: sqlite3.Row, *, changed: bool, options: Sequence[str]
) -> dict[str, Any]:
    """``refund_fee`` is all that was ever refunded of the trade, not this refund."""
    details = fund_bills(refund["amount"]) if "refund_detail_item_list" in options else None
    finished = refund["finished_at"]
    return success(
        **numbers(trade),
        **buyer(trade),
        fund_change="Y" if changed else "N",
        refund_fee=yuan(trade["refunded"]),
        send_back_fee=yuan(refund["amount"]) if refund["status"] == "SUCCESS" else None,
        refund_detail_item_list=details,
        gmt_refund_pay=stamp(finished) if finished is not None else None,
    )


def of_refund_query(
    trade: sqlite3.Row,
    refund: sqlite3.Row,
    *,
    royalty: Sequence[Mapping[str, Any]],
    plan: Plan,
    options: Sequence[str],
) -> dict[str, Any]:
    """Without ``refund_status``: «退款请求未收到或者退款失败», which is no failure."""
    skew = plan.get("wrong_amount")
    is_done = refund["status"] == "SUCCESS"
    amount = yuan(refund["amount"] + (skew.delta if skew else 0))
    wants_time = is_done and "gmt_refund_pay" in options
    wants_details = is_done and "refund_detail_item_list" in options
    return success(
        **numbers(trade),
        out_request_no=refund["out_request_no"],
        total_amount=yuan(trade["paid"]),
        refund_amount=amount,
        refund_status="REFUND_SUCCESS" if is_done else None,
        send_back_fee=amount if is_done else None,
        gmt_refund_pay=stamp(refund["finished_at"]) if wants_time else None,
        refund_detail_item_list=fund_bills(refund["amount"]) if wants_details else None,
        refund_royaltys=list(royalty) if is_done and royalty else None,
    )
