"""…/idp/pay/{wechat,alipay}/profit-sharing/…: share an order's money, finish, fetch back, list.

hydrogen-sdk-doc: cloud-function/node-sdk/order.md, wechat-profit-sharing.md and
alipay-profit-sharing.md have the requests and the answers; 知晓云 never published the addresses, so
they are this house's (docs/doors/minapp.md).

A doubt (SYSTEMERROR, FREQUENCY_LIMITED, no answer) is told as one and nothing is sent again: the
same request is answered with what became of it ("不要重复调用接口，否则可能造成资金损失").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gateway.api.minapp import fields, numbers, orders, paging, render, words
from gateway.api.minapp.errors import Fault
from gateway.api.minapp.views import Answer, Endpoint, watch
from orders.errors import NotFound, OperationRefused, OrderError
from orders.models import (
    AllocationDetail,
    AllocationOrder,
    AllocationReceiver,
    Application,
    PayOrder,
    ShareReturn,
)
from orders.services import allocation

MAX_RECEIVERS = 50
FREQUENCY_LIMITED, SYSTEMERROR = "FREQUENCY_LIMITED", "SYSTEMERROR"


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One receiver of a request. ``where`` names it in an error."""

    kind: str
    account: str
    amount: int
    description: str
    where: str


class Share(Endpoint):
    """``Order#wechatPay.profitSharing``, ``.multiProfitSharing``, ``Order#alipay.profitSharing``:
    ``channel`` and ``finishes`` (nothing more is shared, the rest is set free) tell them apart."""

    names = {"amount": "receivers.amount", "shares": "receivers", "title": "receivers.description"}
    channel = ""
    finishes = False

    def post(self, request: HttpRequest) -> Answer:
        body = fields.body(request)
        trade_no = body.text("trade_no", longest=orders.MAX_NUMBER, required=True)
        appid = body.text("appid", longest=64, required=self.channel == "wechat")
        parts = [self._part(one) for one in body.objects("receivers", most=MAX_RECEIVERS)]
        body.end()
        order = payment(self.caller.application, trade_no, self.channel, appid)
        content = {
            "trade_no": order.order_no,
            "finishes": self.finishes,
            "receivers": [[p.kind, p.account, p.amount, p.description] for p in parts],
        }
        row = self._share(order, parts, numbers.of(request, "share", content))
        row = watch(row, lambda: self._read(row.allocation_no), until=is_answered)
        raise_if_failed_or_in_doubt(row)
        return 200, render.shared(row)

    def _part(self, one: fields.Members) -> _Part:
        kind = one.one_of("type", words.RECEIVERS[self.channel])
        account = one.text("account", longest=64, required=True)
        amount = one.fen("amount")
        description = one.text("description", longest=80, required=True)
        one.end()
        where = one.name("account")
        return _Part(
            kind=kind, account=account, amount=amount, description=description, where=where
        )

    def _share(
        self, order: PayOrder, parts: Sequence[_Part], asked: numbers.Asked
    ) -> AllocationOrder:
        known = self._known(asked)
        if known is not None:
            return known
        shares = [
            allocation.AskedShare(receiver_no=self._receiver_no(order, part), amount=part.amount)
            for part in parts
        ]
        try:
            made = allocation.request_allocation(
                order.order_no,
                self.actor(),
                shares=shares,
                biz_allocation_no=asked.number,
                title="; ".join(dict.fromkeys(part.description for part in parts)),
                finishes=self.finishes,
                application=self.caller.application,
                door_data={numbers.SAYS: asked.content},
            )
        except OrderError:
            known = self._known(asked)  # the very same request was faster
            if known is None:
                raise
            return known
        return self._read(made.allocation_no)

    def _receiver_no(self, order: PayOrder, part: _Part) -> str:
        digest = AllocationReceiver.hash(words.RECEIVERS[self.channel][part.kind], part.account)
        rows = AllocationReceiver.objects.filter(
            application=self.caller.application, account_id=order.account_id, digest=digest
        )
        found = rows.values_list("receiver_no", flat=True).first()
        if found is None:
            message = _("%(field)s: This receiver was never added; add it first.")
            raise Fault(400, message % {"field": part.where})
        return str(found)

    def _known(self, asked: numbers.Asked) -> AllocationOrder | None:
        try:
            row = self._read(f"biz:{asked.number}")
        except NotFound:
            return None
        asked.check(row.door_data)
        return row

    def _read(self, number: str) -> AllocationOrder:
        return allocation.find(number, application=self.caller.application)


class Finish(Endpoint):
    """``wechat.profitSharing.Order#finish``: nothing more is shared; the rest is set free."""

    names = {"allocation_no": "trade_no"}

    def post(self, request: HttpRequest) -> Answer:
        body = fields.body(request)
        trade_no = body.text("trade_no", longest=orders.MAX_NUMBER, required=True)
        appid = body.text("appid", longest=64, required=True)
        body.text("description", longest=80, required=True)
        body.end()
        application = self.caller.application
        order = payment(application, trade_no, "wechat", appid)
        number = _last_sharing(order)
        try:
            allocation.request_finish(number, self.actor(), application=application)
        except OperationRefused:
            # Asked for before: the same request, answered with what became of it.
            if not allocation.find(number, application=application).finish_no:
                raise
        row = watch(
            allocation.find(number, application=application),
            lambda: allocation.find(number, application=application),
            until=is_answered,
        )
        raise_if_failed_or_in_doubt(row)
        return 200, render.shared(row)


class FetchBack(Endpoint):
    """``wechat.profitSharing.Order#refund`` and ``#getRefundmentOrder``. ``trade_no`` is the split
    order's here; ``refund_no`` is the merchant's own and makes a repetition the same return."""

    names = {
        "biz_return_no": "refund_no",
        "reason": "description",
        "detail_no": "trade_no",
    }

    def post(self, request: HttpRequest) -> Answer:
        body = fields.body(request)
        trade_no = body.text("trade_no", longest=orders.MAX_NUMBER, required=True)
        appid = body.text("appid", longest=64, required=True)
        refund_no = body.text("refund_no", longest=64, required=True)
        kind = body.one_of("type", words.RECEIVERS["wechat"])
        account = body.text("account", longest=64, required=True)
        amount = body.fen("amount")
        description = body.text("description", longest=80, required=True)
        body.end()
        detail = self._detail(trade_no, appid, kind, account)
        made = allocation.request_return(
            detail.detail_no,
            self.actor(),
            amount=amount,
            reason=description,
            biz_return_no=refund_no,
            application=self.caller.application,
        )
        row = self._read(refund_no, made.allocation_id)
        row = watch(
            row,
            lambda: self._read(refund_no, made.allocation_id),
            until=lambda it: not it.is_executing,
        )
        return 200, {**render.fetched_back(row), "account": account}

    def get(self, request: HttpRequest) -> Answer:
        given = _words(request, "trade_no", "appid", "refund_no")
        split = _split(self.caller.application, given["trade_no"], given["appid"])
        return 200, render.fetched_back(self._read(given["refund_no"], split.pk))

    def _detail(self, trade_no: str, appid: str, kind: str, account: str) -> AllocationDetail:
        split = _split(self.caller.application, trade_no, appid)
        digest = AllocationReceiver.hash(words.RECEIVERS["wechat"][kind], account)
        found = AllocationDetail.objects.filter(allocation=split, receiver__digest=digest).first()
        if found is None:
            raise Fault(400, _("account: This receiver has no share of this split order."))
        return found

    def _read(self, refund_no: str, allocation_id: int) -> ShareReturn:
        rows = ShareReturn.objects.select_related("account", "detail__receiver")
        row = rows.filter(
            application=self.caller.application,
            biz_return_no=refund_no,
            allocation_id=allocation_id,
        ).first()
        if row is None:
            raise NotFound(refund_no)
        return row


# --- parts --------------------------------------------------------------------------------


def payment(application: Application, trade_no: str, channel: str, appid: str) -> PayOrder:
    """The caller's order of this channel. Raises NotFound, Fault."""
    order = orders.one(application, trade_no=trade_no)
    if order.channel != channel:
        message = _("trade_no: This order was not paid by %(channel)s.")
        raise Fault(400, message % {"channel": channel})
    check_appid(order.account.config, appid)
    return order


def check_appid(config: dict[str, Any], appid: str, name: str = "appid") -> None:
    """An id that is not this account's was meant for another one. Raises Fault."""
    known = config.get("mchid" if name == "mch_id" else "appid", "")
    if appid and known and appid != known:
        message = _("%(field)s: The account has %(known)s.")
        raise Fault(400, message % {"field": name, "known": known})


def is_answered(row: AllocationOrder) -> bool:
    """The channel has taken it, or what it said instead stands in the row."""
    return render.is_taken(row) or bool(row.error_code)


def raise_if_failed_or_in_doubt(row: AllocationOrder) -> None:
    """What is not a yes is not answered as one. Raises Fault."""
    what = f"{row.error_code}: {row.error_message}".rstrip(": ")
    if words.SHARE_OUTCOME[row.status] is False:
        raise Fault(400, what or row.get_status_display())
    if row.error_code and not row.out_allocation_no and row.is_executing:
        limited = "FREQUENCY" in row.error_code or "LIMIT" in row.error_code
        message = _(
            "%(code)s: The channel's answer is in doubt (%(what)s) and is being asked for. Do not "
            "share again in another way: the same request will say what became of it."
        )
        code = FREQUENCY_LIMITED if limited else SYSTEMERROR
        raise Fault(500, message % {"code": code, "what": row.error_code})


def _last_sharing(order: PayOrder) -> str:
    rows = AllocationOrder.objects.filter(pay_order=order).order_by("-id")
    number = rows.values_list("allocation_no", flat=True).first()
    if number is None:
        raise Fault(400, _("trade_no: Nothing of this order was shared, so nothing is held back."))
    return str(number)


def _split(application: Application, number: str, appid: str) -> AllocationOrder:
    split = allocation.find(fields.printable(number), application=application)
    check_appid(split.account.config, appid)
    return split


def _words(request: HttpRequest, *names: str) -> dict[str, str]:
    """Parameters that must all be given, and no others. Raises Fault."""
    body = fields.Members(paging.parameters(request.GET))
    found = {name: body.text(name, longest=64, required=True) for name in names}
    body.end()
    return found
