"""The only place that locks rows, and the lock order (DESIGN 3.5).

The order is: heads of families (pay orders, then transfers, then receivers, each by id) → children
(refunds, allocations, returns, each by id) → anomalies → channel calls → store orders. Everybody
who changes an order family holds its head's lock, so children, sums and the event chain need no
more than that. A store order comes last because its payment's settle tells it what happened;
whoever starts from the store order locks its payment first, so the payment's lock decides.
Every function evaluates its query: a lazy ``select_for_update`` locks nothing.
Callers are inside a transaction; none of these locks is ever held across the network.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TypeVar

from orders.errors import NotFound
from orders.models import (
    AllocationOrder,
    AllocationReceiver,
    Anomaly,
    Application,
    ChannelCall,
    ChannelCallback,
    Checkout,
    PayOrder,
    RefundOrder,
    ShareReturn,
    StoreOrder,
    TransferOrder,
    WorkState,
)

H = TypeVar("H", PayOrder, TransferOrder, AllocationReceiver)
C = TypeVar("C", RefundOrder, AllocationOrder, ShareReturn)


def pay_order(order_no: str, application: Application | None = None) -> PayOrder:
    """Lock one pay order. Raises NotFound, also for another application's order."""
    return _head(PayOrder, {"order_no": order_no}, order_no, application)


def pay_orders(ids: Collection[int]) -> dict[int, PayOrder]:
    """Lock several pay orders in id order."""
    return _heads(PayOrder, ids)


NUMBERS: dict[type, str] = {
    RefundOrder: "refund_no",
    AllocationOrder: "allocation_no",
    ShareReturn: "return_no",
}
"""The field that holds each child's number."""


def child(model: type[C], number: str, application: Application | None = None) -> C:
    """Lock a child's pay order, then the child. ``row.pay_order`` is the locked one.

    Raises NotFound, also for another application's order.
    """
    scope = {"application": application} if application is not None else {}
    found = (
        model._default_manager.filter(**{NUMBERS[model]: number}, **scope)
        .values_list("id", "pay_order_id")
        .first()
    )
    if found is None:
        raise NotFound(number)
    pk, pay_order_id = found
    return children(model, [pk], pay_orders([pay_order_id]))[pk]


def children(model: type[C], ids: Collection[int], pays: dict[int, PayOrder]) -> dict[int, C]:
    """Lock several children of one kind in id order; their pay orders are locked in ``pays``."""
    if not ids:
        return {}
    rows = model._default_manager.select_for_update().filter(id__in=ids).order_by("id")
    found = {}
    for row in rows:
        row.pay_order = pays[row.pay_order_id]
        row.account, row.application = row.pay_order.account, row.pay_order.application
        found[row.pk] = row
    return found


def transfer(transfer_no: str, application: Application | None = None) -> TransferOrder:
    """Lock one transfer. Raises NotFound, also for another application's."""
    return _head(TransferOrder, {"transfer_no": transfer_no}, transfer_no, application)


def transfers(ids: Collection[int]) -> dict[int, TransferOrder]:
    """Lock several transfers in id order."""
    return _heads(TransferOrder, ids)


def receiver(receiver_no: str, application: Application | None = None) -> AllocationReceiver:
    """Lock one receiver. Raises NotFound, also for another application's."""
    return _head(AllocationReceiver, {"receiver_no": receiver_no}, receiver_no, application)


def receivers(ids: Collection[int]) -> dict[int, AllocationReceiver]:
    """Lock several receivers in id order."""
    return _heads(AllocationReceiver, ids)


def _head(model: type[H], which: dict[str, str], number: str, application: Application | None) -> H:
    scope = {"application": application} if application is not None else {}
    row = (
        model._default_manager.select_related("account", "application")
        .select_for_update(of=("self",))
        .filter(**which, **scope)
        .first()
    )
    if row is None:
        raise NotFound(number)
    return row


def _heads(model: type[H], ids: Collection[int]) -> dict[int, H]:
    rows = (
        model._default_manager.select_related("account", "application")
        .select_for_update(of=("self",))
        .filter(id__in=ids)
        .order_by("id")
    )
    return {row.pk: row for row in rows} if ids else {}


def store_order(
    order_no: str, application: Application | None = None, *, also: int | None = None
) -> StoreOrder:
    """Lock a store order's payment (and the pay order ``also``), then the store order.

    ``row.pay_order`` is the locked one. Raises NotFound, also for another application's.
    """
    scope = {"application": application} if application is not None else {}
    rows = StoreOrder.objects.filter(order_no=order_no, **scope)
    while True:
        found = rows.values_list("id", "pay_order_id").first()
        if found is None:
            raise NotFound(order_no)
        pk, pay_order_id = found
        pays = pay_orders({one for one in (pay_order_id, also) if one is not None})
        row = _store_orders({"id": pk}, pays)[0]
        if row.pay_order_id == pay_order_id:  # else it was given another payment meanwhile
            return row


def store_orders_paid_by(pays: dict[int, PayOrder]) -> dict[int, StoreOrder]:
    """Lock the store orders of locked pay orders; by the id of the pay order."""
    rows = _store_orders({"pay_order_id__in": pays}, pays) if pays else []
    return {row.pay_order_id: row for row in rows if row.pay_order_id is not None}


def store_orders(ids: Collection[int]) -> dict[int, StoreOrder]:
    """Lock store orders alone, to append to their chains; whatever pay order is needed was locked
    before."""
    return {row.pk: row for row in _store_orders({"id__in": ids}, {})} if ids else {}


def due_store_orders(now: datetime, limit: int) -> list[StoreOrder]:
    """Lock up to ``limit`` due store orders under their payments, passing over what is busy."""
    due = list(
        StoreOrder.objects.filter(next_check_at__lte=now)
        .order_by("next_check_at")
        .values_list("id", "pay_order_id")[:limit]
    )
    if not due:
        return []
    free = (
        PayOrder.objects.select_related("account", "application")
        .select_for_update(of=("self",), skip_locked=True)
        .filter(id__in={pay_order_id for _pk, pay_order_id in due if pay_order_id})
        .order_by("id")
    )
    pays = {row.pk: row for row in free}
    ids = [pk for pk, pay_order_id in due if pay_order_id is None or pay_order_id in pays]
    rows = _store_orders({"id__in": ids, "next_check_at__lte": now}, pays, skips_busy=True)
    return [row for row in rows if row.pay_order_id is None or row.pay_order_id in pays]


def _store_orders(
    which: dict[str, object], pays: dict[int, PayOrder], *, skips_busy: bool = False
) -> list[StoreOrder]:
    rows = (
        StoreOrder.objects.select_related("application")
        .select_for_update(of=("self",), skip_locked=skips_busy)
        .filter(**which)
        .order_by("id")
    )
    found = list(rows)
    for row in found:
        if row.pay_order_id in pays:
            row.pay_order = pays[row.pay_order_id]
    return found


def anomaly(anomaly_id: int) -> Anomaly:
    """Lock an anomaly's pay order (and refund), then the anomaly. Raises NotFound."""
    found = Anomaly.objects.filter(pk=anomaly_id).values_list("pay_order_id", "transfer_id").first()
    if found is None:
        raise NotFound(str(anomaly_id))
    pay_order_id, transfer_id = found
    pays = pay_orders([pay_order_id] if pay_order_id else [])
    moved = transfers([transfer_id] if transfer_id else [])
    row = Anomaly.objects.select_for_update().get(pk=anomaly_id)
    row.pay_order, row.transfer = pays.get(pay_order_id), moved.get(transfer_id)
    return row


def checkout(checkout_no: str, application: Application | None = None) -> Checkout:
    """Lock one checkout. Nobody who holds it locks anything else: its pay order is made, and
    closed, in transactions of their own. Raises NotFound, also for another application's.
    """
    scope = {"application": application} if application is not None else {}
    row = (
        Checkout.objects.select_related("application", "pay_order")
        .select_for_update(of=("self",))
        .filter(checkout_no=checkout_no, **scope)
        .first()
    )
    if row is None:
        raise NotFound(checkout_no)
    return row


def open_calls(order_no: str) -> list[ChannelCall]:
    """Lock the calls of one order that have not ended; its pay order is already locked."""
    return list(
        ChannelCall.objects.select_for_update()
        .filter(order_no=order_no)
        .exclude(state=WorkState.ENDED)
        .order_by("id")
    )


def claimed_calls(attempts: dict[int, int]) -> list[ChannelCall]:
    """Lock those of ``{id: attempt}`` that are still under way under that very claim.

    The fence: an answer to an older claim finds nothing here and changes nothing.
    """
    rows = (
        ChannelCall.objects.select_for_update()
        .filter(id__in=attempts, state=WorkState.OUT)
        .order_by("id")
    )
    return [row for row in rows if row.attempt == attempts[row.pk]]


def claimed_callbacks(attempts: dict[int, int]) -> list[ChannelCallback]:
    """Lock those of ``{id: attempt}`` that are still under way under that very claim."""
    rows = (
        ChannelCallback.objects.select_for_update()
        .filter(id__in=attempts, state=WorkState.OUT)
        .order_by("id")
    )
    return [row for row in rows if row.attempt == attempts[row.pk]]


def due_heads(model: type[H], now: datetime, limit: int, *, by: str = "next_check_at") -> list[H]:
    """Lock up to ``limit`` heads whose time ``by`` has come, passing over those that are busy."""
    return list(
        model._default_manager.select_related("account", "application")
        .select_for_update(of=("self",), skip_locked=True)
        .filter(**{f"{by}__lte": now})
        .order_by(by)[:limit]
    )


def due_children(model: type[C], now: datetime, limit: int) -> list[C]:
    """Lock up to ``limit`` due children under their pay orders, passing over busy families."""
    due = list(
        model._default_manager.filter(next_check_at__lte=now)
        .order_by("next_check_at")
        .values_list("id", "pay_order_id")[:limit]
    )
    if not due:
        return []
    free = (
        PayOrder.objects.select_related("account", "application")
        .select_for_update(of=("self",), skip_locked=True)
        .filter(id__in={pay_order_id for _, pay_order_id in due})
        .order_by("id")
    )
    pays = {row.pk: row for row in free}
    mine = children(model, [pk for pk, pay_order_id in due if pay_order_id in pays], pays)
    return [row for row in mine.values() if row.next_check_at and row.next_check_at <= now]
