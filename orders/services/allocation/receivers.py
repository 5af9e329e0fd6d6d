"""Receivers and groups: who may get a part of an order's money, and how much by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from channels import registry
from channels.base import Outcome, Result
from orders import actor as actors
from orders import locks
from orders.actor import Actor
from orders.engine import ladder
from orders.errors import Conflict, InvalidInput, NotFound, OperationRefused, Refusal
from orders.models import (
    AllocationGroup,
    AllocationReceiver,
    Application,
    ChannelAccount,
    ChannelCall,
    GroupMember,
)
from orders.numbers import PREFIX_GROUP, PREFIX_RECEIVER, new_number
from orders.rules import why_not
from orders.services import fields
from orders.services.accounts import default_account
from orders.services.journal import Journal

WHOLE = 10_000
"""Ten-thousandths."""
SAID = ("name", "relation", "custom_relation")
"""What is said of a receiver beside who it is."""
OPEN = (AllocationReceiver.Status.UNBOUND, AllocationReceiver.Status.FAIL)
"""The channel does not hold it."""


@dataclass(frozen=True, kw_only=True)
class NewReceiver:
    """What a door asks for. Unchecked."""

    channel: str
    receiver_type: str
    account_no: str
    name: str = ""
    relation: str = ""
    custom_relation: str = ""


def add_receiver(application: Application, new: NewReceiver, actor: Actor) -> AllocationReceiver:
    """Keep a receiver and have it bound at the channel; adding a known one binds it again.

    What was said wrongly of one that is not bound is corrected. Raises InvalidInput,
    OperationRefused.
    """
    if actor.user is not None and not actor.user.has_perm("orders.add_allocationreceiver"):
        refusal = Refusal(code="permission", msgid=N_("Your role may not add receivers."))
        raise OperationRefused("add_receiver", refusal)
    _check(new)
    account = default_account(application, new.channel)
    digest = AllocationReceiver.hash(new.receiver_type, new.account_no)
    known = AllocationReceiver.objects.filter(account=account, digest=digest)
    row = known.first()
    is_new = row is None
    if row is None:
        try:
            row = _write(application, account, new, actor)
        except IntegrityError:
            row, is_new = known.get(), False  # somebody was faster
    if row.application_id != application.pk:
        raise InvalidInput(
            "account_no",
            "receiver_of_another_application",
            N_("Another application of the merchant has this receiver."),
        )
    if any(getattr(row, name) != getattr(new, name) for name in SAID):
        _correct(row.receiver_no, new, actor)
    if row.status in OPEN:
        row = request_bind(row.receiver_no, actor, application=application)
    row.is_new = is_new
    return row


@transaction.atomic(durable=True)
def _write(
    application: Application, account: ChannelAccount, new: NewReceiver, actor: Actor
) -> AllocationReceiver:
    now = timezone.now()
    row = AllocationReceiver(
        receiver_no=new_number(PREFIX_RECEIVER, now),
        merchant_id=application.merchant_id,
        application=application,
        account=account,
        channel=new.channel,
        receiver_type=new.receiver_type,
        relation=new.relation,
        custom_relation=new.custom_relation,
        created_at=now,
    )
    row.account_no, row.name = new.account_no, new.name
    journal = Journal(now)
    journal.create(row, "receiver_added", actor)
    journal.save()
    return row


@transaction.atomic(durable=True)
def _correct(receiver_no: str, new: NewReceiver, actor: Actor) -> None:
    """Say anew what the channel does not hold yet. Raises InvalidInput where it does."""
    row = locks.receiver(receiver_no)
    if row.status not in OPEN:
        raise InvalidInput(
            "name",
            "receiver_differs",
            N_("The receiver is bound with another name or relation; unbind it first."),
        )
    for name in SAID:
        setattr(row, name, getattr(new, name))
    row.save(update_fields=["name_stored", "name_mask", "relation", "custom_relation"])
    journal = Journal(timezone.now())
    journal.event(row, "receiver_corrected", actor)
    journal.save()


@transaction.atomic(durable=True)
def name_receiver(
    receiver_no: str, biz_receiver_no: str, actor: Actor, *, application: Application
) -> AllocationReceiver:
    """Keep the merchant's own number of a receiver; empty takes it away.

    Raises NotFound, InvalidInput, Conflict where another receiver has the number.
    """
    row = locks.receiver(receiver_no, application)
    if row.biz_receiver_no == biz_receiver_no:
        return row
    if biz_receiver_no:
        fields.biz_number("biz_receiver_no", biz_receiver_no)
        others = AllocationReceiver.objects.filter(application=application)
        if others.filter(biz_receiver_no=biz_receiver_no).exists():
            raise Conflict("biz_receiver_no", biz_receiver_no, "account_no")
    row.biz_receiver_no = biz_receiver_no
    try:
        row.save(update_fields=["biz_receiver_no"])
    except IntegrityError:  # somebody was faster
        raise Conflict("biz_receiver_no", biz_receiver_no, "account_no") from None
    journal = Journal(timezone.now())
    journal.event(row, "receiver_corrected", actor, data={"number": biz_receiver_no})
    journal.save()
    return row


def request_bind(
    receiver_no: str, actor: Actor, *, application: Application | None = None
) -> AllocationReceiver:
    """绑定. Raises NotFound, OperationRefused."""
    return _request(receiver_no, "bind", ChannelCall.Kind.BIND_RECEIVER, actor, application)


def request_unbind(
    receiver_no: str, actor: Actor, *, application: Application | None = None
) -> AllocationReceiver:
    """解绑. Raises NotFound, OperationRefused."""
    return _request(receiver_no, "unbind", ChannelCall.Kind.UNBIND_RECEIVER, actor, application)


@transaction.atomic(durable=True)
def _request(
    receiver_no: str,
    operation: str,
    kind: ChannelCall.Kind,
    actor: Actor,
    application: Application | None,
) -> AllocationReceiver:
    row = locks.receiver(receiver_no, application)
    refusal = why_not(row, operation, _judged(actor, application))
    if refusal is not None:
        raise OperationRefused(operation, refusal)
    journal = Journal(timezone.now())
    before = row.status
    getattr(row, operation)()
    row.next_check_at = ladder.next_check(0, journal.now)
    journal.event(row, f"{operation}_requested", actor, before=before)
    journal.call(row, kind, actor)
    journal.save()
    return row


def _judged(actor: Actor, application: Application | None) -> object:
    """The person whose role is asked; none for a merchant or the clock."""
    return actor.user if application is None else None


def settle_receiver(
    row: AllocationReceiver, call: ChannelCall, result: Result, journal: Journal
) -> None:
    """A binding ended. Repeating one is harmless, so the clock sends a doubtful one again."""
    actor = actors.channel(row.channel)
    is_binding = call.kind == ChannelCall.Kind.BIND_RECEIVER
    before = row.status
    if not row.is_executing:
        return
    if result.outcome is Outcome.DONE:
        row.end_bound() if is_binding else row.end_unbound()
        journal.event(row, "bound" if is_binding else "unbound", actor, before=before, call=call)
    elif result.outcome is Outcome.REFUSED:
        fail = row.fail_binding if is_binding else row.fail_unbinding
        fail(result.code, result.message)
        kind = "bind_failed" if is_binding else "unbind_failed"
        journal.event(row, kind, actor, before=before, reason=result.message, call=call)
    else:
        row.next_check_at = ladder.next_check(row.check_count, journal.now)
    journal.changed(row)


def set_group(
    application: Application,
    *,
    channel: str,
    name: str,
    rates: Mapping[str, int],
    is_default: bool = False,
    group_no: str = "",
) -> AllocationGroup:
    """Make or replace a group; ``rates`` are ten-thousandths by receiver number.

    Raises InvalidInput, NotFound.
    """
    try:
        return _set_group(application, channel, name, rates, is_default, group_no)
    except IntegrityError:  # somebody was faster with the name or with another default
        return _set_group(application, channel, name, rates, is_default, group_no)


@transaction.atomic(durable=True)
def _set_group(
    application: Application,
    channel: str,
    name: str,
    rates: Mapping[str, int],
    is_default: bool,
    group_no: str,
) -> AllocationGroup:
    fields.channel(channel)
    fields.text("name", name, longest=64, plain=False, required=True)
    total = sum(rates.values())
    if not rates or any(rate <= 0 for rate in rates.values()) or total > WHOLE:
        raise InvalidInput(
            "rates",
            "bad_rates",
            N_("Rates must be positive and make at most 100 %% in all, not %(total)s ‱."),
            {"total": total},
        )
    group = _group(application, channel, group_no)
    receivers = {
        row.receiver_no: row
        for row in AllocationReceiver.objects.filter(
            application=application, channel=channel, receiver_no__in=rates
        )
    }
    for number in rates:
        if number not in receivers:
            raise NotFound(number)
    same_name = AllocationGroup.objects.filter(application=application, name=name)
    if same_name.exclude(pk=group.pk).exists():
        raise InvalidInput("name", "duplicate_name", N_("There is a group of this name already."))
    if is_default:
        AllocationGroup.objects.filter(
            application=application, channel=channel, is_default=True
        ).exclude(pk=group.pk).update(is_default=False)
    group.name, group.is_default = name, is_default
    group.save()
    group.members.all().delete()
    GroupMember.objects.bulk_create(
        GroupMember(group=group, receiver=receivers[number], rate=rate)
        for number, rate in rates.items()
    )
    return group


def _group(application: Application, channel: str, group_no: str) -> AllocationGroup:
    if not group_no:
        return AllocationGroup(
            application=application,
            account=default_account(application, channel),
            channel=channel,
            group_no=new_number(PREFIX_GROUP, timezone.now()),
        )
    group = AllocationGroup.objects.filter(application=application, group_no=group_no).first()
    if group is None:
        raise NotFound(group_no)
    if group.channel != channel:
        raise InvalidInput(
            "channel",
            "channel_differs",
            N_("The group is one of channel %(channel)s and stays so."),
            {"channel": group.channel},
        )
    return group


def _check(new: NewReceiver) -> None:
    fields.channel(new.channel)
    can = registry.get(new.channel).capabilities
    known = sorted(kind.value for kind in can.receiver_types)
    if new.receiver_type not in known:
        raise InvalidInput(
            "receiver_type",
            "unknown_receiver_type",
            N_("%(channel)s does not share with %(type)s; it shares with %(known)s."),
            {"channel": new.channel, "type": new.receiver_type, "known": ", ".join(known) or "-"},
        )
    fields.text("account_no", new.account_no, longest=64, plain=True, required=True)
    fields.text("name", new.name, longest=64, plain=True)
    fields.text("relation", new.relation, longest=32, plain=True)
    fields.text("custom_relation", new.custom_relation, longest=10, plain=True)
