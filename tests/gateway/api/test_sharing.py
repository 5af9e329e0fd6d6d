"""Shared money through the API: allocations and the returns of their shares."""

from __future__ import annotations

import json
from typing import Any

import pytest

from channels.base import Outcome, ShareState
from orders.models import AllocationOrder, AllocationReceiver, PayOrder, ShareReturn
from tests import cast
from tests.gateway.api.conftest import Api, problem, written

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(house: cast.House) -> PayOrder:
    return cast.make_pay_order(house, "success", biz_order_no="SO-1", allocation=True)


@pytest.fixture
def partner(house: cast.House) -> AllocationReceiver:
    return cast.make_receiver(house)


def asked(partner: AllocationReceiver, **changes: Any) -> dict[str, Any]:
    body = {
        "biz_order_no": "SO-1",
        "biz_allocation_no": "SA-1",
        "shares": [{"receiver_no": partner.receiver_no, "amount": 3000}],
    }
    return {**body, **changes}


def test_an_allocation_is_201_with_every_field_and_its_shares(api: Api, paid, partner):
    response = api.post("allocations", asked(partner, title="Part of tea", finish=True))
    assert response.status_code == 201
    row = AllocationOrder.objects.get()
    body = dict(response.json())
    assert body.pop("created_at").endswith("Z")
    assert json.dumps(body) == json.dumps(
        {
            "allocation_no": row.allocation_no,
            "biz_allocation_no": "SA-1",
            "out_allocation_no": None,
            "order_no": paid.order_no,
            "biz_order_no": "SO-1",
            "channel": "sandbox",
            "group_no": None,
            "title": "Part of tea",
            "amount": 3000,
            "currency": "CNY",
            "finish": True,
            "status": "processing",
            "intent": None,
            "result": "all_pending",
            "shares": [
                {
                    "detail_no": f"{row.allocation_no}-1",
                    "receiver_no": partner.receiver_no,
                    "rate": None,
                    "amount": 3000,
                    "returned_amount": 0,
                    "returning_amount": 0,
                    "status": "pending",
                    "error": None,
                    "ended_at": None,
                }
            ],
            "error": None,
            "ended_at": None,
            "notify_url": "",
        }
    )
    assert cast.open_kinds(row) == ["allocate"]
    assert api.get("allocations/biz:SA-1").json() == response.json()
    assert cast.reload(paid).shared == 3000


def test_an_order_is_shared_at_its_own_address_by_the_default_group(api: Api, house, paid):
    group = cast.make_group(house, 1250)
    response = api.post("pay-orders/biz:SO-1/allocate", {"biz_allocation_no": "SA-1"})
    assert response.status_code == 201
    body = response.json()
    assert (body["group_no"], body["amount"]) == (group.group_no, 1250)
    assert [(part["rate"], part["amount"]) for part in body["shares"]] == [(1250, 1250)]
    assert api.get(f"allocations/{body['allocation_no']}").json() == body
    again = api.post(f"pay-orders/{paid.order_no}/allocate", {"biz_allocation_no": "SA-1"})
    assert (again.status_code, again.json()) == (200, body)


def test_a_group_is_named_by_its_number(api: Api, house, paid):
    cast.make_group(house, 1000)
    other = cast.make_group(house, 500, name="Few")
    cast.make_group(house, 2000, name="Default")
    body = {"biz_order_no": "SO-1", "biz_allocation_no": "SA-1", "group_no": other.group_no}
    assert api.post("allocations", body).json()["amount"] == 500


def test_the_same_number_with_the_same_content_is_200_and_the_same_allocation(api, paid, partner):
    first = api.post("allocations", asked(partner))
    before = written()
    second = api.post("allocations", asked(partner))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert written() == before
    cast.shares_end(AllocationOrder.objects.get(), ShareState.SUCCESS)
    assert api.post("allocations", asked(partner)).status_code == 200
    assert AllocationOrder.objects.count() == 1


def test_the_same_number_with_other_content_is_409(api: Api, house, paid, partner):
    api.post("allocations", asked(partner))
    group = cast.make_group(house)
    cast.make_pay_order(house, "success", biz_order_no="SO-2", allocation=True)
    before = written()
    for changes, differs in (
        ({"shares": [{"receiver_no": partner.receiver_no, "amount": 3001}]}, "shares"),
        ({"shares": None}, "shares"),
        ({"shares": None, "group_no": group.group_no}, "shares"),
        ({"finish": True}, "finish"),
        ({"biz_order_no": "SO-2"}, "order_no"),
    ):
        response = api.post("allocations", asked(partner, **changes))
        body = problem(response, 409, "duplicate_number")
        assert body["errors"][0]["field"] == "biz_allocation_no"
        assert body["detail"].endswith(f"another {differs}.")
    assert written() == before


def test_an_allocation_is_replayed_under_its_key_and_done_once(api: Api, paid, partner):
    path, body = "pay-orders/biz:SO-1/allocate", asked(partner)
    del body["biz_order_no"]
    first = api.post(path, body, idempotency_key="k-1")
    second = api.post(path, body, idempotency_key="k-1")
    assert (second["Idempotent-Replayed"], second.content) == ("true", first.content)
    other = api.post(path, {**body, "finish": True}, idempotency_key="k-1")
    problem(other, 422, "idempotency_mismatch")
    assert AllocationOrder.objects.count() == 1


def test_a_second_sharing_while_one_is_in_flight_is_refused(api: Api, paid, partner):
    api.post("allocations", asked(partner))
    before = written()
    response = api.post("allocations", asked(partner, biz_allocation_no="SA-2"))
    body = problem(response, 409, "sharing_in_flight")
    assert body["reasons"][0]["operation"] == "allocate"
    assert written() == before


PART = {"receiver_no": "R", "amount": 1}
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"biz_allocation_no": None}, "biz_allocation_no", "null"),
    ({"biz_allocation_no": "a/finish"}, "biz_allocation_no", "reserved_ending"),
    ({"biz_order_no": None}, "order_no", "one_of"),
    ({"order_no": "P1"}, "order_no", "one_of"),
    ({"shares": []}, "shares", "empty"),
    ({"shares": {}}, "shares", "not_a_list"),
    ({"shares": "R"}, "shares", "not_a_list"),
    ({"shares": [5]}, "shares[0]", "invalid"),
    ({"shares": [PART, {"receiver_no": "S"}]}, "shares[1].amount", "required"),
    ({"shares": [{**PART, "amount": "1"}]}, "shares[0].amount", "invalid"),
    ({"shares": [{**PART, "amount": 0}]}, "shares[0].amount", "min_value"),
    ({"shares": [{**PART, "amount": 1.5}]}, "shares[0].amount", "invalid"),
    ({"shares": [{**PART, "rate": 1}]}, "shares[0].rate", "unknown_field"),
    ({"shares": [{**PART, "receiver_no": "a\x00b"}]}, "shares[0].receiver_no", "characters"),
    ({"shares": [PART, PART]}, "shares", "receiver_twice"),
    ({"shares": [{**PART, "receiver_no": str(n)} for n in range(101)]}, "shares", "max_length"),
    ({"group_no": "G1"}, "shares", "one_of"),
    ({"shares": None, "group_no": ""}, "group_no", "blank"),
    ({"shares": None}, "group_no", "no_default_group"),
    ({"title": "x" * 81}, "title", "max_length"),
    ({"title": "🍵"}, "title", "unsupported_character"),
    ({"finish": "yes"}, "finish", "invalid"),
    ({"notify_url": "ftp://a.example/"}, "notify_url", "url"),
    ({"receivers": []}, "receivers", "unknown_field"),
]


@pytest.mark.parametrize(("changes", "field", "code"), WRONG)
def test_a_wrong_field_is_422_and_named(api: Api, paid, partner, changes, field, code):
    before = written()
    body = problem(api.post("allocations", asked(partner, **changes)), 422, "invalid_input")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]
    assert all(error["message"] for error in body["errors"])
    assert written() == before
    assert cast.reload(paid).shared == 0


@pytest.mark.parametrize(
    ("amount", "code"), [(10001, "amount_out_of_range"), (7001, "exceeds_shareable")]
)
def test_more_than_may_be_shared_is_refused_and_never_clamped(api, paid, partner, amount, code):
    cast.make_refund(paid, "success", amount=3000)
    before = written()
    part = {"receiver_no": partner.receiver_no, "amount": amount}
    body = problem(api.post("allocations", asked(partner, shares=[part])), 422, "invalid_input")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [("shares", code)]
    assert written() == before


def test_an_unbound_receiver_gets_nothing(api: Api, house, paid):
    unbound = cast.make_receiver(house, "fail")
    before = written()
    body = problem(api.post("allocations", asked(unbound)), 422, "invalid_input")
    assert [(e["field"], e["code"]) for e in body["errors"]] == [("shares", "receiver_not_bound")]
    assert written() == before


def test_the_money_of_others_cannot_be_shared_nor_shared_with_others(
    api: Api, other_api: Api, other_house, paid, partner
):
    theirs = cast.make_receiver(other_house)
    before = written()
    problem(other_api.post("allocations", asked(theirs)), 404, "not_found")
    body = asked(theirs, order_no=paid.order_no, biz_order_no=None)
    problem(other_api.post("allocations", body), 404, "not_found")
    path = f"pay-orders/{paid.order_no}/allocate"
    problem(other_api.post(path, {"biz_allocation_no": "SA-1"}), 404, "not_found")
    problem(api.post("allocations", asked(theirs)), 404, "not_found")
    problem(api.post("allocations", asked(partner, shares=None, group_no="G1")), 404, "not_found")
    assert written() == before
    assert cast.reload(paid).shared == 0


def test_nobody_else_sees_or_operates_on_an_allocation_or_a_return(api, other_api, house):
    detail = cast.make_share(house)
    row, back = detail.allocation, cast.make_return(detail, "fail")
    before = written()
    for path, operations in (
        (f"allocations/{row.allocation_no}", ["sync", "retry", "finish"]),
        (f"allocations/biz:{row.biz_allocation_no}", ["sync", "retry", "finish"]),
        (f"returns/{back.return_no}", ["sync", "retry", "close"]),
        (f"returns/biz:{back.biz_return_no}", ["sync", "retry", "close"]),
    ):
        assert api.get(path).status_code == 200
        for way in ("", "/operations"):
            problem(other_api.get(f"{path}{way}"), 404, "not_found")
        for operation in operations:
            problem(other_api.post(f"{path}/{operation}"), 404, "not_found")
    given = {"detail_no": detail.detail_no, "biz_return_no": "SB-1", "amount": 1}
    problem(other_api.post("returns", given), 404, "not_found")
    assert written() == before


def test_partial_success_is_shown_share_by_share_and_only_what_failed_is_retried(api, house, paid):
    one, two = cast.make_receiver(house), cast.make_receiver(house, account="1900000110")
    shares = [{"receiver_no": r.receiver_no, "amount": 1000} for r in (one, two)]
    made = api.post("allocations", asked(one, shares=shares)).json()
    row = AllocationOrder.objects.get()
    cast.shares_end(row, ShareState.SUCCESS, ShareState.FAILED)
    path = f"allocations/{made['allocation_no']}"
    body = api.get(path).json()
    assert (body["status"], body["result"]) == ("alloc_end", "part_success")
    assert [(p["status"], (p["error"] or {}).get("code")) for p in body["shares"]] == [
        ("success", None), ("fail", "NO_RELATION"),
    ]  # fmt: skip
    body = api.post(f"{path}/retry").json()
    assert body["status"] == "processing"
    assert [part["status"] for part in body["shares"]] == ["success", "pending"]


def test_a_retry_that_the_pay_order_forbids_says_why_beforehand(api: Api, house):
    row = cast.make_allocation(house, "alloc_failed")
    cast.make_refund(row.pay_order, "success", amount=10000)
    before = written()
    listed = api.get(f"allocations/{row.allocation_no}/operations").json()
    entry = next(entry for entry in listed if entry["code"] == "retry")
    body = problem(api.post(f"allocations/{row.allocation_no}/retry"), 409, "nothing_to_share")
    assert (entry["allowed"], entry["reason"]["message"]) == (False, body["detail"])
    assert written() == before


def test_finish_is_asked_for_and_shown_as_intent(api: Api, house):
    row = cast.make_allocation(house)
    body = api.post(f"allocations/{row.allocation_no}/finish").json()
    assert (body["status"], body["intent"]) == ("alloc_end", "finish")
    assert cast.open_kinds(row) == ["finish_allocation"]


def test_sync_asks_the_channel_once(api: Api, house):
    row = cast.make_allocation(house, "processing")
    cast.channel_says(row, Outcome.PENDING)
    for _ in range(2):
        assert api.post(f"allocations/{row.allocation_no}/sync").status_code == 200
    assert cast.open_kinds(row) == ["query_allocation"]


# --- returns ------------------------------------------------------------------------------------


def test_a_return_is_201_with_every_field_and_done_once(api: Api, house):
    detail = cast.make_share(house)
    given = {
        "detail_no": detail.detail_no, "biz_return_no": "SB-1", "amount": 1000, "reason": "back",
    }  # fmt: skip
    response = api.post("returns", given)
    assert response.status_code == 201
    row = ShareReturn.objects.get()
    body = dict(response.json())
    assert body.pop("created_at").endswith("Z")
    assert json.dumps(body) == json.dumps(
        {
            "return_no": row.return_no,
            "biz_return_no": "SB-1",
            "out_return_no": None,
            "detail_no": detail.detail_no,
            "allocation_no": detail.allocation.allocation_no,
            "order_no": detail.allocation.pay_order.order_no,
            "refund_no": None,
            "channel": "sandbox",
            "amount": 1000,
            "currency": "CNY",
            "reason": "back",
            "status": "progress",
            "error": None,
            "ended_at": None,
        }
    )
    before = written()
    again = api.post("returns", given)
    assert (again.status_code, again.json()) == (200, response.json())
    differs = problem(api.post("returns", {**given, "amount": 999}), 409, "duplicate_number")
    assert differs["errors"][0]["field"] == "biz_return_no"
    assert written() == before
    assert api.get("returns/biz:SB-1").json() == response.json()
    share = api.get(f"allocations/{row.allocation.allocation_no}").json()["shares"][0]
    assert (share["returned_amount"], share["returning_amount"]) == (0, 1000)


def test_a_return_in_flight_refuses_another_with_its_sentence(api: Api, house):
    detail = cast.make_share(house)
    cast.make_return(detail)
    before = written()
    given = {"detail_no": detail.detail_no, "biz_return_no": "SB-2", "amount": 1}
    body = problem(api.post("returns", given), 409, "return_in_flight")
    assert body["detail"] == "A return of ¥10.00 of this share is not finished yet."
    assert body["reasons"][0]["operation"] == "return"
    assert written() == before


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"amount": 3001}, "amount", "amount_out_of_range"),
        ({"amount": 0}, "amount", "min_value"),
        ({"amount": "1"}, "amount", "invalid"),
        ({"amount": None}, "amount", "null"),
        ({"biz_return_no": ""}, "biz_return_no", "blank"),
        ({"biz_return_no": "a b"}, "biz_return_no", "number"),
        ({"detail_no": None}, "detail_no", "null"),
        ({"detail_no": "a\x00"}, "detail_no", "characters"),
        ({"reason": "x" * 81}, "reason", "max_length"),
        ({"notify_url": ""}, "notify_url", "unknown_field"),
    ],
)
def test_a_wrong_field_of_a_return_is_422_and_named(api: Api, house, changes, field, code):
    detail = cast.make_share(house)
    before = written()
    given = {"detail_no": detail.detail_no, "biz_return_no": "SB-1", "amount": 1, **changes}
    body = problem(api.post("returns", given), 422, "invalid_input")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]
    assert written() == before


def test_more_than_what_is_left_of_a_share_is_not_returned(api: Api, house):
    detail = cast.make_share(house)
    cast.make_return(detail, "success", amount=2000)
    before = written()
    given = {"detail_no": detail.detail_no, "biz_return_no": "SB-1", "amount": 1001}
    body = problem(api.post("returns", given), 422, "invalid_input")
    assert [(e["field"], e["code"]) for e in body["errors"]] == [("amount", "exceeds_share")]
    unknown = {**given, "detail_no": "A1-1"}
    problem(api.post("returns", unknown), 404, "not_found")
    assert written() == before


def test_a_failed_return_is_retried_or_given_up(api: Api, house):
    detail = cast.make_share(house)
    row = cast.make_return(detail, "fail")
    path = f"returns/{row.return_no}"
    assert api.get(path).json()["error"] == {"code": "NOT_ENOUGH", "message": "spent already"}
    body = api.post(f"{path}/close", {"reason": "kept"}).json()
    assert (body["status"], cast.reload(detail).returnable) == ("close", 3000)
    other = cast.make_return(cast.reload(detail), "fail")
    body = api.post(f"returns/{other.return_no}/retry").json()
    assert (body["status"], cast.open_kinds(other)) == ("progress", ["return_share"])


def test_reading_an_allocation_costs_three_queries(api: Api, house, django_assert_num_queries):
    row = cast.make_allocation(house)
    api.get("allocations")
    with django_assert_num_queries(3):  # key, allocation with its order and group, shares
        api.get(f"allocations/{row.allocation_no}")
