"""Make a store order: alone, for matching, or with a payment of this house.

The payment is made first, by the one service that makes payments, and the store order names it in
its own transaction: what is lost between the two is a payment that nobody was told how to pay, and
the repeated request finds and takes it. A payment that came in meanwhile is seen when it is named.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from channels import registry
from orders import locks
from orders.actor import Actor
from orders.errors import Conflict, InvalidInput, OperationRefused, Refusal
from orders.models import Application, PayOrder, StoreItem, StoreOrder
from orders.models.store_words import StorePayStatus, StorePayType, StoreStatus
from orders.numbers import PREFIX_STORE, new_number
from orders.services import finding, following, pay
from orders.services.journal import Journal
from orders.services.store import new as wanted
from orders.services.store.new import NewItem, NewPayment, NewStoreOrder

SAME = (
    "store_id", "kind", "amount", "pay_type", "client", "table", "note", "user_id", "notify_url",
)  # fmt: skip
"""What must agree for a repeated merchant number to mean the same order."""
ITEM_SAME = ("seq", "product_id", "name", "price", "quantity", "share_amount")
COPIED = (
    *SAME, "store_name", "deliver_fee", "package_fee", "pay_channel", "pay_channel_name",
    "can_refund", "needs_invoice", "gives_bonus", "pos_code", "operator", "user_name", "longitude",
    "latitude", "pick_up_no", "expected_at", "arrival_at",
)  # fmt: skip


def find(number: str, *, application: Application | None = None) -> StoreOrder:
    """By our number, or ``biz:`` + the merchant's within ``application``. Raises NotFound."""
    rows = StoreOrder.objects.select_related("application", "merchant", "pay_order")
    return finding.by_number(rows, number, application, column="order_no")


def create(
    application: Application, new: NewStoreOrder, actor: Actor, *, reply_to: str = ""
) -> StoreOrder:
    """下单: write a store order with its lines, or return the one whose number it repeats.

    ``reply_to`` is told when the placing of its payment has ended. Raises InvalidInput, NotFound
    (``pay_order_no``), Conflict, NotNow.
    """
    wanted.check(new)
    now = timezone.now()
    order_no = new_number(PREFIX_STORE, now)
    existing = _existing(application, new)
    payment = _payment(application, new, existing, order_no, now, actor, reply_to)
    if existing is not None:
        if payment is not None and existing.pay_order_id != payment.pk:
            raise Conflict("biz_order_no", new.biz_order_no, "pay_order_no")
        return existing
    try:
        return _write(application, new, order_no, payment, actor, now)
    except IntegrityError:
        existing = _existing(application, new)  # somebody was faster
        if existing is not None:
            return existing
        if payment is not None and StoreOrder.objects.filter(pay_order=payment).exists():
            raise Conflict("pay_order_no", payment.order_no, "biz_order_no") from None
        raise


def request_payment(
    order_no: str,
    payment: NewPayment,
    actor: Actor,
    *,
    application: Application | None = None,
    reply_to: str = "",
) -> StoreOrder:
    """Let the customer pay an unpaid order online: with the payment that it has while that one can
    still be paid, else with a new one. Raises NotFound, InvalidInput, Conflict, OperationRefused,
    NotNow.
    """
    order = find(order_no, application=application)
    _demand_payable(order)
    before = order.pay_order
    is_again = before is not None and before.is_executing
    if before is not None and is_again:
        number = before.biz_order_no
    elif before is None:
        number = payment.biz_order_no or order.biz_order_no
    else:
        number = payment.biz_order_no or f"{order.order_no}-{order.payment_count + 1}"
    made = _request_pay(order, payment, number, actor, reply_to)
    return order if is_again else _name(order, made, actor)


# --- the payment ----------------------------------------------------------------------------------


def _payment(
    application: Application,
    new: NewStoreOrder,
    existing: StoreOrder | None,
    order_no: str,
    now: datetime,
    actor: Actor,
    reply_to: str,
) -> PayOrder | None:
    """The pay order that the new store order names; made here, or there already."""
    if new.payment is not None:
        number = new.payment.biz_order_no or new.biz_order_no or order_no
        order = existing or StoreOrder(
            application=application,
            order_no=order_no,
            biz_order_no=number,
            store_id=new.store_id,
            store_name=new.store_name,
            amount=new.amount,
            deadline_at=_pay_by(application, now),
        )
        return _request_pay(order, new.payment, number, actor, reply_to)
    if new.pay_order_no:
        return pay.find(new.pay_order_no, application=application)
    return None


def _request_pay(
    order: StoreOrder, payment: NewPayment, number: str, actor: Actor, reply_to: str
) -> PayOrder:
    facts: dict[str, Any] = {
        "biz_order_no": number,
        "title": order.store_name or order.store_id,
        "amount": order.amount,
        "channel": payment.channel,
        "method": payment.method,
        "openid": payment.openid,
        "client_ip": payment.client_ip,
        "notify_url": payment.notify_url,
        "expires_at": _expires_at(order, payment),
    }
    asked = pay.NewPayOrder(**{**facts, **payment.more})
    return pay.request_pay(order.application, asked, actor, reply_to=reply_to)


def _expires_at(order: StoreOrder, payment: NewPayment) -> datetime | None:
    """With the order's own time to pay, where the channel takes such a time."""
    if order.deadline_at is None or payment.channel not in registry.codes():
        return None
    can = registry.get(payment.channel).capabilities
    left = (order.deadline_at - timezone.now()).total_seconds()
    is_code = payment.method == "barcode"  # the code itself lives a minute
    return order.deadline_at if can.expiry_min < left <= can.expiry_max and not is_code else None


def _demand_payable(order: StoreOrder) -> None:
    refusal: Refusal | None = None
    if order.status != StoreStatus.UNPAID:
        refusal = Refusal(
            code="state",
            msgid=N_("The order is “%(status)s”; only one that is to be paid can be paid."),
            params={"status": order.get_status_display()},
        )
    elif order.pay_type != StorePayType.ONLINE or order.amount == 0:
        refusal = Refusal(code="paid_at_till", msgid=N_("This order is paid at the till."))
    if refusal is not None:
        raise OperationRefused("pay", refusal)


@transaction.atomic(durable=True)
def _name(order: StoreOrder, payment: PayOrder, actor: Actor) -> StoreOrder:
    """The store order names its new payment; one that has been paid meanwhile counts at once."""
    locked = locks.store_order(order.order_no, also=payment.pk)
    if locked.pay_order_id == payment.pk:
        return locked
    _demand_payable(locked)
    if locked.pay_order is not None and locked.pay_order.is_executing:
        raise Conflict("pay_order_no", locked.pay_order.order_no, "channel")
    journal = Journal(timezone.now())
    locked.pay_order = locks.pay_orders([payment.pk])[payment.pk]
    locked.payment_count += 1
    _check_payment(locked.pay_order, locked.amount)
    data = {"pay_order": payment.order_no}
    journal.event(locked, "store_payment", actor, amount=locked.amount, data=data)
    if locked.pay_order.status == PayOrder.Status.SUCCESS:
        following.be_paid(locked, locked.pay_order, journal, actor)
    locked.touch(journal.now)
    journal.save()
    return locked


def _check_payment(payment: PayOrder, amount: int) -> None:
    """Raises InvalidInput where this payment cannot be the order's."""
    if payment.amount != amount:
        raise InvalidInput(
            "pay_order_no", "amount_differs", N_("The pay order is over another amount.")
        )
    is_good = payment.is_executing or (
        payment.status == PayOrder.Status.SUCCESS
        and payment.refundable_balance == payment.paid_amount
    )
    if not is_good:
        raise InvalidInput(
            "pay_order_no", "payment_ended", N_("The pay order has ended, or was refunded.")
        )


# --- writing --------------------------------------------------------------------------------------


def _existing(application: Application, new: NewStoreOrder) -> StoreOrder | None:
    """The order that has this merchant number. Raises Conflict where it differs."""
    if not new.biz_order_no:
        return None
    order = (
        StoreOrder.objects.select_related("application", "pay_order")
        .filter(application=application, biz_order_no=new.biz_order_no)
        .first()
    )
    if order is None:
        return None
    for name in SAME:
        if getattr(order, name) != getattr(new, name):
            raise Conflict("biz_order_no", new.biz_order_no, name)
    there = [_same(item) for item in order.items.order_by("id")]
    if there != [_same(item) for item in new.items]:
        raise Conflict("biz_order_no", new.biz_order_no, "items")
    return order


def _same(item: StoreItem | NewItem) -> tuple[Any, ...]:
    return tuple(getattr(item, name) for name in ITEM_SAME)


@transaction.atomic(durable=True)
def _write(
    application: Application,
    new: NewStoreOrder,
    order_no: str,
    payment: PayOrder | None,
    actor: Actor,
    now: datetime,
) -> StoreOrder:
    if payment is not None:
        payment = locks.pay_orders([payment.pk])[payment.pk]
        _check_payment(payment, new.amount)
    order = _order(application, new, order_no, actor, now)
    journal = Journal(now)
    if payment is not None:
        order.pay_order, order.payment_count = payment, 1
    journal.create(order, "store_created", actor, amount=new.amount)
    items = [
        StoreItem(order=order, **{f.name: getattr(item, f.name) for f in ITEM_FIELDS})
        for item in new.items
    ]
    StoreItem.objects.bulk_create(items)
    if payment is not None and payment.status == PayOrder.Status.SUCCESS:
        following.be_paid(order, payment, journal, actor)
    journal.save()
    order.is_new = True
    return order


ITEM_FIELDS = [
    field for field in StoreItem._meta.get_fields() if field.name in NewItem.__dataclass_fields__
]


def _order(
    application: Application, new: NewStoreOrder, order_no: str, actor: Actor, now: datetime
) -> StoreOrder:
    status = new.status or StoreStatus.UNPAID.value
    original = new.amount if new.original_amount is None else new.original_amount
    order = StoreOrder(
        order_no=order_no,
        biz_order_no=new.biz_order_no or order_no,
        merchant_id=application.merchant_id,
        application=application,
        status=status,
        pay_status=new.pay_status or _pay_status(status),
        original_amount=original,
        door=actor.door,
        door_data=dict(new.door_data),
        asked_by=actor.name,
        created_at=now,
        **{name: getattr(new, name) for name in COPIED},
    )
    order.mobile = new.mobile
    if order.holds_money:
        order.paid_at = new.paid_at or now
    if status == StoreStatus.UNPAID and new.pay_type == StorePayType.ONLINE and new.amount:
        order.deadline_at = _pay_by(application, now)
    if status in (*StoreOrder.ENDED, StoreStatus.COMPLETED):
        order.ended_at = now
    order.touch(now)
    order.watch()
    return order


def _pay_status(status: str) -> str:
    unpaid = (StoreStatus.UNPAID, *StoreOrder.ENDED)
    return StorePayStatus.UNPAID.value if status in unpaid else StorePayStatus.PAID.value


def _pay_by(application: Application, now: datetime) -> datetime | None:
    count = application.store_unpaid_minutes
    return now + timedelta(minutes=count) if count else None
