"""A store order in 开个店's words (订单列表查询 and 订单详情, 响应参数). Used by ``calls``.

The status, the kind and the payment are numbers, amounts fen, times ``yyyy-MM-dd HH:mm:ss`` in
China as the tables say (the examples' seconds since 1970 are read, not written). What there is not
is ``""``. Reads loaded rows only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.api.kaigedian.fields import CHINA, TIME_FORM
from orders.models import StoreItem, StoreOrder
from orders.models import store_words as words
from orders.secrets import SecretUnreadable

Facts = dict[str, Any]
REFUND_STATES = {"": 0, "asked": 1, "refused": 3, "refunding": 1, "done": 5, "withdrawn": 6}
"""订单退款类型; 6 (取消退款) is the pushes', where that list has no number; 0 stands for none."""


def item(order: StoreOrder) -> Facts:
    """One of itemList."""
    return {
        "orderCode": order.order_no,
        "thirdOrderCode": third_number(order),
        "storeId": order.store_id,
        "storeName": order.store_name,
        "actualPayAmount": order.amount,
        "originalAmount": order.original_amount,
        "barCounter": order.table,
        "needInvoice": order.needs_invoice,
        "orderClient": order.client,
        "note": order.note,
        "orderStatus": status(order),
        "orderType": words.code(StoreOrder.Kind, order.kind),
        "payChannel": order.pay_channel,
        "payChannelName": order.pay_channel_name,
        "payStatus": words.code(StoreOrder.PayStatus, order.pay_status),
        "payType": words.code(StoreOrder.PayType, order.pay_type),
        "payTime": time(order.paid_at),
        "posCode": order.pos_code,
        "operator": order.operator,
        "userId": order.user_id,
        "userName": order.user_name,
        "pickUpGoodsNo": order.pick_up_no,
        "createTime": time(order.created_at),
        "acceptTime": time(order.accepted_at),
        "pickUpTime": time(order.made_at),
        "deliveryTime": time(order.delivering_at),
        "estimateDeliveryCompleteTime": time(order.arrival_at),
        "actualArrivalTime": _received(order),
        "receiveTime": _received(order),
        "expectTime": time(order.expected_at),
        "longitude": order.longitude,
        "latitude": order.latitude,
        "deliverFee": order.deliver_fee,
        "packageFee": order.package_fee,
        "mobile": _mobile(order),
    }


def detail(order: StoreOrder) -> Facts:
    """订单详情: the same, with its lines (loaded) and, once there is one, its courier as
    订单状态处理 names him."""
    said = item(order)
    said["orderItemList"] = [line(each) for each in order.items.all()]
    courier = getattr(order, "delivery", None)
    if courier is not None:
        said["deliveryInfo"] = {
            "contactsName": courier.contact,
            "mobile": courier.mobile,
            "expressChannelCode": courier.express_code,
            "expressChannelName": courier.express_name,
            "expressNo": courier.express_no,
            "remark": courier.remark,
        }
    return said


def line(row: StoreItem) -> Facts:
    """The discount's share under the table's name and the example's."""
    return {
        "productSeq": row.seq,
        "productId": row.product_id,
        "thirdProductId": row.third_product_id,
        "productName": row.name,
        "productPrice": row.price,
        "productQuantity": row.quantity,
        "sharePrice": row.share_amount,
        "productSharePrice": row.share_amount,
        "unit": row.unit,
        "weight": row.weight,
        "productSpecName": row.spec,
        "productProperty": row.property,
    }


def state(order: StoreOrder) -> Facts:
    """One of 批量查询订单状态: there the status is text."""
    return {"orderCode": order.order_no, "orderStatus": str(status(order))}


def refund(order: StoreOrder) -> Facts:
    """One of 退款订单查询."""
    return {"orderCode": order.order_no, "refundstatus": REFUND_STATES[order.cancel_status]}


def status(order: StoreOrder) -> int:
    return words.CODES[StoreOrder.Status][order.status]


def third_number(order: StoreOrder) -> str:
    """As the merchant gave it; empty where ours, or the transaction's, stands in for it."""
    if "thirdOrderCode" in order.door_data:
        return str(order.door_data["thirdOrderCode"])
    return "" if order.biz_order_no == order.order_no else order.biz_order_no


def time(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(CHINA).strftime(TIME_FORM)


def _received(order: StoreOrder) -> str:
    """The house knows one time for both: when the order was completed."""
    return time(order.ended_at) if order.is_completed else ""


def _mobile(order: StoreOrder) -> str:
    """Empty too when the key that it was written with is gone."""
    try:
        return order.mobile
    except SecretUnreadable:
        return ""
