"""Every example of 知晓云's page about payment orders, as it is printed there: each call is taken
and each answer is given, member by member (tests/vectors/minapp/SOURCE).

The page says ``...`` where a value is the reader's own; those are filled in, nothing else is.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse

from channels.base import Outcome
from orders.models import PayOrder, RefundOrder
from tests import cast
from tests.gateway.minapp.conftest import (
    ALIPAY,
    APPID,
    ORDER,
    ORDERS,
    REFUND,
    WECHAT,
    Baas,
    held,
    paid,
    pays,
    receiver,
)

pytestmark = pytest.mark.django_db

VECTORS = Path(__file__).parents[2] / "vectors" / "minapp"
BLOCKS = re.findall(r"```(js|json)\n(.*?)\n```", (VECTORS / "examples.md").read_text(), re.DOTALL)
CALLS = [text for kind, text in BLOCKS if kind == "js"]
ANSWERS = [json.loads(text) for kind, text in BLOCKS if kind == "json"]
LIST, EXTRA, SINGLE, MULTI, OF_ALIPAY = ANSWERS
PARAMETERS = (VECTORS / "parameters.txt").read_text().splitlines()
ADDRESSES = {
    "wechatPay.profitSharing": f"{WECHAT}/profit-sharing/",
    "wechatPay.multiProfitSharing": f"{WECHAT}/multi-profit-sharing/",
    "alipay.profitSharing": f"{ALIPAY}/profit-sharing/",
}


def arguments(call: str) -> dict[str, Any]:
    """The object literal of a printed call: names without quotes, single quotes, commas at ends."""
    found = re.search(r"\(\s*(\{.*?\})\s*\)\.then", call, re.DOTALL)
    if found is None:
        return {}
    text = re.sub(r"'([^']*)'", r'"\1"', found.group(1))
    text = re.sub(r"([{,]\s*)([a-z_]+):", r'\1"\2":', text)
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", text))


def test_the_page_has_as_many_examples_as_are_tried_here():
    assert (len(CALLS), len(ANSWERS), len(PARAMETERS)) == (10, 5, 65)


# --- lists --------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [one for one in CALLS if "getOrderList" in one])
def test_a_printed_list_call_finds_the_order_that_it_names(baas: Baas, house, call):
    for n in range(21):
        paid(house, biz_order_no=f"SO-{n}")
    mine = PayOrder.objects.latest("pk")
    asked = arguments(call)
    columns = {"trade_no": "order_no", "transaction_no": "biz_order_no"}
    for name, column in columns.items():
        if name in asked:
            PayOrder.objects.filter(pk=mine.pk).update(**{column: asked[name][:32]})
            asked[name] = asked[name][:32]  # the page's own example is masked to 35 characters
    skip = re.search(r"offset\((\d+)\)\.limit\((\d+)\)", call)
    pages = {"offset": skip.group(1), "limit": skip.group(2)} if skip else {}
    answer = baas.get(ORDERS, {"where": "{}", **pages, **asked}).json()
    expected = {"gateway_type": 20, "trade_no": 1, "transaction_no": 1}
    assert len(answer["objects"]) == (expected[next(iter(asked))] if asked else 1)


def test_a_pending_order_looks_as_printed(baas: Baas):
    printed = LIST["data"]["objects"][0]
    body = {
        "gateway_type": "weixin_tenpay",
        "total_cost": float(printed["total_cost"]),
        "merchandise_description": printed["merchandise_description"],
        "ip_address": printed["ip_address"],
        "openid": "om4vu0FZiwoQbTVAt0U-FEzXXXXX",
    }
    baas.post(ORDERS, body)
    order = PayOrder.objects.get()
    # The page prints Python's spelling of this; the same members, as JSON.
    parameters = json.loads(printed["gateway_extra_info"].replace("'", '"'))
    held(order, **parameters["payment_parameters"])
    PayOrder.objects.filter(pk=order.pk).update(
        order_no=printed["trade_no"], biz_order_no=printed["transaction_no"]
    )
    answer = baas.get(ORDERS).json()
    assert {"data": {"meta": answer["meta"]}} == {"data": {"meta": LIST["data"]["meta"]}}
    (told,) = answer["objects"]
    assert set(printed) < set(told)
    assert told["gateway_extra_info"] == parameters
    own = ("id", "created_at", "updated_at", "gateway_extra_info")
    assert {name: told[name] for name in printed if name not in own} == {
        name: value for name, value in printed.items() if name not in own
    }
    for name in ("created_at", "updated_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", told[name])
    assert type(told["id"]) is int


def test_a_paid_order_has_every_printed_member_of_what_wechat_told(baas: Baas):
    baas.post(ORDERS, {**ORDER, "gateway_type": "weixin_tenpay", "openid": "o1"})
    order = pays(PayOrder.objects.get())
    told = baas.list()[0]["gateway_extra_info"]["wechat_response"]
    printed = EXTRA["gateway_extra_info"]["wechat_response"]
    assert list(told) == list(printed)
    assert all(type(value) is str for value in told.values())
    for name in ("result_code", "return_code", "fee_type", "trade_type"):
        assert told[name] == printed[name]
    assert told["out_trade_no"] == order.order_no


@pytest.mark.parametrize(
    "name", [row.split(" ")[0].removeprefix("params.") for row in PARAMETERS[:20]]
)
def test_every_row_of_the_table_of_filters_is_a_filter(baas: Baas, house, name):
    values = {"id": "1", "paid_at__gte": "4000000000", "paid_at__lte": "1", "total_cost": "1.00"}
    numbers = ("created_at", "created_by_id", "paid_at", "refund_amount", "updated_at")
    value = values.get(name, "1" if name in (*numbers, "merchandise_schema_id") else "1.1.1.1")
    paid(house)
    answer = baas.get(ORDERS, {name: value})
    assert (answer.status_code, answer.json()["meta"]["total_count"]) == (200, 0)


# --- profit sharing -----------------------------------------------------------------------------


def filled(call: str, order: PayOrder, account: str, kind: str) -> dict[str, Any]:
    asked = arguments(call)
    own = {"trade_no": order.order_no, "appid": APPID, "type": kind, "account": account,
           "description": "分到商户"}  # fmt: skip
    (part,) = asked["receivers"]
    asked["receivers"] = [{name: own.get(name, value) for name, value in part.items()}]
    return {name: own.get(name, value) for name, value in asked.items()}


@pytest.mark.parametrize(
    ("call", "printed"),
    zip([one for one in CALLS if "rofitSharing" in one], [SINGLE, MULTI, OF_ALIPAY], strict=True),
)
def test_a_printed_sharing_is_taken_and_answered_as_printed(baas: Baas, house, call, printed):
    name = re.search(r"order\.(\w+\.\w+)\(", call).group(1)
    channel = "wechat" if name.startswith("wechat") else "alipay"
    account = {"wechat": "1900000109", "alipay": "2088101126765726"}[channel]
    kind = {"wechat": "MERCHANT_ID", "alipay": "userId"}[channel]
    receiver(house, channel, account)
    order = paid(house, channel, sharing=True)
    body = filled(call, order, account, kind)

    def ask() -> HttpResponse:
        return baas.post(ADDRESSES[name], body)

    assert ask().status_code == 200
    row = order.allocations.get()
    cast.channel_says(row, Outcome.PENDING, out_no="3008450740201411110007820472")
    answer = ask()
    told = answer.json()
    assert answer.status_code == printed["status"] == 200
    assert set(printed["data"]) <= set(told)
    assert told["return_code"] == printed["data"]["return_code"]
    assert told["trade_no"] == order.order_no
    if channel == "wechat":
        assert told["wechat_order_no"] == "3008450740201411110007820472"
    assert row.finishes is (name == "wechatPay.profitSharing")
    assert order.allocations.count() == 1


# --- refunds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [one for one in CALLS if "BaaS.refund" in one])
def test_a_printed_refund_gives_back_all_that_is_left(baas: Baas, house, call):
    asked = arguments(call)
    order = paid(house)
    name = next(name for name in asked if name != "memo")
    column = {"order_id": "id", "trade_no": "order_no", "transaction_no": "biz_order_no"}[name]
    asked[name] = getattr(order, column)
    answer = baas.post(REFUND, asked)
    row = RefundOrder.objects.get()
    rows = PARAMETERS[PARAMETERS.index("error_msg | String | - |") :]
    assert set(answer.json()) == {row.split(" ")[0] for row in rows}
    assert answer.json() == {
        "error_msg": "",
        "id": row.pk,
        "memo": "测试退款",
        "order_id": order.pk,
        "refund_amount": "100.00",
        "refund_no": row.refund_no,
        "status": "pending",
    }
    assert (row.amount, row.reason, row.door) == (10000, "测试退款", "minapp")
    assert cast.open_kinds(row) == ["refund"]
