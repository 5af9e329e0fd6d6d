"""Channel accounts as channels see them. Workers ask with secrets, the web process without."""

from __future__ import annotations

from django.utils.translation import gettext_noop as N_

from channels.base import Account
from orders.errors import InvalidInput
from orders.models import Application, ChannelAccount

CACHE_SIZE = 1024
_cache: dict[tuple[int, int, bool], Account] = {}


def channel_account(row: ChannelAccount, *, with_secrets: bool) -> Account:
    """``with_secrets`` only in a worker. Decrypted once per version of the row.

    Raises orders.secrets.SecretUnreadable.
    """
    key = (row.pk, row.version, with_secrets)
    account = _cache.get(key)
    if account is None:
        if len(_cache) >= CACHE_SIZE:
            _cache.clear()
        account = _cache[key] = Account(
            id=row.pk,
            version=row.version,
            channel=row.channel,
            config=dict(row.config),
            secrets=row.secrets if with_secrets else {},
        )
    return account


def default_account(application: Application, channel: str) -> ChannelAccount:
    """The account that new orders of ``channel`` use. Raises InvalidInput where there is none."""
    account = ChannelAccount.objects.filter(
        merchant_id=application.merchant_id, channel=channel, is_default=True, is_active=True
    ).first()
    if account is None:
        raise InvalidInput(
            "channel",
            "no_account",
            N_("The merchant has no active account at channel %(channel)s."),
            {"channel": channel},
        )
    return account
