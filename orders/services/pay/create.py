"""Create a pay order: check, write the order and the intent to place it, wake the queue.

Placing the same merchant number again with the same content gives the same order, and a fresh
prepay where the first one came to nothing or has grown old; other content is a conflict.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from channels import registry
from channels.base import Capabilities, Method
from orders import locks
from orders.actor import Actor
from orders.engine import handover
from orders.errors import Conflict, InvalidInput, NotNow
from orders.models import Application, ChannelAccount, ChannelCall, PayOrder
from orders.numbers import PREFIX_PAY, new_number
from orders.services import fields
from orders.services.accounts import default_account
from orders.services.journal import Journal
from orders.services.pay import till

DEFAULT_EXPIRY = timedelta(hours=2)
PREPAY_FRESH = timedelta(minutes=110)
"""WeChat's prepay_id and code_url live two hours (Native 下单, response fields)."""

NEEDS = (
    (Method.JSAPI, "openid"),
    (Method.H5, "client_ip"),
    (Method.BARCODE, "auth_code"),
)
"""What a way to pay cannot do without."""
SAME = ("amount", "channel", "method", "title", "attach", "openid", "notify_url", "return_url")
"""What must agree for a repeated merchant number to mean the same order."""


@dataclass(frozen=True, kw_only=True)
class NewPayOrder:
    """What a door asks for, in fen and aware UTC. Unchecked."""

    biz_order_no: str
    title: str
    amount: int
    channel: str
    method: str
    notify_url: str = ""
    client_ip: str = ""
    openid: str = ""
    attach: str = ""
    expires_at: datetime | None = None
    allocation: bool = False
    auth_code: str = field(default="", repr=False)
    """The customer's payment code, scanned (barcode). Never stored, logged or shown."""
    return_url: str = ""
    """Where the provider's cashier sends the browser back to (page, wap, h5)."""
    door_data: dict[str, Any] = field(default_factory=dict)
    """What the door's dialect wants to read back from the order."""


def request_pay(
    application: Application, new: NewPayOrder, actor: Actor, *, reply_to: str = ""
) -> PayOrder:
    """Write a pay order that workers then place at its channel; or return the one it repeats.

    ``reply_to`` is told when the placing has ended. Raises InvalidInput, Conflict, NotNow.
    """
    now = timezone.now()
    _check(new, now)
    account = default_account(application, new.channel)
    existing = _existing(application, new)
    if existing is None:
        order_no = new_number(PREFIX_PAY, now)
        _hand_over(order_no, new.auth_code)
        try:
            return _write(application, account, new, actor, now, order_no, reply_to)
        except IntegrityError:
            handover.forget(order_no)
            existing = _existing(application, new)  # somebody was faster
            if existing is None:
                raise
    return _place_again(existing.order_no, actor, reply_to)


def _existing(application: Application, new: NewPayOrder) -> PayOrder | None:
    """The order that already has this merchant number. Raises Conflict where it differs."""
    order = PayOrder.objects.filter(application=application, biz_order_no=new.biz_order_no).first()
    if order is not None:
        for name in SAME:
            if getattr(order, name) != getattr(new, name):
                raise Conflict("biz_order_no", new.biz_order_no, name)
        if new.allocation == (order.allocation_status == PayOrder.AllocationStatus.NONE):
            raise Conflict("biz_order_no", new.biz_order_no, "allocation")
    return order


@transaction.atomic(durable=True)
def _write(
    application: Application,
    account: ChannelAccount,
    new: NewPayOrder,
    actor: Actor,
    now: datetime,
    order_no: str,
    reply_to: str,
) -> PayOrder:
    order = PayOrder(
        order_no=order_no,
        biz_order_no=new.biz_order_no,
        merchant_id=application.merchant_id,
        application=application,
        account=account,
        channel=new.channel,
        method=new.method,
        title=new.title,
        attach=new.attach,
        client_ip=new.client_ip or None,
        openid=new.openid,
        notify_url=new.notify_url,
        return_url=new.return_url,
        amount=new.amount,
        allocation_status=(
            PayOrder.AllocationStatus.WAITING if new.allocation else PayOrder.AllocationStatus.NONE
        ),
        door=actor.door,
        door_data=new.door_data,
        created_at=now,
        expires_at=new.expires_at or now + _time_to_pay(new),
    )
    order.next_check_at = till.next_check(order, now)
    journal = Journal(now)
    journal.create(order, "created", actor, amount=new.amount)
    journal.call(order, ChannelCall.Kind.PAY, actor, reply_to=reply_to)
    journal.save()
    order.is_new = True
    return order


def _hand_over(order_no: str, auth_code: str) -> None:
    """Lay the customer's code down where the worker will look for it, before the order can be
    seen, and while no transaction is open."""
    if not auth_code:
        return
    try:
        handover.put(order_no, auth_code)
    except handover.NotHandedOver:
        raise NotNow(
            N_("The payment code cannot be passed on at this moment; nothing was charged.")
        ) from None


def _time_to_pay(new: NewPayOrder) -> timedelta:
    return till.TIME_TO_PAY if new.method == Method.BARCODE else DEFAULT_EXPIRY


@transaction.atomic(durable=True)
def _place_again(order_no: str, actor: Actor, reply_to: str) -> PayOrder:
    """A repeated request gets a fresh prepay where the order has none that is still good."""
    now = timezone.now()
    order = locks.pay_order(order_no)
    needs_prepay = (
        order.is_executing
        and not till.is_scanned(order)
        and not order.intent
        and now < order.expires_at
        and (not order.pay_params or now - order.created_at > PREPAY_FRESH)
    )
    can_repeat = registry.get(order.channel).capabilities.pay_idempotent or not order.is_at_channel
    if needs_prepay and can_repeat and not locks.open_calls(order_no):
        journal = Journal(now)
        journal.event(order, "placed_again", actor)
        journal.call(order, ChannelCall.Kind.PAY, actor, reply_to=reply_to)
        journal.save()
    return order


# --- checks -------------------------------------------------------------------------------


def _check(new: NewPayOrder, now: datetime) -> None:
    fields.channel(new.channel)
    can = registry.get(new.channel).capabilities
    fields.biz_number("biz_order_no", new.biz_order_no)
    fields.text("title", new.title, longest=can.title_max, plain=can.plain_text_only, required=True)
    fields.text("attach", new.attach, longest=can.attach_max, plain=can.plain_text_only)
    fields.text("openid", new.openid, longest=128, plain=True)
    fields.amount(new.amount, can.amount_max)
    fields.url("notify_url", new.notify_url)
    fields.url("return_url", new.return_url)
    _check_method(new, can)
    _check_code(new, can)
    _check_expiry(new.expires_at, can, now)


def _check_method(new: NewPayOrder, can: Capabilities) -> None:
    methods = sorted(method.value for method in can.methods)
    if new.method not in methods:
        raise InvalidInput(
            "method",
            "unknown_method",
            N_("%(channel)s has no method %(method)s; it has %(known)s."),
            {"channel": new.channel, "method": new.method, "known": ", ".join(methods)},
        )
    for method, name in NEEDS:
        if new.method == method and not getattr(new, name):
            raise InvalidInput(
                name,
                "required_by_method",
                N_("Method %(method)s needs %(field)s."),
                {"method": new.method, "field": name},
            )
    if new.client_ip:
        try:
            ipaddress.ip_address(new.client_ip)
        except ValueError:
            raise InvalidInput(
                "client_ip", "bad_address", N_("client_ip is not an IP address.")
            ) from None


def _check_code(new: NewPayOrder, can: Capabilities) -> None:
    """The sentences never repeat the code."""
    if new.auth_code and new.method != Method.BARCODE:
        raise InvalidInput(
            "auth_code",
            "auth_code_not_taken",
            N_("A payment code goes with method barcode, not with %(method)s."),
            {"method": new.method},
        )
    if new.auth_code and not any(wallet.shows(new.auth_code) for wallet in can.wallets):
        raise InvalidInput(
            "auth_code",
            "bad_auth_code",
            N_(
                "This is no payment code that %(channel)s takes "
                "(digits: how they begin): %(known)s."
            ),
            {"channel": new.channel, "known": "; ".join(map(str, can.wallets))},
        )


def _check_expiry(expires_at: datetime | None, can: Capabilities, now: datetime) -> None:
    if expires_at is None:
        return
    seconds = (expires_at - now).total_seconds()
    if not can.expiry_min <= seconds <= can.expiry_max:
        raise InvalidInput(
            "expires_at",
            "expiry_out_of_range",
            N_("The order must expire between %(least)s seconds and %(most)s seconds from now."),
            {"least": can.expiry_min, "most": can.expiry_max},
        )
