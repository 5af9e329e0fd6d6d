"""The shape of the gateway's answers and the signature over the exact bytes of the node.

Called by ``simulator``. An answer is a ``Node`` until it is sealed; pages and files are plain
answers and carry no signature.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from channels.simulators.alipay.gate import Form
from channels.simulators.alipay.keys import Keys
from channels.simulators.core.web import Answer

JSON_HEADERS = {"Content-Type": "application/json;charset=utf-8"}
ODD_TEXT = 'a } brace, a "quote\\", {"sign":"} and },"sign":"x" in a string'


@dataclass(frozen=True, kw_only=True)
class Node(Answer):
    """``body`` is the node's own text; its name is the method's unless it is given."""

    name: str = ""
    signed: bool = True


def as_node(
    document: Mapping[str, Any], *, name: str = "", signed: bool = True, odd: bool = False
) -> Node:
    """Compact, with ``/`` escaped as the real gateway does: parsing and writing it anew differs.

    ``odd`` writes the same node as awkwardly as JSON allows.
    """
    if odd:
        text = json.dumps(dict(document) | {"odd": ODD_TEXT}, indent=1, ensure_ascii=True)
    else:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return Node(status=200, body=text.replace("/", "\\/").encode(), name=name, signed=signed)


def node_name(method: str) -> str:
    return method.replace(".", "_") + "_response"


def seal(node: Node, form: Form, *, keys: Keys, tamper: str) -> Answer:
    """``{"<name>":{…},"alipay_cert_sn":"…","sign":"…"}``."""
    name = node.name or node_name(form.method)
    parts = [f'"{name}":'.encode() + node.body]
    cert = ""
    if form.in_certificate_mode:
        cert = keys.next_cert_sn if tamper == "rotated" else keys.alipay_cert_sn
        told = secrets.token_hex(16) if tamper == "wrong_serial" else cert
        parts.append(f'"alipay_cert_sn":"{told}"'.encode())
    if node.signed and tamper != "unsigned":
        sign = keys.sign(node.body, sign_type=form.sign_type, cert=cert, tamper=tamper)
        parts.append(f'"sign":"{sign}"'.encode())
    return Answer(status=200, headers=JSON_HEADERS, body=b"{" + b",".join(parts) + b"}")
