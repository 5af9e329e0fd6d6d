"""Decide an anomaly: confirm the late payment, refund it, or ignore it with a reason."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from orders import locks
from orders.actor import Actor
from orders.errors import InvalidInput, OperationRefused
from orders.models import Anomaly, LedgerEntry, PayOrder
from orders.rules import why_not
from orders.services import reserving
from orders.services.journal import Journal


@transaction.atomic(durable=True)
def confirm(anomaly_id: int, actor: Actor, *, reason: str) -> Anomaly:
    """The late payment counts: the order becomes paid and the merchant is told.

    Raises NotFound, InvalidInput, OperationRefused.
    """
    anomaly, journal = _begin(anomaly_id, "confirm", actor, reason)
    anomaly.confirm(by=actor.name, reason=reason, now=journal.now)
    _accept_payment(anomaly, actor, reason, journal)
    journal.notice(_paid_order(anomaly), "pay_order.success")
    return _finish(anomaly, journal)


@transaction.atomic(durable=True)
def refund_payment(anomaly_id: int, actor: Actor, *, reason: str) -> Anomaly:
    """The late payment goes back whole: recorded as paid, and a refund of it is sent.

    Raises NotFound, InvalidInput, OperationRefused.
    """
    anomaly, journal = _begin(anomaly_id, "refund_payment", actor, reason)
    anomaly.refund_payment(by=actor.name, reason=reason, now=journal.now)
    _accept_payment(anomaly, actor, reason, journal)
    order = _paid_order(anomaly)
    refusal = why_not(order, "refund")
    if refusal is not None:
        raise OperationRefused("refund", refusal)
    reserving.refund(order, journal, actor, amount=anomaly.paid_amount, reason=reason)
    return _finish(anomaly, journal)


@transaction.atomic(durable=True)
def ignore(anomaly_id: int, actor: Actor, *, reason: str) -> Anomaly:
    """Nothing changes; the reason is kept. Raises NotFound, InvalidInput, OperationRefused."""
    anomaly, journal = _begin(anomaly_id, "ignore", actor, reason)
    anomaly.ignore(by=actor.name, reason=reason, now=journal.now)
    head = anomaly.pay_order or anomaly.transfer
    if head is not None:
        journal.event(head, "anomaly_ignored", actor, reason=reason)
    return _finish(anomaly, journal)


def _begin(anomaly_id: int, operation: str, actor: Actor, reason: str) -> tuple[Anomaly, Journal]:
    """Lock the family and demand that the decision is possible and explained."""
    anomaly = locks.anomaly(anomaly_id)
    refusal = why_not(anomaly, operation, actor.user)
    if refusal is not None:
        raise OperationRefused(operation, refusal)
    if not reason.strip():
        raise InvalidInput("reason", "required", N_("%(field)s is required."), {"field": "reason"})
    return anomaly, Journal(timezone.now())


def _accept_payment(anomaly: Anomaly, actor: Actor, reason: str, journal: Journal) -> None:
    order = _paid_order(anomaly)
    before = order.status
    order.out_order_no = anomaly.out_no
    become_paid = order.succeed if order.is_executing else order.confirm_late
    become_paid(amount=anomaly.paid_amount, paid_at=anomaly.happened_at)
    data = {"anomaly": anomaly.kind}
    journal.event(
        order,
        "paid_late",
        actor,
        before=before,
        amount=anomaly.paid_amount,
        reason=reason,
        data=data,
    )
    journal.money(order, LedgerEntry.Kind.PAY, anomaly.paid_amount, anomaly.happened_at)


def _paid_order(anomaly: Anomaly) -> PayOrder:
    """The pay order of a payment anomaly: the rules let no other be confirmed or refunded."""
    if anomaly.pay_order is None:
        raise TypeError(f"{anomaly} is about no payment")
    return anomaly.pay_order


def _finish(anomaly: Anomaly, journal: Journal) -> Anomaly:
    anomaly.save(update_fields=["status", "decided_by", "reason", "decided_at"])
    journal.save()
    return anomaly
