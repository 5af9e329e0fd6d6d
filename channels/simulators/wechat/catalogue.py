"""What a simulated WeChat Pay can be told to do wrong, and what its page calls things.

Read by ``simulator``. English, then Chinese. Faults that every operation has are in
``core.faults``.
"""

from __future__ import annotations

from collections.abc import Mapping

Words = tuple[str, str]

NOT_FOUND = ("accepted, but a query finds nothing for some seconds", "受理后 N 秒内查询不到")
WRONG_AMOUNT = ("reports amount + delta", "返回的金额不符 (delta)")
NOT_READY = ("refused: the order is in work, try later", "订单处理中，暂时无法分账")
IN_WORK = ("stays in work for some seconds", "处理中持续 N 秒")
_BILL: Mapping[str, Words] = {
    "creating": ("STATEMENT_CREATING", "账单生成中 (STATEMENT_CREATING)"),
    "open_day": ("today's bill is there already", "当天账单即可下载"),
    "wrong_hash": ("the hash does not fit", "摘要不符"),
    "missing_line": ("the first line is missing", "缺少首行"),
    "wrong_amount": ("the first line says amount + delta", "首行金额不符 (delta)"),
}

WIRE: Mapping[str, Mapping[str, Words]] = {
    "pay": {"password": ("code pay: the customer must type a password", "付款码：用户需输入密码")},
    "query": {
        "not_found": NOT_FOUND,
        "lag": ("paid, but reported unpaid for some seconds", "支付后 N 秒内仍显示未支付"),
        "wrong_amount": WRONG_AMOUNT,
    },
    "close": {},
    "reverse": {"paying": ("refused: the customer is paying", "正在支付中，不能撤销")},
    "refund": {
        "abnormal": ("ends ABNORMAL", "退款异常 (ABNORMAL)"),
        "closed": ("ends CLOSED", "退款关闭 (CLOSED)"),
        "processing": ("stays PROCESSING for some seconds", "退款处理中持续 N 秒"),
    },
    "query_refund": {"not_found": NOT_FOUND, "wrong_amount": WRONG_AMOUNT},
    "abnormal_refund": {"abnormal": ("ends ABNORMAL again", "再次退款异常 (ABNORMAL)")},
    "certificates": {},
    "add_receiver": {},
    "delete_receiver": {},
    "share": {
        "partial": ("the last receiver fails", "最后一个接收方失败"),
        "all_fail": ("every receiver fails", "全部接收方失败"),
        "processing": IN_WORK,
        "not_ready": NOT_READY,
    },
    "unfreeze": {"processing": IN_WORK, "not_ready": NOT_READY},
    "query_share": {"not_found": NOT_FOUND},
    "share_return": {
        "fails": ("ends FAILED", "回退失败 (FAILED)"),
        "processing": IN_WORK,
    },
    "query_share_return": {"not_found": NOT_FOUND},
    "unsplit": {},
    "transfer": {
        "fails": ("ends FAIL by itself", "转账失败 (FAIL)"),
        "slow_lock": ("ACCEPTED, then PROCESSING, for some seconds", "受理与锁定资金持续 N 秒"),
        "transfering": ("TRANSFERING for some seconds after the payee", "收款确认后转账中 N 秒"),
    },
    "query_transfer": {"not_found": NOT_FOUND, "wrong_amount": WRONG_AMOUNT},
    "cancel_transfer": {
        "too_late": ("accepted, but the payee was quicker", "撤销受理，但收款方已先确认"),
    },
    "trade_bill": _BILL,
    "fund_flow_bill": _BILL,
    "bill_file": {},
}
COMMON: Mapping[str, Words] = {
    "rotated": ("signed with a new platform certificate", "用轮换后的平台证书签名"),
}
CALLBACK: Mapping[str, Words] = {
    "certificate": ("first try signed with the platform certificate", "首次用平台证书签名"),
}
KINDS: Mapping[str, Mapping[str, Words]] = {
    "refund": {"v2_xml": ("told in the XML of v2, unsigned", "以 v2 XML 通知")},
}
WORDS: Mapping[str, Words] = {
    "reverse": ("reverse (code pay)", "撤销（付款码）"),
    "abnormal_refund": ("abnormal refund", "异常退款"),
    "add_receiver": ("add receiver", "添加分账接收方"),
    "delete_receiver": ("delete receiver", "删除分账接收方"),
    "share": ("share", "请求分账"),
    "unfreeze": ("unfreeze", "解冻剩余资金"),
    "query_share": ("share query", "查询分账"),
    "share_return": ("return of a share", "请求分账回退"),
    "query_share_return": ("return query", "查询分账回退"),
    "unsplit": ("remaining amount", "查询剩余待分金额"),
    "transfer": ("transfer", "发起转账"),
    "query_transfer": ("transfer query", "查询转账"),
    "cancel_transfer": ("transfer cancel", "撤销转账"),
    "trade_bill": ("trade bill", "申请交易账单"),
    "fund_flow_bill": ("fund flow bill", "申请资金账单"),
    "bill_file": ("bill download", "下载账单"),
    "callback_transfer": ("transfer callback", "转账回调"),
}
