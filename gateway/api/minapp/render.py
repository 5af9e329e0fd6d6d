"""Orders in this door's words. Pure; reads loaded fields. Used by the views and the notices.

order.md, getOrderList ("返回示例"). Where its samples contradict each other: times are
ISO without an offset (China's) but ``paid_at``, by which lists are asked for in seconds, is an
integer; ``gateway_extra_info`` is an object and not Python's spelling of one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.api.minapp import words
from orders.actor import Door
from orders.models import (
    AllocationOrder,
    AllocationReceiver,
    PayOrder,
    RefundOrder,
    ShareReturn,
)
from orders.money import yuan

CHINA = ZoneInfo("Asia/Shanghai")
COLUMNS = (
    "order_no", "biz_order_no", "out_order_no", "application_id", "channel", "method", "title",
    "client_ip", "openid", "amount", "currency", "paid_amount", "refunded", "refunding", "status",
    "refund_status", "pay_params", "door", "door_data", "created_at", "paid_at", "ended_at",
    "error_code", "error_message", "intent", "account__config",
)  # fmt: skip
"""What is read of an order, beside its ``updated_at``."""


def order(row: PayOrder, keys: tuple[str, ...] = ()) -> dict[str, Any]:
    """An order of a list; only ``keys`` of it, where some are named."""
    return {key: KEYS[key](row) for key in keys or KEYS}


def _extra(row: PayOrder) -> dict[str, Any]:
    """How to pay while it is pending; afterwards what WeChat told ("目前只支持 weixin_tenpay")."""
    if words.STATUS[row.status] == words.PENDING:
        return {"payment_parameters": parameters(row)} if row.pay_params else {}
    if row.channel == "wechat" and row.paid_at is not None:
        return {"wechat_response": _wechat_response(row, row.paid_at)}
    return {}


def _wechat_response(row: PayOrder, paid_at: datetime) -> dict[str, str]:
    """The members of WeChat's old notice, from what its new one says. What that does not say
    (``is_subscribe``, ``bank_type``; there is no ``sign`` of this kind any more) is empty."""
    config = row.account.config
    return {
        "appid": config.get("appid", ""),
        "bank_type": "",
        "cash_fee": str(row.paid_amount),
        "fee_type": row.currency,
        "is_subscribe": "",
        "mch_id": config.get("mchid", ""),
        "nonce_str": "",
        "openid": row.openid,
        "out_trade_no": row.order_no,
        "result_code": "SUCCESS",
        "return_code": "SUCCESS",
        "sign": "",
        "time_end": paid_at.astimezone(CHINA).strftime("%Y%m%d%H%M%S"),
        "total_fee": str(row.amount),
        "trade_type": words.TRADE_TYPES.get(row.method, ""),
        "transaction_id": row.out_order_no,
    }


def parameters(row: PayOrder) -> dict[str, Any]:
    """How to pay, under the names that the type's SDK reads."""
    gateway = words.GATEWAYS.get(words.gateway_type(row))
    if gateway is None:
        return {}
    ours = row.pay_params
    return {name: ours[known] for name, known in gateway.answer.items() if known in ours}


def created(row: PayOrder) -> dict[str, Any]:
    """The answer to creating an order. To a mini program of Alipay ``trade_no`` is Alipay's number,
    which its ``my.tradePay`` needs; once paid, it finds the order here too."""
    told = {"transaction_no": row.biz_order_no, **parameters(row)}
    gateway = words.GATEWAYS.get(words.gateway_type(row))
    if gateway is not None and "trade_no" in gateway.answer:
        return told
    return {"trade_no": row.order_no, **told}


def _told(name: str) -> Callable[[PayOrder], Any]:
    return lambda row: words.told(row).get(name)


def snapshot(row: PayOrder) -> Any:
    """As it was given; an object unless the merchant gave a text."""
    return json.loads(_snapshot_text(row))


def _snapshot_text(row: PayOrder) -> str:
    said = row.door_data.get("merchandise_snapshot") if row.door == Door.MINAPP else None
    return str(said or "{}")


def _updated_at(row: Any) -> str:
    """An order as ``orders.rows`` reads it."""
    return local(row.updated_at)


def _as_text(row: PayOrder) -> str:
    told = snapshot(row)
    return told if isinstance(told, str) else _snapshot_text(row)


KEYS: Mapping[str, Callable[[PayOrder], Any]] = {
    "created_at": lambda row: local(row.created_at),
    "created_by_id": _told("created_by_id"),
    "created_by_name": _told("created_by_name"),
    "gateway_extra_info": _extra,
    "gateway_type": words.gateway_type,
    "id": lambda row: row.pk,
    "ip_address": lambda row: row.client_ip,
    "merchandise_description": lambda row: row.title,
    "merchandise_record_id": _told("merchandise_record_id"),
    "merchandise_schema_id": _told("merchandise_schema_id"),
    "merchandise_snapshot": lambda row: _as_text(row),
    "paid_at": lambda row: seconds(row.paid_at),
    "refund_amount": lambda row: str(yuan(row.refunded)),
    "refund_status": words.refund_status,
    "status": lambda row: words.STATUS[row.status],
    "total_cost": lambda row: str(yuan(row.amount)),
    "trade_no": lambda row: row.order_no,
    "transaction_no": lambda row: row.biz_order_no,
    "updated_at": _updated_at,
}
"""Every member of an order, in the sample's order."""


def refund(row: RefundOrder) -> dict[str, Any]:
    """order.md, 退款. Reads ``row.pay_order``."""
    return {
        "error_msg": row.error_message or row.error_code,
        "id": row.pk,
        "memo": row.reason,
        "order_id": row.pay_order.pk,
        "refund_amount": str(yuan(row.amount)),
        "refund_no": row.refund_no,
        "status": words.REFUND[row.status],
    }


# --- shared money -------------------------------------------------------------------------


def merchant(row: Any) -> dict[str, str]:
    """Who the account is at WeChat."""
    config = row.account.config
    return {"appid": config.get("appid", ""), "mch_id": config.get("mchid", "")}


def shared(row: AllocationOrder) -> dict[str, Any]:
    """The answer to sharing and to finishing. ``allocation_no`` is the split order's own number,
    by which lists show it and shares are fetched back. Reads ``row.pay_order``, ``row.account``."""
    yes, not_yet = words.TAKEN.get(row.channel, ("SUCCESS", "PROCESSING"))
    answer = {
        "return_code": yes if is_taken(row) else not_yet,
        "trade_no": row.pay_order.order_no,
        "allocation_no": row.allocation_no,
    }
    if row.channel != "wechat":
        return answer
    return {**answer, **merchant(row), "wechat_order_no": row.out_allocation_no}


def is_taken(row: AllocationOrder) -> bool:
    """Whether the channel has said that it took what was last asked of it."""
    return not row.is_executing or bool(row.out_allocation_no and not row.is_finishing)


def split(row: AllocationOrder, kind: str) -> dict[str, Any]:
    """An object of the list of split orders; ``kind`` is one of words.ORDER_TYPES."""
    is_finish = kind == words.FINISH
    return {
        "created_by_name": row.asked_by,
        "order_type": kind if is_finish else order_type(row),
        "payment_order_id": row.pay_order_id,
        "receiver": None if is_finish else [_share(part) for part in _parts(row)],
        "status": split_status(row, is_finish=is_finish),
        "trade_no": row.finish_no if is_finish else row.allocation_no,
    }


def order_type(row: AllocationOrder) -> str:
    return words.SINGLE if row.finishes else words.MULTI


def split_status(row: AllocationOrder, *, is_finish: bool) -> str:
    told = (words.FINISH_STATUS if is_finish else words.SHARE_STATUS)[row.status]
    if told == words.PROCESSING and not is_finish and not row.is_at_channel:
        return words.ACCEPTED
    return words.PROCESSING if is_finish and row.is_finishing else told


def _parts(row: AllocationOrder) -> list[Any]:
    return sorted(row.details.all(), key=lambda part: part.pk)


def _share(part: Any) -> dict[str, Any]:
    return {**words.receiver(part.receiver), "amount": part.amount, "status": part.status}


def fetched_back(row: ShareReturn) -> dict[str, Any]:
    """The answer to a return of a share and to its query. Reads ``row.detail.receiver``."""
    receiver: AllocationReceiver = row.detail.receiver
    return {
        "return_code": "SUCCESS",
        **merchant(row),
        "refund_no": row.biz_return_no,
        "wechat_refund_no": row.out_return_no,
        "result": words.RETURN[row.status],
        "amount": row.amount,
        "description": row.reason,
        "account_type": words.receiver_word(row.channel, receiver.receiver_type),
        "account": receiver.account_mask,
        "fail_reason": row.error_code or None,
        "finish_time": row.ended_at and row.ended_at.astimezone(CHINA).strftime("%Y%m%d%H%M%S"),
    }


# --- times --------------------------------------------------------------------------------


def local(at: datetime) -> str:
    """``2018-10-12T17:18:10.992125``: China's time without an offset, as the sample has it."""
    return at.astimezone(CHINA).replace(tzinfo=None).isoformat(timespec="microseconds")


def seconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
