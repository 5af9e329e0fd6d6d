"""Who may receive shares of a simulated merchant's payments. Called by ``desk`` and ``shares``."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from channels.simulators.core.store import Store, insert
from channels.simulators.wechat.errors import bad_parameter, invalid

RECEIVERS_MAX = 20_000


class Receivers:
    def __init__(self, store: Store, *, merchant: str) -> None:
        self._store = store
        self._merchant = merchant

    def add(self, body: Mapping[str, Any], *, name: str) -> dict[str, Any]:
        """Adding again is a success, and what was there stays. ``name`` is the opened one."""
        if body["type"] == "MERCHANT_ID" and not name:
            raise bad_parameter("name", "is required for MERCHANT_ID", location="body")
        custom = body["relation_type"] == "CUSTOM"
        if custom and "custom_relation" not in body:
            raise bad_parameter("custom_relation", "is required for CUSTOM", location="body")
        if body["account"] == self._merchant:
            raise invalid("分账接收方不能是分账方自己")
        with self._store.write() as db:
            if self.find(db, body["type"], body["account"]) is None:
                self._insert(db, body, name=name)
        kept = ("type", "account", "name", "relation_type", "custom_relation")
        return {member: body[member] for member in kept if member in body}

    def delete(self, body: Mapping[str, Any]) -> dict[str, Any]:
        with self._store.write() as db:
            db.execute(
                "DELETE FROM receivers WHERE type = ? AND account = ?",
                (body["type"], body["account"]),
            )
        return {"type": body["type"], "account": body["account"]}

    def find(self, db: sqlite3.Connection, kind: str, account: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM receivers WHERE type = ? AND account = ?", (kind, account)
        ).fetchone()
        return row

    def _insert(self, db: sqlite3.Connection, body: Mapping[str, Any], *, name: str) -> None:
        (count,) = db.execute("SELECT count(*) FROM receivers").fetchone()
        if count >= RECEIVERS_MAX:
            raise invalid("分账接收方数量超过上限")
        columns = {
            "type": body["type"],
            "account": body["account"],
            "name": name,
            "relation_type": body["relation_type"],
            "custom_relation": body.get("custom_relation", ""),
        }
        insert(db, "receivers", columns)
