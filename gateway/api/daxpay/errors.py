"""What goes wrong, as DaxPay's codes and the house's sentences. The only place that translates.

``frame`` answers with it; views raise ``Failure`` themselves only where the dialect says no in its
own way (a number that was left out, an order that is paid already). Codes: dromara/dax-pay
``CommonErrorCode`` and ``DaxPayErrorCode``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import IntEnum

from django.db import InterfaceError, OperationalError
from django.utils.translation import gettext as _

from orders.errors import Conflict, InvalidInput, NotFound, NotNow, OperationRefused

log = logging.getLogger(__name__)


class Code(IntEnum):
    """DaxPay's numbers, as far as they are answered here."""

    OK = 0
    FAIL = 1
    NOT_THERE = 10404
    NONCE_MISSING = 10408
    NONCE_USED = 10409
    OUT_OF_TIME = 10410
    METHOD_UNSUPPORTED = 10415
    SYSTEM = 10500
    UNREADABLE = 10505
    INVALID = 10506
    REPEATED = 10507
    NO_CHANNEL = 20011
    NO_METHOD = 20012
    CHANNEL_OFF = 20021
    NOT_CONFIGURED = 20023
    NOT_ABLE = 20030
    NO_TRADE = 20041
    TRADE_UNDER_WAY = 20043
    TRADE_STATE = 20044
    TRADE_FAILED = 20045
    BAD_SIGNATURE = 20052
    OVER_LIMIT = 20060
    UNDER_WAY = 20081
    UNSUPPORTED = 20082
    UNKNOWN = 30000


class Failure(Exception):
    """One answer that is not what the merchant wanted. Nothing happened, unless it says so."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


NAMES: Mapping[str, str] = {
    "biz_order_no": "bizOrderNo",
    "biz_refund_no": "bizRefundNo",
    "biz_transfer_no": "bizTransferNo",
    "biz_allocation_no": "bizAllocNo",
    "order_no": "orderNo",
    "notify_url": "notifyUrl",
    "return_url": "returnUrl",
    "client_ip": "clientIp",
    "openid": "openId",
    "auth_code": "authCode",
    "expires_at": "expiredTime",
    "payee_type": "payeeType",
    "payee_account": "payeeAccount",
    "payee_name": "payeeName",
    "remark": "reason",
    "scene": "transferScene",
    "shares": "receivers",
    "receiver_type": "receiverType",
    "account_no": "receiverAccount",
    "name": "receiverName",
    "kind": "gatewayPayType",
    "biz_receiver_no": "receiverNo",
}
"""Fields as the services call them → as DaxPay does, where they differ."""

INPUT_CODES: Mapping[str, Code] = {
    "unknown_channel": Code.NO_CHANNEL,
    "no_account": Code.CHANNEL_OFF,
    "unknown_method": Code.METHOD_UNSUPPORTED,
    "channel_cannot_transfer": Code.NOT_ABLE,
    "unknown_payee_type": Code.NOT_ABLE,
    "unknown_receiver_type": Code.NOT_ABLE,
    "amount_out_of_range": Code.OVER_LIMIT,
    "below_channel_minimum": Code.OVER_LIMIT,
    "exceeds_balance": Code.TRADE_STATE,
    "money_shared_out": Code.TRADE_STATE,
    "partial_refund_unsupported": Code.TRADE_STATE,
    "exceeds_shareable": Code.TRADE_STATE,
}
"""A broken rule about a field → its code; all others are 10506. What is not above zero is refused
before any service sees it, so a service's ``amount_out_of_range`` is always "too much"."""

REFUSAL_CODES: Mapping[str, Code] = {
    "already_ending": Code.UNDER_WAY,
    "refund_in_flight": Code.UNDER_WAY,
    "sharing_in_flight": Code.UNDER_WAY,
    "call_in_flight": Code.UNDER_WAY,
    "channel_cannot_close": Code.UNSUPPORTED,
    "channel_cannot_cancel": Code.UNSUPPORTED,
    "channel_cannot_refund": Code.UNSUPPORTED,
    "channel_cannot_share": Code.UNSUPPORTED,
}
"""A rule that says no → its code; all others are 20044."""


def from_exception(exc: Exception, *, not_found: Code = Code.NO_TRADE) -> Failure:
    """Any exception as an answer. One that nobody foresaw is logged with its trace: 30000.

    ``not_found``: DaxPay answers an unknown number with another code at almost every address.
    """
    if isinstance(exc, Failure):
        return exc
    if isinstance(exc, NotFound):
        return Failure(not_found, str(exc))
    if isinstance(exc, InvalidInput):
        return _invalid(exc)
    if isinstance(exc, Conflict):
        return Failure(Code.REPEATED, _conflict(exc))
    if isinstance(exc, OperationRefused):
        return Failure(REFUSAL_CODES.get(exc.code, Code.TRADE_STATE), str(exc.refusal))
    if isinstance(exc, NotNow):
        return Failure(Code.SYSTEM, str(exc.refusal))
    if isinstance(exc, OperationalError | InterfaceError):
        # Nothing was committed, or it was and the number finds it again: safe to try again.
        log.error("the database did not answer", exc_info=exc)
        return Failure(Code.SYSTEM, _("Please try again in a moment."))
    log.error("a DaxPay request failed in a way that nobody foresaw", exc_info=exc)
    return unforeseen()


def unforeseen() -> Failure:
    return Failure(Code.UNKNOWN, _("It was recorded. Name the request id when you ask about it."))


def _invalid(exc: InvalidInput) -> Failure:
    field = NAMES.get(exc.field, exc.field)
    params = {**exc.refusal.params, "field": field}
    sentence = str(InvalidInput(field, exc.code, exc.refusal.msgid, params).refusal)
    told = sentence if field in sentence else about(field, sentence)
    return Failure(INPUT_CODES.get(exc.code, Code.INVALID), told)


def _conflict(exc: Conflict) -> str:
    field = NAMES.get(exc.field, exc.field)
    return str(Conflict(field, exc.number, NAMES.get(exc.differs, exc.differs)).refusal)


def about(field: str, sentence: str) -> str:
    """``amount: Must be more than 0.``"""
    return _("%(field)s: %(message)s") % {"field": field, "message": sentence}
