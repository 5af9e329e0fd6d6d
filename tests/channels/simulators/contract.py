"""The reviewed OpenAPI contract of WeChat Pay v3, held against real requests and answers."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from tests.channels.simulators.wire_client import Merchant, Reply

HOST = "https://api.mch.weixin.qq.com"
FILE = Path(__file__).parents[2] / "vectors/wechat/openapi3.json"


@cache
def contract() -> OpenAPI:
    return OpenAPI.from_dict(json.loads(FILE.read_text("utf-8")))


def holds(method: str, target: str, reply: Reply, *, body: Any = None) -> None:
    """Raise where the answer (or our own request) is not what the contract says."""
    path, _, query = target.partition("?")
    request = MockRequest(
        HOST,
        method.lower(),
        path,
        args=dict(pair.split("=") for pair in query.split("&")) if query else {},
        data=None if body is None else json.dumps(body).encode(),
    )
    if body is not None and reply.status < 300:
        contract().validate_request(request)
    response = MockResponse(
        reply.body,
        status_code=reply.status,
        content_type=(reply.headers.get("Content-Type") or "application/json").split(";")[0],
    )
    contract().validate_response(request, response)


def checked(merchant: Merchant, method: str, target: str, body: Any = None) -> Reply:
    """Send, and hold the answer against the contract."""
    reply = merchant.call(method, target, body)
    holds(method, target, reply, body=body)
    return reply
