"""UMF's return codes, and the simulator's refusals. Raised inside the simulator only.

The first seven are published. Codes of refusals are not: those that begin with 8888 9 are this
simulator's own [inferred], so that a merchant who reads meaning into them is wrong.
"""

from __future__ import annotations

OK = "0000"
SYSTEM_ERROR = "9999"
BAD_SIGNATURE = "3333"
IN_PLATFORM = "01000000"
IN_BANK = "02000000"
IN_PAYMENT = "03000000"
REFUND_ACCEPTED = "88881220"
REPEALED = "88881137"

PARAMETER = "88889001"
MISSING = "88889002"
REPEATED = "88889003"
WRONG_STATE = "88889004"
CLOSED = "88889005"
TOO_MUCH = "88889006"
NO_BALANCE = "88889007"
TOO_LATE = "88889008"
DECLINED = "88889009"
NO_FILE = "88889010"

MESSAGES = {
    OK: "交易成功",
    SYSTEM_ERROR: "系统异常",
    BAD_SIGNATURE: "验签失败",
    IN_PLATFORM: "恵商平台支付中",
    IN_BANK: "银行支付中",
    IN_PAYMENT: "正常支付中",
    REFUND_ACCEPTED: "退款受理成功",
    REPEALED: "撤销成功",
    PARAMETER: "参数错误",
    MISSING: "订单不存在",
    REPEATED: "订单号重复",
    WRONG_STATE: "订单状态不允许此操作",
    CLOSED: "订单已关闭",
    TOO_MUCH: "退款金额超过可退金额",
    NO_BALANCE: "商户余额不足",
    TOO_LATE: "超过可操作的期限",
    DECLINED: "支付失败",
    NO_FILE: "对账文件不存在",
}


class Refused(Exception):
    """A return code that is not success; HTTP stays 200."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message or MESSAGES[code]


def bad_parameter(name: str, issue: str) -> Refused:
    return Refused(PARAMETER, f"参数错误：{name} {issue}"[:128])
