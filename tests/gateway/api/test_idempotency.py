"""Idempotency-Key: replayed, refused for another body, held while in flight, free after a crash.

pretix ignored the body, and a crash locked a key for a day: neither may happen here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gateway.api.v1 import idempotency
from orders.models import ApiKey, IdempotencyKey, PayOrder, RefundOrder
from orders.services import pay
from tests import cast
from tests.gateway.api.conftest import NOTHING, ORDER, REFUND, Api, problem, written

pytestmark = pytest.mark.django_db
KEY = "7f1c2d9e-0001"


def create(api: Api, body: Any = ORDER, key: str = KEY, **headers: str) -> Any:
    return api.post("pay-orders", body, idempotency_key=key, **headers)


def test_the_same_request_is_answered_again_and_not_done_again(api: Api):
    first = create(api)
    before = written()
    second = create(api)
    assert (first.status_code, second.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert second.content == first.content
    assert written() == before


def test_the_replay_reads_the_pay_params_which_are_not_kept(api: Api):
    number = create(api).json()["order_no"]
    order = PayOrder.objects.get(order_no=number)
    PayOrder.objects.filter(pk=order.pk).update(pay_params={"code_url": "weixin://secret"})
    assert create(api).json()["pay_params"] == {"code_url": "weixin://secret"}
    create(api, {**ORDER, "biz_order_no": "SO-2"}, key="other")
    stored = IdempotencyKey.objects.values_list("response_body", flat=True)
    assert not any("weixin" in text for text in stored)


def test_spaces_and_the_order_of_names_are_not_another_body(api: Api):
    create(api, ORDER)
    reordered = b'{ "method":"native", "channel": "sandbox","amount":10000, "title":"Tea",'
    response = create(api, reordered + b'"biz_order_no":"SO-1", "attach": null }')
    assert response["Idempotent-Replayed"] == "true"


def test_another_body_is_422_and_nothing_happens(api: Api):
    create(api)
    before = written()
    problem(create(api, {**ORDER, "biz_order_no": "SO-2"}), 422, "idempotency_mismatch")
    problem(create(api, {**ORDER, "amount": 1}), 422, "idempotency_mismatch")
    assert written() == before


def test_another_address_with_the_same_body_is_422(api: Api, house: cast.House):
    one, two = cast.make_pay_order(house), cast.make_pay_order(house)
    assert api.post(f"pay-orders/{one.order_no}/close", {}, idempotency_key=KEY).status_code == 200
    before = written()
    for path in (f"pay-orders/{two.order_no}/close", f"pay-orders/{one.order_no}/cancel"):
        problem(api.post(path, {}, idempotency_key=KEY), 422, "idempotency_mismatch")
    assert written() == before
    assert cast.reload(two).intent == ""


def test_an_operation_is_replayed_although_it_would_be_refused_now(api: Api, house: cast.House):
    order = cast.make_pay_order(house)
    path = f"pay-orders/{order.order_no}/close"
    first = api.post(path, {"reason": "x"}, idempotency_key=KEY)
    assert problem(api.post(path, {"reason": "x"}), 409, "already_ending")
    second = api.post(path, {"reason": "x"}, idempotency_key=KEY)
    assert (first.status_code, second.status_code) == (200, 200)
    assert second["Idempotent-Replayed"] == "true"
    assert first.json()["pay_params"] == {"code_url": "sandbox://pay"}
    assert second.content == first.content


def test_a_refund_is_replayed(api: Api, house: cast.House):
    cast.make_pay_order(house, "success", biz_order_no="SO-1")
    first = api.post("refunds", REFUND, idempotency_key=KEY)
    second = api.post("refunds", REFUND, idempotency_key=KEY)
    assert second.content == first.content
    assert RefundOrder.objects.count() == 1


def test_the_same_request_in_flight_is_409_with_retry_after(api: Api, monkeypatch):
    inner = []

    def meanwhile(*args: Any, **kwargs: Any) -> PayOrder:
        monkeypatch.undo()
        inner.append(create(api))
        return pay.request_pay(*args, **kwargs)

    monkeypatch.setattr("gateway.api.v1.pay_orders.pay.request_pay", meanwhile)
    assert create(api).status_code == 201
    problem(inner[0], 409, "request_in_flight")
    assert 1 <= int(inner[0]["Retry-After"]) <= 5
    assert PayOrder.objects.count() == 1
    assert IdempotencyKey.objects.count() == 1


def test_another_body_while_in_flight_is_422(api: Api, house: cast.House):
    crashed(house, body=ORDER, ago=timedelta(0))
    problem(create(api, {**ORDER, "amount": 5}), 422, "idempotency_mismatch")
    assert PayOrder.objects.count() == 0


def crashed(house: cast.House, *, body: dict[str, Any], ago: timedelta) -> None:
    """What a web process leaves behind that was killed ``ago`` after its lock had ended."""
    from gateway.api.v1 import inputs

    what = idempotency.fingerprint(
        "POST", "/api/v1/pay-orders", inputs.check(inputs.NewPayOrderInput, dict(body))
    )
    now = timezone.now()
    IdempotencyKey.objects.create(
        api_key=ApiKey.objects.get(application=house.application),
        key=KEY,
        fingerprint=what,
        locked_until=now - ago if ago else now + idempotency.LOCK,
    )


def test_until_its_lock_ends_a_crashed_request_is_in_flight(api: Api, house: cast.House):
    crashed(house, body=ORDER, ago=timedelta(0))
    problem(create(api), 409, "request_in_flight")
    assert PayOrder.objects.count() == 0


def test_after_a_crash_before_the_work_the_request_runs(api: Api, house: cast.House):
    crashed(house, body=ORDER, ago=timedelta(seconds=1))
    response = create(api)
    assert response.status_code == 201
    assert "Idempotent-Replayed" not in response
    assert create(api)["Idempotent-Replayed"] == "true"
    assert PayOrder.objects.count() == 1


def test_after_a_crash_behind_the_work_the_same_order_is_found(api: Api, house: cast.House):
    made = api.post("pay-orders", ORDER).json()
    crashed(house, body=ORDER, ago=timedelta(seconds=1))
    response = create(api)
    assert response.status_code == 200
    assert response.json()["order_no"] == made["order_no"]
    assert PayOrder.objects.count() == 1


def test_a_crash_does_not_free_the_key_for_another_body(api: Api, house: cast.House):
    crashed(house, body=ORDER, ago=timedelta(seconds=1))
    problem(create(api, {**ORDER, "amount": 5}), 422, "idempotency_mismatch")
    assert PayOrder.objects.count() == 0


def test_what_was_wrong_keeps_no_key(api: Api):
    problem(create(api, {**ORDER, "channel": "wechat"}), 422, "invalid_input")
    assert written() == NOTHING
    assert create(api).status_code == 201


def test_what_was_refused_keeps_no_key(api: Api, house: cast.House):
    order = cast.make_pay_order(house, "success")
    path = f"pay-orders/{order.order_no}/close"
    problem(api.post(path, {}, idempotency_key=KEY), 409, "state")
    assert IdempotencyKey.objects.count() == 0


def test_after_an_error_of_ours_the_key_stays_taken_and_then_runs_again(
    api: Api, monkeypatch, caplog
):
    def fail(*_args: Any, **_kwargs: Any) -> PayOrder:
        raise RuntimeError("something unforeseen")

    monkeypatch.setattr("gateway.api.v1.pay_orders.pay.request_pay", fail)
    problem(create(api), 500, "internal")
    monkeypatch.undo()
    problem(create(api), 409, "request_in_flight")
    IdempotencyKey.objects.update(locked_until=timezone.now() - timedelta(seconds=1))
    assert create(api).status_code == 201
    assert "something unforeseen" in caplog.text


def test_a_key_is_free_again_after_a_day(api: Api):
    create(api)
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    response = create(api, {**ORDER, "biz_order_no": "SO-2"})
    assert response.status_code == 201
    assert "Idempotent-Replayed" not in response
    assert IdempotencyKey.objects.count() == 1


def test_keys_of_two_callers_do_not_meet(api: Api, other_api: Api):
    assert create(api).status_code == 201
    theirs = create(other_api)
    assert theirs.status_code == 201
    assert "Idempotent-Replayed" not in theirs


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "schlüssel"])
def test_an_unusable_key_is_400(api: Api, key):
    problem(create(api, key=key), 400, "invalid_idempotency_key")
    assert written() == NOTHING


def test_without_a_key_nothing_is_kept(api: Api):
    api.post("pay-orders", ORDER)
    assert IdempotencyKey.objects.count() == 0
