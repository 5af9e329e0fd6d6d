"""Sync, retry and close a refund, asked for by an operator or a merchant."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from orders import locks
from orders.actor import Actor
from orders.errors import OperationRefused
from orders.models import Application, RefundOrder
from orders.rules import why_not
from orders.services import finding, outgoing
from orders.services.journal import Journal
from orders.services.refund.settle import STORY


def find(number: str, *, application: Application | None = None) -> RefundOrder:
    """By our number, or ``biz:`` + the merchant's within ``application``. Raises NotFound."""
    rows = RefundOrder.objects.select_related("pay_order", "account", "application")
    return finding.by_number(rows, number, application, column="refund_no")


@transaction.atomic(durable=True)
def request_sync(
    refund_no: str, actor: Actor, *, application: Application | None = None, reply_to: str = ""
) -> RefundOrder:
    """同步: ask the channel once, ahead of the clock. A question under way is joined, not doubled.

    Raises NotFound, OperationRefused.
    """
    refund, journal = _begin(refund_no, "sync", actor, application)
    outgoing.ask_sync(STORY, refund, journal, actor, reply_to)
    return refund


@transaction.atomic(durable=True)
def request_retry(
    refund_no: str, actor: Actor, *, application: Application | None = None
) -> RefundOrder:
    """重试: the same number and parameters again, where that can never pay twice.

    Raises NotFound, OperationRefused.
    """
    refund, journal = _begin(refund_no, "retry", actor, application)
    outgoing.ask_retry(STORY, refund, journal, actor)
    return refund


@transaction.atomic(durable=True)
def request_close(
    refund_no: str, actor: Actor, *, reason: str = "", application: Application | None = None
) -> RefundOrder:
    """关闭: give a failed refund up; its amount returns to the pay order's balance.

    Raises NotFound, OperationRefused.
    """
    refund, journal = _begin(refund_no, "close", actor, application)
    outgoing.ask_close(STORY, refund, journal, actor, reason)
    return refund


def _begin(
    refund_no: str, operation: str, actor: Actor, application: Application | None
) -> tuple[RefundOrder, Journal]:
    """Lock the family and demand that the operation is possible."""
    refund = locks.child(RefundOrder, refund_no, application)
    refusal = why_not(refund, operation, actor.user)
    if refusal is not None:
        raise OperationRefused(operation, refusal)
    return refund, Journal(timezone.now())
