"""What may stand in each request: DaxPay's names and limits (opendaxpay SDKs, ``models``).

A limit that is narrower at the channel, or at this house (merchants' numbers have at most 64
characters), is the services' to refuse, with their own sentence.
"""

from __future__ import annotations

from gateway.api.daxpay.errors import Code
from gateway.api.daxpay.fields import (
    Address,
    Degrees,
    Fen,
    Field,
    Flag,
    Moment,
    Number,
    Several,
    Shape,
    Text,
    Url,
    Whole,
)

COMMON: dict[str, Field] = {
    "mchNo": Number(most=32, required=True),
    "appId": Number(most=32),
    "reqId": Number(most=64, required=True),
    "reqTime": Moment(required=True),
    "nonceStr": Number(most=32),
    "clientIp": Address(),
    "sign": Text(most=1024, required=True, lines=True),
}
NUMBER = Number(most=100)
OUT_NUMBER = Number(most=150)
PAY_NUMBERS: dict[str, Field] = {
    "orderNo": NUMBER,
    "tradeNo": NUMBER,
    "bizOrderNo": NUMBER,
    "outOrderNo": OUT_NUMBER,
}
"""By which a pay order is named. DaxPay takes some of them at some addresses; here all anywhere."""
ATTACH = Text(most=500, lines=True)

GOODS = Shape(
    members={
        "goodsId": Text(most=64, required=True),
        "goodsName": Text(most=256, required=True),
        "quantity": Whole(required=True),
        "unitPrice": Fen(required=True),
        "category": Text(most=128),
        "description": Text(most=500, lines=True),
        "showUrl": Text(most=400),
    }
)
TERMINAL = Shape(
    members={
        "terminalNo": Text(most=64),
        "storeNo": Text(most=64),
        "operatorId": Text(most=64),
        "deviceName": Text(most=128),
        "deviceIp": Text(most=64),
        "longitude": Degrees(),
        "latitude": Degrees(),
    }
)
REPORT = Shape(members={"infoType": Text(most=32), "infoContent": Text(most=128)})
RECEIVER = Shape(
    members={
        "receiverType": Number(most=32, required=True),
        "receiverAccount": Text(most=128, required=True),
        "receiverName": Text(most=128),
        "amount": Fen(required=True),
    }
)


def _request(**members: Field) -> Shape:
    return Shape(members={**COMMON, **members})


PING = _request()
PAY = _request(
    bizOrderNo=Number(most=100, required=True),
    title=Text(most=100, required=True),
    description=Text(most=50, lines=True),
    amount=Fen(required=True),
    currency=Number(most=8),
    product=Number(most=32),
    method=Number(most=32),
    capability=Number(most=32),
    channelMchNo=Number(most=64),
    channelAppId=Number(most=64),
    openId=Number(most=128),
    authCode=Number(most=128),
    limitPay=Several(of=Number(most=32), most=8),
    extraParam=Text(most=2048, lines=True),
    goodsDetail=Several(of=GOODS, most=100),
    notifyUrl=Url(),
    returnUrl=Url(),
    attach=ATTACH,
    expiredTime=Moment(),
    terminal=TERMINAL,
    source=Number(most=32),
    allocation=Flag(),
)
CLOSE = _request(**PAY_NUMBERS, useCancel=Flag())
PAY_NAMED = _request(**PAY_NUMBERS)
REFUND = _request(
    **PAY_NUMBERS,
    bizRefundNo=NUMBER,
    amount=Fen(required=True, code=Code.TRADE_STATE),
    reason=Text(most=50),
    notifyUrl=Url(),
    attach=ATTACH,
)
REFUND_NAMED = _request(refundNo=NUMBER, bizRefundNo=NUMBER)
TRANSFER = _request(
    channel=Number(most=32, required=True),
    channelMchNo=Number(most=64, required=True),
    bizTransferNo=Number(most=100, required=True),
    amount=Fen(required=True),
    title=Text(most=100),
    reason=Text(most=200),
    payeeType=Number(most=32, required=True),
    payeeAccount=Text(most=128, required=True),
    payeeName=Text(most=64),
    attach=ATTACH,
    notifyUrl=Url(),
    reportInfos=Several(of=REPORT, most=10),
    transferScene=Text(most=64),
)
TRANSFER_NAMED = _request(transferNo=NUMBER, bizTransferNo=NUMBER, channel=Number(most=32))
ALLOC = _request(
    **PAY_NUMBERS,
    bizAllocNo=Number(most=100, required=True),
    title=Text(most=100),
    description=Text(most=500, lines=True),
    receivers=Several(of=RECEIVER, most=50, required=True),
    attach=ATTACH,
    notifyUrl=Url(),
)
ALLOC_NAMED = _request(allocNo=NUMBER, bizAllocNo=NUMBER)
