"""What belongs to a store order: its lines, its courier, and what was asked about ending it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from orders.models.refund import RefundOrder
from orders.models.store import StoreOrder
from orders.models.store_words import CancelKind, CancelStatus


class StoreItem(models.Model):
    """One line of a store order. Written with the order and never changed."""

    order = models.ForeignKey(StoreOrder, models.PROTECT, related_name="items")
    seq = models.PositiveIntegerField(_("line"))
    product_id = models.CharField(_("product number"), max_length=64)
    third_product_id = models.CharField(_("merchant's product number"), max_length=64, default="")
    name = models.CharField(_("product"), max_length=128)
    price = models.BigIntegerField(_("price"))
    quantity = models.PositiveIntegerField(_("quantity"))
    share_amount = models.BigIntegerField(_("share of the discount"), default=0)
    unit = models.CharField(_("unit"), max_length=16, default="")
    weight = models.PositiveIntegerField(_("weight in grams"), null=True)
    spec = models.CharField(_("size"), max_length=64, default="")
    property = models.CharField(_("property"), max_length=128, default="")

    class Meta:
        verbose_name = _("store order line")
        verbose_name_plural = _("store order lines")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(price__gte=0, share_amount__gte=0, quantity__gt=0),
                name="store_item_amounts",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} × {self.quantity}"


class StoreDelivery(models.Model):
    """Who brings a store order."""

    order = models.OneToOneField(StoreOrder, models.PROTECT, related_name="delivery")
    contact = models.CharField(_("courier"), max_length=64)
    mobile = models.CharField(_("courier's phone"), max_length=32)
    express_code = models.CharField(_("delivery service code"), max_length=32, default="")
    express_name = models.CharField(_("delivery service"), max_length=64, default="")
    express_no = models.CharField(_("waybill number"), max_length=64, default="")
    remark = models.CharField(_("remark"), max_length=128, default="")
    created_at = models.DateTimeField(_("handed over"), default=timezone.now)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.contact} {self.mobile}"


class StoreCancellation(models.Model):
    """One wish to end a store order without completing it, and what became of the money.

    Its status follows the refund's settle; the order ends when the refund is done.
    """

    Kind = CancelKind
    Status = CancelStatus

    order = models.ForeignKey(StoreOrder, models.PROTECT, related_name="cancellations")
    refund = models.OneToOneField(
        RefundOrder, models.PROTECT, related_name="store_cancellation", null=True
    )
    """The newest try to give the money back."""
    kind = models.CharField(_("cancellation"), max_length=16, choices=Kind.choices)
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, blank=True, default=""
    )
    amount = models.BigIntegerField(_("amount"), default=0)
    reason = models.CharField(_("reason"), max_length=256, blank=True, default="")
    answer = models.CharField(_("answer"), max_length=256, blank=True, default="")
    """Why the shop refused, or why the channel did."""
    door = models.CharField(_("door"), max_length=16)
    asked_by = models.CharField(_("asked by"), max_length=150, default="")
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    decided_at = models.DateTimeField(_("decided"), null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("cancellation")
        verbose_name_plural = _("cancellations")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(status__in=["asked", "refunding"]),
                name="store_one_cancellation_pending",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=CancelKind.values, status__in=CancelStatus.values),
                name="store_cancellation_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.get_status_display()}"
