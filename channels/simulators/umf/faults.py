"""What a simulated UMF can be told to do wrong, and what its page calls things.

Read by ``simulator``. HTTP is 200 on this wire even where it fails, so the common words for 500
stand here for 9999; there is no word for 429 or 202, and a signature names neither key nor time.
"""

from __future__ import annotations

from collections.abc import Mapping

from channels.simulators.core.faults import CALLBACK_FAULTS, WIRE, WIRE_FAULTS

Words = Mapping[str, tuple[str, str]]

WITHOUT_MEANING = (
    "rate_limited", "rate_limited_after", "accepted", "accepted_after", "signtest", "stale",
    "wrong_serial",
)  # fmt: skip
OTHERWISE: Words = {
    "error_before": ("9999, nothing done", "9999 系统异常，未处理"),
    "error_after": ("done, then 9999", "已处理，返回 9999"),
    "bad_gateway": ("HTTP 502, nothing done", "HTTP 502，未处理"),
    "bad_gateway_after": ("done, then HTTP 502", "已处理，返回 HTTP 502"),
    "our_signature": ("3333, nothing done", "3333 验签失败，未处理"),
}
NOT_FOUND = ("accepted, but a query finds nothing for some seconds", "受理后 N 秒内查询不到")
WRONG_AMOUNT = ("reports amount + delta", "返回的金额不符 (delta)")
IN_WORK = ("in work for some seconds", "处理中持续 N 秒")
FAILS = ("accepted with 0000, and fails later", "受理 (0000) 后失败")
BY_OPERATION: Mapping[str, Words] = {
    "pay": {
        "password": ("bar code: the customer must type a password", "被扫：用户需输入密码"),
        "declined": ("the payment fails (PAYERROR)", "支付失败 (PAYERROR)"),
    },
    "query": {
        "not_found": NOT_FOUND,
        "lag": ("paid, but reported unpaid for some seconds", "支付后 N 秒内仍显示未支付"),
        "wrong_amount": WRONG_AMOUNT,
        "padded": ("the amount with zeros in front", "金额左补零"),
        "no_state": ("without transState", "不返回 transState"),
        "as_0000": ("unpaid is told as 0000 with NOTPAY", "未支付返回 0000 与 NOTPAY"),
    },
    "close": {},
    "cancel": {"processing": IN_WORK, "fails": FAILS},
    "refund": {"processing": IN_WORK, "fails": FAILS},
    "query_refund": {"not_found": NOT_FOUND},
    "bill": {
        "open_day": ("today's file is there already", "当天对账文件即可下载"),
        "missing_line": ("the first line is missing", "缺少首行"),
        "wrong_amount": ("the first line says amount + delta", "首行金额不符 (delta)"),
    },
}
WORDS: Words = {
    "cancel": ("repeal", "撤销交易"),
    "query_refund": ("refund query", "退款查询"),
    "bill": ("settlement file", "对账文件"),
    "callback_cancel": ("repeal callback", "撤销回调"),
}


def catalogue(kinds: tuple[str, ...]) -> dict[str, dict[str, tuple[str, str]]]:
    """Operation → fault → words, for the wire and for each kind of callback."""
    common = {k: v for k, v in WIRE_FAULTS.items() if k not in WITHOUT_MEANING} | dict(OTHERWISE)
    callback = {k: v for k, v in CALLBACK_FAULTS.items() if k not in WITHOUT_MEANING}
    named = {op: common | dict(special) for op, special in BY_OPERATION.items()}
    told = {f"callback_{kind}": dict(callback) for kind in kinds}
    return {WIRE: dict(common)} | named | {"callback": dict(callback)} | told
