"""The yardstick: insert the same rows with psycopg alone, one transaction for each item.

Two processes of eight connections, which is what the database itself can take on a small machine.
"""

from __future__ import annotations

import json
import multiprocessing
import secrets
import threading
import time
from typing import Any

import psycopg
from django.db import connection
from psycopg.types.json import Jsonb

PROCESSES, CONNECTIONS = 2, 8
FRESH = {"order_no", "biz_order_no", "notification_id", "notice_id", "key"}
"""Columns that must differ from row to row."""
FORGOTTEN = {"call_id", "callback_id", "refund_id"}
JSON_COLUMNS = {"pay_params", "data"}

Template = list[tuple[str, dict[str, Any]]]


def rows_of(order_id: int, tables: list[str]) -> Template:
    """One order's rows as the house wrote them: (table, column → value), the order first."""
    template: Template = []
    with connection.cursor() as cursor:
        for table in tables:
            owner = "id" if table == "orders_payorder" else "pay_order_id"
            cursor.execute(f"select * from {table} where {owner} = %s", [order_id])
            names = [column.name for column in cursor.description]
            for values in cursor.fetchall():
                row = dict(zip(names, values, strict=True))
                template.append((table, {k: v for k, v in row.items() if k != "id"}))
    return template


def per_second(template: Template, *, seconds: float = 2.0) -> float:
    """Items per second."""
    address = connection.get_connection_params()
    context = multiprocessing.get_context("spawn")
    counts = context.Queue()
    known = ("dbname", "user", "password", "host", "port")
    facts = {name: address[name] for name in known if name in address}
    processes = [
        context.Process(target=_insert_for, args=(facts, template, seconds, index, counts))
        for index in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    total = sum(counts.get(timeout=120) for _process in processes)
    for process in processes:
        process.join()
    return float(total)


def _insert_for(
    address: dict[str, Any], template: Template, seconds: float, index: int, counts: Any
) -> None:
    """In a process of its own; tells how many items a second it wrote."""
    start = threading.Barrier(CONNECTIONS)
    rates: list[float] = []
    run = secrets.token_hex(3)

    def client(number: int) -> None:
        with psycopg.connect(**address, autocommit=True) as database:
            start.wait()
            began, done = time.monotonic(), 0
            while time.monotonic() - began < seconds:
                _insert(database, template, f"{run}-{index}{number:02d}-{done}")
                done += 1
            rates.append(done / (time.monotonic() - began))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rates) == CONNECTIONS, "a connection failed; what it did would be missing"
    counts.put(sum(rates))


def _insert(database: psycopg.Connection[Any], template: Template, tag: str) -> None:
    with database.transaction():
        order_id: int | None = None
        for number, (table, row) in enumerate(template):
            values = {name: _value(name, value, f"{tag}-{number}") for name, value in row.items()}
            if "pay_order_id" in values:
                values["pay_order_id"] = order_id
            if "queue" in values:
                values["queue"] = "bulk"  # where no measurement will find work
            if table == "orders_payorder":
                values["out_order_no"] = ""
            statement = _statement(table, tuple(values))
            cursor = database.execute(statement, list(values.values()), prepare=True)
            found = cursor.fetchone()
            if table == "orders_payorder" and found is not None:
                order_id = found[0]


def _value(name: str, value: Any, tag: str) -> Any:
    if name in FORGOTTEN:
        return None
    if name in FRESH:
        return f"x{tag}"
    if name in JSON_COLUMNS:
        return Jsonb(json.loads(value) if isinstance(value, str) else value)
    return value


_statements: dict[tuple[str, tuple[str, ...]], str] = {}


def _statement(table: str, names: tuple[str, ...]) -> str:
    key = (table, names)
    if key not in _statements:
        marks = ", ".join(["%s"] * len(names))
        columns = ", ".join(f'"{name}"' for name in names)
        _statements[key] = f"insert into {table} ({columns}) values ({marks}) returning id"
    return _statements[key]
