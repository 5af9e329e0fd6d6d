"""What the console shows of a door: chips, names, fingerprints, examples, a signed sample.

Used by ``orders.admin.doors`` only. Reads; shows a secret's fingerprint and never the secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from orders import dialects, doors, secrets
from orders.admin import cells
from orders.doors import API, Door, Value
from orders.models import Application, DoorKey, MerchantNotice
from orders.secrets import SecretUnreadable
from orders.standard import TEST


def door_url(name: str, row: Application, code: str) -> str:
    return reverse(f"admin:orders_application_{name}", args=[row.pk, code])


def key_of(row: Application, code: str) -> DoorKey | None:
    found = DoorKey.objects.select_related("application__merchant")
    return found.filter(application=row, dialect=code).first()


def speakable(row: Application) -> list[str]:
    """The doors in whose words a notice can be signed for this application."""
    mine = set(DoorKey.objects.filter(application=row).values_list("dialect", flat=True))
    return [
        code
        for code in doors.codes()
        if (needed := dialects.get(doors.get(code).NOTICES).DOOR_KEY) in mine or not needed
    ]


def default_url(row: Application, code: str) -> str:
    key = key_of(row, code)
    return (key.config.get("notify_url", "") if key else "") or row.notify_url


def sample(row: Application, door: Door) -> dialects.Envelope:
    """Raises ValueError, SecretUnreadable where it cannot be signed."""
    now = timezone.now()
    dialect = dialects.get(door.NOTICES)
    notice = MerchantNotice(
        application=row, dialect=door.NOTICES, kind=TEST, notice_id="msg_sample",
        body=dialect.sample(row, now), created_at=now,
    )  # fmt: skip
    (letter,) = dialects.letters([notice])
    return dialect.envelope(letter, now)


def usable_keys(row: Application) -> int:
    now = timezone.now()
    return row.api_keys.filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None).count()


def chip(row: Application, code: str, key: DoorKey | None) -> str:
    if not row.is_active:
        return cells.chip(_("application switched off"), "mute")
    if code == API:
        count = usable_keys(row)
        said = ngettext("%(n)s key", "%(n)s keys", count) % {"n": count}
        return cells.chip(said, "good") if count else cells.chip(_("no key"), "warn")
    if key is None:
        return cells.chip(_("no keys yet"), "mute")
    if not key.is_active:
        return cells.chip(_("switched off"), "mute")
    return cells.chip(pgettext("a door", "open"), "good")


def line(row: Application, code: str, key: DoorKey | None) -> dict[str, Any]:
    """One door in the application's panel."""
    return {
        "title": doors.get(code).TITLE,
        "url": door_url("door", row, code),
        "chip": chip(row, code, key),
        "identity": row.app_id if code == API else key.identity if key else "",
        "since": key.created_at if key else None,
    }


def facts(row: Application, code: str, key: DoorKey | None) -> list[tuple[Any, Any]]:
    """What may be shown of a door at any time: names, addresses, fingerprints."""
    door = doors.get(code)
    place = doors.place(row, key)
    found: list[tuple[Any, Any]] = [
        (_("address"), f"{place.base_url}{door.PATH}"),
        (_("merchant"), f"{row.merchant.name} · {row.merchant.mch_no}"),
    ]
    if code == API:
        return [*found, (_("webhook secret"), _mark(row, "webhook_secret"))]
    if key is None:
        return found
    found += [(_("identity"), key.identity), (_("issued"), cells.time(key.created_at))]
    found += [
        (_LABELS.get(name, name), doors.key_fingerprint(key.config[name]))
        for name in sorted(key.config)
        if name.endswith("_pem")
    ]
    try:
        hidden = key.secrets
    except SecretUnreadable:
        return [*found, (_("secrets"), unreadable())]
    return found + [
        (title, secrets.fingerprint(hidden[name]))
        for name, (title, _env) in door.SHOWN.items()
        if name in hidden
    ]


_LABELS = {
    "merchant_public_key_pem": gettext_lazy("merchant's public key"),
    "platform_public_key_pem": gettext_lazy("our public key"),
}


def _mark(row: Application, name: str) -> str:
    try:
        return secrets.fingerprint(getattr(row, name))
    except SecretUnreadable:
        return unreadable()


def unreadable() -> str:
    return _("What is stored cannot be read: its key is not in this house's list of keys.")


def examples(row: Application, code: str, key: DoorKey | None) -> list[doors.Example]:
    """None before there are keys."""
    door = doors.get(code)
    if door.PARTS and key is None:
        return []
    return door.examples(doors.place(row, key))


def group(row: Application, code: str, key: DoorKey | None, values: list[Value]) -> dict[str, Any]:
    """A door on the page that shows its secrets."""
    public: Mapping[str, str] = key.config if key is not None else {}
    return {
        "code": code,
        "title": doors.get(code).TITLE,
        "facts": [(title, value) for title, value in facts(row, code, key) if value],
        "values": values,
        "public_key": public.get("platform_public_key_pem", ""),
        "examples": examples(row, code, key),
    }
