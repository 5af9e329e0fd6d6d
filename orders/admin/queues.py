"""The problem queues: what is named after the problem it holds, for lists and the overview.

Each narrows to rows that an index finds; none of them decides anything.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from channels.base import Outcome
from orders.admin.filters import Queue
from orders.models import (
    AllocationOrder,
    Anomaly,
    ChannelCall,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    ShareReturn,
    StoreOrder,
    TransferOrder,
)

UNKNOWN_FOR = timedelta(minutes=10)


def _unknown(rows: QuerySet, calls: QuerySet, later: QuerySet) -> QuerySet:
    """A call ended without our knowing what it did, and nothing later has told us."""
    ended = timezone.now() - UNKNOWN_FOR
    doubtful = calls.filter(outcome=Outcome.UNKNOWN, ended_at__lt=ended)
    known = later.exclude(outcome__in=["", Outcome.UNKNOWN, Outcome.NOT_SENT])
    return rows.filter(Exists(doubtful.filter(~Exists(known))))


def pay_unknown(rows: QuerySet) -> QuerySet:
    calls = ChannelCall.objects.filter(pay_order=OuterRef("pk"), refund__isnull=True)
    later = ChannelCall.objects.filter(
        pay_order=OuterRef("pay_order"), refund__isnull=True, pk__gt=OuterRef("pk")
    )
    return _unknown(rows.filter(status__in=PayOrder.EXECUTING), calls, later)


def _by_number(rows: QuerySet, name: str) -> QuerySet:
    calls = ChannelCall.objects.filter(order_no=OuterRef(name))
    later = ChannelCall.objects.filter(order_no=OuterRef("order_no"), pk__gt=OuterRef("pk"))
    return _unknown(rows, calls, later)


def refund_unknown(rows: QuerySet) -> QuerySet:
    return _by_number(rows.filter(status=RefundOrder.Status.PROGRESS), "refund_no")


def transfer_unknown(rows: QuerySet) -> QuerySet:
    return _by_number(rows.filter(status=TransferOrder.Status.PROGRESS), "transfer_no")


def allocation_unknown(rows: QuerySet) -> QuerySet:
    asked = Q(status=AllocationOrder.Status.PROCESSING) | Q(is_finishing=True)
    return _by_number(rows.filter(asked), "allocation_no")


def return_unknown(rows: QuerySet) -> QuerySet:
    return _by_number(rows.filter(status=ShareReturn.Status.PROGRESS), "return_no")


ALLOCATION_FAILED = (AllocationOrder.Status.ALLOC_FAILED, AllocationOrder.Status.FINISH_FAILED)


PAY = (Queue("unknown", _("Result unknown for 10 minutes"), pay_unknown),)
REFUND = (
    Queue("unknown", _("Result unknown for 10 minutes"), refund_unknown),
    Queue(
        "failed",
        _("Failed, to be decided"),
        lambda rows: rows.filter(status=RefundOrder.Status.FAIL),
    ),
)
TRANSFER = (
    Queue(
        "waiting",
        _("Waiting for the payee to confirm"),
        lambda rows: rows.filter(status=TransferOrder.Status.PROGRESS, is_waiting_payee=True),
        is_problem=False,
    ),
    Queue("unknown", _("Result unknown for 10 minutes"), transfer_unknown),
    Queue(
        "failed",
        _("Transfer failed, to be decided"),
        lambda rows: rows.filter(status=TransferOrder.Status.FAIL),
    ),
)
ALLOCATION = (
    Queue("unknown", _("Result unknown for 10 minutes"), allocation_unknown),
    Queue(
        "failed",
        _("Failed, to be decided"),
        lambda rows: rows.filter(status__in=ALLOCATION_FAILED),
    ),
    Queue(
        "partly",
        _("Partly failed"),
        lambda rows: rows.filter(
            status=AllocationOrder.Status.ALLOC_END,
            result=AllocationOrder.Result.PART_SUCCESS,
        ),
    ),
)
RETURN = (
    Queue("unknown", _("Result unknown for 10 minutes"), return_unknown),
    Queue(
        "failed",
        _("Failed, to be decided"),
        lambda rows: rows.filter(status=ShareReturn.Status.FAIL),
    ),
)
STORE = (
    Queue(
        "refunds",
        _("Refund to be decided"),
        lambda rows: rows.filter(cancel_status="asked"),
    ),
    Queue(
        "late",
        _("Not accepted for 10 minutes"),
        lambda rows: rows.filter(
            status=StoreOrder.Status.PAID, updated_at__lt=timezone.now() - UNKNOWN_FOR
        ),
    ),
)
ANOMALY = (
    Queue("open", _("To be decided"), lambda rows: rows.filter(status=Anomaly.Status.OPEN)),
    Queue(
        "late",
        _("Paid after closing"),
        lambda rows: rows.filter(status=Anomaly.Status.OPEN, kind__in=Anomaly.PAYMENTS),
    ),
)
NOTICE = (
    Queue("dead", _("Dead notices"), lambda rows: rows.filter(status=MerchantNotice.Status.DEAD)),
    Queue(
        "retrying",
        _("Being retried"),
        lambda rows: rows.filter(status=MerchantNotice.Status.PENDING, tries__gt=0),
    ),
)
CALL = (
    Queue("unknown", _("Unknown"), lambda rows: rows.filter(outcome=Outcome.UNKNOWN)),
    Queue("open", _("Not ended"), lambda rows: rows.filter(~Q(state="ended"))),
)
CALLBACK = (
    Queue(
        "rejected",
        _("Not applied"),
        lambda rows: rows.filter(result__in=["rejected", "unknown_order"]),
    ),
    Queue("waiting", _("Not settled"), lambda rows: rows.filter(~Q(state="ended"))),
)
