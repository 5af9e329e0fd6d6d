"""Orders created per second through the API: a real web server, real requests, keep-alive.

The merchant does not wait for the channel here (PREPAY_WAITERS=0): measured is what the door, the
rules and the rows cost. The clients run on the same machine and take their share of it.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from typing import Any

PROCESSES, CLIENTS = 2, 8
WEB_WORKERS, WEB_THREADS = 2, 8


def per_second(api_key: str, *, seconds: float = 6.0) -> float:
    """Orders per second."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = _server(port)
    try:
        _wait_for(port)
        context = multiprocessing.get_context("spawn")
        counts = context.Queue()
        clients = [
            context.Process(target=_ask_for, args=(port, api_key, seconds, counts))
            for _process in range(PROCESSES)
        ]
        for client in clients:
            client.start()
        total = sum(counts.get(timeout=120) for _client in clients)
        for client in clients:
            client.join()
        return float(total)
    finally:
        server.terminate()
        server.wait(20)


def _server(port: int) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "gunicorn", "gateway.wsgi:application"]
    argv += ["--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--preload"]
    argv += ["--workers", str(WEB_WORKERS), "--threads", str(WEB_THREADS)]
    argv += ["--keep-alive", "30", "--log-level", "warning", "--no-control-socket"]
    environment = {**os.environ, "ZHANGFANG_PREPAY_WAITERS": "0", "ZHANGFANG_DB_POOL": "8"}
    return subprocess.Popen(argv, env=environment)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the web server did not start")


def _ask_for(port: int, api_key: str, seconds: float, counts: Any) -> None:
    start = threading.Barrier(CLIENTS)
    rates: list[float] = []

    def client() -> None:
        peer = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        _create(peer, api_key)
        start.wait()
        began, done = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            _create(peer, api_key)
            done += 1
        rates.append(done / (time.monotonic() - began))

    threads = [threading.Thread(target=client) for _client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rates) == CLIENTS, "a client failed; what it did would be missing"
    counts.put(sum(rates))


def _create(peer: http.client.HTTPConnection, api_key: str) -> None:
    number = uuid.uuid4().hex
    body = {
        "biz_order_no": number,
        "title": "Tea",
        "amount": 10_000,
        "channel": "sandbox",
        "method": "native",
    }
    headers = {
        "Authorization": f"Bearer {api_key}",
        "Content-Type": "application/json",
        "Idempotency-Key": number,
    }
    peer.request("POST", "/api/v1/pay-orders", json.dumps(body), headers)
    answer = peer.getresponse()
    text = answer.read()
    if answer.status != 201:
        raise RuntimeError(f"{answer.status} {text[:300]!r}")
