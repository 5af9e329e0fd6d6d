"""The ``biz_content`` of every method as data: members, types, lengths and alphabets.

Read by ``simulator`` through ``read``. What is documented but has no effect here is named in
``WITHOUT_EFFECT`` and left alone; any other member is refused, so that a slip of the pen shows.
(The real gateway ignores unknown members, and takes JSON numbers for sums: stricter on purpose.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from channels.simulators.core.fields import (
    Field,
    FieldError,
    Many,
    Shape,
    Text,
    check,
    parse_object,
)

NUMBER = r"[0-9A-Za-z_]{1,64}"
"""«64个字符以内，只能包含字母、数字、下划线»."""
MONEY = Text(max=12, required=True)
TIMEOUT = r"[1-9][0-9]{0,5}[mhd]|1c"
MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?"
TRUE_FALSE = ("true", "false")

# fmt: off
WITHOUT_EFFECT = frozenset(
    (
        "alipay_store_id", "agreement_params", "agreement_sign_params", "auth_confirm_mode",
        "bkagent_req_info", "business_params", "buyer_logon_id", "code_type",
        "disable_pay_channels", "discountable_amount", "enable_pay_channels", "ext_user_info",
        "goods_detail", "goods_type", "integration_type", "invoice_info", "logistics_detail",
        "merchant_order_no", "op_app_id", "op_buyer_open_id", "operator_id", "org_pid",
        "payment_type", "promo_params", "qr_pay_mode", "qrcode_width", "receiver_address_info",
        "refund_goods_detail", "request_from_url", "royalty_info", "settle_currency",
        "settle_info", "specified_channel", "sub_merchant", "terminal_id", "terminal_params",
        "trans_currency", "transfer_scene_name", "transfer_scene_report_infos",
        "undiscountable_amount",
    )
)
# fmt: on

_NO = Text(max=64, pattern=NUMBER)
_OPTIONS = Many(of=Text(max=64), max=20)
_EXTEND = Shape(
    members={
        "sys_service_provider_id": Text(max=64),
        "royalty_freeze": Text(max=5, choices=TRUE_FALSE),
        "specified_seller_name": Text(max=32),
    }
)
_ORDER: dict[str, Field] = {
    "out_trade_no": Text(max=64, pattern=NUMBER, required=True),
    "total_amount": MONEY,
    "subject": Text(max=256, required=True),
    "body": Text(max=128),
    "product_code": Text(max=64),
    "seller_id": Text(max=28),
    "timeout_express": Text(max=6, pattern=TIMEOUT),
    "time_expire": Text(max=19, pattern=MOMENT),
    "passback_params": Text(max=512),
    "store_id": Text(max=32),
    "extend_params": _EXTEND,
    "query_options": _OPTIONS,
}


def _order(*products: str, **more: Field) -> Shape:
    product = Text(max=64, choices=products, required="FACE_TO_FACE_PAYMENT" not in products)
    return Shape(members=_ORDER | {"product_code": product} | more)


_WHICH: dict[str, Field] = {"out_trade_no": _NO, "trade_no": _NO}
_RECEIVER = Shape(
    members={
        "type": Text(max=32, required=True),
        "account": Text(max=128, required=True),
        "name": Text(max=64),
        "memo": Text(max=512),
        "account_open_id": Text(max=128),
        "login_name": Text(max=128),
        "bind_login_name": Text(max=128),
    }
)
_REQUEST_NO = Text(max=64, pattern=NUMBER, required=True)
# An empty list has a refusal of its own, so the list itself may be of any size up to twenty.
_RECEIVERS = Shape(
    members={"out_request_no": _REQUEST_NO, "receiver_list": Many(of=_RECEIVER, max=20)}
)
_SHARE = Shape(
    members={
        "royalty_type": Text(max=32, choices=("transfer", "replenish")),
        "trans_out": Text(max=128),
        "trans_out_type": Text(max=64),
        "trans_in": Text(max=128),
        "trans_in_type": Text(max=64),
        "amount": Text(max=12),
        "amount_percentage": Text(max=3, pattern=r"[1-9][0-9]?|100"),
        "desc": Text(max=1000),
        "royalty_scene": Text(max=256),
        "trans_in_name": Text(max=64),
    }
)
_BANK = Shape(
    members={
        name: Text(max=128)
        for name in (
            "inst_name",
            "account_type",
            "inst_province",
            "inst_city",
            "inst_branch_name",
            "bank_code",
        )
    }
)
_PAYEE = Shape(
    required=True,
    members={
        "identity": Text(max=128, required=True),
        "identity_type": Text(
            max=64,
            required=True,
            choices=(
                "ALIPAY_USER_ID",
                "ALIPAY_LOGON_ID",
                "ALIPAY_OPEN_ID",
                "BANKCARD_ACCOUNT",
            ),
        ),
        "name": Text(max=128),
        "bankcard_ext_info": _BANK,
        "ext_info": Text(max=512),
    },
)
TRANSFER_PRODUCTS = ("TRANS_ACCOUNT_NO_PWD", "TRANS_BANKCARD_NO_PWD", "STD_RED_PACKET")

SHAPES: Mapping[str, Shape] = {
    "alipay.trade.precreate": _order(
        "FACE_TO_FACE_PAYMENT",
        "QR_CODE_OFFLINE",
        qr_code_timeout_express=Text(max=6, pattern=TIMEOUT),
    ),
    "alipay.trade.page.pay": _order("FAST_INSTANT_TRADE_PAY"),
    "alipay.trade.wap.pay": _order("QUICK_WAP_WAY", "QUICK_WAP_PAY", quit_url=Text(max=400)),
    "alipay.trade.app.pay": _order("QUICK_MSECURITY_PAY"),
    "alipay.trade.create": _order(
        "FACE_TO_FACE_PAYMENT",
        "JSAPI_PAY",
        buyer_id=Text(max=28),
        buyer_open_id=Text(max=128),
    ),
    "alipay.trade.pay": _order(
        "FACE_TO_FACE_PAYMENT",
        scene=Text(max=32, choices=("bar_code", "wave_code"), required=True),
        auth_code=Text(max=24, pattern=r"(2[5-9]|30)[0-9]{14,22}", required=True),
    ),
    "alipay.trade.query": Shape(members=_WHICH | {"query_options": _OPTIONS}),
    "alipay.trade.close": Shape(members=_WHICH),
    "alipay.trade.cancel": Shape(members=_WHICH),
    "alipay.trade.refund": Shape(
        members=_WHICH
        | {
            "refund_amount": MONEY,
            "refund_currency": Text(max=8, choices=("CNY",)),
            "refund_reason": Text(max=256),
            "out_request_no": _NO,
            "refund_royalty_parameters": Many(of=_SHARE, max=20),
            "query_options": _OPTIONS,
            "store_id": Text(max=32),
        }
    ),
    "alipay.trade.fastpay.refund.query": Shape(
        members=_WHICH | {"out_request_no": _REQUEST_NO, "query_options": _OPTIONS}
    ),
    "alipay.trade.order.settle": Shape(
        members={
            "out_request_no": _REQUEST_NO,
            "trade_no": Text(max=64, pattern=NUMBER, required=True),
            "royalty_parameters": Many(of=_SHARE, max=50),
            "extend_params": Shape(
                members={"royalty_finish": Text(max=5, choices=TRUE_FALSE, required=True)}
            ),
            "royalty_mode": Text(max=8, choices=("sync", "async")),
        }
    ),
    "alipay.trade.order.settle.query": Shape(
        members={"settle_no": _NO, "out_request_no": _NO, "trade_no": _NO}
    ),
    "alipay.trade.order.onsettle.query": Shape(
        members={"trade_no": Text(max=64, pattern=NUMBER, required=True)}
    ),
    "alipay.trade.royalty.relation.bind": _RECEIVERS,
    "alipay.trade.royalty.relation.unbind": _RECEIVERS,
    "alipay.trade.royalty.relation.batchquery": Shape(
        members={
            "out_request_no": _REQUEST_NO,
            "page_num": Text(max=6, pattern=r"[1-9][0-9]*"),
            "page_size": Text(max=3, pattern=r"[1-9][0-9]?|100"),
        }
    ),
    "alipay.trade.royalty.rate.query": Shape(members={"out_request_no": _REQUEST_NO}),
    "alipay.fund.trans.uni.transfer": Shape(
        members={
            "out_biz_no": Text(max=64, pattern=NUMBER, required=True),
            "trans_amount": MONEY,
            "product_code": Text(max=64, choices=TRANSFER_PRODUCTS, required=True),
            "biz_scene": Text(max=64, choices=("DIRECT_TRANSFER",), required=True),
            "order_title": Text(max=128),
            "payee_info": _PAYEE,
            "remark": Text(max=200),
        }
    ),
    "alipay.fund.trans.common.query": Shape(
        members={
            "product_code": Text(max=64, choices=TRANSFER_PRODUCTS),
            "biz_scene": Text(max=64, choices=("DIRECT_TRANSFER",)),
            "out_biz_no": _NO,
            "order_id": _NO,
            "pay_fund_order_id": _NO,
        }
    ),
    "alipay.data.dataservice.bill.downloadurl.query": Shape(
        members={
            "bill_type": Text(max=32, choices=("trade", "signcustomer"), required=True),
            "bill_date": Text(max=10, pattern=r"\d{4}-\d\d(-\d\d)?", required=True),
        }
    ),
    "alipay.open.app.alipaycert.download": Shape(
        members={"alipay_cert_sn": Text(max=64, required=True)}
    ),
}


def read(method: str, content: str) -> dict[str, Any]:
    """The members that count, checked. Raises FieldError."""
    document = parse_object(content.encode())
    members = {name: value for name, value in document.items() if name not in WITHOUT_EFFECT}
    if members.get("receiver_list") == []:
        members.pop("receiver_list")  # refused later, with the provider's own word for it
    for name in ("page_num", "page_size"):
        if isinstance(members.get(name), int) and not isinstance(members[name], bool):
            members[name] = str(members[name])
    check(members, SHAPES[method])
    return members


def require_one(document: Mapping[str, Any], *names: str) -> None:
    if not any(name in document for name in names):
        raise FieldError((names[0],), f"or {' or '.join(names[1:])} is required")
