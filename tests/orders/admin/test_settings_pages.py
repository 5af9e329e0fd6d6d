"""Merchants, applications, keys, channel accounts, users, roles and schedules."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from channels.base import AccountField, Problem
from orders import secrets
from orders.admin import accounts
from orders.models import ApiKey, ChannelAccount, Merchant
from tests import cast
from tests.orders.admin.conftest import ClientOf

ORDERS = "/admin/orders"
SHARING = {
    "allocation_delay": "3600", "allocation_min_amount": "1.00", "store_unpaid_minutes": "15",
    "store_accept_minutes": "10",
}  # fmt: skip
"""What an application's form asks for besides its names."""


def secret_of(html: str) -> str:
    return re.search(r'<span id="zf-secret">([^<]+)</span>', html)[1]


# --- keys --------------------------------------------------------------------------------------


def key_fields(house: cast.House, **changes: Any) -> dict[str, Any]:
    fields = {
        "application": house.application.pk, "scopes": ["pay", "read"],
        "allowed_ips": "203.0.113.7\n198.51.100.0/24", "expires_at_0": "", "expires_at_1": "",
    }  # fmt: skip
    return {**fields, **changes}


def test_a_new_key_is_shown_once_and_only_its_hash_is_kept(
    as_root: Client, house: cast.House
) -> None:
    ApiKey.objects.all().delete()

    answer = as_root.post(f"{ORDERS}/apikey/add/", key_fields(house))

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    key = secret_of(answer.content.decode())
    row = ApiKey.objects.get()
    assert row.digest == ApiKey.hash(key) and key.startswith(row.prefix)
    assert row.scopes == ["pay", "read"]
    assert row.allowed_ips == ["203.0.113.7/32", "198.51.100.0/24"]
    again = as_root.get(f"{ORDERS}/apikey/{row.pk}/change/").content.decode()
    listed = as_root.get(f"{ORDERS}/apikey/").content.decode()
    assert key not in again + listed
    assert row.digest not in again + listed


def test_a_bad_network_is_refused_and_no_key_is_made(as_root: Client, house: cast.House) -> None:
    before = ApiKey.objects.count()

    answer = as_root.post(f"{ORDERS}/apikey/add/", key_fields(house, allowed_ips="10.0.0.0/99"))

    assert "10.0.0.0/99 is not an address or network." in answer.content.decode()
    assert ApiKey.objects.count() == before


def test_revoking_ends_a_key_by_post_and_twice_does_no_harm(
    as_root: Client, as_auditor: Client, house: cast.House
) -> None:
    row = ApiKey.objects.get()
    url = f"{ORDERS}/apikey/{row.pk}/revoke/"

    assert as_root.get(url).status_code == 405
    assert as_auditor.post(url).status_code == 403
    assert cast.reload(row).revoked_at is None
    as_root.post(url)
    first = cast.reload(row).revoked_at
    as_root.post(url)

    assert first is not None and cast.reload(row).revoked_at == first
    assert "revoked" in as_root.get(f"{ORDERS}/apikey/").content.decode()


# --- applications ------------------------------------------------------------------------------


def test_an_application_says_whether_when_and_above_what_it_shares(
    as_root: Client, house: cast.House
) -> None:
    url = f"{ORDERS}/application/{house.application.pk}/change/"
    fields = {
        "name": "Shop A", "notify_url": "", "is_active": "on", "auto_allocation": "on",
        "auto_finish": "on", **SHARING, "allocation_delay": "90", "allocation_min_amount": "12.30",
    }  # fmt: skip
    assert 'value="1.00"' in as_root.get(url).content.decode()

    as_root.post(url, fields)
    refused = as_root.post(url, {**fields, "allocation_min_amount": "1.234"})

    row = cast.reload(house.application)
    assert (row.auto_allocation, row.auto_finish) == (True, True)
    assert (row.allocation_delay, row.allocation_min_amount) == (90, 1230)
    assert "This is not an amount in yuan, such as 12.34." in refused.content.decode()


def test_rotating_the_webhook_secret_shows_the_new_one_once(
    as_root: Client, as_auditor: Client, house: cast.House
) -> None:
    row = house.application
    old, url = row.webhook_secret, f"{ORDERS}/application/{row.pk}/rotate/"
    page = as_root.get(f"{ORDERS}/application/{row.pk}/change/").content.decode()
    assert secrets.fingerprint(old) in page and old not in page
    assert as_root.get(url).status_code == 405
    assert as_auditor.post(url).status_code == 403
    assert cast.reload(row).webhook_secret == old

    new = secret_of(as_root.post(url).content.decode())

    assert new == cast.reload(row).webhook_secret != old
    after = as_root.get(f"{ORDERS}/application/{row.pk}/change/").content.decode()
    assert secrets.fingerprint(new) in after and new not in after
    assert "Rotated the webhook secret." in LogEntry.objects.latest("pk").change_message


def test_what_numbers_are_made_of_is_fixed_once_it_is_there(
    as_root: Client, house: cast.House
) -> None:
    other = Merchant.objects.create(mch_no="M9", name="Other")
    fields = {
        "merchant": other.pk, "app_id": "stolen", "name": "Renamed", "notify_url": "", **SHARING,
    }  # fmt: skip

    as_root.post(f"{ORDERS}/application/{house.application.pk}/change/", fields)
    as_root.post(f"{ORDERS}/merchant/{house.merchant.pk}/change/", {"mch_no": "X", "name": "New"})

    row = cast.reload(house.application)
    assert (row.merchant_id, row.app_id, row.name, row.is_active) == (
        house.merchant.pk, "app-a", "Renamed", False,
    )  # fmt: skip
    merchant = cast.reload(house.merchant)
    assert (merchant.mch_no, merchant.name) == ("MA", "New")


# --- channel accounts --------------------------------------------------------------------------


class Provider:
    """A channel with one public and two secret settings."""

    code, name = "sandbox", "Sandbox"
    account_fields = (
        AccountField(name="mchid", help="Merchant number"),
        AccountField(name="private_key", secret=True, multiline=True),
        AccountField(name="apiv3", secret=True),
    )

    def check_account(self, config: dict, given: dict) -> list[Problem]:
        problems = []
        if not config.get("mchid", "").isdigit():
            problems.append(Problem(field="mchid", message="must be digits"))
        if not given.get("apiv3"):
            problems.append(Problem(field="apiv3", message="is missing"))
        return problems


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts.registry, "get", lambda code: Provider())


def account_fields(house: cast.House, **changes: Any) -> dict[str, Any]:
    fields = {
        "merchant": house.merchant.pk, "code": "wx-a", "name": "WeChat A", "max_in_flight": "8",
        "is_active": "on", "config_mchid": "1900000109", "secret_private_key": "PEM-TEXT",
        "secret_apiv3": "k" * 32,
    }  # fmt: skip
    return {**fields, **changes}


ADD = f"{ORDERS}/channelaccount/add/?channel=sandbox"


def test_an_accounts_form_is_what_its_channel_declares(
    as_root: Client, house: cast.House, provider: None
) -> None:
    html = as_root.get(ADD).content.decode()
    assert 'name="config_mchid"' in html
    assert '<textarea name="secret_private_key"' in html
    assert re.search(r'<input type="password" name="secret_apiv3"', html)

    as_root.post(ADD, account_fields(house))

    row = ChannelAccount.objects.get(code="wx-a")
    assert row.channel == "sandbox" and row.config == {"mchid": "1900000109"}
    assert row.secrets == {"private_key": "PEM-TEXT", "apiv3": "k" * 32}
    assert "PEM-TEXT" not in row.secrets_stored


def test_secrets_are_write_only_and_empty_keeps_them(
    as_root: Client, house: cast.House, provider: None
) -> None:
    as_root.post(ADD, account_fields(house))
    row = ChannelAccount.objects.get(code="wx-a")
    url = f"{ORDERS}/channelaccount/{row.pk}/change/"
    page = as_root.get(url).content.decode()
    assert "PEM-TEXT" not in page and "k" * 32 not in page
    assert secrets.fingerprint("PEM-TEXT") in page

    as_root.post(
        url, account_fields(house, secret_private_key="", secret_apiv3="n" * 32, name="Renamed")
    )

    after = cast.reload(row)
    assert after.secrets == {"private_key": "PEM-TEXT", "apiv3": "n" * 32}
    assert (after.name, after.version, after.code) == ("Renamed", row.version + 1, "wx-a")
    assert "PEM-TEXT" not in LogEntry.objects.latest("pk").change_message


def test_what_the_channel_finds_wrong_stands_beside_the_field(
    as_root: Client, house: cast.House, provider: None
) -> None:
    answer = as_root.post(ADD, account_fields(house, config_mchid="x1", secret_apiv3=""))

    html = answer.content.decode()
    assert "must be digits" in html and "is missing" in html
    assert not ChannelAccount.objects.filter(code="wx-a").exists()


def test_a_merchant_has_one_default_account_per_channel(
    as_root: Client, house: cast.House, provider: None
) -> None:
    answer = as_root.post(ADD, account_fields(house, is_default="on"))

    said = "Sandbox is already the default of this merchant at this channel."
    assert said in answer.content.decode()
    assert ChannelAccount.objects.count() == 1


def test_the_channel_is_chosen_first(as_root: Client, house: cast.House) -> None:
    html = as_root.get(f"{ORDERS}/channelaccount/add/").content.decode()

    assert 'href="?channel=wechat"' in html and 'href="?channel=sandbox"' in html
    assert as_root.get(f"{ORDERS}/channelaccount/add/?channel=x").status_code == 200


def test_the_real_channels_forms_open_and_refuse_emptiness(
    as_root: Client, house: cast.House
) -> None:
    url = f"{ORDERS}/channelaccount/add/?channel=wechat"
    assert as_root.get(url).status_code == 200

    answer = as_root.post(
        url, {"merchant": house.merchant.pk, "code": "wx", "name": "WX", "max_in_flight": "8"}
    )

    assert answer.status_code == 200
    assert not ChannelAccount.objects.filter(code="wx").exists()


def test_a_reader_sees_an_account_without_its_secrets(
    as_auditor: Client, as_root: Client, house: cast.House, provider: None
) -> None:
    as_root.post(ADD, account_fields(house))
    row = ChannelAccount.objects.get(code="wx-a")
    url = f"{ORDERS}/channelaccount/{row.pk}/change/"

    html = as_auditor.get(url).content.decode()

    assert "WeChat A" in html
    assert "secret_" not in html and "PEM-TEXT" not in html
    assert as_auditor.post(url, account_fields(house, name="Mine")).status_code == 403
    assert cast.reload(row).name == "WeChat A"


# --- people and schedules ----------------------------------------------------------------------


def test_nobody_makes_himself_a_superuser(client_of: ClientOf, root: User) -> None:
    manager = cast.person("manager")
    rights = Permission.objects.filter(content_type__app_label="auth", codename__endswith="_user")
    manager.user_permissions.set(rights)
    client = client_of(manager)
    fields = {"username": "manager", "is_active": "on", "is_staff": "on", "is_superuser": "on"}

    client.post(f"/admin/auth/user/{manager.pk}/change/", fields)

    assert cast.reload(manager).is_superuser is False
    assert client.post(f"/admin/auth/user/{root.pk}/change/", fields).status_code == 403
    assert client.post(f"/admin/auth/user/{root.pk}/password/", {}).status_code == 403
    assert cast.reload(root).username == "root"


def test_a_role_is_made_of_permissions_in_words(as_root: Client) -> None:
    html = as_root.get("/admin/auth/group/add/").content.decode()
    assert "pay orders: Can refund pay orders" in html
    assert "delete" not in re.sub(r"<[^>]+>", "", html).lower()
    wanted = Permission.objects.get(codename="refund_payorder")

    as_root.post("/admin/auth/group/add/", {"name": "Finance", "permissions": [wanted.pk]})

    assert list(Group.objects.get(name="Finance").permissions.all()) == [wanted]


def test_an_operator_edits_a_schedule(as_root: Client) -> None:
    every = IntervalSchedule.objects.create(every=5, period="seconds")
    task = PeriodicTask.objects.create(name="sweep", task="orders.tasks.sweep", interval=every)
    url = f"/admin/django_celery_beat/periodictask/{task.pk}/change/"
    assert as_root.get(url).status_code == 200

    as_root.post(
        url,
        {"name": "sweep", "task": "orders.tasks.sweep", "interval": every.pk, "queue": "sync",
         "args": "[]", "kwargs": "{}"},
    )  # fmt: skip

    after = cast.reload(task)
    assert (after.enabled, after.queue) == (False, "sync")
    assert "sweep" in as_root.get("/admin/django_celery_beat/periodictask/").content.decode()


def test_everybody_can_open_what_the_sidebar_offers_him(client_of: ClientOf, support: User) -> None:
    client = client_of(support)

    html = client.get("/admin/").content.decode()

    links = set(re.findall(r'<a href="(/admin/[^"]*/)" class="flex h-\[38px\]', html))
    assert "/admin/orders/payorder/" in links and "/admin/auth/user/" not in links
    for link in links:
        assert client.get(link).status_code == 200, link
