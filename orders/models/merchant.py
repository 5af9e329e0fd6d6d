"""Merchants, their applications and the keys by which their systems call us."""

from __future__ import annotations

import hashlib
import secrets as random
from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders import secrets


class Merchant(models.Model):
    mch_no = models.CharField(_("merchant number"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=64)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("merchant")
        verbose_name_plural = _("merchants")

    def __str__(self) -> str:
        return self.name


class Application(models.Model):
    """A merchant's system. Order numbers of the merchant are unique within one application."""

    merchant = models.ForeignKey(
        Merchant, models.PROTECT, related_name="applications", verbose_name=_("merchant")
    )
    app_id = models.CharField(_("application id"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=64)
    notify_url = models.URLField(
        _("notify URL"),
        max_length=256,
        blank=True,
        help_text=_("Where notices go when an order names no address of its own."),
    )
    webhook_secret_stored = models.TextField(editable=False, default="")
    auto_allocation = models.BooleanField(
        _("share automatically"),
        default=False,
        help_text=_("Orders that allow sharing are shared by the default group."),
    )
    allocation_delay = models.PositiveIntegerField(
        _("seconds before sharing"), default=3600, help_text=_("Counted from the payment.")
    )
    allocation_min_amount = models.BigIntegerField(
        _("least amount to share"), default=100, help_text=_("Fen; smaller orders are left alone.")
    )
    auto_finish = models.BooleanField(
        _("finish automatically"),
        default=False,
        help_text=_("After sharing, the rest of the money is set free."),
    )
    store_unpaid_minutes = models.PositiveSmallIntegerField(
        _("minutes to pay"),
        default=15,
        help_text=_("Store orders to be paid online are cancelled then; 0 waits for ever."),
    )
    store_accept_minutes = models.PositiveSmallIntegerField(
        _("minutes to accept"),
        default=10,
        help_text=_("Store orders paid here are cancelled and refunded then; 0 waits for ever."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("application")
        verbose_name_plural = _("applications")

    def __str__(self) -> str:
        return self.name

    @property
    def webhook_secret(self) -> str:
        """``whsec_`` + base64 of 24 to 64 bytes, as Standard Webhooks writes it."""
        return secrets.decrypt(self.webhook_secret_stored, f"application:{self.app_id}")

    @webhook_secret.setter
    def webhook_secret(self, value: str) -> None:
        self.webhook_secret_stored = secrets.encrypt(value, f"application:{self.app_id}")


class ApiKey(models.Model):
    """A Bearer key. Only its SHA-256 is stored: the key itself has 256 random bits, so a slow
    hash would cost every request and protect nothing."""

    class Scope(models.TextChoices):
        PAY = "pay", _("pay orders")
        REFUND = "refund", _("refunds")
        TRANSFER = "transfer", _("transfers")
        ALLOCATION = "allocation", _("allocation")
        STORE = "store", _("store orders")
        NOTICE = "notice", _("sending notices again")
        READ = "read", _("reading")

    application = models.ForeignKey(
        Application, models.PROTECT, related_name="api_keys", verbose_name=_("application")
    )
    prefix = models.CharField(_("prefix"), max_length=16, unique=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(_("scopes"), default=list)
    allowed_ips = models.JSONField(
        _("allowed addresses"),
        default=list,
        blank=True,
        help_text=_("Networks such as 203.0.113.0/24; empty allows every address."),
    )
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.prefix}…"

    @staticmethod
    def hash(key: str) -> str:
        return hashlib.sha256(key.encode()).hexdigest()

    @classmethod
    def issue(
        cls,
        application: Application,
        *,
        scopes: list[str] | None = None,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key. The second value is the key itself, which nobody can show again."""
        prefix = f"zf_{random.token_hex(4)}"
        key = f"{prefix}_{random.token_urlsafe(32)}"
        row = cls.objects.create(
            application=application,
            prefix=prefix,
            digest=cls.hash(key),
            scopes=scopes if scopes is not None else list(cls.Scope.values),
            expires_at=expires_at,
        )
        return row, key

    def is_usable(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class IdempotencyKey(models.Model):
    """One ``Idempotency-Key`` of a caller: what was asked, and the answer once there is one.

    The row is committed before the work; ``response_status`` stays empty while it is in flight or
    when a crash cut it off, and ``locked_until`` says which of the two it is.
    """

    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    locked_until = models.DateTimeField()
    response_status = models.PositiveSmallIntegerField(null=True)
    response_body = models.TextField(default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [
            models.UniqueConstraint(fields=["api_key", "key"], name="idempotency_key_once")
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_created")]
