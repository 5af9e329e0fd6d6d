"""The operations of the wire, one method each: read, check, do, answer.

``simulator`` calls ``do`` for a request whose signature has been checked. Money is the business
of ``trades``, ``refunds``, ``shares``, ``returns`` and ``transfers``; nothing here touches a row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from channels.simulators.core.faults import Plan
from channels.simulators.core.fields import Shape, check, parse_object
from channels.simulators.core.simulator import Call
from channels.simulators.core.web import Answer
from channels.simulators.wechat import fund_shapes, shapes
from channels.simulators.wechat.bills import Bills
from channels.simulators.wechat.code_pay import CodePay
from channels.simulators.wechat.errors import ApiError, bad_parameter, request_id, require
from channels.simulators.wechat.keys import Keys
from channels.simulators.wechat.receivers import Receivers
from channels.simulators.wechat.refunds import Refunds
from channels.simulators.wechat.returns import Returns
from channels.simulators.wechat.shares import Shares
from channels.simulators.wechat.trades import Trades
from channels.simulators.wechat.transfers import Transfers, bill_document

MCHID_MISMATCH = "http header中的mchid与post payload中的mchid不匹配"
WRONG_SERIAL = "平台证书序列号Wechatpay-Serial错误"
SECRET_MAX = 214
"""What 2048 bits hold under OAEP with SHA-1."""

Document = dict[str, Any] | Answer | None
"""JSON, an answer that is no JSON (a bill), or 204."""


class Desk:
    def __init__(
        self,
        *,
        keys: Keys,
        merchant: str,
        appid: str,
        trades: Trades,
        code_pay: CodePay,
        refunds: Refunds,
        receivers: Receivers,
        shares: Shares,
        returns: Returns,
        transfers: Transfers,
        bills: Bills,
    ) -> None:
        self._keys = keys
        self._merchant = merchant
        self._appid = appid
        self._trades = trades
        self._code_pay = code_pay
        self._refunds = refunds
        self._receivers = receivers
        self._shares = shares
        self._returns = returns
        self._transfers = transfers
        self._bills = bills
        self._operations: dict[str, Callable[[Call, Plan], Document]] = {
            "pay": self._pay,
            "query": self._query,
            "close": self._close,
            "reverse": self._reverse,
            "refund": self._refund,
            "query_refund": self._query_refund,
            "abnormal_refund": self._abnormal_refund,
            "certificates": lambda call, plan: self._keys.certificate_list(),
            "add_receiver": self._add_receiver,
            "delete_receiver": self._delete_receiver,
            "share": self._share,
            "unfreeze": self._unfreeze,
            "query_share": self._query_share,
            "share_return": self._share_return,
            "query_share_return": self._query_share_return,
            "unsplit": lambda call, plan: self._shares.unsplit(_part(call, "transaction_id")),
            "transfer": self._transfer,
            "query_transfer": self._query_transfer,
            "cancel_transfer": self._cancel_transfer,
            "trade_bill": lambda call, plan: self._bills.trade_bill(_query(call), plan=plan),
            "fund_flow_bill": lambda call, plan: self._bills.fund_flow_bill(
                _query(call), plan=plan
            ),
            "bill_file": self._bill_file,
        }

    def do(self, call: Call, plan: Plan) -> Document:
        """Raises ApiError or FieldError."""
        return self._operations[call.op](call, plan)

    # --- payments and refunds -----------------------------------------------------------

    def _pay(self, call: Call, plan: Plan) -> Document:
        kind = _part(call, "kind")
        body = self._read(call, shapes.PREPAY[kind])
        if kind == "codepay":
            return self._code_pay.order(body, plan=plan)
        return self._trades.prepay(kind, body)

    def _query(self, call: Call, plan: Plan) -> Document:
        given = require(_query(call), "mchid")
        if given != self._merchant:
            raise ApiError(400, "PARAM_ERROR", MCHID_MISMATCH)
        parts = dict(call.parts or {})
        if "transaction_id" in parts:
            number = _number("transaction_id", parts["transaction_id"], r"[0-9A-Za-z]{1,32}")
            return self._trades.query(number=number, by="transaction_id", plan=plan)
        number = _number("out_trade_no", parts["out_trade_no"], shapes.OUT_TRADE_NO)
        return self._trades.query(number=number, by="out_trade_no", plan=plan)

    def _close(self, call: Call, plan: Plan) -> Document:
        number = _number("out_trade_no", _part(call, "out_trade_no"), shapes.OUT_TRADE_NO)
        self._read(call, shapes.CLOSE)
        self._trades.close(number)
        return None

    def _reverse(self, call: Call, plan: Plan) -> Document:
        number = _number("out_trade_no", _part(call, "out_trade_no"), shapes.OUT_TRADE_NO)
        self._read(call, shapes.REVERSE)
        return self._code_pay.reverse(number, plan=plan)

    def _refund(self, call: Call, plan: Plan) -> Document:
        return self._refunds.request(self._read(call, shapes.REFUND), plan=plan)

    def _query_refund(self, call: Call, plan: Plan) -> Document:
        number = _number("out_refund_no", _part(call, "out_refund_no"), shapes.OUT_REFUND_NO)
        return self._refunds.query(number, plan=plan)

    def _abnormal_refund(self, call: Call, plan: Plan) -> Document:
        body = self._read(call, fund_shapes.ABNORMAL_REFUND)
        if body["type"] == "USER_BANK_CARD":
            for name in ("bank_type", "bank_account", "real_name"):
                if name not in body:
                    raise bad_parameter(name, "is required for USER_BANK_CARD", location="body")
        self._open(call, body, "real_name")
        account = self._open(call, body, "bank_account")
        return self._refunds.apply_abnormal(
            _part(call, "refund_id"), body, account=account, plan=plan
        )

    # --- profit sharing -----------------------------------------------------------------

    def _add_receiver(self, call: Call, plan: Plan) -> Document:
        body = self._read(call, fund_shapes.ADD_RECEIVER)
        return self._receivers.add(body, name=self._open(call, body, "name"))

    def _delete_receiver(self, call: Call, plan: Plan) -> Document:
        return self._receivers.delete(self._read(call, fund_shapes.DELETE_RECEIVER))

    def _share(self, call: Call, plan: Plan) -> Document:
        body = self._read(call, fund_shapes.SHARE)
        names = [self._open(call, one, "name") for one in body["receivers"]]
        return self._shares.share(body, names=names, plan=plan)

    def _unfreeze(self, call: Call, plan: Plan) -> Document:
        return self._shares.unfreeze(self._read(call, fund_shapes.UNFREEZE), plan=plan)

    def _query_share(self, call: Call, plan: Plan) -> Document:
        number = _number("out_order_no", _part(call, "out_order_no"), fund_shapes.OUT_ORDER_NO)
        transaction_id = require(_query(call), "transaction_id")
        return self._shares.query(number, transaction_id=transaction_id, plan=plan)

    def _share_return(self, call: Call, plan: Plan) -> Document:
        return self._returns.request(self._read(call, fund_shapes.SHARE_RETURN), plan=plan)

    def _query_share_return(self, call: Call, plan: Plan) -> Document:
        number = _number("out_return_no", _part(call, "out_return_no"), fund_shapes.OUT_ORDER_NO)
        out_order_no = require(_query(call), "out_order_no")
        return self._returns.query(number, out_order_no=out_order_no, plan=plan)

    # --- transfers and bills ------------------------------------------------------------

    def _transfer(self, call: Call, plan: Plan) -> Document:
        body = self._read(call, fund_shapes.TRANSFER)
        name = self._open(call, body, "user_name")
        return self._transfers.create(body, user_name=name, plan=plan)

    def _query_transfer(self, call: Call, plan: Plan) -> Document:
        ((by, number),) = dict(call.parts or {}).items()
        row = self._transfers.query(
            number=_number(by, number, fund_shapes.OUT_BILL_NO), by=by, plan=plan
        )
        name = self._keys.seal_for_merchant(row["user_name"]) if row["user_name"] else ""
        document = bill_document(row, merchant=self._merchant, appid=self._appid, name=name)
        skew = plan.get("wrong_amount")
        if skew is not None:
            document["transfer_amount"] += skew.delta
        return document

    def _cancel_transfer(self, call: Call, plan: Plan) -> Document:
        number = _number("out_bill_no", _part(call, "out_bill_no"), fund_shapes.OUT_BILL_NO)
        if call.request.body:
            self._read(call, fund_shapes.NO_BODY)
        return self._transfers.cancel(number, plan=plan)

    def _bill_file(self, call: Call, plan: Plan) -> Document:
        headers = {"Content-Type": "application/octet-stream", "Request-ID": request_id()}
        return Answer(status=200, headers=headers, body=self._bills.file(_query(call)))

    # --- reading ------------------------------------------------------------------------

    def _read(self, call: Call, shape: Shape) -> dict[str, Any]:
        """A known shape, and the same merchant and application inside as in the signature."""
        body = parse_object(call.request.body)
        check(body, shape)
        if body.get("mchid", self._merchant) != self._merchant:
            raise ApiError(400, "PARAM_ERROR", MCHID_MISMATCH)
        if body.get("appid", self._appid) != self._appid:
            raise ApiError(400, "APPID_MCHID_NOT_MATCH", "商户号mchid与appid不匹配")
        return body

    def _open(self, call: Call, members: Mapping[str, Any], name: str) -> str:
        """A sealed member in the clear; empty where it is not given."""
        if name not in members:
            return ""
        try:
            text = self._keys.open_sealed(
                members[name], serial=call.request.header("wechatpay-serial")
            )
        except KeyError:
            raise ApiError(400, "PARAM_ERROR", WRONG_SERIAL) from None
        except ValueError:
            raise bad_parameter(name, "cannot be deciphered", location="body") from None
        if not text or len(text.encode()) > SECRET_MAX:
            raise bad_parameter(name, "must not be empty", location="body")
        return text


def _part(call: Call, name: str) -> str:
    """What the path says."""
    return dict(call.parts or {})[name]


def _query(call: Call) -> dict[str, list[str]]:
    return parse_qs(call.request.query)


def _number(name: str, number: str, pattern: str) -> str:
    if not re.fullmatch(pattern, number):
        raise bad_parameter(name, f"must match {pattern}", location="path")
    return number
