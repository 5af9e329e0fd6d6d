"""What a merchant on DaxPay 3 does first: his program, and an order that waits or is paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from channels.base import Outcome, PayState
from orders.models import PayOrder
from orders.services import pay
from tests import cast
from tests.gateway.daxpay.g3.client import Client
from tests.gateway.daxpay.shop import Shop, post

PAY: dict[str, Any] = {
    "bizOrderNo": "P0001",
    "title": "测试接口支付",
    "amount": Decimal("12.80"),
    "channel": "wechat_pay",
    "method": "qrcode",
    "attach": 'a "b" \\c',
    "notifyUrl": "http://127.0.0.1:9/g3",
}


def client(shop: Shop, **how: Any) -> Client:
    application = shop.house.application
    return Client(
        mch_no=application.merchant.mch_no,
        app_id=application.app_id,
        secret="secret",
        post=post,
        **how,
    )


def good(answer: dict[str, Any]) -> Any:
    assert (answer["code"], answer["msg"]) == (0, "success"), answer
    assert answer["sign"]
    return answer["data"]


def place(g3: Client, **changes: Any) -> PayOrder:
    """An order that its channel holds."""
    param = {**PAY, **changes}
    assert g3.call("pay", "pay", **param)["code"] == 20043  # no worker runs here
    order = PayOrder.objects.get(biz_order_no=param["bizOrderNo"])
    params = {"code_url": "weixin://wxpay/bizpayurl?pr=abc"}
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING, pay_params=params)
    return order


def paid(g3: Client, **changes: Any) -> PayOrder:
    order = place(g3, **changes)
    pay.request_sync(order.order_no, cast.CLOCK)
    said = {"state": PayState.PAID, "out_no": f"42{order.pk}", "amount": order.amount}
    cast.channel_says(order, Outcome.DONE, **said)
    return cast.reload(order)
