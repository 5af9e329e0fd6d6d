"""Pay orders through the API: create, read, close, cancel, sync, operations."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from channels.base import Outcome, PayState
from orders.models import ChannelCall, Event, PayOrder
from tests import cast
from tests.gateway.api.conftest import ORDER, Api, problem, written

pytestmark = pytest.mark.django_db


def test_a_new_order_is_201_with_every_field_in_its_fixed_order(api: Api):
    response = api.post(
        "pay-orders",
        {**ORDER, "notify_url": "http://127.0.0.1:9/n", "attach": "table 7", "openid": None},
    )
    assert response.status_code == 201
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    order = PayOrder.objects.get()
    body = response.json()
    times = {name: body.pop(name) for name in ("created_at", "expires_at")}
    assert json.dumps(body) == json.dumps(
        {
            "order_no": order.order_no,
            "biz_order_no": "SO-1",
            "out_order_no": None,
            "channel": "sandbox",
            "method": "native",
            "title": "Tea",
            "attach": "table 7",
            "amount": 10000,
            "currency": "CNY",
            "status": "wait",
            "intent": None,
            "paid_amount": None,
            "refunded_amount": 0,
            "refunding_amount": 0,
            "refundable_balance": 0,
            "refund_status": "no_refund",
            "allocation_status": "none",
            "error": None,
            "paid_at": None,
            "ended_at": None,
            "pay_params": {},
            "notify_url": "http://127.0.0.1:9/n",
        }
    )
    assert times["created_at"] == order.created_at.isoformat(timespec="milliseconds").replace(
        "+00:00", "Z"
    )
    assert times["expires_at"].endswith("Z")
    assert Event.objects.get().actor.startswith("zf_")
    assert Event.objects.get().request_id == response["X-Request-ID"]
    assert ChannelCall.objects.get().queue == "pay"


def test_the_same_number_with_the_same_content_is_200_and_the_same_order(api: Api):
    first = api.post("pay-orders", ORDER)
    before = written()
    second = api.post("pay-orders", ORDER)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert written() == before


@pytest.mark.parametrize(
    ("field", "value"), [("amount", 10001), ("title", "Coffee"), ("method", "app")]
)
def test_the_same_number_with_other_content_is_409(api: Api, field, value):
    api.post("pay-orders", ORDER)
    before = written()
    body = problem(api.post("pay-orders", {**ORDER, field: value}), 409, "duplicate_number")
    assert body["errors"] == [
        {"field": "biz_order_no", "code": "duplicate_number", "message": body["detail"]}
    ]
    assert field in body["detail"]
    assert written() == before


def test_each_application_has_its_own_numbers(api: Api, other_api: Api):
    mine, theirs = api.post("pay-orders", ORDER), other_api.post("pay-orders", ORDER)
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["order_no"] != theirs.json()["order_no"]


@pytest.mark.parametrize(
    "number", ["SO-1", "a/b/c", "100%", "a?b=c&d", "x;y", "..", "biz:1", "%2F"]
)
def test_an_order_is_found_by_the_merchants_number_whatever_signs_it_has(api: Api, number):
    made = api.post("pay-orders", {**ORDER, "biz_order_no": number}).json()
    found = api.get(f"pay-orders/biz:{quote(number, safe='')}")
    assert found.status_code == 200
    assert found.json() == made
    closed = api.post(f"pay-orders/biz:{quote(number, safe='')}/close", {"reason": "sold out"})
    assert closed.status_code == 200
    assert closed.json()["status"] == "close"


@pytest.mark.parametrize(
    "ending", ["close", "cancel", "sync", "retry", "operations", "allocate", "finish"]
)
def test_a_number_that_would_be_read_as_an_operation_is_refused(api: Api, ending):
    response = api.post("pay-orders", {**ORDER, "biz_order_no": f"a/{ending}"})
    body = problem(response, 422, "invalid_input")
    assert [error["code"] for error in body["errors"]] == ["reserved_ending"]
    assert written()["PayOrder"] == 0


@pytest.mark.parametrize("way", ["", "/operations"])
def test_somebody_elses_order_is_not_found(api: Api, other_api: Api, way):
    made = api.post("pay-orders", ORDER).json()
    mine = problem(other_api.get(f"pay-orders/{made['order_no']}{way}"), 404, "not_found")
    nobodys = problem(other_api.get(f"pay-orders/P{'0' * 26}{way}"), 404, "not_found")
    assert mine["detail"] == f"There is no order {made['order_no']}."
    assert nobodys["title"] == mine["title"]
    problem(other_api.get(f"pay-orders/biz:SO-1{way}"), 404, "not_found")


@pytest.mark.parametrize("operation", ["close", "cancel", "sync"])
@pytest.mark.parametrize("number", ["ours", "biz:SO-1"])
def test_nobody_else_can_operate_on_an_order(api: Api, other_api: Api, operation, number):
    made = api.post("pay-orders", ORDER).json()
    before = written()
    number = made["order_no"] if number == "ours" else number
    problem(other_api.post(f"pay-orders/{number}/{operation}"), 404, "not_found")
    assert written() == before
    assert PayOrder.objects.get().intent == ""


@pytest.mark.parametrize(
    "number", ["%00", "biz:%00", "a%0Ab", "x" * 500, "biz:" + "x" * 65, "%ED%A0%80", "biz:", "%FF"]
)
def test_what_cannot_be_a_number_is_not_found(api: Api, number):
    for way in ("", "/operations"):
        problem(api.get(f"pay-orders/{number}{way}"), 404, "not_found")
    problem(api.post(f"pay-orders/{number}/close"), 404, "not_found")


def test_close_of_an_order_the_channel_holds_is_asked_for_and_shown_as_intent(
    api: Api, house: cast.House
):
    order = cast.make_pay_order(house)
    body = api.post(f"pay-orders/{order.order_no}/close", {"reason": "sold out"}).json()
    assert (body["status"], body["intent"]) == ("progress", "close")
    assert cast.open_kinds(order) == ["close_pay"]
    assert Event.objects.get(kind="close_requested").reason == "sold out"


def test_cancel_is_asked_for(api: Api, house: cast.House):
    order = cast.make_pay_order(house)
    body = api.post(f"pay-orders/{order.order_no}/cancel").json()
    assert (body["status"], body["intent"]) == ("progress", "cancel")
    assert cast.open_kinds(order) == ["cancel_pay"]


def test_sync_asks_the_channel_once(api: Api, house: cast.House):
    order = cast.make_pay_order(house)
    for _ in range(2):
        assert api.post(f"pay-orders/{order.order_no}/sync").status_code == 200
    assert cast.open_kinds(order) == ["query_pay"]
    cast.channel_says(order, Outcome.DONE, state=PayState.PAID, out_no="42", amount=10000)
    body = api.get(f"pay-orders/{order.order_no}").json()
    assert (body["status"], body["out_order_no"]) == ("success", "42")
    assert (body["paid_amount"], body["refundable_balance"]) == (10000, 10000)
    assert body["paid_at"].endswith("Z")


def test_a_refused_operation_says_why_and_changes_nothing(api: Api, house: cast.House):
    order = cast.make_pay_order(house, "success")
    before = written()
    body = problem(api.post(f"pay-orders/{order.order_no}/close"), 409, "state")
    sentence = "The order is “paid”; close needs “waiting for payment” or “paying”."
    assert body["detail"] == sentence
    assert body["reasons"] == [
        {"operation": "close", "code": "state", "message": sentence, "see": ""}
    ]
    assert written() == before
    assert cast.reload(order).status == "success"


def test_operations_tell_what_is_possible_and_why_the_rest_is_not(api: Api, house: cast.House):
    order = cast.make_pay_order(house, "success")
    refund = cast.make_refund(order)
    body = api.get(f"pay-orders/{order.order_no}/operations").json()
    found = {entry["code"]: entry for entry in body}
    assert list(found) == ["close", "cancel", "sync", "refund", "allocate"]
    assert found["sync"] == {
        "code": "sync", "label": "sync", "allowed": True, "reason": None, "notes": [],
    }  # fmt: skip
    assert found["close"]["allowed"] is False
    assert found["close"]["reason"]["code"] == "state"
    assert found["refund"]["reason"] == {
        "code": "refund_in_flight",
        "message": "A refund of ¥30.00 is not finished yet; there can be one at a time.",
        "see": refund.refund_no,
    }


def test_operations_carry_the_notes_of_what_is_allowed(api: Api, house: cast.House):
    order = cast.make_pay_order(house)
    body = api.get(f"pay-orders/{order.order_no}/operations").json()
    cancel = next(entry for entry in body if entry["code"] == "cancel")
    assert cancel["allowed"] is True
    assert [note["code"] for note in cancel["notes"]] == ["cancel_may_refund"]


def test_a_failed_order_shows_the_channels_words(api: Api, house: cast.House):
    order = cast.make_pay_order(house, "fail")
    body = api.get(f"pay-orders/{order.order_no}").json()
    assert body["error"] == {"code": "NO_AUTH", "message": "no permission"}
    assert body["ended_at"] is not None


def test_the_customer_is_not_shown(api: Api):
    response = api.post(
        "pay-orders",
        {**ORDER, "method": "jsapi", "openid": "o-customer", "client_ip": "203.0.113.7"},
    )
    assert response.status_code == 201
    assert b"o-customer" not in response.content
    assert b"203.0.113.7" not in response.content
    assert PayOrder.objects.get().openid == "o-customer"


def test_an_order_made_for_sharing_says_so(api: Api):
    body = api.post("pay-orders", {**ORDER, "allocation": True}).json()
    assert body["allocation_status"] == "waiting"


def test_reading_and_creating_cost_few_queries(
    api: Api, house: cast.House, django_assert_num_queries
):
    api.post("pay-orders", ORDER)  # notes the key's use, once a minute
    with django_assert_num_queries(2):  # key, order
        api.get("pay-orders/biz:SO-1")
    # key, account, number, [BEGIN] order, call, event [COMMIT]
    with django_assert_num_queries(8):
        assert api.post("pay-orders", {**ORDER, "biz_order_no": "SO-2"}).status_code == 201
