"""The OpenAPI description of sharing: allocations, returns, receivers, groups. See ``schema``."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from gateway.api.v1 import answers, inputs
from gateway.api.v1.schema import NEW, NO, OPERATIONS, PAGING, WAIT, does, reads, text
from orders.models import AllocationOrder, AllocationReceiver, ShareReturn

ALLOCATION_TAG, RETURN_TAG = "Allocations", "Returns"
RECEIVER_TAG, GROUP_TAG = "Receivers", "Groups"

OUR_NO = text("no", "Ours.", location=OpenApiParameter.PATH)
SHARED = OpenApiExample(
    "Exact amounts",
    request_only=True,
    value={
        "biz_order_no": "20260131-0001",
        "biz_allocation_no": "20260131-0001-A1",
        "shares": [{"receiver_no": "V01KEXAMPLE0000000000000000", "amount": 560}],
        "finish": True,
    },
)
RATED = OpenApiExample(
    "An eighth",
    request_only=True,
    value={
        "name": "Partners",
        "channel": "wechat",
        "members": [{"receiver_no": "V01KEXAMPLE0000000000000000", "rate": 1250}],
        "default": True,
    },
)


def _allocation(name: str, **more: Any) -> Any:
    return does(ALLOCATION_TAG, name, answers.AllocationSerializer, **more)


def _return(name: str, **more: Any) -> Any:
    return does(RETURN_TAG, name, answers.ReturnSerializer, **more)


def _receiver(name: str, **more: Any) -> Any:
    return does(RECEIVER_TAG, name, answers.ReceiverSerializer, **more)


ORDERS = [
    text("order_no", "Our number of the pay order."),
    text("biz_order_no", "Your number of the pay order."),
]

allocation_list = reads(
    ALLOCATION_TAG,
    "listAllocations",
    answers.AllocationPageSerializer,
    [
        *PAGING,
        *ORDERS,
        text("status", "", enum=AllocationOrder.Status.values),
        text("result", "", enum=AllocationOrder.Result.values),
        text("biz_allocation_no", "Your number."),
    ],
)
allocation_create = _allocation(
    "createAllocation", takes=inputs.NewAllocationInput, answered=NEW, examples=(SHARED,)
)
pay_order_allocate = _allocation(
    "allocatePayOrder", takes=inputs.AllocateInput, answered=NEW, parameters=(NO,)
)
allocation_read = reads(ALLOCATION_TAG, "getAllocation", answers.AllocationSerializer, [NO], (404,))
allocation_operations = reads(ALLOCATION_TAG, "getAllocationOperations", OPERATIONS, [NO], (404,))
allocation_sync = _allocation("syncAllocation", takes=inputs.NoInput, parameters=(NO, WAIT))
allocation_retry = _allocation("retryAllocation", takes=inputs.NoInput, parameters=(NO,))
allocation_finish = _allocation("finishAllocation", takes=inputs.NoInput, parameters=(NO,))

return_list = reads(
    RETURN_TAG,
    "listReturns",
    answers.ReturnPageSerializer,
    [
        *PAGING,
        text("status", "", enum=ShareReturn.Status.values),
        text("order_no", "Our number of the pay order."),
        text("allocation_no", "Our number of the allocation."),
        text("detail_no", "Our number of the share."),
        text("biz_return_no", "Your number."),
    ],
)
return_create = _return("createReturn", takes=inputs.NewReturnInput, answered=NEW)
return_read = reads(RETURN_TAG, "getReturn", answers.ReturnSerializer, [NO], (404,))
return_operations = reads(RETURN_TAG, "getReturnOperations", OPERATIONS, [NO], (404,))
return_sync = _return("syncReturn", takes=inputs.NoInput, parameters=(NO, WAIT))
return_retry = _return("retryReturn", takes=inputs.NoInput, parameters=(NO,))
return_close = _return("closeReturn", takes=inputs.ReasonInput, parameters=(NO,))

receiver_list = reads(
    RECEIVER_TAG,
    "listReceivers",
    answers.ReceiverPageSerializer,
    [
        *PAGING,
        text("status", "", enum=AllocationReceiver.Status.values),
        text("receiver_type", "", enum=AllocationReceiver.Kind.values),
    ],
)
receiver_create = _receiver("createReceiver", takes=inputs.NewReceiverInput, answered=NEW)
receiver_read = reads(RECEIVER_TAG, "getReceiver", answers.ReceiverSerializer, [OUR_NO], (404,))
receiver_operations = reads(RECEIVER_TAG, "getReceiverOperations", OPERATIONS, [OUR_NO], (404,))
receiver_bind = _receiver("bindReceiver", takes=inputs.NoInput, parameters=(OUR_NO,))
receiver_unbind = _receiver("unbindReceiver", takes=inputs.NoInput, parameters=(OUR_NO,))

group_list = reads(
    GROUP_TAG,
    "listGroups",
    answers.GroupPageSerializer,
    [*PAGING, text("name", "")],
)
group_create = does(
    GROUP_TAG,
    "createGroup",
    answers.GroupSerializer,
    takes=inputs.NewGroupInput,
    answered=(201,),
    examples=(RATED,),
)
group_read = reads(GROUP_TAG, "getGroup", answers.GroupSerializer, [OUR_NO], (404,))
group_replace = does(
    GROUP_TAG,
    "replaceGroup",
    answers.GroupSerializer,
    takes=inputs.GroupInput,
    parameters=(OUR_NO,),
)
