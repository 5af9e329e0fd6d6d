"""Profit sharing over real sockets against the simulated WeChat Pay, which shares no code with the
adapter and keeps its own book: each movement stands there exactly once."""

from __future__ import annotations

from typing import Any

import pytest

from channels.base import (
    AllocationState,
    BindReceiver,
    Outcome,
    QueryAllocation,
    QueryReturn,
    ReceiverType,
    ShareState,
    UnbindReceiver,
)
from channels.simulators.wechat import WechatSimulator
from tests.channels.shop import AMOUNT, Shop
from tests.channels.till import CLERK, STORE, Till, until

DONE, PENDING, REFUSED, UNKNOWN = (
    Outcome.DONE,
    Outcome.PENDING,
    Outcome.REFUSED,
    Outcome.UNKNOWN,
)


@pytest.fixture
def till(shop: Shop, simulator: WechatSimulator) -> Till:
    return Till(shop, simulator)


# --- profit sharing -----------------------------------------------------------------------


def test_order_is_shared_finished_and_fetched_back(till: Till) -> None:
    till.earn()
    assert till.unshared().amount == AMOUNT
    done = till.shared()
    assert {(entry.account, entry.state, entry.amount) for entry in done.shares} == {
        (STORE, ShareState.SUCCESS, 1000),
        (CLERK, ShareState.SUCCESS, 500),
    }
    assert till.unshared().amount == AMOUNT - 1500
    assert till.shop.ask(till.finish()).outcome in (PENDING, DONE)
    assert till.finished().shares == ()
    assert till.unshared().amount == 0
    assert till.shop.ask(till.give_back()).outcome in (PENDING, DONE)
    back = till.returned()
    assert (back.amount, back.code) == (1000, "")
    number = till.number
    assert sorted(till.moved("share", "return")) == [
        ("return", f"B{number}", 1000),
        ("share", f"A{number}", 500),
        ("share", f"A{number}", 1000),
    ]


def test_repeated_share_moves_money_once(till: Till) -> None:
    till.earn()
    till.shared()
    for _ in range(3):
        again = till.shop.ask(till.allocate())
        assert again.outcome in (PENDING, DONE)
    assert len(till.moved("share")) == 2


@pytest.mark.parametrize("operation", ["share", "unfreeze", "share_return"])
@pytest.mark.parametrize(
    ("fault", "is_done"),
    [
        ("error_after", True),
        ("rate_limited_after", True),
        ("drop_after", True),
        ("bad_signature", True),
        ("not_json", True),
        ("accepted_after", True),
        ("error_before", False),
        ("rate_limited", False),
        ("drop_before", False),
    ],
)
def test_busy_and_lost_answers_are_unknown_and_the_question_tells(
    till: Till, operation: str, fault: str, is_done: bool
) -> None:
    """SYSTEM_ERROR and FREQUENCY_LIMITED are never a reason to send again blindly."""
    till.earn()
    if operation != "share":
        till.shared()
    till.simulator.set_faults({operation: {"fault": fault, "times": 1}})
    commands: dict[str, Any] = {
        "share": till.allocate(),
        "unfreeze": till.finish(),
        "share_return": till.give_back(),
    }
    result = till.shop.ask(commands[operation])
    assert (result.outcome, result.state) == (UNKNOWN, None)
    questions: dict[str, Any] = {
        "share": QueryAllocation(
            allocation_no=f"A{till.number}", **till.order, shares=till.shares()
        ),
        "unfreeze": QueryAllocation(allocation_no=f"F{till.number}", **till.order),
        "share_return": QueryReturn(
            return_no=f"B{till.number}",
            allocation_no=f"A{till.number}",
            **till.order,
            amount=1000,
        ),
    }
    expected = AllocationState.FINISHED if is_done else AllocationState.NOT_FOUND
    until(lambda: till.shop.ask(questions[operation]), expected)
    moved = {"share": "share", "unfreeze": "unfreeze", "share_return": "return"}[operation]
    count = {"share": 2, "unfreeze": 1, "share_return": 1}[operation]
    assert len(till.moved(moved)) == (count if is_done else 0)


def test_one_receiver_may_fail_while_the_other_is_paid(till: Till) -> None:
    till.earn()
    till.simulator.set_faults({"share": {"fault": "partial"}})
    done = till.shared()
    states = {entry.account: entry.state for entry in done.shares}
    assert states == {STORE: ShareState.SUCCESS, CLERK: ShareState.FAILED}
    assert all(entry.code for entry in done.shares if entry.state is ShareState.FAILED)
    assert till.moved("share") == [("share", f"A{till.number}", 1000)]
    assert till.unshared().amount == AMOUNT - 1000


def test_receiver_that_was_unbound_gets_nothing(till: Till) -> None:
    till.earn()
    gone = UnbindReceiver(request_no="2", receiver_type=ReceiverType.OPENID, account=CLERK)
    assert till.shop.ask(gone).state is AllocationState.FINISHED
    till.shop.ask(till.allocate())
    assert (CLERK, ShareState.SUCCESS) not in {
        (entry.account, entry.state) for entry in till.query().shares
    }
    assert ("share", f"A{till.number}", 500) not in till.moved("share")


def test_return_that_fails_says_why_and_moves_nothing(till: Till) -> None:
    till.earn()
    till.shared()
    till.simulator.set_faults({"share_return": {"fault": "fails"}})
    till.shop.ask(till.give_back())
    failed = till.returned(AllocationState.FAILED)
    assert failed.code and failed.message
    assert till.moved("return") == []


def test_share_above_the_ratio_is_refused(till: Till) -> None:
    till.earn()
    result = till.shop.ask(till.allocate(store=AMOUNT // 2))
    assert result.outcome is REFUSED
    assert till.query().state is AllocationState.NOT_FOUND
    assert till.moved("share") == []


def test_share_of_an_order_that_is_not_for_sharing_is_refused(
    till: Till, simulator: WechatSimulator
) -> None:
    till.shop.paid(simulator)
    number = till.shop.ask(till.shop.query()).out_no
    till.order = {"order_no": till.shop.order_no, "out_order_no": number}
    assert till.shop.ask(till.allocate()).outcome is REFUSED
    assert till.moved("share") == []


def test_finish_with_nothing_left_is_over(till: Till) -> None:
    till.earn()
    till.shared(till.allocate(finishes=True))
    result = till.shop.ask(till.finish())
    assert (result.outcome, result.state) == (DONE, AllocationState.FINISHED)
    assert till.unshared().amount == 0


def test_certificate_mode_seals_names_that_the_provider_can_open(till: Till, shop: Shop) -> None:
    account = shop.with_config(public_key_id="", public_key_pem="")
    bound = shop.ask(
        BindReceiver(
            request_no="1",
            receiver_type=ReceiverType.OPENID,
            account=CLERK,
            name="李四",
            relation="STAFF",
        ),
        account,
    )
    assert (bound.outcome, bound.state) == (DONE, AllocationState.FINISHED)
