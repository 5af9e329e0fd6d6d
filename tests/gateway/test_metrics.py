"""/metrics: what it says, and to whom."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client, override_settings

from gateway import health

pytestmark = pytest.mark.django_db


def _lines(response) -> set[str]:
    return set(response.content.decode().splitlines())


def test_metrics_tell_what_readyz_tells(redis_client):
    health.say_alive([*settings.QUEUES])
    lines = _lines(Client().get("/metrics"))
    assert 'zhangfang_up{part="database"} 1.0' in lines
    assert 'zhangfang_up{part="worker-pay"} 1.0' in lines
    assert 'zhangfang_up{part="beat"} 0.0' in lines
    assert "zhangfang_oldest_due_seconds 0.0" in lines
    assert {f'zhangfang_due{{queue="{name}"}} 0.0' for name in settings.QUEUES} <= lines


def test_a_stranger_is_told_nothing():
    response = Client(REMOTE_ADDR="203.0.113.9").get("/metrics")
    assert (response.status_code, response.content) == (404, b"")


@override_settings(METRICS_TOKEN="a-token")
@pytest.mark.parametrize(("given", "status"), [("Bearer a-token", 200), ("Bearer b-token", 404)])
def test_a_token_opens_them_from_elsewhere(given, status):
    client = Client(REMOTE_ADDR="203.0.113.9", headers={"Authorization": given})
    assert client.get("/metrics").status_code == status
