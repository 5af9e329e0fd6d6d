"""Which case of the sandbox's tables a command meets. Pure; used by ``channel.py`` alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from channels.base import (
    Allocate,
    AllocationCommand,
    AllocationState,
    BindReceiver,
    CancelPay,
    CancelTransfer,
    ClosePay,
    Command,
    FinishAllocation,
    Method,
    Pay,
    PaymentCommand,
    QueryAllocation,
    QueryPay,
    QueryRefund,
    QueryReturn,
    QueryTransfer,
    QueryUnshared,
    Refund,
    ReturnShare,
    Share,
    ShareResult,
    ShareState,
    Transfer,
    TransferCommand,
    UnbindReceiver,
)
from channels.sandbox.allocation_cases import (
    ALLOCATION_CASES,
    BIND_CASES,
    FINISH_CASE,
    RETURN_CASES,
    SHARE_CASES,
    UNSHARED,
    AllocationCase,
)
from channels.sandbox.cases import PAY_CASES, REFUND_CASES, Steps, always
from channels.sandbox.till_cases import paid_by_code
from channels.sandbox.transfer_cases import TRANSFER_CASES

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Script:
    number: str
    """Whose age counts."""
    steps: Steps
    amount: int = 0
    """What chose the case, and what is reported."""
    shares: tuple[Share, ...] = ()


def script(command: Command) -> Script:
    if isinstance(command, PaymentCommand):
        return _payment(command)
    if isinstance(command, TransferCommand):
        return _transfer(command)
    return _allocation(command)


def _payment(command: PaymentCommand) -> Script:
    if isinstance(command, Refund | QueryRefund):
        refunds = _chosen(REFUND_CASES, command.amount)
        steps = refunds.refund if isinstance(command, Refund) else refunds.query
        return Script(number=command.refund_no, steps=steps, amount=command.amount)
    case = _chosen(PAY_CASES, command.amount)
    match command:
        case Pay(method=Method.BARCODE):
            steps = paid_by_code(command.amount % 100)
        case Pay():
            steps = case.pay
        case QueryPay():
            steps = case.query
        case ClosePay():
            steps = case.close
        case CancelPay():
            steps = case.cancel
    return Script(number=command.order_no, steps=steps, amount=command.amount)


def _transfer(command: TransferCommand) -> Script:
    case = _chosen(TRANSFER_CASES, command.amount)
    match command:
        case Transfer():
            steps = case.transfer
        case QueryTransfer():
            steps = case.query
        case CancelTransfer():
            steps = case.cancel
    return Script(number=command.transfer_no, steps=steps, amount=command.amount)


def _allocation(command: AllocationCommand) -> Script:
    match command:
        case Allocate():
            case, total = _shared(command.shares)
            number, steps = command.allocation_no, case.ask
            return Script(number=number, steps=steps, amount=total, shares=command.shares)
        case QueryAllocation():
            case, total = _shared(command.shares)
            number, steps = command.allocation_no, case.query
            return Script(number=number, steps=steps, amount=total, shares=command.shares)
        case FinishAllocation():
            return Script(number=command.finish_no, steps=FINISH_CASE.ask)
        case ReturnShare():
            steps = _chosen(RETURN_CASES, command.amount).ask
            return Script(number=command.return_no, steps=steps, amount=command.amount)
        case QueryReturn():
            steps = _chosen(RETURN_CASES, command.amount).query
            return Script(number=command.return_no, steps=steps, amount=command.amount)
        case QueryUnshared():
            steps = _chosen(UNSHARED, command.amount)
            return Script(number=command.order_no, steps=steps, amount=command.amount)
        case BindReceiver() | UnbindReceiver():
            found = [case for end, case in BIND_CASES.items() if command.account.endswith(end)]
            return Script(number="", steps=always(found[-1].ask))


def _shared(shares: tuple[Share, ...]) -> tuple[AllocationCase, int]:
    """Without shares it is a finish that is asked about."""
    if not shares:
        return FINISH_CASE, 0
    total = sum(share.amount for share in shares)
    return _chosen(ALLOCATION_CASES, total), total


def _chosen(cases: Mapping[int, T], amount: int) -> T:
    return cases.get(amount % 100, cases[0])


def share_results(
    shares: tuple[Share, ...], state: AllocationState, *, age: int
) -> tuple[ShareResult, ...]:
    """What became of each receiver, where the allocation is known to the sandbox."""
    found = []
    for share in shares:
        case = _chosen(SHARE_CASES, share.amount)
        over = state is AllocationState.FINISHED and age >= case.after
        found.append(
            ShareResult(
                receiver_type=share.receiver_type,
                account=share.account,
                state=case.state if over else ShareState.PENDING,
                amount=share.amount,
                out_detail_no=f"SANDBOX{share.detail_no}",
                code=case.code if over else "",
                message=f"sandbox: {case.code}" if over and case.code else "",
            )
        )
    return tuple(found)
