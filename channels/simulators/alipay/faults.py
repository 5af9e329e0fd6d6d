"""What a simulated Alipay can be told to do wrong, beyond and instead of the common faults.

Read by ``simulator`` and the page. HTTP is 200 on this wire even where it fails, so the common
words for 500 and 429 stand here for the gateway's own codes.
"""

from __future__ import annotations

from collections.abc import Mapping

from channels.simulators.core.faults import CALLBACK_FAULTS, WIRE, WIRE_FAULTS

Words = Mapping[str, tuple[str, str]]

WITHOUT_MEANING = ("accepted", "accepted_after", "rate_limited_after", "signtest", "stale")
"""Common faults that this wire cannot have."""

WIRE_WORDS: Words = {
    "error_before": ("20000 unknown, nothing done", "20000 服务不可用，未处理"),
    "error_after": ("done, then 20000 unknown", "已处理，返回 20000 服务不可用"),
    "rate_limited": ("40005 call limited, nothing done", "40005 调用超限，未处理"),
    "wrong_serial": ("done, names an unknown certificate", "应答证书序列号未知（证书模式）"),
    "system_error": ("40004 SYSTEM_ERROR, nothing done", "40004 SYSTEM_ERROR，未处理"),
    "system_error_after": ("done, then 40004 SYSTEM_ERROR", "已处理，返回 40004 SYSTEM_ERROR"),
    "bad_gateway": ("HTTP 502, nothing done", "HTTP 502，未处理"),
    "bad_gateway_after": ("done, then HTTP 502", "已处理，返回 HTTP 502"),
    "no_permission": ("40006 insufficient permissions", "40006 权限不足"),
    "odd": ("done, oddly written but rightly signed", "应答书写怪异但签名正确"),
    "rotated": ("done, signed with the next certificate", "应答用新证书签名（证书模式）"),
}
NOT_FOUND = ("accepted, but a query finds nothing for some seconds", "受理后 N 秒内查询不到")
WRONG_AMOUNT = ("reports amount + delta", "返回的金额不符 (delta)")

BY_OPERATION: Mapping[str, Words] = {
    "pay": {"waiting": ("bar code: 10003, the customer must confirm", "条码支付返回 10003")},
    "query": {
        "not_found": NOT_FOUND,
        "lag": ("paid, but reported unpaid for some seconds", "支付后 N 秒内仍显示未支付"),
        "wrong_amount": WRONG_AMOUNT,
    },
    "close": {},
    "cancel": {"retry": ("retry_flag=Y, nothing done", "返回 retry_flag=Y，未处理")},
    "refund": {
        "processing": ("in work for some seconds, fund_change=N", "退款处理中持续 N 秒"),
        "failed": ("answers fund_change=N and never refunds", "返回 fund_change=N 且未退款"),
    },
    "query_refund": {"not_found": NOT_FOUND, "wrong_amount": WRONG_AMOUNT},
    "allocate": {
        "partial": ("the last receiver fails", "最后一个接收方失败"),
        "all_fail": ("every receiver fails", "全部接收方失败"),
        "processing": ("in work for some seconds", "分账处理中持续 N 秒"),
    },
    "query_allocation": {},
    "query_unshared": {},
    "query_rate": {},
    "bind": {},
    "unbind": {},
    "list_receivers": {},
    "transfer": {
        "processing": ("DEALING for some seconds", "转账处理中持续 N 秒"),
        "fail": ("DEALING, then FAIL, money back", "处理中，随后失败退回"),
        "bounce": ("SUCCESS, then REFUND by the bank", "成功后银行退票"),
    },
    "query_transfer": {"not_found": NOT_FOUND, "wrong_amount": WRONG_AMOUNT},
    "bill": {},
    "certificates": {},
}

WORDS: Words = {
    "cancel": ("cancel", "撤销交易"),
    "query_refund": ("refund query", "查询退款"),
    "allocate": ("royalty", "分账"),
    "query_allocation": ("royalty query", "查询分账"),
    "query_unshared": ("unsettled amount", "查询待分账金额"),
    "query_rate": ("royalty maximum", "查询分账比例"),
    "bind": ("bind receivers", "绑定分账方"),
    "unbind": ("unbind receivers", "解绑分账方"),
    "list_receivers": ("receivers", "查询分账方"),
    "transfer": ("transfer", "转账"),
    "query_transfer": ("transfer query", "查询转账"),
    "bill": ("bill", "账单"),
    "certificates": ("certificate", "证书下载"),
    "callback_close": ("close callback", "关闭回调"),
    "b_transfer_back": ("transfer returned", "转账退回"),
    "DEALING": ("dealing", "处理中"),
    "FAIL": ("failed", "失败"),
    "REFUND": ("returned by bank", "已退票"),
}
"""For the page, which has words for what all simulators have."""


def catalogue(callback_kinds: tuple[str, ...]) -> dict[str, dict[str, tuple[str, str]]]:
    """Every operation's faults, for the switches and for the page."""
    common = {k: v for k, v in WIRE_FAULTS.items() if k not in WITHOUT_MEANING} | dict(WIRE_WORDS)
    faults = {WIRE: dict(common)}
    faults |= {op: common | dict(special) for op, special in BY_OPERATION.items()}
    meaningless = (*WITHOUT_MEANING, "wrong_serial")
    callback = {k: v for k, v in CALLBACK_FAULTS.items() if k not in meaningless}
    names = ("callback", *(f"callback_{kind}" for kind in callback_kinds))
    return faults | {name: dict(callback) for name in names}
