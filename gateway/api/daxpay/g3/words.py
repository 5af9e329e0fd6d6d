"""G3's words and ours: channels, ways to pay, receivers. Its statuses are our own codes, but for
the sharing of a pay order. Tables and nothing else.

Sources: dromara/dax-pay 3.x, ``daxpay-open-core`` enums.
"""

from __future__ import annotations

from collections.abc import Mapping

from channels.base import Method, ReceiverType
from orders.models import PayOrder

CHANNELS: Mapping[str, str] = {"wechat_pay": "wechat", "ali_pay": "alipay"}
CHANNEL_OF: Mapping[str, str] = {ours: theirs for theirs, ours in CHANNELS.items()}
KNOWN_CHANNELS = frozenset({
    "alipay_isv", "wechat_pay_isv", "union_pay", "leshua_pay", "vbill_pay", "ada_pay", "allin_pay",
    "allin_yst2", "allin_syb", "hkrt_pay", "lakala_pay", "fu_you", "sheng_pay", "yse_pay",
})  # fmt: skip
"""DaxPay has these and this house has not."""

METHODS: Mapping[tuple[str, str], str] = {
    ("wechat", "qrcode"): "wechat_qr",
    ("wechat", "jsapi"): "wechat_jsapi",
    ("wechat", "wap"): "wechat_h5",
    ("wechat", "app"): "wechat_app",
    ("wechat", "barcode"): "wechat_barcode",
    ("alipay", "qrcode"): "alipay_qr",
    ("alipay", "jsapi"): "alipay_jsapi",
    ("alipay", "wap"): "alipay_h5",
    ("alipay", "web"): "alipay_pc",
    ("alipay", "app"): "alipay_app",
    ("alipay", "barcode"): "alipay_barcode",
}
"""Channel and method → the fourth generation's one word for both."""
KNOWN_METHODS = frozenset({"wap", "app", "web", "qrcode", "barcode", "jsapi", "other"})
METHOD_OF: Mapping[str, str] = {
    Method.NATIVE: "qrcode",
    Method.JSAPI: "jsapi",
    Method.H5: "wap",
    Method.WAP: "wap",
    Method.PAGE: "web",
    Method.APP: "app",
    Method.BARCODE: "barcode",
}

ALLOC_STATUS: Mapping[str, str | None] = {
    PayOrder.AllocationStatus.NONE: None,
    PayOrder.AllocationStatus.WAITING: "waiting",
    PayOrder.AllocationStatus.PROCESSING: "allocation",
    PayOrder.AllocationStatus.DONE: "allocation",
    PayOrder.AllocationStatus.PARTIAL: "allocation",
    PayOrder.AllocationStatus.FAILED: "waiting",
}

RECEIVERS: Mapping[str, ReceiverType] = {
    "merchant_no": ReceiverType.MERCHANT_NO,
    "user_id": ReceiverType.USER_ID,
    "open_id": ReceiverType.OPENID,
    "login_name": ReceiverType.LOGIN_NAME,
}
RECEIVER_OF: Mapping[str, str] = {ours.value: theirs for theirs, ours in RECEIVERS.items()}
RELATIONS: Mapping[str, str] = {
    name: name.upper()
    for name in (
        "service_provider", "store", "staff", "store_owner", "partner", "headquarter", "brand",
        "distributor", "user", "supplier", "custom",
    )
}  # fmt: skip
"""``AllocRelationTypeEnum`` → WeChat Pay's relation_type."""
