"""Store orders through the API: making, paying, the steps of a shop, refunds, lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from channels.base import Outcome, PayState, RefundState
from orders.models import (
    ApiKey,
    Event,
    IdempotencyKey,
    PayOrder,
    RefundOrder,
    StoreCancellation,
    StoreItem,
    StoreOrder,
)
from tests import cast
from tests.gateway.api.conftest import Api, problem, written

pytestmark = pytest.mark.django_db

ORDER: dict[str, Any] = {
    "biz_order_no": "SS-1",
    "store_id": "1001",
    "store_name": "Tea on the corner",
    "kind": "delivery",
    "amount": 10000,
    "mobile": "13812345678",
    "items": [{"seq": 1, "product_id": "138", "name": "Oolong", "price": 5000, "quantity": 2}],
}
ONLINE = {**ORDER, "pay_type": "online", "payment": {"channel": "sandbox", "method": "native"}}
COURIER = {"contact": "Li Si", "mobile": "13900000000"}


def kept() -> dict[str, int]:
    mine = (StoreOrder, StoreItem, StoreCancellation)
    return {**written(), **{model.__name__: model.objects.count() for model in mine}}


def test_a_store_order_is_201_with_every_field_and_the_phone_masked(api: Api):
    response = api.post("store-orders", {**ORDER, "note": "less ice", "status": "accepted"})
    assert response.status_code == 201
    body = dict(response.json())
    row = StoreOrder.objects.get()
    times = [body.pop(name) for name in ("created_at", "updated_at", "paid_at")]
    assert all(time.endswith("Z") for time in times)
    assert json.dumps(body) == json.dumps(
        {
            "order_no": row.order_no,
            "biz_order_no": "SS-1",
            "store_id": "1001",
            "store_name": "Tea on the corner",
            "kind": "delivery",
            "client": 2,
            "status": "accepted",
            "pay_type": "till",
            "pay_status": "paid",
            "pay_order_no": None,
            "pay_channel": "",
            "pay_channel_name": "",
            "amount": 10000,
            "original_amount": 10000,
            "deliver_fee": 0,
            "package_fee": 0,
            "currency": "CNY",
            "items": [
                {
                    "seq": 1,
                    "product_id": "138",
                    "third_product_id": "",
                    "name": "Oolong",
                    "price": 5000,
                    "quantity": 2,
                    "share_amount": 0,
                    "unit": "",
                    "weight": None,
                    "spec": "",
                    "property": "",
                }
            ],
            "delivery": None,
            "cancel_kind": None,
            "cancel_status": None,
            "cancel_reason": "",
            "cancellations": [],
            "can_refund": True,
            "needs_invoice": False,
            "gives_bonus": True,
            "table": "",
            "note": "less ice",
            "pos_code": "",
            "operator": "",
            "user_id": "",
            "user_name": "",
            "mobile": "138****678",
            "longitude": "",
            "latitude": "",
            "pick_up_no": "",
            "accepted_at": None,
            "made_at": None,
            "delivering_at": None,
            "expected_at": None,
            "arrival_at": None,
            "deadline_at": None,
            "ended_at": None,
            "pay_params": {},
            "notify_url": "",
        }
    )
    assert api.get("store-orders/biz:SS-1").json() == response.json()
    assert api.get(f"store-orders/{row.order_no}").json() == response.json()


def test_the_same_number_is_the_same_order_and_other_content_a_conflict(api: Api):
    first = api.post("store-orders", ORDER)
    again = api.post("store-orders", ORDER)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    before = kept()
    problem(api.post("store-orders", {**ORDER, "amount": 1}), 409, "duplicate_number")
    assert kept() == before


def test_a_key_makes_one_order_and_keeps_nothing_of_the_customers_phone(api: Api):
    first = api.post("store-orders", ONLINE, idempotency_key="k-1")
    cast.channel_says(
        PayOrder.objects.get(), Outcome.DONE, state=PayState.WAITING, pay_params={"code_url": "x"}
    )
    again = api.post("store-orders", ONLINE, idempotency_key="k-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again["Idempotent-Replayed"] == "true"
    assert again.json()["pay_params"] == {"code_url": "x"}
    assert "13812345678" not in IdempotencyKey.objects.get().response_body
    assert StoreOrder.objects.count() == PayOrder.objects.count() == 1
    other = {**ONLINE, "note": "x"}
    before = kept()
    problem(api.post("store-orders", other, idempotency_key="k-1"), 422, "idempotency_mismatch")
    assert kept() == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": -1}, "amount"),
        ({"amount": "100"}, "amount"),
        ({"kind": "drone"}, "kind"),
        ({"store_id": None}, "store_id"),
        ({"biz_order_no": "x/accept"}, "biz_order_no"),
        ({"nonsense": 1}, "nonsense"),
        ({"payment": {"channel": "sandbox", "method": "native"}}, "pay_type"),
        ({"items": [{"seq": 1}]}, "items[0].product_id"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(api: Api, changes, field):
    body = problem(api.post("store-orders", {**ORDER, **changes}), 422, "invalid_input")
    assert field in {error["field"] for error in body["errors"]}
    assert set(kept().values()) == {0}


def test_paying_online_goes_through_a_pay_order(api: Api):
    made = api.post("store-orders", ONLINE).json()
    order = PayOrder.objects.get()
    assert (made["pay_order_no"], made["status"]) == (order.order_no, "unpaid")
    cast.pays(StoreOrder.objects.get())
    shown = api.get("store-orders/biz:SS-1").json()
    assert (shown["status"], shown["pay_status"]) == ("paid", "paid")
    assert api.get(f"pay-orders/{order.order_no}").json()["status"] == "success"


def test_an_unpaid_order_can_be_paid_later_and_a_paid_one_cannot(api: Api):
    api.post("store-orders", {**ORDER, "pay_type": "online"})
    payment = {"channel": "sandbox", "method": "native"}
    made = api.post("store-orders/biz:SS-1/pay", payment)
    assert made.status_code == 200
    assert made.json()["pay_order_no"] == PayOrder.objects.get().order_no
    cast.pays(StoreOrder.objects.get())
    body = problem(api.post("store-orders/biz:SS-1/pay", payment), 409, "state")
    assert body["reasons"][0]["operation"] == "pay"
    assert PayOrder.objects.count() == 1


def test_the_steps_of_a_shop(api: Api):
    api.post("store-orders", {**ORDER, "status": "paid"})
    for way, body, status in (
        ("accept", {"operator": "Wang", "timeout": 30}, "accepted"),
        ("made", None, "made"),
        ("deliver", {"courier": COURIER}, "delivering"),
        ("complete", {}, "completed"),
    ):
        response = api.post(f"store-orders/biz:SS-1/{way}", body)
        assert (response.status_code, response.json()["status"]) == (200, status)
    shown = api.get("store-orders/biz:SS-1").json()
    assert shown["operator"] == "Wang"
    assert shown["delivery"] == {
        **COURIER,
        "express_code": "",
        "express_name": "",
        "express_no": "",
        "remark": "",
    }


def test_a_step_that_is_not_possible_says_why_and_changes_nothing(api: Api):
    api.post("store-orders", {**ORDER, "kind": "dine_in", "status": "accepted"})
    before = kept()
    body = {"courier": COURIER}
    refused = problem(api.post("store-orders/biz:SS-1/deliver", body), 409, "not_for_delivery")
    assert "dine in" in refused["detail"]
    problem(api.post("store-orders/biz:SS-1/accept"), 409, "state")
    problem(api.post("store-orders/biz:SS-1/cancel-after-sale", {}), 422, "invalid_input")
    problem(api.post("store-orders/biz:SS-1/made", {"timeout": 7}), 422, "invalid_input")
    problem(api.post("store-orders/biz:SS-1/deliver", {}), 422, "invalid_input")
    assert kept() == before


def test_a_refund_is_asked_for_and_agreed_to(api: Api):
    api.post("store-orders", ONLINE)
    row = StoreOrder.objects.get()
    cast.pays(row)
    api.post("store-orders/biz:SS-1/accept")
    asked = api.post("store-orders/biz:SS-1/request-refund", {"reason": "cold"}).json()
    assert (asked["cancel_kind"], asked["cancel_status"]) == ("customer", "asked")
    agreed = api.post("store-orders/biz:SS-1/agree-refund").json()
    assert (agreed["status"], agreed["cancel_status"]) == ("accepted", "refunding")
    refund = RefundOrder.objects.get()
    assert agreed["cancellations"][0]["refund_no"] == refund.refund_no
    problem(api.post("store-orders/biz:SS-1/made"), 409, "refund_pending")
    cast.channel_says(refund, Outcome.DONE, state=RefundState.SUCCESS)
    shown = api.get("store-orders/biz:SS-1").json()
    assert (shown["status"], shown["cancel_status"]) == ("cancelled", "done")


def test_operations_say_what_is_possible(api: Api):
    api.post("store-orders", {**ORDER, "status": "paid"})
    shown = {one["code"]: one for one in api.get("store-orders/biz:SS-1/operations").json()}
    allowed = {code for code, one in shown.items() if one["allowed"]}
    assert allowed == {"accept", "reject", "cancel", "cancel_after_sale"}
    assert shown["sync"]["reason"]["code"] == "nothing_to_ask"


def test_the_list_is_filtered(api: Api, house: cast.House):
    one = cast.make_store_order(house, "accepted")
    two = cast.make_store_order(house, online=False)
    for query, found in (
        ({}, [two, one]),
        ({"status": "accepted"}, [one]),
        ({"store_id": "1002"}, []),
        ({"pay_type": "till"}, [two]),
        ({"pay_order_no": one.pay_order.order_no}, [one]),
        ({"cancel_status": "asked"}, []),
    ):
        data = api.get("store-orders", query).json()["data"]
        assert [row["order_no"] for row in data] == [row.order_no for row in found]
    problem(api.get("store-orders", {"status": "3"}), 400, "invalid_parameter")


def test_another_merchants_order_is_not_there(api: Api, other_house: cast.House):
    row = cast.make_store_order(other_house)
    before = Event.objects.count()
    for way in ("accept", "cancel", "sync", "agree-refund"):
        problem(api.post(f"store-orders/{row.order_no}/{way}"), 404, "not_found")
    problem(api.get(f"store-orders/{row.order_no}"), 404, "not_found")
    problem(
        api.post(
            "store-orders",
            {**ORDER, "pay_type": "online", "pay_order_no": row.pay_order.order_no},
        ),
        404,
        "not_found",
    )
    assert Event.objects.count() == before


def test_a_key_needs_the_scope(house: cast.House):
    _row, key = ApiKey.issue(house.application, scopes=["pay", "refund", "read"])
    api = Api(key)
    assert api.get("store-orders").status_code == 200
    problem(api.post("store-orders", ORDER), 403, "scope_missing")
    assert set(kept().values()) == {0}
