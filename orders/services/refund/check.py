"""The clock's part: take due refunds, ask, or send what provably never left."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from orders import locks
from orders.models import RefundOrder
from orders.services import outgoing
from orders.services.refund.settle import STORY


@transaction.atomic(durable=True)
def check_due(now: datetime, limit: int) -> int:
    """Work up to ``limit`` due refunds in one transaction; returns how many were taken.

    Safe to run twice at once: busy families are passed over, and each taken refund's next check
    moves into the future.
    """
    return outgoing.check(STORY, locks.due_children(RefundOrder, now, limit), now)
