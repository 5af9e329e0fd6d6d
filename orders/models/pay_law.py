"""What PostgreSQL itself holds of pay orders (DESIGN law 9): sums, derived statuses, numbers."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q

CONSTRAINTS = [
    models.UniqueConstraint(fields=["application", "biz_order_no"], name="pay_biz_order_no_once"),
    models.UniqueConstraint(
        fields=["account", "out_order_no"],
        condition=~Q(out_order_no=""),
        name="pay_out_order_no_once",
    ),
    models.CheckConstraint(
        condition=Q(status__in=["wait", "progress", "success", "close", "cancel", "fail"]),
        name="pay_status_known",
    ),
    models.CheckConstraint(condition=Q(amount__gt=0), name="pay_amount_positive"),
    models.CheckConstraint(
        condition=Q(refunded__gte=0, refunding__gte=0), name="pay_refunds_not_negative"
    ),
    models.CheckConstraint(
        condition=Q(paid_amount__isnull=True, refunded=0, refunding=0)
        | Q(paid_amount__gt=0, refunded__lte=F("paid_amount") - F("refunding")),
        name="pay_refunds_within_paid",
    ),
    models.CheckConstraint(
        condition=Q(shared=0)
        | Q(
            shared__gt=0,
            paid_amount__gte=F("refunded") + F("refunding") + F("shared"),
        ),
        name="pay_shares_within_paid",
    ),
    models.CheckConstraint(
        condition=Q(status="success", paid_amount__isnull=False, paid_at__isnull=False)
        | (~Q(status="success") & Q(paid_amount__isnull=True)),
        name="pay_paid_iff_success",
    ),
    models.CheckConstraint(
        condition=Q(refund_status="refunding", refunding__gt=0)
        | Q(refund_status="no_refund", refunding=0, refunded=0)
        | Q(
            refund_status="partial_refund",
            refunding=0,
            refunded__gt=0,
            refunded__lt=F("paid_amount"),
        )
        | Q(
            refund_status="refunded",
            refunding=0,
            refunded__gt=0,
            refunded=F("paid_amount"),
        ),
        name="pay_refund_status_derived",
    ),
    models.CheckConstraint(
        condition=Q(
            allocation_status__in=[
                "none",
                "waiting",
                "processing",
                "done",
                "partial",
                "failed",
            ]
        ),
        name="pay_allocation_status_known",
    ),
    models.CheckConstraint(
        condition=Q(intent="") | Q(intent__in=["close", "cancel"], status__in=["wait", "progress"]),
        name="pay_intent_only_while_executing",
    ),
    models.CheckConstraint(
        condition=~Q(status__in=["wait", "progress"]) | Q(next_check_at__isnull=False),
        name="pay_executing_is_watched",
    ),
]

INDEXES = [
    models.Index(fields=["created_at", "id"], name="pay_created"),
    models.Index(fields=["status", "created_at", "id"], name="pay_status_created"),
    models.Index(fields=["merchant", "created_at", "id"], name="pay_merchant_created"),
    models.Index(fields=["application", "created_at", "id"], name="pay_application_created"),
    models.Index(
        fields=["application", "paid_at", "id"],
        condition=Q(paid_at__isnull=False),
        name="pay_application_paid",
    ),
    # What 知晓云's lists find by; its own orders only, so that no other door pays for it.
    GinIndex(
        fields=["door_data"],
        opclasses=["jsonb_path_ops"],
        condition=Q(door="minapp"),
        name="pay_minapp_told",
    ),
    models.Index(fields=["channel", "created_at", "id"], name="pay_channel_created"),
    models.Index(
        fields=["refund_status", "created_at", "id"],
        condition=~Q(refund_status="no_refund"),
        name="pay_refund_status_created",
    ),
    models.Index(fields=["amount", "id"], name="pay_amount"),
    models.Index(fields=["biz_order_no"], name="pay_biz_order_no"),
    models.Index(fields=["out_order_no"], condition=~Q(out_order_no=""), name="pay_out_order_no"),
    models.Index(
        fields=["next_check_at"],
        condition=Q(next_check_at__isnull=False),
        name="pay_next_check",
    ),
    models.Index(
        fields=["allocate_at"],
        condition=Q(allocate_at__isnull=False),
        name="pay_allocate_at",
    ),
]
