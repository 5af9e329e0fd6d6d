"""What a merchant's system and this house show each other at a door that has keys of its own."""

from __future__ import annotations

import json

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders import secrets
from orders.models.merchant import Application


class DoorKey(models.Model):
    """One application's keys at one dialect. The own API has ``ApiKey`` instead.

    ``config`` holds what may be shown (public keys, addresses), ``secrets`` what may not; which
    names stand in them is the dialect's business (``gateway/api/<dialect>``).
    """

    class Dialect(models.TextChoices):
        DAXPAY = "daxpay", "DaxPay"
        MINAPP = "minapp", "知晓云"
        KAIGEDIAN = "kaigedian", "开个店"

    application = models.ForeignKey(
        Application, models.PROTECT, related_name="door_keys", verbose_name=_("application")
    )
    dialect = models.CharField(_("dialect"), max_length=16, choices=Dialect.choices)
    identity = models.CharField(_("identity"), max_length=128)
    """By what a caller names himself: DaxPay's ``mchNo:appId``, 知晓云's client id,
    开个店's ``partnerId:appId``."""
    config = models.JSONField(_("settings"), default=dict, blank=True)
    secrets_stored = models.TextField(editable=False, default="")
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("door key")
        verbose_name_plural = _("door keys")
        constraints = [
            models.UniqueConstraint(fields=["dialect", "identity"], name="door_key_identity"),
            models.UniqueConstraint(fields=["application", "dialect"], name="door_key_one"),
        ]

    def __str__(self) -> str:
        return f"{self.get_dialect_display()} {self.identity}"

    @property
    def _row(self) -> str:
        return f"door:{self.dialect}:{self.identity}"

    @property
    def secrets(self) -> dict[str, str]:
        """The decrypted secrets. Raises SecretUnreadable. Set ``identity`` before setting them."""
        text = secrets.decrypt(self.secrets_stored, self._row)
        return json.loads(text) if text else {}

    @secrets.setter
    def secrets(self, values: dict[str, str]) -> None:
        self.secrets_stored = secrets.encrypt(json.dumps(values, sort_keys=True), self._row)


class DoorRequest(models.Model):
    """One request that a caller named by a number of its own, so that sent again it is not done
    again. For dialects that have such a number (开个店: ``x-transaction-id``); the own API has
    ``IdempotencyKey``.

    The row is committed before the work; ``answer`` stays empty while it is in flight or when a
    crash cut it off, and ``locked_until`` says which of the two it is.
    """

    door_key = models.ForeignKey(DoorKey, models.CASCADE, related_name="+")
    action = models.CharField(max_length=32)
    number = models.CharField(max_length=128)
    fingerprint = models.CharField(max_length=64)
    locked_until = models.DateTimeField()
    answer = models.TextField(default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("request at a door")
        verbose_name_plural = _("requests at a door")
        constraints = [
            models.UniqueConstraint(
                fields=["door_key", "action", "number"], name="door_request_once"
            )
        ]
        indexes = [models.Index(fields=["created_at"], name="door_request_created")]
