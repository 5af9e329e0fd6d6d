"""Channel accounts: a merchant's contract with a payment provider."""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders import secrets
from orders.models.merchant import Merchant


class ChannelAccount(models.Model):
    merchant = models.ForeignKey(
        Merchant, models.PROTECT, related_name="accounts", verbose_name=_("merchant")
    )
    channel = models.CharField(_("channel"), max_length=16)
    code = models.SlugField(
        _("code"), max_length=32, unique=True, help_text=_("Part of the callback address.")
    )
    name = models.CharField(_("name"), max_length=64)
    config = models.JSONField(_("settings"), default=dict, blank=True)
    secrets_stored = models.TextField(editable=False, default="")
    version = models.PositiveIntegerField(default=1, editable=False)
    max_in_flight = models.PositiveSmallIntegerField(
        _("calls at once"),
        default=32,
        help_text=_("Calls that one worker keeps in flight for this account."),
    )
    is_default = models.BooleanField(
        _("default"), default=True, help_text=_("Used for new orders of this channel.")
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("channel account")
        verbose_name_plural = _("channel accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "channel"],
                condition=models.Q(is_default=True, is_active=True),
                name="account_one_default",
            ),
            models.CheckConstraint(
                condition=models.Q(max_in_flight__gte=1), name="account_max_in_flight"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def secrets(self) -> dict[str, str]:
        """The decrypted secrets. Workers only (DESIGN 1)."""
        text = secrets.decrypt(self.secrets_stored, f"account:{self.code}")
        return json.loads(text) if text else {}

    @secrets.setter
    def secrets(self, values: dict[str, str]) -> None:
        self.secrets_stored = secrets.encrypt(
            json.dumps(values, sort_keys=True), f"account:{self.code}"
        )

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Every save is a new version: parsed keys are cached by (id, version)."""
        if self.pk:
            self.version += 1
            if (fields := kwargs.get("update_fields")) is not None:
                kwargs["update_fields"] = {*fields, "version"}
        super().save(*args, **kwargs)
