"""Real Celery workers, a Redis of their own that may be killed, and a simulated WeChat Pay.

The workers are child processes on this test's database. The clock is a thread that sends sweeps
as beat would. The simulator keeps its own book, and only that book says what money moved.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis
from celery import current_app
from django.conf import settings as django_settings
from django.db import connection
from kombu import Connection

from channels.simulators.wechat import Settings, WechatSimulator, new_identity
from channels.simulators.wechat.identity import credentials
from gateway import embedded, processes
from gateway.settings import _broker
from orders.engine import wake
from orders.models import ChannelAccount
from tests import cast

ROOT = Path(__file__).resolve().parents[2]
LEASE_S = 6
"""Of the workers; their timeouts on the wire are cut to one second each."""
PATIENCE_S = 40.0


def until(fact: Callable[[], Any], what: str, *, patience_s: float = PATIENCE_S) -> Any:
    """Wait for a fact; fail with its name."""
    deadline = time.monotonic() + patience_s
    while not (found := fact()):
        if time.monotonic() > deadline:
            pytest.fail(f"in vain waited for: {what}")
        time.sleep(0.03)
    return found


class OwnRedis:
    """A Redis that this test may flush, kill and start again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = embedded.redis_url(home)
        self.process = embedded.start_redis(home)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        self.process = embedded.start_redis(self.home)


class Worker:
    """One Celery worker process."""

    def __init__(self, environment: dict[str, str], log: Path, *options: str) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "celery", "-A", "gateway", "worker", "-l", "INFO"),
                    *("--without-gossip", "--without-mingle", "-n", f"{log.stem}@chaos"),
                    *(options or ("-Q", ",".join(wake.QUEUES), "-P", "threads", "-c", "8")),
                ],
                cwd=ROOT,
                env=environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=processes.die_with_parent(signal.SIGKILL),
            )
        until(lambda: "ready." in log.read_text(), f"{log.stem} is ready", patience_s=60)

    def kill(self) -> None:
        """kill -9, with everything that it started."""
        processes.kill_group(self.process.pid)
        self.process.wait()


class Chaos:
    """The house of one test, and the tools to hurt it."""

    def __init__(self, simulator: WechatSimulator, own_redis: OwnRedis, directory: Path) -> None:
        self.simulator = simulator
        self.redis = own_redis
        self.directory = directory
        self.workers: list[Worker] = []
        self.house = cast.merchant("A")

    def worker(self, *options: str) -> Worker:
        name = connection.settings_dict
        environment = {
            **os.environ,
            "DATABASE_URL": (
                f"postgresql://{name['USER']}@/{name['NAME']}?host={quote(name['HOST'], safe='')}"
            ),
            "REDIS_URL": self.redis.url,
            "ZHANGFANG_LEASE_S": str(LEASE_S),
            "ZHANGFANG_WIRE_THREADS": "16",
            "ZHANGFANG_LOG_LEVEL": "INFO",
        }
        log = self.directory / f"worker{len(self.workers)}.log"
        worker = Worker(environment, log, *options)
        self.workers.append(worker)
        return worker

    def movements(self) -> list[tuple[str, str, int]]:
        """What the channel's own book says: (kind, our number, fen) of every movement."""
        movements = self.simulator.book()["movements"]
        return sorted((one["kind"], one["our_no"], one["amount"]) for one in movements)

    def set_faults(self, **faults: dict[str, Any]) -> None:
        """Notifications never come, whatever else goes wrong."""
        self.simulator.set_faults({"callback": {"fault": "off"}, **faults})

    def stop(self) -> None:
        for worker in self.workers:
            worker.kill()


@pytest.fixture(scope="session")
def identity() -> dict[str, Any]:
    return new_identity()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    home = tmp_path / "redis"
    home.mkdir()
    running = OwnRedis(home)
    yield running
    running.kill()
    embedded.remove(home)


@pytest.fixture
def broker(own_redis: OwnRedis, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """This process, too, wakes the workers through their Redis."""
    settings.REDIS_URL = own_redis.url
    options = django_settings.CELERY_BROKER_TRANSPORT_OPTIONS

    def send(task: str, to: str, **arguments: Any) -> None:
        with Connection(_broker(own_redis.url), transport_options=options) as broker:
            current_app.send_task(task, kwargs=arguments, queue=to, retry=False, connection=broker)

    monkeypatch.setattr(
        wake, "publish", lambda queue: send("orders.tasks.drain", queue, queue=queue)
    )
    monkeypatch.setattr(wake, "_resume_at", 0.0)
    return send


@pytest.fixture
def clock(broker: Any) -> Iterator[None]:
    """Beat's part: a sweep every half second, and nothing to say when Redis is away."""
    stopping = threading.Event()

    def run() -> None:
        while not stopping.wait(0.5):
            try:
                broker("orders.tasks.sweep", "sync")
            except (redis.RedisError, OSError):
                continue

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stopping.set()
    thread.join()


@pytest.fixture
def chaos(
    transactional_db: Any,
    identity: dict[str, Any],
    own_redis: OwnRedis,
    broker: Any,
    tmp_path: Path,
) -> Iterator[Chaos]:
    """Merchant A with an account at the simulator. Its callbacks do not arrive: the clock asks."""
    simulator = WechatSimulator(
        identity, settings=Settings(time_scale=6000, ladder_scale=150, durable=False)
    )
    simulator.start()
    chaos = Chaos(simulator, own_redis, tmp_path)
    row = ChannelAccount(merchant=chaos.house.merchant, channel="wechat", code="wx", name="WeChat")
    facts = credentials(identity, simulator.base_url)
    row.secrets = {name: facts.pop(name) for name in ("merchant_private_key_pem", "apiv3_key")}
    facts["public_key_id"] = facts.pop("platform_public_key_id")
    facts["public_key_pem"] = facts.pop("platform_public_key_pem")
    row.config = {**facts, "refund_spacing": "1"}
    row.save()
    chaos.set_faults()
    yield chaos
    chaos.stop()
    simulator.stop()
