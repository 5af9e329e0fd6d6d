"""…/profit-sharing/order/: the list of split orders (分账单查询), sharings and finishes together.

hydrogen-sdk-doc: wechat-profit-sharing.md, alipay-profit-sharing.md (``Order#getOrderList``). Here
a finish is a part of the sharing that it ends, with a number of its own; the wire shows it as an
order of its own, so a page is cut from the union of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import CharField, Q, QuerySet, Value
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gateway.api.minapp import filters, paging, render, words
from gateway.api.minapp.errors import wrong
from gateway.api.minapp.fields import printable
from gateway.api.minapp.views import Answer, Endpoint
from orders.models import AllocationOrder, Application

SHARED = "share"
FILTERS = ("trade_no", "status", "order_type")
IGNORED = ("where", "order_by", "keys", "expand")
"""What the SDK's list writes by itself; only as it writes it without a query."""


class Splits(Endpoint):
    channel = ""

    def get(self, request: HttpRequest) -> Answer:
        given = paging.parameters(request.GET)
        page = paging.read(given)
        asked = _asked(given)
        own = AllocationOrder.objects.filter(
            application=self.caller.application, channel=self.channel
        )
        numbers = _numbers(own, asked)
        with paging.bounded():
            total = numbers[: page.count_to].count()
            cut = list(numbers[page.offset : page.offset + page.limit])
            rows = _rows(self.caller.application, [pk for _at, pk, _kind in cut])
        shown = [(rows[pk], kind) for _at, pk, kind in cut]
        return 200, paging.answer(
            request, page, total=total, rows=shown, render=lambda one: render.split(*one)
        )


def _asked(given: Mapping[str, str]) -> dict[str, str]:
    """The filters. Raises Fault."""
    for name, value in given.items():
        if name in IGNORED and value in ("", "{}"):
            continue
        if name not in (*FILTERS, "limit", "offset"):
            raise wrong(printable(name), _("There is no such parameter here."))
    asked = {name: given[name] for name in FILTERS if name in given}
    for name, known in (("status", words.SPLIT_STATUSES), ("order_type", words.ORDER_TYPES)):
        if name in asked and asked[name] not in known:
            message = _("Must be one of %(values)s.") % {"values": ", ".join(known)}
            raise wrong(name, message)
    if "trade_no" in asked:
        filters.text("trade_no", asked["trade_no"])
    return asked


def _numbers(own: QuerySet[AllocationOrder], asked: Mapping[str, str]) -> QuerySet[Any]:
    """(created_at, id, kind) of every split order asked for, newest first."""
    kind, status, number = (asked.get(name, "") for name in ("order_type", "status", "trade_no"))
    shared, ended = own, own.exclude(finish_no="")
    if number:
        shared, ended = shared.filter(allocation_no=number), ended.filter(finish_no=number)
    if status:
        shared, ended = shared.filter(_shared_is(status)), ended.filter(_finish_is(status))
    if kind in (words.SINGLE, words.MULTI):
        shared, ended = shared.filter(finishes=kind == words.SINGLE), ended.none()
    elif kind == words.FINISH:
        shared = shared.none()
    both = _named(shared, SHARED).union(_named(ended, words.FINISH), all=True)
    return both.order_by("-created_at", "-id", "kind")


def _named(rows: QuerySet[AllocationOrder], kind: str) -> QuerySet[Any]:
    return rows.annotate(kind=Value(kind, CharField())).values_list("created_at", "id", "kind")


def _shared_is(word: str) -> Q:
    told = words.PROCESSING if word == words.ACCEPTED else word
    found = Q(status__in=[ours for ours, said in words.SHARE_STATUS.items() if said == told])
    if told == words.PROCESSING:
        found &= Q(is_at_channel=word != words.ACCEPTED)
    return found


def _finish_is(word: str) -> Q:
    if word == words.PROCESSING:
        return Q(is_finishing=True)
    ours = [ours for ours, said in words.FINISH_STATUS.items() if said == word]
    return Q(is_finishing=False, status__in=ours)


def _rows(application: Application, ids: list[int]) -> dict[int, AllocationOrder]:
    rows = AllocationOrder.objects.filter(application=application, pk__in=ids)
    return {row.pk: row for row in rows.prefetch_related("details__receiver")}
