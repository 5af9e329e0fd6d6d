"""One box finds any order by any number: lists, overview and Ctrl+K all ask here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from unfold.dataclasses import SearchResult

from orders.admin.cells import money
from orders.models import (
    AllocationDetail,
    AllocationGroup,
    AllocationOrder,
    AllocationReceiver,
    MerchantNotice,
    PayOrder,
    RefundOrder,
    ShareReturn,
    StoreOrder,
    TransferOrder,
)
from orders.numbers import (
    PREFIX_ALLOCATION,
    PREFIX_GROUP,
    PREFIX_RECEIVER,
    PREFIX_REFUND,
    PREFIX_RETURN,
    PREFIX_STORE,
    PREFIX_TRANSFER,
)

MOST = 10

NUMBERS: tuple[tuple[type, str, tuple[str, ...]], ...] = (
    (PayOrder, "payments", ("order_no", "biz_order_no", "out_order_no")),
    (RefundOrder, "undo", ("refund_no", "biz_refund_no", "out_refund_no")),
    (TransferOrder, "send_money", ("transfer_no", "biz_transfer_no", "out_transfer_no")),
    (
        AllocationOrder,
        "call_split",
        ("allocation_no", "biz_allocation_no", "send_no", "finish_no"),
    ),
    (StoreOrder, "store", ("order_no", "biz_order_no")),
    (AllocationDetail, "call_split", ("detail_no",)),
    (ShareReturn, "keyboard_return", ("return_no",)),
    (AllocationReceiver, "person", ("receiver_no",)),
    (AllocationGroup, "groups", ("group_no",)),
    (MerchantNotice, "notifications", ("notice_id",)),
)
LISTS = {
    PREFIX_REFUND: "refundorder",
    PREFIX_TRANSFER: "transferorder",
    PREFIX_ALLOCATION: "allocationorder",
    PREFIX_RETURN: "sharereturn",
    PREFIX_STORE: "storeorder",
    PREFIX_RECEIVER: "allocationreceiver",
    PREFIX_GROUP: "allocationgroup",
}
"""By the first letter of our numbers: where to look for what begins so."""


def hits(term: str, user: Any) -> Iterator[tuple[Any, str]]:
    """Rows one of whose numbers is exactly ``term``, among what ``user`` may see, with an icon."""
    if not term or "\x00" in term or len(term) > 128:
        return
    spellings = sorted({term, term.upper()})
    for model, icon, names in NUMBERS:
        if not user.has_perm(f"orders.view_{model._meta.model_name}"):
            continue
        where = Q()
        for name in names:
            where |= Q(**{f"{name}__in": spellings})
        for row in model._default_manager.filter(where).order_by()[:MOST]:
            yield row, icon


def url_of(row: Any) -> str:
    if isinstance(row, AllocationDetail):  # a share has no page of its own
        return reverse("admin:orders_allocationorder_change", args=[row.allocation_id])
    return reverse(f"admin:orders_{row._meta.model_name}_change", args=[row.pk])


def only_hit(term: str, user: Any) -> str:
    """The page of the one row with this number, or nothing when there are none or several."""
    found = [row for row, _icon in hits(term, user)]
    return url_of(found[0]) if len(found) == 1 else ""


def find(request: HttpRequest) -> HttpResponse:
    """``/admin/find/?q=``: to the page of that number, else to the list that looks for it."""
    term = request.GET.get("q", "").strip()
    if url := only_hit(term, request.user):
        return HttpResponseRedirect(url)
    model = LISTS.get(term[:1].upper(), "payorder")
    url = reverse(f"admin:orders_{model}_changelist")
    return HttpResponseRedirect(f"{url}?{urlencode({'q': term})}" if term else url)


def palette(request: HttpRequest, _lowered: str) -> list[SearchResult]:
    """Ctrl+K. unfold hands over the term in lower case; our numbers are upper case."""
    term = request.GET.get("s", "").strip()
    return [
        SearchResult(title=_title(row), description=_line(row), link=url_of(row), icon=icon)
        for row, icon in hits(term, request.user)
    ]


def _title(row: Any) -> str:
    return str(getattr(row, "number", row))


def _line(row: Any) -> str:
    amount = getattr(row, "amount", None)
    parts = [str(row._meta.verbose_name)]
    if hasattr(row, "get_status_display"):
        parts.append(str(row.get_status_display()))
    return " · ".join([*parts, money(amount, sign=True)] if amount is not None else parts)
