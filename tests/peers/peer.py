"""Speak with a driver: a script that runs an independent client in its own environment.

One JSON line in, one JSON line out. A driver never imports the project, and the project never
imports a client.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.peers.setup import python_of

DRIVERS = Path(__file__).parent / "drivers"


class PeerError(Exception):
    """The client raised; ``kind`` is the name of its exception."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Peer:
    def __init__(self, name: str, driver: str, **config: Any) -> None:
        # These clients stamp their requests with the local clock: they must live in China.
        environment = {"PATH": os.environ["PATH"], "TZ": "Asia/Shanghai", "PYTHONUTF8": "1"}
        self._process = subprocess.Popen(
            [str(python_of(name)), str(DRIVERS / driver)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            encoding="utf-8",
        )
        self.ask("open", **config)

    def ask(self, what: str, **given: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"what": what} | given) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise PeerError(answer["error"], answer["text"])
        return answer["result"]

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()
