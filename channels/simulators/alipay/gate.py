"""What Alipay's gateway checks before it reads a business request.

Called by ``simulator`` for every request to ``/gateway.do``. Signatures are checked over the raw
bytes of the values as they arrived, whether in the query or in the body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote_to_bytes

from channels.simulators.alipay.errors import ApiError, invalid, missing
from channels.simulators.alipay.keys import DIGESTS, Keys, sign_string
from channels.simulators.core.clock import CHINA
from channels.simulators.core.web import Request

WINDOW = 15 * 60
"""Seconds that ``timestamp`` may be away from Alipay's own time."""
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
FORM = "application/x-www-form-urlencoded"
REQUIRED = (
    ("sign", "signature"),
    ("sign_type", "signature-type"),
    ("timestamp", "timestamp"),
    ("version", "version"),
)


def _pairs(encoded: bytes) -> list[tuple[str, bytes]]:
    pieces = (piece.partition(b"=") for piece in encoded.split(b"&") if piece)
    return [
        (
            unquote_to_bytes(name.replace(b"+", b" ")).decode("latin-1"),
            unquote_to_bytes(value.replace(b"+", b" ")),
        )
        for name, _, value in pieces
    ]


@dataclass(frozen=True)
class Form:
    """The merged parameters of one request; values are bytes as they were decoded once."""

    values: Mapping[str, bytes]
    doubled: bool = False

    def __contains__(self, name: str) -> bool:
        return bool(self.values.get(name))

    def text(self, name: str) -> str:
        try:
            return self.values.get(name, b"").decode("utf-8")
        except UnicodeDecodeError as error:
            raise invalid("charset", f"{name} 不是 utf-8") from error

    @property
    def method(self) -> str:
        return self.values.get("method", b"").decode("utf-8", "replace")

    @property
    def in_certificate_mode(self) -> bool:
        return "app_cert_sn" in self

    @property
    def sign_type(self) -> str:
        """For the answer too; a request without a usable one is answered with RSA2."""
        given = self.values.get("sign_type", b"").decode("latin-1")
        return given if given in DIGESTS else "RSA2"


def read_form(request: Request) -> Form:
    """«公共参数» may stand in the query and ``biz_content`` in the body: both count."""
    pairs = _pairs(request.query.encode("latin-1"))
    if request.header("content-type").partition(";")[0].strip().lower() == FORM:
        pairs += _pairs(request.body)
    values = dict(pairs)
    return Form(values, doubled=len(values) != len(pairs))


def authenticate(
    form: Form, *, keys: Keys, app_id: str, known: Mapping[str, object], now: float
) -> None:
    """Raise ApiError unless this application sent it, now, to a method that exists."""
    if not form.method:
        raise missing("method")
    if "app_id" not in form:
        raise missing("app-id")
    for name, word in REQUIRED:
        if name not in form:
            raise missing(word)
    if form.text("app_id") != app_id:
        raise invalid("app-id")
    if form.method not in known:
        raise invalid("method")
    _check_manner(form)
    _check_certificates(form, keys)
    message = sign_string(form.values.items(), without=("sign",))
    if not keys.app_signed(message, form.values["sign"], sign_type=form.sign_type):
        raise invalid("signature")
    _check_time(form.text("timestamp"), now=now)


def _check_manner(form: Form) -> None:
    if form.doubled:
        raise invalid("signature", "参数重复")
    if form.text("sign_type") not in DIGESTS:
        raise invalid("signature-type")
    if form.text("charset").lower() != "utf-8":
        raise invalid("charset")
    if "format" in form and form.text("format").upper() != "JSON":
        raise invalid("format")
    if form.text("version") != "1.0":
        raise invalid("parameter", "version 固定为 1.0")
    if "encrypt_type" in form:
        raise invalid("encrypt-type")


def _check_certificates(form: Form, keys: Keys) -> None:
    """Both numbers or neither, and the right ones."""
    given = (form.text("app_cert_sn"), form.text("alipay_root_cert_sn"))
    if given not in (("", ""), (keys.app_cert_sn, keys.root_cert_sn)):
        raise ApiError("40002", "isv.missing-signature-config")


def _check_time(text: str, *, now: float) -> None:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text):
        raise invalid("timestamp")
    try:
        moment = datetime.strptime(text, TIME_FORMAT).replace(tzinfo=CHINA).timestamp()
    except ValueError as error:
        raise invalid("timestamp") from error
    if abs(now - moment) > WINDOW:
        raise invalid("timestamp")
