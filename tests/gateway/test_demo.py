"""The demo house and the roles: made once, refreshed safely, never beside real merchants."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import override_settings

from channels import registry
from gateway import demo, roles, simulated
from orders.models import ApiKey, Application, ChannelAccount, Merchant

pytestmark = pytest.mark.django_db
URLS = {
    "wechat": "http://127.0.0.1:5001",
    "alipay": "http://127.0.0.1:5002",
    "umf": "http://127.0.0.1:5003",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data directory without a house in it."""
    return tmp_path


def _rows() -> dict[str, list[object]]:
    return {
        model.__name__: list(model.objects.order_by("pk").values())
        for model in (Merchant, Application, ApiKey, ChannelAccount)
    }


def test_making_the_demo_house_twice_changes_nothing(home):
    made = demo.ensure(home, simulators=URLS)
    before = _rows()
    assert demo.ensure(home, simulators=URLS) == made
    assert _rows() == before
    assert [len(before[name]) for name in before] == [2, 2, 2, 8]


def test_the_keys_that_scripts_read_open_the_door(home):
    made = demo.ensure(home, simulators=URLS)
    for merchant in made["merchants"]:
        key = ApiKey.objects.get(digest=ApiKey.hash(merchant["api_key"]))
        assert key.application.app_id == merchant["app_id"]
        assert key.application.webhook_secret == merchant["webhook_secret"]
        assert merchant["api_key"].startswith(f"{key.prefix}_")


def test_every_account_of_the_demo_house_is_ready_to_be_used(home):
    demo.ensure(home, simulators=URLS)
    for account in ChannelAccount.objects.all():
        channel = registry.get(account.channel)
        assert channel.check_account(account.config, account.secrets) == []


def test_a_simulator_that_moved_is_a_new_version_of_its_accounts_only(home):
    demo.ensure(home, simulators=URLS)
    demo.ensure(home, simulators={**URLS, "alipay": "http://127.0.0.1:6002"})
    found = {a.code: (a.version, _address(a)) for a in ChannelAccount.objects.all()}
    assert found == {
        f"{channel}-{shop}": facts
        for shop in ("tea-shop", "book-shop")
        for channel, facts in {
            "sandbox": (1, ""),
            "wechat": (1, "http://127.0.0.1:5001"),
            "alipay": (2, "http://127.0.0.1:6002/gateway.do"),
            "umf": (1, "http://127.0.0.1:5003"),
        }.items()
    }


def _address(account: ChannelAccount) -> str:
    return account.config.get("base_url") or account.config.get("gateway_url", "")


def test_a_house_older_than_a_simulator_gets_its_keys_and_accounts_and_keeps_its_own(home):
    made = demo.ensure(home, simulators=URLS)
    older = {**made, "simulators": {"wechat": made["simulators"]["wechat"]}}
    demo.path(home).write_text(json.dumps(older))
    ChannelAccount.objects.exclude(channel__in=("sandbox", "wechat")).delete()
    before = list(ChannelAccount.objects.order_by("pk").values())

    again = demo.ensure(home, simulators=URLS)
    assert {name: again[name] for name in ("admins", "merchants")} == {
        name: made[name] for name in ("admins", "merchants")
    }
    assert again["simulators"]["wechat"] == made["simulators"]["wechat"]
    assert set(again["simulators"]) == {"wechat", "alipay", "umf"}
    assert list(ChannelAccount.objects.order_by("pk").values())[:4] == before
    assert ChannelAccount.objects.count() == 8
    assert demo.facts(home) == again
    assert demo.path(home).stat().st_mode & 0o777 == 0o600


def test_the_keys_for_scripts_are_the_contract_word_for_word(home, settings):
    settings.DEMO = True
    made = demo.ensure(home, simulators=URLS)
    (home / "run.json").write_text(json.dumps({"base_url": "http://x", "simulators": URLS}))
    known = demo.credentials(home)["simulators"]
    assert {name: set(facts) for name, facts in known.items()} == {
        "wechat": {
            "base_url", "mchid", "appid", "merchant_serial", "merchant_private_key_pem",
            "apiv3_key", "platform_public_key_id", "platform_public_key_pem",
        },
        "alipay": {"gateway_url", "app_id", "app_private_key_pem", "alipay_public_key_pem"},
        "umf": {"base_url", "mer_id", "merchant_private_key_pem", "platform_public_key_pem"},
    }  # fmt: skip
    assert known["alipay"]["gateway_url"] == "http://127.0.0.1:5002/gateway.do"
    assert known["umf"]["base_url"] == "http://127.0.0.1:5003"
    assert known["umf"]["mer_id"] == made["simulators"]["umf"]["mer_id"]


@pytest.mark.parametrize("name", simulated.PROVIDERS)
def test_a_simulator_is_never_told_the_merchants_private_key(name):
    provider = simulated.PROVIDERS[name]
    identity = provider.new_identity()
    _config, hidden = provider.settings(identity, "http://127.0.0.1:1")
    private = [value for key, value in hidden.items() if key.endswith("private_key_pem")]
    assert len(private) == 1
    assert private[0] not in provider.simulator_half(identity).values()


def test_a_house_whose_directory_was_lost_gets_new_secrets(home, tmp_path, settings):
    demo.ensure(home, simulators=URLS)
    settings.ENCRYPTION_KEYS = {"new": bytes(32)}
    made = demo.ensure(tmp_path / "new", simulators=URLS)
    account = ChannelAccount.objects.get(code="wechat-tea-shop")
    assert account.secrets["apiv3_key"] == made["simulators"]["wechat"]["apiv3_key"]
    shop = Application.objects.get(app_id="tea-shop")
    assert shop.webhook_secret == made["merchants"][0]["webhook_secret"]


def test_a_database_with_other_merchants_is_left_alone(home):
    Merchant.objects.create(mch_no="M-REAL", name="A real one")
    with pytest.raises(demo.NotADemoHouse, match="not the demo's"):
        demo.ensure(home, simulators=URLS)
    assert User.objects.count() == 0
    assert list(home.iterdir()) == []


def test_only_their_owner_may_read_the_demo_keys(home):
    demo.ensure(home, simulators=URLS)
    assert demo.path(home).stat().st_mode & 0o777 == 0o600


@override_settings(DEMO=False)
def test_outside_demo_mode_the_commands_refuse(home):
    with pytest.raises(CommandError, match="not a demo house"):
        call_command("demo", wechat_url=URLS["wechat"])
    with pytest.raises(CommandError, match="not a demo house"):
        call_command("demo_credentials")
    assert Merchant.objects.count() == 0


SUPPORT = {
    "sync_payorder", "sync_refundorder", "sync_transferorder", "sync_allocationorder",
    "sync_sharereturn", "sync_storeorder", "handle_storeorder", "replay_merchantnotice",
}  # fmt: skip
ROLES = {
    "auditor": set(),
    "approver": {"decide_anomaly"},
    "support": SUPPORT,
    "finance": SUPPORT | {
        "close_payorder", "cancel_payorder", "refund_payorder", "retry_refundorder",
        "close_refundorder", "decide_anomaly", "add_transferorder", "retry_transferorder",
        "cancel_transferorder", "close_transferorder", "see_payee_transferorder",
        "allocate_payorder", "retry_allocationorder", "finish_allocationorder",
        "return_allocationdetail", "retry_sharereturn", "close_sharereturn",
        "add_allocationreceiver", "bind_allocationreceiver", "unbind_allocationreceiver",
        "add_allocationgroup", "change_allocationgroup", "cancel_storeorder", "refund_storeorder",
    },
}  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reads_everything_and_does_only_its_own(home, role):
    demo.ensure(home, simulators=URLS)
    user = User.objects.get(username=role)
    assert (user.is_staff, user.is_superuser) == (True, False)
    names = {name.removeprefix("orders.") for name in user.get_all_permissions()}
    reading = {name for name in names if name.startswith("view_")}
    assert {"view_payorder", "view_refundorder", "view_event", "view_ledgerentry"} <= reading
    assert names - reading == ROLES[role]


def test_writing_the_roles_again_takes_back_what_was_added_by_hand(home):
    roles.ensure()
    auditor = Group.objects.get(name="auditor")
    auditor.permissions.add(
        Group.objects.get(name="finance").permissions.get(codename="refund_payorder")
    )
    call_command("roles", verbosity=0)
    assert not auditor.permissions.filter(codename="refund_payorder").exists()
