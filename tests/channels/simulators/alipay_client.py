"""A shop written for these tests alone: signs, sends, verifies and receives notifications.

It uses ``cryptography`` and ``http.client`` directly and shares nothing with the production codec
nor with the simulator, so that a mistake of either shows.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

CHINA = timezone(timedelta(hours=8))
HASHES = {"RSA2": SHA256, "RSA": SHA1}
PUBLIC = ("notify_url", "return_url", "timestamp")
FORM = "application/x-www-form-urlencoded;charset=utf-8"


def stamp(seconds: float = 0) -> str:
    return f"{datetime.now(CHINA) + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}"


def sign_string(params: Mapping[str, str], *without: str) -> bytes:
    kept = sorted((k, v) for k, v in params.items() if v and k not in without)
    return "&".join(f"{k}={v}" for k, v in kept).encode()


def node_of(raw: bytes, name: str) -> bytes:
    """The exact text of one top-level member."""
    text = raw.decode()
    start = text.index(f'"{name}":') + len(name) + 3
    _, end = json.JSONDecoder().raw_decode(text, start)
    return text[start:end].encode()


def cert_sn(certificate: x509.Certificate) -> str:
    names = {x509.NameOID.COUNTRY_NAME: "C", x509.NameOID.ORGANIZATION_NAME: "O"}
    names |= {x509.NameOID.ORGANIZATIONAL_UNIT_NAME: "OU", x509.NameOID.COMMON_NAME: "CN"}
    issuer = ",".join(f"{names[one.oid]}={one.value}" for one in reversed(list(certificate.issuer)))
    return hashlib.md5(f"{issuer}{certificate.serial_number}".encode()).hexdigest()


def root_cert_sn(bundle: str) -> str:
    roots = x509.load_pem_x509_certificates(bundle.encode())
    return "_".join(cert_sn(one) for one in roots if "EC" not in one.issuer.rfc4514_string())


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    raw: bytes
    method: str

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def node(self) -> dict[str, Any]:
        return self.json[self.method.replace(".", "_") + "_response"]

    @property
    def code(self) -> str:
        """What the gateway and, where there is one, the business say."""
        node = self.json.get("error_response") or self.node
        return " ".join(filter(None, (node["code"], node.get("sub_code"))))


class Shop:
    """Every part of a request can be replaced, to see what the simulator says to it."""

    def __init__(
        self,
        identity: Mapping[str, Any],
        base_url: str,
        *,
        certificates: bool = False,
        sign_type: str = "RSA2",
    ) -> None:
        self.identity = identity
        self.base_url = base_url
        self.netloc = urlsplit(base_url).netloc
        self.sign_type = sign_type
        self.mode: dict[str, str] = {}
        if certificates:
            own = x509.load_pem_x509_certificate(identity["app_cert_pem"].encode())
            roots = root_cert_sn(identity["alipay_root_cert_pem"])
            self.mode = {"app_cert_sn": cert_sn(own), "alipay_root_cert_sn": roots}
        self._key = load_pem_private_key(identity["app_private_key_pem"].encode(), None)
        self.alipay_key = load_pem_public_key(identity["alipay_public_key_pem"].encode())
        if certificates:
            their = x509.load_pem_x509_certificate(identity["alipay_cert_pem"].encode())
            self.alipay_key = their.public_key()

    # --- signing and sending ------------------------------------------------------------

    def sign(self, message: bytes, sign_type: str = "") -> str:
        digest = HASHES[sign_type or self.sign_type]()
        return base64.b64encode(self._key.sign(message, PKCS1v15(), digest)).decode()

    def params(self, method: str, biz: Any, /, **changed: str | None) -> dict[str, str]:
        """Signed, unless ``sign`` is given; a parameter of None is left out."""
        content = biz if isinstance(biz, str) else json.dumps(biz, ensure_ascii=False)
        values = {
            "app_id": self.identity["app_id"],
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": self.sign_type,
            "timestamp": stamp(),
            "version": "1.0",
            "biz_content": content,
            **self.mode,
        } | changed
        kept = {name: value for name, value in values.items() if value is not None}
        if "sign" not in changed:
            sign_type = kept.get("sign_type", "")
            kept["sign"] = self.sign(
                sign_string(kept, "sign"), sign_type if sign_type in HASHES else ""
            )
        return kept

    def call(self, method: str, biz: Any, /, *, how: str = "split", **changed: str | None) -> Reply:
        """``how``: parameters in the body, in the query of a GET, or split as the SDK does."""
        return self.send(method, self.params(method, biz, **changed), how=how)

    def send(self, method: str, params: Mapping[str, str], *, how: str = "split") -> Reply:
        in_query = {k: v for k, v in params.items() if how == "get" or k != "biz_content"}
        if how == "post":
            in_query = {}
        in_body = {k: v for k, v in params.items() if k not in in_query}
        target = "/gateway.do" + (f"?{urlencode(in_query)}" if in_query else "")
        verb = "GET" if how == "get" else "POST"
        return self.request(verb, target, urlencode(in_body), method=method)

    def request(self, verb: str, target: str, body: str = "", *, method: str = "") -> Reply:
        connection = http.client.HTTPConnection(self.netloc, timeout=10)
        try:
            headers = {"Content-Type": FORM} if body else {}
            connection.request(verb, target, body=body or None, headers=headers)
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read(), method)
        finally:
            connection.close()

    def url(self, method: str, biz: Any, **public: str) -> str:
        return f"{self.base_url}/gateway.do?{urlencode(self.params(method, biz, **public))}"

    # --- verifying ----------------------------------------------------------------------

    def verify(self, reply: Reply, *, name: str = "", key: Any = None) -> None:
        """Raise unless the platform signed these very bytes."""
        signed = node_of(reply.raw, name or reply.method.replace(".", "_") + "_response")
        self.check(signed, reply.json["sign"], key=key)

    def check(self, message: bytes, signature: str, *, key: Any = None) -> None:
        raw = base64.b64decode(signature, validate=True)
        (key or self.alipay_key).verify(raw, message, PKCS1v15(), HASHES[self.sign_type]())

    def verify_form(self, fields: Mapping[str, str]) -> None:
        self.check(sign_string(fields, "sign", "sign_type"), fields["sign"])

    # --- the methods --------------------------------------------------------------------

    def order(self, number: str, amount: str = "1.00", **more: Any) -> dict[str, Any]:
        return {"out_trade_no": number, "total_amount": amount, "subject": "青茶一盒"} | more

    def precreate(self, number: str, amount: str = "1.00", **more: Any) -> Reply:
        public = {k: more.pop(k) for k in PUBLIC if k in more}
        return self.call("alipay.trade.precreate", self.order(number, amount, **more), **public)

    def query(self, number: str, **more: Any) -> Reply:
        return self.call("alipay.trade.query", {"out_trade_no": number} | more)

    def close(self, number: str) -> Reply:
        return self.call("alipay.trade.close", {"out_trade_no": number})

    def cancel(self, number: str) -> Reply:
        return self.call("alipay.trade.cancel", {"out_trade_no": number})

    def bar_pay(self, number: str, code: str = "281234567890123499", **more: Any) -> Reply:
        public = {k: more.pop(k) for k in PUBLIC if k in more}
        biz = self.order(number, scene="bar_code", auth_code=code, **more)
        return self.call("alipay.trade.pay", biz, **public)

    def refund(self, number: str, request_no: str, amount: str, **more: Any) -> Reply:
        biz = {"out_trade_no": number, "out_request_no": request_no, "refund_amount": amount}
        return self.call("alipay.trade.refund", biz | more)

    def query_refund(self, number: str, request_no: str, **more: Any) -> Reply:
        biz = {"out_trade_no": number, "out_request_no": request_no}
        return self.call("alipay.trade.fastpay.refund.query", biz | more)

    def bind(self, *accounts: str, kind: str = "userId") -> Reply:
        receivers = [{"type": kind, "account": account, "name": "张三"} for account in accounts]
        biz = {"out_request_no": "BIND1", "receiver_list": receivers}
        return self.call("alipay.trade.royalty.relation.bind", biz)

    def settle(
        self, trade_no: str, request_no: str, *shares: tuple[str, str], **more: Any
    ) -> Reply:
        parameters = [
            {"trans_in": account, "trans_in_type": "userId", "amount": amount}
            for account, amount in shares
        ]
        biz: dict[str, Any] = {"trade_no": trade_no, "out_request_no": request_no}
        biz |= {"royalty_parameters": parameters} if parameters else {}
        return self.call("alipay.trade.order.settle", biz | more)

    def query_settle(self, trade_no: str, request_no: str) -> Reply:
        biz = {"trade_no": trade_no, "out_request_no": request_no}
        return self.call("alipay.trade.order.settle.query", biz)

    def transfer(self, number: str, amount: str = "1.00", **more: Any) -> Reply:
        biz = {
            "out_biz_no": number,
            "trans_amount": amount,
            "product_code": "TRANS_ACCOUNT_NO_PWD",
            "biz_scene": "DIRECT_TRANSFER",
            "order_title": "稿费",
            "payee_info": {"identity": "2088000000000001", "identity_type": "ALIPAY_USER_ID"},
        }
        return self.call("alipay.fund.trans.uni.transfer", biz | more)

    def query_transfer(self, number: str) -> Reply:
        biz = {"out_biz_no": number, "product_code": "TRANS_ACCOUNT_NO_PWD"}
        return self.call("alipay.fund.trans.common.query", biz | {"biz_scene": "DIRECT_TRANSFER"})


@dataclass
class Notice:
    body: bytes
    arrived: float

    @property
    def fields(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass
class Ears:
    """The shop's notification address. ``answer`` decides what each arrival is told."""

    answer: Callable[[int], bytes] = lambda count: b"success"
    arrived: list[Notice] = field(default_factory=list)
    url: str = ""
    _more: threading.Condition = field(default_factory=threading.Condition)
    _server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        ears = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = ears.take(Notice(body, time.monotonic()))
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/notify?x=1"
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def take(self, notice: Notice) -> bytes:
        with self._more:
            self.arrived.append(notice)
            count = len(self.arrived)
            self._more.notify_all()
        return self.answer(count)

    def wait_for(self, count: int, *, seconds: float = 10) -> list[Notice]:
        with self._more:
            if not self._more.wait_for(lambda: len(self.arrived) >= count, seconds):
                raise AssertionError(f"{len(self.arrived)} of {count} notifications came")
            return list(self.arrived)

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
