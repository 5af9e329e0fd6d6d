"""Sync, retry, cancel and close a transfer; show who is paid; the clock's part."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from orders import locks
from orders.actor import Actor
from orders.errors import OperationRefused, Refusal
from orders.models import Application, ChannelCall, TransferOrder
from orders.rules import why_not
from orders.services import finding, outgoing
from orders.services.journal import Journal
from orders.services.transfer.settle import STORY


def find(number: str, *, application: Application | None = None) -> TransferOrder:
    """By our number, or ``biz:`` + the merchant's within ``application``. Raises NotFound."""
    rows = TransferOrder.objects.select_related("account", "application")
    return finding.by_number(rows, number, application, column="transfer_no")


@transaction.atomic(durable=True)
def request_sync(
    transfer_no: str, actor: Actor, *, application: Application | None = None, reply_to: str = ""
) -> TransferOrder:
    """同步: ask the channel once, ahead of the clock. A question under way is joined, not doubled.

    Raises NotFound, OperationRefused.
    """
    order, journal = _begin(transfer_no, "sync", actor, application)
    outgoing.ask_sync(STORY, order, journal, actor, reply_to)
    return order


@transaction.atomic(durable=True)
def request_retry(
    transfer_no: str, actor: Actor, *, application: Application | None = None
) -> TransferOrder:
    """重试: the same number and parameters again, where that can never pay twice.

    Raises NotFound, OperationRefused.
    """
    order, journal = _begin(transfer_no, "retry", actor, application)
    outgoing.ask_retry(STORY, order, journal, actor)
    return order


@transaction.atomic(durable=True)
def request_cancel(
    transfer_no: str, actor: Actor, *, reason: str = "", application: Application | None = None
) -> TransferOrder:
    """撤销: withdraw it before its payee has confirmed. An intent that stays until it is known.

    Raises NotFound, OperationRefused.
    """
    order, journal = _begin(transfer_no, "cancel", actor, application)
    order.cancel()
    journal.event(order, "cancel_requested", actor, reason=reason)
    if not journal.has_open_call(order, queries=False):
        journal.call(order, ChannelCall.Kind.CANCEL_TRANSFER, actor)
    journal.save()
    return order


@transaction.atomic(durable=True)
def request_close(
    transfer_no: str, actor: Actor, *, reason: str = "", application: Application | None = None
) -> TransferOrder:
    """关闭: give a failed transfer up, being sure that the channel did not pay it out.

    Raises NotFound, OperationRefused.
    """
    order, journal = _begin(transfer_no, "close", actor, application)
    outgoing.ask_close(STORY, order, journal, actor, reason)
    return order


@transaction.atomic(durable=True)
def reveal_payee(transfer_no: str, actor: Actor) -> tuple[str, str]:
    """The payee's account and name in plain, for a person whose role may see them; logged.

    Raises NotFound, OperationRefused.
    """
    order = locks.transfer(transfer_no)
    if actor.user is None or not actor.user.has_perm("orders.see_payee_transferorder"):
        refusal = Refusal(code="permission", msgid=N_("Your role may not see payees."))
        raise OperationRefused("see_payee", refusal)
    journal = Journal(timezone.now())
    journal.event(order, "payee_shown", actor)
    journal.save()
    return order.payee_account, order.payee_name


@transaction.atomic(durable=True)
def check_due(now: datetime, limit: int) -> int:
    """Work up to ``limit`` due transfers in one transaction; returns how many were taken."""
    return outgoing.check(STORY, locks.due_heads(TransferOrder, now, limit), now)


def _begin(
    transfer_no: str, operation: str, actor: Actor, application: Application | None
) -> tuple[TransferOrder, Journal]:
    """Lock the transfer and demand that the operation is possible."""
    order = locks.transfer(transfer_no, application)
    refusal = why_not(order, operation, actor.user)
    if refusal is not None:
        raise OperationRefused(operation, refusal)
    return order, Journal(timezone.now())
