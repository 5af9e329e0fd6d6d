"""Stands in for the Python SDK of DaxPay Open, which no package registry has: its public names
(``Config``, ``DaxPayClient``: ``execute``, ``ping``), over the client of these tests."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.gateway.daxpay import client


@dataclass
class Config:
    service_url: str
    mch_no: str
    private_key: str
    public_key: str
    app_id: str | None = None
    timeout: int = 30000


class DaxPayClient:
    def __init__(self, config: Config) -> None:
        self._base = config.service_url.rstrip("/")
        self._wire = client.DaxPayClient(
            mch_no=config.mch_no,
            app_id=config.app_id or "",
            private_key=config.private_key,
            platform_public_key=config.public_key,
            post=self._post,
        )

    def execute(self, path: str, param: dict[str, Any]) -> dict[str, Any]:
        return {"code": 0, "data": self._wire.execute(path, param)}

    def ping(self) -> str:
        with urllib.request.urlopen(f"{self._base}/unipay/callback/ping") as answer:
            return answer.read().decode()

    def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        kind = {"Content-Type": "application/json; charset=utf-8"}
        request = urllib.request.Request(self._base + path, body, kind)
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
