"""What one settling transaction writes: collected in memory, saved in a few statements.

A journal belongs to one transaction whose pay orders are locked. Services change the locked
instances and tell the journal; ``save`` writes orders, calls, events, ledger, notices and
anomalies in bulk, and wakes the queues when the transaction commits.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models

from channels.base import Result
from orders import bulk, locks
from orders.actor import Actor
from orders.engine import reply
from orders.engine.wake import wake
from orders.models import (
    AllocationDetail,
    AllocationOrder,
    AllocationReceiver,
    Anomaly,
    ChannelCall,
    ChannelCallback,
    Event,
    LedgerEntry,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    ShareReturn,
    StoreCancellation,
    StoreOrder,
    TransferOrder,
    WorkState,
)
from orders.services import following, notices

Child = RefundOrder | AllocationOrder | ShareReturn
Head = PayOrder | TransferOrder | AllocationReceiver | StoreOrder
Order = Head | Child
MoneyOrder = PayOrder | TransferOrder | Child
"""Orders whose amount moves at a channel."""
Told = MoneyOrder | StoreOrder
"""Orders of which merchants are told."""

HEADS: dict[type, str] = {
    PayOrder: "pay_order",
    TransferOrder: "transfer",
    AllocationReceiver: "receiver",
    StoreOrder: "store_order",
}
"""The field by which a row names the head of its family."""
CHILDREN: dict[type, str] = {
    RefundOrder: "refund",
    AllocationOrder: "allocation",
    ShareReturn: "share_return",
}
OUTGOING_WRITTEN = (
    "status", "error_code", "error_message", "is_sending", "is_at_channel", "is_proved_absent",
    "ended_at", "next_check_at", "check_count",
)  # fmt: skip
CHAIN_WRITTEN = ("event_seq", "event_hash")
WRITTEN: dict[type[models.Model], tuple[str, ...]] = {
    PayOrder: (
        "status", "refund_status", "out_order_no", "paid_amount", "refunded", "refunding",
        "refund_count", "last_refund_at", "shared", "allocation_status", "allocation_count",
        "allocation_is_finished", "allocate_at", "intent", "intent_by", "pay_params", "error_code",
        "error_message", "is_at_channel", "paid_at", "ended_at", "next_check_at", "check_count",
        *CHAIN_WRITTEN,
    ),
    TransferOrder: (
        "out_transfer_no", "is_waiting_payee", "confirm_params", "confirm_until", "is_cancelling",
        *OUTGOING_WRITTEN, *CHAIN_WRITTEN,
    ),
    AllocationReceiver: (
        "status", "error_code", "error_message", "next_check_at", "check_count", *CHAIN_WRITTEN,
    ),
    RefundOrder: ("out_refund_no", "waits_for_returns", *OUTGOING_WRITTEN),
    AllocationOrder: (
        "send_no", "out_allocation_no", "finish_no", "result", "is_finishing", *OUTGOING_WRITTEN,
    ),
    ShareReturn: ("out_return_no", *OUTGOING_WRITTEN),
    AllocationDetail: (
        "status", "out_detail_no", "error_code", "error_message", "ended_at", "returned",
        "returning",
    ),
    StoreOrder: (
        "status", "pay_order", "payment_count", "pay_status", "paid_at", "operator", "cancel_kind",
        "cancel_status", "cancel_reason", "updated_at", "accepted_at", "made_at", "delivering_at",
        "ended_at", "deadline_at", "remind_at", "next_check_at", "check_count", *CHAIN_WRITTEN,
    ),
    StoreCancellation: ("refund", "status", "answer", "decided_at", "ended_at"),
}  # fmt: skip
"""What settling may change of each kind of row."""
MONEY_IN = (
    LedgerEntry.Kind.PAY,
    LedgerEntry.Kind.SHARE_BACK,
    LedgerEntry.Kind.TRANSFER_BACK,
)
CALL_WRITTEN = (
    "state", "outcome", "code", "message", "channel_status", "channel_request_id", "has_adjusted",
    "http_status", "latency_ms", "request", "response", "ended_at",
)  # fmt: skip


def _queue(kind: ChannelCall.Kind) -> str:
    if kind in ChannelCall.QUERIES:
        return "sync"
    return "pay" if kind == ChannelCall.Kind.PAY else "call"


def head_of(order: Order) -> Head:
    """The row under whose lock the order's family is changed."""
    return order.pay_order if isinstance(order, Child) else order


def family_of(order: Order) -> dict[str, Head]:
    """The foreign key that names the order's family."""
    head = head_of(order)
    return {HEADS[type(head)]: head}


class Journal:
    def __init__(self, now: datetime) -> None:
        self.now = now
        self._changed: dict[type[models.Model], dict[int, models.Model]] = {}
        self._ended: list[ChannelCall] = []
        self._calls: list[ChannelCall] = []
        self._events: list[Event] = []
        self._ledger: list[LedgerEntry] = []
        self._notices: list[MerchantNotice] = []
        self._anomalies: list[Anomaly] = []
        self._heard: list[following.Word] = []

    def changed(self, row: Order | AllocationDetail | StoreCancellation) -> None:
        """``row`` (locked) was changed in memory and is to be saved."""
        self._changed.setdefault(type(row), {})[row.pk] = row

    def create(self, order: Head, kind: str, actor: Actor, **facts: Any) -> None:
        """Insert a new head with the first event of its chain, in one write."""
        self.event(order, kind, actor, **facts)
        self._changed.clear()
        order.save(force_insert=True)

    def has_open_call(self, order: Order, *, queries: bool) -> bool:
        """Whether a request (or a question) about ``order`` is due or under way elsewhere."""
        ending = {call.pk for call in self._ended}
        there = [call for call in locks.open_calls(order.number) if call.pk not in ending]
        here = [call for call in self._calls if call.order_no == order.number]
        return any(call.is_query == queries for call in [*there, *here])

    def event(
        self,
        order: Order,
        kind: str,
        actor: Actor,
        *,
        before: str = "",
        amount: int | None = None,
        reason: str = "",
        data: dict[str, Any] | None = None,
        call: ChannelCall | None = None,
        callback: ChannelCallback | None = None,
    ) -> None:
        """Append to the family's chain. ``before`` names the status that was left, if one was."""
        head = head_of(order)
        event = Event(
            **family_of(order),
            seq=head.event_seq + 1,
            order_no=order.number,
            kind=kind,
            door=actor.door,
            actor=actor.name,
            before=before,
            after=order.status if before else "",
            amount=amount,
            reason=reason[:256],
            data=data or {},
            call=call,
            callback=callback,
            request_id=actor.request_id,
            created_at=self.now,
            previous=head.event_hash,
        )
        event.hash = event.digest()
        head.event_seq, head.event_hash = event.seq, event.hash
        self._events.append(event)
        self.changed(head)
        if kind in following.HEARD:
            self._heard.append((kind, order, actor))

    def call(
        self,
        order: MoneyOrder | AllocationReceiver,
        kind: ChannelCall.Kind,
        actor: Actor,
        *,
        due_at: datetime | None = None,
        reply_to: str = "",
        queue: str = "",
    ) -> None:
        """Write an intent to speak to the channel about ``order``."""
        self._calls.append(
            ChannelCall(
                kind=kind,
                queue=queue or _queue(kind),
                account=order.account,
                **family_of(order),
                **({CHILDREN[type(order)]: order} if isinstance(order, Child) else {}),
                order_no=order.number,
                door=actor.door,
                actor=actor.name,
                reply_to=reply_to,
                due_at=due_at or self.now,
                created_at=self.now,
            )
        )

    def end(self, call: ChannelCall, result: Result) -> None:
        """``call`` (locked) ends with ``result``."""
        call.state = WorkState.ENDED
        call.ended_at = self.now
        call.outcome = result.outcome
        call.code = result.code[:64]
        call.message = result.message[:256]
        call.channel_status = result.channel_status[:32]
        call.channel_request_id = result.request_id[:128]
        self._ended.append(call)

    def money(
        self,
        order: MoneyOrder,
        kind: LedgerEntry.Kind,
        amount: int,
        moved_at: datetime,
        *,
        order_no: str = "",
    ) -> None:
        """Money moved at the channel, in or out. ``order_no`` where the order itself moved it in
        parts (a share's detail number)."""
        head = head_of(order)
        at_channel, owed = f"channel:{order.account.code}", f"merchant:{order.application.app_id}"
        is_in = kind in MONEY_IN
        self._ledger.append(
            LedgerEntry(
                **family_of(order),
                kind=kind,
                order_no=order_no or order.number,
                merchant_id=head.merchant_id,
                debit=at_channel if is_in else owed,
                credit=owed if is_in else at_channel,
                amount=amount,
                currency=order.currency,
                moved_at=moved_at,
                created_at=self.now,
            )
        )

    def notice(self, order: Told, kind: str) -> None:
        """Tell the merchant, at the order's address or else the application's."""
        row = notices.write(order, kind, self.now)
        if row is not None:
            self._notices.append(row)

    def anomaly(
        self, order: MoneyOrder, kind: Anomaly.Kind, result: Result, actor: Actor, **source: Any
    ) -> bool:
        """Keep what may not be applied. Returns False when this very fact is already kept."""
        known = Anomaly.objects.filter(kind=kind, order_no=order.number, out_no=result.out_no)
        if known.exists() or any(
            (a.kind, a.order_no, a.out_no) == (kind, order.number, result.out_no)
            for a in self._anomalies
        ):
            return False
        self._anomalies.append(
            Anomaly(
                **family_of(order),
                kind=kind,
                refund=order if isinstance(order, RefundOrder) else None,
                merchant_id=order.merchant_id,
                order_no=order.number,
                out_no=result.out_no,
                amount=result.amount,
                expected=order.amount,
                happened_at=result.finished_at or self.now,
                created_at=self.now,
            )
        )
        data = {"kind": str(kind)}
        self.event(order, "anomaly", actor, amount=result.amount, data=data, **source)
        return True

    def save(self) -> None:
        """Write everything. The caller's transaction is still open; queues wake on its commit."""
        following.follow(self._heard, self)
        for model, changed in self._changed.items():
            bulk.update(changed.values(), WRITTEN[model])
        bulk.update(self._ended, CALL_WRITTEN)
        made: tuple[tuple[Any, list[Any]], ...] = (
            (ChannelCall, self._calls),
            (Event, self._events),
            (LedgerEntry, self._ledger),
            (MerchantNotice, self._notices),
            (Anomaly, self._anomalies),
        )
        for model, rows in made:
            if rows:
                model.objects.bulk_create(rows)
        for queue in sorted({c.queue for c in self._calls if c.due_at <= self.now}):
            wake(queue)
        if self._notices:
            wake("notice")
        for call in self._ended:
            if call.reply_to:
                reply.publish(call.reply_to)
