"""Ask for a transfer: check, write the order and the intent to send it, wake the queue.

The number is fixed here and every retry reuses it. Who is paid is encrypted before it is stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from channels import registry
from channels.base import Capabilities
from orders.actor import Actor
from orders.engine import ladder
from orders.errors import Conflict, InvalidInput, OperationRefused, Refusal
from orders.models import Application, ChannelAccount, ChannelCall, TransferOrder
from orders.money import format_yuan
from orders.numbers import PREFIX_TRANSFER, new_number
from orders.services import fields
from orders.services.accounts import default_account
from orders.services.journal import Journal

SAME = ("amount", "channel", "title", "payee_type", "payee_account", "payee_name", "scene")
"""What must agree for a repeated merchant number to mean the same transfer."""


@dataclass(frozen=True, kw_only=True)
class NewTransfer:
    """What a door asks for, in fen. Unchecked."""

    biz_transfer_no: str
    title: str
    amount: int
    channel: str
    payee_type: str
    payee_account: str
    payee_name: str = ""
    remark: str = ""
    scene: str = ""
    notify_url: str = ""
    door_data: dict[str, Any] = field(default_factory=dict)
    """What the door's dialect wants to read back from the order."""


def request_transfer(application: Application, new: NewTransfer, actor: Actor) -> TransferOrder:
    """转账: write a transfer that workers then send; or return the one it repeats.

    Raises InvalidInput, Conflict, OperationRefused (permission).
    """
    if actor.user is not None and not actor.user.has_perm("orders.add_transferorder"):
        refusal = Refusal(code="permission", msgid=N_("Your role may not make transfers."))
        raise OperationRefused("transfer", refusal)
    _check(new)
    account = default_account(application, new.channel)
    existing = _existing(application, new)
    if existing is not None:
        return existing
    try:
        return _write(application, account, new, actor)
    except IntegrityError:
        existing = _existing(application, new)  # somebody was faster
        if existing is None:
            raise
        return existing


def _existing(application: Application, new: NewTransfer) -> TransferOrder | None:
    """The transfer that has this merchant number. Raises Conflict where it differs."""
    order = TransferOrder.objects.filter(
        application=application, biz_transfer_no=new.biz_transfer_no
    ).first()
    if order is not None:
        for name in SAME:
            if getattr(order, name) != getattr(new, name):
                raise Conflict("biz_transfer_no", new.biz_transfer_no, name)
    return order


@transaction.atomic(durable=True)
def _write(
    application: Application, account: ChannelAccount, new: NewTransfer, actor: Actor
) -> TransferOrder:
    now = timezone.now()
    order = TransferOrder(
        transfer_no=new_number(PREFIX_TRANSFER, now),
        biz_transfer_no=new.biz_transfer_no,
        merchant_id=application.merchant_id,
        application=application,
        account=account,
        channel=new.channel,
        amount=new.amount,
        title=new.title,
        remark=new.remark,
        scene=new.scene,
        payee_type=new.payee_type,
        notify_url=new.notify_url,
        door=actor.door,
        door_data=new.door_data,
        asked_by=actor.name,
        created_at=now,
        next_check_at=ladder.next_check(0, now),
    )
    order.payee_account, order.payee_name = new.payee_account, new.payee_name
    journal = Journal(now)
    journal.create(order, "transfer_requested", actor, amount=new.amount)
    journal.call(order, ChannelCall.Kind.TRANSFER, actor)
    journal.save()
    order.is_new = True
    return order


def _check(new: NewTransfer) -> None:
    fields.channel(new.channel)
    can = registry.get(new.channel).capabilities
    if not can.transfer:
        raise InvalidInput(
            "channel",
            "channel_cannot_transfer",
            N_("Channel %(channel)s makes no transfers."),
            {"channel": new.channel},
        )
    fields.biz_number("biz_transfer_no", new.biz_transfer_no)
    plain = can.plain_text_only
    fields.text("title", new.title, longest=can.title_max, plain=plain, required=True)
    fields.text("remark", new.remark, longest=can.reason_max, plain=plain)
    fields.text("payee_account", new.payee_account, longest=64, plain=True, required=True)
    fields.text("payee_name", new.payee_name, longest=64, plain=True)
    fields.text("scene", new.scene, longest=36, plain=True)
    fields.url("notify_url", new.notify_url)
    _check_payee(new, can)
    _check_amount(new.amount, can)


def _check_payee(new: NewTransfer, can: Capabilities) -> None:
    known = sorted(kind.value for kind in can.payee_types)
    if new.payee_type not in known:
        raise InvalidInput(
            "payee_type",
            "unknown_payee_type",
            N_("%(channel)s does not pay by %(type)s; it pays by %(known)s."),
            {"channel": new.channel, "type": new.payee_type, "known": ", ".join(known)},
        )


def _check_amount(amount: int, can: Capabilities) -> None:
    fields.amount(amount, can.transfer_max or can.amount_max)
    if amount < can.transfer_min:
        raise InvalidInput(
            "amount",
            "below_channel_minimum",
            N_("The channel transfers at least %(least)s."),
            {"least": format_yuan(can.transfer_min)},
        )
