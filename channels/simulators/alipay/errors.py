"""Alipay's refusals: gateway code, sub_code, sub_msg. Raised inside the simulator only.

HTTP is always 200. Messages are those of the public tables; merchants must not depend on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from channels.simulators.core.fields import FieldError

MESSAGES = {
    "10000": "Success",
    "10003": "order success pay inprocess",
    "20000": "Service Currently Unavailable",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40004": "Business Failed",
    "40005": "Call Limited",
    "40006": "Insufficient Permissions",
}
SUB_MESSAGES = {
    "isv.missing-method": "缺少方法名参数",
    "isv.missing-app-id": "缺少appId参数",
    "isv.missing-signature": "缺少签名参数",
    "isv.missing-signature-type": "缺少签名类型参数",
    "isv.missing-timestamp": "缺少时间戳参数",
    "isv.missing-version": "缺少版本参数",
    "isv.missing-signature-config": "验签出错, 未配置对应签名算法的公钥或者证书",
    "isv.invalid-app-id": "无效的AppID参数",
    "isv.invalid-method": "不存在的方法名",
    "isv.invalid-signature-type": "无效的签名类型",
    "isv.invalid-signature": "无效签名",
    "isv.invalid-charset": "字符集错误",
    "isv.invalid-format": "无效的数据格式",
    "isv.invalid-timestamp": "非法的时间戳参数",
    "isv.invalid-encrypt-type": "无效的加密类型",
    "isv.insufficient-isv-permissions": "ISV权限不足，建议在开发者中心检查对应功能是否已经添加",
    "isp.unknow-error": "系统繁忙",
    "aop.unknow-error": "服务暂不可用（网关自身的未知错误）",
    "isv.app-call-limited": "应用调用次数超限",
    "isp.bill_not_exist": "入参账单日期有误/账单不存在",
    "ACQ.SYSTEM_ERROR": "系统错误",
    "AQC.SYSTEM_ERROR": "系统错误",
    "ACQ.TRADE_SETTLE_ERROR": "分账处理失败",
    "ACQ.TRADE_NOT_EXIST": "交易不存在",
    "ACQ.TRADE_HAS_SUCCESS": "交易已被支付",
    "ACQ.TRADE_HAS_CLOSE": "交易已经关闭",
    "ACQ.TRADE_HAS_FINISHED": "交易已完结",
    "ACQ.TRADE_STATUS_ERROR": "交易状态不合法",
    "ACQ.REASON_TRADE_STATUS_INVALID": "交易状态异常",
    "ACQ.CONTEXT_INCONSISTENT": "交易信息被篡改",
    "ACQ.PAYMENT_AUTH_CODE_INVALID": "支付失败，获取顾客账户信息失败，请顾客刷新付款码后重新收款",
    "ACQ.BUYER_BALANCE_NOT_ENOUGH": "买家余额不足",
    "ACQ.TRADE_CANCEL_TIME_OUT": "超过撤销时间范围",
    "ACQ.CANCEL_NOT_ALLOWED": "不允许撤销",
    "ACQ.REASON_TRADE_REFUND_FEE_ERR": "退款金额无效，已有退款",
    "ACQ.SELLER_BALANCE_NOT_ENOUGH": "卖家余额不足",
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL": "退款金额超限",
    "ACQ.REFUND_FEE_ERROR": "退分账金额有误",
    "ACQ.DISCORDANT_REPEAT_REQUEST": "不一致的请求：同一请求号的金额或参数与原请求不同",
    "ACQ.ALLOC_AMOUNT_VALIDATE_ERROR": "分账金额超过最大可分账金额",
    "ACQ.ROYALTY_RECEIVER_INVALID": "分账收款方不在签约的分账关系中",
    "ACQ.RECEIVER_LIST_EMPTY": "分账接收方列表为空",
    "ACQ.INVALID_RECEIVER_TYPE": "分账接收方类型不合法",
    "ACQ.USER_NOT_EXIST": "用户不存在",
    "ACQ.INVALID_PARAMETER": "参数无效",
    "SYSTEM_ERROR": "系统繁忙",
    "INVALID_PARAMETER": "参数有误",
    "PAYER_BALANCE_NOT_ENOUGH": "付款方余额不足",
    "PAYMENT_INFO_INCONSISTENCY": "两次请求商户单号一样，但是参数不一致",
    "PAYEE_NOT_EXIST": "收款账号不存在或姓名有误",
    "PAYEE_USER_INFO_ERROR": "支付宝账号和姓名不匹配，请确认姓名是否正确",
    "MEMO_REQUIRED_IN_TRANSFER_ERROR": "单笔转账金额达到50000元时，备注不能为空",
    "EXCEED_LIMIT_SM_MIN_AMOUNT": "转账金额不能低于最小限额",
    "ORDER_NOT_EXIST": "转账订单不存在",
}


class ApiError(Exception):
    def __init__(
        self, code: str, sub_code: str, sub_msg: str = "", *, more: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code} {sub_code}")
        self.code = code
        self.sub_code = sub_code
        self.sub_msg = sub_msg or SUB_MESSAGES[sub_code]
        self.more = dict(more or {})

    @property
    def node(self) -> dict[str, Any]:
        told = {"sub_code": self.sub_code, "sub_msg": self.sub_msg}
        return {"code": self.code, "msg": MESSAGES[self.code]} | told | self.more


def missing(what: str) -> ApiError:
    return ApiError("40001", f"isv.missing-{what}")


def invalid(what: str, sub_msg: str = "") -> ApiError:
    return ApiError("40002", f"isv.invalid-{what}", sub_msg)


def business(sub_code: str, sub_msg: str = "", **more: Any) -> ApiError:
    """The trade, fund or bill system says no."""
    return ApiError("40004", sub_code, sub_msg, more=more)


def bad_field(error: FieldError, *, method: str) -> ApiError:
    """Each family of methods has its own word for it."""
    where = ".".join(error.path) or "biz_content"
    family = "ACQ." if method.startswith("alipay.trade.") else ""
    return business(f"{family}INVALID_PARAMETER", f"参数无效：{where} {error.issue}")


def success(**members: Any) -> dict[str, Any]:
    """A node that says yes; members that are None are left out."""
    given = {name: value for name, value in members.items() if value is not None}
    return {"code": "10000", "msg": MESSAGES["10000"]} | given
