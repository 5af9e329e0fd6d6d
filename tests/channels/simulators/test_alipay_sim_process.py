"""The simulated Alipay as a process: its controls over HTTP, and nothing lost by kill -9."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from channels.simulators.alipay import AlipaySimulator, simulator_half
from tests.channels.simulators.alipay_client import Ears, Shop

ROOT = Path(__file__).parents[3]


class Process:
    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "channels.simulators", "alipay", *options]
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

    def ask(self, path: str, document: Any = None) -> Any:
        return ask(self.base_url, path, document)


def ask(base_url: str, path: str, document: Any = None) -> Any:
    data = None if document is None else json.dumps(document).encode()
    with urllib.request.urlopen(base_url + path, data=data, timeout=10) as answer:
        return json.load(answer)


@pytest.fixture
def launch(tmp_path: Path, alipay_identity: dict[str, Any]) -> Iterator[Callable[..., Process]]:
    """Processes on one state file; the simulator never gets the merchant's private key."""
    file = tmp_path / "identity.json"
    file.write_text(json.dumps(simulator_half(alipay_identity)), "utf-8")
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


def test_kill_9_loses_nothing_that_was_answered(
    launch: Callable[..., Process], alipay_identity: dict[str, Any], ears: Ears
) -> None:
    ears.answer = lambda count: b"fail" if count == 1 else b"success"
    first = launch("--ladder-scale", "240")
    assert first.ready == f"ready alipay {first.base_url}\n"
    shop = Shop(alipay_identity, first.base_url)
    shop.bind("2088000000000001")
    freeze = {"royalty_freeze": "true"}
    shop.precreate("ORDER1", "10.00", notify_url=ears.url, extend_params=freeze)
    trade_no = first.ask("/_sim/pay", {"out_trade_no": "ORDER1"})["trade_no"]
    ears.wait_for(1)
    first.ask("/_sim/faults", {"callback": "off"})
    shop.settle(trade_no, "S1", ("2088000000000001", "1.00"))
    refunded = shop.refund("ORDER1", "R1", "0.30").node
    first.ask("/_sim/balance", {"available": 500})
    moved = shop.transfer("T1", "2.00").node
    book = first.ask("/_sim/book")
    first.stop(signal.SIGKILL)

    second = launch("--ladder-scale", "240")
    assert second.ask("/_sim/book") == book
    own = book["balances"][alipay_identity["seller_id"]]
    assert own == {"available": 300, "frozen": 870, "refunding": 0}
    again = Shop(alipay_identity, second.base_url)
    assert again.query("ORDER1").node["trade_no"] == trade_no
    assert again.refund("ORDER1", "R1", "0.30").node == refunded | {"fund_change": "N"}
    assert again.transfer("T1", "2.00").node == moved
    assert again.query_settle(trade_no, "S1").node["royalty_detail_list"][0]["state"] == "SUCCESS"
    # The refused notification is tried again by the new process, on the old one's ladder.
    notice = ears.wait_for(2)[1]
    again.verify_form(notice.fields)
    assert notice.body == ears.arrived[0].body
    assert second.stop(signal.SIGTERM) == (0, "", "")


def test_the_controls_scan_and_end_transfers(alipay: AlipaySimulator, shop: Shop) -> None:
    shop.precreate("ORDER1")
    scanned = ask(alipay.base_url, "/_sim/scan", {"out_trade_no": "ORDER1"})
    assert scanned["trade_status"] == "WAIT_BUYER_PAY"
    alipay.set_balance(1000)
    alipay.set_faults({"transfer": {"fault": "processing", "seconds": 3600}})
    shop.transfer("T1", "2.00")
    ended = {"out_biz_no": "T1", "status": "FAIL"}
    assert ask(alipay.base_url, "/_sim/transfer", ended) == {
        "out_biz_no": "T1",
        "amount": 200,
        "status": "FAIL",
    }
    (listed,) = ask(alipay.base_url, "/_sim/transfers")["transfers"]
    assert listed["state"] == "FAIL"
    about = ask(alipay.base_url, "/_sim/about")
    assert (about["code"], about["merchant"]) == ("alipay", alipay.merchant)


@pytest.mark.parametrize(
    ("path", "document", "status", "code"),
    [
        ("/_sim/pay", {"out_trade_no": "NOBODY"}, 404, "order_not_found"),
        ("/_sim/scan", {"out_trade_no": "NOBODY"}, 404, "order_not_found"),
        ("/_sim/scan", {}, 400, "bad_request"),
        ("/_sim/transfer", {"out_biz_no": "T1", "status": "SUCCESS"}, 404, "transfer_not_found"),
        ("/_sim/transfer", {"out_biz_no": "T1", "status": "LOST"}, 400, "bad_request"),
        ("/_sim/refund", {"out_refund_no": "R1", "status": "SUCCESS"}, 404, "refund_not_found"),
    ],
)
def test_a_control_that_cannot_be_is_refused(
    alipay: AlipaySimulator, path: str, document: Any, status: int, code: str
) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(alipay.base_url, path, document)
    with refused.value as answer:
        assert (answer.status, json.load(answer)["code"]) == (status, code)
