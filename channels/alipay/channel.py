"""Alipay as a channel: which codec serves which command. Made by ``channels.registry``.

Direct merchants, gateway.do, key mode or certificate mode. Never asked of it: fetching a share
back, withdrawing a transfer (Alipay has no call for either).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import BinaryIO, ClassVar

from channels import wallets
from channels.alipay import account as accounts
from channels.alipay import allocation, bill, callbacks, pay, receivers, refund, scrub, transfer
from channels.base import (
    Account,
    AccountField,
    Allocate,
    BillKind,
    BindReceiver,
    CallbackFact,
    CancelPay,
    Capabilities,
    ClosePay,
    Command,
    EncodeError,
    Exchange,
    FetchBill,
    FinishAllocation,
    Outcome,
    Pay,
    PayState,
    Problem,
    QueryAllocation,
    QueryPay,
    QueryRefund,
    QueryTransfer,
    QueryUnshared,
    Refund,
    Request,
    Response,
    Result,
    Transfer,
    UnbindReceiver,
)
from channels.transport import Transport
from channels.wire import HttpChannel

log = logging.getLogger(__name__)


class AlipayChannel(HttpChannel):
    code: ClassVar[str] = "alipay"
    name: ClassVar[str] = "Alipay"
    account_fields: ClassVar[tuple[AccountField, ...]] = accounts.FIELDS
    capabilities: ClassVar[Capabilities] = Capabilities(
        methods=frozenset(pay.METHODS),
        wallets=(wallets.ALIPAY,),
        close=True,
        cancel=True,
        cancel_same_day=True,
        pay_idempotent=True,
        refund_idempotent=True,
        expiry_min=60,
        expiry_max=15 * 86400,
        amount_max=100_000_000_00,
        transfer=True,
        payee_types=frozenset(transfer.PAYEE_TYPES),
        transfer_idempotent=True,
        transfer_min=10,
        transfer_max=100_000_000_00,
        allocation=True,
        receiver_types=frozenset(allocation.RECEIVER_TYPES),
        allocation_idempotent=True,
        allocation_max_receivers=allocation.MAX_RECEIVERS,
        allocation_after=30,
        allocation_finish=True,
        allocation_return=False,
        bills=frozenset({BillKind.TRADE}),
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
        if isinstance(command, Pay) and command.method in pay.BY_CUSTOMER:
            return self._sign_for_customer(command, account, now=now)
        return super().perform(command, account, transport=transport, now=now, nonce=nonce)

    def _sign_for_customer(
        self, command: Pay, account: Account, *, now: Callable[[], datetime]
    ) -> tuple[Result, Exchange]:
        """Nothing is sent: the customer brings the order to Alipay, and until then Alipay does
        not know it ("ACQ.TRADE_NOT_EXIST" to a query)."""
        try:
            request = pay.encode_pay(command, account, now=now())
        except EncodeError as error:
            return _failed("ENCODE_ERROR", f"{error.field_name}: {error.message}"), Exchange()
        except Exception as error:
            log.exception("%s cannot be encoded for account %s", command.kind, account.id)
            return _failed("ENCODE_BUG", type(error).__name__), Exchange()
        result = Result(
            outcome=Outcome.DONE,
            state=PayState.WAITING,
            pay_params=pay.customer_params(command.method, request),
        )
        return result, Exchange(request=self._text(self.scrub_request, request))

    def encode(self, command: Command, account: Account, *, now: datetime, nonce: str) -> Request:
        match command:
            case Pay():
                return pay.encode_pay(command, account, now=now)
            case QueryPay():
                return pay.encode_query(command, account, now=now)
            case ClosePay():
                return pay.encode_close(command, account, now=now)
            case CancelPay():
                return pay.encode_cancel(command, account, now=now)
            case Refund():
                return refund.encode_refund(command, account, now=now)
            case QueryRefund():
                return refund.encode_query(command, account, now=now)
            case Transfer():
                return transfer.encode_transfer(command, account, now=now)
            case QueryTransfer():
                return transfer.encode_query(command, account, now=now)
            case Allocate():
                return allocation.encode_allocate(command, account, now=now)
            case FinishAllocation():
                return allocation.encode_finish(command, account, now=now)
            case QueryAllocation():
                return allocation.encode_query(command, account, now=now)
            case QueryUnshared():
                return allocation.encode_unshared(command, account, now=now)
            case BindReceiver():
                return receivers.encode_bind(command, account, now=now)
            case UnbindReceiver():
                return receivers.encode_unbind(command, account, now=now)
        raise EncodeError("command", f"Alipay has no {command.kind}")

    def decode(
        self,
        command: Command,
        response: Response,
        account: Account,
        *,
        now: datetime,
        nonce: str,
    ) -> Result:
        match command:
            case Pay():
                return pay.decode_pay(command, response, account)
            case QueryPay():
                return pay.decode_query(command, response, account)
            case ClosePay():
                return pay.decode_close(command, response, account)
            case CancelPay():
                return pay.decode_cancel(command, response, account)
            case Refund():
                return refund.decode_refund(command, response, account)
            case QueryRefund():
                return refund.decode_query(command, response, account)
            case Transfer():
                return transfer.decode_transfer(command, response, account)
            case QueryTransfer():
                return transfer.decode_query(command, response, account)
            case Allocate():
                return allocation.decode_allocate(command, response, account)
            case FinishAllocation():
                return allocation.decode_finish(command, response, account)
            case QueryAllocation():
                return allocation.decode_query(command, response, account)
            case QueryUnshared():
                return allocation.decode_unshared(command, response, account)
            case BindReceiver() | UnbindReceiver():
                return receivers.decode_bind(command, response, account)
        raise ValueError(f"Alipay has no {command.kind}")

    def scrub_request(self, request: Request) -> str:
        return scrub.request_text(request)

    def scrub_response(self, response: Response) -> str:
        return scrub.response_text(response)

    def request_id(self, response: Response) -> str:
        return response.headers.get("trace_id", "")[:128]

    # --- beyond commands ------------------------------------------------------------------

    def download_bill(
        self,
        command: FetchBill,
        account: Account,
        sink: BinaryIO,
        *,
        transport: Transport,
        now: Callable[[], datetime],
        nonce: Callable[[], str],
    ) -> Result:
        """The detail CSV of a day, in GBK as Alipay wrote it (see ``bill``). The zip is held in
        memory: give a transport whose ``max_body`` is large enough for it."""
        try:
            request = bill.encode_url(command, account, now=now())
        except EncodeError as error:
            return _failed("ENCODE_ERROR", f"{error.field_name}: {error.message}")
        response, _exchange = self.exchange(request, transport=transport)
        if isinstance(response, Result):
            return response
        address, result = bill.decode_url(command, response, account, now=now())
        if not address:
            return result
        response, _exchange = self.exchange(bill.encode_download(address), transport=transport)
        return response if isinstance(response, Result) else bill.unpack(response, sink)

    def list_receivers(
        self,
        account: Account,
        *,
        page: int = 1,
        transport: Transport,
        now: Callable[[], datetime],
        nonce: Callable[[], str],
    ) -> tuple[tuple[receivers.Receiver, ...], Result, Exchange]:
        """One page of the receivers that are bound at Alipay. Never raises for anything the
        world does."""
        try:
            request = receivers.encode_list(nonce()[:32], page, account, now=now())
        except EncodeError as error:
            failed = _failed("ENCODE_ERROR", f"{error.field_name}: {error.message}")
            return (), failed, Exchange()
        response, exchange = self.exchange(request, transport=transport)
        if isinstance(response, Result):
            return (), response, exchange
        found, result = receivers.decode_list(response, account)
        return found, result, exchange

    def verify_callback(
        self, headers: Mapping[str, str], body: bytes, account: Account, *, now: datetime
    ) -> str:
        return callbacks.verify(body, account)

    def open_callback(self, body: bytes, account: Account) -> CallbackFact:
        return callbacks.open_notification(body, account)

    def scrub_callback(self, body: bytes) -> str:
        return scrub.callback_text(body)

    def callback_answer(self, *, accepted: bool, message: str = "") -> tuple[int, str, bytes]:
        return callbacks.answer(accepted=accepted, message=message)

    def check_account(self, config: Mapping[str, str], secrets: Mapping[str, str]) -> list[Problem]:
        return accounts.check(config, secrets)


def _failed(code: str, message: str) -> Result:
    return Result(outcome=Outcome.NOT_SENT, code=code, message=message)
