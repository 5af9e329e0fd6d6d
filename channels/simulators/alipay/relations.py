"""Who may receive a share: the bound receivers of a simulated Alipay's merchant.

Called by ``simulator`` and ``royalty``. Binding twice and unbinding the unknown are harmless.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from channels.simulators.alipay.errors import business, success
from channels.simulators.core.fields import FieldError
from channels.simulators.core.store import Store

TYPES = ("userId", "loginName", "openId")
UNKNOWN_ACCOUNT = "nobody"
"""An account that contains this is known to nobody: USER_NOT_EXIST."""


def is_bound(db: sqlite3.Connection, kind: str, account: str) -> bool:
    row = db.execute("SELECT 1 FROM relations WHERE type = ? AND account = ?", (kind, account))
    return row.fetchone() is not None


class Relations:
    def __init__(self, store: Store) -> None:
        self._store = store

    def bind(self, biz: Mapping[str, Any]) -> dict[str, Any]:
        receivers = self._receivers(biz)
        for receiver in receivers:
            if receiver["type"] == "loginName" and "name" not in receiver:
                raise FieldError(("receiver_list", "name"), "is required for a loginName")
            if UNKNOWN_ACCOUNT in receiver["account"]:
                raise business("ACQ.USER_NOT_EXIST")
        with self._store.write() as db:
            for receiver in receivers:
                db.execute(
                    "INSERT INTO relations (type, account, name, memo) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (type, account) DO UPDATE"
                    " SET name = excluded.name, memo = excluded.memo",
                    (
                        receiver["type"],
                        receiver["account"],
                        receiver.get("name", ""),
                        receiver.get("memo", ""),
                    ),
                )
        return success(result_code="SUCCESS")

    def unbind(self, biz: Mapping[str, Any]) -> dict[str, Any]:
        with self._store.write() as db:
            for receiver in self._receivers(biz):
                db.execute(
                    "DELETE FROM relations WHERE type = ? AND account = ?",
                    (receiver["type"], receiver["account"]),
                )
        return success(result_code="SUCCESS")

    def page(self, biz: Mapping[str, Any]) -> dict[str, Any]:
        number, size = int(biz.get("page_num", "1")), int(biz.get("page_size", "20"))
        counted = self._store.one("SELECT count(*) AS total FROM relations")
        total = counted["total"] if counted else 0
        rows = self._store.all(
            "SELECT * FROM relations ORDER BY seq LIMIT ? OFFSET ?", size, (number - 1) * size
        )
        return success(
            result_code="SUCCESS",
            receiver_list=[_told(row) for row in rows],
            total_page_num=-(-total // size),
            total_record_num=total,
            current_page_num=number,
            current_page_size=len(rows),
        )

    @staticmethod
    def _receivers(biz: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        receivers: Sequence[Mapping[str, Any]] = biz.get("receiver_list", ())
        if not receivers:
            raise business("ACQ.RECEIVER_LIST_EMPTY")
        if any(receiver["type"] not in TYPES for receiver in receivers):
            raise business("ACQ.INVALID_RECEIVER_TYPE")
        return receivers


def _told(row: sqlite3.Row) -> dict[str, str]:
    login = {"login_name": row["account"]} if row["type"] == "loginName" else {}
    memo = {"memo": row["memo"]} if row["memo"] else {}
    return {"type": row["type"], "account": row["account"]} | login | memo
