"""A UMF merchant written for these tests alone: signs, sends, verifies, acknowledges.

It uses ``cryptography`` and ``http.client`` directly and shares nothing with the production codec
nor with the simulator, so that a mistake of either shows.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from tests.channels.simulators.wire_client import Notification, Reply, private_key, send

CHINA = timezone(timedelta(hours=8))
ROOT = "/in-pay-client/pay/"


def today() -> str:
    return datetime.now(CHINA).strftime("%Y%m%d")


def request_plain(members: Mapping[str, Any]) -> str:
    names = sorted(name for name, value in members.items() if name != "sign" and value)
    return "&".join(f"{name}={members[name]}" for name in names)


def answer_plain(members: Mapping[str, Any]) -> str:
    names = sorted(name for name, value in members.items() if name != "sign" and value)
    return "|".join(str(members[name]) for name in names)


class Till:
    """A merchant at its till. Every answer's signature is verified unless told otherwise."""

    def __init__(self, identity: Mapping[str, Any], base_url: str) -> None:
        self.identity = identity
        self.netloc = urlsplit(base_url).netloc
        self._key = private_key(identity["merchant_private_key_pem"])
        self._platform = load_pem_public_key(identity["platform_public_key_pem"].encode())

    def sign(self, plain: str, *, pem: str = "") -> str:
        key = load_pem_private_key(pem.encode(), None) if pem else self._key
        return base64.b64encode(key.sign(plain.encode(), PKCS1v15(), SHA1())).decode()

    def verify(self, plain: str, signature: str) -> None:
        """Raise InvalidSignature unless the platform signed this."""
        self._platform.verify(
            base64.b64decode(signature, validate=True), plain.encode(), PKCS1v15(), SHA1()
        )

    def members(self, op: str, **changed: Any) -> dict[str, Any]:
        """A right request; a member of None is left out."""
        now = datetime.now(CHINA)
        moment = {"reqDate": now.strftime("%Y%m%d"), "reqTime": now.strftime("%H%M%S")}
        usual: dict[str, dict[str, Any]] = {
            "activescan": {**moment, "amount": "100", "payType": "WX", "goodsInfo": "青茶一盒"},
            "unifiedcode": {**moment, "amount": "100", "payType": "WX", "openId": "o-customer"},
            "unactivescan": {
                **moment,
                "amount": "100",
                "payType": "WX",
                "mediaNo": "134919586213926735",
                "goodsId": "1",
                "goodsInfo": "青茶一盒",
            },
            "orderquery": {"payType": "WX"},
            "close": moment,
            "repeal": {**moment, "amount": "100", "payType": "WX", "orderDate": today()},
            "refund": {**moment, "amount": "30", "payType": "WX", "refundOrderId": "R-1"},
            "refundquery": {**moment, "refundOrderId": "R-1"},
            "getCollateFile": {"stlDate": today()},
        }
        filled = {"merId": self.identity["mer_id"], "orderId": "ORDER-1"} | usual[op] | changed
        if op == "getCollateFile":
            filled.pop("orderId")
        return {name: value for name, value in filled.items() if value is not None}

    def ask(self, op: str, **changed: Any) -> dict[str, str]:
        """One signed request; the verified members of the answer."""
        reply = self.post(op, self.signed(self.members(op, **changed)))
        assert reply.status == 200
        answer: dict[str, str] = reply.json
        self.verify(answer_plain(answer), answer["sign"])
        return answer

    def code(self, op: str, **changed: Any) -> str:
        return self.ask(op, **changed)["retCode"]

    def signed(self, members: Mapping[str, Any]) -> dict[str, Any]:
        return dict(members) | {"sign": self.sign(request_plain(members))}

    def post(
        self, op: str, document: Any, *, form: str = "", path: str = "", method: str = "POST"
    ) -> Reply:
        body = json.dumps(document, ensure_ascii=False).encode()
        kind = "application/json"
        if form:
            kind = "application/x-www-form-urlencoded"
            text = body.decode()
            body = (
                urlencode({"context": text}) if form == "escaped" else f"context={text}"
            ).encode()
        headers = {"Host": self.netloc, "Content-Type": kind}
        return send(self.netloc, method, path or ROOT + op, body, headers)

    def acknowledgement(self, told: Mapping[str, str], **changed: str) -> bytes:
        """What a merchant answers to a notification, signed as an answer."""
        names = ("funCode", "orderDate", "orderId", "reqDate", "reqTime")
        members = {name: told[name] for name in names} | {"retCode": "0000", "retMsg": ""} | changed
        return json.dumps(members | {"sign": self.sign(answer_plain(members))}).encode()


@dataclass
class Inbox:
    """The merchant's callback address. ``answer`` decides what each arrival is answered with."""

    answer: Callable[[int, Mapping[str, str]], bytes]
    arrived: list[Notification] = field(default_factory=list)
    url: str = ""
    _more: threading.Condition = field(default_factory=threading.Condition)
    _server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                said = inbox.take(Notification(self.headers, body, time.monotonic()))
                self.send_response(200)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/callback/umf/1/"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def take(self, notification: Notification) -> bytes:
        with self._more:
            self.arrived.append(notification)
            count = len(self.arrived)
            self._more.notify_all()
        return self.answer(count, notification.json)

    def wait_for(self, count: int, *, seconds: float = 10) -> list[Notification]:
        with self._more:
            if not self._more.wait_for(lambda: len(self.arrived) >= count, seconds):
                raise AssertionError(f"{len(self.arrived)} of {count} notifications came")
            return list(self.arrived)

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
