"""The bodies of WeChat Pay v3 as data: members, types, lengths and alphabets.

Read by ``trades`` and ``refunds`` through ``core.fields.check``. Lengths count characters.
"""

from __future__ import annotations

from channels.simulators.core.fields import Field, Flag, Many, Moment, Shape, Text, Whole

OUT_TRADE_NO = r"[0-9A-Za-z_\-|*]{6,32}"
OUT_REFUND_NO = r"[0-9A-Za-z_\-|*@]{1,64}"
NOTIFY_URL = r"https?://[^?#\s]+"
"""«通知地址必须为直接可访问的URL，不允许携带查询串»."""

_IDENTITY = Shape(
    members={
        "type": Text(max=32, required=True),
        "number": Text(max=1024, required=True),
        "name": Text(max=1024, required=True),
    }
)
_STORE = Shape(
    members={
        "id": Text(max=32, required=True),
        "name": Text(max=256),
        "area_code": Text(max=32),
        "address": Text(max=512),
    }
)
_SCENE: dict[str, Field] = {
    "payer_client_ip": Text(max=45),
    "device_id": Text(max=32),
    "store_info": _STORE,
}
_H5_SCENE = _SCENE | {
    "payer_client_ip": Text(max=45, required=True),
    "h5_info": Shape(
        required=True,
        members={
            "type": Text(max=32, choices=("Wap", "iOS", "Android"), required=True),
            "app_name": Text(max=64),
            "app_url": Text(max=128),
            "bundle_id": Text(max=128),
            "package_name": Text(max=128),
        },
    ),
}
_GOODS = Shape(
    members={
        "merchant_goods_id": Text(max=32, required=True),
        "wechatpay_goods_id": Text(max=32),
        "goods_name": Text(max=256),
        "quantity": Whole(min=1, required=True),
        "unit_price": Whole(required=True),
    }
)
_PREPAY: dict[str, Field] = {
    "appid": Text(max=32, required=True),
    "mchid": Text(max=32, required=True),
    "description": Text(max=127, required=True),
    "out_trade_no": Text(max=32, min=6, pattern=OUT_TRADE_NO, required=True),
    "time_expire": Moment(),
    "attach": Text(max=128, min=0),
    "notify_url": Text(max=255, pattern=NOTIFY_URL, required=True),
    "goods_tag": Text(max=32),
    "limit_pay": Many(of=Text(max=32), max=10),
    "support_fapiao": Flag(),
    "amount": Shape(
        required=True,
        members={"total": Whole(min=1, required=True), "currency": Text(max=16, choices=("CNY",))},
    ),
    "detail": Shape(
        members={
            "cost_price": Whole(),
            "invoice_id": Text(max=32),
            "goods_detail": Many(of=_GOODS, max=6000),
        }
    ),
    "scene_info": Shape(members=_SCENE),
    "settle_info": Shape(members={"profit_sharing": Flag()}),
    "payer": Shape(members={"identity": _IDENTITY}),
}

PREPAY: dict[str, Shape] = {
    "native": Shape(members=_PREPAY),
    "app": Shape(members=_PREPAY),
    "h5": Shape(members=_PREPAY | {"scene_info": Shape(required=True, members=_H5_SCENE)}),
    "jsapi": Shape(
        members=_PREPAY
        | {
            "payer": Shape(
                required=True,
                members={"openid": Text(max=128, required=True), "identity": _IDENTITY},
            )
        }
    ),
}

_UNSENT = ("notify_url", "time_expire", "limit_pay")
"""What a payment by a scanned code does not have."""
PREPAY["codepay"] = Shape(
    members={name: field for name, field in _PREPAY.items() if name not in _UNSENT}
    | {
        "payer": Shape(
            required=True,
            members={"auth_code": Text(max=18, pattern=r"1[0-5]\d{16}", required=True)},
        ),
        "scene_info": Shape(
            required=True,
            members={
                "device_id": Text(max=32),
                "device_ip": Text(max=45),
                "store_info": Shape(
                    required=True, members={"id": Text(max=32), "out_id": Text(max=32)}
                ),
            },
        ),
    }
)
REVERSE = Shape(
    members={"appid": Text(max=32, required=True), "mchid": Text(max=32, required=True)}
)

CLOSE = Shape(members={"mchid": Text(max=32, required=True)})

_REFUND_GOODS = Shape(
    members={
        "merchant_goods_id": Text(max=32, required=True),
        "wechatpay_goods_id": Text(max=32),
        "goods_name": Text(max=256),
        "unit_price": Whole(required=True),
        "refund_amount": Whole(required=True),
        "refund_quantity": Whole(min=1, required=True),
    }
)
_FROM = Shape(
    members={
        "account": Text(max=32, choices=("AVAILABLE", "UNAVAILABLE"), required=True),
        "amount": Whole(min=1, required=True),
    }
)
REFUND = Shape(
    members={
        "transaction_id": Text(max=32),
        "out_trade_no": Text(max=32, min=6, pattern=OUT_TRADE_NO),
        "out_refund_no": Text(max=64, pattern=OUT_REFUND_NO, required=True),
        "reason": Text(max=80),
        "notify_url": Text(max=256, pattern=NOTIFY_URL),
        "funds_account": Text(max=32, choices=("AVAILABLE", "UNSETTLED")),
        "amount": Shape(
            required=True,
            members={
                "refund": Whole(min=1, required=True),
                "from": Many(of=_FROM, max=2),
                "total": Whole(min=1, required=True),
                "currency": Text(max=16, choices=("CNY",), required=True),
            },
        ),
        "goods_detail": Many(of=_REFUND_GOODS, max=3000),
    }
)
