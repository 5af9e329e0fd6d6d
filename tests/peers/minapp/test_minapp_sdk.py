"""知晓云's own SDK, npm ``minapp-sdk`` 3.23.6 unmodified, speaks with this house's door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orders.models import AllocationOrder, PayOrder, RefundOrder
from tests import cast
from tests.gateway.minapp.conftest import (
    APPID,
    Baas,
    house,
    nobody_waits,
    other,
    other_house,
    paid,
    pays,
    receiver,
)
from tests.gateway.minapp.conftest import baas as _baas
from tests.peers.minapp.sdk import HError, Sdk

pytestmark = [
    pytest.mark.peers("minapp-sdk"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]
_ = (house, nobody_waits, other, other_house)
baas = _baas
OWN = "/hserve/v2.2/idp/pay"
Start = Callable[[Baas], Sdk]


@pytest.fixture
def start(live_server: Any) -> Iterator[Start]:
    """The SDK in the hands of one of the merchants."""
    running: list[Sdk] = []

    def one(client: Baas) -> Sdk:
        client_id = client.own["x-hydrogen-client-id"]
        sdk = Sdk(live_server.url, client_id=client_id, token=f"token-of-{client_id}")
        running.append(sdk)
        return sdk

    yield one
    for sdk in running:
        sdk.close()


@pytest.fixture
def sdk(start: Start, baas: Baas) -> Sdk:
    return start(baas)


def ids(answer: dict[str, Any]) -> list[int]:
    assert answer["status"] == 200
    return [one["id"] for one in answer["data"]["objects"]]


def test_it_is_the_published_sdk(sdk: Sdk):
    assert sdk.version == "3.23.6"


def test_it_lists_filters_sorts_and_pages(sdk: Sdk, house: cast.House):
    rows = [cast.make_pay_order(house, channel="wechat", title=f"Tea {n}") for n in range(4)]
    rows.append(paid(house, "alipay"))
    newest = [row.pk for row in reversed(rows)]
    assert ids(sdk.ask("list")) == newest
    assert ids(sdk.ask("list", params={"gateway_type": "weixin_tenpay"})) == newest[1:]
    assert ids(sdk.ask("list", params={"trade_no": rows[1].order_no})) == [rows[1].pk]
    assert ids(sdk.ask("list", params={"transaction_no": rows[2].biz_order_no})) == [rows[2].pk]
    at = int(rows[4].paid_at.timestamp())
    span = {"status": "success", "paid_at__gte": at, "paid_at__lte": at}
    assert ids(sdk.ask("list", params=span)) == [rows[4].pk]
    assert ids(sdk.ask("list", order_by="created_at", limit=2, offset=2)) == newest[::-1][2:4]
    page = sdk.ask("list", limit=2, offset=2, order_by=["-created_at", "id"])["data"]["meta"]
    assert page == {
        "limit": 2,
        "next": f"{OWN}/order/?limit=2&offset=4&order_by=-created_at%2Cid&where=%7B%7D",
        "offset": 2,
        "previous": f"{OWN}/order/?limit=2&offset=0&order_by=-created_at%2Cid&where=%7B%7D",
        "total_count": 5,
    }


def test_its_queries_are_understood(sdk: Sdk, house: cast.House):
    cheap, dear = (cast.make_pay_order(house, amount=amount) for amount in (1, 20_000))
    done = paid(house)
    for asked, rows in (
        ([["compare", "total_cost", ">", 1]], [done, dear]),
        ([["compare", "total_cost", "<=", 0.01]], [cheap]),
        ([["in", "status", ["success"]]], [done]),
        ([["notIn", "status", ["success"]], ["compare", "total_cost", "!=", 200]], [cheap]),
        ([["isNull", "paid_at"]], [dear, cheap]),
        ([["isNotNull", "paid_at"]], [done]),
        ([["exists", "merchandise_record_id"]], []),
        ([["contains", "merchandise_description", "Te"]], [done, dear, cheap]),
        ({"or": [[["compare", "id", "=", cheap.pk]], [["compare", "id", "=", done.pk]]]},
         [done, cheap]),
        ({"and": [[["compare", "id", ">", 0]], {"or": [[["compare", "total_cost", "=", 200]]]}]},
         [dear]),
    ):  # fmt: skip
        assert ids(sdk.ask("list", query=asked)) == [row.pk for row in rows], asked
    shown = sdk.ask("list", select=["id", "trade_no"], expand="created_by", limit=1)
    assert shown["data"]["objects"] == [{"id": done.pk, "trade_no": done.order_no}]


def test_it_gets_one_order_by_its_transaction_number(sdk: Sdk, house: cast.House):
    order = paid(house)
    told = sdk.ask("get", number=order.biz_order_no)
    assert (told["status"], told["data"]["trade_no"]) == (200, order.order_no)
    with pytest.raises(HError) as error:
        sdk.ask("get", number="nothing")
    assert error.value.code == 404


def test_a_refusal_reaches_the_caller_as_its_herror(sdk: Sdk):
    with pytest.raises(HError) as error:
        sdk.ask("list", query=[["matches", "status", {}]])  # the SDK itself refuses this one
    assert error.value.code == 605
    with pytest.raises(HError) as error:
        sdk.ask("list", limit=5000)
    assert error.value.code == 400
    assert error.value.text == "400: limit：须在 1 到 1000 之间。"


def test_a_wrong_token_is_401_to_it(live_server: Any, baas: Baas):
    sdk = Sdk(live_server.url, client_id="995140f59511a222c937", token="wrong")
    with pytest.raises(HError) as error:
        sdk.ask("list")
    sdk.close()
    assert error.value.code == 401


def test_another_merchants_sdk_sees_nothing(start: Start, other: Baas, house: cast.House):
    order = paid(house)
    theirs = start(other)
    assert ids(theirs.ask("list")) == []
    with pytest.raises(HError) as error:
        theirs.ask("get", number=order.biz_order_no)
    assert error.value.code == 404


@pytest.mark.parametrize(
    ("way", "kind", "channel", "method"),
    [
        ("payWithWechat", "weixin_tenpay_native", "wechat", "native"),
        ("payWithWechat", "weixin_tenpay_wap", "wechat", "h5"),
        ("payWithAlipay", "alipay_page", "alipay", "page"),
        ("payWithAlipay", "alipay_wap", "alipay", "wap"),
    ],
)
def test_it_creates_an_order_and_finds_it(sdk: Sdk, way, kind, channel, method):
    options = {
        "gatewayType": kind,
        "totalCost": 0.29,
        "merchandiseDescription": "深蓝色秋裤",
        "merchandiseSchemaID": 12,
        "merchandiseRecordID": "5a33406909a805412e3169x3",
        "merchandiseSnapshot": {"color": "深蓝"},
        **({"profitSharing": True} if channel == "wechat" else {}),
    }
    told = sdk.ask("pay", way=way, options=options)
    assert told["status"] == 201
    order = PayOrder.objects.get()
    assert told["data"] == {"trade_no": order.order_no, "transaction_no": order.biz_order_no}
    assert (order.channel, order.method, order.amount) == (channel, method, 29)
    assert order.allocation_status == ("waiting" if channel == "wechat" else "none")
    found = sdk.ask("list", params={"merchandise_record_id": "5a33406909a805412e3169x3"})
    (one,) = found["data"]["objects"]
    assert (one["id"], one["gateway_type"], one["total_cost"]) == (order.pk, kind, "0.29")
    assert ids(sdk.ask("list", params={"merchandise_schema_id": 12})) == [order.pk]


def test_it_reaches_the_houses_own_addresses(sdk: Sdk, house: cast.House):
    receiver(house)
    order = pays(cast.make_pay_order(house, channel="wechat", method="native", allocation=True))
    part = {"type": "MERCHANT_ID", "account": "1900000109", "amount": 10, "description": "分到商户"}
    body = {"trade_no": order.order_no, "appid": APPID, "receivers": [part]}
    shared = sdk.ask("request", url=f"{OWN}/wechat/multi-profit-sharing/", method="POST", data=body)
    assert (shared["status"], shared["data"]["trade_no"]) == (200, order.order_no)
    assert AllocationOrder.objects.get().amount == 10
    listed = sdk.ask("request", url=f"{OWN}/wechat/profit-sharing/order/", method="GET", data={})
    assert listed["data"]["objects"][0]["order_type"] == "multi_profit_sharing"
    data = {"order_id": order.pk, "refund_amount": 1.13, "memo": "测试退款"}
    told = sdk.ask("request", url=f"{OWN}/refund/", method="POST", data=data)
    assert (told["status"], told["data"]["refund_amount"]) == (200, "1.13")
    assert RefundOrder.objects.get().amount == 113
    with pytest.raises(HError) as error:
        sdk.ask("request", url=f"{OWN}/refund/", method="POST", data={"order_id": order.pk + 1})
    assert error.value.code == 404
