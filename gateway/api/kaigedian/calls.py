"""What each of the eight calls does: read, ask the services, say it. Called by ``views`` only.

No rule, no lock, no status that decides anything: those are the services'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from gateway.api.kaigedian import inputs, pages, render
from gateway.api.kaigedian.fields import Pairs
from orders.actor import Actor
from orders.errors import NotFound
from orders.models import Application, StoreOrder
from orders.services import pay, store


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request whose envelope was found good."""

    application: Application
    actor: Actor
    pairs: Pairs
    transaction: str
    notify_url: str
    now: datetime


@dataclass(frozen=True, kw_only=True)
class Call:
    """``do`` gives the responseBody, None for an empty one. ``writes``: done once per
    ``x-transaction-id``."""

    do: Callable[[Asked], Any]
    writes: bool


def submit(asked: Asked) -> Any:
    new = inputs.submit(asked.pairs, transaction=asked.transaction, notify_url=asked.notify_url)
    number = _payment(asked.application, new)
    if number:
        new = replace(new, **inputs.linked(new, number))
    order = store.create(asked.application, new, asked.actor)
    return {"orderCode": order.order_no}


def _payment(application: Application, new: store.NewStoreOrder) -> str:
    """The pay order of this house by which ``new`` was paid: the one that is named, or, paid
    online, the one that has the merchant's own number of it; empty where there is none."""
    if new.pay_order_no:
        return new.pay_order_no
    third = new.door_data["thirdOrderCode"]
    if new.pay_type != StoreOrder.PayType.ONLINE or not third:
        return ""
    try:
        return pay.find(f"biz:{third}", application=application).order_no
    except NotFound:
        return ""


def batch_query(asked: Asked) -> Any:
    wanted = inputs.listing(asked.pairs, asked.now)
    fetch = partial(
        store.changed,
        asked.application,
        wanted.store_id,
        clients=wanted.clients,
        statuses=wanted.statuses,
    )
    page = _turn(fetch, wanted)
    return {
        "total": page.total,
        "count": wanted.count,
        "nextOrderCode": page.next_code,
        "nextStartTimestamp": page.next_start,
        "itemList": [render.item(row) for row in page.rows],
    }


def query_refund_orders(asked: Asked) -> Any:
    wanted = inputs.refund_listing(asked.pairs)
    fetch = partial(
        store.refunds_changed,
        asked.application,
        wanted.store_id,
        refund_statuses=wanted.statuses,
    )
    page = _turn(fetch, wanted)
    return {
        "total": page.total,
        "nextOrderCode": page.next_code,
        "nextStartTimestamp": page.next_start,
        "itemList": [render.refund(row) for row in page.rows],
    }


def _turn(fetch: pages.Fetch, wanted: inputs.Listing) -> pages.Turned:
    return pages.turn(
        fetch, start=wanted.start, end=wanted.end, code=wanted.code, count=wanted.count
    )


def query_detail(asked: Asked) -> Any:
    wanted = inputs.numbers(asked.pairs, most=inputs.SEVERAL_MAX)
    return [render.detail(row) for row in store.several(asked.application, wanted)]


def batch_order_status(asked: Asked) -> Any:
    wanted = inputs.numbers(asked.pairs, most=inputs.STATES_MAX)
    rows = store.several(asked.application, wanted)
    return {"itemList": [render.state(row) for row in rows]}


def status_operation(asked: Asked) -> Any:
    step = inputs.step(asked.pairs)
    store.change_status(
        step.number,
        step.status,
        asked.actor,
        application=asked.application,
        reason=step.reason,
        operator=step.operator,
        courier=step.courier,
        timeout=step.timeout,
    )


def refund_operation(asked: Asked) -> Any:
    decided = inputs.decision(asked.pairs)
    store.decide_refund(
        decided.number,
        decided.agrees,
        asked.actor,
        application=asked.application,
        reason=decided.reason,
        operator=decided.operator,
    )


def cancel(asked: Asked) -> Any:
    wanted = inputs.after_sale(asked.pairs)
    store.cancel_after_sale(
        wanted.number,
        asked.actor,
        application=asked.application,
        reason=wanted.reason,
        operator=wanted.operator,
    )


CALLS = {
    "submit": Call(do=submit, writes=True),
    "batchQuery": Call(do=batch_query, writes=False),
    "queryDetail": Call(do=query_detail, writes=False),
    "queryRefundOrders": Call(do=query_refund_orders, writes=False),
    "batchOrderStatus": Call(do=batch_order_status, writes=False),
    "statusOperation": Call(do=status_operation, writes=True),
    "refundOperation": Call(do=refund_operation, writes=True),
    "cancel": Call(do=cancel, writes=True),
}
"""By the last word of the address (订单类接口, 请求url)."""
