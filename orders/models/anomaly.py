"""Anomalies: what the channel says and our state machine may not do by itself.

Nothing that the channel reports is dropped and nothing flips a terminal state silently (SPEC 1.1):
it waits here for one of three audited decisions.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as N_
from django_fsm import transition

from orders import rules
from orders.models.pay import PayOrder
from orders.models.refund import RefundOrder
from orders.models.state import StateField, Stateful
from orders.models.transfer import TransferOrder

_can_confirm = rules.Rule(
    "not_a_late_payment",
    lambda anomaly: anomaly.is_payment and anomaly.pay_order.status != PayOrder.Status.SUCCESS,
    N_("Only a payment that this order does not have yet can be confirmed or refunded."),
)


class Anomaly(Stateful):
    class Kind(models.TextChoices):
        CLOSE_PAID = "close_paid", _("paid after closing")
        CANCEL_PAID = "cancel_paid", _("paid after cancelling")
        FAIL_PAID = "fail_paid", _("paid after failing")
        AMOUNT_MISMATCH = "amount_mismatch", _("other amount at the channel")
        REFUND_AFTER_CLOSE = "refund_after_close", _("refunded after closing the refund")
        DUPLICATE_PAYMENT = "duplicate_payment", _("paid twice")
        FOREIGN_REFUND = "foreign_refund", _("refund not made here")
        TRANSFER_AFTER_CLOSE = "transfer_after_close", _("transferred after closing")
        TRANSFER_RETURNED = "transfer_returned", _("transfer came back")
        RETURN_AFTER_CLOSE = "return_after_close", _("share returned after closing the return")

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        CONFIRMED = "confirmed", _("payment confirmed")
        REFUNDED = "refunded", _("payment refunded")
        IGNORED = "ignored", _("ignored")

    PAYMENTS = (Kind.CLOSE_PAID, Kind.CANCEL_PAID, Kind.FAIL_PAID)

    kind = models.CharField(_("kind"), max_length=32, choices=Kind.choices)
    pay_order = models.ForeignKey(
        PayOrder,
        models.PROTECT,
        related_name="anomalies",
        verbose_name=_("pay order"),
        null=True,
        blank=True,
    )
    transfer = models.ForeignKey(
        TransferOrder,
        models.PROTECT,
        related_name="anomalies",
        verbose_name=_("transfer order"),
        null=True,
        blank=True,
    )
    refund = models.ForeignKey(
        RefundOrder, models.PROTECT, related_name="anomalies", null=True, blank=True
    )
    merchant = models.ForeignKey("orders.Merchant", models.PROTECT, related_name="+")
    order_no = models.CharField(_("order number"), max_length=32)
    out_no = models.CharField(_("channel's number"), max_length=64, blank=True, default="")
    amount = models.BigIntegerField(_("amount at the channel"), null=True, blank=True)
    """None where the channel told of the fact without an amount."""
    expected = models.BigIntegerField(_("amount here"))
    happened_at = models.DateTimeField(_("happened"))
    status = StateField(
        _("status"), max_length=16, default=Status.OPEN, choices=Status.choices, protected=True
    )
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True, default="")
    reason = models.CharField(_("reason"), max_length=256, blank=True, default="")
    created_at = models.DateTimeField(_("found"), default=timezone.now)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta:
        verbose_name = _("anomaly")
        verbose_name_plural = _("anomalies")
        default_permissions = ("view",)
        permissions = [("decide_anomaly", _("Can decide anomalies"))]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "order_no", "out_no"], name="anomaly_once_per_fact"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "confirmed", "refunded", "ignored"]),
                name="anomaly_status_known",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "created_at", "id"], name="anomaly_status_created"),
            models.Index(fields=["created_at", "id"], name="anomaly_created"),
            models.Index(fields=["order_no"], name="anomaly_order_no"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.order_no}"

    @property
    def is_payment(self) -> bool:
        """Money came in that the order's own history does not explain."""
        return self.kind in self.PAYMENTS or (
            self.kind == self.Kind.AMOUNT_MISMATCH
            and self.pay_order is not None
            and self.order_no == self.pay_order.order_no
        )

    @property
    def paid_amount(self) -> int:
        """What a payment counts for: one without an amount is, as with any payment, what was asked
        for under our number."""
        return self.expected if self.amount is None else self.amount

    @transition(
        field=status,
        source=Status.OPEN,
        target=Status.CONFIRMED,
        conditions=[_can_confirm],
        custom={
            "operation": rules.Operation(
                label=_("confirm the payment"),
                hint=_("The order becomes paid and the merchant is told."),
                permission="decide_anomaly",
                needs_reason=True,
                is_dangerous=True,
            )
        },
    )
    def confirm(self, *, by: str, reason: str, now: datetime) -> None:
        self._decide(by, reason, now)

    @transition(
        field=status,
        source=Status.OPEN,
        target=Status.REFUNDED,
        conditions=[_can_confirm],
        custom={
            "operation": rules.Operation(
                label=_("refund the payment"),
                hint=_("The whole late payment goes back to the customer."),
                permission="decide_anomaly",
                needs_reason=True,
                is_dangerous=True,
            )
        },
    )
    def refund_payment(self, *, by: str, reason: str, now: datetime) -> None:
        self._decide(by, reason, now)

    @transition(
        field=status,
        source=Status.OPEN,
        target=Status.IGNORED,
        custom={
            "operation": rules.Operation(
                label=_("ignore"),
                hint=_("Nothing is changed; the reason is kept."),
                permission="decide_anomaly",
                needs_reason=True,
            )
        },
    )
    def ignore(self, *, by: str, reason: str, now: datetime) -> None:
        self._decide(by, reason, now)

    def _decide(self, by: str, reason: str, now: datetime) -> None:
        self.decided_by, self.reason, self.decided_at = by, reason, now
