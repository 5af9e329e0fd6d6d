"""The engine's two doors into the domain: what a claimed call says, and what its answer does.

``prepare`` runs before the wire and ``settle`` after it; neither speaks to a channel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from channels import registry
from channels.base import Account, Channel, Command, Exchange, Method, Pay, Result
from orders import locks
from orders.engine import handover
from orders.models import (
    AllocationOrder,
    ChannelAccount,
    ChannelCall,
    RefundOrder,
    ShareReturn,
)
from orders.services import allocation, commands, pay, refund, transfer
from orders.services.accounts import channel_account
from orders.services.journal import Journal


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A claimed call, ready for a wire thread; it needs no database any more."""

    call: ChannelCall
    command: Command
    channel: Channel
    account: Account


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back for the claim ``attempt`` of a call."""

    call_id: int
    attempt: int
    result: Result
    exchange: Exchange


CODE_LOST = N_(
    "The payment code was lost before it was sent, so nothing was charged. "
    "Scan again, as a new order."
)
SUBJECTS = ("account", "pay_order", "refund", "transfer", "allocation", "receiver")


def prepare(calls: Sequence[ChannelCall]) -> list[Prepared]:
    """Build the commands of claimed calls from their orders as they are now. Workers only."""
    rows = ChannelCall.objects.select_related(
        *SUBJECTS, "share_return__detail__receiver", "share_return__allocation"
    ).in_bulk([call.pk for call in calls])
    prepared = []
    for call in calls:
        row = rows[call.pk]
        row.attempt = call.attempt
        prepared.append(
            Prepared(
                call=row,
                command=commands.command(row, callback_url(row.account)),
                channel=registry.get(row.account.channel),
                account=channel_account(row.account, with_secrets=True),
            )
        )
    return prepared


class Incomplete(Exception):
    """Something that a command cannot be sent without is gone. Nothing left the house."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def complete(command: Command) -> Command:
    """Add what can be read only once, right before the wire; on a wire thread, without database.

    Raises Incomplete.
    """
    if not isinstance(command, Pay) or command.method is not Method.BARCODE:
        return command
    code = handover.take(command.order_no)
    if not code:
        raise Incomplete("PAYMENT_CODE_LOST", CODE_LOST)
    return replace(command, auth_code=code)


@transaction.atomic(durable=True)
def settle(answers: Sequence[Answer]) -> None:
    """End the calls and let each answer change its order, in one short transaction.

    Answers to claims that are no longer current are fenced out. Raises whatever a poisoned answer
    raises; nothing is written then, and the engine settles the others one by one.
    """
    by_call = {answer.call_id: answer for answer in answers}
    orders = _lock(ChannelCall.objects.filter(id__in=by_call).values(*SUBJECT_IDS))
    calls = locks.claimed_calls({pk: answer.attempt for pk, answer in by_call.items()})
    journal = Journal(timezone.now())
    for call in calls:
        answer = by_call[call.pk]
        _keep_exchange(call, answer.exchange)
        journal.end(call, answer.result)
        subject = next(name for name in SUBJECT_IDS if getattr(call, name))
        order = orders[subject][getattr(call, subject)]
        SETTLE[subject](order, call, answer.result, journal)
    journal.save()


SETTLE: dict[str, Callable[[Any, ChannelCall, Result, Journal], None]] = {
    "refund_id": refund.settle,
    "allocation_id": allocation.settle,
    "share_return_id": allocation.settle_return_call,
    "transfer_id": transfer.settle,
    "receiver_id": allocation.settle_receiver,
    "pay_order_id": pay.settle,
}
"""Who settles a call, by what it is about; children before the heads that they also name."""
SUBJECT_IDS = tuple(SETTLE)


def _lock(families: Iterable[dict[str, int | None]]) -> dict[str, dict[int, Any]]:
    """Lock every order that the calls are about, in the house's order."""
    ids: dict[str, set[int]] = {name: set() for name in SUBJECT_IDS}
    for family in families:
        for name in SUBJECT_IDS:
            if (pk := family[name]) is not None:
                ids[name].add(pk)
    pays = locks.pay_orders(ids["pay_order_id"])
    return {
        "pay_order_id": pays,
        "transfer_id": locks.transfers(ids["transfer_id"]),
        "receiver_id": locks.receivers(ids["receiver_id"]),
        "refund_id": locks.children(RefundOrder, ids["refund_id"], pays),
        "allocation_id": locks.children(AllocationOrder, ids["allocation_id"], pays),
        "share_return_id": locks.children(ShareReturn, ids["share_return_id"], pays),
    }


def callback_url(account: ChannelAccount) -> str:
    """Where the channel tells us about orders of this account."""
    return f"{settings.BASE_URL}/callback/{account.channel}/{account.code}/"


def _keep_exchange(call: ChannelCall, exchange: Exchange) -> None:
    call.http_status = exchange.http_status
    call.latency_ms = exchange.latency_ms
    call.request = exchange.request
    call.response = exchange.response
