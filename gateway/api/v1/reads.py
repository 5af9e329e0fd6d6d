"""Reading for this API: a query for the rows and one for their parts, only what is shown, only the
caller's own.

Somebody else's order and one that never was are the same: NotFound.
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, Prefetch, QuerySet

from gateway.api.v1 import render
from gateway.api.v1.fields import UNPRINTABLE
from orders.errors import NotFound
from orders.models import (
    AllocationDetail,
    AllocationGroup,
    AllocationOrder,
    AllocationReceiver,
    Application,
    Event,
    GroupMember,
    MerchantNotice,
    NoticeAttempt,
    PayOrder,
    RefundOrder,
    ShareReturn,
    StoreCancellation,
    StoreOrder,
    TransferOrder,
)
from orders.models.event import HEADS
from orders.services.finding import BIZ

M = TypeVar("M", bound=Model)

MAX_NUMBER = len(BIZ) + 64


def pay_orders(application: Application) -> QuerySet[PayOrder]:
    return PayOrder.objects.filter(application=application).only(*render.PAY_COLUMNS)


def refunds(application: Application) -> QuerySet[RefundOrder]:
    return (
        RefundOrder.objects.filter(application=application)
        .select_related("pay_order")
        .only(*render.REFUND_COLUMNS)
    )


def transfers(application: Application) -> QuerySet[TransferOrder]:
    return TransferOrder.objects.filter(application=application).only(*render.TRANSFER_COLUMNS)


def allocations(application: Application) -> QuerySet[AllocationOrder]:
    """With their shares, in the order in which they were asked for."""
    shares = (
        AllocationDetail.objects.select_related("receiver")
        .only(*render.SHARE_COLUMNS)
        .order_by("id")
    )
    return (
        AllocationOrder.objects.filter(application=application)
        .select_related("pay_order", "group")
        .only(*render.ALLOCATION_COLUMNS)
        .prefetch_related(Prefetch("details", shares))
    )


def returns(application: Application) -> QuerySet[ShareReturn]:
    return (
        ShareReturn.objects.filter(application=application)
        .select_related("detail", "allocation", "pay_order", "refund")
        .only(*render.RETURN_COLUMNS)
    )


def store_orders(application: Application) -> QuerySet[StoreOrder]:
    """With their lines, couriers and what was asked about ending them."""
    asked = StoreCancellation.objects.select_related("refund").order_by("id")
    return (
        StoreOrder.objects.filter(application=application)
        .select_related("pay_order", "delivery")
        .defer("mobile_stored", "door_data")
        .prefetch_related("items", Prefetch("cancellations", asked))
    )


def receivers(application: Application) -> QuerySet[AllocationReceiver]:
    rows = AllocationReceiver.objects.filter(application=application)
    return rows.only(*render.RECEIVER_COLUMNS)


def groups(application: Application) -> QuerySet[AllocationGroup]:
    """With their members, in the order in which they were named."""
    members = (
        GroupMember.objects.select_related("receiver").only(*render.MEMBER_COLUMNS).order_by("id")
    )
    return (
        AllocationGroup.objects.filter(application=application)
        .only(*render.GROUP_COLUMNS)
        .prefetch_related(Prefetch("members", members))
    )


def notices(application: Application) -> QuerySet[MerchantNotice]:
    rows = MerchantNotice.objects.filter(application=application)
    return rows.only(*render.NOTICE_COLUMNS)


def notice_log(application: Application) -> QuerySet[MerchantNotice]:
    """With their content and every attempt, the first one first."""
    attempts = NoticeAttempt.objects.order_by("number")
    return MerchantNotice.objects.filter(application=application).prefetch_related(
        Prefetch("attempts", attempts)
    )


def replayable(application: Application, given: dict[str, Any]) -> QuerySet[MerchantNotice]:
    """The notices that a replay in bulk means: by their ids, or by status, kind and time."""
    rows = MerchantNotice.objects.filter(application=application)
    if given.get("ids"):
        return rows.filter(notice_id__in=given["ids"])
    columns = {"created_from": "created_at__gte", "created_to": "created_at__lt", "kind": "kind"}
    wanted = {column: given[name] for name, column in columns.items() if name in given}
    return rows.filter(status=given.get("status", MerchantNotice.Status.DEAD), **wanted)


def events(application: Application, number: str) -> QuerySet[Event]:
    """Of the family of an order, named by our number of any of its members, or ``biz:`` and the
    merchant's of a pay order. Raises NotFound."""
    ours = order_no(application, number)
    first = Event.objects.filter(order_no=ours).select_related(*HEADS).first()
    if first is not None:
        for name in HEADS:
            head = getattr(first, name)
            if head is not None and head.application_id == application.pk:
                return Event.objects.filter(**{name: head}).only(*render.EVENT_COLUMNS)
    raise NotFound(number)


def pay_order(application: Application, number: str) -> PayOrder:
    return one(pay_orders(application), "order_no", number)


def order_no(application: Application, number: str) -> str:
    """Our number of a pay order. Raises NotFound."""
    return our_number(PayOrder, application, "order_no", number)


def named_order(application: Application, given: dict[str, Any]) -> str:
    """Our number of the pay order that a body names by either number, which it loses."""
    return order_no(application, given.pop("order_no", "") or BIZ + given.pop("biz_order_no", ""))


def our_number(model: type[Model], application: Application, column: str, number: str) -> str:
    """Our number for either kind of number. Raises NotFound for a merchant's unknown one."""
    if not number.startswith(BIZ):
        return checked(number)
    rows = model._default_manager.filter(application=application).only(column)
    return str(getattr(one(rows, column, number), column))


def one(rows: QuerySet[M], column: str, number: str) -> M:
    """The row with this number, ours or ``biz:`` and the merchant's. Raises NotFound."""
    checked(number)
    if number.startswith(BIZ) and hasattr(rows.model, f"biz_{column}"):
        found = rows.filter(**{f"biz_{column}": number.removeprefix(BIZ)}).first()
    else:
        found = rows.filter(**{column: number}).first()
    if found is None:
        raise NotFound(number)
    return found


def checked(number: str) -> str:
    """What could not be a number is not asked for (PostgreSQL takes no NUL)."""
    if len(number) > MAX_NUMBER or UNPRINTABLE.search(number):
        raise NotFound(number[:MAX_NUMBER].encode("ascii", "backslashreplace").decode())
    return number
