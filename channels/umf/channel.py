"""UMF as a channel: which codec serves which command. Made by ``channels.registry``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import BinaryIO, ClassVar

from channels import wallets
from channels.base import (
    Account,
    AccountField,
    BillKind,
    CallbackFact,
    CancelPay,
    Capabilities,
    ClosePay,
    Command,
    EncodeError,
    FetchBill,
    Method,
    Pay,
    Problem,
    QueryPay,
    QueryRefund,
    Refund,
    Request,
    Response,
    Result,
)
from channels.transport import Transport
from channels.umf import account as accounts
from channels.umf import bills, callbacks, fields, pay, refund, scrub
from channels.wire import HttpChannel


class UmfChannel(HttpChannel):
    code: ClassVar[str] = "umf"
    name: ClassVar[str] = "UMF"
    account_fields: ClassVar[tuple[AccountField, ...]] = accounts.FIELDS
    capabilities: ClassVar[Capabilities] = Capabilities(
        methods=frozenset(pay.PATHS),
        # Of an account only those of its pay_type: the encoder refuses the others.
        wallets=(wallets.WECHAT, wallets.ALIPAY, wallets.UNIONPAY),
        close=True,
        cancel=True,
        # "针对交易当天的成功订单…仅支持…用户被扫".
        cancel_methods=frozenset({Method.BARCODE}),
        cancel_unpaid=False,
        cancel_same_day=True,
        # What a second payment request with the same number does stands nowhere.
        pay_idempotent=False,
        # "在惠商+后台对于同一笔订单号做了幂等处理".
        refund_idempotent=True,
        refund_days=90,
        expiry_min=pay.EXPIRY_MIN,
        expiry_max=pay.EXPIRY_MAX,
        bills=frozenset({BillKind.SETTLEMENT}),
        slow_answer=fields.READ_TIMEOUT,
        acks_by_worker=True,
        title_max=80,
        reason_max=80,
        attach_max=128,
    )

    def encode(self, command: Command, account: Account, *, now: datetime, nonce: str) -> Request:
        match command:
            case Pay():
                return pay.encode_pay(command, account, now=now)
            case QueryPay():
                return pay.encode_query(command, account)
            case ClosePay():
                return pay.encode_close(command, account, now=now)
            case CancelPay():
                return pay.encode_cancel(command, account, now=now)
            case Refund():
                return refund.encode_refund(command, account, now=now)
            case QueryRefund():
                return refund.encode_query(command, account, now=now)
        raise EncodeError("command", f"UMF has no {command.kind}")

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
                return pay.decode_query(command, response, account, now=now)
            case ClosePay():
                return pay.decode_close(command, response, account)
            case CancelPay():
                return pay.decode_cancel(command, response, account)
            case Refund():
                return refund.decode_refund(command, response, account)
            case QueryRefund():
                return refund.decode_query(command, response, account)
        raise ValueError(f"UMF has no {command.kind}")

    def scrub_request(self, request: Request) -> str:
        return scrub.request_text(request)

    def scrub_response(self, response: Response) -> str:
        return scrub.response_text(response)

    def request_id(self, response: Response) -> str:
        """UMF gives its answers no id."""
        return ""

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
        return bills.download(command, account, sink, transport=transport)

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

    def acknowledge(self, body: bytes, account: Account) -> tuple[int, str, bytes]:
        return callbacks.acknowledge(body, account)

    def check_account(self, config: Mapping[str, str], secrets: Mapping[str, str]) -> list[Problem]:
        return accounts.check(config, secrets)
