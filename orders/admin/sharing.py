"""What shared-out money adds to a pay order's dialogs: who would get what, and 先回退再退款.

Reads and asks ``orders.services.allocation``; decides nothing itself.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from orders import rules
from orders.admin import cells, operations
from orders.errors import OperationRefused, Refusal
from orders.models import AllocationReceiver, PayOrder, RefundOrder
from orders.services import allocation

RETURN_REFUND = "return_refund"
RETURN_FIRST = rules.Operation(
    label=gettext_lazy("return, then refund"),
    hint=gettext_lazy(
        "Fetches back as much of the shared money as the refund needs, and refunds then."
    ),
    permission="refund_payorder",
    takes_amount=True,
    needs_reason=True,
    is_dangerous=True,
)
SHARED_OUT = "money_shared_out"
REASON_MAX = 80
"""A reason goes to the channel with each return (``ShareReturn.reason``)."""


def choice(order: PayOrder, user: Any) -> operations.Choice:
    refusal = first_refusal(order, user)
    return operations.choice(order, RETURN_REFUND, RETURN_FIRST, refusal)


def ask_return_first(
    request: HttpRequest, order: PayOrder, facts: list[tuple[Any, Any]]
) -> operations.Ask:
    def do(draft: operations.Draft) -> RefundOrder:
        refusal = first_refusal(order, request.user)
        if refusal is not None:
            raise OperationRefused(RETURN_REFUND, refusal)
        return allocation.request_return_and_refund(
            order.order_no,
            operations.actor_of(request),
            amount=draft.fen or 0,
            reason=draft.reason,
        )

    return operations.Ask(
        order=order,
        title=order,
        operation=RETURN_FIRST,
        icon="keyboard_return",
        url=operations.dialog_url(order, RETURN_REFUND),
        page=operations.page_of(order),
        refusal=lambda: first_refusal(order, request.user),
        do=do,
        facts=facts,
        lines=lambda: return_lines(order, order.refundable_balance),
        whole=order.refundable_balance,
        most=order.refundable_balance,
        stamp=operations.stamp(order),
        reason_max=REASON_MAX,
    )


def first_refusal(order: PayOrder, user: Any) -> Refusal | None:
    """Why not even fetching shares back first would make a refund possible, or None."""
    refusal = rules.why_not(order, "refund", user)
    if refusal is not None and refusal.code != SHARED_OUT:
        return refusal
    if not user.has_perm(f"orders.{RETURN_FIRST.permission}"):
        return Refusal(
            code="permission",
            msgid=gettext_noop("Your role may not do this: %(operation)s."),
            params={"operation": RETURN_FIRST.label},
        )
    if not user.has_perm("orders.return_allocationdetail"):
        return Refusal(code="permission", msgid=gettext_noop("Your role may not return shares."))
    return None


def second_way(order: PayOrder, draft: operations.Draft, user: Any) -> operations.Second | None:
    """Where more was asked for than is not shared out, and returns would free it."""
    if SHARED_OUT not in draft.codes.values() or draft.fen is None:
        return None
    lines = return_lines(order, draft.fen)
    if lines is None or first_refusal(order, user) is not None:
        return None
    return operations.Second(
        label=RETURN_FIRST.label,
        hint=RETURN_FIRST.hint,
        url=operations.dialog_url(order, RETURN_REFUND),
        lines=lines,
    )


def return_lines(order: PayOrder, fen: int) -> operations.Lines | None:
    """Which shares a refund of ``fen`` would fetch back, and how much of each."""
    plan = allocation.returns_for(order, fen) or []
    rows = [
        (f"{receiver_words(detail.receiver)} · {detail.detail_no}", cells.money(part, sign=True))
        for detail, part in plan
    ]
    return operations.Lines(_("Fetched back first"), rows) if rows else None


def share_lines(order: PayOrder) -> operations.Lines:
    """Who would get what. Raises InvalidInput with the sentence when nobody can."""
    group, parts = allocation.preview(order)
    return operations.Lines(
        _("By the group %(group)s") % {"group": group},
        [(receiver_words(receiver), cells.money(fen, sign=True)) for receiver, fen in parts],
    )


def receiver_words(receiver: AllocationReceiver) -> str:
    return " · ".join(filter(None, [str(receiver), receiver.name_mask]))
