"""The orders of a simulated UMF as its page and the scripts read them. Writes nothing."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from channels.simulators.core.clock import iso_utc
from channels.simulators.core.store import Store
from channels.simulators.umf.trades import Trades

FIND = """
SELECT * FROM (SELECT *, CASE WHEN paid IS NOT NULL THEN 'SUCCESS'
                              WHEN state = 'NOTPAY' AND expires_at > :now THEN 'NOTPAY'
                              ELSE 'CLOSED' END AS shown FROM trades)
WHERE (:search = '' OR instr(order_id, :search) OR instr(title, :search)
       OR instr(transaction_id, :search)
       OR order_id IN (SELECT order_id FROM refunds WHERE instr(refund_order_id, :search)))
  AND (:state = '' OR shown = :state)
  AND (:before IS NULL OR seq < :before)
ORDER BY seq DESC LIMIT :limit
"""
REFUNDS = "SELECT * FROM refunds WHERE order_id IN (SELECT value FROM json_each(?)) ORDER BY seq"
NOTICES = """
SELECT id, kind, our_no, order_no, url, tries, due, state, last FROM notices
WHERE order_no IN (SELECT value FROM json_each(?)) ORDER BY rowid
"""


def list_orders(
    store: Store,
    trades: Trades,
    *,
    now: float,
    search: str,
    state: str,
    limit: int,
    before: int | None,
) -> list[dict[str, Any]]:
    """Newest first; ``before`` is the ``seq`` of the last one seen."""
    values = {"search": search, "state": state, "before": before, "limit": limit, "now": now}
    rows = store.named(FIND, values)
    numbers = json.dumps([row["order_id"] for row in rows])
    refunds = _grouped(store.all(REFUNDS, numbers), key="order_id")
    notices = _grouped(store.all(NOTICES, numbers), key="order_no")
    return [
        _order(row, code=trades.code_url(row))
        | {
            "refunds": [_refund(refund) for refund in refunds.get(row["order_id"], ())],
            "notices": [_notice(notice) for notice in notices.get(row["order_id"], ())],
        }
        for row in rows
    ]


def _grouped(rows: list[sqlite3.Row], *, key: str) -> dict[str, list[sqlite3.Row]]:
    groups: dict[str, list[sqlite3.Row]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return groups


def _order(row: sqlite3.Row, *, code: str) -> dict[str, Any]:
    payable = row["shown"] == "NOTPAY"
    return {
        "seq": row["seq"],
        "our_no": row["order_id"],
        "out_no": row["transaction_id"],
        "title": row["title"] or row["order_id"],
        "method": f"{row['pay_type']} {row['method']}",
        "amount": row["total"],
        "paid": row["paid"],
        "state": row["shown"],
        "trade_status": row["state"],
        "created_at": iso_utc(row["created_at"]),
        "expires_at": iso_utc(row["expires_at"]),
        "paid_at": iso_utc(row["paid_at"]) if row["paid_at"] is not None else None,
        "payable": payable,
        "why_not": "" if payable else "already_paid" if row["paid"] is not None else "closed",
        "code": code,
        "qr": row["method"] == "activescan",
        "attach": "",
        "notify_url": row["notify_url"],
    }


def _refund(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "our_no": row["refund_order_id"],
        "out_no": row["pay_seq"],
        "amount": row["amount"],
        "reason": "",
        "status": row["status"],
        "created_at": iso_utc(row["created_at"]),
        "finished_at": iso_utc(row["finished_at"]) if row["finished_at"] is not None else None,
    }


def _notice(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "kind": row["kind"],
        "our_no": row["our_no"],
        "state": row["state"],
        "tries": row["tries"],
        "last": row["last"],
        "next_try_at": iso_utc(row["due"]) if row["state"] in ("pending", "held") else None,
    }
