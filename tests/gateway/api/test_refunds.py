"""Refunds through the API: create, read, sync, retry, close, operations."""

from __future__ import annotations

import json

import pytest

from channels.base import Outcome, RefundState
from orders.models import Event, PayOrder, RefundOrder
from tests import cast
from tests.gateway.api.conftest import REFUND, Api, problem, written

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(house: cast.House) -> PayOrder:
    return cast.make_pay_order(house, "success", biz_order_no="SO-1")


def test_a_refund_is_201_with_every_field_and_what_it_leaves(api: Api, paid: PayOrder):
    response = api.post("refunds", {**REFUND, "notify_url": None})
    assert response.status_code == 201
    row = RefundOrder.objects.get()
    body = dict(response.json())
    assert body.pop("created_at").endswith("Z")
    assert json.dumps(body) == json.dumps(
        {
            "refund_no": row.refund_no,
            "biz_refund_no": "SR-1",
            "out_refund_no": None,
            "order_no": paid.order_no,
            "biz_order_no": "SO-1",
            "channel": "sandbox",
            "amount": 3000,
            "currency": "CNY",
            "status": "progress",
            "reason": "sent back",
            "refundable_balance": 7000,
            "refund_status": "refunding",
            "error": None,
            "ended_at": None,
            "notify_url": "",
        }
    )
    assert cast.open_kinds(row) == ["refund"]
    assert api.get("refunds/biz:SR-1").json() == response.json()
    assert api.get(f"refunds/{row.refund_no}").json() == response.json()


def test_our_number_names_the_order_too(api: Api, paid: PayOrder):
    body = {"order_no": paid.order_no, "biz_refund_no": "SR-1", "amount": 1}
    assert api.post("refunds", body).status_code == 201


def test_the_same_refund_again_is_200_and_no_second_one(api: Api, paid: PayOrder):
    first = api.post("refunds", REFUND)
    before = written()
    second = api.post("refunds", REFUND)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert written() == before


def test_the_same_refund_number_with_another_amount_is_409(api: Api, paid: PayOrder):
    api.post("refunds", REFUND)
    before = written()
    body = problem(api.post("refunds", {**REFUND, "amount": 2999}), 409, "duplicate_number")
    assert body["errors"][0]["field"] == "biz_refund_no"
    assert written() == before


def test_a_second_refund_while_one_is_in_flight_is_409_and_names_it(api: Api, paid: PayOrder):
    first = api.post("refunds", REFUND).json()
    before = written()
    second = api.post("refunds", {**REFUND, "biz_refund_no": "SR-2"})
    body = problem(second, 409, "refund_in_flight")
    assert body["reasons"] == [
        {
            "operation": "refund",
            "code": "refund_in_flight",
            "message": "A refund of ¥30.00 is not finished yet; there can be one at a time.",
            "see": first["refund_no"],
        }
    ]
    assert written() == before
    assert cast.reload(paid).refunding == 3000


def test_more_than_the_balance_is_refused_and_never_clamped(api: Api, paid: PayOrder):
    """saleor silently refunded what was left instead."""
    before = written()
    body = problem(api.post("refunds", {**REFUND, "amount": 10001}), 422, "invalid_input")
    assert body["errors"] == [
        {
            "field": "amount",
            "code": "exceeds_balance",
            "message": "¥100.01 is more than the ¥100.00 that can still be refunded.",
        }
    ]
    assert written() == before


def test_the_exact_rest_can_be_refunded(api: Api, paid: PayOrder):
    """juspay/hyperswitch-control-center#3799: float arithmetic refused it."""
    first = cast.make_refund(paid, "success", amount=3000)
    assert first.status == "success"
    body = api.post("refunds", {**REFUND, "amount": 7000}).json()
    assert (body["refundable_balance"], body["refund_status"]) == (0, "refunding")


def test_an_unpaid_order_cannot_be_refunded(api: Api, house: cast.House):
    cast.make_pay_order(house, biz_order_no="SO-1")
    before = written()
    body = problem(api.post("refunds", REFUND), 409, "state")
    assert body["reasons"][0]["operation"] == "refund"
    assert written() == before


@pytest.mark.parametrize(
    "named", [{}, {"order_no": "P1", "biz_order_no": "SO-1"}, {"order_no": None}, {"order_no": ""}]
)
def test_a_refund_names_exactly_one_order(api: Api, paid: PayOrder, named):
    body = problem(
        api.post("refunds", {"biz_refund_no": "SR-1", "amount": 1, **named}), 422, "invalid_input"
    )
    assert body["errors"][0]["field"] == "order_no"
    assert RefundOrder.objects.count() == 0


def test_somebody_elses_order_cannot_be_refunded(api: Api, other_api: Api, paid: PayOrder):
    before = written()
    body = {"order_no": paid.order_no, "biz_refund_no": "SR-1", "amount": 1}
    problem(other_api.post("refunds", body), 404, "not_found")
    problem(other_api.post("refunds", REFUND), 404, "not_found")
    assert written() == before
    assert cast.reload(paid).refunding == 0


@pytest.mark.parametrize("operation", ["", "/operations"])
def test_somebody_elses_refund_is_not_found(api: Api, other_api: Api, paid: PayOrder, operation):
    row = cast.make_refund(paid)
    problem(other_api.get(f"refunds/{row.refund_no}{operation}"), 404, "not_found")
    problem(other_api.get(f"refunds/biz:{row.biz_refund_no}{operation}"), 404, "not_found")


@pytest.mark.parametrize("operation", ["sync", "retry", "close"])
def test_nobody_else_can_operate_on_a_refund(
    api: Api, other_api: Api, paid: PayOrder, operation: str
):
    row = cast.make_refund(paid, "fail")
    before = written()
    problem(other_api.post(f"refunds/{row.refund_no}/{operation}"), 404, "not_found")
    assert written() == before
    assert cast.reload(row).status == "fail"


def test_sync_asks_the_channel_once(api: Api, paid: PayOrder):
    row = cast.make_refund(paid)
    cast.channel_says(row, Outcome.PENDING, state=RefundState.PROCESSING)
    for _ in range(2):
        assert api.post(f"refunds/{row.refund_no}/sync").status_code == 200
    assert cast.open_kinds(row) == ["query_refund"]


def test_retry_sends_the_same_number_again(api: Api, paid: PayOrder):
    row = cast.make_refund(paid, "fail")
    body = api.post(f"refunds/{row.refund_no}/retry").json()
    assert (body["refund_no"], body["status"]) == (row.refund_no, "progress")
    assert cast.open_kinds(row) == ["refund"]
    assert RefundOrder.objects.count() == 1


def test_close_gives_the_balance_back_and_keeps_the_reason(api: Api, paid: PayOrder):
    row = cast.make_refund(paid, "fail")
    body = api.post(f"refunds/{row.refund_no}/close", {"reason": "paid in cash"}).json()
    assert (body["status"], body["refundable_balance"]) == ("close", 10000)
    assert body["refund_status"] == "no_refund"
    assert Event.objects.filter(order_no=row.refund_no, reason="paid in cash").count() == 1


def test_close_of_a_refund_in_flight_is_refused(api: Api, paid: PayOrder):
    row = cast.make_refund(paid)
    before = written()
    body = problem(api.post(f"refunds/{row.refund_no}/close"), 409, "state")
    assert body["reasons"][0]["operation"] == "close"
    assert written() == before
    assert cast.reload(row).status == "progress"


def test_operations_of_a_failed_refund(api: Api, paid: PayOrder):
    row = cast.make_refund(paid, "fail")
    body = api.get(f"refunds/{row.refund_no}/operations").json()
    assert [(entry["code"], entry["allowed"]) for entry in body] == [
        ("sync", True),
        ("retry", True),
        ("close", True),
    ]


def test_a_failed_refund_shows_the_channels_words(api: Api, paid: PayOrder):
    cast.make_refund(paid, "fail")
    body = api.get("refunds").json()["data"][0]
    assert body["error"] == {"code": "NOT_ENOUGH", "message": "balance too low"}
    assert (body["status"], body["refund_status"]) == ("fail", "refunding")


def test_reading_a_refund_costs_two_queries(api: Api, paid: PayOrder, django_assert_num_queries):
    api.post("refunds", REFUND)
    with django_assert_num_queries(2):  # key, refund with its order
        api.get("refunds/biz:SR-1")
