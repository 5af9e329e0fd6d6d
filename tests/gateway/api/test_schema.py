"""The OpenAPI description: complete, without warnings, offline, and kept by the running API."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.api.v1 import answers, answers_store, render, store_orders
from orders import facts
from orders.models import PayOrder
from tests import cast
from tests.gateway.api.conftest import Api

pytestmark = pytest.mark.django_db

DONE = {
    "pay-orders": ["close", "cancel", "sync", "allocate"],
    "refunds": ["sync", "retry", "close"],
    "transfers": ["sync", "retry", "cancel", "close"],
    "allocations": ["sync", "retry", "finish"],
    "returns": ["sync", "retry", "close"],
    "receivers": ["bind", "unbind"],
    "store-orders": [way for way in store_orders.WAYS if way != "operations"],
}
OPERATIONS = {"GET /api/v1/groups", "POST /api/v1/groups"}
OPERATIONS |= {f"{method} /api/v1/groups/{{no}}" for method in ("GET", "PUT")}
OPERATIONS |= {"GET /api/v1/events", "GET /api/v1/notices", "GET /api/v1/notices/{no}"}
OPERATIONS |= {f"POST /api/v1/notices/{way}" for way in ("replay", "test", "{no}/replay")}
for resource, operations in DONE.items():
    OPERATIONS |= {f"{method} /api/v1/{resource}" for method in ("GET", "POST")}
    OPERATIONS |= {f"GET /api/v1/{resource}/{{no}}{way}" for way in ("", "/operations")}
    OPERATIONS |= {f"POST /api/v1/{resource}/{{no}}/{operation}" for operation in operations}


def shared_order(house: cast.House) -> PayOrder:
    cast.make_group(house)
    return cast.make_pay_order(house, "success", biz_order_no="SO-1", allocation=True)


MADE = {
    "pay-orders": shared_order,
    "refunds": lambda house: cast.make_refund(cast.make_pay_order(house, "success"), "fail"),
    "transfers": lambda house: cast.make_transfer(house, "fail"),
    "allocations": cast.make_allocation,
    "returns": lambda house: cast.make_return(cast.make_share(house), "fail"),
    "receivers": cast.make_receiver,
    "store-orders": cast.make_store_order,
    "groups": cast.make_group,
    "notices": cast.make_notice,
    "events": shared_order,
}
"""One of each that much can be done to."""


def description() -> dict[str, Any]:
    response = Client().get("/api/schema/", {"format": "json"})
    assert response.status_code == 200
    found: dict[str, Any] = json.loads(response.content)
    return found


def test_the_schema_is_made_without_a_warning():
    out = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    assert "listPayOrders" in out.getvalue()


def test_the_schema_has_every_operation_and_each_needs_a_key():
    found = description()
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in found["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == OPERATIONS
    assert all(operation["security"] == [{"apiKey": []}] for operation in operations.values())
    assert found["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)


def test_every_operation_names_its_problems():
    for path, methods in description()["paths"].items():
        for method, operation in methods.items():
            statuses = set(operation["responses"])
            assert {"400", "401", "403"} <= statuses, path
            if method in ("post", "put"):
                assert {"404", "409", "411", "413", "415", "422"} <= statuses, path
            for status, response in operation["responses"].items():
                wanted = "application/json" if status < "300" else "application/problem+json"
                assert list(response["content"]) == [wanted], (path, status)


@pytest.mark.parametrize("path", ["docs/", "docs/?script=", "docs/problems"])
def test_the_documentation_asks_no_outside_host(path):
    response = Client().get(f"/api/{path}")
    assert response.status_code == 200
    text = response.content.decode()
    for word in ("https://", "http://", "//cdn", "unpkg", "jsdelivr"):
        assert word not in text


def test_the_documentation_runs_under_our_content_security_policy():
    response = Client().get("/api/docs/")
    assert "script-src 'self'" in response["Content-Security-Policy"]
    assert "<script>" not in response.content.decode()


def test_the_page_of_problems_has_every_code_once():
    text = Client().get("/api/docs/problems", headers={"accept-language": "en"}).content.decode()
    for code in (
        "invalid_input",
        "request_in_flight",
        "state",
        "refund_in_flight",
        "resend_unsafe",
        "not_waiting_for_payee",
        "nothing_to_share",
        "receiver_cannot_return",
    ):
        assert text.count(f'id="{code}"') == 1
    assert "A refund of ‹amount› is not finished yet" in text
    assert "This channel may pay twice" in text and "This channel may share twice" in text
    assert "at most ‹ratio› % of" in text
    assert "%(" not in text


@pytest.mark.parametrize(
    ("resource", "written", "declared"),
    [
        ("pay-orders", render.pay_order, answers.PayOrderSerializer),
        ("refunds", render.refund, answers.RefundSerializer),
        ("transfers", render.transfer, answers.TransferSerializer),
        ("allocations", render.allocation, answers.AllocationSerializer),
        ("returns", render.share_return, answers.ReturnSerializer),
        ("receivers", render.receiver, answers.ReceiverSerializer),
        ("store-orders", render.store_order, answers_store.StoreOrderSerializer),
        ("groups", render.group, answers.GroupSerializer),
    ],
)
def test_the_declared_shapes_are_those_that_are_written(house, resource, written, declared):
    row = MADE[resource](house)
    assert list(written(row)) == list(declared().fields)
    if resource == "allocations":
        share = facts.share(row.details.get())
        assert list(share) == list(answers.ShareSerializer().fields)
    if resource == "groups":
        member = render.group(row)["members"][0]
        assert list(member) == list(answers.MemberSerializer().fields)
    else:
        operations = render.operations(row)
        assert list(operations[0]) == list(answers.OperationSerializer().fields)


def test_the_declared_shapes_of_what_was_told_are_those_that_are_written(house):
    notice = cast.make_notice(house)
    written = render.notice_log(notice)
    assert list(written) == list(answers.NoticeLogSerializer().fields)
    assert list(render.notice(notice)) == list(answers.NoticeSerializer().fields)
    assert list(written["attempts"][0]) == list(answers.AttemptSerializer().fields)
    event = notice.pay_order.events.first()
    assert list(render.event(event)) == list(answers.EventSerializer().fields)


@pytest.mark.parametrize(
    ("resource", "told", "answered", "alone"),
    [
        ("pay-orders", facts.pay_order, render.pay_order, ["pay_params", "notify_url"]),
        ("refunds", facts.refund, render.refund, ["notify_url"]),
        ("transfers", facts.transfer, render.transfer, ["notify_url"]),
        ("allocations", facts.allocation, render.allocation, ["notify_url"]),
        ("returns", facts.share_return, render.share_return, []),
        ("receivers", facts.receiver, render.receiver, []),
        ("store-orders", facts.store_order, render.store_order, ["pay_params", "notify_url"]),
    ],
)
def test_an_answer_is_what_a_notice_tells_and_what_is_for_the_caller_alone(
    house, resource, told, answered, alone
):
    row = MADE[resource](house)
    notice, answer = told(row), answered(row)
    assert [*notice, *alone] == list(answer)
    assert notice == {name: answer[name] for name in notice}
    assert "" not in [value for name, value in notice.items() if name.startswith("out_")]


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

GENERATED = settings(
    max_examples=6,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Django's own test client does the same: the end of a request must not end the test's
    transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@functools.cache
def api_schema() -> Any:
    return schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())


@pytest.mark.usefixtures("one_connection")
@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_no_request_makes_it_break_its_promises(api: Api, house: cast.House, operation: str):
    """Generated requests, right and wrong ones, about what much can be done to."""
    method, path = operation.split(" ")
    row = MADE[path.split("/")[3]](house)
    column = {"groups": "group_no", "notices": "notice_id"}.get(path.split("/")[3], "number")
    named = {"no": getattr(row, column)} if "{no}" in path else None
    asked = 0

    def ask(case: schemathesis.Case) -> None:
        nonlocal asked
        asked += 1
        headers = {"Authorization": f"Bearer {api.api_key}", "Accept-Encoding": "identity"}
        case.call_and_validate(headers=headers, checks=CHECKS)

    for mode in GenerationMode:
        cases = api_schema()[path][method].as_strategy(
            generation_mode=mode,
            path_parameters=named,
        )
        GENERATED(given(case=cases)(ask))()
    assert asked > 1
