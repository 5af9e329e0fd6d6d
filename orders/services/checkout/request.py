"""Ask for a checkout, find it, withdraw it. Nothing here speaks to a channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from orders import locks
from orders.actor import Actor
from orders.errors import Conflict, InvalidInput, NotFound, OperationRefused, Refusal
from orders.models import Application, Checkout, PayOrder
from orders.numbers import PREFIX_CHECKOUT, new_number
from orders.services import fields, finding, pay
from orders.services.checkout import items
from orders.services.finding import BIZ

DEFAULT_EXPIRY = timedelta(minutes=30)
EXPIRY_MIN, EXPIRY_MAX = 60, 7 * 86400
"""Seconds."""
AMOUNT_MAX = 100_000_000_00
TITLE_MAX, ATTACH_MAX = 127, 128
SAME = (
    "amount", "kind", "title", "attach", "openid", "notify_url", "return_url", "allocation",
)  # fmt: skip
"""What must agree for a repeated merchant number to mean the same checkout."""


@dataclass(frozen=True, kw_only=True)
class NewCheckout:
    """What a door asks for, in fen and aware UTC. Unchecked."""

    biz_order_no: str
    title: str
    amount: int
    kind: str
    notify_url: str = ""
    return_url: str = ""
    attach: str = ""
    openid: str = ""
    allocation: bool = False
    expires_at: datetime | None = None
    door_data: dict[str, Any] = field(default_factory=dict)


def find(number: str, *, application: Application | None = None) -> Checkout:
    """By our number, or ``biz:`` + the merchant's within ``application``. Raises NotFound.

    A pay order that was made for it, and that a crash kept from being named, is named now.
    """
    rows = Checkout.objects.select_related("application", "merchant", "pay_order")
    row = finding.by_number(rows, number, application, column="checkout_no", biz="biz_order_no")
    if row.pay_order is None and (made := payment_of(row)) is not None:
        row.pay_order = name_payment(row.checkout_no, made).pay_order
    return row


def request_checkout(application: Application, new: NewCheckout, actor: Actor) -> Checkout:
    """Write a checkout, or return the one that it repeats while that can still be paid.

    Raises InvalidInput, Conflict (other content under the same number, or a pay order that was
    made without a checkout), OperationRefused (``already_paid``, ``ended``).
    """
    now = timezone.now()
    _check(new, now)
    existing = _existing(application, new)
    if existing is None:
        try:
            return _write(application, new, actor, now)
        except IntegrityError:
            existing = _existing(application, new)  # somebody was faster
            if existing is None:
                raise
    demand_payable(existing, now)
    return existing


@transaction.atomic(durable=True)
def request_close(checkout_no: str, *, application: Application | None = None) -> Checkout:
    """Withdraw a checkout for which nobody has chosen yet. One that has a pay order is returned as
    it is: it ends with its pay order (``pay.request_close``).

    Raises NotFound, OperationRefused (``already_paid``, ``ended``).
    """
    row = locks.checkout(checkout_no, application)
    now = timezone.now()
    if row.pay_order is None and (made := payment_of(row)) is not None:
        row.pay_order = made
        row.save(update_fields=["pay_order"])
    if row.pay_order is None:
        demand_payable(row, now)
        row.closed_at = now
        row.save(update_fields=["closed_at"])
    return row


def demand_payable(checkout: Checkout, now: datetime) -> None:
    """Raises OperationRefused where it is paid or over."""
    status = checkout.status_at(now)
    if status == Checkout.Status.PAID:
        refusal = Refusal(code="already_paid", msgid=N_("The order is already paid."))
        raise OperationRefused("pay", refusal)
    if status in Checkout.ENDED_UNPAID:
        refusal = Refusal(
            code="ended",
            msgid=N_("The order is “%(status)s” and can no longer be paid."),
            params={"status": status.label},
        )
        raise OperationRefused("pay", refusal)


def payment_of(checkout: Checkout) -> PayOrder | None:
    """The pay order with the merchant's number of ``checkout``, if it is for the same amount: one
    number is one thing to be paid, whoever began to pay it."""
    return PayOrder.objects.filter(
        application_id=checkout.application_id,
        biz_order_no=checkout.biz_order_no,
        amount=checkout.amount,
    ).first()


@transaction.atomic(durable=True)
def name_payment(checkout_no: str, order: PayOrder) -> Checkout:
    """The checkout names its pay order. One that was withdrawn meanwhile names none."""
    row = locks.checkout(checkout_no)
    if row.pay_order is None and row.closed_at is None:
        row.pay_order = order
        row.save(update_fields=["pay_order"])
    return row


def _existing(application: Application, new: NewCheckout) -> Checkout | None:
    """The checkout that has this merchant number. Raises Conflict where it differs."""
    try:
        row = find(f"{BIZ}{new.biz_order_no}", application=application)
    except NotFound:
        _demand_free(application, new)
        return None
    for name in SAME:
        if getattr(row, name) != getattr(new, name):
            raise Conflict("biz_order_no", new.biz_order_no, name)
    return row


def _demand_free(application: Application, new: NewCheckout) -> None:
    """Raises Conflict where a pay order without a checkout has the number."""
    try:
        pay.find(f"{BIZ}{new.biz_order_no}", application=application)
    except NotFound:
        return
    raise Conflict("biz_order_no", new.biz_order_no, "kind")


@transaction.atomic(durable=True)
def _write(application: Application, new: NewCheckout, actor: Actor, now: datetime) -> Checkout:
    row = Checkout(
        checkout_no=new_number(PREFIX_CHECKOUT, now),
        biz_order_no=new.biz_order_no,
        merchant_id=application.merchant_id,
        application=application,
        kind=new.kind,
        title=new.title,
        amount=new.amount,
        attach=new.attach,
        openid=new.openid,
        notify_url=new.notify_url,
        return_url=new.return_url,
        allocation=new.allocation,
        door=actor.door,
        door_data=new.door_data,
        asked_by=actor.name,
        created_at=now,
        expires_at=new.expires_at or now + DEFAULT_EXPIRY,
    )
    if not items.has_any(row, now):
        raise InvalidInput(
            "amount",
            "no_way_to_pay",
            N_("No payment channel of this application takes such an order."),
        )
    row.save(force_insert=True)
    row.is_new = True
    return row


def _check(new: NewCheckout, now: datetime) -> None:
    fields.biz_number("biz_order_no", new.biz_order_no)
    fields.text("title", new.title, longest=TITLE_MAX, plain=False, required=True)
    fields.text("attach", new.attach, longest=ATTACH_MAX, plain=False)
    fields.text("openid", new.openid, longest=128, plain=True)
    fields.amount(new.amount, AMOUNT_MAX)
    fields.url("notify_url", new.notify_url)
    fields.url("return_url", new.return_url)
    if new.kind not in Checkout.Kind.values:
        raise InvalidInput(
            "kind",
            "unknown_kind",
            N_("There is no kind %(kind)s; there are %(known)s."),
            {"kind": new.kind, "known": ", ".join(Checkout.Kind.values)},
        )
    if new.expires_at is not None:
        seconds = (new.expires_at - now).total_seconds()
        if not EXPIRY_MIN <= seconds <= EXPIRY_MAX:
            raise InvalidInput(
                "expires_at",
                "expiry_out_of_range",
                N_(
                    "The order must expire between %(least)s seconds and %(most)s seconds from now."
                ),
                {"least": EXPIRY_MIN, "most": EXPIRY_MAX},
            )
