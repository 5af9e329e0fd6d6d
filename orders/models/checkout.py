"""Checkouts (网关收银台): what a merchant wants paid before the customer has chosen how.

A checkout holds no money and speaks to no channel: once its customer chooses, a pay order does, and
everything that the checkout says of itself is read from that pay order and the clock.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.models.merchant import Application, Merchant
from orders.models.pay import PayOrder


class Checkout(models.Model):
    class Kind(models.TextChoices):
        CASHIER = "cashier", _("cashier")
        """The customer chooses from a list."""
        AGGREGATE = "aggregate", _("one code for every wallet")
        """The wallet that scans the code decides."""

    class Status(models.TextChoices):
        """Derived, never stored."""

        WAIT_PAY = "wait_pay", _("waiting for payment")
        PAYING = "paying", _("paying")
        PAID = "paid", _("paid")
        CLOSED = "closed", _("closed")
        EXPIRED = "expired", _("expired")
        FAILED = "failed", _("failed")

    ENDED_UNPAID = (Status.CLOSED, Status.EXPIRED, Status.FAILED)

    checkout_no = models.CharField(_("order number"), max_length=32, unique=True)
    biz_order_no = models.CharField(_("merchant's number"), max_length=64)
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+")
    application = models.ForeignKey(Application, models.PROTECT, related_name="+")
    pay_order = models.OneToOneField(
        PayOrder,
        models.PROTECT,
        related_name="checkout",
        verbose_name=_("pay order"),
        null=True,
        blank=True,
    )
    """Set when the customer has chosen; it has the merchant's number of the checkout."""
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    title = models.CharField(_("title"), max_length=127)
    amount = models.BigIntegerField(_("amount"))
    """Fen."""
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    attach = models.CharField(_("attached text"), max_length=128, blank=True, default="")
    openid = models.CharField(max_length=128, blank=True, default="")
    """The customer's id at the wallet, where the merchant knows it already."""
    notify_url = models.CharField(_("notify URL"), max_length=256, blank=True, default="")
    return_url = models.CharField(_("return URL"), max_length=256, blank=True, default="")
    """Where our page sends the customer who has paid."""
    allocation = models.BooleanField(_("may be shared"), default=False)
    door = models.CharField(_("door"), max_length=16)
    door_data = models.JSONField(default=dict, blank=True, editable=False)
    """As of a pay order: the dialect's own words, which no rule reads."""
    asked_by = models.CharField(_("asked by"), max_length=150, default="")
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    """Withdrawn before anybody chose; later it ends with its pay order."""

    class Meta:
        verbose_name = _("checkout")
        verbose_name_plural = _("checkouts")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["application", "biz_order_no"], name="checkout_biz_order_no_once"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="checkout_amount_positive"),
            models.CheckConstraint(
                condition=Q(kind__in=["cashier", "aggregate"]), name="checkout_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | Q(pay_order__isnull=True),
                name="checkout_closed_only_without_payment",
            ),
        ]

    is_new = False
    """True on the instance that a service has just made; never stored."""

    def __str__(self) -> str:
        return self.checkout_no

    def status_at(self, now: datetime) -> Checkout.Status:
        """How it stands at ``now``. Reads ``pay_order``."""
        order = self.pay_order
        if order is not None:
            return self._status_of(order)
        if self.closed_at is not None:
            return self.Status.CLOSED
        return self.Status.EXPIRED if now >= self.expires_at else self.Status.WAIT_PAY

    def _status_of(self, order: PayOrder) -> Checkout.Status:
        if order.is_executing:
            # Also when its time is over: a payment made in the last second may still be on its way.
            return self.Status.PAYING
        if order.status == PayOrder.Status.SUCCESS:
            return self.Status.PAID
        if order.status == PayOrder.Status.FAIL:
            return self.Status.FAILED
        is_late = order.ended_at is not None and order.ended_at >= self.expires_at
        return self.Status.EXPIRED if is_late else self.Status.CLOSED
