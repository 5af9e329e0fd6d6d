"""/unipay/alloc/…: sharing by groups or named receivers, finishing, and receivers, whose numbers
are the merchant's own here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from gateway.api.daxpay import pay, shares, waits
from gateway.api.daxpay.errors import Code, Failure, about
from gateway.api.daxpay.frame import Call
from gateway.api.daxpay.g3 import render, trade, words
from gateway.api.daxpay.g3.render import Data
from orders.errors import Conflict, NotFound
from orders.models import AllocationOrder, AllocationReceiver, Application, PayOrder
from orders.rules import sharing_wait
from orders.services import allocation

_STATUS = AllocationReceiver.Status
IS_UNDER_WAY: Mapping[str, bool] = {
    status: status in (_STATUS.BINDING, _STATUS.UNBINDING) for status in _STATUS
}
IS_REFUSED: Mapping[str, bool] = {status: status == _STATUS.FAIL for status in _STATUS}
HAS_FINISHED: Mapping[str, bool] = {
    status: status in (AllocationOrder.Status.FINISH, AllocationOrder.Status.FINISH_FAILED)
    for status in AllocationOrder.Status
}


def start(call: Call) -> Data:
    """Receivers before the group before the default group, as in the original."""
    order = pay.named(call)
    row = allocation.request_allocation(
        order.order_no,
        call.actor,
        shares=_shares(order, call.given.get("receivers", [])),
        group_no=call.text("groupNo") if not call.given.get("receivers") else "",
        biz_allocation_no=call.given["bizAllocNo"],
        title=call.text("title"),
        notify_url=call.text("notifyUrl"),
        application=call.caller.application,
        door_data={
            name: call.text(name) for name in ("attach", "description") if name in call.given
        },
    )
    if row.is_new and not sharing_wait(order):  # else it is sent only after the channel's pause
        row = waits.until(row, _reader(call, row.allocation_no), waits.is_answered)
    return render.sharing(row)


def _shares(order: PayOrder, asked: Sequence[Mapping[str, Any]]) -> list[allocation.AskedShare]:
    """Raises Failure for a number that nobody has."""
    numbers = [one["receiverNo"] for one in asked]
    rows = AllocationReceiver.objects.filter(
        application=order.application, account=order.account, biz_receiver_no__in=numbers
    )
    known = {row.biz_receiver_no: row.receiver_no for row in rows}
    for index, number in enumerate(numbers):
        if number not in known:
            sentence = _("There is no receiver of this number at the order's channel.")
            raise Failure(Code.INVALID, about(f"receivers[{index}].receiverNo", sentence))
    return [
        allocation.AskedShare(receiver_no=known[one["receiverNo"]], amount=one["amount"])
        for one in asked
    ]


def finish(call: Call) -> Data:
    """完结. Answers how it stands when the channel's word came in time, or when it did not."""
    row = shares.named(call)
    row = allocation.request_finish(
        row.allocation_no, call.actor, application=call.caller.application
    )
    read = _reader(call, row.allocation_no)
    return render.sharing(waits.until(row, read, lambda found: HAS_FINISHED[found.status]))


def query(call: Call) -> Data:
    return render.allocation(shares.named(call))


def sync(call: Call) -> Data:
    adjust = shares.sync(call)["adjust"]
    return {"orderStatus": str(shares.named(call).status), "adjust": adjust}


def sync_any(call: Call) -> Data:
    """The original's address for allocations, which syncs transfers there: here whichever of the
    two is named."""
    if "allocNo" in call.given or "bizAllocNo" in call.given:
        return sync(call)
    return trade.sync_transfer(call)


def _reader(call: Call, number: str) -> Callable[[], AllocationOrder]:
    return lambda: allocation.find(number, application=call.caller.application)


# --- receivers ------------------------------------------------------------------------------


def add_receiver(call: Call) -> None:
    """Bound at the channel, and waited for a while. Raises Failure where that is not known to have
    ended, or was refused; Conflict where the number is another receiver's."""
    given, application = call.given, call.caller.application
    new = allocation.NewReceiver(
        channel=trade.channel(call),
        receiver_type=_word("receiverType", given, words.RECEIVERS),
        account_no=given["receiverAccount"],
        name=call.text("receiverName"),
        relation=_word("relationType", given, words.RELATIONS),
        custom_relation=call.text("relationName"),
    )
    _demand_free(given["receiverNo"], new, application)
    row = allocation.add_receiver(application, new, call.actor)
    number = row.receiver_no
    allocation.name_receiver(number, given["receiverNo"], call.actor, application=application)
    row = waits.until(
        row,
        lambda: AllocationReceiver.objects.get(pk=row.pk),
        lambda found: not IS_UNDER_WAY[found.status],
    )
    if IS_UNDER_WAY[row.status]:
        raise Failure(Code.UNDER_WAY, _("The channel has not answered yet; send the same again."))
    if IS_REFUSED[row.status]:
        raise Failure(Code.TRADE_FAILED, f"{row.account_mask}: {row.error_message}")


def _demand_free(number: str, new: allocation.NewReceiver, application: Application) -> None:
    """Before anything is bound: the number is nobody else's. Raises Conflict."""
    digest = AllocationReceiver.hash(new.receiver_type, new.account_no)
    others = AllocationReceiver.objects.filter(application=application, biz_receiver_no=number)
    if others.exclude(digest=digest, channel=new.channel).exists():
        raise Conflict("biz_receiver_no", number, "account_no")


def remove_receiver(call: Call) -> None:
    """Unbound at the channel; the number is free again. Raises NotFound, OperationRefused."""
    application, number = call.caller.application, call.given["receiverNo"]
    row = AllocationReceiver.objects.filter(application=application, biz_receiver_no=number).first()
    if row is None:
        raise NotFound(number)
    allocation.request_unbind(row.receiver_no, call.actor, application=application)
    allocation.name_receiver(row.receiver_no, "", call.actor, application=application)


def list_receivers(call: Call) -> Data:
    rows = AllocationReceiver.objects.filter(
        application=call.caller.application, channel=trade.channel(call)
    ).exclude(biz_receiver_no="")
    return {"receivers": [render.receiver(row) for row in rows.order_by("pk")]}


def _word(name: str, given: Mapping[str, Any], table: Mapping[str, str]) -> str:
    """Raises Failure."""
    if given[name] not in table:
        known = ", ".join(table)
        sentence = _("There is no such word here; there are %(known)s.") % {"known": known}
        raise Failure(Code.INVALID, about(name, sentence))
    return str(table[given[name]])
