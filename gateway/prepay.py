"""Placing a pay order while the merchant waits for how to pay. Used by every door's create view."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings

from gateway import waiting
from orders.actor import Actor
from orders.models import Application, PayOrder
from orders.services import pay

LOOK_EVERY_S = 0.5


def create(
    application: Application,
    new: pay.NewPayOrder,
    actor: Actor,
    *,
    read: Callable[[Application, str], PayOrder] | None = None,
) -> PayOrder:
    """The order, with its ``pay_params`` where the channel answered within the deadline
    (settings.PREPAY_DEADLINE_S); ``is_new`` says whether it was there before.

    ``read`` loads it again by our number. Raises InvalidInput, Conflict.
    """
    again = read or _read
    return follow(
        lambda reply_to: pay.request_pay(application, new, actor, reply_to=reply_to),
        lambda order_no: again(application, order_no),
    )


def follow(
    request: Callable[[str], PayOrder], read: Callable[[str], PayOrder] | None = None
) -> PayOrder:
    """As ``create``, for an order that ``request`` places: it is given the ``reply_to`` of the
    call. Raises what ``request`` raises.
    """
    again = read or pay.find
    with waiting.place(settings.PREPAY_DEADLINE_S) as place:
        order = request(place.key)
        if not is_awaited(order):
            return order
        is_new = order.is_new
        order = place.watch(
            order,
            lambda: again(order.order_no),
            until=lambda found: not is_awaited(found),
            # Somebody else may be waiting for the very call that we wait for.
            look_every_s=None if is_new else LOOK_EVERY_S,
        )
        order.is_new = is_new
        return order


def is_awaited(order: PayOrder) -> bool:
    """The channel's answer, which says how to pay, is still on its way. A scanned code needs no
    such answer: what is awaited then is only that the channel has it."""
    is_held = pay.is_scanned(order) and order.status == PayOrder.Status.PROGRESS
    return order.is_executing and not order.pay_params and not order.intent and not is_held


def _read(application: Application, order_no: str) -> PayOrder:
    return pay.find(order_no, application=application)
