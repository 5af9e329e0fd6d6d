"""The OpenAPI description of store orders. See ``schema``."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

from gateway.api.v1 import inputs
from gateway.api.v1 import inputs_store as takes
from gateway.api.v1.answers_store import StoreOrderPageSerializer, StoreOrderSerializer
from gateway.api.v1.schema import NEW, NO, OPERATIONS, PAGING, WAIT, does, reads, text
from orders.models.store_words import (
    CancelStatus,
    StoreKind,
    StorePayStatus,
    StorePayType,
    StoreStatus,
)

TAG = "Store orders"
ORDERED = OpenApiExample(
    "Paid online",
    request_only=True,
    value={
        "biz_order_no": "20260131-S1",
        "store_id": "1001",
        "store_name": "Tea on the corner",
        "kind": "delivery",
        "amount": 5600,
        "pay_type": "online",
        "payment": {"channel": "wechat", "method": "native"},
        "items": [{"seq": 1, "product_id": "138", "name": "Oolong", "price": 2800, "quantity": 2}],
    },
)
COURIER = OpenApiExample(
    "A courier of one's own",
    request_only=True,
    value={"courier": {"contact": "Li Si", "mobile": "13900000000"}, "timeout": 60},
)


def _does(name: str, body: Any, **more: Any) -> Any:
    more.setdefault("parameters", (NO,))
    return does(TAG, name, StoreOrderSerializer, takes=body, **more)


store_list = reads(
    TAG,
    "listStoreOrders",
    StoreOrderPageSerializer,
    [
        *(one for one in PAGING if one.name != "channel"),
        text("status", "", enum=StoreStatus.values),
        text("store_id", ""),
        text("kind", "", enum=StoreKind.values),
        text("pay_type", "", enum=StorePayType.values),
        text("pay_status", "", enum=StorePayStatus.values),
        text("cancel_status", "", enum=[value for value in CancelStatus.values if value]),
        text("biz_order_no", "Your number."),
        text("pay_order_no", "Our number of the pay order."),
    ],
)
store_create = _does(
    "createStoreOrder",
    takes.NewStoreOrderInput,
    parameters=(),
    answered=NEW,
    examples=(ORDERED,),
)
store_read = reads(TAG, "getStoreOrder", StoreOrderSerializer, [NO], (404,))
store_operations = reads(TAG, "getStoreOrderOperations", OPERATIONS, [NO], (404,))
store_pay = _does("payStoreOrder", takes.PaymentInput)
store_mark_paid = _does("markStoreOrderPaid", takes.StepInput)
store_accept = _does("acceptStoreOrder", takes.StepInput)
store_reject = _does("rejectStoreOrder", takes.ReasonedInput)
store_made = _does("madeStoreOrder", takes.StepInput)
store_deliver = _does("deliverStoreOrder", takes.DeliverInput, examples=(COURIER,))
store_complete = _does("completeStoreOrder", takes.StepInput)
store_cancel = _does("cancelStoreOrder", takes.WhyInput)
store_request_refund = _does("requestStoreOrderRefund", takes.WhyInput)
store_withdraw_refund = _does("withdrawStoreOrderRefund", takes.WhyInput)
store_agree_refund = _does("agreeStoreOrderRefund", takes.WhyInput)
store_refuse_refund = _does("refuseStoreOrderRefund", takes.WhyInput)
store_cancel_after_sale = _does("cancelStoreOrderAfterSale", takes.ReasonedInput)
store_sync = _does("syncStoreOrder", inputs.NoInput, parameters=(NO, WAIT))
