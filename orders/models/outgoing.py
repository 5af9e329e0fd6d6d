"""Money that goes out: what a refund, a transfer and the return of a share have in common.

Their fields, and what the channel's word does to them. What people may ask for stands in each
order's own file, because its rules, words and permissions are its own. Used by
``refund``, ``transfer`` and ``share_return`` only; it has no table.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_fsm import transition

from orders.models.account import ChannelAccount
from orders.models.merchant import Application, Merchant
from orders.models.state import StateField, Stateful

PROGRESS, SUCCESS, FAIL, CLOSE = "progress", "success", "fail", "close"
OPEN = [PROGRESS, FAIL]
"""A failed one may still turn out to be done: nothing that the channel says of it is too late."""


class Outgoing(Stateful):
    """Sent once under one number, asked about until its end is known.

    Each order has a ``Status`` of these four states with words of its own.
    """

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+")
    application = models.ForeignKey(Application, models.PROTECT, related_name="+")
    account = models.ForeignKey(ChannelAccount, models.PROTECT, related_name="+")
    channel = models.CharField(_("channel"), max_length=16)
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    notify_url = models.CharField(_("notify URL"), max_length=256, blank=True, default="")
    status = StateField(_("status"), max_length=16, default=PROGRESS, protected=True)
    error_code = models.CharField(_("error code"), max_length=64, blank=True, default="")
    error_message = models.CharField(_("error"), max_length=256, blank=True, default="")
    door = models.CharField(_("door"), max_length=16)
    asked_by = models.CharField(_("asked by"), max_length=150, default="")
    is_sending = models.BooleanField(default=True, editable=False)
    """A request for this number is on its way, or about to be."""
    is_at_channel = models.BooleanField(default=False, editable=False)
    """The channel has, or may have, been told of this number."""
    is_proved_absent = models.BooleanField(default=False, editable=False)
    """The channel said, after our last request had ended, that it does not know this number."""
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    next_check_at = models.DateTimeField(_("next check"), null=True, blank=True)
    check_count = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True

    @property
    def is_executing(self) -> bool:
        return bool(self.status == PROGRESS)

    # --- what the channel's word does --------------------------------------------------------

    @transition(field=status, source=OPEN, target=SUCCESS)
    def succeed(self, ended_at: datetime) -> None:
        self._end(ended_at)
        self.error_code = self.error_message = ""

    @transition(field=status, source=OPEN, target=FAIL)
    def fail(self, ended_at: datetime, code: str, message: str) -> None:
        """The channel refused, or gave the money to nobody. What it reserved stays reserved."""
        self._end(ended_at)
        self.error_code, self.error_message = code[:64], message[:256]

    @transition(field=status, source=OPEN, target=CLOSE)
    def end_closed(self, ended_at: datetime) -> None:
        """The channel ended it without paying."""
        self._end(ended_at)

    # --- what the operations of each do ------------------------------------------------------

    def _start_again(self) -> None:
        self.is_sending = True
        self.is_proved_absent = False
        self.check_count = 0
        self.ended_at = None

    def _end(self, ended_at: datetime) -> None:
        self.ended_at = ended_at
        self.is_sending = False
        self.next_check_at = None
        self.check_count = 0
