"""What every payment channel promises: commands in, one of five outcomes out.

Called by workers (``orders.engine``) and, for reading capabilities and checking a callback's
signature, by the web process. Nothing here touches a database or knows an order's state.
All amounts are integer fen, all times aware UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Protocol

from channels.commands import (
    Allocate,
    AllocationCommand,
    BillKind,
    BindReceiver,
    CancelPay,
    CancelTransfer,
    ClosePay,
    Command,
    FetchBill,
    FinishAllocation,
    Method,
    Pay,
    PayeeType,
    PaymentCommand,
    QueryAllocation,
    QueryPay,
    QueryRefund,
    QueryReturn,
    QueryTransfer,
    QueryUnshared,
    ReceiverType,
    Refund,
    ReturnShare,
    Share,
    Transfer,
    TransferCommand,
    UnbindReceiver,
)
from channels.results import (
    AllocationState,
    CallbackFact,
    Exchange,
    Outcome,
    PayState,
    RefundState,
    Result,
    ShareResult,
    ShareState,
    State,
    TransferState,
)
from channels.wallets import Wallet

if TYPE_CHECKING:
    from channels.transport import Transport

__all__ = [
    "Account",
    "AccountField",
    "AckingChannel",
    "Allocate",
    "AllocationState",
    "BillKind",
    "BindReceiver",
    "CallbackFact",
    "CallbackRejected",
    "CancelPay",
    "CancelTransfer",
    "Capabilities",
    "Channel",
    "ClosePay",
    "AllocationCommand",
    "BillChannel",
    "Command",
    "PaymentCommand",
    "TransferCommand",
    "EncodeError",
    "Exchange",
    "FetchBill",
    "FinishAllocation",
    "Method",
    "Outcome",
    "Pay",
    "PayState",
    "PayeeType",
    "Problem",
    "QueryAllocation",
    "QueryPay",
    "QueryRefund",
    "QueryReturn",
    "QueryTransfer",
    "QueryUnshared",
    "ReceiverType",
    "Refund",
    "RefundState",
    "Request",
    "Response",
    "Result",
    "ReturnShare",
    "Share",
    "ShareResult",
    "ShareState",
    "State",
    "Transfer",
    "TransferState",
    "UnbindReceiver",
    "Wallet",
]


class CallbackRejected(Exception):
    """A notification that cannot be believed. ``code`` is stable, ``message`` is for the log."""

    def __init__(self, code: str, message: str, *, alarm: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.alarm = alarm
        """False where the provider probes on purpose (WeChat's SIGNTEST)."""


class EncodeError(ValueError):
    """The command or the account cannot be put on this wire; nothing was sent."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(message)
        self.field_name = field_name
        self.message = message


# --- wire ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Request:
    """Bytes to put on the wire. ``url`` is already percent-encoded and is sent as it stands."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    connect_timeout: float = 3.0  # seconds
    read_timeout: float = 10.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Response:
    """``headers`` is case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_ms: int = 0


# --- declarations -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a channel can do, and its limits. Guards, buttons and docs/channels.md read this."""

    methods: frozenset[Method]
    wallets: tuple[Wallet, ...] = ()
    """Whose payment codes can be scanned (BARCODE)."""
    close: bool = True
    close_methods: frozenset[Method] | None = None
    """Ways to pay whose orders can be closed; None: all. The others can only be cancelled."""
    cancel: bool = False
    """False: 撤销 falls back to close."""
    refund: bool = True
    partial_refund: bool = True
    pay_idempotent: bool = False
    """Repeating a pay command with the same number and parameters can never charge twice."""
    refund_idempotent: bool = False
    """Repeating a refund with the same number and parameters can never pay twice."""
    refund_days: int | None = None
    """Days after payment within which the channel refunds."""
    refund_max_count: int | None = None
    """Refunds per pay order."""
    refund_spacing: int | None = None
    """Seconds that must lie between two refunds of one pay order."""
    close_advised_after: int | None = None
    """Seconds after creation before which the channel advises against closing."""
    expiry_min: int = 60
    """Seconds."""
    expiry_max: int = 7 * 86400
    """Seconds."""
    amount_max: int = 10_000_000_00
    """Fen per order."""
    cancel_methods: frozenset[Method] | None = None
    """Ways to pay whose orders can be cancelled; None: all. The others fall back to close."""
    cancel_unpaid: bool = True
    """False: only a paid order can be cancelled, one that waits for its customer is closed."""
    cancel_same_day: bool = False
    """Cancelling works only on the day of the payment (China time)."""
    transfer: bool = False
    payee_types: frozenset[PayeeType] = frozenset()
    transfer_cancel: bool = False
    """A transfer that waits for its payee can be withdrawn."""
    transfer_idempotent: bool = False
    transfer_min: int = 1
    """Fen."""
    transfer_max: int | None = None
    """Fen."""
    transfer_remark_max: int = 32
    """Characters of a transfer's remark (its title where there is none)."""
    transfer_query_days: int | None = None
    """Days after which the channel no longer answers questions about a transfer."""
    allocation: bool = False
    receiver_types: frozenset[ReceiverType] = frozenset()
    allocation_idempotent: bool = False
    allocation_max_ratio: int | None = None
    """Ten-thousandths of (paid − refunded) that may be shared in all."""
    allocation_max_receivers: int | None = None
    """Receivers of one allocation."""
    allocation_max_count: int | None = None
    """Allocations of one pay order."""
    allocation_after: int = 0
    """Seconds after payment before which nothing can be shared."""
    allocation_days: int | None = None
    """Days after payment within which money can be shared; then it is set free."""
    allocation_finish: bool = False
    """Has 完结 as a command of its own."""
    allocation_return: bool = False
    return_types: frozenset[ReceiverType] = frozenset()
    """Receivers from whom a share can be fetched back."""
    return_days: int | None = None
    bills: frozenset[BillKind] = frozenset()
    slow_answer: int = 0
    """Seconds that this channel may take to answer; 0 for the usual few. Whoever leases a call
    gives it time for that."""
    acks_by_worker: bool = False
    """Its notifications are acknowledged with the merchant's private key (``AckingChannel``),
    so that the web process must get the acknowledgement from a worker."""
    plain_text_only: bool = False
    """Title and reason may hold only characters of up to three UTF-8 bytes (no emoji)."""
    title_max: int = 127
    reason_max: int = 80
    attach_max: int = 128


@dataclass(frozen=True, kw_only=True)
class AccountField:
    """One setting of a channel account, as the console asks for it."""

    name: str
    secret: bool = False
    """Encrypted at rest, shown as a fingerprint, handed to workers only."""
    required: bool = True
    multiline: bool = False
    default: str = ""
    help: str = ""
    """English message id; translated by the console."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """A channel account as a channel sees it; ``version`` moves with every change."""

    id: int
    version: int
    channel: str
    config: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Empty in the web process."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong with one setting of a channel account."""

    field: str
    message: str


class Channel(Protocol):
    """One provider. Instances are stateless and shared between threads."""

    code: ClassVar[str]
    name: ClassVar[str]
    """English message id (``WeChat Pay``); translated by the console."""
    capabilities: ClassVar[Capabilities]
    account_fields: ClassVar[tuple[AccountField, ...]]

    def perform(
        self,
        command: Command,
        account: Account,
        *,
        transport: Transport,
        now: Callable[[], datetime],
        nonce: Callable[[], str],
    ) -> tuple[Result, Exchange]:
        """Carry out one command. Never raises for anything the world does."""
        ...

    def verify_callback(
        self, headers: Mapping[str, str], body: bytes, account: Account, *, now: datetime
    ) -> str:
        """Check signature and time with public material only; return the notification's id.

        Raises CallbackRejected.
        """
        ...

    def open_callback(self, body: bytes, account: Account) -> CallbackFact:
        """Decrypt and read a verified notification. Raises CallbackRejected."""
        ...

    def scrub_callback(self, body: bytes) -> str:
        """A notification as it may be kept: every member by its name, and only the values that are
        known to name nobody. Never raises; a body that cannot be read leaves nothing but a mask.
        """
        ...

    def callback_answer(self, *, accepted: bool, message: str = "") -> tuple[int, str, bytes]:
        """HTTP status, content type and body that acknowledge or refuse a notification."""
        ...

    def check_account(self, config: Mapping[str, str], secrets: Mapping[str, str]) -> list[Problem]:
        """What an operator must mend before this account can be used."""
        ...


class AckingChannel(Channel, Protocol):
    """A channel whose capabilities say ``acks_by_worker``."""

    def acknowledge(self, body: bytes, account: Account) -> tuple[int, str, bytes]:
        """HTTP status, content type and signed body that acknowledge a verified notification.

        Needs the account's secrets. Raises CallbackRejected where the body cannot be read and
        EncodeError where the account cannot sign.
        """
        ...


class BillChannel(Channel, Protocol):
    """A channel whose capabilities list bills."""

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
        """Write the original bill (uncompressed, verified where the provider gives a digest).

        DONE with code ``NO_BILL`` and an empty sink where the day had no trade; NOT_SENT where the
        bill is not ready yet.
        """
        ...
