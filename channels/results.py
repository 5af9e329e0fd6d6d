"""What a channel answers, in the house's words. Pure facts; fen and aware UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from channels.commands import ReceiverType


class Outcome(StrEnum):
    """What we know about a call. Only an explicit word of the channel is final."""

    DONE = "done"
    """The channel says that it did it (for a query: it answered the question)."""
    PENDING = "pending"
    """The channel says that it accepted it and is still working."""
    REFUSED = "refused"
    """The channel says no, with a code that its table calls final. No money moved."""
    NOT_SENT = "not_sent"
    """Provably never reached the channel: nothing listened, or there was nothing to sign with."""
    UNKNOWN = "unknown"
    """Anything else. Never a failure: ask, with the same number, until it is known."""


class PayState(StrEnum):
    """A pay order as its channel sees it."""

    NOT_FOUND = "not_found"
    WAITING = "waiting"
    """Held by the channel, not paid (WeChat NOTPAY, USERPAYING)."""
    PAID = "paid"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    REFUNDED = "refunded"
    """Answer to a cancel only: it had been paid, and the channel gave all of it back."""


class RefundState(StrEnum):
    """A refund as its channel sees it."""

    NOT_FOUND = "not_found"
    PROCESSING = "processing"
    SUCCESS = "success"
    FAILED = "failed"
    """Stuck at the channel and not given back (WeChat ABNORMAL): somebody must act."""
    CLOSED = "closed"
    """Ended at the channel without paying; the money stays with the merchant."""


class TransferState(StrEnum):
    """A transfer as its channel sees it."""

    NOT_FOUND = "not_found"
    PROCESSING = "processing"
    WAIT_PAYEE = "wait_payee"
    """The payee has to confirm (WeChat WAIT_USER_CONFIRM); ``Result.pay_params`` says how."""
    SUCCESS = "success"
    FAILED = "failed"
    CLOSED = "closed"
    """Ended without paying, by cancelling or because the payee let it lapse."""
    RETURNED = "returned"
    """Was a success and came back from the payee's bank (Alipay REFUND 退票)."""


class AllocationState(StrEnum):
    """An allocation, a finish, a return or a binding as its channel sees it."""

    NOT_FOUND = "not_found"
    PROCESSING = "processing"
    FINISHED = "finished"
    """Processing is over; for an allocation each share has a result of its own."""
    FAILED = "failed"


class ShareState(StrEnum):
    PENDING = "pending"
    SUCCESS = "success"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class ShareResult:
    """What became of one receiver's share; found by (receiver_type, account)."""

    receiver_type: ReceiverType
    account: str
    state: ShareState
    amount: int | None = None
    out_detail_no: str = ""
    code: str = ""
    message: str = ""
    finished_at: datetime | None = None


State = PayState | RefundState | TransferState | AllocationState


@dataclass(frozen=True, kw_only=True)
class Result:
    """One answer (or the lack of one), in the house's words."""

    outcome: Outcome
    state: State | None = None
    """What the channel says the order is; None where it did not say."""
    code: str = ""
    """The channel's own code (``ORDERPAID``), or ours when there was no answer
    (``NO_ANSWER``, ``BAD_SIGNATURE``, ``CONNECT_FAILED`` …)."""
    message: str = ""
    """The channel's own sentence, for people; never drives logic."""
    out_no: str = ""
    """The channel's number of the order or refund."""
    amount: int | None = None
    """Fen, as the channel reports it (order total, or refund amount)."""
    finished_at: datetime | None = None
    """When the channel says that it was paid, refunded or closed."""
    pay_params: Mapping[str, object] = field(default_factory=dict)
    """For the front end: ``code_url``, ``h5_url`` or the signed JSAPI/App parameters."""
    channel_status: str = ""
    """The channel's own status word (``NOTPAY``), kept for the sync record."""
    request_id: str = ""
    """The provider's id of this exchange."""
    shares: tuple[ShareResult, ...] = ()
    """For an allocation: what became of each receiver's share, as far as the channel says."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What went over the wire, scrubbed of secrets and personal data, for the call's row."""

    request: str = ""
    response: str = ""
    http_status: int | None = None
    latency_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class CallbackFact:
    """One verified and opened notification from a provider."""

    kind: str
    """``pay``, ``refund``, ``transfer`` …: which family of orders it speaks of."""
    our_no: str
    """Our number of the order, refund or transfer."""
    pay_order_no: str = ""
    """For a refund: our number of the pay order, where the provider names it."""
    result: Result
