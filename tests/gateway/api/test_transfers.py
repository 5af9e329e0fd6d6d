"""Transfers through the API: create, read, sync, retry, cancel, close, operations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from channels.base import Outcome, TransferState
from orders.models import Event, IdempotencyKey, TransferOrder
from tests import cast
from tests.gateway.api.conftest import NOTHING, TRANSFER, Api, problem, written

pytestmark = pytest.mark.django_db

OPERATIONS = ["sync", "retry", "cancel", "close"]


def test_a_transfer_is_201_with_every_field_and_who_is_paid_masked(api: Api):
    response = api.post("transfers", {**TRANSFER, "remark": "January", "notify_url": None})
    assert response.status_code == 201
    row = TransferOrder.objects.get()
    body = dict(response.json())
    assert body.pop("created_at").endswith("Z")
    assert json.dumps(body) == json.dumps(
        {
            "transfer_no": row.transfer_no,
            "biz_transfer_no": "ST-1",
            "out_transfer_no": None,
            "channel": "sandbox",
            "title": "Bonus",
            "amount": 5000,
            "currency": "CNY",
            "payee_type": "openid",
            "payee_account": "oUp****S6o",
            "payee_name": "张**",
            "remark": "January",
            "scene": "",
            "status": "progress",
            "intent": None,
            "waiting_for_payee": False,
            "confirm_params": {},
            "confirm_until": None,
            "error": None,
            "ended_at": None,
            "notify_url": "",
        }
    )
    assert cast.open_kinds(row) == ["transfer"]
    assert row.payee_account == TRANSFER["payee_account"]
    assert Event.objects.get().actor.startswith("zf_")
    assert api.get("transfers/biz:ST-1").json() == response.json()
    assert api.get(f"transfers/{row.transfer_no}").json() == response.json()


def test_nothing_that_is_answered_or_kept_has_the_payee_in_plain(api: Api, house: cast.House):
    api.post("transfers", TRANSFER, idempotency_key="k-1")
    answers = [api.post("transfers", TRANSFER, idempotency_key="k-1").content.decode()]
    answers += [api.get(path).content.decode() for path in ("transfers", "transfers/biz:ST-1")]
    answers.append(
        api.post("transfers", {**TRANSFER, "payee_account": "oSomebody"}).content.decode()
    )
    answers.append(IdempotencyKey.objects.get().response_body)
    for text in answers:
        assert TRANSFER["payee_account"] not in text
        assert "张三丰" not in text
        assert "oSomebody" not in text


def test_the_same_number_with_the_same_content_is_200_and_the_same_transfer(api: Api):
    first = api.post("transfers", TRANSFER)
    before = written()
    second = api.post("transfers", TRANSFER)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert written() == before


@pytest.mark.parametrize(
    ("field", "value"),
    [("amount", 5001), ("payee_account", "somebody-else"), ("payee_name", "李四"), ("title", "x")],
)
def test_the_same_number_with_other_content_is_409(api: Api, field, value):
    api.post("transfers", TRANSFER)
    before = written()
    body = problem(api.post("transfers", {**TRANSFER, field: value}), 409, "duplicate_number")
    assert body["errors"][0]["field"] == "biz_transfer_no"
    assert field in body["detail"]
    assert written() == before


def test_a_transfer_is_replayed_under_its_key_and_done_once(api: Api):
    first = api.post("transfers", TRANSFER, idempotency_key="k-1")
    second = api.post("transfers", TRANSFER, idempotency_key="k-1")
    assert second["Idempotent-Replayed"] == "true"
    assert (second.status_code, second.content) == (201, first.content)
    other = api.post("transfers", {**TRANSFER, "amount": 1}, idempotency_key="k-1")
    problem(other, 422, "idempotency_mismatch")
    assert TransferOrder.objects.count() == 1


def test_how_to_confirm_is_not_kept_with_the_key_but_read_anew(api: Api, house: cast.House):
    row = cast.make_transfer(house, waiting=True)
    path = f"transfers/{row.transfer_no}/sync"
    first = api.post(path, idempotency_key="k-1")
    second = api.post(path, idempotency_key="k-1")
    assert first.json()["confirm_params"] == {"package_info": "abc"}
    assert "package_info" not in IdempotencyKey.objects.get().response_body
    assert (second["Idempotent-Replayed"], second.content) == ("true", first.content)


WRONG: list[tuple[str, Any, str]] = [
    ("biz_transfer_no", None, "null"), ("biz_transfer_no", "", "blank"),
    ("biz_transfer_no", "a b", "number"), ("biz_transfer_no", "x" * 65, "max_length"),
    ("biz_transfer_no", "a/cancel", "reserved_ending"), ("title", "", "blank"),
    ("title", "  ", "required"), ("title", "x" * 128, "max_length"), ("title", 1, "invalid"),
    ("amount", None, "null"), ("amount", "100", "invalid"), ("amount", 1.0, "invalid"),
    ("amount", True, "invalid"), ("amount", 0, "min_value"), ("amount", -1, "min_value"),
    ("amount", 10**13, "max_value"), ("amount", 10**9 + 1, "amount_out_of_range"),
    ("channel", "paypal", "invalid_choice"), ("channel", "wechat", "no_account"),
    ("payee_type", "bank_card", "invalid_choice"), ("payee_type", None, "null"),
    ("payee_account", "", "blank"), ("payee_account", " ", "required"),
    ("payee_account", "x" * 65, "max_length"), ("payee_account", "a\x00b", "characters"),
    ("payee_account", "🍵", "unsupported_character"), ("payee_account", 5, "invalid"),
    ("payee_name", "x" * 65, "max_length"), ("payee_name", ["x"], "invalid"),
    ("remark", "x" * 129, "max_length"), ("remark", "two\nlines", "characters"),
    ("scene", "x" * 37, "max_length"), ("notify_url", "ftp://a.example/", "url"),
    ("openid", "o-1", "unknown_field"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "code"), WRONG)
def test_a_wrong_field_is_422_and_named(api: Api, field, value, code):
    body = problem(api.post("transfers", {**TRANSFER, field: value}), 422, "invalid_input")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]
    assert written() == NOTHING


@pytest.mark.parametrize("number", ["ours", "biz:ST-1"])
def test_somebody_elses_transfer_is_not_found(
    api: Api, other_api: Api, house: cast.House, number: str
):
    row = cast.make_transfer(house, "fail", biz_transfer_no="ST-1")
    number = row.transfer_no if number == "ours" else number
    before = written()
    for way in ("", "/operations"):
        problem(other_api.get(f"transfers/{number}{way}"), 404, "not_found")
    for operation in OPERATIONS:
        problem(other_api.post(f"transfers/{number}/{operation}"), 404, "not_found")
    assert written() == before
    assert cast.reload(row).status == "fail"


def test_a_transfer_that_waits_for_its_payee_says_how_and_can_be_withdrawn(
    api: Api, house: cast.House
):
    row = cast.make_transfer(house, waiting=True)
    shown = api.get(f"transfers/{row.transfer_no}").json()
    assert (shown["waiting_for_payee"], shown["confirm_params"]) == (True, {"package_info": "abc"})
    assert shown["confirm_until"].endswith("Z")
    body = api.post(f"transfers/{row.transfer_no}/cancel", {"reason": "wrong person"}).json()
    assert (body["status"], body["intent"]) == ("progress", "cancel")
    assert cast.open_kinds(row) == ["cancel_transfer"]
    assert Event.objects.get(kind="cancel_requested").reason == "wrong person"


def test_sync_asks_the_channel_once(api: Api, house: cast.House):
    row = cast.make_transfer(house)
    cast.channel_says(row, Outcome.PENDING, state=TransferState.PROCESSING)
    for _ in range(2):
        assert api.post(f"transfers/{row.transfer_no}/sync").status_code == 200
    assert cast.open_kinds(row) == ["query_transfer"]


def test_retry_sends_the_same_number_again(api: Api, house: cast.House):
    row = cast.make_transfer(house, "fail")
    shown = api.get(f"transfers/{row.transfer_no}").json()
    assert shown["error"] == {"code": "NOT_ENOUGH", "message": "balance too low"}
    body = api.post(f"transfers/{row.transfer_no}/retry").json()
    assert (body["transfer_no"], body["status"]) == (row.transfer_no, "progress")
    assert cast.open_kinds(row) == ["transfer"]
    assert TransferOrder.objects.count() == 1


def test_close_gives_a_failed_transfer_up_and_keeps_the_reason(api: Api, house: cast.House):
    row = cast.make_transfer(house, "fail")
    body = api.post(f"transfers/{row.transfer_no}/close", {"reason": "paid in cash"}).json()
    assert body["status"] == "close"
    assert Event.objects.filter(kind="transfer_closed", reason="paid in cash").count() == 1


def test_reading_and_creating_cost_few_queries(api: Api, django_assert_num_queries):
    api.post("transfers", TRANSFER)
    with django_assert_num_queries(2):  # key, transfer
        api.get("transfers/biz:ST-1")
    # key, account, number, [BEGIN] transfer, call, event [COMMIT], transfer as it is shown
    with django_assert_num_queries(9):
        assert api.post("transfers", {**TRANSFER, "biz_transfer_no": "ST-2"}).status_code == 201
