"""Transfer bills (商家转账, 用户确认模式): create, query, cancel. Pure; called by ``channel.py``.

Provider's pages: "发起转账", "商户单号查询转账单", "撤销转账". The payee confirms in WeChat with
``package_info`` within 24 hours. Only a query that says FAIL or CANCELLED lets a number be given
up, whatever a create was answered with.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from channels.base import (
    Account,
    CancelTransfer,
    EncodeError,
    Outcome,
    PayeeType,
    QueryTransfer,
    Request,
    Response,
    Result,
    Transfer,
    TransferState,
)
from channels.wechat import fields, scenes, sealing
from channels.wechat.account import Merchant, setting
from channels.wechat.answers import (
    BadAnswer,
    expect,
    moment,
    needed_text,
    read_answer,
    text,
    whole,
)

PATH = "/v3/fund-app/mch-transfer/transfer-bills"
STATES: Mapping[str, TransferState] = {
    "ACCEPTED": TransferState.PROCESSING,
    "PROCESSING": TransferState.PROCESSING,  # Locking the money; stuck here when it is short.
    "WAIT_USER_CONFIRM": TransferState.WAIT_PAYEE,
    "TRANSFERING": TransferState.PROCESSING,  # Their spelling. Confirmed, the end not clear yet.
    "SUCCESS": TransferState.SUCCESS,
    "FAIL": TransferState.FAILED,
    "CANCELING": TransferState.PROCESSING,
    "CANCELLED": TransferState.CLOSED,
}
LAPSED = "OVERDUE_CLOSE"
"""The FAIL of a bill that its payee left unconfirmed for 24 hours."""
REASONS: Mapping[str, str] = {
    LAPSED: "用户 24 小时内未确认收款，已关闭 Not confirmed by the payee within 24 hours.",
    "ACCOUNT_FROZEN": "收款用户账户冻结 The payee's account is frozen.",
    "ACCOUNT_NOT_EXIST": "收款用户未开通钱包 The payee has no wallet.",
    "PAYEE_ACCOUNT_ABNORMAL": "收款账户异常 The payee's account cannot take money.",
    "PAYER_ACCOUNT_ABNORMAL": "付款账户异常 Our own account is not in order.",
    "TRANSFER_SCENE_INVALID": "转账场景无效 The scene of use is not valid.",
    "TRANSFER_SCENE_UNAVAILABLE": "转账场景不可用 The scene of use is not open to us.",
    "TRANSFER_RISK": "转账有风险被拦截 Held by WeChat Pay for a risk.",
    "REAL_NAME_CHECK_FAIL": "收款用户未实名 The payee has not proved a name.",
    "NAME_NOT_CORRECT": "收款人姓名不符 The name is not the payee's.",
    "OPENID_INVALID": "openid 与 appid 不匹配 The openid is not of our app id.",
}
NAME_FROM, NAME_NEEDED_FROM = 30, 2_000_00
"""Fen. A name is needed from 2000 yuan on, and may not be given below 0.30 yuan."""


# --- requests -----------------------------------------------------------------------------


def encode_transfer(command: Transfer, account: Account, *, now: datetime, nonce: str) -> Request:
    if command.payee_type is not PayeeType.OPENID:
        raise EncodeError("payee_type", "WeChat Pay pays openids only")
    fields.currency(command.currency)
    amount = fields.fen("amount", command.amount)
    sealed, serial = _payee_name(command, amount, account, now=now)
    payload = {
        "appid": Merchant.of(account).appid,
        "out_bill_no": fields.bill_no(command.transfer_no),
        **_scene(command, account),
        "openid": fields.needed("payee_account", command.payee_account),
        "user_name": sealed,
        "transfer_amount": amount,
        "transfer_remark": fields.at_most("remark", command.remark or command.title, 32),
        "notify_url": fields.notify_url(command.notify_url),
    }
    return fields.signed_request(
        "POST",
        PATH,
        fields.without_empty(payload),
        account=account,
        now=now,
        nonce=nonce,
        sealed_with=serial,
    )


def _payee_name(
    command: Transfer, amount: int, account: Account, *, now: datetime
) -> tuple[str, str]:
    if not command.payee_name:
        if amount >= NAME_NEEDED_FROM:
            raise EncodeError("payee_name", "is needed from 2000 yuan on")
        return "", ""
    if amount < NAME_FROM:
        # Dropping it silently would pay somebody whose name nobody compared.
        raise EncodeError("payee_name", "cannot be given below 0.30 yuan")
    return sealing.seal("payee_name", command.payee_name, account, now=now)


def _scene(command: Transfer, account: Account) -> dict[str, Any]:
    """A scene without its reports would be refused, so that nothing is sent."""
    scene = command.scene or setting(account.config, "transfer_scene")
    if not scene:
        raise EncodeError("scene", "is needed and empty")
    try:
        known = scenes.parse(setting(account.config, "transfer_scenes") or scenes.DEFAULT)
    except ValueError as error:
        raise EncodeError("transfer_scenes", str(error)) from None
    if scene not in known:
        raise EncodeError("scene", f"transfer_scenes of this channel account has no {scene!r}")
    perception, reports = known[scene]
    title = fields.plain("title", command.title)
    # A report describes; what is too long for it is cut, and cut alike in every repeat.
    contents = [(kind, content.replace("{title}", title)) for kind, content in reports]
    return {
        "transfer_scene_id": scene,
        "user_recv_perception": fields.plain("transfer_scenes", perception),
        "transfer_scene_report_infos": [
            {
                "info_type": fields.plain("transfer_scenes", kind),
                "info_content": fields.plain("transfer_scenes", content)[: scenes.CONTENT_MOST],
            }
            for kind, content in contents
        ],
    }


def encode_query(command: QueryTransfer, account: Account, *, now: datetime, nonce: str) -> Request:
    target = f"{PATH}/out-bill-no/{fields.bill_no(command.transfer_no)}"
    return fields.signed_request("GET", target, None, account=account, now=now, nonce=nonce)


def encode_cancel(
    command: CancelTransfer, account: Account, *, now: datetime, nonce: str
) -> Request:
    target = f"{PATH}/out-bill-no/{fields.bill_no(command.transfer_no)}/cancel"
    return fields.signed_request("POST", target, None, account=account, now=now, nonce=nonce)


# --- answers ------------------------------------------------------------------------------


def decode_transfer(
    command: Transfer, response: Response, account: Account, *, now: datetime
) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "out_bill_no", command.transfer_no)
        return read_bill(data, account, while_working=Outcome.PENDING)

    return read_answer(command.kind, response, account, now=now, read=read)


def decode_query(
    command: QueryTransfer, response: Response, account: Account, *, now: datetime
) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "out_bill_no", command.transfer_no)
        expect(data, "mch_id" if "mch_id" in data else "mchid", Merchant.of(account).mchid)
        result = read_bill(data, account, while_working=Outcome.DONE)
        if result.amount is None:
            raise BadAnswer("BAD_BODY", "transfer_amount is missing")
        return result

    return read_answer(command.kind, response, account, now=now, read=read)


def decode_cancel(
    command: CancelTransfer, response: Response, account: Account, *, now: datetime
) -> Result:
    """Asynchronous: CANCELING means accepted, the query tells the end."""

    def read(data: Mapping[str, Any]) -> Result:
        expect(data, "out_bill_no", command.transfer_no)
        return read_bill(data, account, while_working=Outcome.PENDING)

    return read_answer(command.kind, response, account, now=now, read=read)


def read_bill(data: Mapping[str, Any], account: Account, *, while_working: Outcome) -> Result:
    """A transfer bill of an answer or of a notification. Raises BadAnswer.

    A bill that waits for its payee was accepted as asked for: that is DONE.
    """
    word = needed_text(data, "state")
    state = STATES.get(word)
    if state is None:
        raise BadAnswer("UNKNOWN_STATE", f"state {word[:40]!r}")
    reason = text(data, "fail_reason")[:64] if word == "FAIL" else ""
    if reason == LAPSED:
        state = TransferState.CLOSED
    ended = state in (TransferState.SUCCESS, TransferState.FAILED, TransferState.CLOSED)
    return Result(
        outcome=while_working if state is TransferState.PROCESSING else Outcome.DONE,
        state=state,
        code=(reason or word) if ended and state is not TransferState.SUCCESS else "",
        message=REASONS.get(reason, ""),
        out_no=text(data, "transfer_bill_no"),
        amount=whole(data, "transfer_amount"),
        finished_at=moment(data, "update_time") if ended else None,
        pay_params=_confirmation(data, account) if state is TransferState.WAIT_PAYEE else {},
        channel_status=word,
    )


def _confirmation(data: Mapping[str, Any], account: Account) -> dict[str, object]:
    """What ``wx.requestMerchantTransfer`` takes. Only the answer to a create has the package;
    repeating the create with its number gives it again."""
    package = text(data, "package_info")
    if not package:
        return {}
    merchant = Merchant.of(account)
    return {"mchid": merchant.mchid, "appid": merchant.appid, "package_info": package}
