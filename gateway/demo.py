"""The demo house: two merchants, five people, channel accounts at the simulators.

Called by `manage.py up`, `demo` and `demo_credentials`, in demo mode only. Every key is generated
on the first run and kept in `$ZHANGFANG_HOME/demo.json` (0600); the database holds digests and
encrypted values as for any merchant.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction

from gateway import keys, roles
from gateway.simulated import PROVIDERS
from orders import doors
from orders.models import ApiKey, Application, ChannelAccount, DoorKey, Merchant
from orders.secrets import SecretUnreadable

PEOPLE = ("admin", "finance", "support", "auditor", "approver")
MERCHANTS = (
    ("M2026110001", "桃园茶铺", "tea-shop"),
    ("M2026110002", "兰亭书店", "book-shop"),
)


class NotADemoHouse(Exception):
    """Demo data would meet real data, or nobody asked for a demo."""


def path(home: Path) -> Path:
    """Where the demo's own secrets are."""
    return home / "demo.json"


def facts(home: Path) -> dict[str, Any]:
    """The demo's secrets, made once; a house older than a simulator or a door gets its keys now.

    Only `up`'s process writes (it holds the lock of the directory), and `manage.py demo`.
    """
    place = path(home)
    if not place.exists():
        keys.write_private(place, _new_facts(), replace=False)
    made = _stored(home)
    before = json.dumps(made)
    for name, provider in PROVIDERS.items():
        if name not in made["simulators"]:
            made["simulators"][name] = provider.new_identity()
    for merchant in made["merchants"]:
        known = merchant.setdefault("doors", {})
        for code in doors.keyed():
            if code not in known:
                known[code] = _new_keys(code, merchant)
    if json.dumps(made) != before:
        keys.write_private(place, made, replace=True)
    return made


def _stored(home: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(path(home).read_text())
    return made


def _new_facts() -> dict[str, Any]:
    return {
        "admins": [
            {"role": role, "username": role, "password": secrets.token_urlsafe(12)}
            for role in PEOPLE
        ],
        "merchants": [
            {
                "mch_no": mch_no,
                "app_id": app_id,
                "api_key": f"zf_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}",
                # Standard Webhooks: "whsec_" and the base64 of 24 to 64 bytes.
                "webhook_secret": "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
            }
            for mch_no, _name, app_id in MERCHANTS
        ],
        "simulators": {name: one.new_identity() for name, one in PROVIDERS.items()},
    }


@transaction.atomic
def ensure(home: Path, *, simulators: Mapping[str, str]) -> dict[str, Any]:
    """Write the demo house into the database, or bring it up to date; safe to run again.

    ``simulators``: the address of each. Refuses a database in which somebody else keeps house.
    """
    known = [mch_no for mch_no, *_ in MERCHANTS]
    if Merchant.objects.exclude(mch_no__in=known).exists():
        raise NotADemoHouse(
            "This database has merchants that are not the demo's. Set ZHANGFANG_DEMO=0."
        )
    made = facts(home)
    roles.ensure()
    for person in made["admins"]:
        _ensure_person(person)
    for merchant in made["merchants"]:
        _ensure_merchant(merchant, made["simulators"], simulators)
    return made


def _ensure_person(person: dict[str, str]) -> None:
    role = person["role"]
    user, _created = User.objects.get_or_create(
        username=person["username"], defaults={"is_staff": True, "is_superuser": role == "admin"}
    )
    if not user.check_password(person["password"]):
        user.set_password(person["password"])
        user.save(update_fields=["password"])
    if role in roles.ROLES:
        user.groups.add(Group.objects.get(name=role))


def _ensure_merchant(
    facts: dict[str, Any], identities: Mapping[str, Any], urls: Mapping[str, str]
) -> None:
    name = next(name for mch_no, name, _ in MERCHANTS if mch_no == facts["mch_no"])
    merchant, _created = Merchant.objects.get_or_create(
        mch_no=facts["mch_no"], defaults={"name": name}
    )
    application = Application.objects.filter(app_id=facts["app_id"]).first() or Application(
        app_id=facts["app_id"], merchant=merchant, name=name
    )
    if application.pk is None or _read(application, "webhook_secret") != facts["webhook_secret"]:
        application.webhook_secret = facts["webhook_secret"]
        application.save()
    _ensure_key(application, facts["api_key"])
    for code in doors.keyed():
        _ensure_door(application, code, facts["doors"][code])
    _ensure_account(merchant, "sandbox", code=f"sandbox-{facts['app_id']}", name="沙盒")
    for channel, provider in PROVIDERS.items():
        config, hidden = provider.settings(identities[channel], urls[channel])
        _ensure_account(
            merchant,
            channel,
            code=f"{channel}-{facts['app_id']}",
            name=provider.title,
            config=config,
            hidden=hidden,
        )


def _ensure_key(application: Application, key: str) -> None:
    ApiKey.objects.update_or_create(
        prefix=key[:11],  # as ApiKey.issue writes it: zf_ and eight hex digits
        defaults={
            "application": application,
            "digest": ApiKey.hash(key),
            "scopes": list(ApiKey.Scope.values),
        },
    )


def _new_keys(code: str, merchant: Mapping[str, str]) -> dict[str, str]:
    """Both sides' keys at a door; the merchant's own half stays in demo.json."""
    door = doors.get(code)
    owner = Merchant(mch_no=merchant["mch_no"])
    names = door.names(Application(merchant=owner, app_id=merchant["app_id"]), {})
    for part in door.PARTS:
        names |= door.make(part.code)
    return names


def _ensure_door(application: Application, code: str, keys: Mapping[str, str]) -> None:
    """Write the house's half, or bring it up to date; what an operator set beside it stays."""
    door = doors.get(code)
    row = DoorKey.objects.filter(application=application, dialect=code).first() or DoorKey(
        application=application, dialect=code
    )
    named = (*door.CONFIG, *(one.name for one in door.FIELDS))
    config = {**row.config, **{name: keys[name] for name in named if name in keys}}
    hidden = {name: keys[name] for name in door.SECRETS}
    identity = door.identity(application, config)
    is_same = row.pk is not None and (row.identity, row.config) == (identity, config)
    if is_same and _read(row, "secrets") == hidden:
        return
    row.identity, row.config = identity, config
    row.secrets = hidden
    row.save()


def _ensure_account(
    merchant: Merchant,
    channel: str,
    *,
    code: str,
    name: str,
    config: dict[str, str] | None = None,
    hidden: dict[str, str] | None = None,
) -> None:
    """Every save is a new version and drops parsed keys, so save only what changed."""
    account = ChannelAccount.objects.filter(code=code).first() or ChannelAccount(
        code=code, merchant=merchant, channel=channel, name=name
    )
    config, hidden = config or {}, hidden or {}
    if account.pk is None or account.config != config or _read(account, "secrets") != hidden:
        account.config, account.secrets = config, hidden
        account.save()


def _read(row: Application | ChannelAccount | DoorKey, name: str) -> object:
    """A secret of the row; nothing when the key it was written with is gone with its directory."""
    try:
        return getattr(row, name)
    except SecretUnreadable:
        return None


def credentials(home: Path) -> dict[str, Any]:
    """What scripts outside may know: the contract of `demo_credentials`."""
    if not settings.DEMO:
        raise NotADemoHouse("This is not a demo house (ZHANGFANG_DEMO=0, or DATABASE_URL is set).")
    if not path(home).exists():
        raise NotADemoHouse("There is no demo house here yet: start it with `make run`.")
    running = run_facts(home)
    made = _stored(home)
    urls = running.get("simulators", {})
    return {
        "base_url": running.get("base_url", settings.BASE_URL),
        "admins": made["admins"],
        "merchants": [{**one, "doors": _doors(one.get("doors", {}))} for one in made["merchants"]],
        "simulators": {
            name: PROVIDERS[name].credentials(identity, urls.get(name, ""))
            for name, identity in made["simulators"].items()
        },
    }


def _doors(known: Mapping[str, Any]) -> dict[str, Any]:
    return {
        code: {name: known[code][name] for name in doors.get(code).CREDENTIALS}
        for code in doors.keyed()
        if code in known
    }


def run_facts(home: Path) -> dict[str, Any]:
    """What `up` left in `run.json`; it stays after the end, so that the ports stay the same."""
    try:
        known: dict[str, Any] = json.loads((home / "run.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return known
