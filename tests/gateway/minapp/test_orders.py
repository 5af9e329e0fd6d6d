"""Creating, reading and listing orders at 知晓云's door."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from channels.base import Outcome, PayState
from gateway.api.minapp import words
from orders.models import (
    AllocationOrder,
    AllocationReceiver,
    PayOrder,
    RefundOrder,
    ShareReturn,
)
from tests import cast
from tests.gateway.minapp.conftest import (
    APPID,
    MCH_ID,
    NOTHING,
    ORDER,
    ORDERS,
    Baas,
    held,
    paid,
    pays,
    refused,
    written,
)

pytestmark = pytest.mark.django_db

MEMBERS = [
    "created_at", "created_by_id", "created_by_name", "gateway_extra_info", "gateway_type", "id",
    "ip_address", "merchandise_description", "merchandise_record_id", "merchandise_schema_id",
    "merchandise_snapshot", "paid_at", "refund_amount", "refund_status", "status", "total_cost",
    "trade_no", "transaction_no", "updated_at",
]  # fmt: skip
OPENID = {"openid": "om4vu0FZiwoQbTVAt0U-FEz00001"}


# --- creating -----------------------------------------------------------------------------------

PREPAID = {
    "weixin_tenpay": (
        {"appId": "wx1", "timeStamp": "1539335891", "nonceStr": "n", "package": "prepay_id=wx12",
         "signType": "RSA", "paySign": "s"},
        {"appId": "wx1", "timeStamp": "1539335891", "nonceStr": "n", "package": "prepay_id=wx12",
         "signType": "RSA", "paySign": "s"},
    ),
    "weixin_tenpay_js": (
        {"appId": "wx1", "timeStamp": "1", "nonceStr": "n", "package": "prepay_id=wx12",
         "signType": "RSA", "paySign": "s"},
        {"appId": "wx1", "timeStamp": "1", "nonceStr": "n", "package": "prepay_id=wx12",
         "signType": "RSA", "paySign": "s"},
    ),
    "weixin_tenpay_wap": ({"h5_url": "https://wx.example/h5"}, {"mweb_url": "https://wx.example/h5"}),
    "weixin_tenpay_native": ({"code_url": "weixin://x"}, {"code_url": "weixin://x"}),
    "weixin_tenpay_app": (
        {"appId": "wx1", "timeStamp": "1", "nonceStr": "n", "partnerId": "15", "prepayId": "wx12",
         "packageValue": "Sign=WXPay", "sign": "s"},
        {"appid": "wx1", "timestamp": "1", "noncestr": "n", "partnerid": "15", "prepayid": "wx12",
         "package": "Sign=WXPay", "sign": "s"},
    ),
    "alipay_wap": ({"url": "https://a.example/?x", "form": {}}, {"payment_url": "https://a.example/?x"}),
    "alipay_page": ({"url": "https://a.example/?x", "form": {}}, {"payment_url": "https://a.example/?x"}),
    "alipay_app": ({"order_string": "app_id=1&sign=2"}, {"payment_url": "app_id=1&sign=2"}),
}  # fmt: skip


def is_number(text: str) -> bool:
    """As 知晓云's: up to 32 letters and digits."""
    return text.isalnum() and text.isascii() and 20 <= len(text) <= 32


@pytest.mark.parametrize("kind", [*PREPAID, "alipay"])
def test_every_type_is_created_at_its_channel_by_its_method(baas: Baas, kind: str):
    answer = baas.post(ORDERS, {**ORDER, **OPENID, "gateway_type": kind})
    assert answer.status_code == 201
    order = PayOrder.objects.get()
    gateway = words.GATEWAYS[kind]
    assert (order.channel, order.method, order.amount) == (
        gateway.channel,
        gateway.method.value,
        39800,
    )
    assert (order.title, order.door, order.client_ip) == ("一条支付描述", "minapp", "127.0.0.1")
    assert cast.open_kinds(order) == ["pay"]
    assert is_number(order.order_no) and is_number(order.biz_order_no)
    assert baas.list()[0]["gateway_type"] == kind


@pytest.mark.parametrize("kind", PREPAID)
def test_the_answer_has_the_members_that_the_types_sdk_reads(baas: Baas, kind: str):
    body = {**ORDER, **OPENID, "gateway_type": kind}
    baas.post(ORDERS, body, idempotency_key="k")
    order = PayOrder.objects.get()
    ours, theirs = PREPAID[kind]
    held(order, **ours)
    answer = baas.post(ORDERS, body, idempotency_key="k")
    assert answer.status_code == 200
    numbers = {"trade_no": order.order_no, "transaction_no": order.biz_order_no}
    assert answer.json() == {**numbers, **theirs}
    assert baas.list()[0]["gateway_extra_info"] == {"payment_parameters": theirs}


def test_an_alipay_mini_program_gets_alipays_number_and_the_house_knows_it(baas: Baas):
    body = {**ORDER, **OPENID, "gateway_type": "alipay"}
    assert list(baas.post(ORDERS, body, idempotency_key="k").json()) == ["transaction_no"]
    order = PayOrder.objects.get()
    cast.channel_says(
        order,
        Outcome.DONE,
        state=PayState.WAITING,
        out_no="2026112022001",
        pay_params={"trade_no": "2026112022001"},
    )
    told = baas.post(ORDERS, body, idempotency_key="k").json()
    assert told == {"transaction_no": order.biz_order_no, "trade_no": "2026112022001"}
    pays(order, "2026112022001")
    for found in (baas.list(trade_no="2026112022001"), baas.list(trade_no=order.order_no)):
        assert [one["id"] for one in found] == [order.pk]


@pytest.mark.parametrize(
    ("written_as", "fen"),
    [
        (b"398", 39800), (b"398.0", 39800), (b"398.00", 39800), (b'"398.00"', 39800),
        (b"0.01", 1), (b"0.1", 10), (b"1.10", 110), (b"0.29", 29), (b"1.13", 113),
        (b"4.35", 435), (b"19.99", 1999), (b"1.150000", 115),
    ],
)  # fmt: skip
def test_yuan_become_fen_exactly(baas: Baas, written_as: bytes, fen: int):
    raw = json.dumps(ORDER).encode().replace(b"398", written_as)
    assert baas.post(ORDERS, raw).status_code == 201
    assert PayOrder.objects.get().amount == fen


def test_what_the_merchant_said_is_told_again_in_its_words(baas: Baas):
    said = {
        "merchandise_schema_id": 1024,
        "merchandise_record_id": "5a33406909a805412e3169x3",
        "merchandise_snapshot": {"name": "龙井", "price": 398.5},
        "created_by_id": 83909082304832,
        "created_by_name": "小李",
        "ip_address": "183.61.109.211",
        "profit_sharing": True,
    }
    baas.post(ORDERS, {**ORDER, **said})
    (found,) = baas.list()
    assert list(found) == MEMBERS
    told = {name: found[name] for name in said if name in found}
    del said["profit_sharing"]
    assert told == {**said, "merchandise_snapshot": '{"name":"龙井","price":"398.5"}'}
    assert PayOrder.objects.get().allocation_status == "waiting"


def test_without_a_key_two_equal_requests_are_two_orders(baas: Baas):
    """Two customers may buy the same thing at once."""
    first, second = baas.post(ORDERS, ORDER).json(), baas.post(ORDERS, ORDER).json()
    assert first["trade_no"] != second["trade_no"]
    assert PayOrder.objects.count() == 2


def test_with_a_key_the_same_request_is_the_same_order(baas: Baas):
    first = baas.post(ORDERS, ORDER, idempotency_key="one")
    before = written()
    second = baas.post(ORDERS, ORDER, idempotency_key="one")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    other = baas.post(ORDERS, {**ORDER, "merchandise_record_id": "x"}, idempotency_key="one")
    refused(other, 400, "This Idempotency-Key was used for a request with other content.")
    assert written() == before


def test_an_order_that_the_channel_refuses_is_an_error(baas: Baas):
    baas.post(ORDERS, ORDER, idempotency_key="k")
    order = PayOrder.objects.get()
    cast.channel_says(order, Outcome.REFUSED, code="NO_AUTH", message="商户无权限")
    refused(baas.post(ORDERS, ORDER, idempotency_key="k"), 400, "商户无权限")
    assert baas.list()[0]["status"] == "failed"


# --- reading ------------------------------------------------------------------------------------


def test_a_paid_order_tells_what_wechat_told(baas: Baas):
    baas.post(ORDERS, {**ORDER, **OPENID, "gateway_type": "weixin_tenpay"})
    order = pays(PayOrder.objects.get())
    (found,) = baas.list()
    assert found["status"] == "success"
    assert found["paid_at"] == int(order.paid_at.timestamp())
    told = found["gateway_extra_info"]["wechat_response"]
    local = order.paid_at + timedelta(hours=8)
    assert told == {
        "appid": APPID,
        "bank_type": "",
        "cash_fee": "39800",
        "fee_type": "CNY",
        "is_subscribe": "",
        "mch_id": MCH_ID,
        "nonce_str": "",
        "openid": "om4vu0FZiwoQbTVAt0U-FEz00001",
        "out_trade_no": order.order_no,
        "result_code": "SUCCESS",
        "return_code": "SUCCESS",
        "sign": "",
        "time_end": local.strftime("%Y%m%d%H%M%S"),
        "total_fee": "39800",
        "trade_type": "JSAPI",
        "transaction_id": "4200000519202003205153312216",
    }


def test_one_order_is_read_by_either_of_its_numbers(baas: Baas, house):
    order = paid(house)
    for number in (order.biz_order_no, order.order_no, order.out_order_no):
        for path in ("v2.0/idp/pay/order/", "v2.2/idp/pay/order/"):
            for end in ("/", ""):
                answer = baas.get(f"{path}{number}{end}")
                assert (answer.status_code, answer.json()["id"]) == (200, order.pk)
    assert answer.json() == baas.list()[0]


def test_an_order_of_another_merchant_is_not_there(baas: Baas, other: Baas, house):
    order = paid(house)
    for number in (order.biz_order_no, order.order_no, order.out_order_no, "nothing"):
        refused(other.get(f"{ORDERS}{number}/"), 404, f"There is no order {number}.")
    assert other.list() == other.list(trade_no=order.order_no) == other.list(id=order.pk) == []


def test_times_are_chinas_and_amounts_have_two_decimals(baas: Baas, house):
    order = paid(house)
    cast.make_refund(order, "success", amount=3000)
    (found,) = baas.list()
    local = (order.created_at + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%S.%f")
    assert found["created_at"] == local
    assert found["updated_at"] > local
    assert (found["total_cost"], found["refund_amount"]) == ("100.00", "30.00")
    assert found["refund_status"] == "partial"


def test_an_order_of_another_door_is_listed_in_this_doors_words(baas: Baas, house):
    cast.make_pay_order(house, channel="sandbox", method="native")
    cast.make_pay_order(house, channel="wechat", method="h5", client_ip="1.1.1.1")
    assert [one["gateway_type"] for one in baas.list()] == ["weixin_tenpay_wap", "sandbox_native"]
    assert [one["merchandise_snapshot"] for one in baas.list()] == ["{}", "{}"]


@pytest.mark.parametrize(
    ("table", "enum"),
    [
        (words.STATUS, PayOrder.Status),
        (words.REFUND_STATUS, PayOrder.RefundStatus),
        (words.REFUND, RefundOrder.Status),
        (words.RETURN, ShareReturn.Status),
        (words.SHARE_STATUS, AllocationOrder.Status),
        (words.FINISH_STATUS, AllocationOrder.Status),
        (words.SHARE_OUTCOME, AllocationOrder.Status),
        (words.IN_PLACE, AllocationReceiver.Status),
    ],
)
def test_every_status_of_the_house_has_a_word_here(table: dict[str, Any], enum: Any):
    assert set(table) == set(enum.values)


# --- pages --------------------------------------------------------------------------------------


@pytest.fixture
def five(house) -> list[PayOrder]:
    """Oldest first."""
    return [cast.make_pay_order(house, title=f"Tea {n}") for n in range(5)]


def test_the_newest_stands_first_and_pages_lead_on(baas: Baas, five):
    ids = [order.pk for order in reversed(five)]
    answer = baas.get(ORDERS, {"limit": 2, "status": "pending", "where": "{}"}).json()
    assert [one["id"] for one in answer["objects"]] == ids[:2]
    seen = []
    while True:
        seen += [one["id"] for one in answer["objects"]]
        meta = answer["meta"]
        assert meta["total_count"] == 5
        if meta["next"] is None:
            break
        assert urlsplit(meta["next"]).path == "/hserve/v2.2/idp/pay/order/"
        assert dict(parse_qsl(urlsplit(meta["next"]).query)) == {
            "limit": "2",
            "offset": str(meta["offset"] + 2),
            "status": "pending",
            "where": "{}",
        }
        answer = baas.get(meta["next"].removeprefix("/hserve/")).json()
    assert seen == ids
    assert meta == {
        "limit": 2,
        "next": None,
        "offset": 4,
        "previous": "/hserve/v2.2/idp/pay/order/?limit=2&offset=2&status=pending&where=%7B%7D",
        "total_count": 5,
    }


def test_the_meta_of_an_empty_list(baas: Baas):
    assert baas.get(ORDERS).json() == {
        "meta": {"limit": 20, "next": None, "offset": 0, "previous": None, "total_count": 0},
        "objects": [],
    }


def test_the_count_stops_a_bounded_way_behind_the_page(baas: Baas, five, monkeypatch):
    monkeypatch.setattr("gateway.api.minapp.paging.COUNT_AHEAD", 1)
    meta = baas.get(ORDERS, {"limit": 2}).json()["meta"]
    assert meta["total_count"] == 3
    assert meta["next"] == "/hserve/v2.2/idp/pay/order/?limit=2&offset=2"


@pytest.mark.parametrize(
    ("order_by", "places"),
    [
        ("created_at", [0, 1, 2, 3, 4]),
        ("-created_at", [4, 3, 2, 1, 0]),
        ("id", [0, 1, 2, 3, 4]),
        ("-total_cost,created_at", [1, 3, 0, 2, 4]),
        ("paid_at", [2, 0, 1, 3, 4]),
        ("-paid_at", [2, 4, 3, 1, 0]),
        ("", [4, 3, 2, 1, 0]),
    ],
)
def test_sorting_by_several_fields(baas: Baas, five, order_by, places):
    PayOrder.objects.filter(pk__in=[five[1].pk, five[3].pk]).update(amount=20000)
    pays(five[2])
    assert [one["id"] for one in baas.list(order_by=order_by)] == [five[n].pk for n in places]


def test_keys_choose_what_is_shown(baas: Baas, five):
    assert baas.list(keys="trade_no,id", limit=1) == [
        {"id": five[4].pk, "trade_no": five[4].order_no}
    ]
    assert list(baas.list(keys="-gateway_extra_info,-id", limit=1)[0]) == [
        name for name in MEMBERS if name not in ("gateway_extra_info", "id")
    ]


def test_expand_is_taken_and_changes_nothing(baas: Baas, five):
    assert baas.list(expand="created_by", return_total_count="1") == baas.list()


def test_a_page_costs_the_same_queries_however_long_it_is(
    baas: Baas, five, django_assert_num_queries
):
    """The key, the limit of time with its savepoint, the count, the rows."""
    baas.list()
    for limit in (1, 5):
        with django_assert_num_queries(6):
            assert len(baas.list(limit=limit)) == limit


def test_what_takes_too_long_is_the_filters_fault(baas: Baas, five, monkeypatch):
    from django.db import connection

    from gateway.api.minapp import paging

    def slow(_rows: Any, _page: Any) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '20ms'")
            cursor.execute("SELECT pg_sleep(5)")
        return 0

    monkeypatch.setattr(paging, "count", slow)
    message = "This takes too long to find; narrow it by created_at or paid_at."
    refused(baas.get(ORDERS), 400, message)


def test_creating_nothing_writes_nothing(baas: Baas):
    assert written() == NOTHING
