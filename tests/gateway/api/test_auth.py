"""Who may call: keys, scopes, addresses, and people who are switched off."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders.models import ApiKey
from tests import cast
from tests.gateway.api.conftest import NOTHING, ORDER, Api, problem, written

pytestmark = pytest.mark.django_db

RESOURCES = [
    "pay-orders", "refunds", "transfers", "allocations", "returns", "receivers", "groups",
]  # fmt: skip


def key_of(house: cast.House) -> ApiKey:
    return ApiKey.objects.get(application=house.application)


@pytest.mark.parametrize(
    ("header", "code", "challenge"),
    [
        ("", "not_authenticated", 'Bearer realm="api"'),
        ("Bearer", "invalid_key", 'Bearer realm="api", error="invalid_request"'),
        ("Basic YTpi", "invalid_key", 'Bearer realm="api", error="invalid_request"'),
        ("Bearer clé", "invalid_key", 'Bearer realm="api", error="invalid_request"'),
        ("Bearer " + "x" * 257, "invalid_key", 'Bearer realm="api", error="invalid_request"'),
        ("Bearer zf_unknown", "invalid_key", 'Bearer realm="api", error="invalid_token"'),
        ("Bearer ' OR 1=1 --", "invalid_key", 'Bearer realm="api", error="invalid_token"'),
    ],
)
def test_without_a_known_key_it_is_401_with_a_challenge(api: Api, header, code, challenge):
    response = api.post("pay-orders", ORDER, authorization=header)
    problem(response, 401, code)
    assert response["WWW-Authenticate"] == challenge
    assert written() == NOTHING


def test_the_scheme_is_read_without_regard_to_case(api: Api):
    assert api.get("pay-orders", authorization=f"bearer  {api.api_key}").status_code == 200


@pytest.mark.parametrize(
    ("field", "code"), [("expires_at", "key_expired"), ("revoked_at", "key_revoked")]
)
def test_an_ended_key_is_401(api: Api, house: cast.House, field, code):
    ApiKey.objects.update(**{field: timezone.now()})
    response = api.post("pay-orders", ORDER)
    problem(response, 401, code)
    assert response["WWW-Authenticate"] == 'Bearer realm="api", error="invalid_token"'
    assert written() == NOTHING


def test_a_key_works_until_it_expires(api: Api):
    ApiKey.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    assert api.get("pay-orders").status_code == 200


@pytest.mark.parametrize("who", ["merchant", "application"])
def test_who_is_switched_off_is_403(api: Api, house: cast.House, who):
    row: Any = getattr(house, who)
    row.is_active = False
    row.save()
    problem(api.post("pay-orders", ORDER), 403, f"{who}_inactive")
    assert written() == NOTHING


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (["read"], {f"GET {path}" for path in RESOURCES}),
        (["pay"], {"GET pay-orders", "POST pay-orders"}),
        (["refund"], {"GET refunds", "POST refunds"}),
        (["transfer"], {"GET transfers", "POST transfers"}),
        (["allocation"], {f"{how} {path}" for how in ("GET", "POST") for path in RESOURCES[3:]}),
        ([], set()),
    ],
)
def test_a_key_may_do_what_its_scopes_say(api: Api, scopes, allowed):
    ApiKey.objects.update(scopes=scopes)
    for path in RESOURCES:
        for method, call in (("GET", api.get), ("POST", api.post)):
            response = call(path)
            if f"{method} {path}" in allowed:
                assert response.status_code in (200, 422)
            else:
                problem(response, 403, "scope_missing")


@pytest.mark.parametrize(
    "path",
    ["pay-orders/X/close", "pay-orders/X/cancel", "pay-orders/X/sync", "pay-orders/X/allocate",
     "refunds/X/sync", "refunds/X/retry", "refunds/X/close",
     "transfers/X/sync", "transfers/X/retry", "transfers/X/cancel", "transfers/X/close",
     "allocations/X/sync", "allocations/X/retry", "allocations/X/finish",
     "returns/X/sync", "returns/X/retry", "returns/X/close",
     "receivers/X/bind", "receivers/X/unbind"],
)  # fmt: skip
def test_a_reading_key_operates_on_nothing(api: Api, path):
    ApiKey.objects.update(scopes=["read"])
    problem(api.post(path), 403, "scope_missing")


def test_money_is_shared_with_the_scope_of_sharing_and_not_with_that_of_paying(api: Api):
    ApiKey.objects.update(scopes=["pay"])
    problem(api.post("pay-orders/X/allocate"), 403, "scope_missing")
    ApiKey.objects.update(scopes=["read"])
    problem(api.put("groups/X", {}), 403, "scope_missing")


@pytest.mark.parametrize(
    ("allowed", "remote", "forwarded", "status"),
    [
        (["203.0.113.0/24"], "203.0.113.7", "", 200),
        (["203.0.113.0/24"], "::ffff:203.0.113.7", "", 200),
        (["2001:db8::/32"], "2001:db8::1", "", 200),
        (["203.0.113.7"], "203.0.113.8", "", 403),
        # Nobody may claim an address: only our own proxies are believed.
        (["203.0.113.0/24"], "198.51.100.1", "203.0.113.7", 403),
        (["203.0.113.0/24"], "10.0.0.1", "203.0.113.7", 200),
        (["203.0.113.0/24"], "10.0.0.1", "203.0.113.7, 198.51.100.1", 403),
        (["203.0.113.0/24"], "10.0.0.1", "198.51.100.1, 203.0.113.7, 10.0.0.2", 200),
        (["203.0.113.0/24"], "10.0.0.1", "nonsense", 403),
        (["203.0.113.0/24"], "", "", 403),
        (["not an address"], "203.0.113.7", "", 403),
    ],
)
def test_the_address_list_of_a_key(api: Api, settings, allowed, remote, forwarded, status):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    ApiKey.objects.update(allowed_ips=allowed)
    api.client.defaults["REMOTE_ADDR"] = remote
    headers = {"x_forwarded_for": forwarded} if forwarded else {}
    response = api.get("pay-orders", **headers)
    assert response.status_code == status
    if status == 403:
        problem(response, 403, "address_not_allowed")


def test_an_empty_address_list_allows_every_address(api: Api):
    api.client.defaults["REMOTE_ADDR"] = "198.51.100.1"
    assert api.get("pay-orders").status_code == 200


def test_the_use_of_a_key_is_noted_at_most_once_a_minute(api: Api, house: cast.House):
    assert key_of(house).last_used_at is None
    api.get("pay-orders")
    first = key_of(house).last_used_at
    assert first is not None
    with CaptureQueriesContext(
        connection,
    ) as queries:
        api.get("pay-orders")
    assert len(queries) == 2
    assert key_of(house).last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
    api.get("pay-orders")
    assert key_of(house).last_used_at > first - timedelta(seconds=1)


def test_a_refused_key_is_not_noted_as_used(api: Api, house: cast.House):
    ApiKey.objects.update(revoked_at=timezone.now())
    api.get("pay-orders")
    assert key_of(house).last_used_at is None


def test_a_guess_costs_one_query_whether_the_key_exists_or_not(api: Api, django_assert_num_queries):
    with django_assert_num_queries(1):
        api.get("pay-orders", authorization="Bearer zf_unknown")
    ApiKey.objects.update(revoked_at=timezone.now())
    with django_assert_num_queries(1):
        api.get("pay-orders")
