"""The demo merchants' keys at this door. Called by ``gateway.demo``, in demo mode only."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from orders.models import Application, DoorKey
from orders.secrets import SecretUnreadable

Keys = dict[str, str]


def new_keys(mch_no: str, app_id: str) -> Keys:
    """``client_id`` and ``token`` of a new demo merchant."""
    return {"client_id": secrets.token_hex(10), "token": secrets.token_hex(20)}


def ensure(application: Application, keys: Mapping[str, str]) -> None:
    """Write the door key of a demo application, or bring it up to date."""
    row = DoorKey.objects.filter(
        application=application, dialect=DoorKey.Dialect.MINAPP
    ).first() or DoorKey(application=application, dialect=DoorKey.Dialect.MINAPP)
    hidden = {"token": keys["token"]}
    if row.pk is not None and row.identity == keys["client_id"] and _secrets(row) == hidden:
        return
    row.identity = keys["client_id"]
    row.config = {"client_id": keys["client_id"]}
    row.secrets = hidden
    row.save()


def credentials(keys: Mapping[str, str]) -> Keys:
    """What scripts outside may know: all of it."""
    return {"client_id": keys["client_id"], "token": keys["token"]}


def _secrets(row: DoorKey) -> object:
    """Nothing when the key they were written with is gone with its directory."""
    try:
        return row.secrets
    except SecretUnreadable:
        return None
