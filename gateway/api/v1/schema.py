"""The OpenAPI description of every operation, beside no behaviour at all. Read by drf-spectacular.

A test asks the running API whether it keeps what is promised here.
"""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from channels import registry
from gateway.api.v1 import answers, cursors, inputs
from gateway.api.v1.problems import CONTENT_TYPE
from orders.models import PayOrder, RefundOrder, TransferOrder

PAY_TAG, REFUND_TAG, TRANSFER_TAG = "Pay orders", "Refunds", "Transfers"

Statuses = tuple[int, ...]
ALWAYS: Statuses = (400, 401, 403, 500, 503)
NEW: Statuses = (201, 200)
MADE = {201: "Made.", 200: "It was there already, with this content."}

WHY = {
    400: "The body, a parameter or a header cannot be read.",
    401: "No usable API key.",
    403: "The key may not do this, or not from there.",
    404: "There is no such order of yours.",
    409: "Refused: the number is taken, the rules say no, or the same request is in flight.",
    411: "The body has no Content-Length (Transfer-Encoding: chunked).",
    413: "The body is larger than 1 MiB.",
    415: "The body is not application/json.",
    422: "A field breaks a rule, or the Idempotency-Key was used for something else.",
    500: "Something went wrong on our side; name the request_id.",
    503: "Nothing can be answered at this moment; try again after Retry-After.",
}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "gateway.api.v1.auth.BearerAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key of an application: `Authorization: Bearer zf_…`.",
        }


class RememberingGenerator(SchemaGenerator):
    """Makes the description once per process: it never changes, and anybody may ask for it."""

    made: ClassVar[dict[str, Any]] = {}

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        if not self.made:
            self.made.update(super().get_schema(public=True))  # type: ignore[no-untyped-call]
        return dict(self.made)


def close_inputs(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """A postprocessing hook: what a list of fields cannot say of a body."""
    for name, component in result.get("components", {}).get("schemas", {}).items():
        if name.endswith("Input"):
            component["additionalProperties"] = False
        if name in ("NewRefundInput", "NewAllocationInput"):
            component["oneOf"] = [{"required": ["order_no"]}, {"required": ["biz_order_no"]}]
        if name in ("AllocateInput", "NewAllocationInput"):
            component["not"] = {"required": ["shares", "group_no"]}
    return result


def text(name: str, description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, description=description, **more)


NO = text("no", "Ours, or `biz:` and yours (percent-encoded).", location=OpenApiParameter.PATH)
KEY = text(
    "Idempotency-Key",
    "The same key with the same body is answered again and not done again, for 24 hours.",
    location=OpenApiParameter.HEADER,
)
WAIT = OpenApiParameter(
    "wait",
    {"type": "integer", "minimum": 0, "maximum": 8, "default": 3},
    description="Seconds to wait for the channel's answer.",
)
PAGING = [
    OpenApiParameter(
        "limit",
        {
            "type": "integer",
            "minimum": 1,
            "maximum": cursors.MAX_LIMIT,
            "default": cursors.DEFAULT_LIMIT,
        },
    ),
    text("cursor", "next_cursor of the page before, with the same filters."),
    OpenApiParameter("created_from", OpenApiTypes.DATETIME, description="Inclusive."),
    OpenApiParameter("created_to", OpenApiTypes.DATETIME, description="Exclusive."),
    text("channel", "", enum=list(registry.codes())),
]
CREATED = OpenApiExample(
    "Native",
    request_only=True,
    value={
        "biz_order_no": "20260131-0001",
        "title": "Two coffees",
        "amount": 5600,
        "channel": "wechat",
        "method": "native",
        "notify_url": "https://shop.example/notices",
        "attach": "table 7",
    },
)
REFUNDED = OpenApiExample(
    "Part of the money",
    request_only=True,
    value={
        "biz_order_no": "20260131-0001",
        "biz_refund_no": "20260131-0001-R1",
        "amount": 2800,
        "reason": "One coffee was cold",
    },
)


TRANSFERRED = OpenApiExample(
    "By openid",
    request_only=True,
    value={
        "biz_transfer_no": "20260131-B1",
        "title": "Bonus of January",
        "amount": 5000,
        "channel": "wechat",
        "payee_type": "openid",
        "payee_account": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
        "scene": "1005",
    },
)


def problems_of(statuses: Statuses) -> dict[Any, Any]:
    return {
        (status, CONTENT_TYPE): OpenApiResponse(answers.ProblemSerializer, description=WHY[status])
        for status in (*ALWAYS, *statuses)
    }


def reads(tag: str, name: str, shape: Any, parameters: list[Any], statuses: Statuses = ()) -> Any:
    return extend_schema(
        operation_id=name,
        tags=[tag],
        parameters=parameters,
        responses={200: shape, **problems_of(statuses)},
    )


def does(
    tag: str,
    name: str,
    shape: Any,
    *,
    takes: type[inputs.Input],
    answered: Statuses = (200,),
    parameters: tuple[Any, ...] = (),
    examples: tuple[OpenApiExample, ...] = (),
) -> Any:
    good = {
        status: OpenApiResponse(shape, description=MADE[status] if 201 in answered else "")
        for status in answered
    }
    return extend_schema(
        operation_id=name,
        tags=[tag],
        parameters=[*parameters, KEY],
        request=takes,
        examples=list(examples),
        responses={**good, **problems_of((404, 409, 411, 413, 415, 422))},
    )


def _pay(name: str, **more: Any) -> Any:
    return does(PAY_TAG, name, answers.PayOrderSerializer, parameters=(NO,), **more)


def _refund(name: str, **more: Any) -> Any:
    return does(REFUND_TAG, name, answers.RefundSerializer, parameters=(NO,), **more)


def _transfer(name: str, **more: Any) -> Any:
    return does(TRANSFER_TAG, name, answers.TransferSerializer, parameters=(NO,), **more)


pay_order_list = reads(
    PAY_TAG,
    "listPayOrders",
    answers.PayOrderPageSerializer,
    [
        *PAGING,
        text("status", "", enum=PayOrder.Status.values),
        text("refund_status", "", enum=PayOrder.RefundStatus.values),
        text("biz_order_no", "Your number."),
    ],
)
pay_order_create = does(
    PAY_TAG,
    "createPayOrder",
    answers.PayOrderSerializer,
    takes=inputs.NewPayOrderInput,
    answered=NEW,
    examples=(CREATED,),
)
pay_order_read = reads(PAY_TAG, "getPayOrder", answers.PayOrderSerializer, [NO], (404,))
OPERATIONS = answers.OperationSerializer(many=True)
pay_order_operations = reads(PAY_TAG, "getPayOrderOperations", OPERATIONS, [NO], (404,))
pay_order_close = _pay("closePayOrder", takes=inputs.ReasonInput)
pay_order_cancel = _pay("cancelPayOrder", takes=inputs.ReasonInput)
pay_order_sync = does(
    PAY_TAG,
    "syncPayOrder",
    answers.PayOrderSerializer,
    parameters=(NO, WAIT),
    takes=inputs.NoInput,
)

refund_list = reads(
    REFUND_TAG,
    "listRefunds",
    answers.RefundPageSerializer,
    [
        *PAGING,
        text("status", "", enum=RefundOrder.Status.values),
        text("order_no", "Our number of the pay order."),
        text("biz_order_no", "Your number of the pay order."),
        text("biz_refund_no", "Your number of the refund."),
    ],
)
refund_create = does(
    REFUND_TAG,
    "createRefund",
    answers.RefundSerializer,
    takes=inputs.NewRefundInput,
    answered=NEW,
    examples=(REFUNDED,),
)
refund_read = reads(REFUND_TAG, "getRefund", answers.RefundSerializer, [NO], (404,))
refund_operations = reads(REFUND_TAG, "getRefundOperations", OPERATIONS, [NO], (404,))
refund_retry = _refund("retryRefund", takes=inputs.NoInput)
refund_close = _refund("closeRefund", takes=inputs.ReasonInput)
refund_sync = does(
    REFUND_TAG,
    "syncRefund",
    answers.RefundSerializer,
    parameters=(NO, WAIT),
    takes=inputs.NoInput,
)

transfer_list = reads(
    TRANSFER_TAG,
    "listTransfers",
    answers.TransferPageSerializer,
    [
        *PAGING,
        text("status", "", enum=TransferOrder.Status.values),
        text("biz_transfer_no", "Your number."),
    ],
)
transfer_create = does(
    TRANSFER_TAG,
    "createTransfer",
    answers.TransferSerializer,
    takes=inputs.NewTransferInput,
    answered=NEW,
    examples=(TRANSFERRED,),
)
transfer_read = reads(TRANSFER_TAG, "getTransfer", answers.TransferSerializer, [NO], (404,))
transfer_operations = reads(TRANSFER_TAG, "getTransferOperations", OPERATIONS, [NO], (404,))
transfer_retry = _transfer("retryTransfer", takes=inputs.NoInput)
transfer_cancel = _transfer("cancelTransfer", takes=inputs.ReasonInput)
transfer_close = _transfer("closeTransfer", takes=inputs.ReasonInput)
transfer_sync = does(
    TRANSFER_TAG,
    "syncTransfer",
    answers.TransferSerializer,
    parameters=(NO, WAIT),
    takes=inputs.NoInput,
)
