"""Events and notices through the API: what happened, what was told, telling it again."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from orders import facts
from orders.engine import claim
from orders.engine import notices as engine
from orders.models import Event, MerchantNotice, WorkState
from tests import cast
from tests.gateway.api.conftest import TRANSFER, Api, problem

pytestmark = pytest.mark.django_db

URL = "https://shop.example/notices"


@pytest.fixture
def told(house: cast.House) -> MerchantNotice:
    return cast.make_notice(house, url=URL)


def _row(api: Api, notice: MerchantNotice) -> dict[str, Any]:
    return dict(api.get(f"notices/{notice.notice_id}").json())


def test_a_notice_tells_its_content_and_every_attempt(api: Api, told: MerchantNotice):
    body = _row(api, told)
    told.refresh_from_db()
    (attempt,) = body.pop("attempts")
    assert body == {
        "notice_id": told.notice_id,
        "kind": "pay_order.success",
        "order_no": told.order_no,
        "dialect": "standard",
        "url": URL,
        "status": "dead",
        "tries": 17,
        "next_try_at": None,
        "created_at": facts.iso(told.created_at),
        "ended_at": facts.iso(told.ended_at),
        "body": told.body,
    }
    assert attempt.pop("started_at").endswith("Z")
    assert attempt == {
        "number": 1,
        "latency_ms": 12,
        "http_status": 500,
        "error": "",
        "response": "busy",
    }


def test_the_list_is_filtered_by_status_kind_and_order(api: Api, told: MerchantNotice):
    for query in ({"status": "dead"}, {"kind": "pay_order.success"}, {"order_no": told.order_no}):
        (row,) = api.get("notices", query).json()["data"]
        assert row["notice_id"] == told.notice_id
        assert "body" not in row
    assert api.get("notices", {"status": "delivered"}).json()["data"] == []
    assert api.get("notices", {"kind": "refund.success"}).json()["data"] == []


def test_a_replayed_notice_is_due_again_with_a_fresh_ladder(api: Api, told: MerchantNotice):
    response = api.post(f"notices/{told.notice_id}/replay")
    assert response.status_code == 200
    assert (response.json()["status"], response.json()["tries"]) == ("pending", 0)
    told.refresh_from_db()
    assert (told.state, told.ended_at) == (WorkState.DUE, None)
    event = Event.objects.get(kind="notice_replayed")
    assert (event.order_no, event.door) == (told.order_no, "api")


def test_a_notice_under_way_is_not_touched_by_a_replay(api: Api, told: MerchantNotice):
    MerchantNotice.objects.update(status="pending", state=WorkState.DUE, ended_at=None, tries=3)
    (mine,) = claim.notices(1, {})
    response = api.post(f"notices/{told.notice_id}/replay")
    assert response.json()["tries"] == 3
    told.refresh_from_db()
    assert (told.state, told.attempt) == (WorkState.OUT, mine.row.attempt)
    assert not Event.objects.filter(kind="notice_replayed").exists()


def test_dead_notices_are_replayed_in_bulk_and_the_delivered_are_left(
    api: Api, house: cast.House, told: MerchantNotice
):
    for _ in range(2):
        cast.make_pay_order(house, "success", notify_url=URL)
    later, delivered = MerchantNotice.objects.exclude(pk=told.pk).order_by("pk")
    cast.notice_dies(later)
    MerchantNotice.objects.filter(pk=delivered.pk).update(
        status="delivered", state=WorkState.ENDED, ended_at=timezone.now()
    )
    first = api.post("notices/replay", {"limit": 1})
    assert first.json() == {"replayed": 1, "has_more": True}
    assert _row(api, told)["status"] == "pending"
    assert _row(api, later)["status"] == "dead"
    second = api.post("notices/replay", {"kind": "pay_order.success"})
    assert second.json() == {"replayed": 1, "has_more": False}
    assert _row(api, delivered)["status"] == "delivered"
    by_id = api.post("notices/replay", {"ids": [delivered.notice_id]})
    assert by_id.json() == {"replayed": 1, "has_more": False}
    assert _row(api, delivered)["status"] == "pending"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"limit": "5"}, "limit"),
        ({"ids": []}, "ids"),
        ({"ids": ["x" * 41]}, "ids"),
        ({"status": "pending"}, "status"),
        ({"created_from": "yesterday"}, "created_from"),
        ({"what": 1}, "what"),
    ],
)
def test_a_bulk_replay_that_cannot_be_read_replays_nothing(
    api: Api, told: MerchantNotice, body: dict[str, Any], field: str
):
    found = problem(api.post("notices/replay", body), 422, "invalid_input")
    assert found["errors"][0]["field"].startswith(field)
    assert _row(api, told)["status"] == "dead"


def test_another_merchants_notices_are_not_there(
    api: Api, other_house: cast.House, told: MerchantNotice
):
    stranger = Api(other_house.api_key)
    assert stranger.get("notices").json()["data"] == []
    problem(stranger.get(f"notices/{told.notice_id}"), 404, "not_found")
    problem(stranger.post(f"notices/{told.notice_id}/replay"), 404, "not_found")
    assert stranger.post("notices/replay", {"ids": [told.notice_id]}).json()["replayed"] == 0
    assert _row(api, told)["status"] == "dead"


def test_a_notice_for_trying_is_signed_and_kept_like_any_other(api: Api, house: cast.House):
    response = api.post("notices/test", {"url": URL})
    assert response.status_code == 201
    notice = MerchantNotice.objects.select_related("application__merchant").get()
    assert response.json()["notice_id"] == notice.notice_id
    assert (notice.kind, notice.order_no, notice.url) == ("notice.test", "", URL)
    (delivery,) = engine.deliveries([notice])
    assert delivery.letter is not None
    assert house.merchant.mch_no in delivery.letter.body
    cast.notice_dies(notice)
    assert api.post(f"notices/{notice.notice_id}/replay").json()["status"] == "pending"


def test_without_any_address_nothing_is_sent_for_trying(api: Api, house: cast.House):
    found = problem(api.post("notices/test", {}), 422, "invalid_input")
    assert found["errors"] == [
        {
            "field": "url",
            "code": "required",
            "message": "The application has no notify URL; name an address.",
        }
    ]
    assert not MerchantNotice.objects.exists()


def test_the_history_of_an_order_has_its_whole_family_newest_first(api: Api, house: cast.House):
    order = cast.make_pay_order(house, "success")
    refund = cast.make_refund(order, "success")
    kept = list(Event.objects.filter(pay_order=order).order_by("-seq"))
    for number in (order.order_no, refund.refund_no, f"biz:{order.biz_order_no}"):
        data = api.get("events", {"order_no": number}).json()["data"]
        assert [row["seq"] for row in data] == [event.seq for event in kept]
        assert [row["hash"] for row in data] == [event.hash for event in kept]
    assert data[-1]["previous"] == kept[-1].previous
    assert set(data[0]) == {
        "seq", "order_no", "kind", "door", "before", "after", "amount", "previous", "hash",
        "created_at",
    }  # fmt: skip


def test_the_history_comes_in_pages_and_a_cursor_belongs_to_its_order(api: Api, house: cast.House):
    order, other = cast.make_pay_order(house, "success"), cast.make_pay_order(house, "success")
    whole = api.get("events", {"order_no": order.order_no}).json()["data"]
    first = api.get("events", {"order_no": order.order_no, "limit": 1}).json()
    query = {"limit": 100, "cursor": first["next_cursor"]}
    rest = api.get("events", {"order_no": order.order_no, **query}).json()
    assert first["data"] + rest["data"] == whole
    problem(api.get("events", {"order_no": other.order_no, **query}), 400, "invalid_parameter")


def test_a_transfers_history_is_its_own(api: Api):
    number = api.post("transfers", TRANSFER).json()["transfer_no"]
    (row,) = api.get("events", {"order_no": number}).json()["data"]
    assert (row["seq"], row["kind"], row["order_no"]) == (1, "transfer_requested", number)


@pytest.mark.parametrize("number", ["P0", "biz:none", "\x00", "P" * 100])
def test_the_history_of_an_unknown_order_is_404_or_400(api: Api, number: str):
    assert api.get("events", {"order_no": number}).status_code in (400, 404)


def test_the_history_names_its_order(api: Api):
    found = problem(api.get("events"), 400, "invalid_parameter")
    assert found["errors"][0]["field"] == "order_no"


def test_another_merchants_history_is_not_there(api: Api, other_house: cast.House):
    order = cast.make_pay_order(other_house, "success")
    problem(api.get("events", {"order_no": order.order_no}), 404, "not_found")
