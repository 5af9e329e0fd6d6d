"""The demo merchants' keys open this door, and only what a merchant has is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.test import Client

from gateway import demo
from orders.models import DoorKey
from tests.gateway.kaigedian.client import Partner
from tests.gateway.kaigedian.shop import order, through

pytestmark = pytest.mark.django_db
URLS = {name: f"http://127.0.0.1:{port}" for port, name in enumerate(demo.PROVIDERS, 5001)}


def test_the_printed_keys_open_the_door(tmp_path: Path, settings):
    settings.DEMO = True
    demo.ensure(tmp_path, simulators=URLS)
    merchants = demo.credentials(tmp_path)["merchants"]
    numbers = set()
    for merchant in merchants:
        keys = merchant["doors"]["kaigedian"]
        assert set(keys) == {
            "partner_id", "app_id", "access_token", "merchant_private_key_pem",
            "platform_public_key_pem",
        }  # fmt: skip
        partner = Partner(
            partner_id=keys["partner_id"],
            app_id=keys["app_id"],
            access_token=keys["access_token"],
            private_key_pem=keys["merchant_private_key_pem"],
            platform_public_key_pem=keys["platform_public_key_pem"],
            send=through(Client()),
        )
        numbers.add(partner.submit(order()))
    assert len(numbers) == len(merchants) == 2


def test_the_database_has_no_private_key_of_a_merchant(tmp_path: Path):
    made = demo.ensure(tmp_path, simulators=URLS)
    private = made["merchants"][0]["doors"]["kaigedian"]["merchant_private_key_pem"]
    for row in DoorKey.objects.filter(dialect="kaigedian"):
        assert private not in json.dumps([row.config, row.secrets])
        assert set(row.secrets) == {"platform_private_key_pem", "access_token"}


def test_what_an_operator_set_beside_the_keys_stays(tmp_path: Path):
    demo.ensure(tmp_path, simulators=URLS)
    row = DoorKey.objects.filter(dialect="kaigedian").first()
    assert row is not None
    row.config["notify_url"] = "https://partner.example/pushes"
    row.save()
    before = list(DoorKey.objects.order_by("pk").values())
    demo.ensure(tmp_path, simulators=URLS)
    assert list(DoorKey.objects.order_by("pk").values()) == before
