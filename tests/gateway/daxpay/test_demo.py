"""The demo's merchants can use the door at once, and what scripts are told is the contract."""

from __future__ import annotations

import pytest

from gateway import demo
from orders.models import DoorKey
from tests.gateway.test_demo import URLS

pytestmark = pytest.mark.django_db


def test_a_demo_merchant_gets_keys_once_and_scripts_are_told_his_half(tmp_path, settings):
    settings.DEMO = True
    demo.ensure(tmp_path, simulators=URLS)
    rows = list(DoorKey.objects.filter(dialect="daxpay").order_by("pk").values())
    assert [row["identity"] for row in rows] == ["M2026110001:tea-shop", "M2026110002:book-shop"]
    demo.ensure(tmp_path, simulators=URLS)
    assert list(DoorKey.objects.filter(dialect="daxpay").order_by("pk").values()) == rows
    for merchant in demo.credentials(tmp_path)["merchants"]:
        known = merchant["doors"]["daxpay"]
        assert set(known) == {"merchant_private_key_pem", "platform_public_key_pem", "g3_secret"}
        row = DoorKey.objects.get(identity=f"{merchant['mch_no']}:{merchant['app_id']}")
        assert row.config["platform_public_key_pem"] == known["platform_public_key_pem"]
        assert row.secrets["g3_secret"] == known["g3_secret"]
        assert known["merchant_private_key_pem"] not in str((row.config, row.secrets))
