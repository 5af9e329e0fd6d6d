"""WeChat Pay as a channel: which codec serves which command. Made by ``channels.registry``.

Direct merchants, API v3. Only payments by a scanned code (付款码) have a 撤销 of their own, and no
close; of the others 撤销 is a close.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import BinaryIO, ClassVar

from channels import wallets
from channels.base import (
    Account,
    AccountField,
    Allocate,
    BillKind,
    BindReceiver,
    CallbackFact,
    CancelPay,
    CancelTransfer,
    Capabilities,
    ClosePay,
    Command,
    EncodeError,
    Exchange,
    FetchBill,
    FinishAllocation,
    Method,
    Outcome,
    Pay,
    PayeeType,
    Problem,
    QueryAllocation,
    QueryPay,
    QueryRefund,
    QueryReturn,
    QueryTransfer,
    QueryUnshared,
    ReceiverType,
    Refund,
    Request,
    Response,
    Result,
    ReturnShare,
    Transfer,
    UnbindReceiver,
)
from channels.transport import Transport
from channels.wechat import account as accounts
from channels.wechat import (
    allocation,
    answers,
    bills,
    callbacks,
    certificates,
    code_pay,
    pay,
    refund,
    returns,
    scrub,
    transfer,
)
from channels.wire import HttpChannel

_PREPAID = frozenset({Method.NATIVE, Method.JSAPI, Method.H5, Method.APP})


class WechatChannel(HttpChannel):
    code: ClassVar[str] = "wechat"
    name: ClassVar[str] = "WeChat Pay"
    account_fields: ClassVar[tuple[AccountField, ...]] = accounts.FIELDS
    capabilities: ClassVar[Capabilities] = Capabilities(
        methods=_PREPAID | {Method.BARCODE},
        wallets=(wallets.WECHAT,),
        close=True,
        # Internal error 268449641: an order of a scanned code is reversed, not closed.
        close_methods=_PREPAID,
        cancel=True,
        cancel_methods=frozenset({Method.BARCODE}),
        pay_idempotent=True,
        refund_idempotent=True,
        refund_days=365,
        refund_max_count=50,
        refund_spacing=60,
        close_advised_after=300,
        expiry_min=60,
        expiry_max=7 * 86400,
        transfer=True,
        payee_types=frozenset({PayeeType.OPENID}),
        transfer_cancel=True,
        transfer_idempotent=True,
        transfer_min=10,
        transfer_remark_max=32,
        transfer_query_days=30,
        allocation=True,
        receiver_types=frozenset({ReceiverType.MERCHANT_NO, ReceiverType.OPENID}),
        allocation_idempotent=True,
        allocation_max_ratio=3000,
        allocation_max_receivers=50,
        allocation_max_count=50,
        allocation_after=60,
        allocation_days=30,
        allocation_finish=True,
        allocation_return=True,
        return_types=frozenset({ReceiverType.MERCHANT_NO}),
        return_days=180,
        bills=frozenset({BillKind.TRADE, BillKind.FUND_FLOW}),
        plain_text_only=True,
        title_max=127,
        reason_max=80,
        attach_max=128,
    )

    def encode(self, command: Command, account: Account, *, now: datetime, nonce: str) -> Request:
        if isinstance(command, Pay) and command.method is Method.BARCODE:
            return code_pay.encode_pay(command, account, now=now, nonce=nonce)
        encode = _ENCODERS.get(type(command))
        if encode is None:
            raise EncodeError("command", f"WeChat Pay has no {command.kind}")
        return encode(command, account, now=now, nonce=nonce)

    def decode(
        self,
        command: Command,
        response: Response,
        account: Account,
        *,
        now: datetime,
        nonce: str,
    ) -> Result:
        if isinstance(command, Pay) and command.method is Method.BARCODE:
            return code_pay.decode_pay(command, response, account, now=now)
        if isinstance(command, Pay):
            return pay.decode_pay(command, response, account, now=now, nonce=nonce)
        return _DECODERS[type(command)](command, response, account, now=now)

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
        return bills.download(
            self, command, account, sink, transport=transport, now=now, nonce=nonce
        )

    def scrub_request(self, request: Request) -> str:
        return scrub.request_text(request)

    def scrub_response(self, response: Response) -> str:
        return scrub.response_text(response)

    def request_id(self, response: Response) -> str:
        return answers.request_id(response)

    def download_certificates(
        self,
        account: Account,
        *,
        transport: Transport,
        now: Callable[[], datetime],
        nonce: Callable[[], str],
    ) -> tuple[tuple[certificates.PlatformCertificate, ...], Result, Exchange]:
        """The platform certificates in force, for ``platform_certificates`` of the account.

        DONE with certificates, or none and a Result that says why. Never raises for anything
        the world does.
        """
        try:
            request = certificates.encode(account, now=now(), nonce=nonce())
        except EncodeError as error:
            message = f"{error.field_name}: {error.message}"
            failed = Result(outcome=Outcome.NOT_SENT, code="ENCODE_ERROR", message=message)
            return (), failed, Exchange()
        response, exchange = self.exchange(request, transport=transport)
        if isinstance(response, Result):
            return (), response, exchange
        request_id = answers.request_id(response)
        try:
            found = certificates.decode(response, account, now=now())
        except (answers.BadAnswer, ValueError) as error:
            code = error.code if isinstance(error, answers.BadAnswer) else "BAD_ACCOUNT"
            failed = Result(
                outcome=Outcome.UNKNOWN, code=code, message=str(error), request_id=request_id
            )
            return (), failed, exchange
        return found, Result(outcome=Outcome.DONE, request_id=request_id), exchange

    def verify_callback(
        self, headers: Mapping[str, str], body: bytes, account: Account, *, now: datetime
    ) -> str:
        return callbacks.verify(headers, body, account, now=now)

    def open_callback(self, body: bytes, account: Account) -> CallbackFact:
        return callbacks.open_notification(body, account)

    def scrub_callback(self, body: bytes) -> str:
        return scrub.callback_text(body)

    def callback_answer(self, *, accepted: bool, message: str = "") -> tuple[int, str, bytes]:
        return callbacks.answer(accepted=accepted, message=message)

    def check_account(self, config: Mapping[str, str], secrets: Mapping[str, str]) -> list[Problem]:
        return accounts.check(config, secrets)


_ENCODERS: Mapping[type, Callable[..., Request]] = {
    Pay: pay.encode_pay,
    QueryPay: pay.encode_query,
    ClosePay: pay.encode_close,
    CancelPay: code_pay.encode_reverse,
    Refund: refund.encode_refund,
    QueryRefund: refund.encode_query,
    Transfer: transfer.encode_transfer,
    QueryTransfer: transfer.encode_query,
    CancelTransfer: transfer.encode_cancel,
    Allocate: allocation.encode_allocate,
    QueryAllocation: allocation.encode_query,
    FinishAllocation: allocation.encode_finish,
    QueryUnshared: allocation.encode_unshared,
    ReturnShare: returns.encode_return,
    QueryReturn: returns.encode_query_return,
    BindReceiver: returns.encode_bind,
    UnbindReceiver: returns.encode_unbind,
}
_DECODERS: Mapping[type, Callable[..., Result]] = {
    QueryPay: pay.decode_query,
    ClosePay: pay.decode_close,
    CancelPay: code_pay.decode_reverse,
    Refund: refund.decode_refund,
    QueryRefund: refund.decode_query,
    Transfer: transfer.decode_transfer,
    QueryTransfer: transfer.decode_query,
    CancelTransfer: transfer.decode_cancel,
    Allocate: allocation.decode_allocation,
    QueryAllocation: allocation.decode_allocation,
    FinishAllocation: allocation.decode_allocation,
    QueryUnshared: allocation.decode_unshared,
    ReturnShare: returns.decode_return,
    QueryReturn: returns.decode_return,
    BindReceiver: returns.decode_binding,
    UnbindReceiver: returns.decode_binding,
}
