"""A client that speaks to /hserve/ as the SDK does, and the two shops behind it.

No worker runs: ``cast.channel_says`` plays the channel's part, and nobody waits for it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from channels.base import AllocationState, Outcome, PayState
from orders.models import (
    AllocationOrder,
    AllocationReceiver,
    ChannelAccount,
    ChannelCall,
    DoorKey,
    Event,
    PayOrder,
    RefundOrder,
    ShareReturn,
)
from orders.services import allocation, pay
from tests import cast

ORDERS = "v2.2/idp/pay/order/"
REFUND = "v2.2/idp/pay/refund/"
WECHAT = "v2.2/idp/pay/wechat"
ALIPAY = "v2.2/idp/pay/alipay"
APPID, MCH_ID = "wx3b040d3334600001", "1501889000"
ORDER = {
    "gateway_type": "weixin_tenpay_native",
    "total_cost": 398,
    "merchandise_description": "一条支付描述",
}
PARTNER = {"type": "MERCHANT_ID", "account": "1900000109"}


class Baas:
    """Names itself by its client id and its token, unless a header says otherwise."""

    def __init__(self, client_id: str, token: str) -> None:
        self.client = Client(headers={"accept-language": "en"})
        self.own = {
            "x-hydrogen-client-id": client_id,
            "authorization": f"Hydrogen-r1 {token}",
            "x-hydrogen-client-version": "v3.23.6",
            "x-hydrogen-client-platform": "WEB",
        }

    def get(self, path: str, query: Any = None, **headers: str) -> HttpResponse:
        return self.client.get(f"/hserve/{path}", query or {}, headers=self._headers(headers))

    def post(self, path: str, body: Any, **headers: str) -> HttpResponse:
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return self.client.post(
            f"/hserve/{path}", raw, "application/json", headers=self._headers(headers)
        )

    def list(self, **query: Any) -> list[dict[str, Any]]:
        """The objects of an order list."""
        answer = self.get(ORDERS, query)
        assert answer.status_code == 200, answer.content.decode()
        return answer.json()["objects"]

    def _headers(self, given: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in given.items()}
        return {name: value for name, value in {**self.own, **named}.items() if value != ""}


WRITABLE = (
    PayOrder, RefundOrder, AllocationOrder, ShareReturn, AllocationReceiver, ChannelCall, Event,
)  # fmt: skip


def written() -> dict[str, int]:
    """How many rows there are of everything that a request could write."""
    return {model.__name__: model.objects.count() for model in WRITABLE}


NOTHING = {model.__name__: 0 for model in WRITABLE}


def refused(answer: HttpResponse, status: int, message: str) -> None:
    """Exactly this error, in the door's envelope."""
    assert (answer.status_code, answer.json()) == (
        status,
        {"status": "error", "error_msg": message},
    )
    assert answer["Content-Type"] == "application/json; charset=utf-8"


def open_door(house: cast.House, client_id: str) -> Baas:
    key = DoorKey(application=house.application, dialect="minapp", identity=client_id)
    key.config = {"client_id": client_id}
    key.secrets = {"token": f"token-of-{client_id}"}
    key.save()
    return Baas(client_id, f"token-of-{client_id}")


def shop(letter: str) -> cast.House:
    """A merchant with accounts at WeChat and Alipay."""
    house = cast.merchant(letter)
    wechat = {"appid": APPID, "mchid": MCH_ID}
    for channel, config in (("wechat", wechat), ("alipay", {"app_id": "2021000000000001"})):
        ChannelAccount(
            merchant=house.merchant,
            channel=channel,
            code=f"{channel}-{letter.lower()}",
            name=channel,
            config=config,
        ).save()
    return house


def paid(
    house: cast.House, channel: str = "wechat", *, sharing: bool = False, **changes: Any
) -> PayOrder:
    """An order of ¥100.00, paid an hour ago by the channel's word."""
    changes = {"channel": channel, "method": "native", "allocation": sharing, **changes}
    return cast.make_pay_order(house, "success", **changes)


def receiver(
    house: cast.House, channel: str = "wechat", account: str = "1900000109"
) -> AllocationReceiver:
    """A receiver that the channel holds."""
    kind = {"wechat": "merchant_no", "alipay": "user_id"}[channel]
    new = allocation.NewReceiver(
        channel=channel, receiver_type=kind, account_no=account, name="青茶铺", relation="PARTNER"
    )
    row = allocation.add_receiver(house.application, new, cast.MERCHANT_ACTOR)
    cast.channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    return cast.reload(row)


def held(order: PayOrder, **pay_params: Any) -> None:
    """The channel holds the order and says how to pay it."""
    cast.channel_says(order, Outcome.DONE, state=PayState.WAITING, pay_params=pay_params)


def pays(order: PayOrder, out_no: str = "4200000519202003205153312216") -> PayOrder:
    """The customer has paid, says the channel."""
    if not cast.reload(order).is_at_channel:
        held(order, code_url="weixin://x")
    pay.request_sync(order.order_no, cast.CLOCK)
    cast.channel_says(order, Outcome.DONE, state=PayState.PAID, out_no=out_no, amount=order.amount)
    return cast.reload(order)


@pytest.fixture(autouse=True)
def nobody_waits(settings: Any) -> None:
    settings.PREPAY_DEADLINE_S = 0


@pytest.fixture
def house(db: None) -> cast.House:
    return shop("A")


@pytest.fixture
def other_house(db: None) -> cast.House:
    return shop("B")


@pytest.fixture
def baas(house: cast.House) -> Baas:
    return open_door(house, "995140f59511a222c937")


@pytest.fixture
def other(other_house: cast.House) -> Baas:
    return open_door(other_house, "b4e5b4a0f1d24f0c9a77")
