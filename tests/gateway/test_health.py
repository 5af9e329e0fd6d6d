"""/healthz and /readyz."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from gateway import health

pytestmark = pytest.mark.django_db


def test_healthz_asks_nobody(django_assert_num_queries):
    with django_assert_num_queries(0):
        response = Client().get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


def test_readyz_is_503_while_no_worker_and_no_clock_is_live(redis_client):
    response = Client().get("/readyz")
    assert response.status_code == 503
    state = response.json()
    assert (state["database"], state["redis"], state["beat"]) == (True, True, False)
    assert state["queues"] == {name: {"worker": False} for name in settings.QUEUES}


def test_readyz_is_200_when_every_queue_and_the_clock_have_spoken(redis_client):
    health.say_alive([*settings.QUEUES, "beat"])
    response = Client().get("/readyz")
    assert response.status_code == 200
    assert response.json()["ready"] is True


@pytest.mark.parametrize("missing", [*settings.QUEUES, "beat"])
def test_readyz_is_503_when_one_of_them_is_missing(redis_client, missing):
    health.say_alive({*settings.QUEUES, "beat"} - {missing})
    assert Client().get("/readyz").status_code == 503
