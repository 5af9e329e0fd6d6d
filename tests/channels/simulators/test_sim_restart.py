"""A simulator run as a process: one ready line, a clean stop, and nothing lost by kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from channels.simulators.wechat import new_identity, simulator_half
from channels.simulators.wechat.identity import credentials
from tests.channels.simulators.wire_client import Merchant, Receiver, verify

ROOT = Path(__file__).parents[3]


class Process:
    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "channels.simulators", "wechat", *options]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline()
        self.base_url = self.ready.split()[-1]

    def stop(self, number: int) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.base_url + path, timeout=10) as answer:
            return json.load(answer)

    def post(self, path: str, document: Any) -> Any:
        data = json.dumps(document).encode()
        with urllib.request.urlopen(self.base_url + path, data=data, timeout=10) as answer:
            return json.load(answer)


@pytest.fixture
def launch(tmp_path: Path, identity: dict[str, Any]) -> Iterator[Callable[..., Process]]:
    """Processes on one state file; the simulator never gets the merchant's private key."""
    file = tmp_path / "identity.json"
    file.write_text(json.dumps(simulator_half(identity)), "utf-8")
    running: list[Process] = []

    def start(*options: str) -> Process:
        state = str(tmp_path / "state.sqlite")
        process = Process("--identity", str(file), "--state", state, *options)
        running.append(process)
        return process

    yield start
    for process in running:
        if process.process.poll() is None:
            process.stop(signal.SIGKILL)


def test_it_says_one_line_and_stops_cleanly(launch: Callable[..., Process]) -> None:
    process = launch()
    assert process.ready == f"ready wechat {process.base_url}\n"
    assert process.base_url.startswith("http://127.0.0.1:")
    assert process.stop(signal.SIGTERM) == (0, "", "")


def test_kill_9_loses_nothing_that_was_answered(
    launch: Callable[..., Process], identity: dict[str, Any], receiver: Receiver
) -> None:
    receiver.answer = lambda count: 500 if count == 1 else 204
    first = launch("--time-scale", "1", "--ladder-scale", "15")
    merchant = Merchant(identity, first.base_url)
    merchant.prepay("ORDER-1", notify_url=receiver.url)
    paid = first.post("/_sim/pay", {"out_trade_no": "ORDER-1"})
    refunded = merchant.refund("ORDER-1", "R-1", 30).json
    receiver.wait_for(1)
    book = first.get("/_sim/book")
    first.stop(signal.SIGKILL)

    second = launch("--time-scale", "1", "--ladder-scale", "15")
    assert second.get("/_sim/book") == book
    assert [move["out_no"] for move in book["movements"]] == [paid["transaction_id"]]
    assert list(book["balances"].values()) == [{"available": 70, "frozen": 0, "refunding": 30}]
    again = Merchant(identity, second.base_url)
    assert again.query("ORDER-1").json["transaction_id"] == paid["transaction_id"]
    assert again.query_refund("R-1").json == refunded
    assert again.refund("ORDER-1", "R-1", 30).json["refund_id"] == refunded["refund_id"]
    # The refused callback is tried again by the new process, on the old one's ladder.
    notification = receiver.wait_for(2)[1]
    verify(identity, notification.headers, notification.body)
    assert notification.body == receiver.arrived[0].body


def test_a_refund_in_work_ends_after_a_restart(
    launch: Callable[..., Process], identity: dict[str, Any], receiver: Receiver
) -> None:
    first = launch("--time-scale", "100")
    merchant = Merchant(identity, first.base_url)
    merchant.prepay("ORDER-1", notify_url=receiver.url)
    first.post("/_sim/pay", {"out_trade_no": "ORDER-1"})
    receiver.wait_for(1)
    merchant.refund("ORDER-1", "R-1", 30, changed={"notify_url": receiver.url})
    first.stop(signal.SIGKILL)

    second = launch("--time-scale", "100")
    events = [one.json["event_type"] for one in receiver.wait_for(2)]
    assert events == ["TRANSACTION.SUCCESS", "REFUND.SUCCESS"]
    kinds = [move["kind"] for move in second.get("/_sim/book")["movements"]]
    assert kinds == ["pay", "refund"]


def test_a_new_identity_is_written_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "identity.json"
    first = Process("--identity", str(file), "--new-identity")
    first.stop(signal.SIGTERM)
    written = file.read_text("utf-8")
    assert os.stat(file).st_mode & 0o777 == 0o600
    second = Process("--identity", str(file), "--new-identity")
    second.stop(signal.SIGTERM)
    assert file.read_text("utf-8") == written
    assert Merchant(json.loads(written), second.base_url).identity["channel"] == "wechat"


def test_both_halves_of_an_identity() -> None:
    one, other = new_identity(mchid="1900000109"), new_identity()
    given = credentials(one, "http://127.0.0.1:1")
    assert set(given) == {
        "base_url",
        "mchid",
        "appid",
        "merchant_serial",
        "merchant_private_key_pem",
        "apiv3_key",
        "platform_public_key_id",
        "platform_public_key_pem",
    }
    assert (given["mchid"], given["base_url"]) == ("1900000109", "http://127.0.0.1:1")
    assert len(given["apiv3_key"].encode()) == 32
    assert len(given["merchant_serial"]) == 40
    assert given["platform_public_key_id"].startswith("PUB_KEY_ID_")
    assert "merchant_private_key_pem" not in simulator_half(one)
    assert one["apiv3_key"] != other["apiv3_key"]
    assert one["merchant_private_key_pem"] != other["merchant_private_key_pem"]
