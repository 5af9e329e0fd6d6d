"""The sandbox's table: every outcome of every command can be had, and each case does as it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from channels.base import (
    Account,
    CallbackRejected,
    CancelPay,
    ClosePay,
    Command,
    Method,
    Outcome,
    Pay,
    PayState,
    QueryPay,
    QueryRefund,
    Refund,
    RefundState,
    Result,
)
from channels.sandbox.cases import PAY_CASES, REFUND_CASES
from channels.sandbox.channel import SandboxChannel
from channels.ulid import created_at
from tests.channels import wechat_cast as cast

CHANNEL = SandboxChannel()
ACCOUNT = Account(id=1, version=1, channel="sandbox", config={})
BORN = datetime(2026, 11, 20, 4, 0, 0, tzinfo=UTC)
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def number(prefix: str, born: datetime = BORN) -> str:
    left, text = int(born.timestamp() * 1000), ""
    for _ in range(10):
        left, digit = divmod(left, 32)
        text = CROCKFORD[digit] + text
    return f"{prefix}{text}H7V9X2M4N6P8Q0RS"


ORDER, REFUND = number("P"), number("R")


def command(kind: type[Any], ending: int) -> Command:
    amount = 1200 + ending
    if kind is Pay:
        return cast.pay(order_no=ORDER, amount=amount)
    if kind is Refund:
        return cast.refund(refund_no=REFUND, order_no=ORDER, amount=amount, total=9900)
    if kind is QueryRefund:
        return QueryRefund(refund_no=REFUND, order_no=ORDER, amount=amount)
    made: Command = kind(order_no=ORDER, amount=amount)
    return made


def ask(kind: type[Any], ending: int, *, age: float = 0) -> Result:
    result, exchange = CHANNEL.perform(
        command(kind, ending),
        ACCOUNT,
        transport=None,  # type: ignore[arg-type]  # it must not touch it
        now=lambda: BORN + timedelta(seconds=age),
        nonce=lambda: "",
    )
    assert exchange.request.startswith("sandbox ")
    return result


PAY_KINDS = (Pay, QueryPay, ClosePay, CancelPay)


@pytest.mark.parametrize("kind", [*PAY_KINDS, Refund, QueryRefund])
def test_every_outcome_of_every_command_can_be_had(kind: type[Any]) -> None:
    cases = REFUND_CASES if kind in (Refund, QueryRefund) else PAY_CASES
    seen = {ask(kind, ending, age=age).outcome for ending in cases for age in (0, 2, 30)}
    assert seen == set(Outcome)


def test_every_state_can_be_had() -> None:
    ages = (0, 2, 30)
    pays = {ask(QueryPay, ending, age=age).state for ending in PAY_CASES for age in ages}
    refunds = {ask(QueryRefund, ending, age=age).state for ending in REFUND_CASES for age in ages}
    assert pays - {None} == set(PayState) - {PayState.REFUNDED}  # an answer to a cancel only
    assert refunds - {None} == set(RefundState)


def test_ordinary_order_is_paid_two_seconds_after_creation() -> None:
    held = ask(Pay, 0)
    assert (held.outcome, held.state) == (Outcome.DONE, PayState.WAITING)
    assert held.pay_params == {"code_url": f"sandbox://pay/{ORDER}"}
    assert ask(QueryPay, 0, age=1.9).state is PayState.WAITING
    paid = ask(QueryPay, 0, age=2)
    assert (paid.state, paid.amount) == (PayState.PAID, 1200)
    assert paid.finished_at == BORN + timedelta(seconds=2)
    assert paid.out_no == f"SANDBOX{ORDER}"


@pytest.mark.parametrize("ending", [25, 50, 99])
def test_ending_that_is_not_listed_behaves_as_00(ending: int) -> None:
    assert ending not in PAY_CASES and ending not in REFUND_CASES
    assert ask(QueryPay, ending, age=2).state is PayState.PAID
    assert ask(Refund, ending).state is RefundState.SUCCESS


DONE, PENDING, REFUSED, NOT_SENT, UNKNOWN = (
    Outcome.DONE,
    Outcome.PENDING,
    Outcome.REFUSED,
    Outcome.NOT_SENT,
    Outcome.UNKNOWN,
)
PAID, WAITING, CLOSED = PayState.PAID, PayState.WAITING, PayState.CLOSED
NOT_FOUND, CANCELLED, FAILED = PayState.NOT_FOUND, PayState.CANCELLED, PayState.FAILED


@pytest.mark.parametrize(
    ("kind", "ending", "age", "outcome", "state"),
    [
        (Pay, 1, 0, REFUSED, None),
        (QueryPay, 1, 99, DONE, NOT_FOUND),
        (Pay, 2, 0, UNKNOWN, None),
        (QueryPay, 2, 2, DONE, PAID),
        (Pay, 3, 0, UNKNOWN, None),
        (QueryPay, 3, 10, DONE, NOT_FOUND),
        (Pay, 3, 10, DONE, WAITING),
        (QueryPay, 3, 20, DONE, PAID),
        (QueryPay, 4, 99999, DONE, WAITING),
        (ClosePay, 4, 99999, DONE, CLOSED),
        (CancelPay, 4, 99999, DONE, CANCELLED),
        (QueryPay, 5, 2, DONE, FAILED),
        (QueryPay, 6, 2, DONE, CLOSED),
        (Pay, 8, 4, NOT_SENT, None),
        (Pay, 8, 5, DONE, WAITING),
        (Pay, 9, 0, PENDING, None),
        (ClosePay, 0, 2, REFUSED, PAID),
        (ClosePay, 10, 0, REFUSED, PAID),
        (ClosePay, 11, 0, UNKNOWN, None),
        (QueryPay, 11, 30, DONE, CLOSED),
        (ClosePay, 12, 29, UNKNOWN, None),
        (ClosePay, 12, 30, DONE, CLOSED),
        (ClosePay, 13, 0, NOT_SENT, None),
        (ClosePay, 14, 0, PENDING, None),
        (ClosePay, 15, 0, REFUSED, None),
        (QueryPay, 17, 29, UNKNOWN, None),
        (QueryPay, 18, 29, NOT_SENT, None),
        (QueryPay, 19, 29, REFUSED, None),
        (QueryPay, 20, 29, PENDING, None),
        (QueryPay, 20, 30, DONE, PAID),
        (QueryPay, 21, 2, DONE, CANCELLED),
        (ClosePay, 22, 0, DONE, CLOSED),
        (QueryPay, 22, 30, DONE, PAID),
        (QueryPay, 23, 99999, DONE, NOT_FOUND),
        (ClosePay, 23, 0, REFUSED, NOT_FOUND),
        (QueryPay, 24, 29, DONE, FAILED),
        (QueryPay, 24, 30, DONE, PAID),
        (Refund, 0, 0, DONE, RefundState.SUCCESS),
        (Refund, 1, 0, REFUSED, None),
        (Refund, 2, 0, PENDING, RefundState.PROCESSING),
        (QueryRefund, 2, 2, DONE, RefundState.PROCESSING),
        (QueryRefund, 2, 3, DONE, RefundState.SUCCESS),
        (Refund, 3, 0, UNKNOWN, None),
        (QueryRefund, 3, 0, DONE, RefundState.SUCCESS),
        (Refund, 4, 0, UNKNOWN, None),
        (QueryRefund, 4, 10, DONE, RefundState.NOT_FOUND),
        (Refund, 4, 10, DONE, RefundState.SUCCESS),
        (QueryRefund, 5, 3, DONE, RefundState.FAILED),
        (QueryRefund, 6, 3, DONE, RefundState.CLOSED),
        (Refund, 7, 0, DONE, RefundState.FAILED),
        (Refund, 8, 0, NOT_SENT, None),
        (QueryRefund, 10, 29, UNKNOWN, None),
        (QueryRefund, 11, 29, NOT_SENT, None),
        (QueryRefund, 12, 29, REFUSED, None),
        (QueryRefund, 13, 29, PENDING, RefundState.PROCESSING),
        (QueryRefund, 14, 3599, DONE, RefundState.PROCESSING),
        (QueryRefund, 15, 99999, DONE, RefundState.NOT_FOUND),
        (QueryRefund, 16, 30, DONE, RefundState.SUCCESS),
        (QueryRefund, 17, 29, DONE, RefundState.CLOSED),
        (QueryRefund, 17, 30, DONE, RefundState.SUCCESS),
    ],
)
def test_each_case_does_as_it_says(
    kind: type[Any], ending: int, age: int, outcome: Outcome, state: Any
) -> None:
    result = ask(kind, ending, age=age)
    assert (result.outcome, result.state) == (outcome, state)
    assert bool(result.pay_params) == (kind is Pay and state is WAITING)


def test_wrong_amounts_are_reported() -> None:
    assert ask(QueryPay, 7, age=2).amount == 1208
    assert ask(Refund, 9).amount == 1208


def test_cancel_can_be_answered_with_refunded() -> None:
    result = ask(CancelPay, 16)
    assert (result.outcome, result.state, result.amount) == (DONE, PayState.REFUNDED, 1216)


@pytest.mark.parametrize("cases", [PAY_CASES, REFUND_CASES])
def test_table_is_whole_and_in_order(cases: Any) -> None:
    assert list(cases) == list(range(len(cases)))
    for case in cases.values():
        assert case.says.endswith(".")
        for name, steps in vars(case).items():
            if name != "says":
                ages = [age for age, _ in steps]
                assert ages[0] == 0 and ages == sorted(set(ages))


def test_order_from_the_future_counts_as_new() -> None:
    """A worker's clock may be behind the one that made the number."""
    assert ask(QueryPay, 0, age=-600).state is WAITING


def test_age_is_read_from_the_number() -> None:
    assert created_at(ORDER) == BORN
    assert created_at("P00000000000000000000000000") == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("bad", ["", "P", "P123", "P" + "U" * 26, "P" + "Z" * 26, "P" + "é" * 26])
def test_number_without_an_age_is_not_sent(bad: str) -> None:
    result, _ = CHANNEL.perform(
        QueryPay(order_no=bad, amount=100),
        ACCOUNT,
        transport=None,  # type: ignore[arg-type]
        now=lambda: BORN,
        nonce=lambda: "",
    )
    assert (result.outcome, result.code) == (NOT_SENT, "ENCODE_ERROR")


def test_sandbox_has_no_callbacks_and_no_settings() -> None:
    with pytest.raises(CallbackRejected):
        CHANNEL.verify_callback({}, b"{}", ACCOUNT, now=BORN)
    with pytest.raises(CallbackRejected):
        CHANNEL.open_callback(b"{}", ACCOUNT)
    assert CHANNEL.callback_answer(accepted=False, message="no")[0] == 400
    assert CHANNEL.account_fields == ()
    assert CHANNEL.check_account({}, {}) == []


def test_sandbox_has_every_method_and_cancels() -> None:
    assert CHANNEL.capabilities.methods == frozenset(Method)
    assert CHANNEL.capabilities.cancel


def scan(ending: int, *, age: float = 0) -> Result:
    result, exchange = CHANNEL.perform(
        cast.pay(
            order_no=ORDER,
            amount=1200 + ending,
            method=Method.BARCODE,
            auth_code="134567890123456789",
        ),
        ACCOUNT,
        transport=None,  # type: ignore[arg-type]  # it must not touch it
        now=lambda: BORN + timedelta(seconds=age),
        nonce=lambda: "",
    )
    assert "134567890123456789" not in f"{exchange}{result}"
    assert result.pay_params == {}
    return result


@pytest.mark.parametrize(
    ("ending", "outcome", "state"),
    [
        (0, Outcome.DONE, PayState.PAID),
        (99, Outcome.DONE, PayState.PAID),
        (1, Outcome.REFUSED, None),
        (2, Outcome.UNKNOWN, None),
        (4, Outcome.PENDING, PayState.WAITING),
        (8, Outcome.NOT_SENT, None),
        (16, Outcome.PENDING, PayState.WAITING),
    ],
)
def test_a_scanned_code_is_paid_at_once_waits_for_its_customer_or_is_declined(
    ending: int, outcome: Outcome, state: PayState | None
) -> None:
    result = scan(ending)
    assert (result.outcome, result.state) == (outcome, state)
