"""The orders of a simulated Alipay as its page and the scripts read them. Writes nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from channels.simulators.alipay.money import fen
from channels.simulators.alipay.trades import why_not_payable
from channels.simulators.core.clock import iso_utc
from channels.simulators.core.store import Store

FIND = """
SELECT * FROM (SELECT *, CASE WHEN paid IS NOT NULL THEN 'SUCCESS'
                              WHEN status = 'TRADE_CLOSED' THEN 'CLOSED'
                              ELSE 'NOTPAY' END AS state FROM trades)
WHERE (:search = '' OR instr(out_trade_no, :search) OR instr(subject, :search)
       OR instr(coalesce(trade_no, ''), :search) OR token = :search
       OR out_trade_no IN (SELECT out_trade_no FROM refunds WHERE instr(out_request_no, :search)))
  AND (:state = '' OR state = :state)
  AND (:before IS NULL OR seq < :before)
ORDER BY seq DESC LIMIT :limit
"""
REFUNDS = """
SELECT * FROM refunds WHERE out_trade_no IN (SELECT value FROM json_each(?)) ORDER BY seq
"""
NOTICES = """
SELECT id, kind, our_no, order_no, url, tries, due, state, last FROM notices
WHERE order_no IN (SELECT value FROM json_each(?)) ORDER BY rowid
"""
SHARES = """
SELECT shares.*, out_request_no, out_trade_no FROM shares
JOIN settles USING (settle_no) JOIN trades ON trades.trade_no = shares.trade_no
WHERE out_trade_no IN (SELECT value FROM json_each(?)) ORDER BY shares.rowid
"""
TRANSFERS = "SELECT * FROM transfers ORDER BY seq DESC LIMIT 50"


def list_orders(
    store: Store,
    *,
    now: float,
    base_url: str,
    search: str,
    state: str,
    limit: int,
    before: int | None,
) -> list[dict[str, Any]]:
    """Newest first; ``before`` is the ``seq`` of the last one seen."""
    values = {"search": search, "state": state, "before": before, "limit": limit}
    rows = store.named(FIND, values)
    numbers = json.dumps([row["out_trade_no"] for row in rows])
    refunds = _grouped(store.all(REFUNDS, numbers), key="out_trade_no")
    shares = _grouped(store.all(SHARES, numbers), key="out_trade_no")
    notices = _grouped(store.all(NOTICES, numbers), key="order_no")
    return [
        _order(row, now=now, base_url=base_url)
        | {
            "refunds": [_refund(refund) for refund in refunds.get(row["out_trade_no"], ())],
            "shares": [_share(share) for share in shares.get(row["out_trade_no"], ())],
            "returns": _returns(refunds.get(row["out_trade_no"], ())),
            "notices": [_notice(notice) for notice in notices.get(row["out_trade_no"], ())],
        }
        for row in rows
    ]


def list_transfers(store: Store) -> list[dict[str, Any]]:
    """Nobody is ever asked to confirm a transfer here: ``waiting`` is false."""
    return [
        {
            "our_no": row["out_biz_no"],
            "out_no": row["order_id"],
            "title": row["title"],
            "payee": row["payee"],
            "amount": row["amount"],
            "state": row["status"],
            "created_at": iso_utc(row["created_at"]),
            "waiting": False,
        }
        for row in store.all(TRANSFERS)
    ]


def code_url(row: sqlite3.Row, *, base_url: str) -> str:
    """The content of a QR code; opening it is scanning it."""
    return f"{base_url}/qr/{row['token']}"


def _grouped(rows: list[sqlite3.Row], *, key: str) -> dict[str, list[sqlite3.Row]]:
    groups: dict[str, list[sqlite3.Row]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return groups


def _order(row: sqlite3.Row, *, now: float, base_url: str) -> dict[str, Any]:
    problem = why_not_payable(row, now=now)
    is_code = row["method"] == "alipay.trade.precreate"
    return {
        "seq": row["seq"],
        "our_no": row["out_trade_no"],
        "out_no": row["trade_no"] or "",
        "title": row["subject"],
        "method": row["method"].removeprefix("alipay.trade."),
        "amount": row["total"],
        "paid": row["paid"],
        "refunded": row["refunded"],
        "frozen": row["frozen"],
        "state": row["state"],
        "trade_status": row["status"],
        "created_at": iso_utc(row["asked_at"]),
        "expires_at": iso_utc(row["expires_at"]),
        "paid_at": iso_utc(row["paid_at"]) if row["paid_at"] is not None else None,
        "payable": problem is None,
        "why_not": problem[0] if problem else "",
        "code": code_url(row, base_url=base_url),
        "qr": is_code,
        "attach": row["passback"],
        "notify_url": row["notify_url"],
    }


def _refund(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "our_no": row["out_request_no"],
        "out_no": row["refund_id"],
        "amount": row["amount"],
        "reason": row["reason"],
        "status": row["status"],
        "created_at": iso_utc(row["created_at"]),
        "finished_at": iso_utc(row["finished_at"]) if row["finished_at"] is not None else None,
    }


def _share(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "our_no": row["out_request_no"],
        "payee": row["account"],
        "amount": row["amount"],
        "status": row["state"],
        "fail_reason": row["error_desc"] if row["state"] == "FAIL" else "",
    }


def _returns(refunds: Iterable[sqlite3.Row]) -> list[dict[str, Any]]:
    """What receivers gave back, refund by refund."""
    return [
        {
            "our_no": refund["out_request_no"],
            "payee": one["trans_out"],
            "amount": fen(one["amount"], name="amount"),
            "status": refund["status"],
            "fail_reason": "",
        }
        for refund in refunds
        for one in json.loads(refund["royalty"])
    ]


def _notice(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "kind": row["kind"],
        "our_no": row["our_no"],
        "state": row["state"],
        "tries": row["tries"],
        "last": row["last"],
        "next_try_at": iso_utc(row["due"]) if row["state"] in ("pending", "held") else None,
    }
