"""Callbacks to the merchant: a row each, tried on the provider's ladder until acknowledged.

Used by the simulators. It signs nothing itself (the provider's ``Mailer`` does) and connects only
to loopback addresses: a simulator must never call out.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import sys
import threading
import traceback
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol
from urllib.parse import urlsplit

from channels.simulators.core.agenda import Agenda
from channels.simulators.core.clock import Clock
from channels.simulators.core.faults import Faults, Plan
from channels.simulators.core.store import Store, insert

NOTICES = """
CREATE TABLE IF NOT EXISTS notices (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, our_no TEXT NOT NULL, order_no TEXT NOT NULL,
    url TEXT NOT NULL, body BLOB NOT NULL, first_try TEXT NOT NULL,
    tries INTEGER NOT NULL, due REAL NOT NULL, state TEXT NOT NULL, last TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS notices_due ON notices (due) WHERE state IN ('pending', 'held');
CREATE INDEX IF NOT EXISTS notices_order ON notices (order_no);
"""
TIMEOUT = 5.0
"""Seconds that the merchant has for its answer."""
HOLD_SECONDS = 5.0
"""How long an out-of-order notice waits for a later one to overtake it."""
EARLY_SECONDS = 30.0
"""An early notice is sent by ``deliver_now``; the agenda takes over if that never happened."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PARALLEL = 16


class Mailer(Protocol):
    """What a provider adds: its headers, its forgeries, its word for "received"."""

    def render(self, body: bytes, *, first_try: Mapping[str, Any]) -> bytes:
        """The bytes to send, for providers whose signature stands in the body."""
        ...

    def seal(self, body: bytes, *, first_try: Mapping[str, Any]) -> Mapping[str, str]:
        """Headers with a fresh time, nonce and signature."""
        ...

    def forge(self, body: bytes) -> tuple[Mapping[str, str], bytes]:
        """What somebody without the provider's key could send in its name."""
        ...

    def acknowledged(self, status: int, body: bytes) -> bool: ...


def refusal(url: str) -> str:
    """Why a simulator will not call this URL; empty where it may."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "not a URL"
    if parts.scheme != "http":
        return "only http to a loopback address is called"
    if parts.hostname not in LOOPBACK or port == 0:
        return "not a loopback address"
    return ""


def post(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    """One POST to a loopback address; never follows a redirect. Raises OSError and the like."""
    problem = refusal(url)
    if problem:
        raise OSError(problem)
    parts = urlsplit(url)
    # A literal address, so that no name service decides where "localhost" is.
    host = "::1" if parts.hostname == "::1" else "127.0.0.1"
    connection = http.client.HTTPConnection(host, parts.port or 80, timeout=TIMEOUT)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body=body, headers={**headers, "Host": parts.netloc})
        response = connection.getresponse()
        return response.status, response.read(65536)
    finally:
        connection.close()


class Notifier:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        faults: Faults,
        *,
        agenda: Agenda,
        mailer: Mailer,
        ladder: Sequence[float],
    ) -> None:
        self._store = store
        self._clock = clock
        self._faults = faults
        self._agenda = agenda
        self._mailer = mailer
        self._ladder = tuple(ladder)
        """Real seconds before each further try."""
        self._pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="sim-notice")
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self.crashes = 0

    def enqueue(
        self,
        db: sqlite3.Connection,
        *,
        kind: str,
        our_no: str,
        order_no: str,
        url: str,
        body: bytes,
        plan: Plan,
    ) -> str:
        """Write the notice in the caller's transaction.

        The agenda is woken at once: it waits for the store's lock, that is, for the commit.
        """
        notice_id = uuid.uuid4().hex
        state, due = self._start(url, plan)
        duplicate = plan.get("duplicate")
        first_try = {
            "tamper": plan.tamper,
            "copies": duplicate.n if duplicate else 1,
            "forged": "forged" in plan,
            "options": [rule.fault for rule in plan.rules],
        }
        columns = {
            "id": notice_id,
            "kind": kind,
            "our_no": our_no,
            "order_no": order_no,
            "url": url,
            "body": body,
            "first_try": json.dumps(first_try),
            "tries": 0,
            "due": due,
            "state": state,
            "last": refusal(url),
        }
        insert(db, "notices", columns)
        self._agenda.wake()
        return notice_id

    def _start(self, url: str, plan: Plan) -> tuple[str, float]:
        """In which state a notice begins, and when it is due."""
        now = self._clock.wall()
        if refusal(url):
            return "refused", now
        if "off" in plan:
            return "off", now
        if "early" in plan:
            return "pending", now + EARLY_SECONDS
        if rule := plan.get("out_of_order"):
            return "held", now + (rule.ms / 1000 if "ms" in rule.given else HOLD_SECONDS)
        delay = plan.get("delay")
        return "pending", now + (delay.ms / 1000 if delay else 0.0)

    def run_due(self, now: float) -> float | None:
        """Hand what is due to the threads; when the next one is due."""
        rows = self._store.all(
            "SELECT id FROM notices WHERE state IN ('pending', 'held') AND due <= ?"
            " ORDER BY due LIMIT 200",
            now,
        )
        for row in rows:
            self._submit(row["id"])
        # Those in the threads' hands wake the agenda when they end; look only past them.
        later = self._store.one(
            "SELECT min(due) FROM notices WHERE state IN ('pending', 'held') AND due > ?", now
        )
        return None if later is None else later[0]

    def deliver_now(self, notice_id: str) -> None:
        """One try on the caller's own thread, before anything else happens."""
        if self._claim(notice_id):
            self._attempt(notice_id, due=self._clock.wall() + EARLY_SECONDS)

    def stop(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _claim(self, notice_id: str) -> bool:
        with self._lock:
            if notice_id in self._busy:
                return False
            self._busy.add(notice_id)
            return True

    def _release(self, notice_id: str) -> None:
        with self._lock:
            self._busy.discard(notice_id)

    def _submit(self, notice_id: str) -> None:
        if not self._claim(notice_id):
            return
        try:
            self._pool.submit(self._attempt, notice_id, due=self._clock.wall())
        except RuntimeError:  # the pool is shut: the row waits for the next start
            self._release(notice_id)

    def _attempt(self, notice_id: str, *, due: float) -> None:
        # Read after the claim: what was due a moment ago may have been sent meanwhile.
        row = self._store.one(
            "SELECT * FROM notices WHERE id = ? AND state IN ('pending', 'held') AND due <= ?",
            notice_id,
            due,
        )
        if row is None:
            self._release(notice_id)
            return
        try:
            self._try(row)
        # A bug of the simulator: seen, counted, and tried again on the ladder.
        except Exception:  # noqa: BLE001
            self.crashes += 1
            traceback.print_exc(file=sys.stderr)
            self._settle(row, received=False, last="simulator crashed")
        finally:
            self._release(notice_id)
            self._agenda.wake()

    def _try(self, row: sqlite3.Row) -> None:
        ops = ("callback", f"callback_{row['kind']}")
        if "off" in self._faults.peek(ops, (row["our_no"], row["order_no"])):
            self._finish(row, state="off", last="switched off")
            return
        first_try = json.loads(row["first_try"]) if not row["tries"] else {}
        if first_try.get("forged"):
            headers, forgery = self._mailer.forge(row["body"])
            self._post(row["url"], headers, forgery)
        copies = [
            threading.Thread(target=self._send, args=(row, first_try), daemon=True)
            for _ in range(first_try.get("copies", 1) - 1)
        ]
        for copy in copies:
            copy.start()
        received, last = self._send(row, first_try)
        for copy in copies:
            copy.join()
        self._settle(row, received=received, last=last)

    def _send(self, row: sqlite3.Row, first_try: Mapping[str, Any]) -> tuple[bool, str]:
        body = self._mailer.render(row["body"], first_try=first_try)
        headers = self._mailer.seal(body, first_try=first_try)
        return self._post(row["url"], headers, body)

    def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[bool, str]:
        try:
            status, answer = post(url, headers, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return False, f"{type(error).__name__}: {error}"[:200]
        return self._mailer.acknowledged(status, answer), str(status)

    def _settle(self, row: sqlite3.Row, *, received: bool, last: str) -> None:
        tries = row["tries"] + 1
        if received:
            self._finish(row, state="done", last=last)
        elif tries > len(self._ladder):
            self._finish(row, state="dead", last=last)
        else:
            due = self._clock.wall() + self._ladder[tries - 1]
            with self._store.write() as db:
                db.execute(
                    "UPDATE notices SET tries = ?, due = ?, state = 'pending', last = ?"
                    " WHERE id = ?",
                    (tries, due, last, row["id"]),
                )
                self._release_held(db, row["id"])

    def _finish(self, row: sqlite3.Row, *, state: str, last: str) -> None:
        with self._store.write() as db:
            db.execute(
                "UPDATE notices SET tries = tries + 1, state = ?, last = ? WHERE id = ?",
                (state, last, row["id"]),
            )
            self._release_held(db, row["id"])

    def _release_held(self, db: sqlite3.Connection, sent_id: str) -> None:
        """A later notice has been sent: those that were to be overtaken may go."""
        db.execute(
            "UPDATE notices SET state = 'pending', due = ? WHERE state = 'held' AND id != ?"
            " AND rowid < (SELECT rowid FROM notices WHERE id = ?)",
            (self._clock.wall(), sent_id, sent_id),
        )
