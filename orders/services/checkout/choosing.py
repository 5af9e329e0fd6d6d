"""The customer chooses how to pay: from here on the checkout is a pay order.

The pay order has the merchant's number of the checkout, of which there can be one only: that, and
no lock of ours, decides between two choices made at once. A crash between making the pay order and
naming it is healed by whoever looks at the checkout next.
"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from channels.base import Method
from orders.actor import Actor, Door
from orders.errors import Conflict, InvalidInput, OperationRefused, Refusal
from orders.models import Checkout, PayOrder
from orders.services import pay
from orders.services.checkout import request
from orders.services.checkout.items import Item, find_item

CUSTOMER = "customer"


def choose(
    checkout_no: str,
    code: str,
    *,
    openid: str = "",
    client_ip: str = "",
    return_url: str = "",
    request_id: str = "",
    reply_to: str = "",
) -> PayOrder:
    """The pay order of the checkout, made (or placed again) by the way ``code`` (``Item.code``).

    The same choice again gives the same pay order; ``return_url`` is where the provider's page
    sends the customer back to. The pay order came through the merchant's door, so that its notices
    are in the words of that door. Raises NotFound, InvalidInput (``unknown_item``),
    OperationRefused (``already_paid``, ``ended``, ``channel_locked``), Conflict, NotNow.
    """
    now = timezone.now()
    checkout = request.find(checkout_no)
    request.demand_payable(checkout, now)
    openid = openid or checkout.openid
    item = _item(checkout, code, now, openid)
    actor = Actor(door=Door(checkout.door), name=CUSTOMER, request_id=request_id)
    new = pay.NewPayOrder(
        biz_order_no=checkout.biz_order_no,
        title=checkout.title,
        amount=checkout.amount,
        channel=item.channel,
        method=item.method,
        notify_url=checkout.notify_url,
        client_ip=client_ip,
        openid=openid if item.needs_openid else "",
        attach=checkout.attach,
        # Once the order is there its own time counts, and there may be less left than is asked for.
        expires_at=None if checkout.pay_order else checkout.expires_at,
        allocation=checkout.allocation,
        return_url=return_url,
        door_data=checkout.door_data,
    )
    try:
        order = pay.request_pay(checkout.application, new, actor, reply_to=reply_to)
    except Conflict as conflict:
        raise _locked(checkout, conflict) from None
    named = request.name_payment(checkout_no, order)
    if named.closed_at is not None:  # withdrawn while the pay order was being made
        pay.request_close(order.order_no, actor)
        request.demand_payable(named, now)
    return order


def _item(checkout: Checkout, code: str, now: datetime, openid: str) -> Item:
    order = checkout.pay_order
    if order is not None:
        chosen = chosen_item(order)
        if chosen.code != code:
            raise _other_way(order)
        return chosen
    item = find_item(checkout, code, now, openid=openid)
    if item is None:
        raise InvalidInput(
            "item", "unknown_item", N_("This order cannot be paid that way; choose another.")
        )
    return item


def chosen_item(order: PayOrder) -> Item:
    """What the customer has chosen."""
    return Item(channel=order.channel, method=Method(order.method))


def _locked(checkout: Checkout, conflict: Conflict) -> Exception:
    """What a taken number means to a customer: somebody has begun to pay it in another way."""
    order = request.payment_of(checkout)
    if order is None or conflict.differs not in ("channel", "method", "openid"):
        return conflict
    return _other_way(order)


def _other_way(order: PayOrder) -> OperationRefused:
    refusal = Refusal(
        code="channel_locked",
        msgid=N_("The order is already being paid in another way (%(item)s); go on with that one."),
        params={"item": chosen_item(order).code},
        see=order.order_no,
    )
    return OperationRefused("pay", refusal)
