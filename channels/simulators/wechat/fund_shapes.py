"""The bodies of profit sharing, transfers and abnormal refunds as data; read by ``desk``.

As ``shapes``: members, types, lengths and alphabets. Sealed members hold base64 of RSA-OAEP.
"""

from __future__ import annotations

from channels.simulators.core.fields import Field, Flag, Many, Shape, Text, Whole
from channels.simulators.wechat.shapes import NOTIFY_URL, OUT_REFUND_NO

OUT_ORDER_NO = r"[0-9A-Za-z_\-|*@]{1,64}"
OUT_BILL_NO = r"[0-9A-Za-z]{1,32}"
SEALED = Text(max=1024)
RECEIVER_TYPES = ("MERCHANT_ID", "PERSONAL_OPENID")
RELATIONS = (
    "SERVICE_PROVIDER", "STORE", "STAFF", "STORE_OWNER", "PARTNER", "HEADQUARTER", "BRAND",
    "DISTRIBUTOR", "USER", "SUPPLIER", "CUSTOM",
)  # fmt: skip
BANK_TYPES = (
    "CMB_DEBIT", "COMM_DEBIT", "ABC_DEBIT", "CCB_DEBIT", "ICBC_DEBIT", "BOC_DEBIT", "PAB_DEBIT",
    "SPDB_DEBIT", "CITIC_DEBIT", "CEB_DEBIT", "CMBC_DEBIT", "CIB_DEBIT", "GDB_DEBIT",
    "PSBC_DEBIT", "NBCB_DEBIT",
)  # fmt: skip

_APPID = Text(max=32, required=True)
_TRANSACTION = Text(max=32, pattern=r"[0-9A-Za-z]+", required=True)
_ORDER_NUMBER = Text(max=64, pattern=OUT_ORDER_NO, required=True)
_DESCRIPTION = Text(max=80, required=True)
_RECEIVER: dict[str, Field] = {
    "type": Text(max=32, choices=RECEIVER_TYPES, required=True),
    "account": Text(max=64, required=True),
}

ADD_RECEIVER = Shape(
    members={
        "appid": _APPID,
        **_RECEIVER,
        "name": SEALED,
        "relation_type": Text(max=32, choices=RELATIONS, required=True),
        "custom_relation": Text(max=10),
    }
)
DELETE_RECEIVER = Shape(members={"appid": _APPID, **_RECEIVER})
SHARE = Shape(
    members={
        "appid": _APPID,
        "transaction_id": _TRANSACTION,
        "out_order_no": _ORDER_NUMBER,
        "receivers": Many(
            of=Shape(
                members={
                    **_RECEIVER,
                    "name": SEALED,
                    "amount": Whole(min=1, required=True),
                    "description": _DESCRIPTION,
                }
            ),
            max=50,
            required=True,
        ),
        "unfreeze_unsplit": Flag(required=True),
    }
)
UNFREEZE = Shape(
    members={
        "transaction_id": _TRANSACTION,
        "out_order_no": _ORDER_NUMBER,
        "description": _DESCRIPTION,
    }
)
SHARE_RETURN = Shape(
    members={
        "order_id": Text(max=64),
        "out_order_no": Text(max=64, pattern=OUT_ORDER_NO),
        "out_return_no": _ORDER_NUMBER,
        "return_mchid": Text(max=32, required=True),
        "amount": Whole(min=1, required=True),
        "description": _DESCRIPTION,
    }
)
TRANSFER = Shape(
    members={
        "appid": _APPID,
        "out_bill_no": Text(max=32, pattern=OUT_BILL_NO, required=True),
        "transfer_scene_id": Text(max=36, required=True),
        "openid": Text(max=64, required=True),
        "user_name": SEALED,
        "transfer_amount": Whole(min=1, required=True),
        "transfer_remark": Text(max=32, required=True),
        "notify_url": Text(max=256, pattern=NOTIFY_URL),
        "user_recv_perception": Text(max=64),
        "transfer_scene_report_infos": Many(
            of=Shape(
                members={
                    "info_type": Text(max=15, required=True),
                    "info_content": Text(max=32, required=True),
                }
            ),
            max=10,
            required=True,
        ),
        "user_recv_style": Shape(
            members={"type": Text(max=32, choices=("CONFIRM_PAGE", "RED_PACKET"), required=True)}
        ),
    }
)
ABNORMAL_REFUND = Shape(
    members={
        "out_refund_no": Text(max=64, pattern=OUT_REFUND_NO, required=True),
        "type": Text(max=32, choices=("USER_BANK_CARD", "MERCHANT_BANK_CARD"), required=True),
        "bank_type": Text(max=32, choices=BANK_TYPES),
        "bank_account": SEALED,
        "real_name": SEALED,
    }
)
NO_BODY = Shape(members={})
