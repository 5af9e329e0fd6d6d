"""Every filter and operator of 知晓云's order list, each against orders that it must leave out."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.api.minapp import filters, orders, query
from orders.models import PayOrder
from tests import cast
from tests.gateway.minapp.conftest import ORDER, ORDERS, Baas, paid, pays, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def shelf(baas: Baas, house: cast.House) -> dict[str, PayOrder]:
    """One order of each kind, by name, with a stranger's among them."""
    found = {}
    for name, body in {
        "native": {"merchandise_record_id": "rec-1", "merchandise_schema_id": 7},
        "js": {"gateway_type": "weixin_tenpay_js", "openid": "o1", "created_by_id": 42},
        "mini": {"gateway_type": "weixin_tenpay", "openid": "o1", "created_by_name": "小李"},
        "page": {"gateway_type": "alipay_page", "total_cost": "0.01", "ip_address": "1.2.3.4"},
    }.items():
        told = baas.post(ORDERS, {**ORDER, "merchandise_description": f"Tea {name}", **body})
        assert told.status_code == 201
        found[name] = PayOrder.objects.get(biz_order_no=told.json()["transaction_no"])
    found["paid"] = paid(house, title="Paid tea")
    found["partial"] = paid(house)
    cast.make_refund(found["partial"], "success", amount=1)
    found["whole"] = paid(house, "alipay")
    cast.make_refund(found["whole"], "success", amount=10000)
    found["closed"] = cast.make_pay_order(house, "close", channel="wechat", title="Closed tea")
    return found


def names(shelf: dict[str, PayOrder], objects: list[dict[str, Any]]) -> set[str]:
    by_id = {order.pk: name for name, order in shelf.items()}
    return {by_id[one["id"]] for one in objects}


PENDING = {"native", "js", "mini", "page"}
PAID = {"paid", "partial", "whole"}
EVERY = PENDING | PAID | {"closed"}
OF_WECHAT = EVERY - {"page", "whole"}

PARAMETERS = [
    ({"status": "pending"}, PENDING),
    ({"status": "success"}, PAID),
    ({"status": "failed"}, {"closed"}),
    ({"status": "succes"}, set()),
    ({"status__ne": "pending"}, PAID | {"closed"}),
    ({"status__in": "pending,failed"}, PENDING | {"closed"}),
    ({"refund_status": "complete"}, {"whole"}),
    ({"refund_status": "partial"}, {"partial"}),
    ({"refund_status": ""}, EVERY - {"whole", "partial"}),
    ({"refund_status": "failed"}, set()),
    ({"refund_status__isnull": "true"}, EVERY - {"whole", "partial"}),
    ({"gateway_type": "weixin_tenpay"}, OF_WECHAT),
    ({"gateway_type": "alipay"}, {"page", "whole"}),
    ({"gateway_type": "weixin_tenpay_native"}, OF_WECHAT - {"js", "mini"}),
    ({"gateway_type": "weixin_tenpay_js"}, {"js"}),
    ({"gateway_type": "alipay_page"}, {"page"}),
    ({"gateway_type": "qpay"}, set()),
    ({"merchandise_record_id": "rec-1"}, {"native"}),
    ({"merchandise_schema_id": "7"}, {"native"}),
    ({"merchandise_schema_id__isnull": "0"}, {"native"}),
    ({"created_by_id": "42"}, {"js"}),
    ({"created_by_id__nin": "42"}, EVERY - {"js"}),
    ({"created_by_name": "小李"}, {"mini"}),
    ({"ip_address": "1.2.3.4"}, {"page"}),
    ({"merchandise_description": "Tea js"}, {"js"}),
    ({"merchandise_description__contains": "Tea "}, PENDING),
    ({"merchandise_description__contains": "%"}, set()),
    ({"merchandise_description__contains": "_"}, set()),
    ({"total_cost": "398"}, {"native", "js", "mini"}),
    ({"total_cost": "398.00"}, {"native", "js", "mini"}),
    ({"total_cost__lt": "0.02"}, {"page"}),
    ({"total_cost__gte": "100", "total_cost__lt": "398"}, PAID | {"closed"}),
    ({"total_cost__range": "100,398"}, EVERY - {"page"}),
    ({"refund_amount": "100"}, {"whole"}),
    ({"refund_amount__gt": "0"}, {"whole", "partial"}),
    ({"paid_at__isnull": "true"}, PENDING | {"closed"}),
    ({"paid_at__exists": "true"}, PAID),
    ({"created_at__gte": "2018-10-12T17:18:10.992125"}, EVERY),
    ({"created_at__lt": "2018-10-12"}, set()),
    ({"updated_at__gte": "1568026439"}, EVERY),
    ({"updated_at__lt": "1568026439"}, set()),
    ({"status": "success", "gateway_type": "alipay"}, {"whole"}),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "expected"), PARAMETERS)
def test_a_plain_parameter_finds_exactly_these(baas: Baas, shelf, asked, expected):
    assert names(shelf, baas.list(**asked)) == expected
    assert baas.get(ORDERS, asked).json()["meta"]["total_count"] == len(expected)


WHERES = [
    ({}, EVERY),
    ({"$and": []}, EVERY),
    ({"status": "pending"}, PENDING),
    ({"status": {"$eq": "pending"}}, PENDING),
    ({"status": {"$ne": "pending"}}, PAID | {"closed"}),
    ({"status": {"$in": ["success", "failed"]}}, PAID | {"closed"}),
    ({"status": {"$nin": ["success", "failed"]}}, PENDING),
    ({"$and": [{"total_cost": {"$gt": 1}}, {"total_cost": {"$lt": 101.5}}]}, PAID | {"closed"}),
    ({"total_cost": {"$gte": 100, "$lte": 100}}, PAID | {"closed"}),
    ({"total_cost": {"$lte": 0.01}}, {"page"}),
    ({"total_cost": {"$range": [0.01, 100]}}, EVERY - {"native", "js", "mini"}),
    ({"$or": [{"status": "failed"}, {"refund_status": "complete"}]}, {"closed", "whole"}),
    ({"$or": [{"status": "failed"}, {}]}, EVERY),
    ({"$or": [{"$and": [{"status": "success"}, {"refund_amount": 0}]}, {"ip_address": "1.2.3.4"}]},
     {"paid", "page"}),
    ({"merchandise_description": {"$contains": "tea"}}, {"paid", "closed"}),
    ({"paid_at": {"$isnull": True}}, PENDING | {"closed"}),
    ({"paid_at": {"$isnull": False}}, PAID),
    ({"paid_at": {"$exists": False}}, PENDING | {"closed"}),
    ({"paid_at": None}, PENDING | {"closed"}),
    ({"refund_status": None, "status": "success"}, {"paid"}),
    ({"merchandise_record_id": {"$exists": True}}, {"native"}),
    ({"merchandise_record_id": {"$ne": "rec-1"}}, EVERY - {"native"}),
    ({"merchandise_schema_id": 7}, {"native"}),
    ({"created_by_id": {"$in": [42, 43]}}, {"js"}),
    ({"gateway_type": {"$nin": ["alipay", "weixin_tenpay_js"]}}, OF_WECHAT - {"js"}),
    ({"ip_address": {"$isnull": True}}, PAID | {"closed"}),
    ({"id": {"$gt": 0}}, EVERY),
    ({"trade_no": None}, set()),
]  # fmt: skip


@pytest.mark.parametrize(("where", "expected"), WHERES)
def test_a_where_finds_exactly_these(baas: Baas, shelf, where, expected):
    assert names(shelf, baas.list(where=json.dumps(where))) == expected


@pytest.mark.parametrize("name", ["id", "trade_no", "transaction_no"])
def test_an_order_is_found_by_each_of_its_numbers(baas: Baas, shelf, name):
    for key, order in shelf.items():
        (shown,) = baas.list(id=order.pk)
        assert names(shelf, baas.list(**{name: shown[name]})) == {key}
        where = json.dumps({name: {"$in": [shown[name]]}})
        assert names(shelf, baas.list(where=where)) == {key}


def test_an_order_is_found_by_the_channels_own_number(baas: Baas, shelf):
    order = shelf["paid"]
    for name in ("trade_no", "transaction_no"):
        assert names(shelf, baas.list(**{name: order.out_order_no})) == {"paid"}
    part = order.out_order_no[1:-1]
    assert "paid" in names(shelf, baas.list(transaction_no__contains=part))


def test_a_time_in_seconds_is_its_whole_second(baas: Baas, house):
    """What a list shows as ``paid_at`` finds the order again, also as the end of a span."""
    order = paid(house)
    PayOrder.objects.filter(pk=order.pk).update(paid_at=order.paid_at.replace(microsecond=999_999))
    (shown,) = baas.list()
    at = shown["paid_at"]
    for asked, is_found in (
        ({"paid_at": at}, True), ({"paid_at": at + 1}, False),
        ({"paid_at__gte": at, "paid_at__lte": at}, True), ({"paid_at__gt": at}, False),
        ({"paid_at__gt": at - 1}, True), ({"paid_at__lt": at}, False),
        ({"paid_at__lt": at + 1}, True), ({"paid_at__lte": at - 1}, False),
    ):  # fmt: skip
        assert bool(baas.list(**asked)) is is_found, asked
    exact = cast.reload(order).created_at + timedelta(hours=8)
    text = exact.strftime("%Y-%m-%dT%H:%M:%S.%f")
    assert baas.list(created_at=text) and not baas.list(created_at__gt=text)


def test_a_refund_under_way_is_no_refund_yet(baas: Baas, house):
    order = paid(house)
    cast.make_refund(order, amount=1)
    assert [one["refund_status"] for one in baas.list(refund_status="")] == [None]
    assert baas.list(refund_status="partial") == []


def test_a_second_refund_under_way_leaves_it_partly_refunded(baas: Baas, house):
    order = paid(house)
    cast.make_refund(order, "success", amount=1)
    cast.make_refund(order, amount=1)
    assert [one["refund_status"] for one in baas.list(refund_status="partial")] == ["partial"]
    assert baas.list(refund_status="") == []


@pytest.mark.parametrize(
    "value", ["' OR 1=1 --", "x' UNION SELECT 1", '"; DROP TABLE x', "$where", "{}", "*", "\\"]
)
def test_a_filter_is_a_value_and_never_a_pattern(baas: Baas, shelf, value):
    for name in ("trade_no", "transaction_no", "status", "gateway_type", "merchandise_record_id"):
        assert baas.list(**{name: value}) == []
        assert baas.list(where=json.dumps({name: value})) == []
    assert PayOrder.objects.count() == len(shelf)


def test_a_stranger_sees_none_of_it_whatever_he_asks(other: Baas, shelf):
    everything = {"$or": [{"id": {"$gt": 0}}, {"status": {"$ne": "x"}}, {}]}
    assert other.list(where=json.dumps(everything)) == []


# --- what cannot be asked for -------------------------------------------------------------------

OPERATORS = "eq, ne, in, nin, isnull, exists"
ORDERED = f"{OPERATORS}, lt, lte, gt, gte, range"
YUAN = "Must be an amount in yuan, with at most two decimals."
TIME = "Must be seconds since 1970, or a time such as 2018-10-12T17:18:10."

WRONG = [
    ({"limit": "0"}, "limit: Must be from 1 to 1000."),
    ({"limit": "1001"}, "limit: Must be from 1 to 1000."),
    ({"limit": "-1"}, "limit: Must be from 1 to 1000."),
    ({"limit": "1e3"}, "limit: Must be from 1 to 1000."),
    ({"limit": "9" * 400}, "limit: Must be from 1 to 1000."),
    ({"limit": ""}, "limit: Must be from 1 to 1000."),
    ({"offset": "-1"}, "offset: Must be from 0 to 100000."),
    ({"offset": "x"}, "offset: Must be from 0 to 100000."),
    ({"offset": "100001"},
     "offset: At most 100000; narrow the list by created_at or paid_at instead."),
    ({"offset": str(2**63)}, "offset: Must be from 0 to 100000."),
    ({"order_by": "title"},
     "order_by: Can be sorted by id, created_at, updated_at, paid_at, total_cost only."),
    ({"order_by": "--id"},
     "order_by: Can be sorted by id, created_at, updated_at, paid_at, total_cost only."),
    ({"order_by": "id,id,id,id,id,id"}, "order_by: At most 5 fields."),
    ({"keys": "id,secret"}, "keys: There is no field “secret”."),
    ({"x": "1"}, "x: There is no such parameter here."),
    ({"account__secrets_stored": "1"}, "account__secrets_stored: There is no such parameter here."),
    ({"merchant__name": "x"}, "merchant__name: There is no such parameter here."),
    ({"id": "x"}, "id: Must be a whole number."),
    ({"id": "1.0"}, "id: Must be a whole number."),
    ({"id": str(2**63)}, "id: Must be a whole number."),
    ({"id": ""}, "id: Is empty."),
    ({"id__regex": "1"}, f"id__regex: Can be asked for by {ORDERED} only."),
    ({"status__gt": "a"}, f"status__gt: Can be asked for by {OPERATORS} only."),
    ({"trade_no__startswith": "P"},
     f"trade_no__startswith: Can be asked for by {OPERATORS}, contains only."),
    ({"paid_at__gte": "yesterday"}, f"paid_at__gte: {TIME}"),
    ({"paid_at__gte": "1568026488123"}, f"paid_at__gte: {TIME}"),
    ({"paid_at__gte": "1568026488.5"}, f"paid_at__gte: {TIME}"),
    ({"paid_at__lte": "-1"}, f"paid_at__lte: {TIME}"),
    ({"paid_at": "2018-13-12T00:00:00"}, f"paid_at: {TIME}"),
    ({"paid_at": "0001-01-01T00:00:00+14:00"}, f"paid_at: {TIME}"),
    ({"paid_at": "9999-12-31T23:59:59-14:00"}, f"paid_at: {TIME}"),
    ({"total_cost": "1.005"}, f"total_cost: {YUAN}"),
    ({"total_cost": "-1"}, f"total_cost: {YUAN}"),
    ({"total_cost": "1e2"}, f"total_cost: {YUAN}"),
    ({"total_cost__range": "1"}, "total_cost__range: Must be two values, the least and the most."),
    ({"id__in": ",".join(["1"] * 101)}, "id__in: Must be a list of 1 to 100 values."),
    ({"paid_at__isnull": "maybe"}, "paid_at__isnull: Must be true or false."),
    ({"ip_address": "1.2.3"}, "ip_address: Must be an IP address."),
    ({"trade_no": "a\x00b"}, "trade_no: Must be one line of printable characters."),
    ({"trade_no": "x" * 257}, "trade_no: Must be 1 to 256 printable characters."),
    ({"trade_no": "x" * 5000}, "trade_no: At most 4096 characters."),
    ({"where": "{"}, "where: The body is not JSON (line 1, column 2)."),
    ({"where": "[]"}, "where: Every condition must be a JSON object."),
    ({"where": "null"}, "where: Every condition must be a JSON object."),
    ({"where": '{"a":1,"a":2}'}, "where: The name “a” stands in the body twice."),
    ({"where": '{"id":NaN}'}, "where: NaN is not a JSON value."),
    ({"where": '{"$not": []}'}, "where: There is no field or join “$not”."),
    ({"where": '{"$where": "sleep(1)"}'}, "where: There is no field or join “$where”."),
    ({"where": '{"$or": []}'}, "where: $or must be a list of conditions."),
    ({"where": '{"$and": {}}'}, "where: $and must be a list of conditions."),
    ({"where": '{"secret": 1}'}, "where: There is no field or join “secret”."),
    ({"where": '{"status": {}}'}, "status: Is asked for without an operator."),
    ({"where": '{"status": {"eq": "x"}}'}, "status: “eq” is no operator; they begin with $."),
    ({"where": '{"status": {"$regex": ".*"}}'}, f"status: Can be asked for by {OPERATORS} only."),
    ({"where": '{"status": {"$contains": "s"}}'}, f"status: Can be asked for by {OPERATORS} only."),
    ({"where": '{"status": 1}'}, "status: Must be 1 to 256 printable characters."),
    ({"where": '{"status": {"$in": []}}'}, "status: Must be a list of 1 to 100 values."),
    ({"where": '{"id": 1.5}'}, "id: Must be a whole number."),
    ({"where": '{"id": true}'}, "id: Must be a whole number."),
    ({"where": '{"id": {"$gt": null}}'}, "id: Must be a whole number."),
    ({"where": '{"total_cost": {"$gt": [1]}}'}, f"total_cost: {YUAN}"),
    ({"where": '{"$and":[' * 9 + "{}" + "]}" * 9}, "where: Is nested more than 8 deep."),
    ({"where": json.dumps({"$or": [{"id": 1}] * 51})}, "where: Has more than 50 conditions."),
    ({"where": "[" * 5000}, "where: The body is nested too deeply."),
    ({"where": " " * 16385}, "where: At most 16384 characters."),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "message"), WRONG)
def test_what_cannot_be_asked_for_is_named(baas: Baas, asked, message):
    refused(baas.get(ORDERS, asked), 400, message)


def test_a_parameter_is_given_once(baas: Baas):
    refused(baas.get(f"{ORDERS}?status=success&status=pending"), 400,
            "status: Is given more than once.")  # fmt: skip


def test_a_parameter_is_utf_8(baas: Baas):
    refused(baas.get(f"{ORDERS}?trade_no=%ff"), 400, "trade_no: Is not UTF-8.")


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["pending", "2018-10-12", "1.50", "true", "1,2", "::1", "weixin_tenpay"]),
)
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(max_size=5), SCALARS)
)
FIELD_NAMES = st.one_of(st.sampled_from([*filters.FIELDS]), st.text(max_size=10))
OPERATOR_NAMES = st.one_of(
    st.sampled_from(
        [f"${name}" for name in [*ORDERED.split(", "), "contains", "regex", "has_key"]]
    ),
    st.text(max_size=6),
)
CONDITIONS = st.recursive(
    st.dictionaries(
        FIELD_NAMES,
        st.one_of(VALUES, st.dictionaries(OPERATOR_NAMES, VALUES, max_size=2)),
        max_size=2,
    ),
    lambda inner: st.dictionaries(
        st.sampled_from(["$and", "$or", "$not"]), st.lists(inner, max_size=3), max_size=2
    ),
    max_leaves=6,
)
CALM = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def is_clear(answer: Any) -> None:
    assert answer.status_code in (200, 400), answer.content
    if answer.status_code == 400:
        assert list(answer.json()) == ["status", "error_msg"]


@CALM
@given(where=CONDITIONS)
def test_no_where_is_ever_an_error_of_ours(baas: Baas, where):
    is_clear(baas.get(ORDERS, {"where": json.dumps(where)}))


@CALM
@given(text=st.text(max_size=60))
def test_no_text_as_where_is_ever_an_error_of_ours(baas: Baas, text):
    is_clear(baas.get(ORDERS, {"where": text.encode("utf-8", "surrogatepass")}))


@CALM
@given(
    asked=st.dictionaries(
        st.builds(
            lambda field, operator: f"{field}__{operator}" if operator else field,
            FIELD_NAMES,
            st.sampled_from(["", *ORDERED.split(", "), "contains", "x"]),
        )
        | st.sampled_from(["limit", "offset", "order_by", "keys", "expand"]),
        st.text(max_size=20) | SCALARS.map(str),
        max_size=3,
    )
)
def test_no_parameter_is_ever_an_error_of_ours(baas: Baas, asked):
    encoded = {
        name.encode("utf-8", "surrogatepass"): value.encode("utf-8", "surrogatepass")
        for name, value in asked.items()
    }
    is_clear(baas.get(ORDERS, encoded))


# --- plans --------------------------------------------------------------------------------------

MANY = """
INSERT INTO orders_payorder ({columns})
SELECT {values} FROM orders_payorder o, generate_series(1, {count}) n WHERE o.id = %s
"""
CHANGED = {
    "order_no": "'{letter}' || n",
    "biz_order_no": "'B' || n",
    "out_order_no": "'O' || n",
    "created_at": "o.created_at - n * interval '1 minute'",
    "paid_at": "o.paid_at - n * interval '1 minute'",
    "door": "'minapp'",
    "door_data": "jsonb_build_object('find', jsonb_build_object("
    "'merchandise_record_id', 'r' || n, 'created_by_id', n))",
}


def fill(house: cast.House, letter: str, count: int) -> None:
    """Paid orders, a minute apart, and the planner knows it."""
    columns = [field.column for field in PayOrder._meta.concrete_fields if field.column != "id"]
    values = [CHANGED.get(name, f"o.{name}") for name in columns]
    many = MANY.format(columns=", ".join(columns), values=", ".join(values), count=count)
    with connection.cursor() as cursor:
        cursor.execute(many.replace("{letter}", letter), [paid(house).pk])
        cursor.execute("SELECT gin_clean_pending_list('pay_minapp_told')")  # as autovacuum would
        cursor.execute("ANALYZE orders_payorder")


def plan(house: cast.House, asked: dict[str, str]) -> str:
    """How PostgreSQL finds this page."""
    what = query.read(asked)
    rows = orders.rows(house.application).filter(what.condition).order_by(*what.order)
    return rows[what.page.offset : what.page.offset + what.page.limit].explain()


PLANS = [
    ({}, "pay_application_created"),
    ({"offset": "1000"}, "pay_application_created"),
    ({"where": '{"$and":[{"total_cost":{"$gt":1}}]}'}, "pay_application_created"),
    ({"paid_at__gte": "{at}", "paid_at__lte": "{later}"}, "pay_application_paid"),
    ({"paid_at__gte": "{at}", "order_by": "paid_at"}, "pay_application_paid"),
    ({"trade_no": "P77"}, "orders_payorder_order_no"),
    ({"transaction_no": "B77"}, "pay_biz_order_no"),
    ({"merchandise_record_id": "r77"}, "pay_minapp_told"),
    ({"where": '{"created_by_id": 77}'}, "pay_minapp_told"),
    ({"id": "77"}, "orders_payorder_pkey"),
]


def test_every_kind_of_list_is_found_by_an_index(house, other_house):
    fill(house, "P", 4000)
    fill(other_house, "Q", 12000)
    latest = PayOrder.objects.filter(application=house.application).latest("paid_at").paid_at
    times = {
        "{at}": str(int((latest - timedelta(minutes=30)).timestamp())),
        "{later}": str(int((latest - timedelta(minutes=10)).timestamp())),
    }
    for asked, index in PLANS:
        found = plan(house, {name: times.get(text, text) for name, text in asked.items()})
        assert index in found, f"{asked}\n{found}"
        assert "Seq Scan on orders_payorder" not in found, f"{asked}\n{found}"


def test_an_order_paid_after_another_is_listed_after_it(baas: Baas, shelf):
    pays(shelf["native"])
    assert names(shelf, baas.list(order_by="-paid_at", limit=1)) == {"native"}
