"""This door's words for what the house knows: tables only, each total over its enum.

hydrogen-sdk-doc: cloud-function/node-sdk/order.md and wechat-profit-sharing.md, trigger.md
("gateway_type 枚举值"), js-sdk/payment/web.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q

from channels.base import Method, ReceiverType
from orders.actor import Door
from orders.models import (
    AllocationOrder,
    AllocationReceiver,
    PayOrder,
    RefundOrder,
    ShareReturn,
)

FIND = "find"
"""The name in ``door_data`` under which an order keeps what it can be found by; it is indexed."""
PENDING, SUCCESS, FAILED = "pending", "success", "failed"
COMPLETE, PARTIAL = "complete", "partial"


@dataclass(frozen=True)
class Gateway:
    """A way to pay: where it leads, and its answer's names for ``pay_params``."""

    channel: str
    method: Method
    answer: Mapping[str, str]


_JSAPI = {
    name: name for name in ("appId", "timeStamp", "nonceStr", "package", "signType", "paySign")
}
_APP = {
    "appid": "appId",
    "noncestr": "nonceStr",
    "package": "packageValue",
    "partnerid": "partnerId",
    "prepayid": "prepayId",
    "sign": "sign",
    "timestamp": "timeStamp",
}
GATEWAYS: Mapping[str, Gateway] = {
    "weixin_tenpay": Gateway("wechat", Method.JSAPI, _JSAPI),
    "weixin_tenpay_js": Gateway("wechat", Method.JSAPI, _JSAPI),
    "weixin_tenpay_wap": Gateway("wechat", Method.H5, {"mweb_url": "h5_url"}),
    "weixin_tenpay_native": Gateway("wechat", Method.NATIVE, {"code_url": "code_url"}),
    "weixin_tenpay_app": Gateway("wechat", Method.APP, _APP),
    "alipay": Gateway("alipay", Method.JSAPI, {"trade_no": "trade_no"}),
    "alipay_wap": Gateway("alipay", Method.WAP, {"payment_url": "url"}),
    "alipay_page": Gateway("alipay", Method.PAGE, {"payment_url": "url"}),
    "alipay_app": Gateway("alipay", Method.APP, {"payment_url": "order_string"}),
}
FAMILIES: Mapping[str, str] = {"weixin_tenpay": "wechat", "alipay": "alipay"}
"""order.md's own two values of ``gateway_type``: as a filter they mean all that is paid so."""
TRADE_TYPES: Mapping[str, str] = {
    Method.JSAPI: "JSAPI",
    Method.NATIVE: "NATIVE",
    Method.H5: "MWEB",
    Method.APP: "APP",
    Method.BARCODE: "MICROPAY",
}
_BY_METHOD = {
    (one.channel, one.method.value): name for name, one in reversed(list(GATEWAYS.items()))
}


def told(order: PayOrder) -> Mapping[str, Any]:
    """What the merchant said of it at this door; nothing for an order of another door."""
    said: Mapping[str, Any] = order.door_data.get(FIND, {}) if order.door == Door.MINAPP else {}
    return said


def told_filter(name: str, value: Any) -> Q:
    """The orders of which the merchant said so at this door."""
    return Q(door=Door.MINAPP.value, door_data__contains={FIND: {name: value}})


def kept_filter(name: str, spellings: Sequence[str]) -> Q:
    """The orders of this door that keep one of these texts under ``name``."""
    held = (Q(door_data__contains={name: text}) for text in spellings)
    return Q(door=Door.MINAPP.value) & reduce(or_, held)


def gateway_type(order: PayOrder) -> str:
    """As it was asked for here; for an order of another door, what it would be called here."""
    said = told(order).get("gateway_type")
    known = _BY_METHOD.get((order.channel, order.method))
    return str(said or known or f"{order.channel}_{order.method}")


def gateway_filter(word: str) -> Q:
    """The orders that are of this type; none for a word that nothing is called by."""
    if word in FAMILIES:
        return Q(channel=FAMILIES[word])
    if word == "weixin_tenpay_js":
        return Q(channel="wechat") & told_filter("gateway_type", word)
    if word in GATEWAYS:
        return Q(channel=GATEWAYS[word].channel, method=GATEWAYS[word].method.value)
    channel, _line, method = word.rpartition("_")
    return Q(channel=channel, method=method)


_PAY = PayOrder.Status
STATUS: Mapping[str, str] = {
    _PAY.WAIT: PENDING,
    _PAY.PROGRESS: PENDING,
    _PAY.SUCCESS: SUCCESS,
    _PAY.CLOSE: FAILED,
    _PAY.CANCEL: FAILED,
    _PAY.FAIL: FAILED,
}


def status_filter(word: str) -> Q:
    return Q(status__in=[ours for ours, theirs in STATUS.items() if theirs == word])


_REFUND = PayOrder.RefundStatus
_SOME = Q(refund_status=_REFUND.PARTIAL) | Q(refund_status=_REFUND.REFUNDING, refunded__gt=0)
_NONE = Q(refund_status=_REFUND.NO_REFUND) | Q(refund_status=_REFUND.REFUNDING, refunded=0)
REFUND_STATUS: Mapping[str, str | None] = {
    _REFUND.NO_REFUND: None,
    _REFUND.REFUNDING: None,  # not given back yet; what was given back before is PARTIAL
    _REFUND.PARTIAL: PARTIAL,
    _REFUND.REFUNDED: COMPLETE,
}


def refund_status(order: PayOrder) -> str | None:
    told = REFUND_STATUS[order.refund_status]
    return PARTIAL if told is None and order.refunded else told


def refund_status_filter(word: str) -> Q:
    """``""`` is how an address says null."""
    known = {COMPLETE: Q(refund_status=_REFUND.REFUNDED), PARTIAL: _SOME, "": _NONE}
    return known.get(word, Q(pk__in=[]))


REFUND: Mapping[str, str] = {
    RefundOrder.Status.PROGRESS: "pending",
    RefundOrder.Status.SUCCESS: "succeed",
    RefundOrder.Status.FAIL: "failed",
    RefundOrder.Status.CLOSE: "failed",
}
"""``pending`` is this house's: order.md has succeed and failed, and a doubt is neither."""
RETURN: Mapping[str, str] = {
    ShareReturn.Status.PROGRESS: "PROCESSING",
    ShareReturn.Status.SUCCESS: "SUCCESS",
    ShareReturn.Status.FAIL: "FAILED",
    ShareReturn.Status.CLOSE: "FAILED",
}

_SHARE = AllocationOrder.Status
ACCEPTED, PROCESSING, FINISHED, CLOSED = "accepted", "processing", "finished", "closed"
SHARE_STATUS: Mapping[str, str] = {
    _SHARE.PROCESSING: PROCESSING,
    _SHARE.ALLOC_END: FINISHED,
    _SHARE.FINISH: FINISHED,
    _SHARE.FINISH_FAILED: FINISHED,  # the sharing itself; its finish is told beside it
    _SHARE.ALLOC_FAILED: CLOSED,
    _SHARE.IGNORE: CLOSED,
}
FINISH_STATUS: Mapping[str, str] = {
    _SHARE.PROCESSING: PROCESSING,
    _SHARE.ALLOC_END: PROCESSING,
    _SHARE.FINISH: FINISHED,
    _SHARE.FINISH_FAILED: CLOSED,
    _SHARE.ALLOC_FAILED: CLOSED,
    _SHARE.IGNORE: CLOSED,
}
"""Of an allocation that was asked to be finished: what became of the finish."""
SHARE_OUTCOME: Mapping[str, bool | None] = {
    _SHARE.PROCESSING: None,
    _SHARE.ALLOC_END: True,
    _SHARE.FINISH: True,
    _SHARE.FINISH_FAILED: False,
    _SHARE.ALLOC_FAILED: False,
    _SHARE.IGNORE: True,
}
"""Whether the channel said yes, no, or nothing final yet."""
SPLIT_STATUSES = (ACCEPTED, PROCESSING, FINISHED, CLOSED)
SINGLE, MULTI, FINISH = "profit_sharing", "multi_profit_sharing", "finish"
ORDER_TYPES = (SINGLE, MULTI, FINISH)

_RECEIVER = AllocationReceiver.Status
IN_PLACE: Mapping[str, bool | None] = {
    _RECEIVER.BOUND: True,
    _RECEIVER.BINDING: None,
    _RECEIVER.UNBINDING: None,
    _RECEIVER.UNBOUND: False,
    _RECEIVER.FAIL: False,
}
"""Whether the channel holds a receiver; None while that is being settled."""

RECEIVERS: Mapping[str, Mapping[str, ReceiverType]] = {
    "wechat": {
        "MERCHANT_ID": ReceiverType.MERCHANT_NO,
        "PERSONAL_OPENID": ReceiverType.OPENID,
    },
    "alipay": {"userId": ReceiverType.USER_ID, "loginName": ReceiverType.LOGIN_NAME},
}
"""PERSONAL_WECHATID is "已废弃，微信不再支持": refused as unknown, with the words that are left."""
RELATIONS: Mapping[str, str] = {
    word: word
    for word in (
        "SERVICE_PROVIDER", "STORE", "STAFF", "STORE_OWNER", "PARTNER", "HEADQUARTER", "BRAND",
        "DISTRIBUTOR", "USER", "SUPPLIER", "CUSTOM",
    )
}  # fmt: skip
TAKEN: Mapping[str, tuple[str, str]] = {
    "wechat": ("SUCCESS", "PROCESSING"),
    "alipay": ("10000", "10003"),
}
"""``return_code`` once the channel has said yes, and while it has not answered yet."""


def receiver_word(channel: str, kind: str) -> str:
    return next((word for word, ours in RECEIVERS.get(channel, {}).items() if ours == kind), kind)


def receiver(row: Any) -> dict[str, str]:
    """A receiver as this door shows it: its account masked."""
    return {"type": receiver_word(row.channel, row.receiver_type), "account": row.account_mask}
