"""Speak with ``sdk.js``: one JSON line in, one JSON line out."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.peers.setup import HOME

DRIVER = Path(__file__).parent / "sdk.js"


class HError(Exception):
    """The SDK rejected, with its own error."""

    def __init__(self, code: Any, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class Sdk:
    def __init__(self, host: str, *, client_id: str, token: str) -> None:
        self._process = subprocess.Popen(
            ["node", str(DRIVER), str(HOME / "minapp-sdk")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "TZ": "Asia/Shanghai"},
            text=True,
            encoding="utf-8",
        )
        self.version = self.ask("open", host=host, client_id=client_id, token=token)

    def ask(self, what: str, **given: Any) -> Any:
        """Raises HError where the SDK's promise is rejected."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"what": what} | given) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        if "error" in told:
            raise HError(told.get("code"), told["text"])
        return told["result"]

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()
