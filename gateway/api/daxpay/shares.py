"""/unipay/alloc, query/alloc-order and sync/order/alloc.

DaxPay names receivers in the request itself; here a receiver is kept and must be bound at the
channel before money can be shared with it. So each is looked up by type and account, bound where it
is not, and waited for a while. Where the channel has not answered by then nothing is shared yet
(20081), and the same request again goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from gateway.api.daxpay import pay, render, waits, words
from gateway.api.daxpay.errors import Code, Failure, about
from gateway.api.daxpay.frame import Call
from gateway.api.daxpay.render import Data
from orders.errors import Conflict, InvalidInput, NotFound, OperationRefused
from orders.models import AllocationOrder, AllocationReceiver, PayOrder
from orders.rules import sharing_wait, why_not
from orders.services import allocation

_STATUS = AllocationReceiver.Status
IS_UNDER_WAY: Mapping[str, bool] = {status: status == _STATUS.BINDING for status in _STATUS}
IS_REFUSED: Mapping[str, bool] = {status: status == _STATUS.FAIL for status in _STATUS}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One receiver of the request, in our words."""

    receiver_type: str
    account_no: str
    name: str
    amount: int

    @property
    def digest(self) -> str:
        return AllocationReceiver.hash(self.receiver_type, self.account_no)


# --- alloc ----------------------------------------------------------------------------------


def create(call: Call) -> Data:
    """分账. The order must have been made with ``allocation: true``."""
    order = pay.named(call)
    asked = _asked(call.given["receivers"])
    if _is_made(call):
        receivers = _known(order, asked, call)
    else:
        _demand_shareable(order, asked)
        receivers = _bound(order, asked, call)
    row = allocation.request_allocation(
        order.order_no,
        call.actor,
        shares=[
            allocation.AskedShare(receiver_no=receiver.receiver_no, amount=one.amount)
            for receiver, one in zip(receivers, asked, strict=True)
        ],
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


def _asked(receivers: Sequence[Mapping[str, Any]]) -> list[Asked]:
    """Raises Failure for a type that there is not here, InvalidInput for one receiver twice."""
    found = []
    for index, given in enumerate(receivers):
        kind = words.RECEIVERS.get(given["receiverType"])
        if kind is None:
            known = ", ".join(words.RECEIVERS)
            sentence = _("There is no such type of receiver here; there are %(known)s.")
            told = about(f"receivers[{index}].receiverType", sentence % {"known": known})
            raise Failure(Code.NOT_ABLE, told)
        found.append(
            Asked(
                receiver_type=kind.value,
                account_no=given["receiverAccount"],
                name=given.get("receiverName", ""),
                amount=given["amount"],
            )
        )
    if len({one.digest for one in found}) != len(found):
        raise InvalidInput(
            "shares", "receiver_twice", "A receiver may stand in one allocation once."
        )
    return found


def _is_made(call: Call) -> bool:
    try:
        allocation.find(f"biz:{call.given['bizAllocNo']}", application=call.caller.application)
    except NotFound:
        return False
    return True


def _demand_shareable(order: PayOrder, asked: Sequence[Asked]) -> None:
    """Before the channel is told of anybody: a request that cannot be granted leaves nothing.

    Raises OperationRefused, InvalidInput. The service asks again under the order's lock.
    """
    refusal = why_not(order, "allocate")
    if refusal is not None:
        raise OperationRefused("allocate", refusal)
    allocation.check_total(order, sum(one.amount for one in asked))


# --- receivers ------------------------------------------------------------------------------


def _kept(order: PayOrder, asked: Sequence[Asked]) -> dict[str, AllocationReceiver]:
    """The receivers that are kept already, by digest."""
    digests = [one.digest for one in asked]
    rows = AllocationReceiver.objects.filter(account=order.account, digest__in=digests)
    return {row.digest: row for row in rows}


def _known(order: PayOrder, asked: Sequence[Asked], call: Call) -> list[AllocationReceiver]:
    """Of a repeated allocation: it named nobody who is not kept. Raises Conflict."""
    rows = _kept(order, asked)
    if any(one.digest not in rows for one in asked):
        raise Conflict("biz_allocation_no", call.given["bizAllocNo"], "shares")
    return [rows[one.digest] for one in asked]


def _bound(order: PayOrder, asked: Sequence[Asked], call: Call) -> list[AllocationReceiver]:
    """Raises Failure where a binding is not known to have ended, or was refused; InvalidInput."""
    rows = _kept(order, asked)
    for one in asked:
        row = rows.get(one.digest)
        new = allocation.NewReceiver(
            channel=order.channel,
            receiver_type=one.receiver_type,
            account_no=one.account_no,
            name=one.name or (row.name if row else ""),
            relation=row.relation if row else words.RELATIONS.get(order.channel, ""),
            custom_relation=row.custom_relation if row else "",
        )
        allocation.add_receiver(call.caller.application, new, call.actor)
    known = waits.until(
        _kept(order, asked),
        lambda: _kept(order, asked),
        lambda found: not any(IS_UNDER_WAY[row.status] for row in found.values()),
    )
    return [_demand_bound(known[one.digest]) for one in asked]


def _demand_bound(row: AllocationReceiver) -> AllocationReceiver:
    """One that is not bound is refused by the service; this says more of why. Raises Failure."""
    if IS_UNDER_WAY[row.status]:
        sentence = _(
            "Receiver %(receiver)s is being made known to the channel. Nothing was shared yet; "
            "send the same request again."
        )
        raise Failure(Code.UNDER_WAY, sentence % {"receiver": row.account_mask})
    if IS_REFUSED[row.status]:
        raise Failure(Code.TRADE_FAILED, f"{row.account_mask}: {render.error(row)}")
    return row


# --- query, sync ----------------------------------------------------------------------------


def named(call: Call) -> AllocationOrder:
    """Raises Failure without a number, NotFound."""
    application = call.caller.application
    if "allocNo" in call.given:
        return allocation.find(call.text("allocNo"), application=application)
    if "bizAllocNo" in call.given:
        return allocation.find(f"biz:{call.text('bizAllocNo')}", application=application)
    raise Failure(Code.INVALID, _("A number of the allocation is required: allocNo or bizAllocNo."))


def query(call: Call) -> Data:
    return render.allocation(named(call))


def sync(call: Call) -> Data:
    row = named(call)
    application = call.caller.application

    def ask(key: str) -> Any:
        number = row.allocation_no
        return allocation.request_sync(number, call.actor, application=application, reply_to=key)

    read = _reader(call, row.allocation_no)
    return waits.sync(row, read, ask, lambda found: words.ALLOCATION[found.status][found.result])


def _reader(call: Call, number: str) -> Callable[[], AllocationOrder]:
    return lambda: allocation.find(number, application=call.caller.application)
