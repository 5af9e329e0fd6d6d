"""DaxPay's words and ours: channels, ways to pay, statuses, receivers, payees. Tables and nothing
else; a test holds that every status of ours has a word.

Sources: dromara/dax-pay 4.x ``PayMethodEnum``, ``ProductEnum``, ``PayBodyTypeEnum`` and its state
machines; opendaxpay SDKs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from channels import wallets
from channels.base import Method, PayeeType, ReceiverType
from orders.models import AllocationDetail, AllocationOrder, PayOrder, RefundOrder, TransferOrder

# --- ways to pay ----------------------------------------------------------------------------

Body = tuple[str | None, str | None]
"""``payBody`` and ``payBodyType``."""


def _plain(name: str, kind: str) -> Callable[[Mapping[str, Any]], Body]:
    def read(params: Mapping[str, Any]) -> Body:
        value = params.get(name)
        return (str(value), kind) if value else (None, None)

    return read


def _jsapi(params: Mapping[str, Any]) -> Body:
    """A JSON text: what ``WeixinJSBridge`` and ``wx.requestPayment`` take."""
    names = ("appId", "timeStamp", "nonceStr", "package", "signType", "paySign")
    return (_dump({name: params[name] for name in names}), "jsapi") if params else (None, None)


def _wechat_app(params: Mapping[str, Any]) -> Body:
    if not params:
        return None, None
    named = {
        "appid": params["appId"],
        "partnerId": params["partnerId"],
        "prepayId": params["prepayId"],
        "package": params["packageValue"],
        "noncestr": params["nonceStr"],
        "timestamp": params["timeStamp"],
        "sign": params["sign"],
    }
    return _dump(named), "identifier"


def _nothing(_params: Mapping[str, Any]) -> Body:
    """A payment code is charged at once: there is nothing to hand to the customer."""
    return None, None


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, kw_only=True)
class Way:
    """One of DaxPay's methods: our channel and method, and how its ``payBody`` is written."""

    channel: str
    method: Method
    body: Callable[[Mapping[str, Any]], Body]


_WX, _ALI = "wechat", "alipay"
WAYS: Mapping[str, Way] = {
    "wechat_qr": Way(channel=_WX, method=Method.NATIVE, body=_plain("code_url", "qr_code")),
    "wechat_jsapi": Way(channel=_WX, method=Method.JSAPI, body=_jsapi),
    "wechat_mini": Way(channel=_WX, method=Method.JSAPI, body=_jsapi),
    "wechat_h5": Way(channel=_WX, method=Method.H5, body=_plain("h5_url", "link")),
    "wechat_app": Way(channel=_WX, method=Method.APP, body=_wechat_app),
    "wechat_barcode": Way(channel=_WX, method=Method.BARCODE, body=_nothing),
    "alipay_qr": Way(channel=_ALI, method=Method.NATIVE, body=_plain("code_url", "qr_code")),
    "alipay_order_qr": Way(channel=_ALI, method=Method.NATIVE, body=_plain("code_url", "qr_code")),
    "alipay_jsapi": Way(channel=_ALI, method=Method.JSAPI, body=_plain("trade_no", "identifier")),
    "alipay_mini": Way(channel=_ALI, method=Method.JSAPI, body=_plain("trade_no", "identifier")),
    "alipay_pc": Way(channel=_ALI, method=Method.PAGE, body=_plain("url", "link")),
    "alipay_h5": Way(channel=_ALI, method=Method.WAP, body=_plain("url", "link")),
    "alipay_app": Way(channel=_ALI, method=Method.APP, body=_plain("order_string", "identifier")),
    "alipay_barcode": Way(channel=_ALI, method=Method.BARCODE, body=_nothing),
}
"""``method`` of /unipay/pay."""

NOT_OFFERED = frozenset({
    "aggregate_pay_qrcode", "wechat_cashier", "union_qr", "union_jsapi", "union_h5",
    "union_pay_barcode", "union_barcode", "douyin_qr", "douyin_jsapi", "douyin_h5", "douyin_app",
    "visa_card_gateway", "visa_card_present", "mastercard_card_gateway",
    "mastercard_card_present", "other",
})  # fmt: skip
"""DaxPay has these methods and this house has not: 10415, where an unknown word is 20012."""

AGGREGATE_CODE = "aggregate_pay_barcode"
"""The wallet is told by how the scanned code begins, as where no method is named at all."""
BY_CODE: Mapping[wallets.Wallet, str] = {
    wallets.WECHAT: "wechat_barcode",
    wallets.ALIPAY: "alipay_barcode",
}
PRODUCTS: Mapping[str, str] = {_WX: "wechat_pay", _ALI: "alipay"}
"""Of each channel. What a merchant names is not asked (``PayRouteService``)."""
DOCUMENTED_BODY_TYPES: Mapping[str, str] = {
    "qr_code": "code_url",
    "jsapi": "pay_info",
    "identifier": "pay_info",
    "link": "redirect_url",
}
"""The words of the SDKs' comments, for an application that was written by them."""

_METHOD_OF: Mapping[tuple[str, str], str] = {
    (way.channel, way.method): name for name, way in reversed(list(WAYS.items()))
}


def method_of(order: PayOrder) -> str:
    """DaxPay's name of how an order is paid, also of one that came in by another door."""
    said = order.door_data.get("method")
    if said in WAYS:
        return str(said)
    return _METHOD_OF.get((order.channel, order.method), order.method)


# --- statuses -------------------------------------------------------------------------------

PAY: Mapping[str, str] = {
    PayOrder.Status.WAIT: "processing",  # DaxPay makes the trade in ``processing``
    PayOrder.Status.PROGRESS: "processing",
    PayOrder.Status.SUCCESS: "success",
    PayOrder.Status.CLOSE: "close",
    PayOrder.Status.CANCEL: "cancel",
    PayOrder.Status.FAIL: "fail",
}
PAY_REFUND: Mapping[str, str] = {
    PayOrder.RefundStatus.NO_REFUND: "no_refund",
    PayOrder.RefundStatus.REFUNDING: "refunding",
    PayOrder.RefundStatus.PARTIAL: "partial_refund",
    PayOrder.RefundStatus.REFUNDED: "refunded",
}
REFUND: Mapping[str, str] = {
    RefundOrder.Status.PROGRESS: "progress",
    RefundOrder.Status.SUCCESS: "success",
    RefundOrder.Status.FAIL: "fail",
    RefundOrder.Status.CLOSE: "close",
}
TRANSFER: Mapping[str, str] = {
    TransferOrder.Status.PROGRESS: "processing",
    TransferOrder.Status.SUCCESS: "success",
    TransferOrder.Status.FAIL: "fail",
    TransferOrder.Status.CLOSE: "close",
}
_BY_RESULT: Mapping[str, str] = {
    AllocationOrder.Result.ALL_PENDING: "processing",
    AllocationOrder.Result.ALL_SUCCESS: "success",
    AllocationOrder.Result.PART_SUCCESS: "partial",
    AllocationOrder.Result.ALL_FAILED: "fail",
}
ALLOCATION: Mapping[str, Mapping[str, str]] = {
    # A repeated one keeps its old result until the new one is known.
    AllocationOrder.Status.PROCESSING: dict.fromkeys(AllocationOrder.Result, "processing"),
    AllocationOrder.Status.ALLOC_END: _BY_RESULT,
    AllocationOrder.Status.FINISH: _BY_RESULT,
    AllocationOrder.Status.FINISH_FAILED: _BY_RESULT,
    AllocationOrder.Status.ALLOC_FAILED: dict.fromkeys(AllocationOrder.Result, "fail"),
    AllocationOrder.Status.IGNORE: dict.fromkeys(AllocationOrder.Result, "success"),
}
"""By status and result. DaxPay has no finishing (完结): it changes no word."""
SHARE: Mapping[str, str] = {
    AllocationDetail.Status.PENDING: "pending",
    AllocationDetail.Status.SUCCESS: "success",
    AllocationDetail.Status.FAIL: "fail",
    AllocationDetail.Status.IGNORE: "success",  # a share of nothing: only by rate, never by us
}

# --- who gets money -------------------------------------------------------------------------

RECEIVERS: Mapping[str, ReceiverType] = {
    "MERCHANT_ID": ReceiverType.MERCHANT_NO,
    "PERSONAL_OPENID": ReceiverType.OPENID,
    "USER_ID": ReceiverType.USER_ID,
    "LOGIN_NAME": ReceiverType.LOGIN_NAME,
}
"""``receiverType`` of /unipay/alloc. PERSONAL_SUB_OPENID is of service providers only."""
RECEIVER_OF: Mapping[str, str] = {ours.value: theirs for theirs, ours in RECEIVERS.items()}
RELATIONS: Mapping[str, str] = {_WX: "PARTNER"}
"""DaxPay's receivers have no relation, and WeChat Pay wants one (添加分账接收方, relation_type)."""
PAYEES: Mapping[str, PayeeType] = {
    "openid": PayeeType.OPENID,
    "open_id": PayeeType.OPENID,
    "user_id": PayeeType.USER_ID,
    "login_name": PayeeType.LOGIN_NAME,
}
MERCHANT_NUMBERS: Mapping[str, tuple[str, ...]] = {_WX: ("mchid",), _ALI: ("app_id", "seller_id")}
"""Settings of a channel account by which ``channelMchNo`` may name it, beside its code here."""
