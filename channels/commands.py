"""What the house can ask of a channel. Pure facts; amounts in integer fen, times aware UTC.

Every command carries our own numbers; they are the idempotency keys (DESIGN law 4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar


class Method(StrEnum):
    """How the customer pays. A channel declares which of these it has."""

    NATIVE = "native"
    """A QR code that the customer scans."""
    JSAPI = "jsapi"
    """Inside the provider's own browser or mini program; needs ``openid``."""
    H5 = "h5"
    """A mobile browser page; needs ``client_ip``."""
    APP = "app"
    PAGE = "page"
    """A desktop browser is sent to the provider's cashier."""
    WAP = "wap"
    """A mobile browser is sent to the provider's cashier."""
    BARCODE = "barcode"
    """The merchant scans the customer's code; needs ``auth_code``."""


class PayeeType(StrEnum):
    """How a transfer names who is paid."""

    OPENID = "openid"
    USER_ID = "user_id"
    LOGIN_NAME = "login_name"


class ReceiverType(StrEnum):
    """How a share of an order names who gets it (SPEC 1.4)."""

    MERCHANT_NO = "merchant_no"
    OPENID = "openid"
    USER_ID = "user_id"
    LOGIN_NAME = "login_name"


class BillKind(StrEnum):
    TRADE = "trade"
    FUND_FLOW = "fund_flow"
    SETTLEMENT = "settlement"


# --- payments and refunds -----------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Pay:
    """Ask the channel to hold an order for payment."""

    kind: ClassVar[str] = "pay"
    order_no: str
    """Our number, sent as the merchant order number; the idempotency key."""
    amount: int
    currency: str = "CNY"
    title: str
    method: Method
    notify_url: str
    expires_at: datetime
    openid: str = ""
    client_ip: str = ""
    attach: str = ""
    allocation: bool = False
    """The money is to be frozen for profit sharing."""
    auth_code: str = field(default="", repr=False)
    """What was scanned (BARCODE). Never stored or logged."""
    return_url: str = ""
    """Where the provider's cashier sends the browser back to (PAGE, WAP, H5)."""


@dataclass(frozen=True, kw_only=True)
class QueryPay:
    kind: ClassVar[str] = "query_pay"
    order_no: str
    out_order_no: str = ""
    amount: int
    """What we expect; lets the sandbox choose its answer. Never sent on a real wire."""


@dataclass(frozen=True, kw_only=True)
class ClosePay:
    kind: ClassVar[str] = "close_pay"
    order_no: str
    out_order_no: str = ""
    amount: int


@dataclass(frozen=True, kw_only=True)
class CancelPay:
    kind: ClassVar[str] = "cancel_pay"
    order_no: str
    out_order_no: str = ""
    amount: int


@dataclass(frozen=True, kw_only=True)
class Refund:
    kind: ClassVar[str] = "refund"
    refund_no: str
    """Our refund number; the idempotency key. A retry repeats it with identical parameters."""
    order_no: str
    out_order_no: str = ""
    amount: int
    total: int
    """The amount of the pay order."""
    currency: str = "CNY"
    reason: str = ""
    notify_url: str


@dataclass(frozen=True, kw_only=True)
class QueryRefund:
    kind: ClassVar[str] = "query_refund"
    refund_no: str
    order_no: str
    out_order_no: str = ""
    amount: int


# --- transfers ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Pay money out to a person."""

    kind: ClassVar[str] = "transfer"
    transfer_no: str
    """Our number; the idempotency key."""
    amount: int
    currency: str = "CNY"
    title: str
    remark: str = ""
    payee_type: PayeeType
    payee_account: str
    payee_name: str = ""
    """Plain; encrypted on the wire where the provider says so."""
    scene: str = ""
    """The provider's scene of use (WeChat ``transfer_scene_id``)."""
    notify_url: str


@dataclass(frozen=True, kw_only=True)
class QueryTransfer:
    kind: ClassVar[str] = "query_transfer"
    transfer_no: str
    out_transfer_no: str = ""
    amount: int


@dataclass(frozen=True, kw_only=True)
class CancelTransfer:
    """Withdraw a transfer that the payee has not confirmed yet."""

    kind: ClassVar[str] = "cancel_transfer"
    transfer_no: str
    out_transfer_no: str = ""
    amount: int


# --- allocation (分账) ---------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Share:
    """One receiver's part of an allocation. A receiver stands in one allocation once."""

    detail_no: str
    receiver_type: ReceiverType
    account: str
    name: str = ""
    amount: int
    description: str


@dataclass(frozen=True, kw_only=True)
class Allocate:
    """Share money of a paid order among receivers."""

    kind: ClassVar[str] = "allocate"
    allocation_no: str
    """Our number; the idempotency key. A retry repeats it with identical shares."""
    order_no: str
    out_order_no: str
    shares: tuple[Share, ...]
    finishes: bool = False
    """Nothing more will be shared: the rest is set free."""


@dataclass(frozen=True, kw_only=True)
class QueryAllocation:
    """Also asks about a finish, with the finish's number as ``allocation_no`` and no shares."""

    kind: ClassVar[str] = "query_allocation"
    allocation_no: str
    order_no: str
    out_order_no: str
    out_allocation_no: str = ""
    shares: tuple[Share, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FinishAllocation:
    """完结: set the rest of the order's frozen money free."""

    kind: ClassVar[str] = "finish_allocation"
    finish_no: str
    """A number of its own: repeating an allocation's number would free nothing."""
    order_no: str
    out_order_no: str
    description: str


@dataclass(frozen=True, kw_only=True)
class ReturnShare:
    """回退: fetch a successful share back from its receiver."""

    kind: ClassVar[str] = "return_share"
    return_no: str
    allocation_no: str
    out_allocation_no: str = ""
    order_no: str
    out_order_no: str
    receiver_type: ReceiverType
    account: str
    amount: int
    description: str


@dataclass(frozen=True, kw_only=True)
class QueryReturn:
    kind: ClassVar[str] = "query_return"
    return_no: str
    allocation_no: str
    out_allocation_no: str = ""
    order_no: str
    out_order_no: str
    amount: int


@dataclass(frozen=True, kw_only=True)
class QueryUnshared:
    """How much of an order may still be shared; the answer is ``Result.amount``."""

    kind: ClassVar[str] = "query_unshared"
    order_no: str
    out_order_no: str
    amount: int
    """Paid, fen."""


@dataclass(frozen=True, kw_only=True)
class BindReceiver:
    """Make somebody known at the channel as a receiver. Repeating it is harmless."""

    kind: ClassVar[str] = "bind_receiver"
    request_no: str
    receiver_type: ReceiverType
    account: str
    name: str = ""
    relation: str = ""
    """The provider's word for the relation (WeChat ``relation_type``)."""
    custom_relation: str = ""


@dataclass(frozen=True, kw_only=True)
class UnbindReceiver:
    kind: ClassVar[str] = "unbind_receiver"
    request_no: str
    receiver_type: ReceiverType
    account: str


# --- bills --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class FetchBill:
    """The provider's own record of one day (China time)."""

    kind: ClassVar[str] = "fetch_bill"
    day: date
    bill: BillKind


PaymentCommand = Pay | QueryPay | ClosePay | CancelPay | Refund | QueryRefund
TransferCommand = Transfer | QueryTransfer | CancelTransfer
AllocationCommand = (
    Allocate
    | QueryAllocation
    | FinishAllocation
    | ReturnShare
    | QueryReturn
    | QueryUnshared
    | BindReceiver
    | UnbindReceiver
)
Command = PaymentCommand | TransferCommand | AllocationCommand
"""Everything ``Channel.perform`` carries out. ``FetchBill`` streams and has its own method."""
