"""The orders of a simulated WeChat Pay as its page and the scripts read them. Writes nothing."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from channels.simulators.core.clock import iso_utc
from channels.simulators.core.store import Store
from channels.simulators.wechat.trades import Trades, code_url

FIND = """
SELECT * FROM trades
WHERE (:search = '' OR instr(out_trade_no, :search) OR instr(description, :search)
       OR instr(coalesce(transaction_id, ''), :search) OR prepay_id = :search OR token = :search
       OR out_trade_no IN (SELECT out_trade_no FROM refunds WHERE instr(out_refund_no, :search))
       OR out_trade_no IN (SELECT out_trade_no FROM shares WHERE instr(out_order_no, :search)))
  AND (:state = '' OR state = :state)
  AND (:before IS NULL OR seq < :before)
ORDER BY seq DESC LIMIT :limit
"""


PARTS = {
    "refunds": """
SELECT * FROM refunds WHERE out_trade_no IN (SELECT value FROM json_each(?)) ORDER BY seq
""",
    "frozen": """
SELECT out_trade_no, unsplit FROM freezes WHERE out_trade_no IN (SELECT value FROM json_each(?))
""",
    "shares": """
SELECT d.*, s.out_trade_no FROM share_details d JOIN shares s ON s.out_order_no = d.out_order_no
WHERE s.kind = 'share' AND s.out_trade_no IN (SELECT value FROM json_each(?)) ORDER BY d.seq
""",
    "returns": """
SELECT * FROM share_returns WHERE out_trade_no IN (SELECT value FROM json_each(?)) ORDER BY seq
""",
    "notices": """
SELECT id, kind, our_no, order_no, url, tries, due, state, last FROM notices
WHERE order_no IN (SELECT value FROM json_each(?)) ORDER BY rowid
""",
}
"""What belongs to the orders of a page, in one query each."""


def list_orders(
    store: Store, *, now: float, search: str, state: str, limit: int, before: int | None
) -> list[dict[str, Any]]:
    """Newest first; ``before`` is the ``seq`` of the last one seen."""
    values = {"search": search, "state": state, "before": before, "limit": limit}
    rows = store.named(FIND, values)
    numbers = json.dumps([row["out_trade_no"] for row in rows])
    found = {
        name: _grouped(store, sql, numbers, key="order_no" if name == "notices" else "out_trade_no")
        for name, sql in PARTS.items()
    }

    def of(part: str, row: sqlite3.Row) -> list[sqlite3.Row]:
        return found[part].get(row["out_trade_no"], [])

    return [
        _order(row, now=now)
        | {
            "refunds": [_refund(one) for one in of("refunds", row)],
            "frozen": sum(one["unsplit"] for one in of("frozen", row)),
            "shares": [_share(one) for one in of("shares", row)],
            "returns": [_return(one) for one in of("returns", row)],
            "notices": [_notice(one) for one in of("notices", row)],
        }
        for row in rows
    ]


def _grouped(store: Store, sql: str, numbers: str, *, key: str) -> dict[str, list[sqlite3.Row]]:
    groups: dict[str, list[sqlite3.Row]] = {}
    for row in store.all(sql, numbers):
        groups.setdefault(row[key], []).append(row)
    return groups


def _order(row: sqlite3.Row, *, now: float) -> dict[str, Any]:
    problem = Trades.why_not_payable(row, now=now)
    native = row["trade_type"] == "NATIVE"
    return {
        "seq": row["seq"],
        "our_no": row["out_trade_no"],
        "out_no": row["transaction_id"] or "",
        "title": row["description"],
        "method": row["trade_type"],
        "amount": row["total"],
        "paid": row["paid"],
        "state": row["state"],
        "created_at": iso_utc(row["created_at"]),
        "expires_at": iso_utc(row["expires_at"]),
        "paid_at": iso_utc(row["paid_at"]) if row["paid_at"] is not None else None,
        "payable": problem is None,
        "why_not": problem[0] if problem else "",
        "code": code_url(row["token"]) if native else row["prepay_id"],
        "qr": native,
        "attach": row["attach"],
        "notify_url": row["notify_url"],
    }


def _refund(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "our_no": row["out_refund_no"],
        "out_no": row["refund_id"],
        "amount": row["amount"],
        "reason": row["reason"],
        "status": row["status"],
        "created_at": iso_utc(row["created_at"]),
        "finished_at": iso_utc(row["finished_at"]) if row["finished_at"] is not None else None,
    }


def _share(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "our_no": row["out_order_no"],
        "out_no": row["detail_id"],
        "payee": row["account"],
        "amount": row["amount"],
        "status": row["result"],
        "fail_reason": row["fail_reason"],
    }


def _return(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "our_no": row["out_return_no"],
        "out_no": row["return_id"],
        "payee": row["return_mchid"],
        "amount": row["amount"],
        "status": row["result"],
        "fail_reason": row["fail_reason"],
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
