"""A channel's notifications: stored by the web process, opened and settled by workers.

The web process has checked the signature with public keys; only here is the notification
decrypted and believed. Stored is not handled: a row is due until it has been settled.

Some providers want an acknowledgement that is signed with the merchant's key, which the web
process must not hold. The worker that settles such a row signs it and keeps it in the row; the web
process waits for it (``reply_key``), and answers a redelivery with the same bytes at once.

A body says who the customer is. It is kept as it came only until it is settled, which is as long
as it may have to be opened again; then the row keeps what the channel's ``scrub_callback`` leaves
of it, and the digest of the bytes that came.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, cast

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from channels import registry
from channels.base import AckingChannel, CallbackFact, CallbackRejected, EncodeError
from orders import actor as actors
from orders import bulk, locks
from orders.engine import reply
from orders.engine.wake import wake
from orders.models import (
    ChannelAccount,
    ChannelCallback,
    PayOrder,
    RefundOrder,
    TransferOrder,
    WorkState,
)
from orders.services import pay, refund, transfer
from orders.services.accounts import channel_account
from orders.services.journal import Journal, family_of
from orders.services.pay.settle import Effect

log = logging.getLogger(__name__)

RESULTS = {
    Effect.MOVED: ChannelCallback.Result.APPLIED,
    Effect.NOTHING: ChannelCallback.Result.NOTHING_NEW,
    Effect.ANOMALY: ChannelCallback.Result.ANOMALY,
}

WRITTEN = (
    "state", "ended_at", "result", "order_no", "pay_order", "transfer", "code", "message",
    "acknowledgement", "body",
)  # fmt: skip


@transaction.atomic(durable=True)
def receive(
    account: ChannelAccount, notification_id: str, body: str, *, request_id: str = ""
) -> ChannelCallback:
    """Store a verified notification once; a redelivery is counted and wakes the drain again."""
    row, is_new = ChannelCallback.objects.get_or_create(
        account=account,
        notification_id=notification_id,
        defaults={
            "channel": account.channel,
            "body": body,
            "body_digest": hashlib.sha256(body.encode()).hexdigest(),
            "request_id": request_id,
        },
    )
    if not is_new:
        ChannelCallback.objects.filter(pk=row.pk).exclude(state=WorkState.ENDED).update(
            deliveries=F("deliveries") + 1
        )
    wake("callback")
    return row


def reply_key(callback_id: int) -> str:
    """Where the end of a callback is told (``orders.engine.reply``); each delivery waits there."""
    return f"callback:{callback_id}"


def acknowledgement(callback_id: int) -> tuple[int, str, bytes] | None:
    """What a worker signed for this callback: HTTP status, content type, body. None: nothing yet.

    Nothing can be signed where the account has no usable key; the provider tells us again then.
    """
    row = ChannelCallback.objects.filter(pk=callback_id).values_list("acknowledgement").first()
    if row is None or row[0] is None:
        return None
    status, content_type, body = row[0]
    return int(status), str(content_type), str(body).encode()


@transaction.atomic(durable=True)
def settle(claims: Sequence[tuple[int, int]]) -> None:
    """Open and settle a claimed batch of (id, attempt); older claims are fenced out."""
    now = timezone.now()
    ids = [pk for pk, _attempt in claims]
    rows = ChannelCallback.objects.select_related("account").filter(id__in=ids)
    opened = {row.pk: _open(row) for row in rows}
    signed = {row.pk: _acknowledge(row) for row in rows if _needs_signature(row)}
    orders = _lock_orders([o for o in opened.values() if isinstance(o, CallbackFact)])
    journal = Journal(now)
    claimed = locks.claimed_callbacks(dict(claims))
    for row in claimed:
        fact = opened[row.pk]
        if isinstance(fact, CallbackFact):
            _apply(row, fact, orders, journal)
        else:
            row.result = ChannelCallback.Result.REJECTED
            row.code, row.message = fact.code[:64], fact.message[:256]
        row.state, row.ended_at, row.body = WorkState.ENDED, now, _kept(row)
        if row.pk in signed:
            row.acknowledgement = signed[row.pk]
            reply.publish(reply_key(row.pk))
    bulk.update(claimed, WRITTEN)
    journal.save()


def _open(row: ChannelCallback) -> CallbackFact | CallbackRejected:
    """Decrypt with the account's secrets; what cannot be opened is kept with its reason."""
    channel = registry.get(row.channel)
    account = channel_account(row.account, with_secrets=True)
    try:
        return channel.open_callback(row.body.encode(), account)
    except CallbackRejected as rejected:
        level = logging.ERROR if rejected.alarm else logging.INFO
        log.log(level, "callback %s cannot be opened: %s %s", row.pk, rejected.code, rejected)
        return rejected


def _kept(row: ChannelCallback) -> str:
    """What stays of the body of a settled row, opened or rejected: nobody opens it again."""
    try:
        return registry.get(row.channel).scrub_callback(row.body.encode())
    except Exception:
        log.exception("the body of callback %s cannot be scrubbed and is not kept", row.pk)
        return ""


def _needs_signature(row: ChannelCallback) -> bool:
    return registry.get(row.channel).capabilities.acks_by_worker


def _acknowledge(row: ChannelCallback) -> list[Any] | None:
    """The acknowledgement that only this side can sign; nothing where it cannot."""
    channel = cast(AckingChannel, registry.get(row.channel))
    account = channel_account(row.account, with_secrets=True)
    try:
        status, content_type, body = channel.acknowledge(row.body.encode(), account)
    except (CallbackRejected, EncodeError) as error:
        log.error("callback %s cannot be acknowledged: %s", row.pk, error)
        return None
    return [status, content_type, body.decode()]


def _lock_orders(facts: Sequence[CallbackFact]) -> dict[str, Any]:
    """Lock what the facts speak of, in the house's order; found by our number."""
    numbers = {fact.our_no for fact in facts} | {fact.pay_order_no for fact in facts} - {""}
    refund_ids = dict(
        RefundOrder.objects.filter(refund_no__in=numbers).values_list("id", "pay_order_id")
    )
    pay_ids = set(PayOrder.objects.filter(order_no__in=numbers).values_list("id", flat=True))
    transfer_ids = TransferOrder.objects.filter(transfer_no__in=numbers).values_list(
        "id", flat=True
    )
    pays = locks.pay_orders(pay_ids | set(refund_ids.values()))
    rows: list[Any] = [
        *pays.values(),
        *locks.transfers(list(transfer_ids)).values(),
        *locks.children(RefundOrder, list(refund_ids), pays).values(),
    ]
    return {row.number: row for row in rows}


KINDS: dict[str, type] = {"pay": PayOrder, "refund": RefundOrder, "transfer": TransferOrder}
SETTLE: dict[type, Callable[..., Effect]] = {
    PayOrder: pay.settle_state,
    RefundOrder: refund.settle_state,
    TransferOrder: transfer.settle_state,
}


def _apply(
    row: ChannelCallback, fact: CallbackFact, orders: dict[str, Any], journal: Journal
) -> None:
    """Let one fact change its order. An order of another account is not this account's to move."""
    row.order_no = fact.our_no[:32]
    actor = actors.channel(row.channel)
    order = orders.get(fact.our_no)
    known: Any = order if isinstance(order, KINDS.get(fact.kind, type(None))) else None
    subject = known or orders.get(fact.pay_order_no)
    if subject is None or subject.account.pk != row.account_id:
        row.result = ChannelCallback.Result.UNKNOWN_ORDER
        log.warning("callback %s speaks of %s, which is not ours", row.pk, row.order_no)
        return
    for name, head in family_of(subject).items():
        setattr(row, name, head)
    if known is not None:
        effect = SETTLE[type(known)](known, fact.result, journal, actor, callback=row)
    else:
        effect = refund.settle_foreign(subject, fact.result, journal, actor, row)
    row.result = RESULTS[effect]
