"""/api/v1/store-orders: make, list, read, pay for, the steps of a shop, and refunds."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from gateway import prepay, waiting
from gateway.api.v1 import cursors, reads, render
from gateway.api.v1 import inputs_store as inputs
from gateway.api.v1 import schema_store as schema
from gateway.api.v1.base import READ, STORE, Outcome
from gateway.api.v1.inputs import Input
from gateway.api.v1.resources import Resource, ResourceView
from orders.models import Application, StoreOrder
from orders.models.store_words import CancelStatus
from orders.services import store

SEEN_BY = frozenset({READ, STORE})
DONE_BY = frozenset({STORE})
REFUND_STATES = [value for value in CancelStatus.values if value]


class StoreView(ResourceView):
    resource = Resource(
        name="store-orders",
        model=StoreOrder,
        column="order_no",
        rows=reads.store_orders,
        render=render.store_order,
        filters={
            "status": cursors.one_of("status", StoreOrder.Status.values),
            "store_id": cursors.exactly("store_id"),
            "kind": cursors.one_of("kind", StoreOrder.Kind.values),
            "pay_type": cursors.one_of("pay_type", StoreOrder.PayType.values),
            "pay_status": cursors.one_of("pay_status", StoreOrder.PayStatus.values),
            "cancel_status": cursors.one_of("cancel_status", REFUND_STATES),
            "biz_order_no": cursors.exactly("biz_order_no"),
            "pay_order_no": cursors.exactly("pay_order__order_no"),
            **cursors.CREATED,
        },
    )

    def step(self, no: str, shape: type[Input], name: str) -> HttpResponse:
        """Ask for one operation of the machine."""
        return self.do(no, shape, functools.partial(_operate, name))

    def placed(self, make: Callable[[str], StoreOrder]) -> StoreOrder:
        """``make`` with a place to wait, and the order once its payment can be paid, or the
        deadline is over (settings.PREPAY_DEADLINE_S)."""
        with waiting.place(settings.PREPAY_DEADLINE_S) as place:
            row = make(place.key)
            if not _is_awaited(row):
                return row
            application, is_new = self.caller.application, row.is_new
            row = place.watch(
                row,
                lambda: store.find(row.order_no, application=application),
                until=lambda found: not _is_awaited(found),
                look_every_s=None if is_new else prepay.LOOK_EVERY_S,
            )
            row.is_new = is_new
            return row


def _is_awaited(row: StoreOrder) -> bool:
    return row.pay_order is not None and prepay.is_awaited(row.pay_order)


def _operate(name: str, number: str, actor: Any, **given: Any) -> StoreOrder:
    courier = given.pop("courier", None)
    if courier is not None:
        given["courier"] = store.Courier(**_kept(courier))
    return store.operate(number, name, actor, **given)


def _kept(given: dict[str, Any]) -> dict[str, Any]:
    """null and an absent name mean the same, also further in."""
    return {name: value for name, value in given.items() if value is not None}


class StoreOrders(StoreView):
    scopes = {"GET": SEEN_BY, "POST": DONE_BY}

    @schema.store_list
    def get(self, request: Request) -> HttpResponse:
        """The newest first."""
        return self.page(request)

    @schema.store_create
    def post(self, request: Request) -> HttpResponse:
        """下单: write a store order, with a payment or for matching."""
        application = self.caller.application
        return self.make(
            request,
            inputs.NewStoreOrderInput,
            lambda given: self._create(application, given),
        )

    def _create(self, application: Application, given: dict[str, Any]) -> StoreOrder:
        payment = given.pop("payment", None)
        items = [store.NewItem(**_kept(item)) for item in given.pop("items", ())]
        new = store.NewStoreOrder(
            **given,
            items=tuple(items),
            payment=None if payment is None else store.NewPayment(**_kept(payment)),
        )
        return self.placed(
            lambda reply_to: store.create(application, new, self.actor, reply_to=reply_to)
        )


class StoreOrderDetail(StoreView):
    scopes = {"GET": SEEN_BY}

    @schema.store_read
    def get(self, request: Request, no: str) -> HttpResponse:
        """One store order. The customer's phone is masked."""
        return self.show(request, no)


class StoreOrderOperations(StoreView):
    scopes = {"GET": SEEN_BY}

    @schema.store_operations
    def get(self, request: Request, no: str) -> HttpResponse:
        """What may be done to it now, and why the rest may not."""
        return self.show_operations(request, no)


class StoreOrderPay(StoreView):
    scopes = {"POST": DONE_BY}

    @schema.store_pay
    def post(self, request: Request, no: str) -> HttpResponse:
        """Let the customer pay it online: anew where the first payment has ended."""
        cursors.read(request.query_params, set())
        given = self.read(inputs.PaymentInput)
        application = self.caller.application

        def work() -> Outcome:
            number, payment = self.number(no), store.NewPayment(**given)
            self.placed(
                lambda reply_to: store.request_payment(
                    number, payment, self.actor, application=application, reply_to=reply_to
                )
            )
            return 200, self.shown(number)

        return self.once(given, work)


class StoreOrderMarkPaid(StoreView):
    scopes = {"POST": DONE_BY}

    @schema.store_mark_paid
    def post(self, request: Request, no: str) -> HttpResponse:
        """The customer has paid at the till."""
        return self.step(no, inputs.StepInput, "mark_paid")


class StoreOrderAccept(StoreView):
    scopes = {"POST": DONE_BY}

    @schema.store_accept
    def post(self, request: Request, no: str) -> HttpResponse:
        """接单."""
        return self.step(no, inputs.StepInput, "accept")


class StoreOrderReject(StoreView):
    scopes = {"POST": DONE_BY}

    @schema.store_reject
    def post(self, request: Request, no: str) -> HttpResponse:
        """拒单: what was paid online goes back."""
        return self.step(no, inputs.ReasonedInput, "reject")


class StoreOrderMade(StoreView):
    scopes = {"POST": DONE_BY}

    @schema.store_made
    def post(self, request: Request, no: str) -> HttpResponse:
        """制作完成."""
        return self.step(no, inputs.StepInput, "made")


class StoreOrderDeliver(StoreView):
    scopes = {"POST": DONE_BY}

    @schema.store_deliver
    def post(self, request: Request, no: str) -> HttpResponse:
        """配送: a courier takes it to the customer."""
        return self.step(no, inputs.DeliverInput, "deliver")


class StoreOrderComplete(StoreView):
    scopes = {"POST": DONE_BY}

    @schema.store_complete
    def post(self, request: Request, no: str) -> HttpResponse:
        """完成: the customer has it."""
        return self.step(no, inputs.StepInput, "complete")


class StoreOrderCancel(StoreView):
    scopes = {"POST": DONE_BY}

    @schema.store_cancel
    def post(self, request: Request, no: str) -> HttpResponse:
        """取消: for the customer, before the shop has accepted it."""
        return self.step(no, inputs.WhyInput, "cancel")


class StoreOrderRequestRefund(StoreView):
    scopes = {"POST": DONE_BY}

    @schema.store_request_refund
    def post(self, request: Request, no: str) -> HttpResponse:
        """申请退款: the customer wants the money back; the shop decides."""
        return self.step(no, inputs.WhyInput, "request_refund")


class StoreOrderWithdrawRefund(StoreView):
    scopes = {"POST": DONE_BY}

    @schema.store_withdraw_refund
    def post(self, request: Request, no: str) -> HttpResponse:
        """取消退款: the customer keeps the order after all."""
        return self.step(no, inputs.WhyInput, "withdraw_refund")


class StoreOrderAgreeRefund(StoreView):
    scopes = {"POST": DONE_BY}

    @schema.store_agree_refund
    def post(self, request: Request, no: str) -> HttpResponse:
        """同意退款: the money goes back, and the order is cancelled once it has."""
        return self.step(no, inputs.WhyInput, "agree_refund")


class StoreOrderRefuseRefund(StoreView):
    scopes = {"POST": DONE_BY}

    @schema.store_refuse_refund
    def post(self, request: Request, no: str) -> HttpResponse:
        """拒绝退款: the order goes on as it was."""
        return self.step(no, inputs.WhyInput, "refuse_refund")


class StoreOrderCancelAfterSale(StoreView):
    scopes = {"POST": DONE_BY}

    @schema.store_cancel_after_sale
    def post(self, request: Request, no: str) -> HttpResponse:
        """商家售后: give the money back and void the order."""
        return self.step(no, inputs.ReasonedInput, "cancel_after_sale")


class StoreOrderSync(StoreView):
    scopes = {"POST": DONE_BY}

    @schema.store_sync
    def post(self, request: Request, no: str) -> HttpResponse:
        """同步: ask the channel now, about its refund under way or else its payment."""
        return self.ask(request, no, store.request_sync)


WAYS: dict[str, type[StoreView]] = {
    "pay": StoreOrderPay,
    "mark-paid": StoreOrderMarkPaid,
    "accept": StoreOrderAccept,
    "reject": StoreOrderReject,
    "made": StoreOrderMade,
    "deliver": StoreOrderDeliver,
    "complete": StoreOrderComplete,
    "cancel": StoreOrderCancel,
    "request-refund": StoreOrderRequestRefund,
    "withdraw-refund": StoreOrderWithdrawRefund,
    "agree-refund": StoreOrderAgreeRefund,
    "refuse-refund": StoreOrderRefuseRefund,
    "cancel-after-sale": StoreOrderCancelAfterSale,
    "sync": StoreOrderSync,
    "operations": StoreOrderOperations,
}
"""What stands behind a number in an address."""
