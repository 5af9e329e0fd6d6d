"""The sandbox's transfers and profit sharing: each case does as it says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from channels.base import (
    Allocate,
    AllocationState,
    BindReceiver,
    CancelTransfer,
    FinishAllocation,
    Outcome,
    PayeeType,
    QueryAllocation,
    QueryReturn,
    QueryTransfer,
    QueryUnshared,
    ReceiverType,
    Result,
    ReturnShare,
    Share,
    ShareState,
    Transfer,
    TransferState,
    UnbindReceiver,
)
from channels.sandbox.allocation_cases import (
    ALLOCATION_CASES,
    BIND_CASES,
    FINISH_CASE,
    RETURN_CASES,
    SHARE_CASES,
    UNSHARED,
)
from channels.sandbox.transfer_cases import TRANSFER_CASES
from tests.channels.test_sandbox import ACCOUNT, BORN, CHANNEL, number

DONE, PENDING, REFUSED, NOT_SENT, UNKNOWN = (
    Outcome.DONE,
    Outcome.PENDING,
    Outcome.REFUSED,
    Outcome.NOT_SENT,
    Outcome.UNKNOWN,
)
AGES = (0, 2, 3, 10, 30)
ORDER, OUT = number("P"), f"SANDBOX{number('P')}"


def perform(command: Any, *, age: float = 0) -> Result:
    result, exchange = CHANNEL.perform(
        command,
        ACCOUNT,
        transport=None,  # type: ignore[arg-type]  # it must not touch it
        now=lambda: BORN + timedelta(seconds=age),
        nonce=lambda: "",
    )
    assert exchange.request.startswith(f"sandbox {command.kind} ")
    return result


def share(amount: int, account: str = "1900000109") -> Share:
    return Share(
        detail_no=f"D{account}",
        receiver_type=ReceiverType.MERCHANT_NO,
        account=account,
        amount=amount,
        description="分账",
    )


def transfer(kind: type[Any], ending: int) -> Any:
    if kind is Transfer:
        return Transfer(
            transfer_no=number("T"),
            amount=1200 + ending,
            title="奖金",
            payee_type=PayeeType.OPENID,
            payee_account="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
            payee_name="张三",
            notify_url="https://pay.example.com/",
        )
    return kind(transfer_no=number("T"), amount=1200 + ending)


def allocation(kind: type[Any], *amounts: int) -> Any:
    shares = tuple(share(amount, f"19000001{index:02}") for index, amount in enumerate(amounts))
    return kind(allocation_no=number("A"), order_no=ORDER, out_order_no=OUT, shares=shares)


def returned(kind: type[Any], ending: int) -> Any:
    common = {"return_no": number("B"), "allocation_no": number("A"), "order_no": ORDER}
    if kind is QueryReturn:
        return QueryReturn(**common, out_order_no=OUT, amount=1200 + ending)
    return ReturnShare(
        **common,
        out_order_no=OUT,
        receiver_type=ReceiverType.MERCHANT_NO,
        account="1900000109",
        amount=1200 + ending,
        description="回退",
    )


def unshared(amount: int, *, age: float = 0) -> Result:
    return perform(QueryUnshared(order_no=ORDER, out_order_no=OUT, amount=amount), age=age)


# --- transfers ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Transfer, QueryTransfer, CancelTransfer])
def test_every_outcome_of_every_transfer_command_can_be_had(kind: type[Any]) -> None:
    found = {
        perform(transfer(kind, ending), age=age).outcome
        for ending in TRANSFER_CASES
        for age in AGES
    }
    assert found == set(Outcome)


def test_every_transfer_state_can_be_had() -> None:
    found = {
        perform(transfer(QueryTransfer, ending), age=age).state
        for ending in TRANSFER_CASES
        for age in AGES
    }
    assert found - {None} == set(TransferState)


@pytest.mark.parametrize(
    ("kind", "ending", "age", "outcome", "state"),
    [
        (Transfer, 0, 0, DONE, TransferState.SUCCESS),
        (Transfer, 99, 0, DONE, TransferState.SUCCESS),
        (Transfer, 1, 0, REFUSED, None),
        (QueryTransfer, 1, 99, DONE, TransferState.NOT_FOUND),
        (Transfer, 2, 0, PENDING, TransferState.PROCESSING),
        (QueryTransfer, 2, 2, DONE, TransferState.PROCESSING),
        (QueryTransfer, 2, 3, DONE, TransferState.SUCCESS),
        (Transfer, 3, 0, UNKNOWN, None),
        (QueryTransfer, 3, 0, DONE, TransferState.SUCCESS),
        (Transfer, 4, 4, UNKNOWN, None),
        (QueryTransfer, 4, 19, DONE, TransferState.NOT_FOUND),
        (Transfer, 4, 5, DONE, TransferState.SUCCESS),
        (QueryTransfer, 5, 3, DONE, TransferState.FAILED),
        (QueryTransfer, 6, 19, DONE, TransferState.WAIT_PAYEE),
        (CancelTransfer, 6, 19, DONE, TransferState.CLOSED),
        (CancelTransfer, 6, 20, REFUSED, None),
        (QueryTransfer, 6, 20, DONE, TransferState.SUCCESS),
        (QueryTransfer, 7, 99999, DONE, TransferState.WAIT_PAYEE),
        (Transfer, 8, 4, NOT_SENT, None),
        (QueryTransfer, 10, 10, DONE, TransferState.CLOSED),
        (CancelTransfer, 11, 0, PENDING, TransferState.PROCESSING),
        (CancelTransfer, 12, 0, UNKNOWN, None),
        (QueryTransfer, 12, 30, DONE, TransferState.CLOSED),
        (CancelTransfer, 13, 29, NOT_SENT, None),
        (QueryTransfer, 14, 29, UNKNOWN, None),
        (QueryTransfer, 15, 29, NOT_SENT, None),
        (QueryTransfer, 16, 29, REFUSED, None),
        (QueryTransfer, 17, 29, PENDING, TransferState.PROCESSING),
        (QueryTransfer, 18, 99999, DONE, TransferState.NOT_FOUND),
        (QueryTransfer, 19, 29, DONE, TransferState.FAILED),
        (QueryTransfer, 19, 30, DONE, TransferState.SUCCESS),
        (QueryTransfer, 20, 10, DONE, TransferState.RETURNED),
        (QueryTransfer, 21, 3599, DONE, TransferState.PROCESSING),
    ],
)
def test_each_transfer_case_does_as_it_says(
    kind: type[Any], ending: int, age: int, outcome: Outcome, state: Any
) -> None:
    result = perform(transfer(kind, ending), age=age)
    assert (result.outcome, result.state) == (outcome, state)
    assert bool(result.pay_params) == (kind is Transfer and state is TransferState.WAIT_PAYEE)


def test_transfer_reports_its_number_amount_and_time() -> None:
    result = perform(transfer(QueryTransfer, 2), age=60)
    assert (result.out_no, result.amount) == (f"SANDBOX{number('T')}", 1202)
    assert result.finished_at == BORN + timedelta(seconds=3)
    assert perform(transfer(Transfer, 9)).amount == 1208


def test_transfer_that_waits_says_where_the_payee_confirms() -> None:
    result = perform(transfer(Transfer, 7))
    assert result.pay_params == {"confirm_url": f"sandbox://transfer/{number('T')}"}


# --- allocations --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Allocate, QueryAllocation])
def test_every_outcome_of_an_allocation_can_be_had(kind: type[Any]) -> None:
    found = {
        perform(allocation(kind, 1000 + ending, 200), age=age).outcome
        for ending in ALLOCATION_CASES
        for age in AGES
    }
    assert found == set(Outcome)


@pytest.mark.parametrize("kind", [ReturnShare, QueryReturn])
def test_every_outcome_of_a_return_can_be_had(kind: type[Any]) -> None:
    found = {
        perform(returned(kind, ending), age=age).outcome for ending in RETURN_CASES for age in AGES
    }
    assert found == set(Outcome)


@pytest.mark.parametrize(
    ("kind", "ending", "age", "outcome", "state", "code"),
    [
        (Allocate, 0, 0, PENDING, AllocationState.PROCESSING, ""),
        (QueryAllocation, 0, 1, DONE, AllocationState.PROCESSING, ""),
        (QueryAllocation, 0, 2, DONE, AllocationState.FINISHED, ""),
        (Allocate, 1, 0, REFUSED, None, "RULE_LIMIT"),
        (Allocate, 2, 0, DONE, AllocationState.FINISHED, ""),
        (Allocate, 3, 0, UNKNOWN, None, "NO_ANSWER"),
        (QueryAllocation, 3, 0, DONE, AllocationState.FINISHED, ""),
        (QueryAllocation, 4, 19, DONE, AllocationState.NOT_FOUND, "RESOURCE_NOT_EXISTS"),
        (Allocate, 5, 99999, UNKNOWN, None, "SYSTEM_ERROR"),
        (QueryAllocation, 5, 0, DONE, AllocationState.FINISHED, ""),
        (Allocate, 6, 99999, UNKNOWN, None, "FREQUENCY_LIMITED"),
        (QueryAllocation, 6, 0, DONE, AllocationState.FINISHED, ""),
        (Allocate, 7, 0, UNKNOWN, None, "FREQUENCY_LIMITED"),
        (QueryAllocation, 7, 99999, DONE, AllocationState.NOT_FOUND, "RESOURCE_NOT_EXISTS"),
        (Allocate, 8, 4, NOT_SENT, None, "CONNECT_FAILED"),
        (QueryAllocation, 13, 3599, DONE, AllocationState.PROCESSING, ""),
    ],
)
def test_each_allocation_case_does_as_it_says(
    kind: type[Any], ending: int, age: int, outcome: Outcome, state: Any, code: str
) -> None:
    result = perform(allocation(kind, 1000 + ending, 200), age=age)
    assert (result.outcome, result.state, result.code) == (outcome, state, code)
    known = state in (AllocationState.PROCESSING, AllocationState.FINISHED)
    assert len(result.shares) == (2 if known else 0)
    assert result.amount == (1200 + ending if known else None)


def test_shares_are_paid_and_not_paid_by_their_own_endings() -> None:
    command = allocation(QueryAllocation, 1000, 91, 109)
    shares = {entry.account: entry for entry in perform(command, age=2).shares}
    assert [entry.state for entry in shares.values()] == [
        ShareState.SUCCESS,
        ShareState.FAILED,
        ShareState.SUCCESS,
    ]
    assert shares["1900000101"].code == "NO_RELATION"
    assert shares["1900000101"].amount == 91


def test_share_that_is_pending_keeps_its_allocation_in_work() -> None:
    asked, queried = (allocation(kind, 110, 92) for kind in (Allocate, QueryAllocation))
    first = perform(asked)
    assert (first.outcome, first.state) == (PENDING, AllocationState.PROCESSING)
    early, late = perform(queried, age=29), perform(queried, age=30)
    assert (early.outcome, early.state) == (DONE, AllocationState.PROCESSING)
    assert [entry.state for entry in early.shares] == [ShareState.SUCCESS, ShareState.PENDING]
    assert early.finished_at is None
    assert late.state is AllocationState.FINISHED
    assert [entry.state for entry in late.shares] == [ShareState.SUCCESS, ShareState.SUCCESS]


def test_finish_has_a_number_and_an_age_of_its_own() -> None:
    finish = FinishAllocation(
        finish_no=number("F"), order_no=ORDER, out_order_no=OUT, description="完结"
    )
    asked = perform(finish)
    assert (asked.outcome, asked.state) == (PENDING, AllocationState.PROCESSING)
    query = QueryAllocation(allocation_no=number("F"), order_no=ORDER, out_order_no=OUT)
    assert perform(query, age=1).state is AllocationState.PROCESSING
    assert perform(query, age=2).state is AllocationState.FINISHED
    assert perform(query, age=2).shares == ()


@pytest.mark.parametrize(
    ("kind", "ending", "age", "outcome", "state"),
    [
        (ReturnShare, 0, 0, DONE, AllocationState.FINISHED),
        (ReturnShare, 1, 0, REFUSED, None),
        (ReturnShare, 2, 0, PENDING, AllocationState.PROCESSING),
        (QueryReturn, 2, 3, DONE, AllocationState.FINISHED),
        (QueryReturn, 5, 3, DONE, AllocationState.FAILED),
        (ReturnShare, 6, 0, DONE, AllocationState.FAILED),
        (QueryReturn, 4, 19, DONE, AllocationState.NOT_FOUND),
    ],
)
def test_each_return_case_does_as_it_says(
    kind: type[Any], ending: int, age: int, outcome: Outcome, state: Any
) -> None:
    result = perform(returned(kind, ending), age=age)
    assert (result.outcome, result.state) == (outcome, state)


def test_unshared_is_all_that_was_paid_and_can_be_silent() -> None:
    result = unshared(8800)
    assert (result.outcome, result.amount) == (DONE, 8800)
    assert {unshared(8800 + ending).outcome for ending in UNSHARED} == set(Outcome)
    assert {unshared(8800 + ending, age=30).amount for ending in (17, 18)} == {8817, 8818}


@pytest.mark.parametrize("kind", [BindReceiver, UnbindReceiver])
def test_bindings_are_chosen_by_the_ending_of_the_account(kind: type[Any]) -> None:
    results = {
        ending: perform(
            kind(request_no="b1", receiver_type=ReceiverType.LOGIN_NAME, account=f"a@b.cn{ending}")
        )
        for ending in BIND_CASES
    }
    assert {result.outcome for result in results.values()} == set(Outcome)
    assert results[""].state is AllocationState.FINISHED
    assert results["-refused"].outcome is REFUSED


def test_exchange_of_a_binding_or_a_transfer_names_nobody() -> None:
    bind = BindReceiver(request_no="b1", receiver_type=ReceiverType.OPENID, account="oSecret")
    for command in (bind, transfer(Transfer, 0), allocation(Allocate, 100)):
        _, exchange = CHANNEL.perform(
            command,
            ACCOUNT,
            transport=None,  # type: ignore[arg-type]
            now=lambda: BORN,
            nonce=lambda: "",
        )
        for secret in ("oSecret", "oUpF8", "张三", "1900000100"):
            assert secret not in exchange.request + exchange.response


def test_number_without_an_age_is_not_sent() -> None:
    result = perform(QueryTransfer(transfer_no="T1", amount=100))
    assert (result.outcome, result.code) == (NOT_SENT, "ENCODE_ERROR")


@pytest.mark.parametrize("cases", [TRANSFER_CASES, ALLOCATION_CASES, RETURN_CASES])
def test_tables_are_whole_and_in_order(cases: Any) -> None:
    assert list(cases) == list(range(len(cases)))
    for case in [*cases.values(), FINISH_CASE]:
        assert case.says.endswith(".")
        for name, steps in vars(case).items():
            if name != "says":
                ages = [age for age, _ in steps]
                assert ages[0] == 0 and ages == sorted(set(ages))


def test_shares_and_bindings_say_what_they_do() -> None:
    for case in [*SHARE_CASES.values(), *BIND_CASES.values()]:
        assert case.says.endswith(".")


def test_sandbox_declares_what_it_does() -> None:
    abilities = CHANNEL.capabilities
    assert abilities.transfer and abilities.transfer_cancel and abilities.transfer_idempotent
    assert abilities.allocation and abilities.allocation_finish and abilities.allocation_return
    assert abilities.payee_types == frozenset(PayeeType)
    assert abilities.receiver_types == abilities.return_types == frozenset(ReceiverType)
