"""Who may get shares (分账关系): bind, unbind, list. Pure; called by ``channel.py``.

Provider's pages: alipay.trade.royalty.relation.bind, .unbind, .batchquery.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from channels.alipay import errors, fields
from channels.alipay.allocation import receiver_type
from channels.alipay.answers import BadAnswer, entries, needed_text, read_answer, text
from channels.base import (
    Account,
    AllocationState,
    BindReceiver,
    Outcome,
    ReceiverType,
    Request,
    Response,
    Result,
    UnbindReceiver,
)

BIND, UNBIND, LIST = (
    f"alipay.trade.royalty.relation.{verb}" for verb in ("bind", "unbind", "batchquery")
)
PAGE_SIZE = 100


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A receiver as Alipay knows it. ``kind`` is its own word (``userId``, ``loginName``, …)."""

    kind: str
    account: str
    login_name: str
    memo: str


def encode_bind(command: BindReceiver, account: Account, *, now: datetime) -> Request:
    """Repeating it is harmless. A login name goes with the true name of its owner."""
    if command.receiver_type is ReceiverType.LOGIN_NAME:
        fields.needed("name", command.name)
    receiver = {
        "type": receiver_type(command.receiver_type),
        "account": fields.needed("account", command.account),
        "name": fields.plain("name", command.name),
        "memo": fields.plain("custom_relation", command.custom_relation or command.relation),
    }
    return _request(BIND, command.request_no, receiver, account, now)


def encode_unbind(command: UnbindReceiver, account: Account, *, now: datetime) -> Request:
    receiver = {
        "type": receiver_type(command.receiver_type),
        "account": fields.needed("account", command.account),
    }
    return _request(UNBIND, command.request_no, receiver, account, now)


def _request(
    method: str, request_no: str, receiver: dict[str, str], account: Account, now: datetime
) -> Request:
    biz_content = {
        "out_request_no": fields.number("request_no", request_no),
        "receiver_list": [fields.without_empty(receiver)],
    }
    return fields.signed_request(method, biz_content, account, now=now)


def decode_bind(
    command: BindReceiver | UnbindReceiver, response: Response, account: Account
) -> Result:
    def read(data: Mapping[str, Any]) -> Result:
        word = needed_text(data, "result_code")
        match word:
            case "SUCCESS":
                outcome, state = Outcome.DONE, AllocationState.FINISHED
            case "FAIL":
                outcome, state = Outcome.REFUSED, AllocationState.FAILED
            case _:
                raise BadAnswer("UNKNOWN_STATE", f"result_code {word[:40]!r}")
        code = word if outcome is Outcome.REFUSED else ""
        return Result(outcome=outcome, state=state, code=code, channel_status=word)

    method = BIND if isinstance(command, BindReceiver) else UNBIND
    return read_answer(command.kind, method, response, account, read=read)


def encode_list(request_no: str, page: int, account: Account, *, now: datetime) -> Request:
    biz_content = {
        "out_request_no": fields.number("request_no", request_no),
        "page_num": str(page),
        "page_size": str(PAGE_SIZE),
    }
    return fields.signed_request(LIST, biz_content, account, now=now)


def decode_list(response: Response, account: Account) -> tuple[tuple[Receiver, ...], Result]:
    """One page of receivers; fewer than PAGE_SIZE (or none) on the last."""
    found: list[Receiver] = []

    def read(data: Mapping[str, Any]) -> Result:
        for entry in entries(data, "receiver_list"):
            found.append(
                Receiver(
                    kind=needed_text(entry, "type"),
                    account=needed_text(entry, "account"),
                    login_name=text(entry, "bind_login_name") or text(entry, "login_name"),
                    memo=text(entry, "memo"),
                )
            )
        return Result(outcome=Outcome.DONE, channel_status=text(data, "result_code"))

    result = read_answer(errors.LIST_RECEIVERS, LIST, response, account, read=read)
    return (tuple(found) if result.outcome is Outcome.DONE else ()), result
