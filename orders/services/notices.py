"""What a merchant is told, written in the transaction of the change that it tells of.

Delivering is the engine's work (``orders.engine.notices``).
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop as N_

from orders import dialects
from orders.actor import Actor
from orders.engine.wake import wake
from orders.errors import InvalidInput, OperationRefused, Refusal
from orders.models import Application, MerchantNotice, PayOrder, StoreOrder, TransferOrder
from orders.services import fields
from orders.standard import TEST


def write(order: Any, kind: str, now: datetime) -> MerchantNotice | None:
    """The outbox row of one change; None where nobody gave an address to tell, or where the
    dialect has no such notice.

    ``kind`` is the house's own event type, e.g. ``pay_order.success``.
    """
    url, code = dialects.address(order)
    if not url:
        return None
    body = dialects.get(code).body(order, kind, now)
    if body is None:
        return None
    return MerchantNotice(
        **_head(order),
        application_id=order.application_id,
        order_no=order.number,
        kind=kind,
        notice_id=f"msg_{uuid.uuid4().hex}",
        dialect=code,
        url=url,
        body=body,
        due_at=now,
        created_at=now,
    )


def _head(order: Any) -> dict[str, Any]:
    """The foreign key that names the family that the notice belongs to."""
    if isinstance(order, TransferOrder):
        return {"transfer": order}
    if isinstance(order, StoreOrder):
        return {"store_order": order}
    return {"pay_order": order if isinstance(order, PayOrder) else order.pay_order}


@transaction.atomic(durable=True)
def request_test(
    application: Application, actor: Actor, *, url: str = "", dialect: str = dialects.STANDARD
) -> MerchantNotice:
    """A notice that tells of no order, delivered and logged as every other.

    To ``url``, or else the application's address. Raises InvalidInput where there is neither,
    OperationRefused without the permission.
    """
    if actor.user is not None and not actor.user.has_perm("orders.replay_merchantnotice"):
        refusal = Refusal(code="permission", msgid=N_("Your role may not send notices."))
        raise OperationRefused("notice_test", refusal)
    fields.url("url", url)
    address = url or application.notify_url
    if not address:
        raise InvalidInput(
            "url", "required", N_("The application has no notify URL; name an address.")
        )
    now = timezone.now()
    notice = MerchantNotice.objects.create(
        application=application,
        order_no="",
        kind=TEST,
        notice_id=f"msg_{uuid.uuid4().hex}",
        dialect=dialect,
        url=address,
        body=dialects.get(dialect).sample(application, now),
        due_at=now,
        created_at=now,
    )
    notice.is_new = True
    wake("notice")
    return notice
