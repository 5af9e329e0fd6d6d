"""What PostgreSQL itself holds of store orders, and what their lists are found by."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from orders.models.store_words import CancelStatus, StoreStatus

CONSTRAINTS = [
    models.UniqueConstraint(fields=["application", "biz_order_no"], name="store_biz_once"),
    models.CheckConstraint(condition=Q(status__in=StoreStatus.values), name="store_status_known"),
    models.CheckConstraint(
        condition=Q(amount__gte=0, original_amount__gte=0, deliver_fee__gte=0, package_fee__gte=0),
        name="store_amounts_not_negative",
    ),
    models.CheckConstraint(
        condition=Q(pay_order__isnull=True) | Q(pay_type="online", amount__gt=0),
        name="store_pay_order_is_online",
    ),
    models.CheckConstraint(
        condition=Q(cancel_status__in=CancelStatus.values)
        & (Q(cancel_status="") | ~Q(cancel_kind="")),
        name="store_refund_has_a_kind",
    ),
]

INDEXES = [
    models.Index(fields=["created_at", "id"], name="store_created"),
    models.Index(fields=["status", "created_at", "id"], name="store_status_created"),
    models.Index(fields=["merchant", "created_at", "id"], name="store_merchant_created"),
    models.Index(fields=["application", "created_at", "id"], name="store_app_created"),
    models.Index(fields=["store_id", "created_at", "id"], name="store_store_created"),
    models.Index(fields=["amount", "id"], name="store_amount"),
    models.Index(fields=["biz_order_no"], name="store_biz"),
    models.Index(
        fields=["application", "store_id", "updated_at", "order_no"], name="store_updated"
    ),
    models.Index(
        fields=["cancel_status", "created_at", "id"],
        condition=~Q(cancel_status=""),
        name="store_cancel_created",
    ),
    models.Index(
        fields=["next_check_at"],
        condition=Q(next_check_at__isnull=False),
        name="store_next_check",
    ),
]
