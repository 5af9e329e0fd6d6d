"""What may stand in a G3 request: the SDK's members and limits (``daxpay-open-sdk``, ``param``)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from gateway.api.daxpay.fields import (
    Address,
    Field,
    Flag,
    Moment,
    Number,
    Several,
    Shape,
    Text,
    Url,
    broken,
)
from gateway.api.daxpay.parsing import Fraction

MOST = Decimal("99999999.99")
LEAST = Decimal("0.01")
WRITTEN = re.compile(r"\d{1,12}(\.\d{1,12})?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Yuan:
    """A JSON number of yuan, or the same as a text; read to the fen and never by a float."""

    required: bool = False

    def read(self, value: Any, path: str) -> int:
        """Fen."""
        yuan = self._decimal(value)
        if yuan is None:
            raise broken(path, _("Must be an amount in yuan, such as 12.80."))
        if not LEAST <= yuan <= MOST:
            raise broken(path, _("Must be from 0.01 to 99999999.99 yuan."))
        fen = yuan.scaleb(2)
        if fen != fen.to_integral_value():
            raise broken(path, _("Must have at most two decimals."))
        return int(fen)

    def _decimal(self, value: Any) -> Decimal | None:
        if isinstance(value, Fraction):
            return Decimal(value.text)
        if type(value) is int:
            return Decimal(value)
        is_written = isinstance(value, str) and WRITTEN.fullmatch(value)
        return Decimal(value) if is_written else None


COMMON: dict[str, Field] = {
    "mchNo": Number(most=32),
    "appId": Number(most=32, required=True),
    "clientIp": Address(),
    "reqTime": Moment(required=True),
    "nonceStr": Number(most=32),
    "sign": Number(most=64, required=True),
}
NUMBER, OUT_NUMBER = Number(most=100), Number(most=150)
ATTACH = Text(most=500, lines=True)
PAY_NUMBERS: dict[str, Field] = {
    "orderNo": NUMBER, "bizOrderNo": NUMBER, "outOrderNo": OUT_NUMBER,
}  # fmt: skip
REFUND_NUMBERS: dict[str, Field] = {"refundNo": NUMBER, "bizRefundNo": NUMBER}
TRANSFER_NUMBERS: dict[str, Field] = {"transferNo": NUMBER, "bizTransferNo": NUMBER}
ALLOC_NUMBERS: dict[str, Field] = {"allocNo": NUMBER, "bizAllocNo": NUMBER}
RECEIVER = Shape(
    members={"receiverNo": Number(most=32, required=True), "amount": Yuan(required=True)}
)


def _request(**members: Field) -> Shape:
    return Shape(members={**COMMON, **members})


PAY = _request(
    bizOrderNo=Number(most=100, required=True),
    title=Text(most=100, required=True),
    description=Text(most=500, lines=True),
    allocation=Flag(),
    autoAllocation=Flag(),
    expiredTime=Moment(),
    channel=Number(most=32, required=True),
    method=Number(most=32, required=True),
    otherMethod=Number(most=128),
    limitPay=Number(most=128),
    amount=Yuan(required=True),
    openId=Number(most=128),
    authCode=Number(most=128),
    terminalNo=Text(most=128),
    extraParam=Text(most=2048, lines=True),
    attach=ATTACH,
    returnUrl=Url(),
    quitUrl=Url(),
    notifyUrl=Url(),
)
CLOSE = _request(**PAY_NUMBERS, useCancel=Flag())
PAY_NAMED = _request(**PAY_NUMBERS)
REFUND = _request(
    **PAY_NUMBERS,
    bizRefundNo=Number(most=100, required=True),
    amount=Yuan(required=True),
    extraParam=Text(most=2048, lines=True),
    reason=Text(most=150),
    attach=ATTACH,
    notifyUrl=Url(),
)
REFUND_NAMED = _request(**REFUND_NUMBERS)
TRANSFER = _request(
    bizTransferNo=Number(most=100, required=True),
    channel=Number(most=32, required=True),
    amount=Yuan(required=True),
    title=Text(most=100),
    reason=Text(most=150),
    payeeType=Number(most=32, required=True),
    payeeAccount=Text(most=100, required=True),
    payeeName=Text(most=50),
    extraParam=Text(most=2048, lines=True),
    attach=ATTACH,
    notifyUrl=Url(),
)
TRANSFER_NAMED = _request(**TRANSFER_NUMBERS)
TRANSFER_OR_ALLOC_NAMED = _request(**TRANSFER_NUMBERS, **ALLOC_NUMBERS)
ALLOC = _request(
    bizAllocNo=Number(most=100, required=True),
    orderNo=NUMBER,
    bizOrderNo=NUMBER,
    title=Text(most=100),
    description=Text(most=150, lines=True),
    groupNo=Number(most=32),
    receivers=Several(of=RECEIVER, most=50),
    notifyUrl=Url(),
    attach=ATTACH,
)
ALLOC_NAMED = _request(**ALLOC_NUMBERS)
RECEIVER_ADD = _request(
    receiverNo=Number(most=32, required=True),
    channel=Number(most=20, required=True),
    receiverType=Number(most=20, required=True),
    receiverAccount=Text(most=100, required=True),
    receiverName=Text(most=100),
    relationType=Number(most=20, required=True),
    relationName=Text(most=50),
)
RECEIVER_REMOVE = _request(receiverNo=Number(most=32, required=True))
RECEIVER_LIST = _request(channel=Number(most=20, required=True))
DOWN = _request(channel=Number(most=32), date=Text(most=32))
