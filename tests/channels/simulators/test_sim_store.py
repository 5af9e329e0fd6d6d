"""The simulators' store: all of a transaction, or none of it."""

from __future__ import annotations

import sqlite3

import pytest

from channels.simulators.core.clock import Clock
from channels.simulators.core.store import BOOK, Book, Store


def test_what_raises_in_the_middle_leaves_nothing() -> None:
    store = Store(":memory:", schema=BOOK)
    book = Book(store, Clock())
    book.open_account("M", available=10)
    with pytest.raises(sqlite3.IntegrityError), store.write() as db:
        book.record(db, "pay", merchant="M", our_no="A", order_no="A", out_no="1", amount=5)
        book.move(db, "M", available=-11)
    assert book.read() == {
        "movements": [],
        "balances": {"M": {"available": 10, "frozen": 0, "refunding": 0}},
    }
    with store.write() as db:
        book.move(db, "M", available=-10)
    assert book.read()["balances"] == {"M": {"available": 0, "frozen": 0, "refunding": 0}}
    store.close()


def test_opening_an_account_again_keeps_its_money() -> None:
    store = Store(":memory:", schema=BOOK)
    book = Book(store, Clock())
    book.open_account("M", available=10)
    book.open_account("M", available=99)
    assert book.read()["balances"]["M"]["available"] == 10
    store.close()


def test_a_file_is_kept_through_a_killed_process_and_memory_needs_no_care(tmp_path: object) -> None:
    def level(store: Store) -> int:
        row = store.one("PRAGMA synchronous")
        assert row is not None
        return int(row[0])

    careful = Store(f"{tmp_path}/a.sqlite", schema=BOOK)
    quick = Store(f"{tmp_path}/b.sqlite", schema=BOOK, durable=False)
    mode = careful.one("PRAGMA journal_mode")
    assert mode is not None
    assert (level(careful), level(quick), mode[0]) == (1, 0, "wal")
    careful.close()
    quick.close()


def test_a_file_of_an_older_simulator_gets_the_columns_that_came_later(tmp_path: object) -> None:
    path = f"{tmp_path}/old.sqlite"
    old = sqlite3.connect(path)
    old.executescript(BOOK)
    old.execute("INSERT INTO balances (merchant, available, refunding) VALUES ('M', 7, 3)")
    old.commit()
    old.close()
    for _ in range(2):  # the second time there is nothing to add
        store = Store(path, schema=BOOK)
        book = Book(store, Clock())
        assert book.read()["balances"]["M"] == {"available": 7, "frozen": 0, "refunding": 3}
        store.close()


def test_frozen_money_is_counted_by_itself_and_never_below_nothing() -> None:
    store = Store(":memory:", schema=BOOK)
    book = Book(store, Clock())
    book.open_account("M", available=10)
    with store.write() as db:
        book.move(db, "M", available=-4, frozen=4)
    with pytest.raises(sqlite3.IntegrityError), store.write() as db:
        book.move(db, "M", frozen=-5)
    assert book.read()["balances"]["M"] == {"available": 6, "frozen": 4, "refunding": 0}
    store.close()
