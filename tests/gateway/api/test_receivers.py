"""Receivers and groups through the API."""

from __future__ import annotations

from typing import Any

import pytest

from channels.base import AllocationState, Outcome
from orders.models import AllocationGroup, AllocationReceiver, Application, GroupMember
from tests import cast
from tests.gateway.api.conftest import NOTHING, RECEIVER, Api, problem, written

pytestmark = pytest.mark.django_db


def test_a_receiver_is_201_masked_and_bound_by_a_worker(api: Api):
    response = api.post("receivers", RECEIVER)
    assert response.status_code == 201
    row = AllocationReceiver.objects.get()
    body = dict(response.json())
    assert body.pop("created_at").endswith("Z")
    assert body == {
        "receiver_no": row.receiver_no,
        "channel": "sandbox",
        "receiver_type": "merchant_no",
        "account": "1****9",
        "name": "Par****Ltd",
        "relation": "SUPPLIER",
        "custom_relation": "",
        "status": "binding",
        "error": None,
    }
    assert cast.open_kinds(row) == ["bind_receiver"]
    for text in (response.content, api.get("receivers").content):
        assert b"1900000109" not in text and b"Partner Ltd" not in text
    assert api.get(f"receivers/{row.receiver_no}").json() == response.json()


def test_the_same_receiver_again_is_200_and_no_second_one(api: Api):
    first = api.post("receivers", RECEIVER)
    before = written()
    second = api.post("receivers", RECEIVER)
    assert (second.status_code, second.json()) == (200, first.json())
    assert written() == before


def test_a_wrong_name_can_be_corrected_until_the_receiver_is_bound(api: Api):
    made = api.post("receivers", RECEIVER).json()
    row = AllocationReceiver.objects.get()
    cast.channel_says(row, Outcome.REFUSED, code="NAME_MISMATCH", message="another name")
    again = api.post("receivers", {**RECEIVER, "name": "Partner Inc"})
    assert (again.status_code, again.json()["receiver_no"]) == (200, made["receiver_no"])
    assert again.json()["status"] == "binding"
    assert cast.reload(row).name == "Partner Inc"
    cast.channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    before = written()
    body = problem(api.post("receivers", RECEIVER), 422, "invalid_input")
    assert [(e["field"], e["code"]) for e in body["errors"]] == [("name", "receiver_differs")]
    assert written() == before
    assert cast.reload(row).name == "Partner Inc"


def test_another_applications_receiver_is_neither_shown_nor_taken(api: Api, house: cast.House):
    cast.make_receiver(house)
    other = Application(merchant=house.merchant, app_id="app-a2", name="Second shop")
    other.save()
    AllocationReceiver.objects.update(application=other)
    before = written()
    body = problem(api.post("receivers", RECEIVER), 422, "invalid_input")
    assert [(e["field"], e["code"]) for e in body["errors"]] == [
        ("account", "receiver_of_another_application")
    ]
    assert api.get("receivers").json()["data"] == []
    assert written() == before


def test_each_merchant_has_its_own_receivers(api: Api, other_api: Api):
    mine, theirs = api.post("receivers", RECEIVER), other_api.post("receivers", RECEIVER)
    assert (mine.status_code, theirs.status_code) == (201, 201)
    number = mine.json()["receiver_no"]
    before = written()
    for way in ("", "/operations"):
        problem(other_api.get(f"receivers/{number}{way}"), 404, "not_found")
    for operation in ("bind", "unbind"):
        problem(other_api.post(f"receivers/{number}/{operation}"), 404, "not_found")
    problem(api.get("receivers/biz:1"), 404, "not_found")
    assert written() == before


def test_unbind_and_bind(api: Api, house: cast.House):
    row = cast.make_receiver(house)
    assert api.post(f"receivers/{row.receiver_no}/unbind").json()["status"] == "unbinding"
    cast.channel_says(row, Outcome.DONE, state=AllocationState.FINISHED)
    assert api.post(f"receivers/{row.receiver_no}/bind").json()["status"] == "binding"
    body = problem(api.post(f"receivers/{row.receiver_no}/bind"), 409, "state")
    assert body["reasons"][0]["operation"] == "bind"


WRONG: list[tuple[str, Any, str]] = [
    ("channel", "paypal", "invalid_choice"), ("channel", "wechat", "no_account"),
    ("receiver_type", "bank_card", "invalid_choice"), ("receiver_type", None, "null"),
    ("account", "", "blank"), ("account", " ", "required"), ("account", "x" * 65, "max_length"),
    ("account", 1900000109, "invalid"), ("account", "🍵", "unsupported_character"),
    ("name", "x" * 65, "max_length"), ("name", "a\x00", "characters"),
    ("relation", "x" * 33, "max_length"), ("custom_relation", "x" * 11, "max_length"),
    ("account_no", "1", "unknown_field"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "code"), WRONG)
def test_a_wrong_field_of_a_receiver_is_422_and_named(api: Api, field, value, code):
    body = problem(api.post("receivers", {**RECEIVER, field: value}), 422, "invalid_input")
    assert [(error["field"], error["code"]) for error in body["errors"]] == [(field, code)]
    assert "account_no" not in body["detail"] or field == "account_no"
    assert written() == NOTHING


# --- groups -------------------------------------------------------------------------------------


def asked(*rates: tuple[AllocationReceiver, int], **changes: Any) -> dict[str, Any]:
    members = [{"receiver_no": row.receiver_no, "rate": rate} for row, rate in rates]
    return {"name": "Partners", "channel": "sandbox", "members": members, **changes}


def test_a_group_is_made_and_replaced_as_a_whole(api: Api, house: cast.House):
    one, two = cast.make_receiver(house), cast.make_receiver(house, account="1900000110")
    response = api.post("groups", asked((one, 1250), (two, 100), default=True))
    assert response.status_code == 201
    made = response.json()
    assert {name: made[name] for name in ("channel", "name", "default", "members")} == {
        "channel": "sandbox",
        "name": "Partners",
        "default": True,
        "members": [
            {"receiver_no": one.receiver_no, "rate": 1250},
            {"receiver_no": two.receiver_no, "rate": 100},
        ],
    }
    path = f"groups/{made['group_no']}"
    assert api.get(path).json() == made
    replacement = asked((two, 9), name="Few")
    del replacement["channel"]
    replaced = api.put(path, replacement)
    assert replaced.status_code == 200
    assert replaced.json() == {
        **made, "name": "Few", "default": False,
        "members": [{"receiver_no": two.receiver_no, "rate": 9}],
    }  # fmt: skip
    assert api.get("groups").json()["data"] == [replaced.json()]


def test_the_new_default_replaces_the_old_one(api: Api, house: cast.House):
    partner = cast.make_receiver(house)
    first = api.post("groups", asked((partner, 1), default=True)).json()
    api.post("groups", asked((partner, 1), name="Others", default=True))
    assert api.get(f"groups/{first['group_no']}").json()["default"] is False
    assert AllocationGroup.objects.filter(is_default=True).count() == 1


def test_a_group_is_made_once_under_its_key_and_under_its_name(api: Api, house: cast.House):
    body = asked((cast.make_receiver(house), 1))
    first = api.post("groups", body, idempotency_key="k-1")
    second = api.post("groups", body, idempotency_key="k-1")
    assert (second["Idempotent-Replayed"], second.content) == ("true", first.content)
    before = written()
    refused = problem(api.post("groups", body), 422, "invalid_input")
    assert [(e["field"], e["code"]) for e in refused["errors"]] == [("name", "duplicate_name")]
    assert written() == before


def test_rates_beyond_the_whole_or_of_strangers_change_nothing(
    api: Api, house: cast.House, other_house: cast.House
):
    one, two = cast.make_receiver(house), cast.make_receiver(house, account="1900000110")
    theirs = cast.make_receiver(other_house)
    made = api.post("groups", asked((one, 1))).json()
    path, before = f"groups/{made['group_no']}", written()
    for body, field, code in (
        (asked((one, 6000), (two, 4001)), "members", "bad_rates"),
        (asked((one, 1), (one, 2)), "members", "receiver_twice"),
        (asked((one, 1), channel="wechat"), "channel", "channel_differs"),
        (asked((one, 0)), "members[0].rate", "min_value"),
        (asked((one, 10_001)), "members[0].rate", "max_value"),
        (asked((one, 1), members=[]), "members", "empty"),
        (asked((one, 1), members=None), "members", "null"),
        (asked((one, 1), members=[[]]), "members[0]", "invalid"),
        (asked((one, 1), name=""), "name", "blank"),
        (asked((one, 1), name=" "), "name", "required"),
        (asked((one, 1), default=1), "default", "invalid"),
        (asked((one, 1), group_no="G1"), "group_no", "unknown_field"),
    ):
        refused = problem(api.put(path, body), 422, "invalid_input")
        assert [(e["field"], e["code"]) for e in refused["errors"]] == [(field, code)]
    problem(api.put(path, asked((theirs, 1))), 404, "not_found")
    problem(api.post("groups", asked((theirs, 1), name="Others")), 404, "not_found")
    assert written() == before
    assert api.get(path).json() == made


def test_nobody_else_sees_or_changes_a_group(api: Api, other_api: Api, house: cast.House):
    partner = cast.make_receiver(house)
    group = cast.make_group(house)
    for number in (group.group_no, "%00", "biz:1"):
        problem(other_api.get(f"groups/{number}"), 404, "not_found")
        problem(other_api.put(f"groups/{number}", asked((partner, 1))), 404, "not_found")
    assert GroupMember.objects.get().rate == 1000
    problem(api.post(f"groups/{group.group_no}", {}), 405, "method_not_allowed")


def test_reading_a_group_costs_three_queries(api: Api, house, django_assert_num_queries):
    group = cast.make_group(house)
    api.get("groups")
    with django_assert_num_queries(3):  # key, group, members with their receivers
        api.get(f"groups/{group.group_no}")
