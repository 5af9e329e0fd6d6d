"""The sandbox: speaks to nobody, remembers nothing, and answers by ``cases.py``.

Made by ``channels.registry``. The age of an order is read from the ULID inside its number, so
that any process gives the same answer and a restart changes nothing. It sends no callbacks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from channels import wallets
from channels.base import (
    Account,
    AccountField,
    Allocate,
    AllocationState,
    BindReceiver,
    CallbackFact,
    CallbackRejected,
    Capabilities,
    Command,
    Exchange,
    Method,
    Outcome,
    Pay,
    PayeeType,
    PayState,
    Problem,
    ReceiverType,
    RefundState,
    Result,
    Share,
    ShareState,
    Transfer,
    TransferState,
    UnbindReceiver,
)
from channels.sandbox.cases import Answer, answer_at
from channels.sandbox.script import Script, script, share_results
from channels.transport import Transport
from channels.ulid import created_at


class SandboxChannel:
    code: ClassVar[str] = "sandbox"
    name: ClassVar[str] = "Sandbox"
    account_fields: ClassVar[tuple[AccountField, ...]] = ()
    capabilities: ClassVar[Capabilities] = Capabilities(
        methods=frozenset(Method),
        wallets=(wallets.WECHAT, wallets.ALIPAY, wallets.UNIONPAY),
        close=True,
        cancel=True,
        pay_idempotent=True,
        refund_idempotent=True,
        transfer=True,
        payee_types=frozenset(PayeeType),
        transfer_cancel=True,
        transfer_idempotent=True,
        allocation=True,
        receiver_types=frozenset(ReceiverType),
        allocation_idempotent=True,
        allocation_finish=True,
        allocation_return=True,
        return_types=frozenset(ReceiverType),
    )

    def perform(
        self,
        command: Command,
        account: Account,
        *,
        transport: Transport,
        now: Callable[[], datetime],
        nonce: Callable[[], str],
    ) -> tuple[Result, Exchange]:
        plan = script(command)
        shown = plan.number or command.kind
        exchange = Exchange(request=f"sandbox {command.kind} {shown} {plan.amount}")
        asked = now()
        try:
            # A binding has no age: it is made under a number that is not the house's.
            is_binding = isinstance(command, BindReceiver | UnbindReceiver)
            created = asked if is_binding else created_at(plan.number)
        except ValueError as error:
            message = str(error)
            refused = Result(outcome=Outcome.NOT_SENT, code="ENCODE_ERROR", message=message)
            return refused, exchange
        age = max(0, int((asked - created).total_seconds()))
        result = _result(command, plan, age=age, created=created)
        silent = result.outcome in (Outcome.UNKNOWN, Outcome.NOT_SENT)
        said = "" if silent else f"{result.channel_status} {result.code}".strip()
        return result, Exchange(request=exchange.request, response=said)

    def verify_callback(
        self, headers: Mapping[str, str], body: bytes, account: Account, *, now: datetime
    ) -> str:
        raise CallbackRejected("NO_CALLBACKS", "the sandbox sends no callbacks")

    def open_callback(self, body: bytes, account: Account) -> CallbackFact:
        raise CallbackRejected("NO_CALLBACKS", "the sandbox sends no callbacks")

    def scrub_callback(self, body: bytes) -> str:
        return ""

    def callback_answer(self, *, accepted: bool, message: str = "") -> tuple[int, str, bytes]:
        return (204, "text/plain", b"") if accepted else (400, "text/plain", message.encode())

    def check_account(self, config: Mapping[str, str], secrets: Mapping[str, str]) -> list[Problem]:
        return []


def _result(command: Command, plan: Script, *, age: int, created: datetime) -> Result:
    answer = answer_at(plan.steps, age)
    held = answer.state not in _NOT_HELD or (answer.outcome, answer.code) == (Outcome.DONE, "")
    since = next((seconds for seconds, step in plan.steps if step is answer), 0)
    final = answer.state in _FINISHED
    result = Result(
        outcome=answer.outcome,
        state=answer.state,
        code=answer.code,
        message=f"sandbox: {answer.code}" if answer.code else "",
        out_no=f"SANDBOX{plan.number}" if held and plan.number else "",
        amount=plan.amount + answer.amount_off if held and plan.amount else None,
        finished_at=created + timedelta(seconds=since) if final else None,
        pay_params=_pay_params(command, answer),
        channel_status=answer.state.upper() if answer.state else "",
    )
    return _with_shares(command, result, plan.shares, age=age)


def _with_shares(
    command: Command, result: Result, shares: tuple[Share, ...], *, age: int
) -> Result:
    """A share that is still pending keeps its allocation in work."""
    if not shares or not isinstance(result.state, AllocationState):
        return result
    if result.state is AllocationState.NOT_FOUND:
        return result
    result = replace(result, shares=share_results(shares, result.state, age=age))
    waiting = any(share.state is ShareState.PENDING for share in result.shares)
    if result.state is not AllocationState.FINISHED or not waiting:
        return result
    return replace(
        result,
        outcome=Outcome.PENDING if isinstance(command, Allocate) else Outcome.DONE,
        state=AllocationState.PROCESSING,
        channel_status=AllocationState.PROCESSING.upper(),
        finished_at=None,
    )


_NOT_HELD = (
    None,
    PayState.NOT_FOUND,
    RefundState.NOT_FOUND,
    TransferState.NOT_FOUND,
    AllocationState.NOT_FOUND,
)
_FINISHED = (
    PayState.PAID,
    PayState.CLOSED,
    PayState.CANCELLED,
    PayState.FAILED,
    RefundState.SUCCESS,
    RefundState.CLOSED,
    TransferState.SUCCESS,
    TransferState.FAILED,
    TransferState.CLOSED,
    TransferState.RETURNED,
    AllocationState.FINISHED,
    AllocationState.FAILED,
)


def _pay_params(command: Command, answer: Answer) -> dict[str, object]:
    if (
        isinstance(command, Pay)
        and answer.state is PayState.WAITING
        and command.method is not Method.BARCODE
    ):
        return {"code_url": f"sandbox://pay/{command.order_no}"}
    if isinstance(command, Transfer) and answer.state is TransferState.WAIT_PAYEE:
        return {"confirm_url": f"sandbox://transfer/{command.transfer_no}"}
    return {}
