"""Transfer orders: the fields and the state machine, nothing else.

Who is paid is encrypted at rest and shown masked; the plain text exists only on a worker's wire and
for a person whose role may see it (SPEC 1.3).
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_fsm import transition

from channels.base import PayeeType
from orders import rules, secrets
from orders.models.chain import Chained
from orders.models.outgoing import Outgoing


class TransferOrder(Outgoing, Chained):
    class Status(models.TextChoices):
        PROGRESS = "progress", _("transferring")
        SUCCESS = "success", _("transferred")
        FAIL = "fail", _("transfer failed")
        CLOSE = "close", _("transfer closed")

    class Payee(models.TextChoices):
        OPENID = PayeeType.OPENID.value, _("WeChat openid")
        USER_ID = PayeeType.USER_ID.value, _("user id")
        LOGIN_NAME = PayeeType.LOGIN_NAME.value, _("login name")

    transfer_no = models.CharField(_("transfer number"), max_length=32, unique=True)
    biz_transfer_no = models.CharField(_("merchant's transfer number"), max_length=64)
    out_transfer_no = models.CharField(
        _("channel's transfer number"), max_length=64, blank=True, default=""
    )
    title = models.CharField(_("title"), max_length=127)
    remark = models.CharField(_("remark"), max_length=128, blank=True, default="")
    scene = models.CharField(_("scene"), max_length=36, blank=True, default="")
    payee_type = models.CharField(_("payee is named by"), max_length=16, choices=Payee.choices)
    payee_account_stored = models.TextField(editable=False)
    payee_account_mask = models.CharField(_("payee"), max_length=64)
    payee_name_stored = models.TextField(editable=False, blank=True, default="")
    payee_name_mask = models.CharField(_("payee's name"), max_length=64, blank=True, default="")
    is_waiting_payee = models.BooleanField(_("waits for the payee"), default=False)
    """The channel holds the money until the payee confirms; ``confirm_params`` says how."""
    confirm_params = models.JSONField(default=dict, blank=True)
    confirm_until = models.DateTimeField(_("to be confirmed until"), null=True, blank=True)
    is_cancelling = models.BooleanField(default=False)
    """A withdrawal was asked for; it stays until the channel's word ends the transfer."""
    door_data = models.JSONField(default=dict, blank=True, editable=False)
    """What the merchant said in its dialect\'s own words and is told again in them; no rule
    reads it."""

    class Meta:
        verbose_name = _("transfer order")
        verbose_name_plural = _("transfer orders")
        default_permissions = ("view",)
        permissions = [
            ("add_transferorder", _("Can make transfers")),
            ("sync_transferorder", _("Can sync transfers")),
            ("retry_transferorder", _("Can retry transfers")),
            ("close_transferorder", _("Can close transfers")),
            ("cancel_transferorder", _("Can cancel transfers")),
            ("see_payee_transferorder", _("Can see payees in plain")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["application", "biz_transfer_no"], name="transfer_biz_no_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["progress", "success", "fail", "close"]),
                name="transfer_status_known",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="transfer_amount_positive"),
            models.CheckConstraint(
                condition=~Q(status="progress") | Q(next_check_at__isnull=False),
                name="transfer_executing_is_watched",
            ),
            models.CheckConstraint(
                condition=Q(status="progress") | Q(is_waiting_payee=False, is_cancelling=False),
                name="transfer_waits_only_in_progress",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at", "id"], name="transfer_created"),
            models.Index(fields=["status", "created_at", "id"], name="transfer_status_created"),
            models.Index(fields=["merchant", "created_at", "id"], name="transfer_merchant_created"),
            models.Index(fields=["application", "created_at", "id"], name="transfer_app_created"),
            models.Index(fields=["channel", "created_at", "id"], name="transfer_channel_created"),
            models.Index(fields=["amount", "id"], name="transfer_amount"),
            models.Index(fields=["biz_transfer_no"], name="transfer_biz_no"),
            models.Index(
                fields=["out_transfer_no"],
                condition=~Q(out_transfer_no=""),
                name="transfer_out_no",
            ),
            models.Index(
                fields=["next_check_at"],
                condition=Q(next_check_at__isnull=False),
                name="transfer_next_check",
            ),
        ]

    def __str__(self) -> str:
        return self.transfer_no

    @property
    def number(self) -> str:
        return self.transfer_no

    @property
    def payee_account(self) -> str:
        """In plain: for a worker's wire, and for a person whose role may see it."""
        return secrets.decrypt(self.payee_account_stored, f"transfer:{self.transfer_no}:account")

    @payee_account.setter
    def payee_account(self, value: str) -> None:
        self.payee_account_stored = secrets.encrypt(value, f"transfer:{self.transfer_no}:account")
        self.payee_account_mask = secrets.mask(value)

    @property
    def payee_name(self) -> str:
        return secrets.decrypt(self.payee_name_stored, f"transfer:{self.transfer_no}:name")

    @payee_name.setter
    def payee_name(self, value: str) -> None:
        self.payee_name_stored = secrets.encrypt(value, f"transfer:{self.transfer_no}:name")
        self.payee_name_mask = secrets.mask(value)

    # --- operations --------------------------------------------------------------------------

    @transition(
        field="status",
        source=[Status.PROGRESS, Status.FAIL],
        target=None,
        custom={
            "operation": rules.Operation(
                label=_("sync"),
                hint=_("Asks the channel once; the order only ever moves forward."),
                permission="sync_transferorder",
            )
        },
    )
    def sync(self) -> None:
        self.check_count = 0

    @transition(
        field="status",
        source=[Status.PROGRESS, Status.FAIL],
        target=Status.PROGRESS,
        conditions=[rules.nothing_in_flight, rules.not_withdrawing, rules.transfer_resend_is_safe],
        custom={
            "operation": rules.Operation(
                label=_("retry"),
                hint=_("Sends the same transfer again, with the same number."),
                permission="retry_transferorder",
                is_dangerous=True,
            )
        },
    )
    def retry(self) -> None:
        self._start_again()

    @transition(
        field="status",
        source=Status.PROGRESS,
        target=None,
        conditions=[
            rules.channel_cancels_transfers,
            rules.not_withdrawing,
            rules.payee_has_not_confirmed,
        ],
        custom={
            "operation": rules.Operation(
                label=_("cancel"),
                hint=_("Withdraws the transfer before its payee has confirmed it."),
                permission="cancel_transferorder",
                needs_reason=True,
                is_dangerous=True,
            )
        },
    )
    def cancel(self) -> None:
        self.is_cancelling = True

    @transition(
        field="status",
        source=Status.FAIL,
        target=Status.CLOSE,
        conditions=[rules.nothing_in_flight],
        custom={
            "operation": rules.Operation(
                label=_("close transfer"),
                hint=_("Only when it is certain that the channel did not pay it out."),
                permission="close_transferorder",
                needs_reason=True,
                is_dangerous=True,
            )
        },
    )
    def close(self, ended_at: datetime) -> None:
        self._end(ended_at)

    # --- what the channel's word does --------------------------------------------------------

    @transition(field="status", source=Status.PROGRESS, target=None)
    def wait_for_payee(self, params: dict, until: datetime | None) -> None:
        self.is_waiting_payee, self.confirm_params, self.confirm_until = True, params, until

    def _end(self, ended_at: datetime) -> None:
        """Whatever the end is: also withdrawn, or left to lapse by the payee."""
        super()._end(ended_at)
        self.is_waiting_payee = self.is_cancelling = False
        self.confirm_params = {}
