"""``python -m channels.simulators wechat --identity FILE --state FILE --port N``.

Prints one line ``ready wechat http://127.0.0.1:N`` when it is open, and nothing else. SIGTERM and
Ctrl-C stop it cleanly; ``kill -9`` loses nothing that it has answered.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from channels.simulators.alipay import AlipaySimulator
from channels.simulators.alipay import new_identity as new_alipay_identity
from channels.simulators.core.simulator import Settings, Simulator
from channels.simulators.umf import UmfSimulator
from channels.simulators.umf import new_identity as new_umf_identity
from channels.simulators.wechat import WechatSimulator
from channels.simulators.wechat import new_identity as new_wechat_identity

SIMULATORS: dict[str, tuple[Callable[..., Simulator], Callable[[], dict[str, Any]]]] = {
    "alipay": (AlipaySimulator, new_alipay_identity),
    "umf": (UmfSimulator, new_umf_identity),
    "wechat": (WechatSimulator, new_wechat_identity),
}


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m channels.simulators", description=__doc__)
    parser.add_argument("provider", choices=sorted(SIMULATORS))
    parser.add_argument("--identity", type=Path, required=True, help="JSON of new_identity()")
    parser.add_argument(
        "--new-identity", action="store_true", help="write the identity file if there is none"
    )
    parser.add_argument("--state", default=":memory:", help="SQLite file; made if missing")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 chooses one")
    defaults = Settings()
    parser.add_argument("--time-scale", type=float, default=defaults.time_scale)
    parser.add_argument("--ladder-scale", type=float, default=defaults.ladder_scale)
    parser.add_argument("--latency-ms", type=int, default=defaults.latency_ms)
    parser.add_argument("--initial-balance", type=int, default=defaults.initial_balance)
    parser.add_argument("--fast", action="store_true", help="no care about a power cut")
    return parser.parse_args(argv)


def _write_private(path: Path, text: str) -> None:
    """Keys are for their owner's eyes."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _build(arguments: argparse.Namespace) -> Simulator:
    simulator, make_identity = SIMULATORS[arguments.provider]
    if arguments.new_identity and not arguments.identity.exists():
        _write_private(arguments.identity, json.dumps(make_identity(), indent=1))
    return simulator(
        json.loads(arguments.identity.read_text(encoding="utf-8")),
        state=arguments.state,
        port=arguments.port,
        settings=Settings(
            time_scale=arguments.time_scale,
            ladder_scale=arguments.ladder_scale,
            latency_ms=arguments.latency_ms,
            initial_balance=arguments.initial_balance,
            durable=not arguments.fast,
        ),
    )


def main(argv: list[str]) -> int:
    simulator = _build(_arguments(argv))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    base_url = simulator.start()
    sys.stdout.write(f"ready {simulator.code} {base_url}\n")
    sys.stdout.flush()
    stop.wait()
    simulator.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
