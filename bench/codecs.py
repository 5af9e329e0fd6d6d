"""What one call costs a worker's processor: encoding and signing it, verifying and reading the
answer, verifying and opening a notification.

The bytes are genuine: each operation is done once at the provider's simulator, in this process and
over a real socket, and what came back is read again and again. Nothing of it touches the database.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from channels import registry
from channels.base import (
    Account,
    Command,
    Method,
    Outcome,
    Pay,
    QueryPay,
    QueryRefund,
    Refund,
    Request,
    Response,
)
from channels.simulators.alipay import AlipaySimulator
from channels.simulators.core.simulator import Settings, Simulator
from channels.simulators.umf import UmfSimulator
from channels.simulators.wechat import WechatSimulator
from channels.transport import Transport
from gateway.simulated import PROVIDERS
from orders.numbers import PREFIX_PAY, PREFIX_REFUND, new_number

SECONDS = 0.1
"""Of one round of one thing."""
AMOUNT = 8801
PLAIN_AMOUNT = 10_000
"""One with which the sandbox has no surprise; its amounts choose the outcome."""
SIMULATORS: dict[str, type[Any]] = {
    "wechat": WechatSimulator,
    "alipay": AlipaySimulator,
    "umf": UmfSimulator,
}
OPERATIONS = ("create", "query", "refund", "query refund")
Work = Callable[[], object]


def works() -> Iterator[tuple[str, Work]]:
    """(what it is, doing it once), channel by channel; a channel's simulator runs meanwhile."""
    for code in SIMULATORS:
        yield from _of_provider(code)
    yield from _of_sandbox()


def per_second(work: Work) -> float:
    """How often this thread does it in a second; once before, for what a first use keeps."""
    work()
    began, done = time.perf_counter(), 0
    while (took := time.perf_counter() - began) < SECONDS:
        work()
        done += 1
    return done / took


def signature() -> Work:
    """The yardstick: one RSA-2048 signature over 300 bytes, by ``cryptography`` alone."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    message = secrets.token_bytes(300)
    return lambda: key.sign(message, padding.PKCS1v15(), hashes.SHA256())


# --- the providers ------------------------------------------------------------------------


def _of_provider(code: str) -> Iterator[tuple[str, Work]]:
    with _shop(code) as shop:
        for name, command in zip(OPERATIONS, shop.commands, strict=True):
            response = shop.do(command)
            yield f"{code}: {name}, encode and sign", shop.encoding(command)
            yield f"{code}: {name}, verify and read", shop.decoding(command, response)
        headers, body = shop.told()
        web = replace(shop.account, secrets={})
        channel = shop.channel
        yield (
            f"{code}: notification, verify (web)",
            lambda: channel.verify_callback(headers, body, web, now=_now()),
        )
        yield (
            f"{code}: notification, open (worker)",
            lambda: channel.open_callback(body, shop.account),
        )


class _Recorder(Transport):
    """Keeps what came back last."""

    last: Response

    def send(self, request: Request) -> Response:
        self.last = super().send(request)
        return self.last


@dataclass
class _Shop:
    """A merchant with one order at one provider's simulator."""

    channel: Any
    account: Account
    simulator: Simulator
    notify_url: str
    notified: queue.Queue[tuple[dict[str, str], bytes]]
    order_no: str = field(default_factory=lambda: new_number(PREFIX_PAY, _now()))
    refund_no: str = field(default_factory=lambda: new_number(PREFIX_REFUND, _now()))
    transport: _Recorder = field(default_factory=_Recorder)

    @property
    def commands(self) -> list[Command]:
        """As OPERATIONS."""
        order = {"order_no": self.order_no}
        return [
            Pay(
                **order,
                amount=AMOUNT,
                title="龙井茶",
                method=Method.NATIVE,
                notify_url=self.notify_url,
                expires_at=_now().replace(microsecond=0) + timedelta(hours=1),
            ),
            QueryPay(**order, amount=AMOUNT),
            Refund(
                **order,
                refund_no=self.refund_no,
                amount=2640,
                total=AMOUNT,
                reason="少发一件",
                notify_url=self.notify_url,
            ),
            QueryRefund(**order, refund_no=self.refund_no, amount=2640),
        ]

    def do(self, command: Command) -> Response:
        """The provider's answer; an order that is placed is paid at once."""
        result, exchange = self.channel.perform(
            command, self.account, transport=self.transport, now=_now, nonce=_nonce
        )
        known = (Outcome.DONE, Outcome.PENDING)
        assert result.outcome in known, f"{command.kind}: {result.code} {exchange.response}"
        if isinstance(command, Pay):
            self.simulator.pay(self.order_no)
        return self.transport.last

    def told(self) -> tuple[dict[str, str], bytes]:
        """The first notification that came: of the payment."""
        return self.notified.get(timeout=30)

    def encoding(self, command: Command) -> Work:
        return lambda: self.channel.encode(command, self.account, now=_now(), nonce=_nonce())

    def decoding(self, command: Command, response: Response) -> Work:
        return lambda: self.channel.decode(
            command, response, self.account, now=_now(), nonce=_nonce()
        )


@contextlib.contextmanager
def _shop(code: str) -> Iterator[_Shop]:
    provider = PROVIDERS[code]
    identity = provider.new_identity()
    settings = Settings(time_scale=6000, ladder_scale=6000, durable=False)
    simulator = SIMULATORS[code](provider.simulator_half(identity), settings=settings)
    simulator.start()
    config, hidden = provider.settings(identity, simulator.base_url)
    account = Account(id=1, version=1, channel=code, config=config, secrets=hidden)
    with _ear() as (url, notified):
        shop = _Shop(registry.get(code), account, simulator, url, notified)
        try:
            yield shop
        finally:
            shop.transport.close()
            simulator.stop()


@contextlib.contextmanager
def _ear() -> Iterator[tuple[str, queue.Queue[tuple[dict[str, str], bytes]]]]:
    """An address that takes notifications, and what arrived there."""
    arrived: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            arrived.put((dict(self.headers.items()), body))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"success")

        def log_message(self, *_words: Any) -> None:
            """Nobody reads it."""

    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/notices", arrived
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# --- the sandbox --------------------------------------------------------------------------


def _of_sandbox() -> Iterator[tuple[str, Work]]:
    """It has no wire: the answer is made of the amount. What is left is the frame's own cost."""
    channel: Any = registry.get("sandbox")
    account = Account(id=1, version=1, channel="sandbox", config={}, secrets={})
    tools = {"transport": Transport(), "now": _now, "nonce": _nonce}
    order_no = new_number(PREFIX_PAY, _now())
    commands = {
        "create": Pay(
            order_no=order_no,
            amount=PLAIN_AMOUNT,
            title="Tea",
            method=Method.NATIVE,
            notify_url="",
            expires_at=_now() + timedelta(hours=1),
        ),
        "query": QueryPay(order_no=order_no, amount=PLAIN_AMOUNT),
    }
    for name, command in commands.items():
        yield (
            f"sandbox: {name}, without a wire",
            lambda asked=command: channel.perform(asked, account, **tools),
        )


def _now() -> datetime:
    return datetime.now(UTC)


def _nonce() -> str:
    return secrets.token_hex(16)
