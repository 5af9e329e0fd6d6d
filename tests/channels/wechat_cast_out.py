"""The cast of WeChat Pay's transfers and profit sharing, beside ``wechat_cast``."""

from __future__ import annotations

from typing import Any

from channels.base import (
    Allocate,
    BindReceiver,
    CancelTransfer,
    FinishAllocation,
    PayeeType,
    QueryAllocation,
    QueryReturn,
    QueryTransfer,
    QueryUnshared,
    ReceiverType,
    ReturnShare,
    Share,
    Transfer,
    UnbindReceiver,
)
from tests.channels.wechat_cast import APPID, MCHID, ORDER_NO, OUT_NO

TRANSFER_NO = "T01KAF7R1ZGH7V9X2M4N6P8Q0RV"
OUT_BILL_NO = "1330000071100999991182020050700019480001"
ALLOCATION_NO, FINISH_NO = "A01KAF7R1ZGH7V9X2M4N6P8Q0RW", "F01KAF7R1ZGH7V9X2M4N6P8Q0RX"
RETURN_NO = "B01KAF7R1ZGH7V9X2M4N6P8Q0RY"
OUT_SHARE_NO, OUT_RETURN_NO = "3008450740201411110007820472", "3008450740201411110007820479"
OPENID, RECEIVER = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "1900000109"


def transfer(**changes: Any) -> Transfer:
    values: dict[str, Any] = {
        "transfer_no": TRANSFER_NO,
        "amount": 500000,
        "title": "注册会员有礼",
        "remark": "新会员奖金",
        "payee_type": PayeeType.OPENID,
        "payee_account": OPENID,
        "payee_name": "张三",
        "scene": "1000",
        "notify_url": "https://pay.example.com/callback/wechat/7/",
    }
    return Transfer(**{**values, **changes})


def query_transfer(**changes: Any) -> QueryTransfer:
    return QueryTransfer(**{"transfer_no": TRANSFER_NO, "amount": 500000, **changes})


def cancel_transfer(**changes: Any) -> CancelTransfer:
    return CancelTransfer(**{"transfer_no": TRANSFER_NO, "amount": 500000, **changes})


def share(
    account_no: str = RECEIVER, kind: ReceiverType = ReceiverType.MERCHANT_NO, **changes: Any
) -> Share:
    values: dict[str, Any] = {
        "detail_no": f"D{account_no[-6:]}",
        "receiver_type": kind,
        "account": account_no,
        "amount": 100,
        "description": "分给门店",
    }
    return Share(**{**values, **changes})


SHARES = (share(), share(OPENID, ReceiverType.OPENID, name="李四", amount=30))
ORDER: dict[str, Any] = {"order_no": ORDER_NO, "out_order_no": OUT_NO}
SHARED: dict[str, Any] = {"allocation_no": ALLOCATION_NO, **ORDER}


def allocate(**changes: Any) -> Allocate:
    return Allocate(**{**SHARED, "shares": SHARES, **changes})


def query_allocation(**changes: Any) -> QueryAllocation:
    return QueryAllocation(**{**SHARED, "shares": SHARES, **changes})


def finish(**changes: Any) -> FinishAllocation:
    values = {"finish_no": FINISH_NO, **ORDER, "description": "分账完结"}
    return FinishAllocation(**{**values, **changes})


def return_share(**changes: Any) -> ReturnShare:
    values: dict[str, Any] = {
        "return_no": RETURN_NO,
        **SHARED,
        "receiver_type": ReceiverType.MERCHANT_NO,
        "account": RECEIVER,
        "amount": 100,
        "description": "用户退款",
    }
    return ReturnShare(**{**values, **changes})


def query_return(**changes: Any) -> QueryReturn:
    return QueryReturn(**{"return_no": RETURN_NO, **SHARED, "amount": 100, **changes})


def query_unshared(**changes: Any) -> QueryUnshared:
    return QueryUnshared(**{**ORDER, "amount": 8801, **changes})


def bind(**changes: Any) -> BindReceiver:
    values: dict[str, Any] = {
        "request_no": "N1",
        "receiver_type": ReceiverType.OPENID,
        "account": OPENID,
        "name": "李四",
        "relation": "STAFF",
    }
    return BindReceiver(**{**values, **changes})


def unbind(**changes: Any) -> UnbindReceiver:
    values: dict[str, Any] = {
        "request_no": "N2",
        "receiver_type": ReceiverType.OPENID,
        "account": OPENID,
    }
    return UnbindReceiver(**{**values, **changes})


COMMANDS: dict[str, Any] = {
    "transfer": transfer(),
    "query_transfer": query_transfer(),
    "cancel_transfer": cancel_transfer(),
    "allocate": allocate(),
    "query_allocation": query_allocation(),
    "finish_allocation": finish(),
    "return_share": return_share(),
    "query_return": query_return(),
    "query_unshared": query_unshared(),
    "bind_receiver": bind(),
    "unbind_receiver": unbind(),
}


# --- what the provider says ---------------------------------------------------------------

TIMES = {
    "create_time": "2026-11-20T12:00:01+08:00",
    "finish_time": "2026-11-20T12:00:09+08:00",
}


def bill(state: str = "SUCCESS", **changes: Any) -> dict[str, Any]:
    """A transfer bill as a query answers it."""
    data: dict[str, Any] = {
        "mch_id": MCHID,
        "out_bill_no": TRANSFER_NO,
        "transfer_bill_no": OUT_BILL_NO,
        "appid": APPID,
        "state": state,
        "transfer_amount": 500000,
        "transfer_remark": "新会员奖金",
        "openid": OPENID,
        "create_time": "2026-11-20T12:00:01+08:00",
        "update_time": "2026-11-20T12:00:09+08:00",
    }
    return {**data, **changes}


def created_bill(state: str = "WAIT_USER_CONFIRM", **changes: Any) -> dict[str, Any]:
    """A transfer bill as its creation answers it."""
    data: dict[str, Any] = {
        "out_bill_no": TRANSFER_NO,
        "transfer_bill_no": OUT_BILL_NO,
        "create_time": "2026-11-20T12:00:01+08:00",
        "state": state,
    }
    if state == "WAIT_USER_CONFIRM":
        data["package_info"] = "affffddafdfafddffda=="
    return {**data, **changes}


def cancelled_bill(state: str, **changes: Any) -> dict[str, Any]:
    """A transfer bill as its cancelling answers it."""
    data: dict[str, Any] = {
        "out_bill_no": TRANSFER_NO,
        "transfer_bill_no": OUT_BILL_NO,
        "state": state,
        "update_time": "2026-11-20T12:00:09+08:00",
    }
    return {**data, **changes}


def receiver_answer(asked: Share, result: str = "SUCCESS", **changes: Any) -> dict[str, Any]:
    merchant = asked.receiver_type is ReceiverType.MERCHANT_NO
    data: dict[str, Any] = {
        "amount": asked.amount,
        "description": asked.description,
        "type": "MERCHANT_ID" if merchant else "PERSONAL_OPENID",
        "account": asked.account,
        "result": result,
        "detail_id": "36011111111111111111111",
        **TIMES,
    }
    return {**data, **changes}


def allocation_answer(
    state: str = "FINISHED", *, receivers: list[dict[str, Any]] | None = None, **changes: Any
) -> dict[str, Any]:
    results = [receiver_answer(entry) for entry in SHARES] if receivers is None else receivers
    data: dict[str, Any] = {
        "transaction_id": OUT_NO,
        "out_order_no": ALLOCATION_NO,
        "order_id": OUT_SHARE_NO,
        "state": state,
        "receivers": results,
    }
    return {**data, **changes}


def return_answer(result: str = "SUCCESS", **changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "order_id": OUT_SHARE_NO,
        "out_order_no": ALLOCATION_NO,
        "out_return_no": RETURN_NO,
        "return_id": OUT_RETURN_NO,
        "return_mchid": RECEIVER,
        "amount": 100,
        "description": "用户退款",
        "result": result,
        **TIMES,
    }
    return {**data, **changes}
