"""A real house with a simulated provider behind the DaxPay door, and the merchant's own address for
notices. Used by the stories."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from orders.engine import drain
from tests.e2e.world import World
from tests.gateway.daxpay.client import DaxPayClient
from tests.gateway.daxpay.shop import Shop


class Merchant:
    """The merchant's address for notices: keeps what comes and answers ``word``."""

    def __init__(self) -> None:
        self.word = b" Success\n"
        self.status = 200
        self.bodies: list[bytes] = []
        merchant = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                merchant.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(merchant.status)
                self.send_header("Content-Length", str(len(merchant.word)))
                self.end_headers()
                self.wfile.write(merchant.word)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/callback/pay"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Desk:
    """``client`` is the merchant's system; ``world`` is everything behind the door."""

    def __init__(self, world: World, shop: Shop, merchant: Merchant) -> None:
        self.world = world
        self.shop = shop
        self.client: DaxPayClient = shop.client
        self.merchant = merchant
        self.provider: Any = world.simulator
        self._works = False

    def work_while_waiting(self, _key: str, _seconds: float) -> bool:
        """Stands in for the wait of a web process: the workers are this very thread."""
        if self._works:  # a callback that came in while working waits for its acknowledgement
            return bool(drain.run("callback"))
        self._works = True
        try:
            for _ in range(4):
                self.world.turn(clock=False)
        finally:
            self._works = False
        return True

    def notices(self) -> list[dict[str, Any]]:
        """What the merchant was told since the last look; every signature is checked."""
        drain.run("notice")
        told, self.merchant.bodies = self.merchant.bodies, []
        for body in told:
            assert self.client.verify_notice(body), body
        return [json.loads(body) for body in told]

    def until(self, ask: Any, wanted: str) -> dict[str, Any]:
        """Query again and again until it says so, while the house works and time goes by."""
        self.world.until(lambda: ask()["status"] == wanted, f"{wanted} at the door")
        found: dict[str, Any] = ask()
        return found
