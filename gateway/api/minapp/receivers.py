"""…/idp/pay/{wechat,alipay}/profit-sharing/receiver/…: who may get a share.

hydrogen-sdk-doc: wechat-profit-sharing.md, alipay-profit-sharing.md (addReceiver, removeReceiver,
receiverQuery); the addresses are this house's. Adding one that is there and removing one that is
not are the same request again, and harmless.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gateway.api.minapp import fields, paging, words
from gateway.api.minapp.errors import Fault, wrong
from gateway.api.minapp.sharing import check_appid
from gateway.api.minapp.views import Answer, Endpoint, watch
from orders.errors import OperationRefused
from orders.models import AllocationReceiver
from orders.services import accounts, allocation

MAX_RECEIVERS = 20
"""Of one request (alipay.trade.royalty.relation.bind)."""
MAX_PAGE = 100
NAMES = {"account_no": "account", "receiver_type": "type", "relation": "relation_type"}


class Receivers(Endpoint):
    """What both providers' addresses have in common. ``wanted``: held by the channel, or not."""

    names = NAMES
    channel = ""
    wanted = True

    def settle(self, new: allocation.NewReceiver) -> AllocationReceiver:
        """Ask for it and wait a while. Raises Fault where the channel said no."""
        row = self._ask(new)
        row = watch(
            row,
            lambda: AllocationReceiver.objects.get(pk=row.pk),
            until=lambda it: words.IN_PLACE[it.status] is not None,
        )
        held = words.IN_PLACE[row.status]
        if held is not None and held != self.wanted:
            what = f"{row.error_code}: {row.error_message}".rstrip(": ")
            raise Fault(400, what or row.get_status_display())
        return row

    def return_code(self, rows: list[AllocationReceiver]) -> str:
        yes, not_yet = words.TAKEN[self.channel]
        return yes if all(words.IN_PLACE[row.status] == self.wanted for row in rows) else not_yet

    def _ask(self, new: allocation.NewReceiver) -> AllocationReceiver:
        application = self.caller.application
        if self.wanted:
            return allocation.add_receiver(application, new, self.actor())
        account = accounts.default_account(application, self.channel)
        row = AllocationReceiver.objects.filter(
            application=application,
            account=account,
            digest=AllocationReceiver.hash(new.receiver_type, new.account_no),
        ).first()
        if row is None:
            raise Fault(404, _("This receiver was never added."))
        try:
            return allocation.request_unbind(row.receiver_no, self.actor(), application=application)
        except OperationRefused:
            row = AllocationReceiver.objects.get(pk=row.pk)
            if words.IN_PLACE[row.status] is not False:
                raise
            return row


class WechatReceivers(Receivers):
    channel = "wechat"

    def post(self, request: HttpRequest) -> Answer:
        body = fields.body(request)
        account = accounts.default_account(self.caller.application, self.channel)
        ids = {name: body.text(name, longest=64, required=True) for name in ("mch_id", "appid")}
        new = self._new(body)
        body.end()
        for name, value in ids.items():
            check_appid(account.config, value, name)
        row = self.settle(new)
        said = {"type": words.receiver_word(row.channel, row.receiver_type)}
        said["account"] = new.account_no
        if self.wanted:
            said["relation_type"] = new.relation
        return 200, {
            "return_code": self.return_code([row]),
            "appid": account.config.get("appid", ""),
            "receiver": fields.dump(said),
            "mch_id": account.config.get("mchid", ""),
        }

    def _new(self, body: fields.Members) -> allocation.NewReceiver:
        kind = body.one_of("type", words.RECEIVERS[self.channel])
        account_no = body.text("account", longest=64, required=True)
        told: dict[str, str] = {}
        if self.wanted:
            told["relation"] = body.one_of("relation_type", words.RELATIONS)
            told["name"] = body.text("name", longest=64)
            told["custom_relation"] = body.text("custom_relation", longest=10)
            if kind == "MERCHANT_ID" and not told["name"]:
                raise wrong("name", _("Is required."))
            if told["relation"] == "CUSTOM" and not told["custom_relation"]:
                raise wrong("custom_relation", _("Is required."))
        return allocation.NewReceiver(
            channel=self.channel,
            receiver_type=words.RECEIVERS[self.channel][kind],
            account_no=account_no,
            **told,
        )


class AlipayReceivers(Receivers):
    channel = "alipay"

    def post(self, request: HttpRequest) -> Answer:
        body = fields.body(request)
        body.text("request_no", longest=32, required=True)
        asked = [self._new(one) for one in body.objects("receivers", most=MAX_RECEIVERS)]
        body.end()
        rows = [self.settle(new) for new in asked]
        return 200, {"result_code": "SUCCESS", "return_code": self.return_code(rows)}

    def get(self, request: HttpRequest) -> Answer:
        """``receiverQuery``: those that Alipay holds; their accounts masked."""
        given = fields.Members(paging.parameters(request.GET))
        given.text("request_no", longest=32, required=True)
        number = _within(given, "page_num", 1, 1000)
        size = _within(given, "page_size", 20, MAX_PAGE)
        given.end()
        rows = AllocationReceiver.objects.filter(
            application=self.caller.application,
            channel=self.channel,
            status=AllocationReceiver.Status.BOUND,
        ).order_by("id")
        total = rows.values("pk")[: 1000 * MAX_PAGE].count()
        return 200, {
            "current_page_num": number,
            "current_page_size": size,
            "receiver_list": [
                words.receiver(row) for row in rows[(number - 1) * size : number * size]
            ],
            "total_page_num": -(-total // size),
            "total_record_num": total,
            "result_code": "SUCCESS",
            "return_code": words.TAKEN[self.channel][0],
        }

    def _new(self, one: fields.Members) -> allocation.NewReceiver:
        kind = one.one_of("type", words.RECEIVERS[self.channel])
        account_no = one.text("account", longest=64, required=True)
        name = one.text("name", longest=64)
        one.end()
        return allocation.NewReceiver(
            channel=self.channel,
            receiver_type=words.RECEIVERS[self.channel][kind],
            account_no=account_no,
            name=name if self.wanted else "",
        )


def _within(given: fields.Members, name: str, default: int, most: int) -> int:
    number = given.whole(name)
    if number is None:
        return default
    if not 1 <= number <= most:
        message = _("Must be from %(least)s to %(most)s.") % {"least": 1, "most": most}
        raise wrong(name, message)
    return number
