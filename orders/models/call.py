"""Channel calls: each is committed before its first byte leaves and ends once (DESIGN law 1).

A call is one attempt to get one answer. When it ends without being known, another row asks; it is
never sent a second time itself, except where it provably never left (its claim ran out before
``sent_at`` was written is *not* such a proof).
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.base import Outcome
from orders.models.account import ChannelAccount
from orders.models.allocation import AllocationOrder
from orders.models.pay import PayOrder
from orders.models.receiver import AllocationReceiver
from orders.models.refund import RefundOrder
from orders.models.share_return import ShareReturn
from orders.models.transfer import TransferOrder


class WorkState(models.TextChoices):
    """Life of a row that a drain works on (``orders.engine``)."""

    DUE = "due", _("waiting")
    OUT = "out", _("under way")
    ENDED = "ended", _("ended")


class ChannelCall(models.Model):
    class Kind(models.TextChoices):
        PAY = "pay", _("place order")
        QUERY_PAY = "query_pay", _("ask about payment")
        CLOSE_PAY = "close_pay", _("close")
        CANCEL_PAY = "cancel_pay", _("cancel")
        REFUND = "refund", _("refund")
        QUERY_REFUND = "query_refund", _("ask about refund")
        TRANSFER = "transfer", _("transfer")
        QUERY_TRANSFER = "query_transfer", _("ask about transfer")
        CANCEL_TRANSFER = "cancel_transfer", _("withdraw transfer")
        ALLOCATE = "allocate", _("share")
        QUERY_ALLOCATION = "query_allocation", _("ask about sharing")
        FINISH_ALLOCATION = "finish_allocation", _("finish sharing")
        QUERY_FINISH = "query_finish", _("ask about finishing")
        RETURN_SHARE = "return_share", _("return share")
        QUERY_RETURN = "query_return", _("ask about return")
        BIND_RECEIVER = "bind_receiver", _("bind receiver")
        UNBIND_RECEIVER = "unbind_receiver", _("unbind receiver")

    QUERIES = (
        Kind.QUERY_PAY,
        Kind.QUERY_REFUND,
        Kind.QUERY_TRANSFER,
        Kind.QUERY_ALLOCATION,
        Kind.QUERY_FINISH,
        Kind.QUERY_RETURN,
    )

    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    queue = models.CharField(_("queue"), max_length=8)
    account = models.ForeignKey(ChannelAccount, models.PROTECT, related_name="+")
    pay_order = models.ForeignKey(PayOrder, models.PROTECT, related_name="calls", null=True)
    transfer = models.ForeignKey(TransferOrder, models.PROTECT, related_name="calls", null=True)
    receiver = models.ForeignKey(
        AllocationReceiver, models.PROTECT, related_name="calls", null=True
    )
    """One of these three is the head of the order's family; the next three name the child."""
    refund = models.ForeignKey(RefundOrder, models.PROTECT, related_name="calls", null=True)
    allocation = models.ForeignKey(AllocationOrder, models.PROTECT, related_name="calls", null=True)
    share_return = models.ForeignKey(ShareReturn, models.PROTECT, related_name="calls", null=True)
    order_no = models.CharField(_("order number"), max_length=32)
    door = models.CharField(_("door"), max_length=16)
    actor = models.CharField(_("by"), max_length=150)
    reply_to = models.CharField(max_length=64, blank=True, default="")
    """The Redis key on which somebody waits for the end of this call."""
    state = models.CharField(
        _("state"), max_length=8, choices=WorkState.choices, default=WorkState.DUE
    )
    attempt = models.PositiveIntegerField(default=0)
    """Counts claims; a settle of an older claim is fenced out."""
    due_at = models.DateTimeField(_("due"))
    """While under way: when the claim's lease ends."""
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    sent_at = models.DateTimeField(_("claimed"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    outcome = models.CharField(
        _("outcome"),
        max_length=8,
        blank=True,
        default="",
        choices=[(outcome.value, outcome.upper()) for outcome in Outcome],
    )
    code = models.CharField(_("code"), max_length=64, blank=True, default="")
    message = models.CharField(_("message"), max_length=256, blank=True, default="")
    channel_status = models.CharField(_("channel status"), max_length=32, blank=True, default="")
    channel_request_id = models.CharField(max_length=128, blank=True, default="")
    has_adjusted = models.BooleanField(_("adjusted"), default=False)
    """For a query: its answer moved the order."""
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField(_("ms"), null=True, blank=True)
    request = models.TextField(_("request"), blank=True, default="")
    response = models.TextField(_("response"), blank=True, default="")

    class Meta:
        verbose_name = _("channel call")
        verbose_name_plural = _("channel calls")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["order_no"],
                condition=~Q(state="ended") & ~Q(kind__startswith="query_"),
                name="call_one_order_in_flight",
            ),
            models.UniqueConstraint(
                fields=["order_no"],
                condition=~Q(state="ended") & Q(kind__startswith="query_"),
                name="call_one_query_in_flight",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["due", "out"], outcome="")
                | (Q(state="ended") & ~Q(outcome="")),
                name="call_ends_with_an_outcome",
            ),
            models.CheckConstraint(
                condition=Q(pay_order__isnull=False, transfer__isnull=True, receiver__isnull=True)
                | Q(pay_order__isnull=True, transfer__isnull=False, receiver__isnull=True)
                | Q(pay_order__isnull=True, transfer__isnull=True, receiver__isnull=False),
                name="call_has_one_head",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "queue", "due_at"],
                condition=~Q(state="ended"),
                name="call_claim",
            ),
            models.Index(
                fields=["queue", "due_at"], condition=~Q(state="ended"), name="call_queue_due"
            ),
            models.Index(fields=["pay_order", "id"], name="call_pay_order"),
            models.Index(fields=["transfer", "id"], name="call_transfer"),
            models.Index(fields=["receiver", "id"], name="call_receiver"),
            models.Index(fields=["order_no"], name="call_order_no"),
            models.Index(fields=["created_at", "id"], name="call_created"),
            models.Index(fields=["outcome", "created_at", "id"], name="call_outcome_created"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.order_no}"

    @property
    def family(self) -> str:
        """Names the head under whose lock this call settles."""
        return f"P{self.pay_order_id}T{self.transfer_id}V{self.receiver_id}"

    @property
    def is_query(self) -> bool:
        return self.kind in self.QUERIES
