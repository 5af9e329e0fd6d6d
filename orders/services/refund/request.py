"""Ask for a refund: check under the pay order's lock, reserve the balance, write the intent.

The refund's number is fixed here and every retry reuses it; it is what makes the channel pay once.
"""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from orders import locks
from orders.actor import Actor
from orders.errors import Conflict, InvalidInput, OperationRefused
from orders.models import Application, PayOrder, RefundOrder
from orders.money import format_yuan
from orders.rules import capabilities, why_not
from orders.services import fields, reserving
from orders.services.journal import Journal


def request_refund(
    order_no: str,
    actor: Actor,
    *,
    amount: int,
    reason: str = "",
    biz_refund_no: str = "",
    notify_url: str = "",
    application: Application | None = None,
    door_data: dict[str, Any] | None = None,
) -> RefundOrder:
    """退款: reserve ``amount`` fen and have it sent. Never clamps.

    Repeating ``biz_refund_no`` with the same order and amount returns the refund that it made.
    Without one, our own number stands in for it. Raises NotFound, InvalidInput, Conflict,
    OperationRefused.
    """
    existing = _existing(order_no, amount, biz_refund_no, application)
    if existing is not None:
        return existing
    try:
        return _write(
            order_no, actor, amount, reason, biz_refund_no, notify_url, application, door_data
        )
    except IntegrityError:
        existing = _existing(order_no, amount, biz_refund_no, application)  # somebody was faster
        if existing is None:
            raise
        return existing


def _existing(
    order_no: str, amount: int, biz_refund_no: str, application: Application | None
) -> RefundOrder | None:
    """The refund that already has the merchant's number. Raises Conflict where it differs."""
    if not biz_refund_no or application is None:
        return None
    refund = (
        RefundOrder.objects.select_related("pay_order")
        .filter(application=application, biz_refund_no=biz_refund_no)
        .first()
    )
    if refund is not None:
        if refund.pay_order.order_no != order_no:
            raise Conflict("biz_refund_no", biz_refund_no, "order_no")
        if refund.amount != amount:
            raise Conflict("biz_refund_no", biz_refund_no, "amount")
    return refund


@transaction.atomic(durable=True)
def _write(
    order_no: str,
    actor: Actor,
    amount: int,
    reason: str,
    biz_refund_no: str,
    notify_url: str,
    application: Application | None,
    door_data: dict[str, Any] | None,
) -> RefundOrder:
    now = timezone.now()
    order = locks.pay_order(order_no, application)
    _check_fields(order, reason, biz_refund_no, notify_url)
    refusal = why_not(order, "refund", actor.user)
    if refusal is not None:
        raise OperationRefused("refund", refusal)
    _check_amount(order, amount)
    journal = Journal(now)
    refund = reserving.refund(
        order,
        journal,
        actor,
        amount=amount,
        reason=reason,
        biz_refund_no=biz_refund_no,
        notify_url=notify_url,
        door_data=door_data,
    )
    journal.save()
    refund.is_new = True
    return refund


def _check_fields(order: PayOrder, reason: str, biz_refund_no: str, notify_url: str) -> None:
    can = capabilities(order)
    if biz_refund_no:
        fields.biz_number("biz_refund_no", biz_refund_no)
    fields.text("reason", reason, longest=can.reason_max, plain=can.plain_text_only)
    fields.url("notify_url", notify_url)


def _check_amount(order: PayOrder, amount: int) -> None:
    fields.amount(amount, capabilities(order).amount_max)
    balance = order.refundable_balance
    if amount > balance:
        raise InvalidInput(
            "amount",
            "exceeds_balance",
            N_("%(amount)s is more than the %(balance)s that can still be refunded."),
            {"amount": format_yuan(amount), "balance": format_yuan(balance)},
        )
    if amount > order.free_balance:
        raise InvalidInput(
            "amount",
            "money_shared_out",
            N_(
                "%(amount)s is more than the %(free)s that is not shared out; "
                "return shares first, or let the refund fetch them back."
            ),
            {"amount": format_yuan(amount), "free": format_yuan(order.free_balance)},
        )
    if amount < balance and not capabilities(order).partial_refund:
        raise InvalidInput(
            "amount",
            "partial_refund_unsupported",
            N_("This channel refunds only the whole amount of %(balance)s."),
            {"balance": format_yuan(balance)},
        )
