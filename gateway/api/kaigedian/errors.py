"""What goes wrong, in this dialect's three codes. Raised by every module here, answered by
``views``.

字段描述, 状态码: 100 成功, 21 缺少必要的请求参数, 500 内部服务异常. There are no others, so 21 is
for whatever is wrong with the request itself and 500 for whatever this house will not do; the
message is the house's own sentence.
"""

from __future__ import annotations

from dataclasses import replace

from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _

from orders.errors import Conflict, InvalidInput, OrderError

SUCCESS, MISSING, FAILURE = "100", "21", "500"

FIELDS = {
    "biz_order_no": "thirdOrderCode",
    "store_id": "storeId",
    "store_name": "storeName",
    "kind": "orderType",
    "amount": "actualPayAmount",
    "original_amount": "originalAmount",
    "deliver_fee": "deliverFee",
    "package_fee": "packageFee",
    "client": "orderClient",
    "status": "orderStatus",
    "pay_type": "payType",
    "pay_status": "payStatus",
    "pay_channel": "payChannel",
    "pay_channel_name": "payChannelName",
    "paid_at": "payTime",
    "table": "barCounter",
    "note": "note",
    "pos_code": "posCode",
    "operator": "operator",
    "user_id": "userId",
    "user_name": "userName",
    "pick_up_no": "pickUpGoodsNo",
    "expected_at": "expectTime",
    "arrival_at": "estimateDeliveryCompleteTime",
    "pay_order_no": "payOrderNo",
    "items": "orderItemList",
    "seq": "productSeq",
    "product_id": "productId",
    "third_product_id": "thirdProductId",
    "name": "productName",
    "price": "productPrice",
    "quantity": "productQuantity",
    "share_amount": "productSharePrice",
    "unit": "productWeightUnit",
    "weight": "weight",
    "spec": "productSpecName",
    "property": "productProperty",
    "courier": "deliveryInfo",
    "contact": "deliveryInfo.contactsName",
    "express_code": "deliveryInfo.expressChannelCode",
    "express_name": "deliveryInfo.expressChannelName",
    "express_no": "deliveryInfo.expressNo",
    "remark": "deliveryInfo.remark",
}
"""The services' name of a field → this dialect's. ``mobile`` is read by itself."""


class Failure(Exception):
    """One answer that is not 100. ``http`` is 200 wherever the envelope could be read: partners'
    programs look at ``statusCode`` only."""

    def __init__(self, code: str, message: str, *, http: int = 200) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.http = http


def missing(field: str) -> Failure:
    return Failure(MISSING, _("%(field)s is required.") % {"field": field})


def wrong(message: str) -> Failure:
    """Something in the request breaks a rule."""
    return Failure(MISSING, message)


KNOWN = (Failure, OrderError)
"""Refusals: nothing was done."""


def translate(error: Exception) -> Failure:
    """One of KNOWN as an answer."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, InvalidInput):
        return Failure(MISSING, _sentence(error))
    if isinstance(error, Conflict):
        return Failure(FAILURE, _sentence(error))
    return Failure(FAILURE, str(getattr(error, "refusal", error)))


def unforeseen(error: Exception) -> Failure:
    """Anything else as an answer; the caller has logged it."""
    if isinstance(error, OperationalError | InterfaceError):
        # Nothing was committed, or it was and the same request finds it again.
        return Failure(FAILURE, _("Please try again in a moment."), http=503)
    return Failure(
        FAILURE, _("It was recorded. Name the request id when you ask about it."), http=500
    )


def _sentence(error: InvalidInput | Conflict) -> str:
    """The house's sentence with this dialect's names of the fields in it."""
    params = dict(error.refusal.params)
    for name in ("field", "differs"):
        if name in params:
            params[name] = wire_name(str(params[name]))
    return str(replace(error.refusal, params=params))


def wire_name(name: str) -> str:
    """``items[0].price`` → ``orderItemList[0].productPrice``."""
    head, _dot, last = name.rpartition(".")
    mine = FIELDS.get(last, last)
    if not head:
        return mine
    outer, _bracket, number = head.partition("[")
    return f"{FIELDS.get(outer, outer)}[{number}.{mine}"
