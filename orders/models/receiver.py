"""Receivers of shares and the groups that say who gets what part of an order's money."""

from __future__ import annotations

import hashlib

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_fsm import transition

from channels.base import ReceiverType
from orders import rules, secrets
from orders.models.account import ChannelAccount
from orders.models.chain import Chained
from orders.models.merchant import Application, Merchant
from orders.models.state import StateField, Stateful


class AllocationReceiver(Stateful, Chained):
    class Status(models.TextChoices):
        UNBOUND = "unbound", _("not bound")
        BINDING = "binding", _("being bound")
        BOUND = "bound", _("bound")
        UNBINDING = "unbinding", _("being unbound")
        FAIL = "fail", _("binding failed")

    class Kind(models.TextChoices):
        MERCHANT_NO = ReceiverType.MERCHANT_NO.value, _("merchant number")
        OPENID = ReceiverType.OPENID.value, _("WeChat openid")
        USER_ID = ReceiverType.USER_ID.value, _("user id")
        LOGIN_NAME = ReceiverType.LOGIN_NAME.value, _("login name")

    receiver_no = models.CharField(_("receiver number"), max_length=32, unique=True)
    biz_receiver_no = models.CharField(
        _("merchant's number"), max_length=32, blank=True, default=""
    )
    """Where the merchant names receivers by numbers of his own (DaxPay 3)."""
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+")
    application = models.ForeignKey(Application, models.PROTECT, related_name="+")
    account = models.ForeignKey(ChannelAccount, models.PROTECT, related_name="receivers")
    channel = models.CharField(_("channel"), max_length=16)
    receiver_type = models.CharField(_("named by"), max_length=16, choices=Kind.choices)
    account_stored = models.TextField(editable=False)
    account_mask = models.CharField(_("receiver"), max_length=64)
    digest = models.CharField(max_length=64, editable=False)
    """SHA-256 of type and account: the same receiver is kept once per channel account."""
    name_stored = models.TextField(editable=False, blank=True, default="")
    name_mask = models.CharField(_("name"), max_length=64, blank=True, default="")
    relation = models.CharField(_("relation"), max_length=32, blank=True, default="")
    custom_relation = models.CharField(
        _("relation in words"), max_length=10, blank=True, default=""
    )
    status = StateField(
        _("status"), max_length=16, default=Status.UNBOUND, choices=Status.choices, protected=True
    )
    error_code = models.CharField(_("error code"), max_length=64, blank=True, default="")
    error_message = models.CharField(_("error"), max_length=256, blank=True, default="")
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    next_check_at = models.DateTimeField(_("next check"), null=True, blank=True)
    check_count = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("receiver")
        verbose_name_plural = _("receivers")
        default_permissions = ("view",)
        permissions = [
            ("add_allocationreceiver", _("Can add receivers")),
            ("bind_allocationreceiver", _("Can bind receivers")),
            ("unbind_allocationreceiver", _("Can unbind receivers")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["account", "digest"], name="receiver_once"),
            models.UniqueConstraint(
                fields=["application", "biz_receiver_no"],
                condition=~Q(biz_receiver_no=""),
                name="receiver_biz_receiver_no_once",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["unbound", "binding", "bound", "unbinding", "fail"]),
                name="receiver_status_known",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["binding", "unbinding"]) | Q(next_check_at__isnull=False),
                name="receiver_executing_is_watched",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at", "id"], name="receiver_created"),
            models.Index(
                fields=["next_check_at"],
                condition=Q(next_check_at__isnull=False),
                name="receiver_next_check",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_receiver_type_display()} {self.account_mask}"

    @staticmethod
    def hash(receiver_type: str, account: str) -> str:
        return hashlib.sha256(f"{receiver_type}:{account}".encode()).hexdigest()

    @property
    def number(self) -> str:
        return self.receiver_no

    @property
    def is_executing(self) -> bool:
        return self.status in (self.Status.BINDING, self.Status.UNBINDING)

    @property
    def account_no(self) -> str:
        """In plain, for a worker's wire."""
        return secrets.decrypt(self.account_stored, f"receiver:{self.receiver_no}:account")

    @account_no.setter
    def account_no(self, value: str) -> None:
        self.account_stored = secrets.encrypt(value, f"receiver:{self.receiver_no}:account")
        self.account_mask = secrets.mask(value)
        self.digest = self.hash(self.receiver_type, value)

    @property
    def name(self) -> str:
        return secrets.decrypt(self.name_stored, f"receiver:{self.receiver_no}:name")

    @name.setter
    def name(self, value: str) -> None:
        self.name_stored = secrets.encrypt(value, f"receiver:{self.receiver_no}:name")
        self.name_mask = secrets.mask(value)

    @transition(
        field=status,
        source=[Status.UNBOUND, Status.FAIL],
        target=Status.BINDING,
        conditions=[rules.channel_shares],
        custom={
            "operation": rules.Operation(
                label=_("bind"),
                hint=_("Makes the receiver known at the channel."),
                permission="bind_allocationreceiver",
            )
        },
    )
    def bind(self) -> None:
        self.check_count = 0

    @transition(
        field=status,
        source=Status.BOUND,
        target=Status.UNBINDING,
        conditions=[rules.channel_shares],
        custom={
            "operation": rules.Operation(
                label=_("unbind"),
                hint=_("No more money is shared with this receiver."),
                permission="unbind_allocationreceiver",
                is_dangerous=True,
            )
        },
    )
    def unbind(self) -> None:
        self.check_count = 0

    @transition(field=status, source=Status.BINDING, target=Status.BOUND)
    def end_bound(self) -> None:
        self._end()

    @transition(field=status, source=Status.UNBINDING, target=Status.UNBOUND)
    def end_unbound(self) -> None:
        self._end()

    @transition(field=status, source=Status.BINDING, target=Status.FAIL)
    def fail_binding(self, code: str, message: str) -> None:
        self._end()
        self.error_code, self.error_message = code[:64], message[:256]

    @transition(field=status, source=Status.UNBINDING, target=Status.BOUND)
    def fail_unbinding(self, code: str, message: str) -> None:
        self._end()
        self.error_code, self.error_message = code[:64], message[:256]

    def _end(self) -> None:
        self.next_check_at = None
        self.check_count = 0
        self.error_code = self.error_message = ""


class AllocationGroup(models.Model):
    """Who gets what part, by rates. One group per application and channel is the default."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="groups")
    account = models.ForeignKey(ChannelAccount, models.PROTECT, related_name="+")
    channel = models.CharField(_("channel"), max_length=16)
    group_no = models.CharField(_("group number"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=64)
    is_default = models.BooleanField(_("default"), default=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("allocation group")
        verbose_name_plural = _("allocation groups")
        constraints = [
            models.UniqueConstraint(
                fields=["application", "channel"],
                condition=Q(is_default=True),
                name="group_one_default",
            ),
            models.UniqueConstraint(fields=["application", "name"], name="group_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class GroupMember(models.Model):
    group = models.ForeignKey(AllocationGroup, models.CASCADE, related_name="members")
    receiver = models.ForeignKey(AllocationReceiver, models.PROTECT, related_name="+")
    rate = models.PositiveIntegerField(
        _("rate"), help_text=_("Ten-thousandths of the paid amount: 1250 is 12.5 %.")
    )

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(fields=["group", "receiver"], name="member_once"),
            models.CheckConstraint(
                condition=Q(rate__gt=0, rate__lte=10_000), name="member_rate_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.receiver_id}: {self.rate} ‱"
