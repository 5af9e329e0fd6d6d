"""Transfers and bills over real sockets against the simulated WeChat Pay, which shares no code with
the adapter and keeps its own book: each transfer stands there exactly once."""

from __future__ import annotations

import io
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from channels.base import (
    BillKind,
    CallbackFact,
    FetchBill,
    Outcome,
    QueryTransfer,
    Result,
    TransferState,
)
from channels.simulators.wechat import WechatSimulator
from channels.wechat.channel import WechatChannel
from tests.channels.shop import Shop
from tests.channels.simulators.wire_client import Receiver
from tests.channels.till import Till, until

DONE, PENDING, REFUSED, NOT_SENT, UNKNOWN = (
    Outcome.DONE,
    Outcome.PENDING,
    Outcome.REFUSED,
    Outcome.NOT_SENT,
    Outcome.UNKNOWN,
)


@pytest.fixture
def till(shop: Shop, simulator: WechatSimulator) -> Till:
    return Till(shop, simulator)


# --- transfers ----------------------------------------------------------------------------


@pytest.fixture
def rich(till: Till) -> Till:
    till.simulator.set_balance(1_000_000)
    return till


def waiting(till: Till) -> Result:
    """The answer that has the package."""
    result = till.shop.ask(till.transfer())
    if result.state is not TransferState.WAIT_PAYEE:
        result = until(lambda: till.shop.ask(till.transfer()), TransferState.WAIT_PAYEE)
    return result


def test_transfer_waits_for_its_payee_and_is_paid_once(rich: Till, receiver: Receiver) -> None:
    asked = waiting(rich)
    assert asked.outcome is DONE
    assert set(asked.pay_params) == {"mchid", "appid", "package_info"}
    told = rich.query_transfer()
    assert (told.state, told.amount) == (TransferState.WAIT_PAYEE, 5000)
    assert not told.pay_params
    rich.simulator.confirm(f"T{rich.number}")
    paid = until(rich.query_transfer, TransferState.SUCCESS)
    assert (paid.amount, paid.out_no) == (5000, asked.out_no)
    assert rich.shop.ask(rich.transfer()).state is TransferState.SUCCESS
    assert rich.moved("transfer") == [("transfer", f"T{rich.number}", 5000)]
    fact = notified(rich, receiver)
    assert (fact.kind, fact.our_no) == ("transfer", f"T{rich.number}")
    assert (fact.result.state, fact.result.amount) == (TransferState.SUCCESS, 5000)


def notified(till: Till, receiver: Receiver) -> CallbackFact:
    notice = receiver.wait_for(1)[0]
    web = replace(till.shop.account, secrets={})
    channel = till.shop.channel
    assert channel.verify_callback(notice.headers, notice.body, web, now=datetime.now(UTC))
    return channel.open_callback(notice.body, till.shop.account)


def test_transfer_is_cancelled_while_it_waits(rich: Till) -> None:
    waiting(rich)
    cancelled = rich.cancel_transfer()
    assert cancelled.outcome in (PENDING, DONE)
    assert until(rich.query_transfer, TransferState.CLOSED).code == "CANCELLED"
    assert rich.moved("transfer") == []


def test_transfer_that_was_paid_cannot_be_cancelled(rich: Till) -> None:
    waiting(rich)
    rich.simulator.confirm(f"T{rich.number}")
    until(rich.query_transfer, TransferState.SUCCESS)
    assert rich.cancel_transfer().outcome is REFUSED
    assert len(rich.moved("transfer")) == 1


def test_transfer_that_its_payee_cannot_take_says_why(rich: Till) -> None:
    waiting(rich)
    rich.simulator.confirm(f"T{rich.number}", accept=False, reason="REAL_NAME_CHECK_FAIL")
    failed = until(rich.query_transfer, TransferState.FAILED)
    assert failed.code == "REAL_NAME_CHECK_FAIL"
    assert rich.moved("transfer") == []


def test_transfer_that_lapses_is_closed(rich: Till) -> None:
    waiting(rich)
    rich.simulator.set_clock(25 * 3600)

    def query() -> Result:
        result, _ = rich.shop.channel.perform(
            QueryTransfer(transfer_no=f"T{rich.number}", amount=5000),
            rich.shop.account,
            transport=rich.shop.transport,
            now=lambda: datetime.now(UTC) + timedelta(hours=25),
            nonce=lambda: secrets.token_hex(16),
        )
        return result

    assert until(query, TransferState.CLOSED).code == "OVERDUE_CLOSE"
    assert rich.moved("transfer") == []


@pytest.mark.parametrize(
    ("fault", "is_done"),
    [
        ("error_after", True),
        ("rate_limited_after", True),
        ("drop_after", True),
        ("signtest", True),
        ("drop_before", False),
        ("rate_limited", False),
        ("error_before", False),
    ],
)
def test_transfer_without_a_true_answer_is_unknown_and_its_number_is_kept(
    rich: Till, fault: str, is_done: bool
) -> None:
    rich.simulator.set_faults({"transfer": {"fault": fault, "times": 1}})
    result = rich.shop.ask(rich.transfer())
    assert (result.outcome, result.state) == (UNKNOWN, None)
    found = rich.query_transfer()
    assert found.outcome is DONE
    assert (found.state is TransferState.NOT_FOUND) == (not is_done)
    assert waiting(rich).pay_params["package_info"]
    rich.simulator.confirm(f"T{rich.number}")
    until(rich.query_transfer, TransferState.SUCCESS)
    assert rich.moved("transfer") == [("transfer", f"T{rich.number}", 5000)]


def test_transfer_without_money_is_never_a_failure(till: Till) -> None:
    till.simulator.set_balance(0)
    result = till.shop.ask(till.transfer())
    assert result.state in (None, TransferState.PROCESSING)
    assert result.outcome in (UNKNOWN, PENDING)
    assert till.moved("transfer") == []


def test_unknown_transfer_is_not_found(till: Till) -> None:
    assert till.query_transfer().state is TransferState.NOT_FOUND
    cancelled = till.cancel_transfer()
    assert (cancelled.outcome, cancelled.state) == (REFUSED, TransferState.NOT_FOUND)


# --- bills --------------------------------------------------------------------------------


def bill(till: Till, kind: BillKind, *, days: int = 1) -> tuple[Result, str]:
    """Today's bill, asked for when it is there: at noon of the next day, China time."""
    china = datetime.now(UTC) + timedelta(hours=8)
    noon = (china + timedelta(days=days)).replace(hour=12, minute=0) - timedelta(hours=8)
    till.simulator.set_clock((noon - datetime.now(UTC)).total_seconds())
    ahead = noon - datetime.now(UTC)
    sink = io.BytesIO()
    channel = till.shop.channel
    assert isinstance(channel, WechatChannel)
    result = channel.download_bill(
        FetchBill(day=china.date(), bill=kind),
        till.shop.account,
        sink,
        transport=till.shop.transport,
        now=lambda: datetime.now(UTC) + ahead,
        nonce=lambda: secrets.token_hex(16),
    )
    return result, sink.getvalue().decode("utf-8-sig")


@pytest.mark.parametrize("kind", [BillKind.TRADE, BillKind.FUND_FLOW])
def test_bill_of_the_day_holds_its_payment(
    till: Till, simulator: WechatSimulator, kind: BillKind
) -> None:
    till.shop.paid(simulator)
    out_no = till.shop.ask(till.shop.query()).out_no
    result, text = bill(till, kind)
    assert (result.outcome, result.code) == (DONE, "")
    assert f"`{out_no}" in text


def test_day_without_trade_has_no_bill(till: Till) -> None:
    result, text = bill(till, BillKind.TRADE)
    assert (result.outcome, result.code, text) == (DONE, "NO_BILL", "")


def test_bill_of_today_is_not_there_yet(till: Till, simulator: WechatSimulator) -> None:
    till.shop.paid(simulator)
    result, text = bill(till, BillKind.TRADE, days=0)
    assert result.outcome in (NOT_SENT, REFUSED)
    assert text == ""
