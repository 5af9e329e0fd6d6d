"""A merchant written for these tests alone: signs, sends, verifies and receives callbacks.

It uses ``cryptography`` and ``http.client`` directly and shares nothing with the production codec
nor with the simulator, so that a mistake of either shows.
"""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

SCHEME = "WECHATPAY2-SHA256-RSA2048"
OAEP_SHA1 = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.json["code"]


def public_keys(identity: Mapping[str, Any]) -> dict[str, Any]:
    """The platform's keys by the serial that names them."""
    certificate = x509.load_pem_x509_certificate(identity["platform_certificate_pem"].encode())
    return {
        identity["public_key_id"]: load_pem_public_key(identity["public_key_pem"].encode()),
        f"{certificate.serial_number:040X}": certificate.public_key(),
    }


def verify(identity: Mapping[str, Any], headers: Mapping[str, str], body: bytes) -> str:
    """Raise unless the platform signed these bytes; the serial of its key."""
    serial = headers["Wechatpay-Serial"]
    stamp, nonce = headers["Wechatpay-Timestamp"], headers["Wechatpay-Nonce"]
    message = f"{stamp}\n{nonce}\n".encode() + body + b"\n"
    signature = base64.b64decode(headers["Wechatpay-Signature"], validate=True)
    public_keys(identity)[serial].verify(signature, message, PKCS1v15(), SHA256())
    return serial


def open_resource(identity: Mapping[str, Any], resource: Mapping[str, str]) -> Any:
    plain = AESGCM(identity["apiv3_key"].encode()).decrypt(
        resource["nonce"].encode(),
        base64.b64decode(resource["ciphertext"]),
        resource["associated_data"].encode(),
    )
    return json.loads(plain)


@cache
def private_key(pem: str) -> Any:
    return load_pem_private_key(pem.encode(), password=None)


class Merchant:
    """Every part of a request can be replaced, to see what the simulator says to it."""

    def __init__(self, identity: Mapping[str, Any], base_url: str) -> None:
        self.identity = identity
        self.netloc = urlsplit(base_url).netloc
        self._key = private_key(identity["merchant_private_key_pem"])

    def sign(self, message: bytes) -> str:
        return base64.b64encode(self._key.sign(message, PKCS1v15(), SHA256())).decode()

    def authorization(
        self, method: str, target: str, body: bytes, *, stamp: int | None = None, **changed: str
    ) -> str:
        values = {
            "mchid": self.identity["mchid"],
            "nonce_str": secrets.token_hex(16),
            "timestamp": str(int(time.time()) if stamp is None else stamp),
            "serial_no": self.identity["merchant_serial"],
        }
        values |= {name: text for name, text in changed.items() if name != "signature"}
        head = f"{method}\n{target}\n{values['timestamp']}\n{values['nonce_str']}\n"
        signature = changed.get("signature") or self.sign(head.encode() + body + b"\n")
        values["signature"] = signature
        return f"{SCHEME} " + ",".join(f'{name}="{text}"' for name, text in values.items())

    def call(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        headers: Mapping[str, str | None] | None = None,
        authorization: str | None = None,
    ) -> Reply:
        """One signed request on its own connection. A header of None is left out."""
        data = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body, ensure_ascii=False).encode()
        sent: dict[str, str | None] = {
            "Host": self.netloc,
            "Accept": "application/json",
            "User-Agent": "tests",
            "Wechatpay-Serial": self.identity["public_key_id"],
            "Authorization": authorization or self.authorization(method, target, data),
        }
        if data:
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        return send(self.netloc, method, target, data, sent)

    def body(self, out_trade_no: str, **more: Any) -> dict[str, Any]:
        """A prepay body; a member of None is left out."""
        members = {
            "appid": self.identity["appid"],
            "mchid": self.identity["mchid"],
            "description": "青茶一盒",
            "out_trade_no": out_trade_no,
            "notify_url": "http://127.0.0.1:9/callback/",
            "amount": {"total": 100, "currency": "CNY"},
        } | more
        return {name: value for name, value in members.items() if value is not None}

    def prepay(self, out_trade_no: str, *, kind: str = "native", **more: Any) -> Reply:
        body = self.body(out_trade_no, **more)
        return self.call("POST", f"/v3/pay/transactions/{kind}", body)

    def query(self, out_trade_no: str) -> Reply:
        mchid = self.identity["mchid"]
        return self.call("GET", f"/v3/pay/transactions/out-trade-no/{out_trade_no}?mchid={mchid}")

    def close(self, out_trade_no: str) -> Reply:
        target = f"/v3/pay/transactions/out-trade-no/{out_trade_no}/close"
        return self.call("POST", target, {"mchid": self.identity["mchid"]})

    def refund(
        self,
        out_trade_no: str,
        out_refund_no: str,
        amount: int,
        *,
        total: int = 100,
        changed: Mapping[str, Any] | None = None,
    ) -> Reply:
        body = {
            "out_trade_no": out_trade_no,
            "out_refund_no": out_refund_no,
            "notify_url": "http://127.0.0.1:9/callback/",
            "amount": {"refund": amount, "total": total, "currency": "CNY"},
        } | dict(changed or {})
        return self.call("POST", "/v3/refund/domestic/refunds", body)

    def sealed(self, text: str) -> str:
        """A sensitive member, for the key that the ``Wechatpay-Serial`` of ``call`` names."""
        key = public_keys(self.identity)[self.identity["public_key_id"]]
        return base64.b64encode(key.encrypt(text.encode(), OAEP_SHA1)).decode()

    def opened(self, cipher: str) -> str:
        return self._key.decrypt(base64.b64decode(cipher), OAEP_SHA1).decode()

    def query_refund(self, out_refund_no: str) -> Reply:
        return self.call("GET", f"/v3/refund/domestic/refunds/{out_refund_no}")


def send(
    netloc: str, method: str, target: str, body: bytes, headers: Mapping[str, str | None]
) -> Reply:
    connection = http.client.HTTPConnection(netloc, timeout=10)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            if value is not None:
                connection.putheader(name, value.encode())
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


@dataclass
class Notification:
    headers: Mapping[str, str]
    body: bytes
    arrived: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """The merchant's callback address. ``answer`` decides the status of each arrival."""

    answer: Callable[[int], int] = lambda count: 204
    arrived: list[Notification] = field(default_factory=list)
    url: str = ""
    _more: threading.Condition = field(default_factory=threading.Condition)
    _server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.take(Notification(self.headers, body, time.monotonic()))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                if status in (301, 302):
                    self.send_header("Location", receiver.url + "elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/callback/"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def take(self, notification: Notification) -> int:
        with self._more:
            self.arrived.append(notification)
            count = len(self.arrived)
            self._more.notify_all()
        return self.answer(count)

    def wait_for(self, count: int, *, seconds: float = 10) -> list[Notification]:
        with self._more:
            if not self._more.wait_for(lambda: len(self.arrived) >= count, seconds):
                raise AssertionError(f"{len(self.arrived)} of {count} callbacks came")
            return list(self.arrived)

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()


def wait_until(condition: Callable[[], Any], *, seconds: float = 10) -> Any:
    """The first true value of ``condition``."""
    limit = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > limit:
            raise AssertionError("it did not happen in time")
        time.sleep(0.01)
